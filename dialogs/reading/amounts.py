"""Sums of money as people type them, in digits or in words, with a sign, a code, a word or nothing.

Only finding and valuing them lives here, in whole minor units and never in floats. Whether a sum may be paid is for
`services.model.objection`; that "half" is a sum too is for `answers.share`.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Generic, TypeAlias, TypeVar

import msgspec

from dialogs.reading import words
from services.model import Money, exponent

Value = TypeVar("Value")


class Found(msgspec.Struct, Generic[Value], frozen=True):
    """A value and the place where it was written: ``text[start:end]``, with the sign or word that belongs to it."""

    value: Value
    start: int
    end: int


Number: TypeAlias = tuple[str, int, int]  # as digits and marks, from, to

_CENT = "cent"  # beside the ISO 4217 codes, which are capitals
_MOST_DIGITS = 12  # of the whole part: what a 64-bit sum surely holds, scaled and in any currency
_MOST_NUMBERS = 64  # a text with more of them is a table, not an answer; the rest is not looked at


def _any(choices: Iterable[str]) -> str:
    return "(?:" + "|".join(choices) + ")"


_SIGN = r"(?:\b(?:US|CA?|AU?|NZ|HK|S)\$|[$€£¥₹₪₩₫₱])"
_GROUPING = ".,'’ \u00a0\u202f"  # noqa: RUF001  # the marks that really stand between thousands
_DIGITS = re.compile(  # "1 250" is one number only before a decimal comma or a currency that is written so
    rf"[0-9]{{1,3}}(?:[ \u00a0\u202f][0-9]{{3}}){{1,4}}(?![0-9])(?:(?=,[0-9]{{2}}(?![0-9]))|(?=\s?{_any(words.SPACED)}))"
    rf"(?:,[0-9]{{2}})?|[0-9]+(?:[{_GROUPING[:4]}][0-9]+)*",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    rf"[0-9]+|[0-9]{{1,3}}([{_GROUPING}])[0-9]{{3}}(?:\1[0-9]{{3}})*|[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}"
)
_MARK = re.compile(r"[^0-9]")

_GAP = r"[\s-]{1,2}"
_TO_99 = rf"(?:{_any(words.TENS)}(?:{_GAP}{_any(words.ONES)})?\b|{_any((*words.TEENS, *words.ONES))}\b)"
_TO_9999 = rf"(?:(?:an?\s|{_TO_99}{_GAP})?hundred\b(?:{_GAP}(?:and\s)?{_TO_99})?|{_TO_99})"
_SPELLED = re.compile(
    rf"\b(?:(?:an?\s|{_TO_9999}{_GAP})(?:thousand|grand)\b(?:{_GAP}(?:and\s)?{_TO_9999})?|{_TO_9999}|zero\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")
_TO_99_ES = rf"(?:{_any(words.TENS_ES)}(?:\sy\s{_any(words.ONES_ES)})?|{_any(words.TEENS_ES)}|{_any(words.ONES_ES)})\b"
_TO_999_ES = rf"(?:{_any(words.HUNDREDS_ES)}\b(?:\s{_TO_99_ES})?|{_TO_99_ES})"
_SPELLED_ES = re.compile(rf"\b(?:(?:{_TO_999_ES}\s)?mil\b(?:\s{_TO_999_ES})?|{_TO_999_ES})", re.IGNORECASE)
_WORD_ES = re.compile(r"[a-záéíóúñ]+")

_SIGN_BEFORE = re.compile(rf"(?<![0-9])({_SIGN})\s?-?$", re.IGNORECASE)
_CODE_BEFORE = re.compile(r"\b([a-z]{2,3})\.?\s?-?$", re.IGNORECASE)
_UNIT_AFTER = re.compile(rf"\s{{0,2}}({_SIGN}(?!\s?[0-9])|[a-złóé]{{2,8}}(?![a-z]))", re.IGNORECASE)
_SCALE = re.compile(rf"\s?({'|'.join(words.SCALES)})(?![a-z])", re.IGNORECASE)
_TIED_BEFORE = re.compile(r"(?:[\w#.,'%]|\w[-/|]|[0-9$€£][:+])$")  # to a longer number, a date, a name
_TIED_AFTER = re.compile(r"\w|\s?%|[-/|:.,'][0-9$€£]")
_LABEL = re.compile(r"(?<![a-z])([a-záéíóúñ]+)(?:\s(?:in|is|of|are))?[\s#:.]{0,3}-?$", re.IGNORECASE)
_COUNTED = re.compile(r"[\s-]{0,2}(?:of\s|de\s)?([a-záéíóúñ]+)|[-/|][\w]", re.IGNORECASE)
_AND = re.compile(r"\s?(?:and|y|con|,|&)?\s?", re.IGNORECASE)
_SUM_BEFORE = re.compile(
    rf"\b(?:{'|'.join(words.SUM_BEFORE)})(?:\s(?:{'|'.join(words.SUM_BETWEEN)})){{0,4}}\s$", re.IGNORECASE
)
_SUM_AFTER = re.compile(rf"\s(?:{'|'.join(words.SUM_AFTER)})\b", re.IGNORECASE)
_OF_AN_ACCOUNT = re.compile(rf"\b(?:{'|'.join(words.ACCOUNT)})[\s#:.]{{1,2}}$", re.IGNORECASE)
_GOES_ON = re.compile(rf"\W*$|\s?[.,;:!?)]|\s(?:{'|'.join(words.SUM_GOES_ON)})\b", re.IGNORECASE)
_DAY_AND = re.compile(
    rf"(?:[0-9]{{6}}|\b[0-9]{{1,2}} ?(?:am|pm)|\b(?:{'|'.join(words.MONTHS)})(?: [0-9]{{1,2}})?) and $", re.IGNORECASE
)
_LEAD = 48  # characters: how far back the word may stand
_NEAR = 24  # characters: how far back a sign or label may begin


def amounts(text: str, currency: str, *, bare: bool = False) -> tuple[Found[Money], ...]:
    """The sums of money in the text, in order. ``currency`` (ISO 4217) is the one meant where none is written.

    A currency that is written wins. A number without one counts only with ``bare``. A number with more decimals than
    its currency has is no sum (ISO 4217), nor is a date, a percentage or a part of a longer number. A sum below zero
    is returned as such. Of a text with very many numbers only the first are read. Never raises.
    """
    found: list[Found[Money]] = []
    numbers = (*islice(_in_digits(text), _MOST_NUMBERS), *islice(_in_words(text), _MOST_NUMBERS))
    for number in sorted(numbers, key=itemgetter(1)):
        if (amount := _amount(text, number, currency, bare)) is None:
            continue
        if found and _completes(text, found[-1], amount):
            whole = found.pop()
            amount = Found(whole.value + amount.value, whole.start, amount.end)
        found.append(amount)
    return tuple(found)


def spoken(text: str, currency: str) -> tuple[Found[Money], ...]:
    """The sums of a whole sentence: those of `amounts`, and bare numbers that a word beside them makes a sum.

    "Transfer 450 to account 1122" has one. For a sentence that answers no question; an answer to "how much" is read by
    ``amounts(..., bare=True)``.
    """
    named = amounts(text, currency)
    taken = [(sum_.start, sum_.end) for sum_ in named]
    bare = (
        found
        for found in amounts(text, currency, bare=True)
        if all(found.end <= start or end <= found.start for start, end in taken) and _is_spoken(text, found)
    )
    return tuple(sorted((*named, *bare), key=attrgetter("start")))


def _is_spoken(text: str, found: Found[Money]) -> bool:
    lead = text[max(0, found.start - _LEAD) : found.start]
    if _OF_AN_ACCOUNT.search(lead) or not _GOES_ON.match(text, found.end):
        return False
    if _DAY_AND.search(lead) and not text[found.end :].strip(" .!"):
        return True  # "15 june and 55": when it was, and how much
    return _SUM_BEFORE.search(lead) is not None or _SUM_AFTER.match(text, found.end) is not None


# --- numbers ------------------------------------------------------------------------------------------------------


def _in_digits(text: str) -> Iterator[Number]:
    return ((number[0], *number.span()) for number in _DIGITS.finditer(text))


def _in_words(text: str) -> Iterator[Number]:
    said = text.casefold()
    if not words.SPELLED.isdisjoint(_WORD.findall(said)):
        for number in _SPELLED.finditer(text):
            yield str(_worth(number[0])), *number.span()
    if not words.SPELLED_ES.keys().isdisjoint(_WORD_ES.findall(said)):
        for number in _SPELLED_ES.finditer(text):
            yield str(_worth_es(number[0])), *number.span()


def _worth(spelled: str) -> int:
    """What a spelled number says: "a hundred and twenty" is 120."""
    thousands = part = 0
    for word in _WORD.findall(spelled.casefold()):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in words.SCALES:
            thousands, part = part * words.SCALES[word], 0
        else:
            part += words.NUMBERS.get(word, 0)  # "and" adds nothing
    return thousands + part


def _worth_es(spelled: str) -> int:
    """What a number spelled in Spanish says: "ciento veinte" is 120, "mil doscientos" 1200."""
    thousands = part = 0
    for word in _WORD_ES.findall(spelled.casefold()):
        if word == "mil":
            thousands, part = max(part, 1) * 1000, 0
        else:
            part += words.SPELLED_ES.get(word, 0)  # "y" adds nothing
    return thousands + part


def _minor(written: str, currency: str) -> int | None:
    """The number in minor units of the currency, or None when it is not written as a sum of it."""
    places = exponent(currency)
    marks = _MARK.findall(written)
    whole, fraction = written, ""
    if marks and _is_decimal(written, marks, currency):
        whole, _, fraction = written.rpartition(marks[-1])
        if len(fraction) > places or (marks[-1] == "," and len(fraction) < places):  # "1,2" is rather a list
            return None
    if not _WHOLE.fullmatch(whole):
        return None
    whole = _MARK.sub("", whole)
    return int(whole + fraction.ljust(places, "0")) if len(whole) <= _MOST_DIGITS else None


def _is_decimal(written: str, marks: list[str], currency: str) -> bool:
    """Whether the last mark of a number begins its decimals, rather than its last three whole digits."""
    last = marks[-1]
    if last not in ".," or marks.count(last) > 1:
        return False
    if len(marks) > 1 or len(written) - written.index(last) != 4:
        return True
    return last == "." and currency not in words.DOT_GROUPS


# --- what makes them sums -----------------------------------------------------------------------------------------


def _amount(text: str, number: Number, house: str, bare: bool) -> Found[Money] | None:
    """The sum of money that a number is, or None. ``house`` is the currency where none is written."""
    written, first, last = number
    start, prefix = _before(text, first, house)
    end, scale = _scaled(text, last)
    end, suffix = _after(text, end, prefix or house)
    unit = suffix or prefix
    if unit is None and not bare:
        return None
    if _TIED_BEFORE.search(text, max(0, start - 2), start) or _TIED_AFTER.match(text, end):
        return None
    if not _may_count(text, number, start, end, named=unit is not None):
        return None
    currency = house if unit is None or unit == _CENT else unit
    minor = _cents(written, currency) if unit == _CENT else _minor(written, currency)
    if minor is None:
        return None
    return Found(Money(-minor * scale if "-" in text[start:first] else minor * scale, currency), start, end)


def _before(text: str, start: int, house: str) -> tuple[int, str | None]:
    """Where a sum begins, with its minus, sign and code, and the currency these name: ``CAD $50`` is Canadian."""
    named = None
    for unit in (_SIGN_BEFORE, _CODE_BEFORE):
        found = unit.search(text, max(0, start - _NEAR), start)
        if found and (meant := _meant(found[1], named or house)):
            start, named = found.start(), meant
    if text[start - 1 : start] == "-":
        start -= 1
    return start, named


def _scaled(text: str, end: int) -> tuple[int, int]:
    scale = _SCALE.match(text, end)
    return (scale.end(), words.SCALES[scale[1].casefold()]) if scale else (end, 1)


def _after(text: str, end: int, house: str) -> tuple[int, str | None]:
    unit = _UNIT_AFTER.match(text, end)
    meant = _meant(unit[1], house) if unit else None
    return (unit.end(), meant) if unit and meant else (end, None)


def _meant(written: str, house: str) -> str | None:
    """The ISO 4217 code that a sign, code or word stands for, or None; ``$`` is the house's dollar if it has one."""
    word = written.lower()
    if word in words.CENTS:
        return _CENT
    if choices := words.SIGNS.get(word) or words.CURRENCIES.get(word):
        return house if house in choices else choices[0]
    code = written.upper()
    if code in words.CODES and (code in (written, house) or word in words.CODES_IN_SMALL):
        return code
    return None


