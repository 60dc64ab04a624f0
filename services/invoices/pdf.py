"""An invoice on paper: values in, the bytes of a PDF out. Which letters it can show, and how a line is set, is
`services.paper`'s.

Pure: the same values make the same bytes, since the day on which the document was made is one of them.
"""

from datetime import datetime
from itertools import zip_longest

import msgspec

from services.model import Details, Invoice, InvoiceState, Money, SheetLine
from services.paper import GREY, HEIGHT, Align, Sheet

_ALIGNS: tuple[Align, ...] = ("L", "R", "R")
_COLUMNS = (0.58, 0.17, 0.25)  # of the width: what was billed, how much of it, for how much
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


class _Page(Sheet):
    """The document while it is set."""

    def __init__(self, paper: Paper) -> None:
        super().__init__(
            currency=paper.invoice.total.currency, title=paper.invoice.number, language="en", made=paper.made
        )

    def head(self, business: str, kind: str, number: str) -> None:
        """Whose document this is, and which."""
        if business:
            self.say(business, size=11, grey=GREY)
        self.say(f"{kind} {number}" if kind in ("Invoice", "Credit note") else kind, size=20)
        self.gap()

    def facts(self, left: list[str], right: list[str]) -> None:
        """The customer beside the days."""
        self.pdf.set_font(size=10)
        top, bottom = self.pdf.y, self.pdf.y
        for is_right, told in ((False, left), (True, right)):
            self.pdf.set_xy(self.pdf.l_margin + (self.pdf.epw * 0.6 if is_right else 0), top)
            width = self.pdf.epw * (0.4 if is_right else 0.55)
            self.pdf.multi_cell(width, HEIGHT, "\n".join(map(self.shown, told)), align="R" if is_right else "L")
            bottom = max(bottom, self.pdf.y + HEIGHT)
        self.pdf.set_xy(self.pdf.l_margin, bottom + HEIGHT)

    def lines(self, lines: tuple[SheetLine, ...]) -> None:
        """What was billed; the headings stand again on each page."""
        self.pdf.set_font(size=10)
        self._headings()
        for line in lines:
            told = (self.shown(line.text), self.shown(line.quantity), str(line.amount))
            rows = list(zip_longest(*map(self.wrapped, told, _COLUMNS), fillvalue=""))
            if self.pdf.will_page_break(HEIGHT * len(rows)):
                self.pdf.add_page()
                self._headings()
            for row in rows:
                self.row(row, _COLUMNS, _ALIGNS)
            self.rule()
        self.gap()

    def _headings(self) -> None:
        self.pdf.set_text_color(GREY)
        self.row(("What", "How much", "Amount"), _COLUMNS, _ALIGNS)
        self.pdf.set_text_color(0)
        self.rule()

    def sums(self, told: list[tuple[str, Money]]) -> None:
        """One below the other; the last one is what the reader looks for."""
        for label, amount in told:
            last = (label, amount) == told[-1]
            self.pdf.set_font(size=13 if last else 10)
            self.pdf.set_text_color(0 if last else GREY)
            self.pdf.cell(self.pdf.epw * 0.65, HEIGHT + 1, label, align="R")
            self.pdf.cell(0, HEIGHT + 1, str(amount), align="R", new_x="LMARGIN", new_y="NEXT")
