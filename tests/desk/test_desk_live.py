"""Pages of the desk hear of changes by server-sent events: at once, without any data, and no longer than a session holds."""

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator

import httpx
from desks import csrf, signed_in, waiting
from world import World

from bot.desk import events

CHATS, AGENTS, MESSAGES, A_SECOND = 200, 20, 100, 20


class Stream:
    """One open stream, as the server sends it."""

    def __init__(self, world: World, client: httpx.AsyncClient, path: str) -> None:
        self._world, self._path, self._query = world, *path.partition("?")[::2]
        self._cookie = f"remit_desk={client.cookies['remit_desk']}".encode()
        self.status = 0
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": self._query.encode(),
            "root_path": "",
            "headers": [(b"host", b"remit"), (b"cookie", self._cookie)],
            "server": ("remit", 80),
            "client": ("127.0.0.1", 4242),
        }

        async def receive() -> dict[str, object]:
            if not self.status:
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            elif message.get("body"):
                self.got.put_nowait(message["body"])

        await self._world._assistant.app(scope, receive, send)

    async def next(self, within_s: float = 5) -> str:
        return (await asyncio.wait_for(self.got.get(), within_s)).decode()


@contextlib.asynccontextmanager
async def listening(world: World, client: httpx.AsyncClient, path: str) -> AsyncIterator[Stream]:
    stream = Stream(world, client, path)
    going = asyncio.create_task(stream.run())
    try:
        assert await stream.next() == ": here\n\n"
        yield stream
    finally:
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going


async def test_the_queue_and_the_chat_hear_of_a_message_and_nothing_is_said_of_it(world):
    client, handoff = await signed_in(world), await waiting(world)
    async with (
        listening(world, client, "/desk/events") as queue,
        listening(world, client, f"/desk/events?handoff={handoff}") as chat,
    ):
        await world.say("rasa:one", "are you there?")
        await world.remit.copying.work()
        assert await queue.next() == "event: changed\ndata:\n\n"
        assert await chat.next() == "event: changed\ndata:\n\n"
    assert world.remit.bell.listeners("desk:") == 0
    await client.aclose()


async def test_another_chat_does_not_ring_this_one(world):
    client, handoff = await signed_in(world), await waiting(world)
    await waiting(world, "rasa:two", link="INV-1031")
    async with listening(world, client, f"/desk/events?handoff={handoff}") as chat:
        await world.say("rasa:two", "hello?")
        world.remit.bell.ring("desk:rasa:two")
        await asyncio.sleep(0.2)
        assert chat.got.empty()
    await client.aclose()


async def test_a_note_reaches_whoever_looks_at_the_chat(world):
    client, handoff = await signed_in(world), await waiting(world)
    async with listening(world, client, f"/desk/events?handoff={handoff}") as chat:
        await client.post(f"/desk/chats/{handoff}/note", data={"csrf": await csrf(client), "note": "look"})
        assert await chat.next() == "event: changed\ndata:\n\n"
    await client.aclose()


async def test_many_rings_are_told_together(world):
    client = await signed_in(world)
    async with listening(world, client, "/desk/events") as queue:
        for _ in range(50):
            world.remit.bell.ring("desk:")
            await asyncio.sleep(0.01)
        await asyncio.sleep(events.QUEUE_PAUSE_S * 1.2)
        assert 1 <= queue.got.qsize() <= 3
    await client.aclose()


async def test_a_stream_ends_with_the_session(world):
    client = await signed_in(world)
    async with listening(world, client, "/desk/events") as queue:
        world.clock.advance(hours=3)
        world.remit.bell.ring("desk:")
        assert await queue.next() == "event: over\ndata:\n\n"
    await client.aclose()


async def test_a_stranger_and_a_chat_that_is_not_there_open_no_stream(world):
    assert (await world.browser.get("http://remit/desk/events")).status_code == 303
    client = await signed_in(world)
    assert (await client.get("/desk/events?handoff=99")).status_code == 404
    assert (await client.get("/desk/events?handoff=x")).status_code == 404
    await client.aclose()


async def test_two_hundred_chats_and_twenty_people_see_a_message_within_a_second(world):
    """From a customer's message to the page with it, over the streams and pages that a browser uses: on one worker."""
    chats = [f"rasa:c{nth}" for nth in range(CHATS)]
    for chat in chats:
        await world.say(chat, "human")
    await world.work()
    await world.remit.copying.work()
    clients = [await signed_in(world, f"Agent{nth}") for nth in range(AGENTS)]
    forms = [await csrf(each) for each in clients]
    for handoff in range(1, CHATS + 1):
        nth = handoff % AGENTS
        answer = await clients[nth].post(f"/desk/chats/{handoff}/take", data={"csrf": forms[nth]})
        assert answer.status_code == 303
    said: dict[str, float] = {}
    waits: dict[str, float] = {}
    whole = asyncio.Event()

    async def chat_page(client: httpx.AsyncClient, handoff: int) -> None:
        async with listening(world, client, f"/desk/events?handoff={handoff}") as stream:
            while True:
                if "changed" in await stream.next(60):
                    page = (await client.get(f"/desk/chats/{handoff}/live")).text
                    for text in [text for text in said if text not in waits and f">{text}<" in page]:
                        waits[text] = time.monotonic() - said[text]
                    if len(waits) == MESSAGES:
                        whole.set()

    async def queue_page(client: httpx.AsyncClient) -> None:
        async with listening(world, client, "/desk/events") as stream:
            while True:
                if "changed" in await stream.next(60):
                    await client.get("/desk/queue?show=all")

    going = [asyncio.create_task(world.remit.copying.run())]
    going += [asyncio.create_task(chat_page(each, nth or AGENTS)) for nth, each in enumerate(clients)]
    going += [asyncio.create_task(queue_page(each)) for each in clients]
    await asyncio.sleep(0.5)
    try:
        for nth in range(MESSAGES):
            text = f"where is my invoice, message {nth}?"
            said[text] = time.monotonic()
            await world.say(chats[nth % AGENTS], text)
            await asyncio.sleep(1 / A_SECOND)
            if nth == MESSAGES // 4:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with asyncio.timeout(10):
            await whole.wait()
        grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        for each in clients:
            await each.aclose()
    found = sorted(waits.values())
    p95 = found[int(len(found) * 0.95)]
    print(f"message to page: p50 {found[len(found) // 2]:.3f} s, p95 {p95:.3f} s, grew {grew / 1024:.1f} MB")
    assert p95 < 1.0
    assert grew < 60 * 1024  # KiB
