"""Once a day the whole ledger is held against the gateway and the books: what webhooks missed is found, both ways."""

import json
from datetime import timedelta

import msgspec
import pytest

from services.errors import Unavailable, Uncertain
from services.model import Method, Money, PaymentState
from services.payments import comparison
from services.payments import facts as word
from services.payments.cases import Trouble
from services.payments.comparison import LOOKS_BACK, OVERLAP, compare_daily
from services.payments.gateways.base import FactKind

S = PaymentState
pytestmark = pytest.mark.usefixtures("audited")


class ReadsOnly:
    """The gateway to somebody who may only ask; ``since`` is what it was asked for."""

    def __init__(self, gateway):
        self.gateway, self.since_when, self.meanwhile = gateway, [], None
        self.name = gateway.name

    async def find(self, reference):
        return await self.gateway.find(reference)

    async def since(self, at, after):
        if not after:
            self.since_when.append(at)
        if self.meanwhile is not None:
            hook, self.meanwhile = self.meanwhile, None
            await hook()
        return await self.gateway.since(at, after)


@pytest.fixture
def reading(world) -> ReadsOnly:
    return ReadsOnly(world.gateway)


@pytest.fixture
def compare(world, reading):
    """Makes a comparison by a worker whose gateway answers questions and does nothing else."""

    async def made(*, days=0, **passes):
        world.passes(days=days, **passes)
        acting = world.checkout
        world.again(gateway=reading)
        asking, world.checkout = world.checkout, acting
        return await compare_daily(asking, world.at)

    return made


async def test_a_payment_of_which_no_webhook_told_is_found(world, compare):
    opened = await world.start()
    world.gateway.happens(opened.reference, FactKind.DECLINED)
    world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    report = await compare(hours=1)
    assert (report.listed, report.news, report.unknown, report.forgotten) == (2, 2, (), ())
    assert (await world.checkout.view(opened.reference)).state is S.SUCCEEDED
    await world.work()
    again = await compare(days=1)
    assert (again.listed, again.news) == (2, 0)
    assert await world.work() == []


async def test_a_payment_at_another_till_is_a_persons_case_once(world, compare):
    await world.paid()
    known = {"amount": Money(700, "USD"), "method": Method.CARD}
    told = world.gateway.happens("TILL-77", FactKind.SUCCEEDED, **known)
    for day in range(3):
        report = await compare(days=1 if day else 0)
        assert report.unknown == (() if day else ("TILL-77",))
    ((reason, evidence),) = await world.rows("SELECT reason, evidence FROM handoff_case")
    assert reason == Trouble.UNKNOWN_PAYMENT
    (seen,) = json.loads(evidence)
    assert (seen["id"], seen["kind"], seen["amount"]) == (told.id, "succeeded", {"minor": 700, "currency": "USD"})
    assert await world.rows("SELECT count(*) FROM payment") == [(1,)]


async def test_a_fact_that_was_parked_counts_once_its_payment_is_known(world, compare):
    opened = await world.start()
    paid = world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    await world.transact(lambda conn: word._store(conn, "scripted", paid, world.at))  # came before there was a payment
    assert (await world.checkout.view(opened.reference)).state is S.OPEN
    report = await compare()
    assert (report.listed, report.news) == (1, 0)
    assert (await world.checkout.view(opened.reference)).state is S.SUCCEEDED


async def test_a_payment_that_the_gateway_does_not_know_is_a_persons_case_once(world, compare):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.PROCESSING)
    kept = world.gateway.facts.pop(opened.reference)
    assert (await compare()).forgotten == (opened.reference,)
    assert (await compare(days=1)).forgotten == (opened.reference,)
    assert await world.cases() == [(Trouble.FORGOTTEN, opened.reference)]
    assert (await world.checkout.view(opened.reference)).state is S.PROCESSING
    world.gateway.facts[opened.reference] = kept


async def test_one_day_is_compared_once(world, compare, reading):
    await world.paid()
    assert await compare() is not None
    assert await compare(hours=11) is None  # 23:01 UTC
    assert await compare(hours=1) is not None
    assert len(reading.since_when) == 2


async def test_two_workers_make_one_comparison(world, compare, reading):
    await world.paid()
    others = []

    async def other():
        others.append(await compare_daily(world.checkout, world.at))

    reading.meanwhile = other
    assert await compare() is not None
    assert others == [None]


