"""One line of a sheet of invoices, and the document that it is. Which lines there are is `sheet`'s; how sums and days are
written is `notation`'s.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TypeVar

import msgspec

from services.invoices import headings
from services.invoices.details import LONGEST
from services.invoices.document import (
    BilledLine,
    Document,
    Kind,
    Refused,
    currency_code,
    document_number,
    line_text,
    mail_address,
    money,
    same_name,
    sheet_hash,
    tidy,
    unnumbered,
)
from services.invoices.headings import MONEY, Headings, Mappings, plain
from services.invoices.notation import Notation, read_amount, read_date
from services.invoices.table import Cell, Fault, Table, is_empty, text_of
from services.model import Money

Value = TypeVar("Value")

_PLACE = ("street", "city", "region", "phone")

_VOID = frozenset(["void", "voided", "cancelled", "canceled", "deleted", "storniert", "anulada", "cancelada"])
_PAID = frozenset(["paid", "paidinfull", "closed", "settled", "bezahlt", "pagada", "cobrada"])
_OPEN = frozenset(
    [
        "open",
        "unpaid",
        "sent",
        "viewed",
        "issued",
        "approved",
        "awaitingpayment",
        "due",
        "overdue",
        "offen",
        "versendet",
        "uberfallig",
        "abierta",
        "pendiente",
        "enviada",
        "vencida",
    ]
) | {""}
_PARTLY = frozenset(
    ["partial", "partiallypaid", "partlypaid", "partpaid", "teilweisebezahlt", "teilbezahlt", "parcialmentepagada"]
)
_YES = frozenset(["yes", "y", "true", "x", "1", "void", "voided", "ja", "si"])
_NO = frozenset(["no", "n", "false", "0", "nein"]) | {""}
_INVOICE = frozenset(["invoice", "salesinvoice", "inv", "rechnung", "factura"]) | {""}
_CREDIT = frozenset(
    ["credit", "creditnote", "creditmemo", "creditinvoice", "cn", "gutschrift", "notadecredito", "abono"]
)


class Asked(msgspec.Struct, frozen=True):
    """How whoever brings a sheet wants it read. ``sheet``: the name of one in a workbook; empty: the first that is one of invoices."""

    default_currency: str | None
    supplier: str
    sheet: str = ""
    mappings: Mappings = Mappings()


class Sheet(msgspec.Struct, frozen=True):
    """A sheet that is open, and what its headings mean."""

    file: str
    table: Table
    headings: Headings
    asked: Asked

    @property
    def columns(self) -> dict[str, int]:
        return self.headings.columns


class Line(msgspec.Struct, frozen=True):
    """A line below the headings. What is asked by field comes from the column whose heading means it; empty without one."""

    sheet: Sheet
    line: int
    cells: Sequence[Cell]
    group: str  # whose name stands above, in a report

    def cell(self, field: str) -> Cell:
        """As it stands in the file."""
        place = self.sheet.columns.get(field)
        return self.cells[place] if place is not None and place < len(self.cells) else ""

    def text(self, field: str) -> str:
        """The cell as text. Raises `Refused` when it has no value."""
        found = self.cell(field)
        if isinstance(found, Fault):
            raise self.refused(field, found.reason)
        return text_of(found)

    def written(self, field: str) -> str:
        """What a person wrote as text: it shows how numbers and days are written in this file."""
        found = self.cell(field)
        return found if isinstance(found, str) else ""

    def read(self, field: str, how: Callable[[str], Value]) -> Value:
        """The cell read by ``how``; what it refuses gets this cell's place."""
        text = self.text(field)
        try:
            return how(text)
        except Refused as refused:
            raise self.refused(field, refused.reason) from None

    def sum(self, field: str, currency: str, notation: Notation) -> Money:
        """A sum; a number of a workbook is what it is, whatever the notation of what is written as text."""
        if isinstance(found := self.cell(field), date):
            raise self.refused(field, "a day, where a sum is needed: format the column as numbers")
        is_number = isinstance(found, Decimal)
        return self.read(
            field, lambda text: money(text, currency) if is_number else read_amount(text, currency, notation)
        )

    def day(self, field: str, notation: Notation) -> date:
        """A day; a workbook knows which of its numbers are days."""
        if isinstance(found := self.cell(field), Decimal):
            raise self.refused(field, f"{found:f} is a number, not a day: format the column as dates")
        return found if isinstance(found, date) else self.read(field, lambda text: read_date(text, notation))

    def refused(self, field: str, reason: str) -> Refused:
        """A refusal that names this cell."""
        place = self.sheet.columns.get(field)
        column = None if place is None else place + 1
        named = field.replace("_", " ")
        if column is not None:
            named += headings.where(self.line, column, of_workbook=bool(self.sheet.table.name))
        return Refused(f"{named}: {reason}", self.line, column)


