"""The way the command line reaches the running server: imports, pay links and the console's conversation.

Embedded databases are open in one process, the server, so `remit import` and its like hand their work to it. The address and a random token
stand in ``server.json`` of the data folder, readable by its owner alone; the routes answer nobody without it.
"""

import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.channels.base import Inbound
from bot.desk.accounts import account_routes
from bot.desk.keys import key_routes
from bot.exporting import export_routes
from bot.importing import LARGEST, import_routes
from bot.invitations import invite
from bot.mail_office import mail_routes
from bot.office import office_routes
from bot.privacy_office import privacy_routes
from bot.proof_office import proof_routes
from bot.report import report_routes
from bot.send_links import send_links
from bot.web import Endpoint, answer, read_body, refusal, safely
from services.errors import Misconfigured, RemitError
from services.model import Invoice, standing

if TYPE_CHECKING:
    from bot.app import Remit

FILE = "server.json"


class LinkOrder(msgspec.Struct):
    number: str
    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 0  # 0: as the settings say


class SendOrder(msgspec.Struct):
    numbers: list[str] = []
    dry_run: bool = False
    again: bool = False


class InviteOrder(msgspec.Struct):
    customers: list[str] = []
    dry_run: bool = False
    again: bool = False


class UnlockOrder(msgspec.Struct):
    email: str


class Since(msgspec.Struct):
    chat: str
    seq: int


class Address(msgspec.Struct, frozen=True):
    """Where a server is, and what proves that the caller may use its internal routes."""

    url: str
    token: str


def write_address(folder: Path, url: str, token: str) -> None:
    """Say where the server is, to nobody but its owner."""
    file = folder / FILE
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(msgspec.json.encode(Address(url, token)))


def read_address(folder: Path) -> Address | None:
    """Where the last server of this folder said it is, or None."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Address)
    except (OSError, msgspec.DecodeError):
        return None  # none was started here, or one is starting just now


def internal_routes(remit: "Remit", token: str) -> list[Route]:
    """The routes behind the token of ``server.json``."""

    def guarded(work: Endpoint) -> Endpoint:
        expected = f"Bearer {token}".encode()

        async def endpoint(request: Request) -> Response:
            if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
                return refusal(401, "unauthorized", "this route is for the command line")
            try:
                return await work(request)
            except (msgspec.DecodeError, Misconfigured) as error:
                return refusal(400, "malformed", str(error))
            except RemitError as error:
                return refusal(503, type(error).__name__.lower(), str(error))  # whoever has the shell may read it

        return safely(endpoint)

    return [
        Route("/internal/link", guarded(_link(remit)), methods=["POST"]),
        Route("/internal/send-links", guarded(_send_links(remit)), methods=["POST"]),
        Route("/internal/invite", guarded(_invite(remit)), methods=["POST"]),
        Route("/internal/unlock", guarded(_unlock(remit)), methods=["POST"]),
        Route("/internal/turn", guarded(_turn(remit)), methods=["POST"]),
        Route("/internal/since", guarded(_since(remit)), methods=["POST"]),
        *import_routes(remit, guarded),
        *export_routes(remit, guarded),
        *office_routes(remit, guarded),
        *privacy_routes(remit, guarded),
        *proof_routes(remit, guarded),
        *account_routes(remit, guarded),
        *report_routes(remit, guarded),
        *mail_routes(remit, guarded),
        *key_routes(remit, guarded),
    ]


def _link(remit: "Remit") -> Endpoint:
    async def make(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=LinkOrder)
        found = await remit.invoices.find(order.number)
        if not found:
            return refusal(404, "not_found", f"there is no invoice {order.number}")
        days = order.days or remit.settings.links.days
        return answer([await _one_link(remit, invoice, days) for invoice in found])

    return make


async def _one_link(remit: "Remit", invoice: Invoice, days: int) -> dict[str, str | int]:
    token = await remit.identity.issue(invoice.id, days)
    return {
        "invoice": invoice.number,
        "token": token,
        "url": f"{remit.settings.base_url}/i/{token}",
        "amount_minor": 0 if standing(invoice, remit.settings.house().rules) else invoice.payable.minor,
        "currency": invoice.due.currency,
    }


def _send_links(remit: "Remit") -> Endpoint:
    async def send(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=SendOrder)
        if remit.mail is None:
            raise Misconfigured("no mail is sent: set [mail] host and from")
        outcome = await send_links(remit, remit.mail, order.numbers, dry_run=order.dry_run, again=order.again)
        return answer(outcome)

    return send


def _invite(remit: "Remit") -> Endpoint:
    async def send(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=InviteOrder)
        if remit.mail is None:
            raise Misconfigured("no mail is sent: set [mail] host and from")
        return answer(await invite(remit, remit.mail, order.customers, dry_run=order.dry_run, again=order.again))

    return send


def _unlock(remit: "Remit") -> Endpoint:
    async def unlock(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=UnlockOrder)
        return answer({"unlocked": await remit.sign_in.unlock(order.email)})

    return unlock


def _turn(remit: "Remit") -> Endpoint:
    async def turn(request: Request) -> Response:
        inbound = msgspec.json.decode(await read_body(request, LARGEST), type=Inbound)
        return answer(await remit.runtime.handle(inbound))

    return turn


def _since(remit: "Remit") -> Endpoint:
    async def since(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=Since)
        return answer(await remit.store.since(order.chat, order.seq))

    return since
