"""What must be true, told from the processor's own book and from what the people saw, never from the ledger's own rules.

What holds at every moment is checked whenever the processor makes a page or anything happens there, and in `watch`;
what holds once everything has come to rest, in `judge`. Each finding is a sentence; none is a fix. What went back is
judged in `back`, what was agreed to in `consents`, what can be paid in `pages`, what the people know in `screens`.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import msgspec

from services.model import Quote
from services.payments.journal import trial_balance
from services.sandbox.payments import Event, HostedPage

from .agents import Agents
from .back import Back
from .consents import Consents
from .fees import fee_kept, slack
from .handing import Handing
from .moves import Moves
from .pages import Pages
from .parts import Parts
from .people import Person
from .screens import Screens
from .screens import meant as meant  # noqa: PLC0414  # for whoever judges another house by the same sentences
from .sessions import Sessions
from .till import ARRIVED, Till, held, kept, state_of
from .voices import Voices
from .wallets import Wallets
from .world import World

_WITHOUT_PAGE = {"failed", "canceled"}  # a payment for which the processor never made a page
_CAPTURES = ("payment.processing", "payment.succeeded")


@dataclass
class Owed:
    """What the business asked for on one invoice, apart from what was paid through the assistant, and since when."""

    since: list[float] = field(default_factory=list)
    minor: list[int] = field(default_factory=list)
    came_back: int = 0  # by refunds that failed after they had gone through: nobody agreed to that

    def ask(self, minor: int, now: float) -> None:
        if not self.minor or self.minor[-1] != minor:
            self.since.append(now)
            self.minor.append(minor)

    def at(self, when: float) -> int:
        """What was asked for at a time."""
        return self.minor[max(0, bisect_right(self.since, when) - 1)]

    def most(self, since: float) -> int:
        """The most that was asked for at any time from ``since`` on."""
        return max(self.minor[max(0, bisect_right(self.since, since) - 1) :])


class Oracle:
    """Follows one world from its start to its rest."""

    def __init__(self, world: World, people: list[Person], agents: Agents | None = None) -> None:
        self._world = world
        self._people = people
        self._till = Till(world)
        self._parts = Parts(world)
        self._moves = Moves(world, people)
        self.screens = Screens(world, people, self._till, self._parts, self._moves)
        self._back = Back(world, self._till, self._parts)
        self._pages = Pages(world, self._till)
        self._owed: dict[str, Owed] = defaultdict(Owed)
        self._consents = Consents(world, people, lambda number, when: self._owed[number].at(when))
        self._sessions = Sessions(world, people, self.screens)
        self._wallets = Wallets(world, people, self._till, self._sessions)
        world.on_page = self.page_made
        world.on_event = self._happened
        world.on_charge = self._wallets.charged
        world.on_switch = self._consents.note
        self._voices = None if agents is None else Voices(world, people, agents)
        self._handing = None
        if agents is not None and self._voices is not None:
            agents.owed = lambda number, since: self._owed[number].most(since)
            self._handing = Handing(world, people, agents, self._till, self._voices)
        self.invoices_changed()

    # --- while it goes on ----------------------------------------------------------------------------------------

    def invoices_changed(self) -> None:
        """Take note of what the business asks for now, apart from what was paid through the assistant."""
        self._consents.note()
        now = self._world.loop.time()
        for number, due in self._world.books.asked().items():
            self._owed[number].ask(due, now)
        self._back.asked(self._world.books.asked())

    def conversations_lost(self) -> None:
        """Everybody begins anew; what they were told they still know. Call it just before."""
        if self._voices is not None:
            self._voices.conversations_lost()
        self.screens.conversations_lost()

    def page_made(self, reference: str) -> None:
        """The processor made a page: there is a consent for exactly it, and the invoice owes as much."""
        self._consents.note()
        pages = self._till.of_reference(reference)
        if len(pages) != 1:
            self._world.violate(f"{reference} has {len(pages)} pages: a request went out under another key")
            return
        quotes = self._world.rows("SELECT quote FROM consent WHERE payment = :p", p=reference)
        if len(quotes) != 1:
            self._world.violate(f"a page for {reference} with {len(quotes)} consents")
            return
        self._same(msgspec.json.decode(quotes[0]["quote"], type=Quote), pages[0])
        over = "SELECT 1 FROM payment WHERE reference = :p AND state IN ('failed', 'canceled')"
        if not self._world.rows(over, p=reference):  # else its address is known to nobody, see `pages`
            for number, part in self._parts.of(pages[0]).items():
                self._fits(pages[0], number, part, "asks")
        self._pages.made(pages[0])
        self._wallets.page_made(pages[0])

    def _happened(self, event: Event) -> None:
        """Something happened at the processor just now."""
        self._consents.note()
        if not event.type.startswith(("payment.", "refund.")):
            return
        for page in self._till.of_reference(event.reference):
            for number in page.order.invoices:
                if event.type in _CAPTURES and sum(each.type in _CAPTURES for each in page.events) == 1:
                    self._fits(page, number, 0, "took")
                if event.type == "refund.failed" and _went_out(page, event):
                    self._owed[number].came_back += event.amount_minor

    def _fits(self, page: HostedPage, number: str, more: int, verb: str) -> None:
        """With this page, an invoice is not paid more than it asked for at any time since the customer agreed."""
        owed = self._owed[number]
        most = owed.most(self._consents.since(page.order.reference))
        already = sum(self._parts.taken(each, number) for each in self._till.of_number(number))
        if already + more > most + owed.came_back:
            part = self._parts.of(page).get(number, 0)
            what = f"{page.order.reference} {verb} {part}: {already + more} with all others"
            self._world.violate(f"{number} is overpaid: {what}, of which {most} was due and {already} paid")

    def watch(self) -> None:
        """What holds at every moment."""
        self._consents.note()
        twice = "SELECT invoice FROM payment_invoice WHERE live GROUP BY invoice HAVING count(*) > 1"
        for row in self._world.rows(twice):
            self._world.violate(f"two live payments of {row['invoice']}")
        self._pages.watch()
        if self._handing is not None:
            self._handing.watch()

    def _same(self, quote: Quote, page: HostedPage) -> None:
        order = page.order
        agreed = (quote.total.minor, quote.total.currency, sorted(line.number for line in quote.lines), quote.saved)
        if agreed != (order.amount_minor, order.currency, sorted(order.invoices), order.saved):
            self._world.violate(f"the page of {order.reference} asks for something else than was agreed to")
        due = sum(line.amount.minor for line in quote.lines)
        fee = self._parts.fee(page)
        if order.amount_minor != due + fee:
            told = f"{order.amount_minor} by {order.method} for {due}"
            self._world.violate(f"the page of {order.reference} asks for {told}, and the fee is {fee}")

    # --- at rest -------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """What holds once everything has come to rest. The order is that of how bad it is."""
        self.watch()
        self._book_and_ledger()
        self._pages.judge()
        self._consents.judge()
        self._portal()
        self._journal()
        self._back.judge()
        self._nothing_waits()
        self._sessions.judge()
        self._wallets.judge()
        self._moves.judge()
        if self._voices is not None and self._handing is not None:
            self._voices.judge()
            self._handing.judge()
        self.screens.judge()
        self._back.nobody_is_left_in_the_dark(self.screens)

    def answers_again(self) -> None:
        """Once everybody has asked how it went."""
        if self._voices is not None:
            self._voices.answers_again()

    def _book_and_ledger(self) -> None:
        ours = {row["reference"]: row for row in self._world.rows("SELECT * FROM payment")}
        book = {page.order.reference: page for page in self._till.ours()}
        for reference, page in book.items():
            mine, state = ours.get(reference), state_of(page)
            if mine is None:
                self._world.violate(f"{reference} is {state} at the processor and unknown to the ledger")
            elif (mine["state"], mine["amount_minor"]) != (state, page.order.amount_minor):
                self._world.violate(f"{reference} is {state} at the processor and {mine['state']} in the ledger")
            elif mine["refunded_minor"] != page.refunded_minor:
                sums = f"{page.refunded_minor} of it at the processor and {mine['refunded_minor']} in the ledger"
                self._world.violate(f"{reference} is refunded {sums}")
        for reference in sorted(ours.keys() - book.keys()):
            if ours[reference]["state"] not in _WITHOUT_PAGE:
                state = ours[reference]["state"]
                self._world.violate(f"{reference} is {state} in the ledger and unknown to the processor")

    def _portal(self) -> None:
        """What the business's books were told is what the processor took and kept, per invoice and payment.

        Of several invoices in one payment the processor knows the sum that it kept, the customer each one's part. What
        went back is any one's, but no more than its part.
        """
        posted = self._world.books.posted()
        for page in self._till.ours():
            reference, parts = page.order.reference, self._parts.of(page)
            told = {number: posted.pop((number, reference), 0) for number in parts}
            fee = self._parts.fee(page)
            expected = kept(page) - fee_kept(page, fee)
            if abs(sum(told.values()) - expected) > slack(page, fee):
                here = f"the processor kept {kept(page)}, {expected} without its fee, the books were told {told}"
                self._world.violate(f"{reference} of {', '.join(parts)}: {here}")
            for number, part in parts.items():
                least = self._parts.taken(page, number) if page.state in ARRIVED else 0
                if not least <= told[number] <= part:
                    self._world.violate(
                        f"{reference} paid {part} on {number}, of which the books were told {told[number]}"
                    )
        for (number, reference), minor in posted.items():
            if minor:
                self._world.violate(f"the books were told {minor} of {reference} on {number}, which it does not pay")

    def _journal(self) -> None:
        """Account by account what the processor took, has given back, and what a bank holds."""
        expected: dict[str, Counter[str]] = defaultdict(Counter)
        fees, rounded = Counter[str](), Counter[str]()
        for page in self._till.ours():
            fee = self._parts.fee(page)
            fees[page.order.currency] += fee_kept(page, fee)
            rounded[page.order.currency] += slack(page, fee)
            if page.state in ARRIVED:
                accounts, disputed = expected[page.order.currency], 0 if page.dispute == "won" else page.disputed_minor
                accounts["clearing"] += page.order.amount_minor - disputed
                accounts["disputes"] += held(page)
                accounts["refunds"] -= page.refunded_minor
                accounts["receivable"] -= kept(page)
        with self._world.engine.begin() as conn:
            balance = trial_balance(conn)
        for currency in sorted(balance.keys() | expected.keys()):
            holds = Counter(balance.get(currency, {}))
            if abs(fees[currency] + holds["fees"]) > rounded[currency]:
                self._world.violate(
                    f"the journal has {-holds['fees']} {currency} as fees, and {fees[currency]} are left"
                )
            holds["receivable"] += holds.pop("fees", 0)
            if sum(holds.values()) or holds != expected[currency]:
                book = dict(expected[currency])
                self._world.violate(f"the journal holds {dict(holds)} {currency}, the processor's book says {book}")

    def _nothing_waits(self) -> None:
        for row in self._world.rows("SELECT key FROM outbox WHERE done_at IS NULL"):
            self._world.violate(f"the job {row['key']} is never done")
        for (key,) in self._world.stored("SELECT key FROM outbox"):
            self._world.violate(f"the effect {key} is never done")
        if self._world.sandbox.webhooks.waiting:
            self._world.violate(f"{self._world.sandbox.webhooks.waiting} webhooks are never taken")
        for chat, state in self._world.stored("SELECT chat, state FROM conversation"):
            if msgspec.json.decode(state).get("sent"):
                self._world.violate(f"{chat} waits for the answer of an effect for ever")


def _went_out(page: HostedPage, failed: Event) -> bool:
    """Whether a refund had reached the customer before it failed."""
    return any(each.type == "refund.succeeded" and each.refund == failed.refund for each in page.events)
