"""How far the messages of a chat have been carried to a front end that must be called, such as a messenger.

The place is kept beside the ledger, so that a conversation store that was lost does not make everything be sent again.
A lease keeps two workers off one chat. Synchronous functions over one connection.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Update, or_, select, update

from services.database import insert_once, instant, micros
from services.schema import delivery

# that a chat may be put off; what is further away was written before a clock was set back
LONGEST = timedelta(minutes=30)


class Not(StrEnum):
    """Why nothing can be carried to a chat just now."""

    NOW = "now"  # somebody else is at it
    EVER = "ever"  # nobody is there, or the chat is not one that is called


class Held(msgspec.Struct, frozen=True):
    """A chat that is ours for as long as the lease lasts. Whose lease it is, its end tells: no two end at one instant."""

    chat: str
    sent: int  # the number of the last message that went out
    attempts: int  # how often the next one was tried in vain
    until: int  # microseconds since 1970 UTC


def begin(conn: Connection, chat: str) -> None:
    """Somebody writes from this chat: from now on its messages are carried to it; where they were already, they go on.

    Who was gone is back, and hears what was said meanwhile: not every front end says so by itself.
    """
    insert_once(conn, delivery, chat=chat, sent=0, leased_until=0, due_at=0, attempts=0)
    conn.execute(update(delivery).where(delivery.c.chat == chat, delivery.c.gone_at.is_not(None)).values(_HERE))


def take(conn: Connection, chat: str, now: datetime, lease: timedelta) -> Held | datetime | Not:
    """The lease on a chat; or until when it is put off, or why there is nothing to do."""
    at = micros(now)
    until = at + micros_of(lease)
    # what is written here is no further away than this, whatever clock wrote it: see `LONGEST`
    unleased = or_(delivery.c.leased_until <= at, delivery.c.leased_until > until + micros_of(lease))
    due = or_(delivery.c.due_at <= at, delivery.c.due_at > at + micros_of(LONGEST))
    mine = delivery.c.chat == chat, unleased, due, delivery.c.gone_at.is_(None)
    taken = conn.execute(update(delivery).where(*mine).values(leased_until=until)).rowcount == 1
    row = conn.execute(select(delivery).where(delivery.c.chat == chat)).one_or_none()
    if row is None or row.gone_at is not None:
        return Not.EVER
    if taken:
        return Held(chat, int(row.sent), int(row.attempts), until)
    return instant(row.due_at) if row.due_at > at else Not.NOW


def sent(conn: Connection, held: Held, seq: int, now: datetime, lease: timedelta) -> Held | None:
    """A message went out, or is none to be sent; the lease begins anew. None: it had ended, and somebody else is at it."""
    until = micros(now) + micros_of(lease)
    ours = conn.execute(_ours(held).values(attempts=0, leased_until=until))
    # also where the lease had ended: it did go out, and a number never goes back
    conn.execute(
        update(delivery)
        .where(delivery.c.chat == held.chat, delivery.c.sent < seq)
        .values(sent=seq, changed_at=micros(now))
    )
    return Held(held.chat, seq, 0, until) if ours.rowcount == 1 else None


def free(conn: Connection, held: Held) -> None:
    """Everything there was went out: the lease is given back, if it is ours still."""
    conn.execute(_ours(held).values(leased_until=0))


def later(conn: Connection, held: Held, due: datetime) -> None:
    """Not before ``due``, at most `LONGEST` from now; the lease is given back, and a try more is counted."""
    conn.execute(_ours(held).values(leased_until=0, due_at=micros(due), attempts=held.attempts + 1))


def left(conn: Connection, held: Held, now: datetime) -> None:
    """Nobody was there to be called: the chat is left alone until somebody writes. Not if they are back since."""
    conn.execute(_ours(held).values(gone_at=micros(now), leased_until=0))


def gone(conn: Connection, chat: str, now: datetime) -> None:
    """Nobody is there any more: blocked, or deactivated."""
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(gone_at=micros(now), leased_until=0))


def back(conn: Connection, chat: str) -> None:
    """Somebody is there again, and hears what was said meanwhile."""
    conn.execute(update(delivery).where(delivery.c.chat == chat).values(_HERE))


def stamp(conn: Connection, now: datetime) -> None:
    """Chats of which nobody knows when they spoke last count as silent from now on."""
    conn.execute(update(delivery).where(delivery.c.changed_at.is_(None)).values(changed_at=micros(now)))


def last(conn: Connection, chat: str) -> int:
    """The number of the last message that was sent to a chat; 0 where none ever was."""
    return conn.execute(select(delivery.c.sent).where(delivery.c.chat == chat)).scalar_one_or_none() or 0


def following(conn: Connection, after: str, most: int) -> Sequence[tuple[str, int]]:
    """The first ``most`` chats after this name in which somebody is, and the number of the last message sent to each."""
    asked = select(delivery.c.chat, delivery.c.sent).where(delivery.c.chat > after, delivery.c.gone_at.is_(None))
    return [(row.chat, int(row.sent)) for row in conn.execute(asked.order_by(delivery.c.chat).limit(most))]


def micros_of(span: timedelta) -> int:
    """A span in microseconds."""
    return span // timedelta(microseconds=1)


_HERE = {"gone_at": None, "leased_until": 0, "due_at": 0, "attempts": 0}


def _ours(held: Held) -> Update:
    return update(delivery).where(delivery.c.chat == held.chat, delivery.c.leased_until == held.until)
