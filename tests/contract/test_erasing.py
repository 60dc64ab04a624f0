"""What every conversation store forgets when it is told to, and what it does not. One suite, run on each implementation."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from msgspec.structs import replace
from turns import TALK, a_worker, turn
from world import NOW

from bot.stores.base import Message, Told
from bot.stores.sqlite import SqliteStore
from dialogs.model import CloseCheckout

WORD = "marigold"
LEFT = replace(TALK, version=9, keys=3, owner="dana")


@dataclasses.dataclass
class Kept:
    """A store, and whether it keeps the instants of its lines."""

    store: object
    instants: bool


@pytest.fixture(params=["threaded", "inline", "redis", "cluster"])
async def kept(request, tmp_path):
    if request.param in ("threaded", "inline"):
        made = SqliteStore(str(tmp_path / "conversations.db"), inline=request.param == "inline")
        yield Kept(made, instants=True)
        made.close()
    else:
        async with a_worker(request.getfixturevalue(f"{request.param}_url")) as worker:
            yield Kept(worker, instants=False)


@pytest.fixture
def store(kept):
    return kept.store


async def test_a_conversation_that_is_erased_is_gone_with_its_messages_and_what_was_taken_in(store):
    await store.commit(turn(text=WORD))
    await store.commit(turn(replace(TALK, chat="rasa:two"), text=WORD))
    assert await store.erase("rasa:one", 1, None)
    found = await store.load("rasa:one", "m1")
    assert (found.talk, found.answered, found.seq) == (None, False, 0)
    assert await store.since("rasa:one", 0) == await store.answer("rasa:one", "m1") == []
    assert len(await store.since("rasa:two", 0)) == 2
    assert await store.commit(turn(message="m1")), "it may begin anew, with a message of the same name"


async def test_what_is_left_of_a_conversation_goes_on_above_its_last_message(store):
    await store.commit(turn(text=WORD))
    assert await store.erase("rasa:one", 1, LEFT)
    found = await store.load("rasa:one", "m1")
    assert (found.talk, found.seq, found.given, found.answered) == (LEFT, 2, 2, False)
    assert await store.since("rasa:one", 0) == []
    assert await store.commit(turn(LEFT, message="m2", before=9, seq=2))
    assert [line.seq for line in await store.since("rasa:one", 0)] == [3, 4]


async def test_a_conversation_that_moved_on_is_not_erased(store):
    await store.commit(turn(text=WORD))
    await store.commit(turn(message="m2", before=1, seq=2))
    assert not await store.erase("rasa:one", 1, None)
    assert not await store.erase("rasa:one", 1, LEFT)
    assert not await store.erase("rasa:nobody", 1, None)
    assert (await store.load("rasa:one", "m3")).talk == replace(TALK, version=2)
    assert len(await store.since("rasa:one", 0)) == 4


async def test_an_effect_under_way_keeps_its_conversation_until_it_is_answered(store):
    await store.commit(turn(effects=((f"{TALK.epoch}/1/0", CloseCheckout("RM-1")),)))
    assert not await store.erase("rasa:one", 1, None)
    assert not await store.erase("rasa:one", 1, LEFT)
    assert len(await store.waiting(replace(TALK, version=1))) == 1
    assert len(await store.since("rasa:one", 0)) == 2
    await store.commit(turn(before=1, seq=2, first=False, done=f"{TALK.epoch}/1/0"))
    assert await store.erase("rasa:one", 2, None)


async def test_of_a_turn_and_an_erasure_at_the_same_time_one_loses(store):
    await store.commit(turn(text=WORD))
    erased, said = await asyncio.gather(
        store.erase("rasa:one", 1, None), store.commit(turn(message="m2", before=1, seq=2))
    )
    assert sorted((erased, said)) == [False, True]
    left = await store.since("rasa:one", 0)
    assert len(left) == (0 if erased else 4)


async def test_all_conversations_are_walked_through(store):
    talks = [replace(TALK, chat=f"rasa:{n}", owner=f"c-{n}") for n in range(450)]
    await asyncio.gather(*(store.commit(turn(talk)) for talk in talks))
    assert {talk.chat: talk.owner async for talk in store.every()} == {talk.chat: talk.owner for talk in talks}


async def test_the_log_is_told_in_pieces_with_instants_where_they_are_kept(kept):
    store = kept.store
    await store.commit(turn())
    await store.commit(turn(message="m2", before=1, seq=2))
    at = NOW if kept.instants else None
    assert await store.told("rasa:one", 0, 3) == [
        Told(Message(1, "customer", "hi", ()), at),
        Told(Message(2, "bot", "Hello.", ()), at),
        Told(Message(3, "customer", "hi", ()), at),
    ]
    assert [line.message.seq for line in await store.told("rasa:one", 3, 3)] == [4]


@pytest.mark.parametrize("inline", [True, False])
async def test_nothing_of_what_was_erased_is_in_the_files(tmp_path, inline):
    made = SqliteStore(str(tmp_path / "conversations.db"), inline=inline)
    for nth in range(1, 40):
        talk = replace(TALK, owner=f"owner-{WORD}")
        assert await made.commit(
            turn(talk, message=f"{WORD}-{nth}", before=nth - 1, seq=2 * nth - 2, text=f"{WORD} {nth}")
        )
    assert await made.erase("rasa:one", 39, LEFT)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert WORD.encode() not in files
    assert b"dana" in files, "what is left is read from these very files"
    assert await made.erase("rasa:one", 9, None)
    assert b"dana" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    made.close()


async def test_what_is_left_in_redis_expires_as_a_conversation_does(redis_url):
    async with a_worker(redis_url, kept=timedelta(seconds=100)) as store:
        await store.commit(turn())
        assert await store.erase("rasa:one", 1, LEFT)
        ttls = [await store._redis.ttl(key) async for key in store._redis.scan_iter(match="remit:*:talk:*")]
    assert [0 < ttl <= 100 for ttl in ttls] == [True]
