"""What people at the desk want of conversations: written down with what it rests on, done there in order, each once.

A body is opaque here: what it says, and what a conversation makes of it, is the dialog's part. A conversation remembers the
number of the last errand it has seen, so that one that is done twice changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from services.database import insert_once, micros
from services.schema import errand

_ERRANDS = 736669747  # of PostgreSQL's advisory locks, one for each chat: SQLite has one writer anyway


class Errand(NamedTuple):
    """One that is not done yet."""

    id: int
    chat: str
    body: str


def add(conn: Connection, chat: str, body: str, now: datetime, key: str | None = None) -> bool:
    """Write one down, once per ``key``; False when it was before. Their numbers only grow."""
    if conn.dialect.name == "postgresql":  # in the order of their numbers, or the later one would be taken for heeded
        conn.execute(select(func.pg_advisory_xact_lock(_ERRANDS, func.hashtext(chat))))
    return insert_once(conn, errand, chat=chat, key=key, body=body, at=micros(now))


def next_of(conn: Connection, chat: str) -> Errand | None:
    """The first of a chat that is not done."""
    this = errand.c.chat == chat, errand.c.done_at.is_(None)
    row = conn.execute(select(errand).where(*this).order_by(errand.c.id).limit(1)).one_or_none()
    return None if row is None else Errand(row.id, row.chat, row.body)


def chats(conn: Connection, most: int) -> Sequence[str]:
    """Chats in which something is to be done, those that have waited longest first."""
    asked = select(errand.c.chat).where(errand.c.done_at.is_(None)).order_by(errand.c.id).limit(most)
    return list(dict.fromkeys(conn.execute(asked).scalars()))


def done(conn: Connection, number: int, now: datetime) -> None:
    """It is done, and its words are in the conversation."""
    conn.execute(update(errand).where(errand.c.id == number).values(done_at=micros(now), body=""))
