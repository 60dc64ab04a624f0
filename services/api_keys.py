"""Keys of outside systems that use the API: how they are made, found and revoked, and what each may do.

Only the hash of a key is kept. A key is the business's own, never a customer's; what somebody at the desk may is in `services.desk`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, select, update

from services.database import insert_once, instant, micros
from services.schema import api_key as keys
from services.tokens import new_token, token_hash

Scope = Literal["proposals:write", "proposals:read"]
# What every key begins with, so that a scanner for secrets tells one in a repository or a log (as GitHub's `ghp_` does).
PREFIX = "remitkey_"
_NOTICE = timedelta(minutes=1)  # a key that was used within it is not written to again


class ApiKey(msgspec.Struct, frozen=True):
    """One key, without its secret. ``name`` is what customers read: the outside system's."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    made_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def may(self, scope: Scope) -> bool:
        """Whether it was made for this."""
        return scope in self.scopes


def make(
    conn: Connection, name: str, scopes: Sequence[Scope], random: Callable[[int], bytes], now: datetime
) -> str | None:
    """A new key; answers its token, which is kept nowhere. None: there is, or was, a key of this name.

    The name of a revoked key is not given again: it stands under what was proposed by it.
    """
    token = PREFIX + new_token(random)
    told = msgspec.json.encode(sorted(set(scopes))).decode()
    values = {"name": name, "token_hash": token_hash(token), "scopes": told, "made_at": micros(now)}
    return token if insert_once(conn, keys, **values) else None


def every(conn: Connection) -> Sequence[ApiKey]:
    """All of them, also those that were revoked, by name."""
    return [_read(row) for row in conn.execute(select(keys).order_by(keys.c.name))]


def revoke(conn: Connection, name: str, now: datetime) -> ApiKey | None:
    """It opens nothing from now on; None: there is no key of this name that does."""
    this = keys.c.name == name, keys.c.revoked_at.is_(None)
    if conn.execute(update(keys).where(*this).values(revoked_at=micros(now))).rowcount != 1:
        return None
    return _read(conn.execute(select(keys).where(keys.c.name == name)).one())


def opened_by(conn: Connection, token: str, now: datetime) -> ApiKey | None:
    """The key of this token, unless it was revoked; that it was used is noted, to the minute."""
    hashed = token_hash(token) if token.startswith(PREFIX) else None
    row = conn.execute(select(keys).where(keys.c.token_hash == hashed, keys.c.revoked_at.is_(None))).one_or_none()
    if row is None:
        return None
    if row.last_used_at is None or not 0 <= micros(now) - row.last_used_at < _NOTICE // timedelta(microseconds=1):
        conn.execute(update(keys).where(keys.c.id == row.id).values(last_used_at=micros(now)))
    return _read(row)


def _read(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=tuple(msgspec.json.decode(row.scopes, type=list[Scope])),
        made_at=instant(row.made_at),
        revoked_at=None if row.revoked_at is None else instant(row.revoked_at),
        last_used_at=None if row.last_used_at is None else instant(row.last_used_at),
    )
