"""What autopay plans: which invoices of a customer, when each is charged, and that its customer is told of it before.

Synchronous functions over one connection, like `services.payments.ledger`. A charge is one row per invoice and due date:
``planned`` once its customer was told of it, ``started`` while a payment is under way for it, ``paid``, ``waiting`` for
another try, or ``over``. Never here: what becomes of a payment (`following`), and whether an authorisation covers one
(`enrolments`, which the ledger asks itself).
"""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, and_, select, update

from services.database import insert_once, instant, micros
from services.model import Enrolment, Invoice, InvoiceState, Money, Notice, Planned
from services.payments.autopay import enrolments, notices
from services.payments.autopay.runs import Line
from services.schema import autopay as autopays
from services.schema import autopay_charge

charges = autopay_charge.c
FROM = time(9)  # in the business's time zone: nobody is charged in the night
A_DAY = timedelta(days=1)  # to spare: a run that is late by an hour must not put the charge off to the next morning
CALLED_OFF = frozenset({"moved", "paused"})  # what is over for these is planned anew under the same authorisation


class Calendar(msgspec.Struct, frozen=True):
    """When things happen: in the business's time zone, and so many days after their customer was told of them."""

    zone: tzinfo
    notice: timedelta

    def day_of(self, invoice: Invoice, enrolment: Enrolment) -> datetime | None:
        """When an invoice is to be charged by its terms; None: it says no day."""
        if invoice.due_date is None:
            return None
        return datetime.combine(invoice.due_date - timedelta(days=enrolment.terms.days), FROM, self.zone)

    def soonest(self, told: datetime) -> datetime:
        """When what is told now may be charged first: told at nine it may be at nine."""
        local = (told + self.notice).astimezone(self.zone)
        nine = datetime.combine(local.date(), FROM, self.zone)
        return nine if nine >= local else datetime.combine(local.date() + timedelta(days=1), FROM, self.zone)


def passed_over(invoice: Invoice, enrolment: Enrolment) -> str:
    """Why this invoice is not charged under this enrolment, in a word; "" when it is."""
    limit = enrolment.terms.limit
    if invoice.disputed:
        return "disputed"
    if invoice.payable.minor == 0:
        return "processing"
    if invoice.due.currency != limit.currency:
        return "currency"
    return "above_limit" if invoice.payable.minor > limit.minor else ""


def considered(invoices: Sequence[Invoice], enrolment: Enrolment, calendar: Calendar, now: datetime) -> list[Invoice]:
    """Those of a customer's invoices of which they are to be told by now, the longest due first."""
    found = []
    for each in invoices:
        day = calendar.day_of(each, enrolment)
        if (
            each.state is InvoiceState.OPEN
            and each.due.minor > 0
            and day is not None
            and day - calendar.notice - A_DAY <= now
        ):
            found.append(each)
    return found


def would_plan(conn: Connection, enrolment: Enrolment, invoices: Sequence[Invoice]) -> list[Line]:
    """What `plan` would do about these invoices, which were `considered`. Nothing is written."""
    lines = (_line(_of_cycle(conn, each), enrolment, each) for each in invoices)
    return [line for line in lines if line is not None]


def plan(
    conn: Connection, enrolment: Enrolment, invoices: Sequence[Invoice], calendar: Calendar, now: datetime
) -> list[Line]:
    """Plan and tell what this enrolment is to pay, each once; what was done about it. ``invoices`` were `considered`.

    Nothing when the enrolment is no more what it was when the invoices were read.
    """
    if enrolments.of_id(conn, enrolment.id) != enrolment:
        return []
    lines = []
    for invoice in invoices:
        _drop_moved(conn, invoice, now)
        row = _of_cycle(conn, invoice)
        line = _line(row, enrolment, invoice)
        if line is not None and line.why in ("", "above_limit"):
            day = calendar.day_of(invoice, enrolment)
            assert day is not None, "only what has a day is considered"
            _write(conn, row, enrolment, _Plan(invoice, max(day, calendar.soonest(now)), line.why, now))
        lines += [] if line is None else [line]
    return lines


def _line(row: Row[Any] | None, enrolment: Enrolment, invoice: Invoice) -> Line | None:
    """What is to be done about an invoice of which this is known; None: nothing, it is planned or over."""
    if row is not None and not _is_to_be_planned(row, enrolment, invoice):
        return None
    why = passed_over(invoice, enrolment)
    did: Literal["told", "skipped"] = "skipped" if why else "told"
    return Line(enrolment.customer, invoice.id, invoice.number, did, why, invoice.payable)


