"""A scope that was true once: after its time, after signing out, after a change of address, and copied into another chat.

What is asked with it is answered as for a customer who does not exist, and changes nothing. Copied into another chat, as
when a conversation moves to another channel, it may read, and charges no saved method.
"""

from datetime import timedelta

import msgspec
import pytest

from bot.channels.base import Inbound
from dialogs.model import (
    AutopayOf,
    DetailsOf,
    EditMethod,
    InvoicesOf,
    MethodsOf,
    NotSaved,
    OneInvoice,
    OpenRequest,
    OwnInvoice,
    PaymentsOf,
    Refused,
    Remember,
    RequestsOf,
    SaveDetails,
    SendCode,
    SendReceipt,
    SetAutopay,
    SignOut,
    StartPayment,
)
from services.model import Customer, Method, Money, Objection, Payment, Revision, Terms
from tests.scope.test_look_ups_and_effects import alike, outcome
from tests.scope.town import NOTHING, Goods, Town


async def _its_time_is_over(town: Town, scope: Customer) -> Customer:
    town.world.clock.at = scope.until
    return scope


async def _signed_out_everywhere(town: Town, scope: Customer) -> Customer:
    await town.world.remit.visitors.sign_out(scope, "web:elsewhere", everywhere=True)
    return scope


async def _the_address_was_changed(town: Town, scope: Customer) -> Customer:
    say, mail = town.world.say, town.world.mail
    town.world.clock.advance(seconds=30)  # what is written was not read in the same instant
    for text in ("/pick detail email", "dana@example.org", "yes"):
        await say("web:dana", text)
    await say("web:dana", mail.code("dana.whitfield@example.com"))
    await say("web:dana", mail.code("dana@example.org"))
    assert town.world.sandbox.portal.customers["dana"].email == "dana@example.org"
    return scope


async def _its_browser_signed_out(town: Town, scope: Customer) -> Customer:
    """The sign-in of another chat, which began with the browser that is signed out here and nowhere else."""
    found = await town.world.remit.visitors.by_browser(town.goods["dana"].browser, "web:thief")
    assert found is not None
    assert await town.world.remit.visitors.holds(found[0])
    await town.world.remit.visitors.sign_out(scope, "web:dana")
    return found[0]


async def _the_word_of_the_page_is_over(town: Town, scope: Customer) -> Customer:
    page = town.world.remit.visitors.scope(scope.id, "web:page", "page", scope.proved_at)
    town.world.clock.advance(hours=1)
    return page


ENDS = [
    _its_time_is_over,
    _signed_out_everywhere,
    _the_address_was_changed,
    _its_browser_signed_out,
    _the_word_of_the_page_is_over,
]


def asked(scope: Customer, goods: Goods) -> list[object]:
    return [
        OneInvoice(scope, goods.invoice),
        OwnInvoice(scope, goods.number),
        InvoicesOf(scope),
        DetailsOf(scope),
        MethodsOf(scope),
        AutopayOf(scope),
        PaymentsOf(scope),
        RequestsOf(scope, "web:thief"),
    ]


def terms(goods: Goods) -> Terms:
    """What may be authorised with the method of these goods."""
    return Terms(goods.method, Method.CARD, "visa", "4242", Money(10000, "USD"), 0)


def tried(scope: Customer, goods: Goods) -> list[object]:
    return [
        StartPayment(scope, goods.quote()),
        StartPayment(scope, goods.quote(goods.method)),
        SendCode("", "old_address", scope),
        SaveDetails(scope, Revision(zip="00000")),
        SaveDetails(scope, Revision(email=goods.email)),
        EditMethod(scope, "remove", goods.method),
        SetAutopay(scope, "agree", terms(goods)),
        SetAutopay(scope, "leave"),
        OpenRequest(scope, "refund", "why", payment=goods.payment),
        SendReceipt(scope, goods.payment),
        Remember(scope),
    ]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
