"""Values in what a customer typed: sums of money, zips, invoice numbers, last four digits, and short answers.

This is the door to all readers of values; sums are read in `amounts`, whole answers in `answers`. A reader is told of
the question only by ``bare``: whether something that nothing labels may be the answer. Which question that was, and
what the value is good for, never enters here. Every search is linear in the length of the text, or gives up early.
"""

import re
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter

from dialogs.reading import words
from dialogs.reading.amounts import Found, amounts
from dialogs.reading.answers import Share, method, name, ordinal, share, yes_no

__all__ = [
    "INVOICE_PATTERNS",
    "Found",
    "Share",
    "amounts",
    "invoice_numbers",
    "last_four",
    "method",
    "name",
    "ordinal",
    "share",
    "yes_no",
    "zips",
]

_MOST = 64  # a message with more of a kind is a table, not an answer; the rest is not looked at

# --- zips ---------------------------------------------------------------------------------------------------------

_US = r"[0-9]{5}(?:-?[0-9]{4})?(?![\w%-])"
# Elsewhere a code has up to three short parts. A part without a digit stands in capitals, or ends the message.
_ABROAD = (
    r"(?:[A-Za-z]{1,2}[ -](?=[0-9]))?[A-Za-z]{0,2}[0-9][A-Za-z0-9]{0,7}(?![A-Za-z0-9])"
    r"(?:[ -](?:[A-Za-z]?[0-9][A-Za-z0-9]{0,4}(?![A-Za-z0-9])|[A-Z]{2}(?!\w)|[A-Za-z]{2}(?=[\s.!]{0,3}$))){0,2}"
)
_ZIP = r"(?i:zip(?:[\s-]?code)?|post(?:al)?[\s-]?code|c[óo]digo\spostal|eircode)\b"
_IS = r"(?i:\s?(?:is|was|to|of|for|number|now|should\sbe|es|era|de|facturaci[óo]n|a|ser[íi]a|[:=#])){0,6}\s?"
_ZIP_LABELLED = re.compile(rf"\b(?i:billing\s)?{_ZIP}{_IS}(?:(?P<us>{_US})|(?P<abroad>{_ABROAD}))")
_UNTIED = r"(?<![\w$€£.,/#-])"
_ZIP_NAMED = re.compile(
    rf"{_UNTIED}(?P<us>{_US})\s(?i:(?:is|as|es|como)\s)?(?i:(?:my|the|our|mi|el)\s)?(?i:billing\s)?{_ZIP}(?P<abroad>)"
)
_ZIP_BARE = re.compile(rf"{_UNTIED}(?P<us>{_US})(?P<abroad>)")
_DIGIT = re.compile("[0-9]")
_ZIP_ALONE = re.compile(
    rf"\s{{0,9}}(?i:(?:it['’]?s|it\sis|my|the|is)\s){{0,3}}(?P<abroad>{_ABROAD})"  # noqa: RUF001  # as pasted
    r"(?P<us>)(?i:\s(?:please|thanks|thank\syou))?[\s.!]{0,9}"
)


def zips(text: str, *, bare: bool = False) -> tuple[Found[str], ...]:
    """The zips and postal codes in the text, in capitals: ``94107``, ``94107-1234`` (USPS ZIP+4), ``SW1A 1AA``.

    Without ``bare`` only those that are called so; with it also any five digits, and a whole answer that looks like
    the code of another country.
    """
    if not _DIGIT.search(text):
        return ()  # there is no code without one
    found = list(islice(_ZIP_LABELLED.finditer(text), _MOST)) or list(islice(_ZIP_NAMED.finditer(text), _MOST))
    if bare and not found:
        alone = _ZIP_ALONE.fullmatch(text)
        found = list(islice(_ZIP_BARE.finditer(text), _MOST)) or ([alone] if alone else [])
    return tuple(_zip(code) for code in found)


def _zip(code: re.Match[str]) -> Found[str]:
    us, abroad = code["us"], code["abroad"]
    if us and len(us) == 9:
        us = f"{us[:5]}-{us[5:]}"
    return Found(us or abroad.upper(), code.start(), code.end())


# --- invoice numbers ----------------------------------------------------------------------------------------------

