"""What a customer agrees to, and what becomes of it: quotes and payments."""

import hashlib
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from services.model.invoices import LETTERS, key_of
from services.model.money import Money

EXPIRES_SOON = timedelta(days=45)


class Method(StrEnum):
    """The means of payment. ACH is the United States' bank transfer and exists only in USD."""

    CARD = "card"
    BANK = "bank"


# --- payments -----------------------------------------------------------------------------------------------------


class PaymentState(StrEnum):
    """Where a payment is. `services.payments.states` says which steps exist and why."""

    CREATED = "created"
    CONFIRMED = "confirmed"
    OPEN = "open"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELED = "canceled"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"
    RETURNED = "returned"
    DISPUTED = "disputed"
    WON = "won"
    LOST = "lost"


class Reason(StrEnum):
    """Why money did not move, or came back, in our own words; every gateway maps its codes to these."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED_CARD = "expired_card"
    WRONG_NUMBER = "wrong_number"
    WRONG_CVC = "wrong_cvc"
    WRONG_EXPIRY = "wrong_expiry"
    WRONG_ZIP = "wrong_zip"
    LIMIT = "limit"  # card velocity or amount limit
    NOT_SUPPORTED = "not_supported"  # this card, purchase or currency
    AUTHENTICATION = "authentication"  # the bank's extra check (3-D Secure) was not passed
    TRY_AGAIN = "try_again"  # the processor's or bank's passing fault
    DECLINED = "declined"  # every other no, and every fraud-related one: never said
    ACCOUNT_CLOSED = "account_closed"  # ACH R02
    NO_ACCOUNT = "no_account"  # ACH R03, R04
    STOPPED = "stopped"  # ACH R08
    NOT_AUTHORIZED = "not_authorized"  # ACH R05, R07, R10, R11, R29
    RETURNED_OTHER = "returned_other"  # every other ACH return
    PAGE_EXPIRED = "page_expired"
    PAGE_CLOSED = "page_closed"
    NEVER_OPENED = "never_opened"  # the gateway never made a page
    MICRO_DEPOSITS = "micro_deposits"  # no decline: the bank account is proved by small deposits first (NACHA WEB)


# --- what a customer agrees to ------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True):
    """One invoice of a quote, in the version that was shown, and what is paid on it."""

    invoice: str
    number: str
    version: str
    amount: Money


class SavedMethod(msgspec.Struct, frozen=True, omit_defaults=True):
    """A card or bank account that the gateway keeps for a customer. Never a number: brand and last four at most."""

    id: str  # the gateway's
    method: Method
    brand: str
    last4: str
    expires: str = ""  # of a card, as 2027-04
    nickname: str = ""
    favorite: bool = False  # the one that is offered first
    blocked: Reason | None = None  # the bank refused it for good: it needs a new authorisation, or to be replaced

    @property
    def key(self) -> str:
        """What names this method on a button."""
        return key_of(self.id)

    @property
    def brand_name(self) -> str:
        """The brand as it is printed on cards."""
        return brand_name(self.brand)

    def expiry(self, today: date) -> Literal["", "soon", "over"]:
        """Whether a card's last month has passed, or ends within `EXPIRES_SOON`."""
        if not self.expires:
            return ""
        year, month = map(int, self.expires.split("-"))
        ends = date(year + month // 12, month % 12 + 1, 1)  # good through the last day of its month (ISO/IEC 7813)
        if ends <= today:
            return "over"
        return "soon" if ends - today <= EXPIRES_SOON else ""

    def usable(self, today: date) -> bool:
        """Whether it can be charged at all, as far as is known here."""
        return self.blocked is None and self.expiry(today) != "over"


class Methods(msgspec.Struct, frozen=True, tag="methods"):
    """The saved methods of a customer, the favorite first."""

    saved: tuple[SavedMethod, ...]

    def charged_first(self, today: date) -> SavedMethod | None:
        """The method that is offered unasked: the first that can be charged."""
        return next((each for each in self.saved if each.usable(today)), None)


class Quote(msgspec.Struct, frozen=True):
    """Everything a customer agrees to with one yes. Any difference is another quote.

    An empty ``name`` or ``zip`` means: as on file, which this visitor may not read in full.
    """

    lines: tuple[Line, ...]
    method: Method
    name: str
    zip: str
    fee_minor: int = 0
    saved: str = ""  # the saved method that is charged at once; empty: typed on the hosted page

    @property
    def due(self) -> Money:
        """What is paid on invoices: the sum of the lines."""
        return Money(sum(line.amount.minor for line in self.lines), self.lines[0].amount.currency)

    @property
    def fee(self) -> Money:
        """The program fee, which may be nothing."""
        return Money(self.fee_minor, self.lines[0].amount.currency)

    @property
    def total(self) -> Money:
        """What is charged: the sum of the lines and the fee, in the currency of the lines."""
        return self.due + self.fee

    def digest(self) -> str:
        """64 bits that name this quote, in letters: a button that approves it carries them.

        Digits would now and then look like a card number, and be taken out of the button by the guard.
        """
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16].translate(LETTERS)


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """The words that a customer agreed to, as they were on the screen."""

    words: str = ""
    wording: str = ""  # names the sentences from which they were made: another hash, another text
    language: str = ""


