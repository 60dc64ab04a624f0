"""Answers that are kept ready: everybody at the desk uses them, with the chat's own name, invoice and sum filled in.

They hold no personal data; whoever changes one was found to be allowed to.
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from services.database import insert_once, micros
from services.desk import audit
from services.schema import canned

VARIABLES = ("name", "invoice", "amount", "agent")
LONGEST_TITLE = 80
LONGEST = 2000
MOST = 200  # of them: they are all shown at once

_VARIABLE = re.compile(r"\{([a-z]+)\}")


class Canned(msgspec.Struct, frozen=True):
    """One answer. ``text`` may hold ``{name}``, ``{invoice}``, ``{amount}`` and ``{agent}``."""

    id: int
    title: str
    text: str


def every(conn: Connection) -> list[Canned]:
    """All of them, by title."""
    rows = conn.execute(select(canned).order_by(func.lower(canned.c.title), canned.c.id).limit(MOST))
    return [Canned(row.id, row.title, row.text) for row in rows]


def problem(title: str, text: str) -> str:
    """Why an answer cannot be kept like this: empty, too_long, unknown_variable; or ""."""
    if not title.strip() or not text.strip():
        return "empty"
    if len(title) > LONGEST_TITLE or len(text) > LONGEST:
        return "too_long"
    return "" if set(_VARIABLE.findall(text)) <= set(VARIABLES) else "unknown_variable"


def add(conn: Connection, agent: int, title: str, text: str, now: datetime) -> bool:
    """Keep another answer; False when the title is taken, or there are `MOST` already."""
    if conn.execute(select(func.count()).select_from(canned)).scalar_one() >= MOST:
        return False
    values = {"title": title.strip(), "text": text.strip(), "changed_by": agent, "changed_at": micros(now)}
    if not insert_once(conn, canned, **values):
        return False
    audit.note(conn, agent, "canned_added", now)
    return True


def change(  # noqa: PLR0917  # what is changed, and by whom
    conn: Connection, agent: int, number: int, title: str, text: str, now: datetime
) -> bool:
    """Word one anew; False when there is no such one, or another has the title."""
    values = {"title": title.strip(), "text": text.strip(), "changed_by": agent, "changed_at": micros(now)}
    try:
        with conn.begin_nested():
            changed = conn.execute(update(canned).where(canned.c.id == number).values(**values)).rowcount
    except IntegrityError:  # the title is unique
        return False
    if changed != 1:
        return False
    audit.note(conn, agent, "canned_changed", now, canned=number)
    return True


def remove(conn: Connection, agent: int, number: int, now: datetime) -> bool:
    """Keep one no longer; False when there is no such one."""
    if conn.execute(delete(canned).where(canned.c.id == number)).rowcount != 1:
        return False
    audit.note(conn, agent, "canned_removed", now, canned=number)
    return True


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with what is known of a chat; a variable of which nothing is known stays, for the agent to see and replace.

    In one pass, so that a name that looks like a variable is a name.
    """
    return _VARIABLE.sub(lambda found: known.get(found[1]) or found[0], text)
