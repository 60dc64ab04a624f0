"""One process of the assistant, from its start to its crash, and every place where it may die.

The assistant runs inside a `Life`: its tasks, its store, its transactions and its calls pass through here, and at each
of them the life may end with `Crash`. From then on nothing of it runs; what was committed stays. What is built anew
afterwards, and when, is the world's business.
"""

import asyncio
import sqlite3
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot.stores.base import Commit, Loaded, Message, Store, Waiting
from dialogs.conversation import Conversation
from services.database import Transact
from services.errors import Unavailable, Uncertain

Answer = TypeVar("Answer")
Step = Coroutine[Any, Any, Answer]


class Crash(BaseException):
    """The process is gone. Not an `Exception`: nothing of the assistant may survive by catching it."""


class Gone(Exception):  # noqa: N818  # no fault of the caller: whom it asked died meanwhile
    """The assistant was not there, or died before it answered."""


class Fate(Protocol):
    """What decides, for the whole world, when a process dies and how long things take."""

    def strikes(self, where: str) -> bool:
        """Whether the process dies here and now; ``where`` is for the story."""

    def pause(self) -> float | None:
        """Seconds that somebody else may run in before a transaction or a read begins; None: nobody."""

    def fails(self, what: str) -> str:
        """How a database lets us down now: ``before`` anything is written, ``after``, or "" if it does not."""

    def passes(self, place: Callable[[], str], *, died: bool) -> None:
        """A process died at this line of the product (``died``), or could have."""


_LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)


class Life:
    """The tasks of one process, and its end."""

    def __init__(self, fate: Fate) -> None:
        self.alive = True
        self._fate = fate
        self._tasks: dict[asyncio.Task[Any], Step[Any] | None] = {}  # in the order of their starts, which a set has not

    def start(self, work: Step[Answer]) -> asyncio.Task[Answer]:
        """Run something of the assistant in this process. When the process dies, the task ends canceled or crashed."""
        context = copy_context()
        context.run(_LIFE.set, self)
        return context.run(asyncio.get_running_loop().create_task, work)

    def here(self, where: str) -> None:
        """A place where the process may die. Raises `Crash` when it does, or when it did before."""
        if not self.alive:
            raise Crash
        died = self._fate.strikes(where)
        self._fate.passes(_running, died=died)
        if died:
            self.end()
            raise Crash

    def woken(self, work: Step[Any]) -> None:
        """As `here`, where ``work`` would go on after a wait."""
        if not self.alive:
            raise Crash
        died = self._fate.strikes("after a wait")
        self._fate.passes(lambda: _waiting(work), died=died)
        if died:
            self.end()
            raise Crash

    def fails(self, what: str) -> str:
        """See `Fate.fails`."""
        return self._fate.fails(what) if self.alive else ""

    async def give_way(self, where: str) -> None:
        """As `here`, and others may run meanwhile."""
        self.here(where)
        if (seconds := self._fate.pause()) is not None:
            await asyncio.sleep(seconds)
            self.here(where)

    def end(self) -> None:
        """Kill the process."""
        self.alive = False
        for task, work in self._tasks.items():
            if work is not None and task is not asyncio.current_task():
                self._fate.passes(lambda work=work: _waiting(work), died=True)  # type: ignore[misc]  # bound at once
            task.cancel()

    async def wait(self) -> None:
        """Until nothing runs in this process any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def adopt(self, work: Step[Any], loop: asyncio.AbstractEventLoop, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(self._mortal(work), loop=loop, **options)
        self._tasks[task] = work
        task.add_done_callback(self._over)
        task.add_done_callback(lambda _: work.close())  # one that died before its first step was never awaited
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # looked at: a crash is nothing to complain about at the end

    async def _mortal(self, work: Step[Answer]) -> Answer:
        return await _stepped(work, self)


@types.coroutine
def _stepped(work: Step[Answer], life: Life) -> Generator[Any, Any, Answer]:
    """Drive a coroutine, and let its process die whenever it would go on after a wait."""
    try:
        waited = work.send(None)
        while True:
            try:
                got = yield waited
                life.woken(work)
            except BaseException as error:  # noqa: BLE001  # whatever comes belongs to the coroutine
                waited = work.throw(error)
            else:
                waited = work.send(got)
    except StopIteration as end:
        answer: Answer = end.value
        return answer


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
    """For `loop.set_task_factory`: a task begun inside a life belongs to it, and dies with it."""
    life = _LIFE.get()
    return asyncio.Task(work, loop=loop, **options) if life is None else life.adopt(work, loop, **options)


# --- where it was ---------------------------------------------------------------------------------------------------

_HOUSE = Path(__file__).parents[2]
_OURS = tuple(f"{_HOUSE}/{part}/" for part in ("bot", "services", "dialogs"))
_SEAMS = (f"{_HOUSE}/services/database.py", f"{_HOUSE}/services/sandbox/")  # not what waits, but what it waits for


def _place(code: types.CodeType, line: int) -> str:
    """``bot/runtime.py:112``, or "" for a line that is not the product's."""
    file = code.co_filename
    return f"{file[len(str(_HOUSE)) + 1 :]}:{line}" if file.startswith(_OURS) and not file.startswith(_SEAMS) else ""


