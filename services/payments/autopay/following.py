"""What became of a charge's payment: paid, to be tried again within the rules of its network, or over, and who hears of it.

Synchronous functions over one connection. The ledger says how a payment stands; what that means for its authorisation is
`services.model.autopay.refusal`.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, and_, select, update

from services.database import instant, micros
from services.model import Money, Notice, Payment, PaymentState, Reason
from services.model.autopay import MOST_REPRESENTMENTS, REPRESENTED_WITHIN_DAYS, refusal
from services.payments import facts, ledger, states
from services.payments.autopay import enrolments, letters, notices
from services.payments.autopay.charging import NEXT_RUN
from services.payments.autopay.runs import Line
from services.payments.gateways.base import FactKind
from services.schema import autopay_charge, payment_event
from services.schema import payment as payments

charges = autopay_charge.c
AGAIN_AFTER = (timedelta(days=3), timedelta(days=5))  # a passing refusal: a payday may be in between
MOST_TRIES = 24  # payments begun for one charge of which no bank ever heard, an hour apart


class Left(msgspec.Struct, frozen=True):
    """A page that a refusal left open, and that nobody is to type another card on: it is to be closed."""

    reference: str
    chat: str


_NEWS = and_(payments.c.reference == charges.payment, payments.c.version != charges.seen)


def moved(conn: Connection, n: int) -> list[int]:
    """At most ``n`` charges whose payment moved since it was looked at."""
    return list(conn.execute(select(charges.id).join(payments, _NEWS).order_by(charges.id).limit(n)).scalars())


def follow(conn: Connection, charge: int, now: datetime) -> Left | Line | None:
    """Bring a charge to where its payment stands: paid, to be tried again, or over; what that did, or a page to be closed."""
    row = conn.execute(select(autopay_charge).where(charges.id == charge).with_for_update()).one()
    paid = None if row.payment is None else ledger.find_row(conn, row.payment)
    if paid is None or paid.version == row.seen:
        return None
    state = PaymentState(paid.state)
    if state is PaymentState.OPEN:
        return Left(paid.reference, paid.chat)
    if state in (PaymentState.FAILED, PaymentState.RETURNED, PaymentState.CANCELED):
        return _came_to_nothing(conn, row, ledger.known(conn, paid.reference), now)
    _set(conn, row, now, seen=paid.version, state="paid" if state in states.ARRIVED else "started")
    if state in (PaymentState.DISPUTED, PaymentState.LOST):
        # whoever tells their bank that it was none of theirs has taken the authorisation back (NACHA R07, R10)
        return _stop(conn, row, Reason.NOT_AUTHORIZED, paid.reference, now)
    if state is PaymentState.SUCCEEDED and row.state != "paid":
        letters.charged(conn, paid.reference, row.customer, now)
    return None


def _came_to_nothing(conn: Connection, row: Row[Any], paid: Payment, now: datetime) -> Line | None:
    reason = _why(conn, paid)
    match refusal(reason, paid.method):
        case "never_asked":
            return _never_asked(conn, row, paid, now)
        case "needs_customer":
            return _over(conn, row, paid, str(reason), now)
        case "final":
            _set(conn, row, now, state="over", why=str(reason), **_ended(row, paid, now))
            assert reason is not None
            return _stop(conn, row, reason, paid.reference, now)
        case "passing":
            return _again(conn, row, paid, str(reason), now)


def _why(conn: Connection, paid: Payment) -> Reason | None:
    """Why its bank took nothing: what it said last before the page was closed, or that it wants to see the customer."""
    if paid.state is PaymentState.RETURNED:
        return paid.reason
    gateway = ledger.row_of(conn, paid.reference).gateway
    told = [each for each in facts.of_payment(conn, gateway, paid.reference) if each.kind is FactKind.DECLINED]
    if told:
        return max(told, key=lambda each: (each.at, each.id)).reason or Reason.DECLINED
    asks = payment_event.c.payment == paid.reference, payment_event.c.cause == "the bank wants to see the customer"
    return Reason.AUTHENTICATION if conn.execute(select(payment_event.c.id).where(*asks)).first() else paid.reason


def _ended(row: Row[Any], paid: Payment, now: datetime) -> dict[str, object]:
    """A presentment is over: the bank was asked, and said no."""
    settled = paid.submitted_at or now
    first = row.first_at if row.first_at is not None else micros(settled)
    return {**_free(row), "presentments": row.presentments + 1, "first_at": first}


def _free(row: Row[Any]) -> dict[str, object]:
    """The payment has ended, and the next one has a key of its own."""
    return {"payment": None, "seen": 0, "tries": row.tries + 1}


def _never_asked(conn: Connection, row: Row[Any], paid: Payment, now: datetime) -> Line | None:
    if row.tries + 1 >= MOST_TRIES:
        return _over(conn, row, paid, "never_asked", now)
    state = "waiting" if row.presentments else "planned"
    _set(conn, row, now, state=state, due_at=micros(now + NEXT_RUN), **_free(row))
    return None


def _again(conn: Connection, row: Row[Any], paid: Payment, reason: str, now: datetime) -> Line:
    """At most two further presentments, within 180 days of the first (NACHA 2.12.4; no more is asked of a card)."""
    ended = _ended(row, paid, now)
    if row.presentments >= MOST_REPRESENTMENTS:
        return _over(conn, row, paid, reason, now)
    next_at = now + AGAIN_AFTER[row.presentments]
    if next_at > instant(int(str(ended["first_at"]))) + timedelta(days=REPRESENTED_WITHIN_DAYS):
        return _over(conn, row, paid, reason, now)
    _set(conn, row, now, state="waiting", due_at=micros(next_at), amount_minor=paid.amount.minor, **ended)
    kept = enrolments.of_id(conn, row.enrolment)
    notice = Notice(
        "again", row.invoice, row.number, paid.amount, next_at.date(), reason=reason, **notices.method(kept)
    )
    notices.notify(conn, f"autopay:again:{paid.reference}", kept, notice, now)
    return Line(row.customer, row.invoice, row.number, "ended", reason, paid.amount, paid.reference)


def _over(conn: Connection, row: Row[Any], paid: Payment, reason: str, now: datetime) -> Line:
    """It is the customer's to pay now: their bank wants to see them, or it was tried for long enough."""
    asks = reason in (Reason.AUTHENTICATION, Reason.MICRO_DEPOSITS)
    kind: Literal["needs_you", "gave_up"] = "needs_you" if asks else "gave_up"
    ended = _free(row) if reason == "never_asked" else _ended(row, paid, now)
    _set(conn, row, now, state="over", why=kind, **ended)
    kept = enrolments.of_id(conn, row.enrolment)
    notice = Notice(kind, row.invoice, row.number, paid.amount, reason=reason, **notices.method(kept))
    notices.notify(conn, f"autopay:{kind}:{paid.reference}", kept, notice, now)
    return Line(row.customer, row.invoice, row.number, "ended", kind, paid.amount, paid.reference)


def _stop(conn: Connection, row: Row[Any], reason: Reason, reference: str, now: datetime) -> Line:
    kept = enrolments.of_id(conn, row.enrolment)
    amount = Money(row.amount_minor, row.currency)
    notices.stop(conn, kept, reason, now, invoice=row.invoice, number=row.number, amount=amount)
    return Line(row.customer, row.invoice, row.number, "ended", reason, amount, reference)


def _set(conn: Connection, row: Row[Any], now: datetime, **columns: object) -> None:
    conn.execute(update(autopay_charge).where(charges.id == row.id).values(changed_at=micros(now), **columns))
