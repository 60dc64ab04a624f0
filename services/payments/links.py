"""The hand-off links ``/go/TOKEN``: who holds one, and for how long it leads to the hosted page.

A link leads to the same page until that is paid or closed. Opening it burns nothing, so that a link preview does no
harm; what is never opened stops working after a while.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from services.database import micros
from services.payments import states
from services.schema import go_link, payment
from services.tokens import new_token, token_hash

OPENS_WITHIN = timedelta(minutes=15)  # of being shown


class Refusal(StrEnum):
    """Why a hand-off link leads nowhere."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"  # it was not opened in time; a fresh one can be had in the chat
    PAID = "paid"  # or on its way
    CLOSED = "closed"  # nothing can be paid on this page any more, and nothing was
    OVER = "over"  # the page is not there yet, or what became of it is being looked up


def share(conn: Connection, reference: str, now: datetime, random: Callable[[int], bytes]) -> str:
    """A fresh token that leads to the hosted page of this payment."""
    token = new_token(random)
    conn.execute(insert(go_link), {"token_hash": token_hash(token), "payment": reference, "shown_at": micros(now)})
    return token


def follow(conn: Connection, token: str, now: datetime) -> str | Refusal:
    """The gateway's own address of the page that a token leads to, or why it leads nowhere."""
    link = select(go_link, payment.c.state, payment.c.page_url).join(payment)
    row = conn.execute(link.where(go_link.c.token_hash == token_hash(token))).one_or_none()
    if row is None:
        return Refusal.UNKNOWN
    if row.state != states.OPEN or row.page_url is None:
        return _over(row.state)
    if row.opened_at is None:
        if row.shown_at < micros(now - OPENS_WITHIN):
            return Refusal.EXPIRED
        this = go_link.c.token_hash == row.token_hash
        conn.execute(update(go_link).where(this).values(opened_at=micros(now)))
        unseen = payment.c.reference == row.payment, payment.c.page_seen_at.is_(None)
        conn.execute(update(payment).where(*unseen).values(page_seen_at=micros(now)))
    return str(row.page_url)


def _over(state: str) -> Refusal:
    """Why no page is open for a payment in this state."""
    if state in (states.FAILED, states.CANCELED):
        return Refusal.CLOSED
    return Refusal.OVER if state in states.LIVE else Refusal.PAID
