"""What the headings of a sheet mean: in English, German and Spanish, or by a mapping that somebody told.

Pure text in, fields out. Where headings are looked for is here too: reports have lines above them. What stands below
them is `sheet`'s, and where told mappings are kept `mappings`'.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from services.invoices.document import Refused
from services.invoices.table import Row, Table, place, text_of

MOST_ABOVE = 30  # lines with anything in them above the headings
IGNORED, LEFT_OUT = "", "ignore"  # what a column is mapped to that is to be left out; and how one says so

# What headings mean, letters and digits only, the surest name first: with two in one file, that one is read.
_HEADINGS = {
    "number": "invoicenumber invoiceno invoicenum invoicenr invoiceid invoice documentnumber documentno docnumber number num no"
    " rechnungsnummer rechnungsnr rechnungno belegnummer belegnr rechnung nummer nr"
    " numerodefactura numerofactura numfactura nodefactura nofactura ndefactura nfactura factura numero",
    "customer": "customerid customernumber customerno customercode clientid clientnumber clientcode"
    " kundennummer kundennr kundenid debitorennummer debitor numerodecliente codigodecliente codigocliente idcliente",
    "name": "customername customerfullname clientname billingname billto contactname buyername customer client buyer companyname company name"
    " kundenname kunde rechnungsempfanger nombredelcliente nombrecliente cliente razonsocial",
    "email": "billingemail customeremail clientemail contactemail emailaddress email mail"
    " emailadresse correoelectronico correo",
    "zip": "billingzip billingpostalcode billtozip billtopostalcode zipcode postalcode zip postcode popostalcode plz"
    " postleitzahl codigopostal cp",
    "total": "invoicetotal totalamount grosstotal grandtotal invoiceamount grossamount total amount"
    " rechnungsbetrag gesamtbetrag bruttobetrag gesamtsumme gesamt betrag importetotal totalfactura importe",
    "due": "openbalance balancedue amountdue outstandingbalance amountoutstanding outstanding openamount dueamount balance"
    " offenerbetrag offenersaldo offenerposten offen restbetrag saldo saldopendiente importependiente pendiente",
    "currency": "currencycode currency ccy wahrung moneda divisa",
    "issued": "invoicedate issuedate dateissued issuedon issued documentdate date"
    " rechnungsdatum belegdatum datum fechadefactura fechafactura fechadeemision fechaemision fecha",
    "due_date": "duedate paymentduedate datedue dueon payby"
    " falligkeitsdatum falligkeit falligam zahlbarbis fechadevencimiento fechavencimiento vencimiento",
    "status": "invoicestatus paymentstatus status estadodelafactura estadofactura estado",
    "void": "isvoid voided void storniert anulada",
    "type": "invoicetype documenttype transactiontype doctype type kind belegart tipodedocumento tipo",
    "supplier": "supplierid supplier suppliername seller vendor biller",
    "street": "billingstreet billtostreet streetaddress street billingaddressline1 addressline1 address1 poaddressline1 billingaddress address"
    " strasse anschrift direccion calle domicilio",
    "city": "billingcity billtocity city town pocity ort stadt ciudad poblacion localidad",
    "region": "billingstate billingregion billtostate stateprovince region province poregion bundesland provincia",
    "phone": "billingphone phonenumber phone telephone tel telefonnummer telefon telefono",
    "fee_exempt": "feeexempt customerfeeexempt nofee nocardfee exemptfromfee",
    "line": "linedescription itemdescription description lineitem itemname productservice item",
    "line_amount": "lineamount linetotal lineitemamount lineitemtotal itemamount itemtotal",
    "quantity": "linequantity itemquantity quantity qty hours",
    "unit": "unitofmeasure uom unit",
}
_MEANING = {name: field for field, names in _HEADINGS.items() for name in names.split()}
MONEY = ("total", "due")
SUMS = (*MONEY, "line_amount")
DAYS = ("issued", "due_date")

# What a field is called in ``--map`` and where mappings are shown: words of the documentation, not of the code.
FIELDS = {
    "number": "number",
    "customer": "name",
    "customer-id": "customer",
    "email": "email",
    "zip": "zip",
    "total": "total",
    "balance": "due",
    "currency": "currency",
    "issued": "issued",
    "due-date": "due_date",
    "status": "status",
    "void": "void",
    "type": "type",
    "supplier": "supplier",
    "street": "street",
    "city": "city",
    "region": "region",
    "phone": "phone",
    "fee-exempt": "fee_exempt",
    "line": "line",
    "line-amount": "line_amount",
    "quantity": "quantity",
    "unit": "unit",
    LEFT_OUT: IGNORED,
}
CALLED = {field: called for called, field in FIELDS.items()}

Meant: TypeAlias = Mapping[str, str]  # heading, letters and digits only -> field, or `IGNORED`


class Mappings(msgspec.Struct, frozen=True):
    """What is known of headings beyond their own meaning: told with this import, and remembered from earlier ones."""

    told: dict[str, str] = {}  # heading as it was typed -> field
    remembered: dict[str, dict[str, str]] = {}  # signature -> plain heading -> field


class Headings(msgspec.Struct, frozen=True):
    """The headings that were found, and what they mean."""

    line: int
    texts: tuple[str, ...]
    columns: dict[str, int]  # field -> where it stands, from 0
    mapping: dict[str, str] = {}  # plain heading -> field: what was told or remembered of them
    is_told: bool = False
    is_report: bool = False  # it has lines above, or names customers in lines of their own: there are totals then

    @property
    def signature(self) -> str:
        return signature(self.texts)

    def mapped(self) -> dict[str, str]:
        """What was mapped, in the words of the file and of the documentation."""
        texts = {plain(text): text for text in self.texts}
        return {texts[heading]: CALLED[field] for heading, field in self.mapping.items()}


def plain(text: str) -> str:
    """A heading or a word as it is compared: letters and digits only, case and accents aside; ``#`` is a number's sign."""
    apart = unicodedata.normalize("NFKD", text.replace("#", " number").casefold())
    return "".join(ch for ch in apart if ch.isalnum())


