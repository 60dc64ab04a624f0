"""The server's side of `remit audit verify`: whether what was agreed to is still as it was written.

Behind the token of ``server.json``; the work is `services.agreements_whole`'s. The audit of the desk, who did what there, is
another thing: `bot.desk.audit_page`.
"""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.office import LARGEST, Guard
from bot.web import answer, read_body
from services import agreements_whole
from services.agreements_whole import Check

if TYPE_CHECKING:
    from bot.app import Remit


class VerifyOrder(msgspec.Struct):
    head: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""  # one that was printed earlier


class Report(msgspec.Struct):
    """What `--json` prints. ``before_records`` counts consents that are older than these records."""

    whole: bool
    rows: int
    head: str
    before_records: int
    broken: int
    first: tuple[agreements_whole.Broken, ...]
    had_head: bool | None


def proof_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The route; ``guarded`` lets nobody in but the command line."""

    async def verify(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=VerifyOrder)
        check = await remit.transact(lambda conn: agreements_whole.begin(conn, order.head))
        while not check.over:
            check = await remit.transact(partial(_further, check))
        return answer(_report(check))

    return [Route("/internal/verify", guarded(verify), methods=["POST"])]


def _further(check: Check, conn: Connection) -> Check:
    return agreements_whole.go_on(conn, check)


def _report(check: Check) -> Report:
    found = check.broken, check.first, check.had_head
    return Report(check.whole, check.rows, check.head, check.before_records, *found)
