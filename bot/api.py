"""The conversation routes of the API: begin, say, and listen. For the widget, and for whoever builds another front end.

Messages in are a hot route, so it is a plain endpoint, described in `bot/openapi.py`; listening is server-sent
events, read with fetch so that no token stands in a URL.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.channels import widget
from bot.channels.base import Inbound
from bot.openapi import BROWSER, LISTEN, SAY, Begun, errors
from bot.web import Endpoint, answer, back_to_the_chat, read_body, refusal, safely
from services.allowance import household
from services.errors import Forged, Malformed, RemitError
from services.model import Customer

if TYPE_CHECKING:
    from bot.app import Remit

HEARTBEAT_SECONDS = 15
MOST_LISTENERS = 40  # of one conversation at once: tabs, and lines that nobody noticed are dead
PIECE = 200  # messages read from the store at once: a long history must not keep the others waiting


class Begin(BaseModel):
    """What a page says when a chat begins."""

    model_config = ConfigDict(extra="forbid")

    pay_link: str = Field("", max_length=64, description="token of a pay link")
    locale: str = Field("", max_length=16, description="language of the page, such as en or es")
    page: str = Field("", max_length=2000, description="address of the page, to come back to from the hosted page")
    browser: str = Field("", max_length=64, description="token of a browser that is remembered from a sign-in")
    visitor: str = Field("", max_length=4096, description="signed token of the page, for its signed-in user (a JWT)")


class _SmallRequest(Request):
    """Reads no more than a message may have: FastAPI alone would take in whatever comes."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = await read_body(self, widget.LARGEST)
        return self._body


