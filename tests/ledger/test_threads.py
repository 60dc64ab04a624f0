"""The same parts over a database file and threads, as in production; everything else runs in memory and in order."""

import asyncio

from services.database import micros, open_engine, threaded, upgrade
from services.model import Payment, PaymentState
from services.payments import journal
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind


def files(tmp_path, world):
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    world.transact = threaded(engine)
    world.again()
    return world.transact


async def test_of_many_tabs_that_agree_at_once_one_pays(tmp_path, world):
    transact = files(tmp_path, world)
    outcomes = await asyncio.gather(*(world.start(f"k{n}", chat=f"tab {n}") for n in range(8)))
    assert [type(outcome) for outcome in outcomes].count(Payment) == 1
    assert [type(outcome) for outcome in outcomes].count(Refused) == 7
    assert len(world.gateway.pages) == 1
    transact.close()


async def test_webhooks_that_arrive_together_move_a_payment_once(tmp_path, world):
    transact = files(tmp_path, world)
    opened = await world.start()
    told = [world.gateway.happens(opened.reference, kind) for kind in (FactKind.PROCESSING, FactKind.SUCCEEDED)]
    await asyncio.gather(*(world.checkout.take([told[n % 2]]) for n in range(10)))
    assert (await world.checkout.view(opened.reference)).state is PaymentState.SUCCEEDED
    assert await transact(journal.trial_balance) == {"USD": {"clearing": 12000, "receivable": -12000}}
    jobs = [job for batch in await asyncio.gather(*(world.checkout.jobs(2) for _ in range(5))) for job in batch]
    assert len({job.id for job in jobs}) == len(jobs)
    transact.close()


async def test_what_was_committed_is_there_after_a_restart(tmp_path, world):
    files(tmp_path, world).close()
    transact = files(tmp_path, world)
    opened = await world.start()
    token = await world.checkout.share(opened.reference)
    transact.close()
    transact = files(tmp_path, world)
    assert await world.checkout.latest("chat") == opened
    assert str(await world.checkout.follow(token)).startswith("https://pay.example/")
    assert micros(opened.at) == micros(world.at)
    transact.close()
