"""What every kind of imported file becomes: a `Document`, or a `Refusal` with its place and reason.

Here are the values and the rules that no file format may bend (sums, currencies, text). Never a format's own rules
(`ubl`, `sheet`), and no SQL (`importing`).
"""

import hashlib
import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from services.invoices.base import plain
from services.model import Money, exponent

Kind: TypeAlias = Literal["invoice", "credit"]

# ISO 4217 table A.1, without metals, test and "no currency" codes. BGN left in 2026; invoices in it are still about.
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL
LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR
PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())

_NUMBER = re.compile(r"[+-]?(?=\.?\d)\d*(?:\.\d*)?", re.ASCII)
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_LONGEST_WHOLE = 13  # digits: with four decimals still inside a 64-bit integer
_LONGEST_LINE = 300  # characters of what one line of an invoice says
_HIDDEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # can show a text as another one


class BilledLine(msgspec.Struct, frozen=True):
    """One line of a document: what was billed, how much of it, and for how much (minor units, signed as written)."""

    text: str
    quantity: str
    amount_minor: int


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One invoice or credit note as its file states it.

    ``supplier`` and ``number`` are its identity; ``customer`` names the customer among this supplier's. ``total`` and
    ``due`` are the file's own figures (a credit note's are usually positive); ``due`` is before anything Remit posted.
    ``hash`` is equal for equal documents and begins with the format's name. What may be left out has a default, which
    is left out of the hash too: sheets that were imported before Remit read these keep theirs.
    """

    file: str
    line: int | None
    supplier: str
    number: str
    kind: Kind
    customer: str
    name: str
    zip: str
    email: str
    total: Money
    due: Money
    issued: date
    due_date: date | None
    voided: bool
    hash: str
    street: str = ""
    city: str = ""
    region: str = ""
    phone: str = ""
    fee_exempt: bool | None = None  # whether its customer pays no program fee; None: the file does not say
    lines: tuple[BilledLine, ...] = ()  # none: the file does not say what was billed
    is_total_told: bool = True  # False: the file says what is open, and not of how much; `total` is the same then


class Refusal(msgspec.Struct, frozen=True):
    """Why a file, or one line of it, was not taken. ``line`` and ``column`` count from 1; None where there is none."""

    file: str
    line: int | None
    column: int | None
    reason: str


class Refused(Exception):  # noqa: N818  # not an error: it never leaves the reading of one file
    """Carries a reason out of the middle of a file to its reader, which returns it as a `Refusal`."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column

    def refusal(self, file: str, line: int | None = None, column: int | None = None) -> Refusal:
        """The same as a value; the place given here counts where none was known."""
        return Refusal(file, self.line or line, self.column or column, self.reason)


def tidy(text: str, longest: int) -> str:
    """Text from a file on one line, white space collapsed. Raises `Refused` when too long or with hidden characters."""
    told = " ".join(text.split())
    if len(told) > longest:
        raise Refused(f"longer than {longest} characters")
    if hides_something(told):
        raise Refused("holds control characters or hidden changes of direction")
    return told


def hides_something(text: str) -> bool:
    """Whether a text holds control characters, halves of characters, or what makes it show as another one."""
    if text.isprintable():  # nearly every text, told at once
        return False
    return any(ch in _HIDDEN or unicodedata.category(ch) in ("Cc", "Cs") for ch in text)


def line_text(text: str) -> str:
    """What one line bills, on one line; what is longer than 300 characters ends in … there. Raises `Refused`."""
    told = " ".join(text.split())
    return tidy(told if len(told) <= _LONGEST_LINE else told[: _LONGEST_LINE - 1].rstrip() + "…", _LONGEST_LINE)


def document_number(text: str) -> str:
    """An invoice number, at most 100 characters, with a letter or digit to find it by. Raises `Refused`."""
    number = tidy(text, 100)
    if not plain(number):
        raise Refused("an invoice number needs a letter or a digit")
    if len(plain(number)) > 120:  # upper case can be longer
        raise Refused("longer than 100 characters")
    return number


def mail_address(text: str) -> str:
    """An e-mail address, at most 254 characters (RFC 5321), or an empty string. Raises `Refused`."""
    address = tidy(text, 254)
    if address and not is_address(address):
        raise Refused("not an e-mail address")
    return address


def is_address(text: str) -> bool:
    """Whether this could be an e-mail address at all."""
    return len(text) <= 254 and bool(_ADDRESS.fullmatch(text)) and not hides_something(text)


def currency_code(text: str) -> str:
    """A currency in use (ISO 4217), upper case. Raises `Refused`."""
    code = text.strip().upper()
    if code not in CURRENCIES:
        shown = f"“{code}”" if re.fullmatch(r"\w{1,4}", code) else "this"
        raise Refused(f"{shown} is not a currency code of ISO 4217")
    return code


def money(number: str, currency: str) -> Money:
    """``-1250.5`` as a sum in a currency; zeros after its last decimal are welcome. Raises `Refused`."""
    if not _NUMBER.fullmatch(number) or len(number) > 40:
        raise Refused("not an amount")
    if len(number.lstrip("+-0").partition(".")[0]) > _LONGEST_WHOLE:
        raise Refused(f"an amount of more than {_LONGEST_WHOLE} digits")
    places = exponent(currency)
    minor = Decimal(number).scaleb(places)
    if minor != minor.to_integral_value():
        raise Refused(f"an amount in {currency} has at most {places} decimals")
    return Money(int(minor), currency)


def same_name(name: str) -> str:
    """A name as it is compared: case aside."""
    return name.casefold()


def unnumbered(name: str, zip_code: str, email: str) -> str:
    """Who a customer without any number is: all that is known. Two people of one name must never become one."""
    return same_name(f"{name}|{zip_code}|{email}")


def sheet_hash(document: Document) -> str:
    """What a row says, wherever it stands: its place and earlier hash aside."""
    said = msgspec.structs.replace(document, file="", line=None, hash="")
    return "csv:" + hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:60]
