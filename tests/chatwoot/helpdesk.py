"""A Chatwoot of our own: what it does with the calls of an agent bot, held against its published description.

It keeps conversations as its dashboard would show them, and collects the events that it would tell the bot. What its
description leaves open is checked as Chatwoot does: the bot's token, and the items of an `input_select`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

TOKEN, ACCOUNT = "token-of-the-agent-bot", 1
DESCRIBED = json.loads(
    (Path(__file__).parents[1] / "payloads" / "chatwoot" / "openapi.json").read_text(encoding="utf-8")
)
KINDS = {"string": str, "boolean": bool, "object": dict, "integer": int, "number": int | float}


@dataclass
class Shown:
    """One message as the dashboard shows it."""

    id: int
    text: str
    by: str  # customer, bot, person
    private: bool = False
    items: list[dict[str, str]] = field(default_factory=list)
    submitted: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Conversation:
    id: int
    status: str = "pending"
    language: str = "en"
    messages: list[Shown] = field(default_factory=list)
    updated_at: float = 0.0


class Helpdesk:
    """The server. ``events`` are what it has to tell the bot, in order."""

    def __init__(self) -> None:
        self.clock: Callable[[], datetime] = datetime.now  # set by its world, which has a clock that tests turn
        self.conversations: dict[int, Conversation] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.faults: list[tuple[str, int]] = []  # the end of an address, and what its next call is answered with
        self._ids = 100

    # --- what the bot asks for ---------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        status, body = self._asked(request, await request.body())
        await JSONResponse(body, status)(scope, receive, send)

    def _asked(self, request: Request, body: bytes) -> tuple[int, dict[str, Any]]:
        path, number = self._path(request)
        scheme = DESCRIBED["components"]["securitySchemes"]["agentBotApiKey"]
        if request.headers.get(scheme["name"]) != TOKEN:
            return 401, {"error": "Invalid Access Token"}
        for fault in self.faults:
            if request.url.path.endswith(fault[0]):
                self.faults.remove(fault)
                return fault[1], {"error": "a fault"}
        assert request.headers["content-type"] == "application/json"
        told = json.loads(body)
        _fits(told, path["post"]["requestBody"]["content"]["application/json"]["schema"], request.url.path)
        conversation = self.conversations.get(number)
        if conversation is None:
            return 404, {"error": "Resource could not be found"}
        self.calls.append((request.url.path.rsplit("/", 1)[-1], told))
        if request.url.path.endswith("toggle_status"):
            self.turn(conversation, told["status"])
            return 200, {"meta": {}, "payload": {"success": True, "current_status": conversation.status}}
        items = told.get("content_attributes", {}).get("items", [])
        if told.get("content_type") == "input_select" and not _selectable(items):
            return 422, {"error": "At least one item is required."}
        shown = self._show(conversation, Shown(self._number(), told["content"], "bot", told["private"], items))
        return 200, {"id": shown.id, "content": shown.text}

    def _path(self, request: Request) -> tuple[dict[str, Any], int]:
        """What the description says of an address, and the conversation that stands in it."""
        assert request.method == "POST"
        for template, described in DESCRIBED["paths"].items():
            pattern = template.replace("{account_id}", str(ACCOUNT)).replace("{conversation_id}", "([0-9]+)")
            if found := re.fullmatch(pattern, request.url.path):
                return described, int(found[1])
        raise AssertionError(f"Chatwoot describes no {request.url.path}")

    # --- what customers and persons do -------------------------------------------------------------------------------

    def begin(self, number: int, language: str = "en") -> Conversation:
        self.conversations[number] = Conversation(number, language=language)
        return self.conversations[number]

    def says(self, conversation: Conversation, text: str | None) -> dict[str, Any]:
        """The customer writes; None: a picture. The event is answered, and not queued."""
        if conversation.status == "resolved":
            conversation.status = "pending"  # an inbox with a bot
        self._show(conversation, Shown(self._number(), text or "", "customer"))
        event = self.events.pop()
        return event if text is not None else event | {"content": None, "attachments": [{"file_type": "image"}]}

    def presses(self, conversation: Conversation, title: str) -> dict[str, Any]:
        """The customer selects the newest item with this title; as above."""
        for shown in reversed(conversation.messages):
            for item in shown.items:
                if item["title"] == title:
                    shown.submitted = [item]
                    return self.updated(conversation, shown)
        found = [item["title"] for shown in conversation.messages for item in shown.items]
        raise AssertionError(f"no button {title!r} among {found}")

    def person_says(self, conversation: Conversation, text: str, *, private: bool = False) -> None:
        self._show(conversation, Shown(self._number(), text, "person", private))

    def turn(self, conversation: Conversation, status: str) -> None:
        """Its status changes, and the bot hears of it."""
        conversation.status = status
        named = {"open": "conversation_opened", "resolved": "conversation_resolved"}
        for event in (named.get(status), "conversation_status_changed"):
            if event is not None:
                self.events.append(self._conversation(conversation) | {"event": event})

    def updated(self, conversation: Conversation, shown: Shown) -> dict[str, Any]:
        """The event of a message that was changed, for whatever reason."""
        return self._message(conversation, shown) | {"event": "message_updated"}

    # --- as it is told -----------------------------------------------------------------------------------------------

    def _show(self, conversation: Conversation, shown: Shown) -> Shown:
        conversation.messages.append(shown)
        self.events.append(self._message(conversation, shown) | {"event": "message_created"})
        return shown

    def _number(self) -> int:
        self._ids += 1
        return self._ids

    def _conversation(self, conversation: Conversation) -> dict[str, Any]:
        conversation.updated_at = max(self.clock().timestamp(), conversation.updated_at + 0.001)
        return {
            "id": conversation.id,
            "status": conversation.status,
            "updated_at": conversation.updated_at,
            "additional_attributes": {"browser_language": conversation.language},
            "messages": [{"id": shown.id, "message_type": 0} for shown in conversation.messages[-1:]],
        }

    def _message(self, conversation: Conversation, shown: Shown) -> dict[str, Any]:
        attributes: dict[str, Any] = {"items": shown.items} if shown.items else {}
        if shown.submitted:
            attributes["submitted_values"] = shown.submitted
        return {
            "id": shown.id,
            "content": shown.text,
            "content_type": "input_select" if shown.items else "text",
            "content_attributes": attributes,
            "message_type": "incoming" if shown.by == "customer" else "outgoing",
            "private": shown.private,
            "account": {"id": ACCOUNT, "name": "Green Lane"},
            "conversation": self._conversation(conversation),
        }


def _selectable(items: list[dict[str, str]]) -> bool:
    """As Chatwoot's ContentAttributeValidator: at least one, with a title and a value and nothing else."""
    return bool(items) and all(item.keys() == {"title", "value"} and all(item.values()) for item in items)


def _fits(told: Any, schema: dict[str, Any], where: str) -> None:
    """A value against a schema of the description. A field that it does not have is a bug of the caller's."""
    if reference := schema.get("$ref"):
        schema = DESCRIBED["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    assert isinstance(told, KINDS[schema["type"]]), f"{where} is {told!r}"
    assert told in schema.get("enum", [told]), f"{where} is {told!r}"
    if schema["type"] == "object":
        fields = schema.get("properties")
        assert set(schema.get("required", ())) <= told.keys(), f"{where} needs {schema['required']}"
        for name, value in told.items() if fields is not None else ():
            assert name in fields, f"{where} has no {name}"
            _fits(value, fields[name], f"{where}.{name}")