# Letters, digits and the marks that are seen inside numbers, with a digit somewhere; not a sum, a date or "2nd".
_NO_UNIT = rf"(?!\s?(?i:{'|'.join((*words.CURRENCIES, *words.CENTS, *words.NOT_NUMBER_AFTER))})(?![a-z]))"
_NUMBER = (
    r"(?![0-9]{1,2}(?:st|nd|rd|th)\b)(?![0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{2}){1,2}(?![\w|/.-]))"
    r"(?P<number>(?=[A-Za-z|/.-]{0,39}[0-9])[A-Za-z0-9][\w|/.-]{0,59}+)" + _NO_UNIT
)
INVOICE_PATTERNS: tuple[re.Pattern[str], ...] = (
    re.compile(r"(?<![\w-])(?P<prefix>inv)[\s#.:-]{0,3}(?P<number>[0-9][\w|/.-]{0,59}+)", re.IGNORECASE),
    re.compile(
        rf"\b(?i:invoice|bill|factura|recibo)(?i:\s?(?:number|num|no|nr|n[úu]mero|nro|is|es|la|id|called|[#:.º°])){{0,4}}\s?{_NUMBER}"
    ),
    re.compile(r"(?<![\w&#$])#\s?(?P<number>[0-9]{2}[\w|/.-]{0,58}+)"),
)
_NUMBER_BARE = re.compile(rf"(?<![\w$€£|/.,-])#?{_NUMBER}")


def invoice_numbers(
    text: str, patterns: Sequence[re.Pattern[str]] = INVOICE_PATTERNS, *, bare: bool = False
) -> tuple[Found[str], ...]:
    """The invoice numbers in the text, in order, each place once; an earlier pattern wins over a later one.

    A pattern gives the group ``number`` (or its whole match), and may give ``prefix``: ``inv 1042`` is ``INV-1042``.
    With ``bare`` a message in which just one thing looks like a number, and no pattern fits, gives that.
    """
    if not _DIGIT.search(text):
        return ()
    found: list[Found[str]] = []
    for pattern in patterns:
        for match in islice(pattern.finditer(text), _MOST):
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                found.append(_invoice(match))
    if bare and not found:
        alone = list(islice(_NUMBER_BARE.finditer(text), 2))
        found = [_invoice(alone[0])] if len(alone) == 1 else []
    return tuple(sorted(found, key=attrgetter("start")))


def _invoice(match: re.Match[str]) -> Found[str]:
    groups = match.groupdict()
    number = groups.get("number") or match[0]
    tidy = number.rstrip("|/.-")  # the end of a sentence
    prefix = groups.get("prefix")
    return Found(f"{prefix.upper()}-{tidy}" if prefix else tidy, match.start(), match.end() - len(number) + len(tidy))


# --- last four ----------------------------------------------------------------------------------------------------

_FOUR = re.compile(r"(?<![0-9])[0-9]{4}(?![\w%]|[-/.,][0-9])")
_FOUR_LABEL = re.compile(
    r"(?:\bend(?:s|ing)?(?:\s(?:in|with|on))?|\blast\s(?:four|4)(?:\sdigits)?(?:\s(?:is|are|of))?"
    r"|\btermina(?:d[ao]|ci[óo]n)?(?:\s(?:en|con))?|\b[úu]ltimos\s(?:cuatro|4)(?:\sd[íi]gitos)?(?:\s(?:son|de))?"
    r"|(?<![a-z*•])[x*•][x*•\s-]{0,14})[\s:#]{0,2}$",
    re.IGNORECASE,
)
_TIED = re.compile(r"[\w$€£.,/#-]$")
_LABEL_REACH = 32  # characters: "los últimos cuatro dígitos son" and a little more


def last_four(text: str, *, bare: bool = False) -> Found[str] | None:
    """The last four digits of a card or account: "ending in 4242", "x4242"; with ``bare`` the only four digits.

    None when there are none, or two that differ. Four digits may be kept and shown (PCI DSS 3.4.1).
    """
    fours = list(islice(_FOUR.finditer(text), _MOST))
    found = [
        Found(four[0], label.start(), four.end())
        for four in fours
        if (label := _FOUR_LABEL.search(text, max(0, four.start() - _LABEL_REACH), four.start()))
    ]
    if bare and not found:
        untied = (four for four in fours if not _TIED.search(text, max(0, four.start() - 1), four.start()))
        found = [Found(four[0], *four.span()) for four in untied]
    return found[0] if len({four.value for four in found}) == 1 else None
