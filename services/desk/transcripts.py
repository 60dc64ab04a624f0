"""What was said in chats that were handed to a person: a copy of their logs, redacted as those are.

Copied by number, so that copying twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from services.database import insert_once, instant, micros, wiping
from services.schema import transcript


class Line(NamedTuple):
    """One message as the people at the desk read it. ``name`` is that of the agent who wrote it."""

    seq: int
    sender: str
    name: str
    text: str
    at: datetime


def last(conn: Connection, chat: str) -> int:
    """The number of the last line that was copied; 0 for none."""
    newest = select(func.max(transcript.c.seq)).where(transcript.c.chat == chat)
    return conn.execute(newest).scalar_one() or 0


def last_of_customer(conn: Connection, chat: str) -> int:
    """The number of the last line that the customer wrote; 0 for none."""
    theirs = transcript.c.chat == chat, transcript.c.sender == "customer"
    return conn.execute(select(func.max(transcript.c.seq)).where(*theirs)).scalar_one() or 0


def add(conn: Connection, chat: str, lines: Sequence[Line]) -> int:
    """Copy these; answers how many were new. What was copied before reads as it does now: a number may have been taken out."""
    known = _texts(conn, chat, lines)
    unknown = [line for line in lines if line.seq not in known]
    new = {line.seq for line in unknown if insert_once(conn, transcript, chat=chat, **_row(line))}
    others = (line for line in lines if line.seq not in new)
    overwrite(conn, chat, {line.seq: line.text for line in others if known.get(line.seq) != line.text})
    return len(new)


def _texts(conn: Connection, chat: str, lines: Sequence[Line]) -> dict[int, str]:
    """What stands there of these lines, by their numbers."""
    if not lines:
        return {}
    first, last = min(line.seq for line in lines), max(line.seq for line in lines)
    these = transcript.c.chat == chat, transcript.c.seq.between(first, last)
    return {row.seq: row.text for row in conn.execute(select(transcript.c.seq, transcript.c.text).where(*these))}


def _row(line: Line) -> dict[str, object]:
    return line._asdict() | {"at": micros(line.at)}


def of(conn: Connection, chat: str, after: int = 0, most: int = 1000) -> list[Line]:
    """The lines that follow ``after``, in order: the last ``most`` of them."""
    asked = select(transcript).where(transcript.c.chat == chat, transcript.c.seq > after)
    rows = conn.execute(asked.order_by(transcript.c.seq.desc()).limit(most)).all()
    return [Line(row.seq, row.sender, row.name, row.text, instant(row.at)) for row in reversed(rows)]


def overwrite(conn: Connection, chat: str, lines: Mapping[int, str]) -> int:
    """Earlier lines as they read from now on: pieces of a number were found in them."""
    changed = 0
    for seq, text in lines.items():
        this = transcript.c.chat == chat, transcript.c.seq == seq, transcript.c.text != text
        changed += conn.execute(update(transcript).where(*this).values(text=text)).rowcount
    if changed:
        wiping(conn)
    return changed
