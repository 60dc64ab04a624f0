"""A PostgreSQL with every table that is emptied after each test, for suites that run on both kinds of database.

Emptying takes a few milliseconds; a database for each test, as `tests.servers.postgres_url` gives, takes a few hundred.
Import all three fixtures.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services import agreements
from services.database import open_engine, upgrade
from services.schema import schema
from tests.servers import PostgresServer


@pytest.fixture(scope="session")
def one_postgres(session_postgres: PostgresServer) -> Iterator[Engine]:
    engine = open_engine(session_postgres.database())
    yield engine
    engine.dispose()


@pytest.fixture
def on_postgres(one_postgres: Engine) -> Iterator[Engine]:
    """An engine on empty tables."""
    yield one_postgres
    with one_postgres.begin() as connection:
        # evidence refuses to be deleted, so for once its triggers sleep
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(schema.sorted_tables):
            connection.execute(table.delete())
        head = {"id": agreements.HEAD, "number": 0, "hash": agreements.beginning(0), "consents_before": 0}
        connection.execute(schema.tables["agreement_head"].insert(), head)  # as the migration leaves it


@pytest.fixture(params=["sqlite", "postgresql"])
def in_files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on empty tables of either kind, which threads may share: SQLite's are in a file."""
    if request.param == "postgresql":
        yield request.getfixturevalue("on_postgres")
        return
    made = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(made)
    yield made
    made.dispose()
