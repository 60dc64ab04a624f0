"""What the OpenAPI says: the shapes that we exchange with front ends and partners, and the routes that are plain.

FastAPI describes what goes through it; the rest is described here by hand. No route is here, and nothing is decided.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from bot.web import PAY_LINK, RASA

SAY = "/api/v1/conversations/{id}/messages"
LISTEN = "/api/v1/conversations/{id}/events"
BROWSER = "/api/v1/conversations/{id}/browser"
_REF = "#/components/schemas/{model}"


# --- shapes ---------------------------------------------------------------------------------------------------------


class Fault(BaseModel):
    code: str
    message: str


class Error(BaseModel):
    """The one shape of every error."""

    error: Fault


class Choice(BaseModel):
    title: str
    payload: str = Field(description="what to send as `choice` (or as a message, on the Rasa channel)")


class Link(BaseModel):
    kind: str
    url: str


class Message(BaseModel):
    """One message of a conversation; ``seq`` counts from 1 without gaps."""

    model_config = ConfigDict(populate_by_name=True)

    seq: int
    sender: str = Field(alias="from", description="bot, agent, customer or notice")
    text: str
    choices: list[Choice]
    card: dict[str, Any] | None = Field(None, description="an invoice or a receipt; sums are integers of minor units")
    link: Link | None = None
    closes: bool | None = Field(
        None, description="there, and true, where the secure page of an earlier message is closed from here on"
    )
    hands_over: bool | None = Field(None, description="there, and true, where a person has the case from here on")


class Begun(BaseModel):
    id: str
    token: str
    messages: list[Message]


class Messages(BaseModel):
    """``token`` is there when this message signed somebody in or out: from now on it stands in place of the one before.

    ``remembered`` is there, and true, while the customer of this chat is signed in for longer than usual, as they asked
    for: a front end that keeps no token of this browser yet may get one from ``/browser``. ``cleared`` comes with a
    ``token`` once somebody has left this chat: messages up to this number were theirs, and are to leave the screen.
    """

    messages: list[Message]
    token: str | None = None
    remembered: bool | None = None
    cleared: int | None = None


class BrowserToken(BaseModel):
    """To begin later chats with, in this browser alone; sent as ``browser``."""

    token: str


class Said(BaseModel):
    """``text``, or the ``choice`` of a button."""

    id: str = Field(
        min_length=1,
        max_length=120,
        description="the same id again gets the same answer; 20 random characters or more, so that it is answered again "
        "with the token that it replaced, too",
    )
    text: str = ""
    choice: str = Field("", description="payload of a button")
    page: str = Field("", max_length=2000, description="where the chat sits now, to come back to")
    seen: int | None = Field(
        None, ge=0, description="`seq` of the last message on the screen: a yes agrees to nothing later"
    )


class RasaMetadata(BaseModel):
    message_id: str = Field("", max_length=120, description="without it nothing is deduplicated")
    pay_link: str = Field("", description="token of a pay link")
    client_address: str = Field("", description="the customer's own: wrong look-ups are limited per address")


class RasaMessage(BaseModel):
    sender: str = Field("default", max_length=120)
    message: str = Field("", description="words, a button's payload, or `/start TOKEN`")
    metadata: RasaMetadata | None = None


class RasaReply(BaseModel):
    recipient_id: str
    text: str | None = None
    buttons: list[Choice] | None = None
    custom: dict[str, Any] | None = Field(
        None, description="`card`, `link` with `kind` and `url`, or `remit`, where it was asked for"
    )


class LinkAsked(BaseModel):
    invoice: str = Field(min_length=1, max_length=60, description="its number")


# --- routes ---------------------------------------------------------------------------------------------------------

_WORDS = {
    400: "Malformed",
    401: "The token, secret or signature does not fit",
    403: "The page's origin is not allowed",
    404: "Not found",
    409: "No mail server is configured",
    410: "Expired, or over",
    413: "Too large",
    422: "Invalid",
    429: "Too often; see Retry-After",
    503: "Nothing was taken in; send the same again after Retry-After",
}
_Responses = dict[int | str, dict[str, Any]]


def errors(*codes: int) -> _Responses:
    """The responses of these status codes, all in the one shape."""
    return {code: {"description": _WORDS[code], "content": _json(_ref(Error))} for code in codes}


def _pages(*codes: int) -> _Responses:
    """As `errors`, for what a browser opens: each is a page that says what to do next."""
    return {code: {"description": _WORDS[code], "content": {"text/html": {}}} for code in codes}


def _done(content: dict[str, Any]) -> _Responses:
    return {200: {"description": "Done", "content": content}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_OK = _json({"type": "object", "properties": {"status": {"const": "ok"}}})


def _ref(shape: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=shape.__name__)}


def _parameter(where: str, name: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": kind}}


def _route(name: str, says: str, responses: _Responses, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One operation; ``more`` is what only some of them have."""
    told = {"operationId": name, "summary": name.replace("_", " ").capitalize(), "description": says}
    return told | {"parameters": list(parameters), "responses": {str(c): r for c, r in responses.items()}} | more


