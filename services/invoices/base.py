"""What Remit asks of the books: who owes what, and a place to write down what was paid."""

from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from services.model import Billing, Invoice, Money, plain, same_zip

__all__ = ["Invoices", "Kind", "Posting", "plain", "same_zip"]


Kind: TypeAlias = Literal["payment", "return", "refund", "dispute"]


class Posting(msgspec.Struct, frozen=True):
    """What a payment did to one invoice. ``amount`` is positive for what was paid, negative for what went back.

    ``key`` makes it happen once: recording the same key again changes nothing.
    """

    key: str
    invoice: str
    reference: str  # of the payment
    kind: Kind
    amount: Money
    at: datetime  # UTC


class Invoices(Protocol):
    """Calls may raise `Unavailable` or `Uncertain` (see `services.errors`)."""

    async def find(self, number: str) -> tuple[Invoice, ...]:
        """All invoices with this number, however the customer wrote it (case, spaces and dashes aside)."""

    async def get(self, invoice: str) -> Invoice | None:
        """One invoice by its id as it stands now, or None."""

    async def list_open(self) -> tuple[Invoice, ...]:
        """Every invoice on which something is owed, the longest due first, those without a due date last."""

    async def billing(self, customer: str) -> Billing | None:
        """The billing details on file of one customer, by id, or None."""

    async def record(self, posting: Posting) -> None:
        """Write a payment or its reversal to the books, once per key. Returns only when it is written."""
