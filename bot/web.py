"""The routes of the assistant: messages in, webhooks in, the hand-off link, and what a machine asks about our health.

The hot routes are plain Starlette routes; `bot/openapi.py` describes them for partners. Nothing is decided here: a
route reads, calls, and words the answer.
"""

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from html import escape
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.channels import rasa, rasa_callback, whatsapp
from bot.channels.base import Inbound
from bot.intake import Intake
from bot.names import Names
from bot.pages.languages import language_for, page_words
from dialogs.model import Say
from services import deliveries
from services.errors import Forged, Malformed, RemitError, Uncertain
from services.payments.links import Refusal

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

RASA = "/webhooks/rest/webhook"
PAY_LINK = "/webhooks/rest/pay-link"
CALLBACK = "/webhooks/callback/webhook"
WHATSAPP = "/webhooks/whatsapp"
# A proxy or a browser speaks for somebody else, who may be anywhere (DNS rebinding makes any page a local one).
_RELAYED = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"origin"})
WEBHOOK_LARGEST = 256 * 1024  # bytes
_encode = msgspec.json.Encoder().encode
Endpoint = Callable[[Request], Awaitable[Response]]


def answer(found: object, status: int = 200) -> Response:
    return Response(_encode(found), status, media_type="application/json")


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The one shape of every error: ``{"error": {"code", "message"}}``."""
    body = _encode({"error": {"code": code, "message": message}})
    return Response(body, status, headers=headers, media_type="application/json")


async def read_body(request: Request, largest: int) -> bytes:
    """The raw body. Raises HTTPException 413 as soon as it is known to be larger; 411 is never needed."""
    told = next((value for name, value in request.scope["headers"] if name == b"content-length"), b"")
    if told.isdigit() and int(told[:18]) > largest:
        raise HTTPException(413, f"at most {largest} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise HTTPException(413, f"at most {largest} bytes")
    return bytes(body)


def safely(work: Endpoint) -> Endpoint:
    """The route, with a clear answer where a store is away or the caller hung up. Bugs still raise."""

    async def endpoint(request: Request) -> Response:
        try:
            return await work(request)
        except RemitError as error:
            log.exception("a request could not be answered")  # its path may hold a token
            known = "" if isinstance(error, Uncertain) else "Nothing new was taken in or charged. "
            sentence = f"{known}Please send it again in a moment."
            return refusal(503, "unavailable", sentence, {"Retry-After": "5"})
        except ClientDisconnect:
            return refusal(400, "incomplete", "the request ended before its end")  # nobody is left to read it

    return endpoint


def hot_routes(remit: "Remit") -> dict[str, Endpoint]:
    """The routes that are walked with every message (POST); they stand among the public ones too."""
    return {RASA: safely(_rasa(remit))}


def public_routes(remit: "Remit") -> list[Route]:
    """What customers, partners and providers reach."""
    intake = Intake(remit.runtime, remit.transact, remit.bell)
    return [
        Route(RASA, safely(_rasa(remit)), methods=["POST"]),
        Route("/webhooks/rest/", _rasa_health, methods=["GET"]),
        *(
            [Route(CALLBACK, safely(_callback(remit, intake)), methods=["POST"])]
            if remit.settings.rasa.callback_url
            else ()
        ),
        *(_whatsapp(remit, intake) if remit.settings.whatsapp.token.get_secret_value() else ()),
        Route("/webhooks/payments/{gateway}", safely(_payments(remit)), methods=["POST"]),
        Route("/go/{token}", safely(_go(remit)), methods=["GET"]),
        Route("/back", _back, methods=["GET"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", _ready(remit), methods=["GET"]),
    ]


# --- the Rasa REST channel ------------------------------------------------------------------------------------------


def _heard(
    remit: "Remit", read: Callable[[bytes, str, str], Inbound]
) -> Callable[[Request], Awaitable[Inbound | Response]]:
    """Reads what a front end of Rasa posts, or words why it may not, or cannot."""
    token, random = remit.settings.rasa_token.get_secret_value().encode(), remit.random

    async def heard(request: Request) -> Inbound | Response:
        client = request.client.host if request.client else ""
        if not may_speak(request, token, client):
            return refusal(401, "unauthorized", "send ?token= as set in REMIT_RASA_TOKEN, or call from this machine")
        body = await read_body(request, rasa.LARGEST)
        try:
            return read(body, client, random(8).hex())
        except Malformed as error:
            return refusal(400, "malformed", str(error))

    return heard


def _rasa(remit: "Remit") -> Endpoint:
    runtime, heard, names = remit.runtime, _heard(remit, rasa.read), Names(remit.secret)

    async def webhook(request: Request) -> Response:
        inbound = await heard(request)
        if isinstance(inbound, Response):
            return inbound
        if _asks_for(request, "stream"):
            lines = _as_they_come(remit, inbound)
            first = await anext(lines)  # what cannot be answered at all is answered as such
            return StreamingResponse(_after(first, lines), media_type="text/event-stream")
        messages = await runtime.handle(inbound)
        sender = inbound.chat.removeprefix("rasa:")
        replies = rasa.replies(sender, messages)
        if _asks_for(request, "state"):
            found = await remit.store.load(names.kept(inbound).chat, "")
            replies.append(rasa.state(sender, found.talk))
        return answer(replies)

    return webhook


def _asks_for(request: Request, what: str) -> bool:
    return request.query_params.get(what, "").lower() in ("true", "1")


async def _as_they_come(remit: "Remit", inbound: Inbound) -> AsyncIterator[bytes]:
    """One reply a line, each as soon as it is written down: as Rasa's own channel streams (rasa.core.channels.rest)."""
    sender, given = inbound.chat.removeprefix("rasa:"), 0
    with remit.bell.listen(inbound.chat) as woken:
        whole = asyncio.create_task(remit.runtime.handle(inbound))
        while not whole.done():
            rung = asyncio.create_task(woken.wait())
            await asyncio.wait((whole, rung), return_when=asyncio.FIRST_COMPLETED)
            rung.cancel()
            woken.clear()
            messages = whole.result() if whole.done() else await remit.store.answer(inbound.chat, inbound.id)
            fresh = [message for message in messages if message.seq > given]
            given = max([given, *(message.seq for message in fresh)])
            for reply in rasa.replies(sender, fresh):
                yield _encode(reply) + b"\n"
    yield b""


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for line in rest:
        yield line


