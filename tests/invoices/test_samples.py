"""The published examples of Peppol BIS Billing 3.0, read where they are kept: `REMIT_SAMPLES`, its ``invoices`` folder."""

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from services.invoices.base import Posting
from services.invoices.importing import import_files
from services.invoices.ubl import read
from services.model import Billing, InvoiceState, Money, SheetLine

pytestmark = pytest.mark.usefixtures("samples")  # skips without them, and fails in CI
FOLDER = Path(os.environ.get("REMIT_SAMPLES", "nowhere")) / "invoices"
SNIPPET, NEGATIVE = "Snippet1", "Correction1"
GREEK = "061828591|01/10/2020|0|1.1|0|1"
BUYER = Billing("Buyer Official Name", "456 34", "lj@buyer.se")

# file: supplier, number, kind, total, due, issued, due date, customer
PUBLISHED = {
    "Allowance-example.xml": ("0088:7300010000001", SNIPPET, "invoice", 712500, 612500, "EUR", date(2017, 11, 13), date(2017, 12, 1), BUYER),
    "GR-base-example-TaxRepresentative.xml": ("0088:1238764941386", GREEK, "invoice", 165625, 165625, "EUR", date(2020, 10, 1), date(2020, 12, 1), BUYER),
    "GR-base-example-correct.xml": ("9933:801399030", GREEK, "invoice", 165625, 165625, "EUR", date(2020, 10, 1), date(2020, 12, 1), BUYER),
    "Norwegian-example-1.xml": ("0192:123456785", "TOSL108", "invoice", 180178, 80200, "NOK", date(2013, 6, 30), date(2013, 7, 20), Billing("Buyercompany ASA", "101", "john@buyercompany.no")),
    "Vat-category-S.xml": ("0088:7300010000001", SNIPPET, "invoice", 855000, 855000, "EUR", date(2017, 11, 13), date(2017, 12, 1), Billing("Buyer Official Name", "456 34", "")),
    "base-creditnote-correction.xml": ("0088:9482348239847239874", SNIPPET, "credit", 165625, 165625, "EUR", date(2017, 11, 13), None, BUYER),
    "base-example.xml": ("0088:9482348239847239874", SNIPPET, "invoice", 165625, 165625, "EUR", date(2017, 11, 13), date(2017, 12, 1), BUYER),
    "base-negative-inv-correction.xml": ("0088:9482348239847239874", NEGATIVE, "credit", -165625, -165625, "EUR", date(2017, 11, 13), date(2017, 12, 1), BUYER),
    "sales-order-example.xml": ("0088:9482348239847239874", SNIPPET, "invoice", 165625, 165625, "EUR", date(2017, 11, 13), date(2017, 12, 1), BUYER),
    "vat-category-E.xml": ("0088:7300010000001", "Vat-Z", "invoice", 120000, 120000, "GBP", date(2018, 8, 30), None, Billing("The Buyercompany", "101", "")),
    "vat-category-O.xml": ("0088:7300010000001", "Vat-O", "invoice", 320000, 320000, "SEK", date(2018, 8, 30), None, Billing("The Buyercompany", "101", "")),
    "vat-category-Z.xml": ("0088:7300010000001", "Vat-Z", "invoice", 120000, 120000, "GBP", date(2018, 8, 30), None, Billing("The Buyercompany", "101", "")),
}  # fmt: skip
CONFLICTS = {
    "Allowance-example.xml": {"Vat-category-S.xml"},
    "Vat-category-S.xml": {"Allowance-example.xml"},
    "base-example.xml": {"sales-order-example.xml", "base-creditnote-correction.xml"},
    "sales-order-example.xml": {"base-example.xml", "base-creditnote-correction.xml"},
    "base-creditnote-correction.xml": {"base-example.xml", "sales-order-example.xml"},
    "vat-category-E.xml": {"vat-category-Z.xml"},
    "vat-category-Z.xml": {"vat-category-E.xml"},
}
ALONE = sorted(PUBLISHED.keys() - CONFLICTS.keys())


async def bring(transact, names):
    return await import_files(
        transact, [FOLDER / name for name in names], default_currency="USD", supplier="Green Lane"
    )


