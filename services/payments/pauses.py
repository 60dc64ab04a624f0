"""The switch with which a business stops new payments, and lets them start again. Its history is append-only.

A pause stops what would begin. What has begun goes on: its page can be paid, its results arrive and are told.
"""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from services.database import micros
from services.schema import pause

_LOCK = 7366697469  # of PostgreSQL's advisory locks: SQLite has one writer anyway


def is_paused(conn: Connection) -> bool:
    """Whether new payments are refused just now, and until this transaction ends: the switch waits for that."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))
    return bool(conn.execute(select(pause.c.paused).order_by(pause.c.id.desc()).limit(1)).scalar_one_or_none())


def set_paused(conn: Connection, paused: bool, asked_by: str, why: str, now: datetime) -> bool:
    """Stop or resume new payments, from this transaction's commit on; False when that was so already."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if is_paused(conn) == paused:
        return False
    conn.execute(insert(pause).values(at=micros(now), paused=paused, asked_by=asked_by, why=why))
    return True
