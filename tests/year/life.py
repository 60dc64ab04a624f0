"""How a year passes: a day has three hours at which somebody looks, and its own weather; people agree, pause and leave.

What happens at these hours is what the workers do by themselves. Nothing is judged here.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from bot.app import Remit
from services.database import micros
from services.errors import Unavailable, Uncertain
from services.model import Method, Money, Shown, Terms
from services.payments.autopay.enrolments import Wish
from services.payments.notes import vault_name
from tests.simulation.life import Gone
from tests.simulation.world import Weather, World

from .town import Resident

DAYS = 365
_HOURS: Final = (2 * 3_600, 4 * 3_600, 6 * 3_600, 12 * 3_600)  # seconds between looks; a day together
_CHANGES = 0.5  # of mind, of one customer in a year
_ROUNDS = 3_000  # of workers at one hour: a day's letters of a thousand people, eight at a time
_SKIES: Final = (
    *(Weather(),) * 6,
    Weather(line=0.05, webhook=0.2),
    Weather(crash=0.002, slow=0.2, webhook=0.1, frail=0.2),
    Weather(ledger=0.01, store=0.01, line=0.02),
    Weather(away=0.9, to="/charge"),
)


class Year:
    """One business and its customers through a year."""

    def __init__(self, world: World, town: list[Resident]) -> None:
        self._world = world
        self._town = town
        self._agreed: list[Resident] = []
        self._paused: list[Resident] = []
        self._said = 0

    async def run(self, days: int, word: Callable[[int], None]) -> None:
        """Live so many days; ``word`` hears of each. Then the weather is fine until nothing is open any more."""
        await self._agree()
        for day in range(days):
            word(day)
            await self._day()
        self._world.calm()
        for _ in range(20):  # banks have decided by then
            await self._day(calm=True)

    async def _agree(self) -> None:
        for each in self._town:
            if each.in_autopay:
                self._world.sandbox.processor._vault.keep(vault_name(f"portal:{each.id}"), each.kept())
                (kept,) = self._world.sandbox.processor.methods(vault_name(f"portal:{each.id}"))
                method = Method(kept.method)
                limit = Money(each.limit_minor, "USD")
                terms = Terms(kept.id, method, kept.brand, kept.last4, limit, each.days)
                await self._says(each, "agree", terms)
                self._agreed.append(each)

    async def _day(self, *, calm: bool = False) -> None:
        world, chance = self._world, self._world.chance
        for seconds in _HOURS:
            world.weather = Weather() if calm else chance.choice(_SKIES)
            if not calm and self._agreed and chance.random() < len(self._agreed) * _CHANGES / (DAYS * len(_HOURS)):
                await self._think_again()
            await self._work()
            await asyncio.sleep(seconds)

    async def _think_again(self) -> None:
        """Somebody pauses, goes on, or leaves for good."""
        chance = self._world.chance
        if self._paused and chance.random() < 0.5:
            await self._says(self._paused.pop(), "resume")
            return
        who = chance.choice(self._agreed)
        if chance.random() < 0.7:
            await self._says(who, "pause")
            self._paused.append(who)
        else:
            await self._says(who, "leave")
            self._agreed.remove(who)

    async def _says(self, who: Resident, what: Any, terms: Terms | None = None) -> None:
        """As their chat would ask it, until it was done: a key of its own, whatever dies meanwhile."""
        self._said += 1
        key = f"year/{self._said}"
        for _ in range(200):
            try:
                await self._world.inside(partial(_ask, who=who, key=key, what=what, terms=terms))
            except (Gone, Unavailable, Uncertain):
                await asyncio.sleep(30)
            else:
                return
        self._world.violate(f"{who.id} could not {what} in a hundred minutes")

    async def _work(self) -> None:
        """Workers, webhooks and letters until nothing is left to do at this hour."""
        world = self._world
        for _ in range(_ROUNDS):
            sent = await world.sandbox.pump()
            busy = await asyncio.gather(*(process.round() for process in world.processes))
            waiting = world.rows(
                "SELECT 1 FROM letter WHERE state = 'waiting' AND due_at <= :now LIMIT 1", now=micros(world.clock())
            )
            if not (any(busy) or sent or waiting):
                return
            world.step()
            if waiting and not any(busy):
                await asyncio.sleep(5)  # somebody who died holds them, or the store was away
        world.violate("the workers never come to rest")


async def _ask(remit: Remit, *, who: Resident, key: str, what: Any, terms: Terms | None) -> None:
    customer, chat = f"portal:{who.id}", f"web:{who.id}"
    scope = remit.visitors.scope(customer, chat, "code", remit.clock() - timedelta(seconds=1))
    wish = Wish(key, customer, chat, key, what, terms, Shown("I authorize", "year", "en"))
    if await remit.orders.change(scope, wish) is None:
        raise AssertionError(f"{who.id} may not {what}")
