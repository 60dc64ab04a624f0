"""The embedded store: one SQLite file, and one fsync for the turns of several customers.

Everything but the fsync runs on the event loop: reads, and the few statements of a turn, take microseconds, and a
second thread would only fight for the interpreter. Turns that arrive while a commit is being flushed wait for the
next one; then all of them are written in one transaction, each in a savepoint of its own, so that one bad turn spoils
no other, and one thread flushes it. synchronous=FULL: what was answered survives the power cut.

What is overwritten or deleted is zeroed in the file (secure_delete). A turn that overwrites lines of the log is followed
by a checkpoint that empties the write-ahead log, before it is answered: its old pages hold what the lines said. While a
reader holds the log, the checkpoint is tried again after each later commit, and when the file is opened or closed.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import msgspec

from bot.stores.base import FIRST_LEASE_SECONDS, LOG_KEPT, Commit, Loaded, Message, Told, Waiting
from dialogs.conversation import Conversation
from dialogs.model import Effect
from services.database import instant, micros
from services.errors import Unavailable

# The log's rows are long and grow by the chat: in a table without row ids each would be put between others, and pages split.
_TABLES = """
CREATE TABLE IF NOT EXISTS conversation (
    chat TEXT PRIMARY KEY, version INTEGER NOT NULL, seq INTEGER NOT NULL, given INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    chat TEXT NOT NULL, id TEXT NOT NULL, from_seq INTEGER NOT NULL, own_seq INTEGER NOT NULL,
    PRIMARY KEY (chat, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    chat TEXT NOT NULL, seq INTEGER NOT NULL, cause TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (chat, seq)
);
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY, chat TEXT NOT NULL, cause TEXT NOT NULL, effect BLOB NOT NULL,
    due_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

_LOAD = """
SELECT c.state, c.seq, c.given, i.id IS NOT NULL
FROM conversation c LEFT JOIN inbox i ON i.chat = c.chat AND i.id = ? WHERE c.chat = ?
"""
_BEGIN = "INSERT OR IGNORE INTO conversation (version, seq, given, changed_at, state, chat) VALUES (?, ?, ?, ?, ?, ?)"
_SAVE = "UPDATE conversation SET version=?, seq=?, given=?, changed_at=?, state=? WHERE chat=? AND version=?"
_TAKE_IN = "INSERT OR IGNORE INTO inbox (chat, id, from_seq, own_seq) VALUES (?, ?, ?, ?)"
_LOG = "INSERT INTO message (chat, seq, cause, at, body) VALUES (?, ?, ?, ?, ?)"
_TRIM = "DELETE FROM message WHERE chat = ? AND seq <= ?"
_SEND = "INSERT INTO outbox (key, chat, cause, effect, due_at) VALUES (?, ?, ?, ?, ?)"
_DONE = "DELETE FROM outbox WHERE key = ?"
_OVERWRITE = "UPDATE message SET body = ? WHERE chat = ? AND seq = ?"
_REWRITE = "UPDATE outbox SET effect = ? WHERE key = ?"
# from the newest on, as far as is needed
_SAID = "SELECT body FROM message WHERE chat = ? ORDER BY seq DESC"
_WAITING = "SELECT key, chat, cause, effect, attempts FROM outbox WHERE chat = ? ORDER BY key"
_ANSWER = """
SELECT m.body FROM inbox i JOIN message m ON m.chat = i.chat AND m.seq >= i.from_seq
WHERE i.chat = ? AND i.id = ? AND (
    m.cause = i.id OR m.seq < i.own_seq
    OR (m.cause = '' AND m.seq < (SELECT max(seq) FROM message own WHERE own.chat = i.chat AND own.cause = i.id))
) ORDER BY m.seq
"""
_CLAIM = """
UPDATE outbox SET due_at = ?, attempts = attempts + 1
WHERE key IN (SELECT key FROM outbox WHERE due_at <= ? ORDER BY due_at LIMIT ?)
RETURNING key, chat, cause, effect, attempts
"""

# walked through by the key, a piece at a time: an index of instants would be written with every turn
_WALK = "SELECT chat, changed_at FROM conversation WHERE chat > ? ORDER BY chat LIMIT ?"
_FORGET = """
DELETE FROM conversation WHERE chat = ? AND changed_at = ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.chat = conversation.chat)
"""
_EVERY = "SELECT chat, state FROM conversation WHERE chat > ? ORDER BY chat LIMIT ?"
_TOLD = "SELECT body, at FROM message WHERE chat = ? AND seq > ? ORDER BY seq LIMIT ?"
_LEAVE = "UPDATE conversation SET version = ?, given = seq, state = ? WHERE chat = ? AND version = ?"
TRIM_EVERY = 50  # messages: to look with every turn would cost a twentieth of it
PIECE = 200  # conversations; who waits for their reading waits a millisecond

# Only a stranger can hold this file's lock, and we wait for it on the event loop, where everybody else waits too.
LOCKED_MS = 250

# Conversations kept as they were last committed. One process opens the file, so nobody else can have changed them.
RECENT = 2000

_Answer = TypeVar("_Answer")
_encode = msgspec.json.Encoder().encode
_conversation = msgspec.json.Decoder(Conversation).decode
_message = msgspec.json.Decoder(Message).decode
_effect = msgspec.json.Decoder(Effect).decode


class SqliteStore:
    """A `bot.stores.base.Store` over one file. One process opens it."""

    def __init__(self, path: str, *, inline: bool = False) -> None:
        """``inline`` flushes in the caller's turn too, for simulations, where everything must happen in order."""
        self._write = _connect(path)
        self._write.executescript(_TABLES)
        self._to_empty = not _emptied(self._write)  # the write-ahead log, of what a dead process left there
        self._read = self._write if inline else _connect(path)
        self._recent: OrderedDict[str, Loaded] = OrderedDict()
        self._inline = inline
        self._waiting: list[_Job] = []
        self._flushing = False
        self._batches: SimpleQueue[tuple[asyncio.AbstractEventLoop, list[_Job]] | None] = SimpleQueue()
        if not inline:
            self._thread = threading.Thread(target=self._flush, name="remit-store", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the flush under way, then close the file. Whoever still waits was never answered."""
        if not self._inline:
            self._batches.put(None)
            self._thread.join()
            self._read.close()
        self._write.close()

    def release_leases(self) -> None:
        """At start: whatever a dead process of this file was working on is nobody's now."""
        self._write.execute("UPDATE outbox SET due_at = 0")

    # --- reads ---------------------------------------------------------------------------------------------------

    async def load(self, chat: str, message: str) -> Loaded:
        """As the protocol says. From memory a message always reads as new; if it is not, its commit says so."""
        if (recent := self._recent.get(chat)) is not None:
            return recent
        row = self._look(_LOAD, message, chat).fetchone()
        if row is None:
            return Loaded(None)
        return Loaded(_conversation(row[0]), row[1], row[2], bool(row[3]))

    async def answer(self, chat: str, message: str) -> list[Message]:
        found = (_message(body) for (body,) in self._look(_ANSWER, chat, message))
        return [message for message in found if message.sender != "customer"]

    async def since(self, chat: str, seq: int, most: int | None = None) -> list[Message]:
        limit = -1 if most is None else most  # SQLite's word for all
        rows = self._look("SELECT body FROM message WHERE chat = ? AND seq > ? ORDER BY seq LIMIT ?", chat, seq, limit)
        return [_message(body) for (body,) in rows]

    async def said(self, chat: str, most: int) -> list[Message]:
        found: list[Message] = []
        for (body,) in self._look(_SAID, chat):
            if b'"from":"customer"' in body and (message := _message(body)).sender == "customer":
                found.append(message)
                if len(found) == most:
                    break
        return found[::-1]

    async def waiting(self, talk: Conversation) -> list[Waiting]:
        rows = self._look(_WAITING, talk.chat).fetchall()
        return [Waiting(key, chat, cause, _effect(effect), attempts) for key, chat, cause, effect, attempts in rows]

    async def pending(self, chat: str, message: str) -> bool:
        row = self._look("SELECT 1 FROM outbox WHERE chat = ? AND cause = ? LIMIT 1", chat, message).fetchone()
        return row is not None

    async def every(self) -> AsyncIterator[Conversation]:
        last = ""
        while piece := self._look(_EVERY, last, PIECE).fetchall():
            last = piece[-1][0]
            for _, state in piece:
                yield _conversation(state)
            await asyncio.sleep(0)  # whoever came meanwhile goes first

    async def told(self, chat: str, seq: int, most: int) -> list[Told]:
        rows = self._look(_TOLD, chat, seq, most)
        return [Told(_message(body), instant(at)) for body, at in rows]

    def _look(self, sql: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._read.execute(sql, values)
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the conversation store cannot be read: {error}") from error

    # --- writes --------------------------------------------------------------------------------------------------

    async def commit(self, turn: Commit) -> bool:
        # encoded here, on the loop's thread: the writer thread's time is everybody's
        state = _encode(turn.talk)
        chat, at = turn.talk.chat, micros(turn.at)
        bodies = [(chat, m.seq, turn.cause, at, _encode(m)) for m in turn.messages]
        self._recent.pop(chat, None)  # until it is known to be written
        overwrites = bool(turn.overwritten or turn.harmless)
        if not await self._do(lambda db: _write_turn(db, turn, at, state, bodies), overwrites=overwrites):
            return False
        self._recent[chat] = Loaded(turn.talk, turn.seq, turn.given)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return True

    async def claim(self, now: datetime, lease_seconds: int, most: int) -> list[Waiting]:
        until = micros(now) + lease_seconds * 1_000_000
        rows = await self._do(lambda db: db.execute(_CLAIM, (until, micros(now), most)).fetchall())
        return [Waiting(key, chat, cause, _effect(effect), attempts) for key, chat, cause, effect, attempts in rows]

    async def postpone(self, key: str, due: datetime) -> None:
        await self._do(lambda db: db.execute("UPDATE outbox SET due_at = ? WHERE key = ?", (micros(due), key)))

    async def erase(self, chat: str, version: int, left: Conversation | None) -> bool:
        self._recent.pop(chat, None)
        return await self._do(lambda db: _erased(db, chat, version, left), overwrites=True)

    async def prune(self, before: datetime) -> int:
        last, forgotten = "", 0
        while piece := self._look(_WALK, last, PIECE).fetchall():
            last = piece[-1][0]
            for chat, changed_at in piece:
                if changed_at < micros(before):
                    self._recent.pop(chat, None)
                    forgotten += await self._do(partial(_forget, chat=chat, changed_at=changed_at))
            await asyncio.sleep(0)  # whoever came meanwhile goes first
        return forgotten

    async def _do(self, work: Callable[[sqlite3.Connection], _Answer], *, overwrites: bool = False) -> _Answer:
        job = _Job(work, overwrites=overwrites)
        if self._inline:
            _write_all(self._write, [job])
            _settle(job, self._flush_batch([job]))
        else:
            loop = asyncio.get_running_loop()
            job.done = loop.create_future()
            if not self._waiting and not self._flushing:
                loop.call_soon(self._next_batch, loop)  # after whatever else arrives in this round of the loop
            self._waiting.append(job)
            await job.done
        if job.error is not None:
            raise job.error
        answer: _Answer = job.answer
        return answer

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what has gathered, and let the other thread flush it."""
        batch, self._waiting = self._waiting, []
        self._flushing = True
        _write_all(self._write, batch)
        self._batches.put((loop, batch))

    def _flush(self) -> None:
        """The thread of the fsync."""
        while (handed := self._batches.get()) is not None:
            loop, batch = handed
            fault = self._flush_batch(batch)
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(self._flushed_batch, loop, batch, fault)

    def _flush_batch(self, batch: list["_Job"]) -> Exception | None:
        """Commit, and empty the write-ahead log where that is owed; what went wrong with the commit.

        Only the turn that overwrites waits for a reader to end: the later ones must not, if a stranger holds the log.
        """
        fault = _flushed(self._write)
        fresh = fault is None and any(job.overwrites for job in batch)
        if fresh or self._to_empty:
            self._to_empty = not _emptied(self._write, LOCKED_MS if fresh else 0)
        return fault

    def _flushed_batch(self, loop: asyncio.AbstractEventLoop, batch: list["_Job"], fault: Exception | None) -> None:
        self._flushing = False
        if self._waiting:
            self._next_batch(loop)
        for job in batch:
            _settle(job, fault)


class _Job:
    """One write on its way into the file."""

    __slots__ = ("answer", "done", "error", "overwrites", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], Any], *, overwrites: bool) -> None:
        self.work = work
        self.overwrites = overwrites
        self.done: asyncio.Future[None] | None = None
        self.answer: Any = None
        self.error: Exception | None = None


def _write_all(db: sqlite3.Connection, batch: list[_Job]) -> None:
    """All statements of a batch, in a transaction that is still open afterwards."""
    try:
        db.execute("BEGIN IMMEDIATE")
        for job in batch:
            _in_savepoint(db, job)
    except sqlite3.Error as error:
        # locked, full, unreadable: nothing of the whole batch is written, and each of its turns hears so
        fault = Unavailable(f"the conversation store cannot be written: {error}")
        for job in batch:
            job.error = fault
        if db.in_transaction:
            db.execute("ROLLBACK")


def _in_savepoint(db: sqlite3.Connection, job: _Job) -> None:
    db.execute("SAVEPOINT turn")
    try:
        job.answer = job.work(db)
    except _Stale:
        job.answer = False
        db.execute("ROLLBACK TO turn")
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError, TypeError) as error:
        job.error = error  # a bug in one turn; the others of this batch go on
        db.execute("ROLLBACK TO turn")
    db.execute("RELEASE turn")


def _flushed(db: sqlite3.Connection) -> Exception | None:
    """Commit what is open; what went wrong, if the disk would not take it."""
    if not db.in_transaction:
        return None
    try:
        db.execute("COMMIT")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        return Unavailable(f"the conversation store cannot be written: {error}")
    return None


def _emptied(db: sqlite3.Connection, wait_ms: int = 0) -> bool:
    """Whether everything in the write-ahead log is in the file now, and the log is empty; not while somebody reads it."""
    try:
        db.execute(f"PRAGMA busy_timeout={wait_ms}")
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:  # locked, or the disk is full: it is owed still
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout={LOCKED_MS}")
    return not busy


def _settle(job: _Job, fault: Exception | None) -> None:
    job.error = job.error or fault
    if job.done is not None and not job.done.done():
        job.done.set_result(None)


class _Stale(Exception):  # noqa: N818  # not an error: the turn was made on a version that is gone
    pass


def _write_turn(
    db: sqlite3.Connection, turn: Commit, at: int, state: bytes, bodies: list[tuple[str, int, str, int, bytes]]
) -> bool:
    talk = turn.talk
    row = (talk.version, turn.seq, turn.given, at, state, talk.chat)
    saved = db.execute(_SAVE, (*row, turn.before)) if turn.before else db.execute(_BEGIN, row)
    if saved.rowcount != 1:
        raise _Stale
    if turn.first:
        own = turn.messages[0].seq
        if db.execute(_TAKE_IN, (talk.chat, turn.cause, turn.from_seq, own)).rowcount != 1:
            raise _Stale
    db.executemany(_LOG, bodies)
    earlier = turn.seq - len(bodies)
    if turn.seq // TRIM_EVERY != earlier // TRIM_EVERY:
        db.execute(_TRIM, (talk.chat, earlier - LOG_KEPT))
    if turn.effects:
        due = at + FIRST_LEASE_SECONDS * 1_000_000
        db.executemany(_SEND, [(key, talk.chat, turn.cause, _encode(effect), due) for key, effect in turn.effects])
    if turn.done:
        db.execute(_DONE, (turn.done,))
    db.executemany(_OVERWRITE, [(_encode(message), talk.chat, message.seq) for message in turn.overwritten])
    for waiting, effect in turn.harmless:
        if effect is None:
            db.execute(_DONE, (waiting.key,))
        else:
            db.execute(_REWRITE, (_encode(effect), waiting.key))
    return True


def _forget(db: sqlite3.Connection, chat: str, changed_at: int) -> bool:
    """Whether a conversation was still silent, and is gone with all that was said in it."""
    if db.execute(_FORGET, (chat, changed_at)).rowcount != 1:
        return False
    _forget_words(db, chat)
    return True


def _erased(db: sqlite3.Connection, chat: str, version: int, left: Conversation | None) -> bool:
    """Whether a conversation stood as it was found, and is gone, or is what is left of it."""
    if db.execute("SELECT 1 FROM outbox WHERE chat = ? LIMIT 1", (chat,)).fetchone():
        return False
    if left is None:
        gone = db.execute("DELETE FROM conversation WHERE chat = ? AND version = ?", (chat, version))
    else:
        gone = db.execute(_LEAVE, (left.version, _encode(left), chat, version))
    if gone.rowcount != 1:
        return False
    _forget_words(db, chat)
    return True


def _forget_words(db: sqlite3.Connection, chat: str) -> None:
    for table in ("inbox", "message"):
        db.execute(f"DELETE FROM {table} WHERE chat = ?", (chat,))  # noqa: S608  # the names are above


def _connect(path: str) -> sqlite3.Connection:
    # isolation_level None: BEGIN and COMMIT are said here and nowhere else
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=LOCKED_MS / 1000, cached_statements=64
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={LOCKED_MS}", "secure_delete=ON"):
        db.execute(f"PRAGMA {pragma}")
    return db
