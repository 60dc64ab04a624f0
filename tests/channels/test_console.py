"""The terminal: what is shown, and that neither late news nor a restart of the server ends a chat."""

import asyncio

import pytest

from bot.channels.base import Inbound
from bot.channels.console import NO_ANSWER, converse, show_all
from bot.stores.base import Button, Link, Message
from services.errors import Unavailable


class ThroughTheWorld:
    """The line of `remit chat`, without the network."""

    def __init__(self, world) -> None:
        self.world = world
        self.broken = False
        self.asked = asyncio.Event()

    async def say(self, inbound: Inbound) -> list[Message]:
        if self.broken:
            raise Unavailable("nobody there")
        return await self.world.remit.runtime.handle(inbound)

    async def since(self, chat: str, seq: int) -> list[Message]:
        self.asked.set()
        if self.broken:
            raise Unavailable("nobody there")
        return await self.world.store.since(chat, seq)


def typing(*lines):
    """A customer who types these lines; a callable is done first, between two of them."""
    left = list(lines)

    async def read() -> str | None:
        while left and callable(left[0]):
            await left.pop(0)()
        return f"{left.pop(0)}\n" if left else None

    return read


def test_buttons_are_numbered_and_a_notice_stands_out():
    bot = Message(1, "bot", "How?", (Button("Card", "/method card"), Button("Bank", "/method bank")))
    notice = Message(2, "notice", "Paid.", (), link=Link("checkout", "http://remit/go/T"))
    assert show_all([bot, notice]) == "  How?\n! Paid.\n  -> http://remit/go/T\n    1. Card\n    2. Bank"


async def test_a_hurried_customer_pays_by_numbers(world, capsys):
    async def pay() -> None:
        (url,) = [line.partition("-> ")[2] for line in capsys.readouterr().out.splitlines() if "-> " in line]
        await world.pay_by_card(await world.page(url), "4242424242424242")
        await world.work()

    link = await world.link("INV-1042")
    await converse(ThroughTheWorld(world), link, typing("1", "", "   ", "1", pay, "status?"))
    shown = capsys.readouterr().out
    assert "! Paid: $120.00 by Visa ending 4242" in shown
    assert (await world.invoice("INV-1042"))["due_minor"] == 0


async def test_late_news_is_shown_while_nobody_types_and_only_once(world, capsys):
    line = ThroughTheWorld(world)

    async def pay_and_wait() -> None:
        (url,) = [line.partition("-> ")[2] for line in capsys.readouterr().out.splitlines() if "-> " in line]
        await world.pay_by_card(await world.page(url), "4242424242424242")
        await world.work()
        line.asked.clear()
        await line.asked.wait()
        await asyncio.sleep(0)

    await converse(line, await world.link("INV-1042"), typing("card", "yes", pay_and_wait, "thanks"))
    assert capsys.readouterr().out.count("Paid: $120.00") == 1


async def test_a_server_that_is_away_for_a_moment_does_not_end_the_chat(world, capsys):
    line = ThroughTheWorld(world)

    async def away() -> None:
        line.broken = True
        line.asked.clear()
        await line.asked.wait()

    async def back() -> None:
        line.broken = False

    await converse(line, await world.link("INV-1042"), typing("card", away, "yes", back, "yes"))
    shown = capsys.readouterr().out
    assert shown.count(NO_ANSWER) == 1
    assert shown.index(NO_ANSWER) < shown.index("secure page is ready")


async def test_a_server_that_was_never_there_is_an_error_at_once(world):
    line = ThroughTheWorld(world)
    line.broken = True
    with pytest.raises(Unavailable):
        await converse(line, "", typing("hi"))