class Payment(msgspec.Struct, frozen=True, omit_defaults=True, tag="payment"):
    """A payment as its customer may see it. ``reference`` is printed on receipts and never changes."""

    reference: str
    state: PaymentState
    amount: Money
    method: Method
    numbers: tuple[str, ...]  # of the invoices
    invoices: tuple[str, ...]  # their ids
    at: datetime  # of the last change, UTC
    brand: str = ""
    last4: str = ""
    reason: Reason | None = None  # of a FAILED or RETURNED payment, or of the last decline of an OPEN one
    refunded_minor: int = 0  # given back so far
    surplus_minor: int = 0  # paid beyond what was owed by then, and to be given back; only in the news of it
    refund_failed: bool = False  # what was given back came back; only in the news of it
    dispute_won: bool = False  # decided for the business just now; only in the news of it
    happened_at: datetime | None = None  # at the gateway, UTC: the date that a receipt carries
    parts: tuple[int, ...] = ()  # minor units paid on each of its invoices, in their order
    saved: bool = False  # a saved method was charged
    declines: int = 0  # tries that the bank refused so far
    submitted_at: datetime | None = None  # a bank payment was handed to the banks, UTC
    expected: date | None = None  # the day by which it should have arrived
    cleared_at: datetime | None = None  # it arrived, UTC; it may come back all the same
    autopay: str = (
        ""  # id of the customer under whose standing authorisation it was begun; empty: somebody said yes to it
    )
    fee_minor: int = 0  # of the amount: the program fee

    @property
    def fee(self) -> Money:
        """The program fee in the amount, which may be nothing."""
        return Money(self.fee_minor, self.amount.currency)

    @property
    def refunded(self) -> Money:
        """What was given back so far."""
        return Money(self.refunded_minor, self.amount.currency)

    @property
    def brand_name(self) -> str:
        """The card brand as it is printed on cards, the same in every language."""
        return brand_name(self.brand)

    @property
    def key(self) -> str:
        """What names this payment on a button."""
        return key_of(self.reference)


class Payments(msgspec.Struct, frozen=True, tag="payments"):
    """A customer's payments, the newest first; ``count`` is how many there are in all."""

    shown: tuple[Payment, ...]
    count: int


class Request(msgspec.Struct, frozen=True, tag="request"):
    """What a customer asked a person for: money back, or that an invoice or payment is looked at."""

    case: int
    kind: Literal["refund", "dispute"]
    at: datetime
    number: str = ""  # of the invoice
    reference: str = ""  # of the payment
    answer: str = ""  # of the person, when there is one
    closed_at: datetime | None = None


class Requests(msgspec.Struct, frozen=True, tag="requests"):
    """The requests of a customer or chat, the newest first."""

    shown: tuple[Request, ...]


def brand_name(brand: str) -> str:
    """The card brand as it is printed on cards, the same in every language."""
    return _BRANDS.get(brand, brand.title())


_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
}
