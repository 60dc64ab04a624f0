"""What every kind of sheet is once it is open: lines of cells, each with the number by which its program shows it.

Here are the values that `delimited` and `workbook` make and `sheet` reads. What a cell means is never decided here.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeAlias

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """A cell whose value is not in the file, and why. It is refused where it is needed, and nowhere else."""

    reason: str


# A workbook knows numbers and days; all that a text file has is text.
Cell: TypeAlias = str | Decimal | date | Fault
Row: TypeAlias = tuple[int, Sequence[Cell]]  # the line, counted from 1 as people see it


class Table(Protocol):
    """A sheet that can be gone through as often as one likes."""

    @property
    def name(self) -> str:
        """Of the sheet in its workbook; empty for a file that is one sheet."""

    @property
    def length(self) -> int:
        """About how many lines there are, for whoever waits."""

    def rows(self) -> Iterator[Row]:
        """The lines with anything in them. Raises `Refused` where the file cannot be read on."""


def text_of(cell: Cell) -> str:
    """A cell as text, as its program would show it. A `Fault` has none."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return "" if isinstance(cell, Fault) else cell.isoformat()


def is_empty(cell: Cell) -> bool:
    """Whether nothing stands in a cell. A `Fault` is something."""
    return isinstance(cell, str) and not cell.strip()


def place(line: int, column: int) -> str:
    """A cell's name in a spreadsheet: line 7, column 5 is ``E7``."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{line}"
