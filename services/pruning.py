"""What the ledger's database may forget, and when: tries that no limit counts any more, links that lead nowhere, news
that was told, codes and remembered browsers whose time is over, questions without an answer, how far silent messengers
were told; and of cases that were closed long ago the words. Never here: payments, facts, consents, the journal, that there was
a case, what autopay was authorised to do and did, what was posted to the books, links of receipts, which are printed, keys of the
API, and wrong codes of an address whose owner has not signed in since: whoever waits long enough
would get new tries.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Integer, Table, and_, delete, or_, select, update

from services.database import micros, wiping
from services.schema import (
    attempt,
    autopay_notice,
    book_saved,
    browser,
    delivery,
    go_link,
    handoff_case,
    help_gap,
    hop,
    letter,
    outbox,
    reminder,
    sign_in_code,
    tried,
)

PIECE = 500  # rows that one transaction looks at: SQLite's only writer is busy for a millisecond or two
KEPT = timedelta(days=90)  # a bank may return a payment for 60, and its conversation is asked about as long
HOUR_MICROS = 3_600_000_000  # wrong tries are counted by the hour, and looked at for a day

Key: TypeAlias = str | int


class Spans(msgspec.Struct, frozen=True):
    """How long things are kept."""

    traces: timedelta = KEPT
    cases: timedelta = timedelta(days=730)
    questions: timedelta = timedelta(days=400)
    calls: timedelta = KEPT  # of front ends that are called: at least as long as a bank may return a payment


DEFAULT = Spans()


class Pruned(msgspec.Struct, frozen=True):
    """A table, the column by which it is walked through, and what of it is old ``before`` an instant.

    ``kept`` names the span that counts; ``emptied``: the rows stay, and these columns read so from then on.
    """

    table: Table
    key: Column[Any]
    old: Callable[[int], ColumnElement[bool]]
    kept: Literal["traces", "cases", "questions", "calls"] = "traces"
    emptied: Mapping[str, object] = {}

    @property
    def first(self) -> Key:
        """A key before every key."""
        return 0 if isinstance(self.key.type, Integer) else ""


_WORDS = {"summary": "", "words": "", "answer": ""}
_WORDY = or_(*(handoff_case.c[name] != "" for name in _WORDS))

TABLES = (
    Pruned(tried, tried.c.key, lambda before: tried.c.at < before),
    Pruned(attempt, attempt.c.subject, lambda before: attempt.c.window < before // HOUR_MICROS),
    Pruned(go_link, go_link.c.token_hash, lambda before: go_link.c.shown_at < before),
    Pruned(sign_in_code, sign_in_code.c.chat, lambda before: sign_in_code.c.expires_at < before),
    Pruned(browser, browser.c.token_hash, lambda before: browser.c.expires_at < before),
    Pruned(hop, hop.c.token_hash, lambda before: hop.c.expires_at < before),
    Pruned(delivery, delivery.c.chat, lambda before: delivery.c.changed_at < before, "calls"),
    Pruned(help_gap, help_gap.c.key, lambda before: help_gap.c.at < before, "questions"),
    Pruned(
        handoff_case, handoff_case.c.id, lambda before: and_(handoff_case.c.closed_at < before, _WORDY), "cases", _WORDS
    ),
    Pruned(autopay_notice, autopay_notice.c.id, lambda before: autopay_notice.c.told_at < before),
    Pruned(book_saved, book_saved.c.key, lambda before: book_saved.c.at < before),
    # a stage that is so old is sent to nobody anew: see `services.reminders.STALE_AFTER`
    Pruned(reminder, reminder.c.id, lambda before: reminder.c.at < before),
    # that a notice was sent is shown for two years (Regulation E, 12 CFR 1005.13(b)), so as long as a case
    Pruned(
        letter, letter.c.id, lambda before: and_(letter.c.state != "waiting", letter.c.changed_at < before), "cases"
    ),
    # not what was posted: what a refund or a return takes back is counted from it
    Pruned(outbox, outbox.c.id, lambda before: and_(outbox.c.kind == "tell", outbox.c.done_at < before)),
)


def prune(conn: Connection, table: Pruned, after: Key, now: datetime, spans: Spans = DEFAULT) -> tuple[int, Key | None]:
    """Forget what is old among the next `PIECE` keys; how many rows that was, and the key to go on after, if any is left."""
    following = select(table.key).where(table.key > after).distinct().order_by(table.key).limit(PIECE)
    keys = conn.execute(following).scalars().all()
    if not keys:
        return 0, None
    these = table.key > after, table.key <= keys[-1]
    old = *these, table.old(micros(now - getattr(spans, table.kept)))
    if table.emptied:
        gone = conn.execute(update(table.table).where(*old).values(dict(table.emptied))).rowcount
    else:
        gone = conn.execute(delete(table.table).where(*old)).rowcount
    if gone and table.kept in ("cases", "questions"):  # words
        wiping(conn)
    return gone, keys[-1] if len(keys) == PIECE else None
