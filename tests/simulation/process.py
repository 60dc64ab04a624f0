"""One process of the assistant in the simulated world: built over what is on disk, dying, and built again.

It is the `Fate` of its lives: the weather decides, and this remembers what only this process suffers. Several may stand
over the same stores, as workers do on Redis and PostgreSQL.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from starlette.applications import Starlette

from bot.api import conversation_routes
from bot.app import Remit, build
from bot.internal import internal_routes
from bot.settings import Settings, load
from bot.stores.base import Loaded
from bot.stores.sqlite import SqliteStore
from bot.web import public_routes
from services.database import inline
from services.errors import Unavailable, Uncertain
from services.http import open_http

from .fees import FIXED, POINTS
from .letters import MortalMail
from .life import Crash, Gone, Life, MortalStore, MortalTransact
from .line import Line, ask

if TYPE_CHECKING:
    from .world import World

Answer = TypeVar("Answer")

KEY, SECRET, HANDOFF = "simulation-key", "simulation-secret", "http://remit"
TOKEN = "simulation-token"  # of the command line
PAGE_SECRET = "simulation-secret-of-the-embedding-page"
HOURS = "mon-fri 09:00-17:00"  # in which somebody is at the desk
LIMIT_MINOR = 9_000  # what may be proposed there by who is no supervisor


class SharedStore(SqliteStore):
    """A store whose file others write to as well: it remembers nothing between two reads."""

    async def load(self, chat: str, message: str) -> Loaded:
        self._recent.clear()
        return await super().load(chat, message)


class Process:
    """An assistant, from its first start to the end of the world. ``alone``: nobody else opens its stores."""

    def __init__(self, world: "World", name: str, *, alone: bool) -> None:
        self.name = name
        self.skew = timedelta()  # its clock runs ahead of the world's
        self._world = world
        self._alone = alone
        self._doomed: int | None = None  # so many places more, and it dies again
        self.life: Life
        self.remit: Remit
        self.store: SqliteStore
        self._app: Starlette
        self._open()

    def _open(self) -> None:
        world = self._world
        self.life = life = Life(self)
        self.store = (SqliteStore if self._alone else SharedStore)(world.conversations, inline=True)
        self.store._write.execute("PRAGMA synchronous=OFF")  # no power is cut here; what is committed stays
        if self._alone:
            self.store.release_leases()
        self.remit = build(
            settings(telegram=world.phones is not None, fee=world.takes_fee, desk=world.desk, chosen=world.chosen),
            transact=MortalTransact(inline(world.engine), life),
            store=MortalStore(self.store, life),
            http=open_http(Line(world, life)),
            clock=self.clock,
            random=world.assistants.randbytes,
            secret=SECRET.encode(),
            monotonic=world.loop.time,
            mail=MortalMail(world, life),
            telegram_http=world.bot_line(life),
            paper=lambda printed: f"the receipt at {printed.url}".encode(),  # a real one takes 100 ms
        )
        routes = [public_routes(self.remit), conversation_routes(self.remit), internal_routes(self.remit, TOKEN)]
        if self.remit.telegram is not None:
            routes.append([self.remit.telegram.route()])
        self._app = Starlette(routes=[route for some in routes for route in some])

    def clock(self) -> datetime:
        """Now, by the clock of this machine."""
        return self._world.clock() + self.skew

    # --- its fate ------------------------------------------------------------------------------------------------

    def strikes(self, where: str) -> bool:
        """See `Fate.strikes`."""
        world = self._world
        if self._doomed is not None:
            self._doomed -= 1
            if self._doomed <= 0:
                self._died(f"again, {where}")
                return True
        if world.weather.where not in where or world.chance.random() >= world.weather.crash:
            return False
        self._died(where)
        return True

    def _died(self, where: str) -> None:
        world = self._world
        world.deaths += 1
        world.fault(f"{self.name} dies {where}")
        self._doomed = world.chance.randint(1, 30) if world.chance.random() < world.weather.frail else None
        world.loop.call_later(world.chance.choice((0.1, 0.1, 1.0, 1.0, 5.0, 20.0, 70.0)), self._start_again)

    def _start_again(self) -> None:
        self.store.close()
        self._open()

    def calm(self) -> None:
        """Nothing that was to happen to it alone happens any more."""
        self._doomed, self.skew = None, timedelta()

    def pause(self) -> float | None:
        """See `Fate.pause`."""
        world = self._world
        luck = world.chance.random()
        if luck < world.weather.stall:
            world.fault(f"{self.name} stalls")
            return world.chance.choice((3.0, 16.0, 61.0))
        if luck < world.weather.slow:
            return world.chance.choice((0.0, 0.0, 0.001, 0.02))
        return None

    def fails(self, what: str) -> str:
        """See `Fate.fails`."""
        world = self._world
        likely: float = getattr(world.weather, what)
        if not likely or world.chance.random() >= likely:
            return ""
        when = world.chance.choice(("before", "before", "after"))
        world.fault(f"{self.name}: the {what} is away, {when} it wrote")
        return when

    def passes(self, place: Callable[[], str], *, died: bool) -> None:
        """See `Fate.passes`."""
        self._world.passes(place, died=died)

    # --- asking it -----------------------------------------------------------------------------------------------

    async def inside(self, work: Callable[[Remit], Coroutine[Any, Any, Answer]]) -> Answer:
        """Have it do something. Raises `Gone` when it dies meanwhile, and what it raises itself."""
        if not self.life.alive:
            raise Gone
        task = self.life.start(work(self.remit))
        await asyncio.wait([task])
        if task.cancelled() or isinstance(task.exception(), Crash):
            raise Gone
        return task.result()

    async def ask(self, request: httpx.Request) -> httpx.Response:
        """A request to its own routes. Raises `Gone`."""
        return await self.inside(lambda _remit: ask(self._app, request))

    async def round(self) -> bool:
        """One round of its worker, and of copying for the desk, where people are at it; whether another is worth it."""
        try:
            return await self.inside(lambda remit: remit.worker.work())
        except (Gone, Unavailable, Uncertain):  # as `Worker.run` does: the next round finds the same rows
            return False
        finally:
            if self._world.desk:
                await self._copy()

    async def _copy(self) -> None:
        try:
            await self.inside(lambda remit: remit.copying.work())
        except (Gone, Unavailable, Uncertain):  # as `Copying.run` does
            return

    async def carry(self) -> None:
        """Updates that were left are answered, and what there is to say goes to the phones."""
        try:
            await self.inside(_carried)
        except (Gone, Unavailable, Uncertain):  # as their own loops do: the next round finds the same rows
            return


async def _carried(remit: Remit) -> None:
    if remit.telegram is not None:
        await remit.telegram.look()
        await remit.telegram.drain()
        await remit.deliverer.work()


def settings(*, telegram: bool, fee: bool, desk: bool, chosen: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Of every process: both sources of invoices, the sandbox, customers who can sign in; a bot, a program fee, and the hours
    and limits of people at the desk where there are such; and what is ``chosen`` beside that.
    """
    if not chosen:
        return _settings(telegram=telegram, fee=fee, desk=desk)
    return load(None, **{**_usual(telegram=telegram, fee=fee, desk=desk), **chosen})


@cache
def _settings(*, telegram: bool, fee: bool, desk: bool) -> Settings:
    return load(None, **_usual(telegram=telegram, fee=fee, desk=desk))


def _usual(*, telegram: bool, fee: bool, desk: bool) -> dict[str, Any]:
    return {
        "business": {"name": "Simulated", "phone": "555", "timezone": "America/Los_Angeles", "currency": "USD"},
        "server": {"base_url": HANDOFF},
        "invoices": {"sources": ["portal", "book"], "portal_url": "http://sandbox/portal", "portal_key": KEY},
        "gateway": {"url": "http://sandbox/processor", "key": KEY, "webhook_secret": SECRET},
        "mail": {"host": "mail.sandbox", "from": "billing@example.com"},
        "sign_in": {"page_secret": PAGE_SECRET},
        "desk": {"hours": [HOURS], "agent_limit_minor": LIMIT_MINOR} if desk else {},
        "fee": {"basis_points": POINTS, "fixed_minor": FIXED} if fee else {},
        "telegram": {"token": "123456:simulated", "mode": "polling", "bot": "simulated_bot"} if telegram else {},
    }
