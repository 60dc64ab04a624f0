"""The same parts over threads, as in production: a database file, and PostgreSQL, where transactions really overlap.

Everything else runs in memory and in order. Here exactly one wins, and nobody waits for ever.
"""

import asyncio
from datetime import timedelta
from threading import Barrier

import msgspec
import pytest

from services.database import threaded
from services.errors import Uncertain
from services.model import Line, Method, Money, Objection, Payment, PaymentState, Quote
from services.payments import comparison, facts, journal, ledger, outbox, pauses, refunds, starts, surplus
from services.payments.checkout import Refused
from services.payments.gateways.base import Fact, FactKind, Page
from services.payments.refunds import NotRefundable, Refund, RefundOrder
from services.payments.requests import Wish, open_request

S = PaymentState
AT_ONCE = 8
ROUNDS = 5


@pytest.fixture
def engine(in_files):
    return in_files


@pytest.fixture
def many(world, engine):
    """The world over threads."""
    world.transact = threaded(engine)
    world.again()
    yield world
    world.transact.close()


async def together(world, *works):
    """Each in a transaction of its own, all of them begun before any goes on (SQLite lets one in after the other)."""
    overlap = world.engine.dialect.name == "postgresql"
    gate = Barrier(len(works) if overlap else 1)

    def at_the_gate(work):
        def go(conn):
            gate.wait(timeout=20)
            return work(conn)

        return go

    return await asyncio.wait_for(asyncio.gather(*(world.transact(at_the_gate(work)) for work in works)), 60)


def order(key, *invoices, minor=12000):
    lines = tuple(Line(f"book:{number}", number, "1.0", Money(minor, "USD")) for number in invoices)
    return starts.Order(
        key, "chat", f"says {key}", Quote(lines, Method.CARD, "D", "94107"), "scripted", "https://x", {}
    )


def begin(world, wanted):
    return lambda conn: starts.begin(conn, wanted, world.at, world.chance.randbytes)


# --- one live payment


async def test_of_many_tabs_that_agree_at_once_one_pays(many):
    outcomes = await asyncio.gather(*(many.start(f"k{n}", chat=f"tab {n}") for n in range(AT_ONCE)))
    assert [type(outcome) for outcome in outcomes].count(Payment) == 1
    assert [type(outcome) for outcome in outcomes].count(Refused) == AT_ONCE - 1
    assert len(many.gateway.pages) == 1


async def test_of_starts_that_are_written_in_the_same_instant_one_is_written(many):
    for nth in range(ROUNDS):
        outcomes = await together(many, *(begin(many, order(f"{nth}.{n}", f"INV-{nth}")) for n in range(AT_ONCE)))
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Obstacle"] * (AT_ONCE - 1) + ["Payment"]
        assert starts.Obstacle(Objection.ALREADY_LIVE, f"book:INV-{nth}") in outcomes
    assert await many.rows("SELECT count(*), count(DISTINCT invoice) FROM payment_invoice") == [(ROUNDS, ROUNDS)]
    assert await many.rows("SELECT count(*) FROM consent") == [(ROUNDS,)]


async def test_two_customers_with_the_same_two_invoices_never_wait_for_each_other_crosswise(many):
    for nth in range(ROUNDS):
        pair = f"A-{nth}", f"B-{nth}"
        works = [begin(many, order(f"{nth}.{n}", *(pair if n % 2 else pair[::-1]))) for n in range(AT_ONCE)]
        outcomes = await together(many, *works)
        assert sum(isinstance(outcome, Payment) for outcome in outcomes) == 1


async def test_one_charge_by_many_workers_is_made_once(many):
    many.saves()
    outcomes = await asyncio.gather(*(many.charges() for _ in range(AT_ONCE)), return_exceptions=True)
    assert all(isinstance(outcome, Payment | Uncertain) for outcome in outcomes), outcomes
    assert len(many.gateway.charges) == 1
    assert (await many.charges()).state is S.SUCCEEDED


async def test_one_wish_by_many_workers_is_one_case(many):
    for nth in range(ROUNDS):
        wish = Wish("refund", "chat", "please", "dana", signed_in=True, invoice=f"book:INV-{nth}", number=f"INV-{nth}")
        opened = await together(
            many,
            *(
                lambda conn, n=n, wish=wish, nth=nth: open_request(conn, f"{nth}.{n // 2}", wish, many.at)
                for n in range(AT_ONCE)
            ),
        )
        assert len({each.case for each in opened}) == 1
    assert await many.rows("SELECT count(*) FROM handoff_case") == [(ROUNDS,)]


