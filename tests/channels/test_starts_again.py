"""A page that cannot be made, or not be closed: what the chat says, and how often the gateway is asked."""

import asyncio

import pytest
from front_end import FrontEnd, words
from world import World

from services.errors import Rejected, Unavailable, Uncertain
from services.payments.cases import open_cases


@pytest.fixture
async def front(tmp_path):
    """A front end that waits 50 ms for an answer."""
    async with World(tmp_path, chat={"patience_seconds": 0.05}) as world:
        yield FrontEnd(world, "u1")


def failing(gateway, call, error):
    """Let one call of the gateway fail; answers the list of its tries."""
    tries = []

    async def fail(*_what):
        tries.append(call)
        await asyncio.sleep(0)
        if isinstance(error, Exception):
            raise error
        return error

    setattr(gateway, call, fail)
    return tries


async def rounds(world, minutes):
    for _ in range(minutes * 4):
        world.clock.advance(seconds=15)
        await world.work()


async def test_a_customer_whose_page_is_refused_for_ever_is_told_after_ten_minutes_and_not_tried_for_hours(front):
    world = front.world
    tries = failing(world.remit.gateway, "open_page", Rejected("the payment processor says no: status 401"))
    await front.to_the_quote()
    await front.send("yes")
    await rounds(world, 60)
    assert 30 < len(tries) < 60
    told = [message.text for message in await world.store.since("rasa:u1", 0)]
    assert told[-1].startswith("I couldn't open a secure page")
    assert [case.reason for case in await world.remit.transact(open_cases)] == ["gateway_refuses"]


async def test_a_cancel_while_the_page_is_refused_comes_to_its_end(front):
    world = front.world
    failing(world.remit.gateway, "open_page", Rejected("the payment processor says no: status 401"))
    await front.to_the_quote()
    await front.send("yes")
    assert "stopping" in words(await front.send("cancel"))
    await rounds(world, 12)
    assert (await world.store.since("rasa:u1", 0))[-1].text.startswith("Canceled.")


async def test_a_close_that_the_gateway_gives_no_word_on_is_asked_for_at_leisure(front):
    world = front.world
    await front.to_the_quote()
    await front.send("yes")
    tries = failing(world.remit.gateway, "close_page", ())
    await front.send("cancel")
    await world.remit.runtime.drain()
    await asyncio.sleep(0.1)
    assert len(tries) == 1
    await rounds(world, 5)
    assert 4 <= len(tries) <= 22
    del world.remit.gateway.close_page
    await rounds(world, 1)
    assert (await world.store.since("rasa:u1", 0))[-1].text.startswith("Canceled.")


async def test_a_start_that_was_never_sent_is_not_told_as_a_payment_that_did_not_go_through(front):
    world = front.world
    failing(world.remit.gateway, "open_page", Unavailable("away"))
    await front.to_the_quote()
    await front.send("yes")
    world.forget("rasa:u1")
    said = words(await front.send("hello?"))
    assert "couldn't open a secure page" in said
    assert "did not go through" not in said


async def test_a_start_that_is_resumed_after_the_invoice_was_voided_is_refused_and_nothing_is_sent(front):
    world = front.world
    tries = failing(world.remit.gateway, "open_page", Uncertain("no answer"))
    await front.to_the_quote()
    await front.send("yes")
    world.forget("rasa:u1")
    await world.change("INV-1042", status="void")
    world.clock.advance(hours=3)
    sent = len(tries)
    said = words(await front.send("hello?")) + words(await front.send("hm?"))
    assert "has changed since I showed it to you. Nothing was charged" in said
    assert len(tries) == sent