def _callback(remit: "Remit", intake: Intake) -> Endpoint:
    heard, names = _heard(remit, rasa_callback.read), Names(remit.secret)

    async def webhook(request: Request) -> Response:
        inbound = await heard(request)
        if isinstance(inbound, Response):
            return inbound
        if names.kept(inbound).chat != inbound.chat:
            return refusal(
                400, "malformed", "this sender reads like a card number: it is not kept, so it cannot be called"
            )
        await intake.hear([inbound])
        return Response("success", media_type="text/plain")

    return webhook


# --- WhatsApp -------------------------------------------------------------------------------------------------------


def _whatsapp(remit: "Remit", intake: Intake) -> list[Route]:
    chosen = remit.settings.whatsapp
    secret, verify = chosen.app_secret.get_secret_value().encode(), chosen.verify_token.get_secret_value().encode()

    async def verified(request: Request) -> Response:
        """Meta asks once whether this address is the business's."""
        asked = request.query_params
        own = hmac.compare_digest(asked.get("hub.verify_token", "").encode(), verify)
        if not own or asked.get("hub.mode") != "subscribe":
            return refusal(403, "forbidden", "hub.verify_token is not [whatsapp] verify_token")
        return Response(asked.get("hub.challenge", ""), media_type="text/plain")

    async def webhook(request: Request) -> Response:
        body = await read_body(request, whatsapp.LARGEST)
        if not whatsapp.signed(body, request.headers.get("x-hub-signature-256", ""), secret):
            return refusal(403, "forbidden", "the signature does not fit")
        try:
            found = whatsapp.read(body, chosen.phone_number_id)
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        for each in found:
            if isinstance(each, whatsapp.Unsent):
                log.warning("WhatsApp could not bring a message: code %d", each.code)
                if each.code in whatsapp.AWAY:
                    await remit.transact(partial(deliveries.gone, chat=each.chat, now=remit.clock()))
        await intake.hear([each for each in found if isinstance(each, Inbound)])
        return answer({"status": "ok"})

    return [
        Route(WHATSAPP, verified, methods=["GET"]),
        Route(WHATSAPP, safely(webhook), methods=["POST"]),
    ]


