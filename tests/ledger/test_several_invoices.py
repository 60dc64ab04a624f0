"""One payment of several invoices: all of one customer, each to the cent, and what goes back taken from the last first."""

import pytest
from msgspec.structs import replace

from services.invoices.base import Posting
from services.model import Bearer, InvoiceState, Line, Method, Money, Objection, Payment, PaymentState, Quote
from services.payments.checkout import Refused
from services.payments.comparison import compare_daily
from services.payments.gateways.base import FactKind

S = PaymentState
FIRST, SECOND, THIRD = "book:INV-1042", "book:INV-2", "book:INV-3"

pytestmark = pytest.mark.usefixtures("audited")


@pytest.fixture
def three(world):
    world.books.add("INV-2", 3000)
    world.books.add("INV-3", 700)
    return world


def change(world, invoice, **columns):
    world.books.invoices[invoice] = replace(world.books.invoices[invoice], **columns)


async def pays(world, *ids, key="k1", method=Method.CARD, quote=None):
    quote = quote or await world.quote(*ids, method=method)
    return await world.checkout.start(key, "chat", f"says {key}", world.signs_in(), quote)


async def due(world, *ids):
    return [(await world.books.get(i)).due.minor for i in ids]


async def test_each_invoice_is_paid_what_was_agreed_for_it(three):
    quote = await three.quote(THIRD, FIRST, SECOND)
    parts = {THIRD: 700, FIRST: 1, SECOND: 2999}
    quote = replace(quote, lines=tuple(replace(line, amount=Money(parts[line.invoice], "USD")) for line in quote.lines))
    paid = await pays(three, quote=quote)
    await three.reports(paid.reference, FactKind.SUCCEEDED)
    await three.work()
    assert dict(zip(paid.invoices, paid.parts, strict=True)) == parts
    assert await due(three, FIRST, SECOND, THIRD) == [11999, 1, 0]


@pytest.mark.parametrize("held", [FIRST, SECOND, THIRD])
async def test_of_several_the_one_that_is_held_is_named(three, held):
    other = await three.start("other", held, chat="another")
    refused = await pays(three, FIRST, SECOND, THIRD)
    assert (refused.objection, refused.invoice.id) == (Objection.ALREADY_LIVE, held)
    await three.checkout.close("another", other.reference)
    assert (await pays(three, FIRST, SECOND, THIRD)).state is S.OPEN


@pytest.mark.parametrize(
    ("how", "objection"),
    [
        ({"state": InvoiceState.VOID}, Objection.VOID),
        ({"version": "2"}, Objection.INVOICE_CHANGED),
        ({"total": Money(100, "USD")}, Objection.ABOVE_DUE),
    ],
)
async def test_of_several_the_one_that_cannot_be_paid_is_named(three, how, objection):
    quote = await three.quote(FIRST, SECOND, THIRD)
    change(three, SECOND, **how)
    refused = await pays(three, quote=quote)
    assert (refused.objection, refused.invoice.id) == (objection, SECOND)
    assert await three.rows("SELECT count(*) FROM payment") == [(0,)]


async def test_the_least_that_may_be_paid_is_asked_of_the_payment_as_a_whole(three):
    quote = await three.quote(FIRST, SECOND)
    for minors, objection in (((499, 1), None), ((100, 399), Objection.BELOW_MINIMUM)):
        lines = [replace(line, amount=Money(n, "USD")) for line, n in zip(quote.lines, minors, strict=True)]
        outcome = await pays(three, key=f"k{minors}", quote=replace(quote, lines=tuple(lines)))
        assert (outcome.objection if isinstance(outcome, Refused) else None) is objection
        if isinstance(outcome, Payment):
            await three.checkout.close("chat", outcome.reference)


async def test_two_customers_invoices_are_never_paid_together(three):
    three.books.add("EVE-1", customer="eve")
    for ids in ((FIRST, "book:EVE-1"), ("book:EVE-1", FIRST)):
        assert await pays(three, *ids) == Refused(Objection.NOT_YOURS)
    link = await three.checkout.start("k", "chat", "m", Bearer(FIRST, "link"), await three.quote(FIRST, SECOND))
    assert link == Refused(Objection.NOT_YOURS)


async def test_what_is_processing_is_held_on_each_and_given_free_on_each_if_it_fails(three):
    paid = await pays(three, FIRST, THIRD, method=Method.BANK)
    await three.reports(paid.reference, FactKind.PROCESSING)
    held = await three.checkout.holdings([FIRST, SECOND, THIRD])
    assert {invoice: each.reserved for invoice, each in held.items()} == {FIRST: 12000, THIRD: 700}
    await three.reports(paid.reference, FactKind.FAILED)
    held = await three.checkout.holdings([FIRST, SECOND, THIRD])
    assert {each.reserved for each in held.values()} == {0}
    assert (await pays(three, FIRST, SECOND, THIRD, key="k2")).state is S.OPEN


async def test_a_return_opens_all_of_them_again(three):
    paid = await pays(three, FIRST, SECOND, method=Method.BANK)
    await three.reports(paid.reference, FactKind.SUCCEEDED)
    await three.work()
    assert await due(three, FIRST, SECOND) == [0, 0]
    await three.reports(paid.reference, FactKind.RETURNED)
    await three.work()
    assert await due(three, FIRST, SECOND) == [12000, 3000]


