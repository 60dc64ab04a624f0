"""Autopay for months under one seed: customers who authorise, change their minds and remove cards; invoices that move; banks
that say no; two workers that run at once and die between any two transactions.

The ledger, the books' postings and autopay are the product's own, over a database in memory; the bank is scripted, and keeps
what it charged. The oracle judges each charge as the bank sees it, by what customers agreed to and were told, never by the
rows of autopay. ``python -m tests.simulation.standing [SEEDS]`` plays.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import msgspec

from services.database import inline, open_engine, upgrade
from services.errors import RemitError, Unavailable, Uncertain
from services.model import AutopayRules, InvoiceState, Method, Money, Reason, Terms
from services.payments import cases, journal
from services.payments.autopay import notices
from services.payments.autopay.enrolments import Wish
from services.payments.autopay.orders import StandingOrders
from services.payments.gateways.base import FactKind
from services.payments.reconcile import reconcile
from tests.ledger.conftest import ScriptedGateway, World

STEPS = 160  # of one episode, each of hours or days
NOTICE = timedelta(days=4)
RULES = AutopayRules(offered=True, notice_days=NOTICE.days, most_minor=50_000, most_days=10)
WHO = ("ann", "bob", "eva")
CARD_SAYS = (
    *((FactKind.SUCCEEDED, None),) * 4,
    *((FactKind.DECLINED, Reason.INSUFFICIENT_FUNDS),) * 4,
    (FactKind.DECLINED, Reason.DECLINED),
    (FactKind.DECLINED, Reason.EXPIRED_CARD),
    *(None,) * 3,  # the bank wants to see the customer
)
BANK_SAYS = (
    *((FactKind.SUCCEEDED, None),) * 3,
    *((FactKind.RETURNED, Reason.INSUFFICIENT_FUNDS),) * 4,
    (FactKind.RETURNED, Reason.ACCOUNT_CLOSED),
    (FactKind.RETURNED, Reason.NOT_AUTHORIZED),
)
PASSING = (Reason.INSUFFICIENT_FUNDS,)


class Killed(BaseException):
    """The worker is gone, in the middle of what it did."""


@dataclass
class Will:
    """What one customer wants, by their own account. ``era`` counts authorisations that were begun."""

    era: int = 0
    state: str = "none"  # on, paused, over
    terms: Terms | None = None
    since: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Charge:
    """One charge as the bank has it."""

    who: str
    invoice: str
    cycle: object
    era: int
    minor: int
    at: datetime
    said: tuple[FactKind, Reason | None] | None


class Bank(ScriptedGateway):
    """Decides each charge once, and tells of a debit's fate days later. ``judge`` hears of each before it is decided."""

    def __init__(self, now: Callable[[], datetime], chance: Random) -> None:
        super().__init__(now)
        self._chance = chance
        self.judge: Callable[[Any], Charge | None] = lambda _request: None
        self.made: list[Charge] = []
        self.later: list[tuple[datetime, str, FactKind, Reason | None]] = []
        self.trouble = 0.0

    def _bad_line(self) -> None:
        if self._chance.random() < self.trouble:
            raise self._chance.choice((Unavailable("away"), Uncertain("no answer")))

    async def open_page(self, request: Any, key: str) -> Any:
        self._bad_line()
        page = await super().open_page(request, key)
        self._bad_line()
        return page

    async def close_page(self, page: str) -> Any:
        self._bad_line()
        return await super().close_page(page)

    async def charge(self, page: str) -> Any:
        self._bad_line()
        reference = page.removeprefix("page-")
        request = next(each for each in self.requests.values() if each.reference == reference)
        if page not in self.charges and not self.facts[reference]:
            said = self._chance.choice(CARD_SAYS if request.method is Method.CARD else BANK_SAYS)
            self.charges[page] = said
            self.charged += 1
            if (charge := self.judge(request)) is not None:
                charge.said = said
                self.made.append(charge)
            self._happens(reference, request, said)
        self._bad_line()
        return tuple(self.facts[reference])

    def _happens(self, reference: str, request: Any, said: tuple[FactKind, Reason | None] | None) -> None:
        if said is None:
            return
        kind, reason = said
        if request.method is Method.CARD:
            self.happens(reference, kind, reason=reason, brand="visa", last4="4242")
            return
        self.happens(reference, FactKind.PROCESSING, brand="", last4="4242")
        days = self._chance.choice((2, 3, 6))
        self.later.append((self.now() + timedelta(days=days), reference, kind, reason))

    def due(self) -> list[Any]:
        """What has happened at the banks by now."""
        ready = [each for each in self.later if each[0] <= self.now()]
        self.later = [each for each in self.later if each[0] > self.now()]
        return [self.happens(reference, kind, reason=reason) for _, reference, kind, reason in ready]


