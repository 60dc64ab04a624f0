"""How far the messages of a chat have been carried to a front end that must be called, such as a messenger.

The place is kept beside the ledger, so that a conversation store that was lost does not make everything be sent again.
A lease keeps two workers off one chat. Synchronous functions over one connection.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select, update

from services.database import insert_once, micros
from services.schema import delivery


class Not(StrEnum):
    """Why nothing can be carried to a chat just now."""

    NOW = "now"  # somebody else is at it, or it was asked to wait
    EVER = "ever"  # nobody is there, or the chat is not one that is called


def begin(conn: Connection, chat: str) -> None:
    """Somebody writes from this chat: from now on its messages are carried to it; where they were already, they go on.

    Who was gone is back, and hears what was said meanwhile: word of their return may be late, or none may come.
    """
    insert_once(conn, delivery, chat=chat, sent=0, leased_until=0, due_at=0, attempts=0)
    away = delivery.c.chat == chat, delivery.c.gone_at.is_not(None)
    conn.execute(update(delivery).where(*away).values(gone_at=None, due_at=0, attempts=0))


def take(conn: Connection, chat: str, now: datetime, lease: timedelta) -> int | Not:
    """The number of the last message that was sent, with the lease on the chat; or why there is nothing to do."""
    at = micros(now)
    free = delivery.c.chat == chat, delivery.c.leased_until <= at, delivery.c.due_at <= at, delivery.c.gone_at.is_(None)
    leased = conn.execute(update(delivery).where(*free).values(leased_until=at + micros_of(lease)))
    row = conn.execute(select(delivery).where(delivery.c.chat == chat)).one_or_none()
    if row is None or row.gone_at is not None:
        return Not.EVER
    return int(row.sent) if leased.rowcount == 1 else Not.NOW


def sent(conn: Connection, chat: str, seq: int, now: datetime, lease: timedelta) -> None:
    """A message went out, or is none to be sent; the lease begins anew."""
    values = {"sent": seq, "attempts": 0, "leased_until": micros(now) + micros_of(lease)}
    conn.execute(update(delivery).where(delivery.c.chat == chat, delivery.c.sent < seq).values(values))


def free(conn: Connection, chat: str) -> None:
    """Everything there was went out: the lease is given back."""
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(leased_until=0))


def later(conn: Connection, chat: str, due: datetime) -> None:
    """Not before ``due``; the lease is given back, and a try more is counted."""
    values = {"leased_until": 0, "due_at": micros(due), "attempts": delivery.c.attempts + 1}
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(values))


def attempts(conn: Connection, chat: str) -> int:
    """How often the next message was tried in vain."""
    return int(conn.execute(select(delivery.c.attempts).where(delivery.c.chat == chat)).scalar_one_or_none() or 0)


def gone(conn: Connection, chat: str, now: datetime) -> None:
    """Nobody is there any more: blocked, or deactivated."""
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(gone_at=micros(now), leased_until=0))


def back(conn: Connection, chat: str) -> None:
    """Somebody is there again, and hears what was said meanwhile."""
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(gone_at=None, due_at=0, attempts=0))


def chats(conn: Connection, prefix: str) -> Sequence[str]:
    """The chats of a channel in which somebody is, by the beginning of their names."""
    mine = delivery.c.chat.startswith(prefix, autoescape=True), delivery.c.gone_at.is_(None)
    return conn.execute(select(delivery.c.chat).where(*mine).order_by(delivery.c.chat)).scalars().all()


def micros_of(span: timedelta) -> int:
    """A span in microseconds."""
    return span // timedelta(microseconds=1)
