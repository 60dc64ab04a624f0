"""Jobs that go through on no try: a person hears of it once, and they are tried on."""

import pytest

from services.errors import Malformed, Unavailable
from services.model import Money
from services.payments.cases import Trouble
from services.payments.checkout import PostJob, RefundJob, TellJob
from services.payments.gateways.base import FactKind
from services.payments.outbox import STUCK_AFTER

HOUR = 3600


async def one(world, kind):
    return next(job for job in await world.checkout.jobs(10) if isinstance(job, kind))


async def test_a_posting_that_the_books_refuse_is_a_persons_case_at_once_and_only_once(world):
    opened = await world.start()
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    world.books.failures = [Malformed("422"), Malformed("422")]
    for _ in range(2):
        post = await one(world, PostJob)
        with pytest.raises(Malformed):
            await world.checkout.post(post)
        assert await world.checkout.later(post, HOUR)
        world.passes(hours=1)
    assert await world.cases() == [(Trouble.NOT_POSTED, opened.reference)]
    assert await world.checkout.post(await one(world, PostJob))  # it was seen to


async def test_books_that_are_away_for_long_are_a_persons_case_and_for_a_moment_are_not(world):
    opened = await world.start()
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    for nth in range(STUCK_AFTER + 1):
        assert await world.cases() == ([] if nth < STUCK_AFTER else [(Trouble.NOT_POSTED, opened.reference)])
        world.books.failures = [Unavailable("down")]
        post = await one(world, PostJob)
        with pytest.raises(Unavailable):
            await world.checkout.post(post)
        await world.checkout.stuck(post)
        await world.checkout.later(post, HOUR)
        world.passes(hours=1)


@pytest.mark.parametrize(("kind", "trouble"), [(TellJob, Trouble.NOT_TOLD), (RefundJob, Trouble.REFUND_UNSURE)])
async def test_whatever_goes_through_on_no_try_is_a_persons_case(world, kind, trouble):
    paid = await world.paid()
    world.gateway.before = [Unavailable("down")]
    await world.refund(paid.reference, 2000)
    if kind is TellJob:
        await world.reports(paid.reference, FactKind.REFUNDED, amount=Money(100, "USD"), refund="re_2")
    world.passes(hours=1)
    for _ in range(STUCK_AFTER + 1):
        job = await one(world, kind)
        await world.checkout.stuck(job)
        await world.checkout.later(job, HOUR)
        world.passes(hours=1)
    assert await world.cases() == [(trouble, paid.reference)]
