from collections.abc import AsyncIterator

import pytest
from deskside import ChatwootWorld, Office


@pytest.fixture
async def office(tmp_path) -> AsyncIterator[Office]:
    async with ChatwootWorld(tmp_path) as world:
        yield Office(world)
