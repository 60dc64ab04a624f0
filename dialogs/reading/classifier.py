"""What a sentence is most likely about, by a linear model with small integer weights: intents with scores, and the language.

Only applying a model lives here: features of a text, sums, scores. A model is made by `bot.train` and comes as bytes.
What follows from a guess, and when to ask instead, is for whoever calls; a guess never stands for a yes.
"""

import json
import math
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

OUT_OF_SCOPE = "out_of_scope"
LANGUAGE = "@"  # before the name of a lane that speaks for a language, not for an intent

_MAGIC = b"remit-intents 1\n"
_LANE = 4  # bytes of one sum: 64 tokens have some thousand features, each adds at most 255
_OFFSET = 128  # added to every weight, so that no sum borrows from its neighbour
_MOST_CHARS = 1000  # of a message; what follows decides nothing
_MOST_WORDS = 64
_SURE_OF_LANGUAGE = 0.5  # of the margin between two languages, where a word of one is known
_SURE_OF_PIECES = 1.25  # where none is: "kuanto" has the pieces of a Spanish word, but so have many names

_MONEY = re.compile(r"(?:us)?[$€£¥₹]\s?[0-9][0-9.,]*(?:\s?k\b)?|(?<![0-9.,])[0-9][0-9.,]*+\s?[$€£¥₹]")
_NUMBER = re.compile(r"[0-9]+(?:[.,:/-][0-9]+)*(?:st|nd|rd|th)?")
_APOSTROPHES = str.maketrans("", "", "'’`´")  # noqa: RUF001  # typed and pasted ones
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")  # "stoppp"
_TOKEN = re.compile(r"<[a-z]>|[^\W_]+|[?!$€£👍👎]")
_SHORTEST, _LONGEST = 3, 4  # characters in a piece of a word


class Guess(NamedTuple):
    """An intent and how likely it is, from 0 to 1; the scores of all intents add up to 1."""

    intent: str
    score: float


class Reading(NamedTuple):
    """What the model makes of a message: all intents, the likeliest first, and the language, or None if it could be any."""

    guesses: tuple[Guess, ...]
    language: str | None


# --- features -----------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """The text as the model sees it: small letters without accents, sums as ``<m>`` and other numbers as ``<n>``."""
    text = text[:_MOST_CHARS].lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in text if not unicodedata.combining(char))
    text = _DRAWN_OUT.sub(r"\1\1", text.translate(_APOSTROPHES))
    return _NUMBER.sub(" <n> ", _MONEY.sub(" <m> ", text))


def tokens(text: str) -> list[str]:
    """The words of a text as the model sees them, and the marks that mean something."""
    return _TOKEN.findall(plain(text))[:_MOST_WORDS]


def features(told: list[str], concepts: Mapping[str, str]) -> set[str]:
    """What the model may know a text by, given its `tokens`: words, pairs and pieces of them, and what they stand for.

    ``concepts`` maps a word to what it means ("payed" to "paid"), so that what was learned of one word holds for another.
    The first letter of a feature tells its kind.
    """
    meant = [concepts.get(token, "") for token in told]
    found = {f"w{token}" for token in told}
    found.update(f"b{one} {two}" for one, two in pairwise(("^", *told, ".")))
    found.update(f"d{one} {two}" for one, two in pairwise(("^", *map(_either, meant, told), ".")))
    named = sorted({concept for concept in meant if concept})
    found.update(f"c{concept}" for concept in named)
    found.update(f"p{one} {two}" for place, one in enumerate(named) for two in named[place + 1 :])
    found.add(f"n{_size(len(told))}")
    for token in told:
        if token[0] != "<":
            found.update(_pieces(f" {token} "))
    return found


def _either(concept: str, token: str) -> str:
    return concept or token


def _size(count: int) -> int:
    return next((size for size in (0, 1, 2, 3, 5, 8, 13, 21) if count <= size), 34)


def _pieces(word: str) -> Iterator[str]:
    for size in range(_SHORTEST, _LONGEST + 1):
        for start in range(len(word) - size + 1):
            yield "g" + word[start : start + size]


# --- the model ----------------------------------------------------------------------------------------------------