def _takes(shape: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": _json(shape)}


def _conversation_routes() -> dict[str, dict[str, Any]]:
    where, ours = _parameter("path", "id"), {"tags": ["conversations"], "security": [{"conversation": []}]}
    says = "One message; the same id again gets the same answer and does nothing twice."
    answers = _done(_json(_ref(Messages))) | errors(400, 401, 403, 413, 429, 503)
    say = _route("say", says, answers, where, requestBody=_takes(_ref(Said)), **ours)
    says = "Server-sent events: every message after Last-Event-ID, then whatever comes."
    answers = _done({"text/event-stream": {"schema": {"type": "string"}}}) | errors(400, 401, 503)
    listen = _route("listen", says, answers, where, _parameter("header", "Last-Event-ID", "integer"), **ours)
    says = "A token for a browser that the customer asked to be remembered; 404 when they did not."
    made: _Responses = {201: {"description": "Made", "content": _json(_ref(BrowserToken))}}
    answers = made | errors(401, 404, 503)
    browser = _route("remember_browser", says, answers, where, **ours)
    return {SAY: {"post": say}, LISTEN: {"get": listen}, BROWSER: {"post": browser}}


def _webhooks() -> dict[str, dict[str, Any]]:
    says = "Rasa's REST channel. With REMIT_RASA_TOKEN set it needs the token; otherwise only loopback is served."
    answers = _done(_json({"type": "array", "items": _ref(RasaReply)})) | errors(400, 401, 413, 503)
    body = _takes(_ref(RasaMessage))
    token = _parameter("query", "token")
    # stream: one reply a line, as they come; state: one reply more, whether Remit is still at work
    asked = token, _parameter("query", "stream", "boolean"), _parameter("query", "state", "boolean")
    rasa = _route("rasa_rest", says, answers, *asked, requestBody=body, tags=["rasa"])
    says = "E-mails a pay link to the address on file, once a day; the answer tells nothing of the invoice."
    sent: _Responses = {202: {"description": "Taken in", "content": _json({"type": "object"})}}
    body = _takes(_ref(LinkAsked))
    link = _route(
        "ask_pay_link", says, sent | errors(400, 401, 409, 413, 429, 503), token, requestBody=body, tags=["rasa"]
    )
    says = "Signed facts of a payment gateway, in its own format; 200 once they are committed."
    answers = _done(_OK) | errors(400, 401, 404, 413, 503)
    body, where = _takes({"type": "object"}), _parameter("path", "gateway")
    facts = _route("payment_webhook", says, answers, where, requestBody=body, tags=["providers"])
    there = _route("rasa_health", "Whether the channel is there.", _done(_OK), tags=["rasa"])
    return {
        RASA: {"post": rasa},
        PAY_LINK: {"post": link},
        "/webhooks/rest/": {"get": there},
        "/webhooks/payments/{gateway}": {"post": facts},
    }


def _links_and_health() -> dict[str, dict[str, Any]]:
    token, pages = _parameter("path", "token"), {"tags": ["pages"]}
    bill = {200: {"description": "The bill", "content": {"text/html": {}}}} | _pages(404, 410, 503)
    go = {303: {"description": "To the hosted page"}} | _pages(404, 410, 503)
    pdf = {200: {"description": "The PDF", "content": {"application/pdf": {}}}} | _pages(404, 410, 503)
    health = {"tags": ["health"]}
    ready = _done(_OK) | errors(503)
    return {
        "/i/{token}": {"get": _route("bill", "The bill behind a pay link.", bill, token, **pages)},
        "/go/{token}": {"get": _route("hand_off", "To the hosted page of a payment.", go, token, **pages)},
        "/d/{token}": {
            "get": _route("document", "An invoice as a PDF, behind a link from the chat.", pdf, token, **pages)
        },
        "/healthz": {"get": _route("alive", "Whether the process answers.", _done(_OK), **health)},
        "/readyz": {"get": _route("ready", "Whether store and ledger answer.", ready, **health)},
    }


def describe(app: FastAPI) -> None:
    """Add the plain routes to the app's OpenAPI."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        parts = schema.setdefault("components", {})
        schemes = parts.setdefault("securitySchemes", {})
        schemes["conversation"] = schemes["api key"] = {"type": "http", "scheme": "bearer"}
        ours = (Error, Messages, Said, BrowserToken, RasaMessage, RasaReply, LinkAsked)
        _, shapes = models_json_schema([(shape, "validation") for shape in ours], ref_template=_REF)
        parts["schemas"] = shapes["$defs"] | parts.get("schemas", {})
        schema["paths"] |= _conversation_routes() | _webhooks() | _links_and_health()
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents to extend its schema
