"""Charges whose time has come: found, claimed for one try, put off or dropped. The payment itself is the ledger's.

Synchronous functions over one connection. Each move is an UPDATE of what was read, or nothing: of two workers one moves it,
and the key of a try is the same for both, so that what they begin is one payment.
"""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from services.database import instant, micros
from services.model import Money, Notice, Quote
from services.payments.autopay import enrolments, notices
from services.schema import autopay as autopays
from services.schema import autopay_charge, consent
from services.schema import payment as payments

charges = autopay_charge.c
NEXT_RUN = timedelta(hours=1)
LOST_AFTER = timedelta(minutes=1)  # longer than a start takes: whoever began it would have noted its payment


class Due(msgspec.Struct, frozen=True):
    """A charge whose time has come, or whose payment was begun by somebody who may be dead."""

    id: int
    invoice: str
    number: str
    cycle: date
    enrolment: int
    customer: str
    amount: Money
    tries: int
    presentments: int
    first_at: datetime | None
    payment: str

    @property
    def key(self) -> str:
        """Of the start of its payment: the same until that payment has ended."""
        return f"autopay/{self.id}/{self.tries}"


def due(conn: Connection, now: datetime, n: int) -> list[Due]:
    """At most ``n`` charges whose time has come, the oldest first."""
    waits = charges.state.in_(("planned", "waiting")), charges.due_at <= micros(now), autopays.c.state == enrolments.ON
    both = select(autopay_charge).select_from(autopay_charge.join(autopays)).where(*waits)
    return [_due(row) for row in conn.execute(both.order_by(charges.due_at, charges.id).limit(n))]


def lost(conn: Connection, now: datetime, n: int) -> list[Due]:
    """At most ``n`` charges whose payment was to begin a while ago, and nobody noted which it is: whoever did may be dead."""
    left = charges.state == "started", charges.payment.is_(None), charges.changed_at <= micros(now - LOST_AFTER)
    return [_due(row) for row in conn.execute(select(autopay_charge).where(*left).order_by(charges.id).limit(n))]


def quote_begun(conn: Connection, charge: Due) -> Quote | None:
    """The quote of the payment that was begun for this try, or None while there is none."""
    kept = select(consent.c.quote).join(payments, payments.c.reference == consent.c.payment)
    body = conn.execute(kept.where(payments.c.start_key == charge.key)).scalar_one_or_none()
    return None if body is None else msgspec.json.decode(body, type=Quote)


def _due(row: Row[Any]) -> Due:
    first = None if row.first_at is None else instant(row.first_at)
    amount = Money(row.amount_minor, row.currency)
    told = (row.id, row.invoice, row.number, row.cycle, row.enrolment, row.customer, amount)
    return Due(*told, row.tries, row.presentments, first, row.payment or "")


def claim(conn: Connection, charge: Due, now: datetime) -> bool:
    """Say that its payment begins now. False: it is no more what it was, or its authorisation is off."""
    this = charges.id == charge.id, charges.tries == charge.tries, charges.state.in_(("planned", "waiting", "started"))
    if enrolments.of_id(conn, charge.enrolment).state != enrolments.ON:
        return False
    moved = conn.execute(update(autopay_charge).where(*this).values(state="started", changed_at=micros(now)))
    return moved.rowcount == 1


def begun(conn: Connection, charge: Due, reference: str, now: datetime) -> None:
    """Its payment is this one."""
    this = charges.id == charge.id, charges.tries == charge.tries, charges.state == "started"
    conn.execute(update(autopay_charge).where(*this).values(payment=reference, seen=0, changed_at=micros(now)))


def put_off(conn: Connection, charge: Due, until: datetime, now: datetime) -> None:
    """Nothing began: it is due again at ``until``."""
    _settle(conn, charge, now, state="waiting" if charge.presentments else "planned", due_at=micros(until))


def drop(conn: Connection, charge: Due, why: str, now: datetime) -> None:
    """Nothing began, and nothing will. Its customer hears of it where it is left to them."""
    _settle(conn, charge, now, state="over", why=why)
    if why == "changed":
        kept = enrolments.of_id(conn, charge.enrolment)
        notice = Notice("gave_up", charge.invoice, charge.number, charge.amount, reason=why, **notices.method(kept))
        notices.notify(conn, f"autopay:gave_up:{charge.key}", kept, notice, now)


def _settle(conn: Connection, charge: Due, now: datetime, **columns: object) -> None:
    this = charges.id == charge.id, charges.tries == charge.tries, charges.payment.is_(None)
    conn.execute(update(autopay_charge).where(*this).values(changed_at=micros(now), **columns))
