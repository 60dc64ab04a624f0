"""UBL documents of our own making: what is read, and what is refused and why. The published ones: `test_samples`."""

import time
from datetime import date

import pytest

from services.invoices.document import BilledLine, Document, Refusal
from services.invoices.ubl import LARGEST, read
from services.model import Money


def good(content):
    found = read("a.xml", content)
    assert isinstance(found, Document), found
    return found


def bad(content):
    found = read("a.xml", content)
    assert isinstance(found, Refusal), found
    return found


def test_what_is_owed_is_the_payable_amount_with_prepayments_deducted(ubl):
    found = good(ubl())
    assert (found.total, found.due) == (Money(12000, "EUR"), Money(10000, "EUR"))
    assert (found.number, found.kind, found.voided) == ("GL-77", "invoice", False)
    assert (found.issued, found.due_date) == (date(2026, 2, 20), date(2026, 3, 16))
    assert (found.name, found.zip, found.email) == ("Hofgarten GmbH", "80539", "rechnung@hofgarten.example.com")


ENDPOINT = '<cbc:EndpointID schemeID="9930">DE123456789</cbc:EndpointID>'
REGISTRATION = "<cbc:CompanyID>HRB 1</cbc:CompanyID>"
VAT = "<cbc:ID>VAT</cbc:ID>"


@pytest.mark.parametrize(
    ("gone", "supplier"),
    [
        ((), "9930:de123456789"),
        ((ENDPOINT,), "legal::hrb 1"),
        ((ENDPOINT, REGISTRATION), "vat:de123456789"),
        ((ENDPOINT, REGISTRATION, VAT), "green lane"),
        ((' schemeID="9930"',), "legal::hrb 1"),
    ],
)
def test_a_supplier_is_known_by_the_surest_of_its_identities(ubl, gone, supplier):
    assert good(ubl(*((each, "") for each in gone))).supplier == supplier


def test_customers_of_one_name_without_numbers_stay_two_people(ubl):
    assert good(ubl()).customer != good(ubl(("80539", "80331"))).customer


def test_indentation_attribute_order_and_comments_make_no_other_document(ubl):
    plain = good(ubl())
    squeezed = good(b"".join(line.strip() for line in ubl().splitlines(keepends=False)).replace(b"?><", b"?>\n<"))
    assert squeezed.hash == plain.hash
    assert good(ubl(("<cbc:ID>GL-77", "<!-- 1 --><cbc:ID>GL-77"))).hash == plain.hash
    assert good(ubl(("20.00</cbc:Prepaid", "20.01</cbc:Prepaid"))).hash != plain.hash
    attributes = "<cbc:Note {}>x</cbc:Note><cbc:DueDate>"
    one, other = (attributes.format(told) for told in ('languageID="en" a="1"', 'a="1"   languageID="en"'))
    assert good(ubl(("<cbc:DueDate>", one))).hash == good(ubl(("<cbc:DueDate>", other))).hash


def test_a_comment_inside_a_sum_splits_nothing_off(ubl):
    assert good(ubl((">100.00<", ">1<!-- -->00.00<"))).due == Money(10000, "EUR")


@pytest.mark.parametrize(
    "changes",
    [
        [("Invoice-2", "CreditNote-2"), ("<Invoice ", "<CreditNote "), ("</Invoice>", "</CreditNote>")],
        [(">380<", ">381<")],
        [(">100.00<", ">-100.00<")],
        [(">120.00<", ">-120.00<"), (">100.00<", ">-100.00<")],
    ],
)
def test_a_credit_note_or_a_negative_sum_is_credit(ubl, changes):
    assert good(ubl(*changes)).kind == "credit"


def test_a_fully_prepaid_invoice_is_an_invoice_on_which_nothing_is_due(ubl):
    found = good(ubl((">100.00<", ">0.00<")))
    assert (found.kind, found.due) == ("invoice", Money(0, "EUR"))


def test_a_credit_note_takes_its_due_date_from_the_payment_means(ubl):
    means = "<cac:PaymentMeans><cbc:PaymentDueDate>2026-04-01</cbc:PaymentDueDate></cac:PaymentMeans>"
    found = good(ubl(("<cbc:DueDate>2026-03-16</cbc:DueDate>", means)))
    assert found.due_date == date(2026, 4, 1)
    assert good(ubl(("<cbc:DueDate>2026-03-16</cbc:DueDate>", ""))).due_date is None


@pytest.mark.parametrize(
    ("told", "currency", "minor"),
    [
        ("100.000", "EUR", 10000),
        ("100", "JPY", 100),
        ("100.00", "JPY", 100),
        ("100.125", "BHD", 100125),
        (".5", "EUR", 50),
    ],
)
def test_a_sum_has_the_decimals_of_its_currency(ubl, told, currency, minor):
    assert good(ubl((">100.00<", f">{told}<"), ("EUR", currency))).due == Money(minor, currency)


