"""The one seam to SQL: `Transact`. A transaction is a plain function over one connection, so that no network call
can ever happen inside it.

Two ways to run it: `threaded` in production (one thread for SQLite, which has one writer anyway), `inline` in
simulations and command-line tools, where everything must happen in order.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, event, pool
from sqlalchemy.dialects import postgresql, sqlite

Answer = TypeVar("Answer")
Work = Callable[[Connection], Answer]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Transact(Protocol):
    """Run ``work`` in one transaction: committed when it returns, rolled back when it raises."""

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer: ...


def micros(at: datetime) -> int:
    """An aware instant as microseconds since 1970 UTC, exactly."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(stored: int) -> datetime:
    """The instant that `micros` stored, in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def insert_once(conn: Connection, table: Table, **values: Any) -> bool:
    """Insert one row, unless a unique key of it is already there: then nothing happens and the answer is False."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    row = insert(table).values(**values).on_conflict_do_nothing()
    # asked for: an INSERT that also fetches its new key would not count its rows otherwise
    return conn.execute(row, execution_options={"preserve_rowcount": True}).rowcount == 1


def open_engine(url: str) -> Engine:
    """An engine for ``sqlite:///FILE``, ``sqlite://`` (memory) or ``postgresql+psycopg://…``, set up for money."""
    if not url.startswith("sqlite"):
        return create_engine(url, hide_parameters=True)
    memory = url in ("sqlite://", "sqlite:///:memory:")
    engine = create_engine(
        url,
        poolclass=pool.StaticPool if memory else pool.QueuePool,
        connect_args={"check_same_thread": False, "timeout": 10},
        hide_parameters=True,  # names and zips never reach an exception's text, or a log by it
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _set_up_sqlite(connection: object, _record: object) -> None:
    # isolation_level None: SQLAlchemy, not the driver, says BEGIN, and says it IMMEDIATE: a writer that waits for
    # its turn at the start can never fail half-way with a stale snapshot.
    connection.isolation_level = None  # type: ignore[attr-defined]  # the DBAPI type is not known here
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]  # as above


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision of `services/migrations`; a new one is built from nothing."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


class inline:  # noqa: N801  # used as a function that remembers its engine
    """`Transact` in the caller's own thread and turn: deterministic."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer:
        with self._engine.begin() as connection:
            return work(connection)


class threaded:  # noqa: N801  # as above
    """`Transact` off the event loop. SQLite gets one thread: its writers would only queue for the lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(1 if engine.dialect.name == "sqlite" else 8, "remit-sql")

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    def _run(self, work: Callable[[Connection], Answer]) -> Answer:
        with self._engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Let the running transactions end and stop the threads."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()
