"""A page that another chat left open, and a yes that comes once more: what a lost conversation must not bring about."""

import pytest

from services.errors import Unavailable, Uncertain
from services.model import Bearer, Objection, PaymentState
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind

S = PaymentState
LINK = Bearer("book:INV-1042", "link")


async def test_one_yes_begins_one_payment_although_its_conversation_was_lost_in_between(world):
    world.books.add("INV-2")
    await world.start("k1")
    quote = await world.quote("book:INV-2")
    again = await world.checkout.start("k2", "chat", "says k1", Bearer("book:INV-2", "link"), quote)
    assert isinstance(again, Refused)
    assert again.objection is Objection.INVOICE_CHANGED
    assert len(world.gateway.pages) == 1


@pytest.mark.parametrize("doubt", [Unavailable("down"), Uncertain("slow")])
@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_left_page_is_not_taken_as_closed_without_the_gateways_word(world, doubt, where):
    left = await world.start("k1", chat="old phone")
    setattr(world.gateway, where, [doubt])
    with pytest.raises(type(doubt)):
        await world.checkout.close_left(LINK, "book:INV-1042")
    assert (await world.checkout.view(left.reference)).state is S.OPEN
    refused = await world.start("k2", chat="new phone")
    assert refused.objection is Objection.ALREADY_LIVE


async def test_a_left_page_that_was_paid_in_that_moment_holds_the_invoice_no_more_and_is_no_second_charge(world):
    left = await world.start("k1", chat="old phone")
    world.gateway.happens(left.reference, FactKind.SUCCEEDED)
    assert await world.checkout.close_left(LINK, "book:INV-1042")
    assert (await world.checkout.view(left.reference)).state is S.SUCCEEDED
    refused = await world.start("k2", chat="new phone")
    assert refused.objection is Objection.ALL_PROCESSING


@pytest.mark.parametrize("scope", [Bearer("book:INV-1042", "lookup"), Bearer("book:INV-2", "link")])
async def test_who_does_not_hold_the_invoices_own_link_closes_nothing(world, scope):
    left = await world.start("k1", chat="old phone")
    assert not await world.checkout.close_left(scope, "book:INV-1042")
    assert (await world.checkout.view(left.reference)).state is S.OPEN


async def test_a_start_that_ended_meanwhile_is_nothing_that_the_gateway_forgot(world):
    world.gateway.before = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start("k1")
    waiting = await world.checkout.latest("chat")
    world.passes(minutes=5)
    await world.checkout.look_at(waiting.reference, world.at)
    assert (await world.checkout.view(waiting.reference)).state is S.FAILED
    world.passes(minutes=5)
    await world.checkout.look_at(waiting.reference, world.at)
    assert await world.rows("SELECT reason FROM handoff_case") == []
