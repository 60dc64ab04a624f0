"""The processor's books: what is tried on hosted pages, refunded and disputed, and the events that tell of it.

Plain objects in memory and no await, so that two tabs cannot interleave. No routes and no wire. What is typed on a
page passes through `pay_card` and `pay_bank` and is forgotten there: a brand, the last four digits and a salted
fingerprint stay (PCI DSS 3.3 and 3.4), and for a debit the authorisation that was shown (NACHA WEB). What a saved
method would do is kept in `vault`; that it is charged no more than once on its page is seen to here.
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
    DEPOSIT_CODE,
    DEPOSIT_OVER,
    DISPUTED_AFTER,
    BankOutcome,
    CardOutcome,
    Step,
    bank_outcome,
    brand,
    card_outcome,
    expiry_month,
    expiry_problem,
    saved_bank_outcome,
    saved_card_outcome,
)
from services.sandbox.payments import Decision, Event, HostedPage, PageOrder, Refund, RefundOrder, Row
from services.sandbox.vault import Kept, Vault

PAGE_LIFE = timedelta(minutes=30)
DEPOSIT_LIFE = timedelta(days=10)  # of a page that waits for a micro-deposit, as published
DEPOSIT_TRIES = 3  # wrong codes; published are ten for a code, three for sums
KEY_LIFE = timedelta(hours=24)  # keys are pruned after a day; then the same key makes another page, or refunds again


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a merchant's order is not carried out."""

    code: str
    why: str


