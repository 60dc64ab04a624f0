"""The switch with which a business stops new payments, and lets them start again. Its history is append-only.

A pause stops what would begin. What has begun goes on: its page can be paid, its results arrive and are told. Autopay has
a switch of its own beside it: what nobody says yes to at that moment can be stopped alone.
"""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from services.database import micros
from services.schema import pause

_LOCK = 7366697469  # of PostgreSQL's advisory locks: SQLite has one writer anyway


def is_paused(conn: Connection) -> bool:
    """Whether new payments are refused just now, and until this transaction ends: the switch waits for that."""
    return _is_set(conn, autopay=False)


def is_autopay_paused(conn: Connection) -> bool:
    """Whether autopay charges nothing just now, whoever may pay by saying yes; as long as `is_paused`."""
    return _is_set(conn, autopay=True)


def _is_set(conn: Connection, *, autopay: bool) -> bool:
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))
    last = select(pause.c.paused).where(pause.c.autopay == autopay).order_by(pause.c.id.desc()).limit(1)
    return bool(conn.execute(last).scalar_one_or_none())


def set_paused(
    conn: Connection, paused: bool, asked_by: str, why: str, now: datetime, *, autopay: bool = False
) -> bool:
    """Stop or resume new payments, from this transaction's commit on; False when that was so already.

    ``autopay``: only those that autopay would begin.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    if _is_set(conn, autopay=autopay) == paused:
        return False
    row = {"at": micros(now), "paused": paused, "asked_by": asked_by, "why": why, "autopay": autopay}
    conn.execute(insert(pause).values(row))
    return True