def _may_count(text: str, number: Number, start: int, end: int, *, named: bool) -> bool:
    """Whether the words around a number let it be a sum: "account 8000", "6 pm" and "a few hundred" are none."""
    written, first, _ = number
    label = _LABEL.search(text, max(0, start - _NEAR), start)
    before = label[1].lower() if label else ""
    if before in words.VAGUE:
        return False
    if named:
        return True
    if before in words.NOT_MONEY_BEFORE or (written[0] == "0" and written.isdigit() and len(written) > 1):
        return False
    if written in ("0", "1") and not text[first].isdigit():  # "the other one", "one less zero"
        return False
    if text[first : number[2]].lower() in words.NUMBERS_BESIDES:
        return False
    counted = _COUNTED.match(text, end)
    return not counted or (counted[1] is not None and counted[1].lower() not in words.NOT_MONEY_AFTER)


def _cents(written: str, currency: str) -> int | None:
    return int(written) if written.isdigit() and len(written) <= _MOST_DIGITS and exponent(currency) == 2 else None


def _completes(text: str, whole: Found[Money], part: Found[Money]) -> bool:
    """Whether "five dollars" and "twenty cents" are one sum."""
    if part.value.currency != whole.value.currency or not 0 <= part.value.minor < 100:
        return False
    is_cents = text[part.start : part.end].lower().endswith(words.CENTS)
    return is_cents and _AND.fullmatch(text, whole.end, part.start) is not None
