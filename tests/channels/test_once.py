"""The same message twice, two customers at once, a slow gateway, a process that dies: one effect, one true answer."""

import asyncio

import httpx
import pytest
from front_end import FrontEnd, words
from sqlalchemy import text
from world import World

from services.http import open_http


class Gate(httpx.AsyncBaseTransport):
    """A line to the sandbox on which nothing that changes anything arrives until the gate is opened."""

    def __init__(self, app) -> None:
        self._line = httpx.ASGITransport(app)
        self.open = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            await self.open.wait()
        return await self._line.handle_async_request(request)


@pytest.fixture
async def slow(tmp_path):
    """A world whose gateway is behind a gate, and whose channels wait 50 ms."""
    async with World(tmp_path, chat={"patience_seconds": 0.05}) as world:
        await world.http.aclose()
        gate = Gate(world.sandbox.app)
        world.http = open_http(gate)
        world.crash()
        yield FrontEnd(world, "u1"), gate
        gate.open.set()


def payments(world) -> int:
    with world.engine.begin() as connection:
        return connection.execute(text("SELECT count(*) FROM payment")).scalar_one()


async def test_the_same_message_again_gets_the_same_answer_and_opens_one_page(front):
    await front.to_the_quote()
    agree = front.payload("Yes, pay $120.00")
    first = await front.send(agree, message_id="yes-1")
    assert await front.send(agree, message_id="yes-1") == first
    assert payments(front.world) == 1


async def test_ten_copies_at_once_of_a_yes_open_one_page(front):
    await front.to_the_quote()
    agree = front.payload("Yes, pay $120.00")
    answers = await asyncio.gather(*(front.send(agree, message_id="yes-1") for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert "secure page is ready" in words(answers[0])
    assert payments(front.world) == 1


async def test_ten_first_messages_at_once_begin_one_conversation(front):
    answers = await asyncio.gather(*(front.send("hi", message_id="m1") for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert words(answers[0]).count("payment assistant") == 1


async def test_without_a_message_id_the_same_words_are_two_messages(front):
    await front.to_the_quote()
    agree = front.payload("Yes, pay $120.00")
    assert "secure page is ready" in words(await front.send(agree))
    await front.send(agree)
    assert payments(front.world) == 1


async def test_the_same_id_in_two_conversations_is_two_messages(front, another):
    assert words(await front.send("hi", message_id="m1")) == words(await another.send("hi", message_id="m1"))
    assert "Which invoice" in words(await another.send("/pay", message_id="m2"))


async def test_two_conversations_racing_for_one_invoice_open_one_payment(front, another):
    for each in (front, another):
        await each.to_the_quote()
    answers = await asyncio.gather(*(each.press("Yes, pay $120.00") for each in (front, another)))
    said = sorted("secure page is ready" in words(answer) for answer in answers)
    assert said == [False, True]
    assert payments(front.world) == 1


async def test_a_yes_after_the_invoice_was_paid_elsewhere_starts_nothing(front):
    await front.to_the_quote()
    await front.world.change("INV-1042", status="paid")
    assert "already paid" in words(await front.press("Yes, pay $120.00"))
    assert payments(front.world) == 0


async def test_a_yes_of_another_conversation_approves_nothing(front, another):
    await front.to_the_quote()
    assert "secure page" not in words(await another.send(front.payload("Yes, pay $120.00")))
    assert payments(front.world) == 0


async def test_a_slow_gateway_is_admitted_and_its_answer_comes_with_the_next_message(slow):
    front, gate = slow
    gate.open.set()
    await front.to_the_quote()
    gate.open.clear()
    agree = front.payload("Yes, pay $120.00")
    assert "Still working" in words(await front.send(agree, message_id="yes-1"))
    gate.open.set()
    await front.world.remit.runtime.drain()
    assert "secure page is ready" in words(await front.send("are you there?"))
    assert payments(front.world) == 1


async def test_a_copy_of_a_slow_yes_waits_with_it_and_later_gets_the_whole_answer(slow):
    front, gate = slow
    gate.open.set()
    await front.to_the_quote()
    gate.open.clear()
    agree = front.payload("Yes, pay $120.00")
    first, second = await asyncio.gather(*(front.send(agree, message_id="yes-1") for _ in range(2)))
    assert first == second
    assert "Still working" in words(first)
    gate.open.set()
    await front.world.remit.runtime.drain()
    whole = await front.send(agree, message_id="yes-1")
    assert whole[: len(first)] == first
    assert "secure page is ready" in words(whole)
    assert payments(front.world) == 1


async def test_a_server_that_died_after_the_yes_goes_on_by_itself(slow):
    front, gate = slow
    gate.open.set()
    await front.to_the_quote()
    gate.open.clear()
    await front.press("Yes, pay $120.00", message_id="yes-1")
    for task in tuple(front.world.remit.runtime._running):
        task.cancel()  # as the process, and all it was waiting for
    await asyncio.sleep(0)
    front.world.crash()
    gate.open.set()
    await front.world.wait(seconds=70)  # the dead process's lease on the payment runs out
    assert "secure page is ready" in words(await front.send("hello?"))
    assert payments(front.world) == 1
