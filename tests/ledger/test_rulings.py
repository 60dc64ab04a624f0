"""Facts that cannot all be true, and the way out: a person's word, until another fact comes."""

import pytest

from services.model import Method, Money, Objection, PaymentState
from services.payments import facts, journal
from services.payments.cases import Trouble
from services.payments.comparison import compare_daily
from services.payments.gateways.base import FactKind
from services.payments.rulings import RULINGS, Ruling

S, K = PaymentState, FactKind
INVOICE = "book:INV-1042"
pytestmark = pytest.mark.usefixtures("audited_rulings")


@pytest.fixture
async def audited_rulings(world):
    """After the test: the journal balances, and says of what is owed what was or will be posted."""
    yield
    (sums,) = await world.rows("SELECT coalesce(sum(amount_minor), 0) FROM journal")
    assert sums == (0,)
    await world.work()
    owed = await world.rows("SELECT coalesce(sum(amount_minor), 0) FROM journal WHERE account = 'receivable'")
    assert owed == [(-sum(posting.amount.minor for posting in world.books.postings.values()),)]


async def settle(world, reference, state) -> bool:
    made = Ruling(reference, state, "dana", "seen at the gateway")
    return await world.transact(lambda conn: facts.settle(conn, made, world.at))


async def accounts(world) -> dict[str, int]:
    balance = await world.transact(journal.trial_balance)
    return {account: minor for account, minor in balance.get("USD", {}).items() if minor}


PAID = {"clearing": 12000, "receivable": -12000}
STORIES = {
    "closed and paid": (K.CLOSED, K.SUCCEEDED),
    "paid and closed": (K.SUCCEEDED, K.CLOSED),
    "returned and disputed": (K.SUCCEEDED, K.RETURNED, K.DISPUTED),
    "won and lost": (K.SUCCEEDED, K.DISPUTED, K.LOST, K.WON),
    "lost after it was won": (K.SUCCEEDED, K.DISPUTED, K.WON, K.LOST),
    "more refunded than paid": (K.SUCCEEDED, K.REFUNDED, K.REFUNDED),
    "refunded and disputed": (K.SUCCEEDED, K.REFUNDED, K.DISPUTED),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("ruled", RULINGS)
async def test_out_of_every_contradiction_a_persons_word_leads_and_journal_books_and_chat_follow(world, story, ruled):
    paid = await world.start()
    for kind in story:
        await world.reports(paid.reference, kind)
        await world.work()
    assert (await world.checkout.view(paid.reference)).state is S.UNKNOWN
    assert (await world.start("k2")).objection in (Objection.ALREADY_LIVE, Objection.ALREADY_PAID)
    world.passes(hours=1)
    assert await settle(world, paid.reference, ruled)
    assert (await world.checkout.view(paid.reference)).state is ruled
    assert [state for state, _ in await world.work()] == [ruled]
    here = ruled is S.SUCCEEDED
    assert await accounts(world) == (PAID if here else {})
    assert (await world.books.get(INVOICE)).due.minor == (0 if here else 12000)
    assert Trouble.CONTRADICTION not in [reason for reason, _ in await world.cases()]
    assert await world.rows("SELECT live, reserved FROM payment_invoice") == [(False, False)]
    assert not await settle(world, paid.reference, ruled)  # nothing is in doubt any more
    world.passes(days=1)
    await compare_daily(world.checkout, world.at)  # the gateway says the same again
    assert (await world.checkout.view(paid.reference)).state is ruled
    if not here:
        assert (await world.start("k3", chat="other")).state is S.OPEN


async def test_a_ruling_ends_with_the_next_fact_and_what_it_brought_about_is_taken_back(world):
    paid = await world.start(method=Method.BANK)
    for kind in (K.PROCESSING, K.EXPIRED):
        await world.reports(paid.reference, kind)
    assert await settle(world, paid.reference, S.SUCCEEDED)
    await world.work()
    assert await accounts(world) == PAID
    failed = await world.reports(paid.reference, K.FAILED)  # now the facts agree with each other
    assert failed.state is S.FAILED
    assert [state for state, _ in await world.work()] == [S.FAILED]
    assert await accounts(world) == {}
    assert (await world.books.get(INVOICE)).due.minor == 12000


async def test_another_contradiction_calls_a_person_again_who_may_rule_otherwise(world):
    paid = await world.start()
    for kind in (K.CLOSED, K.SUCCEEDED):
        await world.reports(paid.reference, kind)
    await settle(world, paid.reference, S.SUCCEEDED)
    doubtful = await world.reports(paid.reference, K.EXPIRED)
    assert doubtful.state is S.UNKNOWN
    assert await world.cases() == [(Trouble.CONTRADICTION, paid.reference)]
    assert await settle(world, paid.reference, S.FAILED)
    await world.work()
    assert await accounts(world) == {}
    assert (await world.books.get(INVOICE)).due.minor == 12000
    assert [row[0] for row in await world.rows("SELECT state FROM ruling ORDER BY id")] == [S.SUCCEEDED, S.FAILED]


async def test_only_what_is_in_doubt_is_a_persons_to_decide(world):
    assert not await settle(world, "RM-AAAA-AAAA", S.FAILED)
    opened = await world.start()
    assert not await settle(world, opened.reference, S.FAILED)
    paid = await world.reports(opened.reference, K.SUCCEEDED)
    assert not await settle(world, paid.reference, S.RETURNED)
    assert (await world.checkout.view(paid.reference)).state is S.SUCCEEDED
    assert await world.rows("SELECT count(*) FROM ruling") == [(0,)]


async def test_a_ruling_does_not_tell_of_a_refund_that_failed(world):
    paid = await world.paid()
    await world.refund(paid.reference, 2000)
    await world.work()
    await world.reports(paid.reference, K.REFUNDED, amount=Money(11000, "USD"), refund="re_2")
    await world.work()
    await settle(world, paid.reference, S.SUCCEEDED)
    (job,) = [job for job in await world.checkout.jobs(10) if hasattr(job, "payment")]
    assert (job.payment.state, job.payment.refund_failed) == (S.SUCCEEDED, False)
    await world.checkout.done(job)
    world.passes(minutes=2)
