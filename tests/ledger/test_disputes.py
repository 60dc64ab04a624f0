"""The customer's bank takes the money back and decides: the business hears of it, and the books follow the decision."""

import pytest

from services.model import Money, PaymentState
from services.payments import journal
from services.payments.cases import Trouble
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind

S = PaymentState
INVOICE = "book:INV-1042"
pytestmark = pytest.mark.usefixtures("audited")


async def due(world):
    return (await world.books.get(INVOICE)).due.minor


async def accounts(world):
    return (await world.transact(journal.trial_balance))["USD"]


async def test_a_disputed_sum_is_with_the_bank_and_a_person_is_called_once(world):
    paid = await world.paid()
    for _ in range(2):
        await world.reports(paid.reference, FactKind.DISPUTED)
    assert (await world.checkout.view(paid.reference)).state is S.DISPUTED
    assert await world.work() == [(S.DISPUTED, None)]
    assert await world.cases() == [(Trouble.DISPUTED, paid.reference)]
    assert await accounts(world) == {"clearing": 0, "disputes": 12000, "receivable": -12000}
    assert await due(world) == 0  # nobody owes it again until it is lost


async def test_a_dispute_that_is_won_brings_the_money_back(world):
    paid = await world.paid()
    await world.reports(paid.reference, FactKind.DISPUTED)
    won = await world.reports(paid.reference, FactKind.WON)
    assert won.state is S.WON
    assert await world.work() == [(S.DISPUTED, None), (S.WON, None)]
    assert await accounts(world) == {"clearing": 12000, "disputes": 0, "receivable": -12000}
    assert await due(world) == 0


async def test_a_dispute_that_is_lost_leaves_the_invoice_owed_again(world):
    paid = await world.paid()
    await world.reports(paid.reference, FactKind.DISPUTED)
    lost = await world.reports(paid.reference, FactKind.LOST)
    assert lost.state is S.LOST
    assert await world.work() == [(S.DISPUTED, None), (S.LOST, None)]
    assert await accounts(world) == {"clearing": 0, "disputes": 0, "receivable": 0}
    assert await due(world) == 12000
    assert [posting.kind for posting in world.books.postings.values()] == ["payment", "dispute"]
    assert (await world.start("k2")).state is S.OPEN


@pytest.mark.parametrize("end", [FactKind.WON, FactKind.LOST])
async def test_a_decision_that_overtakes_its_dispute_comes_to_the_same(world, end):
    paid = await world.paid()
    decided = await world.reports(paid.reference, end)
    books, postings = await accounts(world), len(await world.rows("SELECT id FROM outbox WHERE kind = 'post'"))
    assert await world.reports(paid.reference, FactKind.DISPUTED) == decided
    assert await accounts(world) == books
    assert len(await world.rows("SELECT id FROM outbox WHERE kind = 'post'")) == postings
    assert await world.cases() == [(Trouble.DISPUTED, paid.reference)]


async def test_only_a_part_is_disputed_and_the_rest_stays_paid(world):
    paid = await world.paid()
    for kind in (FactKind.DISPUTED, FactKind.LOST):
        await world.reports(paid.reference, kind, amount=Money(4000, "USD"))
    await world.work()
    assert await due(world) == 4000
    assert await accounts(world) == {"clearing": 8000, "disputes": 0, "receivable": -8000}


async def test_a_refund_and_a_dispute_of_the_same_money_cannot_both_be_true(world):
    paid = await world.paid()
    await world.reports(paid.reference, FactKind.REFUNDED, refund="re_1")
    doubtful = await world.reports(paid.reference, FactKind.DISPUTED)
    assert doubtful.state is S.UNKNOWN
    assert (Trouble.CONTRADICTION, paid.reference) in await world.cases()
    cleared = await world.reports(paid.reference, FactKind.WON)  # the business got what it had given back already
    assert cleared.state is S.REFUNDED
    await world.work()
    assert await due(world) == 12000


async def test_while_it_is_disputed_the_paid_invoice_is_not_asked_for_again(world):
    paid = await world.paid()
    await world.reports(paid.reference, FactKind.DISPUTED)
    assert isinstance(await world.start("k2", minor=12000), Refused)
