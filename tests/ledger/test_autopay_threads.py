"""Autopay by several workers over threads, as in production: each invoice and cycle is told and charged once."""

import asyncio
from datetime import date

import pytest
from test_autopay import Autopay

from services.database import threaded
from services.model import PaymentState
from services.payments.autopay import runs

WORKERS = 4
ROUNDS = 4


@pytest.fixture
def engine(in_files):
    return in_files


@pytest.fixture
def auto(world, engine):
    world.transact = threaded(engine)
    world.again()
    yield Autopay(world)
    world.transact.close()


async def at_once(auto):
    return await asyncio.wait_for(asyncio.gather(*(auto.orders.run() for _ in range(WORKERS))), 90)


async def test_workers_that_run_at_once_tell_and_charge_each_cycle_once(auto):
    numbers = [f"INV-{nth}" for nth in range(ROUNDS)]
    for number in numbers:
        auto.world.books.add(number)
        auto.is_due(date(2026, 3, 20), number)
    await auto.enrols()
    await auto.until(date(2026, 3, 6))
    await at_once(auto)
    assert await auto.told() == ["planned"] * (ROUNDS + 1)
    await auto.until(date(2026, 3, 17))
    await at_once(auto)
    for _ in range(3):  # whoever was refused a lease left it to the others
        auto.world.passes(minutes=2)
        await auto.orders.run()
    assert len(auto.world.gateway.charges) == ROUNDS + 1
    assert [state for _, state, _ in await auto.payments()] == [PaymentState.SUCCEEDED] * (ROUNDS + 1)
    assert await auto.world.rows("SELECT count(*), count(DISTINCT standing) FROM consent") == [(ROUNDS + 1, ROUNDS + 1)]


async def test_who_leaves_while_workers_run_is_charged_before_or_not_at_all(auto):
    await auto.to_the_charge()
    left, *_ = await asyncio.gather(auto.wish("leave"), *(auto.orders.run() for _ in range(WORKERS)))
    assert left.running is None
    auto.world.passes(minutes=2)
    await auto.orders.run()
    charged = auto.world.gateway.charged
    auto.world.passes(days=3)
    await auto.orders.run()
    assert auto.world.gateway.charged == charged <= 1
    assert await auto.state() == ("left", "")


async def test_two_chats_that_enrol_at_once_make_one_enrolment(auto):
    terms = auto.terms()
    wishes = (auto.wish("agree", f"k{nth}", terms, chat=f"chat {nth}") for nth in range(WORKERS))
    found = await asyncio.gather(*wishes)
    assert len({each.enrolment.id for each in found}) == 1
    assert await auto.world.rows("SELECT count(*) FROM autopay") == [(1,)]
    assert await auto.world.rows("SELECT count(*) FROM autopay_event") == [(WORKERS,)]


async def test_every_line_of_a_run_is_kept_once(auto):
    await auto.to_the_charge()
    await at_once(auto)
    listed = await auto.world.transact(lambda conn: runs.runs(conn, 20))
    assert sum(run.told for run in listed) == 1
