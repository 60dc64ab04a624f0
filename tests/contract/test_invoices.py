"""What all `Books` must do, whoever keeps them: one suite, run on each implementation.

The same seven invoices of two customers are put into each. What only one implementation does is tested with it, not here.
"""

import csv
import io
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio

from services.database import inline, open_engine, upgrade
from services.errors import Malformed
from services.invoices import base
from services.invoices.base import MOST_LINES, Posting
from services.invoices.book import Book
from services.invoices.importing import import_files
from services.invoices.portal import Portal
from services.invoices.several import Several
from services.model import (
    Account,
    Billing,
    Details,
    InvoiceState,
    Money,
    Notices,
    Objection,
    Revision,
    Rules,
    SheetLine,
    standing,
)
from services.sandbox.portal import Demo, DemoBusiness, DemoCustomer, DemoInvoice, DemoLine
from services.sandbox.rehearsal import API_KEY, ROOT, rehearse
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DANA = DemoCustomer(
    "dana",
    "Dana Whitfield",
    "94107",
    "dana@example.com",
    street="218 Larkfield Street",
    city="San Francisco",
    region="CA",
    phone="+1 415 555 0117",
)
HOFGARTEN = DemoCustomer("hofgarten", "Hofgarten GmbH", "80539", "", fee_exempt=True)


MOWING = (DemoLine("Mowing and edging", 9000, "3 visits"), DemoLine("Hedge trimming", 3000))
SIXTY = (*(DemoLine(f"Rasenpflege {n}", 800) for n in range(59)), DemoLine("Anfahrt", 1790))


def _invoice(number, customer, minor, currency="USD", **other):
    known = {"issued_in_days": -10} | other
    return DemoInvoice(number.lower(), number, customer.id, minor, currency, **known)


DEMO = Demo(
    DemoBusiness("Green Lane", "+1 415 555 0142", "billing@example.com"),
    [DANA, HOFGARTEN],
    [
        _invoice("INV-1042", DANA, 12000, due_in_days=14, lines=MOWING),
        _invoice("INV-1044", DANA, 21000, paid_minor=6000),
        _invoice("INV-1027", DANA, 9500, paid_minor=9500, issued_in_days=-80),
        _invoice("INV-1039", DANA, 15000, void=True),
        _invoice("INV-1053", DANA, 6400, due_in_days=3),
        _invoice("INV-1045", HOFGARTEN, 48990, "EUR", lines=SIXTY),
        _invoice("CN-2003", HOFGARTEN, -2500, "EUR", kind="credit_note", lines=(DemoLine("Kies", -2500, "1 t"),)),
    ],
)


@dataclass
class Books:
    """One implementation, and how the business itself marks an invoice of it as void."""

    invoices: base.Books
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
            "Street",
            "City",
            "Region",
            "Phone",
            "Fee exempt",
            "Description",
            "Quantity",
            "Line amount",
        ]
    )
    people = {person.id: person for person in DEMO.customers}
    for each in DEMO.invoices:
        who = people[each.customer]
        total, open_minor = each.total_minor, each.total_minor - each.paid_minor
        sums = [str(Money(minor, each.currency)).split()[0] for minor in (total, open_minor)]
        void = "yes" if each.void or each.number in voided else ""
        issued, due_date = (
            "" if days is None else NOON.date() + timedelta(days) for days in (each.issued_in_days, each.due_in_days)
        )
        said = [each.number, who.id, who.name, who.zip, who.email, *sums, each.currency, issued, due_date, void]
        said += [who.street, who.city, who.region, who.phone, "yes" if who.fee_exempt else ""]
        for line in each.lines:
            rows.writerow([*said, line.text, line.quantity, str(Money(line.amount_minor, each.currency)).split()[0]])
        if not each.lines:
            rows.writerow([*said, "", "", ""])
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


async def test_an_invoice_says_whether_its_customer_pays_a_program_fee(books):
    assert (await the(books, "INV-1045")).fee_exempt is True
    assert (await the(books, "INV-1042")).fee_exempt is False


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
    assert await books.invoices.sheet(unknown) is None
    assert await books.invoices.pdf(unknown) is None
    assert await books.invoices.billing(unknown) is None
    assert await books.invoices.account(unknown) is None
    assert await books.invoices.details(unknown) is None
    assert await books.invoices.of_customer(unknown) == ()
    assert await books.invoices.save(unknown, Revision(zip="10001"), "1") is None


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
    assert [invoice.number for invoice in listed] == ["INV-1053", "INV-1042", "INV-1044", "INV-1045"]
    assert listed[1] == await the(books, "INV-1042")


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


# --- customers --------------------------------------------------------------------------------------------------------


async def dana(books):
    return (await the(books, "INV-1042")).customer


