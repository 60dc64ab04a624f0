"""Opens text that is a sheet: CSV and its like (RFC 4180, and what programs make of it). Which encoding, which mark between cells.

A cell is text whatever it begins with: ``=1+1`` in a name stays those four characters, and nothing is ever evaluated.
"""

import codecs
import csv
import io
from collections.abc import Iterator

from services.invoices.document import Refused
from services.invoices.table import Row

LARGEST = 20 * 1024 * 1024  # bytes
MARKS = ",;\t"


class Delimited:
    """A text file read with one mark between its cells. It is never held decoded."""

    name = ""

    def __init__(self, content: bytes, encoding: str, mark: str, skip: int) -> None:
        self._content, self._encoding, self._mark, self._skip = content, encoding, mark, skip
        self.length = content.count(b"\n") or content.count(b"\r")  # also those inside of cells

    def rows(self) -> Iterator[Row]:
        """Lines with anything in them, by the line each begins on. Raises `Refused` where quotation marks do not match."""
        text = io.TextIOWrapper(io.BytesIO(self._content), self._encoding, newline="")
        reader = csv.reader(text, delimiter=self._mark, strict=True)
        begins = 1
        try:
            for cells in reader:
                if begins > self._skip and any(cell.strip() for cell in cells):
                    yield begins, cells
                begins = reader.line_num + 1
        except csv.Error:
            raise Refused("quotation marks that do not match, or a cell of more than 128 kB", begins) from None


def readings(content: bytes) -> list[Delimited]:
    """The ways in which these bytes could be a sheet, one for each mark. Raises `Refused` when they are no text."""
    if len(content) > LARGEST:
        raise Refused(f"larger than {LARGEST // 1024 // 1024} MB")
    encoding = _encoding(content)
    first, *_ = io.TextIOWrapper(io.BytesIO(content), encoding).readline(100).splitlines() or [""]
    named = first[4] if len(first) == 5 and first.lower().startswith("sep=") else ""  # Excel's own hint
    return [Delimited(content, encoding, mark, 1 if named else 0) for mark in (named or MARKS)]


def _encoding(content: bytes) -> str:
    """By its mark; else UTF-8 if all of it is; else Windows-1252, in which older spreadsheets save."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates: tuple[str, ...] = ("utf-16",)
    else:
        candidates = ("utf-8-sig", "cp1252")
    for encoding in candidates:
        try:
            for text in codecs.iterdecode(io.BytesIO(content), encoding):
                if "\0" in text:
                    raise Refused("not a text file")
        except UnicodeDecodeError:
            continue
        return encoding
    raise Refused("neither UTF-8 nor Windows-1252 text")
