"""Writes lines that spreadsheets read: CSV as in RFC 4180, in UTF-8, in which no cell is a formula.

Values in, bytes out. What is in the lines is for whoever writes them; reading sheets is `services.invoices.sheet`'s.
"""

import codecs
import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeAlias

from services.model import Money, exponent

BOM = codecs.BOM_UTF8  # without it, Excel takes UTF-8 for the code page of the machine

Cell: TypeAlias = str | Decimal

# A cell that begins so is a formula to one program or another: OWASP, "CSV Injection"; the wide ones are for Excel in Japanese.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def decimal(amount: Money) -> Decimal:
    """A sum in major units with all of its decimals: 5 cents are 0.05."""
    return Decimal(amount.minor).scaleb(-exponent(amount.currency))


def harmless(text: str) -> str:
    """A text that no spreadsheet works out: an apostrophe before what would be a formula, as OWASP advises.

    White space before the sign protects nothing, so it is looked through.
    """
    return f"'{text}" if text.startswith(_FORMULAS) or text.lstrip().startswith(_FORMULAS) else text


def lines(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Rows as CSV: texts in quotation marks and harmless, numbers bare, each line ended by CRLF."""
    into = io.StringIO(newline="")
    writer = csv.writer(into, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for row in rows:
        writer.writerow([cell if isinstance(cell, Decimal) else harmless(cell) for cell in row])
    return into.getvalue().encode()