def document(line: Line, notation: Notation) -> Document:
    """What the line says by itself. Raises `Refused` with the place of the cell that is at fault."""
    width = len(line.sheet.headings.texts)
    if any(not is_empty(cell) for cell in line.cells[width:]):
        raise Refused("more cells than headings (an unquoted mark inside a cell?)", line.line, width + 1)
    total, due, voided = _owed(line, notation)
    name, zip_code, email = _contact(line)
    customer = line.read("customer", lambda text: same_name(tidy(text, 200)))
    found = Document(
        file=line.sheet.file,
        line=line.line,
        supplier=_supplier(line),
        number=line.read("number", document_number),
        kind=_kind(line, total),
        customer=customer or unnumbered(name, zip_code, email),
        name=name,
        zip=zip_code,
        email=email,
        total=total,
        due=due,
        issued=line.day("issued", notation),
        due_date=line.day("due_date", notation) if line.text("due_date") else None,
        voided=voided,
        hash="",
        fee_exempt=_fee_exempt(line),
        **{field: line.read(field, partial(tidy, longest=LONGEST[field])) for field in _PLACE},
        lines=_billed(line, total.currency, notation),
        is_total_told=bool(line.text("total")),
    )
    return msgspec.structs.replace(found, hash=sheet_hash(found))


def _contact(line: Line) -> tuple[str, str, str]:
    name = line.read("name", lambda text: tidy(text, 300)) or _group(line)
    return name, line.read("zip", lambda text: tidy(text, 32)), line.read("email", mail_address)


def _group(line: Line) -> str:
    """Whose name stands above, in a report."""
    if not line.group:
        why = "empty" if "name" in line.sheet.columns else "no heading means it, and no customer's name stands above"
        raise line.refused("name", why)
    try:
        return tidy(line.group, 300)
    except Refused as refused:
        raise line.refused("name", refused.reason) from None


def _billed(line: Line, currency: str, notation: Notation) -> tuple[BilledLine, ...]:
    """What this line of the sheet bills, where the sheet says for how much; nothing where it bills nothing."""
    if "line_amount" not in line.sheet.columns:
        return ()  # a description without a sum of its own belongs to no line
    text = line.read("line", line_text)
    if not line.text("line_amount"):
        if text:
            raise line.refused("line_amount", "empty, and the line says what it bills")
        return ()
    if not text:
        raise line.refused("line", "empty, and the line has a sum")
    amount = line.sum("line_amount", currency, notation)
    count = line.read("quantity", lambda told: tidy(told, 24))
    unit = line.read("unit", lambda told: tidy(told, 12))
    return (BilledLine(text, f"{count} {unit}".strip() if count else "", amount.minor),)


def _fee_exempt(line: Line) -> bool | None:
    """Whether the customer pays no program fee; None where the sheet does not say."""
    told = plain(line.text("fee_exempt"))
    if told not in _YES | _NO:
        raise line.refused("fee_exempt", "neither yes nor no")
    return told in _YES if told else None


def _supplier(line: Line) -> str:
    told = line.read("supplier", lambda text: same_name(tidy(text, 200)))
    return told or same_name(tidy(line.sheet.asked.supplier, 200))


def _kind(line: Line, total: Money) -> Kind:
    told = plain(line.text("type"))
    if told not in _INVOICE | _CREDIT:
        raise line.refused("type", "neither invoice nor credit note")
    return "credit" if total.minor < 0 or told in _CREDIT else "invoice"


def _currency(line: Line) -> str:
    if line.text("currency"):
        return line.read("currency", currency_code)
    if line.sheet.asked.default_currency is None:
        raise line.refused("currency", "neither in the sheet nor given as the default")
    return line.sheet.asked.default_currency


def _owed(line: Line, notation: Notation) -> tuple[Money, Money, bool]:
    """Total, what is still open of it, and whether the invoice is void."""
    currency = _currency(line)
    told = {field: line.sum(field, currency, notation) for field in MONEY if line.text(field)}
    if not told:
        raise line.refused("total", "empty")
    total = told["total"] if "total" in told else told["due"]
    status, void = plain(line.text("status")), plain(line.text("void"))
    if void not in _YES | _NO:
        raise line.refused("void", "neither yes nor no")
    due = _open_balance(line, status, total, told.get("due"))
    return total, due, status in _VOID or void in _YES


def _open_balance(line: Line, status: str, total: Money, due: Money | None) -> Money:
    if status in _PAID:
        if due is not None and due.minor > 0:
            raise line.refused("status", "paid, yet a balance is open")
        return Money(0, total.currency) if due is None else due
    if status in _PARTLY and due is None:
        raise line.refused("status", "partly paid, but no column says what is still open")
    if status not in _OPEN | _PARTLY | _VOID:
        raise line.refused("status", "not one that Remit knows: open, paid, partly paid, void (leave drafts out)")
    return total if due is None else due
