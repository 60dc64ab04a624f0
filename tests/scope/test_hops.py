"""Whoever follows a link that moves a chat, and is not who asked for it: what they are told, can ask for, and can do.

The link of everybody's chat is tried; the most that it may be worth is the pay link of the one invoice in hand.
"""

import pytest
from world import World

from bot.stores.base import Message
from services.model import Customer
from tests.scope.town import MAILS, NAMES, OPEN, PAID, Town, shown

THIEF = "telegram:666"
ASKED = [
    *(
        "what do I owe?",
        "show all my invoices",
        "my saved cards",
        "what is my address on file?",
        "my payments",
        "and my refund?",
    ),
    *(
        "/repeat",
        "/invoices",
        "/methods",
        "/details",
        "/history",
        "/requests",
        "/status",
        "/receipt",
        "/saved",
        "/pay all",
        "yes",
    ),
    *("/cancel", "/undo", "undo that", "/pay", "/method card", "yes"),
]


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, telegram={"bot": "green_lane_bot"}) as made:
        yield made


async def stolen(town: Town, name: str) -> list[Message]:
    """What is told to a thief who has the link of this chat."""
    asked = await town.world.say(f"web:{name}", "/telegram")
    token = asked[-1].link.url.partition("=")[2]
    return await town.world.say(THIEF, f"/start {token}")


def shown_by_link(town: Town, owner: str) -> set[str]:
    """What the pay link of this customer's invoice in hand tells whoever has it."""
    portal = town.world.sandbox.portal
    details = portal.customers[owner].details()
    invoice = portal.invoices[OPEN[owner].lower()]
    sums = {f"{invoice.total_minor / 100:.2f}", f"{invoice.due_minor / 100:.2f}", PAID[owner]}
    return {details.name, details.zip, invoice.number, invoice.id, *sums}


@pytest.mark.parametrize("owner", NAMES)
async def test_a_stolen_link_is_worth_no_more_than_the_pay_link_of_the_invoice_in_hand(town: Town, owner):
    told = await stolen(town, owner)
    for said in ASKED:
        told += await town.world.say(THIEF, said)
        town.world.clock.advance(seconds=30)
    talk = (await town.world.store.load(THIEF, "")).talk
    assert talk is not None
    assert not isinstance(talk.scope, Customer)
    for customer in OPEN:
        secret = town.secrets(customer, owner) - (shown_by_link(town, customer) if customer == owner else set())
        leaked = {each for each in secret if each in shown(told)}
        assert not leaked, f"the link of {owner}'s chat tells {leaked}"


@pytest.mark.parametrize("owner", OPEN)
async def test_with_a_stolen_link_nothing_of_the_account_is_changed(town: Town, owner):
    await stolen(town, owner)
    before = await town.dump()
    for said in ("/sign-out everywhere", "/remember", "/pick detail email", "mine@example.com", "000000", "/dispute"):
        await town.world.say(THIEF, said)
        town.world.clock.advance(seconds=30)
    assert await town.dump() == before
    scope = await town.scope(owner)
    assert isinstance(scope, Customer)
    assert await town.world.remit.visitors.holds(scope)
    assert {letter.to for letter in town.world.mail.letters} <= set(MAILS.values())
