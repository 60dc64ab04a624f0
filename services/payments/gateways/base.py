"""What Remit asks of a payment gateway, and the facts it gets back.

A gateway moves money and hosts the page on which card and bank numbers are typed. It never sees a conversation,
and no number typed on its page ever comes back: at most a brand and the last four digits.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from services.model import Method, Money, Reason


class FactKind(StrEnum):
    """What a gateway may report about a payment. Facts are only ever added."""

    DECLINED = "declined"  # on the page; the page stays open for another try
    PROCESSING = "processing"  # ACH: authorised, money on its way
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # after processing: nothing was paid
    RETURNED = "returned"  # ACH: after success the money went back
    EXPIRED = "expired"  # the page timed out, unpaid
    CLOSED = "closed"  # the page was closed at our request, unpaid


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to one payment. (gateway, id) is unique; the same fact may arrive many times."""

    id: str
    reference: str  # our payment
    kind: FactKind
    at: datetime  # when it happened at the gateway, UTC
    amount: Money
    method: Method
    brand: str = ""
    last4: str = ""
    reason: Reason | None = None


class PageRequest(msgspec.Struct, frozen=True):
    """A hosted page for one payment: where the customer types the card or bank number."""

    reference: str
    amount: Money
    method: Method
    name: str
    zip: str
    numbers: tuple[str, ...]  # of the invoices, for the customer to read
    return_url: str  # the way back to the chat


class Page(msgspec.Struct, frozen=True):
    """A live hosted page. ``url`` is the gateway's own; customers reach it through our `/go/TOKEN`."""

    id: str
    url: str
    expires_at: datetime


class Gateway(Protocol):
    """Every call may raise `Unavailable` (it did not happen) or `Uncertain` (look it up)."""

    name: str

    async def open_page(self, request: PageRequest, key: str) -> Page:
        """Make the page, once per idempotency ``key``: the same key and request give the same page again."""

    async def close_page(self, page: str) -> tuple[Fact, ...]:
        """Ask that a page be closed; answers with all facts of its payment, CLOSED or what came before it."""

    async def find(self, reference: str) -> tuple[Fact, ...] | None:
        """All facts of the payment with our reference, or None when the gateway never heard of it."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Fact, ...]:
        """The facts in a signed webhook; ones it does not know are left out.

        Raises `Forged` when the signature does not fit the raw bytes or its stamp is more than 300 s from ``now``,
        either way; `Malformed` when the body is signed but is not what the gateway's contract says.
        """
