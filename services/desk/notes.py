"""Private notes on a chat: for the people at the desk, never for the customer."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from services.database import instant, micros
from services.schema import agent, desk_note


class Note(NamedTuple):
    """One note, and who wrote it."""

    id: int
    agent: str
    text: str
    at: datetime


def add(conn: Connection, chat: str, by: int, text: str, now: datetime) -> None:
    """Write one down. ``text`` is redacted by whoever heard it."""
    conn.execute(insert(desk_note).values(chat=chat, agent=by, text=text, at=micros(now)))


def of_chat(conn: Connection, chat: str) -> list[Note]:
    """Those of a chat, in order."""
    asked = select(desk_note, agent.c.name).join(agent, agent.c.id == desk_note.c.agent)
    rows = conn.execute(asked.where(desk_note.c.chat == chat).order_by(desk_note.c.id))
    return [Note(row.id, row.name, row.text, instant(row.at)) for row in rows]
