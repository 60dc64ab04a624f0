"""Reads a sheet of invoices: CSV with a line of headings, one invoice (or one line of one) per line. How sums and days are written is
`notation`; here is what the headings mean and what a line says.

A cell is text whatever it begins with: ``=1+1`` in a name stays those four characters, and nothing is ever evaluated.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import msgspec

from services.invoices.details import LONGEST
from services.invoices.document import (
    BilledLine,
    Document,
    Kind,
    Refusal,
    Refused,
    currency_code,
    document_number,
    line_text,
    mail_address,
    same_name,
    sheet_hash,
    tidy,
    unnumbered,
)
from services.invoices.notation import Notation, read_amount, read_date, settle
from services.model import Money

LARGEST = 20 * 1024 * 1024  # bytes
MOST_ROWS = 100_000
MOST_REFUSALS = 100  # of one file: a sheet with a wrong column has one reason, not a hundred thousand

Value = TypeVar("Value")

# What headings mean, letters and digits only, the surest name first: with two in one file, that one is read.
_HEADINGS = {
    "number": "invoicenumber invoiceno invoicenum invoicenr invoiceid invoice documentnumber documentno docnumber number num no",
    "customer": "customerid customernumber customerno customercode clientid clientnumber clientcode",
    "name": "customername clientname billingname billto contactname buyername customer client buyer companyname company name",
    "email": "billingemail customeremail clientemail contactemail emailaddress email mail",
    "zip": "billingzip billingpostalcode billtozip billtopostalcode zipcode postalcode zip postcode popostalcode plz",
    "total": "invoicetotal totalamount grosstotal grandtotal invoiceamount grossamount total amount",
    "due": "openbalance balancedue amountdue outstandingbalance amountoutstanding outstanding openamount dueamount balance",
    "currency": "currencycode currency ccy",
    "issued": "invoicedate issuedate dateissued issuedon issued documentdate date",
    "due_date": "duedate paymentduedate datedue dueon payby",
    "status": "invoicestatus paymentstatus status",
    "void": "isvoid voided void",
    "type": "invoicetype documenttype transactiontype doctype type kind",
    "supplier": "supplierid supplier suppliername seller vendor biller",
    "street": "billingstreet billtostreet streetaddress street billingaddressline1 addressline1 address1 poaddressline1 billingaddress address",
    "city": "billingcity billtocity city town pocity",
    "region": "billingstate billingregion billtostate stateprovince region province poregion",
    "phone": "billingphone phonenumber phone telephone tel",
    "fee_exempt": "feeexempt customerfeeexempt nofee nocardfee exemptfromfee",
    "line": "linedescription itemdescription description lineitem itemname productservice item",
    "line_amount": "lineamount linetotal lineitemamount lineitemtotal itemamount itemtotal",
    "quantity": "linequantity itemquantity quantity qty hours",
    "unit": "unitofmeasure uom unit",
}
_MEANING = {name: field for field, names in _HEADINGS.items() for name in names.split()}
_MONEY = ("total", "due")
_SUMS = (*_MONEY, "line_amount")
_DAYS = ("issued", "due_date")
_PLACE = ("street", "city", "region", "phone")

_VOID = frozenset(("void", "voided", "cancelled", "canceled", "deleted"))
_PAID = frozenset(("paid", "paidinfull", "closed", "settled"))
_OPEN = frozenset(("", "open", "unpaid", "sent", "viewed", "issued", "approved", "awaitingpayment", "due", "overdue"))
_PARTLY = frozenset(("partial", "partiallypaid", "partlypaid", "partpaid"))
_YES, _NO = frozenset(("yes", "y", "true", "x", "1", "void", "voided")), frozenset(("", "no", "n", "false", "0"))
_INVOICE = frozenset(("", "invoice", "salesinvoice", "inv"))
_CREDIT = frozenset(("credit", "creditnote", "creditmemo", "creditinvoice", "cn"))


class _Sheet(msgspec.Struct, frozen=True):
    file: str
    encoding: str
    delimiter: str
    skip: int  # lines before the headings
    columns: dict[str, int]  # field -> where it stands, from 0
    width: int
    default_currency: str | None
    default_supplier: str


class _Line(msgspec.Struct, frozen=True):
    sheet: _Sheet
    line: int
    cells: list[str]

    def text(self, field: str) -> str:
        place = self.sheet.columns.get(field)
        return self.cells[place].strip() if place is not None and place < len(self.cells) else ""

    def read(self, field: str, how: Callable[[str], Value]) -> Value:
        """The cell read by ``how``; what it refuses gets this cell's place."""
        try:
            return how(self.text(field))
        except Refused as refused:
            raise self.refused(field, refused.reason) from None

    def refused(self, field: str, reason: str) -> Refused:
        place = self.sheet.columns.get(field)
        return Refused(f"{field.replace('_', ' ')}: {reason}", self.line, None if place is None else place + 1)


