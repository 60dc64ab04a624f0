"""Sign-in on an empty database of either kind."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from services.database import inline, open_engine, upgrade
from tests.databases import in_files, on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name
from tests.identity.house import House


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request) -> Iterator[Engine]:
    """An empty database with every table, of either kind."""
    if request.param == "postgresql":
        yield request.getfixturevalue("on_postgres")
        return
    engine = open_engine("sqlite://")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def house(engine) -> House:
    return House(engine, inline(engine))
