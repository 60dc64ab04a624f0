"""The lines between the assistant and its back ends, and what goes wrong on them. No sockets: requests are calls.

What a request does on the other side is the sandbox's business; when a line is bad, the weather's.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.types import Message as AsgiMessage

from .life import Gone, Life

if TYPE_CHECKING:
    from .world import World

Answer = TypeVar("Answer")

GIVES_UP_S = 10.0  # after which a caller without an answer stops waiting, as `services.http` has it


class Line(httpx.AsyncBaseTransport):
    """The way from one life of the assistant to the back ends."""

    def __init__(self, world: "World", life: Life) -> None:
        self._world = world
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        world, life = self._world, self._life
        await life.give_way("before a call")
        request.extensions["sent_at"] = world.loop.time()
        if world.cut_off and request.url.path.startswith(world.cut_off):
            answered = await self._nobody_there(request)
        elif world.weather.to in request.url.path and world.chance.random() < world.weather.line:
            answered = await self._disturbed(request)
        elif world.weather.away and world.weather.to in request.url.path and world.chance.random() < world.weather.away:
            answered = await self._trouble(world.chance.choice(("refused", "busy", "lost before")), request)
        elif world.weather.lag and world.weather.to in request.url.path and world.chance.random() < world.weather.lag:
            answered = await self._trouble(world.chance.choice(("slow", "slow back")), request)
        elif world.weather.blind and world.chance.random() < world.weather.blind and (made := _looked_up(request)):
            world.fault(f"the processor does not find {made} just now")
            world.denied.add(made)
            answered = httpx.Response(404, json={"error": {"code": "no_such_payment", "message": ""}}, request=request)
        else:
            answered = world.serve(request)
        await life.give_way("after a call")
        return answered

    async def _nobody_there(self, request: httpx.Request) -> httpx.Response:
        """A back end that is away for hours: refused, busy, or silent; what was sent may still have arrived."""
        world = self._world
        trouble = world.chance.choice(("refused", "busy", "lost before", "lost before", "lost after"))
        return await self._trouble(trouble, request)

    async def _disturbed(self, request: httpx.Request) -> httpx.Response:
        world = self._world
        trouble = world.chance.choice(("refused", "busy", "lost before", "lost after", "502 after", "late", "slow"))
        return await self._trouble(trouble, request)

    async def _trouble(self, trouble: str, request: httpx.Request) -> httpx.Response:
        world = self._world
        world.fault(f"{trouble}: {request.method} {request.url.path}")
        match trouble:
            case "refused":
                raise httpx.ConnectError("nobody there", request=request)
            case "busy":
                return httpx.Response(503, request=request)
            case "502 after":
                world.serve(request)
                return httpx.Response(502, request=request)
            case "slow":
                await asyncio.sleep(world.chance.uniform(0.5, 9.0))
                return world.serve(request)
            case "slow back":
                answered = world.serve(request)
                await asyncio.sleep(world.chance.uniform(0.5, 9.0))
                return answered
            case "lost after":
                world.serve(request)
            case "late":
                world.loop.call_later(world.chance.choice((1.0, 12.0, 40.0, 200.0, 2000.0)), world.serve, request)
            case _:
                pass
        await asyncio.sleep(GIVES_UP_S)
        raise httpx.ReadTimeout("no answer", request=request)


def _looked_up(request: httpx.Request) -> str:
    """The payment that a request asks about, or ""."""
    where, _, reference = request.url.path.rpartition("/")
    return reference if request.method == "GET" and where.endswith("/v1/payments") else ""


class WebhookLine(httpx.AsyncBaseTransport):
    """The way of a webhook to whichever life of the assistant is there."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        world = self._world
        lost = world.chance.choice(("before", "after")) if world.chance.random() < world.weather.webhook else ""
        kind = msgspec.json.decode(request.content)
        if lost:
            world.fault(f"webhook {kind['type']} of {kind['reference']} lost {lost} it arrived")
        world.on_webhook(request)
        if lost == "before":
            raise httpx.ConnectError("lost", request=request)
        try:
            answered = await world.ask(request)
        except Gone:
            raise httpx.ConnectError("not taken", request=request) from None
        if lost:
            raise httpx.ReadTimeout("no answer", request=request)
        world.tell(f"webhook {kind['type']} of {kind['reference']} -> {answered.status_code}")
        if answered.is_success and not world.rows("SELECT 1 FROM fact WHERE id = :id", id=kind["id"]):
            world.violate(f"{kind['type']} of {kind['reference']} was answered 200 and is not in the ledger")
        return answered


# --- a request without a network ------------------------------------------------------------------------------------


async def ask(app: Starlette, request: httpx.Request) -> httpx.Response:
    """One request through an ASGI app."""
    status, headers, body = 500, [], b""
    url = request.url
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path,
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port or 80),
        "client": (request.extensions.get("client", "127.0.0.1"), 4242),
    }

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": request.content, "more_body": False}

    async def send(message: AsgiMessage) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status, headers = message["status"], message["headers"]
        else:
            body += message.get("body", b"")

    await app(scope, receive, send)
    return httpx.Response(status, headers=headers, content=body, request=request)


def at_once(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run what never waits, outside the loop."""
    try:
        work.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    work.close()
    raise AssertionError("the sandbox waited for something: it must not, within one request")
