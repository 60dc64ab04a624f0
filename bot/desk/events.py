"""Tells a page of the desk that something changed (server-sent events). It carries no data: pages fetch those themselves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.desk.copying import DESK
from bot.desk.doors import Visit, page, whole
from services.desk import handoffs, sessions
from services.errors import RemitError

if TYPE_CHECKING:
    from bot.app import Remit

# At least so long between two events of one page: what rings meanwhile is told together.
PAUSE_S = 0.3  # of a chat
QUEUE_PAUSE_S = 1.0  # of the queue, which rings with every chat
HEARTBEAT_S = 15.0  # waiting times go on, and what another worker did is seen at the latest
MOST_LISTENERS = 500  # of all pages of the desk in one process


def routes(remit: "Remit") -> list[Route]:
    """``/desk/events``, of the queue, or of one chat with ``?handoff=``."""
    return [Route("/desk/events", page(remit, "agent", _listen, active=False), methods=["GET"])]


async def _listen(visit: Visit) -> Response:
    bell, place = visit.remit.bell, DESK
    if told := visit.request.query_params.get("handoff", ""):
        found = await visit.remit.transact(partial(handoffs.find, handoff=whole(told)))
        if found is None:
            return Response(status_code=404)
        place = DESK + found.chat
    if bell.listeners(place) >= MOST_LISTENERS:
        return Response(status_code=429, headers={"Retry-After": "15"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_events(visit, place), media_type="text/event-stream", headers=headers)


async def _events(visit: Visit, place: str) -> AsyncIterator[bytes]:
    remit = visit.remit
    with remit.bell.listen(place) as woken:
        yield b": here\n\n"
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):  # not `wait_for`: see `bot/api.py`
                    await woken.wait()
            woken.clear()
            look = partial(sessions.find, token=visit.token, now=remit.clock(), active=False)
            try:
                if await remit.transact(look) is None:
                    yield b"event: over\ndata:\n\n"
                    return
            except RemitError:
                return  # the page dials again
            yield b"event: changed\ndata:\n\n"
            await asyncio.sleep(QUEUE_PAUSE_S if place == DESK else PAUSE_S)
