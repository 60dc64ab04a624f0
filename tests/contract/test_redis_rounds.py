"""What is asked of Redis at the same time goes out together (`bot.stores.redis`): nobody may feel it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from bot.stores.base import Commit
from bot.stores.redis import RedisStore
from dialogs.conversation import Conversation
from services.errors import Unavailable, Uncertain

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@pytest.fixture
async def store(redis_url):
    opened = RedisStore(redis_url, random=os.urandom, pause=asyncio.sleep, kept=timedelta(days=1))
    yield opened
    await opened.aclose()


def first(chat):
    return Commit(Conversation(chat, "epoch", version=1), before=0, seq=0, given=0, at=NOW)


async def test_a_chat_that_redis_refuses_spoils_no_other_of_its_round(store, redis_url):
    async with Redis.from_url(redis_url) as redis:
        assert await store.commit(first("broken"))
        (key,) = await redis.keys("*talk:broken")
        await redis.set(key, "no hash any more")
    asked = [
        store.load("broken", "m"),
        store.commit(first("good")),
        store.load("broken", "m"),
        store.knock("a", 1, 1.0),
    ]
    refused, kept, refused_too, wait = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(refused, Unavailable)
    assert isinstance(refused_too, Unavailable)
    assert (kept, wait) == (True, 0)
    assert (await store.load("good", "m")).talk.chat == "good"


async def test_two_turns_on_one_version_in_one_round_keep_one_of_them(store):
    assert sorted(await asyncio.gather(*(store.commit(first("chat")) for _ in range(5)))) == [*4 * [False], True]


async def test_scripts_that_redis_forgot_are_told_to_it_again_in_the_middle_of_a_round(store, redis_url):
    async with Redis.from_url(redis_url) as redis:
        await redis.script_flush()
    kept = await asyncio.gather(*(store.commit(first(f"chat{n}")) for n in range(8)))
    assert kept == 8 * [True]


async def test_whoever_leaves_before_the_answer_takes_no_answer_from_the_others(store):
    assert await store.commit(first("chat"))
    impatient, patient = (asyncio.create_task(store.load("chat", "m")) for _ in range(2))
    await asyncio.sleep(0)  # both have asked; nothing has been sent
    impatient.cancel()
    assert (await patient).talk.chat == "chat"
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_a_broken_line_is_told_to_everybody_of_the_round(redis_server):
    server = redis_server()
    store = RedisStore(server.url, random=os.urandom, pause=asyncio.sleep, kept=timedelta(days=1))
    assert await store.commit(first("chat"))
    server.kill()
    asked = store.load("chat", "m"), store.commit(first("new")), store.knock("a", 1, 1.0)
    read, written, knocked = await asyncio.gather(*asked, return_exceptions=True)
    assert (type(read), type(written), type(knocked)) == (Unavailable, Uncertain, Unavailable)
    await store.aclose()