def read(file: str, content: bytes, *, default_currency: str | None, supplier: str) -> Iterator[Document | Refusal]:
    """Every invoice of the sheet, or why its line was not taken.

    ``default_currency`` and ``supplier`` count where the sheet has no such column or its cell is empty. The bytes are
    gone through twice, once for how sums and days are written, and never held decoded.
    """
    try:
        sheet = _open(file, content, default_currency, supplier)
        yield from _documents(sheet, content)
    except Refused as refused:
        yield refused.refusal(file)


def _documents(sheet: _Sheet, content: bytes) -> Iterator[Document | Refusal]:
    notation = settle((map(line.text, _SUMS), map(line.text, _DAYS)) for line in _lines(sheet, content))
    read = _each(sheet, content, notation)
    return _joined(read) if "line_amount" in sheet.columns else read


def _each(sheet: _Sheet, content: bytes, notation: Notation) -> Iterator[Document | Refusal]:
    """What every line says by itself."""
    refused = rows = 0
    for line in _lines(sheet, content):
        rows += 1
        if rows > MOST_ROWS:
            raise Refused(f"more than {MOST_ROWS} lines: split the file", line.line)
        try:
            yield _document(line, notation)
        except Refused as reason:
            yield reason.refusal(sheet.file, line.line)
            refused += 1
        if refused == MOST_REFUSALS:
            raise Refused(f"{MOST_REFUSALS} lines were refused; the rest was not read", line.line)
    if not rows:
        raise Refused("no invoices below the headings")


def _joined(read: Iterator[Document | Refusal]) -> Iterator[Document | Refusal]:
    """Lines of the sheet that stand together and differ in what they bill alone are lines of one invoice."""
    held: list[Document] = []
    for one in read:
        if isinstance(one, Refusal):
            yield one
        elif held and _unlined(one) == _unlined(held[0]):
            held.append(one)
        else:
            if held:
                yield _one_invoice(held)
            held = [one]
    if held:
        yield _one_invoice(held)


def _unlined(document: Document) -> Document:
    return msgspec.structs.replace(document, line=None, lines=(), hash="")


def _one_invoice(parts: list[Document]) -> Document:
    if len(parts) == 1:
        return parts[0]
    whole = msgspec.structs.replace(parts[0], lines=tuple(line for part in parts for line in part.lines))
    return msgspec.structs.replace(whole, hash=sheet_hash(whole))


# --- the file as a whole ------------------------------------------------------------------------------------------


def _open(file: str, content: bytes, default_currency: str | None, supplier: str) -> _Sheet:
    if len(content) > LARGEST:
        raise Refused(f"larger than {LARGEST // 1024 // 1024} MB")
    encoding = _encoding(content)
    first, *_ = io.TextIOWrapper(io.BytesIO(content), encoding).readline(100).splitlines() or [""]
    named = first[4] if len(first) == 5 and first.lower().startswith("sep=") else ""  # Excel's own hint
    tried = {mark: _headings(content, encoding, mark, 1 if named else 0) for mark in (named or ",;\t")}
    delimiter = max(tried, key=lambda mark: len(_columns(tried[mark][1])))
    line, headings = tried[delimiter]
    columns = _columns(headings)
    missing = [name for name in ("number", "name", "issued") if name not in columns]
    if not columns.keys() & set(_MONEY):
        missing.append("total or balance")
    if missing:
        raise Refused(f"neither XML nor a sheet of invoices: no heading means {', '.join(missing)}", line)
    _no_rivals(headings, line)
    return _Sheet(file, encoding, delimiter, line, columns, len(headings), default_currency, supplier)


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


