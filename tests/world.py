"""A whole business in one process: assistant, sandbox and customers, under a clock that tests turn by hand.

Nothing is patched: the assistant is built by `bot.app.build` over an ASGI transport that ends in the sandbox, whose
webhooks end in the assistant. Crashing it means building it again over the same files.
"""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import httpx
from sqlalchemy import Connection, select
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.app import Remit, asgi, build
from bot.channels.base import Inbound
from bot.settings import CONFIG, Settings, load
from bot.stores.base import Message
from bot.stores.sqlite import SqliteStore
from services.database import inline, insert_once, open_engine, upgrade
from services.desk.agents import Agent
from services.http import open_http
from services.mail import Letter
from services.sandbox.rehearsal import BANK, CARD
from services.sandbox.world import build_sandbox, load_demo
from services.schema import agent as agents

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
KEY, SECRET, TOKEN = "test-key", "test-secret", "test-token"
HANDOFF = "http://remit"
PAGE_SECRET = "a-secret-of-the-page-that-embeds-the-chat"


class Clock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **step: int) -> None:
        self.at += timedelta(**step)


class Outbox:
    """Letters, as they would have been sent."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)

    def code(self, to: str = "") -> str:
        """The newest code, to this address if one is named."""
        found = (
            re.search(r"\b([0-9]{6})\b", letter.text) for letter in reversed(self.letters) if to in ("", letter.to)
        )
        return next(code[1] for code in found if code)


class _Later:
    """An ASGI app that is built after those who call it, and again after a crash."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


