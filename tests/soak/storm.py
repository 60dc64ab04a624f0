"""One soak from its start to its judgement: customers come and go, the assistant is killed, the world outside errs.

Everything chosen here follows from the seed; what the machine's timing makes of it does not.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from .customers import Customer, Measured, Nature
from .house import EMBEDDED, House, house
from .judge import Judge

Look = Callable[[], list[str]]
DAY = 86_400
REST_SECONDS = 240  # until everything must have come to rest: leases of 60 s, pauses that double
_LINKED = 150  # bills that customers come to by a pay link; the others by number and zip
_ADVANCES = 20  # at most, of 40 minutes: keys of the processor are good for a day
_FAULTS: tuple[dict[str, object], ...] = (
    *({},) * 4,
    {"drop": "before"},
    {"drop": "after"},
    {"delay_s": 6},
    {"duplicate": True, "reorder": True},
    {"duplicate": True, "drop": "after", "delay_s": 3},
)


class Outcome(msgspec.Struct):
    """What came of one soak."""

    kind: str
    seed: int
    kills: int
    customers: int
    payments: int
    violations: list[str]
    seconds: int
    told: dict[str, float | int] = {}


@dataclass
class Plan:
    """How much of everything."""

    kind: str = EMBEDDED
    seed: int = 1
    kills: int = 100
    at_once: int = 40  # customers in the house at a time
    most: int = 2000  # customers in all
    losses: int = 0  # times that Redis is emptied
    singles: bool = False  # only one worker at a time is killed
    each: int = 3  # bills of a customer
    thought: float = 0.5  # seconds, on average, before a customer acts
    longest: float = 4.0  # seconds from an assistant that answers to its end
    tell: Callable[[str], None] = lambda _line: None  # hears where it stands


def soak(plan: Plan, folder: Path, storm: "type[Storm] | None" = None) -> Outcome:
    """Run it; the outcome has the violations, each a sentence."""
    chance = random.Random(f"bills {plan.seed}")
    owed = {f"INV-{10_000 + nth}": 1_000 + 100 * chance.randrange(90) for nth in range(plan.most * plan.each)}
    with house(folder, owed, plan.kind) as made:
        return asyncio.run((storm or Storm)(plan, made).run())


class Storm:
    """Drives one house."""

    def __init__(self, plan: Plan, house: House) -> None:
        self._plan = plan
        self._house = house
        self._chance = random.Random(f"storm {plan.seed}")
        self._measured = Measured()
        self._judge = Judge(house)
        self._customers: list[Customer] = []
        self._advanced = 0
        self._killed = 0
        self._told = 0  # of the violations
        self._links: dict[str, str] = {}

    async def run(self) -> Outcome:
        started = time.monotonic()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
        async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(20.0), limits=limits) as http:
            self._house.start()
            await self._house.up()
            self._links = await self._house.pay_links(list(self._house.owed)[:_LINKED])
            listening: list[asyncio.Task[None]] = []
            visitors = [asyncio.create_task(self._visitors(nth, http, listening)) for nth in range(self._plan.at_once)]
            try:
                await self._first_half()
                self._house.closing = True
                self._tell("no more customers come")
                await asyncio.gather(*visitors)
                await self._second_half()
            finally:
                for task in (*visitors, *listening):
                    task.cancel()
                await asyncio.gather(*visitors, *listening, return_exceptions=True)
                self._house.kill()
        outcome = self._outcome(round(time.monotonic() - started))
        self._judge.close()
        return outcome

    # --- people --------------------------------------------------------------------------------------------------

    async def _visitors(self, nth: int, http: httpx.AsyncClient, listening: list[asyncio.Task[None]]) -> None:
        """One customer after the other, for as long as the storm lasts; at least one."""
        for turn in range(nth, self._plan.most, self._plan.at_once):
            customer = Customer(f"customer {turn}", self._house, http, self._nature(turn), self._measured)
            self._customers.append(customer)
            listening.append(asyncio.create_task(customer.listen()))
            with suppress(TimeoutError):  # it is among the violations already
                await customer.live(self._bills(turn))
            if self._house.closing:
                return

    def _nature(self, turn: int) -> Nature:
        return Nature(random.Random(f"{self._plan.seed} {turn}"), self._plan.thought)

    def _bills(self, turn: int) -> list[tuple[str, str]]:
        """A few bills of one's own; every fifth customer has another's, as a family does."""
        whose = turn - 1 if turn % 5 == 4 else turn
        numbers = list(self._house.owed)[whose * self._plan.each : (whose + 1) * self._plan.each]
        return [(number, self._links.get(number, "")) for number in numbers]

    # --- weather -------------------------------------------------------------------------------------------------

    async def _first_half(self) -> None:
        """While customers pay."""
        for nth in range(self._plan.kills * 3 // 4):
            await self._house.control("faults", **self._chance.choice(_FAULTS))
            if self._chance.random() < 0.15 and self._advanced < _ADVANCES:
                self._advanced += 1
                await self._house.control("clock", advance_s=2_400)
            await self._strike(nth)
            self._measured.violations += await self._judge.overpaid()
        await self._house.control("faults")

    async def _second_half(self) -> None:
        """While banks settle, refuse and send back, and nobody says anything."""
        await self._house.up()
        await self._house.control("clock", advance_s=2_400)  # pages that were left behind close by themselves
        await self._come_to_rest("the last start is settled", self._judge.unsettled)
        left = self._plan.kills - self._killed
        for nth in range(max(left, 8)):
            await self._house.control("clock", advance_s=DAY if nth % 3 == 0 else 2_400)
            if nth < left:
                await self._house.control("faults", **self._chance.choice(_FAULTS))
                await self._strike(nth)
        await self._house.control("faults")
        await self._house.up()
        for _ in range(7):  # the longest road of a bank payment, and every webhook's next try
            await self._house.control("clock", advance_s=DAY)
        await self._come_to_rest("everything that is written down is done", self._judge.waiting)
        await self._come_to_agree()
        await self._come_to_rest("everything that followed is done", self._judge.waiting)
        await asyncio.gather(*(self._last_question(customer) for customer in self._customers))
        self._measured.violations += await self._judge.judge(self._customers)

    async def _last_question(self, customer: Customer) -> None:
        with suppress(TimeoutError):
            await customer.ask()

    async def _strike(self, nth: int) -> None:
        """One kill, and up again. One in four strikes while the assistant is still starting."""
        every = self._plan.kills // (self._plan.losses + 1)
        if self._house.lost < self._plan.losses and nth % every == every - 1:
            self._house.forget()
        self._killed += 1
        if self._killed % 10 == 0:
            self._tell("so far")
        if self._house.redis is not None and (self._plan.singles or self._chance.random() < 0.7):
            await self._wait()
            if not self._plan.singles and self._chance.random() < 0.12:
                await asyncio.to_thread(self._house.kill_redis)
            elif self._house.kill_one(self._chance):
                return
        early = self._chance.random() < 0.25
        if not early:
            await self._house.up()
        await self._wait()
        self._house.kill()
        self._house.start()

    async def _wait(self) -> None:
        """From 20 ms on, evenly over the orders of magnitude."""
        await asyncio.sleep(0.02 * (self._plan.longest / 0.02) ** self._chance.random())

    # --- rest ----------------------------------------------------------------------------------------------------

    async def _come_to_rest(self, what: str, look: Look) -> None:
        await self._house.up()
        self._tell(f"waiting until {what}")
        until = time.monotonic() + REST_SECONDS
        while (left := look()) and time.monotonic() < until:  # noqa: ASYNC110  # another process writes: no event here
            await asyncio.sleep(0.3)
        self._measured.violations += [f"not within {REST_SECONDS} s: {what}: {each}" for each in left[:5]]

    async def _come_to_agree(self) -> None:
        until = time.monotonic() + REST_SECONDS
        while await self._judge.disagreements() and time.monotonic() < until:
            await self._house.control("clock", advance_s=3_600)  # a webhook that was not taken is sent again later
            await asyncio.sleep(0.5)

    def _tell(self, what: str) -> None:
        seen = f"{self._killed} kills, {len(self._customers)} customers, {len(self._measured.answers)} answers"
        self._plan.tell(f"{self._plan.kind}: {what}: {seen}, {len(self._measured.violations)} violations")
        for each in self._measured.violations[self._told :]:
            self._plan.tell(f"    * {each}")
        self._told = len(self._measured.violations)

    # --- in the end ----------------------------------------------------------------------------------------------

    def _outcome(self, seconds: int) -> Outcome:
        measured = self._measured
        violations = list(dict.fromkeys(measured.violations))
        payments = len(self._judge._rows("SELECT reference FROM payment"))
        told: dict[str, float | int] = {"answers": len(measured.answers), "conversations_lost": self._house.lost}
        for name, waits in (("answer", measured.answers), ("outcome", measured.outcomes)):
            ordered = sorted(waits) or [0.0]
            told |= {
                f"{name}_p{p}_s": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 3) for p in (50, 99)
            }
            told[f"{name}_max_s"] = round(ordered[-1], 3)
        plan = self._plan
        return Outcome(plan.kind, plan.seed, self._killed, len(self._customers), payments, violations, seconds, told)
