"""Money on its way back: never more than came, never twice, and nobody waits for it in silence."""

import msgspec
import pytest

from services.errors import Malformed, Unavailable, Uncertain
from services.model import Method, Money, PaymentState, Reason
from services.payments import journal
from services.payments.cases import Trouble
from services.payments.gateways.base import FactKind
from services.payments.reconcile import reconcile
from services.payments.refunds import NotRefundable, Refund, RefundState

S = PaymentState
INVOICE = "book:INV-1042"
pytestmark = pytest.mark.usefixtures("audited")


async def due(world, invoice=INVOICE):
    return (await world.books.get(invoice)).due.minor


async def state_of(world, refund):
    ((state,),) = await world.rows("SELECT state FROM refund WHERE id = :id", id=refund.id)
    return state


# --- how much


async def test_all_of_a_payment_goes_back_and_its_invoice_is_owed_again(world):
    paid = await world.paid()
    given = await world.refund(paid.reference)
    assert (given.state, given.amount) == (RefundState.DONE, Money(12000, "USD"))
    assert await world.work() == [(S.REFUNDED, None)]
    assert await due(world) == 12000
    assert (await world.checkout.view(paid.reference)).refunded == Money(12000, "USD")
    balance = await world.transact(journal.trial_balance)
    assert balance == {"USD": {"clearing": 12000, "receivable": 0, "refunds": -12000}}


async def test_two_parts_go_back_and_then_nothing_is_left(world):
    paid = await world.paid()
    await world.refund(paid.reference, 5000, "r1")
    assert await world.work() == [(S.PART_REFUNDED, None)]
    assert await due(world) == 5000
    await world.refund(paid.reference, 4000, "r2")
    assert await world.work() == [(S.PART_REFUNDED, None)]  # told again: more went back
    assert await world.refund(paid.reference, 3001, "r3") is NotRefundable.MORE_THAN_LEFT
    assert (await world.refund(paid.reference, None, "r4")).amount.minor == 3000
    assert await world.work() == [(S.REFUNDED, None)]
    assert await world.refund(paid.reference, 1, "r5") is NotRefundable.NOTHING_LEFT
    assert await due(world) == 12000


async def test_what_is_asked_for_and_not_done_yet_is_not_left(world):
    world.gateway.slow = True
    paid = await world.paid()
    assert (await world.refund(paid.reference, 7000, "r1")).state is RefundState.ASKED
    assert await world.refund(paid.reference, 5001, "r2") is NotRefundable.MORE_THAN_LEFT
    assert (await world.refund(paid.reference, None, "r3")).amount.minor == 5000
    assert await world.refund(paid.reference, None, "r4") is NotRefundable.NOTHING_LEFT
    assert len(world.gateway.refunds) == 2


@pytest.mark.parametrize(
    ("kinds", "method"),
    [
        ((), Method.CARD),
        ((FactKind.DECLINED,), Method.CARD),
        ((FactKind.PROCESSING,), Method.BANK),
        ((FactKind.PROCESSING, FactKind.FAILED), Method.BANK),
        ((FactKind.PROCESSING, FactKind.SUCCEEDED, FactKind.RETURNED), Method.BANK),
        ((FactKind.SUCCEEDED, FactKind.DISPUTED), Method.CARD),
        ((FactKind.SUCCEEDED, FactKind.DISPUTED, FactKind.LOST), Method.CARD),
        ((FactKind.CLOSED,), Method.CARD),
        ((FactKind.SUCCEEDED, FactKind.CLOSED), Method.CARD),
    ],
)
async def test_nothing_is_refunded_of_what_is_not_the_businesss_to_give(world, kinds, method):
    opened = await world.start(method=method)
    for kind in kinds:
        await world.reports(opened.reference, kind)
    assert await world.refund(opened.reference) is NotRefundable.NOTHING_LEFT
    assert world.gateway.refunds == {}


