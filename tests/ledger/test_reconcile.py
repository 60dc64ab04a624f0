import json
from datetime import timedelta

import pytest

from services.errors import Malformed, Unavailable, Uncertain
from services.model import Method, PaymentState, Reason
from services.payments.cases import Trouble
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind
from services.payments.reconcile import reconcile

S = PaymentState


async def lose_the_answer(world, where="after", key="k1", invoice="book:INV-1042"):
    setattr(world.gateway, where, [Uncertain("lost")])
    with pytest.raises(Uncertain):
        await world.start(key, invoice)
    return await world.checkout.latest("chat")


async def test_a_page_that_was_paid_while_no_webhook_came_is_found_hourly(world):
    opened = await world.start()
    world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    world.passes(minutes=10)
    assert await reconcile(world.checkout, world.at) == 0
    world.passes(minutes=55)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(opened.reference)).state is S.SUCCEEDED


async def test_a_page_past_its_end_is_asked_about_at_once(world):
    opened = await world.start()
    world.passes(minutes=30)
    world.gateway.happens(opened.reference, FactKind.EXPIRED)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(opened.reference)).reason is Reason.PAGE_EXPIRED
    assert await reconcile(world.checkout, world.at) == 0


async def test_what_is_processing_is_asked_about_every_hour(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.PROCESSING)
    world.passes(milliseconds=1)
    looks = 0
    for _ in range(12):
        world.passes(minutes=20)
        looks += await reconcile(world.checkout, world.at)
    assert looks == 4


async def test_what_hangs_is_asked_about_every_fifteen_seconds(world):
    await lose_the_answer(world)
    looks = []
    for _ in range(4):
        world.passes(seconds=8)
        looks.append(await reconcile(world.checkout, world.at))
    assert looks == [0, 1, 0, 1]


async def test_a_start_that_never_arrived_is_given_up_only_long_after_its_last_request(world):
    waiting = await lose_the_answer(world, "before")
    world.passes(seconds=60)
    await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(waiting.reference)).state is S.CONFIRMED
    await lose_the_answer(world, "before")  # sent once more: the wait begins again
    world.passes(seconds=90)
    await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(waiting.reference)).state is S.CONFIRMED
    world.passes(seconds=31)
    await reconcile(world.checkout, world.at)
    ended = await world.checkout.view(waiting.reference)
    assert (ended.state, ended.reason) == (S.FAILED, Reason.NEVER_OPENED)
    assert await world.work() == [(S.FAILED, Reason.NEVER_OPENED)]


async def test_a_request_that_arrives_after_it_was_given_up_charges_nobody(world):
    waiting = await lose_the_answer(world, "before")
    world.passes(minutes=3)
    await reconcile(world.checkout, world.at)
    sent = world.gateway.sent
    world.gateway.facts[waiting.reference] = []  # now it arrives and makes a page whose address nobody learns
    assert (await world.start("k1")).reason is Reason.NEVER_OPENED
    assert world.gateway.sent == sent
    assert (await world.start("k2")).state is S.OPEN
    await world.work()
    await world.checkout.take([])
    world.passes(minutes=31)
    expired = await world.reports(waiting.reference, FactKind.EXPIRED, **_of(waiting))
    assert (expired.state, expired.reason) == (S.FAILED, Reason.PAGE_EXPIRED)
    assert await world.work() == []


def _of(payment):
    return {"amount": payment.amount, "method": payment.method}


async def test_a_page_that_was_made_is_not_given_up_although_its_answer_was_lost(world):
    waiting = await lose_the_answer(world, "after")
    world.passes(minutes=10)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(waiting.reference)).state is S.CONFIRMED
    assert isinstance(await world.start("k2"), Refused)
    assert (await world.start("k1")).state is S.OPEN


async def test_the_reconciler_never_opens_a_page(world):
    await lose_the_answer(world)
    sent = world.gateway.sent
    for _ in range(10):
        world.passes(minutes=10)
        await reconcile(world.checkout, world.at)
    assert world.gateway.sent == sent


async def test_a_gateway_that_is_down_ends_the_pass_and_loses_no_turn(world):
    for n in range(10):
        world.books.add(f"INV-{n}")
        await world.start(f"k{n}", f"book:INV-{n}")
    world.passes(hours=2)
    world.gateway.before = [Unavailable("down")] * 8
    assert await reconcile(world.checkout, world.at) == 0
    assert len(world.gateway.asked) == 8  # as many as are asked about at once
    assert await reconcile(world.checkout, world.at) == 2
    assert len(set(world.gateway.asked)) == 10


@pytest.mark.parametrize("error", [Uncertain("slow"), Malformed("what?")])
async def test_one_answer_that_cannot_be_used_does_not_hold_up_the_others(world, error):
    for n in range(2):
        world.books.add(f"INV-{n}")
        await world.start(f"k{n}", f"book:INV-{n}")
    world.passes(hours=2)
    world.gateway.before = [error]
    assert await reconcile(world.checkout, world.at) == 1
    assert len(set(world.gateway.asked)) == 2