async def test_a_customer_sees_every_invoice_of_their_own_and_what_is_owed_first(books):
    who = await dana(books)
    found = await books.invoices.of_customer(who)
    assert [each.number for each in found] == ["INV-1053", "INV-1042", "INV-1044", "INV-1039", "INV-1027"]
    assert {each.customer for each in found} == {who}
    assert found[1] == await the(books, "INV-1042")
    await books.invoices.record(paid(found[0], 6400))
    numbers = [each.number for each in await books.invoices.of_customer(who)]
    assert numbers == ["INV-1042", "INV-1044", "INV-1039", "INV-1053", "INV-1027"]


async def test_nobody_sees_the_invoices_of_another_customer(books):
    hofgarten = (await the(books, "INV-1045")).customer
    numbers = {each.number for each in await books.invoices.of_customer(hofgarten)}
    assert numbers == {"INV-1045", "CN-2003"}


@pytest.mark.parametrize("told", ["dana@example.com", "Dana@Example.COM", "  DANA@EXAMPLE.COM\n"])
async def test_an_address_is_found_in_any_case(books, told):
    assert await books.invoices.at(told) == (Account(await dana(books), "Dana Whitfield"),)


@pytest.mark.parametrize(
    "told",
    [
        "",
        " ",
        "@",
        "dana",
        "dana@example",
        "ana@example.com",
        "dan_@example.com",
        "%@example.com",
        "dana@example.com\x00",
        "\ud800@example.com",
        "' OR 1=1 --@example.com",
        "dana@example.com&email=x",
        "x" * 100_000 + "@example.com",
    ],
)
async def test_an_address_that_nobody_has_finds_nobody(books, told):
    assert await books.invoices.at(told) == ()


async def test_all_that_is_on_file_of_a_customer_is_told(books):
    who = await dana(books)
    assert await books.invoices.account(who) == Account(who, "Dana Whitfield")
    assert await books.invoices.details(who) == Details(
        name="Dana Whitfield",
        street="218 Larkfield Street",
        city="San Francisco",
        region="CA",
        zip="94107",
        email="dana@example.com",
        phone="+1 415 555 0117",
    )
    hofgarten = (await the(books, "INV-1045")).customer
    assert await books.invoices.details(hofgarten) == Details(name="Hofgarten GmbH", zip="80539")


async def test_what_a_customer_changes_is_what_everybody_reads_from_then_on(books):
    who = await dana(books)
    told = Revision(
        name="Dana W. Moore",
        street="9 Elm Road",
        city="Düsseldorf",
        region="",
        zip="10001",
        email="Dana@new.example.com",
        phone="",
        language="es",
        notices=Notices(receipts=True, reminders=False),
    )
    saved = await books.invoices.save(who, told, "1")
    assert saved == await books.invoices.details(who) == told.of(Details())
    assert await books.invoices.billing(who) == Billing("Dana W. Moore", "10001", "Dana@new.example.com")
    assert await books.invoices.at("dana@NEW.example.com") == (Account(who, "Dana W. Moore"),)
    assert await books.invoices.at("dana@example.com") == ()
    assert (await the(books, "INV-1042")).customer_name == "Dana W. Moore"


async def test_what_is_not_told_stays_as_it_is(books):
    who = await dana(books)
    before = await books.invoices.details(who)
    assert await books.invoices.save(who, Revision(), "1") == before
    after = await books.invoices.save(who, Revision(zip="10001"), "2")
    assert after == msgspec.structs.replace(before, zip="10001")


async def test_new_details_change_no_version_so_that_a_yes_on_the_screen_still_counts(books):
    before = await the(books, "INV-1042")
    await books.invoices.save(before.customer, Revision(zip="10001", name="D. Whitfield"), "1")
    after = await the(books, "INV-1042")
    assert after.version == before.version


async def test_a_change_is_written_once_however_often_it_is_told(books):
    who = await dana(books)
    first = Revision(zip="10001")
    once = await books.invoices.save(who, first, "1")
    assert await books.invoices.save(who, first, "1") == once
    await books.invoices.save(who, Revision(zip="60601"), "2")
    late = await books.invoices.save(who, first, "1")  # a repetition that was under way for long
    assert late == await books.invoices.details(who) == msgspec.structs.replace(once, zip="60601")


async def test_a_key_of_one_customer_changes_nothing_of_another(books):
    who, hofgarten = await dana(books), (await the(books, "INV-1045")).customer
    await books.invoices.save(who, Revision(zip="10001"), "1")
    before = await books.invoices.details(hofgarten)
    with pytest.raises(Malformed):
        await books.invoices.save(hofgarten, Revision(zip="10001"), "1")
    assert await books.invoices.details(hofgarten) == before


async def test_a_change_of_one_customer_changes_nothing_of_another(books):
    hofgarten = (await the(books, "INV-1045")).customer
    before = await books.invoices.details(hofgarten)
    await books.invoices.save(await dana(books), Revision(name="Hofgarten GmbH", zip="80539"), "1")
    assert await books.invoices.details(hofgarten) == before


