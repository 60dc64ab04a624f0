"""The owner's report, to the last unit: against the journal, and against sums made another way; by days of the business's zone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update
from test_desk_numbers import begun, conn  # noqa: F401  # a fixture, and rows

from services.database import micros, open_engine, upgrade
from services.desk.days import Days, begin
from services.desk.funnel import PAID_IN, Reach, funnel
from services.desk.income import Fate, came, fates, went_back
from services.model import Method, Money, PaymentState
from services.payments import facts, journal, states
from services.payments.gateways.base import Fact, FactKind
from services.schema import journal as lines
from services.schema import pay_link, payment, payment_invoice
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

S, K = PaymentState, FactKind
ZONE = ZoneInfo("America/New_York")
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)  # of 23 and of 25 hours there
EVE = begin(SPRING - timedelta(days=2), ZONE).astimezone(UTC)
USD = "USD"

# what happens to payments, and things that contradict themselves
STORIES = (
    (K.SUCCEEDED,),
    (K.PROCESSING, K.SUCCEEDED),
    (K.PROCESSING, K.FAILED),
    (K.SUCCEEDED, K.RETURNED),
    (K.RETURNED,),
    (K.DECLINED, K.EXPIRED),
    (K.SUCCEEDED, K.REFUNDED),
    (K.SUCCEEDED, K.REFUNDED, K.REFUNDED),
    (K.SUCCEEDED, K.REFUNDED, K.REFUND_FAILED),
    (K.SUCCEEDED, K.REFUNDED, K.RETURNED),
    (K.SUCCEEDED, K.DISPUTED),
    (K.SUCCEEDED, K.DISPUTED, K.WON),
    (K.SUCCEEDED, K.REFUNDED, K.DISPUTED, K.LOST),
    (K.SUCCEEDED, K.EXPIRED),
)


@st.composite
def payments(draw):
    """A sum, and everything that the gateway says of it."""
    amount = Money(draw(st.integers(2, 10**12)), draw(st.sampled_from(["USD", "JPY", "BHD"])))
    half = Money(draw(st.integers(1, amount.minor // 2)), amount.currency)
    told = []
    for nth, kind in enumerate(draw(st.sampled_from(STORIES))):
        at = EVE + timedelta(minutes=draw(st.integers(0, 5 * 24 * 60)))
        part = half if kind in (K.REFUNDED, K.REFUND_FAILED, K.DISPUTED, K.WON, K.LOST) else amount
        refund = ("RF-1" if kind is K.REFUND_FAILED else f"RF-{draw(st.integers(1, 2))}") if "refund" in kind else ""
        told.append((nth, kind, at, part, refund))
    return amount, draw(st.integers(0, amount.minor // 10)), draw(st.sampled_from(Method)), told


@pytest.fixture(scope="module")
def memory():
    engine = open_engine("sqlite://")
    upgrade(engine)
    yield engine
    engine.dispose()


def take(conn, nth: int, amount: Money, fee: int, method: Method, told: list) -> list[Fact]:  # noqa: F811, PLR0917
    reference = f"RM-{nth}"
    row = {"amount_minor": amount.minor, "fee_minor": fee, "currency": amount.currency, "method": method}
    begun(conn, reference, f"chat {nth}", S.OPEN, EVE, **row)
    every = [
        Fact(f"{reference}:{number}", reference, kind, at, part, method, refund=refund)
        for number, kind, at, part, refund in told
    ]
    for each in every:
        facts.take(conn, "g", [each], EVE)
    return every


def day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def by_hand(state: S, amount: Money, every: list[Fact]) -> Counter:
    """What one payment brought and what went back, from its facts alone and day by day."""
    found = Counter()
    arrived = [each.at for each in every if each.kind is K.SUCCEEDED]
    if state in states.ARRIVED or (state is S.RETURNED and arrived):
        found["came", day(max(arrived)), amount.currency] += amount.minor
    if state is S.RETURNED and arrived:
        found["returned", day(max(each.at for each in every if each.kind is K.RETURNED)), amount.currency] += (
            amount.minor
        )
    failed = {each.refund for each in every if each.kind is K.REFUND_FAILED}
    for refund in {each.refund for each in every if each.kind is K.REFUNDED} - failed:
        if state in states.ARRIVED or state is S.RETURNED:
            own = [each for each in every if each.refund == refund]
            found["refunded", day(min(each.at for each in own)), amount.currency] += own[0].amount.minor
    if state in (S.DISPUTED, S.LOST):
        own = [each for each in every if each.kind in (K.DISPUTED, K.LOST)]
        kind = "lost" if state is S.LOST else "disputed"
        found[kind, day(min(each.at for each in own)), amount.currency] += own[0].amount.minor
    return found


def reported(conn, days: Days) -> Counter:  # noqa: F811
    found = Counter()
    for each in came(conn, days):
        found["came", each.day, each.amount.currency] += each.amount.minor
    for each in went_back(conn, days):
        found[each.kind, each.day, each.amount.currency] += each.amount.minor
    return found


@given(st.lists(payments(), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_unit_is_on_its_day_and_all_of_them_are_those_of_the_journal(memory, paid):
    days = Days(SPRING - timedelta(days=9), SPRING + timedelta(days=9), ZONE)
    with memory.connect() as one, one.begin() as kept:
        told = [take(one, nth, *each) for nth, each in enumerate(paid)]
        stood = dict(one.execute(select(payment.c.reference, payment.c.state)).all())
        expected = Counter()
        for nth, (amount, _, _, _) in enumerate(paid):
            expected += by_hand(S(stood[f"RM-{nth}"]), amount, told[nth])
        assert reported(one, days) == expected
        sure = [name for name, state in stood.items() if state != S.UNKNOWN]
        held = select(lines.c.currency, func.sum(lines.c.amount_minor)).where(
            lines.c.payment.in_(sure), lines.c.account.in_((journal.CLEARING, journal.REFUNDS))
        )
        in_journal = Counter({each: int(sum_) for each, sum_ in one.execute(held.group_by(lines.c.currency))})
        net = Counter()
        for (kind, _, currency), minor in expected.items():
            net[currency] += minor if kind == "came" else -minor
        assert {k: v for k, v in net.items() if v} == {k: v for k, v in in_journal.items() if v}
        one_day = Days(SPRING, SPRING, ZONE)
        assert reported(one, one_day) == Counter({k: v for k, v in expected.items() if k[1] == SPRING})
        kept.rollback()


@pytest.mark.parametrize("changing", [SPRING, AUTUMN])
def test_a_day_on_which_clocks_change_is_as_long_as_it_was_there(conn, changing):  # noqa: F811
    first, last = begin(changing, ZONE), begin(changing + timedelta(days=1), ZONE)
    assert last.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=23 if changing == SPRING else 25)
    instant = timedelta(microseconds=1)
    for nth, at in enumerate((first.astimezone(UTC) - instant, first, last.astimezone(UTC) - instant, last)):
        begun(conn, f"RM-{nth}", "a", S.SUCCEEDED, at, cleared_at=micros(at), amount_minor=10**nth)
    days = Days(changing - timedelta(days=1), changing + timedelta(days=1), ZONE)
    sums = {each.day: each.amount.minor for each in came(conn, days)}
    assert sums == {changing - timedelta(days=1): 1, changing: 110, changing + timedelta(days=1): 1000}
    assert [each.amount.minor for each in came(conn, Days(changing, changing, ZONE))] == [110]
    assert {each.day: each.amount.minor for each in fates(conn, days)} == sums


def test_a_midnight_that_does_not_exist_begins_the_day_all_the_same():
    santiago = ZoneInfo("America/Santiago")  # where clocks go from 24:00 to 1:00
    days = Days(date(2026, 9, 5), date(2026, 9, 7), santiago)
    first = micros(datetime(2026, 9, 6, 4, 0, tzinfo=UTC))
    assert [days.of(first - 1), days.of(first)] == [date(2026, 9, 5), date(2026, 9, 6)]


def test_money_that_a_person_ruled_to_be_here_and_money_of_before_dates_were_kept_is_counted(conn):  # noqa: F811
    at = micros(begin(SPRING, ZONE))
    begun(conn, "RM-1", "a", S.SUCCEEDED, EVE, happened_at=at, amount_minor=1)
    begun(conn, "RM-2", "a", S.SUCCEEDED, EVE, amount_minor=10)
    conn.execute(update(payment).where(payment.c.reference == "RM-2").values(changed_at=at))
    begun(conn, "RM-3", "a", S.UNKNOWN, EVE, happened_at=at, cleared_at=at, amount_minor=100)
    begun(conn, "RM-4", "a", S.SUCCEEDED, EVE, happened_at=at, cleared_at=at, amount_minor=1000, saved="pm_1")
    found = came(conn, Days(SPRING, SPRING, ZONE))
    assert [(each.way, each.count, each.amount) for each in found] == [
        ("new", 2, Money(11, USD)),
        ("saved", 1, Money(1000, USD)),
    ]


def test_what_became_of_payments_tells_a_left_page_from_one_that_was_never_opened(conn):  # noqa: F811
    at = begin(SPRING, ZONE)
    stood = {
        "paid": {"state": S.WON},
        "part_refunded": {"state": S.PART_REFUNDED},
        "returned": {"state": S.RETURNED, "reason": "insufficient_funds", "cleared_at": 1},
        "on_its_way": {"state": S.PROCESSING},
        "not_begun": {"state": S.CANCELED},
        "open": {"state": S.OPEN},
        "declined": {"state": S.FAILED, "reason": "page_closed", "declines": 1},
        "not_opened": {"state": S.FAILED, "reason": "page_expired"},
        "abandoned": {"state": S.FAILED, "reason": "page_expired", "page_seen_at": 1},
        "failed": {"state": S.FAILED, "reason": "no_account", "submitted_at": 1},
    }
    for name, row in stood.items():
        begun(conn, name, name, row.pop("state"), at, **row)
    found = fates(conn, Days(SPRING, SPRING, ZONE))
    reasons = {"returned": "insufficient_funds", "failed": "no_account"}
    assert found == [Fate(SPRING, name, reasons.get(name, ""), 1, Money(12000, USD)) for name in stood]


# --- letters ----------------------------------------------------------------------------------------------------------


def letter(conn, nth: int, invoice: str, at: datetime, **steps: datetime) -> None:  # noqa: F811
    told = {f"{name}_at": micros(when) for name, when in steps.items()}
    row = {"token_hash": f"{nth:064}", "invoice": invoice, "created_at": micros(at), "expires_at": 2**50}
    conn.execute(insert(pay_link).values(**row, sent_at=micros(at), **told))


def of_invoice(conn, reference: str, invoice: str, at: datetime, state: S = S.OPEN, **more: object) -> None:  # noqa: F811
    begun(conn, reference, reference, state, at, **more)
    row = {"payment": reference, "invoice": invoice, "number": invoice, "version": "1", "amount_minor": 1}
    conn.execute(insert(payment_invoice).values(**row, live=False, reserved=False))


def test_a_payment_belongs_to_the_last_letter_before_it_and_each_letter_counts_once(conn):  # noqa: F811
    at, hour = begin(SPRING, ZONE).astimezone(UTC), timedelta(hours=1)
    letter(conn, 1, "book:1", at, opened=at + hour)
    letter(conn, 2, "book:1", at + 5 * hour, opened=at + 6 * hour, begun=at + 6 * hour, chosen=at + 6 * hour)
    of_invoice(conn, "before", "book:1", at - hour, S.SUCCEEDED, cleared_at=micros(at - hour))
    of_invoice(conn, "left", "book:1", at + 6 * hour, S.FAILED, page_seen_at=1)
    of_invoice(conn, "paid", "book:1", at + 7 * hour, S.SUCCEEDED, cleared_at=micros(at + 8 * hour))
    letter(conn, 3, "book:2", at)  # paid by somebody who never opened the letter, and sent back later
    back = {"cleared_at": micros(at + 50 * hour), "happened_at": micros(at + 90 * hour), "method": "bank"}
    of_invoice(conn, "bank", "book:2", at + hour, S.RETURNED, saved="pm", **back)
    letter(conn, 4, "book:3", at)
    letter(conn, 5, "book:1", at + 40 * hour)  # outside of these days, but it ends what belongs to the one before
    of_invoice(conn, "later", "book:1", at + 41 * hour, S.SUCCEEDED, cleared_at=micros(at + 42 * hour))
    found = funnel(conn, Days(SPRING, SPRING, ZONE))
    (one,) = found.letters
    assert one.seen == {
        Reach.SENT: 4, Reach.OPENED: 2, Reach.BEGUN: 1, Reach.CHOSEN: 1, Reach.AGREED: 2, Reach.PAGE: 2, Reach.PAID: 2,
    }  # fmt: skip
    assert one.reached == {
        Reach.SENT: 4, Reach.OPENED: 3, Reach.BEGUN: 2, Reach.CHOSEN: 2, Reach.AGREED: 2, Reach.PAGE: 2, Reach.PAID: 2,
    }  # fmt: skip
    assert [(way.method, way.times.count, way.times.median, way.times.p90) for way in found.ways] == [
        ("", 2, 3 * hour, 50 * hour),
        ("bank", 1, 50 * hour, 50 * hour),
        ("card", 1, 3 * hour, 3 * hour),
    ]
    named = dict(zip(PAID_IN.names(), found.ways[0].times.bins, strict=True))
    assert {name: count for name, count in named.items() if count} == {"1 h to 4 h": 1, "2 d to 4 d": 1}
    assert found.since == at


def test_nothing_is_told_of_days_before_letters_were_recorded(conn):  # noqa: F811
    row = {"token_hash": "0" * 64, "invoice": "book:1", "created_at": micros(EVE), "expires_at": 2**50}
    conn.execute(insert(pay_link).values(row))  # of a time when nobody kept whether it was mailed
    found = funnel(conn, Days(SPRING - timedelta(days=5), SPRING, ZONE))
    assert (found.since, found.letters, found.ways[0].times.count) == (None, (), 0)
