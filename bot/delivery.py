"""Carries what a chat was told to front ends that must be called: messengers, and whoever wants late results pushed.

What is to be said is in the log of the conversation; a chat that rings is looked at, and what it was told since the last
message that went out is sent, in order, one at a time. Each message goes out at least once: a process that dies between
a call and the note of it leaves that one message to be sent again. Two workers never call one chat at once (a lease), and
what was rewritten in the log is sent as it reads now. How a front end is called is in its channel.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from bot.background import wordless
from bot.push import Bell
from bot.stores.base import Message, Store
from services import deliveries
from services.database import Transact
from services.deliveries import LONGEST, Held, Not
from services.errors import Rejected, RemitError, Uncertain

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
SEND_WITHIN_S = 45.0  # one message with all its calls: the lease must outlive it
LOOK_AGAIN_S = 1.0  # at chats that somebody else was at
LONGEST_PAUSE_S = 300  # between two tries of one message
MOST_TRIES = 1000  # of one message, three and a half days: then the chat is left alone until somebody writes there
MOST_REFUSALS = 10  # tries of a message that is refused as such, a quarter of an hour: then it is passed over
AT_ONCE = 8  # chats of one front end: one that is slow holds up none of the others
PAGE = 200  # chats that are compared with their logs in one go
SWEEP_EVERY_S = 30.0
PAGES = 10  # per sweep, once the first has seen all: what another machine left that never came back

Piece = TypeVar("Piece")


class Wait(msgspec.Struct, frozen=True):
    """The front end asks to be called again after so many seconds, and not before. At most `LONGEST` is waited."""

    seconds: float


class Gone(msgspec.Struct, frozen=True):
    """Nobody is there any more: blocked, deactivated, deleted. Whoever writes again is called again."""


class Outlet(Protocol):
    """One way to call a front end."""

    @property
    def prefix(self) -> str:
        """How the names of its chats begin, such as ``telegram:``."""

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:
        """Send one message of a chat that is held in this language; None: it is there.

        Raises `Unavailable` or `Uncertain`: it is tried again, after a while. Raises `Rejected` for a no to this very
        message: after some tries it is passed over, so that those behind it go out.
        """


class Pieces:
    """Messages that take several calls: one that broke off goes on, in this process, with the call that failed."""

    def __init__(self) -> None:
        self._went: dict[str, tuple[int, int]] = {}  # by chat: which message, as it read, and how many of its calls

    async def send(
        self, chat: str, seq: int, pieces: Sequence[Piece], call: Callable[[int, Piece], Awaitable[None]]
    ) -> None:
        """Call with each piece and its place, in order, but for those that went out before. Raises what ``call`` does.

        ``pieces`` can be hashed: a message that was rewritten meanwhile begins anew.
        """
        this = hash((seq, *pieces))
        before, went = self._went.get(chat, (this, 0))
        for nth in range(went if before == this else 0, len(pieces)):
            await call(nth, pieces[nth])
            self._went[chat] = this, nth + 1
        self._went.pop(chat, None)


class _Line:
    """What is due at one front end."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.due: dict[str, None] = {}  # chats, the first first
        self.again: dict[str, float] = {}  # when chats are due again, in seconds of the loop
        self.busy: dict[str, asyncio.Task[None]] = {}
        self.went: dict[str, int] = {}  # numbers of messages that went out, of which no note could be made

    def look_again(self, chat: str, seconds: float) -> None:
        self.again[chat] = asyncio.get_running_loop().time() + seconds

    def next(self) -> list[str]:
        """The chats to begin with now, which are due no more then."""
        now = asyncio.get_running_loop().time()
        for chat in [each for each, at in self.again.items() if at <= now]:
            del self.again[chat]
            self.due[chat] = None
        idle = (each for each in islice(self.due, 2 * AT_ONCE) if each not in self.busy)
        beginning = list(islice(idle, AT_ONCE - len(self.busy)))
        for chat in beginning:
            del self.due[chat]
        return beginning


