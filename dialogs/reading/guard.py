"""Finds card and bank numbers in what a customer typed, however they are written, and takes them out.

Only detection and removal live here. What is said to the customer about it, and where the text is stored, never will.
A card number that arrives unasked is removed at once, and a security code is never kept (PCI DSS 3.3.1, 3.5.1).

How a card number is told from an order number: it has a length that its issuer range allows (ISO/IEC 7812) and a
right Luhn digit, begins where a group of digits begins, and ends where one ends (or where an expiry date is glued to
it). Dates, phone numbers and prices that happen to stand in a row are recognised as such and left alone. One order
number of 16 digits in twenty-five looks exactly like a card, and is removed: that error is the cheaper one.

Every search is linear in the length of the text.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import TypeAlias

import msgspec


class Kind(StrEnum):
    """What was removed, in the words of the mark that stands in its place."""

    CARD = "card number"
    CODE = "security code"
    ROUTING = "routing number"
    ACCOUNT = "account number"


class Redacted(msgspec.Struct, frozen=True):
    """A text without its numbers, and which kinds were removed, one per mark, in the order of the text."""

    text: str
    found: tuple[Kind, ...] = ()


Span: TypeAlias = tuple[int, int, Kind]

_SHORTEST = 13
# ISO/IEC 7812 issuer ranges by their first four digits, and the lengths their cards have.
_ISSUERS = (
    (2200, 2204, (19, 18, 17, 16)),  # Mir
    (2221, 2720, (16,)),  # Mastercard
    (3000, 3059, (19, 18, 17, 16, 14)),  # Diners Club
    (3095, 3095, (19, 18, 17, 16, 14)),  # Diners Club
    (3400, 3499, (15,)),  # American Express
    (3528, 3589, (19, 18, 17, 16)),  # JCB
    (3600, 3699, (19, 18, 17, 16, 15, 14)),  # Diners Club
    (3700, 3799, (15,)),  # American Express
    (3800, 3999, (19, 18, 17, 16, 14)),  # Diners Club
    (4000, 4999, (19, 16, 13)),  # Visa
    (5000, 5099, (19, 18, 17, 16, 15, 14, 13)),  # Maestro, Verve, RuPay
    (5100, 5599, (16,)),  # Mastercard
    (5600, 5899, (19, 18, 17, 16, 15, 14, 13)),  # Maestro
    (6000, 6299, (19, 18, 17, 16)),  # Discover, UnionPay, RuPay
    (6300, 6399, (19, 18, 17, 16, 15, 14, 13)),  # Maestro
    (6400, 6699, (19, 18, 17, 16)),  # Discover, RuPay
    (6700, 6799, (19, 18, 17, 16, 15, 14, 13)),  # Maestro
    (6800, 6999, (19, 18, 17, 16)),  # Maestro
    (8100, 8299, (19, 18, 17, 16)),  # UnionPay, RuPay
    (8600, 8600, (16,)),  # Uzcard
    (9860, 9860, (16,)),  # Humo
)
_LENGTHS = {f"{prefix:04}": lengths for first, last, lengths in _ISSUERS for prefix in range(first, last + 1)}
# ISO/IEC 7812-1, annex B (Luhn): a digit counts as itself, or as the sum of the digits of its double.
_SINGLE = bytes.maketrans(b"0123456789", bytes((0, 1, 2, 3, 4, 5, 6, 7, 8, 9)))
_DOUBLE = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))

_WORTH_A_LOOK = re.compile(r"[0-9]|[^\x00-\x7f]")
_GROUP = re.compile(r"[0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_RUN = re.compile(r"[0-9](?:[\s\-./\\_]{0,5}+[0-9])*+")
# Written with another mark between the groups, such as a pipe: only in the layouts that are printed on cards.
_PRINTED = re.compile(
    r"(?<![0-9])[0-9]{4}([^\w\s./\\-])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{6}\1[0-9]{4,5})(?![0-9])"
)
_EVIDENT = re.compile(
    r"""(?<![0-9])(?:
        (?:19|20)[0-9]{2}(?P<a>[-/.])(?:0?[1-9]|1[0-2])(?P=a)(?:0?[1-9]|[12][0-9]|3[01])      # 2025-12-30
      | (?:0?[1-9]|[12][0-9]|3[01])(?P<b>[-/.])(?:0?[1-9]|[12][0-9]|3[01])(?P=b)(?:19|20)?[0-9]{2}  # 12/30/2025
      | \([0-9]{3}\)[ ]?[0-9]{3}[-. ][0-9]{4} | [0-9]{3}(?P<c>[-.])[0-9]{3}(?P=c)[0-9]{4}      # (415) 555-0132
      | [0-9]{5}-[0-9]{4}                                                                  # ZIP+4
      | (?<![^\s$])(?:0|[1-9][0-9]{0,5})\.[0-9]{2}(?![^\s,;!?)])                            # 1250.00
    )(?![0-9])
    | \+[0-9](?:[ .()-]{0,2}[0-9]){6,14}(?![ .()-]{0,2}[0-9])                               # E.164
    """,
    re.VERBOSE,
)
_NEIGHBOURHOOD = 20  # characters: a phone number may begin before the digits in question, and end after them
_EXPIRY_GLUED = re.compile(r"(?:0[1-9]|1[0-2])(?:20)?[2-4][0-9](?:[0-9]{3,4})?(?![0-9])")
_CODE_AFTER_EXPIRY = re.compile(
    r"[\s,;|/]{0,3}(?:exp[a-z]{0,9}[\s:.]{0,3})?(?:1[0-2]|0[1-9]|[1-9](?=[\s/|.-]))[\s/|.-]{0,3}(?:20)?[2-4][0-9]"
    r"[\s,;|/-]{0,3}([0-9]{3,4})(?![0-9])",
    re.IGNORECASE,
)

_LABELS = ("cvc", "cvv", "csc", "security", "verification", "routing", "aba", "rtn", "bank", "checking", "savings")
_LINK = r"(?:[\s:=#.,'-]{0,4}(?:numbers?|no|num|nr|code|is|was|of|my|the|for|s)(?![a-z])){0,4}[\s:=#.,-]{0,4}"
_CODE_WORD = r"(?:cv[cv]2?|csc|security\s{0,2}code|card\s{0,2}verification(?:\s(?:value|code))?)"
_CODE_GIVEN = re.compile(
    rf"\b{_CODE_WORD}(?![a-z]){_LINK}([0-9]{{3,4}}(?![0-9])|[0-9](?:[ -][0-9]){{2,3}}(?![0-9]))", re.IGNORECASE
)
_CODE_NAMED = re.compile(
    rf"(?<![0-9])([0-9]{{3,4}})\W{{1,3}}(?:is\s(?:my\s|the\s)?)?{_CODE_WORD}(?![a-z0-9])", re.IGNORECASE
)
_ROUTING = re.compile(rf"\b(?:routing|aba|rtn)(?![a-z]){_LINK}([0-9](?:[ -]?[0-9]){{8}})(?![0-9])", re.IGNORECASE)
# NACHA: an account number has at most 17 places. Four digits are a last four, and may stay (PCI DSS 3.4.1).
_ACCOUNT = rf"(?:account|acct|acc)(?![a-z]){_LINK}([0-9](?:[ -]?[0-9]){{4,16}})(?![0-9])"
_ANY_ACCOUNT = re.compile(rf"\b{_ACCOUNT}", re.IGNORECASE)
_BANK_ACCOUNT = re.compile(rf"\b(?:bank|checking|savings)\s{{1,2}}{_ACCOUNT}", re.IGNORECASE)


def redact(text: str) -> Redacted:
    """The text with every card number, and every labelled security code and US bank number, replaced by a mark.

    A mark reads ``[card number removed]``; redacting a redacted text changes nothing. Never raises.
    """
    if not _WORTH_A_LOOK.search(text):
        return Redacted(text)
    plain = text if text.isascii() else text.translate({ord(char): _as_ascii(char) for char in set(text)})
    lower = plain.lower()
    labelled = any(label in lower for label in _LABELS)
    many = len(plain) >= _SHORTEST and sum(map(plain.count, "0123456789")) >= _SHORTEST
    if not many and not labelled:
        return Redacted(text)
    spans = _cards(plain) if many else []
    if labelled:
        spans += _labelled(plain)
    return _cut(text, spans) if spans else Redacted(text)


def _cut(text: str, spans: list[Span]) -> Redacted:
    kept: list[str] = []
    found: list[Kind] = []
    done = 0
    for start, end, kind in sorted(spans):
        if start >= done:  # else inside what is already gone, such as an account number that is also a card's
            kept += (text[done:start], f"[{kind} removed]")
            found.append(kind)
        done = max(done, end)
    return Redacted("".join((*kept, text[done:])), tuple(found))


@lru_cache(maxsize=4096)
def _as_ascii(char: str) -> str:
    """One ASCII character that stands for this one, so that places in the plain text are places in the original."""
    if char.isascii():
        return char
    if (digit := unicodedata.digit(char, -1)) >= 0:
        return str(digit)
    folded = unicodedata.normalize("NFKC", char)
    if len(folded) == 1 and folded.isascii():
        return folded
    category = unicodedata.category(char)
    if category[0] in "ZCM":  # spaces, zero-width and direction marks, the rim of a keycap emoji
        return " "
    if category == "Pd" or char == "−":  # noqa: RUF001  # a minus sign is typed as a dash
        return "-"
    if category[0] == "L":
        return "x"
    return "." if char in "·•‧∙⋅" else "|"


# --- cards --------------------------------------------------------------------------------------------------------


def _cards(plain: str) -> list[Span]:
    spans: list[Span] = []
    for run in _RUN.finditer(plain):
        if run.end() - run.start() >= _SHORTEST:
            spans += _in_run(plain, run.start(), run.end())
    for printed in _PRINTED.finditer(plain):
        digits = _NOT_DIGIT.sub("", printed[0])
        if len(digits) in _LENGTHS.get(digits[:4], ()) and _luhn_sums(digits)[len(digits) % 2][-1] % 10 == 0:
            spans.append((printed.start(), printed.end(), Kind.CARD))
    for _, end, _ in tuple(spans):
        if code := _CODE_AFTER_EXPIRY.match(plain, end):
            spans.append((code.start(1), code.end(1), Kind.CODE))
    return spans


def _in_run(plain: str, start: int, end: int) -> Iterator[Span]:
    """The cards in one run of digits and separators: windows that begin where a group does, the longest first."""
    digits = _NOT_DIGIT.sub("", plain[start:end])
    if len(digits) < _SHORTEST:
        return
    groups = [found.span() for found in _GROUP.finditer(plain, start, end)]
    firsts = list(accumulate((right - left for left, right in groups), initial=0))
    even, odd = _luhn_sums(digits)
    free = 0
    for group, first in enumerate(firsts):
        if first < free:
            continue
        for length in _LENGTHS.get(digits[first : first + 4], ()):
            last = first + length
            if last > len(digits):
                continue
            sums = odd if last & 1 else even
            if (sums[last] - sums[first]) % 10:
                continue
            holder = bisect_left(firsts, last) - 1  # the group that holds the window's last digit
            stop = groups[holder][0] + last - firsts[holder]
            if _may_end(plain, stop, groups[holder][1]) and not _something_else(plain, groups[group][0], stop):
                yield groups[group][0], stop, Kind.CARD
                free = last
                break


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running Luhn sums for windows that end after an even, and after an odd number of digits.

    The last digit of a window counts once, the one before it twice. So any window's sum is one subtraction.
    """
    single, double = digits.encode().translate(_SINGLE), digits.encode().translate(_DOUBLE)
    even, odd = bytearray(single), bytearray(single)
    even[::2], odd[1::2] = double[::2], double[1::2]
    return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))


