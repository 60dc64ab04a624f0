"""An invoice on paper: values in, the bytes of a PDF out. The one place that knows how a page is set.

Pure: the same values make the same bytes, since the day on which the document was made is one of them. The letters are
Noto Sans (Latin, Greek, Cyrillic, Vietnamese, Devanagari); one that it lacks is shown as \N{REPLACEMENT CHARACTER},
and is never left out.
"""

import unicodedata
from datetime import datetime
from functools import cache
from itertools import zip_longest

import fontpkg  # type: ignore[import-untyped]  # one function, which answers with a path
import msgspec
from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue
from fpdf.fonts import TTFFont

from services.model import Details, Invoice, InvoiceState, Money, SheetLine

_LACKING = "\N{REPLACEMENT CHARACTER}"
_LETTER = frozenset(("USD", "CAD", "MXN"))  # where paper is not of the A series (ISO 216)
_FONT = "Noto Sans"
_MARGIN = 20  # millimetres
_HEIGHT = 6  # of a line
_COLUMNS = (0.58, 0.17, 0.25)  # of the width: what was billed, how much of it, for how much
_GREY = 110
_WORDS = {
    InvoiceState.OPEN: "Invoice",
    InvoiceState.PAID: "Invoice, paid",
    InvoiceState.VOID: "Invoice, void: nothing is owed on it",
    InvoiceState.CREDIT: "Credit note",
}


class Paper(msgspec.Struct, frozen=True):
    """All that stands on the document. ``lines`` are all of them, in order; ``made`` is aware, and only metadata."""

    business: str
    invoice: Invoice
    customer: Details
    lines: tuple[SheetLine, ...]
    made: datetime


def render(paper: Paper) -> bytes:
    """The document as PDF. Sums are told with the currency's code, days as ISO 8601: readable in every country."""
    invoice = paper.invoice
    page = _Page(paper)
    page.head(paper.business, _WORDS[invoice.state], invoice.number)
    page.facts(_who(paper.customer), _when(invoice))
    if paper.lines:
        page.lines(paper.lines)
    page.sums(_sums(paper))
    return page.close()


def _who(customer: Details) -> list[str]:
    town = " ".join(part for part in (customer.city, customer.region, customer.zip) if part)
    return [line for line in (customer.name, customer.street, town) if line]


def _when(invoice: Invoice) -> list[str]:
    due = [] if invoice.due_date is None else [f"Due {invoice.due_date}"]
    return [f"Number {invoice.number}", f"Issued {invoice.issued}", *due]


def _sums(paper: Paper) -> list[tuple[str, Money]]:
    """From the lines down to what is due, so that each sum follows from those above it."""
    invoice = paper.invoice
    told = [("Total", invoice.total)]
    rest = invoice.total.minor - sum(line.amount.minor for line in paper.lines)
    if paper.lines and rest:  # lines are often told before tax, and documents add charges as a whole
        told.insert(0, ("Tax, charges and discounts", Money(rest, invoice.total.currency)))
    if invoice.state in (InvoiceState.OPEN, InvoiceState.PAID):
        if invoice.due != invoice.total:
            told.append(("Paid and credited", invoice.due - invoice.total))
        told.append(("Amount due", invoice.due))
    return told


