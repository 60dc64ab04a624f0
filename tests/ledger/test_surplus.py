"""The invoice changes between the customer's yes and the money: nothing of it stays silent, and nothing is said twice."""

import msgspec
import pytest

from services.errors import Unavailable
from services.invoices.base import Posting
from services.model import InvoiceState, Method, Money, Objection, Rules
from services.payments.cases import Trouble
from services.payments.checkout import PostJob, TellJob
from services.payments.comparison import compare_daily
from services.payments.gateways.base import FactKind

INVOICE = "book:INV-1042"
pytestmark = pytest.mark.usefixtures("audited")


def elsewhere(world, minor=12000, key="cheque"):
    paid = Posting(key, INVOICE, "CHEQUE-1", "payment", Money(minor, "USD"), world.at)
    world.books.postings[key] = paid


def change(world, invoice=INVOICE, **columns):
    world.books.invoices[invoice] = msgspec.structs.replace(world.books.invoices[invoice], **columns)


async def news(world) -> list[int]:
    """Do what is due; the surplus of everything that was told."""
    told = []
    while jobs := await world.checkout.jobs(10):
        for job in jobs:
            if isinstance(job, PostJob):
                await world.checkout.post(job)
            else:
                assert isinstance(job, TellJob)
                told.append(job.payment.surplus_minor)
                await world.checkout.done(job)
    return told


@pytest.mark.parametrize(
    ("how", "surplus"),
    [
        (elsewhere, 12000),
        (lambda world: elsewhere(world, 2000), 2000),
        (lambda world: change(world, state=InvoiceState.VOID), 12000),
        (lambda world: change(world, total=Money(9000, "USD"), version="2"), 3000),
    ],
    ids=["paid elsewhere", "partly paid elsewhere", "voided", "lowered"],
)
@pytest.mark.parametrize("when", ["before the posting", "days later"])
async def test_what_was_not_owed_any_more_is_a_persons_case_and_the_customer_is_told_once(world, how, surplus, when):
    opened = await world.start()
    if when == "before the posting":
        how(world)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    told = await news(world)
    if when == "days later":
        assert told == [0]
        world.passes(days=3)
        how(world)
        report = await compare_daily(world.checkout, world.at)
        assert report.overpaid == (opened.reference,)
        told += await news(world)
    assert told == [0, surplus]
    ((reason, invoice, evidence),) = await world.rows("SELECT reason, invoice, evidence FROM handoff_case")
    assert (reason, invoice) == (Trouble.OVERPAID, INVOICE)
    assert msgspec.json.decode(evidence, type=Money) == Money(surplus, "USD")
    for _ in range(2):
        world.passes(days=1)
        await compare_daily(world.checkout, world.at)
    assert await news(world) == []
    assert len(await world.cases()) == 1


async def test_the_surplus_goes_back_and_is_not_missed_again(world):
    opened = await world.start()
    elsewhere(world, 2000)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    await news(world)
    await world.refund(opened.reference, 2000)
    await news(world)
    assert (await world.books.get(INVOICE)).due.minor == 0
    world.passes(days=1)
    assert (await compare_daily(world.checkout, world.at)).overpaid == ()


async def test_before_the_money_moves_the_customer_is_asked_again(world):
    quote = await world.quote(INVOICE)
    elsewhere(world, 2000)
    assert (await world.start(quote=quote)).objection is Objection.INVOICE_CHANGED
    assert world.gateway.sent == 0


async def test_where_more_may_be_paid_than_is_owed_nobody_is_called(world):
    world.again(rules=Rules(overpay=True))
    opened = await world.start(minor=15000)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    world.passes(days=1)
    assert await news(world) == [0]
    assert (await compare_daily(world.checkout, world.at)).overpaid == ()
    assert await world.cases() == []


async def test_a_posting_whose_second_look_at_the_books_fails_is_made_again_and_the_case_opened_once(world):
    opened = await world.start()
    elsewhere(world)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    (post,) = [job for job in await world.checkout.jobs(10) if isinstance(job, PostJob)]

    async def away():
        raise Unavailable("down")

    world.books.while_read = away
    with pytest.raises(Unavailable):
        await world.checkout.post(post)
    assert await world.cases() == []
    assert await world.checkout.post(post)
    assert not await world.checkout.post(post)
    assert len(await world.cases()) == 1
    assert len(world.books.postings) == 2


async def test_the_longest_name_of_an_invoice_has_room_in_the_case_and_in_the_news(world):
    number = "N" * 107
    world.books.add(number)
    invoice = f"book:{number}"
    opened = await world.start(invoice=invoice)
    change(world, invoice, state=InvoiceState.VOID)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert await news(world) == [0, 12000]
    assert await world.rows("SELECT invoice FROM handoff_case") == [(invoice,)]


async def test_of_two_payments_of_one_invoice_the_last_was_too_much(world):
    first = await world.paid("k1", minor=7000)
    second = await world.paid("k2")
    world.passes(days=1)
    change(world, total=Money(11000, "USD"), version="2")
    assert (await compare_daily(world.checkout, world.at)).overpaid == (second.reference,)
    assert first.reference != second.reference


