"""An outside system proposes payments by its key: to whoever is in a chat, once, under the rules that agents keep."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select
from world import HANDOFF, World

from services import api_keys
from services.api_keys import PREFIX
from services.desk import audit, handoffs
from services.schema import api_key

PROPOSALS = "/api/v1/proposals"
CHAT = "rasa:one"
ASKED: dict[str, Any] = {"conversation": CHAT, "invoices": ["INV-1042"], "amount_minor": 8000, "currency": "USD"}
BOTH = ("proposals:write", "proposals:read")


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path) as made:
        yield made


async def made_key(world: World, name: str = "Booking", scopes: tuple[str, ...] = BOTH) -> str:
    token = await world.remit.transact(
        lambda conn: api_keys.make(conn, name, scopes, world.remit.random, world.clock())
    )
    assert token is not None
    return token


class System:
    """An outside system with a key."""

    def __init__(self, world: World, token: str) -> None:
        transport = httpx.ASGITransport(world._assistant)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.AsyncClient(transport=transport, base_url=HANDOFF, headers=headers)

    async def propose(self, once: str = "k1", **changed: Any) -> httpx.Response:
        body = {name: value for name, value in (ASKED | changed).items() if value is not None}
        return await self.http.post(PROPOSALS, json=body, headers={"Idempotency-Key": once} if once else {})

    async def look(self, number: int) -> httpx.Response:
        return await self.http.get(f"{PROPOSALS}/{number}")

    async def withdraw(self, number: int) -> httpx.Response:
        return await self.http.delete(f"{PROPOSALS}/{number}")


async def system(world: World, *names: Any) -> System:
    return System(world, await made_key(world, *names))


async def here(world: World, chat: str = CHAT) -> None:
    await world.say(chat, f"/start {await world.link('INV-1042')}")


async def texts(world: World, chat: str = CHAT) -> list[str]:
    return [message.text for message in await world.store.since(chat, 0) if message.sender != "customer"]


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def test_a_proposal_is_shown_confirmed_and_paid_and_its_system_watches(world):
    booking = await system(world)
    await here(world)
    made = await booking.propose(reason="deposit for spring")
    assert made.status_code == 201, made.text
    number, state = made.json()["id"], made.json()["state"]
    assert (state, made.json()["payment"]) == ("offered", None)
    assert any("Booking proposes to pay $80.00 for INV-1042: deposit for spring" in text for text in await texts(world))
    for text in ("card", "yes"):
        replies = await world.say(CHAT, text)
    await world.work()
    assert (await booking.look(number)).json()["state"] == "confirmed"
    assert (await booking.look(number)).json()["payment"]["state"] == "open"
    assert code(await booking.withdraw(number)) == "confirmed"
    await world.pay_by_card(await world.page(replies[-1].link.url), "4242424242424242")
    await world.work()
    paid = (await booking.look(number)).json()
    assert (paid["payment"]["state"], paid["payment"]["amount_minor"]) == ("succeeded", 8000)
    assert not any("with you again" in text for text in await texts(world))  # nobody had it before


async def test_the_same_key_gets_the_same_proposal_and_another_request_under_it_is_refused(world):
    booking, other = await system(world), await system(world, "Other")
    await here(world)
    first, again = await booking.propose(), await booking.propose()
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert sum("Booking proposes" in text for text in await texts(world)) == 1
    changed = await booking.propose(amount_minor=9000)
    assert (changed.status_code, code(changed)) == (422, "same_key_other_request")
    assert (await booking.propose("")).status_code == 400
    assert (await booking.propose("", id="k1")).json() == first.json()  # in the body, it is the same
    assert code(await other.propose()) == "blocked"  # another system's keys are its own


async def test_a_customer_who_declines_is_heard_by_the_system_and_goes_on_with_the_assistant(world):
    booking = await system(world)
    await here(world)
    number = (await booking.propose()).json()["id"]
    await world.say(CHAT, "cancel")
    await world.work()
    assert (await booking.look(number)).json()["state"] == "declined"
    assert code(await booking.withdraw(number)) == "declined"
    assert (await booking.propose("k2")).status_code == 201


async def test_a_proposal_is_withdrawn_once_and_the_customer_reads_by_whom(world):
    booking = await system(world)
    await here(world)
    number = (await booking.propose()).json()["id"]
    for _ in range(2):
        gone = await booking.withdraw(number)
        assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert (await texts(world)).count("Booking has taken the proposal back. Nothing was charged.") == 1
    yes = await world.say(CHAT, "yes")
    assert not any(message.link for message in yes)


async def test_a_system_never_speaks_in_a_chat_that_a_person_has(world):
    booking, maria = await system(world), await world.agent()
    await here(world)
    handoff = await world.remit.transact(lambda conn: handoffs.ask(conn, CHAT, "asked", world.clock()))
    assert (await booking.propose()).status_code == 201  # it waits, and nobody has it
    await world.remit.desk.take(maria, handoff)
    assert (await booking.look(1)).json()["state"] == "withdrawn"  # who takes a chat ends what was proposed there
    before = await texts(world)
    for turn in (world.remit.desk.lend(maria, handoff), None):
        refused = await booking.propose("k2")
        assert (refused.status_code, code(refused)) == (409, "with_a_person")
        if turn is not None:
            assert await turn
    assert [text for text in await texts(world) if "Booking" in text] == [text for text in before if "Booking" in text]


async def test_what_may_not_be_proposed_is_refused_by_name(tmp_path):
    async with World(tmp_path, desk={"key_limit_minor": 10000}) as world:
        booking = await system(world)
        await here(world)
        for changed, status, why in [
            ({"amount_minor": 10001}, 409, "over_limit"),
            ({"amount_minor": 12001}, 409, "too_much"),
            ({"currency": "EUR"}, 409, "other_currency"),
            ({"invoices": ["INV-0"]}, 404, "no_invoice"),
            ({"conversation": "nowhere"}, 404, "no_conversation"),
            ({"conversation": None, "customer": "portal:nobody"}, 404, "no_customer"),
            ({"customer": "portal:dana"}, 400, "malformed"),
            ({"conversation": None}, 400, "malformed"),
            ({"amount_minor": 0}, 422, "invalid"),
            ({"amount_minor": 80.5}, 422, "invalid"),
            ({"amount_minor": "80"}, 422, "invalid"),
            ({"surprise": 1}, 422, "invalid"),
        ]:
            refused = await booking.propose(**changed)
            assert (refused.status_code, code(refused)) == (status, why), changed
        assert not any("Booking" in text for text in await texts(world))


async def test_another_customers_invoice_is_not_brought_into_a_chat(world):
    booking = await system(world)
    await here(world)
    dana = (await world.remit.invoices.find("INV-1042"))[0].customer
    others = [
        n
        for n in ("INV-1043", "INV-1044", "INV-1050", "INV-1060")
        for i in await world.remit.invoices.find(n)
        if i.customer != dana
    ]
    assert others, "the demo's data has changed: name an invoice of somebody else"
    refused = await booking.propose(invoices=others[:1], amount_minor=100)
    assert (refused.status_code, code(refused)) == (409, "other_customer")


async def test_a_customer_in_no_chat_is_answered_by_pay_links(world):
    booking = await system(world)
    dana = (await world.remit.invoices.find("INV-1042"))[0].customer
    refused = await booking.propose(conversation=None, customer=dana)
    assert (refused.status_code, code(refused)) == (409, "no_chat")
    (link,) = refused.json()["pay_links"]
    assert link["invoice"] == "INV-1042"
    assert (await world.browser.get(link["url"])).status_code == 200


async def test_a_customer_is_found_in_the_chat_they_used_last(world):
    booking = await system(world)
    dana = (await world.remit.invoices.find("INV-1042"))[0].customer
    await here(world)
    await world.say(CHAT, "human")
    await world.work()
    await world.remit.copying.work()
    made = await booking.propose(conversation=None, customer=dana)
    assert (made.status_code, made.json()["conversation"]) == (201, CHAT)
    world.clock.advance(days=2)  # nobody looks at that page any more
    assert code(await booking.propose("k2", conversation=None, customer=dana)) == "no_chat"


@pytest.mark.parametrize("token", ["", "x", PREFIX + "A" * 22, PREFIX])
async def test_nothing_but_a_key_opens_the_routes(world, token):
    stranger = System(world, token)
    await here(world)
    for answer in (await stranger.propose(), await stranger.look(1), await stranger.withdraw(1)):
        assert (answer.status_code, code(answer)) == (401, "unauthorized")


async def test_a_key_does_what_it_was_made_for_on_its_own_and_nothing_once_it_is_revoked(world):
    booking, other = await system(world), await system(world, "Other", ("proposals:write",))
    reader = await system(world, "Reader", ("proposals:read",))
    await here(world)
    number = (await booking.propose()).json()["id"]
    assert code(await reader.propose()) == code(await reader.withdraw(number)) == "forbidden"
    assert (await reader.look(number)).status_code == 200
    assert code(await other.look(number)) == code(await other.withdraw(number)) == "not_found"
    await world.remit.transact(lambda conn: api_keys.revoke(conn, "Booking", world.clock()))
    assert (await booking.look(number)).status_code == 401


async def test_no_key_is_kept_and_the_audit_names_its_system(world):
    token = await made_key(world)
    booking = System(world, token)
    await here(world)
    await booking.withdraw((await booking.propose(reason="a private word")).json()["id"])
    rows = await world.remit.transact(lambda conn: conn.execute(select(api_key)).all())
    assert token.startswith(PREFIX)
    assert token not in repr(rows)
    assert rows[0].last_used_at is not None
    found = await world.remit.transact(lambda conn: audit.newest(conn, 10))
    assert [each.what for each in found] == ["withdrew", "proposed"]
    assert all('"key":"Booking"' in each.detail and each.agent is None for each in found)
    assert "private" not in repr(found)


async def test_a_system_that_asks_without_pause_is_told_to_wait(world):
    booking = await system(world)
    answers = [await booking.look(1) for _ in range(61)]
    assert {each.status_code for each in answers[:60]} == {404}
    assert answers[60].status_code == 429
    assert answers[60].headers["Retry-After"]
