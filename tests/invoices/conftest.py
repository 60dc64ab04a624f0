"""A book in memory, and UBL documents of our own making."""

import io

import openpyxl
import pytest

from services.database import inline, open_engine
from services.invoices.book import Book
from services.schema import schema

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="{UBL}Invoice-2" xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2">
  <cbc:ID>GL-77</cbc:ID>
  <cbc:IssueDate>2026-02-20</cbc:IssueDate>
  <cbc:DueDate>2026-03-16</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party>
    <cbc:EndpointID schemeID="9930">DE123456789</cbc:EndpointID>
    <cac:PartyTaxScheme><cbc:CompanyID>DE123456789</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>Green Lane</cbc:RegistrationName><cbc:CompanyID>HRB 1</cbc:CompanyID></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party>
    <cac:PostalAddress><cbc:PostalZone>80539</cbc:PostalZone></cac:PostalAddress>
    <cac:PartyLegalEntity><cbc:RegistrationName>Hofgarten GmbH</cbc:RegistrationName></cac:PartyLegalEntity>
    <cac:Contact><cbc:ElectronicMail>rechnung@hofgarten.example.com</cbc:ElectronicMail></cac:Contact>
  </cac:Party></cac:AccountingCustomerParty>
  <cac:LegalMonetaryTotal>
    <cbc:TaxInclusiveAmount currencyID="EUR">120.00</cbc:TaxInclusiveAmount>
    <cbc:PrepaidAmount currencyID="EUR">20.00</cbc:PrepaidAmount>
    <cbc:PayableAmount currencyID="EUR">100.00</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
</Invoice>
""".replace("{UBL}", UBL)


@pytest.fixture
def ubl():
    """Builds the document above with some of its text replaced: pairs of what stands there and what shall."""

    def build(*changes):
        text = DOCUMENT
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return text.encode()

    return build


@pytest.fixture
def transact():
    engine = open_engine("sqlite://")
    schema.create_all(engine)
    yield inline(engine)
    engine.dispose()


@pytest.fixture
def book(transact):
    return Book(transact)


@pytest.fixture
def workbook():
    """Builds an Excel workbook of rows, ``**sheets`` of them by name; ``change`` may do anything to it before it is saved."""

    def build(*rows, change=None, **sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, lines in (sheets or {"Invoices": rows}).items():
            sheet = book.create_sheet(name)
            for line in lines:
                sheet.append(line)
        if change is not None:
            change(book)
        saved = io.BytesIO()
        book.save(saved)
        return saved.getvalue()

    return build