@pytest.mark.parametrize(
    ("how", "surplus"),
    [(elsewhere, 7000), (lambda world: change(world, state=InvoiceState.VOID), 7000)],
    ids=["paid elsewhere", "voided"],
)
async def test_a_payment_of_which_a_part_went_back_is_watched_like_any_other(world, how, surplus):
    paid = await world.paid()
    await world.refund(paid.reference, 5000)  # out of kindness
    await world.work()
    how(world)
    world.passes(days=1)
    assert (await compare_daily(world.checkout, world.at)).overpaid == (paid.reference,)
    assert await news(world) == [surplus]
    await world.refund(paid.reference, surplus, "r2")
    await world.work()
    world.passes(days=1)
    assert (await compare_daily(world.checkout, world.at)).overpaid == ()


async def test_a_dispute_that_was_won_does_not_hide_that_the_invoice_was_paid_twice(world):
    paid = await world.paid()
    for kind in (FactKind.DISPUTED, FactKind.WON):
        await world.reports(paid.reference, kind)
    await world.work()
    elsewhere(world, 3000)
    world.passes(days=1)
    assert (await compare_daily(world.checkout, world.at)).overpaid == (paid.reference,)
    assert await news(world) == [3000]


@pytest.mark.parametrize(
    ("how", "surpluses"),
    [
        (lambda world: change(world, state=InvoiceState.VOID), [5000, 7000]),
        (lambda world: change(world, total=Money(4000, "USD"), version="2"), [5000, 3000]),
        (lambda world: change(world, total=Money(7001, "USD"), version="2"), [4999]),
    ],
    ids=["voided", "lowered by more than the last payment", "lowered by less"],
)
async def test_of_several_payments_on_one_invoice_each_is_given_back_as_far_as_it_was_too_much(world, how, surpluses):
    payments = [await world.paid("k1", minor=7000), await world.paid("k2")]
    how(world)
    world.passes(days=1)
    found = (await compare_daily(world.checkout, world.at)).overpaid
    assert found == tuple(paid.reference for paid in payments[::-1])[: len(surpluses)]
    assert await news(world) == surpluses


async def test_two_payments_that_come_in_side_by_side_do_not_claim_the_same_surplus_twice(world):
    world.books.add("INV-1042", 10000)
    references = [(await world.start("k1", minor=6000, method=Method.BANK)).reference]
    await world.reports(references[0], FactKind.PROCESSING)
    references.append((await world.start("k2", minor=4000)).reference)
    for reference in references:
        await world.reports(reference, FactKind.SUCCEEDED)
    change(world, total=Money(4000, "USD"))  # the customer also sent a cheque over 60
    posts = [job for job in await world.checkout.jobs(10) if isinstance(job, PostJob)]
    for post in posts:
        await world.books.record(post.posting)  # both are in the books before either is judged
    for post in posts:
        await world.checkout.post(post)
    claims = await world.rows("SELECT evidence FROM handoff_case")
    assert sum(msgspec.json.decode(claim, type=Money).minor for (claim,) in claims) == 6000
    world.passes(minutes=2)  # so long the news were leased
    assert sum(await news(world)) == 6000
    world.passes(days=1)
    assert (await compare_daily(world.checkout, world.at)).overpaid == ()


async def test_a_surplus_that_grows_is_told_again_by_what_it_grew(world):
    paid = await world.paid()
    for total, surplus in ((11000, 1000), (11000, None), (9000, 2000), (9000, None)):
        change(world, total=Money(total, "USD"), version=str(total))
        world.passes(days=1)
        found = (await compare_daily(world.checkout, world.at)).overpaid
        assert found == (() if surplus is None else (paid.reference,))
        assert await news(world) == ([] if surplus is None else [surplus])
    change(world, state=InvoiceState.VOID)
    world.passes(days=1)
    await compare_daily(world.checkout, world.at)
    assert await news(world) == [9000]


async def test_a_surplus_that_was_given_back_does_not_hide_the_next_one(world):
    paid = await world.paid()
    for total, key in ((10000, "r1"), (8000, "r2")):
        change(world, total=Money(total, "USD"), version=str(total))
        world.passes(days=1)
        assert (await compare_daily(world.checkout, world.at)).overpaid == (paid.reference,)
        assert await news(world) == [2000]
        await world.refund(paid.reference, 2000, key)
        await news(world)
    assert len(await world.cases()) == 2


async def test_a_payment_that_the_bank_took_back_before_it_was_posted_is_not_called_too_much(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    await world.reports(opened.reference, FactKind.RETURNED)
    change(world, state=InvoiceState.VOID)
    assert await news(world) == [0, 0]
    assert await world.cases() == []


async def test_where_more_may_be_paid_than_is_owed_a_void_invoice_still_owes_nothing(world):
    world.again(rules=Rules(overpay=True))
    opened = await world.start()
    change(world, state=InvoiceState.VOID)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert await news(world) == [0, 12000]
    assert await world.cases() == [(Trouble.OVERPAID, opened.reference)]
