"""Updates of Telegram, by webhook or by long polling: written down first, then answered in the order of each chat.

An update that comes twice, late, or while a process dies is answered once: its number is the message's id for the runtime.
What was said is redacted before it is written down, and a message that held a card or bank number is taken out of the
chat. How Telegram is spoken is in `bot/channels/telegram.py`; answers go out by `bot/delivery.py`.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.background import wordless
from bot.channels.base import Inbound
from bot.channels.telegram import Elsewhere, Moved, Nothing, Said, Telegram, is_private, name_of, number_of, read
from bot.push import Bell
from bot.runtime import Runtime
from bot.settings import Settings
from bot.stores.base import Store
from bot.web import answer, read_body, refusal, safely
from dialogs.reading.guard import MOST_PIECES, redact
from services import deliveries, telegram_updates
from services.database import Transact
from services.errors import Malformed, RemitError, Uncertain
from services.telegram_updates import Pending

log = logging.getLogger(__name__)

ROUTE = "/webhooks/telegram"
HEADER = b"x-telegram-bot-api-secret-token"
LARGEST = 256 * 1024  # bytes of one update
TYPING_AFTER_S = 1.0
POLL_S = 25  # how long Telegram holds a question for updates
BETWEEN_POLLS_S = 0.2  # where Telegram had nothing to say: it holds the question itself, and something between may not
LOOK_EVERY_S = 15.0  # for what a process left that died before its answer
_REMOVED = " removed]"
_ASKED = "/pay"  # kept for whatever is asked in a group
_BESIDE = f" [number{_REMOVED}"  # kept after what is answered, where a number stood in what is not: a caption, an edit


class TelegramIntake:
    """One per process. `take` stores an update; `run` answers what was stored, and polls where no webhook is set."""

    def __init__(
        self,
        telegram: Telegram,
        runtime: Runtime,
        store: Store,
        transact: Transact,
        clock: Callable[[], datetime],
        *,
        bell: Bell,
        secret: str,
        kept: timedelta = telegram_updates.KEPT,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``bell`` rings for who is back; ``secret`` is what Telegram sends with each webhook; ``kept``: how long an answered
        update is known; ``pause`` sleeps for seconds.
        """
        self._telegram = telegram
        self._runtime = runtime
        self._bell = bell
        self._store = store
        self._transact = transact
        self._clock = clock
        self._secret = secret.encode()
        self._kept = kept
        self._pause = pause
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # as long as somebody holds one
        self._working: set[asyncio.Task[None]] = set()

    # --- in --------------------------------------------------------------------------------------------------------

    def route(self) -> Route:
        """The webhook. Its secret is compared in constant time, as bytes: a header may hold anything."""
        return Route(ROUTE, safely(self._webhook), methods=["POST"])

    async def _webhook(self, request: Request) -> Response:
        told = next((value for name, value in request.scope["headers"] if name == HEADER), b"")
        if not hmac.compare_digest(told, self._secret):
            return refusal(403, "forbidden", "the secret of the webhook does not fit")
        body = await read_body(request, LARGEST)
        try:
            chat = await self.take(body)
        except Malformed as error:
            return refusal(400, "malformed", str(error))
        if chat:
            self.work_on(chat)
        return answer({"ok": True})

    async def take(self, body: bytes) -> str:
        """Write an update down; the chat in which there is something to answer now, or "". Raises `Malformed`."""
        match read(body):
            case Said() as said:
                return await self._keep(said)
            case Moved(_, chat, gone):
                if not gone:  # who left is found by the next call; this update may come late, when they are back
                    await self._returned(name_of(chat))
                return ""
            case Elsewhere() as elsewhere:
                return await self._keep_elsewhere(elsewhere)
            case Nothing():
                return ""

    async def _returned(self, chat: str) -> None:
        await self._transact(partial(deliveries.back, chat=chat))
        self._bell.ring(chat)  # what was said meanwhile goes out

    async def _keep_elsewhere(self, said: Elsewhere) -> str:
        """Of what is said in a group nothing is kept but that it is to be answered, and that it held a number."""
        held = _BESIDE if redact(said.under).found else ""
        if not (said.asked or held):
            return ""
        chat, asked = name_of(said.chat), _ASKED if said.asked else ""
        pending = Pending(said.update, chat, said.message, f"{asked}{held}", said.locale)
        await self._transact(partial(telegram_updates.keep, pending=pending, now=self._clock()))
        return chat

    async def _keep(self, said: Said) -> str:
        chat, guarded = name_of(said.chat), redact(said.text)
        beside = not said.callback and not guarded.found and redact(said.under).found
        text = f"{guarded.text}{_BESIDE}" if beside else guarded.text
        pending = Pending(said.update, chat, said.message, text, said.locale)
        await self._transact(partial(_written, pending=pending, now=self._clock()))
        if said.callback:  # also when it came again: whoever wrote it down may have died before this
            self._beside(self._telegram.answered(said))
        return chat

    # --- answers -----------------------------------------------------------------------------------------------------

    def work_on(self, chat: str) -> None:
        """Answer what is pending in this chat, beside whatever else goes on."""
        self._beside(self._answer_in_turn(chat))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RemitError):
            log.warning("an update waits: %s", error)  # it is written down, and looked for again
        elif isinstance(error, Exception):
            log.error("an update waits", exc_info=wordless(error))

    async def _answer_in_turn(self, chat: str) -> None:
        async with self._turns.setdefault(chat, asyncio.Lock()):
            await self.answer_pending(chat)

    async def answer_pending(self, chat: str) -> None:
        """Answer everything that is pending in a chat, in order. Raises `RemitError`: the rest stays pending.

        A message whose number could not be taken out of the chat stays pending too, and holds up none of the others:
        it is answered once all the same, and Telegram refuses for good after 48 hours.
        """
        for each in await self._transact(partial(telegram_updates.pending, chat=chat)):
            if not is_private(chat):
                await self._answer_elsewhere(each)
                continue
            cleared = _REMOVED not in each.text or await self._telegram.delete(number_of(chat), [each.message])
            typing = asyncio.create_task(self._typing(number_of(chat)))
            try:
                await self._runtime.answer(_inbound(each))
            except RemitError:
                raise
            except Exception as error:  # a bug: told, and passed over; for ever again it would hold up what follows
                log.exception("an update could not be answered, and is passed over", exc_info=wordless(error))
            finally:
                typing.cancel()
            if await self._clear(each) and cleared:
                await self._transact(partial(telegram_updates.done, update_id=each.update, now=self._clock()))

    async def _answer_elsewhere(self, each: Pending) -> None:
        """In a group. Nothing is said twice because Telegram was away: the number goes first."""
        group = number_of(each.chat)
        if _REMOVED in each.text and not await self._telegram.delete(group, [each.message]):
            return
        if each.text.startswith(_ASKED):
            await self._telegram.say_elsewhere(group, each.locale)
        await self._transact(partial(telegram_updates.done, update_id=each.update, now=self._clock()))

    async def _typing(self, chat: int) -> None:
        await self._pause(TYPING_AFTER_S)
        await self._telegram.typing(chat)

    async def _clear(self, each: Pending) -> bool:
        """A number that was complete with this message only: its pieces go from the chat as well. False: not yet."""
        if each.text.startswith("/") or _REMOVED in each.text:
            return True
        last = await self._store.said(each.chat, 1)
        if not last or _REMOVED not in last[-1].text:
            return True
        pieces = partial(telegram_updates.last_messages, chat=each.chat, most=MOST_PIECES)
        return await self._telegram.delete(number_of(each.chat), await self._transact(pieces))

    # --- without a message ---------------------------------------------------------------------------------------------

    async def run(self, settings: Settings) -> None:
        """Until canceled: tell Telegram how to reach us, answer what was left, and poll where there is no webhook."""
        polling = settings.telegram.mode == "polling"
        webhook = "" if polling else f"{settings.base_url}{ROUTE}"
        await self._set_up(webhook, settings.chat.locales)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking())
            if polling:
                group.create_task(self._keep_polling())

    async def _set_up(self, webhook: str, locales: Sequence[str]) -> None:
        while True:
            try:
                return await self._telegram.set_up(webhook, self._secret.decode(), locales)
            except Uncertain as error:
                log.warning("%s; it is tried again", error)
                await self._pause(30.0)

    async def look(self) -> None:
        """Begin to answer what a process left that died before its answer, and forget what Telegram repeats no more."""
        for chat in await self._transact(telegram_updates.waiting):
            self.work_on(chat)
        await self._transact(partial(telegram_updates.prune, now=self._clock(), kept=self._kept))

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self.look()
            except RemitError as error:
                log.warning("updates that were left are looked for later: %s", error)
            await self._pause(LOOK_EVERY_S)

    async def _keep_polling(self) -> None:
        after, heard = 0, self._clock()
        while True:
            try:
                if self._clock() - heard > telegram_updates.KEPT:
                    after = 0  # after a quiet week Telegram numbers anew, maybe lower (Bot API, Update)
                after = max(after, await self._transact(telegram_updates.newest))
                bodies = await self._telegram.updates(after, POLL_S)
                if bodies:
                    heard = self._clock()
                else:
                    await self._pause(BETWEEN_POLLS_S)
                for update, body in bodies:
                    if chat := await self._taken(body):
                        self.work_on(chat)
                    after = max(after, update)
            except RemitError as error:
                log.warning("no updates of Telegram: %s", error)
                await self._pause(5.0)

    async def _taken(self, body: bytes) -> str:
        try:
            return await self.take(body)
        except Malformed as error:
            log.warning("an update is passed over: %s", error)
        except RemitError:
            raise
        except Exception as error:  # a bug: for ever again it would hold up every chat
            log.exception("an update broke what takes it in, and is passed over", exc_info=wordless(error))
        return ""

    async def drain(self) -> None:
        """Wait for the answers under way."""
        await asyncio.gather(*self._working, return_exceptions=True)


def _written(conn: Connection, pending: Pending, now: datetime) -> bool:
    """The update, and that this chat is one that is called."""
    deliveries.begin(conn, pending.chat)
    return telegram_updates.keep(conn, pending, now)


def _inbound(each: Pending) -> Inbound:
    return Inbound(each.chat, f"update-{each.update}", each.text.removesuffix(_BESIDE), locale=each.locale)
