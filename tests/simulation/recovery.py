"""How soon what hangs is settled after the gateway was away: seconds of virtual time, from its first answer on.

Hanging is a payment that the ledger holds as confirmed and sent, submitting or unknown. It is settled when the ledger
holds it as anything else. The worker goes round as `Worker.run` does: at once when busy, else every second.
"""

import asyncio
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from bot.worker import PAUSE_SECONDS

from .dealing import dealt
from .episode import alarmed, bills, people
from .life import task_factory
from .loop import run
from .oracle import Oracle
from .people import Person
from .world import Weather, World

TARGET_S = 60  # p99
_HANGING = """
SELECT reference, state FROM payment p WHERE state IN ('submitting', 'unknown')
OR (state = 'confirmed' AND EXISTS (SELECT 1 FROM payment_event e WHERE e.payment = p.reference AND e.cause = 'sent'))
"""
_PATIENCE_S = 2 * 3600  # after which an episode gives up and says so
_AWAY_S = (600, 1_800, 3_600, 3 * 3_600, 9 * 3_600)


@dataclass(frozen=True)
class Recovery:
    """What one outage came to: by payment, the state it hung in, what it became, and the seconds that took."""

    seed: int
    settled: tuple[tuple[str, str, str, float], ...]
    waiting: tuple[str, ...]  # settled never, within `_PATIENCE_S`
    violations: tuple[str, ...]


def measure(seed: int) -> Recovery:
    """One outage: people pay before it, during it, and it ends."""
    with tempfile.TemporaryDirectory(prefix="remit-recovery-") as folder:
        return run(_measure(seed, Path(folder)))


async def _measure(seed: int, folder: Path) -> Recovery:
    asyncio.get_running_loop().set_task_factory(task_factory)
    world = World(seed, folder, *bills(seed), processes=1 + seed % 2)
    with alarmed(world):
        outage = _Outage(world, await people(world))
        await outage.happen()
        settled = await outage.end()
        waiting = tuple(outage.hanging())
        await world.close()
    return Recovery(seed, settled, waiting, tuple(world.violations))


class _Outage:
    """One episode of a gateway that goes away while people pay."""

    def __init__(self, world: World, talking: list[Person]) -> None:
        self._world = world
        self._people = talking
        Oracle(world, talking)
        self._tasks: set[asyncio.Task[None]] = set()
        self._away = False
        self._pause = PAUSE_SECONDS

    def hanging(self) -> dict[str, str]:
        """The payments that hang, with their states."""
        return {row["reference"]: row["state"] for row in self._world.rows(_HANGING)}

    async def happen(self) -> None:
        """Everybody is about to pay, or pays; the gateway gets slow and loses answers, then it is not there."""
        world = self._world
        rounds = [asyncio.ensure_future(self._rounds(nth)) for nth in range(len(world.processes))]
        self._tasks.update(rounds)
        for weather, steps in ((Weather(slow=0.2), 60), (Weather(slow=0.2, line=0.4, webhook=0.5), 25)):
            world.weather = weather
            await self._talk(steps)
        world.weather, world.cut_off, self._away = Weather(slow=0.2, webhook=1.0), "/processor", True
        world.fault("the gateway is away")
        await self._talk(25)
        self._pause = 20.0  # hours in which nothing answers: nobody needs to see each second of them
        await asyncio.sleep(world.chance.choice(_AWAY_S))
        self._pause = PAUSE_SECONDS
        await self._talk(10)

    async def end(self) -> tuple[tuple[str, str, str, float], ...]:
        """The gateway answers again; what each hanging payment became, and when."""
        world = self._world
        began, left = world.loop.time(), self.hanging()
        world.calm()
        world.tell(f"the gateway answers again; {len(left)} payments hang")
        settled: list[tuple[str, str, str, float]] = []
        while left and world.loop.time() - began < _PATIENCE_S:
            await asyncio.sleep(0.5)
            still = self.hanging()
            for reference in [one for one in left if one not in still]:
                (row,) = world.rows("SELECT state FROM payment WHERE reference = :r", r=reference)
                settled.append((reference, left.pop(reference), row["state"], world.loop.time() - began))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return tuple(settled)

    async def _talk(self, steps: int) -> None:
        world = self._world
        for _ in range(steps):
            world.step()
            self._start(world.chance.choice(self._people).act())
            if not self._away:
                await world.sandbox.pump()
            await asyncio.sleep(world.chance.choice((0.3, 1.0, 3.0, 8.0)))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _rounds(self, nth: int) -> None:
        process = self._world.processes[nth]
        while True:
            self._world.step()
            if not await process.round():
                await asyncio.sleep(self._pause)


def main(seed: int, outages: int, jobs: int) -> int:
    """Measure so many outages; a table, and a last line of JSON. Exit 1 when the target is missed."""
    found = list(dealt(measure, [seed + nth for nth in range(outages)], jobs))
    took = sorted(seconds for one in found for *_, seconds in one.settled)
    waiting = sum(len(one.waiting) for one in found)
    violations = [each for one in found for each in one.violations]
    ways = Counter((before, after) for one in found for _, before, after, _ in one.settled)
    for (before, after), times in sorted(ways.items()):
        mine = sorted(s for one in found for _, b, a, s in one.settled if (b, a) == (before, after))
        print(f"{before} -> {after}: {times}, p50 {share(mine, 0.5):.1f} s, max {mine[-1]:.1f} s", file=sys.stderr)
    late = [(one.seed, *each) for one in found for each in one.settled if each[-1] > TARGET_S]
    for line in [*(f"late: {each}" for each in late[:10]), *(f"violation: {each}" for each in violations[:10])]:
        print(line, file=sys.stderr)
    shares = {"p50_s": share(took, 0.5), "p99_s": share(took, 0.99), "max_s": took[-1] if took else 0.0}
    report = {name: round(seconds, 1) for name, seconds in shares.items()}
    print(json.dumps({"outages": outages, "hanging": len(took) + waiting, "never": waiting, **report}))
    return 1 if waiting or violations or shares["p99_s"] > TARGET_S else 0


def share(took: list[float], part: float) -> float:
    """The smallest of the sorted seconds that this part of them does not exceed; 0 of none."""
    return took[max(0, math.ceil(part * len(took)) - 1)] if took else 0.0
