"""Turns as the runtime would commit them, and a store as one worker has it. For the suites of the stores."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec.structs import replace
from world import NOW

from bot.stores.base import Commit, Message
from bot.stores.redis import RedisStore
from dialogs.conversation import Conversation

TALK = Conversation("rasa:one", "e" * 32)


@asynccontextmanager
async def a_worker(url: str, *, kept: timedelta = timedelta(days=90)) -> AsyncIterator[RedisStore]:
    store = RedisStore(url, random=os.urandom, pause=asyncio.sleep, kept=kept)
    try:
        yield store
    finally:
        await store.aclose()


def turn(talk=TALK, *, message="m1", before=0, seq=0, text="Hello.", effects=(), done="", given=None, first=True):
    messages = (
        (Message(seq + 1, "customer", "hi", ()), Message(seq + 2, "bot", text, ()))
        if first
        else (Message(seq + 1, "bot", text, ()),)
    )
    end = seq + len(messages)
    return Commit(
        replace(talk, version=before + 1),
        before,
        end,
        end if given is None else given,
        NOW,
        cause=message,
        first=first,
        from_seq=seq + 1,
        messages=messages,
        effects=effects,
        done=done,
    )
