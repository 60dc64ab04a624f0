"""What the reconciler cannot decide waits at the desk in the payment's own chat: the customer hears nothing of it, and its page ends it."""

import re

import pytest
from desks import csrf, signed_in, waiting
from sqlalchemy import Connection
from world import World

from services.desk import handoffs
from services.desk.handoffs import Handoff, State
from services.payments import cases
from services.payments.cases import Trouble

CHAT = "rasa:one"


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path) as made:
        yield made


async def begun(world: World) -> str:
    """A payment whose page is open; its reference."""
    await world.say(CHAT, f"/start {await world.link('INV-1042')}")
    for text in ("card", "yes"):
        await world.say(CHAT, text)
    await world.work()
    paid = await world.remit.checkout.latest(CHAT)
    assert paid is not None
    return paid.reference


async def questioned(world: World, reference: str, reason: Trouble = Trouble.DISPUTED) -> Handoff | None:
    """The reconciler has a question; the open handoff of the payment's chat after it."""

    def work(conn: Connection) -> Handoff | None:
        cases.open_case(conn, f"q:{reason}", reason, "what the bank asks", world.clock(), payment=reference)
        return handoffs.of_chat(conn, CHAT)

    found = await world.remit.transact(work)
    await world.remit.copying.work()
    return found


async def lines(world: World) -> int:
    return len(await world.store.since(CHAT, 0))


async def opened(world: World) -> Handoff | None:
    return await world.remit.transact(lambda conn: handoffs.of_chat(conn, CHAT))


async def test_a_question_about_a_payment_waits_in_its_chat_and_the_customer_hears_nothing(world):
    reference = await begun(world)
    before = await lines(world)
    found = await questioned(world, reference)
    assert found is not None
    assert (found.reason, found.state, found.waits_since) == ("open_question", State.WAITING, None)
    assert await lines(world) == before
    assert await world.say(CHAT, "is it safe?")  # the assistant answers as ever
    await world.remit.copying.work()
    assert (await opened(world)).waits_since is None  # they wait for nobody


async def test_whoever_asks_for_a_person_meanwhile_waits_from_then_on(world):
    await questioned(world, await begun(world))
    await world.say(CHAT, "human")
    await world.work()
    found = await opened(world)
    assert found is not None
    assert (found.reason, found.waits_since) == ("asked", world.clock())


@pytest.mark.parametrize("reason", [Trouble.NOT_POSTED, Trouble.GATEWAY_REFUSES])
async def test_what_is_not_the_customers_matter_stays_out_of_their_chat(world, reason):
    assert await questioned(world, await begun(world), reason) is None


async def test_a_question_that_ends_by_itself_leaves_nobody_waiting(world):
    reference = await begun(world)
    await questioned(world, reference)
    await world.remit.transact(lambda conn: cases.settle(conn, reference, Trouble.DISPUTED, world.clock()))
    assert await opened(world) is None


async def test_the_page_of_the_chat_shows_the_case_and_closes_it(world):
    reference = await begun(world)
    found = await questioned(world, reference)
    client, other = await signed_in(world), await signed_in(world, "Ben")
    chat, fields = f"/desk/chats/{found.id}", {"csrf": await csrf(client), "case": "1"}
    shown = (await client.get(chat)).text
    assert "Disputed at the customer&#39;s bank" in shown
    assert "what the bank asks" in shown
    assert "Close case 1" not in shown  # nobody has it yet
    assert (await client.post(f"{chat}/close-case", data=fields)).status_code == 409
    await client.post(f"{chat}/take", data=fields)
    assert (await other.post(f"{chat}/close-case", data=fields | {"csrf": await csrf(other)})).status_code == 409
    assert (await client.post(f"{chat}/close-case", data=fields | {"case": "7"})).status_code == 409
    assert (await client.post(f"{chat}/close-case", data=fields)).status_code == 303
    assert await world.remit.transact(cases.open_cases) == []
    assert (await opened(world)).state is State.HELD  # closing a case takes the chat from nobody
    assert (await client.post(f"{chat}/close-case", data=fields)).status_code == 409
    for each in (client, other):
        await each.aclose()


async def test_a_supervisor_closes_the_last_case_of_a_chat_that_nobody_took_and_it_leaves_the_queue(world):
    found = await questioned(world, await begun(world))
    before = await lines(world)
    chief = await signed_in(world, "Chris", "supervisor")
    fields = {"csrf": await csrf(chief), "case": "1"}
    assert f"cases#case{fields['case']}" in (await chief.get(f"/desk/chats/{found.id}")).text
    assert (await chief.post(f"/desk/chats/{found.id}/close-case", data=fields)).status_code == 303
    assert await opened(world) is None
    assert await lines(world) == before
    await chief.aclose()


async def test_a_case_of_another_chat_is_not_closed_from_here(world):
    await questioned(world, await begun(world))
    elsewhere = await waiting(world, "rasa:two", link="INV-1031")
    chief = await signed_in(world, "Chris", "supervisor")
    fields = {"csrf": await csrf(chief), "case": "1"}
    assert (await chief.post(f"/desk/chats/{elsewhere}/close-case", data=fields)).status_code == 409
    assert (await world.remit.transact(cases.open_cases))[0].id == 1
    await chief.aclose()


# --- what the brief says ------------------------------------------------------------------------------------------------


async def brief(world: World, page: int) -> str:
    await world.remit.copying.work()
    client = await signed_in(world)
    shown = (await client.get(f"/desk/chats/{page}")).text
    await client.aclose()
    return re.sub(r"\s+", " ", shown[shown.index("In short") : shown.index("Proposed payments")])


async def test_the_brief_says_a_method_that_was_chosen_and_not_confirmed(world):
    assert "A card, chosen and not confirmed yet" in await brief(world, await waiting(world))


async def test_the_brief_says_that_the_secure_page_is_open_and_no_method_any_more(world):
    await begun(world)
    await world.say(CHAT, "human")
    await world.work()
    shown = await brief(world, (await opened(world)).id)
    assert "has the secure page open, and nothing is paid there yet" in shown
    assert "not confirmed yet" not in shown


async def test_who_comes_by_the_same_link_on_a_new_phone_is_shown_beside_the_old_chat(world):
    old, maria = await waiting(world), await world.agent("Ben")
    await world.say("rasa:too-early", f"/start {await world.link('INV-1042')}")
    assert (
        await world.remit.transact(lambda conn: handoffs.of_chat(conn, "rasa:too-early")) is None
    )  # nobody has the old one
    await world.remit.desk.take(maria, old)
    await world.say("rasa:new-phone", f"/start {await world.link('INV-1042')}")
    await world.say("rasa:another-invoice", f"/start {await world.link('INV-1031')}")
    assert await world.remit.transact(lambda conn: handoffs.of_chat(conn, "rasa:another-invoice")) is None
    new = await world.remit.transact(lambda conn: handoffs.of_chat(conn, "rasa:new-phone"))
    assert (new.reason, new.state, new.waits_since) == ("same_invoice", State.WAITING, None)
    assert await world.say("rasa:new-phone", "card")  # the assistant answers there
    assert f"chats/{new.id}" in await brief(world, old)
    client = await signed_in(world, "Eve")
    shown = (await client.get(f"/desk/chats/{new.id}")).text
    assert "Same invoice" in shown
    assert f"chats/{old}" in shown
    await client.aclose()
