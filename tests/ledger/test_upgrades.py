"""A database of every earlier revision, with rows in every table, becomes today's: nothing is lost, and it works."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from earlier import ADDED, AT, INVOICE, OPEN, PAID, ROWS
from sqlalchemy import Connection, Engine, Row, inspect, text
from sqlalchemy.exc import DBAPIError

import services
from services.database import inline, instant, open_engine, upgrade
from services.invoices.book import Book
from services.model import Method, Money, PaymentState, Quote
from services.payments import cases, facts, journal, ledger, links, outbox
from services.payments.gateways.base import Fact, FactKind
from services.schema import APPEND_ONLY, schema

MIGRATIONS = Path(services.__file__).parent / "migrations"
NOW = instant(AT)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions()))]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path) -> Iterator[Engine]:
    on_file = f"sqlite:///{tmp_path / 'ledger.db'}"
    engine = open_engine(on_file if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url"))
    yield engine
    engine.dispose()


def _build(engine: Engine, revision: str) -> None:
    """A database as it was left by this revision, with rows in every table."""
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for each in _until(revision):
            for table, rows in ROWS[each].items():
                for row in rows:
                    names = ", ".join(f'"{name}"' for name in row)  # "window" is a word of PostgreSQL's
                    values = ", ".join(f":{name}" for name in row)
                    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)


def _until(revision: str) -> list[str]:
    return REVISIONS[: REVISIONS.index(revision) + 1]


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def _read(connection: Connection, table: str) -> list[dict[str, Any]]:
    def plain(row: Row[Any]) -> dict[str, Any]:
        return {name: _plain(value) for name, value in row._mapping.items()}

    found = [plain(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
    return sorted(found, key=lambda row: repr(sorted(row.items())))


def _plain(value: Any) -> Any:
    if isinstance(value, memoryview):
        return bytes(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()  # SQLite keeps a date as it was written
    return int(value) if isinstance(value, bool) else value


def test_every_revision_says_what_stood_in_its_tables():
    assert list(ROWS) == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_of_an_earlier_revision_is_still_there(empty, revision):
    _build(empty, revision)
    with empty.connect() as connection:
        before = {table: _read(connection, table) for table in _tables(connection)}
    assert all(before.values()), "rows in every table"
    upgrade(empty)
    with empty.connect() as connection:
        assert _tables(connection) == set(schema.tables)
        for table, rows in before.items():
            known = rows[0].keys()
            after = _read(connection, table)
            assert [{name: row[name] for name in row if name in known} for row in after] == rows, table
        for later in REVISIONS[REVISIONS.index(revision) + 1 :]:
            for table, columns in ADDED.get(later, {}).items():
                for row in _read(connection, table):
                    assert {name: row[name] for name in columns} == columns, table


@pytest.mark.parametrize("revision", REVISIONS)
def test_evidence_of_an_earlier_revision_still_cannot_be_changed(empty, revision):
    _build(empty, revision)
    upgrade(empty)
    changes = ["UPDATE {} SET at = at + 1", "DELETE FROM {}"]
    if empty.dialect.name == "postgresql":
        changes.append("TRUNCATE {} CASCADE")
    for table in APPEND_ONLY:
        with empty.connect() as connection:
            kept = _read(connection, table)
        for change in changes if kept else ():
            with pytest.raises(DBAPIError, match="append-only"), empty.begin() as connection:
                connection.execute(text(change.format(table)))
        with empty.connect() as connection:
            assert _read(connection, table) == kept
    assert {table for revision in REVISIONS for table in ROWS[revision]} >= set(APPEND_ONLY)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_todays_code_reads_what_an_earlier_one_wrote_and_goes_on_with_it(empty, revision):
    _build(empty, revision)
    upgrade(empty)
    transact = inline(empty)
    paid = await transact(lambda conn: ledger.known(conn, PAID))
    assert (paid.state, paid.amount, paid.refunded_minor) == (PaymentState.SUCCEEDED, Money(12250, "USD"), 0)
    assert (await transact(lambda conn: ledger.page_of(conn, OPEN))).id == "pg_2"
    assert await transact(lambda conn: links.follow(conn, "token", NOW)) == "https://pay.example/pg_2"
    assert [case.summary for case in await transact(cases.open_cases)] == ["please"]
    quote = await transact(lambda conn: conn.execute(text("SELECT quote FROM consent")).scalar_one())
    assert msgspec.json.decode(quote, type=Quote).total == paid.amount
    (job,) = await transact(lambda conn: outbox.claim(conn, 9, NOW))
    book = Book(transact)
    await book.record(job.posting)
    assert await transact(lambda conn: outbox.finish(conn, job, NOW))
    assert (await book.get(INVOICE)).due.minor == 0
    back = Fact("evt_2", PAID, FactKind.REFUNDED, NOW, paid.amount, Method.CARD, refund="re_1")
    await transact(lambda conn: facts.take(conn, "sandbox", [back], NOW))
    assert (await transact(lambda conn: ledger.known(conn, PAID))).state is PaymentState.REFUNDED
    balance = await transact(journal.trial_balance)
    assert balance == {"USD": {"clearing": 12250, "fees": 0, "receivable": 0, "refunds": -12250}}
    for job in await transact(lambda conn: outbox.claim(conn, 9, NOW)):
        if isinstance(job, outbox.PostJob):
            await book.record(job.posting)
    assert (await book.get(INVOICE)).due.minor == 12000


def test_a_yes_that_began_two_payments_before_that_was_forbidden_does_not_stop_the_upgrade(empty):
    _build(empty, "0001")
    with empty.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO consent (payment, at, chat, message, digest, quote)"
                " SELECT :other, at, chat, message, digest, quote FROM consent"
            ),
            {"other": OPEN},
        )
    upgrade(empty)
    with empty.connect() as connection:
        yeses = connection.execute(text("SELECT payment, message FROM consent ORDER BY id")).all()
    assert [tuple(yes) for yes in yeses] == [(PAID, "m-7"), (OPEN, f"m-7#{OPEN}")]
    for change in ("UPDATE consent SET at = at", "DELETE FROM consent"):
        with pytest.raises(DBAPIError, match="append-only"), empty.begin() as connection:
            connection.execute(text(change))
