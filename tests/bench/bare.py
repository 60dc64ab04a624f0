"""What a store alone costs: ``python -m tests.bench.bare sqlite|redis PLACE TURNS`` prints CPU microseconds per turn.

Load and commit of real conversations, as many at once as there are customers, and nothing else.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta

import msgspec
import uvloop

from bot.stores.base import Commit
from bot.stores.redis import RedisStore
from bot.stores.sqlite import SqliteStore
from tests.bench.load import CUSTOMERS


async def main(kind: str, place: str, turns: int) -> None:
    if kind == "redis":
        store = RedisStore(place, random=os.urandom, pause=asyncio.sleep, kept=timedelta(days=1))
    else:
        store = SqliteStore(place)
    chats = [f"rasa:bench{n}" for n in range(CUSTOMERS)]
    await _turn_over(store, chats, 5)
    before = time.process_time()
    await _turn_over(store, chats, turns)
    print((time.process_time() - before) / (turns * CUSTOMERS) * 1e6)
    await store.aclose() if isinstance(store, RedisStore) else store.close()


async def _turn_over(store: RedisStore | SqliteStore, chats: list[str], turns: int) -> None:
    await asyncio.gather(*(_one(store, chat, turns) for chat in chats))


async def _one(store: RedisStore | SqliteStore, chat: str, turns: int) -> None:
    for _ in range(turns):
        found = await store.load(chat, "m")
        talk = msgspec.structs.replace(found.talk, version=found.talk.version + 1)
        assert await store.commit(Commit(talk, found.talk.version, found.seq, found.given, talk.heard_at))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
