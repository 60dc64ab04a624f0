"""Everything outside the assistant's process, under one seed: time, the back ends, the line to them, and the weather.

The back ends are the real sandbox, reached without sockets; the assistant is built by `bot.app.build` and built again
after each crash. Nothing here knows what a conversation should say or what a ledger should hold.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx
import msgspec
from sqlalchemy import Engine
from starlette.applications import Starlette

from bot.app import Remit, build
from bot.settings import Settings, load
from bot.stores.sqlite import SqliteStore
from bot.web import public_routes
from services.database import inline, open_engine, upgrade
from services.http import open_http
from services.sandbox.portal import Demo
from services.sandbox.world import build_sandbox

from .life import Crash, Gone, Life, MortalStore, MortalTransact
from .line import Line, WebhookLine, ask, at_once

Answer = TypeVar("Answer")

START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
KEY, SECRET, HANDOFF = "simulation-key", "simulation-secret", "http://remit"
ENDLESS = 2_000  # requests to the back ends within one step: somebody goes round in circles


@dataclass
class Weather:
    """How likely things go wrong, each from 0 to 1."""

    crash: float = 0.0  # at any place where the process may die
    where: str = ""  # ... whose name has this in it
    line: float = 0.0  # a call to a back end
    webhook: float = 0.0  # a webhook on its way to the assistant
    slow: float = 0.0  # somebody else runs first
    stall: float = 0.0  # ... for longer than a lease


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


class World:
    """One business with its back ends, its assistant and its luck. Every method runs on the virtual loop."""

    def __init__(self, seed: int, folder: Path, demo: Demo) -> None:
        self.loop = asyncio.get_running_loop()
        chances = Chances.of(seed)
        self.chance, self._assistants = chances.world, chances.assistant
        self.weather = Weather()
        self.story = Story()
        self.violations: list[str] = []
        self.on_page: Callable[[str], None] = lambda _reference: None
        self._ticks = 0
        self._asked = 0  # requests to the back ends within this step
        self._leapt = timedelta()
        self._folder = folder
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
        self.engine = _fresh_ledger()
        self.ledger = _driver(self.engine)
        self.deaths = 0
        self.life: Life
        self.remit: Remit
        self.store: SqliteStore
        self._app: Starlette
        self.start()

    # --- time and luck -------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Now, UTC. No two readings are the same, as on a real machine."""
        self._ticks += 1
        elapsed = int(self.loop.time() * 1_000_000) + self._ticks
        return START + self._leapt + timedelta(microseconds=elapsed)

    def leap(self, seconds: int) -> None:
        """The wall clock jumps ahead, and whatever was under way stays under way."""
        self._leapt += timedelta(seconds=seconds)
        self.fault(f"the clock leaps {seconds} s")

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

    def strikes(self, where: str) -> bool:
        if self.weather.where not in where or self.chance.random() >= self.weather.crash:
            return False
        self.died(where)
        return True

    def died(self, where: str) -> None:
        """The process ended; it is started again after a while."""
        self.deaths += 1
        self.fault(f"the assistant dies {where}")
        self.loop.call_later(self.chance.choice((0.1, 0.1, 1.0, 1.0, 5.0, 20.0, 70.0)), self.start)

    def pause(self) -> float | None:
        luck = self.chance.random()
        if luck < self.weather.stall:
            self.fault("the assistant stalls")
            return self.chance.choice((3.0, 16.0, 61.0))
        if luck < self.weather.slow:
            return self.chance.choice((0.0, 0.0, 0.001, 0.02))
        return None

    def step(self) -> None:
        """A new step begins."""
        self._asked = 0

    # --- the assistant -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Build the assistant over what earlier lives have left on disk."""
        self.life = life = Life(self)
        self.store = SqliteStore(str(self._folder / "conversations.db"), inline=True)
        self.store._write.execute("PRAGMA synchronous=OFF")  # no power is cut here; what is committed stays
        self.store.release_leases()
        self.remit = build(
            _settings(),
            transact=MortalTransact(inline(self.engine), life),
            store=MortalStore(self.store, life),
            http=open_http(Line(self, life)),
            clock=self.clock,
            random=self._assistants.randbytes,
            secret=SECRET.encode(),
            monotonic=self.loop.time,
        )
        self._app = Starlette(routes=public_routes(self.remit))

    async def inside(self, work: Callable[[Remit], Coroutine[Any, Any, Answer]]) -> Answer:
        """Have the assistant do something. Raises `Gone` when it dies meanwhile, and what it raises itself."""
        if not self.life.alive:
            raise Gone
        task = self.life.start(work(self.remit))
        await asyncio.wait([task])
        if task.cancelled() or isinstance(task.exception(), Crash):
            raise Gone
        return task.result()

    async def ask(self, request: httpx.Request) -> httpx.Response:
        """A request to the assistant's own routes. Raises `Gone`."""
        return await self.inside(lambda _remit: ask(self._app, request))

    async def round(self) -> bool:
        """One round of the assistant's worker; whether another is worth it."""
        try:
            return await self.inside(lambda remit: remit.worker.work())
        except Gone:
            return False

    async def settle(self) -> None:
        """Webhooks, jobs and effects until nothing is left to do now."""
        for _ in range(60):
            sent = await self.sandbox.pump()
            if not (await self.round() or sent):
                return
        self.violate("the worker never comes to rest")

    # --- the back ends -------------------------------------------------------------------------------------------

    def serve(self, request: httpx.Request) -> httpx.Response:
        """A request arrives at the back ends and is carried out at once."""
        self._asked += 1
        if self._asked == ENDLESS:
            self.violate(f"the back ends are asked without end, just now {request.method} {request.url.path}")
            self.life.end()
        known = len(self.sandbox.processor._pages)
        answered = at_once(ask(self.sandbox.app, request))
        if request.method == "POST":
            self.tell(f"back end: {request.url.path} -> {answered.status_code}")
        if len(self.sandbox.processor._pages) != known:
            self.on_page(msgspec.json.decode(request.content)["reference"])
        return answered

    def change(self, number: str, **change: object) -> None:
        """The business changes one of its invoices."""
        order = httpx.Request("POST", f"http://sandbox/control/invoices/{number}", json=change)
        self.serve(order).raise_for_status()

    async def close(self) -> None:
        """Let go of files and clients."""
        self.life.end()
        await self.life.wait()
        self.store.close()
        self.engine.dispose()
        await self._webhooks.aclose()


# --- what every episode shares --------------------------------------------------------------------------------------


@cache
def _settings() -> Settings:
    return load(
        None,
        business={"name": "Simulated", "phone": "555", "timezone": "America/Los_Angeles", "currency": "USD"},
        server={"base_url": HANDOFF},
        invoices={"sources": ["portal"], "portal_url": "http://sandbox/portal", "portal_key": KEY},
        gateway={"url": "http://sandbox/processor", "key": KEY, "webhook_secret": SECRET},
    )


@cache
def _migrated() -> Engine:
    engine = open_engine("sqlite://")
    upgrade(engine)
    return engine


def _fresh_ledger() -> Engine:
    """An empty ledger in memory, built by the real migrations once and copied since."""
    engine = open_engine("sqlite://")
    _driver(_migrated()).backup(_driver(engine))
    return engine


def _driver(engine: Engine) -> sqlite3.Connection:
    """The one connection below an engine in memory."""
    connection = engine.raw_connection().driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


class Alarm(logging.Handler):
    """Hears what the assistant logs as an error: a bug that it caught, so that a server would go on."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, Crash):
            self._world.violate(f"logged as an error: {record.getMessage()} {error!r}")