async def test_a_refund_of_no_payment_another_currency_or_nothing_is_not_begun(world):
    paid = await world.paid()
    assert await world.refund("RM-0000-0000") is NotRefundable.NO_PAYMENT
    assert await world.refund(paid.reference, 100, currency="EUR") is NotRefundable.WRONG_CURRENCY
    for minor in (0, -1):
        assert await world.refund(paid.reference, minor) is NotRefundable.NOT_POSITIVE
    assert await world.rows("SELECT count(*) FROM refund") == [(0,)]
    assert world.gateway.refunds == {}


async def test_a_won_dispute_leaves_its_money_to_be_refunded(world):
    paid = await world.paid()
    await world.reports(paid.reference, FactKind.DISPUTED)
    await world.reports(paid.reference, FactKind.WON)
    assert (await world.refund(paid.reference)).state is RefundState.DONE
    assert (await world.checkout.view(paid.reference)).state is S.REFUNDED


# --- once


async def test_the_same_refund_asked_twice_is_one(world):
    paid = await world.paid()
    first = await world.refund(paid.reference, 5000, "r1")
    again = await world.refund(paid.reference, 5000, "r1")
    assert again == first
    assert len(world.gateway.refunds) == 1
    assert await world.rows("SELECT count(*) FROM refund") == [(1,)]


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("error", [Uncertain("lost"), Unavailable("down"), Malformed("what?")])
async def test_a_refund_whose_answer_was_lost_is_asked_again_under_its_own_key(world, where, error):
    paid = await world.paid()
    setattr(world.gateway, where, [error])
    asked = await world.refund(paid.reference, 5000)
    assert asked.state is RefundState.ASKED
    assert await world.checkout.jobs(10) == []  # its time has not come
    world.passes(seconds=5)
    await world.work()
    assert await state_of(world, asked) == "done"
    ((key,),) = await world.rows("SELECT gateway_key FROM refund")
    assert list(world.gateway.refunds) == [key]


async def test_a_process_that_died_while_refunding_is_finished_by_another(world):
    paid = await world.paid()
    world.gateway.after = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await world.refund(paid.reference, 5000)
    world.again()
    assert await world.work() == []  # the dead one's lease still runs
    world.passes(seconds=61)
    assert await world.work() == [(S.PART_REFUNDED, None)]
    assert len(world.gateway.refunds) == 1


async def test_the_refunds_of_one_payment_are_sent_one_after_the_other(world):
    paid = await world.paid()
    world.gateway.before = [Unavailable("down")]
    await world.refund(paid.reference, 5000, "r1")
    second = await world.refund(paid.reference, 4000, "r2")  # a minute later, and the first is due before it
    assert second.state is RefundState.ASKED
    assert world.gateway.refunds == {}
    await world.work()
    assert [request.amount.minor for request in world.gateway.refunds.values()] == [5000, 4000]


# --- what the gateway makes of it


async def test_a_refund_that_the_gateway_refuses_is_a_persons_case_and_the_money_is_left(world):
    paid = await world.paid()
    world.gateway.refuses = "balance_too_low"
    refused = await world.refund(paid.reference, 5000)
    assert refused.state is RefundState.FAILED
    assert await world.cases() == [(Trouble.REFUND_FAILED, paid.reference)]
    assert await world.work() == []  # the customer was told of none
    world.gateway.refuses = ""
    assert (await world.refund(paid.reference, None, "r2")).amount.minor == 12000


@pytest.mark.parametrize("by", ["webhook", "reconciler"])
async def test_a_slow_refund_is_settled_by_the_gateways_word_alone(world, by):
    world.gateway.slow = True
    paid = await world.paid()
    asked = await world.refund(paid.reference, 5000)
    assert await world.work() == []
    assert (await world.checkout.view(paid.reference)).state is S.SUCCEEDED
    world.passes(days=3)
    told = world.gateway.happens(paid.reference, FactKind.REFUNDED, amount=Money(5000, "USD"), refund=asked.id)
    if by == "webhook":
        await world.checkout.take([told])
    else:
        assert await reconcile(world.checkout, world.at) == 1
    assert await state_of(world, asked) == "done"
    assert await world.work() == [(S.PART_REFUNDED, None)]
    world.passes(days=1)
    assert await reconcile(world.checkout, world.at) == 0  # nothing waits any more