def test_every_published_example_is_looked_at():
    assert {path.name for path in FOLDER.glob("*.xml")} == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_example_is_read_as_it_stands_in_the_document(name):
    found = read(name, (FOLDER / name).read_bytes())
    supplier, number, kind, total, due, currency, issued, due_date, customer = PUBLISHED[name]
    assert (found.supplier, found.number, found.kind) == (supplier, number, kind)
    assert (found.total, found.due) == (Money(total, currency), Money(due, currency))
    assert (found.issued, found.due_date) == (issued, due_date)
    assert Billing(found.name, found.zip, found.email) == customer


async def test_all_published_examples_at_once_conflict_and_nothing_is_written(transact, book):
    outcome = await bring(transact, PUBLISHED)
    assert (outcome.imported, outcome.updated, outcome.unchanged) == (0, 0, 0)
    named = {Path(refusal.file).name: refusal.reason for refusal in outcome.refused}
    assert named.keys() == CONFLICTS.keys()
    for name, others in CONFLICTS.items():
        assert "conflict" in named[name]
        assert {other for other in PUBLISHED if f"/{other}" in named[name]} == others
    assert await book.list_open() == ()


async def test_those_that_do_not_conflict_are_imported_and_then_unchanged(transact, book):
    assert (await bring(transact, ALONE)).imported == len(ALONE) == 5
    assert (await bring(transact, ALONE)).unchanged == 5
    (negative,) = await book.find(NEGATIVE)
    assert (negative.state, negative.payable) == (InvoiceState.CREDIT, Money(0, "EUR"))
    assert len(await book.find(GREEK)) == 2  # one number, two suppliers


@pytest.mark.parametrize("first", CONFLICTS)
async def test_the_first_of_a_conflict_stays_in_the_book(transact, book, first):
    assert (await bring(transact, [first])).imported == 1
    before = await book.find(PUBLISHED[first][1])
    for other in sorted(CONFLICTS[first]):
        outcome = await bring(transact, [other])
        assert ["conflict: the book holds a different document" in refusal.reason for refusal in outcome.refused] == [
            True
        ]
    assert await book.find(PUBLISHED[first][1]) == before


async def test_a_norwegian_invoice_is_paid_in_its_own_currency(transact, book):
    await bring(transact, ["Norwegian-example-1.xml"])
    (invoice,) = await book.find("tosl 108")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    await book.record(Posting("1", invoice.id, "R-1", "payment", Money(80200, "NOK"), at))
    assert (await book.get(invoice.id)).state is InvoiceState.PAID
    assert (await bring(transact, ["Norwegian-example-1.xml"])).unchanged == 1
    assert (await book.get(invoice.id)).due == Money(0, "NOK")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_lines_of_a_published_example_come_to_what_it_says_they_do(name):
    content = (FOLDER / name).read_bytes()
    said = etree.fromstring(content).findtext("{*}LegalMonetaryTotal/{*}LineExtensionAmount")
    found = read(name, content)
    assert Money(sum(line.amount_minor for line in found.lines), found.total.currency) == Money(
        int(Decimal(said).scaleb(2)), found.total.currency
    )
    assert all(line.text for line in found.lines)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
async def test_the_lines_of_a_published_example_are_shown_in_their_order_and_printed(transact, book, name):
    await bring(transact, [name])
    (invoice,) = await book.find(PUBLISHED[name][1])
    sheet = await book.sheet(invoice.id)
    read_lines = read(name, (FOLDER / name).read_bytes()).lines
    sign = -1 if name == "base-creditnote-correction.xml" else 1  # what it credits stands there as plain sums
    assert [(line.text, line.quantity, line.amount.minor) for line in sheet.lines] == [
        (line.text, line.quantity, sign * line.amount_minor) for line in read_lines
    ]
    assert (len(sheet.lines) > 0, sheet.more) == (True, 0)
    assert (await book.pdf(invoice.id)).startswith(b"%PDF-")


async def test_a_norwegian_invoice_says_what_was_billed(transact, book):
    await bring(transact, ["Norwegian-example-1.xml"])
    (invoice,) = await book.find("TOSL108")
    lines = (await book.sheet(invoice.id)).lines
    assert lines[0] == SheetLine("Laptop computer", Money(127300, "NOK"), "1")
    assert lines[-1] == SheetLine("Network cable", Money(18750, "NOK"), "250 m")
    assert sum(line.amount.minor for line in lines) == 143650
    assert (await book.details(invoice.customer)).phone == "5121230"
