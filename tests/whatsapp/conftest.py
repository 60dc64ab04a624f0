import pytest
from graph_api import SETTINGS, GraphApi
from texting import Texting
from world import World


@pytest.fixture
async def texting(tmp_path):
    api = GraphApi()
    async with World(tmp_path, hosts={"graph": api}, whatsapp=SETTINGS) as world:
        yield Texting(world, api)