async def test_a_refund_that_comes_back_days_later_is_the_businesss_again_and_a_persons_case(world):
    paid = await world.paid()
    given = await world.refund(paid.reference, 5000)
    await world.work()
    assert await due(world) == 5000
    world.passes(days=2)
    back = await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=given.amount, refund=given.id)
    assert (back.state, back.refunded_minor) == (S.SUCCEEDED, 0)
    (news,) = [job.payment for job in await world.checkout.jobs(10) if hasattr(job, "chat")]
    assert (news.state, news.refund_failed) == (S.SUCCEEDED, True)
    world.passes(seconds=61)
    await world.work()
    assert await due(world) == 0
    assert await state_of(world, given) == "failed"
    assert await world.cases() == [(Trouble.REFUND_FAILED, paid.reference)]
    balance = await world.transact(journal.trial_balance)
    assert balance == {"USD": {"clearing": 12000, "receivable": -12000, "refunds": 0}}
    assert (await world.refund(paid.reference, None, "r2")).amount.minor == 12000


async def test_a_slow_refund_that_fails_before_it_went_through_is_not_waited_for(world):
    world.gateway.slow = True
    paid = await world.paid()
    asked = await world.refund(paid.reference, 5000)
    world.passes(days=2)
    seen = await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=asked.amount, refund=asked.id)
    assert seen.state is S.SUCCEEDED
    assert await state_of(world, asked) == "failed"
    assert await world.cases() == [(Trouble.REFUND_FAILED, paid.reference)]
    world.passes(hours=2)
    assert await reconcile(world.checkout, world.at) == 0
    assert (await world.refund(paid.reference, None, "r2")).amount.minor == 12000  # all of it is left again


async def test_one_refund_that_fails_is_noticed_although_another_of_that_sum_went_through(world):
    world.gateway.slow = True
    paid = await world.paid()
    first, second = [await world.refund(paid.reference, 5000, key) for key in ("r1", "r2")]
    await world.reports(paid.reference, FactKind.REFUNDED, amount=first.amount, refund=first.id)
    told = [
        world.gateway.happens(paid.reference, kind, amount=each.amount, refund=each.id)
        for kind, each in ((FactKind.REFUND_FAILED, first), (FactKind.REFUNDED, second))
    ]
    seen = await world.checkout.view(paid.reference)
    await world.checkout.take(told)
    assert (await world.checkout.view(paid.reference)).refunded_minor == seen.refunded_minor == 5000
    assert (await state_of(world, first), await state_of(world, second)) == ("failed", "done")
    await world.work()
    assert await due(world) == 5000


async def test_a_debit_that_the_bank_returns_ends_the_refund_under_way(world):
    world.gateway.slow = True
    paid = await world.paid(method=Method.BANK)
    asked = await world.refund(paid.reference, 5000)
    await world.reports(paid.reference, FactKind.RETURNED, reason=Reason.NOT_AUTHORIZED)
    returned = await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=asked.amount, refund=asked.id)
    assert returned.state is S.RETURNED
    assert await state_of(world, asked) == "failed"
    assert await world.cases() == []  # the customer has the money, by the bank
    await world.work()
    assert await due(world) == 12000
    world.passes(days=1)
    assert await reconcile(world.checkout, world.at) == 0


