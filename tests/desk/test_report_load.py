"""The figures on a ledger of 200,000 payments: what they are found by, how long they take, and how much they keep in memory."""

import time
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, insert

from services.database import inline, micros, open_engine, upgrade
from services.desk import numbers, report
from services.desk.days import Days, begin
from services.model import PaymentState
from services.schema import go_link, handoff, pay_link, payment, payment_invoice
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

ZONE = ZoneInfo("America/New_York")
TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 20, tzinfo=UTC)
MANY, PIECE = 200_000, 20_000
YEARS = timedelta(days=730)
INDEXES = {
    "ix_payment_created_at",
    "payment_arrived",
    "ix_pay_link_sent_at",
    "ix_handoff_asked_at",
    "fact_that_money_went_back",
}


def rows(first: int) -> dict:
    """Payments, letters and handoffs of two years, evenly; most were paid."""
    step = YEARS / MANY
    made = {payment: [], payment_invoice: [], pay_link: [], go_link: [], handoff: []}
    for nth in range(first, first + PIECE):
        at = micros(NOW - YEARS + step * nth)
        paid, saved = nth % 5 != 0, "pm" if nth % 3 == 0 else ""
        state = PaymentState.SUCCEEDED if paid else PaymentState.FAILED
        row = {"reference": f"RM-{nth}", "start_key": f"k{nth}", "chat": f"web:{nth}", "state": state, "version": 1}
        row |= {"amount_minor": 12000 + nth, "currency": "USD", "method": "card" if nth % 4 else "bank", "saved": saved}
        row |= {"billing_name": "", "billing_zip": "", "gateway": "g", "gateway_key": f"g{nth}", "request_hash": ""}
        row |= {"created_at": at, "changed_at": at, "happened_at": at + 60_000_000, "page_seen_at": at}
        row |= {"cleared_at": at + 60_000_000 if paid else None, "reason": None if paid else "page_expired"}
        made[payment].append(row)
        line = {"payment": f"RM-{nth}", "invoice": f"book:{nth}", "number": str(nth), "version": "1", "amount_minor": 1}
        made[payment_invoice].append(line | {"live": False, "reserved": False})
        link = {"token_hash": f"{nth:064}", "invoice": f"book:{nth}", "created_at": at - 10**10, "expires_at": at}
        made[pay_link].append(link | {"sent_at": at - 10**10, "opened_at": at, "begun_at": at, "chosen_at": at})
        made[go_link].append({"token_hash": f"{nth:064}", "payment": f"RM-{nth}", "shown_at": at, "opened_at": at})
        if nth % 10 == 0:
            asked = {
                "chat": f"web:{nth}",
                "state": "resolved",
                "reason": "asked",
                "asked_at": at,
                "taken_at": at + 10**8,
            }
            made[handoff].append(asked | {"resolved_at": at + 10**9, "changed_at": at})
    return made


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('many') / 'ledger.db'}")
    upgrade(engine)
    for first in range(0, MANY, PIECE):
        with engine.begin() as conn:
            for table, told in rows(first).items():
                conn.execute(insert(table), told)
    yield engine
    engine.dispose()


async def worked(engine, days: Days) -> tuple[float, report.Report]:
    began = time.process_time()  # of work: what else this machine does is not counted
    made = await report.read(inline(engine), days, "Green Lane", NOW)
    return time.process_time() - began, made


async def test_a_month_of_200_000_payments_is_shown_within_a_second_and_a_year_within_two(many):
    month, shown = await worked(many, Days(TODAY - timedelta(days=29), TODAY, ZONE))
    year, whole = await worked(many, Days(TODAY - timedelta(days=364), TODAY, ZONE))
    print(f"a month {month:.2f} s, a year {year:.2f} s")
    assert sum(each.count for each in shown.came) > 6000
    assert sum(each.count for each in whole.came) > 70_000
    assert month < 1
    assert year < 2


def test_numbers_of_90_days_are_there_within_a_second(many):
    since = begin(TODAY - timedelta(days=89), ZONE)
    began = time.process_time()
    with many.begin() as conn:
        assert sum(each.count for each in numbers.outcomes(conn, since, ZONE)) > 20_000
        assert sum(each.taken.count for each in numbers.waits(conn, since, ZONE)) > 2000
        assert numbers.ends(conn, since)[numbers.End.PAID] > 10_000
    assert time.process_time() - began < 1


async def test_all_of_two_years_are_read_in_pieces(many):
    days = Days(TODAY - timedelta(days=760), TODAY, ZONE)
    tracemalloc.start()
    made = await report.read(inline(many), days, "Green Lane", NOW)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(each.count for each in made.fates) == MANY
    assert sum(each.seen["sent"] for each in made.funnel.letters) == MANY
    print(f"{most / 2**20:.1f} MiB")
    assert most < 64 * 2**20  # every letter as a row of Python's would be hundreds


def steps(conn, asked: list) -> str:
    """The plans of everything that was asked."""
    if conn.dialect.name == "sqlite":
        return str([conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all() for query, values in asked])
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # an empty table is read whole otherwise
    return str([conn.exec_driver_sql(f"EXPLAIN {query}", values).all() for query, values in asked])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_days_are_found_by_indexes_and_not_by_reading_everything(kind, request):
    engine = request.getfixturevalue("on_postgres") if kind == "postgresql" else open_engine("sqlite://")
    upgrade(engine)
    asked = []
    hear = lambda *told: asked.append((told[2], told[3])) if told[2].startswith("SELECT") else None  # noqa: E731
    event.listen(engine, "before_cursor_execute", hear)
    days = Days(TODAY, TODAY, ZONE)
    await report.read(inline(engine), days, "Green Lane", NOW)
    with engine.begin() as conn:
        numbers.outcomes(conn, begin(TODAY, ZONE), ZONE)
        numbers.waits(conn, begin(TODAY, ZONE), ZONE)
        numbers.ends(conn, begin(TODAY, ZONE))
    event.remove(engine, "before_cursor_execute", hear)
    with engine.begin() as conn:
        found = steps(conn, asked)
    assert {name for name in INDEXES if name in found} == INDEXES
    for table in ("payment", "pay_link", "fact", "go_link", "handoff"):
        assert f"SCAN {table}'" not in found, table
    if kind == "sqlite":
        engine.dispose()