@pytest.mark.parametrize(
    "told",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 301},
        {"name": "Dana\x00"},
        {"name": "\ud800"},
        {"street": "x" * 301},
        {"street": "1 Elm\nRoad"},
        {"city": "x" * 121},
        {"city": "\u202esirap"},
        {"region": "x" * 121},
        {"zip": "9" * 33},
        {"email": ""},
        {"email": "nobody"},
        {"email": "a@b, c@d"},
        {"email": "x" * 250 + "@example.com"},
        {"phone": "5" * 41},
        {"language": "English, please"},
    ],
    ids=str,
)
async def test_details_that_no_book_can_hold_are_refused_and_nothing_changes(books, told):
    who = await dana(books)
    before = await books.invoices.details(who)
    with pytest.raises(Malformed):
        await books.invoices.save(who, Revision(**({"zip": "10001"} | told)), "1")
    assert await books.invoices.details(who) == before


async def test_a_detail_as_long_as_may_be_is_kept_whole(books):
    who = await dana(books)
    told = {"name": "é" * 300, "street": "s" * 300, "city": "c" * 120, "region": "r" * 120, "zip": "9" * 32}
    told |= {"phone": "5" * 40, "email": "x" * 242 + "@example.com", "language": "zh-Hant-TW"}
    await books.invoices.save(who, Revision(**told), "1")
    found = await books.invoices.details(who)
    assert {name: getattr(found, name) for name in told} == told


async def test_what_a_customer_changed_outlives_the_businesss_next_word_on_an_invoice(books):
    who = await dana(books)
    saved = await books.invoices.save(who, Revision(zip="10001", phone="", email="dana@new.example.com"), "1")
    await books.void("INV-1042")  # a sheet with the old details, in the book
    assert (await the(books, "INV-1042")).state is InvoiceState.VOID
    assert await books.invoices.details(who) == saved


# --- documents --------------------------------------------------------------------------------------------------------


async def test_the_lines_of_an_invoice_say_what_was_billed(books):
    invoice = await the(books, "INV-1042")
    found = await books.invoices.sheet(invoice.id)
    assert (found.invoice, found.more) == (invoice.id, 0)
    assert found.lines == (
        SheetLine("Mowing and edging", Money(9000, "USD"), "3 visits"),
        SheetLine("Hedge trimming", Money(3000, "USD")),
    )


async def test_an_invoice_of_many_lines_shows_the_first_and_counts_the_rest(books):
    found = await books.invoices.sheet((await the(books, "INV-1045")).id)
    assert (len(found.lines), found.more) == (MOST_LINES, 60 - MOST_LINES)
    assert [line.text for line in found.lines[:2]] == ["Rasenpflege 0", "Rasenpflege 1"]
    assert found.lines[0].amount == Money(800, "EUR")


async def test_an_invoice_whose_books_keep_no_lines_has_an_empty_sheet(books):
    found = await books.invoices.sheet((await the(books, "INV-1044")).id)
    assert (found.lines, found.more) == ((), 0)


async def test_the_lines_of_a_credit_note_have_its_sign(books):
    note = await the(books, "CN-2003")
    (line,) = (await books.invoices.sheet(note.id)).lines
    assert line == SheetLine("Kies", note.total, "1 t")


async def test_an_invoice_is_handed_over_as_a_pdf_and_is_the_same_as_long_as_nothing_happens(books):
    invoice = await the(books, "INV-1042")
    found = await books.invoices.pdf(invoice.id)
    assert found.startswith(b"%PDF-")
    assert await books.invoices.pdf(invoice.id) == found
    await books.invoices.record(paid(invoice, 5000))
    assert await books.invoices.pdf(invoice.id) != found


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("dana whitfield", ["Dana Whitfield"]),
        ("FIELD dana", ["Dana Whitfield"]),
        ("a", []),
        ("", []),
        ("an", ["Dana Whitfield"]),
        ("hofgarten dana", []),
        ("%", []),
        ("%%", []),
        ("d_na", []),
        ("dana\0whit", ["Dana Whitfield"]),
        ("' OR 1=1 --", []),
        ("\u202edana", ["Dana Whitfield"]),
        ("x" * 10_000, []),
    ],
)
async def test_customers_are_found_by_every_word_of_their_name_and_wildcards_are_letters(books, told, names):
    found = await books.invoices.named(told, 10)
    assert [each.name for each in found] == names
    for each in found:
        assert await books.invoices.account(each.id) == each


async def test_no_more_customers_are_told_than_asked_for_and_those_by_name(books):
    assert [each.name for each in await books.invoices.named("a t", 10)] == ["Dana Whitfield", "Hofgarten GmbH"]
    assert [each.name for each in await books.invoices.named("a t", 1)] == ["Dana Whitfield"]
    assert len(await books.invoices.named("a t", 10**6)) == 2
