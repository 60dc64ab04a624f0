"""The figures of the desk, to the last unit, on both kinds of database."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert

from services.database import micros, open_engine, upgrade
from services.desk import days, numbers
from services.desk.handoffs import State
from services.desk.numbers import DayOfWaits, End, Help, Load, Outcome, Stars, Waits
from services.model import Money, PaymentState
from services.schema import agent, go_link, handoff, help_gap, help_rating, payment, transcript
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

S = PaymentState
NOON = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)  # in Los Angeles
SINCE = NOON - timedelta(days=30)
ZONE = ZoneInfo("America/Los_Angeles")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TODAY, YESTERDAY = date(2026, 3, 4), date(2026, 3, 3)


@pytest.fixture(params=["sqlite", "postgres"])
def conn(request, tmp_path):
    if request.param == "postgres":
        engine = request.getfixturevalue("on_postgres")
        with engine.connect() as connection, connection.begin() as kept:
            yield connection
            kept.rollback()
        return
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def person(conn: Connection, name: str) -> int:
    row = {"email": f"{name}@example.test", "name": name, "role": "agent", "password": "", "made_at": 0}
    return conn.execute(insert(agent).values(row)).inserted_primary_key[0]


def asked(conn: Connection, chat: str, at: datetime, **more: object) -> None:
    row = {
        "chat": chat,
        "state": State.WAITING,
        "reason": "asked_for",
        "asked_at": micros(at),
        "changed_at": micros(at),
    }
    told = {name: micros(value) if isinstance(value, datetime) else value for name, value in more.items()}
    conn.execute(insert(handoff).values(row | told))


def begun(conn: Connection, reference: str, chat: str, state: S, at: datetime, **more: object) -> None:
    row = {"reference": reference, "start_key": reference, "chat": chat, "state": state, "version": 1}
    row |= {"amount_minor": 12000, "currency": "USD", "method": "card", "billing_name": "", "billing_zip": ""}
    row |= {"gateway": "g", "gateway_key": reference, "request_hash": "", "created_at": micros(at), "changed_at": 0}
    conn.execute(insert(payment).values(row | more))


def opened(conn: Connection, reference: str, at: int | None = 1) -> None:
    conn.execute(insert(go_link).values(token_hash=f"of {reference}", payment=reference, shown_at=1, opened_at=at))


def said(conn: Connection, chat: str, seq: int, sender: str, at: datetime) -> None:
    conn.execute(insert(transcript).values(chat=chat, seq=seq, sender=sender, text="hello", at=micros(at)))


def test_load_counts_what_is_open_by_whose_it_is(conn):
    assert numbers.load(conn) == Load(0, 0, 0, 0, None, ())
    ben, maria, idle = person(conn, "Ben"), person(conn, "Maria"), person(conn, "Zoe")
    asked(conn, "a", NOON - 9 * MINUTE)
    asked(conn, "b", NOON - 4 * MINUTE)
    asked(conn, "c", NOON - DAY, state=State.HELD, agent=maria, waits_since=NOON)
    asked(conn, "d", NOON - DAY, state=State.HELD, agent=maria)
    asked(conn, "e", NOON - DAY, state=State.LENT, agent=ben, waits_since=NOON)
    asked(conn, "f", NOON - DAY, state=State.RESOLVED, agent=idle, resolved_at=NOON)
    assert numbers.load(conn) == Load(2, 2, 1, 1, NOON - 9 * MINUTE, (("Ben", 0, 1), ("Maria", 2, 0)))


def test_waiting_times_are_of_the_day_on_which_somebody_was_asked_for_and_by_nearest_rank(conn):
    for minutes in range(1, 11):
        chat, at = f"chat {minutes}", NOON - minutes * MINUTE
        asked(conn, chat, at, taken_at=at + minutes * MINUTE)
        said(conn, chat, 1, "agent", at - MINUTE)  # of a handoff before
        said(conn, chat, 2, "bot", at + MINUTE)
        if minutes <= 3:
            said(conn, chat, 3, "agent", at + 2 * minutes * MINUTE)
            said(conn, chat, 4, "agent", at + 50 * MINUTE)
    midnight = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
    asked(conn, "late", midnight - timedelta(microseconds=1))
    asked(conn, "old", SINCE - timedelta(microseconds=1), taken_at=SINCE)
    none = Waits(1, 1, None, None, (0,) * 9)
    taken, answered = (0, 0, 0, 1, 3, 6, 0, 0, 0), (0, 0, 0, 0, 2, 1, 0, 0, 0)
    assert numbers.waits(conn, SINCE, ZONE) == [
        DayOfWaits(YESTERDAY, none, none),
        DayOfWaits(TODAY, Waits(10, 0, 5 * MINUTE, 9 * MINUTE, taken), Waits(10, 7, 4 * MINUTE, 6 * MINUTE, answered)),
    ]


def test_an_answer_after_a_chat_was_resolved_belongs_to_the_next_handoff(conn):
    asked(conn, "a", NOON - 9 * MINUTE, taken_at=NOON, state=State.RESOLVED, resolved_at=NOON)
    said(conn, "a", 1, "agent", NOON + MINUTE)
    (day,) = numbers.waits(conn, SINCE, ZONE)
    assert (day.taken.open, day.answered.open) == (0, 1)


def test_reasons_by_how_their_handoffs_stand_the_most_frequent_first(conn):
    maria = person(conn, "Maria")
    asked(conn, "a", NOON, reason="misses")
    for chat in ("b", "c"):
        asked(conn, chat, NOON, state=State.RESOLVED, agent=maria, resolved_at=NOON)
    asked(conn, "d", NOON, state=State.HELD, agent=maria)
    asked(conn, "e", SINCE - MINUTE)
    found = numbers.reasons(conn, SINCE)
    assert list(found) == ["asked_for", "misses"]
    assert found == {"asked_for": {State.RESOLVED: 2, State.HELD: 1}, "misses": {State.WAITING: 1}}


def test_satisfaction_is_of_those_who_resolved_and_counts_who_said_nothing(conn):
    ben, maria = person(conn, "Ben"), person(conn, "Maria")
    for chat, who, given in (("a", maria, 5), ("b", maria, 2), ("c", maria, None), ("d", ben, None)):
        asked(conn, chat, NOON, state=State.RESOLVED, agent=who, resolved_at=NOON, stars=given)
    asked(conn, "e", NOON, state=State.RESOLVED, agent=ben, resolved_at=SINCE - MINUTE, stars=1)
    found = numbers.satisfaction(conn, SINCE)
    assert found == [Stars("Ben", 1, 0, 0), Stars("Maria", 3, 2, 7)]
    assert [each.mean for each in found] == ["", "3.5"]
    assert [Stars("", 9, 9, total).mean for total in (9, 40, 45)] == ["1.0", "4.4", "5.0"]
    assert numbers.stars(conn, SINCE) == {1: 0, 2: 1, 3: 0, 4: 0, 5: 1}


def test_payments_by_day_state_and_currency_with_exact_sums(conn):
    midnight = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
    begun(conn, "RM-1", "a", S.SUCCEEDED, NOON)
    begun(conn, "RM-2", "a", S.SUCCEEDED, midnight, amount_minor=1)
    begun(conn, "RM-3", "a", S.SUCCEEDED, midnight - timedelta(microseconds=1), amount_minor=2**40)
    begun(conn, "RM-4", "a", S.SUCCEEDED, NOON, currency="JPY", amount_minor=500)
    begun(conn, "RM-5", "a", S.PART_REFUNDED, NOON, refunded_minor=3000)
    begun(conn, "RM-6", "a", S.SUCCEEDED, SINCE - timedelta(microseconds=1))

    def usd(day: date, state: S, count: int, amount: int, refunded: int = 0) -> Outcome:
        return Outcome(day, state, count, Money(amount, "USD"), Money(refunded, "USD"))

    assert numbers.outcomes(conn, SINCE, ZONE) == [
        usd(YESTERDAY, S.SUCCEEDED, 1, 2**40),
        Outcome(TODAY, S.SUCCEEDED, 1, Money(500, "JPY"), Money(0, "JPY")),
        usd(TODAY, S.SUCCEEDED, 2, 12001),
        usd(TODAY, S.PART_REFUNDED, 1, 12000, 3000),
    ]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_a_day_begins_at_its_own_midnight_where_zones_are_off_by_quarters_of_an_hour(conn, zone):
    there = ZoneInfo(zone)
    for nth, day in enumerate(days.days(TODAY, 3)):
        begun(conn, f"RM-{nth}", "a", S.SUCCEEDED, days.begin(day, there))
    assert [each.day for each in numbers.outcomes(conn, SINCE, there)] == days.days(TODAY, 3)


def test_each_chat_ends_once_and_by_the_first_end_that_holds(conn):
    assert numbers.ends(conn, SINCE) == dict.fromkeys(End, 0)
    begun(conn, "RM-1", "not opened", S.OPEN, NOON)
    opened(conn, "RM-1", None)
    begun(conn, "RM-2", "opened", S.FAILED, NOON)
    opened(conn, "RM-2")
    begun(conn, "RM-3", "declined", S.FAILED, NOON, declines=2)
    opened(conn, "RM-3")
    begun(conn, "RM-4", "returned", S.RETURNED, NOON)
    begun(conn, "RM-5", "did not settle", S.FAILED, NOON, submitted_at=1)
    begun(conn, "RM-6", "handed", S.FAILED, NOON, declines=1)
    asked(conn, "handed", NOON)
    asked(conn, "only handed", NOON)
    begun(conn, "RM-7", "on its way", S.PROCESSING, NOON)
    begun(conn, "RM-8", "paid in the end", S.FAILED, NOON, declines=1)
    begun(conn, "RM-9", "paid in the end", S.SUCCEEDED, NOON)
    asked(conn, "paid in the end", NOON)
    begun(conn, "RM-10", "refunded", S.REFUNDED, NOON)
    begun(conn, "RM-11", "old", S.SUCCEEDED, SINCE - MINUTE)
    asked(conn, "old", SINCE - MINUTE)
    assert numbers.ends(conn, SINCE) == {
        End.PAID: 2,
        End.ON_ITS_WAY: 1,
        End.HANDED_OVER: 2,
        End.WENT_BACK: 2,
        End.DECLINED: 1,
        End.NOT_PAID: 1,
        End.NOT_OPENED: 1,
    }


def test_what_the_help_center_missed(conn):
    assert numbers.helping(conn, SINCE) == Help(0, 0, 0)
    for key, at in (("a", NOON), ("b", SINCE), ("c", SINCE - MINUTE)):
        conn.execute(insert(help_gap).values(key=key, text="?", language="en", at=micros(at)))
    for key, helped, at in (("a", True, NOON), ("b", False, NOON), ("c", False, SINCE), ("d", True, SINCE - MINUTE)):
        conn.execute(insert(help_rating).values(key=key, topic="t", helped=helped, at=micros(at)))
    assert numbers.helping(conn, SINCE) == Help(2, 1, 2)
