"""A business whose assistant is an agent bot in Chatwoot, with one customer: what the tests of this folder share."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
from helpdesk import ACCOUNT, TOKEN, Conversation, Helpdesk
from starlette.types import Receive, Scope, Send
from world import HANDOFF, World

from bot.channels.chatwoot import name_of
from services.http import open_http

SECRET, URL = "secret-of-the-agent-bot", "http://chatwoot.test"
SET = {"url": URL, "token": TOKEN, "secret": SECRET, "account": ACCOUNT}
PAID_CARD = "4242424242424242"


class ChatwootWorld(World):
    """A world with a Chatwoot in it."""

    def __init__(self, folder: Path, **sections: dict[str, object]) -> None:
        self.helpdesk = Helpdesk()
        super().__init__(folder, **({"chatwoot": SET} | sections))
        self.helpdesk.clock = self.clock

    def start(self) -> None:
        self.http = open_http(httpx.ASGITransport(self._by_host))
        super().start()

    async def _by_host(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.helpdesk if (b"host", b"chatwoot.test") in scope["headers"] else self.sandbox.app
        await app(scope, receive, send)


class Office:
    """One conversation in it, seen from all sides."""

    def __init__(self, world: ChatwootWorld, number: int = 7, language: str = "en") -> None:
        self.world, self.desk = world, world.helpdesk
        self.talk: Conversation = self.desk.begin(number, language)

    @property
    def chat(self) -> str:
        return name_of(ACCOUNT, self.talk.id)

    @property
    def texts(self) -> list[str]:
        """What the bot said to the customer, in order."""
        return [shown.text for shown in self.talk.messages if shown.by == "bot" and not shown.private]

    @property
    def notes(self) -> list[str]:
        return [shown.text for shown in self.talk.messages if shown.private]

    async def tell(self, event: dict[str, Any] | bytes, *, secret: str = SECRET, off: int = 0, **headers: str) -> int:
        """What Chatwoot does with an event; the status of our answer. ``off``: seconds that its clock is ahead."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        stamp = str(int(self.world.clock().timestamp()) + off)
        signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        signed = {"X-Chatwoot-Timestamp": stamp, "X-Chatwoot-Signature": f"sha256={signature}"}
        answer = await self.world.browser.post(f"{HANDOFF}/webhooks/chatwoot", content=body, headers=signed | headers)
        return answer.status_code

    async def settle(self) -> None:
        """Everything is done that is to be done now, and Chatwoot's own events arrive."""
        await self.world.remit.chatwoot.drain()
        await self.world.remit.postman.drain()
        await self.world.work()
        await self.world.remit.deliverer.work()
        while self.desk.events:
            assert await self.tell(self.desk.events.pop(0)) == 200

    async def says(self, text: str | None) -> list[str]:
        """The customer writes; what the bot says to it."""
        return await self._told(self.desk.says(self.talk, text))

    async def presses(self, title: str) -> list[str]:
        return await self._told(self.desk.presses(self.talk, title))

    async def _told(self, event: dict[str, Any]) -> list[str]:
        self.world.clock.advance(seconds=2)
        before = len(self.texts)
        assert await self.tell(event) == 200
        await self.settle()
        return self.texts[before:]

    async def turns(self, status: str) -> None:
        """A person sets the status of the conversation."""
        self.world.clock.advance(seconds=2)
        self.desk.turn(self.talk, status)
        await self.settle()

    async def opens(self, number: str = "INV-1042") -> list[str]:
        return await self.says(f"/start {await self.world.link(number)}")

    async def pays(self, number: str = PAID_CARD, kind: str = "card") -> list[str]:
        """Follow the newest link of the chat to the hosted page, and pay there."""
        self.world.clock.advance(seconds=2)
        before = len(self.texts)
        text = next(text for text in reversed(self.texts) if "/go/" in text)
        page = await self.world.page(text.split("\n")[-1])
        pay = self.world.pay_by_card if kind == "card" else self.world.pay_by_bank
        await pay(page, number)
        await self.settle()
        return self.texts[before:]
