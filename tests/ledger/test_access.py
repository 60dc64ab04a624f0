"""What each scope may read: a customer all that is theirs, a link one invoice, anybody else nothing."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import event

from services.model import (
    MOST_SHOWN,
    Bearer,
    Filter,
    InvoiceState,
    InvoiceStatus,
    Method,
    Money,
    PaymentState,
    Stranger,
    Sum,
)
from services.payments import ledger, requests
from services.payments.gateways.base import FactKind
from services.payments.requests import Wish

INVOICE = "book:INV-1042"
TODAY = date(2026, 3, 4)


def change(world, invoice, **columns):
    world.books.invoices[invoice] = replace(world.books.invoices[invoice], **columns)


@pytest.fixture
def many(world):
    """Dana's invoices of every kind, and one of Eve's."""
    for number, minor in (("LATE", 3000), ("VOID", 1000), ("CREDIT", 2000), ("EUR", 700)):
        world.books.add(number, minor, "EUR" if number == "EUR" else "USD")
    change(world, "book:LATE", due_date=TODAY - timedelta(days=1))
    change(world, "book:VOID", state=InvoiceState.VOID)
    change(world, "book:CREDIT", state=InvoiceState.CREDIT)
    world.books.add("EVE-1", customer="eve")
    return world


# --- lists and balances


async def test_a_customer_sees_all_that_is_theirs_and_what_it_comes_to(many):
    paid = await many.paid(minor=2000)
    waiting = await many.start("k2", minor=4000, method=Method.BANK)
    await many.reports(waiting.reference, FactKind.PROCESSING)
    listing = await many.access.listing(many.signs_in(), Filter(), TODAY)
    assert {invoice.number for invoice in listing.shown} == {"INV-1042", "LATE", "VOID", "CREDIT", "EUR"}
    assert listing.count == 5
    assert listing.sums == (
        Sum("EUR", payable=700),
        Sum("USD", payable=9000, overdue=3000, processing=4000, paid=2000),
    )
    assert paid.state is PaymentState.SUCCEEDED


async def test_a_filter_shortens_the_list_and_leaves_the_balance(many):
    everything = await many.access.listing(many.signs_in(), Filter(), TODAY)
    for which, numbers in (
        (Filter(statuses=(InvoiceStatus.OVERDUE,)), {"LATE"}),
        (Filter(payable=True), {"INV-1042", "LATE", "EUR"}),
        (Filter(until=date(2026, 2, 1)), set()),
    ):
        listing = await many.access.listing(many.signs_in(), which, TODAY)
        assert {invoice.number for invoice in listing.shown} == numbers
        assert (listing.count, listing.sums) == (len(numbers), everything.sums)


async def test_a_list_is_cut_and_says_how_long_it_is(world):
    for n in range(60):
        world.books.add(f"INV-{n}")
    listing = await world.access.listing(world.signs_in(), Filter(), TODAY)
    assert (len(listing.shown), listing.count) == (MOST_SHOWN, 61)
    assert listing.sums == (Sum("USD", payable=61 * 12000),)


async def test_however_many_invoices_the_ledger_is_asked_once(world):
    for n in range(60):
        world.books.add(f"INV-{n}")
    asked = []
    event.listen(world.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    await world.access.listing(world.signs_in(), Filter(), TODAY)
    assert len([sql for sql in asked if sql.startswith("SELECT")]) == 1


async def test_an_invoice_is_disputed_by_a_bank_until_that_is_decided(world):
    paid = await world.paid(minor=5000)
    for kind, disputed in ((FactKind.DISPUTED, True), (FactKind.WON, False)):
        await world.reports(paid.reference, kind)
        assert (await world.access.invoice(Bearer(INVOICE, "link"), INVOICE)).disputed is disputed
        (seen,) = (await world.access.listing(world.signs_in(), Filter(), TODAY)).shown
        assert seen.disputed is disputed


async def test_an_invoice_is_disputed_by_its_customer_until_a_person_answers(world):
    world.books.add("INV-2")
    wish = Wish("dispute", "chat", "wrong hours", "dana", signed_in=True, invoice=INVOICE, number="INV-1042")
    refund = Wish("refund", "chat", "please", "dana", signed_in=True, invoice="book:INV-2", number="INV-2")
    made = await world.transact(lambda conn: requests.open_request(conn, "k1", wish, world.at))
    await world.transact(lambda conn: requests.open_request(conn, "k2", refund, world.at))
    held = await world.checkout.holdings([INVOICE, "book:INV-2", "book:none"])
    assert held == {INVOICE: ledger.Holding(0, disputed=True)}
    assert (await world.access.own(world.signs_in(), "1042")).disputed
    await world.transact(lambda conn: requests.answer(conn, made.case, "corrected", world.at))
    assert await world.checkout.holdings([INVOICE]) == {}
    assert await world.checkout.holdings([]) == {}


async def test_open_cases_and_answers_to_tell_are_found_by_their_indexes(engine):
    plan = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # an empty table is read whole otherwise
        by_invoice = f"{plan} SELECT 1 FROM handoff_case WHERE invoice IN ('a', 'b') AND closed_at IS NULL"
        assert "open_case_of_invoice" in str(conn.exec_driver_sql(by_invoice).all())
        to_tell = f"{plan} SELECT id FROM handoff_case WHERE answer <> '' AND told_at IS NULL ORDER BY id LIMIT 9"
        assert "answer_to_tell" in str(conn.exec_driver_sql(to_tell).all())


# --- one of them


@pytest.mark.parametrize(
    ("told", "number"), [("1042", "INV-1042"), ("inv 1042", "INV-1042"), ("EVE-1", None), ("9", None)]
)
async def test_a_customers_invoice_is_found_by_its_number_among_their_own(many, told, number):
    found = await many.access.own(many.signs_in(), told)
    assert (found and found.number) == number


async def test_a_number_that_means_two_is_told_apart_only_if_it_is_written_out(world):
    world.books.add("CR1042")
    world.books.add("1042")
    scope = world.signs_in()
    assert (await world.access.own(scope, "1042")).number == "1042"
    assert (await world.access.own(scope, "CR-1042")).number == "CR1042"
    del world.books.invoices["book:1042"]
    assert await world.access.own(scope, "1042") is None


# --- who may


async def everything(world, scope, invoice=INVOICE):
    access = world.access
    seen = {
        "invoice": await access.invoice(scope, invoice),
        "billing": await access.billing(scope, invoice),
        "sheet": await access.sheet(scope, invoice),
        "pdf": await access.pdf(scope, invoice),
    }
    if hasattr(scope, "until"):
        seen |= {
            "own": await access.own(scope, "INV-1042"),
            "listing": await access.listing(scope, Filter(), TODAY),
            "details": await access.details(scope),
            "methods": await access.methods(scope),
            "payments": await access.payments(scope),
        }
    return {name for name, fact in seen.items() if fact is not None}


ONE = {"invoice", "billing", "sheet", "pdf"}
ALL = {*ONE, "own", "listing", "details", "methods", "payments"}


@pytest.mark.parametrize(
    ("scope", "sees"),
    [
        (Stranger(), set()),
        (Bearer("book:EVE-1", "link"), set()),
        (Bearer(INVOICE, "link"), ONE),
        (Bearer(INVOICE, "lookup"), ONE - {"pdf"}),
        ("dana", ALL),
    ],
    ids=["a stranger", "another link", "its link", "number and zip", "its customer"],
)
async def test_each_scope_reads_what_it_proved_and_no_more(many, scope, sees):
    who = many.signs_in(scope) if isinstance(scope, str) else scope
    assert await everything(many, who) == sees


async def test_who_proved_only_a_look_up_reads_no_name(many):
    billing = await many.access.billing(Bearer(INVOICE, "lookup"), INVOICE)
    assert (billing.name, billing.email) == ("D•••", "")


@pytest.mark.parametrize("end", ["signed out", "over"])
async def test_a_proof_that_does_not_hold_any_more_reads_nothing(many, end):
    await many.start()
    scope = many.signs_in()
    assert await everything(many, scope) == ALL
    if end == "over":
        many.passes(hours=2)
    else:
        many.signed_out.add("dana")
    assert await everything(many, scope) == set()
    assert (await many.access.requests(scope, "elsewhere")).shown == ()
    assert not await many.access.may(scope)


async def test_a_customer_reads_nothing_of_another(many):
    await many.start("k1", "book:EVE-1", chat="eve's")
    many.saves("pm_eve", "eve")
    scope = many.signs_in()
    assert await many.access.invoice(scope, "book:EVE-1") is None
    assert await many.access.sheet(scope, "book:EVE-1") is None
    assert await many.access.pdf(scope, "book:EVE-1") is None
    assert "EVE-1" not in {each.number for each in (await many.access.listing(scope, Filter(), TODAY)).shown}
    assert (await many.access.payments(scope)).count == 0
    assert (await many.access.methods(scope)).saved == ()


async def test_books_that_hand_out_somebody_elses_invoices_are_not_believed(many):
    async def all_of_them(_customer):
        return tuple(many.books.invoices.values())

    many.books.of_customer = all_of_them
    scope = many.signs_in()
    listing = await many.access.listing(scope, Filter(), TODAY)
    assert {each.customer for each in listing.shown} == {"dana"}
    assert await many.access.own(scope, "EVE-1") is None


# --- payments


async def test_a_customer_sees_the_newest_payments_on_their_invoices_whoever_made_them(world):
    for n in range(12):
        world.passes(minutes=1)
        world.books.add(f"INV-{n}")
        await world.start(f"k{n}", f"book:INV-{n}", chat=f"chat {n}")
    payments = await world.access.payments(world.signs_in(chat="elsewhere"))
    assert [each.numbers for each in payments.shown] == [(f"INV-{n}",) for n in range(11, 1, -1)]
    assert payments.count == 12


async def test_a_payment_says_what_was_paid_on_each_invoice_and_where_the_money_is(world):
    world.books.add("INV-0001", 3000)
    quote = await world.quote(INVOICE, "book:INV-0001", method=Method.BANK)
    opened = await world.checkout.start("k", "chat", "m", world.signs_in(), quote)
    assert (opened.numbers, opened.parts) == (("INV-0001", "INV-1042"), (3000, 12000))
    assert opened.expected is None
    submitted = world.at
    waiting = await world.reports(opened.reference, FactKind.PROCESSING)
    assert (waiting.submitted_at, waiting.expected, waiting.cleared_at) == (submitted, date(2026, 3, 10), None)
    world.passes(days=3)
    paid = await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert (paid.submitted_at, paid.expected, paid.cleared_at) == (submitted, None, world.at)
    assert paid.amount == Money(sum(paid.parts), "USD")