class _Plan(msgspec.Struct, frozen=True):
    """What is to be paid and when, or why it is not; told at ``told``."""

    invoice: Invoice
    at: datetime
    why: str
    told: datetime


def _write(conn: Connection, row: Row[Any] | None, enrolment: Enrolment, made: _Plan) -> None:
    invoice = made.invoice
    values: dict[str, Any] = {
        "enrolment": enrolment.id,
        "customer": enrolment.customer,
        "number": invoice.number,
        "amount_minor": invoice.payable.minor,
        "currency": invoice.payable.currency,
        "due_at": micros(made.at),
        "told_at": micros(made.told),
        "state": "over" if made.why else "planned",
        "why": made.why,
        "changed_at": micros(made.told),
    }
    if row is None:
        if not insert_once(conn, autopay_charge, invoice=invoice.id, cycle=invoice.due_date, **values):
            return  # another worker planned it in this instant, and told it
    else:
        # under another authorisation it is another entry, which was never presented
        anew = {"presentments": 0, "first_at": None} if row.enrolment != enrolment.id else {}
        conn.execute(update(autopay_charge).where(charges.id == row.id).values(**values, **anew))
    _tell(conn, enrolment, made)


def _tell(conn: Connection, enrolment: Enrolment, made: _Plan) -> None:
    invoice = made.invoice
    kind: Literal["planned", "above_limit"] = "above_limit" if made.why else "planned"
    notice = Notice(kind, invoice.id, invoice.number, invoice.payable, made.at.date())
    told = msgspec.structs.replace(notice, limit=enrolment.terms.limit, **notices.method(enrolment))
    name = f"{invoice.id}:{invoice.due_date}:{enrolment.id}:{micros(made.told)}"
    notices.notify(conn, f"autopay:{kind}:{name}", enrolment, told, made.told)


def _is_to_be_planned(row: Row[Any], enrolment: Enrolment, invoice: Invoice) -> bool:
    """Whether what is there of this cycle gives way: its authorisation ended, or more is owed than was told."""
    if row.state == "over":
        above = passed_over(invoice, enrolment) == "above_limit"
        again = row.why in CALLED_OFF or (row.why == "above_limit" and not above)
        return bool(row.enrolment != enrolment.id or again)
    waits = row.state in ("planned", "waiting")
    return waits and bool(row.amount_minor < invoice.payable.minor or row.enrolment != enrolment.id)


def _of_cycle(conn: Connection, invoice: Invoice) -> Row[Any] | None:
    this = charges.invoice == invoice.id, charges.cycle == invoice.due_date
    return conn.execute(select(autopay_charge).where(*this).with_for_update()).one_or_none()


def _drop_moved(conn: Connection, invoice: Invoice, now: datetime) -> None:
    """What was planned for a due date that is no more the invoice's does not happen."""
    other = charges.invoice == invoice.id, charges.cycle != invoice.due_date, charges.state.in_(("planned", "waiting"))
    conn.execute(update(autopay_charge).where(*other).values(state="over", why="moved", changed_at=micros(now)))


# --- looking at it --------------------------------------------------------------------------------------------------


def planned(conn: Connection, customer: str, zone: tzinfo) -> tuple[Planned, ...]:
    """The charges to come of a customer, the next first, their days in the business's time zone."""
    these = charges.customer == customer, charges.state.in_(("planned", "waiting"))
    rows = conn.execute(select(autopay_charge).where(*these).order_by(charges.due_at, charges.id))
    return tuple(
        Planned(row.number, Money(row.amount_minor, row.currency), instant(row.due_at).astimezone(zone).date())
        for row in rows
    )


def covered(conn: Connection, invoices: Collection[str]) -> frozenset[str]:
    """Those of these invoices that autopay is about to pay, or pays just now: nobody is to be reminded of them."""
    these = charges.invoice.in_(sorted(invoices)), charges.state.in_(("planned", "waiting", "started"))
    on = autopay_charge.join(autopays, and_(autopays.c.id == charges.enrolment, autopays.c.state == enrolments.ON))
    return frozenset(conn.execute(select(charges.invoice).select_from(on).where(*these)).scalars())
