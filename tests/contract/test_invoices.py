"""What every `Invoices` must do, whoever keeps the books: one suite, run on each implementation.

The same six invoices are put into each. What only one implementation does is tested with it, not here.
"""

import csv
import io
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec
import pytest
import pytest_asyncio

from services.database import inline, open_engine, upgrade
from services.errors import Malformed
from services.invoices.base import Invoices, Posting
from services.invoices.book import Book
from services.invoices.importing import import_files
from services.invoices.portal import Portal
from services.invoices.several import Several
from services.model import Billing, InvoiceState, Money, Objection, Rules, standing
from services.sandbox.portal import Demo, DemoBusiness, DemoCustomer, DemoInvoice
from services.sandbox.rehearsal import API_KEY, ROOT, rehearse
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DANA = DemoCustomer("dana", "Dana Whitfield", "94107", "dana@example.com")
HOFGARTEN = DemoCustomer("hofgarten", "Hofgarten GmbH", "80539", "")


def _invoice(number, customer, minor, currency="USD", **other):
    return DemoInvoice(number.lower(), number, customer.id, minor, currency, issued_in_days=-10, **other)


DEMO = Demo(
    DemoBusiness("Green Lane", "+1 415 555 0142", "billing@example.com"),
    [DANA, HOFGARTEN],
    [
        _invoice("INV-1042", DANA, 12000, due_in_days=14),
        _invoice("INV-1044", DANA, 21000, paid_minor=6000),
        _invoice("INV-1027", DANA, 9500, paid_minor=9500),
        _invoice("INV-1039", DANA, 15000, void=True),
        _invoice("INV-1045", HOFGARTEN, 48990, "EUR"),
        _invoice("CN-2003", HOFGARTEN, -2500, "EUR", kind="credit_note"),
    ],
)


@dataclass
class Books:
    """One implementation, and how the business itself marks an invoice of it as void."""

    invoices: Invoices
    void: Callable[[str], Awaitable[None]]


