"""Finds numbers that are secret because of what they are called, or of what they prove by their own check digits:
security codes, bank account and routing numbers, social security numbers.

Only lower-case views come in. Card numbers are found in `cards.py`. A number that is called nothing is left alone here,
but for an IBAN (ISO 13616: right country, length and check digits) and the printed form of a social security number.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

from dialogs.reading.guard.cards import NUMBERED


class Kind(StrEnum):
    """What was removed, in the words of the mark that stands in its place."""

    CARD = "card number"
    CODE = "security code"
    ROUTING = "routing number"
    ACCOUNT = "account number"
    PERSON = "social security number"


_NEAR = 40
Span: TypeAlias = tuple[int, int, Kind]

LABELS = re.compile(
    r"c[.\s]?v[.\s]?[cv]|csc|cid|secur|verific|routing|aba|rtn|bank|checking|chequing|saving|segur|socia|ssn|itin|ss#|codigo|code|ruta"
    r"|digit|cuenta|clabe|banc|iban|account|acct|ahorro|tax|back|atras|reverso|nss"
)
_LINK = (
    r"(?:[\s:=#.,'()\"\x1d*-]{0,4}(?:numbers?|numero|numeros|no|num|nro|nr|codes?|digits|is|are|was|es|son|of|de|del|my|mi|the|el|la|"
    r"it|its|card|tarjeta|visa|mastercard|amex|on|en|back|for|para|here|s)(?![a-z])){0,5}[\s:=#.,()\"\x1d*>-]{0,5}"
)
_CODE_WORD = (
    r"(?:c[.\s]?v[.\s]?[cv]\.?2?|csc|cid|security\s{0,2}(?:code|number|digits|num|no)|card\s{0,2}verification(?:\s(?:value|code|number))?"
    r"|(?:3|three|4|four)[\s-]digit\s(?:security\s|card\s)?(?:code|number)(?:\son(?:\sthe)?\sback)?"
    r"|(?:code|number|digits|numbers)\son(?:\sthe)?\s(?:back|reverse|rear)(?:\sof(?:\smy|\sthe)?\scard)?"
    r"|(?:codigo|clave|numero|digitos|cod)\.?\s(?:de\s)?(?:seguridad|verificacion\sde\s(?:la\s|mi\s)?tarjeta)"
    r"|(?:digitos|numeros|codigo)\s(?:de\s|del\s|que\sestan\s)?(?:atras|detras|reverso)(?:\sde\s(?:la|mi)\starjeta)?)"
)
_THREE = r"([0-9]{3,4}(?![0-9a-z])|[0-9](?:[\s.-]{1,3}[0-9]){2,3}(?![0-9]|[\s.-][0-9]))"
_CODE_GIVEN = re.compile(rf"(?<![a-z]){_CODE_WORD}(?![a-z]){_LINK}{_THREE}")
_CODE_NAMED = re.compile(
    rf"(?<![0-9a-z#/$.,-]){_THREE}(?:\s{{1,3}}|\W{{0,3}}(?:is|es|as|for|=|<-+|<=)\s?(?:my\s|the\s|mi\s|el\s|la\s|its\s)?|\s?\()"
    rf"{_CODE_WORD}(?![a-z0-9])"
)
# "The code is 123", "el codigo es 123": only beside a card.
_CODE_PLAIN = re.compile(
    rf"(?:(?<![a-z])(?:the|my|its?|el|mi|su)\s|[2-4][0-9]\W{{1,3}}(?:and\s|y\s)?)(?:code|codigo|cod)(?![a-z]){_LINK}{_THREE}"
    rf"|(?<![a-z])(?:code|codigo)\s?(?:is|es|:|=)\s?([0-9]{{3,4}})(?![0-9a-z])"
)
_OTHER_CODE = re.compile(r"(?:zip|postal|post|area|promo|discount|coupon|country|sign.?in|error|login)\W\Z")
_CARD_NEARBY = re.compile(
    r"(?<![a-z])(?:card|visa|mastercard|amex|discover|maestro|tarjeta|cvv|exp|expir\w*|vence|caduca)(?![a-z])|1[0-2]/[2-4][0-9]"
    r"|0[1-9]/[2-4][0-9]"
)

_NINE = r"([0-9](?:[\s.-]{0,3}[0-9]){8})(?![0-9])"
_RTN = r"(?:routing|aba|rtn|transit|(?:numero|no|num)\.?\s(?:de\s)?ruta|ruta(?:\s(?:bancaria|aba))?)"
_ROUTING = re.compile(rf"(?<![a-z]){_RTN}(?![a-z])(?:\W{{0,3}}(?:/|transit|aba|number))?{_LINK}{_NINE}")
_ROUTING_NAMED = re.compile(
    rf"(?<![0-9a-z#$.,-]){_NINE}(?:\s{{1,3}}|\W{{0,3}}(?:is|es|as|=|<-+)\s?(?:my\s|the\s|mi\s|el\s|la\s)?(?:bank\s)?|\s?\(){_RTN}(?![a-z])"
)
# NACHA: an account number has at most 17 places. Four digits are a last four, and may stay (PCI DSS 3.4.1).
_PLACES = r"([0-9](?:[\s.-]{0,2}[0-9]){4,16})(?![0-9])"
_ACCOUNT_WORD = r"(?:accounts?|acct?|a/c|cuenta|cta)"
_BANK = r"(?:bank|banking|checking|chequing|savings?|chase|wells\sfargo|citi(?:bank)?|bank\sof\samerica|bofa|capital\sone|us\sbank|pnc)"
_BANCO = r"(?:bancaria|corriente|de\sahorros?|de\scheques|del\sbanco|de\s(?:mi\s)?banco)"
_ANY_ACCOUNT = re.compile(rf"(?<![a-z]){_ACCOUNT_WORD}(?![a-z])(?:\s{_BANCO})?{_LINK}{_PLACES}")
_BANK_ACCOUNT = re.compile(
    rf"(?<![a-z])(?:{_BANK}\s{{1,2}}{_ACCOUNT_WORD}|{_ACCOUNT_WORD}\s(?:number\s|numero\s)?(?:at|with|of|in|en|de)\s(?:my\s|the\s|mi\s)?{_BANK}"
    rf"|{_ACCOUNT_WORD}\s{_BANCO}|(?:checking|savings|chequing)\s(?:number|no\.?|num|#))(?![a-z]){_LINK}{_PLACES}"
)
_FROM_ACCOUNT = re.compile(
    rf"(?<![a-z])(?:from|desde|de)\s(?:my\s|mi\s|the\s|la\s)?{_ACCOUNT_WORD}(?![a-z]){_LINK}([0-9](?:[\s.-]{{0,2}}[0-9]){{7,16}})(?![0-9])"
)
_CLABE = re.compile(rf"(?<![a-z])clabe(?:\sinterbancaria)?(?![a-z]){_LINK}([0-9](?:[\s.-]{{0,2}}[0-9]){{17}})(?![0-9])")
_ACCOUNT_AT = re.compile(
    rf"(?<![a-z]){_ACCOUNT_WORD}(?![a-z]){_LINK}{_PLACES}\s(?:at|with|in|from|en|de|del)\s(?:my\s|the\s|mi\s)?{_BANK}(?![a-z])"
)
_ACCOUNT_NAMED = re.compile(
    rf"(?<![0-9a-z#$.,-]){_PLACES}(?:\W{{0,3}}(?:is|es|as|=|<-+)\s?(?:my\s|the\s|mi\s|el\s|la\s)?(?:numero\sde\s)?|\s?\(|\s{{1,3}})"
    rf"(?:{_BANK}\s{_ACCOUNT_WORD}|{_ACCOUNT_WORD}\s{_BANCO}|clabe)(?![a-z])"
)
_BANK_WORDS = re.compile(
    r"(?<![a-z])(?:bank|banking|checking|savings|e-?checks?|routing|aba|ruta|banco|bancaria|ahorros)(?![a-z])"
)
_PAIR = re.compile(r"(?<![0-9a-z#$.,-])([0-9]{9})[\s,;:/|\x1d]{1,4}([0-9]{4,17})(?![0-9]|[.,/-][0-9])")
_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:[\s.-]?[a-z0-9]{1,4}){3,9}(?![a-z0-9])")
_IBAN_LENGTHS = {
    **dict(zip(["ad", "ae", "al", "at", "az", "ba", "be", "bg", "bh", "br", "by", "ch", "cr", "cy", "cz", "de", "dk", "do", "ee", "eg", "es", "fi", "fo", "fr", "gb", "ge", "gi"],
               (24, 23, 28, 20, 28, 20, 16, 22, 22, 29, 28, 21, 22, 28, 24, 22, 18, 28, 20, 29, 24, 18, 18, 27, 22, 22, 23),
               strict=True)),
    **dict(zip(["gl", "gr", "gt", "hr", "hu", "ie", "il", "iq", "is", "it", "jo", "kw", "kz", "lb", "lc", "li", "lt", "lu", "lv", "mc", "md", "me", "mk", "mr", "mt", "mu"],
               (18, 27, 28, 21, 28, 22, 23, 23, 26, 27, 30, 30, 20, 28, 32, 21, 20, 20, 21, 27, 24, 22, 19, 27, 31, 30),
               strict=True)),
    **dict(zip(["nl", "no", "pk", "pl", "ps", "pt", "qa", "ro", "rs", "sa", "sc", "se", "si", "sk", "sm", "sv", "tl", "tn", "tr", "ua", "va", "vg", "xk"],
               (18, 15, 24, 28, 29, 25, 29, 24, 22, 24, 31, 24, 19, 24, 27, 28, 23, 24, 26, 29, 22, 24, 20),
               strict=True)),
}  # fmt: skip

# Social Security Administration: no area 000, 666 or 900 to 999, no group 00, no serial 0000.
_PERSON = re.compile(
    r"(?<![0-9a-z#$/.-])((?!000|666|9)[0-9]{3}(-)(?!00)[0-9]{2}-(?!0000)[0-9]{4})(?![0-9a-z]|[-/.][0-9])"
)
_SSN = r"(?:ssn|ss\s?#|social(?:\ssecurity)?|itin|tax(?:payer)?\sid|soc\ssec|nss|seguro\ssocial|seguridad\ssocial)"
_PERSON_GIVEN = re.compile(rf"(?<![a-z]){_SSN}(?![a-z]){_LINK}{_NINE}")
_PERSON_NAMED = re.compile(
    rf"(?<![0-9a-z#$.,-]){_NINE}(?:\W{{0,3}}(?:is|es|as|=|<-+)\s?(?:my\s|the\s|mi\s|el\s)?(?:numero\sde(?:l)?\s)?|\s?\(|\s{{1,3}}){_SSN}(?![a-z])"
)

_LONG = re.compile(r"[0-9](?:[\s.-]{0,3}[0-9]){4}")  # the fewest digits that any of these but a code has


def labelled(lower: str) -> Iterator[Span]:
    """The numbers of this lower-case text that are called something secret."""
    for found in _PERSON.finditer(lower):
        if not NUMBERED.search(lower[max(0, found.start() - _NEAR) : found.start()]):
            yield (*found.span(1), Kind.PERSON)
    for found in _IBAN.finditer(lower):
        if end := _iban(found):
            yield found.start(), end, Kind.ACCOUNT
    if LABELS.search(lower):
        yield from _codes(lower)
        if not _LONG.search(lower):
            return
        yield from _bank_numbers(lower)
        for pattern in (_PERSON_GIVEN, _PERSON_NAMED):
            yield from ((*found.span(1), Kind.PERSON) for found in pattern.finditer(lower))


def _bank_numbers(lower: str) -> Iterator[Span]:
    routings = [found.span(1) for pattern in (_ROUTING, _ROUTING_NAMED) for found in pattern.finditer(lower)]
    yield from ((*span, Kind.ROUTING) for span in routings)
    # A customer's account with the business is no secret: only one beside a routing number, or called a bank's, is.
    patterns = (_BANK_ACCOUNT, _FROM_ACCOUNT, _ACCOUNT_AT, _ACCOUNT_NAMED, _CLABE)
    for pattern in (*patterns, _ANY_ACCOUNT) if routings else patterns:
        yield from ((*found.span(1), Kind.ACCOUNT) for found in pattern.finditer(lower))
    if routings or _BANK_WORDS.search(lower):
        for found in _PAIR.finditer(lower):
            if _aba(found[1]):
                yield (*found.span(1), Kind.ROUTING)
                yield (*found.span(2), Kind.ACCOUNT)


def _codes(lower: str) -> Iterator[Span]:
    codes = list(_CODE_GIVEN.finditer(lower)) or list(_CODE_NAMED.finditer(lower))
    if not codes and _CARD_NEARBY.search(lower):
        codes = [found for found in _CODE_PLAIN.finditer(lower) if not _OTHER_CODE.search(lower[: found.start()][-12:])]
    yield from ((*found.span(found.lastindex or 0), Kind.CODE) for found in codes)


def _aba(digits: str) -> bool:
    """Whether nine digits are a routing number: weights 3, 7, 1, and one of the Federal Reserve's first two digits."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True))
    return total % 10 == 0 and (0 < int(digits[:2]) <= 12 or 21 <= int(digits[:2]) <= 32 or 61 <= int(digits[:2]) <= 72)


def _iban(found: re.Match[str]) -> int:
    """Where the IBAN ends that begins here, or 0: words may follow it that look like more of it."""
    length = _IBAN_LENGTHS.get(found[0][:2], 0)
    signs = ""
    for at, sign in enumerate(found[0], start=found.start()):
        if sign.isalnum():
            signs += sign
        if len(signs) == length:
            rest = found[0][at + 1 - found.start() :]
            moved = signs[4:] + signs[:4]
            fits = int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
            return at + 1 if fits and not rest[:1].isalnum() else 0
    return 0
