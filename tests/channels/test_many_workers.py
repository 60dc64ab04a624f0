"""Two workers with one Redis: a copy of a message at the other worker, and a conversation that is lost under a listener."""

import asyncio
import os
from datetime import timedelta

import httpx
import pytest
from front_end import FrontEnd, words
from test_once import Gate
from world import HANDOFF, TOKEN, World

from bot.api import _events
from bot.app import asgi, build
from bot.stores.redis import RedisStore
from services.database import inline
from services.http import open_http

WEB = "web:" + "c" * 32


class Shared(World):
    """A world whose assistant is one of two workers. Their gateway is behind a gate; their channels wait a second."""

    def __init__(self, folder, url: str) -> None:
        self._url = url
        super().__init__(folder, chat={"patience_seconds": 1})

    def start(self) -> None:
        self.gate = Gate(self.sandbox.app)
        self.gate.open.set()
        self.http = open_http(self.gate)
        super().start()
        self.remit, self._assistant.app = self._worker()
        self.other, app = self._worker()
        self.other_browser = httpx.AsyncClient(
            mounts={HANDOFF: httpx.ASGITransport(app, client=("127.0.0.1", 4243))}, trust_env=False
        )

    def _worker(self):
        store = RedisStore(self._url, random=os.urandom, pause=asyncio.sleep, kept=timedelta(days=90))
        made = build(
            self.settings,
            transact=inline(self.engine),
            store=store,
            http=self.http,
            clock=self.clock,
            random=self.chance.randbytes,
            secret=b"test-secret-of-conversations",
            knock=store.knock,
        )
        return made, asgi(made, TOKEN)

    async def close(self) -> None:
        self.gate.open.set()
        for each in (self.remit, self.other):
            await each.runtime.drain()
            await each.store.aclose()
        await self.other_browser.aclose()
        await super().close()


@pytest.fixture
async def shared(tmp_path, redis_url):
    async with Shared(tmp_path, redis_url) as made:
        yield made


class AtTheOther(FrontEnd):
    """The same front end, whose messages a load balancer brings to the other worker."""

    async def post(self, body: bytes, url: str = f"{HANDOFF}/webhooks/rest/webhook") -> httpx.Response:
        return await self.world.other_browser.post(url, content=body, headers={"content-type": "application/json"})


async def test_a_copy_of_a_yes_at_the_other_worker_waits_for_the_same_answer(shared):
    front, copy = FrontEnd(shared, "u1"), AtTheOther(shared, "u1")
    watching = asyncio.create_task(shared.other.store.watch(shared.other.bell.ring, shared.other.bell.ring_all))
    await front.to_the_quote()
    shared.gate.open.clear()
    agree = front.payload("Yes, pay $120.00")
    first = asyncio.create_task(front.send(agree, message_id="yes-1"))
    while not await shared.other.store.pending("rasa:u1", "yes-1"):  # noqa: ASYNC110  # a store has no event to wait for
        await asyncio.sleep(0.01)
    second = asyncio.create_task(copy.send(agree, message_id="yes-1"))
    await asyncio.sleep(0.1)
    assert not second.done()
    shared.gate.open.set()
    assert await first == await second
    assert "secure page is ready" in words(await second)
    watching.cancel()


async def test_a_copy_waits_no_longer_than_the_channel_is_patient(shared):
    front, copy = FrontEnd(shared, "u1"), AtTheOther(shared, "u1")
    await front.to_the_quote()
    shared.gate.open.clear()
    agree = front.payload("Yes, pay $120.00")
    assert "Still working" in words(await front.send(agree, message_id="yes-1"))
    assert "Still working" in words(await copy.send(agree, message_id="yes-1"))


async def test_a_turn_begun_at_one_worker_is_gone_on_with_at_the_other(shared):
    front, other = FrontEnd(shared, "u1"), AtTheOther(shared, "u1")
    await front.to_the_quote()
    other.buttons = front.buttons
    assert "secure page is ready" in words(await other.press("Yes, pay $120.00"))


async def test_a_life_that_begins_again_numbers_its_messages_above_the_one_that_was_lost(shared):
    begun = (await shared.browser.post(f"{HANDOFF}/api/v1/conversations", json={})).json()
    assert begun["messages"][0]["seq"] == 2  # a fresh one counts from 1: that is the customer's own
    url = f"{HANDOFF}/api/v1/conversations/{begun['id']}/messages"
    bearer = {"Authorization": f"Bearer {begun['token']}"}
    for _ in range(2):
        last = begun["messages"][-1]["seq"]
        await shared.remit.store._redis.execute_command("FLUSHALL")
        shared.clock.advance(seconds=1)
        answer = await shared.browser.post(url, json={"id": "m1", "text": "hi"}, headers=bearer)
        begun["messages"] = answer.json()["messages"]
        assert begun["messages"][0]["seq"] > last


async def to_the_page(world) -> int:
    """A chat on a web page with its hosted page open; the number of its last message."""
    await world.say(WEB, "/start", pay_link=await world.link("INV-1042"))
    await world.say(WEB, "/method card")
    agree = next(c.payload for m in await world.store.since(WEB, 0) for c in m.choices if "Yes, pay" in c.title)
    last = (await world.say(WEB, agree))[-1].seq
    world.clock.advance(seconds=1)
    return last


async def test_a_conversation_that_is_lost_under_a_listener_begins_again_with_its_payment(world):
    last = await to_the_page(world)
    line = _events(world.remit, WEB, last, keys=0)
    assert await anext(line) == b": here\n\n"
    listening = asyncio.ensure_future(anext(line))
    await asyncio.sleep(0)
    world.forget(WEB)
    world.remit.bell.ring(WEB)
    told = await asyncio.wait_for(listening, 5)
    assert b"lost track" in told
    assert int(told.split(b"\n")[0].removeprefix(b"id: ")) > last
    await line.aclose()


async def test_a_lost_conversation_is_found_again_by_who_listens_and_one_that_never_paid_is_not(world):
    last = await to_the_page(world)
    world.forget(WEB)
    assert await world.remit.runtime.recall(WEB)
    assert all(message.seq > last for message in await world.store.since(WEB, last))
    assert not await world.remit.runtime.recall("web:" + "d" * 32)
    assert (await world.store.load("web:" + "d" * 32, "")).talk is None