@pytest.mark.parametrize("first", ["refund failed", "returned"])
async def test_a_refund_that_came_back_and_a_return_leave_nothing_behind_in_either_order(world, first):
    paid = await world.paid(method=Method.BANK)
    given = await world.refund(paid.reference, 5000)
    await world.work()
    failed = {"kind": FactKind.REFUND_FAILED, "amount": given.amount, "refund": given.id}
    returned = {"kind": FactKind.RETURNED}
    for fact in (failed, returned) if first == "refund failed" else (returned, failed):
        await world.reports(paid.reference, **fact)
    assert (await world.checkout.view(paid.reference)).state is S.RETURNED
    await world.work()
    assert await due(world) == 12000
    balance = await world.transact(journal.trial_balance)
    assert set(balance["USD"].values()) == {0}


async def test_a_refund_that_was_asked_for_too_long_ago_is_looked_up_and_never_sent_again(world):
    paid = await world.paid()
    world.gateway.before = [Uncertain("lost")]
    asked = await world.refund(paid.reference, 5000)
    world.passes(hours=20, seconds=1)
    assert await world.work() == []
    assert world.gateway.refunds == {}
    assert world.gateway.asked == [paid.reference]
    assert await world.cases() == [(Trouble.REFUND_UNSURE, paid.reference)]
    assert await state_of(world, asked) == "asked"
    assert await world.refund(paid.reference, None, "r2")  # what may have gone back is not left
    assert [request.amount.minor for request in world.gateway.refunds.values()] == [7000]


async def test_a_refund_that_nobody_was_sure_of_and_that_fails_is_a_case_of_its_own(world):
    paid = await world.paid()
    world.gateway.before = [Uncertain("lost")]
    asked = await world.refund(paid.reference, 5000)
    world.passes(hours=21)
    await world.work()
    await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=asked.amount, refund=asked.id)
    assert await world.cases() == [
        (Trouble.REFUND_UNSURE, paid.reference),
        (Trouble.REFUND_FAILED, paid.reference),
    ]


async def test_an_old_refund_that_went_through_unheard_is_found_and_nobody_is_called(world):
    paid = await world.paid()
    world.gateway.after = [Uncertain("lost")]
    asked = await world.refund(paid.reference, 5000)
    world.passes(hours=21)
    assert await world.work() == [(S.PART_REFUNDED, None)]
    assert await state_of(world, asked) == "done"
    assert await world.cases() == []
    assert len(world.gateway.refunds) == 1


async def test_a_refund_made_at_the_gateway_itself_is_entered_posted_and_told(world):
    paid = await world.paid()
    foreign = "re_" + "x" * 190
    seen = await world.reports(paid.reference, FactKind.REFUNDED, amount=Money(2000, "USD"), refund=foreign)
    assert (seen.state, seen.refunded_minor) == (S.PART_REFUNDED, 2000)
    assert await world.work() == [(S.PART_REFUNDED, None)]
    assert await due(world) == 2000
    assert await world.refund(paid.reference, 10001) is NotRefundable.MORE_THAN_LEFT
    assert await world.rows("SELECT count(*) FROM refund") == [(0,)]


# --- to the cent


async def test_of_several_invoices_the_last_is_owed_again_first(world):
    world.books.add("INV-1043", 3000)
    world.books.add("INV-1044", 1)
    ids = INVOICE, "book:INV-1043", "book:INV-1044"
    quote = await world.quote(*ids)
    assert quote.total.minor == 15001
    paid = await world.checkout.start("k", "chat", "m", world.signs_in(), quote)
    await world.reports(paid.reference, FactKind.SUCCEEDED)
    await world.work()
    steps = {1: [0, 0, 1], 2999: [0, 2999, 1], 2: [1, 3000, 1], 11999: [12000, 3000, 1]}
    for nth, (minor, owed) in enumerate(steps.items()):
        assert isinstance(await world.refund(paid.reference, minor, f"r{nth}"), Refund)
        await world.work()
        assert [await due(world, invoice) for invoice in ids] == owed


