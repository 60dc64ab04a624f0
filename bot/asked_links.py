"""A pay link that somebody asks a front end for: it goes to the address on file, and never into the chat.

Who asks has proved nothing, so the answer tells nothing either: not whether there is such an invoice, nor whose it is, nor,
by the time it takes, whether a letter went out.
"""

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.channels.base import NO_NUL
from bot.send_links import LinkSender
from bot.web import PAY_LINK, Endpoint, answer, may_speak, read_body, refusal, safely
from services import allowance
from services.errors import RemitError

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

LARGEST = 4 * 1024  # bytes of one request
ASKED_PER_DAY = 100  # of all invoices together: who goes through their numbers must not write to every customer


class _Asked(msgspec.Struct):
    invoice: Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=NO_NUL)]


def routes(remit: "Remit") -> list[Route]:
    """The one route; with no mail server configured it says so to whoever may ask."""
    return [Route(PAY_LINK, safely(_ask(remit)), methods=["POST"])]


def _ask(remit: "Remit") -> Endpoint:
    token = remit.settings.rasa_token.get_secret_value().encode()
    sender = None if remit.mail is None else LinkSender(remit, remit.mail)

    async def ask(request: Request) -> Response:
        if not may_speak(request, token, request.client.host if request.client else ""):
            return refusal(
                401, "unauthorized", "send the token that is set in REMIT_RASA_TOKEN, or call from this machine"
            )
        try:
            asked = msgspec.json.decode(await read_body(request, LARGEST), type=_Asked)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return refusal(400, "malformed", str(error))
        if sender is None:
            return refusal(409, "no_mail", "no mail is sent: set [mail] host and from")
        take = partial(allowance.take, day=remit.today(), at=remit.clock())
        if await remit.transact(partial(take, subject="asked-links", most=ASKED_PER_DAY)) is None:
            return refusal(429, "too_often", "no more links are sent today", {"Retry-After": "3600"})
        response = answer({"status": "accepted"}, 202)
        response.background = BackgroundTask(_send, sender, asked.invoice)
        return response

    return ask


async def _send(sender: LinkSender, number: str) -> None:
    """One letter per invoice and day, whoever asks for it; see `LinkSender.send_links`."""
    try:
        await sender.send_links([number])
    except RemitError as error:
        log.warning("a link that was asked for was not sent: %s", error)