class SmallBodies(APIRoute):
    """Routes that read no more than a message may have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def small(request: Request) -> Response:
            return await handle(_SmallRequest(request.scope, request.receive))

        return small


def api_router(remit: "Remit") -> APIRouter:
    """The route that is not hot, through FastAPI."""
    router = APIRouter(prefix="/api/v1", tags=["conversations"], route_class=SmallBodies)

    @router.post("/conversations", status_code=201, response_model=Begun, responses=errors(403, 422, 429, 503))
    async def begin(begin: Begin, request: Request) -> Response:
        """Begin a conversation; its token goes into the Authorization header of everything after."""
        client = request.client.host if request.client else ""
        if seconds := await remit.begin_limit.wait(household(client)):
            return too_often(seconds)
        if begin.page and not _allowed(begin.page, remit):
            return _not_from_there()

        async def work(_request: Request) -> Response:
            conversation = remit.random(16).hex()
            inbound = Inbound(
                widget.chat_of(conversation),
                "begin",
                "/start",
                pay_link=begin.pay_link,
                locale=begin.locale,
                home=begin.page,
                client=client,
                fresh=True,
                browser=begin.browser,
                visitor=begin.visitor,
            )
            answered = await remit.runtime.answer(inbound)
            token = widget.token_of(conversation, remit.secret, answered.keys)
            return answer({"id": conversation, "token": token, "messages": answered.messages}, 201)

        return await safely(work)(request)

    return router


def conversation_routes(remit: "Remit") -> list[Route]:
    """The plain routes: say, listen, and the way back from the hosted page."""
    return [
        Route(SAY, safely(_say(remit)), methods=["POST"]),
        Route(LISTEN, safely(_listen(remit)), methods=["GET"]),
        Route(BROWSER, safely(_browser(remit)), methods=["POST"]),
        Route("/back/{chat}", safely(_back(remit)), methods=["GET"]),
    ]


def _say(remit: "Remit") -> Endpoint:
    async def say(request: Request) -> Response:
        conversation = request.path_params["id"]
        keys = _keys(request, conversation, remit)
        if keys is None:
            return _unauthorized()
        client = request.client.host if request.client else ""
        if seconds := await remit.say_limit.wait(conversation) or await remit.household_limit.wait(household(client)):
            return too_often(seconds)
        try:
            inbound = widget.read(await read_body(request, widget.LARGEST), conversation, client, keys)
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        if inbound.home and not _allowed(inbound.home, remit):
            return _not_from_there()
        try:
            answered = await remit.runtime.answer(inbound)
        except Forged:
            return _unauthorized()
        said: dict[str, Any] = {"messages": answered.messages}
        if answered.keys != keys:
            said["token"] = widget.token_of(conversation, remit.secret, answered.keys)  # in place of the one before
            talk = (await remit.store.load(inbound.chat, "")).talk
            if talk is not None and talk.read_from:
                said["cleared"] = talk.read_from  # the last message that was for somebody who left
        if answered.keys and await _is_remembered(conversation, remit):
            said["remembered"] = True
        return answer(said)

    return say


async def _is_remembered(conversation: str, remit: "Remit") -> bool:
    """Whether its customer stays signed in for longer than a sign-in counts: then this browser may ask for a token.

    Asked only of a chat that somebody signed in to, so that everybody else's messages stay a hot route.
    """
    talk = (await remit.store.load(widget.chat_of(conversation), "")).talk
    if talk is None or not isinstance(talk.scope, Customer) or talk.scope.proof == "page":
        return False
    return talk.scope.until - talk.scope.proved_at > timedelta(hours=remit.settings.sign_in.hours)


def _browser(remit: "Remit") -> Endpoint:
    """A token for a browser that the customer asked to be remembered, to begin later chats with."""

    async def browser(request: Request) -> Response:
        conversation = request.path_params["id"]
        keys, chat = _keys(request, conversation, remit), widget.chat_of(conversation)
        talk = (await remit.store.load(chat, "")).talk
        if keys is None or talk is None or talk.keys != keys:
            return _unauthorized()
        token = await remit.visitors.browser_token(talk.scope, chat) if isinstance(talk.scope, Customer) else None
        if token is None:
            return refusal(404, "not_remembered", "this browser was not asked to be remembered")
        return answer({"token": token}, 201)

    return browser


def _listen(remit: "Remit") -> Endpoint:
    async def listen(request: Request) -> Response:
        conversation = request.path_params["id"]
        keys = _keys(request, conversation, remit)
        if keys is None:
            return _unauthorized()
        last = request.headers.get("last-event-id", "0")
        if not last.isdecimal() or len(last) > 18:
            return refusal(400, "malformed", "Last-Event-ID is the seq of the last message seen")
        chat = widget.chat_of(conversation)
        talk = (await remit.store.load(chat, "")).talk
        if talk is None and await remit.runtime.recall(chat):
            talk = (await remit.store.load(chat, "")).talk
        if talk is None or talk.keys > keys:
            return _unauthorized()
        if remit.bell.listeners(chat) >= MOST_LISTENERS:
            return too_often(HEARTBEAT_SECONDS)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(remit, chat, int(last), keys), media_type="text/event-stream", headers=headers)

    return listen


async def _events(remit: "Remit", chat: str, last: int, keys: int) -> AsyncIterator[bytes]:
    """Everything after ``last``, then whatever comes. Listens first and reads then, so that nothing falls between.

    A conversation that is lost while somebody listens begins again, at the latest with the next sign of life. Whoever
    listens with a token that a sign-in replaces hears nothing of what follows.
    """
    with remit.bell.listen(chat) as woken:
        yield b": here\n\n"
        while True:
            woken.clear()
            try:
                before = last
                while True:
                    fresh = await remit.store.since(chat, last, PIECE)
                    # looked at after reading: a sign-in in between would let its first words through
                    talk = (await remit.store.load(chat, "")).talk
                    if talk is not None and talk.keys > keys:
                        return
                    if talk is not None and last < talk.read_from:  # what was said to who has left stays with them
                        last = talk.read_from
                        continue
                    for message in fresh:
                        last = message.seq
                        yield b"id: %d\nevent: message\ndata: %s\n\n" % (last, msgspec.json.encode(message))
                    if not fresh:
                        break
                if talk is None and last == before and await remit.runtime.recall(chat):
                    continue
            except RemitError:
                return  # whoever listens dials again, with the last number seen
            try:  # not `wait_for`, which on Python 3.11 loses a cancellation that comes with the bell (bpo-37658)
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await woken.wait()
            except TimeoutError:  # the line is kept alive, and the store looked at again
                yield b": still here\n\n"


def _back(remit: "Remit") -> Endpoint:
    """From the hosted page back to the page that the chat sits on; to Telegram, where it has gone on there meanwhile."""

    async def back(request: Request) -> Response:
        found = await remit.store.load(request.path_params["chat"], "")
        went = found.talk.went if found.talk is not None else None
        bot = remit.settings.telegram.bot
        if bot and went is not None and went.to.startswith("telegram:"):
            return RedirectResponse(f"https://t.me/{bot}", 303, headers={"Cache-Control": "no-store"})
        if found.talk is not None and found.talk.home:
            return RedirectResponse(found.talk.home, 303, headers={"Cache-Control": "no-store"})
        return back_to_the_chat()

    return back


def _keys(request: Request, conversation: str, remit: "Remit") -> int | None:
    """Which token of the conversation the request holds; None for none of its own."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return widget.keys_of(conversation, token.strip(), remit.secret) if scheme.lower() == "bearer" else None


def _unauthorized() -> Response:
    return refusal(401, "unauthorized", "this token opens no such conversation; begin a new one")


def _not_from_there() -> Response:
    return refusal(403, "forbidden", "this page's origin is not in [widget] origins")


def too_often(seconds: int) -> Response:
    """429, and after how many seconds to come again."""
    return refusal(429, "too_often", f"please wait {seconds} s", {"Retry-After": str(seconds)})


def _allowed(page: str, remit: "Remit") -> bool:
    try:
        parts = urlsplit(page)
    except ValueError:  # brackets or letters that no host can have
        return False
    origin = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in ("http", "https") and origin in (remit.settings.base_url, *remit.settings.widget.origins)
