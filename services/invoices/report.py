"""Lines of a report that are no invoices: titles, names of customers that stand above their invoices, totals, a footer.

As QuickBooks Online exports its report "Open invoices": a title, the company and the day; the headings; for each
customer a line with the name, the invoices, and "Total for" with the name; "TOTAL"; the time of day. Customers may
have customers of their own in them. What one line of an invoice says is `sheet`'s.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from services.invoices.headings import Headings, plain
from services.invoices.table import Cell, Fault, is_empty, text_of

Grouped: TypeAlias = tuple[int, Sequence[Cell], str]  # the line, its cells, and whose name stands above it

# What a report of what is open holds beside invoices and credit notes. It belongs to no single invoice.
BESIDE = frozenset(
    ("payment", "deposit", "journalentry", "journal", "refund", "refundreceipt", "salesreceipt", "zahlung", "pago")
)
_TOTALS = ("total for ", "total de ", "gesamt für ", "summe für ", "total ")
_TOTAL = frozenset(("total", "gesamt", "summe", "grandtotal", "gesamtsumme"))


class Report:
    """Goes through the lines below the headings once, and knows where it is."""

    def __init__(self, headings: Headings) -> None:
        self._columns = headings.columns
        self._is_report = headings.is_report
        self._groups: list[str] = []
        self._ended = False
        self.left_out: Counter[str] = Counter()  # by type: lines that are no invoices

    def invoices(self, rows: Iterable[tuple[int, Sequence[Cell]]]) -> Iterator[Grouped]:
        """The lines that say what an invoice is, or should."""
        for line, cells in rows:
            label = self._label(cells)
            if label is None:
                if not self._is_beside(cells):
                    yield line, cells, ":".join(self._groups)
            elif not (self._understood(label, cells) if self._is_report else plain(label) in _TOTAL):
                yield (
                    line,
                    cells,
                    "",
                )  # whatever it is, nobody is told that it was taken: it is refused for what it lacks

    def _label(self, cells: Sequence[Cell]) -> str | None:
        """The first words of a line that has neither a number nor a day; None for every other line.

        They may stand in the column of numbers, where that is the first.
        """
        first = next((cell for cell in cells if not is_empty(cell)), "")
        words = " ".join(text_of(first).split())
        if isinstance(first, Fault) or not words or not is_empty(self._cell(cells, "issued")):
            return None
        number = self._cell(cells, "number")
        if is_empty(number):
            return words
        is_alone = sum(not is_empty(cell) for cell in cells) == 1
        is_label = plain(words) in _TOTAL or (self._is_report and (is_alone or _totalled(words) is not None))
        return words if number is first and is_label else None

    def _cell(self, cells: Sequence[Cell], field: str) -> Cell:
        column = self._columns.get(field, -1)
        return cells[column] if 0 <= column < len(cells) else ""

    def _understood(self, label: str, cells: Sequence[Cell]) -> bool:
        """Whether a label of a report begins a customer, ends one, ends all, or stands alone below the end."""
        if plain(label) in _TOTAL:
            self._ended, self._groups = True, []
            return True
        if (name := _totalled(label)) is not None and self._ends(name):
            return True
        is_alone = sum(not is_empty(cell) for cell in cells) == 1
        if is_alone and not self._ended:
            self._groups.append(label)
        return is_alone

    def _ends(self, name: str) -> bool:
        """Whether this is the total of a customer whom we are in; the customers in it end with it."""
        bare = name.removesuffix(" with sub-customers").removesuffix(" with sub-customer")
        for depth in range(len(self._groups) - 1, -1, -1):
            if self._groups[depth] in (name, bare) or ":".join(self._groups[: depth + 1]) in (name, bare):
                del self._groups[depth:]
                return True
        return False

    def _is_beside(self, cells: Sequence[Cell]) -> bool:
        told = text_of(self._cell(cells, "type"))
        if not self._is_report or plain(told) not in BESIDE:
            return False
        self.left_out[told] += 1
        return True


def _totalled(label: str) -> str | None:
    lower = label.lower()
    return next((label[len(start) :].strip() for start in _TOTALS if lower.startswith(start)), None)
