"""Reads a UBL 2.1 invoice or credit note, as Peppol BIS Billing 3 (EN 16931) uses it. XML comes from strangers:
nothing outside the file is fetched, nothing inside it expands.

Only what Remit needs is read. Whether a document is right in all its sums is for its sender's validator.
"""

import hashlib
from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import TypeVar, cast

import msgspec
from lxml import etree

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
    money,
    same_name,
    tidy,
    unnumbered,
)
from services.model import Money

LARGEST = 5 * 1024 * 1024  # bytes
_DEEPEST = 100  # elements; UBL's own paths are under 20

Value = TypeVar("Value")

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_NAMES = {"cbc": f"{_UBL}CommonBasicComponents-2", "cac": f"{_UBL}CommonAggregateComponents-2"}
_ROOTS: dict[str, Kind] = {
    f"{{{_UBL}Invoice-2}}Invoice": "invoice",
    f"{{{_UBL}CreditNote-2}}CreditNote": "credit",
}
_LINES = tuple(f"{{{_NAMES['cac']}}}{kind}Line" for kind in ("Invoice", "CreditNote"))
# UNTDID 1001 codes that EN 16931 counts as credit notes: some senders put them into an Invoice.
_CREDIT_CODES = frozenset(("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"))
_NO_DAY = "not a day written as YYYY-MM-DD"
# UNECE Recommendation 20: what its commonest codes stand for. A piece needs no unit; other codes are shown as they are.
_PIECES = frozenset(("C62", "EA", "H87", "NAR", "NMP", "PCE", "XPP", "XUN"))
_UNITS = {
    "ANN": "y",
    "CMT": "cm",
    "DAY": "d",
    "GRM": "g",
    "HUR": "h",
    "KGM": "kg",
    "KMT": "km",
    "KWH": "kWh",
    "LTR": "l",
    "MIN": "min",
    "MMT": "mm",
    "MON": "mo",
    "MTK": "m²",
    "MTQ": "m³",
    "MTR": "m",
    "TNE": "t",
    "WEE": "wk",
}


def read(file: str, content: bytes) -> Document | Refusal:
    """The document in these bytes, or why not. ``file`` is only its name, for the refusal."""
    try:
        return _document(file, _parse(content))
    except Refused as refused:
        return refused.refusal(file)


# --- XML ----------------------------------------------------------------------------------------------------------


