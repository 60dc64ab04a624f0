"""Everything outside the assistant's processes, under one seed: time, the back ends, the lines to them, the weather.

The back ends are the real sandbox, reached without sockets; the assistant is built by `bot.app.build`, in one process or
two over the same stores. Nothing here knows what a conversation should say or what a ledger should hold.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec
from sqlalchemy import Engine

from bot.app import Remit
from services.database import open_engine, upgrade
from services.errors import Unavailable, Uncertain
from services.http import open_http
from services.sandbox.payments import Event, HostedPage
from services.sandbox.portal import Demo
from services.sandbox.world import build_sandbox

from .books import Books, Row
from .fees import EXEMPT, takes_fee
from .letters import Letters
from .life import Crash, Life
from .line import WebhookLine, ask, at_once
from .phones import BotLine, Phones
from .process import HANDOFF, KEY, SECRET, Process

if TYPE_CHECKING:
    from .people import Person

Answer = TypeVar("Answer")

START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
ENDLESS = 2_000  # requests to the back ends within one step: somebody goes round in circles


@dataclass
class Weather:
    """How likely things go wrong, each from 0 to 1."""

    crash: float = 0.0  # at any place where a process may die
    where: str = ""  # ... whose name has this in it
    frail: float = 0.0  # having died, it dies again while it recovers
    line: float = 0.0  # a call to a back end
    lag: float = 0.0  # ... that is answered all the same, after seconds
    away: float = 0.0  # ... that does not arrive at all
    to: str = ""  # ... whose path has this in it
    blind: float = 0.0  # a look-up does not find what the processor has
    webhook: float = 0.0  # a webhook on its way to the assistant
    slow: float = 0.0  # somebody else runs first
    stall: float = 0.0  # ... for longer than a lease
    ledger: float = 0.0  # a transaction meets a locked database
    store: float = 0.0  # the conversation store is away
    forgets: float = 0.0  # it loses every conversation, at each step
    flood: float = 0.0  # Telegram asks to be called later


@dataclass
class Chances:
    """Sources of chance, apart from each other, so that one more draw here moves nothing there."""

    world: Random
    assistant: Random
    sandbox: Random

    @classmethod
    def of(cls, seed: int) -> "Chances":
        return cls(*(Random(f"{seed}/{who}") for who in ("world", "assistant", "sandbox")))


@dataclass
class Story:
    """What happened, a line each, and how many of those were faults."""

    lines: list[str] = field(default_factory=list)
    faults: int = 0


@dataclass
class Places:
    """Lines of the product where a process died, and, when they are ``watched``, where it could have."""

    watched: bool = False
    struck: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)


class World:
    """One business with its back ends, its assistant and its luck. Every method runs on the virtual loop."""

    def __init__(  # noqa: PLR0917  # what a world is made of
        self,
        seed: int,
        folder: Path,
        demo: Demo,
        sheet: list[Row],
        processes: int = 1,
        places: Places | None = None,
        *,
        telegram: bool = False,
        chosen: Mapping[str, Mapping[str, Any]] | None = None,
        desk: bool = False,
    ) -> None:
        """``chosen``: settings of the assistant beside those of every world."""
        self.loop = asyncio.get_running_loop()
        self.seed = seed
        self.takes_fee = takes_fee(seed)
        chances = Chances.of(seed)
        self.chance, self.assistants = chances.world, chances.assistant
        self.weather = Weather()
        self.story = Story()
        self.places = places or Places()
        self.violations: list[str] = []
        self.on_page: Callable[[str], None] = lambda _reference: None
        self.on_webhook: Callable[[httpx.Request], None] = lambda _request: None
        self.on_event: Callable[[Event], None] = lambda _event: None  # of the processor, as it happens
        self.on_charge: Callable[[HostedPage, float], None] = lambda _page, _sent: None  # of a saved method
        self.on_switch: Callable[[], None] = lambda: None  # the business is about to stop or resume, or just did
        self.paused = False  # the business was told that no new payment begins
        self.denied: set[str] = set()  # payments that a look-up did not find, although they are there
        self.cut_off = ""  # back ends whose path begins with this are not there
        self.began = START
        self.requested = 0.0  # when the request that made the last page was sent
        self.letters = Letters()
        self.demo = demo
        self._sheet = sheet
        self.newcomers: list[Person] = []  # who begin to talk with the next step
        self.chosen = chosen or {}
        self.phones = Phones(self) if telegram else None
        self.desk = desk  # whether people are at it
        self.hop_links: dict[str, float] = {}  # tokens that move a chat, with when they were seen first
        self.joined: list[tuple[str, str]] = []  # chats of which one may go on in the other
        self.leaps = 0
        self.forgotten = 0  # how often all conversations were lost
        self.deaths = 0
        self._ticks = 0
        self._asked = 0  # requests to the back ends within this step
        self._leapt = timedelta()
        self._webhooks = httpx.AsyncClient(transport=WebhookLine(self), trust_env=False)
        self.sandbox = build_sandbox(
            clock=self.clock,
            random=chances.sandbox.randbytes,
            send=self._webhooks,
            webhook_url=f"{HANDOFF}/webhooks/payments/sandbox",
            webhook_secret=SECRET,
            api_key=KEY,
            demo=demo,
        )
        self.sandbox.processor._publish = self._published
        self.engine = _fresh_ledger()
        self.ledger = driver(self.engine)
        self.books = Books(self, sheet)
        self.conversations = str(folder / "conversations.db")
        alone = processes == 1
        self.processes: Sequence[Process] = [
            Process(self, f"assistant {nth + 1}" if processes > 1 else "the assistant", alone=alone)
            for nth in range(processes)
        ]

    def is_exempt(self, number: str) -> bool:
        """Whether whose invoice this is pays no fee."""
        return any(each.number == number and each.customer == EXEMPT for each in self.demo.invoices)

    # --- time and luck -------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Now, UTC. No two readings are the same, as on a real machine."""
        self._ticks += 1
        elapsed = int(self.loop.time() * 1_000_000) + self._ticks
        return START + self._leapt + timedelta(microseconds=elapsed)

    def leap(self, seconds: int) -> None:
        """All clocks jump, ahead or back, and whatever was under way stays under way."""
        self.leaps += 1
        self._leapt += timedelta(seconds=seconds)
        self.fault(f"the clocks leap {seconds} s")

    def drift(self, seconds: int) -> None:
        """The clock of one process is wrong from now on, by so many seconds."""
        process = self.chance.choice(self.processes)
        self.leaps += 1
        process.skew = timedelta(seconds=seconds)
        self.fault(f"the clock of {process.name} is {seconds} s off")

    @property
    def skewed(self) -> bool:
        """Whether the clock of some process is wrong."""
        return any(process.skew for process in self.processes)

    def calm(self) -> None:
        """No more faults from here on."""
        self.weather = Weather()
        self.cut_off = ""
        faults = self.sandbox.faults
        faults.delay_s, faults.duplicate, faults.reorder, faults.portal = 0, False, False, None
        for process in self.processes:
            process.calm()

    def tell(self, line: str) -> None:
        """Add to the story."""
        self.story.lines.append(f"{self.loop.time():12.3f}  {line}")

    def fault(self, line: str) -> None:
        """Add a fault to the story."""
        self.story.faults += 1
        self.tell(f"! {line}")

    def violate(self, what: str) -> None:
        """Something happened that never may."""
        self.tell(f"VIOLATION {what}")
        self.violations.append(what)

    def passes(self, place: Callable[[], str], *, died: bool) -> None:
        """A process died at this line, or could have."""
        if died:
            self.places.struck.add(place())
        elif self.places.watched:
            self.places.reached.add(place())

    def step(self) -> None:
        """A new step begins."""
        self._asked = 0

    # --- the assistant -------------------------------------------------------------------------------------------

    def someone(self) -> Process:
        """The process that a request is led to: one that is there, if any is."""
        if len(self.processes) == 1:
            return self.processes[0]
        there = [process for process in self.processes if process.life.alive]
        return self.chance.choice(there or self.processes)

    async def inside(self, work: Callable[[Remit], Coroutine[Any, Any, Answer]]) -> Answer:
        """Have a process do something. Raises `Gone` when it dies meanwhile, and what it raises itself."""
        return await self.someone().inside(work)

    async def ask(self, request: httpx.Request) -> httpx.Response:
        """A request to the assistant's own routes. Raises `Gone`."""
        return await self.someone().ask(request)

    def bot_line(self, life: Life) -> httpx.AsyncClient | None:
        """The way from this life to the Bot API, where there is a bot."""
        return None if self.phones is None else open_http(BotLine(self, life))

    async def settle(self) -> None:
        """Webhooks, updates, jobs, effects and deliveries until nothing is left to do now."""
        for _ in range(60):
            sent = await self.sandbox.pump()
            busy = [await process.round() for process in self.processes]
            sent = (self.phones is not None and await self.phones.hand_over()) or sent
            if not (any(busy) or sent):
                return
        self.violate("the worker never comes to rest")

    def forget(self) -> None:
        """The conversation store loses everything, as after FLUSHALL."""
        self.fault("every conversation is lost")
        if self.phones is not None:
            self.phones.conversations_lost()
        self.forgotten += 1
        for table in ("conversation", "inbox", "message", "outbox"):
            self.processes[0].store._write.execute(f"DELETE FROM {table}")
        for process in self.processes:
            process.store._recent.clear()

    # --- the back ends -------------------------------------------------------------------------------------------

    def serve(self, request: httpx.Request) -> httpx.Response:
        """A request arrives at the back ends and is carried out at once."""
        self._asked += 1
        if self._asked == ENDLESS:
            self.violate(f"the back ends are asked without end, just now {request.method} {request.url.path}")
            for process in self.processes:
                process.life.end()
        known = len(self.sandbox.processor._pages)
        charging = self._about_to_charge(request)
        answered = at_once(ask(self.sandbox.app, request))
        if charging is not None and charging.charged:
            self.on_charge(charging, request.extensions.get("sent_at", self.loop.time()))
        if request.method == "POST":
            self.tell(f"back end: {request.url.path} -> {answered.status_code}")
        if len(self.sandbox.processor._pages) != known:
            self.requested = request.extensions.get("sent_at", self.loop.time())
            self.on_page(msgspec.json.decode(request.content)["reference"])
        return answered

    def _about_to_charge(self, request: httpx.Request) -> HostedPage | None:
        """The page whose saved method this request may charge for the first time."""
        where, _, what = request.url.path.rpartition("/")
        page = self.sandbox.processor._pages.get(where.rpartition("/")[2]) if what == "charge" else None
        return None if page is None or page.charged else page

    def _published(self, event: Event) -> None:
        self.sandbox.webhooks.queue(event)
        self.on_event(event)

    def change(self, number: str, **change: object) -> None:
        """The business changes one of the portal's invoices."""
        order = httpx.Request("POST", f"http://sandbox/control/invoices/{number}", json=change)
        self.serve(order).raise_for_status()

    def rows(self, sql: str, **values: str | int) -> list[sqlite3.Row]:
        """What stands in the ledger's database: beside SQLAlchemy, since it is asked after every step."""
        cursor = self.ledger.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(sql, values).fetchall()

    def stored(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """What stands in the conversation store."""
        return self.processes[0].store._write.execute(sql, values).fetchall()

    @cached_property
    def customer_ids(self) -> dict[str, str]:
        """The ids of customers in the books, by the business's own."""
        written = {row["number"]: row["customer"] for row in self.rows("SELECT number, customer FROM book_invoice")}
        ids = {each.id: f"portal:{each.id}" for each in self.demo.customers}
        return ids | {row.customer.id: written[row.number] for row in self._sheet}

    def customers_at(self, address: str) -> frozenset[str]:
        """Whose address it is, by the business's own ids."""
        every = [*self.demo.customers, *(row.customer for row in self._sheet)]
        return frozenset(each.id for each in every if each.email == address)

    def owner_of(self, number: str) -> str:
        """Whose invoice it is, by the business's own id."""
        return self._owners[number]

    @cached_property
    def _owners(self) -> dict[str, str]:
        return {number: owner for _, number, owner in self.books.known()}

    def talk(self, chat: str) -> dict[str, Any]:
        """What the conversation store keeps of a chat; empty when it keeps nothing."""
        rows = self.stored("SELECT state FROM conversation WHERE chat = ?", chat)
        return msgspec.json.decode(rows[0][0]) if rows else {}

    async def close(self) -> None:
        """Let go of files and clients."""
        for process in self.processes:
            process.life.end()
            await process.life.wait()
            process.store.close()
        self.engine.dispose()
        await self._webhooks.aclose()


# --- what every episode shares --------------------------------------------------------------------------------------


@cache
def _migrated() -> Engine:
    engine = open_engine("sqlite://")
    upgrade(engine)
    return engine


def _fresh_ledger() -> Engine:
    """An empty ledger in memory, built by the real migrations once and copied since."""
    engine = open_engine("sqlite://")
    driver(_migrated()).backup(driver(engine))
    return engine


def driver(engine: Engine) -> sqlite3.Connection:
    """The one connection below an engine in memory."""
    connection = engine.raw_connection().driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


class Alarm(logging.Handler):
    """Hears what the assistant logs as an error: a bug that it caught, so that a server would go on.

    That a database is away is an error to whoever runs it, and none of the assistant's.
    """

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, (Crash, Unavailable, Uncertain)):
            self._world.violate(f"logged as an error: {record.getMessage()} {error!r}")