@dataclass(frozen=True)
class Outcome:
    """What came of one episode; of the shape that the mutants' trial reads."""

    seed: int
    steps: int
    violations: tuple[str, ...]
    charged: int
    killed: int


@dataclass
class Game:
    """One episode."""

    seed: int
    violations: list[str] = field(default_factory=list)
    told: list[tuple[datetime, str, Any, int]] = field(default_factory=list)  # when, to whom, the notice, in which era
    killed: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(f"standing/{self.seed}")
        engine = open_engine("sqlite://")
        upgrade(engine)
        self.real = inline(engine)
        self.deadly = 0.0
        self.world = World(engine, self._transact)
        self.world.at = datetime(2026, 1, 5, 15, tzinfo=UTC)
        self.world.gateway = self.bank = Bank(self.world.now, Random(f"bank/{self.seed}"))
        self.bank.judge = self._judge
        self.world.again()
        self.wills = {who: Will() for who in WHO}
        self.disputed: dict[str, str] = {}
        self.paused = False
        self.numbers = 0
        self.keys = 0
        for who in WHO:
            self.world.saves(f"card_{who}", who)
            self.world.saves(f"bank_{who}", who, Method.BANK)

    async def _transact(self, work: Any) -> Any:
        """Others may run before it; a worker may die before it, or after it was committed."""
        await asyncio.sleep(0)
        luck = self.chance.random()
        if luck < self.deadly:
            raise Killed
        done = await self.real(work)
        if luck < 2 * self.deadly:
            raise Killed
        return done

    def orders(self) -> StandingOrders:
        world = self.world
        return StandingOrders(
            transact=self._transact, invoices=world.books, checkout=world.checkout, wallet=world.wallet, access=world.access,
            rules=RULES, methods_for=world.rules.methods_for, clock=world.now, zone=UTC,
        )  # fmt: skip

    # --- what happens ---------------------------------------------------------------------------------------------

    async def play(self, steps: int) -> Outcome:
        taken = 0
        while taken < steps and not self.violations:
            taken += 1
            await self._step()
        if not self.violations:
            await self._rest()
        return Outcome(self.seed, taken, tuple(self.violations), len(self.bank.made), self.killed)

    async def _step(self) -> None:
        deeds = (
            (6, self._wish), (5, self._bill), (2, self._change_bill), (2, self._object), (1, self._remove), (2, self._pay),
            (1, self._switch),
        )  # fmt: skip
        (deed,) = self.chance.choices([each for _, each in deeds], [weight for weight, _ in deeds])
        await deed()
        self.deadly, self.bank.trouble = self.chance.choice(((0, 0), (0, 0), (0.02, 0.1), (0.1, 0.3)))
        await self._work()
        self.deadly, self.bank.trouble = 0, 0
        self.world.passes(hours=self.chance.choice((1, 3, 7, 24, 24, 24, 50)))

    async def _work(self) -> None:
        """Two workers at the same time, as long as they live; then the chat, the books and what banks report."""
        await self.world.checkout.take(self.bank.due()) if not self.deadly else None
        await asyncio.gather(*(self._worker(nth) for nth in range(2)))
        self.deadly = 0
        await self.world.checkout.take(self.bank.due())
        await reconcile(self.world.checkout, self.world.at)
        await self.world.work()
        await self._deliver()

    async def _worker(self, nth: int) -> None:
        try:
            if nth:
                await asyncio.sleep(0)
            await self.orders().run()
        except Killed:
            self.killed += 1
        except RemitError:
            return

    async def _deliver(self) -> None:
        for each in await self.real(lambda conn: notices.untold(conn, 500)):
            self.told.append((self.world.at, each.customer, each.notice, self.wills[each.customer].era))
            if each.notice.kind == "stopped":
                self.wills[each.customer].state = "over"
            await self.real(partial(notices.told, notice=each.id, now=self.world.at))

    async def _wish(self) -> None:
        who = self.chance.choice(WHO)
        will = self.wills[who]
        what = self.chance.choice(("agree", "agree", "agree", "pause", "resume", "leave"))
        terms = None
        if what == "agree":
            kind = self.chance.choice(("card", "bank"))
            limit = Money(self.chance.choice((5_000, 12_000, 30_000)), "USD")
            terms = Terms(f"{kind}_{who}", Method(kind), "visa", "4242", limit, self.chance.choice((0, 3, 9)))
        self.keys += 1
        scope = self.world.signs_in(who, f"chat {who}")
        wish = Wish(f"k/{self.keys}", who, f"chat {who}", f"m{self.keys}", what, terms)
        found = await self.orders().change(scope, wish)
        if found is None:
            return  # of a method that is gone
        if what == "agree" and terms is not None:
            fresh = will.state in ("none", "over")
            era = will.era + 1 if fresh else will.era
            self.wills[who] = Will(era, "on" if fresh else will.state, terms, self.world.at)
        elif will.state in ("on", "paused"):
            will.state = {"pause": "paused", "resume": "on", "leave": "over"}[what]

    async def _bill(self) -> None:
        who, self.numbers = self.chance.choice(WHO), self.numbers + 1
        number = f"N-{self.numbers}"
        invoice = self.world.books.add(number, self.chance.choice((1_000, 4_999, 11_000, 29_000, 60_000)), customer=who)
        due = self.world.at.date() + timedelta(days=self.chance.choice((-20, 1, 5, 12, 25)))
        self.world.books.invoices[invoice.id] = msgspec.structs.replace(invoice, due_date=due)

    async def _change_bill(self) -> None:
        """It becomes dearer or cheaper, or is due on another day."""
        if not self.world.books.invoices:
            return
        key = self.chance.choice(sorted(self.world.books.invoices))
        known = self.world.books.invoices[key]
        version = str(int(known.version) + 1)
        if self.chance.random() < 0.5:
            due = known.due_date + timedelta(days=self.chance.choice((-3, 7, 15)))
            self.world.books.invoices[key] = msgspec.structs.replace(known, due_date=due, version=version)
        else:
            total = Money(max(500, known.total.minor + self.chance.choice((-400, 700, 9_000))), "USD")
            self.world.books.invoices[key] = msgspec.structs.replace(known, total=total, version=version)

    async def _object(self) -> None:
        """Somebody objects to an invoice, or what they objected to is settled."""
        if self.disputed and self.chance.random() < 0.6:
            invoice = self.chance.choice(sorted(self.disputed))
            key = self.disputed.pop(invoice)
            for case in await self.real(cases.open_cases):
                if case.summary == key:
                    await self.real(partial(cases.close_case, case=case.id, now=self.world.at))
        elif self.world.books.invoices:
            invoice = self.chance.choice(sorted(self.world.books.invoices))
            self.keys += 1
            key = f"objection {self.keys}"
            if invoice not in self.disputed:
                self.disputed[invoice] = key
                wanted = cases.Trouble.DISPUTE_WANTED
                await self.real(
                    partial(cases.open_case, key=key, reason=wanted, summary=key, now=self.world.at, invoice=invoice)
                )

    async def _remove(self) -> None:
        """A card or account is removed, and kept anew under the same name by the next payment."""
        who = self.chance.choice(WHO)
        method = self.chance.choice((f"card_{who}", f"bank_{who}"))
        kept = next((each for v in self.bank.vault.values() for each in v if each.id == method), None)
        if kept is None:
            self.world.saves(method, who, Method.CARD if method.startswith("card") else Method.BANK)
            return
        await self.world.wallet.edit(who, "remove", method)
        will = self.wills[who]
        if will.terms is not None and will.terms.saved == method and will.state in ("on", "paused"):
            will.state = "over"

    async def _pay(self) -> None:
        """Somebody pays a part by hand."""
        owed = [each for each in self.world.books.invoices if (await self.world.books.get(each)).due.minor > 1_500]
        if not owed:
            return
        self.keys += 1
        paid = await self.world.start(
            f"hand/{self.keys}", self.chance.choice(owed), chat=f"hand {self.keys}", minor=1_000
        )
        if hasattr(paid, "reference"):
            await self.world.reports(paid.reference, FactKind.SUCCEEDED)

    async def _switch(self) -> None:
        self.paused = not self.paused
        await self.world.checkout.pause(self.paused, "office", autopay=True)

    # --- what must be true ----------------------------------------------------------------------------------------

    def _judge(self, request: Any) -> Charge | None:
        """A saved method is about to be charged, and nobody is there: everything that it rests on, as it is in this instant."""
        (number,) = request.numbers
        invoice = self.world.books.invoices[f"book:{number}"]
        who, will, now, minor = invoice.customer, self.wills[invoice.customer], self.world.at, request.amount.minor
        charge = Charge(who, invoice.id, invoice.due_date, will.era, minor, now, None)
        if will.state != "on" or will.terms is None:
            self._violate(f"{number} was charged although autopay of {who} is {will.state}")
            return charge
        if minor > will.terms.limit.minor:
            self._violate(f"{number}: {minor} charged above the limit {will.terms.limit.minor}")
        if request.saved != will.terms.saved:
            self._violate(f"{number} was charged with {request.saved} and not with {will.terms.saved}")
        if minor > self._owed(invoice.id):
            self._violate(f"{number}: {minor} charged, and {self._owed(invoice.id)} is owed")
        if invoice.id in self.disputed:
            self._violate(f"{number} was charged although somebody objects to it")
        if self.paused:
            self._violate(f"{number} was charged while the business had paused autopay")
        self._told_before(number, charge)
        self._again(number, charge)
        return charge

    def _owed(self, invoice: str) -> int:
        """What the books ask for, less what banks took and is not in the books yet."""
        books = self.world.books
        posted = [posting for posting in books.postings.values() if posting.invoice == invoice]
        in_books = {posting.reference for posting in posted if posting.kind == "payment"}
        way = 0
        for request in self.bank.requests.values():
            kinds = {fact.kind for fact in self.bank.facts.get(request.reference, ())}
            took = kinds & {FactKind.PROCESSING, FactKind.SUCCEEDED} and not kinds & {
                FactKind.RETURNED,
                FactKind.FAILED,
            }
            if took and request.reference not in in_books and f"book:{request.numbers[0]}" == invoice:
                way += request.amount.minor
        return books.invoices[invoice].total.minor - sum(each.amount.minor for each in posted) - way

    def _told_before(self, number: str, charge: Charge) -> None:
        """Its customer knew of so much, for so long, since this authorisation."""
        fits = [
            at
            for at, who, notice, era in self.told
            if who == charge.who and notice.kind == "planned" and notice.number == number and era == charge.era
            and notice.amount.minor >= charge.minor
        ]  # fmt: skip
        if not any(charge.at - at >= NOTICE - timedelta(hours=12) for at in fits):
            self._violate(f"{number}: {charge.minor} was charged, and its customer was not told in time")

    def _again(self, number: str, charge: Charge) -> None:
        """Presented three times at most, days apart, and never after a refusal for good."""
        mine = [each for each in self.bank.made if each.era == charge.era and each.who == charge.who]
        before = [each for each in mine if (each.invoice, each.cycle) == (charge.invoice, charge.cycle)]
        refused = [each for each in before if each.said is None or each.said[0] is not FactKind.SUCCEEDED]
        if len(before) >= 3:
            self._violate(f"{number} was presented {len(before) + 1} times")
        if any(charge.at - each.at < timedelta(days=2) for each in refused):
            self._violate(f"{number} was presented again at once")
        for each in mine:
            final = each.said is not None and each.said[1] is not None and each.said[1] not in PASSING
            heard = charge.at - each.at > timedelta(days=8) or (
                each.said is not None and each.said[0] is FactKind.DECLINED
            )
            if final and heard and charge.at - each.at > timedelta(hours=1):
                self._violate(f"{number} was charged although {each.said[1]} had ended the authorisation")
        if any(each.said is None for each in before):
            self._violate(f"{number} was charged again although its bank wants to see the customer")

    async def _rest(self) -> None:
        """Calm weather for weeks: what is due and authorised is charged, everything told once, the journal balances."""
        if self.paused:
            await self._switch()
        for _ in range(40):
            self.world.passes(hours=13)
            await self._work()
        if self.violations:
            return
        totals = await self.real(journal.trial_balance)
        if any(sum(accounts.values()) for accounts in totals.values()):
            self._violate(f"the journal does not balance: {totals}")
        for (at, who, notice, _), times in Counter(
            (a, w, msgspec.json.encode(n), e) for a, w, n, e in self.told
        ).items():
            if times > 1:
                self._violate(f"{who} was told {times} times at {at}: {notice!r}")
        await self._nothing_left()

    async def _nothing_left(self) -> None:
        for key in self.world.books.invoices:
            invoice = await self.world.books.get(key)
            will = self.wills[invoice.customer]
            terms = will.terms
            if invoice.state is not InvoiceState.OPEN or will.state != "on" or terms is None or key in self.disputed:
                continue
            left = self._owed(key)
            waited = self.world.at - max(will.since, datetime(*invoice.due_date.timetuple()[:3], tzinfo=UTC))
            tried = [each for each in self.bank.made if (each.invoice, each.era) == (key, will.era)]
            told = [
                n
                for _, _, n, _ in self.told
                if n.number == invoice.number and n.kind in ("above_limit", "gave_up", "needs_you")
            ]
            if 0 < left <= terms.limit.minor and waited > timedelta(days=19) and not tried and not told:
                self._violate(f"{invoice.number} was due long ago, is authorised, and was never charged")

    def _violate(self, what: str) -> None:
        self.violations.append(f"{self.world.at:%Y-%m-%d %H:%M} {what}")


def play(seed: int, steps: int = STEPS) -> Outcome:
    """One episode; the same seed gives the same story."""
    return asyncio.run(Game(seed).play(steps))


def main() -> None:
    """Play so many seeds; exit 1 on a violation."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    found = [play(seed) for seed in range(1, seeds + 1)]
    for each in found:
        for violation in each.violations:
            print(f"seed {each.seed}: {violation}")
    summary = {
        "seeds": seeds,
        "steps": sum(each.steps for each in found),
        "charged": sum(each.charged for each in found),
        "killed": sum(each.killed for each in found),
        "violations": sum(bool(each.violations) for each in found),
    }
    print(msgspec.json.encode(summary).decode())
    sys.exit(1 if summary["violations"] else 0)


if __name__ == "__main__":
    main()
