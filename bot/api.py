"""The conversation routes of the API: begin, say, and listen. For the widget, and for whoever builds another front end.

Messages in are a hot route, so it is a plain endpoint, described in the OpenAPI by hand; listening is server-sent
events, read with fetch so that no token stands in a URL.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.channels import widget
from bot.channels.base import Inbound
from bot.web import Endpoint, answer, plain_page, read_body, refusal, safely
from services.errors import Malformed

if TYPE_CHECKING:
    from bot.app import Remit

HEARTBEAT_SECONDS = 15
SAY = "/api/v1/conversations/{id}/messages"
LISTEN = "/api/v1/conversations/{id}/events"


class Begin(BaseModel):
    """What a page says when a chat begins."""

    model_config = ConfigDict(extra="forbid")

    pay_link: str = Field("", max_length=64, description="token of a pay link")
    locale: str = Field("", max_length=16, description="language of the page, such as en or es")
    page: str = Field("", max_length=2000, description="address of the page, to come back to from the hosted page")


class Choice(BaseModel):
    title: str
    payload: str


class Link(BaseModel):
    kind: str
    url: str


class Message(BaseModel):
    """One message of a conversation; ``seq`` counts from 1 without gaps."""

    model_config = ConfigDict(populate_by_name=True)

    seq: int
    sender: str = Field(alias="from", description="bot, agent, customer or notice")
    text: str
    choices: list[Choice] = []
    card: dict[str, Any] | None = None
    link: Link | None = None


class Begun(BaseModel):
    id: str
    token: str
    messages: list[Message]


class Messages(BaseModel):
    messages: list[Message]


def api_router(remit: "Remit") -> APIRouter:
    """The route that is not hot, through FastAPI."""
    router = APIRouter(prefix="/api/v1", tags=["conversations"])

    @router.post("/conversations", status_code=201, response_model=Begun, responses=_errors(403, 422, 429, 503))
    async def begin(begin: Begin, request: Request) -> Response:
        """Begin a conversation; its token goes into the Authorization header of everything after."""
        client = request.client.host if request.client else ""
        if seconds := remit.begin_limit.wait(client):
            return _too_often(seconds)
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
            )
            messages = await remit.runtime.handle(inbound)
            token = widget.token_of(conversation, remit.secret)
            return answer({"id": conversation, "token": token, "messages": messages}, 201)

        return await safely(work)(request)

    return router


def conversation_routes(remit: "Remit") -> list[Route]:
    """The plain routes: say, listen, and the way back from the hosted page."""
    return [
        Route(SAY, safely(_say(remit)), methods=["POST"]),
        Route(LISTEN, safely(_listen(remit)), methods=["GET"]),
        Route("/back/{chat}", safely(_back(remit)), methods=["GET"]),
    ]


def _say(remit: "Remit") -> Endpoint:
    async def say(request: Request) -> Response:
        conversation = request.path_params["id"]
        if not _opens(request, conversation, remit):
            return _unauthorized()
        if seconds := remit.say_limit.wait(conversation):
            return _too_often(seconds)
        client = request.client.host if request.client else ""
        try:
            inbound = widget.read(await read_body(request, widget.LARGEST), conversation, client)
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        if inbound.home and not _allowed(inbound.home, remit):
            return _not_from_there()
        return answer({"messages": await remit.runtime.handle(inbound)})

    return say


def _listen(remit: "Remit") -> Endpoint:
    async def listen(request: Request) -> Response:
        conversation = request.path_params["id"]
        if not _opens(request, conversation, remit):
            return _unauthorized()
        last = request.headers.get("last-event-id", "0")
        if not last.isdecimal() or len(last) > 18:
            return refusal(400, "malformed", "Last-Event-ID is the seq of the last message seen")
        chat = widget.chat_of(conversation)
        if (await remit.store.load(chat, "")).talk is None:
            return _unauthorized()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(remit, chat, int(last)), media_type="text/event-stream", headers=headers)

    return listen


async def _events(remit: "Remit", chat: str, last: int) -> AsyncIterator[bytes]:
    """Everything after ``last``, then whatever comes. Listens first and reads then, so that nothing falls between."""
    with remit.bell.listen(chat) as woken:
        yield b": here\n\n"
        while True:
            woken.clear()
            for message in await remit.store.since(chat, last):
                last = message.seq
                yield b"id: %d\nevent: message\ndata: %s\n\n" % (last, msgspec.json.encode(message))
            try:
                await asyncio.wait_for(woken.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:  # the line is kept alive, and the store looked at again
                yield b": still here\n\n"


def _back(remit: "Remit") -> Endpoint:
    """From the hosted page back to the page that the chat sits on."""

    async def back(request: Request) -> Response:
        found = await remit.store.load(request.path_params["chat"], "")
        if found.talk is not None and found.talk.home:
            return RedirectResponse(found.talk.home, 303, headers={"Cache-Control": "no-store"})
        return plain_page(200, "You can go back to your chat", "It tells you the result. You may close this page.")

    return back


def _opens(request: Request, conversation: str, remit: "Remit") -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and widget.opens(conversation, token.strip(), remit.secret)


def _unauthorized() -> Response:
    return refusal(401, "unauthorized", "this token opens no such conversation; begin a new one")


def _not_from_there() -> Response:
    return refusal(403, "forbidden", "this page's origin is not in [widget] origins")


def _too_often(seconds: int) -> Response:
    return refusal(429, "too_often", f"please wait {seconds} s", {"Retry-After": str(seconds)})


def _allowed(page: str, remit: "Remit") -> bool:
    parts = urlsplit(page)
    origin = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in ("http", "https") and origin in (remit.settings.base_url, *remit.settings.widget.origins)


# --- the OpenAPI of the plain routes --------------------------------------------------------------------------------

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
_WORDS = {
    400: "Malformed",
    401: "The token opens no such conversation",
    403: "The page's origin is not allowed",
    413: "Too large",
    422: "Invalid",
    429: "Too often; see Retry-After",
    503: "Nothing was taken in; send the same again after Retry-After",
}


def _errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"description": _WORDS[code], "content": {"application/json": {"schema": _ERROR}}} for code in codes}


def describe(app: FastAPI) -> None:
    """Add the plain routes to the app's OpenAPI."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        schema.setdefault("components", {}).setdefault("securitySchemes", {})["conversation"] = {
            "type": "http",
            "scheme": "bearer",
        }
        schema["components"].setdefault("schemas", {})["Messages"] = Messages.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        for name, part in schema["components"]["schemas"]["Messages"].pop("$defs", {}).items():
            schema["components"]["schemas"].setdefault(name, part)
        where = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
        secured = {"security": [{"conversation": []}], "tags": ["conversations"], "parameters": where}
        schema["paths"][SAY] = {"post": secured | _SAY_OPERATION}
        schema["paths"][LISTEN] = {"get": secured | _LISTEN_OPERATION | {"parameters": [*where, _LAST_EVENT_ID]}}
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents to extend its schema


_LAST_EVENT_ID = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer"}}
_SAY_OPERATION: dict[str, Any] = {
    "summary": "Say",
    "description": "One message; the same id again gets the same answer and does nothing twice.",
    "operationId": "say",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "string", "minLength": 1, "maxLength": 120},
                        "text": {"type": "string"},
                        "choice": {"type": "string", "description": "payload of a button"},
                        "page": {"type": "string", "maxLength": 2000, "description": "where the chat sits now"},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "Everything to be shown in answer",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Messages"}}},
        },
        **{str(code): error for code, error in _errors(400, 401, 403, 413, 429, 503).items()},
    },
}
_LISTEN_OPERATION: dict[str, Any] = {
    "summary": "Listen",
    "description": "Server-sent events: every message after Last-Event-ID, then whatever comes.",
    "operationId": "listen",
    "responses": {
        "200": {
            "description": "A stream of messages",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **{str(code): error for code, error in _errors(400, 401, 503).items()},
    },
}
