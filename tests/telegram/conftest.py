import pytest
from bot_api import TOKEN, BotApi
from messenger import Messenger, described
from world import World


@pytest.fixture
async def messenger(tmp_path):
    api = BotApi(described())
    async with World(tmp_path, bot_api=api, telegram={"token": TOKEN, "mode": "polling"}) as world:
        yield Messenger(world, api)
