"""Reads that the runtime performs before the commit, and the facts that answer them. Nothing here changes the world."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from services.model import (
    Autopay,
    Billing,
    Customer,
    Details,
    Filter,
    Invoice,
    Listing,
    Methods,
    Payment,
    Payments,
    Requests,
    Scope,
    Sheet,
)


class OneInvoice(msgspec.Struct, frozen=True, tag="one_invoice"):
    scope: Scope
    invoice: str


class BillingOf(msgspec.Struct, frozen=True, tag="billing_of"):
    scope: Scope
    invoice: str


class PaymentNow(msgspec.Struct, frozen=True, tag="payment_now"):
    """A payment that this chat started, by its reference."""

    chat: str
    reference: str


class OwnInvoice(msgspec.Struct, frozen=True, tag="own_invoice"):
    """One of the customer's own invoices, by the number as it was told."""

    scope: Customer
    number: str


class InvoicesOf(msgspec.Struct, frozen=True, tag="invoices_of"):
    scope: Customer
    filter: Filter = Filter()


class SheetOf(msgspec.Struct, frozen=True, tag="sheet_of"):
    scope: Scope
    invoice: str


class DetailsOf(msgspec.Struct, frozen=True, tag="details_of"):
    scope: Customer


class MethodsOf(msgspec.Struct, frozen=True, tag="methods_of"):
    scope: Customer


class AutopayOf(msgspec.Struct, frozen=True, tag="autopay_of"):
    scope: Customer


class PaymentsOf(msgspec.Struct, frozen=True, tag="payments_of"):
    """All payments on the customer's invoices, whoever began them."""

    scope: Customer


class RequestsOf(msgspec.Struct, frozen=True, tag="requests_of"):
    """What was asked of a person, by this customer or in this chat."""

    scope: Scope
    chat: str


LookUp: TypeAlias = (
    OneInvoice
    | BillingOf
    | PaymentNow
    | OwnInvoice
    | InvoicesOf
    | SheetOf
    | DetailsOf
    | MethodsOf
    | AutopayOf
    | PaymentsOf
    | RequestsOf
)


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """There is no such thing, or this scope may not see it: the two are told apart nowhere."""


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The books or the ledger did not answer."""


Fact: TypeAlias = (
    Invoice
    | Billing
    | Payment
    | Listing
    | Sheet
    | Details
    | Methods
    | Autopay
    | Payments
    | Requests
    | Absent
    | Unreachable
)


class Known(msgspec.Struct, frozen=True):
    """A fact with the look-up it answers and when it was read."""

    lookup: LookUp
    fact: Fact
    at: datetime
