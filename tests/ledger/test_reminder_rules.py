"""When somebody is reminded, and that it happens once: the rules, and the rows on both kinds of database."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from bot.settings import load
from services import letterbox, reminders
from services.database import threaded
from services.errors import Misconfigured
from services.letterbox import State
from services.reminders import Plan, Reminder, Stage
from services.schema import reminder

ZONE = ZoneInfo("America/New_York")
WEEK = frozenset(range(7))
PLAN = Plan(tuple(map(Stage, (-3, 0, 3, 10, 21))), frozenset(range(5)), time(10), (time(20), time(9)))
ALWAYS = Plan(PLAN.stages, WEEK, time(10), (time(), time()))
DUE = date(2026, 3, 11)  # a Wednesday
FIRST = datetime(2026, 1, 1)  # noqa: DTZ001  # the strategy puts no zone on it
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(day, hour, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("after", "stage"),
    [
        (-4, None),
        (-3, "before-3"),
        (-1, "before-3"),
        (0, "due"),
        (2, "due"),
        (3, "overdue-3"),
        (9, "overdue-3"),
        (10, "overdue-10"),
        (17, "overdue-10"),
        (18, None),
        (21, "overdue-21"),
        (28, "overdue-21"),
        (29, None),
        (400, None),
    ],
)
def test_the_newest_stage_counts_and_none_that_is_a_week_old(after, stage):
    found = PLAN.stage(DUE, DUE + timedelta(days=after))
    assert (found.name if found else None) == stage


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        (at(11, 9), at(11, 9)),
        (at(11, 19, 59), at(11, 19, 59)),
        (at(11, 20), at(12, 9)),
        (at(11, 8, 59), at(11, 9)),
        (at(13, 23), at(16, 9)),  # Friday night: Monday morning
        (at(14, 12), at(16, 9)),
        (at(8, 2), at(9, 9)),  # the night in which the clocks go forward
    ],
)
def test_nobody_is_written_to_by_night_or_at_the_weekend(wanted, allowed):
    assert PLAN.next_allowed(wanted) == allowed
    assert ALWAYS.next_allowed(wanted) == wanted


def test_quiet_hours_within_a_day_are_kept_too():
    noon = Plan(PLAN.stages, WEEK, time(10), (time(12), time(14)))
    assert [noon.is_allowed(at(11, hour)) for hour in (11, 12, 13, 14, 23)] == [True, False, False, True, True]
    assert noon.next_allowed(at(11, 13)) == at(11, 14)


@given(
    st.datetimes(FIRST, FIRST + timedelta(days=366)),
    st.times(),
    st.times(),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_whatever_is_set_the_moment_is_allowed_and_not_before(told, begins, ends, weekdays):
    plan = Plan(PLAN.stages, frozenset(weekdays), time(10), (begins, ends))
    wanted = told.replace(tzinfo=ZONE)
    found = plan.next_allowed(wanted)
    assert found >= wanted
    assert plan.is_allowed(found)
    assert found - wanted <= timedelta(days=9)


def test_a_stage_goes_out_at_its_hour_and_one_that_was_missed_as_soon_as_it_may():
    assert PLAN.moment(DUE, Stage(0), at(11, 8)) == at(11, 10)
    assert PLAN.moment(DUE, Stage(0), at(11, 15)) == at(11, 15)
    assert PLAN.moment(DUE, Stage(0), at(11, 22)) == at(12, 9)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"before_days": [0]}, "before_days"),
        ({"overdue_days": [400]}, "overdue_days"),
        ({"at": "25:00"}, "at"),
        ({"quiet": ["20:00"]}, "quiet"),
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": ["funday"]}, "weekdays"),
        ({"at": "10:00Z"}, "business's own clock"),
        ({"least_minor": -1}, "least_minor"),
    ],
)
def test_a_setting_that_cannot_be_is_named_at_the_start(wrong, named):
    with pytest.raises(Misconfigured, match=named):
        load(None, reminders=wrong)


def test_the_defaults_are_the_plan_that_is_documented_and_off():
    settings = load(None).reminders
    assert settings.plan == PLAN
    assert not settings.on


# --- rows --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(in_files):
    return in_files


ONE, TWO = Reminder("book:i1", "due", DUE), Reminder("book:i2", "overdue-3", DUE)


def test_all_reminders_of_a_day_are_one_letter_and_each_happens_once(engine):
    def want(*which, day=DUE):
        with engine.begin() as conn:
            return reminders.want(conn, "dana", which, day, NOW, NOW)

    assert want(ONE, TWO)
    assert not want(Reminder("book:i3", "due", DUE)), "another one today: tomorrow"
    assert want(Reminder("book:i3", "due", DUE), day=DUE + timedelta(days=1))
    assert not want(ONE, day=DUE + timedelta(days=2)), "of this stage and due date there was one"
    with engine.connect() as conn:
        assert reminders.made(conn, ["book:i1", "book:i2"]) == {ONE, TWO}
        letters = letterbox.listed(conn, [State.WAITING], 9)
        assert [each.key for each in letters] == ["reminder:dana:2026-03-12", "reminder:dana:2026-03-11"]
    with engine.begin() as conn:
        held = letterbox.claim(conn, 9, NOW)
    assert [reminders.invoices_of(each.wanted) for each in held] == [["book:i1", "book:i2"], ["book:i3"]]


def test_an_invoice_whose_due_date_moves_begins_anew(engine):
    with engine.begin() as conn:
        assert reminders.want(conn, "dana", [ONE], DUE, NOW, NOW)
        moved = Reminder(ONE.invoice, ONE.stage, DUE + timedelta(days=30))
        assert reminders.want(conn, "dana", [moved], moved.due, NOW, NOW)


async def test_of_many_workers_at_once_one_reminds(engine):
    transact = threaded(engine)

    def work(conn):
        return reminders.want(conn, "dana", [ONE, TWO], DUE, NOW, NOW)

    found = await asyncio.gather(*(transact(work) for _ in range(16)))
    assert sorted(found) == [False] * 15 + [True]
    with engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(reminder)).scalar_one() == 2
        assert len(letterbox.listed(conn, [State.WAITING], 9)) == 1
    transact._threads.shutdown()
