"""What Remit asks of a payment gateway, and the facts it gets back.

A gateway moves money and hosts the page on which card and bank numbers are typed. It never sees a conversation,
and no number typed on its page ever comes back: at most a brand and the last four digits.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from services.model import Method, Money, Reason, SavedMethod


class FactKind(StrEnum):
    """What a gateway may report about a payment. Facts are only ever added."""

    DECLINED = "declined"  # on the page, or of a saved method; the page stays open for another try
    VERIFYING = "verifying"  # the bank account is proved by micro-deposits first; the page waits for them, for days
    PROCESSING = "processing"  # ACH: authorised, money on its way
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # after processing: nothing was paid
    RETURNED = "returned"  # ACH: after success the money went back
    EXPIRED = "expired"  # the page timed out, unpaid
    CLOSED = "closed"  # the page was closed at our request, unpaid
    REFUNDED = "refunded"  # a refund went through, whoever asked for it
    REFUND_FAILED = "refund_failed"  # a refund did not, perhaps days after it seemed to: the money is ours again
    DISPUTED = "disputed"  # the customer's bank took the money back until the dispute is decided
    WON = "won"  # the dispute was decided for the business
    LOST = "lost"  # the dispute was decided for the customer


# What follows a payment, and so says that its money had come. Their `amount` is their own, not the payment's.
AFTERWARDS = frozenset({FactKind.REFUNDED, FactKind.REFUND_FAILED, FactKind.DISPUTED, FactKind.WON, FactKind.LOST})


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to one payment. (gateway, id) is unique; the same fact may arrive many times."""

    id: str
    reference: str  # our payment
    kind: FactKind
    at: datetime  # when it happened at the gateway, UTC
    amount: Money  # of the payment; of a refund or dispute in the facts about one
    method: Method
    brand: str = ""
    last4: str = ""
    reason: Reason | None = None
    refund: str = ""  # which refund: our id of it, or the gateway's own when it was made there


class PageRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hosted page for one payment: where the customer types the card or bank number.

    Fields that are at their defaults are left out of what is hashed, so that a payment begun before they existed goes on.
    """

    reference: str
    amount: Money
    method: Method
    name: str
    zip: str
    numbers: tuple[str, ...]  # of the invoices, for the customer to read
    return_url: str  # the way back to the chat
    customer: str = ""  # our name for whoever saved methods belong to; empty: the page offers to save nothing
    saved: str = ""  # the customer's method that `Vault.charge` will charge; the page takes another one all the same
    fee_minor: int = 0  # of the amount: the program fee, for the customer to read


class Page(msgspec.Struct, frozen=True):
    """A live hosted page. ``url`` is the gateway's own; customers reach it through our `/go/TOKEN`."""

    id: str
    url: str
    expires_at: datetime


class RefundRequest(msgspec.Struct, frozen=True):
    """Give back ``amount`` of a payment. ``refund`` is our id of it, and comes back in its facts."""

    reference: str  # of the payment
    refund: str
    amount: Money


class NoRefund(msgspec.Struct, frozen=True):
    """The gateway surely refunded nothing, and never will under this key."""

    why: str  # the gateway's code, for whoever asked; nothing personal


class Batch(msgspec.Struct, frozen=True):
    """One page of a listing. ``next`` asks for the following one; None: that was all."""

    facts: tuple[Fact, ...]
    next: str | None = None


class Gateway(Protocol):
    """Every call may raise `Unavailable` (it did not happen), `Uncertain` (look it up), or `Malformed`.

    `Rejected`, a kind of the last, only when the request made nothing, and neither did an earlier try of the same call.
    """

    name: str

    async def open_page(self, request: PageRequest, key: str) -> Page:
        """Make the page, once per idempotency ``key``: the same key and request give the same page again."""

    async def close_page(self, page: str) -> tuple[Fact, ...]:
        """Ask that a page be closed; answers with all facts of its payment, CLOSED or what came before it."""

    async def find(self, reference: str) -> tuple[Fact, ...] | None:
        """All facts of the payment with our reference, or None when the gateway never heard of it."""

    async def refund(self, request: RefundRequest, key: str) -> tuple[Fact, ...] | NoRefund:
        """Refund once per idempotency ``key``; all facts of the payment, in which a slow refund may still be missing."""

    async def since(self, at: datetime, after: str) -> Batch:
        """Facts of all payments from ``at`` on, whoever began them, ``after`` the batch before ("" begins)."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Fact, ...]:
        """The facts in a signed webhook; ones it does not know are left out.

        Raises `Forged` when the signature does not fit the raw bytes or its stamp is more than 300 s from ``now``,
        either way; `Malformed` when the body is signed but is not what the gateway's contract says.
        """


class Vault(Protocol):
    """The methods that a gateway keeps for customers. Raises as `Gateway` does.

    A saved method is charged on a page that was opened for it (`PageRequest.saved`), so that a charge is found, closed and
    paid otherwise like any page, and a page that is closed can never be charged.
    """

    async def methods(self, customer: str) -> tuple[SavedMethod, ...]:
        """What is kept for this customer, the newest first. ``nickname``, ``favorite`` and ``blocked`` are left empty."""

    async def charge(self, page: str) -> tuple[Fact, ...]:
        """Charge the saved method of a page, once however often it is asked; answers with all facts of its payment.

        Nothing new among them (no decline, no success): the customer's bank wants to see the customer, on the page.
        """

    async def forget(self, customer: str, method: str) -> None:
        """Keep this method no longer, whether or not it was kept. A method of another customer stays."""


class Till(Gateway, Vault, Protocol):
    """Everything that one payment processor can be asked."""
