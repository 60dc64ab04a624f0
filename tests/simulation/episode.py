"""One seeded run: a few people and their bills, some weather, then rest, then judgement."""

import asyncio
import logging
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.portal import Demo, DemoBusiness, DemoCustomer, DemoInvoice

from .agents import Agents
from .books import Row
from .fees import EXEMPT
from .forger import Forger
from .life import task_factory
from .loop import StuckError, run
from .members import Member
from .office import Office
from .oracle import Oracle
from .people import Bill, Person, Tab
from .process import Process
from .strangers import Guesser, Neighbour, Planter, Thief
from .till import ARRIVED
from .world import Alarm, Places, Weather, World

STEPS = 400  # of one episode: long enough for days to pass, short enough to read
_TOLD = 45  # lines of a story that are shown
_DAY, _HOUR = 86_400, 3_600
_GOING_HOME_S = 2_000  # the rest before which people at the desk leave it
_RESTS = (1, 20, 65, 130, 600, 2_000, 4_000, 4_000, 4_000, *(_DAY,) * 11)  # a micro-deposit is waited for ten days
_DECIDED = (3 * _DAY, 5 * _DAY, 5 * _DAY, 3 * _DAY, 3 * _DAY, _DAY, _DAY)  # until banks have decided every dispute
_PASSES = (60, 300, 2_500, 2_500, 5 * _HOUR, _DAY, 3 * _DAY)  # seconds
_PASSES_AT_HOME = (20, 60, 60, 300, 300, 2_500, 2_500, 5 * _HOUR, _DAY)
_LAST = (_HOUR, _HOUR, 4_000)
CALM = Weather(slow=0.1, flood=0.02)
SKIES = (
    *(CALM,) * 3,
    *(Weather(slow=0.3, crash=0.002, line=0.05, webhook=0.1, frail=0.3, flood=0.03),) * 4,
    *(Weather(slow=0.3, crash=0.01, line=0.2, webhook=0.3, stall=0.0005, frail=0.3, flood=0.05),) * 3,
    *(Weather(slow=0.3, crash=0.03, stall=0.002, frail=0.5),) * 2,
    Weather(slow=0.2, line=0.9, webhook=0.5),
    Weather(slow=0.2, away=0.95, to="/charge", webhook=0.5),
    Weather(slow=0.3, ledger=0.05, store=0.03),
    Weather(slow=0.3, ledger=0.02, store=0.02, crash=0.005, line=0.1, frail=0.5),
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
    struck: frozenset[str] = frozenset()  # lines of the product where a process died
    reached: frozenset[str] = frozenset()  # ... and where it could have

    def report(self) -> str:
        """The seed, the violations, and the end of the story that led to them."""
        again = f"python -m tests.simulation --replay {self.seed} --steps {self.steps}"
        lines = (
            f"seed {self.seed}: {len(self.violations)} violations; the whole story: {again}",
            *(f"  * {each}" for each in self.violations),
        )
        return "\n".join((*lines, f"  the last of {len(self.story)} lines:", *self.story[-_TOLD:]))


def play(seed: int, steps: int = STEPS, skies: Sequence[Weather] = SKIES, *, watched: bool = False) -> Outcome:
    """One episode from this seed; the same seed, steps and skies give the same story, line by line.

    ``watched``: take note of every line where a process could have died, too.
    """
    with tempfile.TemporaryDirectory(prefix="remit-simulation-") as folder:
        return run(_play(seed, steps, skies, Path(folder), Places(watched)))


async def _play(seed: int, steps: int, skies: Sequence[Weather], folder: Path, places: Places) -> Outcome:
    asyncio.get_running_loop().set_task_factory(task_factory)
    telegram = seed % 5 in _WITH_TELEGRAM
    processes, desk = 1 + (seed % 3 == 0), seed // 2 % 7 == _AT_THE_DESK
    world = World(seed, folder, *bills(seed), processes=processes, places=places, telegram=telegram, desk=desk)
    with alarmed(world):
        episode = Episode(world, await people(world), skies)
        taken = await episode.run(steps)
        await world.close()
    captured = sum(page.state in {*ARRIVED, "processing", "returned"} for page in world.sandbox.processor._payments)
    story = world.story
    return Outcome(
        seed,
        taken,
        story.faults,
        tuple(world.violations),
        tuple(story.lines),
        captured,
        frozenset(places.struck),
        frozenset(places.reached),
    )


_OWE = {"ann": ("94107", "USD"), "bob": ("94110", "USD"), "eva": ("80539", "EUR"), "dan": ("94103", "USD")}
_IN_BOOK = ("dan",)  # whose invoices stand in Remit's own book
_READ = {"ann": "ann", "mal": "ann", "bob": "bob", "eva": "eva", "dan": "dan"}  # whose bills, by the Rasa channel
_TABS = {"ann-tab": "ann", "ann-too": "ann", "bob-tab": "bob", "dan-tab": "dan"}  # ... and by a page of the web
_AT_HOME = {
    "ann-home": "ann",
    "amy-home": "ann",
    "bob-home": "bob",
    "dan-home": "dan",
}  # who signs in, every other time
_BESIDE = ("ann", "bob", "ann-tab", "dan-tab")  # ... and who is there beside them; of those who sign in, one is always
_HOUSEHOLD, _DAN = "home@example.com", "dan@example.com"
_MAIL = {"ann": _HOUSEHOLD, "bob": _HOUSEHOLD, "eva": "eva@example.com", "dan": _DAN}
_WITH_TELEGRAM = (0, 3)  # seeds by their rest: two of five, with and without a household, in one process and two
_AT_THE_DESK = 6  # two seeds of fourteen: with and without a household, with and without Telegram
_ACTS = 0.3  # how often somebody there does something beside what else happens
_TEXTING = {"tom": "ann", "tess": "dan"}  # whose bills, by Telegram alone
_PHONES = {"ann-tab": "ann", "bob-tab": "bob", "ann-home": "ann", "bob-home": "bob", "dan-home": "dan"}  # beside a page
_EACH, _EACH_AT_HOME = 5, 8  # bills of one customer; of one who pays several at once
_MOST_PEOPLE = 14


def bills(seed: int) -> tuple[Demo, list[Row]]:
    """The customers with their invoices, in the portal and in the book's sheet; the sums differ from seed to seed."""
    customers = {
        who: DemoCustomer(who, f"{who.title()} Lee", zip_code, _MAIL[who], fee_exempt=who == EXEMPT)
        for who, (zip_code, _) in _OWE.items()
    }
    invoices, sheet = [], []
    for place, (who, (_, money)) in enumerate(_OWE.items(), start=10):
        for nth in range(_EACH if seed % 2 else _EACH_AT_HOME):
            number, minor = f"INV-{100 * place + nth}", 300 + 977 * ((seed + nth) % 40)
            if who in _IN_BOOK:
                sheet.append(Row(number, customers[who], minor, minor))
            else:
                invoices.append(DemoInvoice(f"{who}-{nth}", number, who, minor, money, -10, 20))
    in_portal = [customer for who, customer in customers.items() if who not in _IN_BOOK]
    return Demo(DemoBusiness("Simulated", "555", "bill@example.com"), in_portal, invoices), sheet


async def people(world: World) -> list[Person]:
    """Several at one customer's bills: other tabs, other channels, somebody to whom the e-mail was forwarded, and a
    household that signs in."""
    owed: dict[str, list[Bill]] = {who: [] for who in _OWE}
    for invoice, number, owner in world.books.known():
        token = await world.processes[0].remit.identity.issue(invoice, 60)
        owed[owner].append(Bill(number, token, _OWE[owner][0]))
    talking = [Person(world, name, owed[owner]) for name, owner in _READ.items()]
    tabs = [Tab(world, name, owed[owner], f"{owner}-page") for name, owner in _TABS.items()]
    members = [Member(world, name, owed[who], who, _MAIL[who]) for name, who in _AT_HOME.items()]
    if world.seed % 2:
        there = [*talking, *tabs, members[world.seed // 2 % len(members)]]
    else:
        there = [*members, *(each for each in [*talking, *tabs] if each.name in _BESIDE)]
    return there if world.phones is None else [*there, *_texting(world, there, owed)]


def _texting(world: World, there: list[Person], owed: dict[str, list[Bill]]) -> list[Person]:
    """Who speaks through Telegram alone, and some of the others once more, with the phone beside their page."""
    from .texters import Texter  # noqa: PLC0415  # aiogram takes two seconds: for the seeds that need it

    alone: list[Person] = [Texter(world, name, owed[owner]) for name, owner in _TEXTING.items()]
    twins: list[Person] = []
    for person in there:
        if (owner := _PHONES.get(person.name)) is not None:
            address = _MAIL[owner] if isinstance(person, Member) else ""
            person.twin = Texter(world, f"{person.name}-phone", owed[owner], address)
            person.twin.twin = person
            twins.append(person.twin)
    return [*alone, *twins]


@contextmanager
def alarmed(world: World) -> Iterator[None]:
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
        self._agents = Agents(world, people) if world.desk else None
        self._oracle = Oracle(world, people, self._agents)
        self._forger = Forger(world)
        self._office = Office(world)
        bills = list({person.bill.number: person.bill for person in people}.values())
        self._guesser, self._neighbour = Guesser(world, bills), Neighbour(world, bills)
        self._thief, self._planter = Thief(world, bills, _MAIL["eva"]), Planter(world, people)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._pumping: dict[str, asyncio.Task[None]] = {}

    async def run(self, steps: int) -> int:
        """At most so many steps, fewer when something is violated; answers how many."""
        taken = 0
        try:
            while taken < steps and not self._world.violations:
                taken += 1
                self._world.step()
                self._welcome()
                self._lose_everything(self._world.weather.forgets)
                self._at_the_desk()
                await self._step()
                self._oracle.watch()
            for go_on in (self._rest, self._ask_all):  # what was told unasked counts, and then what is answered
                if not self._world.violations:
                    await go_on()
                    self._oracle.judge()
                    for other in (self._forger, self._guesser, self._neighbour):
                        other.judge()
                    self._thief.judge(self._oracle.screens)
                    if go_on == self._ask_all:
                        self._oracle.answers_again()
        except StuckError as error:
            self._world.violate(str(error))
        return taken

    def _welcome(self) -> None:
        """Whoever begins another chat from here on, as long as there is room."""
        while self._world.newcomers:
            newcomer = self._world.newcomers.pop(0)
            if len(self._people) < _MOST_PEOPLE:
                self._people.append(newcomer)

    def _at_the_desk(self) -> None:
        if self._agents is not None and self._agents.likes(_ACTS):
            self._start(self._agents.act())

    async def _step(self) -> None:
        chance = self._world.chance
        luck = chance.random()
        if luck < 0.56:
            self._start(self._talk(chance.choice(self._people)))
        elif luck < 0.60:
            self._start(self._office.act())
        elif luck < 0.88:
            self._pump(chance.choice(self._world.processes))
        elif luck < 0.92:
            self._business()
        elif luck < 0.95:
            others = (self._guesser.act, self._neighbour.act, self._thief.act, self._planter.act)
            self._start(chance.choice((self._forger.forge, self._forger.forge, *others))())
        elif luck < 0.97:
            self._change_weather()
        elif luck < 0.976:
            self._clocks()
        elif luck < 0.977:
            self._lose_everything(1.0)
        else:
            await self._time_passes()
        await asyncio.sleep(chance.choice((0.0, 0.05, 0.3, 1.0, 3.0, 8.0)))

    async def _talk(self, person: Person) -> None:
        """What somebody does next; who signs in has more to do, and does it in one go."""
        chance = self._world.chance
        for nth in range(chance.choice((1, 3, 6)) if isinstance(person, Member) else 1):
            if nth:
                await asyncio.sleep(chance.choice((0.0, 0.3, 2.0, 5.0)))
            await person.act()

    def _lose_everything(self, likely: float) -> None:
        if likely and self._world.chance.random() < likely:
            self._oracle.conversations_lost()
            self._world.forget()

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

    def _pump(self, process: Process) -> None:
        """Webhooks and a round of one worker, one after the other, as one process has them."""
        running = self._pumping.get(process.name)
        if running is None or running.done():
            self._pumping[process.name] = self._start(self._pumped(process))

    async def _pumped(self, process: Process) -> None:
        await self._world.sandbox.pump()
        await process.round()
        if self._world.phones is not None:
            await self._world.phones.hand_over()

    def _business(self) -> None:
        """The business changes an invoice: any that somebody looks at, or one that is being paid just now."""
        world, chance = self._world, self._world.chance
        luck = chance.random()
        if luck < 0.4:
            return
        number = chance.choice(self._people).bill.number
        if luck > 0.8:
            paying = [row for row in world.sandbox.processor.book() if row.state == "open"]
            number = paying[-1].invoices[0] if paying else number
        world.books.change(number, chance)
        self._oracle.invoices_changed()

    def _clocks(self) -> None:
        chance = self._world.chance
        if chance.random() < 0.5:
            self._world.leap(chance.choice((40, 400, 3_600, -40, -3_600)))
        else:
            self._world.drift(chance.choice((0, 0, 5, -5, 40, -40, 3_600, -3_600)))

    def _change_weather(self) -> None:
        chance, faults = self._world.chance, self._world.sandbox.faults
        self._world.weather = chance.choice(self._skies)
        faults.delay_s = chance.choice((0, 0, 0, 30, 2_000, _DAY, 3 * _DAY))
        faults.duplicate, faults.reorder = chance.random() < 0.4, chance.random() < 0.4
        faults.portal = chance.choice((None, None, None, None, "before", "after"))
        self._world.fault(f"{self._world.weather}, {faults}")

    async def _time_passes(self) -> None:
        chance = self._world.chance
        at_home = any(isinstance(person, Member) for person in self._people[:1])
        seconds = chance.choice(_PASSES_AT_HOME if at_home else _PASSES)
        self._world.fault(f"{seconds} s pass")
        for _ in range(3):
            await asyncio.sleep(seconds / 3)
            self._pump(chance.choice(self._world.processes))

    # --- rest ----------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """No more faults; everybody gets an answer; what takes days takes them."""
        world = self._world
        world.calm()
        world.tell("everything comes to rest")
        for phone in [] if world.phones is None else world.phones.every:
            if phone.blocked and world.chance.random() < 0.7:
                await phone.texter.come_back()
        decided = _DECIDED if world.chance.random() < 0.5 else ()  # else some are judged while a bank has the money
        for pause in (*_RESTS, *decided, *_LAST):
            world.step()
            if pause == _GOING_HOME_S and self._agents is not None:
                await self._agents.go_home(leave=world.phones is None)
            await asyncio.sleep(pause)
            await self._let_finish()
            await world.settle()
            for person in self._people:
                for message in [person.lost.pop(0) for _ in range(len(person.lost))]:
                    await person.say(person.sent[message], message)
                await person.listen()

    async def _ask_all(self) -> None:
        """Everybody asks once more how it went."""
        self._world.step()
        for person in self._people:
            await person.say("/status")
            await person.listen()
        if self._agents is not None:
            await self._world.settle()

    async def _let_finish(self) -> None:
        if self._tasks:
            _, waiting = await asyncio.wait(list(self._tasks), timeout=_HOUR)
            if waiting:
                self._world.violate(f"{len(waiting)} of the people wait for ever")
