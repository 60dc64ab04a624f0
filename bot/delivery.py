"""Carries what a chat was told to front ends that must be called: messengers, and whoever wants late results pushed.

What is to be said is in the log of the conversation; a chat that rings is looked at, and what it was told since the last
message that went out is sent, in order, one at a time. Each message goes out at least once: a process that dies between
a call and the note of it leaves that one message to be sent again. Two workers never call one chat at once (a lease), and
what was rewritten in the log is sent as it reads now. How a front end is called is in its channel.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec

from bot.push import Bell
from bot.stores.base import Message, Store
from services import deliveries
from services.database import Transact
from services.deliveries import Not
from services.errors import RemitError

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
SWEEP_EVERY_S = 30.0  # what a process left that died after a commit
LOOK_AGAIN_S = 1.0  # at chats that somebody else was at, or that were asked to wait
LONGEST_PAUSE_S = 300  # between two tries of one message
AT_ONCE = 8  # chats


class Wait(msgspec.Struct, frozen=True):
    """The front end asks to be called again after so many seconds, and not before."""

    seconds: float


class Gone(msgspec.Struct, frozen=True):
    """Nobody is there any more: blocked, deactivated, deleted."""


class Outlet(Protocol):
    """One way to call a front end."""

    @property
    def prefix(self) -> str:
        """How the names of its chats begin, such as ``telegram:``."""

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:
        """Send one message of a chat that is held in this language; None: it is there. Raises `Unavailable` or `Uncertain`: it is tried again, after a while."""


class Deliverer:
    """One per process. `run` goes on until canceled; `work` carries everything that is due, to its end."""

    def __init__(
        self, store: Store, transact: Transact, bell: Bell, outlets: Sequence[Outlet], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._transact = transact
        self._outlets = tuple(outlets)
        self._clock = clock
        self._due: set[str] = set()
        self._again: set[str] = set()  # looked at once more after a moment
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(AT_ONCE)
        self._woken = asyncio.Event()
        if outlets:
            bell.tap(self.ring)

    def ring(self, chat: str) -> None:
        """Something was said in this chat."""
        if self._outlet(chat) is not None:
            self._due.add(chat)
            self._woken.set()

    async def run(self) -> None:
        """Until canceled. What was said while nobody was here is found by a sweep, at once and every half minute."""
        if not self._outlets:
            return
        await asyncio.gather(self._keep_sweeping(), self._keep_carrying())

    async def work(self) -> None:
        """One round over every chat that is called, and everything that is due in it."""
        await self._sweep()
        while self._begin_all():
            await asyncio.gather(*self._busy.values())

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self._sweep()
            except RemitError as error:
                log.warning("messages that were left behind are looked for later: %s", error)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def _keep_carrying(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._woken.wait(), LOOK_AGAIN_S)
            except TimeoutError:
                self._due |= self._again
                self._again = set()
            self._woken.clear()
            self._begin_all()

    async def _sweep(self) -> None:
        for outlet in self._outlets:
            self._due.update(await self._transact(partial(deliveries.chats, prefix=outlet.prefix)))
        self._woken.set()

    def _begin_all(self) -> bool:
        """Begin with every chat that is due and that nobody here is at; a slow one holds up no other."""
        beginning = sorted(self._due - self._busy.keys())
        self._due.difference_update(beginning)
        for chat in beginning:
            self._busy[chat] = asyncio.create_task(self._in_turn(chat))
        return bool(self._busy)

    async def _in_turn(self, chat: str) -> None:
        try:
            async with self._free:
                await self._one(chat)
        finally:
            del self._busy[chat]
            if chat in self._due:  # it rang meanwhile
                self._woken.set()

    async def _one(self, chat: str) -> None:
        """Everything that this chat was told and that has not gone out. Whatever fails here holds up no other chat."""
        outlet = self._outlet(chat)
        assert outlet is not None
        try:
            last = await self._transact(lambda conn: deliveries.take(conn, chat, self._clock(), LEASE))
            match last:
                case Not.EVER:
                    return
                case Not.NOW:
                    self._again.add(chat)
                case int():
                    await self._send(outlet, chat, last)
        except RemitError as error:
            await self._put_off(chat, error)
        except Exception:  # a bug in one chat: told, and tried again like any other failure
            log.exception("a message could not be carried to a chat of %s", outlet.prefix)
            self._again.add(chat)

    async def _send(self, outlet: Outlet, chat: str, last: int) -> None:
        found = await self._store.load(chat, "")
        locale = found.talk.locale if found.talk is not None else ""
        for message in await self._store.since(chat, last):
            asked = await outlet.send(chat, message, locale) if message.sender != "customer" else None
            match asked:
                case Wait(seconds):
                    self._again.add(chat)
                    return await self._later(chat, seconds)
                case Gone():
                    return await self._transact(partial(deliveries.gone, chat=chat, now=self._clock()))
                case None:
                    went = partial(deliveries.sent, chat=chat, seq=message.seq, now=self._clock(), lease=LEASE)
                    await self._transact(went)
        return await self._transact(partial(deliveries.free, chat=chat))

    async def _later(self, chat: str, seconds: float) -> None:
        due = self._clock() + timedelta(seconds=seconds)
        await self._transact(partial(deliveries.later, chat=chat, due=due))

    async def _put_off(self, chat: str, error: RemitError) -> None:
        self._again.add(chat)
        try:
            tried = await self._transact(lambda conn: deliveries.attempts(conn, chat)) + 1
            log.warning("a message could not be carried (%s), attempt %d", type(error).__name__, tried)
            await self._later(chat, min(LONGEST_PAUSE_S, 2 ** min(tried, 12)))
        except RemitError:
            log.warning("the ledger is away: a message waits for its lease to end")

    def _outlet(self, chat: str) -> Outlet | None:
        return next((outlet for outlet in self._outlets if chat.startswith(outlet.prefix)), None)