TOTALS = "Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount: "


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (">100.00<", ">100.005<", 21, TOTALS + "an amount in EUR has at most 2 decimals"),
        (">100.00<", ">1e2<", 21, TOTALS + "not an amount"),
        (">100.00<", ">100,00<", 21, TOTALS + "not an amount"),
        (">100.00<", ">NaN<", 21, TOTALS + "not an amount"),
        (">100.00<", "><", 21, TOTALS + "missing or empty"),
        (">100.00<", f">{'9' * 14}<", 21, TOTALS + "an amount of more than 13 digits"),
        ('Amount currencyID="EUR">100', "Amount>100", 21, TOTALS + "no currencyID"),
        ("cbc:PayableAmount", "cbc:Payable", 2, TOTALS + "missing or empty"),
        ("<cbc:ID>GL-77</cbc:ID>", "", 2, "Invoice/cbc:ID: missing or empty"),
        ("<cbc:ID>GL-77</cbc:ID>", "<cbc:ID>A</cbc:ID><cbc:ID>B</cbc:ID>", 3, "Invoice/cbc:ID: stands 2 times"),
        (">GL-77<", ">/-/<", 3, "Invoice/cbc:ID: an invoice number needs a letter or a digit"),
        (">GL-77<", f">{'7' * 101}<", 3, "Invoice/cbc:ID: longer than 100 characters"),
        (">GL-77<", ">GL\u202e-77<", 3, "Invoice/cbc:ID: holds control characters or hidden changes of direction"),
        (">2026-02-20<", ">2026-02-30<", 4, "Invoice/cbc:IssueDate: not a day written as YYYY-MM-DD"),
        (">2026-02-20<", ">20260220<", 4, "Invoice/cbc:IssueDate: not a day written as YYYY-MM-DD"),
        (">2026-03-16<", ">16.03.2026<", 5, "Invoice/cbc:DueDate: not a day written as YYYY-MM-DD"),
        (">EUR<", ">EUX<", 7, "Invoice/cbc:DocumentCurrencyCode: “EUX” is not a currency code of ISO 4217"),
        ('"EUR">20.00', '"SEK">20.00', 20, "Invoice/LegalMonetaryTotal/PrepaidAmount: mixed currencies, EUR is the document's"),
        ("Hofgarten GmbH", "", 15, "Invoice/AccountingCustomerParty/Party/cac:PartyLegalEntity/cbc:RegistrationName: missing or empty"),
        ("rechnung@", "rechnung ", 16, "Invoice/AccountingCustomerParty/Party/cac:Contact/cbc:ElectronicMail: not an e-mail address"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path_and_line(ubl, old, new, line, reason):
    found = bad(ubl((old, new)))
    assert (found.reason, found.line) == (reason, line)


def test_the_tax_office_may_have_its_total_in_its_own_currency(ubl):
    taxed = "<cbc:TaxCurrencyCode>SEK</cbc:TaxCurrencyCode><cac:TaxTotal><cbc:TaxAmount currencyID='SEK'>9</cbc:TaxAmount></cac:TaxTotal>"
    assert good(ubl(("<cac:AccountingSupplierParty>", taxed + "<cac:AccountingSupplierParty>"))).due.currency == "EUR"
    outside = taxed.replace("cac:TaxTotal", "cac:Other")
    assert (
        "mixed currencies"
        in bad(ubl(("<cac:AccountingSupplierParty>", outside + "<cac:AccountingSupplierParty>"))).reason
    )


def test_another_kind_of_document_is_named(ubl):
    assert "this is Order of the namespace" in bad(ubl(("<Invoice ", "<Order "), ("</Invoice>", "</Order>"))).reason
    assert (
        "this is Invoice of the namespace urn:other"
        in bad(ubl(("urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", "urn:other"))).reason
    )


@pytest.mark.parametrize(
    "content", [b"<", b"<Invoice>", b"<a></b>", b"<?xml version='1.0' encoding='nope'?><a/>", b"<a>&x;</a>"]
)
def test_broken_xml_is_refused_with_its_place(content):
    found = bad(content)
    assert found.reason == "not well-formed XML"
    assert found.line == 1


def _with_doctype(document, declarations):
    return document.replace(b"?>\n", b"?>\n<!DOCTYPE Invoice [" + declarations + b"]>\n", 1)


def test_a_doctype_is_refused_before_anything_in_it_is_read(ubl, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    outside = f'<!ENTITY x SYSTEM "{secret.as_uri()}">'.encode()
    laughs = b'<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    started = time.process_time()
    for declarations, text in ((b"", "GL-77"), (outside, "&x;"), (laughs, "&a11;")):
        found = bad(_with_doctype(ubl(("GL-77", text)), declarations))
        assert found.reason == "a DOCTYPE: UBL has none, and entities are not read"
    assert time.process_time() - started < 1


def test_a_doctype_hidden_in_utf_16_is_refused_all_the_same(ubl):
    text = _with_doctype(ubl(), b'<!ENTITY x "y">').decode().replace('"UTF-8"', '"UTF-16"')
    assert "a DOCTYPE" in bad(text.encode("utf-16")).reason
    assert good(ubl().decode().replace('"UTF-8"', '"UTF-16"').encode("utf-16")).number == "GL-77"


def test_too_deep_and_too_large_documents_are_refused(ubl):
    deep = b"<a>" * 5000 + b"</a>" * 5000
    assert bad(deep).reason == "elements nested more than 100 deep"
    assert bad(ubl() + b" " * LARGEST).reason == "larger than 5 MB"


LINE = """<cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:InvoicedQuantity unitCode="HUR">2.5</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="EUR">75.00</cbc:LineExtensionAmount>
    <cac:Item><cbc:Description>Front and back</cbc:Description><cbc:Name>Mowing</cbc:Name></cac:Item>
  </cac:InvoiceLine>
"""


def billing(ubl, *changes):
    line = LINE
    for old, new in changes:
        assert old in line
        line = line.replace(old, new)
    return ubl(("</Invoice>", line + "</Invoice>"))


def test_a_line_says_what_was_billed_how_much_of_it_and_for_how_much(ubl):
    assert good(billing(ubl)).lines == (BilledLine("Mowing", "2.5 h", 7500),)
    assert good(ubl()).lines == ()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("<cbc:Name>Mowing</cbc:Name>", "", BilledLine("Front and back", "2.5 h", 7500)),
        (">Mowing<", ">Mow\n   ing<", BilledLine("Mow ing", "2.5 h", 7500)),
        (">Mowing<", f">{'m' * 301}<", BilledLine("m" * 299 + "…", "2.5 h", 7500)),
        ('unitCode="HUR"', 'unitCode="C62"', BilledLine("Mowing", "2.5", 7500)),
        ('unitCode="HUR"', 'unitCode="MTK"', BilledLine("Mowing", "2.5 m²", 7500)),
        ('unitCode="HUR"', 'unitCode="XYZ"', BilledLine("Mowing", "2.5 XYZ", 7500)),
        (' unitCode="HUR"', "", BilledLine("Mowing", "2.5", 7500)),
        ("InvoicedQuantity", "CreditedQuantity", BilledLine("Mowing", "2.5 h", 7500)),
        ("InvoicedQuantity", "Note", BilledLine("Mowing", "", 7500)),
        (">75.00<", ">-75<", BilledLine("Mowing", "2.5 h", -7500)),
        (">75.00<", ">75.0000<", BilledLine("Mowing", "2.5 h", 7500)),
        ("InvoiceLine", "CreditNoteLine", BilledLine("Mowing", "2.5 h", 7500)),
    ],
)
def test_a_line_is_read_as_it_is_written(ubl, old, new, line):
    assert good(billing(ubl, (old, new))).lines == (line,)


