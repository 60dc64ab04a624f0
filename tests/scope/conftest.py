"""The town, built anew for each test."""

import pytest
from world import World

from tests.scope.town import Town


@pytest.fixture
async def town(world: World) -> Town:
    return await Town(world).build()