def _running() -> str:
    """The innermost line of the product that is being run."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame is not None:
        if place := _place(frame.f_code, frame.f_lineno):
            return place
        frame = frame.f_back
    return ""


def _waiting(work: Any) -> str:
    """The innermost line of the product at which a coroutine waits."""
    found = ""
    while work is not None:
        frame = getattr(work, "cr_frame", None)
        if frame is not None:
            found = _place(frame.f_code, frame.f_lineno) or found
        work = getattr(work, "cr_await", None) or getattr(work, "gi_yieldfrom", None)
    return found


# --- what it stands on ----------------------------------------------------------------------------------------------


class MortalTransact:
    """`Transact` in a process that may die before, in the middle of, and after each transaction.

    The database may be locked, or give no word on a commit; the first goes through the real seam.
    """

    def __init__(self, transact: Transact, life: Life) -> None:
        self._transact = transact
        self._life = life

    async def __call__(self, work: Callable[[Connection], Answer]) -> Answer:
        await self._life.give_way("before a transaction")
        trouble = self._life.fails("ledger")

        def then_die(conn: Connection) -> Answer:
            answer = work(conn)
            self._life.here("before a commit")
            if trouble == "before":
                raise _locked()
            return answer

        answer = await self._transact(then_die)
        await self._life.give_way("after a commit")
        if trouble == "after":
            raise Uncertain("the line to the ledger's database broke in the middle of a commit")
        return answer


def _locked() -> OperationalError:
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode, cause.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    return OperationalError("COMMIT", None, cause)


class MortalStore:
    """`Store` in a process that may die before and after each call, and be away itself."""

    def __init__(self, store: Store, life: Life) -> None:
        self._store = store
        self._life = life

    async def _around(self, what: str, work: Step[Answer]) -> Answer:
        try:
            await self._life.give_way(f"before {what}")
            trouble = self._reached()
        except BaseException:
            work.close()
            raise
        answer = await work
        await self._life.give_way(f"after {what}")
        if trouble == "after" and what != "a turn's commit":  # of that the store has to know: so says its contract
            raise Unavailable("the conversation store gave no answer")
        return answer

    def _reached(self) -> str:
        if (trouble := self._life.fails("store")) == "before":
            raise Unavailable("the conversation store is away")
        return trouble

    async def load(self, chat: str, message: str) -> Loaded:
        return await self._around("a load", self._store.load(chat, message))

    async def commit(self, turn: Commit) -> bool:
        return await self._around("a turn's commit", self._store.commit(turn))

    async def answer(self, chat: str, message: str) -> list[Message]:
        return await self._around("an answer", self._store.answer(chat, message))

    async def since(self, chat: str, seq: int, most: int | None = None) -> list[Message]:
        return await self._around("a read", self._store.since(chat, seq, most))

    async def said(self, chat: str, most: int) -> list[Message]:
        return await self._around("a read", self._store.said(chat, most))

    async def waiting(self, talk: Conversation) -> list[Waiting]:
        return await self._around("a look", self._store.waiting(talk))

    async def pending(self, chat: str, message: str) -> bool:
        return await self._around("a look", self._store.pending(chat, message))

    async def claim(self, now: datetime, lease_seconds: int, most: int) -> list[Waiting]:
        return await self._around("a claim", self._store.claim(now, lease_seconds, most))

    async def postpone(self, key: str, due: datetime) -> None:
        return await self._around("a postponement", self._store.postpone(key, due))

    async def prune(self, before: datetime) -> int:
        return await self._around("a pruning", self._store.prune(before))
