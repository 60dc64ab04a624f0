"""Amounts and dates as people and programs write them in sheets, and how a whole file settles what one cell leaves open.

Pure text in, sums and days out. What cannot be read in exactly one way is refused; nothing here guesses.
"""

import re
from collections.abc import Iterable
from datetime import date

import msgspec

from services.invoices.document import CURRENCIES, Refused, money
from services.model import Money, exponent

_DOLLAR_CODES = "USD CAD AUD NZD SGD HKD MXN BSD BBD BZD BMD KYD XCD FJD GYD JMD LRD NAD TTD TWD BND SRD"
_SIGNS = {
    "$": frozenset(_DOLLAR_CODES.split()),
    "US$": frozenset(("USD",)),
    "€": frozenset(("EUR",)),
    "£": frozenset(("GBP", "EGP", "FKP", "GIP", "SHP", "LBP", "SYP", "SDG", "SSP")),
    "¥": frozenset(("JPY", "CNY")),
    "₹": frozenset(("INR",)),
    "₩": frozenset(("KRW", "KPW")),
    "₪": frozenset(("ILS",)),
    "₺": frozenset(("TRY",)),
    "₴": frozenset(("UAH",)),
    "₫": frozenset(("VND",)),
    "₱": frozenset(("PHP",)),
    "฿": frozenset(("THB",)),
    "R$": frozenset(("BRL",)),
    "ZŁ": frozenset(("PLN",)),
    "KR": frozenset(("SEK", "NOK", "DKK", "ISK")),
    "FR": frozenset(("CHF",)),
    "KČ": frozenset(("CZK",)),
}
_AMOUNT = re.compile(
    r"(?P<unit>[^\W\d_]{0,3}[^\w\s.,'+-]?)\s*(?P<digits>\d[\d.,' ]*|\.\d+)\s*(?P<after>[^\W\d_]{0,3}[^\w\s.,'+-]?)",
)
_WHOLE = re.compile(r"\d+|\d{1,3}(?P<mark>[.,' ])(?:\d{2,3}(?P=mark))*\d{3}")  # groups of two: India
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " ") | dict.fromkeys("\u2019\u02bc", "'") | {"\u2212": "-"})

_MONTHS = "January February March April May June July August September October November December"
_MONTH = {name: n for n, full in enumerate(_MONTHS.lower().split(), start=1) for name in (full, full[:3])}
_NO_DATE = "not a date that Remit can read: write 2026-12-31"
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[t ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})[ .-]+([a-z]+)[ .,-]+(\d{4})", re.ASCII)
_MONTH_DAY = re.compile(r"([a-z]+)[ .-]+(\d{1,2})[ ,-]+(\d{4})", re.ASCII)


class Notation(msgspec.Struct, frozen=True):
    """What a whole file says about how its cells are written; None where it says nothing, or two things."""

    decimal: str | None = None  # "." or ","
    day_first: bool | None = None


def settle(lines: Iterable[tuple[Iterable[str], Iterable[str]]]) -> Notation:
    """The notation that the unmistakable cells of a file agree on. Each line gives its amounts and its dates."""
    marks: set[str | None] = set()
    orders: set[bool | None] = set()
    for amounts, dates in lines:
        marks.update(map(_telling_mark, amounts))
        orders.update(map(_telling_order, dates))
    marks.discard(None)
    orders.discard(None)
    return Notation(marks.pop() if len(marks) == 1 else None, orders.pop() if len(orders) == 1 else None)


def read_amount(text: str, currency: str, notation: Notation) -> Money:
    """A sum such as ``1,250.00``, ``1.250,00``, ``$1,250.00``, ``1 250,00 €`` or ``(50.00)``, which is negative.

    A sign or code beside it must be of ``currency``. Raises `Refused`, also when it could be two sums.
    """
    negative, bare = _sign(text)
    found = _AMOUNT.fullmatch(bare)
    if found is None:
        raise Refused("not an amount")
    for unit in (found["unit"], found["after"]):
        _same_currency(unit, currency)
    number = _canonical(found["digits"].strip(), currency, notation)
    return money("-" + number if negative else number, currency)


