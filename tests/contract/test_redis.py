"""What only Redis can suffer: killed, emptied, full, restarted, and shared by several workers. A real one each time."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace
from turns import TALK, a_worker, turn
from world import NOW

from bot.limits import Limit
from bot.push import Bell
from bot.stores.base import FIRST_LEASE_SECONDS
from bot.stores.redis import examine
from dialogs.model import CloseCheckout
from services.errors import Misconfigured, Unavailable, Uncertain

EFFECT = (("e/1/0", CloseCheckout("RM-1")),)
LATER = NOW + timedelta(seconds=FIRST_LEASE_SECONDS)


@pytest.fixture
async def workers(redis_url):
    async with a_worker(redis_url) as one, a_worker(redis_url) as other:
        yield one, other


async def test_two_workers_race_on_one_conversation_and_one_turn_is_kept(workers):
    one, other = workers
    await one.commit(turn())
    for before in range(1, 30):
        tried = [turn(message=f"{who}{before}", before=before, seq=2 * before) for who in ("a", "b")]
        assert sorted(await asyncio.gather(one.commit(tried[0]), other.commit(tried[1]))) == [False, True]
    assert [m.seq for m in await one.since("rasa:one", 0)] == list(range(1, 61))


async def test_the_effects_of_a_killed_worker_are_taken_over_by_one_other(redis_url, workers):
    async with a_worker(redis_url) as killed:
        await killed.commit(turn(effects=EFFECT))
        assert [w.attempts for w in await killed.claim(LATER, 60, 10)] == [1]  # and here it dies
    one, other = workers
    assert await one.claim(LATER + timedelta(seconds=59), 60, 10) == []
    after = LATER + timedelta(seconds=60)
    both = await asyncio.gather(one.claim(after, 60, 10), other.claim(after, 60, 10))
    ((waiting,),) = [found for found in both if found]
    assert (waiting.key, waiting.chat, waiting.effect, waiting.attempts) == ("e/1/0", "rasa:one", EFFECT[0][1], 2)


async def test_a_commit_whose_answer_was_lost_on_the_line_is_not_written_twice_and_counts(workers):
    one, _ = workers
    told = one._told(turn(effects=EFFECT))
    keys = ["remit:{0}:talk:x", "remit:{0}:outbox", "remit:{0}:due"]
    assert await one._commit(keys=keys, args=told) == 1
    assert await one._commit(keys=keys, args=told) == 1  # as the client sends it again
    assert await one._commit(keys=keys, args=one._told(turn(effects=EFFECT))) == 0  # another one of the same words


async def test_an_effect_whose_conversation_expired_is_tried_once_and_then_forgotten(workers, session_redis):
    one, _ = workers
    await one.commit(turn(effects=EFFECT))
    with session_redis.client() as redis:
        (talk,) = redis.keys("remit:*talk*")
        redis.delete(talk)
        assert len(await one.claim(LATER, 60, 10)) == 1
        assert await one.claim(LATER + timedelta(seconds=60), 60, 10) == []
        assert redis.keys("*") == []


async def test_a_silent_conversation_is_forgotten_and_one_that_goes_on_is_not(redis_url, session_redis):
    async with a_worker(redis_url, kept=timedelta(seconds=100)) as store:
        await store.commit(turn())
        with session_redis.client() as redis:
            (talk,) = redis.keys("*")
            assert 90 < redis.ttl(talk) <= 100
            redis.expire(talk, 5)
            await store.commit(turn(before=1, seq=2, message="m2"))
            assert 90 < redis.ttl(talk) <= 100


async def test_everything_goes_on_after_flushall_and_script_flush(workers, session_redis):
    one, other = workers
    await one.commit(turn(effects=EFFECT))
    with session_redis.client() as redis:
        redis.flushall()
        redis.script_flush()
    assert (await other.load("rasa:one", "m1")).talk is None
    assert not await one.commit(turn(before=1, seq=2, message="m2")), "made on a conversation that is gone"
    assert await one.claim(LATER, 60, 10) == []
    assert await one.commit(turn(seq=1_772_465_400_000, message="m2"))
    assert [m.text for m in await other.since("rasa:one", 2)] == ["hi", "Hello."]


async def test_a_redis_that_is_full_takes_nothing_half_and_goes_on_when_it_is_not(redis_server):
    server = redis_server()
    async with a_worker(server.url) as store:
        await store.commit(turn(effects=EFFECT))
        with server.client() as redis:
            before = {key: redis.dump(key) for key in redis.keys("*")}
            redis.config_set("maxmemory", "1mb")
            answer = turn(before=1, seq=2, message="m2", done="e/1/0", effects=(("e/2/0", EFFECT[0][1]),))
            with pytest.raises(Unavailable, match="full"):
                await store.commit(answer)
            assert {key: redis.dump(key) for key in redis.keys("*")} == before
            assert (await store.load("rasa:one", "m2")).answered is False
            assert [w.key for w in await store.claim(LATER, 60, 10)] == ["e/1/0"], "what is due is still found"
            with pytest.raises(Unavailable, match="full"):
                await store.postpone("e/1/0", LATER)  # then its lease runs out instead
            redis.config_set("maxmemory", "0")
        assert await store.commit(answer)


async def test_a_redis_that_is_started_again_is_dialled_again(redis_server):
    server = redis_server(appendonly="yes", appendfsync="always")
    async with a_worker(server.url) as store:
        await asyncio.gather(*(store.commit(turn(replace(TALK, chat=f"rasa:{n}"))) for n in range(50)))
        server.kill()
        with pytest.raises(Unavailable):
            await store.load("rasa:1", "m1")
        with pytest.raises(Uncertain):  # the line broke: it might have been written
            await store.commit(turn(replace(TALK, chat="rasa:1"), before=1, seq=2, message="m2"))
        server.start()
        assert all([(await store.load(f"rasa:{n}", "m1")).answered for n in range(50)])
        assert await store.commit(turn(replace(TALK, chat="rasa:1"), before=1, seq=2, message="m2"))


async def test_what_redis_says_against_it_is_told_without_addresses_or_words_of_customers(redis_server):
    server = redis_server(requirepass="right-password")
    url = server.url.replace("redis://", "redis://:wrong-password@")
    async with a_worker(url) as store:
        with pytest.raises(Unavailable) as refused:
            await store.commit(turn(text="Dana Lee, 94107"))
        assert not any(secret in str(refused.value) for secret in ("password", "Dana", "94107", "127.0.0.1"))
        assert refused.value.__suppress_context__
    with pytest.raises(Misconfigured, match="name or password"):
        examine(url)


# --- at start -------------------------------------------------------------------------------------------------------


def test_a_redis_that_throws_keys_away_is_refused_at_start(redis_server):
    server = redis_server(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    with pytest.raises(Misconfigured, match="allkeys-lru"):
        examine(server.url)


def test_a_cluster_wants_an_address_that_says_so(cluster_url, redis_url):
    examine(cluster_url)
    examine(redis_url)
    with pytest.raises(Misconfigured, match=r"redis\+cluster://"):
        examine(cluster_url.replace("redis+cluster://", "redis://"))


def test_a_redis_that_is_not_there_is_named_without_its_password():
    with pytest.raises(Unavailable) as away:
        examine("redis://:secret-word@127.0.0.1:1/0")
    assert "secret-word" not in str(away.value)
    with pytest.raises(Misconfigured, match="REMIT_REDIS_URL"):
        examine("http://example.com")


# --- across workers -------------------------------------------------------------------------------------------------


class Watching:
    """A worker's bell, rung by the others."""

    def __init__(self, store) -> None:
        self.bell = Bell()
        self.there = asyncio.Event()
        self._task = asyncio.create_task(store.watch(self.bell.ring, self._all))

    def _all(self) -> None:
        self.there.set()
        self.bell.ring_all()

    async def __aenter__(self) -> Bell:
        await asyncio.wait_for(self.there.wait(), 5)
        return self.bell

    async def __aexit__(self, *_why: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_a_bell_rings_for_what_another_worker_commits(workers):
    one, other = workers
    async with Watching(other) as bell:
        with bell.listen("rasa:one") as woken, bell.listen("rasa:two") as quiet:
            await one.commit(turn())
            await asyncio.wait_for(woken.wait(), 5)
            assert not quiet.is_set()
            woken.clear()
            await one.commit(replace(turn(before=1, seq=2, first=False, done="e/1/0"), messages=()))
            await asyncio.wait_for(woken.wait(), 5)  # what a copy of the message waits for


async def test_after_a_restart_of_redis_every_bell_rings_and_goes_on(redis_server):
    server = redis_server()
    async with a_worker(server.url) as one, a_worker(server.url) as other, Watching(other) as bell:
        with bell.listen("rasa:one") as woken:
            server.kill()
            server.start()
            await asyncio.wait_for(woken.wait(), 5)  # something may have been missed
            woken.clear()
            await one.commit(turn())
            await asyncio.wait_for(woken.wait(), 5)


async def test_two_workers_count_one_caller_together(workers):
    limits = [Limit("say", 4, 0.5, lambda: 0.0, worker.knock) for worker in workers]
    waits = [await limits[n % 2].wait("someone") for n in range(6)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:] == [2, 2]
    assert await limits[0].wait("somebody else") == 0


async def test_while_redis_is_away_each_worker_counts_for_itself():
    async with a_worker("redis://127.0.0.1:1/0") as store:
        limit = Limit("say", 2, 0.5, lambda: 0.0, store.knock)
        assert [await limit.wait("someone") for _ in range(3)] == [0, 0, 2]