async def test_the_fee_goes_back_in_proportion_and_the_invoice_owes_only_the_rest(world):
    paid = await world.paid(fee=250, minor=10000)
    assert paid.amount.minor == 10250
    fees = []
    for nth, minor in enumerate((5125, 1, 4000, 1124)):
        await world.refund(paid.reference, minor, f"r{nth}")
        await world.work()
        balance = (await world.transact(journal.trial_balance))["USD"]
        fees.append(-balance["fees"])
        assert await due(world) == 12000 + balance["receivable"]  # books and journal, to the cent
    assert fees == [125, 125, 28, 0]
    assert await due(world) == 12000


async def test_a_fee_of_which_a_part_went_back_is_whole_again_when_the_refund_fails(world):
    paid = await world.paid(fee=250, minor=10000)
    given = await world.refund(paid.reference, 5125)
    await world.work()
    await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=given.amount, refund=given.id)
    await world.work()
    balance = (await world.transact(journal.trial_balance))["USD"]
    assert (balance["fees"], balance["receivable"], await due(world)) == (-250, -10000, 2000)


@pytest.mark.parametrize("refund_first", [True, False])
async def test_what_a_dispute_takes_and_a_refund_gives_share_the_fee_in_either_order(world, refund_first):
    paid = await world.paid(fee=250, minor=10000)
    refund = {"kind": FactKind.REFUNDED, "amount": Money(3000, "USD"), "refund": "re_1"}
    lost = {"kind": FactKind.LOST, "amount": Money(7250, "USD")}
    for fact in (refund, lost) if refund_first else (lost, refund):
        await world.reports(paid.reference, **fact)
    await world.work()
    balance = (await world.transact(journal.trial_balance))["USD"]
    assert (balance["fees"], balance["receivable"], await due(world)) == (0, 0, 12000)


@pytest.mark.parametrize("order", ["refund first", "return first", "in one delivery"])
async def test_a_return_in_full_after_a_refund_ends_the_payment_and_calls_for_what_the_customer_got_twice(world, order):
    if order == "refund first":
        paid = await world.paid(method=Method.BANK)
        await world.refund(paid.reference, 2000)
        await world.work()
        await world.reports(paid.reference, FactKind.RETURNED)
    else:
        paid = await world.start(method=Method.BANK)
        facts = [
            world.gateway.happens(paid.reference, FactKind.SUCCEEDED),
            world.gateway.happens(paid.reference, FactKind.RETURNED),
            world.gateway.happens(paid.reference, FactKind.REFUNDED, amount=Money(2000, "USD"), refund="re_1"),
        ]
        for told in [facts] if order == "in one delivery" else [[each] for each in facts]:
            await world.checkout.take(told)
    assert (await world.checkout.view(paid.reference)).state is S.RETURNED
    assert [state for state, _ in await world.work()].count(S.RETURNED) == 1
    assert await due(world) == 12000  # nothing was paid in the end
    assert await world.cases() == [(Trouble.REFUND_LOST, paid.reference)]
    ((evidence,),) = await world.rows("SELECT evidence FROM handoff_case")
    assert msgspec.json.decode(evidence, type=Money) == Money(2000, "USD")
    balance = {
        account: minor for account, minor in (await world.transact(journal.trial_balance))["USD"].items() if minor
    }
    assert balance == {"refunds": -2000, "claims": 2000}
    again = await world.start("k2", chat="other")
    assert again.state is S.OPEN  # and the invoice can be paid


async def test_a_refund_thought_lost_that_never_went_out_is_claimed_from_nobody(world):
    paid = await world.paid(method=Method.BANK)
    made = await world.refund(paid.reference, 2000)
    await world.work()
    await world.reports(paid.reference, FactKind.RETURNED)
    await world.reports(paid.reference, FactKind.REFUND_FAILED, amount=made.amount, refund=made.id)
    assert [state for state, _ in await world.work()] == [S.RETURNED]
    assert await world.cases() == []
    assert await due(world) == 12000
