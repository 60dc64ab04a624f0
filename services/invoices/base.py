"""What Remit asks of the books: who owes what, and a place to write down what was paid."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from services.model import (
    Account,
    Billing,
    Details,
    Invoice,
    InvoiceState,
    Money,
    Revision,
    Sheet,
    SheetLine,
    plain,
    same_zip,
)

__all__ = [
    "Books",
    "Customers",
    "Documents",
    "Invoices",
    "Kind",
    "Posting",
    "owed_first",
    "plain",
    "same_zip",
    "sheet_of",
]

MOST_LINES = 50  # of an invoice that are shown outside its PDF

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

    async def of_customer(self, customer: str) -> tuple[Invoice, ...]:
        """Every invoice of one customer, by id, whatever its state: what is owed first, the longest due of it first."""


class Customers(Protocol):
    """Who the customers are. Calls may raise `Unavailable` or `Uncertain`."""

    async def at(self, email: str) -> tuple[Account, ...]:
        """The customers with this e-mail address on file, case aside; none for an address that nobody has."""

    async def named(self, told: str, most: int) -> tuple[Account, ...]:
        """At most so many customers whose name holds every word of this, case aside, by name; none for a single letter.

        It shows who is a customer: for people of the business alone, and never for a customer.
        """

    async def account(self, customer: str) -> Account | None:
        """One customer by id, or None."""

    async def details(self, customer: str) -> Details | None:
        """All that is on file of one customer, by id, or None."""

    async def save(self, customer: str, revision: Revision, key: str) -> Details | None:
        """Write changed details, once per ``key``; the details as they stand then. None: there is no such customer."""


class Documents(Protocol):
    """What an invoice looks like on paper. Calls may raise `Unavailable` or `Uncertain`."""

    async def sheet(self, invoice: str) -> Sheet | None:
        """The lines of one invoice by its id, or None when there is no such invoice."""

    async def pdf(self, invoice: str) -> bytes | None:
        """The invoice as a PDF document, or None when the books have none to give."""


class Books(Invoices, Customers, Documents, Protocol):
    """Everything that one source of invoices can be asked."""


def owed_first(invoices: Iterable[Invoice]) -> tuple[Invoice, ...]:
    """What is owed, the longest due first and those without a due date last; then all others, the newest first."""
    every = sorted(invoices, key=lambda each: (each.number, each.id))
    owed = [each for each in every if each.state is InvoiceState.OPEN]
    others = [each for each in every if each.state is not InvoiceState.OPEN]
    owed.sort(key=lambda each: each.due_date or date.max)
    others.sort(key=lambda each: each.issued, reverse=True)
    return (*owed, *others)


def sheet_of(invoice: str, lines: Sequence[SheetLine]) -> Sheet:
    """The first `MOST_LINES` of an invoice's lines, and how many more there are."""
    return Sheet(invoice, tuple(lines[:MOST_LINES]), max(0, len(lines) - MOST_LINES))
