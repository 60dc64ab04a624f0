"""What a customer owes: invoices as the books say, their standing in words, and the lines on them."""

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum

import msgspec

from services.model.money import Money

SOON = timedelta(days=7)  # due within so many days: worth saying
MOST_SHOWN = 50  # invoices in one listing, and so in one payment


class InvoiceState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    CREDIT = "credit"  # a credit note, or a negative sum: nothing to pay


class Invoice(msgspec.Struct, frozen=True, omit_defaults=True, tag="invoice"):
    """What a customer owes, as the books say at one moment.

    ``version`` changes whenever anything that a customer agreed to could have changed. ``due`` is what the books
    still ask for; ``processing`` the part of it that payments under way have reserved.
    """

    id: str
    number: str
    version: str
    customer: str
    customer_name: str
    total: Money
    due: Money
    issued: date
    state: InvoiceState = InvoiceState.OPEN
    due_date: date | None = None
    processing: int = 0
    disputed: bool = False  # somebody objects to it: the customer's bank, or the customer in a case that is open
    fee_exempt: bool = False  # its customer pays no program fee, whoever pays

    @property
    def payable(self) -> Money:
        """What can still be paid now: due less what is processing, never below zero."""
        return Money(max(0, self.due.minor - self.processing), self.due.currency)

    @property
    def key(self) -> str:
        """What names this invoice on a button: short, the same for ever, and nothing that anybody could read from it."""
        return key_of(self.id)

    def status(self, today: date) -> "InvoiceStatus":
        """Its standing as its customer would say it; the most pressing word where several are true."""
        if self.state is InvoiceState.VOID:
            return InvoiceStatus.VOID
        if self.state is InvoiceState.CREDIT:
            return InvoiceStatus.CREDIT
        if self.disputed:
            return InvoiceStatus.DISPUTED
        if self.state is InvoiceState.PAID:
            return InvoiceStatus.PAID
        if self.payable.minor == 0:
            return InvoiceStatus.PROCESSING
        if self.due_date is not None and self.due_date < today:
            return InvoiceStatus.OVERDUE
        if self.due.minor < self.total.minor:
            return InvoiceStatus.PARTLY_PAID
        if self.due_date is not None and self.due_date - today <= SOON:
            return InvoiceStatus.DUE
        return InvoiceStatus.OPEN


class InvoiceStatus(StrEnum):
    """The words of a list of invoices; each has a sentence in ``config/wording``."""

    OPEN = "open"
    DUE = "due"  # within a week
    OVERDUE = "overdue"
    PROCESSING = "processing"  # all that is left of it is on its way
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOID = "void"
    DISPUTED = "disputed"
    CREDIT = "credit"


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which invoices are asked for. ``since`` and ``until`` are days of issue, both included; empty: all of them."""

    statuses: tuple[InvoiceStatus, ...] = ()
    since: date | None = None
    until: date | None = None
    payable: bool = False  # only those on which something can be paid now

    def fits(self, invoice: Invoice, today: date) -> bool:
        """Whether this invoice is one of those asked for."""
        if self.payable and (invoice.state is not InvoiceState.OPEN or invoice.payable.minor == 0):
            return False
        if self.statuses and invoice.status(today) not in self.statuses:
            return False
        return (self.since is None or self.since <= invoice.issued) and (
            self.until is None or invoice.issued <= self.until
        )


class Sum(msgspec.Struct, frozen=True):
    """What a customer owes and has paid in one currency, over every invoice there is. Minor units."""

    currency: str
    payable: int = 0  # can be paid now
    overdue: int = 0  # the part of it whose day has passed
    processing: int = 0  # on its way, not paid yet
    paid: int = 0  # what the books have received


class Listing(msgspec.Struct, frozen=True, tag="listing"):
    """A customer's invoices: those asked for, and what all of them come to.

    ``shown`` holds at most `MOST_SHOWN`, what is owed first, oldest first; ``count`` is how many were asked for.
    """

    shown: tuple[Invoice, ...]
    count: int
    sums: tuple[Sum, ...] = ()


class SheetLine(msgspec.Struct, frozen=True):
    """One line of an invoice as it was billed. ``quantity`` is as written; it may be empty."""

    text: str
    amount: Money
    quantity: str = ""


class Sheet(msgspec.Struct, frozen=True, tag="sheet"):
    """What an invoice was for. ``more`` lines are not shown here; the PDF has them all."""

    invoice: str
    lines: tuple[SheetLine, ...]
    more: int = 0


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def key_of(identifier: str) -> str:
    """48 bits that name something on a button, in letters only: digits would now and then look like a card number."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:12].translate(LETTERS)


def plain(number: str) -> str:
    """An invoice number as it is compared: upper case, letters and digits only. ``inv 1042`` is ``INV-1042``."""
    return "".join(ch for ch in number.upper() if ch.isalnum())


def same_number(told: str, number: str) -> bool:
    """Whether a customer who said ``told`` means ``number``: ``1042`` is enough for ``INV-1042``."""
    left, right = plain(told), plain(number)
    return left == right or (left.isdigit() and right.endswith(left) and right.removesuffix(left).isalpha())


def is_one_of(told: str, numbers: Iterable[str]) -> bool:
    """Whether ``told`` means one of these invoice numbers; an empty one means none."""
    return bool(told) and any(same_number(told, number) for number in numbers)
