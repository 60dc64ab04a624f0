"""Card numbers that are planted wherever something can be typed, and the search for what is left of them in bytes.

A number is drawn for each place, so that whatever is found tells where it came in. The search is blunt on purpose: all
that is neither letter nor digit is taken out of the bytes first, so that no separator, line or field can hide a number.
"""

import base64
import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from tests.reading.guard.families import FAMILIES, check_digit

# Ways of writing, each of which the guard is known to read: what is tested here is where the text goes.
RENDERINGS = (
    "plain",
    "spaces",
    "dashes",
    "dots",
    "tabs",
    "single digits",
    "zero width",
    "full width",
    "arabic",
    "keycaps",
    "circled",
    "words",
    "spanish words",
    "some words",
    "o and l",
    "base64",
    "percent",
    "entities",
    "file name",
    "in a sentence",
)
# How the pieces of one number are said, in two to six messages.
SPLITS: tuple[tuple[str, ...], ...] = (
    ("{}", "{}"),
    ("my card is {}", "{}", "{}"),
    ("{}", "then {}", "then {}", "and the last are {}"),
    ("empieza con {}", "luego {}", "después {}", "y termina en {}"),
    ("{}", "{}", "{}", "{}", "{}"),
    ("{}", "{}", "{}", "{}", "{}", "{}"),
)
_WORDS = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_SEPARATORS = re.compile(rb"[^0-9A-Za-z]+")


class Canary(msgspec.Struct, frozen=True):
    """A number, and the messages that say it."""

    number: str
    said: tuple[str, ...]

    @property
    def text(self) -> str:
        """The one message that says all of it."""
        (text,) = self.said
        return text

    def traces(self, content: bytes, bare: bytes) -> Iterator[str]:
        """What can be read of the number in these bytes, of which ``bare`` are the letters and digits."""
        forms = {
            "the digits": self.number,
            "the digits backwards": self.number[::-1],
            "in hexadecimal": self.number.encode().hex(),
            "in words": "".join(_WORDS[int(digit)] for digit in self.number),
        }
        yield from (name for name, form in forms.items() if form.encode() in bare)
        yield from ("in base64" for form in _in_base64(self.number) if form in bare)
        if len(self.said) == 1:
            written = (self.text, json.dumps(self.text)[1:-1])
            yield from ("as it was written" for each in written if each.encode() in content)


def squashed(content: bytes) -> bytes:
    """Letters and digits alone."""
    return _SEPARATORS.sub(b"", content)


def _in_base64(number: str) -> list[bytes]:
    """As it would stand in the middle of something encoded, wherever it begins there: whole signs of it, nothing beside."""
    found = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + number.encode())
        first, last = -(-before * 8 // 6), (before + len(number)) * 8 // 6
        found.append(encoded[first:last])
    return found


def drawn(chance: random.Random) -> str:
    """A Visa number that is nobody's published test number."""
    body = "4" + "".join(chance.choices("0123456789", k=14))
    return body + check_digit(body)


class Aviary:
    """Every canary of a test, with the place it was planted in."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.planted: list[tuple[str, Canary]] = []

    def text(self, place: str, rendering: str) -> str:
        """A fresh number in this writing."""
        number = drawn(self._chance)
        return self._plant(f"{place}, {rendering}", Canary(number, (FAMILIES[rendering](number, self._chance),))).text

    def split(self, place: str, how: Sequence[str]) -> tuple[str, ...]:
        """A fresh number in as many pieces as there are sentences for them."""
        number, parts = drawn(self._chance), len(how)
        cuts = [len(number) * at // parts for at in range(parts + 1)]
        pieces = [number[left:right] for left, right in pairwise(cuts)]
        said = tuple(each.format(piece) for each, piece in zip(how, pieces, strict=True))
        return self._plant(f"{place}, in {parts} messages", Canary(number, said)).said

    def words(self, place: str) -> tuple[str, ...]:
        """A fresh number in four messages of Spanish words."""
        number = drawn(self._chance)
        said = tuple(" ".join(_WORDS[int(digit)] for digit in number[at : at + 4]) for at in (0, 4, 8, 12))
        return self._plant(f"{place}, in 4 messages of words", Canary(number, said)).said

    def found(self, sinks: dict[str, bytes]) -> list[str]:
        """Where which of them can still be read."""
        return [
            f"{sink}: {place}: {trace}"
            for sink, content in sinks.items()
            for bare in [squashed(content)]
            for place, canary in self.planted
            for trace in canary.traces(content, bare)
        ]

    def _plant(self, place: str, canary: Canary) -> Canary:
        self.planted.append((place, canary))
        return canary
