"""The one seam to SQL: `Transact`. A transaction is a plain function over one connection, so that no network call
can ever happen inside it.

Two ways to run it: `threaded` in production (one thread for SQLite, which has one writer anyway), `inline` in
simulations and command-line tools, where everything must happen in order. Both tell a database that is away, locked
or full from a bug: the first is `Unavailable` or `Uncertain`, and whoever called knows what to do with those.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    Insert,
    Table,
    create_engine,
    event,
    make_url,
    or_,
    pool,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.errors import Unavailable, Uncertain

Answer = TypeVar("Answer")
Work = Callable[[Connection], Answer]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_AHEAD = timedelta(hours=1)  # no lease reaches so far: such an instant was written before a clock was set back

# Only a stranger to this process can hold SQLite's lock; everybody waits behind the one who waits for it.
LOCKED_SECONDS = 2

# What a URL of PostgreSQL may say otherwise (libpq's names). A server that is cut off, or a statement without end, must
# not hold a thread for the hours that TCP waits by itself.
_PATIENCE = {
    "connect_timeout": "5",
    "options": "-c statement_timeout=30000",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",
}
_WIPED = "wiped"  # a mark on a connection
_READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction: a standby


class Transact(Protocol):
    """Run ``work`` in one transaction: committed when it returns, rolled back when it raises.

    Raises `Unavailable` when the database cannot be reached, is locked or full: nothing was written. `Uncertain` when
    that happened while it committed: all of it was written, or nothing. What ``work`` raises is raised as it is.
    """

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer: ...


def micros(at: datetime) -> int:
    """An aware instant as microseconds since 1970 UTC, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(stored: int) -> datetime:
    """The instant that `micros` stored, in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def past(
    column: ColumnElement[int], at: int | ColumnElement[int], now: int | ColumnElement[int]
) -> ColumnElement[bool]:
    """Whether an instant written in this column is not after ``at``, or can only stem from before a clock was set back."""
    return or_(column <= at, column > now + _AHEAD // timedelta(microseconds=1))


def insert_once(conn: Connection, table: Table, **values: Any) -> bool:
    """Insert one row, unless a unique key of it is already there: then nothing happens and the answer is False."""
    return conn.execute(_insert_once(table, conn.dialect.name), values).rowcount == 1


@cache  # one for each table: building a statement costs more than running it
def _insert_once(table: Table, dialect: str) -> Insert:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    # asked for: an INSERT that also fetches its new key would not count its rows otherwise
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def open_engine(url: str) -> Engine:
    """An engine for ``sqlite:///FILE``, ``sqlite://`` (memory) or ``postgresql+psycopg://…``, set up for money."""
    if not url.startswith("sqlite"):
        patience = {name: told for name, told in _PATIENCE.items() if name not in make_url(url).query}
        engine = create_engine(url, connect_args=patience, hide_parameters=True)
        event.listen(engine, "handle_error", _leave_out_values)
        return engine
    memory = url in ("sqlite://", "sqlite:///:memory:")
    engine = create_engine(
        url,
        poolclass=pool.StaticPool if memory else pool.QueuePool,
        connect_args={"check_same_thread": False, "timeout": LOCKED_SECONDS},
        hide_parameters=True,  # names and zips never reach an exception's text, or a log by it: here, and in PostgreSQL below
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _leave_out_values(context: ExceptionContext) -> None:
    """PostgreSQL says what was wrong in one line, and repeats the whole row in those below: DETAIL, CONTEXT."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _set_up_sqlite(connection: object, _record: object) -> None:
    # isolation_level None: SQLAlchemy, not the driver, says BEGIN, and says it IMMEDIATE: a writer that waits for
    # its turn at the start can never fail half-way with a stale snapshot.
    connection.isolation_level = None  # type: ignore[attr-defined]  # the DBAPI type is not known here
    # secure_delete: what is deleted or written over is gone from the file, too
    wanted = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    for pragma in (*wanted, f"busy_timeout={LOCKED_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]  # as above


def wiping(conn: Connection) -> None:
    """Say in a transaction that it takes out what must not be kept: on SQLite its old pages go once it is committed.

    The write-ahead log is emptied then. PostgreSQL keeps old rows until its vacuum, and its log as long as it is set to.
    """
    conn.info[_WIPED] = True


def _empty_log(engine: Engine) -> None:
    """Nothing where somebody outside this process reads just then: then the log is emptied by a later checkpoint."""
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            raw.close()


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision of `services/migrations`; a new one is built from nothing."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # servers of several machines that start at once: one after the other
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # of a large table it may take an hour
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7366697468)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


class inline:  # noqa: N801  # used as a function that remembers its engine
    """`Transact` in the caller's own thread and turn: deterministic."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer:
        return _transact(self._engine, work)


class threaded:  # noqa: N801  # as above
    """`Transact` off the event loop. SQLite gets one thread: its writers would only queue for the lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(1 if engine.dialect.name == "sqlite" else 8, "remit-sql")

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _transact, self._engine, work)

    def close(self) -> None:
        """Let the running transactions end and stop the threads."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()


# --- what went wrong --------------------------------------------------------------------------------------------------


def _transact(engine: Engine, work: Callable[[Connection], Answer]) -> Answer:
    committing = False
    try:
        with engine.begin() as connection:
            connection.info.pop(_WIPED, None)  # of a transaction that was rolled back
            answer = work(connection)
            wiped = connection.info.pop(_WIPED, False)
            committing = True
        if wiped:
            _empty_log(engine)
        return answer  # noqa: TRY300  # an `else` would stand outside the transaction, and be no clearer
    except (DBAPIError, PoolTimeoutError) as error:
        why = next((why for each in _and_before(error) if (why := _trouble(each))), "")
        if not why:
            raise
        if committing and not _surely_rolled_back(error):
            raise Uncertain(f"the database gave no word on a commit: {why}") from error
        raise Unavailable(f"the database takes nothing now: {why}") from error


def _and_before(error: BaseException) -> Iterator[BaseException]:
    """An error, then those it came up in the handling of.

    A full disk makes SQLite roll back by itself; releasing a savepoint that is gone then fails as well, and hides why.
    """
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__context__


def _trouble(error: BaseException) -> str:
    """In a word what is wrong with the database, or "" for what is no fault of it. Never the statement or its values."""
    if isinstance(error, PoolTimeoutError):
        return "all connections are in use"
    if not isinstance(error, DBAPIError):
        return ""
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        # SQLITE_ERROR, alone among them, is a statement that is wrong: our bug
        wrong = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
        return "" if wrong else getattr(cause, "sqlite_errorname", "SQLite")
    if getattr(cause, "sqlstate", None) == _READ_ONLY:
        return "it is a standby, or was made read-only"
    lost = isinstance(error, OperationalError) or error.connection_invalidated
    return type(cause).__name__ if lost else ""


def _surely_rolled_back(error: BaseException) -> bool:
    """SQLite says so before it writes: locked, or full. From anything else at a commit nothing follows."""
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorcode", -1) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)