def may_speak(request: Request, token: bytes, client: str) -> bool:
    """With a token set, whoever has it; without one, only this machine: no proxy on it, and no page of its browser.

    It comes as ``?token=``, as Rasa has it, or as a bearer's, which no log of addresses shows.
    """
    if token:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        told = bearer.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")
        return hmac.compare_digest(told.encode(), token)
    return _is_this_machine(client) and not any(name in _RELAYED for name, _ in request.scope["headers"])


@lru_cache(maxsize=256)
def _is_this_machine(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


async def _rasa_health(_request: Request) -> Response:
    return answer({"status": "ok"})


# --- the payment provider -------------------------------------------------------------------------------------------


def _payments(remit: "Remit") -> Endpoint:
    async def webhook(request: Request) -> Response:
        gateway = remit.gateway
        if request.path_params["gateway"] != gateway.name:
            return refusal(404, "not_found", "no such gateway")
        body = await read_body(request, WEBHOOK_LARGEST)
        try:
            facts = gateway.read_webhook(request.headers, body, remit.clock())
        except Forged:
            log.warning("a webhook of %s was refused: its signature does not fit", gateway.name)
            return refusal(401, "forged", "the signature does not fit, or its time stamp is more than 300 s off")
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        await remit.checkout.take(facts)
        remit.worker.wake()
        return answer({"status": "ok"})

    return webhook


# --- the hand-off ---------------------------------------------------------------------------------------------------

_GONE = {Refusal.UNKNOWN: 404, Refusal.EXPIRED: 410, Refusal.PAID: 410, Refusal.CLOSED: 410, Refusal.OVER: 410}


def _go(remit: "Remit") -> Endpoint:
    spoken = page_words(remit.settings)

    async def go(request: Request) -> Response:
        page = await remit.checkout.follow(request.path_params["token"])
        if not isinstance(page, Refusal):
            return RedirectResponse(page, 303, headers=_PRIVATE)
        language = language_for(request, spoken)
        title, sentence = (spoken[language].say(Say(f"go_{page}_{part}")) for part in ("title", "text"))
        return plain_page(_GONE[page], title, sentence, language)

    return go


_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


async def _back(_request: Request) -> Response:
    return back_to_the_chat()


def back_to_the_chat() -> Response:
    """After the hosted page, where no page is known that the chat sits on."""
    return plain_page(200, "You can go back to your chat", "It tells you the result. You may close this page.")


def plain_page(status: int, title: str, sentence: str, language: str = "en") -> Response:
    """A page of one sentence, for the few moments when somebody lands beside the chat."""
    html = (
        f'<!doctype html><html lang="{escape(language)}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(sentence)}</p></html>"
    )
    policy = {"Content-Security-Policy": "default-src 'none'"}
    return HTMLResponse(html, status, headers=_PRIVATE | policy)


# --- health ---------------------------------------------------------------------------------------------------------


async def _alive(_request: Request) -> Response:
    return answer({"status": "ok"})


def _ready(remit: "Remit") -> Endpoint:
    async def ready(_request: Request) -> Response:
        try:
            await remit.store.load("", "")
            await remit.transact(lambda conn: conn.execute(text("SELECT 1")).scalar_one())
        except (RemitError, OSError) as error:
            return refusal(503, "not_ready", type(error).__name__)
        return answer({"status": "ok", "at": datetime.isoformat(remit.clock())})

    return ready