def _sign(text: str) -> tuple[bool, str]:
    bare = text.translate(_SPACES).strip()
    if bare.startswith("(") and bare.endswith(")"):  # accountants' minus
        return True, bare[1:-1].strip()
    if bare.count("-") == 1:  # before or after the sum, before or after its currency
        return True, bare.replace("-", "", 1).strip() if bare[0] == "-" or bare[-1] == "-" else _inner(bare)
    return False, bare.removeprefix("+").strip()


def _inner(bare: str) -> str:
    unit, _, rest = bare.partition("-")
    return bare if any(ch.isdigit() for ch in unit) else unit + rest


def _same_currency(unit: str, currency: str) -> None:
    if not unit:
        return
    meant = _SIGNS.get(unit.upper()) or ({unit.upper()} & CURRENCIES)
    if not meant:
        raise Refused("not an amount")
    if currency not in meant:
        raise Refused(f"the amount says {unit}, the currency is {currency}")


def _canonical(digits: str, currency: str, notation: Notation) -> str:
    """``1.250,00`` as ``1250.00``."""
    mark = _decimal_mark(digits)
    if mark is None and (single := _single_mark(digits)):
        if exponent(currency) == 0:  # no decimals exist, so it groups
            mark = _other(single)
        elif notation.decimal is None:
            raise Refused(f"“{digits}” could mean two sums, and no other amount of the file settles it: write decimals")
        else:
            mark = notation.decimal
    whole, _, part = digits.rpartition(mark) if mark and mark in digits else (digits, "", "")
    if not _WHOLE.fullmatch(whole or "0") or (part and not part.isdecimal()):
        raise Refused("not an amount")
    return re.sub(r"\D", "", whole or "0") + ("." + part if part else "")


def _telling_mark(text: str) -> str | None:
    found = _AMOUNT.fullmatch(_sign(text)[1])
    return None if found is None else _decimal_mark(found["digits"].strip())


def _decimal_mark(digits: str) -> str | None:
    """The decimal mark that these digits give away, whatever the file: None for ``1250`` and for ``1,250``."""
    marks = [ch for ch in digits if ch in ".,"]
    if not marks:
        return None
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1:  # 1,250,000: what repeats is no decimal mark
        return _other(marks[0])
    return None if _single_mark(digits) else marks[0]


def _single_mark(digits: str) -> str | None:
    """The only mark, where it could group or begin decimals: ``1,250`` but not ``12,50``, ``0,125`` or ``1250,125``."""
    found = re.fullmatch(r"[1-9]\d{0,2}([.,])\d{3}", digits)
    return found[1] if found else None


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def read_date(text: str, notation: Notation) -> date:
    """A day: ISO 8601, ``31.12.2026`` (dots put the day first), ``4 Mar 2026``, ``Mar 4, 2026``, ``12/31/2026``.

    With slashes or dashes a day and month that could be swapped need a file that settles it. Raises `Refused`.
    """
    told = text.strip().lower()
    try:
        if found := _ISO.fullmatch(told):
            return date(int(found[1]), int(found[3]), int(found[4]))
        if found := _DAY_MONTH.fullmatch(told):
            return date(int(found[3]), _month(found[2]), int(found[1]))
        if found := _MONTH_DAY.fullmatch(told):
            return date(int(found[3]), _month(found[1]), int(found[2]))
        if found := _NUMERIC.fullmatch(told):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            day_first = _order(told, first, second, notation)
            return date(year, second, first) if day_first else date(year, first, second)
    except ValueError:  # the 31st of February
        raise Refused("no such day in the calendar") from None
    raise Refused(_NO_DATE)


def _month(name: str) -> int:
    if name not in _MONTH:
        raise Refused(_NO_DATE)
    return _MONTH[name]


def _order(told: str, first: int, second: int, notation: Notation) -> bool:
    order = _telling_order(told)
    if order is None and first != second:
        order = notation.day_first
        if order is None:
            raise Refused(f"“{told}” could be two days, and no other date of the file settles it: write 2026-12-31")
    return bool(order)


def _telling_order(text: str) -> bool | None:
    """Whether the day comes first, when one date alone tells."""
    found = _NUMERIC.fullmatch(text.strip())
    if found is None:
        return None
    if found[2] == ".":
        return True
    first, second = int(found[1]), int(found[3])
    return None if (first > 12) == (second > 12) else first > 12
