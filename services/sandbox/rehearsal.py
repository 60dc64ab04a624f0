"""A sandbox inside one process, for tests and simulations: no port, no timer, a customer who fills in forms.

`rehearse` gives the sandbox, a client whose every request ends in it, and the webhooks it sent. What a test expects
does not belong here.
"""

from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.http import open_http
from services.sandbox.clock import Clock, Random
from services.sandbox.portal import Demo
from services.sandbox.world import Sandbox, build_sandbox

ROOT = "http://sandbox"
API_KEY = "rehearsal-key"
SECRET = "rehearsal-secret"  # noqa: S105  # signs nothing outside a test's own process

CARD = {"exp": "04/42", "cvc": "123", "name": "Dana Whitfield", "zip": "94107"}
BANK = {"routing": "110000000", "name": "Dana Whitfield", "authorize": "yes"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Ear:
    """Where webhooks arrive. It keeps those it takes; ``status`` is what it answers with."""

    heard: list[Webhook] = field(default_factory=list)
    status: int = 200
    tries: int = 0

    def app(self) -> Starlette:
        """The ASGI app that listens."""
        return Starlette(routes=[Route("/webhook", self._hear, methods=["POST"])])

    async def _hear(self, request: Request) -> Response:
        self.tries += 1
        if self.status < 300:
            self.heard.append(Webhook(dict(request.headers), await request.body()))
        return Response(status_code=self.status)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The sandbox, a client of it, and what it told. Close it with ``await aclose()``."""

    sandbox: Sandbox
    http: httpx.AsyncClient
    ear: Ear
    sender: httpx.AsyncClient

    async def submit(self, url: str, **fields: str) -> httpx.Response:
        """Send a form as a browser does; answers with the page the customer sees then."""
        answer = await self.http.post(url, data=fields)
        return await self.http.get(answer.headers["location"]) if answer.status_code == 303 else answer

    async def pay_by_card(self, url: str, number: str, **other: str) -> httpx.Response:
        """Fill in a card page with this number, and send it; ``save="yes"`` ticks the box that keeps the card."""
        return await self.submit(url, **(CARD | {"number": number} | other))

    async def pay_by_bank(self, url: str, account: str, **other: str) -> httpx.Response:
        """Fill in a bank page with this account, and send it; ``save="yes"`` ticks the box that keeps the account."""
        return await self.submit(url, **(BANK | {"account": account} | other))

    async def answer_check(self, url: str, *, passed: bool) -> httpx.Response:
        """Answer the bank's extra check (3-D Secure) that this page shows; it must show one."""
        shown = await self.http.get(url)
        attempt = shown.text.partition('name="attempt" value="')[2].partition('"')[0]
        return await self.submit(f"{url}/challenge", attempt=attempt, answer="complete" if passed else "fail")

    async def type_code(self, url: str, code: str) -> httpx.Response:
        """Type the code of a micro-deposit on the page that waits for it."""
        return await self.submit(f"{url}/code", code=code)

    async def aclose(self) -> None:
        """Close both clients."""
        await self.http.aclose()
        await self.sender.aclose()


def rehearse(*, clock: Clock, random: Random, demo: Demo) -> Rehearsal:
    """A fresh sandbox at `ROOT` with its webhooks heard by an `Ear`. ``clock`` and ``random`` as in `build_sandbox`."""
    ear = Ear()
    sender = open_http(httpx.ASGITransport(ear.app()))
    sandbox = build_sandbox(
        clock=clock,
        random=random,
        send=sender,
        webhook_url="http://assistant/webhook",
        webhook_secret=SECRET,
        api_key=API_KEY,
        demo=demo,
        url=ROOT,
    )
    http = httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), base_url=ROOT, trust_env=False)
    return Rehearsal(sandbox, http, ear, sender)