class Classifier:
    """A model in memory. It never changes, so all threads may read it."""

    def __init__(self, data: bytes) -> None:
        """Read what `encode` wrote. Raises ValueError when it is no model, or one of another version."""
        if not data.startswith(_MAGIC):
            raise ValueError("this is no model of intents, or one of another version: make it again with `remit train`")
        try:
            header, names, weights = _decoded(data)
        except (zlib.error, KeyError, TypeError, ValueError) as error:  # of JSON and UTF-8 too
            raise ValueError("the model of intents is damaged: make it again with `remit train`") from error
        self.concepts: dict[str, str] = header["concepts"]
        lanes: list[str] = header["lanes"]
        self._neutral = frozenset(header["neutral"])
        self._step: float = header["step"]
        self._biases: list[float] = header["biases"]
        self._steepness: float = header["steepness"]
        self._intents = [lane for lane in lanes if not lane.startswith(LANGUAGE)]
        self._languages = [lane.removeprefix(LANGUAGE) for lane in lanes if lane.startswith(LANGUAGE)]
        self._unpack = struct.Struct(f"<{len(lanes)}I").unpack
        self._bytes = _LANE * len(lanes)
        self._rows = dict(zip(names, _rows(weights, len(lanes)), strict=True))

    @property
    def intents(self) -> tuple[str, ...]:
        """All intents that it can tell, `OUT_OF_SCOPE` among them."""
        return tuple(self._intents)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages (ISO 639) that it can tell."""
        return tuple(self._languages)

    def classify(self, text: str) -> tuple[Guess, ...]:
        """All intents, the likeliest first. Whatever is said about no task of ours is `OUT_OF_SCOPE`."""
        return self.read(text).guesses

    def language(self, text: str) -> str | None:
        """The language of the text, or None when it could be any."""
        return self.read(text).language

    def knows(self, text: str) -> bool:
        """Whether at least half of the words were ever seen in training: of the others there is nothing but spelling."""
        told = tokens(text)
        return bool(told) and 2 * sum(f"w{token}" in self._rows for token in told) >= len(told)

    def read(self, text: str) -> Reading:
        """Intents and language at once, which costs no more than one of them."""
        row = self._rows.get
        told = tokens(text)
        known = [found for feature in features(told, self.concepts) if (found := row(feature)) is not None]
        sums = self._unpack(sum(known).to_bytes(self._bytes, "little"))
        lift, scale = _OFFSET * len(known), self._step / math.sqrt(len(known) or 1)
        margins = [(total - lift) * scale + bias for total, bias in zip(sums, self._biases, strict=True)]
        intents = len(self._intents)
        return Reading(self._guesses(margins[:intents]), self._language(told, margins[intents:]))

    def _guesses(self, margins: list[float]) -> tuple[Guess, ...]:
        top = max(margins)
        shares = [math.exp((margin - top) * self._steepness) for margin in margins]
        whole = sum(shares)
        guesses = (Guess(intent, share / whole) for intent, share in zip(self._intents, shares, strict=True))
        return tuple(sorted(guesses, key=lambda guess: -guess.score))

    def _language(self, told: list[str], margins: list[float]) -> str | None:
        words = [token for token in told if token[0] != "<" and token not in self._neutral]
        if not words or " ".join(told) in self._neutral:
            return None
        ranked = sorted(zip(margins, self._languages, strict=True), reverse=True)
        enough = _SURE_OF_LANGUAGE if any(f"w{word}" in self._rows for word in words) else _SURE_OF_PIECES
        if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < enough:
            return None
        return ranked[0][1] if ranked else None


def _rows(weights: bytes, lanes: int) -> Iterator[int]:
    """One number for each feature, which holds the weights of all lanes side by side: one addition adds them all."""
    for start in range(0, len(weights), lanes):
        wide = bytearray(_LANE * lanes)
        wide[::_LANE] = weights[start : start + lanes]
        yield int.from_bytes(wide, "little")


# --- as bytes -----------------------------------------------------------------------------------------------------


def encode(
    lanes: Iterable[str],
    weights: Mapping[str, Iterable[int]],
    biases: Iterable[float],
    concepts: Mapping[str, str],
    neutral: Iterable[str] = (),
    *,
    step: float,
    steepness: float,
) -> bytes:
    """A model as bytes, the same for the same model.

    ``weights`` has for each feature one number from -127 to 127 for each lane, in units of ``step``; ``steepness`` turns
    the margins between intents into scores; ``neutral`` words and phrases are of every language ("ok", "visa"). The lanes
    of languages stand last. Raises ValueError when a weight is out of range.
    """
    lanes = list(lanes)
    names = sorted(weights)
    by_feature = [bytes(weight + _OFFSET for weight in weights[name]) for name in names]
    by_lane = b"".join(bytes(column) for column in zip(*by_feature, strict=True))  # zlib likes its like together
    header = {
        "lanes": lanes,
        "biases": [round(bias, 4) for bias in biases],
        "step": step,
        "steepness": steepness,
        "concepts": dict(sorted(concepts.items())),
        "neutral": sorted(neutral),
        "features": len(names),
    }
    told = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return _MAGIC + zlib.compress("\n".join((told, *names, "")).encode() + by_lane, 9)


def _decoded(data: bytes) -> tuple[dict[str, Any], list[str], bytes]:
    text = zlib.decompress(data[len(_MAGIC) :])
    first, _, rest = text.partition(b"\n")
    header = json.loads(first)
    count, lanes = header["features"], len(header["lanes"])
    by_lane = rest[len(rest) - count * lanes :]
    names = rest[: len(rest) - count * lanes].decode().split("\n")[:-1]
    if len(names) != count or len(by_lane) != count * lanes:
        raise ValueError("features and weights do not fit together")
    rows = zip(*(by_lane[lane * count : (lane + 1) * count] for lane in range(lanes)), strict=True)
    return header, names, b"".join(map(bytes, rows))