class _Page:
    """The document while it is set."""

    def __init__(self, paper: Paper) -> None:
        size = "letter" if paper.invoice.total.currency in _LETTER else "a4"
        self._pdf = FPDF(format=size)
        self._pdf.set_creation_date(paper.made)
        self._pdf.set_margin(_MARGIN)
        self._pdf.set_auto_page_break(auto=True, margin=_MARGIN)
        self._pdf.add_font(_FONT, fname=_font_file())
        self._pdf.set_font(_FONT)
        font = self._pdf.current_font
        assert isinstance(font, TTFFont), "the one that was added from a file"
        self._has = frozenset(font.cmap)
        self._pdf.set_title(self._shown(paper.invoice.number))
        self._pdf.set_lang("en")
        self._pdf.add_page()

    def head(self, business: str, kind: str, number: str) -> None:
        """Whose document this is, and which."""
        if business:
            self._say(business, size=11, grey=_GREY)
        self._say(f"{kind} {number}" if kind in ("Invoice", "Credit note") else kind, size=20)
        self._pdf.ln(_HEIGHT)

    def facts(self, left: list[str], right: list[str]) -> None:
        """The customer beside the days."""
        self._pdf.set_font(size=10)
        top, bottom = self._pdf.y, self._pdf.y
        for align, told in ((Align.L, left), (Align.R, right)):
            self._pdf.set_xy(self._pdf.l_margin + (self._pdf.epw * 0.6 if align is Align.R else 0), top)
            width = self._pdf.epw * (0.4 if align is Align.R else 0.55)
            self._pdf.multi_cell(width, _HEIGHT, "\n".join(map(self._shown, told)), align=align)
            bottom = max(bottom, self._pdf.y + _HEIGHT)
        self._pdf.set_xy(self._pdf.l_margin, bottom + _HEIGHT)

    def lines(self, lines: tuple[SheetLine, ...]) -> None:
        """What was billed; the headings stand again on each page."""
        self._pdf.set_font(size=10)
        self._headings()
        for line in lines:
            told = (self._shown(line.text), self._shown(line.quantity), str(line.amount))
            rows = list(zip_longest(*map(self._wrapped, told, _COLUMNS), fillvalue=""))
            if self._pdf.will_page_break(_HEIGHT * len(rows)):
                self._pdf.add_page()
                self._headings()
            for row in rows:
                self._row(*row)
            self._rule()
        self._pdf.ln(_HEIGHT)

    def _headings(self) -> None:
        self._pdf.set_text_color(_GREY)
        self._row("What", "How much", "Amount")
        self._pdf.set_text_color(0)
        self._rule()

    def _rule(self) -> None:
        self._pdf.line(self._pdf.l_margin, self._pdf.y, self._pdf.l_margin + self._pdf.epw, self._pdf.y)

    def _row(self, *cells: str) -> None:
        for cell, share, align in zip(cells, _COLUMNS, (Align.L, Align.R, Align.R), strict=True):
            self._pdf.cell(self._pdf.epw * share, _HEIGHT, cell, align=align)
        self._pdf.ln(_HEIGHT)

    def _wrapped(self, text: str, share: float) -> list[str]:
        """The text in lines that fit into this share of the page."""
        width = self._pdf.epw * share
        if self._pdf.get_string_width(text) < width - 2 * self._pdf.c_margin:
            return [text]
        lines = self._pdf.multi_cell(width, _HEIGHT, text, align=Align.L, dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list), "what was asked for as output"
        return lines

    def sums(self, told: list[tuple[str, Money]]) -> None:
        """One below the other; the last one is what the reader looks for."""
        for label, amount in told:
            last = (label, amount) == told[-1]
            self._pdf.set_font(size=13 if last else 10)
            self._pdf.set_text_color(0 if last else _GREY)
            self._pdf.cell(self._pdf.epw * 0.65, _HEIGHT + 1, label, align="R")
            self._pdf.cell(0, _HEIGHT + 1, str(amount), align="R", new_x="LMARGIN", new_y="NEXT")

    def close(self) -> bytes:
        """The finished document."""
        return bytes(self._pdf.output())

    def _say(self, text: str, *, size: int, grey: int = 0) -> None:
        self._pdf.set_font(size=size)
        self._pdf.set_text_color(grey)
        self._pdf.multi_cell(0, size * 0.5, self._shown(text), align="L", new_x="LMARGIN", new_y="NEXT")
        self._pdf.set_text_color(0)

    def _shown(self, text: str) -> str:
        """The text in letters that the font has, on one line; what only steers other programs is left out."""
        told = "".join(ch for ch in text if ch.isspace() or unicodedata.category(ch) not in ("Cc", "Cf"))
        return "".join(ch if ord(ch) in self._has else _LACKING for ch in " ".join(told.split()))


@cache
def _font_file() -> str:
    return str(fontpkg.path(_FONT))