class _Hosts(httpx.AsyncBaseTransport):
    """A network of ASGI apps. Whoever calls another host has forgotten to name it."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._hosts = {name: httpx.ASGITransport(app) for name, app in apps.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._hosts[request.url.host].handle_async_request(request)


def settings(**sections: dict[str, object]) -> Settings:
    return load(
        None,
        business={
            "name": "Green Lane Lawn Care",
            "phone": "+1 415 555 0142",
            "timezone": "America/Los_Angeles",
            "currency": "USD",
        },
        invoices={"sources": ["book", "portal"], "portal_url": "http://sandbox/portal", "portal_key": KEY},
        gateway={"url": "http://sandbox/processor", "key": KEY, "webhook_secret": SECRET},
        sign_in={"page_secret": PAGE_SECRET},
        **{
            "autopay": {"offered": True, "notice_days": 3},
            "server": {"base_url": HANDOFF},
            "mail": {"host": "mail.test", "from": "billing@example.com"},
            **sections,
        },
    )


class World:
    """The assistant and its sandbox. `async with` it."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        bot_api: ASGIApp | None = None,
        hosts: Mapping[str, ASGIApp] | None = None,
        **sections: dict[str, object],
    ) -> None:
        """``bot_api`` stands in for Telegram's Bot API, and ``hosts`` for others that are called, by their names."""
        self.clock = Clock()
        self.chance = random.Random(seed)
        self.folder = folder
        self.settings = settings(**sections)
        self.mail = Outbox() if self.settings.mail.host else None  # as a business without mail
        self._assistant = _Later()
        self.sender = open_http(httpx.ASGITransport(self._assistant))
        self.sandbox = build_sandbox(
            clock=self.clock,
            random=self.chance.randbytes,
            send=self.sender,
            webhook_url=f"{HANDOFF}/webhooks/payments/sandbox",
            webhook_secret=SECRET,
            api_key=KEY,
            demo=load_demo(CONFIG / "demo.toml"),
            url="http://sandbox",
        )
        self.browser = httpx.AsyncClient(
            mounts={
                "http://sandbox": httpx.ASGITransport(self.sandbox.app),
                HANDOFF: httpx.ASGITransport(self._assistant, client=("127.0.0.1", 4242)),
            },
            trust_env=False,
        )
        self.http = open_http(_Hosts({"sandbox": self.sandbox.app} | dict(hosts or {})))
        self.telegram_http = None if bot_api is None else open_http(httpx.ASGITransport(bot_api))
        self.engine = open_engine(f"sqlite:///{folder / 'ledger.db'}")
        upgrade(self.engine)
        self.remit: Remit
        self.start()

    def start(self) -> None:
        """Build the assistant over its files, as after a crash."""
        self.store = SqliteStore(str(self.folder / "conversations.db"), inline=True)
        self.store.release_leases()
        self.remit = build(
            self.settings,
            transact=inline(self.engine),
            store=self.store,
            http=self.http,
            clock=self.clock,
            random=self.chance.randbytes,
            secret=b"test-secret-of-conversations",
            mail=self.mail,
            mail_after=0,
            telegram_http=self.telegram_http,
        )
        self._assistant.app = asgi(self.remit, TOKEN)

    def crash(self) -> None:
        """Lose everything that is not in a file."""
        self.store.close()
        self.start()

    async def close(self) -> None:
        await self.remit.runtime.drain()
        await self.remit.postman.drain()
        for client in (self.browser, self.http, self.sender):
            await client.aclose()
        self.store.close()
        self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_why: object) -> None:
        await self.close()

    # --- what happens --------------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Webhooks, jobs and effects, until nothing is left to do now."""
        for _ in range(50):
            delivered = await self.sandbox.pump()
            busy = await self.remit.worker.work()
            if not (delivered or busy):
                return
        raise AssertionError("the worker never comes to rest")

    async def wait(self, **step: int) -> None:
        self.clock.advance(**step)
        await self.work()

    async def say(self, chat: str, text: str, *, id: str = "", pay_link: str = "") -> list[Message]:  # noqa: A002
        inbound = Inbound(chat, id or self.chance.randbytes(8).hex(), text, pay_link, client="203.0.113.7")
        messages = await self.remit.runtime.handle(inbound)
        await self.remit.postman.drain()
        return messages

    async def agent(self, name: str = "Maria", role: Literal["agent", "supervisor"] = "agent") -> Agent:
        """Somebody at the desk, of this name."""
        email = f"{name.lower()}@example.test"

        def work(conn: Connection) -> Agent:
            insert_once(
                conn, agents, email=email, name=name, role=role, password="", made_at=0
            )  # nobody signs in by it
            found = conn.execute(select(agents.c.id).where(agents.c.email == email)).scalar_one()
            return Agent(found, email, name, role)

        return await self.remit.transact(work)

    async def link(self, number: str, days: int = 60) -> str:
        (invoice,) = await self.remit.invoices.find(number)
        return await self.remit.identity.issue(invoice.id, days)

    async def page(self, url: str) -> str:
        """Follow a hand-off link to the address of the hosted page."""
        answer = await self.browser.get(url)
        assert answer.status_code == 303, f"{answer.status_code} {answer.text}"
        return answer.headers["location"]

    def forget(self, chat: str) -> None:
        """Lose one conversation, as a store that is gone would."""
        self.store._recent.clear()
        for table in ("conversation", "inbox", "message", "outbox"):
            self.store._write.execute(f"DELETE FROM {table} WHERE chat = ?", (chat,))

    async def submit(self, page: str, **fields: str) -> httpx.Response:
        answer = await self.browser.post(page, data=fields)
        return await self.browser.get(str(answer.next_request.url)) if answer.next_request else answer

    async def pay_by_card(self, page: str, number: str, **other: str) -> httpx.Response:
        return await self.submit(page, **(CARD | {"number": number} | other))

    async def pay_by_bank(self, page: str, account: str, **other: str) -> httpx.Response:
        return await self.submit(page, **(BANK | {"account": account} | other))

    async def change(self, number: str, **change: object) -> None:
        answer = await self.browser.post(f"http://sandbox/control/invoices/{number}", json=change)
        assert answer.status_code == 200, answer.text

    async def invoice(self, number: str) -> dict[str, object]:
        return (await self.browser.get(f"http://sandbox/control/invoices/{number}")).json()

    async def book(self) -> list[dict[str, object]]:
        return (await self.browser.get("http://sandbox/control/book")).json()