def _rows(content: bytes, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with anything in them, and the line each begins on."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error:
        raise Refused("quotation marks that do not match, or a cell of more than 128 kB", begins) from None


def _headings(content: bytes, encoding: str, delimiter: str, skip: int) -> tuple[int, list[str]]:
    return next(((line, cells) for line, cells in _rows(content, encoding, delimiter) if line > skip), (1, []))


def _lines(sheet: _Sheet, content: bytes) -> Iterator[_Line]:
    for line, cells in _rows(content, sheet.encoding, sheet.delimiter):
        if line > sheet.skip:
            yield _Line(sheet, line, cells)


def _plain(text: str) -> str:
    return "".join(ch for ch in text.replace("#", " number").casefold() if ch.isalnum())


def _columns(headings: list[str]) -> dict[str, int]:
    named = {_plain(heading): place for place, heading in reversed(list(enumerate(headings)))}
    return {
        field: next(named[name] for name in names.split() if name in named)
        for field, names in _HEADINGS.items()
        if any(name in named for name in names.split())
    }


def _no_rivals(headings: list[str], line: int) -> None:
    """Two columns for one sum: nobody knows which is owed. The same heading twice: nobody knows which is meant."""
    seen: dict[str, int] = {}
    for column, heading in enumerate(headings, start=1):
        name = _plain(heading)
        if name == "due":
            raise Refused("“Due” could be a day or a sum: call it Due date or Balance due", line, column)
        field = _MEANING.get(name)
        if field is None:
            continue
        rival = seen.setdefault(field if field in _SUMS else name, column)
        if rival != column:
            raise Refused(f"columns {rival} and {column} could both be the {field}: leave one out", line, column)


# --- one line -----------------------------------------------------------------------------------------------------


def _document(line: _Line, notation: Notation) -> Document:
    if any(cell.strip() for cell in line.cells[line.sheet.width :]):
        raise Refused("more cells than headings (an unquoted mark inside a cell?)", line.line, line.sheet.width + 1)
    total, due, voided = _owed(line, notation)
    name, zip_code, email = _contact(line)
    customer = line.read("customer", lambda text: same_name(tidy(text, 200)))
    document = Document(
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
        issued=line.read("issued", lambda text: read_date(text, notation)),
        due_date=line.read("due_date", lambda text: read_date(text, notation)) if line.text("due_date") else None,
        voided=voided,
        hash="",
        fee_exempt=_fee_exempt(line),
        **{field: line.read(field, partial(tidy, longest=LONGEST[field])) for field in _PLACE},
        lines=_billed(line, total.currency, notation),
    )
    return msgspec.structs.replace(document, hash=sheet_hash(document))


def _contact(line: _Line) -> tuple[str, str, str]:
    name = line.read("name", lambda text: tidy(text, 300))
    if not name:
        raise line.refused("name", "empty")
    return name, line.read("zip", lambda text: tidy(text, 32)), line.read("email", mail_address)


def _fee_exempt(line: _Line) -> bool | None:
    """Whether the customer pays no program fee; None where the sheet does not say."""
    told = _plain(line.text("fee_exempt"))
    if told not in _YES | _NO:
        raise line.refused("fee_exempt", "neither yes nor no")
    return told in _YES if told else None


def _billed(line: _Line, currency: str, notation: Notation) -> tuple[BilledLine, ...]:
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
    amount = line.read("line_amount", lambda told: read_amount(told, currency, notation))
    count = line.read("quantity", lambda told: tidy(told, 24))
    unit = line.read("unit", lambda told: tidy(told, 12))
    return (BilledLine(text, f"{count} {unit}".strip() if count else "", amount.minor),)


def _supplier(line: _Line) -> str:
    told = line.read("supplier", lambda text: same_name(tidy(text, 200)))
    return told or same_name(tidy(line.sheet.default_supplier, 200))


def _kind(line: _Line, total: Money) -> Kind:
    told = _plain(line.text("type"))
    if told not in _INVOICE | _CREDIT:
        raise line.refused("type", "neither invoice nor credit note")
    return "credit" if total.minor < 0 or told in _CREDIT else "invoice"


def _currency(line: _Line) -> str:
    if line.text("currency"):
        return line.read("currency", currency_code)
    if line.sheet.default_currency is None:
        raise line.refused("currency", "neither in the sheet nor given as the default")
    return line.sheet.default_currency


def _owed(line: _Line, notation: Notation) -> tuple[Money, Money, bool]:
    """Total, what is still open of it, and whether the invoice is void."""
    currency = _currency(line)
    told = {
        field: line.read(field, lambda text: read_amount(text, currency, notation))
        for field in _MONEY
        if line.text(field)
    }
    if not told:
        raise line.refused("total", "empty")
    total = told["total"] if "total" in told else told["due"]
    status, void = _plain(line.text("status")), _plain(line.text("void"))
    if void not in _YES | _NO:
        raise line.refused("void", "neither yes nor no")
    due = _open_balance(line, status, total, told.get("due"))
    return total, due, status in _VOID or void in _YES


def _open_balance(line: _Line, status: str, total: Money, due: Money | None) -> Money:
    if status in _PAID:
        if due is not None and due.minor > 0:
            raise line.refused("status", "paid, yet a balance is open")
        return Money(0, total.currency) if due is None else due
    if status in _PARTLY and due is None:
        raise line.refused("status", "partly paid, but no column says what is still open")
    if status not in _OPEN | _PARTLY | _VOID:
        raise line.refused("status", "not one that Remit knows: open, paid, partly paid, void (leave drafts out)")
    return total if due is None else due
