"""What the ledger's database may forget, and when: tries that no limit counts any more, links that lead nowhere, news
that was told, codes and remembered browsers whose time is over. Never here: payments, facts, consents, the journal, cases,
what was posted to the books, and wrong codes of an address whose owner has not signed in since: whoever waits long enough
would get new tries.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Integer, Table, and_, delete, select

from services.database import micros
from services.schema import attempt, book_saved, browser, go_link, hop, outbox, sign_in_code, tried

PIECE = 500  # rows that one transaction looks at: SQLite's only writer is busy for a millisecond or two
KEPT = timedelta(days=90)  # a bank may return a payment for 60, and its conversation is asked about as long
HOUR_MICROS = 3_600_000_000  # wrong tries are counted by the hour, and looked at for a day

Key: TypeAlias = str | int


class Pruned(msgspec.Struct, frozen=True):
    """A table, the column by which it is walked through, and what of it is old ``before`` an instant."""

    table: Table
    key: Column[Any]
    old: Callable[[int], ColumnElement[bool]]

    @property
    def first(self) -> Key:
        """A key before every key."""
        return 0 if isinstance(self.key.type, Integer) else ""


TABLES = (
    Pruned(tried, tried.c.key, lambda before: tried.c.at < before),
    Pruned(attempt, attempt.c.subject, lambda before: attempt.c.window < before // HOUR_MICROS),
    Pruned(go_link, go_link.c.token_hash, lambda before: go_link.c.shown_at < before),
    Pruned(sign_in_code, sign_in_code.c.chat, lambda before: sign_in_code.c.expires_at < before),
    Pruned(browser, browser.c.token_hash, lambda before: browser.c.expires_at < before),
    Pruned(hop, hop.c.token_hash, lambda before: hop.c.expires_at < before),
    Pruned(book_saved, book_saved.c.key, lambda before: book_saved.c.at < before),
    # not what was posted: what a refund or a return takes back is counted from it
    Pruned(outbox, outbox.c.id, lambda before: and_(outbox.c.kind == "tell", outbox.c.done_at < before)),
)


def prune(conn: Connection, table: Pruned, after: Key, now: datetime) -> tuple[int, Key | None]:
    """Forget what is old among the next `PIECE` keys; how many rows that was, and the key to go on after, if any is left."""
    following = select(table.key).where(table.key > after).distinct().order_by(table.key).limit(PIECE)
    keys = conn.execute(following).scalars().all()
    if not keys:
        return 0, None
    these = table.key > after, table.key <= keys[-1]
    gone = conn.execute(delete(table.table).where(*these, table.old(micros(now - KEPT)))).rowcount
    return gone, keys[-1] if len(keys) == PIECE else None
