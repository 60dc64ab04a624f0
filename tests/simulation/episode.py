"""One seeded run: a few people and their bills, some weather, then rest, then judgement."""

import asyncio
import logging
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.portal import Demo, DemoBusiness, DemoCustomer, DemoInvoice

from .life import task_factory
from .loop import StuckError, run
from .oracle import Oracle
from .people import Bill, Person
from .world import Alarm, Weather, World

STEPS = 400  # of one episode: long enough for days to pass, short enough to read
_TOLD = 45  # lines of a story that are shown
_DAY, _HOUR = 86_400, 3_600
_RESTS = (1, 20, 65, 130, 600, 2_000, 4_000, 4_000, 4_000, *(_DAY,) * 7, _HOUR, _HOUR, 4_000)
CALM = Weather(slow=0.1)
SKIES = (
    *(CALM,) * 3,
    *(Weather(slow=0.3, crash=0.002, line=0.05, webhook=0.1),) * 4,
    *(Weather(slow=0.3, crash=0.01, line=0.2, webhook=0.3, stall=0.0005),) * 3,
    *(Weather(slow=0.3, crash=0.03, stall=0.002),) * 2,
    Weather(slow=0.2, line=0.9, webhook=0.5),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one episode."""

    seed: int
    steps: int
    faults: int
    violations: tuple[str, ...]
    story: tuple[str, ...]
    captured: int  # payments that the processor took

    def report(self) -> str:
        """The seed, the violations, and the end of the story that led to them."""
        lines = (f"seed {self.seed}: {len(self.violations)} violations", *(f"  * {each}" for each in self.violations))
        return "\n".join((*lines, f"  the last of {len(self.story)} lines:", *self.story[-_TOLD:]))


def play(seed: int, steps: int = STEPS, skies: Sequence[Weather] = SKIES) -> Outcome:
    """One episode from this seed; the same seed, steps and skies give the same story, line by line."""
    with tempfile.TemporaryDirectory(prefix="remit-simulation-") as folder:
        return run(_play(seed, steps, skies, Path(folder)))


async def _play(seed: int, steps: int, skies: Sequence[Weather], folder: Path) -> Outcome:
    asyncio.get_running_loop().set_task_factory(task_factory)
    world = World(seed, folder, _bills(seed))
    with _alarmed(world):
        episode = Episode(world, await _people(world), skies)
        taken = await episode.run(steps)
        await world.close()
    kept = sum(row.state in ("succeeded", "processing", "returned") for row in world.sandbox.processor.book())
    return Outcome(seed, taken, world.story.faults, tuple(world.violations), tuple(world.story.lines), kept)


_OWE = {"ann": ("94107", "USD"), "bob": ("94110", "USD"), "eva": ("80539", "EUR")}
_READ = {"ann": "ann", "ann-too": "ann", "mal": "ann", "bob": "bob", "bob-too": "bob", "eva": "eva"}  # whose bills
_EACH = 5  # bills of one customer


def _bills(seed: int) -> Demo:
    """Three customers with their invoices; the sums differ from seed to seed."""
    customers = [DemoCustomer(who, f"{who.title()} Lee", zip_code, "") for who, (zip_code, _) in _OWE.items()]
    invoices = [
        DemoInvoice(f"{who}-{nth}", f"INV-{100 * place + nth}", who, 300 + 977 * ((seed + nth) % 40), money, -10, 20)
        for place, (who, (_, money)) in enumerate(_OWE.items(), start=10)
        for nth in range(_EACH)
    ]
    return Demo(DemoBusiness("Simulated", "555", "bill@example.com"), customers, invoices)


async def _people(world: World) -> list[Person]:
    """Several at one customer's bills: other tabs, and somebody to whom the e-mail was forwarded."""
    bills: dict[str, list[Bill]] = {who: [] for who in _OWE}
    for invoice in world.sandbox.portal.invoices.values():
        token = await world.remit.identity.issue(f"portal:{invoice.id}", 60)
        bills[invoice.customer.id].append(Bill(invoice.number, token, invoice.customer.zip))
    return [Person(world, name, bills[owner]) for name, owner in _READ.items()]


@contextmanager
def _alarmed(world: World) -> Iterator[None]:
    """Hear what the assistant logs as errors, and keep everything it logs to ourselves."""
    alarm = Alarm(world)
    loggers = [logging.getLogger(name) for name in ("bot", "services")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(alarm)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(alarm)
            logger.propagate = propagate


class Episode:
    """Drives one world: a step at a time, then to its rest."""

    def __init__(self, world: World, people: list[Person], skies: Sequence[Weather]) -> None:
        world.weather = skies[0]
        self._world = world
        self._skies = skies
        self._people = people
        self._oracle = Oracle(world, people)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._pumping: asyncio.Task[None] | None = None

    async def run(self, steps: int) -> int:
        """At most so many steps, fewer when something is violated; answers how many."""
        taken = 0
        try:
            while taken < steps and not self._world.violations:
                taken += 1
                self._world.step()
                await self._step()
                self._oracle.watch()
            for go_on in (self._rest, self._ask_all):  # what was told unasked counts, and then what is answered
                if not self._world.violations:
                    await go_on()
                    self._oracle.judge()
        except StuckError as error:
            self._world.violate(str(error))
        return taken

    async def _step(self) -> None:
        chance = self._world.chance
        luck = chance.random()
        if luck < 0.62:
            self._start(chance.choice(self._people).act())
        elif luck < 0.90:
            self._pump()
        elif luck < 0.94:
            self._business()
        elif luck < 0.97:
            self._change_weather()
        elif luck < 0.975:
            seconds = chance.choice((40, 400, 3_600))
            self._world.leap(seconds)
            self._oracle.leapt(seconds)
        else:
            await self._time_passes()
        await asyncio.sleep(chance.choice((0.0, 0.05, 0.3, 1.0, 3.0, 8.0)))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.violate(f"a bug: {type(error).__name__}: {error}")

    # --- what the world does -------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Webhooks and a round of the worker, one after the other, as one process has them."""
        if self._pumping is None or self._pumping.done():
            self._pumping = self._start(self._pumped())

    async def _pumped(self) -> None:
        await self._world.sandbox.pump()
        await self._world.round()

    def _business(self) -> None:
        chance = self._world.chance
        if chance.random() < 0.5:
            return
        number = chance.choice(self._people).bill.number
        invoice = next(i for i in self._world.sandbox.portal.invoices.values() if i.number == number)
        changes: list[dict[str, object]] = [
            {"status": "open"},
            {"due_minor": max(0, invoice.due_minor) // 2},
            {"total_minor": invoice.total_minor + 1_000},
            {"status": "void"},
            {"status": "paid"},
        ]
        (change,) = chance.choices(changes, (12, 4, 6, 1, 2))
        self._world.fault(f"the business changes {number}: {change}")
        self._world.change(number, **change)
        self._oracle.invoices_changed()

    def _change_weather(self) -> None:
        chance, faults = self._world.chance, self._world.sandbox.faults
        self._world.weather = chance.choice(self._skies)
        faults.delay_s = chance.choice((0, 0, 0, 30, 2_000, _DAY, 3 * _DAY))
        faults.duplicate, faults.reorder = chance.random() < 0.4, chance.random() < 0.4
        self._world.fault(f"{self._world.weather}, {faults}")

    async def _time_passes(self) -> None:
        chance = self._world.chance
        seconds = chance.choice((60, 300, 2_500, 2_500, 5 * _HOUR, _DAY, 3 * _DAY))
        self._world.fault(f"{seconds} s pass")
        for _ in range(3):
            await asyncio.sleep(seconds / 3)
            self._pump()

    # --- rest ----------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """No more faults; everybody gets an answer; what takes days takes them."""
        world = self._world
        world.weather = Weather()
        world.sandbox.faults.delay_s, world.sandbox.faults.duplicate = 0, False
        world.sandbox.faults.reorder = False
        world.tell("everything comes to rest")
        for pause in _RESTS:
            world.step()
            await asyncio.sleep(pause)
            await self._let_finish()
            await world.settle()
            for person in self._people:
                for message in [person.lost.pop(0) for _ in range(len(person.lost))]:
                    await person.say(person.sent[message], message)

    async def _ask_all(self) -> None:
        """Everybody asks once more how it went."""
        self._world.step()
        for person in self._people:
            await person.say("/status")

    async def _let_finish(self) -> None:
        if self._tasks:
            _, waiting = await asyncio.wait(list(self._tasks), timeout=_HOUR)
            if waiting:
                self._world.violate(f"{len(waiting)} of the people wait for ever")