async def test_one_start_by_many_workers_is_one_payment(many):
    for nth in range(ROUNDS):
        outcomes = await together(many, *[begin(many, order(f"k{nth}", f"INV-{nth}"))] * AT_ONCE)
        assert len({outcome.reference for outcome in outcomes}) == 1
    assert await many.rows("SELECT count(*) FROM payment") == [(ROUNDS,)]


async def test_money_for_a_dead_payment_and_a_new_start_of_its_invoice_are_both_written(many):
    for nth in range(ROUNDS):
        dead = await many.transact(begin(many, order(f"dead{nth}", f"INV-{nth}")))
        await many.checkout.take([Fact(f"c{nth}", dead.reference, FactKind.CLOSED, many.at, dead.amount, Method.CARD)])
        paid = Fact(f"s{nth}", dead.reference, FactKind.SUCCEEDED, many.at, dead.amount, Method.CARD)
        _, begun = await together(
            many,
            lambda conn, paid=paid: facts.take(conn, "scripted", [paid], many.at),
            begin(many, order(f"new{nth}", f"INV-{nth}")),
        )
        assert (await many.checkout.view(dead.reference)).state is S.UNKNOWN
        held = await many.rows(f"SELECT payment FROM payment_invoice WHERE invoice = 'book:INV-{nth}' AND live")
        assert held == [(begun.reference if isinstance(begun, Payment) else dead.reference,)]


# --- facts


async def test_webhooks_that_arrive_together_move_a_payment_once(many):
    opened = await many.start()
    told = [many.gateway.happens(opened.reference, kind) for kind in (FactKind.PROCESSING, FactKind.SUCCEEDED)]
    await asyncio.gather(*(many.checkout.take([told[n % 2]]) for n in range(10)))
    assert (await many.checkout.view(opened.reference)).state is S.SUCCEEDED
    assert await many.transact(journal.trial_balance) == {"USD": {"clearing": 12000, "receivable": -12000}}
    jobs = [job for batch in await asyncio.gather(*(many.checkout.jobs(2) for _ in range(5))) for job in batch]
    assert len({job.id for job in jobs}) == len(jobs)


async def test_different_news_of_one_payment_in_the_same_instant_all_count(many):
    news = {
        FactKind.PROCESSING: {},
        FactKind.SUCCEEDED: {},
        FactKind.REFUNDED: {"amount": Money(5000, "USD"), "refund": "re_1"},
        FactKind.DISPUTED: {"amount": Money(7000, "USD")},
        FactKind.LOST: {"amount": Money(7000, "USD")},
    }
    for nth in range(ROUNDS):
        many.books.add(f"INV-{nth}")
        opened = await many.start(f"k{nth}", f"book:INV-{nth}")
        told = [many.gateway.happens(opened.reference, kind, **more) for kind, more in news.items()]
        await together(many, *(lambda conn, one=one: facts.take(conn, "scripted", [one], many.at) for one in told))
        assert (await many.checkout.view(opened.reference)).state is S.LOST
    totals = await many.transact(journal.trial_balance)
    given_back = {"clearing": ROUNDS * 5000, "disputes": 0, "receivable": 0, "refunds": -ROUNDS * 5000}
    assert totals == {"USD": given_back}


async def test_a_listing_and_webhooks_that_bring_the_same_facts_in_another_order_never_wait_for_each_other(many):
    opened = await many.start()
    told = [many.gateway.happens(opened.reference, FactKind.DECLINED) for _ in range(60)]
    both = (
        lambda conn: facts.take(conn, "scripted", told, many.at),
        lambda conn: facts.take(conn, "scripted", told[::-1], many.at),
    )
    await together(many, *both)
    assert await many.rows("SELECT count(*) FROM fact") == [(60,)]


# --- refunds


async def test_of_two_agents_who_refund_the_rest_at_once_one_does(many):
    for nth in range(ROUNDS):
        many.books.add(f"INV-{nth}")
        opened = await many.start(f"k{nth}", f"book:INV-{nth}")
        await many.reports(opened.reference, FactKind.SUCCEEDED)
        orders = [RefundOrder(f"{nth}.{n}", opened.reference, None, "agent") for n in range(AT_ONCE)]
        outcomes = await together(
            many, *(lambda conn, each=each: refunds.ask(conn, each, many.at, many.chance.randbytes) for each in orders)
        )
        assert sum(isinstance(outcome, Refund) for outcome in outcomes) == 1
        assert outcomes.count(NotRefundable.NOTHING_LEFT) == AT_ONCE - 1


async def test_one_refund_asked_by_two_impatient_tabs_is_one(many):
    opened = await many.start()
    await many.reports(opened.reference, FactKind.SUCCEEDED)
    same = RefundOrder("r1", opened.reference, Money(5000, "USD"), "agent")
    outcomes = await together(many, *[lambda conn: refunds.ask(conn, same, many.at, many.chance.randbytes)] * AT_ONCE)
    assert len({outcome.id for outcome in outcomes}) == 1


