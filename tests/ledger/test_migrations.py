from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import services
from services.database import open_engine, upgrade
from services.payments.gateways.base import FactKind
from services.schema import APPEND_ONLY, schema

# of an index over an expression SQLite tells nothing; PostgreSQL, in the same test, does
UNSEEN = pytest.mark.filterwarnings("ignore:.*expression-based index.*book_customer_by_email")


@UNSEEN
def test_the_migrated_database_is_the_one_the_code_believes_in(engine):
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema) == []


@UNSEEN
def test_migrated_defaults_checks_and_partial_indexes_are_those_of_the_tables():
    migrated, built = open_engine("sqlite://"), open_engine("sqlite://")
    upgrade(migrated)
    schema.create_all(built)
    left, right = inspect(migrated), inspect(built)
    for table in schema.tables:
        for ask in ("get_columns", "get_check_constraints", "get_unique_constraints", "get_foreign_keys"):
            assert str(getattr(left, ask)(table)) == str(getattr(right, ask)(table)), (table, ask)
        indexes = [sorted(str(index) for index in side.get_indexes(table)) for side in (left, right)]
        assert [index.split("sqlite_where")[0] for index in indexes[0]] == [
            index.split("sqlite_where")[0] for index in indexes[1]
        ]
        assert [
            bool(index["dialect_options"].get("sqlite_where") is not None) for index in left.get_indexes(table)
        ] == [bool(index["dialect_options"].get("sqlite_where") is not None) for index in right.get_indexes(table)]
    migrated.dispose()
    built.dispose()


async def test_upgrading_twice_changes_nothing(world, engine):
    await world.start()
    with engine.begin() as connection:
        before = {table.name: connection.execute(table.select()).all() for table in schema.sorted_tables}
    upgrade(engine)
    with engine.begin() as connection:
        heads = ScriptDirectory(str(Path(services.__file__).parent / "migrations")).get_heads()
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == heads
        assert {table.name: connection.execute(table.select()).all() for table in schema.sorted_tables} == before


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
async def test_evidence_cannot_be_changed_or_taken_away(world, table, change):
    opened = await world.start()
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    await world.checkout.pause(True, "test")
    await world.rows("INSERT INTO book_customer (id, name) VALUES ('c', 'Dana') RETURNING id")
    await world.rows(
        "INSERT INTO book_invoice (id, supplier, number, plain_number, customer, kind, total_minor, due_minor, currency,"
        " issued, content_hash) VALUES ('i', 's', 'n', 'n', 'c', 'invoice', 1, 1, 'USD', '2026-03-01', 'h') RETURNING id"
    )
    await world.rows(
        "INSERT INTO book_posting (key, invoice, reference, kind, amount_minor, at)"
        " VALUES ('k', 'i', 'r', 'payment', 1, 0) RETURNING key"
    )
    await world.rows(
        "INSERT INTO ruling (payment, at, state, facts, asked_by, why)"
        " SELECT reference, 0, 'failed', 1, 'a', 'w' FROM payment RETURNING id"
    )
    await world.rows("INSERT INTO audit (at, what) VALUES (0, 'took') RETURNING id")
    await world.rows(
        "INSERT INTO autopay (id, customer, state, saved, method, limit_minor, currency, days, chat, agreed_at, changed_at)"
        " VALUES (1, 'c', 'on', 'pm_1', 'card', 1, 'USD', 0, 'chat', 0, 0) RETURNING id"
    )
    await world.rows(
        "INSERT INTO autopay_event (key, enrolment, at, what, chat, message, terms)"
        " VALUES ('k', 1, 0, 'agree', 'chat', 'm', '{}') RETURNING id"
    )
    before = await world.rows(f"SELECT count(*) FROM {table}")
    assert before[0][0] > 0
    with pytest.raises(DBAPIError, match="append-only"):
        await world.rows(change.format(table, "at", "at + 1"))
    assert await world.rows(f"SELECT count(*) FROM {table}") == before
