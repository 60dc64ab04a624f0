"""The processor's books: hosted pages, what was tried on them, and the events that tell of it.

Plain objects in memory and no await, so that two tabs cannot interleave. No routes and no wire beyond `Event`. What
is typed on a page passes through `pay_card` and `pay_bank` and is forgotten there: a brand, the last four digits and
a salted fingerprint stay (PCI DSS 3.3 and 3.4), and for a debit the authorisation that was shown (NACHA WEB).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from services.sandbox.clock import Clock, Random
from services.sandbox.numbers import BankOutcome, CardOutcome, bank_outcome, brand, card_outcome, expiry_problem

PAGE_LIFE = timedelta(minutes=30)
KEY_LIFE = timedelta(hours=24)  # keys are pruned after a day; then the same key makes another page

State = Literal["open", "challenge", "processing", "succeeded", "failed", "returned", "expired", "closed"]

Later = Literal["expired", "succeeded", "failed", "returned"]  # what happens by itself

_Text = Annotated[str, Field(max_length=200)]


class PageOrder(BaseModel):
    """What a merchant asks for: a page to pay one sum by one means. Sums are integers of minor units."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    reference: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    amount_minor: Annotated[int, Field(gt=0, lt=10**15)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    method: Literal["card", "bank"]
    name: Annotated[str, Field(max_length=500)]
    zip: Annotated[str, Field(max_length=32)]
    invoices: Annotated[list[_Text], Field(max_length=100)]
    return_url: Annotated[str, Field(max_length=2000, pattern=r"^(https?://.+)?$")]


class Event(msgspec.Struct, frozen=True):
    """One thing that happened, as it stands in webhooks and look-ups alike. ``at`` is the processor's time."""

    id: str
    type: str
    at: datetime
    reference: str
    amount_minor: int
    currency: str
    method: str
    brand: str = ""
    last4: str = ""
    code: str = ""


@dataclass(slots=True)
class HostedPage:
    """One page and the payment made on it."""

    id: str
    order: PageOrder
    expires_at: datetime
    state: State = "open"
    events: list[Event] = field(default_factory=list)
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    attempt: str = ""  # of the 3-D Secure challenge under way
    verdict: str = ""  # what the bank says once the challenge is passed; empty: yes
    authorization: str = ""  # the text that was ticked, kept as evidence

    @property
    def payable(self) -> bool:
        """Whether the customer can still type a number here."""
        return self.state in {"open", "challenge"}


class Row(msgspec.Struct, frozen=True):
    """A line of the processor's own book, for tests to hold against a ledger."""

    reference: str
    invoices: list[str]
    amount_minor: int
    currency: str
    state: str


class Processor:
    """Opens pages, takes what is typed on them, and tells of it through ``publish``."""

    def __init__(self, *, now: Clock, random: Random, publish: Callable[[Event], None]) -> None:
        self._now = now
        self._random = random
        self._publish = publish
        self._salt = random(16)
        self._pages: dict[str, HostedPage] = {}
        self._references: dict[str, list[HostedPage]] = {}
        self._keys: dict[str, tuple[PageOrder, str, datetime]] = {}
        self._agenda: list[tuple[datetime, int, str, Later, str]] = []  # a heap: when, tie-break, page, what, code
        self._plans = 0

    def open(self, key: str, order: PageOrder) -> HostedPage | None:
        """A page for this order, the same for the same key; None when the key stands for another order."""
        self.settle()
        now = self._now()
        if (known := self._keys.get(key)) and now - known[2] < KEY_LIFE:
            return self._pages[known[1]] if known[0] == order else None
        page = HostedPage(f"pg_{self._random(16).hex()}", order, now + PAGE_LIFE)
        self._pages[page.id] = page
        self._references.setdefault(order.reference, []).append(page)
        self._keys[key] = (order, page.id, now)
        self._plan(page.expires_at, page, "expired", "")
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
        pages = self._references.get(reference)
        if pages is None:
            return None
        return sorted((event for page in pages for event in page.events), key=lambda event: event.at)

    def book(self) -> list[Row]:
        """Every page ever opened and what became of it."""
        self.settle()
        return [
            Row(
                page.order.reference,
                list(page.order.invoices),
                page.order.amount_minor,
                page.order.currency,
                "open" if page.state == "challenge" else page.state,
            )
            for page in self._pages.values()
        ]

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
        return self._charge(page, outcome.code)

    def answer_challenge(self, page: HostedPage, attempt: str, passed: bool) -> str:
        """The end of a 3-D Secure check; a code when it was declined. An older attempt's answer does nothing."""
        if page.state != "challenge" or not hmac.compare_digest(page.attempt.encode(), attempt.encode()):
            return ""
        return self._charge(page, page.verdict if passed else "authentication_failed")

    def pay_bank(self, page: HostedPage, account: str, authorization: str) -> str:
        """Debit an account; answers with the code of a refusal, or nothing: then it is processing.

        ``account`` is bare ASCII digits, ``authorization`` the text the customer ticked.
        """
        if not page.payable:
            return ""
        self._remember(page, "bank", account)
        outcome = bank_outcome(account)
        if outcome.code:
            return self._charge(page, outcome.code)
        page.authorization = authorization
        self._debit(page, outcome)
        return ""

    def settle(self) -> None:
        """Let happen what is due by now, in its order: pages expire, debits settle, fail and come back."""
        while self._agenda and self._agenda[0][0] <= self._now():
            at, _, page_id, what, code = heappop(self._agenda)
            page = self._pages[page_id]
            if what != "expired":
                page.state = what
                self._tell(page, f"payment.{what}", at, code)
            elif page.payable:
                page.state = what
                self._tell(page, "page.expired", at)

    def _charge(self, page: HostedPage, code: str) -> str:
        page.attempt = page.verdict = ""
        page.state = "open" if code else "succeeded"
        self._tell(page, "payment.declined" if code else "payment.succeeded", self._now(), code)
        return code

    def _debit(self, page: HostedPage, outcome: BankOutcome) -> None:
        now = self._now()
        page.state = "processing"
        self._tell(page, "payment.processing", now)
        for step in outcome.steps:
            self._plan(now + step.after, page, step.kind, step.code)

    def _remember(self, page: HostedPage, kind: str, number: str) -> None:
        page.brand, page.last4 = kind, number[-4:]
        page.fingerprint = hmac.digest(self._salt, number.encode(), "sha256").hex()[:16]

    def _plan(self, at: datetime, page: HostedPage, what: Later, code: str) -> None:
        self._plans += 1
        heappush(self._agenda, (at, self._plans, page.id, what, code))

    def _tell(self, page: HostedPage, kind: str, at: datetime, code: str = "") -> None:
        order = page.order
        known = ("", "") if kind.startswith("page.") else (page.brand, page.last4)
        event = Event(
            f"evt_{self._random(12).hex()}",
            kind,
            at,
            order.reference,
            order.amount_minor,
            order.currency,
            order.method,
            *known,
            code,
        )
        page.events.append(event)
        self._publish(event)