def _sheet(voided=()):
    """The demo as a sheet, which says the same to the book as the demo says to the portal."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(
        [
            "Number",
            "Customer ID",
            "Customer",
            "Zip",
            "Email",
            "Total",
            "Balance",
            "Currency",
            "Date",
            "Due date",
            "Void",
        ]
    )
    people = {person.id: person for person in DEMO.customers}
    for each in DEMO.invoices:
        who = people[each.customer]
        total, open_minor = each.total_minor, each.total_minor - each.paid_minor
        sums = [str(Money(minor, each.currency)).split()[0] for minor in (total, open_minor)]
        void = "yes" if each.void or each.number in voided else ""
        due_date = "2026-03-16" if each.due_in_days == 14 else ""
        rows.writerow(
            [each.number, who.id, who.name, who.zip, who.email, *sums, each.currency, "2026-02-20", due_date, void]
        )
    return out.getvalue().encode()


@asynccontextmanager
async def _book(engine=None):
    memory = open_engine("sqlite://")
    upgrade(memory)
    transact = inline(engine or memory)

    async def bring(*voided):
        outcome = await import_files(
            transact, [("demo.csv", _sheet(voided))], default_currency="USD", supplier="Green Lane"
        )
        assert outcome.refused == ()

    await bring()
    yield Books(Book(transact), bring)
    memory.dispose()


@asynccontextmanager
async def _portal():
    sandbox = rehearse(clock=lambda: NOON, random=bytes, demo=DEMO)

    async def void(number):
        sandbox.sandbox.portal.numbered(number)[0].void = True

    yield Books(Portal(sandbox.http, f"{ROOT}/portal", API_KEY), void)
    await sandbox.aclose()


@asynccontextmanager
async def _several():
    async with _book() as books:
        yield Books(Several({"book": books.invoices}), books.void)


IMPLEMENTATIONS = {"book": _book, "portal": _portal, "several": _several}


@pytest_asyncio.fixture(params=["book", "book on PostgreSQL", "portal", "several"])
async def books(request):
    if request.param == "book on PostgreSQL":
        # asked for by name: the others need no server
        async with _book(request.getfixturevalue("on_postgres")) as ready:
            yield ready
        return
    async with IMPLEMENTATIONS[request.param]() as ready:
        yield ready


async def the(books, number):
    (invoice,) = await books.invoices.find(number)
    return invoice


def paid(invoice, minor, key="1", **other):
    known = {"key": key, "invoice": invoice.id, "reference": "R-1", "kind": "payment", "at": NOON}
    return Posting(**(known | {"amount": Money(minor, invoice.due.currency)} | other))


@pytest.mark.parametrize("written", ["INV-1042", "inv 1042", "  Inv1042 ", "inv.10-42", "#INV-1042", "inv\u20131042"])
async def test_a_number_is_found_however_the_customer_writes_it(books, written):
    assert (await the(books, written)).number == "INV-1042"


@pytest.mark.parametrize(
    "written",
    ["", " ", "---", "1042", "INV-104", "INV-10420", "🧾", "\x00", "\ud800", "' OR 1=1 --", "%", "9" * 100_000],
)
async def test_what_is_no_number_of_ours_finds_nothing(books, written):
    assert await books.invoices.find(written) == ()


async def test_an_invoice_says_what_its_document_says(books):
    invoice = await the(books, "INV-1044")
    assert (invoice.total, invoice.due) == (Money(21000, "USD"), Money(15000, "USD"))
    assert (invoice.customer_name, invoice.issued, invoice.due_date) == ("Dana Whitfield", date(2026, 2, 20), None)
    assert (invoice.state, invoice.processing) == (InvoiceState.OPEN, 0)
    assert (await the(books, "INV-1042")).due_date == date(2026, 3, 16)
    assert (await the(books, "INV-1045")).due == Money(48990, "EUR")


async def test_an_id_leads_to_the_same_invoice_and_names_its_source(books):
    invoice = await the(books, "INV-1042")
    assert await books.invoices.get(invoice.id) == invoice
    assert invoice.id.partition(":")[0] == invoice.customer.partition(":")[0] in ("book", "portal")
    assert len(invoice.id) <= 100


@pytest.mark.parametrize(
    "unknown",
    [
        "",
        ":",
        "book:",
        "portal:",
        "book:0",
        "portal:inv-9",
        "elsewhere:1",
        "book:" + "0" * 32,
        "book:\x00",
        "portal:../../control/book",
        "portal:\ud800",
        "x" * 100_000,
    ],
)
async def test_an_unknown_id_is_nobody_and_nothing(books, unknown):
    assert await books.invoices.get(unknown) is None
    assert await books.invoices.billing(unknown) is None


async def test_billing_details_are_those_on_file_and_empty_where_there_are_none(books):
    dana, hofgarten = await the(books, "INV-1042"), await the(books, "INV-1045")
    assert await books.invoices.billing(dana.customer) == Billing("Dana Whitfield", "94107", "dana@example.com")
    assert await books.invoices.billing(hofgarten.customer) == Billing("Hofgarten GmbH", "80539", "")


@pytest.mark.parametrize(
    ("number", "state", "why"),
    [
        ("INV-1042", InvoiceState.OPEN, None),
        ("INV-1027", InvoiceState.PAID, Objection.ALREADY_PAID),
        ("INV-1039", InvoiceState.VOID, Objection.VOID),
        ("CN-2003", InvoiceState.CREDIT, Objection.CREDIT_NOTE),
    ],
)
async def test_what_cannot_be_paid_says_why(books, number, state, why):
    invoice = await the(books, number)
    assert invoice.state is state
    assert standing(invoice, Rules()) is why
    assert (invoice.payable.minor > 0) is (number in ("INV-1042", "INV-1039"))


async def test_what_is_owed_is_listed_longest_due_first_and_nothing_else(books):
    listed = await books.invoices.list_open()
    assert [invoice.number for invoice in listed] == ["INV-1042", "INV-1044", "INV-1045"]
    assert listed[0] == await the(books, "INV-1042")


async def test_an_invoice_leaves_the_list_when_it_is_paid_and_comes_back_when_the_payment_does(books):
    invoice = await the(books, "INV-1042")
    await books.invoices.record(paid(invoice, 12000))
    assert "INV-1042" not in {each.number for each in await books.invoices.list_open()}
    await books.invoices.record(paid(invoice, -12000, key="1/return", kind="return"))
    assert "INV-1042" in {each.number for each in await books.invoices.list_open()}
    await books.void("INV-1042")
    assert "INV-1042" not in {each.number for each in await books.invoices.list_open()}


async def test_a_credit_note_is_owed_to_the_customer(books):
    note = await the(books, "CN-2003")
    assert note.total == note.due == Money(-2500, "EUR")


async def test_a_payment_is_posted_once_however_often_it_is_told(books):
    before = await the(books, "INV-1042")
    await books.invoices.record(paid(before, 5000))
    after = await the(books, "INV-1042")
    assert after.due == Money(7000, "USD")
    assert after.total == before.total
    await books.invoices.record(paid(before, 5000))
    assert await the(books, "INV-1042") == after


async def test_two_payments_add_up_and_the_last_one_closes_the_invoice(books):
    invoice = await the(books, "INV-1042")
    await books.invoices.record(paid(invoice, 5000))
    await books.invoices.record(paid(invoice, 7000, key="2"))
    closed = await the(books, "INV-1042")
    assert (closed.due, closed.state) == (Money(0, "USD"), InvoiceState.PAID)


async def test_a_returned_payment_opens_the_invoice_again(books):
    invoice = await the(books, "INV-1042")
    await books.invoices.record(paid(invoice, 12000))
    await books.invoices.record(paid(invoice, -12000, key="1/return", kind="return"))
    again = await the(books, "INV-1042")
    assert (again.due, again.state) == (Money(12000, "USD"), InvoiceState.OPEN)
    assert again.version != invoice.version  # a yes from before the payment does not count now


async def test_an_overpaid_invoice_is_paid_and_its_due_is_below_zero(books):
    invoice = await the(books, "INV-1042")
    await books.invoices.record(paid(invoice, 12500))
    over = await the(books, "INV-1042")
    assert (over.due, over.state, over.payable) == (Money(-500, "USD"), InvoiceState.PAID, Money(0, "USD"))


async def test_each_posting_makes_a_version_that_was_never_there(books):
    invoice = await the(books, "INV-1042")
    versions = [invoice.version]
    for turn, minor in enumerate((4000, -4000, 4000)):
        await books.invoices.record(paid(invoice, minor, key=str(turn)))
        versions.append((await the(books, "INV-1042")).version)
    assert len(set(versions)) == 4


async def test_the_version_stays_while_nothing_happens_to_this_invoice(books):
    invoice, other = await the(books, "INV-1042"), await the(books, "INV-1044")
    await books.invoices.record(paid(other, 1000))
    assert await the(books, "INV-1042") == invoice


async def test_an_invoice_voided_by_the_business_has_another_version(books):
    before = await the(books, "INV-1042")
    await books.void("INV-1042")
    after = await the(books, "INV-1042")
    assert after.state is InvoiceState.VOID
    assert (after.id, after.version != before.version) == (before.id, True)


async def test_a_posting_that_the_books_cannot_take_is_refused_and_changes_nothing(books):
    invoice = await the(books, "INV-1042")
    missing = invoice.id.partition(":")[0] + ":" + "f" * 32
    await books.invoices.record(paid(invoice, 100))
    posted = await the(books, "INV-1042")
    with pytest.raises(Malformed):
        await books.invoices.record(msgspec.structs.replace(paid(invoice, 100, key="2"), invoice=missing))
    with pytest.raises(Malformed):
        await books.invoices.record(paid(invoice, 100, key="3", amount=Money(100, "EUR")))
    with pytest.raises(Malformed):
        await books.invoices.record(paid(invoice, 200))  # the same key for another sum
    assert await the(books, "INV-1042") == posted