# --- leases


async def test_of_many_workers_one_gets_the_job_and_a_stalled_one_cannot_finish_it(many):
    await many.reports((await many.start()).reference, FactKind.PROCESSING)
    claims = await together(many, *[lambda conn: outbox.claim(conn, 5, many.at)] * AT_ONCE)
    (stalled,) = [job for batch in claims for job in batch]
    many.passes(seconds=61)
    claims = await together(many, *[lambda conn: outbox.claim(conn, 5, many.at)] * AT_ONCE)
    (taken,) = [job for batch in claims for job in batch]
    assert taken.fence == stalled.fence + 1
    finished = await together(
        many,
        lambda conn: outbox.finish(conn, stalled, many.at),
        lambda conn: outbox.postpone(conn, stalled, many.at),
        lambda conn: outbox.finish(conn, taken, many.at),
    )
    assert finished == [False, False, True]


async def test_of_many_workers_one_looks_at_a_payment_and_an_old_fence_opens_nothing(many):
    begun = await many.transact(begin(many, order("k", "INV-1042")))
    sends = await together(
        many, *[lambda conn: starts.send(conn, begun.reference, lambda _: "https://x", many.at)] * AT_ONCE
    )
    (stalled,) = [each for each in sends if isinstance(each, starts.Sending)]
    many.passes(seconds=ledger.LEASE.seconds + 1)
    fences = await together(many, *[lambda conn: ledger.look(conn, begun.reference, many.at)] * AT_ONCE)
    assert [fence for fence in fences if fence is not None] == [stalled.fence + 1]
    page = Page("p", "https://pay.example/p", many.at)
    assert await many.transact(lambda conn: starts.opened(conn, stalled, page, many.at)) is None
    assert (await many.checkout.view(begun.reference)).state is S.CONFIRMED


async def test_no_start_that_saw_the_switch_open_is_committed_after_the_pause(many):
    """Only PostgreSQL lets the two overlap."""
    if many.engine.dialect.name != "postgresql":
        assert await many.checkout.pause(True, "dana")
        return
    committed = []
    with many.engine.connect() as starting:
        begun = starting.begin()
        assert not pauses.is_paused(starting)
        pausing = asyncio.create_task(many.checkout.pause(True, "dana"))
        pausing.add_done_callback(lambda _: committed.append("pause"))
        await asyncio.sleep(0.2)
        committed.append("start")
        begun.commit()
    assert await asyncio.wait_for(pausing, 20)
    assert committed == ["start", "pause"]
    assert (await many.transact(begin(many, order("k", "INV-1042")))).objection is Objection.PAUSED


async def test_of_many_workers_one_makes_the_comparison_of_the_day(many):
    claims = await together(many, *[lambda conn: comparison._claim(conn, "scripted", many.at)] * AT_ONCE)
    assert sum(claim is not None for claim in claims) == 1
    many.passes(hours=2)  # it died
    claims = await together(many, *[lambda conn: comparison._claim(conn, "scripted", many.at)] * AT_ONCE)
    assert sum(claim is not None for claim in claims) == 1


# --- restarts


async def test_what_was_committed_is_there_after_a_restart(many):
    opened = await many.start()
    token = await many.checkout.share(opened.reference)
    many.transact.close()
    many.transact = threaded(many.engine)
    many.again()
    assert await many.checkout.latest("chat") == opened
    assert str(await many.checkout.follow(token)).startswith("https://pay.example/")
    assert opened.at - many.at < timedelta(milliseconds=1)  # of two moves in one instant


async def test_payments_of_one_invoice_that_are_judged_in_the_same_instant_claim_its_surplus_once(many):
    for nth in range(ROUNDS):
        invoice = many.books.add(f"INV-{nth}", 10000)
        quotes = [await many.quote(invoice.id, minor=minor) for minor in (6000, 4000)]
        paid = [await many.paid(f"k{nth}.{n}", quote=quote) for n, quote in enumerate(quotes)]
        await many.work()
        found = msgspec.structs.replace(await many.books.get(invoice.id), due=Money(-7000, "USD"))
        opened = await together(many, *[lambda conn, found=found: surplus.owe_back(conn, found, False, many.at)] * 4)
        assert sorted(len(each) for each in opened) == [0, 0, 0, 2]
        claims = await many.rows("SELECT payment, evidence FROM handoff_case WHERE invoice = :i", i=invoice.id)
        told = {reference: msgspec.json.decode(claim, type=Money).minor for reference, claim in claims}
        assert told == {paid[1].reference: 4000, paid[0].reference: 3000}
