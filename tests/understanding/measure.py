"""How well messages are understood, on lines that the judged model never saw: what is counted, and over which lines.

The published lines are in three thirds, told apart by a hash of the text. The model that is judged learned our phrases and
two of them; the last is what it is judged by. The model that comes with Remit learned all three by the same recipe, so it is
judged only by the share-alike files, of which no model ever learns.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bot import train, understanding
from dialogs.reading.classifier import OUT_OF_SCOPE, Classifier, plain

LAST_THIRD = 2
SOURCES = ("clinc150", "banking77", "hwu64", "multidogo", "natcs", "nlupp", "star")
SHARE_ALIKE = ("dev_cc-by-sa.jsonl", "dev_cdla-sharing.jsonl", "dev_odbl.jsonl")
ENTITIES = ("entities_dev.jsonl", "entities_dev_cc-by-sa.jsonl", "entities_dev_cdla-sharing.jsonl")

# Out of scope, yet about money, cards, accounts or bills: what is easily taken for one of ours.
_NEAR = re.compile(
    r"banking77|nlupp_banking|multidogo_finance|natcs|clinc150:(?:apr|balance|transfer|interest_rate|pin_change|freeze_account"
    r"|report_lost_card|damaged_card|replacement_card_duration|improve_credit_score|insurance|insurance_change|order_status"
    r"|order|w2|rollover_401k|credit_\w+|card_\w+)$"
)


class Line(NamedTuple):
    """A labelled utterance."""

    text: str
    intent: str
    source: str


class Score(NamedTuple):
    """How many of how many."""

    right: int
    all: int

    @property
    def share(self) -> float:
        return self.right / self.all if self.all else 1.0

    def __str__(self) -> str:
        return f"{self.share:.3f} ({self.right}/{self.all})"


def score(hits: Iterable[bool]) -> Score:
    hits = list(hits)
    return Score(sum(hits), len(hits))


class Intents(NamedTuple):
    """How well intents were told: ours, what is none of ours, and of that what is near to ours; then each by itself."""

    in_scope: Score
    out_of_scope: Score
    near_misses: Score
    by_intent: dict[str, Score]
    taken_for: Counter[tuple[str, str]]


@cache
def phrases() -> tuple[list[train.Example], dict[str, str]]:
    return train.phrases()


def _said(text: str) -> str:
    return " ".join(re.findall(r"\w+", plain(text)))


def unknown(lines: Iterable[Line]) -> list[Line]:
    """Without those that happen to be one of our phrases, word for word: what was learned proves nothing."""
    ours = {_said(example.text) for example in phrases()[0]}
    return [line for line in lines if _said(line.text) not in ours]


def lines(folder: Path, *files: str) -> list[Line]:
    told = [line for file in files for line in (folder / "nlu" / file).read_text(encoding="utf-8").splitlines()]
    return [Line(line["text"], line["intent"], line["source"]) for line in map(json.loads, told)]


def learned(folder: Path, *, without: str = "-", kept: int = LAST_THIRD) -> Classifier:
    """A model of our phrases and the published lines, without a third and without the sources named so."""
    ours, concepts = phrases()
    theirs = train.published(folder / "nlu" / "dev.jsonl")
    theirs = [it for it in theirs if train.third(it.text) != kept and not it.source.startswith(without)]
    return Classifier(train.learn([*ours, *theirs], concepts))


def judged(model: Classifier, tried: Sequence[Line]) -> Intents:
    told = [(line, model.classify(line.text)[0].intent) for line in tried]
    return judgement(told)


def judgement(told: Sequence[tuple[Line, str]]) -> Intents:
    """What the guesses are worth."""
    ours = [(line, guess) for line, guess in told if line.intent != OUT_OF_SCOPE]
    others = [(line, guess) for line, guess in told if line.intent == OUT_OF_SCOPE]
    return Intents(
        score(line.intent == guess for line, guess in ours),
        score(guess == OUT_OF_SCOPE for _, guess in others),
        score(guess == OUT_OF_SCOPE for line, guess in others if _NEAR.match(line.source)),
        {
            intent: score(guess == intent for line, guess in told if line.intent == intent)
            for intent in sorted({line.intent for line, _ in told})
        },
        Counter((line.intent, guess) for line, guess in told if line.intent != guess),
    )


def kept_back(folder: Path, third: int = LAST_THIRD) -> list[Line]:
    return [line for line in unknown(lines(folder, "dev.jsonl")) if train.third(line.text) == third]


def strangers(folder: Path, third: int = LAST_THIRD) -> tuple[Intents, dict[str, Intents]]:
    """Each source judged by a model that saw nothing of it: all together, and one by one."""
    kept = kept_back(folder, third)
    told = {}
    for source in SOURCES:
        model = learned(folder, without=source, kept=third)
        theirs = [line for line in kept if line.source.startswith(source)]
        told[source] = [(line, model.classify(line.text)[0].intent) for line in theirs]
    together = [each for source in SOURCES for each in told[source]]
    return judgement(together), {source: judgement(told[source]) for source in SOURCES}


# --- values -------------------------------------------------------------------------------------------------------


class Values(NamedTuple):
    """How many values were found, and how many of the found ones are there."""

    recall: Score
    precision: Score


def values(folder: Path) -> dict[str, Values]:
    """By type; the four kinds of days count as one, since whether a stay begins or happens on a day is the hotel's matter."""
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for file in ENTITIES:
        for line in map(json.loads, (folder / "nlu" / file).read_text(encoding="utf-8").splitlines()):
            today = date.fromisoformat(line.get("reference_date", "2024-01-01"))
            labelled = Counter(map(_comparable, line["entities"]))
            told = Counter(map(_comparable, understanding.understand(line["text"], today)["values"]))
            if "reference_date" not in line:  # then its days are not labelled
                told = Counter({value: n for value, n in told.items() if value[0] != "date"})
            for kind, value in labelled | told:
                there[kind] += labelled[kind, value]
                found[kind] += told[kind, value]
                both[kind] += min(labelled[kind, value], told[kind, value])
    return {kind: Values(Score(both[kind], there[kind]), Score(both[kind], found[kind])) for kind in sorted(there)}


def _comparable(value: dict) -> tuple[str, str]:
    kind = "date" if value["type"].startswith("date") else value["type"]
    told = value["value"]["minor"] if kind == "amount" else value["value"]
    return kind, json.dumps(told, sort_keys=True)


# --- cost ---------------------------------------------------------------------------------------------------------


def microseconds(model: Classifier, tried: Sequence[Line]) -> float:
    """The median time to classify a text."""
    taken = []
    for line in tried:
        began = time.perf_counter()
        model.read(line.text)
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e6