LINE_OF = "Invoice/InvoiceLine/"


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (">75.00<", ">75.005<", 26, LINE_OF + "cbc:LineExtensionAmount: an amount in EUR has at most 2 decimals"),
        (">75.00<", "><", 26, LINE_OF + "cbc:LineExtensionAmount: missing or empty"),
        (">75.00<", ">1e2<", 26, LINE_OF + "cbc:LineExtensionAmount: not an amount"),
        (' currencyID="EUR"', "", 26, LINE_OF + "cbc:LineExtensionAmount: no currencyID"),
        ('"EUR"', '"SEK"', 26, LINE_OF + "LineExtensionAmount: mixed currencies, EUR is the document's"),
        ("cac:Item", "cac:Items", 23, LINE_OF + "cac:Item/cbc:Name: missing or empty"),
        (">Mowing<", ">\u202eMowing<", 27, LINE_OF + "cac:Item/cbc:Name: holds control characters or hidden changes of direction"),
        (">2.5<", f">{'9' * 25}<", 25, LINE_OF + "cbc:InvoicedQuantity: longer than 24 characters"),
        ('"HUR"', f'"{"H" * 13}"', 25, LINE_OF + "cbc:InvoicedQuantity: unitCode longer than 12 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_named_by_its_path_and_line(ubl, old, new, line, reason):
    found = bad(billing(ubl, (old, new)))
    assert (found.reason, found.line) == (reason, line)


def test_a_buyers_whole_address_is_read(ubl):
    place = (
        "<cac:PostalAddress><cbc:StreetName>Lindenhofweg 12</cbc:StreetName><cbc:AdditionalStreetName>Hof 2"
        "</cbc:AdditionalStreetName><cbc:CityName>München</cbc:CityName><cbc:CountrySubentity>Bayern</cbc:CountrySubentity>"
    )
    found = good(
        ubl(
            ("<cac:PostalAddress>", place),
            ("<cac:Contact>", "<cac:Contact><cbc:Telephone>+1 415 555 0171</cbc:Telephone>"),
        )
    )
    assert (found.street, found.city, found.region) == ("Lindenhofweg 12, Hof 2", "München", "Bayern")
    assert (found.zip, found.phone) == ("80539", "+1 415 555 0171")
