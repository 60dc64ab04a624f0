"""Refunds, in full and in part: how one is asked for, sent under its own key, and settled by the gateway's word.

Synchronous functions over one connection, like `services.payments.ledger`. The call to the gateway happens between
them, in `services.payments.checkout`. A refund counts against what is left from the moment it is asked for.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from services.database import instant, micros
from services.model import Money
from services.payments import cases, outbox, states
from services.payments.cases import Trouble
from services.payments.gateways.base import RefundRequest
from services.payments.keys import RESEND_UNTIL, Hold, new_reference
from services.schema import payment as payments
from services.schema import payment_event
from services.schema import refund as refunds

PATIENCE = timedelta(days=10)  # card networks and ACH give back within 5 to 10 business days; most take one


class RefundState(StrEnum):
    ASKED = "asked"  # sent or about to be; a slow one stays here for days
    DONE = "done"
    FAILED = "failed"  # nothing was given back, or it came back to the business


class Refund(msgspec.Struct, frozen=True):
    """Money on its way back to a customer."""

    id: str
    payment: str
    amount: Money
    state: RefundState
    asked_by: str
    why: str
    asked_at: datetime


class RefundOrder(msgspec.Struct, frozen=True):
    """Somebody wants ``amount`` of a payment given back; None: all that is left. Once per ``key``."""

    key: str
    reference: str
    amount: Money | None
    asked_by: str
    why: str = ""


class NotRefundable(StrEnum):
    """Why a refund was not even begun."""

    NO_PAYMENT = "no_payment"
    NOTHING_LEFT = "nothing_left"  # not paid, returned, disputed, or refunded before
    MORE_THAN_LEFT = "more_than_left"
    WRONG_CURRENCY = "wrong_currency"
    NOT_POSITIVE = "not_positive"


def ask(conn: Connection, order: RefundOrder, now: datetime, random: Callable[[int], bytes]) -> Refund | NotRefundable:
    """Write down a refund and put it on the list of what must happen; the same key gives the one it made before."""
    # locked: two agents who refund the rest at the same time must each see the other (SQLite has one writer anyway)
    row = conn.execute(select(payments).where(payments.c.reference == order.reference).with_for_update()).one_or_none()
    if (known := _one(conn, refunds.c.request_key == order.key)) is not None:
        return known
    if row is None:
        return NotRefundable.NO_PAYMENT
    left = _left(conn, row)
    amount = Money(left, row.currency) if order.amount is None else order.amount
    if (problem := _problem(row, left, amount)) is not None:
        return problem
    made = new_reference(random, "RF")
    conn.execute(
        insert(refunds).values(
            id=made,
            payment=row.reference,
            request_key=order.key,
            amount_minor=amount.minor,
            state=RefundState.ASKED,
            gateway_key=random(16).hex(),
            asked_by=order.asked_by,
            why=order.why,
            asked_at=micros(now),
            changed_at=micros(now),
        )
    )
    cause = f"refund {made} asked"
    conn.execute(
        insert(payment_event).values(
            payment=row.reference, at=micros(now), before=row.state, after=row.state, cause=cause
        )
    )
    outbox.add(conn, f"refund:{made}", row.reference, RefundRequest(row.reference, made, amount), now)
    return known_refund(conn, made)


def _problem(row: Row[Any], left: int, amount: Money) -> NotRefundable | None:
    if row.state not in states.REFUNDABLE or left <= 0:
        return NotRefundable.NOTHING_LEFT
    if amount.currency != row.currency:
        return NotRefundable.WRONG_CURRENCY
    if amount.minor <= 0:
        return NotRefundable.NOT_POSITIVE
    return NotRefundable.MORE_THAN_LEFT if amount.minor > left else None


def _left(conn: Connection, row: Row[Any]) -> int:
    """What of a payment can still be refunded: less what went back, and less what is asked for."""
    waiting = and_(refunds.c.payment == row.reference, refunds.c.state == RefundState.ASKED)
    asked = conn.execute(select(func.coalesce(func.sum(refunds.c.amount_minor), 0)).where(waiting)).scalar_one()
    return int(row.amount_minor) - int(row.refunded_minor) - int(asked)


def known_refund(conn: Connection, refund: str) -> Refund:
    """One refund that must be there; raises `LookupError` when it is not."""
    found = _one(conn, refunds.c.id == refund)
    if found is None:
        raise LookupError(f"no refund {refund}")
    return found


def asked_since(conn: Connection, order: RefundOrder, since: datetime) -> list[Refund]:
    """Refunds of an order's payment that were asked for since then, under other keys, and did not fail; the oldest first."""
    other = refunds.c.payment == order.reference, refunds.c.request_key != order.key
    this = *other, refunds.c.asked_at >= micros(since), refunds.c.state != RefundState.FAILED
    return [_read(row) for row in conn.execute(_REFUNDS.where(*this).order_by(refunds.c.asked_at))]


