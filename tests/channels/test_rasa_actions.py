"""The action server: what Rasa posts, what comes back, and payments delegated by an assistant. Real Rasa is `make rasa`."""

import json
import logging
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from world import HANDOFF, World

from bot.channels.rasa_action_server import LARGEST, action_server
from bot.channels.rasa_actions import Actions
from services.http import Remote

ROOT = Path(__file__).parents[2]
RECORDED = {
    file.stem: file.read_text(encoding="utf-8")
    for file in (ROOT / "tests" / "payloads" / "rasa_actions").glob("*.json")
}
PROJECT = ROOT / "config" / "rasa"
DOMAIN = yaml.safe_load((PROJECT / "domain.yml").read_text(encoding="utf-8"))
TOKEN = "shared-by-both"
UNAVAILABLE = {"response": "utter_remit_unavailable"}


def recorded(name: str) -> dict[str, Any]:
    """A call as Rasa 3.6.21 makes it."""
    found: dict[str, Any] = json.loads(RECORDED[name])
    return found


class Assistant:
    """A Rasa assistant as far as an action server sees it: it keeps slots, and calls one action a turn."""

    def __init__(self, world: World, sender: str = "u1") -> None:
        self.world, self.sender = world, sender
        self.app = action_server(world.settings, world.browser)
        self.http = self.client()
        self.slots: dict[str, Any] = dict.fromkeys(DOMAIN["slots"])
        self.buttons: dict[str, str] = {}
        self.link = ""
        self.turns = 0

    def client(self, address: str = "10.0.0.9") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 4242), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://actions")

    def call(self, action: str, text: str, message_id: str = "", **metadata: str) -> dict[str, Any]:
        self.turns += 1
        latest: dict[str, Any] = {"text": text, "intent": {"name": "pay_invoice"}, "entities": [], "metadata": metadata}
        latest["message_id"] = message_id or f"m{self.turns}"
        if text.startswith("/remit_choice"):
            entities = json.loads(text.removeprefix("/remit_choice"))
            latest["intent"] = {"name": "remit_choice"}
            latest["entities"] = [{"entity": name, "value": value} for name, value in entities.items()]
        tracker = {"sender_id": self.sender, "slots": self.slots, "latest_message": latest, "events": []}
        return {"next_action": action, "sender_id": self.sender, "tracker": tracker, "domain": {}, "version": "3.6.21"}

    async def ask(self, action: str, text: str = "", message_id: str = "", **metadata: str) -> list[dict[str, Any]]:
        """Call an action as Rasa does, and take in what it answers; the responses."""
        self.world.clock.advance(seconds=3)
        call = self.call(f"action_remit_{action}", text, message_id, **metadata)
        answer = await self.http.post("/webhook", json=call, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        for event in found["events"]:
            assert event["event"] == "slot"
            assert event["name"] in self.slots, "a slot that the domain does not have"
            self.slots[event["name"]] = event["value"]
        for response in found["responses"]:
            self.buttons |= {button["title"]: button["payload"] for button in response["buttons"] or []}
            self.link = response["custom"].get("link", {}).get("url", self.link)
        responses: list[dict[str, Any]] = found["responses"]
        return responses

    async def say(self, text: str, message_id: str = "", **metadata: str) -> str:
        return words(await self.ask("turn", text, message_id, **metadata))

    async def press(self, title: str) -> str:
        return await self.say(self.buttons[title])

    async def to_the_page(self, method: str = "Card") -> str:
        await self.say("I want to pay invoice INV-1042")
        await self.say("94107")
        await self.press(method)
        await self.press("Yes, pay $120.00")
        return await self.world.page(self.link)


def words(responses: list[dict[str, Any]]) -> str:
    return "\n".join(response["text"] for response in responses if response["text"])


def uttered(responses: list[dict[str, Any]]) -> list[str]:
    """The names of the assistant's own responses."""
    return [response["response"] for response in responses if response["response"]]


@pytest.fixture
async def assistant(tmp_path):
    async with World(tmp_path, actions={"remit_url": HANDOFF, "token": TOKEN}) as world:
        found = Assistant(world)
        yield found
        await found.http.aclose()


# --- in-process, as rasa-sdk runs actions -----------------------------------------------------------------------------


@pytest.fixture
def executor(assistant):
    return Actions(Remote("Remit", assistant.world.browser, HANDOFF, "")).executor()


async def test_what_a_customer_typed_is_said_to_remit(executor):
    result = (await executor.run(recorded("typed_words"))).model_dump()
    assert "billing zip code for invoice INV-1042" in words(result["responses"])
    slots = {event["name"]: event["value"] for event in result["events"]}
    assert slots == {"remit_active": True, "remit_done": False, "remit_reference": None, "remit_state": None}
    assert {event["event"] for event in result["events"]} == {"slot"}


async def test_a_pressed_button_says_to_remit_what_it_was_made_for(executor, assistant):
    link = await assistant.world.link("INV-1042")
    await assistant.world.say("rasa:u1", f"/start {link}")
    result = (await executor.run(recorded("pressed_button"))).model_dump()
    (quote,) = [response for response in result["responses"] if response["buttons"]]
    assert "$120.00 to Green Lane Lawn Care for invoice INV-1042, by card" in quote["text"]
    agree = next(button for button in quote["buttons"] if button["title"] == "Yes, pay $120.00")
    assert json.loads(agree["payload"].removeprefix("/remit_choice"))["remit_say"].startswith("/agree ")


async def test_a_link_that_nobody_gave_out_opens_nothing(executor):
    result = (await executor.run(recorded("came_by_pay_link"))).model_dump()
    assert "INV-" not in words(result["responses"])


async def test_a_link_is_asked_for_and_not_shown(executor, assistant):
    result = (await executor.run(recorded("asks_for_a_link"))).model_dump()
    assert uttered(result["responses"]) == ["utter_remit_link_asked"]
    assert result["events"] == [{"event": "slot", "timestamp": None, "name": "remit_invoice", "value": None}]
    (letter,) = assistant.world.mail.letters
    assert letter.to == "dana.whitfield@example.com"
    token = letter.text.split("/i/")[1].split()[0]
    assert token not in json.dumps(result)


# --- payments that are delegated --------------------------------------------------------------------------------------


async def test_a_payment_is_delegated_and_the_conversation_given_back(assistant):
    page = await assistant.to_the_page()
    assert (assistant.slots["remit_active"], assistant.slots["remit_state"]) == (True, "open")
    await assistant.world.pay_by_card(page, "4242424242424242")
    await assistant.world.work()
    assert "Paid: $120.00 by Visa ending 4242" in await assistant.say("did it go through?")
    assert (assistant.slots["remit_active"], assistant.slots["remit_done"]) == (False, True)
    assert (assistant.slots["remit_reference"][:3], assistant.slots["remit_state"]) == ("RM-", "succeeded")
    assert (await assistant.world.invoice("INV-1042"))["due_minor"] == 0
    await assistant.say("and what else?")
    assert assistant.slots["remit_done"] is False  # it is given back once


async def test_after_a_decline_remit_is_still_at_work(assistant):
    page = await assistant.to_the_page()
    await assistant.world.pay_by_card(page, "4000000000009995")
    await assistant.world.work()
    assert "not enough money available" in await assistant.say("did it go through?")
    assert assistant.slots["remit_active"] is True
    await assistant.world.pay_by_card(page, "4242424242424242")
    await assistant.world.work()
    assert "Paid: $120.00" in await assistant.say("and now?")
    assert assistant.slots["remit_active"] is False


async def test_whoever_cancels_has_the_assistant_back(assistant):
    await assistant.say("I want to pay invoice INV-1042")
    assert "Canceled" in await assistant.say("cancel")
    assert (assistant.slots["remit_active"], assistant.slots["remit_done"]) == (False, True)


async def test_a_bank_payment_gives_back_at_once_and_tells_its_return_days_later(assistant):
    page = await assistant.to_the_page("Bank account (ACH)")
    await assistant.world.pay_by_bank(page, "000555555559")
    await assistant.world.work()
    assert "on its way" in await assistant.say("did it go through?")
    assert (assistant.slots["remit_active"], assistant.slots["remit_state"]) == (False, "processing")
    for _ in range(10):
        await assistant.world.wait(days=1)
    news = words(await assistant.ask("payment_status", "how is my payment?"))
    assert "Your bank returned the payment" in news
    assert assistant.slots["remit_state"] == "returned"


async def test_an_old_button_of_an_earlier_quote_agrees_to_nothing(assistant):
    await assistant.say("I want to pay invoice INV-1042")
    await assistant.say("94107")
    await assistant.press("Card")
    await assistant.say("make it 50")
    assert "earlier question" in await assistant.press("Yes, pay $120.00")
    assert await assistant.world.book() == []


async def test_a_button_of_the_assistant_s_own_begins_a_payment(assistant):
    assert "invoice" in (await assistant.say("/pay_invoice")).lower()
    assert assistant.slots["remit_active"] is True


async def test_who_came_by_a_pay_link_sees_its_invoice_and_the_slot_is_emptied(assistant):
    assistant.slots["pay_link"] = await assistant.world.link("INV-1042")
    assert "Invoice INV-1042: $120.00 to pay" in await assistant.say("/pay_invoice")
    assert assistant.slots["pay_link"] is None


async def test_the_smaller_actions_say_to_remit_what_they_are_called(assistant):
    assert "invoice" in words(await assistant.ask("list_invoices", "show me my bills")).lower()
    assert "passed this on to a person" in words(await assistant.ask("hand_over", "get me somebody"))


async def test_a_sender_id_proves_nobody(assistant):
    """Whoever tells Rasa somebody else's name is a stranger to Remit, as they were."""
    other = Assistant(assistant.world, "portal:dana")
    for action in ("list_invoices", "payment_status", "hand_over"):
        heard = words(await other.ask(action, "what do I owe?"))
        assert "$" not in heard
        assert "Dana" not in heard
    await other.http.aclose()


async def test_the_same_message_handed_over_twice_is_done_once(assistant):
    await assistant.say("I want to pay invoice INV-1042")
    await assistant.say("94107")
    await assistant.press("Card")
    agree = assistant.buttons["Yes, pay $120.00"]
    first = await assistant.say(agree, "the-same")
    assert await assistant.say(agree, "the-same") == first
    assert len(await assistant.world.book()) == 1


async def test_two_actions_for_one_message_have_an_answer_each(assistant):
    first = words(await assistant.ask("turn", "I want to pay invoice INV-1042", "m"))
    assert words(await assistant.ask("hand_over", "I want to pay invoice INV-1042", "m")) != first


async def test_a_sender_s_name_of_any_length_is_a_conversation(assistant):
    long = Assistant(assistant.world, "x" * 300)
    await long.say("I want to pay invoice INV-1042")
    assert "$120.00" in await long.say("94107")
    await long.http.aclose()


async def test_a_card_number_said_to_the_assistant_is_in_no_log_and_no_store(assistant, caplog):
    caplog.set_level(logging.DEBUG)
    await assistant.say("I want to pay invoice INV-1042")
    await assistant.say("my card is 4242 4242 4242 4242")
    await assistant.http.post("/webhook", content=b"4242 4242 4242 4242", headers={"Authorization": f"Bearer {TOKEN}"})
    assert "4242 4242" not in caplog.text
    for file in assistant.world.folder.iterdir():
        assert b"4242 4242 4242" not in file.read_bytes(), file


# --- when Remit is away -----------------------------------------------------------------------------------------------


async def test_while_remit_is_away_the_assistant_says_so_and_forgets_nothing(assistant):
    await assistant.say("I want to pay invoice INV-1042")
    before = dict(assistant.slots)
    await assistant.world.browser.aclose()
    assistant.app = action_server(assistant.world.settings, httpx.AsyncClient(transport=httpx.MockTransport(_away)))
    assistant.http = assistant.client()
    assert uttered(await assistant.ask("turn", "94107")) == ["utter_remit_unavailable"]
    assert uttered(await assistant.ask("create_pay_link", "INV-1042")) == ["utter_remit_which_invoice"]
    assistant.slots["remit_invoice"] = "INV-1042"
    assert uttered(await assistant.ask("create_pay_link", "a link")) == ["utter_remit_no_link"]
    assert assistant.slots == before | {"remit_invoice": None}


def _away(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody is there")


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_an_answer_that_helps_nobody_is_one_sentence_to_the_customer(assistant, status):
    answers = httpx.MockTransport(
        lambda _request: httpx.Response(status, json={"error": {"code": "x", "message": "y"}})
    )
    assistant.app = action_server(assistant.world.settings, httpx.AsyncClient(transport=answers))
    assistant.http = assistant.client()
    assert uttered(await assistant.ask("turn", "94107")) == ["utter_remit_unavailable"]


async def test_what_remit_cannot_read_is_rejected_so_that_another_policy_decides(assistant):
    said = await assistant.http.post(
        "/webhook",
        json=assistant.call("action_remit_turn", "hello", pay_link="x", message_id="m")
        | {"tracker": _tracker("a\x00b")},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert (said.status_code, said.json()["action_name"]) == (400, "action_remit_turn")


def _tracker(sender: str) -> dict[str, Any]:
    return {"sender_id": sender, "slots": {}, "latest_message": {"text": "hello"}, "events": []}


async def test_an_answer_outside_the_contract_is_a_bad_gateway(assistant):
    answers = httpx.MockTransport(lambda _request: httpx.Response(200, json={"not": "a list"}))
    assistant.app = action_server(assistant.world.settings, httpx.AsyncClient(transport=answers))
    call = assistant.call("action_remit_turn", "hello")
    said = await assistant.client().post("/webhook", json=call, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (said.status_code, said.json()["action_name"]) == (502, "action_remit_turn")


# --- the wire -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.9"])
async def test_with_a_secret_set_nobody_acts_without_it(assistant, headers, address):
    http = assistant.client(address)
    for answer in (
        await http.post("/webhook", json=assistant.call("action_remit_turn", "hello"), headers=headers),
        await http.get("/actions", headers=headers),
    ):
        assert answer.status_code == 401
    assert await assistant.world.store.since("rasa:u1", 0) == []
    assert (await http.get("/health")).json() == {"status": "ok"}


async def test_without_a_secret_only_this_machine_acts(tmp_path):
    async with World(tmp_path, actions={"remit_url": HANDOFF}) as world:
        found, call = Assistant(world), Assistant(world).call("action_remit_turn", "hello")
        assert (await found.client("127.0.0.1").post("/webhook", json=call)).status_code == 200
        assert (await found.client("10.0.0.9").post("/webhook", json=call)).status_code == 401
        relayed = {"X-Forwarded-For": "127.0.0.1"}
        assert (await found.client("127.0.0.1").post("/webhook", json=call, headers=relayed)).status_code == 401


async def test_rasa_may_send_the_secret_in_the_address_as_it_does_elsewhere(assistant):
    call = assistant.call("action_remit_turn", "hello")
    assert (await assistant.http.post(f"/webhook?token={TOKEN}", json=call)).status_code == 200
    assert (await assistant.http.post(f"/webhook?token={TOKEN}x", json=call)).status_code == 401


async def post(assistant: Assistant, body: bytes, **headers: str) -> httpx.Response:
    return await assistant.http.post("/webhook", content=body, headers={"Authorization": f"Bearer {TOKEN}"} | headers)


async def test_an_action_that_there_is_not_is_not_found(assistant):
    answer = await post(assistant, json.dumps(assistant.call("action_transfer_money", "hello")).encode())
    assert (answer.status_code, answer.json()["action_name"]) == (404, "action_transfer_money")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b'{"tracker": {"sender_id": "u1"}}',
        b'{"next_action": "action_remit_turn"}',
        b'{"next_action": 3, "tracker": {"sender_id": "u1"}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": 3}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": "u1", "slots": [1]}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": "u1", "latest_message": "hi"}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": "u1", "events": {"a": 1}}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": "u1", "latest_message": {"intent": "pay"}}}',
        b'{"next_action": "action_remit_turn", "tracker": {"sender_id": "u1", "latest_message": {"entities": [1]}}}',
    ],
)
async def test_what_is_no_call_is_malformed_and_does_nothing(assistant, body):
    answer = await post(assistant, body)
    assert (answer.status_code, answer.json()["action_name"]) == (400, "")
    assert await assistant.world.store.since("rasa:u1", 0) == []


async def test_a_call_may_come_packed_and_must_not_swell(assistant):
    call = json.dumps(assistant.call("action_remit_turn", "hello")).encode()
    assert (await post(assistant, zlib.compress(call), **{"Content-Encoding": "deflate"})).status_code == 200
    bomb = zlib.compress(b" " * (LARGEST + 1))
    assert (await post(assistant, bomb, **{"Content-Encoding": "deflate"})).status_code == 413
    assert (await post(assistant, call, **{"Content-Encoding": "deflate"})).status_code == 400
    assert (await post(assistant, b" " * (LARGEST + 1))).status_code == 413


async def test_a_call_without_its_domain_is_answered_too(assistant):
    call = assistant.call("action_remit_turn", "I want to pay")
    del call["domain"]
    assert (await post(assistant, json.dumps(call).encode())).status_code == 200


@pytest.mark.parametrize("metadata", ["words", ["x"], {"message_id": 7, "pay_link": {"a": 1}}, None])
async def test_whatever_a_front_end_writes_into_its_metadata_the_message_is_heard(assistant, metadata):
    call = assistant.call("action_remit_turn", "I want to pay \ud800 invoice INV-1042")
    call["tracker"]["latest_message"]["metadata"] = metadata
    answer = await post(assistant, json.dumps(call).encode())
    assert answer.status_code == 200, answer.text
    assert words(answer.json()["responses"])


# --- whose address counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vouched", [True, False])
async def test_a_customer_s_address_counts_only_where_the_front_end_vouches_for_it(tmp_path, monkeypatch, vouched):
    actions = {"remit_url": HANDOFF, "token": TOKEN, "client_addresses": vouched}
    async with World(tmp_path, actions=actions) as world:
        seen, handle = [], world.remit.runtime.handle

        async def looked_at(inbound):
            seen.append(inbound.client)
            return await handle(inbound)

        monkeypatch.setattr(world.remit.runtime, "handle", looked_at)
        await Assistant(world).say("hello", client_address="198.51.100.7")
        assert seen == ["198.51.100.7" if vouched else "127.0.0.1"]


# --- the sample project -------------------------------------------------------------------------------------------------


async def test_the_sample_project_has_what_the_actions_need(assistant):
    names = {each["name"] for each in (await assistant.http.get(f"/actions?token={TOKEN}")).json()}
    assert names == set(DOMAIN["actions"])
    assert {"remit_choice"} <= set(DOMAIN["intents"])
    assert {"remit_say", "invoice_number"} == set(DOMAIN["entities"])
    said = {"unavailable", "which_invoice", "link_asked", "no_link"}
    assert {f"utter_remit_{each}" for each in said} <= set(DOMAIN["responses"])


def test_while_remit_is_at_work_no_word_of_a_customer_goes_elsewhere():
    rules = yaml.safe_load((PROJECT / "data" / "rules.yml").read_text(encoding="utf-8"))["rules"]
    everything = {each["intent"] for each in rules[0]["steps"][0]["or"]}
    assert rules[0]["condition"] == [{"slot_was_set": [{"remit_active": True}]}]
    assert everything == {*DOMAIN["intents"], "nlu_fallback"} - {"remit_choice"}
    for rule in rules[1:]:
        begins = rule["steps"][0]
        if begins.get("intent") != "remit_choice" and "action" not in begins:
            assert rule["condition"] == [{"slot_was_set": [{"remit_active": False}]}], rule["rule"]