class _Guard:
    """Sees the file before any tree is built, and stops at a DOCTYPE before its declarations are read."""

    def __init__(self) -> None:
        self._depth = 0

    def start(self, _tag: str | bytes, _attributes: dict[str | bytes, str | bytes]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Refused(f"elements nested more than {_DEEPEST} deep")

    def end(self, _tag: str | bytes) -> None:
        self._depth -= 1

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise Refused("a DOCTYPE: UBL has none, and entities are not read")

    def data(self, _text: str | bytes) -> None:
        """Text is read from the tree."""

    def comment(self, _text: str | bytes) -> None:
        """Comments are never read."""

    def close(self) -> None:
        """Nothing to hand over: what is refused was raised."""


def _parser(target: _Guard | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        target=target,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _parse(content: bytes) -> etree._Element:
    if len(content) > LARGEST:
        raise Refused(f"larger than {LARGEST // 1024 // 1024} MB")
    try:
        etree.parse(BytesIO(content), _parser(_Guard()))
        return etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Refused("not well-formed XML", line, column) from None


def _hash(root: etree._Element) -> str:
    """Canonical XML (W3C C14N 1.0) with white space around text removed: indentation and attribute order count not."""
    for node in root.iter():
        node.text = (node.text or "").strip() or None
        node.tail = (node.tail or "").strip() or None
    canonical = BytesIO()
    etree.ElementTree(root).write_c14n(canonical, with_comments=False)
    return "ubl:" + hashlib.sha256(canonical.getvalue()).hexdigest()[:60]


# --- what stands where --------------------------------------------------------------------------------------------


def _refused(node: etree._Element, path: str, reason: str) -> Refused:
    """A refusal that names the element by its path, with the line it stands on."""
    names = [str(etree.QName(above).localname) for above in (node, *node.iterancestors())]
    found = node.find(path, _NAMES)
    line = (node if found is None else found).sourceline
    where = "/".join([*reversed(names), path]).removesuffix("/.")
    return Refused(f"{where}: {reason}", cast("int | None", line))


def _one(node: etree._Element, path: str) -> etree._Element:
    """The one element at the path, not empty."""
    found = node.findall(path, _NAMES)
    if len(found) > 1:
        raise _refused(node, path, f"stands {len(found)} times")
    if not found or not (len(found[0]) or (found[0].text or "").strip()):
        raise _refused(node, path, "missing or empty")
    return found[0]


def _text(node: etree._Element, path: str) -> str:
    found = node.find(path, _NAMES)
    return "" if found is None else " ".join((found.text or "").split())


def _read(node: etree._Element, path: str, how: Callable[[str], Value]) -> Value:
    """The text at the path, empty where nothing is there, read by ``how``."""
    try:
        return how(_text(node, path))
    except Refused as refused:
        raise _refused(node, path, refused.reason) from None


def _one_read(node: etree._Element, path: str, how: Callable[[str], Value]) -> Value:
    _one(node, path)
    return _read(node, path, how)


# --- the document -------------------------------------------------------------------------------------------------


def _document(file: str, root: etree._Element) -> Document:
    kind = _kind(root)
    currency = _currency(root)
    total = _amount(root, "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount", currency)
    due = _amount(
        root, "cac:LegalMonetaryTotal/cbc:PayableAmount", currency
    )  # what is owed: prepaid sums and rounding are in it
    supplier = _party(root, "AccountingSupplierParty")
    customer = _party(root, "AccountingCustomerParty")
    return Document(
        file=file,
        line=None,
        supplier=supplier.identity or same_name(supplier.name),
        number=_one_read(root, "cbc:ID", document_number),
        kind="credit" if due.minor < 0 or total.minor < 0 else kind,
        customer=customer.identity or unnumbered(customer.name, customer.zip, customer.email),
        name=customer.name,
        zip=customer.zip,
        email=customer.email,
        total=total,
        due=due,
        issued=_one_read(root, "cbc:IssueDate", _day),
        due_date=_due_date(root),
        voided=False,
        hash=_hash(root),
        street=customer.street,
        city=customer.city,
        region=customer.region,
        phone=customer.phone,
        lines=tuple(_line(node, currency) for node in root if node.tag in _LINES),
    )


def _kind(root: etree._Element) -> Kind:
    kind = _ROOTS.get(str(root.tag))
    if kind is None:
        name = etree.QName(root)
        told = tidy(f"{name.localname} of the namespace {name.namespace or '(none)'}", 300)
        raise Refused(f"a UBL 2.1 Invoice or CreditNote is needed; this is {told}")
    return "credit" if _text(root, "cbc:InvoiceTypeCode") in _CREDIT_CODES else kind


def _currency(root: etree._Element) -> str:
    """The currency of the document. Peppol rule R051: amounts are in no other one, but for the tax office's total."""
    currency = _one_read(root, "cbc:DocumentCurrencyCode", currency_code)
    tax_totals = set(root.findall("cac:TaxTotal//*[@currencyID]", _NAMES))
    tax_currency = _text(root, "cbc:TaxCurrencyCode")
    for amount in root.iterfind(".//*[@currencyID]"):
        said = amount.get("currencyID")
        if said != currency and not (said == tax_currency and amount in tax_totals):
            raise _refused(amount, ".", f"mixed currencies, {currency} is the document's")
    return currency


def _amount(node: etree._Element, path: str, currency: str) -> Money:
    if "currencyID" not in _one(node, path).attrib:
        raise _refused(node, path, "no currencyID")
    return _read(node, path, lambda text: money(text, currency))


def _due_date(root: etree._Element) -> date | None:
    for path in ("cbc:DueDate", "cac:PaymentMeans/cbc:PaymentDueDate"):  # the second in a CreditNote
        if _text(root, path):
            return _read(root, path, _day)
    return None


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(_NO_DAY) from None
    if str(day) != text:  # Peppol rule F001: no other form of ISO 8601
        raise Refused(_NO_DAY)
    return day


# --- lines --------------------------------------------------------------------------------------------------------


def _line(node: etree._Element, currency: str) -> BilledLine:
    name = _read(node, "cac:Item/cbc:Name", line_text)  # BT-153: always there in Peppol
    text = name or _read(node, "cac:Item/cbc:Description", line_text)
    if not text:
        raise _refused(node, "cac:Item/cbc:Name", "missing or empty")
    amount = _amount(node, "cbc:LineExtensionAmount", currency)
    return BilledLine(text, _quantity(node), amount.minor)


def _quantity(node: etree._Element) -> str:
    """How much, as written, with its unit."""
    for path in ("cbc:InvoicedQuantity", "cbc:CreditedQuantity"):
        found = node.find(path, _NAMES)
        if found is not None:
            count = _read(node, path, lambda text: tidy(text, 24))
            return f"{count} {_unit(node, path, str(found.get('unitCode', '')))}".strip()
    return ""


def _unit(node: etree._Element, path: str, code: str) -> str:
    if code in _PIECES:
        return ""
    try:
        return _UNITS.get(code) or tidy(code, 12)
    except Refused as refused:
        raise _refused(node, path, f"unitCode {refused.reason}") from None


# --- parties ------------------------------------------------------------------------------------------------------


class _Party(msgspec.Struct, frozen=True):
    identity: str  # empty where the document numbers this party in no way
    name: str
    zip: str
    email: str
    street: str
    city: str
    region: str
    phone: str


def _party(root: etree._Element, role: str) -> _Party:
    party = _one(root, f"cac:{role}/cac:Party")
    registered = "cac:PartyLegalEntity/cbc:RegistrationName"  # BT-27 and BT-44: always there in Peppol
    name = _read(party, registered, _words) or _read(party, "cac:PartyName/cbc:Name", _words)
    if not name:
        raise _refused(party, registered, "missing or empty")
    return _Party(
        identity=_identity(party),
        name=name,
        zip=_read(party, "cac:PostalAddress/cbc:PostalZone", lambda text: tidy(text, 32)),
        email=_read(party, "cac:Contact/cbc:ElectronicMail", mail_address),
        street=_street(party),
        city=_detail(party, "cac:PostalAddress/cbc:CityName", "city"),
        region=_detail(party, "cac:PostalAddress/cbc:CountrySubentity", "region"),
        phone=_detail(party, "cac:Contact/cbc:Telephone", "phone"),
    )


def _street(party: etree._Element) -> str:
    """Both lines of the street (BT-50 and BT-51) in one."""
    each = LONGEST["street"] // 2 - 1
    paths = (f"cac:PostalAddress/cbc:{name}StreetName" for name in ("", "Additional"))
    return ", ".join(line for path in paths if (line := _read(party, path, lambda text: tidy(text, each))))


def _detail(party: etree._Element, path: str, name: str) -> str:
    return _read(party, path, lambda text: tidy(text, LONGEST[name]))


def _words(text: str) -> str:
    return tidy(text, 200)


def _identifier(text: str) -> str:
    return tidy(text, 150)


def _identity(party: etree._Element) -> str:
    """Electronic address, else legal registration, else VAT number. In lower case, as Peppol compares identifiers."""
    registration = "cac:PartyLegalEntity/cbc:CompanyID"
    if (address := _read(party, "cbc:EndpointID", _identifier)) and (scheme := _scheme(party, "cbc:EndpointID")):
        return f"{scheme}:{address}".lower()
    if number := _read(party, registration, _identifier):
        return f"legal:{_scheme(party, registration)}:{number}".lower()
    for tax in party.iterfind("cac:PartyTaxScheme", _NAMES):
        if _text(tax, "cac:TaxScheme/cbc:ID").upper() == "VAT" and (vat := _read(tax, "cbc:CompanyID", _identifier)):
            return f"vat:{vat}".lower()
    return ""


def _scheme(party: etree._Element, path: str) -> str:
    found = party.find(path, _NAMES)
    return "" if found is None else tidy(str(found.get("schemeID", "")), 20)