def _may_end(plain: str, stop: int, group_end: int) -> bool:
    """A card ends where its group of digits does, or where an expiry date is glued to it."""
    return stop == group_end or _EXPIRY_GLUED.match(plain, stop) is not None


def _something_else(plain: str, start: int, stop: int) -> bool:
    """Whether dates, phone numbers and prices explain these digits, but for one short number such as a zip."""
    before = max(0, start - _NEIGHBOURHOOD)
    masked = _EVIDENT.sub(lambda found: "~" * len(found[0]), plain[before : stop + _NEIGHBOURHOOD])
    inside = masked[start - before : stop - before]
    left = _GROUP.findall(inside)
    return "~" in inside and len(left) <= 1 and len("".join(left)) <= 5


# --- what carries a label -----------------------------------------------------------------------------------------


def _labelled(plain: str) -> list[Span]:
    codes = list(_CODE_GIVEN.finditer(plain)) or list(_CODE_NAMED.finditer(plain))
    routings = list(_ROUTING.finditer(plain))
    # A customer's account with the business is no secret: only one beside a routing number, or called a bank's, is.
    accounts = (_ANY_ACCOUNT if routings else _BANK_ACCOUNT).finditer(plain)
    kinds = ((Kind.CODE, codes), (Kind.ROUTING, routings), (Kind.ACCOUNT, accounts))
    return [(found.start(1), found.end(1), kind) for kind, all_found in kinds for found in all_found]
