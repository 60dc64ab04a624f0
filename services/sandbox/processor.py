"""The processor's books: what is tried on hosted pages, refunded and disputed, and the events that tell of it.

Plain objects in memory and no await, so that two tabs cannot interleave. No routes and no wire. What is typed on a
page passes through `pay_card` and `pay_bank` and is forgotten there: a brand, the last four digits and a salted
fingerprint stay (PCI DSS 3.3 and 3.4), and for a debit the authorisation that was shown (NACHA WEB).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Literal

from services.sandbox.clock import Agenda, Clock, Random
from services.sandbox.numbers import (
    DECIDED_AFTER,
    DISPUTED_AFTER,
    BankOutcome,
    CardOutcome,
    Step,
    bank_outcome,
    brand,
    card_outcome,
    expiry_problem,
)
from services.sandbox.payments import Decision, Event, HostedPage, PageOrder, Refund, RefundOrder, Row

PAGE_LIFE = timedelta(minutes=30)
KEY_LIFE = timedelta(hours=24)  # keys are pruned after a day; then the same key makes another page, or refunds again


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a merchant's order is not carried out."""

    code: str
    why: str


_REUSED = Objection("key_reused", "This key was used for another request.")
_UNKNOWN = Objection("no_such_payment", "No payment has this reference.")


