"""How much the guard finds of what must go, and how much it takes of what may stay."""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

import msgspec

from dialogs.reading.guard import Kind, redact, redact_all
from tests.reading.guard import families, lines

_MARK = re.compile(r"\[[a-z ]+ removed\]")
_TELLING = 5  # digits of a number in a row that may not be left, beside what stood around it
_WORDS = {word: str(value) for words in (families.ENGLISH, families.SPANISH) for value, word in enumerate(words)}
_WORD = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))


class Escaped(msgspec.Struct, frozen=True):
    family: str
    brand: str
    text: str
    left: str


class Outcome(msgspec.Struct):
    """Counts of one run; what escaped, and what was wrongly taken, as far as it is shown."""

    tried: Counter[str] = msgspec.field(default_factory=Counter)
    missed: Counter[str] = msgspec.field(default_factory=Counter)
    brands: Counter[str] = msgspec.field(default_factory=Counter)
    missed_brands: Counter[str] = msgspec.field(default_factory=Counter)
    escaped: list[Escaped] = msgspec.field(default_factory=list)
    ordinary: int = 0
    taken: list[str] = msgspec.field(default_factory=list)

    @property
    def recall(self) -> float:
        """Of the numbers that had to go, how many went; 1 of none."""
        return 1 - self.missed.total() / max(1, self.tried.total())


def readable(text: str) -> str:
    """The digits of a text, in any script and in simple words: what somebody would read there."""
    plain = "".join(str(unicodedata.digit(char, -1)) if unicodedata.digit(char, -1) >= 0 else char for char in text)
    return re.sub(r"[^0-9]", "", _WORD.sub(lambda word: _WORDS[word[0]], plain.lower()))


def leaks(left: str, number: str, around: str = "") -> bool:
    """Whether what is left of a message still tells a part of the number, and not what stood ``around`` it."""
    for part in re.findall(r"[0-9]+", around):
        left = left.replace(part, "~")
    told = readable(_MARK.sub("~", left))
    return any(number[at : at + _TELLING] in told for at in range(len(number) - _TELLING + 1))


def run(cases: int, seed: int, *, most_shown: int = 200) -> Outcome:
    """Try ``cases`` numbers, a fifth of them in pieces, and a tenth as many ordinary lines and conversations."""
    chance = random.Random(seed)
    outcome = Outcome()
    pairs = _turns(chance)
    for at in range(cases):
        family, brand, missed = _in_pieces(chance) if at % 5 == 4 else _at_once(*next(pairs), chance)
        outcome.tried[family] += 1
        outcome.brands[brand] += 1
        if missed:
            outcome.missed[family] += 1
            outcome.missed_brands[brand] += 1
            if len(outcome.escaped) < most_shown:
                outcome.escaped.append(missed)
    for at in range(cases // 10):
        outcome.ordinary += 1
        messages = lines.conversation(chance) if at % 5 == 4 else [lines.line(chance)]
        kept = redact_all(messages)
        if any(each.found for each in kept):
            outcome.taken.append(" / ".join(messages))
    return outcome


def _turns(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Every family with every brand, over and over, in any order."""
    every = [(family, brand) for family in families.FAMILIES for brand in families.BRANDS]
    while True:
        chance.shuffle(every)
        yield from every


def _at_once(family: str, brand: str, chance: random.Random) -> tuple[str, str, Escaped | None]:
    text, number, around = families.case(family, brand, chance)
    kept = redact(text)
    if Kind.CARD in kept.found and not leaks(kept.text, number, around):
        return family, brand, None
    return family, brand, Escaped(family, brand, text, kept.text)


def _in_pieces(chance: random.Random) -> tuple[str, str, Escaped | None]:
    brand = chance.choice(list(families.BRANDS))
    messages, number, parts = families.pieces(brand, chance)
    kept: list[str] = []
    for message in messages:  # as they come, each with what is left of those before
        kept = [each.text for each in redact_all([*kept, message])]
    whole = readable("".join(_MARK.sub("~", text) for text in kept))
    name = f"in {len(parts)} pieces"
    if number[: len(number) // 2] in whole or number[len(number) // 2 :] in whole or not any(map(_MARK.search, kept)):
        return name, brand, Escaped(name, brand, " / ".join(messages), " / ".join(kept))
    return name, brand, None
