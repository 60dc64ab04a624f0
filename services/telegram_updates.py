"""Updates of Telegram: written down before Telegram hears that they arrived, answered in their order, once.

Synchronous functions over one connection. Texts come here redacted, and are emptied once they were answered: what was said
is in the conversation's log, and only there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from services.database import insert_once, micros
from services.schema import telegram_update

KEPT = timedelta(hours=48)  # Telegram repeats an update for 24 hours (Bot API, "Getting updates")


class Pending(msgspec.Struct, frozen=True):
    """One update that is still to be answered."""

    update: int
    chat: str
    message: int
    text: str
    locale: str


def keep(conn: Connection, pending: Pending, now: datetime) -> bool:
    """Write it down; False when it was there before."""
    return insert_once(
        conn,
        telegram_update,
        update_id=pending.update,
        chat=pending.chat,
        message=pending.message,
        text=pending.text,
        locale=pending.locale,
        at=micros(now),
    )


def pending(conn: Connection, chat: str) -> Sequence[Pending]:
    """What is still to be answered in this chat, in the order in which Telegram numbered it."""
    mine = telegram_update.c.chat == chat, telegram_update.c.done_at.is_(None)
    rows = conn.execute(select(telegram_update).where(*mine).order_by(telegram_update.c.update_id))
    return [Pending(row.update_id, row.chat, row.message, row.text, row.locale) for row in rows]


def waiting(conn: Connection) -> Sequence[str]:
    """The chats in which something is still to be answered."""
    open_ = telegram_update.c.done_at.is_(None)
    return conn.execute(select(telegram_update.c.chat).where(open_).distinct()).scalars().all()


def done(conn: Connection, update_id: int, now: datetime) -> None:
    """It was answered. Its text goes; its number stays, so that a repetition is known."""
    this = telegram_update.c.update_id == update_id
    conn.execute(update(telegram_update).where(this).values(done_at=micros(now), text=""))


def last_messages(conn: Connection, chat: str, most: int) -> Sequence[int]:
    """Telegram's numbers of the last messages of this chat, the newest first."""
    query = select(telegram_update.c.message).where(telegram_update.c.chat == chat)
    return conn.execute(query.order_by(telegram_update.c.update_id.desc()).limit(most)).scalars().all()


def newest(conn: Connection) -> int:
    """The number of the newest update, or 0."""
    return int(conn.execute(select(func.max(telegram_update.c.update_id))).scalar_one() or 0)


def prune(conn: Connection, now: datetime, kept: timedelta = KEPT) -> int:
    """Forget what was answered longer ago than ``kept``, and Telegram repeats no more; how many that were."""
    old = telegram_update.c.done_at < micros(now - kept)
    return conn.execute(delete(telegram_update).where(old)).rowcount
