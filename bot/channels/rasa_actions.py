"""What a Rasa assistant delegates to Remit: the actions of `remit actions`, and what comes back from each.

An action says one thing to Remit's REST channel in the name of Rasa's conversation, and hands the answer on: texts, buttons,
``custom``, and slots that tell whether Remit is still at work. Nothing is decided or kept here. Rasa's sender id names a
conversation and proves nobody: what needs a proof, Remit asks for in the chat.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
from rasa_sdk import ActionExecutionRejection, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from bot.channels.rasa import LONGEST_ID
from services.errors import Malformed, RemitError
from services.http import Remote

log = logging.getLogger(__name__)

CHOICE, SAY = "remit_choice", "remit_say"  # intent and entity of a button of Remit's
INVOICE = "invoice_number"  # entity: the invoice that a customer names
_TURN = "/webhooks/rest/webhook?state=true"
_LINK = "/webhooks/rest/pay-link"

Events = list[dict[str, Any]]
Run = Callable[[CollectingDispatcher, Tracker, dict[str, Any]], Awaitable[Events]]


class _Payment(msgspec.Struct):
    reference: str
    state: str


class _State(msgspec.Struct):
    active: bool
    payment: _Payment | None = None


class _Button(msgspec.Struct):
    title: str
    payload: str


class _Reply(msgspec.Struct):
    text: str = ""
    buttons: list[_Button] = []
    custom: dict[str, Any] = {}


_replies = msgspec.json.Decoder(list[_Reply]).decode


class Actions:
    """The actions over one running Remit."""

    def __init__(self, remit: Remote, *, client_addresses: bool = False) -> None:
        """``client_addresses``: whether ``metadata.client_address`` of a message is its front end's own word."""
        self._remit = remit
        self._client_addresses = client_addresses

    def executor(self) -> ActionExecutor:
        """What runs an action by its name, as rasa-sdk has it. Raises what rasa-sdk raises."""
        executor = ActionExecutor()
        said = {"list_invoices": "/invoices", "payment_status": "/status", "hand_over": "/human"}
        executor.register_function("action_remit_turn", self._saying("action_remit_turn", None))
        for name, text in said.items():
            executor.register_function(f"action_remit_{name}", self._saying(f"action_remit_{name}", text))
        executor.register_function("action_remit_create_pay_link", self._create_pay_link)
        return executor

    def _saying(self, action: str, text: str | None) -> Run:
        """The action that says ``text`` to Remit, or what the customer said last."""

        async def run(dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:  # noqa: ARG001  # as rasa-sdk calls it
            order = self._order(action, said_to_remit(tracker) if text is None else text, tracker)
            key = order["metadata"].get("message_id")
            answer = await self._post(action, _TURN, order, key)
            if answer is None:
                dispatcher.utter_message(response="utter_remit_unavailable")
                return []
            state = _hand_on(_read(answer), dispatcher)
            return _slots(state, tracker)

        return run

    async def _create_pay_link(
        self,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: dict[str, Any],  # noqa: ARG002  # as rasa-sdk calls it
    ) -> Events:
        """Has a link e-mailed to the address on file of the invoice that was named. It is not shown to who asks."""
        number = next(tracker.get_latest_entity_values(INVOICE), None) or tracker.slots.get("remit_invoice")
        if not number:
            dispatcher.utter_message(response="utter_remit_which_invoice")
            return []
        answer = await self._post("action_remit_create_pay_link", _LINK, {"invoice": _plain(number)[:60]}, None)
        if answer is None or answer.status_code in {409, 429}:
            dispatcher.utter_message(response="utter_remit_no_link")
        else:
            dispatcher.utter_message(response="utter_remit_link_asked")
        return [SlotSet("remit_invoice", None)]

    def _order(self, action: str, text: str, tracker: Tracker) -> dict[str, Any]:
        latest = tracker.latest_message
        told = latest.get("metadata")
        told = told if isinstance(told, dict) else {}  # a front end writes there what it likes
        metadata: dict[str, str] = {}
        if message := told.get("message_id") or latest.get("message_id"):
            metadata["message_id"] = _short(f"{action} {message}")  # asked for twice in one turn, it is done once
        if link := tracker.slots.get("pay_link") or told.get("pay_link"):
            metadata["pay_link"] = _plain(link)
        if self._client_addresses and (address := told.get("client_address")):
            metadata["client_address"] = _plain(address)
        sender = tracker.sender_id
        return {
            "sender": _plain(sender) if len(sender) <= LONGEST_ID else _short(sender),
            "message": _plain(text),
            "metadata": metadata,
        }

    async def _post(self, action: str, path: str, order: dict[str, Any], key: str | None) -> httpx.Response | None:
        """Remit's answer, or None when there is none to be had now. Raises for what another try would not change."""
        try:
            answer = await self._remit.post(path, msgspec.json.encode(order), key=key)
        except RemitError as error:
            log.warning("%s: %s", action, error)
            return None
        if answer.status_code in {400, 413}:
            raise ActionExecutionRejection(action, f"Remit cannot read this: status {answer.status_code}")
        if answer.status_code in {401, 404}:
            log.error(
                "%s: Remit answers %d; are [actions] remit_url and REMIT_RASA_TOKEN right?", action, answer.status_code
            )
            return None
        return answer


def said_to_remit(tracker: Tracker) -> str:
    """What the customer said last, as Remit reads it: words, or what a button of Remit's says.

    A button of the assistant's own is an intent that Remit does not know: it begins a payment, or asks where we are.
    """
    latest = tracker.latest_message
    if (latest.get("intent") or {}).get("name") == CHOICE:
        said = next(tracker.get_latest_entity_values(SAY), None)
        return said if isinstance(said, str) else "/repeat"
    text = str(latest.get("text") or "")
    if not text.startswith("/"):
        return text
    return "/repeat" if tracker.slots.get("remit_active") else "/pay"


def _read(answer: httpx.Response) -> list[_Reply]:
    try:
        return _replies(answer.content)
    except msgspec.DecodeError as error:
        raise Malformed(f"Remit answered outside its contract: status {answer.status_code}") from error


def _hand_on(replies: list[_Reply], dispatcher: CollectingDispatcher) -> _State | None:
    """Says what Remit says; answers with the state that comes with it."""
    state = None
    for reply in replies:
        if reply.text:
            dispatcher.utter_message(text=reply.text, buttons=[_wrapped(each) for each in reply.buttons])
        told = reply.custom.pop("remit", None)
        if told is not None:
            state = msgspec.convert(told, _State)
        if reply.custom:
            dispatcher.utter_message(json_message=reply.custom)
    return state


def _wrapped(button: _Button) -> dict[str, str]:
    """A button as Rasa reads it: an intent with an entity. ``/agree ...`` alone would be an intent it does not have."""
    said = json.dumps({SAY: button.payload}, separators=(",", ":"))
    return {"title": button.title, "payload": f"/{CHOICE}{said}"}


def _slots(state: _State | None, tracker: Tracker) -> Events:
    """The slots that an assistant's rules look at. A pay link has been opened, and need not lie about any longer."""
    if state is None:
        return []
    payment = state.payment
    events = [
        SlotSet("remit_active", state.active),
        SlotSet("remit_done", bool(tracker.slots.get("remit_active")) and not state.active),
        SlotSet("remit_reference", payment and payment.reference),
        SlotSet("remit_state", payment and payment.state),
    ]
    return events + ([SlotSet("pay_link", None)] if tracker.slots.get("pay_link") else [])


def _plain(told: object) -> str:
    """As text that UTF-8 can hold: JSON may carry half a character."""
    return str(told).encode(errors="replace").decode()


def _short(name: str) -> str:
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()[:40]
