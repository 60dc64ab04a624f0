"""The runs of autopay, line by line, as they can be looked at afterwards. Nothing is decided here.

Synchronous functions over one connection. A run that did nothing is not kept.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, func, insert, select

from services.database import instant, micros
from services.model import Money
from services.schema import autopay_line, autopay_run


class Line(msgspec.Struct, frozen=True):
    """What a run did, or would do, about one invoice. ``why`` names a skip, or what ended it."""

    customer: str
    invoice: str
    number: str
    did: Literal["told", "charged", "skipped", "ended"]
    why: str = ""
    amount: Money | None = None
    payment: str = ""


class Run(msgspec.Struct, frozen=True):
    """One run that did something, and how much of each it did."""

    id: int
    at: datetime
    asked_by: str
    told: int = 0
    charged: int = 0
    skipped: int = 0
    ended: int = 0


def write(conn: Connection, run: int | None, lines: Sequence[Line], asked_by: str, now: datetime) -> int | None:
    """Keep what a run did; its number, which it gets with its first line. What is still skipped for the same reason is not told again."""
    news = [line for line in lines if line.did != "skipped" or not _is_known(conn, line)]
    if not news:
        return run
    if run is None:
        made = insert(autopay_run).values(at=micros(now), asked_by=asked_by).returning(autopay_run.c.id)
        run = int(conn.execute(made).scalar_one())
    for line in news:
        amount = line.amount
        sums = {} if amount is None else {"amount_minor": amount.minor, "currency": amount.currency}
        about = {"customer": line.customer, "invoice": line.invoice, "number": line.number}
        did = {"did": line.did, "why": line.why, "payment": line.payment}
        conn.execute(insert(autopay_line).values(run=run, at=micros(now), **about, **did, **sums))
    return run


def _is_known(conn: Connection, line: Line) -> bool:
    last = select(autopay_line).where(autopay_line.c.invoice == line.invoice).order_by(autopay_line.c.id.desc())
    row = conn.execute(last.limit(1)).one_or_none()
    return row is not None and (row.did, row.why) == (line.did, line.why)


def runs(conn: Connection, most: int) -> list[Run]:
    """The newest runs that did something, the newest first."""
    rows = conn.execute(select(autopay_run).order_by(autopay_run.c.id.desc()).limit(most)).all()
    counted = select(autopay_line.c.run, autopay_line.c.did, func.count()).where(
        autopay_line.c.run.in_([row.id for row in rows])
    )
    found: dict[int, dict[str, int]] = {}
    for run, did, count in conn.execute(counted.group_by(autopay_line.c.run, autopay_line.c.did)):
        found.setdefault(run, {})[did] = count
    return [Run(row.id, instant(row.at), row.asked_by, **found.get(row.id, {})) for row in rows]


def lines_of(conn: Connection, run: int) -> list[Line] | None:
    """What one run did, in order; None: there was no such run."""
    if conn.execute(select(autopay_run.c.id).where(autopay_run.c.id == run)).first() is None:
        return None
    rows = conn.execute(select(autopay_line).where(autopay_line.c.run == run).order_by(autopay_line.c.id))
    return [Line(row.customer, row.invoice, row.number, row.did, row.why, _sum(row), row.payment) for row in rows]


def _sum(row: Row[Any]) -> Money | None:
    return Money(row.amount_minor, row.currency) if row.currency else None
