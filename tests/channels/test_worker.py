"""The worker when something around it is away, slow, broken or wrong about the time."""

import asyncio
from contextlib import suppress

import pytest
from front_end import FrontEnd
from sqlalchemy import text
from world import World

import bot.worker
from services.errors import Unavailable

CARD = "4242424242424242"


async def rows(world: World, sql: str) -> list[tuple[object, ...]]:
    return await world.remit.transact(lambda conn: [tuple(row) for row in conn.execute(text(sql))])


async def paid_unheard(front: FrontEnd) -> None:
    """A customer has paid; the ledger has the gateway's word, and nobody was told yet."""
    await front.to_the_quote()
    await front.press("Yes, pay $120.00")
    await front.world.pay_by_card(await front.world.page(front.link), CARD)
    await front.world.sandbox.pump()


@pytest.fixture
def asked(monkeypatch):
    """When the gateway was asked about what hangs."""
    times = []

    async def reconcile(_checkout, now):
        times.append(now)
        return 0

    monkeypatch.setattr(bot.worker, "reconcile", reconcile)
    return times


async def until(what, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110  # the worker tells nobody
            await asyncio.sleep(0.01)


class Running:
    """The worker as it runs in a server. `async with` it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self):
        self._task = asyncio.create_task(self._world.remit.worker.run())

    async def __aexit__(self, *_why):
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_a_conversation_store_that_is_away_holds_up_no_posting_and_no_question(front, asked, monkeypatch):
    await paid_unheard(front)

    async def away(*_asked):
        raise Unavailable("no Redis")

    for call in ("claim", "load", "commit"):
        monkeypatch.setattr(front.world.store, call, away)
    await front.world.remit.worker.work()
    assert (await front.world.invoice("INV-1042"))["due_minor"] == 0
    assert len(asked) == 1
    assert await rows(front.world, "SELECT kind FROM outbox WHERE done_at IS NULL") == [("tell",)]


async def test_a_comparison_that_takes_hours_holds_up_no_posting_and_no_question(front, asked, monkeypatch):
    gate, listing = asyncio.Event(), front.world.remit.gateway.since

    async def slow(since, after):
        await gate.wait()
        return await listing(since, after)

    monkeypatch.setattr(front.world.remit.gateway, "since", slow)
    async with Running(front.world):
        await until(lambda: rows(front.world, "SELECT 1 FROM comparison"))
        await paid_unheard(front)
        await until(lambda: rows(front.world, "SELECT 1 FROM outbox WHERE kind = 'post' AND done_at IS NOT NULL"))
        before = len(asked)
        front.world.clock.advance(seconds=20)

        async def asked_again():
            return len(asked) > before

        await until(asked_again)
        assert await rows(front.world, "SELECT ended_at FROM comparison") == [(None,)]
        gate.set()
        await until(lambda: rows(front.world, "SELECT 1 FROM comparison WHERE ended_at IS NOT NULL"))


async def test_a_gateway_that_hangs_holds_up_no_posting(front, monkeypatch):
    async def hangs(_checkout, _now):
        await asyncio.Event().wait()

    monkeypatch.setattr(bot.worker, "reconcile", hangs)
    async with Running(front.world):
        await paid_unheard(front)
        await until(lambda: rows(front.world, "SELECT 1 FROM outbox WHERE kind = 'post' AND done_at IS NOT NULL"))


async def test_a_clock_that_was_set_back_does_not_stop_the_questions(world, asked):
    await world.remit.worker.work()
    world.clock.advance(hours=-1)
    for _ in range(4):
        await world.remit.worker.work()
        world.clock.advance(seconds=15)
    assert len(asked) == 5


async def test_a_job_that_breaks_is_tried_again_later_and_spoils_no_other(front, monkeypatch, caplog):
    await paid_unheard(front)
    tell, broken = front.world.remit.runtime.tell, True

    async def breaks(payment, chat):
        if broken:
            raise KeyError("a bug")
        await tell(payment, chat)

    monkeypatch.setattr(front.world.remit.runtime, "tell", breaks)
    await front.world.work()
    assert "TellJob 1 broke, attempt 1" in caplog.text or "TellJob 2 broke, attempt 1" in caplog.text
    assert (await front.world.invoice("INV-1042"))["due_minor"] == 0
    broken = False
    await front.world.wait(seconds=2)  # given back, not left to its lease
    assert await rows(front.world, "SELECT kind FROM outbox WHERE done_at IS NULL") == []


async def test_a_job_that_goes_through_on_no_try_comes_before_a_person_once(front, monkeypatch):
    await paid_unheard(front)

    async def breaks(_payment, _chat):
        raise KeyError("a bug")

    monkeypatch.setattr(front.world.remit.runtime, "tell", breaks)
    for _ in range(30):
        await front.world.wait(hours=1)
    cases = await rows(front.world, "SELECT reason FROM handoff_case")
    assert cases == [("not_told",)]


async def test_what_is_old_is_forgotten_once_a_day_and_a_payment_never(front):
    await paid_unheard(front)
    await front.world.work()
    lasting = "SELECT (SELECT count(*) FROM payment), (SELECT count(*) FROM fact), (SELECT count(*) FROM consent)"
    before = await rows(front.world, lasting)
    front.world.clock.advance(days=91)

    async def is_gone():
        return (await front.world.store.load("rasa:u1", "")).talk is None

    async with Running(front.world):
        await until(is_gone)

        async def no_news():
            return await rows(front.world, "SELECT kind FROM outbox ORDER BY kind") == [("post",)]

        await until(no_news)
    assert await rows(front.world, "SELECT * FROM go_link") == []
    assert await rows(front.world, lasting) == before
    assert "Paid: $120.00" in str(await front.send("/status"))
