"""What money came in and what went back, by the day on which it happened at the gateway; and what became of payments.

Only reads. Days are the business's own. Sums are exact, in minor units, one for each currency. Each function's answer depends
on the number of days and not of payments: SQL counts, and what went back, which is little, is read in pieces. Payments of which
the gateway contradicts itself are in no sum: `in_doubt` counts them. Synchronous functions over one connection.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, or_, select

from services.database import micros
from services.desk.days import Days, within
from services.model import Money
from services.payments import states
from services.payments.gateways.base import Fact
from services.schema import WENT_BACK, fact
from services.schema import payment as payments

PIECE = 500  # rows that are read at once


class Came(msgspec.Struct, frozen=True):
    """Payments that arrived on one day by one method. ``way``: new, or saved: a method that the gateway had kept."""

    day: date
    method: str
    way: str
    count: int
    amount: Money
    fee: Money  # the part of it that is the program fee


class WentBack(msgspec.Struct, frozen=True):
    """What went back on one day. ``kind``: returned (by the bank), refunded, disputed (held until it is decided), lost."""

    day: date
    kind: str
    count: int
    amount: Money


class Fate(msgspec.Struct, frozen=True):
    """Payments that began on one day, and what has become of them; ``reason`` where one is known, or ""."""

    day: date
    kind: str
    reason: str
    count: int
    amount: Money


# --- money in ---------------------------------------------------------------------------------------------------------

_P = payments.c
_RETURNED = and_(_P.state == states.RETURNED, _P.cleared_at.is_not(None))  # a debit that came back unpaid never came
CAME = or_(_P.state.in_(sorted(states.ARRIVED)), _RETURNED)

# Who pays without being there comes as one more line, once the ledger knows of standing authorisations.
WAY = case((_P.saved != "", literal("saved")), else_=literal("new"))


def came(conn: Connection, days: Days) -> list[Came]:
    """Money by the day on which it arrived, by method; the oldest day first, and no day on which none did.

    What went back later is in it: see `went_back`.
    """
    sums = func.count().label("number"), func.sum(_P.amount_minor).label("minor"), func.sum(_P.fee_minor).label("fee")
    found: dict[tuple[date, str, str, str], Counter[str]] = {}
    for at, conditions in _arrivals(days):
        keys = days.number(at).label("day"), _P.currency, _P.method, WAY.label("way")
        asked = select(*keys, *sums).where(CAME, *conditions).group_by(*(key.name for key in keys))
        for row in conn.execute(asked):
            key = days.all[row.day], row.currency, row.method, row.way
            found.setdefault(key, Counter()).update(count=row.number, minor=int(row.minor), fee=int(row.fee))
    return [
        Came(day, method, way, each["count"], Money(each["minor"], currency), Money(each["fee"], currency))
        for (day, currency, method, way), each in sorted(found.items())
    ]


def _arrivals(days: Days) -> Iterator[tuple[Any, tuple[ColumnElement[bool], ...]]]:
    """When a payment arrived, and which payments that is true of: the gateway's word where it is kept.

    A payment that a person ruled to be paid has no such word, and one of a time before any was kept its last change.
    """
    unsaid = _P.cleared_at.is_(None)
    yield _P.cleared_at, within(_P.cleared_at, days.since, days.until)
    yield _P.happened_at, (unsaid, *within(_P.happened_at, days.since, days.until))
    yield _P.changed_at, (unsaid, _P.happened_at.is_(None), *within(_P.changed_at, days.since, days.until))


# --- money back -------------------------------------------------------------------------------------------------------


def went_back(conn: Connection, days: Days) -> list[WentBack]:
    """What went back by the day on which it did: a whole payment returned, refunds, and what disputes took.

    A refund that failed in the end, and a dispute that was won, took nothing.
    """
    found: dict[tuple[date, str, str], Counter[str]] = {}
    for day, currency, kind, count, minor in (*_returned(conn, days), *_taken(conn, days)):
        found.setdefault((day, currency, kind), Counter()).update(count=count, minor=minor)
    return [
        WentBack(day, kind, each["count"], Money(each["minor"], currency))
        for (day, currency, kind), each in sorted(found.items())
    ]


def _returned(conn: Connection, days: Days) -> Iterator[tuple[date, str, str, int, int]]:
    day = days.number(_P.happened_at).label("day")
    asked = select(day, _P.currency, func.count(), func.sum(_P.amount_minor))
    asked = asked.where(_RETURNED, *within(_P.happened_at, days.since, days.until)).group_by("day", _P.currency)
    for at, currency, count, minor in conn.execute(asked):
        yield days.all[at], currency, "returned", count, int(minor)


_fact = msgspec.json.Decoder(Fact).decode


def _taken(conn: Connection, days: Days) -> Iterator[tuple[date, str, str, int, int]]:
    """Refunds and disputes that took something within these days."""
    recent = select(fact.c.gateway, fact.c.reference).where(WENT_BACK, *within(fact.c.at, days.since, days.until))
    touched = recent.distinct().subquery()
    of_them = and_(fact.c.gateway == touched.c.gateway, fact.c.reference == touched.c.reference)
    theirs = and_(_P.gateway == fact.c.gateway, _P.reference == fact.c.reference)
    # a ruling says that nothing of these counts
    counted = WENT_BACK, CAME | (_P.state == states.RETURNED), _P.ruling.is_(None)
    asked = select(_P.reference, _P.state, _P.currency, fact.c.body).select_from(
        touched.join(fact, of_them).join(payments, theirs)
    )
    asked = asked.where(*counted).order_by(_P.reference)
    rows: Iterable[Row[Any]] = conn.execute(asked, execution_options={"yield_per": PIECE})
    for _, each in groupby(rows, attrgetter("reference")):
        yield from _within(list(each), days)


def _within(rows: list[Row[Any]], days: Days) -> Iterator[tuple[date, str, str, int, int]]:
    """What one payment's facts say was taken within these days."""
    first, facts = rows[0], [_fact(row.body) for row in rows]
    for at, minor in states.refunded(facts):
        if days.holds(micros(at)):
            yield days.of(micros(at)), first.currency, "refunded", 1, minor
    dispute = states.disputed(facts) if first.state in (states.DISPUTED, states.LOST) else None
    if dispute is not None and days.holds(micros(dispute[0])):
        kind = "lost" if first.state == states.LOST else "disputed"
        yield days.of(micros(dispute[0])), first.currency, kind, 1, dispute[1]


