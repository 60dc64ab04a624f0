"""Tables as CSV (RFC 4180), safe to open in a spreadsheet. What stands in them is told by whoever makes them."""

import csv
import io
from collections.abc import Iterable, Sequence

KIND = "text/csv; charset=utf-8"
# a spreadsheet would run a cell that begins like this (OWASP, CSV Injection)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def sheet(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines that end in CRLF, the first with these heads. A text that a spreadsheet would run begins with an apostrophe;
    whole numbers stay numbers.
    """
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(heads)
    lines.writerows([_cell(each) for each in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    if value is None or isinstance(value, int):
        return value
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip().startswith(_FORMULAS) else text
