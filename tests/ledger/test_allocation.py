"""Sums laid over invoices and given back again, in every kind of currency: exact to the last minor unit."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from services.database import open_engine, upgrade
from services.model import Invoice, Line, Method, Money, Quote, Spread, allocate, exponent, in_order
from services.payments import facts, journal, ledger, outbox, starts
from services.payments.gateways.base import Fact, FactKind

CURRENCIES = {0: "JPY", 2: "USD", 3: "BHD", 4: "CLF"}  # one of each exponent of ISO 4217
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)

currencies = st.sampled_from(sorted(CURRENCIES.values()))
minors = st.integers(1, 10**12)


def test_every_exponent_of_iso_4217_is_tried():
    assert {exponent(currency) for currency in CURRENCIES.values()} == set(CURRENCIES) == {0, 2, 3, 4}


@st.composite
def owed(draw):
    """Invoices in one currency, part of which may be processing, in the order in which a customer chose them."""
    currency = draw(currencies)
    count = draw(st.integers(1, 6))
    invoices = []
    for n in range(count):
        due = draw(minors)
        invoices.append(
            Invoice(
                id=f"book:{n}",
                number=f"INV-{n}",
                version="1",
                customer="dana",
                customer_name="Dana",
                total=Money(due, currency),
                due=Money(due, currency),
                issued=DAY,
                due_date=draw(st.none() | st.integers(0, 3).map(lambda days: DAY + timedelta(days))),
                processing=draw(st.just(0) | st.integers(0, due + 5)),
            )
        )
    return draw(st.permutations(invoices))


def sums_in(invoices) -> int:
    return sum(invoice.payable.minor for invoice in invoices)


@given(owed(), st.sampled_from(Spread), st.data())
def test_a_sum_is_laid_over_invoices_to_the_last_unit_and_none_takes_more_than_it_can(invoices, spread, data):
    room = sums_in(invoices)
    currency = invoices[0].due.currency
    if room == 0:
        with pytest.raises(ValueError, match="cannot be laid"):
            allocate(invoices, Money(1, currency), spread)
        return
    amount = Money(data.draw(st.integers(1, room)), currency)
    lines = allocate(invoices, amount, spread)
    payable = {invoice.id: invoice.payable.minor for invoice in invoices}
    assert sum(line.amount.minor for line in lines) == amount.minor
    assert all(type(line.amount.minor) is int for line in lines)
    assert all(0 < line.amount.minor <= payable[line.invoice] for line in lines)
    assert all(line.amount.currency == currency for line in lines)
    assert len({line.invoice for line in lines}) == len(lines)
    assert {line.invoice: line.version for line in lines}.items() <= {
        each.id: each.version for each in invoices
    }.items()


@given(owed(), st.sampled_from([Spread.OLDEST, Spread.CHOSEN]), st.data())
def test_the_first_is_paid_in_full_before_the_next_gets_anything(invoices, spread, data):
    room = sums_in(invoices)
    if room == 0:
        return
    amount = Money(data.draw(st.integers(1, room)), invoices[0].due.currency)
    lines = allocate(invoices, amount, spread)
    ordered = in_order(invoices) if spread is Spread.OLDEST else invoices
    paid = {line.invoice: line.amount.minor for line in lines}
    takers = [invoice for invoice in ordered if invoice.payable.minor]
    assert [line.invoice for line in lines] == [invoice.id for invoice in takers][: len(lines)]
    assert all(paid[invoice.id] == invoice.payable.minor for invoice in takers[: len(lines) - 1])
    if spread is Spread.OLDEST:
        days = [next(i.due_date or date.max for i in invoices if i.id == line.invoice) for line in lines]
        assert days == sorted(days)


@given(owed(), st.data())
def test_pro_rata_is_less_than_one_unit_away_from_the_exact_share(invoices, data):
    room = sums_in(invoices)
    if room == 0:
        return
    amount = data.draw(st.integers(1, room))
    lines = allocate(invoices, Money(amount, invoices[0].due.currency), Spread.EVENLY)
    paid = {line.invoice: line.amount.minor for line in lines}
    for invoice in invoices:
        exact = Fraction(invoice.payable.minor * amount, room)
        assert abs(paid.get(invoice.id, 0) - exact) < 1


@given(owed(), st.sampled_from(Spread), st.sampled_from([-1, 0, "more", "another currency"]))
def test_a_sum_that_cannot_be_laid_over_them_is_never_laid(invoices, spread, how):
    currency = invoices[0].due.currency
    other = next(each for each in CURRENCIES.values() if each != currency)
    amount = {"more": Money(sums_in(invoices) + 1, currency), "another currency": Money(1, other)}.get(how)
    with pytest.raises(ValueError, match=r"laid over|one currency"):
        allocate(invoices, amount or Money(how, currency), spread)


# --- and back again, through the real ledger


@pytest.fixture(scope="module")
def engine():
    made = open_engine("sqlite://")
    upgrade(made)
    yield made
    made.dispose()


@st.composite
def payments(draw):
    """A payment on several invoices, perhaps with a fee in it, and what goes back of it: some of that in vain."""
    parts = draw(st.lists(minors, min_size=1, max_size=5))
    fee = draw(st.just(0) | st.integers(1, 10**6))
    left, back = sum(parts) + fee, []
    for _ in range(draw(st.integers(0, 6))):
        if left == 0:
            break
        minor = draw(st.integers(1, left) | st.just(left))
        fails = draw(st.booleans())
        back.append((minor, fails))
        left -= 0 if fails else minor
    if draw(st.booleans()) and left:
        back.append((left, False))  # and the rest
    return draw(currencies), parts, fee, back


def _fact(n: int, kind: FactKind, reference: str, amount: Money, refund: str = "") -> Fact:
    return Fact(
        f"evt_{n}", reference, kind, NOON + timedelta(minutes=n), amount, Method.CARD, "visa", "4242", None, refund
    )


def _paid(conn: Connection, currency: str, parts: list[int], fee: int) -> str:
    lines = tuple(Line(f"book:{n}", f"INV-{n}", "1", Money(minor, currency)) for n, minor in enumerate(parts))
    quote = Quote(lines, Method.CARD, "Dana", "94107", fee)
    order = starts.Order("k", "chat", "m", quote, "scripted", "https://chat.example/back", {}, customer="dana")
    reference = starts.begin(conn, order, NOON, bytes).reference
    facts.take(conn, "scripted", [_fact(0, FactKind.SUCCEEDED, reference, quote.total)], NOON)
    return reference


def _in_the_books(conn: Connection, reference: str) -> dict[str, int]:
    left: dict[str, int] = {}
    for posting in outbox.postings(conn, reference):
        assert type(posting.amount.minor) is int
        left[posting.invoice] = left.get(posting.invoice, 0) + posting.amount.minor
        assert left[posting.invoice] >= 0, "more was taken back from an invoice than was paid on it"
    return left


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payments())
def test_refunds_in_any_split_add_up_to_what_was_paid_and_never_exceed_it(engine, paid):
    currency, parts, fee, back = paid
    total, gone = sum(parts) + fee, 0
    with engine.connect() as conn:
        reference = _paid(conn, currency, parts, fee)
        number = 0
        for nth, (minor, fails) in enumerate(back):
            refund = f"RF-{nth}"
            kinds = (FactKind.REFUNDED, FactKind.REFUND_FAILED) if fails else (FactKind.REFUNDED,)
            for kind in kinds:
                number += 1
                told = _fact(number, kind, reference, Money(minor, currency), refund)
                facts.take(conn, "scripted", [told, told], NOON)
                given_back = gone + (minor if kind is FactKind.REFUNDED else 0)
                _agree(conn, reference, (total, fee, given_back))
            gone += 0 if fails else minor
        left = _in_the_books(conn, reference)
        fee_left = -journal.held(conn, reference, journal.FEES)
        assert sum(left.values()) + fee_left == total - gone
        assert fee_left == fee - gone * fee // total if not any(fails for _, fails in back) else 0 <= fee_left <= fee
        if gone == total:
            assert (set(left.values()), fee_left) == ({0}, 0)
        _from_the_last(parts, left)
        conn.rollback()


def _agree(conn: Connection, reference: str, sums: tuple[int, int, int]) -> None:
    """After each word of the gateway: journal, books and payment say the same."""
    total, fee, gone = sums
    payment = ledger.known(conn, reference)
    assert (payment.refunded_minor, sum(payment.parts)) == (gone, total - fee)
    accounts = journal.trial_balance(conn)[payment.amount.currency]
    assert sum(accounts.values()) == 0
    assert sum(accounts.get(kept, 0) for kept in journal.KEPT) == total - gone
    assert 0 <= -accounts.get("fees", 0) <= fee
    assert sum(_in_the_books(conn, reference).values()) == -accounts["receivable"]


def _from_the_last(parts: list[int], left: dict[str, int]) -> None:
    """What went back was taken from the last invoices: before one of which anything went back, all are paid in full."""
    by_id = sorted((f"book:{n}", minor) for n, minor in enumerate(parts))
    shortened = [n for n, (invoice, minor) in enumerate(by_id) if left[invoice] < minor]
    if shortened:
        assert all(left[invoice] == 0 for invoice, _ in by_id[shortened[0] + 1 :])