async def test_a_scope_that_is_over_reads_and_changes_nothing(town: Town, end):
    scope = await town.scope("dana")
    assert isinstance(scope, Customer)
    over, goods = await end(town, scope), town.goods["dana"]
    nobody = msgspec.structs.replace(over, id=NOTHING.customer)
    await _signed_out_everywhere(town, nobody)
    hands = town.world.remit.runtime._hands
    fresh = town.world.remit.visitors.scope(scope.id, "web:fresh", "code", town.world.clock() + timedelta(seconds=1))
    await town.world.remit.postman.drain()
    before, letters = await town.dump(), len(town.world.mail.letters)
    for theirs, nothing in zip(asked(over, goods), asked(nobody, NOTHING), strict=True):
        assert await hands.look_up(theirs) == await hands.look_up(nothing), theirs
    for n, (theirs, nothing) in enumerate(zip(tried(over, goods), tried(nobody, NOTHING), strict=True)):
        town.world.clock.advance(seconds=30)
        told = await outcome(hands.perform(f"over/{n}", "web:thief", f"t{n}", "", theirs))
        town.world.clock.advance(seconds=30)
        same = await outcome(hands.perform(f"nobody/{n}", "web:thief", f"n{n}", "", nothing))
        assert alike(told, goods) == alike(same, goods), theirs
        assert await town.dump() == before, theirs
    await town.world.remit.postman.drain()
    assert len(town.world.mail.letters) == letters
    await hands.perform("over/out", "web:thief", "out", "", SignOut(over, everywhere=True))
    assert await town.world.remit.visitors.holds(fresh), "who is not there any more signs nobody out"


async def test_a_scope_in_another_chat_reads_and_pays_and_charges_no_saved_method(town: Town):
    scope, goods, hands = await town.scope("dana"), town.goods["dana"], town.world.remit.runtime._hands
    assert isinstance(scope, Customer)
    assert await hands.look_up(DetailsOf(scope)) == town.world.sandbox.portal.customers["dana"].details()
    before = await town.dump()
    refused = await hands.perform("e/1/0", "web:moved", "m1", "", StartPayment(scope, goods.quote(goods.method)))
    assert refused == Refused(Objection.PROVE_AGAIN)
    await hands.perform("e/2/0", "web:moved", "m2", "", Remember(scope))
    assert await town.world.remit.visitors.browser_token(scope, "web:moved") is None
    assert await town.dump() == before
    paid = await hands.perform("e/3/0", "web:moved", "m3", "", StartPayment(scope, goods.quote()))
    assert isinstance(paid, Payment)
    assert paid.method is Method.CARD
    assert [page.order.customer for page in town.world.sandbox.processor._payments][-1] == "", "a card is kept here"


async def test_the_word_of_the_page_charges_nothing_and_is_not_remembered(town: Town):
    visitors, goods, hands = town.world.remit.visitors, town.goods["dana"], town.world.remit.runtime._hands
    page = visitors.scope(goods.customer, "web:page", "page", town.world.clock())
    assert await hands.look_up(MethodsOf(page)) == await hands.look_up(MethodsOf(await town.scope("dana")))
    before = await town.dump()
    order = StartPayment(page, goods.quote(goods.method))
    assert await hands.perform("e/1/0", "web:page", "m1", "", order) == Refused(Objection.PROVE_AGAIN)
    await hands.perform("e/2/0", "web:page", "m2", "", Remember(page))
    moved = SaveDetails(page, Revision(email="thief@example.com"))
    assert await hands.perform("e/3/0", "web:page", "m3", "", moved) == NotSaved()
    assert await town.dump() == before


async def test_who_is_signed_out_in_a_chat_is_a_stranger_there(town: Town):
    await town.world.say("web:dana", "/cancel")
    await town.world.say("web:dana", "/sign-out")
    for text in ("/invoices", "/methods", "/details", "/history"):
        messages = await town.world.say("web:dana", text)
        assert "know that it's you" in messages[-2].text, messages
        await town.world.say("web:dana", "/cancel")
    assert await town.world.remit.visitors.by_browser(town.goods["dana"].browser, "web:later") is None


async def test_who_changes_the_address_in_a_remembered_browser_stays_signed_in_there_alone(town: Town):
    remit, say, mail = town.world.remit, town.world.say, town.world.mail
    inbound = Inbound("web:again", "begin", "/start", browser=town.goods["dana"].browser)
    assert "Dana" in (await remit.runtime.handle(inbound))[0].text
    for text in ("/pick detail email", "dana@example.org", "yes"):
        town.world.clock.advance(seconds=30)
        await say("web:again", text)
    await say("web:again", mail.code("dana.whitfield@example.com"))
    assert "Done" in (await say("web:again", mail.code("dana@example.org")))[0].text
    town.world.clock.advance(seconds=30)
    assert "dana@example.org" in " ".join(each.text for each in await say("web:again", "/details"))
    assert "over" in (await say("web:dana", "/details"))[0].text
