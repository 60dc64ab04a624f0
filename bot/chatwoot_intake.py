"""Events of Chatwoot, by webhook: signed, taken in once, and answered only where the assistant leads the conversation.

Chatwoot hears 200 when what was said is in the conversation's log; until then it keeps it itself, tells it again, and in
the end gives the conversation to a person. So nothing is lost whenever a process dies. How Chatwoot is spoken is in
`bot/channels/chatwoot.py`; answers go out by `bot/delivery.py`.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.channels.base import Inbound
from bot.channels.chatwoot import Told, name_of, read
from bot.runtime import Answer, Runtime
from bot.stores.base import Store
from bot.web import answer, read_body, refusal, safely
from services import chatwoot_conversations, deliveries
from services.chatwoot_conversations import Lead
from services.database import Transact
from services.errors import Malformed, RemitError

log = logging.getLogger(__name__)

ROUTE = "/webhooks/chatwoot"
LARGEST = 256 * 1024  # bytes of one event
TOLERANCE_S = 300  # that a time stamp may be off, to either side
PATIENCE_S = 4.0  # Chatwoot waits for 5


class ChatwootIntake:
    """One per process."""

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        transact: Transact,
        clock: Callable[[], datetime],
        *,
        account: int,
        secret: str,
        patience: float = PATIENCE_S,
    ) -> None:
        """``secret`` signs the events of the agent bot; ``patience`` is in seconds."""
        self._runtime = runtime
        self._store = store
        self._transact = transact
        self._clock = clock
        self._account = account
        self._secret = secret.encode()
        self._patience = patience
        self._working: set[asyncio.Task[Answer]] = set()

    def route(self) -> Route:
        """The webhook."""
        return Route(ROUTE, safely(self._webhook), methods=["POST"])

    async def _webhook(self, request: Request) -> Response:
        body = await read_body(request, LARGEST)
        if not self._is_signed(request, body):
            return refusal(401, "forged", "the signature does not fit, or its time stamp is more than 300 s off")
        try:
            told = read(body)
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        if told is None:
            return answer({"status": "ok"})
        if told.account not in {0, self._account}:
            log.error("an event came from another account of Chatwoot than [chatwoot] account")
            return refusal(403, "forbidden", "this is the bot of another account")
        try:
            taken = await self._take(told)
        except RemitError as error:
            log.warning("an event of Chatwoot is to come again: %s", error)
            taken = False
        if not taken:  # of all refusals Chatwoot tells just 429 and 500 again
            return refusal(429, "busy", "not taken in yet; please send it again", {"Retry-After": "3"})
        return answer({"status": "ok"})

    def _is_signed(self, request: Request, body: bytes) -> bool:
        """By HMAC over time stamp and raw body, compared in constant time as bytes: a header may hold anything."""
        headers = {name: value for name, value in request.scope["headers"] if name.startswith(b"x-chatwoot-")}
        stamp, told = headers.get(b"x-chatwoot-timestamp", b""), headers.get(b"x-chatwoot-signature", b"")
        signed = b"sha256=" + hmac.digest(self._secret, stamp + b"." + body, "sha256").hex().encode()
        if not hmac.compare_digest(told, signed) or not (stamp.isdigit() and len(stamp) <= 12):
            return False
        return abs(self._clock().timestamp() - int(stamp)) <= TOLERANCE_S

    async def _take(self, told: Told) -> bool:
        """Note who leads the conversation, and take in what was said where it is the assistant. False: not yet."""
        chat = name_of(self._account, told.conversation)
        lead = await self._transact(partial(_noted, chat=chat, at=told.at or self._clock(), told=told))
        if lead.person or not told.id:
            return True
        # after a person spoke there, a word answers what they said, and agrees to nothing that we showed before
        seen = 0 if lead.quiet else None
        inbound = Inbound(chat, told.id, told.text, locale=told.locale, seen=seen)
        work = asyncio.create_task(self._runtime.answer(inbound))
        self._working.add(work)
        work.add_done_callback(self._ended)
        done, _ = await asyncio.wait({work}, timeout=self._patience)
        if done:
            work.result()  # its words go out by the outlet; what it raises is raised
            return True
        # with what it was answered, or an effect of it in the outbox, it is in the log
        return bool(await self._store.pending(chat, told.id) or await self._store.answer(chat, told.id))

    def _ended(self, work: asyncio.Task[Answer]) -> None:
        self._working.discard(work)
        if not work.cancelled() and (error := work.exception()) is not None:
            log.warning("what was said in Chatwoot could not be taken in: %s", type(error).__name__)

    async def drain(self) -> None:
        """Wait for what is being taken in."""
        await asyncio.gather(*self._working, return_exceptions=True)


def _noted(conn: Connection, chat: str, at: datetime, told: Told) -> Lead:
    """Who leads the conversation; and one that the assistant is spoken to in is one that is called, and there."""
    lead = chatwoot_conversations.note(conn, chat, at, person=not told.pending)
    if told.id and not lead.person:
        deliveries.begin(conn, chat)
    return lead
