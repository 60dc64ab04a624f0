"""What customers asked and found no answer to, and whether articles helped: notes for whoever writes the help articles.

Questions are redacted before they come here. Synchronous functions over one connection.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, case, func, select

from services.database import insert_once, instant, micros
from services.schema import help_gap, help_rating

LONGEST = 300  # characters of a question that are kept


class Gap(msgspec.Struct, frozen=True):
    """One question that nothing answered."""

    text: str
    language: str
    at: datetime


class Rating(msgspec.Struct, frozen=True):
    """How often an article was said to help, and how often not."""

    topic: str
    helped: int
    not_helped: int


def note_gap(conn: Connection, key: str, text: str, language: str, now: datetime) -> None:
    """Keep a question, once per effect ``key``."""
    insert_once(conn, help_gap, key=key, text=text[:LONGEST], language=language, at=micros(now))


def rate(conn: Connection, key: str, topic: str, helped: bool, now: datetime) -> None:
    """Count an answer to "did this help?", once per effect ``key``."""
    insert_once(conn, help_rating, key=key, topic=topic, helped=helped, at=micros(now))


def gaps(conn: Connection, since: datetime, most: int = 2000) -> Sequence[Gap]:
    """Questions without an answer since then, the latest first."""
    query = select(help_gap).where(help_gap.c.at >= micros(since)).order_by(help_gap.c.at.desc()).limit(most)
    return [Gap(row.text, row.language, instant(row.at)) for row in conn.execute(query)]


def ratings(conn: Connection) -> Sequence[Rating]:
    """Every rated article, the least helpful first."""
    helped = func.sum(case((help_rating.c.helped, 1), else_=0))
    missed = func.sum(case((help_rating.c.helped, 0), else_=1))
    query = (
        select(help_rating.c.topic, helped, missed)
        .group_by(help_rating.c.topic)
        .order_by(missed.desc(), help_rating.c.topic)
    )
    return [Rating(row[0], int(row[1]), int(row[2])) for row in conn.execute(query)]