@pytest.mark.parametrize(
    ("refunds", "owed"),
    [([600], [0, 0, 600]), ([700, 100], [0, 100, 700]), ([3700, 1], [1, 3000, 700]), ([15700], [12000, 3000, 700])],
)
async def test_what_goes_back_is_taken_from_the_last_invoice_first(three, refunds, owed):
    paid = await pays(three, THIRD, FIRST, SECOND)
    await three.reports(paid.reference, FactKind.SUCCEEDED)
    await three.work()
    for n, minor in enumerate(refunds):
        await three.refund(paid.reference, minor, f"r{n}")
        await three.work()
    assert await due(three, FIRST, SECOND, THIRD) == owed


async def test_a_dispute_that_is_lost_after_a_refund_takes_back_what_is_left_of_each(three):
    paid = await pays(three, FIRST, SECOND, THIRD)
    await three.reports(paid.reference, FactKind.SUCCEEDED)
    await three.refund(paid.reference, 1000)
    rest = Money(14700, "USD")
    for kind in (FactKind.DISPUTED, FactKind.LOST):
        await three.reports(paid.reference, kind, amount=rest)
    await three.work()
    assert await due(three, FIRST, SECOND, THIRD) == [12000, 3000, 700]


async def test_a_surplus_on_one_of_them_is_that_ones_alone(three):
    paid = await pays(three, FIRST, SECOND)
    three.books.postings["cheque"] = Posting("cheque", SECOND, "CHEQUE", "payment", Money(1000, "USD"), three.at)
    await three.reports(paid.reference, FactKind.SUCCEEDED)
    await three.work()
    assert await three.rows("SELECT invoice, payment FROM handoff_case") == [(SECOND, paid.reference)]
    three.passes(days=1)
    assert (await compare_daily(three.checkout, three.at)).overpaid == ()


async def test_closing_the_page_frees_all_of_them(three):
    paid = await pays(three, FIRST, SECOND, THIRD)
    assert await three.checkout.close_left(three.signs_in(), SECOND)
    assert (await three.checkout.view(paid.reference)).state is S.FAILED
    for n, invoice in enumerate((FIRST, SECOND, THIRD)):
        assert (await three.start(f"k{n + 5}", invoice)).state is S.OPEN


async def test_a_customer_closes_the_page_left_open_on_their_own_invoices_and_on_no_others(three):
    three.books.add("EVE-1", customer="eve")
    theirs = await three.start("k1", "book:EVE-1", chat="eve's")
    mine = await three.start("k2", FIRST, chat="old phone")
    scope = three.signs_in(chat="new phone")
    assert not await three.checkout.close_left(scope, "book:EVE-1")
    assert (await three.checkout.view(theirs.reference)).state is S.OPEN
    assert await three.checkout.close_left(scope, FIRST)
    assert (await three.checkout.view(mine.reference)).state is S.FAILED
    await three.start("k3", FIRST, chat="old phone")
    three.signed_out.add("dana")
    assert not await three.checkout.close_left(scope, FIRST)


# --- too many declines


async def declines(world, invoice, times, key, chat="chat"):
    opened = await world.start(key, invoice, chat=chat)
    for _ in range(times):
        await world.reports(opened.reference, FactKind.DECLINED)
    return (await world.checkout.close(chat, opened.reference)).reference


async def test_after_eight_declines_in_a_day_no_page_is_opened_any_more(three):
    await declines(three, FIRST, 7, "k1")
    opened = await three.start("k2")
    assert opened.state is S.OPEN
    await three.reports(opened.reference, FactKind.DECLINED)
    await three.reports(opened.reference, FactKind.VERIFYING)
    seen = await three.checkout.close("chat", opened.reference)
    assert seen.declines == 1
    refused = await three.start("k3")
    assert (refused.objection, refused.invoice.id) == (Objection.TOO_MANY_DECLINES, FIRST)
    three.passes(hours=24, seconds=1)
    assert (await three.start("k3")).state is S.OPEN


@pytest.mark.parametrize(
    ("invoice", "chat", "customer"),
    [("book:OTHER", "chat", "eve"), ("book:OTHER", "another", "dana"), (FIRST, "another", "dana")],
    ids=["the same chat", "the same customer", "the same invoice"],
)
async def test_declines_count_for_the_chat_the_customer_and_the_invoice(three, invoice, chat, customer):
    three.books.add("OTHER", customer=customer)
    await declines(three, FIRST, 8, "k1")
    assert (await three.start("k2", invoice, chat=chat)).objection is Objection.TOO_MANY_DECLINES


async def test_the_declines_of_others_count_for_nobody_else(three):
    three.books.add("OTHER", customer="eve")
    await declines(three, FIRST, 8, "k1")
    assert (await three.start("k2", "book:OTHER", chat="another")).state is S.OPEN


async def test_a_saved_method_is_not_tried_either(three):
    three.saves()
    await declines(three, FIRST, 8, "k1", chat="somewhere")
    assert (await three.charges("k2", SECOND)).objection is Objection.TOO_MANY_DECLINES
    assert three.gateway.charged == 0


def test_the_quote_of_a_saved_method_is_another_quote():
    line = Line(FIRST, "INV-1042", "1", Money(1, "USD"))
    digests = {Quote((line,), Method.CARD, "", "", saved=saved).digest() for saved in ("", "pm_1", "pm_2")}
    assert len(digests) == 3