class Deliverer:
    """One per process. `run` goes on until canceled; `work` carries everything that is due, to its end."""

    def __init__(
        self, store: Store, transact: Transact, bell: Bell, outlets: Sequence[Outlet], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._transact = transact
        self._lines = tuple(_Line(outlet) for outlet in outlets)
        self._clock = clock
        self._woken = asyncio.Event()
        if outlets:
            bell.tap(self.ring)

    def ring(self, chat: str) -> None:
        """Something was said in this chat, or somebody is back in it."""
        if (line := self._line(chat)) is not None:
            line.due[chat] = None
            self._woken.set()

    async def run(self) -> None:
        """Until canceled. What was said while nobody was here is found by a sweep over all chats, at once; later by and by."""
        if not self._lines:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_sweeping())
            group.create_task(self._keep_carrying())

    async def work(self) -> None:
        """One round over every chat that is called, and everything that is due in it."""
        after = await self._sweep("")
        while after:
            after = await self._sweep(after)
        self._begin_all()
        while busy := self._under_way():
            await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
            self._begin_all()

    async def drain(self, patience: float = 5.0) -> None:
        """Wait for the calls under way, for so many seconds at most; those that take longer are made again by the next process."""
        if busy := self._under_way():
            _, late = await asyncio.wait(busy, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _under_way(self) -> list[asyncio.Task[None]]:
        return [task for line in self._lines for task in line.busy.values()]

    def _line(self, chat: str) -> _Line | None:
        return next((line for line in self._lines if chat.startswith(line.outlet.prefix)), None)

    # --- which chats ---------------------------------------------------------------------------------------------------

    async def _keep_sweeping(self) -> None:
        after, all_seen = "", False
        while True:
            try:
                for _ in range(PAGES):
                    after = await self._sweep(after)
                    if not after:
                        all_seen = True
                        break
                if not all_seen:
                    continue
            except RemitError as error:
                log.warning("messages that were left behind are looked for later: %s", error)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _sweep(self, after: str) -> str:
        """Look at the next page of chats; those behind their logs are due. Where the page after it begins, "" at the end.

        Any process may have died between a commit and its ring, or while a chat was put off.
        """
        page = await self._transact(partial(deliveries.following, after=after, most=PAGE))
        for chat, sent in page:
            if self._line(chat) is not None and await self._store.since(chat, sent, 1):
                self.ring(chat)
        return page[-1][0] if len(page) == PAGE else ""

    async def _keep_carrying(self) -> None:
        while True:
            self._woken.clear()
            self._begin_all()
            with contextlib.suppress(TimeoutError):  # not `wait_for`, which may lose a cancellation (Python 3.11)
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._woken.wait()

    def _begin_all(self) -> None:
        for line in self._lines:
            for chat in line.next():
                line.busy[chat] = asyncio.create_task(self._in_turn(line, chat))

    async def _in_turn(self, line: _Line, chat: str) -> None:
        """Everything that this chat was told and that has not gone out. Whatever fails here holds up no other chat."""
        try:
            match await self._transact(lambda conn: deliveries.take(conn, chat, self._clock(), LEASE)):
                case Held() as held:
                    await self._carry(line, held)
                case Not.NOW:
                    line.look_again(chat, LOOK_AGAIN_S)
                case Not.EVER:
                    pass
                case due:
                    line.look_again(chat, (due - self._clock()).total_seconds())
        except RemitError as error:
            log.warning("the ledger is away (%s): a message waits", type(error).__name__)
            line.look_again(chat, LOOK_AGAIN_S)
        except Exception as error:
            log.exception("a message waits", exc_info=wordless(error))
            line.look_again(chat, LEASE.total_seconds())
        finally:
            del line.busy[chat]
            self._woken.set()

    # --- one chat ----------------------------------------------------------------------------------------------------

    async def _carry(self, line: _Line, held: Held) -> None:
        """Send one message after the other, as the log reads when its turn has come."""
        chat = held.chat
        went = line.went.get(chat, 0)
        while True:
            if went > held.sent:
                line.went[chat] = went  # until it is noted
                note = partial(deliveries.sent, held=held, seq=went, now=self._clock(), lease=LEASE)
                renewed = await self._transact(note)
                del line.went[chat]
                if renewed is None:
                    return line.look_again(chat, LOOK_AGAIN_S)
                held = renewed
            try:
                message = next(iter(await self._store.since(chat, held.sent, 1)), None)
                if message is None:
                    return await self._transact(partial(deliveries.free, held=held))
                asked = await self._send(line.outlet, chat, message)
            except RemitError as error:
                asked = _after(error, held, line.outlet.prefix)
            except Exception as error:  # a bug: told, and tried again like whatever else fails
                log.exception("a message to a chat of %s broke", line.outlet.prefix, exc_info=wordless(error))
                asked = _pause(held)
            match asked:
                case Wait(seconds):
                    return await self._later(line, held, seconds)
                case Gone():
                    return await self._transact(partial(deliveries.left, held=held, now=self._clock()))
                case None:
                    assert message is not None
                    went = message.seq

    async def _send(self, outlet: Outlet, chat: str, message: Message) -> Wait | Gone | None:
        if message.sender == "customer":
            return None
        talk = (await self._store.load(chat, "")).talk
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                return await outlet.send(chat, message, "" if talk is None else talk.locale)
        except TimeoutError:
            raise Uncertain("no answer in time") from None

    async def _later(self, line: _Line, held: Held, seconds: float) -> None:
        if held.attempts + 1 >= MOST_TRIES:
            log.error(
                "a chat of %s is left alone after %d tries, until somebody writes", line.outlet.prefix, MOST_TRIES
            )
            return await self._transact(partial(deliveries.left, held=held, now=self._clock()))
        seconds = min(max(seconds, LOOK_AGAIN_S), LONGEST.total_seconds())
        due = self._clock() + timedelta(seconds=seconds)
        line.look_again(held.chat, seconds)
        return await self._transact(partial(deliveries.later, held=held, due=due))


def _after(error: RemitError, held: Held, prefix: str) -> Wait | None:
    """What to do after a call that failed. None: the message is passed over, like one that went out."""
    tried = held.attempts + 1
    if isinstance(error, Rejected) and tried >= MOST_REFUSALS:
        log.error("a message to a chat of %s is passed over after %d tries: %s", prefix, tried, error)
        return None
    log.warning("a message to a chat of %s could not be carried, attempt %d: %s", prefix, tried, error)
    return _pause(held)


def _pause(held: Held) -> Wait:
    return Wait(min(LONGEST_PAUSE_S, 2 ** min(held.attempts + 1, 12)))
