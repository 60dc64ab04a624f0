"""Starts that are taken up again, refused by the gateway, or called off: what was payable then may not be so now."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import update

from services.errors import Malformed, Rejected, Unavailable, Uncertain
from services.http import PAUSES, TIMEOUT
from services.model import Bearer, InvoiceState, Objection, Payment, PaymentState, Reason
from services.payments import ledger, starts
from services.payments.cases import Trouble, open_cases
from services.payments.gateways.base import FactKind
from services.payments.reconcile import reconcile
from services.schema import outbox

S = PaymentState
INVOICE = "book:INV-1042"
NO = Rejected("the payment processor says no: status 401")


async def lost(world, where):
    """A start whose answer never came: `before` its request arrived, or `after` the page was made."""
    setattr(world.gateway, where, [Uncertain("lost")])
    with pytest.raises(Uncertain):
        await world.start()
    return (await world.checkout.latest("chat")).reference


async def begun(world):
    """A start that was written down by a process that died before it sent anything."""
    quote = await world.quote(INVOICE)
    order = starts.Order("k1", "chat", "says k1", quote, world.gateway.name, "https://chat.example/back", {})
    made = await world.transact(lambda conn: starts.begin(conn, order, world.at, world.chance.randbytes))
    assert isinstance(made, Payment)
    return made.reference


def void(world):
    world.books.invoices[INVOICE] = msgspec.structs.replace(world.books.invoices[INVOICE], state=InvoiceState.VOID)


# --- taken up again


async def test_a_start_that_never_arrived_is_not_sent_again_for_an_invoice_that_was_voided_since(world):
    reference = await lost(world, "before")
    void(world)
    world.passes(hours=19)
    refused = await world.checkout.resume("chat", reference)
    assert (refused.objection, refused.invoice.state) == (Objection.VOID, InvoiceState.VOID)
    assert world.gateway.sent == 1
    ended = await world.checkout.view(reference)
    assert (ended.state, ended.reason) == (S.FAILED, Reason.NEVER_OPENED)


async def test_a_start_taken_up_while_the_business_is_paused_opens_no_page(world):
    reference = await lost(world, "before")
    await world.checkout.pause(True, "dana")
    world.passes(minutes=3)
    assert (await world.checkout.resume("chat", reference)).objection is Objection.PAUSED
    assert world.gateway.sent == 1
    await world.checkout.pause(False, "dana")
    assert (await world.start("k2")).state is S.OPEN


async def test_the_same_effect_tried_again_hours_later_is_judged_like_any_other(world):
    quote = await world.quote(INVOICE)
    world.gateway.before = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start(quote=quote)
    world.books.add("INV-1042", minor=9000)
    world.books.invoices[INVOICE] = msgspec.structs.replace(world.books.invoices[INVOICE], version="2")
    world.passes(hours=2)
    assert (await world.start(quote=quote)).objection is Objection.INVOICE_CHANGED
    assert world.gateway.sent == 1


async def test_a_page_that_was_made_for_what_is_no_longer_payable_is_learnt_and_closed(world):
    reference = await lost(world, "after")
    void(world)
    world.passes(minutes=5)
    assert (await world.checkout.resume("chat", reference)).objection is Objection.VOID
    assert [told.kind for told in world.gateway.facts[reference]] == [FactKind.CLOSED]
    assert len(world.gateway.pages) == 1
    assert (await world.checkout.view(reference)).reason is Reason.PAGE_CLOSED


async def test_a_start_that_was_paid_meanwhile_is_paid_and_not_refused(world):
    reference = await lost(world, "after")
    world.gateway.happens(reference, FactKind.SUCCEEDED)
    await world.checkout.pause(True, "dana")
    world.passes(minutes=5)
    assert (await world.checkout.resume("chat", reference)).state is S.SUCCEEDED


async def test_without_the_gateways_word_a_start_that_is_no_longer_payable_stays_in_doubt(world):
    reference = await lost(world, "before")
    void(world)
    world.passes(minutes=5)
    world.gateway.before = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.checkout.resume("chat", reference)
    assert (await world.checkout.view(reference)).state is S.CONFIRMED
    assert (await world.checkout.resume("chat", reference)).objection is Objection.VOID


async def test_what_was_surely_never_sent_is_canceled_and_the_gateway_is_not_bothered(world):
    reference = await begun(world)
    await world.checkout.pause(True, "dana")
    assert (await world.checkout.resume("chat", reference)).objection is Objection.PAUSED
    assert (await world.checkout.view(reference)).state is S.CANCELED
    assert (world.gateway.sent, world.gateway.asked) == (0, [])


async def test_what_was_never_sent_and_is_still_payable_goes_on(world):
    reference = await begun(world)
    world.passes(hours=3)
    assert (await world.checkout.resume("chat", reference)).state is S.OPEN


async def test_a_request_of_a_moment_ago_follows_without_another_judgement(world):
    reference = await lost(world, "after")
    await world.checkout.pause(True, "dana")
    world.passes(seconds=90)
    assert (await world.checkout.resume("chat", reference)).state is S.OPEN


async def test_closing_what_was_never_sent_makes_no_page_to_close(world):
    reference = await begun(world)
    assert (await world.checkout.close("chat", reference)).state is S.CANCELED
    assert world.gateway.sent == 0
    assert (await world.start("k2")).state is S.OPEN


async def test_closing_a_start_that_never_arrived_makes_no_page_once_its_request_is_old(world):
    reference = await lost(world, "before")
    world.passes(minutes=3)
    assert (await world.checkout.close("chat", reference)).reason is Reason.NEVER_OPENED
    assert world.gateway.sent == 1


# --- a gateway that refuses


async def tries(world, minutes, error):
    """The same start, every 15 s, while no page is made; its answer, if one comes."""

    async def refuse(_request, _key):
        world.gateway.sent += 1
        raise error

    world.gateway.open_page = refuse
    quote = await world.quote(INVOICE)
    for _ in range(minutes * 4):
        try:
            return await world.checkout.start("k1", "chat", "says k1", Bearer(INVOICE, "link"), quote)
        except (Malformed, Uncertain):
            world.passes(seconds=15)
    return None


async def test_a_gateway_that_says_no_made_nothing_and_the_invoice_is_free_at_once(world):
    world.gateway.before = [NO]
    with pytest.raises(Rejected):
        await world.start("k1")
    assert (await world.checkout.latest("chat")).state is S.CANCELED
    assert (await world.start("k2")).state is S.OPEN


async def test_a_gateway_that_says_no_for_ever_is_asked_for_ten_minutes(world):
    assert await tries(world, 9, NO) is None
    ended = await tries(world, 2, NO)
    assert ended.state is S.CANCELED
    assert world.gateway.sent == 41
    assert await world.cases() == [(Trouble.GATEWAY_REFUSES, ended.reference)]


async def test_a_revoked_key_is_one_case_a_day_and_not_one_for_every_customer(world):
    for n in range(3):
        world.books.add(f"INV-{n}")
        world.gateway.before = [NO]
        with pytest.raises(Rejected):
            await world.start(f"k{n}", f"book:INV-{n}")
    (case,) = await world.transact(open_cases)
    assert "status 401" in case.summary
    world.passes(days=1)
    world.gateway.before = [NO]
    with pytest.raises(Rejected):
        await world.start("k9")
    assert len(await world.cases()) == 2


async def test_a_no_after_a_lost_answer_says_nothing_of_the_request_before_it(world):
    reference = await lost(world, "after")
    world.gateway.before = [NO]
    with pytest.raises(Rejected):
        await world.start()
    assert (await world.checkout.view(reference)).state is S.CONFIRMED
    assert (await world.start("k2")).objection is Objection.ALREADY_LIVE


async def test_answers_that_nobody_can_read_end_when_the_gateway_never_heard_of_the_payment(world):
    assert await tries(world, 11, Malformed("what?")) is None
    ended = await tries(world, 2, Malformed("what?"))
    assert (ended.state, ended.reason) == (S.FAILED, Reason.NEVER_OPENED)
    assert world.gateway.sent <= 42


async def test_requests_that_surely_failed_do_not_put_off_the_end_of_one_that_may_have_arrived(world):
    reference = await lost(world, "before")
    for _ in range(4):
        world.passes(seconds=29)
        world.gateway.before = [Unavailable("down")]
        with pytest.raises(Unavailable):
            await world.start()
    world.passes(seconds=20)  # over two minutes after the first, and seconds after the last
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(reference)).reason is Reason.NEVER_OPENED


# --- leases, and a clock that was set back


async def test_a_lease_outlasts_the_longest_call_to_the_gateway():
    longest = (len(PAUSES) + 1) * (TIMEOUT.connect + TIMEOUT.read) + sum(PAUSES)
    assert timedelta(seconds=longest) < ledger.LEASE


async def test_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(world):
    reference = await begun(world)
    assert await world.transact(lambda conn: ledger.claim(conn, reference, world.at)) is not None
    world.passes(minutes=-1)
    assert await world.transact(lambda conn: ledger.claim(conn, reference, world.at)) is None
    world.passes(hours=-2)
    assert await world.transact(lambda conn: ledger.claim(conn, reference, world.at)) is not None


async def test_a_payment_that_was_looked_at_in_the_future_is_looked_at_again(world):
    opened = await world.start()
    world.passes(hours=2)
    assert await reconcile(world.checkout, world.at) == 1
    world.passes(hours=-6)
    assert await reconcile(world.checkout, world.at) == 1
    assert world.gateway.asked == [opened.reference] * 2
    assert await reconcile(world.checkout, world.at) == 0


async def test_a_job_that_was_leased_in_the_future_is_done_all_the_same(world):
    opened = await world.start()
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert len(await world.checkout.jobs(10)) == 2
    assert await world.checkout.jobs(10) == []
    await world.transact(lambda conn: conn.execute(update(outbox).values(due_at=0)))
    world.passes(hours=-2)
    assert len(await world.checkout.jobs(10)) == 2
