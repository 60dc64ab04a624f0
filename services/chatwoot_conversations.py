"""Who leads a conversation in Chatwoot: the assistant while it is pending, a person in every other state.

Chatwoot tells the state with every event, and events come late, twice and out of order: the newest word counts, by
Chatwoot's own clock. Synchronous functions over one connection.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, select, update

from services.database import insert_once, micros
from services.schema import chatwoot_conversation


class Lead(msgspec.Struct, frozen=True):
    """``person``: one has it, and the assistant is silent. ``quiet``: one had it since the assistant spoke there last."""

    person: bool = False
    quiet: bool = False


def note(conn: Connection, chat: str, at: datetime, *, person: bool) -> Lead:
    """Who leads it as of ``at``; the answer is who leads it by the newest word there is."""
    told = {"person": person, "at": micros(at)} | ({"quiet": True} if person else {})
    if not insert_once(conn, chatwoot_conversation, **({"quiet": False} | told), chat=chat):
        older = chatwoot_conversation.c.chat == chat, chatwoot_conversation.c.at <= micros(at)
        conn.execute(update(chatwoot_conversation).where(*older).values(told))
    return lead(conn, chat)


def lead(conn: Connection, chat: str) -> Lead:
    """Who leads it; the assistant where nothing was told."""
    row = conn.execute(select(chatwoot_conversation).where(chatwoot_conversation.c.chat == chat)).one_or_none()
    return Lead() if row is None else Lead(row.person, row.quiet)


def spoke(conn: Connection, chat: str) -> None:
    """The assistant spoke there: what it asked is on the screen."""
    mine = chatwoot_conversation.c.chat == chat, chatwoot_conversation.c.person.is_(False)
    conn.execute(update(chatwoot_conversation).where(*mine).values(quiet=False))
