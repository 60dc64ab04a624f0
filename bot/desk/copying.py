"""Copies the logs of chats that were handed to a person into SQL, and what is known of each, so that the desk reads SQL alone.

Rung by every commit of this process and by the desk itself; a sweep finds what was missed. Copying again changes nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection

from bot.desk.briefing import briefed, lines
from bot.push import Bell
from bot.stores.base import Message, Store
from dialogs.conversation import Conversation
from services.database import Transact
from services.desk import handoffs, transcripts
from services.desk.handoffs import MOST_ALONGSIDE, Brief, Handoff
from services.errors import RemitError

log = logging.getLogger(__name__)

DESK = "desk:"  # rings when anything changed that the desk shows
GATHER_S = 0.1  # what rings within it is copied together
SWEEP_EVERY_S = 10.0
STILL = timedelta(minutes=30)  # a chat that was handed back is followed as long: how it ended, and the rating
BACK = 40  # lines that are read again: a number may have been taken out of them since


class Copying:
    """One per process. `run` goes on until canceled; `work` copies everything that is open, once."""

    def __init__(self, store: Store, transact: Transact, bell: Bell, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._transact = transact
        self._bell = bell
        self._clock = clock
        self._due: set[str] = set()
        self._woken = asyncio.Event()
        bell.tap(self._ring)

    def _ring(self, chat: str) -> None:
        if not chat.startswith(DESK):
            self._due.add(chat)
            self._woken.set()

    async def run(self) -> None:
        """Until canceled."""
        swept: datetime | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_S):  # not `wait_for`: see `bot/api.py`
                    await self._woken.wait()
            await asyncio.sleep(GATHER_S)
            self._woken.clear()
            now = self._clock()
            try:
                if swept is None or not swept <= now < swept + timedelta(seconds=SWEEP_EVERY_S):
                    swept = now
                    await self.work()
                else:
                    await self._copy_due()
            except RemitError as error:
                log.warning("transcripts are copied later: %s", error)
            except Exception:  # the next round finds the same chats
                log.exception("a round of copying transcripts broke")

    async def work(self) -> None:
        """Every chat that somebody at the desk may look at."""
        self._due.update(await self._transact(partial(handoffs.open_chats, since=self._clock() - STILL)))
        await self._copy_due()

    async def _copy_due(self) -> None:
        due, self._due = sorted(self._due), set()
        if not due:
            return
        try:
            watched = await self._transact(partial(handoffs.watched, chats=due, since=self._clock() - STILL))
            for chat in sorted(watched):
                await self._copy(chat)
        except RemitError:
            self._due.update(due)
            raise

    async def _copy(self, chat: str) -> None:
        last = await self._transact(partial(transcripts.last, chat=chat))
        messages = await self._store.since(chat, max(0, last - BACK))
        talk = (await self._store.load(chat, "")).talk
        others = await self._transact(partial(self._write, chat=chat, last=last, messages=messages, talk=talk))
        self._bell.ring(DESK)
        for each in (chat, *others):
            self._bell.ring(DESK + each)

    def _write(
        self, conn: Connection, chat: str, last: int, messages: list[Message], talk: Conversation | None
    ) -> list[str]:
        """Writes it down; the chats whose pages show this one beside themselves."""
        now = self._clock()
        copied = lines(messages, now)
        transcripts.add(conn, chat, copied)
        for line in copied:
            if line.seq > last and line.sender == "customer":
                handoffs.heard(conn, chat, line.at)
            elif line.seq > last and line.sender == "agent":
                handoffs.answered(conn, chat)
        if talk is not None:
            handoffs.note(conn, chat, _named(briefed(talk, now), handoffs.of_chat(conn, chat)))
        this = handoffs.of_chat(conn, chat)  # with the brief as it is now, by which the others are found
        beside = handoffs.alongside(conn, this, MOST_ALONGSIDE) if this and this.reason == "same_invoice" else ()
        return [each.chat for each in beside]


def _named(brief: Brief, before: Handoff | None) -> Brief:
    """With the name that the same proof of the same invoices told: a conversation forgets what it read, once it is paid."""
    if brief.name or not brief.proof or before is None:
        return brief
    known = before.brief
    same = (known.proof, known.customer, known.invoices) == (brief.proof, brief.customer, brief.invoices)
    return msgspec.structs.replace(brief, name=known.name) if same else brief