def signature(texts: Sequence[str]) -> str:
    """What files of one kind have in common: their headings, in their order; 12 hexadecimal digits."""
    told = [plain(text) for text in texts]
    while told and not told[-1]:
        told.pop()
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:12]


def find(table: Table, mappings: Mappings) -> Headings | None:
    """The line of headings: the first that says enough, else the one that says most; None where no text is at all.

    Lines above it are a report's: its title, the company, the day.
    """
    best: Headings | None = None
    for nth, row in enumerate(_first(table)):
        found = _read(row, mappings, is_first=nth == 0)
        if not missing(found):
            return found
        if best is None or len(found.columns) > len(best.columns):
            best = found
    return best


def _first(table: Table) -> Iterable[Row]:
    try:
        for nth, row in enumerate(table.rows()):
            if nth > MOST_ABOVE:
                return
            yield row
    except Refused:
        return  # what is unreadable below is told when it is read; with another mark between cells it may be readable


def _read(row: Row, mappings: Mappings, *, is_first: bool) -> Headings:
    texts = tuple(text_of(cell) for cell in row[1])
    named = {plain(text) for text in texts}
    told = {plain(heading): field for heading, field in mappings.told.items()}
    is_told = bool(told) and told.keys() <= named
    mapping = told if is_told else mappings.remembered.get(signature(texts), {})
    columns = _columns(texts, mapping)
    is_report = not is_first or "name" not in columns
    return Headings(row[0], texts, columns, dict(mapping), is_told, is_report)


def _columns(texts: Sequence[str], mapping: Meant) -> dict[str, int]:
    named = {plain(text): column for column, text in reversed(list(enumerate(texts)))}
    free = {name: column for name, column in named.items() if name not in mapping}
    meant = {
        field: next(free[name] for name in names.split() if name in free)
        for field, names in _HEADINGS.items()
        if any(name in free for name in names.split())
    }
    return meant | {field: named[heading] for heading, field in mapping.items() if field != IGNORED}


def missing(headings: Headings) -> list[str]:
    """What no heading means, of what an invoice needs."""
    columns = headings.columns
    names = [name for name in ("number", "name", "issued") if name not in columns]
    if not columns.keys() & set(MONEY):
        names.append("total or balance")
    # a report of open invoices says in lines of their own whose the invoices below are
    return [] if names == ["name"] and {"type", "due"} <= columns.keys() else names


def check(headings: Headings) -> None:
    """Refuse headings that leave open what is meant. Two columns for one sum: nobody knows which is owed."""
    seen: dict[str, int] = {}
    for column, heading in enumerate(headings.texts, start=1):
        name = plain(heading)
        if name in headings.mapping:
            continue
        if name == "due":
            raise Refused("“Due” could be a day or a sum: call it Due date or Balance due", headings.line, column)
        field = _MEANING.get(name)
        if field is None or field in headings.mapping.values():
            continue
        rival = seen.setdefault(field if field in SUMS else name, column)
        if rival != column:
            raise Refused(
                f"columns {rival} and {column} could both be the {field}: leave one out", headings.line, column
            )


def why_not(headings: Headings, told: Meant) -> Refused:
    """Why a file is no sheet of invoices, and what whoever brought it can do."""
    named = {plain(text) for text in headings.texts}
    if absent := [heading for heading in told if plain(heading) not in named]:
        return Refused(f"no column is headed “{absent[0]}”: these are {_listed(headings.texts)}", headings.line)
    reason = f"neither XML nor a sheet of invoices: no heading means {', '.join(missing(headings))}"
    if not headings.columns and len(headings.texts) < 3:  # a text of another kind
        return Refused(reason, headings.line)
    return Refused(f'{reason}; say which does with --map "HEADING=number", of {_listed(headings.texts)}', headings.line)


def _listed(texts: Sequence[str]) -> str:
    shown = [f"“{' '.join(text.split())[:40]}”" for text in texts if text.strip()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def where(line: int, column: int, *, of_workbook: bool) -> str:
    """How a cell is named beside its field: in a workbook as its program does, else not at all: line and column say it."""
    return f" in {place(line, column)}" if of_workbook else ""


def told_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """``Rechnung=number`` and its like as heading -> field. Raises `Refused` for what is none, or told twice."""
    told: dict[str, str] = {}
    for pair in pairs:
        heading, _, called = pair.rpartition("=")
        field = FIELDS.get(called.strip().lower().replace("_", "-"))
        if not plain(heading) or field is None:
            raise Refused(f"{pair!r} is no mapping: write HEADING=FIELD, where FIELD is one of {', '.join(FIELDS)}")
        if plain(heading) in map(plain, told) or (field != IGNORED and field in told.values()):
            raise Refused(f"{pair!r}: the heading or the field is mapped twice")
        told[heading.strip()] = field
    return told
