"""The server's side of `remit import`: what is ordered, behind the token of ``server.json``, and how it is answered.

Whoever watches hears how far it is, line by line, and the outcome last. The work is `services.invoices.importing`'s, and
what is printed `bot.import_command`'s.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.web import Endpoint, answer, read_body, refusal
from services.errors import RemitError
from services.invoices import mappings
from services.invoices.importing import Outcome, import_files

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST = 256 * 1024 * 1024  # bytes of one import
_BREATH_S = 0.2  # between two words on how far it is

Guard = Callable[[Endpoint], Endpoint]


class ImportOrder(msgspec.Struct):
    files: list[tuple[str, bytes]]
    dry_run: bool
    currency: str = ""
    supplier: str = ""
    sheet: str = ""
    mapping: dict[str, str] = {}  # heading -> field
    is_watched: bool = False  # whoever asks wants to hear how far it is


class MappingsOrder(msgspec.Struct):
    forget: str = ""  # the signature of one; empty: only list them


class Told(msgspec.Struct, omit_defaults=True):
    """One line of a watched import: how far it is, or what came of it, or what is against it."""

    stage: str = ""
    done: int = 0
    of: int = 0
    outcome: dict[str, Any] | None = None
    trouble: str = ""


class Heard:
    """The last word on how far an import is. It is written by the thread that works, and read by the one that tells."""

    def __init__(self) -> None:
        self.now = Told()

    def __call__(self, stage: str, done: int, of: int, /) -> None:
        """Take a word."""
        self.now = Told(stage, done, of)


def import_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The routes; ``guarded`` lets nobody in but the command line."""

    async def bring(request: Request) -> Response:
        order = msgspec.msgpack.decode(await read_body(request, LARGEST), type=ImportOrder)
        if order.is_watched:
            return StreamingResponse(_watched(remit, order), media_type="application/x-ndjson")
        return answer((await _import(remit, order, Heard())).as_json())

    async def known(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=MappingsOrder)
        if order.forget and not await remit.transact(lambda conn: mappings.forget(conn, order.forget)):
            return refusal(404, "no_mapping", f"no mapping {order.forget} is remembered")
        return answer(await remit.transact(mappings.listed))

    return [
        Route("/internal/import", guarded(bring), methods=["POST"]),
        Route("/internal/mappings", guarded(known), methods=["POST"]),
    ]


async def _import(remit: "Remit", order: ImportOrder, heard: Heard) -> Outcome:
    return await import_files(
        remit.transact,
        order.files,
        default_currency=order.currency or remit.settings.business.currency,
        supplier=order.supplier or remit.settings.business.name,
        dry_run=order.dry_run,
        sheet=order.sheet,
        mapping=order.mapping,
        now=remit.clock(),
        progress=heard,
    )


async def _watched(remit: "Remit", order: ImportOrder) -> AsyncIterator[bytes]:
    """Words on how far it is, and the outcome. What is begun is brought to its end, also when nobody listens any more."""
    heard = Heard()
    work = asyncio.ensure_future(_import(remit, order, heard))
    said = heard.now
    while not work.done():
        await asyncio.wait({work}, timeout=_BREATH_S)
        if heard.now != said:
            said = heard.now
            yield _line(said)
    yield _line(_came(work))


def _came(work: "asyncio.Future[Outcome]") -> Told:
    try:
        return Told(outcome=work.result().as_json())
    except RemitError as error:
        return Told(trouble=str(error))  # whoever has the shell may read it


def _line(told: Told) -> bytes:
    return msgspec.json.encode(told) + b"\n"
