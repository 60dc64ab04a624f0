"""Opens an Excel workbook (XLSX): its sheets as lines of cells. Macros are not run, formulas are not worked out; what counts is what was saved.

python-calamine reads the values, after `package` looked the file through. A number becomes its decimal text: the digits
that the spreadsheet shows, never what they are in binary.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Context, Decimal
from typing import TypeAlias

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, load_workbook

from services.invoices.document import Refused
from services.invoices.package import MOST_CELLS, Faults, Package
from services.invoices.table import Cell, Fault, Row

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how an XLSX begins; how an XLS does, and a locked XLSX

_SHOWN = Context(prec=15)  # significant digits: Excel shows and keeps no more
_NOISE = Decimal("1e-9")  # no currency has so many decimals; what is below is left of sums in binary
_DAMAGED = "a damaged workbook: open it in the spreadsheet program and save it again"
_MERGED = Fault("one number in cells merged over several lines: write it in each line")

Merged: TypeAlias = dict[tuple[int, int], tuple[int, int]]  # a cell, and the one that is shown in its place; from 1


class Worksheet:
    """One sheet of a workbook."""

    def __init__(self, sheet: CalamineSheet, faults: Faults) -> None:
        self.name = sheet.name
        self.length = sheet.total_height
        self._sheet, self._faults = sheet, faults
        self._merged = _merged(sheet)

    def rows(self) -> Iterator[Row]:
        """Lines with anything in them, by the numbers that the spreadsheet shows."""
        begins = self._sheet.start
        if begins is None:
            return
        shown: dict[tuple[int, int], Cell] = {}  # of merged cells, while they last
        for line, values in enumerate(self._sheet.iter_rows(), start=1):
            cells: list[Cell] = [""] * begins[1] + [_cell(value) for value in values]
            self._fill(line, cells, shown)
            if any(cell != "" for cell in cells):
                yield line, cells

    def _fill(self, line: int, cells: list[Cell], shown: dict[tuple[int, int], Cell]) -> None:
        for column in range(1, len(cells) + 1):
            at = line, column
            if at in self._faults:
                cells[column - 1] = self._faults[at]
            if (first := self._merged.get(at)) is not None:
                value = shown.setdefault(first, cells[column - 1])
                cells[column - 1] = _MERGED if isinstance(value, Decimal) else value


class Workbook:
    """An XLSX file. Raises `Refused` for whatever else the bytes are."""

    def __init__(self, content: bytes) -> None:
        if content.startswith(OLE):
            raise Refused(_why_not(content))
        self._package = Package(content)
        self._parts = self._package.sheets()
        with _reading():
            self._book: CalamineWorkbook = load_workbook(io.BytesIO(content))

    @property
    def names(self) -> Sequence[str]:
        """Of the sheets that are shown, in their order."""
        return [part.sheet for part in self._parts]

    def sheet(self, name: str) -> Worksheet:
        """One of them, opened. Raises `Refused`."""
        part = next(part for part in self._parts if part.sheet == name)
        faults = self._package.faults(part)  # first: it also measures
        with _reading():
            return Worksheet(self._book.get_sheet_by_name(name), faults)


def _why_not(content: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return "locked with a password: save it without one"
    return "an old Excel file (.xls): in the spreadsheet program choose File, Save as, Excel workbook (.xlsx)"


@contextmanager
def _reading() -> Iterator[None]:
    """What the library says of a file that it cannot read, as a refusal."""
    try:
        yield
    except PasswordError:
        raise Refused("locked with a password: save it without one") from None
    except (CalamineError, OSError, ValueError) as error:
        raise Refused(_DAMAGED) from error
    except BaseException as error:  # a panic in Rust is no Exception, and one bad file must not end a server
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise Refused(_DAMAGED) from None


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime):
        return value.date()  # a day is wanted wherever one is; the hour is the program's
    return value if isinstance(value, date) else str(value)


def number(value: float) -> Decimal | str:
    """A cell's number by its decimal text, as far as the spreadsheet shows it: 1234.5600000000001 is 1234.56.

    Rounded to 15 significant digits, as Excel does, and to nine decimals. Text for what is no number at all.
    """
    shown = _SHOWN.create_decimal(repr(value))
    if not shown.is_finite():
        return str(value)
    if shown.adjusted() < 15:  # beyond, there is nothing behind the point
        shown = shown.quantize(_NOISE, context=Context(prec=30))
    whole = shown.to_integral_value()
    return Decimal(int(shown)) if shown == whole else shown.normalize()


def _merged(sheet: CalamineSheet) -> Merged:
    """The cells of areas that are merged over several lines, each with the first of its area; their number is bounded."""
    found: Merged = {}
    for (top, left), (bottom, _right) in sheet.merged_cell_ranges or ():
        if bottom > top:
            height = min(bottom, top + sheet.total_height)
            found |= {(line + 1, left + 1): (top + 1, left + 1) for line in range(top, height + 1)}
            if len(found) > MOST_CELLS:
                raise Refused("more merged cells than cells: take the merging away")
    return found
