"""Who saw, took, wrote, proposed, refunded, resolved and exported what. Rows are only ever added.

No words and no personal data: a chat, a payment, and what is needed to find the rest.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from services.database import instant, micros
from services.schema import audit


class Entry(NamedTuple):
    """One row. ``agent`` is None for somebody with the shell."""

    id: int
    at: datetime
    agent: int | None
    what: str
    chat: str
    payment: str
    detail: str


def note(  # noqa: PLR0917  # a row's columns
    conn: Connection,
    agent: int | None,
    what: str,
    now: datetime,
    chat: str = "",
    payment: str = "",
    **detail: Any,
) -> None:
    """Write down what somebody did, in the transaction in which they do it."""
    told = msgspec.json.encode(detail).decode() if detail else ""
    row: Mapping[str, Any] = {"at": micros(now), "agent": agent, "what": what, "chat": chat, "payment": payment}
    conn.execute(insert(audit).values(**row, detail=told))


def newest(conn: Connection, most: int, *, chat: str = "", before: int = 0) -> list[Entry]:
    """The newest rows, of one chat or all, before a number or from the end."""
    asked = select(audit).order_by(audit.c.id.desc()).limit(most)
    asked = asked.where(audit.c.chat == chat) if chat else asked
    asked = asked.where(audit.c.id < before) if before else asked
    return [Entry(r.id, instant(r.at), r.agent, r.what, r.chat, r.payment, r.detail) for r in conn.execute(asked)]
