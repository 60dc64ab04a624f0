"""A database that is locked, full or gone is told apart from a bug, and what surely did not happen from what may have."""

import socket
import sqlite3
import time
import traceback

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from services.database import inline, open_engine
from services.errors import Unavailable, Uncertain
from services.schema import payment


@pytest.fixture
def engine(tmp_path):
    made = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    with made.begin() as conn:
        conn.execute(text("CREATE TABLE kept (x BLOB UNIQUE)"))
    yield made
    made.dispose()


def kept(engine) -> int:
    with engine.connect() as conn:
        return conn.execute(text("SELECT count(*) FROM kept")).scalar_one()


def fill(conn) -> None:
    conn.exec_driver_sql("PRAGMA max_page_count = 6")
    for _ in range(50):
        conn.execute(text("INSERT INTO kept VALUES (randomblob(3000))"))


def fill_in_a_savepoint(conn) -> None:
    with conn.begin_nested():
        fill(conn)


@pytest.mark.parametrize("work", [fill, fill_in_a_savepoint])
async def test_a_full_disk_is_unavailable_and_nothing_is_written(engine, work):
    with pytest.raises(Unavailable, match="SQLITE_FULL"):
        await inline(engine)(work)
    assert kept(engine) == 0


async def test_a_lock_of_a_stranger_is_unavailable_and_over_when_it_is_gone(engine, tmp_path):
    @event.listens_for(engine, "connect")
    def _impatient(connection, _record):
        connection.execute("PRAGMA busy_timeout=10")

    engine.dispose()
    stranger = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="SQLITE_BUSY"):
        await inline(engine)(lambda conn: conn.execute(text("INSERT INTO kept VALUES (1)")))
    stranger.execute("ROLLBACK")
    stranger.close()
    await inline(engine)(lambda conn: conn.execute(text("INSERT INTO kept VALUES (1)")))
    assert kept(engine) == 1


async def test_a_statement_that_is_wrong_stays_a_bug(engine):
    with pytest.raises(OperationalError):
        await inline(engine)(lambda conn: conn.execute(text("SELECT nothing FROM nowhere")))
    with pytest.raises(IntegrityError):
        await inline(engine)(lambda conn: conn.execute(text("INSERT INTO kept VALUES (1), (1)")))


async def test_a_line_lost_before_the_commit_did_nothing_and_one_lost_at_it_is_uncertain(empty_postgres_url):
    engine, other = create_engine(empty_postgres_url), create_engine(empty_postgres_url)

    def cut(conn) -> None:
        mine = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other.begin() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:mine)"), {"mine": mine})

    def cut_and_go_on(conn) -> None:
        cut(conn)
        conn.execute(text("SELECT 1"))

    with pytest.raises(Uncertain):
        await inline(engine)(cut)
    with pytest.raises(Unavailable):
        await inline(engine)(cut_and_go_on)
    assert await inline(engine)(lambda conn: conn.execute(text("SELECT 1")).scalar_one()) == 1
    engine.dispose()
    other.dispose()


async def test_a_row_that_postgresql_refuses_is_repeated_in_no_text_and_no_traceback(postgres_url):
    engine = open_engine(postgres_url)
    columns = dict.fromkeys(("start_key", "chat", "state", "method", "gateway", "gateway_key", "request_hash"), "x")
    numbers = {"version": 1, "amount_minor": 0, "created_at": 1, "changed_at": 1, "currency": "USD"}
    row = {**columns, **numbers, "reference": "R", "billing_name": "Dana Whitfield", "billing_zip": "94107"}
    with pytest.raises(IntegrityError, match="payment_amount_positive") as caught:
        await inline(engine)(lambda conn: conn.execute(payment.insert().values(**row)))
    engine.dispose()
    told = "".join(traceback.format_exception(caught.value))
    assert "violates check constraint" in told
    assert "Dana" not in told
    assert "94107" not in told


async def test_a_standby_is_unavailable_and_no_bug(postgres_url):
    engine = open_engine(f"{postgres_url}&options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(Unavailable, match="standby"):
        await inline(engine)(lambda conn: conn.execute(payment.delete()))
    engine.dispose()


async def test_a_statement_without_end_is_given_up_and_the_url_says_after_how_long(postgres_url):
    def shown(conn, name: str) -> str:
        return conn.execute(text(f"SHOW {name}")).scalar_one()

    engine = open_engine(postgres_url)
    assert await inline(engine)(lambda conn: shown(conn, "statement_timeout")) == "30s"
    engine.dispose()
    engine = open_engine(f"{postgres_url}&options=-c%20statement_timeout%3D100")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="QueryCanceled"):
        await inline(engine)(lambda conn: conn.execute(text("SELECT pg_sleep(20)")))
    assert time.monotonic() - began < 10
    engine.dispose()


def test_a_server_that_does_not_answer_is_given_up_after_seconds():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:  # it takes the line and never says a word
        url = f"postgresql+psycopg://remit@127.0.0.1:{silent.getsockname()[1]}/remit?connect_timeout=2"
        engine, began = open_engine(url), time.monotonic()
        with pytest.raises(OperationalError):
            engine.connect()
        assert time.monotonic() - began < 10