# --- what became of payments ------------------------------------------------------------------------------------------

_UNSEEN = and_(_P.page_seen_at.is_(None), _P.declines == 0)
_PAGE_ENDED = _P.reason.in_(("page_expired", "page_closed"))
_KINDS: tuple[tuple[ColumnElement[bool], str], ...] = (
    (_P.state.in_((states.SUCCEEDED, states.WON)), "paid"),
    (_P.state == states.PART_REFUNDED, "part_refunded"),
    (_P.state == states.REFUNDED, "refunded"),
    (_P.state == states.RETURNED, "returned"),
    (_P.state == states.DISPUTED, "disputed"),
    (_P.state == states.LOST, "lost"),
    (_P.state.in_((states.SUBMITTING, states.PROCESSING)), "on_its_way"),
    (_P.state == states.UNKNOWN, "in_doubt"),
    (_P.state == states.CANCELED, "not_begun"),
    (_P.state != states.FAILED, "open"),
    (and_(_P.submitted_at.is_(None), _PAGE_ENDED, _P.declines > 0), "declined"),
    (and_(_P.submitted_at.is_(None), _PAGE_ENDED, _UNSEEN), "not_opened"),
    (and_(_P.submitted_at.is_(None), _PAGE_ENDED), "abandoned"),
)
FATES = (*(kind for _, kind in _KINDS), "failed")
_WITH_REASON = or_(_P.state == states.RETURNED, and_(_P.state == states.FAILED, ~_PAGE_ENDED))


def fates(conn: Connection, days: Days) -> list[Fate]:
    """Payments that began within these days by day, and what has become of them, in the order of `FATES`."""
    kind = case(*((holds, literal(name)) for holds, name in _KINDS), else_=literal("failed")).label("kind")
    why = case((_WITH_REASON, func.coalesce(_P.reason, "")), else_=literal("")).label("why")
    keys = days.number(_P.created_at).label("day"), kind, why, _P.currency
    asked = select(*keys, func.count().label("number"), func.sum(_P.amount_minor).label("minor"))
    asked = asked.where(*within(_P.created_at, days.since, days.until)).group_by(*(key.name for key in keys))
    found: dict[tuple[date, int, str, str], Counter[str]] = {}
    for row in conn.execute(asked):
        key = days.all[row.day], FATES.index(row.kind), row.why, row.currency
        found.setdefault(key, Counter()).update(count=row.number, minor=int(row.minor))
    return [
        Fate(day, FATES[nth], why, each["count"], Money(each["minor"], currency))
        for (day, nth, why, currency), each in sorted(found.items())
    ]
