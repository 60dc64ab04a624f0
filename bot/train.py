"""`remit train`: makes the model of intents (`dialogs.reading.classifier`) from phrases, and writes it beside them.

It learns from what this project wrote (`config/intents/*.yml`) and from published utterances whose licence lets the
weights go anywhere (NOTICE names them). No line of these is kept. Only this file needs scikit-learn, the extra "train".
"""

import argparse
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from bot.settings import CONFIG, Settings
from dialogs.reading.classifier import LANGUAGE, OUT_OF_SCOPE, Classifier, encode, features, tokens
from services.errors import Misconfigured

FOLDER = CONFIG / "intents"
MODEL = FOLDER / "model.bin"
PERMISSIVE = frozenset({"CC-BY-3.0", "CC-BY-4.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "MIT"})
OURS = "remit"
MOST_BYTES = 300_000

# Found on two thirds of the published lines, with each source left out in turn; the last third was not looked at.
_OUR_WEIGHT = 2.0  # of one of our phrases, beside a published line: they were written for this assistant
_SOFTNESS = 1.0  # C of the support vector machines
_SEEN_TWICE = 2  # a feature of one phrase alone says nothing of others
_STEP = 0.2  # of the weights: finer ones double the file and change nothing
_STRANGER_FIRST = 0.2  # margin that "none of ours" gets beforehand: to ask again costs less than to do the wrong thing
_STEEPNESS = 3.5  # of the scores: nine of ten guesses that are scored about 0.9 are right
_LARGEST = 127


class Example(NamedTuple):
    """A phrase, what it means, its language (ISO 639), and the data set that it comes from, or `OURS`."""

    text: str
    intent: str
    language: str
    source: str


# --- what is learned from -----------------------------------------------------------------------------------------


def phrases(folder: Path = FOLDER) -> tuple[list[Example], dict[str, str]]:
    """Our own phrases, and the concepts that words stand for, from files in the format of Rasa's NLU training data.

    A file is named by its language. Raises Misconfigured when one cannot be read, or a word stands for two concepts.
    """
    examples: list[Example] = []
    concepts: dict[str, str] = {}
    for file in sorted(folder.glob("*.yml")):
        for block in _blocks(file):
            lines = [line.removeprefix("- ").strip() for line in str(block["examples"]).splitlines() if line.strip()]
            if "intent" in block:
                examples += [Example(line, block["intent"], file.stem, OURS) for line in lines]
                continue
            for word in lines:
                if concepts.setdefault(word, block["synonym"]) != block["synonym"]:
                    raise Misconfigured(f"{file.name}: {word!r} stands for {concepts[word]} and {block['synonym']}")
    return examples, concepts


def _blocks(file: Path) -> list[dict[str, Any]]:
    _needed("yaml")
    import yaml  # noqa: PLC0415  # only training needs it

    try:
        blocks: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file} is no NLU training data of Rasa: {error}") from error
    for block in blocks if isinstance(blocks, list) else [None]:
        if not isinstance(block, dict) or "examples" not in block or not ("intent" in block or "synonym" in block):
            raise Misconfigured(f"{file}: a block has an intent or a synonym, and examples")
    return blocks


def published(file: Path) -> list[Example]:
    """The lines of a file of published utterances (JSON lines) that may be learned from; others are passed over."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [Example(it["text"], it["intent"], "en", it["source"]) for it in lines if it["license"] in PERMISSIVE]


def third(text: str) -> int:
    """Which third of the published lines a text belongs to, 0, 1 or 2; the last is never learned from when measuring."""
    return hashlib.sha256(text.lower().encode()).digest()[-1] % 3


# --- learning -----------------------------------------------------------------------------------------------------


def learn(examples: Sequence[Example], concepts: Mapping[str, str]) -> bytes:
    """The model that the examples make. Raises Misconfigured without scikit-learn."""
    _needed("sklearn")
    found = [features(tokens(example.text), concepts) for example in examples]
    seen = Counter(feature for each in found for feature in each)
    known = {feature: place for place, feature in enumerate(sorted(f for f, n in seen.items() if n >= _SEEN_TWICE))}
    table = _table(found, known)
    strength = [_OUR_WEIGHT if example.source == OURS else 1.0 for example in examples]
    planes = (
        *_separate(table, [example.intent for example in examples], strength),
        *_separate(table, [LANGUAGE + example.language for example in examples], strength, even=True),
    )
    lanes = [plane.lane for plane in planes]
    biases = [plane.bias + (_STRANGER_FIRST if plane.lane == OUT_OF_SCOPE else 0.0) for plane in planes]
    columns = [[max(-_LARGEST, min(_LARGEST, round(weight / _STEP))) for weight in plane.weights] for plane in planes]
    rows = zip(*columns, strict=True)
    weights = {feature: row for feature, row in zip(known, rows, strict=True) if any(row)}
    return encode(lanes, weights, biases, concepts, _neutral(examples), step=_STEP, steepness=_STEEPNESS)


def _needed(module: str) -> None:
    if find_spec(module) is None:
        raise Misconfigured(f"training needs {module}: install Remit with its extra, pip install 'remit[train]'")


def _neutral(examples: Sequence[Example]) -> set[str]:
    """What stands among our phrases in more than one language: it tells nothing of either ("ok", "apple pay")."""
    said = {(" ".join(tokens(example.text)), example.language) for example in examples if example.source == OURS}
    spread = Counter(text for text, _ in said)
    return {text for text, languages in spread.items() if languages > 1}


class _Plane(NamedTuple):
    """What divides the examples of one lane from all others: a weight for each feature, and the distance."""

    lane: str
    weights: list[float]
    bias: float


def _table(found: Sequence[set[str]], known: Mapping[str, int]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415  # only training needs it

    places: list[int] = []
    values: list[float] = []
    ends = [0]
    for each in found:
        here = sorted(known[feature] for feature in each if feature in known)
        places += here
        values += [1 / math.sqrt(len(here) or 1)] * len(here)
        ends.append(len(places))
    return csr_matrix((values, places, ends), shape=(len(found), len(known)))


def _separate(table: Any, labels: list[str], strength: list[float], *, even: bool = False) -> list[_Plane]:
    """One plane for each label. ``even`` lets all labels count the same in all, however many examples they have."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415  # only training needs it

    machine = LinearSVC(C=_SOFTNESS, random_state=0, class_weight="balanced" if even else None)
    machine.fit(table, labels, sample_weight=strength)
    names, weights, biases = machine.classes_.tolist(), machine.coef_.tolist(), machine.intercept_.tolist()
    if len(names) == 2:  # two labels have one plane between them
        weights, biases = [[-weight for weight in weights[0]], weights[0]], [-biases[0], biases[0]]
    return [_Plane(name, row, bias) for name, row, bias in zip(names, weights, biases, strict=True)]


# --- the command --------------------------------------------------------------------------------------------------


def samples(told: Path | None) -> Path:
    """The file of published utterances. Raises Misconfigured when nobody said where it is, or it is not there."""
    if told is None and (folder := os.environ.get("REMIT_SAMPLES")):
        told = Path(folder) / "nlu" / "dev.jsonl"
    if told is None or not told.is_file():
        raise Misconfigured("the published utterances are not here: name their file, or their folder in REMIT_SAMPLES")
    return told


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Train, write the model, and print what it is made of."""
    del settings
    ours, concepts = phrases(options.phrases)
    theirs = published(samples(options.samples))
    model = learn([*ours, *theirs], concepts)
    made = Classifier(model)  # what cannot be read is not written
    if len(model) > MOST_BYTES:
        raise Misconfigured(f"the model has {len(model)} bytes, more than {MOST_BYTES}: it is read at every start")
    options.out.write_bytes(model)
    print(f"{options.out}: {len(made.intents)} intents in {' and '.join(made.languages)}, {len(model)} bytes")
    print(f"learned from {len(ours)} phrases of ours and {len(theirs)} published ones")
    return 0