class Processor:
    """Opens pages, takes what is typed on them, and tells of it through ``publish``."""

    def __init__(self, *, now: Clock, random: Random, publish: Callable[[Event], None]) -> None:
        self._now = now
        self._random = random
        self._publish = publish
        self._salt = random(16)
        self._pages: dict[str, HostedPage] = {}
        self._references: dict[str, list[HostedPage]] = {}
        self._payments: list[HostedPage] = []  # those without a page of ours too
        self._keys: dict[str, tuple[PageOrder, HostedPage, datetime]] = {}
        self._refund_keys: dict[str, tuple[RefundOrder, list[Event] | Objection, datetime]] = {}
        self._agenda = Agenda(now)
        self._log: list[Event] = []
        self._places: dict[str, int] = {}  # of events in the log, by id

    def open(self, key: str, order: PageOrder) -> HostedPage | None:
        """A page for this order, the same for the same key; None when the key stands for another order."""
        self.settle()
        now = self._now()
        if (known := self._keys.get(key)) and now - known[2] < KEY_LIFE:
            return known[1] if known[0] == order else None
        page = self._enter(order, now + PAGE_LIFE)
        self._pages[page.id] = page
        self._keys[key] = (order, page, now)
        self._agenda.plan(page.expires_at, partial(self._expire, page))
        return page

    def close(self, page_id: str) -> HostedPage | None:
        """Close a page on which nothing was paid; any other stays as it is. None when there is no such page."""
        page = self.page(page_id)
        if page and page.payable:
            page.state = "closed"
            self._tell(page, "page.closed", self._now())
        return page

    def page(self, page_id: str) -> HostedPage | None:
        """The page as it stands now, or None."""
        self.settle()
        return self._pages.get(page_id)

    def find(self, reference: str) -> list[Event] | None:
        """All events of the merchant's reference in the order they happened, or None when it was never heard of."""
        self.settle()
        return self._history(reference) if reference in self._references else None

    def events(self, since: datetime, after: str, limit: int) -> tuple[list[Event], str | None] | None:
        """Up to ``limit`` events of all payments, in the order they happened, and a cursor when more are there.

        Only those from ``since`` on, and after the cursor ``after``; "" begins. None when that is no cursor of ours.
        """
        self.settle()
        start = self._places.get(after, -1) + 1
        if after and not start:
            return None
        later = (event for event in islice(self._log, start, None) if event.at >= since)
        found = list(islice(later, limit + 1))
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    def book(self) -> list[Row]:
        """Every payment ever begun and what became of it."""
        self.settle()
        return [page.row() for page in self._payments]

    def refund(self, key: str, order: RefundOrder) -> list[Event] | Objection:
        """All events of the payment once the refund is made or under way, or why not; the same for the same key."""
        self.settle()
        now = self._now()
        if (known := self._refund_keys.get(key)) and now - known[2] < KEY_LIFE:
            return known[1] if known[0] == order else _REUSED
        answer = self._refund(order, now)
        self._refund_keys[key] = (order, answer, now)
        return answer

    def end_dispute(self, reference: str, outcome: Decision) -> list[Event] | Objection:
        """Decide the dispute of this payment now; all its events, or why there is nothing to decide."""
        self.settle()
        pages = self._references.get(reference)
        if pages is None:
            return _UNKNOWN
        if all(page.dispute != "disputed" for page in pages):
            return Objection("not_disputed", "The payment is not disputed now.")
        for page in pages:
            self._decide(page, outcome, self._now())
        return self._history(reference)

    def foreign(self, amount_minor: int, currency: str) -> str:
        """A card was charged at another till of the same account; answers with the reference that till gave it."""
        self.settle()
        order = PageOrder(
            reference=f"TILL-{self._random(5).hex().upper()}",
            amount_minor=amount_minor,
            currency=currency,
            method="card",
            name="",
            zip="",
            invoices=[],
            return_url="",
        )
        page = self._enter(order, self._now())
        page.brand, page.last4 = "visa", "4242"
        self._charge(page, CardOutcome())
        return order.reference

    def pay_card(self, page: HostedPage, number: str, expiry: str, cvc: str) -> str:
        """Charge a card; answers with the code of the decline, or nothing. The page may ask for 3-D Secure then.

        ``number`` and ``cvc`` are bare ASCII digits. A page that is no longer payable charges nothing.
        """
        if not page.payable:
            return ""
        self._remember(page, brand(number), number)
        outcome = card_outcome(number, cvc)
        if not outcome.code and (problem := expiry_problem(expiry, self._now())):
            outcome = CardOutcome(problem)
        if outcome.challenge:
            page.state, page.attempt, page.verdict = "challenge", self._random(8).hex(), outcome.code
            return ""
        return self._charge(page, outcome)

    def answer_challenge(self, page: HostedPage, attempt: str, passed: bool) -> str:
        """The end of a 3-D Secure check; a code when it was declined. An older attempt's answer does nothing."""
        if page.state != "challenge" or not hmac.compare_digest(page.attempt.encode(), attempt.encode()):
            return ""
        return self._charge(page, CardOutcome(page.verdict if passed else "authentication_failed"))

    def pay_bank(self, page: HostedPage, account: str, authorization: str) -> str:
        """Debit an account; answers with the code of a refusal, or nothing: then it is processing.

        ``account`` is bare ASCII digits, ``authorization`` the text the customer ticked.
        """
        if not page.payable:
            return ""
        self._remember(page, "bank", account)
        outcome = bank_outcome(account)
        if outcome.code:
            return self._charge(page, CardOutcome(outcome.code))
        page.authorization = authorization
        self._debit(page, outcome)
        return ""

    def settle(self) -> None:
        """Let happen what is due by now, in its order: pages expire, debits settle or come back, banks decide."""
        self._agenda.settle()

    # --- what happens on a page ------------------------------------------------------------------------------------

    def _enter(self, order: PageOrder, expires_at: datetime) -> HostedPage:
        page = HostedPage(f"pg_{self._random(16).hex()}", order, expires_at)
        self._payments.append(page)
        self._references.setdefault(order.reference, []).append(page)
        return page

    def _expire(self, page: HostedPage, at: datetime) -> None:
        if page.payable:
            page.state = "expired"
            self._tell(page, "page.expired", at)

    def _charge(self, page: HostedPage, outcome: CardOutcome) -> str:
        now, code = self._now(), outcome.code
        page.attempt = page.verdict = ""
        page.state = "open" if code else "succeeded"
        page.refund_course = outcome.refund
        self._tell(page, "payment.declined" if code else "payment.succeeded", now, code)
        if outcome.dispute:
            self._agenda.plan(now + DISPUTED_AFTER, partial(self._dispute, page, outcome.dispute))
        return code

    def _debit(self, page: HostedPage, outcome: BankOutcome) -> None:
        now = self._now()
        page.state = "processing"
        page.refund_course = outcome.refund
        self._tell(page, "payment.processing", now)
        for step in outcome.steps:
            self._agenda.plan(now + step.after, partial(self._go_on, page, step))

    def _go_on(self, page: HostedPage, step: Step, at: datetime) -> None:
        page.state = step.kind
        self._tell(page, f"payment.{step.kind}", at, step.code)
        if step.kind == "returned":  # the bank took all of it: nothing is left for a refund that is on its way
            for refund in page.refunds:
                if refund.state == "pending":
                    refund.state = "failed"
                    self._tell_refund(page, refund, at)

    # --- what happens afterwards -----------------------------------------------------------------------------------

    def _refund(self, order: RefundOrder, now: datetime) -> list[Event] | Objection:
        pages = self._references.get(order.reference, [])
        problems = [page.objection(order.amount_minor, order.currency) for page in pages]
        if not problems:
            return _UNKNOWN
        if "" not in problems:
            return Objection("not_refundable", problems[-1])
        page, refund = pages[problems.index("")], Refund(order.refund, order.amount_minor)
        page.refunds.append(refund)
        course = page.refund_course
        self._agenda.plan(now + course.succeeds, partial(self._end_refund, page, refund, "succeeded"))
        if course.fails is not None:
            self._agenda.plan(now + course.fails, partial(self._end_refund, page, refund, "failed"))
        self.settle()  # most refunds succeed at once
        return self._history(order.reference)

    def _end_refund(self, page: HostedPage, refund: Refund, end: Literal["succeeded", "failed"], at: datetime) -> None:
        if refund.state != "failed":
            refund.state = end
            page.weigh()
            self._tell_refund(page, refund, at)

    def _dispute(self, page: HostedPage, outcome: Decision, at: datetime) -> None:
        if page.left_minor:
            page.dispute, page.disputed_minor = "disputed", page.left_minor
            page.weigh()
            self._tell(page, "payment.disputed", at, amount_minor=page.disputed_minor)
            self._agenda.plan(at + DECIDED_AFTER, partial(self._decide, page, outcome))

    def _decide(self, page: HostedPage, outcome: Decision, at: datetime) -> None:
        if page.dispute == "disputed":
            page.dispute = outcome
            page.weigh()
            self._tell(page, f"dispute.{outcome}", at, amount_minor=page.disputed_minor)

    # --- what is kept and told -------------------------------------------------------------------------------------

    def _history(self, reference: str) -> list[Event]:
        pages = self._references[reference]
        return sorted((event for page in pages for event in page.events), key=lambda event: event.at)

    def _remember(self, page: HostedPage, kind: str, number: str) -> None:
        page.brand, page.last4 = kind, number[-4:]
        page.fingerprint = hmac.digest(self._salt, number.encode(), "sha256").hex()[:16]

    def _tell_refund(self, page: HostedPage, refund: Refund, at: datetime) -> None:
        self._tell(page, f"refund.{refund.state}", at, amount_minor=refund.amount_minor, refund=refund.id)

    def _tell(
        self, page: HostedPage, kind: str, at: datetime, code: str = "", *, amount_minor: int = 0, refund: str = ""
    ) -> None:
        order = page.order
        known = ("", "") if kind.startswith("page.") else (page.brand, page.last4)
        event = Event(
            f"evt_{self._random(12).hex()}",
            kind,
            at,
            order.reference,
            amount_minor or order.amount_minor,
            order.currency,
            order.method,
            *known,
            code,
            refund,
        )
        page.events.append(event)
        self._places[event.id] = len(self._log)
        self._log.append(event)
        self._publish(event)