_REUSED = Objection("key_reused", "This key was used for another request.")
_UNKNOWN = Objection("no_such_payment", "No payment has this reference.")
_NO_PAGE = Objection("no_such_page", "No page has this id.")
_NOT_KEPT = Objection("no_such_method", "This customer has no such saved method.")
_NOT_FOR_SAVED = Objection("no_such_method", "The page was opened for no saved method.")


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
        self._vault = Vault(random)
        self._keys: dict[str, tuple[PageOrder, HostedPage, datetime]] = {}
        self._refund_keys: dict[str, tuple[RefundOrder, list[Event] | Objection, datetime]] = {}
        self._agenda = Agenda(now)
        self._log: list[Event] = []
        self._places: dict[str, int] = {}  # of events in the log, by id

    def open(self, key: str, order: PageOrder) -> HostedPage | Objection:
        """A page for this order, the same for the same key; or why not: the key stands for another order, no such method."""
        self.settle()
        now = self._now()
        if (known := self._keys.get(key)) and now - known[2] < KEY_LIFE:
            return known[1] if known[0] == order else _REUSED
        saved = self._vault.find(order.customer, order.saved)
        if order.saved and (saved is None or saved.method != order.method):
            return _NOT_KEPT
        page = self._enter(order, now + PAGE_LIFE)
        page.saved = saved
        self._pages[page.id] = page
        self._keys[key] = (order, page, now)
        self._live_until(page, page.expires_at)
        return page

    def close(self, page_id: str) -> HostedPage | None:
        """Close a page on which nothing was paid; any other stays as it is. None when there is no such page."""
        page = self.page(page_id)
        if page and page.payable:
            page.state = "closed"
            self._tell(page, "page.closed", self._now())
        return page

    def charge(self, page_id: str) -> HostedPage | Objection:
        """Charge the saved method of a page, once; the page as it stands then.

        Nothing is charged when something else goes on there or has ended it. A page that waits for 3-D Secure
        afterwards waits for the customer.
        """
        page = self.page(page_id)
        if page is None:
            return _NO_PAGE
        if page.saved is None:
            return _NOT_FOR_SAVED
        if page.state == "open" and not page.charged:
            page.charged = True
            self._charge_saved(page, page.saved)
        return page

    def methods(self, customer: str) -> list[Kept]:
        """What is kept for this customer, the newest first."""
        return self._vault.of(customer)

    def forget(self, customer: str, method: str) -> None:
        """Keep this method of this customer no longer, whether or not it was kept."""
        self._vault.forget(customer, method)

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

    def pay_card(
        self, page: HostedPage, number: str, expiry: str, cvc: str, *, zip_code: str = "", save: bool = False
    ) -> str:
        """Charge a card; answers with the code of the decline, or nothing. The page may ask for 3-D Secure then.

        ``number`` and ``cvc`` are bare ASCII digits. A page that is no longer payable charges nothing. ``save``: once
        it has paid, keep it for the customer of the page, if that has one.
        """
        if not page.payable:
            return ""
        self._remember(page, brand(number), number)
        save = save and bool(page.order.customer)
        outcome = card_outcome(number, cvc, saving=save).once_compared(zip_code)
        if not outcome.code and (problem := expiry_problem(expiry, self._now())):
            outcome = CardOutcome(problem)
        if save and not outcome.code:
            month = expiry_month(expiry, self._now())
            later = saved_card_outcome(number)
            page.keep = Kept("card", page.brand, page.last4, page.fingerprint, later, expires=month)
        if outcome.challenge:
            self._challenge(page, outcome.code)
            return ""
        return self._charge(page, outcome)

    def answer_challenge(self, page: HostedPage, attempt: str, passed: bool) -> str:
        """The end of a 3-D Secure check; a code when it was declined. An older attempt's answer does nothing."""
        if page.state != "challenge" or not hmac.compare_digest(page.attempt.encode(), attempt.encode()):
            return ""
        return self._charge(page, CardOutcome(page.verdict if passed else "authentication_failed"))

    def pay_bank(
        self, page: HostedPage, account: str, authorization: str, *, routing: str = "", standing: str = ""
    ) -> str:
        """Debit an account; answers with the code of a refusal, or nothing: it is processing, or to be proved first.

        ``account`` and ``routing`` are bare ASCII digits, ``authorization`` the text the customer ticked, ``standing``
        the one for later debits: with it the account is kept for the customer of the page, if that has one.
        """
        if not page.payable:
            return ""
        if page.state == "verifying" and page.fingerprint == self._fingerprint(routing + account):
            return ""  # the same form once more, in another tab: the deposit is on its way
        self._remember(page, "bank", account, routing)
        outcome = bank_outcome(account)
        if outcome.code:
            return self._charge(page, CardOutcome(outcome.code))
        page.authorization = authorization
        if standing and page.order.customer:
            page.authorization = f"{authorization} {standing}"
            later = saved_bank_outcome(account)
            page.keep = Kept("bank", "bank", page.last4, page.fingerprint, later, authorization=standing)
        if outcome.deposit:
            self._deposit(page, outcome)
        else:
            self._debit(page, outcome)
        return ""

    def prove(self, page: HostedPage, code: str) -> str:
        """Take the code of a micro-deposit: the debit begins, ``wrong_code``, or the code of the decline after too many.

        ``code`` is as it stands on the statement, in capital letters.
        """
        if page.state != "verifying" or page.debit is None:
            return ""
        if code == DEPOSIT_CODE:
            self._debit(page, page.debit)
            return ""
        page.tries += 1
        if code in DEPOSIT_OVER or page.tries == DEPOSIT_TRIES:
            return self._charge(page, CardOutcome("verification_failed"))
        return "wrong_code"

    def settle(self) -> None:
        """Let happen what is due by now, in its order: pages expire, debits settle or come back, banks decide."""
        self._agenda.settle()

    # --- what happens on a page ------------------------------------------------------------------------------------

    def _enter(self, order: PageOrder, expires_at: datetime) -> HostedPage:
        page = HostedPage(f"pg_{self._random(16).hex()}", order, expires_at)
        self._payments.append(page)
        self._references.setdefault(order.reference, []).append(page)
        return page

    def _live_until(self, page: HostedPage, at: datetime) -> None:
        page.expires_at = at
        self._agenda.plan(at, partial(self._expire, page))

    def _expire(self, page: HostedPage, at: datetime) -> None:
        if page.payable and at >= page.expires_at:  # else it was given more time since
            page.state = "expired"
            self._tell(page, "page.expired", at)

    def _charge_saved(self, page: HostedPage, opened_for: Kept) -> None:
        kept = self._vault.find(page.order.customer, opened_for.id)
        method = kept or opened_for
        page.brand, page.last4, page.fingerprint = method.brand, method.last4, method.fingerprint
        if kept is None:
            self._charge(page, CardOutcome("method_gone"))
        elif isinstance(kept.later, BankOutcome):
            page.authorization = kept.authorization
            self._debit(page, kept.later)
        elif kept.expires < f"{self._now():%Y-%m}":
            self._charge(page, CardOutcome("expired_card"))
        elif kept.later.challenge:
            self._challenge(page, kept.later.code)
        else:
            self._charge(page, kept.later.once_compared(page.order.zip))

    def _challenge(self, page: HostedPage, verdict: str) -> None:
        page.state, page.attempt, page.verdict = "challenge", self._random(8).hex(), verdict

    def _deposit(self, page: HostedPage, outcome: BankOutcome) -> None:
        now = self._now()
        page.state, page.debit, page.tries = "verifying", outcome, 0
        self._live_until(page, now + DEPOSIT_LIFE)
        self._tell(page, "payment.verifying", now)

    def _charge(self, page: HostedPage, outcome: CardOutcome) -> str:
        now, code = self._now(), outcome.code
        if code and page.state == "verifying":  # no deposit is waited for any more
            self._live_until(page, now + PAGE_LIFE)
        page.attempt = page.verdict = ""
        page.state = "open" if code else "succeeded"
        page.refund_course = outcome.refund
        self._save(page, paid=not code)
        self._tell(page, "payment.declined" if code else "payment.succeeded", now, code)
        if outcome.dispute:
            self._agenda.plan(now + DISPUTED_AFTER, partial(self._dispute, page, outcome.dispute))
        return code

    def _debit(self, page: HostedPage, outcome: BankOutcome) -> None:
        now = self._now()
        page.state = "processing"
        page.refund_course = outcome.refund
        self._save(page, paid=True)
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

    def _remember(self, page: HostedPage, kind: str, number: str, routing: str = "") -> None:
        page.brand, page.last4, page.keep = kind, number[-4:], None
        page.fingerprint = self._fingerprint(routing + number)

    def _fingerprint(self, number: str) -> str:
        return hmac.digest(self._salt, number.encode(), "sha256").hex()[:16]

    def _save(self, page: HostedPage, *, paid: bool) -> None:
        if not paid:
            page.keep = None
        elif page.keep:
            self._vault.keep(page.order.customer, page.keep)

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