async def test_two_workers_do_not_look_at_the_same_payment(world):
    opened = await world.start()
    world.passes(hours=2)
    others = []

    class Slow(type(world.gateway)):
        async def find(self, reference):
            others.append(await reconcile(world.checkout, world.at + timedelta(seconds=1)))
            return await world.gateway.find(reference)

    checkout = world.checkout
    slow = Slow(world.now)
    world.again(gateway=slow)
    looking, world.checkout = world.checkout, checkout
    assert await reconcile(looking, world.at) == 1
    assert others == [0]
    assert world.gateway.asked == [opened.reference]


async def test_a_start_waits_while_its_payment_is_being_looked_up(world):
    await lose_the_answer(world)
    world.passes(seconds=20)

    class Slow(type(world.gateway)):
        async def find(self, reference):
            with pytest.raises(Uncertain, match="elsewhere"):
                await world.start("k1")
            return await super().find(reference)

    slow = Slow(world.now)
    vars(slow).update(vars(world.gateway))
    world.again(gateway=slow)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.start("k1")).state is S.OPEN


async def test_a_look_up_that_failed_holds_up_nobody(world):
    await lose_the_answer(world)
    world.passes(seconds=20)
    world.gateway.before = [Uncertain("slow")]
    assert await reconcile(world.checkout, world.at) == 0
    assert (await world.start("k1")).state is S.OPEN


async def test_doubt_that_the_gateway_cannot_clear_stays_doubt(world):
    opened = await world.start()
    await world.checkout.close("chat", opened.reference)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    world.passes(seconds=20)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(opened.reference)).state is S.UNKNOWN


# --- what a person has to decide


async def in_doubt(world):
    opened = await world.start()
    await world.checkout.close("chat", opened.reference)
    return await world.reports(opened.reference, FactKind.SUCCEEDED)


async def test_facts_that_contradict_each_other_are_a_persons_case_once_with_what_was_said(world):
    doubtful = await in_doubt(world)
    for _ in range(3):
        world.passes(seconds=20)
        await reconcile(world.checkout, world.at)
    ((payment, reason, chat, evidence),) = await world.rows("SELECT payment, reason, chat, evidence FROM handoff_case")
    assert (payment, reason, chat) == (doubtful.reference, Trouble.CONTRADICTION, "chat")
    assert [said["kind"] for said in json.loads(evidence)] == ["closed", "succeeded"]
    assert {said["amount"]["minor"] for said in json.loads(evidence)} == {12000}


async def test_a_doubt_without_news_is_asked_about_ever_more_rarely_until_something_moves(world):
    doubtful = await in_doubt(world)

    async def looks_in(minutes):
        world.passes(milliseconds=1)
        looks = 0
        for _ in range(minutes * 4):
            world.passes(seconds=15)
            looks += await reconcile(world.checkout, world.at)
        return looks

    assert await looks_in(5) == 20
    assert await looks_in(60) == 1
    await world.reports(doubtful.reference, FactKind.SUCCEEDED, last4="4242")
    assert await looks_in(5) == 20
    assert await looks_in(60) == 1


async def test_a_gateway_that_gives_no_answer_uses_up_nobodys_patience(world):
    waiting = await lose_the_answer(world)
    for _ in range(100):
        world.passes(seconds=15)
        world.gateway.before = [Unavailable("down")]
        assert await reconcile(world.checkout, world.at) == 0
    world.gateway.happens(waiting.reference, FactKind.SUCCEEDED)
    world.passes(seconds=15)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(waiting.reference)).state is S.SUCCEEDED


async def test_a_page_that_the_gateway_forgot_ends_only_after_its_own_end(world):
    opened = await world.start()
    world.gateway.facts.clear()
    world.passes(minutes=29)
    await world.checkout.refresh("chat", opened.reference)
    world.passes(minutes=2)
    assert await reconcile(world.checkout, world.at) == 1  # over by its clock; ours may be a little ahead
    assert (await world.checkout.view(opened.reference)).state is S.OPEN
    assert await world.cases() == []
    world.passes(minutes=1)
    await reconcile(world.checkout, world.at)
    ended = await world.checkout.view(opened.reference)
    assert (ended.state, ended.reason) == (S.FAILED, Reason.PAGE_EXPIRED)
    assert await world.cases() == [(Trouble.FORGOTTEN, opened.reference)]
    assert await world.work() == [(S.FAILED, Reason.PAGE_EXPIRED)]
    assert (await world.start("k2")).state is S.OPEN


async def test_money_under_way_that_the_gateway_forgot_stays_where_it_was_and_a_person_is_called_once(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.PROCESSING)
    world.gateway.facts.clear()
    for _ in range(3):
        world.passes(hours=2)
        assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(opened.reference)).state is S.PROCESSING
    assert await world.cases() == [(Trouble.FORGOTTEN, opened.reference)]
    assert await world.checkout.reserved("book:INV-1042") == 12000


async def test_a_page_that_waits_for_micro_deposits_is_asked_about_hourly_also_after_its_end(world):
    opened = await world.start(method=Method.BANK)
    verifying = await world.reports(opened.reference, FactKind.VERIFYING)
    assert (verifying.state, verifying.reason, verifying.declines) == (S.OPEN, Reason.MICRO_DEPOSITS, 0)
    world.passes(milliseconds=1)
    looks = 0
    for _ in range(24):
        world.passes(minutes=15)
        looks += await reconcile(world.checkout, world.at)
    assert looks == 6
    world.gateway.happens(opened.reference, FactKind.PROCESSING)
    world.passes(hours=1)
    await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(opened.reference)).state is S.PROCESSING