def of_payment(conn: Connection, reference: str) -> list[Refund]:
    """Every refund of a payment that was asked for here, the oldest first."""
    these = _REFUNDS.where(refunds.c.payment == reference).order_by(refunds.c.asked_at, refunds.c.id)
    return [_read(row) for row in conn.execute(these)]


_REFUNDS = select(refunds, payments.c.currency).join(payments, payments.c.reference == refunds.c.payment)


def _one(conn: Connection, which: ColumnElement[bool]) -> Refund | None:
    row = conn.execute(_REFUNDS.where(which)).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Refund:
    amount = Money(row.amount_minor, row.currency)
    return Refund(row.id, row.payment, amount, RefundState(row.state), row.asked_by, row.why, instant(row.asked_at))


# --- sending ------------------------------------------------------------------------------------------------------


def key_to_send(conn: Connection, refund: str, now: datetime) -> str | Literal[Hold.LOOK_UP] | None:
    """The key under which a refund is to be sent now; `LOOK_UP` when that is no longer safe, None when it is settled."""
    row = conn.execute(select(refunds).where(refunds.c.id == refund)).one()
    if row.state != RefundState.ASKED:
        return None
    return Hold.LOOK_UP if now - instant(row.asked_at) > RESEND_UNTIL else str(row.gateway_key)


def settle(conn: Connection, refund: str, state: RefundState, now: datetime) -> bool:
    """What the gateway says of one of our refunds; False for one that was made at the gateway, or is so already."""
    this = and_(refunds.c.id == refund, refunds.c.state != state)
    return conn.execute(update(refunds).where(this).values(state=state, changed_at=micros(now))).rowcount == 1


def refused(conn: Connection, refund: str, why: str, now: datetime) -> None:
    """The gateway refunded nothing and never will: the money stays, and a person has to find another way."""
    if not settle(conn, refund, RefundState.FAILED, now):
        return
    told = known_refund(conn, refund)
    summary = f"the gateway refused the refund {refund} of {told.amount} ({why}): find another way to give it back"
    cases.open_case(conn, f"refund:{refund}", Trouble.REFUND_FAILED, summary, now, payment=told.payment)


def overdue(conn: Connection, now: datetime) -> list[str]:
    """Refunds that were asked for more than `PATIENCE` ago, and of which there is no word."""
    waiting = refunds.c.state == RefundState.ASKED, refunds.c.asked_at < micros(now - PATIENCE)
    return list(conn.execute(select(refunds.c.id).where(*waiting).order_by(refunds.c.id)).scalars())


def never_settled(conn: Connection, refund: str, now: datetime) -> None:
    """Too old to be sent again or to be still on its way, and the gateway gives no word: a person finds out. Once."""
    told = known_refund(conn, refund)
    if told.state is not RefundState.ASKED:
        return
    summary = f"no word on the refund {refund} of {told.amount} since it was sent; look at the gateway before another"
    cases.open_case(conn, f"unsure:{refund}", Trouble.REFUND_UNSURE, summary, now, payment=told.payment)
