"""What we keep of a saved method beside what the gateway keeps: a nickname, which one comes first, and what a bank said.

Synchronous functions over one connection, like `services.payments.ledger`. Never here: a brand, a last four or an expiry,
which are the gateway's to tell, and whether a method is there at all.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database import micros
from services.model import Reason, SavedMethod
from services.model.invoices import LETTERS
from services.schema import method_note as notes


def vault_name(customer: str) -> str:
    """The name under which a gateway keeps a customer's methods: ours, of 128 bits in 32 letters, and it tells nothing."""
    return hashlib.sha256(f"vault:{customer}".encode()).hexdigest()[:32].translate(LETTERS)


def merged(conn: Connection, customer: str, kept: Sequence[SavedMethod]) -> tuple[SavedMethod, ...]:
    """What the gateway keeps for a customer, with our notes: the favorite first, then as the gateway has them.

    Only one is the favorite: the last that was made so, if two were at the same time.
    """
    noted: Mapping[str, Any] = {
        row.method: row for row in conn.execute(select(notes).where(notes.c.customer == customer))
    }
    liked = [row for row in noted.values() if row.favorite and any(row.method == each.id for each in kept)]
    favorite = max(liked, key=lambda row: (row.changed_at, row.method)).method if liked else None
    methods = [_with(each, noted.get(each.id), favorite) for each in kept]
    return tuple(sorted(methods, key=lambda each: not each.favorite))


def _with(method: SavedMethod, note: Any, favorite: str | None) -> SavedMethod:
    if note is None:
        return method
    blocked = None if note.blocked is None else Reason(note.blocked)
    return msgspec.structs.replace(method, nickname=note.nickname, favorite=method.id == favorite, blocked=blocked)


def name(conn: Connection, customer: str, method: str, nickname: str, now: datetime) -> None:
    """Call a method by a nickname; empty: by none."""
    _write(conn, customer, method, now, nickname=nickname)


def prefer(conn: Connection, customer: str, method: str, now: datetime) -> None:
    """Let this method come first, and no other."""
    conn.execute(update(notes).where(notes.c.customer == customer, notes.c.method != method).values(favorite=False))
    _write(conn, customer, method, now, favorite=True)


def block(conn: Connection, customer: str, method: str, why: Reason, now: datetime) -> None:
    """A bank refused this method for good: it is charged no more."""
    _write(conn, customer, method, now, blocked=why)


def forget(conn: Connection, customer: str, method: str) -> None:
    """Keep nothing about a method that is gone."""
    conn.execute(delete(notes).where(notes.c.customer == customer, notes.c.method == method))


def _write(conn: Connection, customer: str, method: str, now: datetime, **columns: object) -> None:
    build = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    values = {**columns, "changed_at": micros(now)}
    row = build(notes).values(customer=customer, method=method, **values)
    conn.execute(row.on_conflict_do_update(index_elements=["customer", "method"], set_=values))
