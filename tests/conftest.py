"""What every test may ask for."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `world` is shared by all suites

from world import World

from tests.servers import (  # noqa: F401  # fixtures: pytest finds them by name
    cluster_url,
    empty_postgres_url,
    postgres_url,
    redis_server,
    redis_url,
    session_cluster,
    session_postgres,
    session_redis,
)


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample documents. With CI=true it has to be there."""
    folder = Path(os.environ.get("REMIT_SAMPLES", "nowhere"))
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("REMIT_SAMPLES is not set to the folder of samples")
        pytest.skip("REMIT_SAMPLES is not set: the published example documents are not here")
    return folder