async def test_a_comparison_whose_worker_died_is_taken_up_after_its_lease(world, compare, reading):
    await world.paid()

    async def power_cut():
        raise KeyboardInterrupt

    reading.meanwhile = power_cut
    with pytest.raises(KeyboardInterrupt):
        await compare()
    assert await compare(minutes=59) is None
    assert await compare(minutes=1) is not None
    assert await compare() is None
    assert len(await world.rows("SELECT day FROM comparison WHERE ended_at IS NOT NULL")) == 1


@pytest.mark.parametrize("error", [Unavailable("down"), Uncertain("slow")])
async def test_a_gateway_that_goes_away_in_the_middle_is_asked_again_and_nothing_is_forgotten(world, compare, error):
    references = []
    for nth in range(3):
        world.books.add(f"INV-{nth}")
        references.append((await world.start(f"k{nth}", f"book:INV-{nth}")).reference)
        world.passes(seconds=1)
        world.gateway.happens(references[-1], FactKind.SUCCEEDED)
    world.gateway.before = [None, error]  # the first batch comes, two facts of three
    with pytest.raises(type(error)):
        await compare()
    states = [(await world.checkout.view(reference)).state for reference in references]
    assert states == [S.SUCCEEDED, S.SUCCEEDED, S.OPEN]
    report = await compare(hours=1)
    assert (report.listed, report.news) == (3, 1)
    assert (await world.checkout.view(references[-1])).state is S.SUCCEEDED


async def test_one_question_without_an_answer_is_reported_and_asked_the_next_day(world, compare):
    quiet = await world.start()  # nothing happened on its page: it stands in no listing
    world.books.add("INV-2")
    paid = await world.paid("k2", invoice="book:INV-2")
    world.gateway.before = [None, None, Uncertain("slow")]
    assert (await compare()).listed == 1

    async def away():
        raise Unavailable("the books are away")

    world.gateway.before = [None, Uncertain("slow")]
    world.books.while_read = away
    assert (await compare(days=1)).unanswered == (quiet.reference, paid.reference)
    assert (await compare(days=1)).unanswered == ()


async def test_a_comparison_begins_where_the_last_one_did_and_a_little_before(world, compare, reading):
    assert (await compare()).listed == 0
    assert reading.since_when == [world.at - OVERLAP]  # nothing of before this ledger is its business
    began = world.at
    world.passes(days=9)  # nobody was there for a while
    await world.paid()
    assert (await compare()).listed == 1
    assert reading.since_when[-1] == began - OVERLAP


async def test_the_first_comparison_goes_back_to_the_first_payment_and_never_beyond_the_time_of_returns(
    world, compare, reading
):
    began = world.at
    await world.paid()
    await compare(days=30)
    assert reading.since_when == [began - OVERLAP]
    await world.rows("DELETE FROM comparison RETURNING day")
    await compare(days=60)
    assert reading.since_when[-1] == world.at - LOOKS_BACK
    assert timedelta(days=60) < LOOKS_BACK


async def test_what_a_comparison_saw_is_kept(world, compare):
    await world.paid()
    report = await compare()
    ((written,),) = await world.rows("SELECT report FROM comparison")
    assert msgspec.json.decode(written, type=type(report)) == report


async def test_a_pile_of_payments_of_another_till_is_read_in_pieces_and_once(world, compare, monkeypatch):
    monkeypatch.setattr(comparison, "_PIECE", 3)
    known = {"amount": Money(700, "USD"), "method": Method.CARD}
    tills = tuple(f"TILL-{nth}" for nth in range(7))
    for till in tills:
        world.gateway.happens(till, FactKind.SUCCEEDED, **known)
    assert (await compare()).unknown == tills
    assert len(await world.cases()) == 7
    world.gateway.happens("TILL-7", FactKind.SUCCEEDED, **known)
    assert (await compare(days=1)).unknown == ("TILL-7",)


async def test_a_refund_without_word_for_ten_days_is_a_persons_case_once(world, compare):
    world.gateway.slow = True
    paid = await world.paid()
    made = await world.refund(paid.reference, 5000)
    await compare(days=9)
    assert await world.cases() == []
    for _ in range(3):
        await compare(days=1)
    assert await world.cases() == [(Trouble.REFUND_UNSURE, paid.reference)]
    settled = await world.reports(paid.reference, FactKind.REFUNDED, amount=made.amount, refund=made.id)
    assert settled.state is S.PART_REFUNDED
