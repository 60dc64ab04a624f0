"""What a business asks of its letters from the command line: which wait or did not arrive, and what mail servers report.

Here is the server's side, behind the token of ``server.json`` (`bot.internal`); what is printed is `bot.mail_commands`.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import Endpoint, answer, read_body
from services import bounces, letterbox, mail_refusals
from services.bounces import Verdict
from services.errors import Misconfigured
from services.letterbox import State

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST = 64 * 1024
UNSETTLED = (State.WAITING, State.REFUSED, State.UNSURE, State.EXPIRED)  # what an owner may have to look at

Guard = Callable[[Endpoint], Endpoint]


class LettersOrder(msgspec.Struct):
    """``forgive``: an address that is written to again from now on; "": none."""

    states: list[State] = []
    most: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    forgive: Annotated[str, msgspec.Meta(max_length=254)] = ""


class RemindOrder(msgspec.Struct):
    dry_run: bool = False


def mail_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The routes; ``guarded`` lets nobody in but the command line."""
    return [
        Route("/internal/letters", guarded(_letters(remit)), methods=["POST"]),
        Route("/internal/remind", guarded(_remind(remit)), methods=["POST"]),
        Route("/internal/bounce", guarded(_bounce(remit)), methods=["POST"]),
    ]


def _letters(remit: "Remit") -> Endpoint:
    async def letters(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=LettersOrder)
        if order.forgive:
            address = mail_refusals.hash_of(order.forgive, remit.secret)
            return answer({"forgiven": await remit.transact(lambda conn: mail_refusals.lift(conn, address))})
        states = order.states or UNSETTLED
        return answer(await remit.transact(lambda conn: letterbox.listed(conn, states, order.most)))

    return letters


def _remind(remit: "Remit") -> Endpoint:
    async def remind(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=RemindOrder)
        if remit.mail is None and not order.dry_run:
            raise Misconfigured("no mail is sent: set [mail] host and from")
        done = await remit.reminders.run(dry_run=order.dry_run)
        remit.worker.wake()
        return answer(done)

    return remind


def _bounce(remit: "Remit") -> Endpoint:
    async def bounce(request: Request) -> Response:
        reports = bounces.read(await read_body(request, bounces.LARGEST))
        now, secret = remit.clock(), remit.secret
        told = [await remit.transact(partial(bounces.take_in, report=each, secret=secret, now=now)) for each in reports]
        return answer({"verdict": min(told, key=list(Verdict).index, default=Verdict.NO_REPORT)})

    return bounce
