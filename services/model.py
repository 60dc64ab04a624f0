"""Money, invoices, quotes and payments: frozen values and the rules that need nothing else.

No I/O, no clock, nothing of a third party but msgspec (these values are stored inside conversations).
Every sum is an integer of minor units with its ISO 4217 currency; there are no floats.
"""

import hashlib
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

# ISO 4217, table A.1: minor-unit exponents other than 2.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent(currency: str) -> int:
    """How many decimals the currency has: 2 for USD, 0 for JPY, 3 for BHD (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


class Money(msgspec.Struct, frozen=True):
    """A sum in minor units (cents for USD) of one ISO 4217 currency."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def __str__(self) -> str:
        """For logs and tables, such as ``120.00 USD``; customers read `bot.wording` instead."""
        places = exponent(self.currency)
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        whole, part = (digits[:-places], "." + digits[-places:]) if places else (digits, "")
        return f"{'-' if self.minor < 0 else ''}{whole}{part} {self.currency}"

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} met {self.currency}: sums of two currencies never mix")
        return other.minor


class Method(StrEnum):
    """The means of payment. ACH is the United States' bank transfer and exists only in USD."""

    CARD = "card"
    BANK = "bank"


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

    @property
    def payable(self) -> Money:
        """What can still be paid now: due less what is processing, never below zero."""
        return Money(max(0, self.due.minor - self.processing), self.due.currency)


class Billing(msgspec.Struct, frozen=True, omit_defaults=True, tag="billing"):
    """Billing details on file. Empty strings where the books have none.

    ``masked`` details may be shown to a visitor who proved only a look-up, and are never used for anything else.
    """

    name: str = ""
    zip: str = ""
    email: str = ""
    masked: bool = False

    def mask(self) -> "Billing":
        """What is left to see of these details: initials, and nothing to write to."""
        name = " ".join(word[0] + "•••" for word in self.name.split())
        return Billing(name=name, zip="•••" + self.zip[-2:] if self.zip else "", masked=True)


def plain(number: str) -> str:
    """An invoice number as it is compared: upper case, letters and digits only. ``inv 1042`` is ``INV-1042``."""
    return "".join(ch for ch in number.upper() if ch.isalnum())


def same_number(told: str, number: str) -> bool:
    """Whether a customer who said ``told`` means ``number``: ``1042`` is enough for ``INV-1042``."""
    left, right = plain(told), plain(number)
    return left == right or (left.isdigit() and right.removesuffix(left).isalpha())


def same_zip(told: str, known: str) -> bool:
    """Whether a told zip fits the one on file: case, spaces and dashes aside; ZIP+4 fits its ZIP (USPS)."""
    left, right = plain(told), plain(known)
    if len(left) == 9 and left.isdigit():
        left = left[:5]
    if len(right) == 9 and right.isdigit():
        right = right[:5]
    return bool(right) and left == right


# --- who is asking ------------------------------------------------------------------------------------------------


class Stranger(msgspec.Struct, frozen=True, tag="stranger"):
    """Nobody we know anything about."""


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """Whoever holds a pay link of one invoice, or proved it by number and billing zip: may see it and pay it."""

    invoice: str
    proof: Literal["link", "lookup"]


class Customer(msgspec.Struct, frozen=True, tag="customer"):
    """A customer who signed in, when and on which channel."""

    id: str
    proved_at: datetime
    channel: str


Scope: TypeAlias = Stranger | Bearer | Customer


# --- the rules of a business --------------------------------------------------------------------------------------


class Rules(msgspec.Struct, frozen=True):
    """What the business allows, from ``[rules]`` in ``config/default.toml``."""

    partial: bool = True
    minimum_minor: int = 500
    overpay: bool = False
    methods: tuple[Method, ...] = (Method.CARD, Method.BANK)
    currencies: tuple[str, ...] = ()  # empty: every invoice is payable in its own currency
    ach_currencies: tuple[str, ...] = ("USD",)

    def methods_for(self, currency: str) -> tuple[Method, ...]:
        """The methods offered for an invoice in this currency (NACHA: ACH moves US dollars only)."""
        return tuple(m for m in self.methods if m is not Method.BANK or currency in self.ach_currencies)


class Objection(StrEnum):
    """Why something cannot be paid as asked; each has a sentence of its own in ``config/wording``."""

    ALREADY_PAID = "already_paid"
    VOID = "void"
    CREDIT_NOTE = "credit_note"
    ALL_PROCESSING = "all_processing"
    CURRENCY_NOT_TAKEN = "currency_not_taken"
    WRONG_CURRENCY = "wrong_currency"
    METHOD_NOT_TAKEN = "method_not_taken"
    NOT_POSITIVE = "not_positive"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_DUE = "above_due"
    FULL_ONLY = "full_only"
    INVOICE_CHANGED = "invoice_changed"
    INVOICE_GONE = "invoice_gone"
    NOT_YOURS = "not_yours"
    ALREADY_LIVE = "already_live"  # another payment of this invoice is under way
    PAUSED = "paused"


def standing(invoice: Invoice, rules: Rules) -> Objection | None:
    """Why this invoice cannot be paid at all, or None."""
    if invoice.state is InvoiceState.VOID:
        return Objection.VOID
    if invoice.state is InvoiceState.CREDIT or invoice.total.minor < 0:
        return Objection.CREDIT_NOTE
    if invoice.state is InvoiceState.PAID or invoice.due.minor <= 0:
        return Objection.ALREADY_PAID
    if invoice.payable.minor == 0:
        return Objection.ALL_PROCESSING
    if rules.currencies and invoice.due.currency not in rules.currencies:
        return Objection.CURRENCY_NOT_TAKEN
    return None


def objection(invoice: Invoice, amount: Money, rules: Rules) -> Objection | None:
    """Why this amount cannot be paid on this invoice under the business's rules, or None."""
    payable = invoice.payable
    if amount.currency != payable.currency:
        return Objection.WRONG_CURRENCY
    if amount.minor <= 0:
        return Objection.NOT_POSITIVE
    if amount.minor > payable.minor:
        return None if rules.overpay else Objection.ABOVE_DUE
    if amount.minor < payable.minor and not rules.partial:
        return Objection.FULL_ONLY
    if amount.minor < min(rules.minimum_minor, payable.minor):
        return Objection.BELOW_MINIMUM
    return None


# --- what a customer agrees to ------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True):
    """One invoice of a quote, in the version that was shown, and what is paid on it."""

    invoice: str
    number: str
    version: str
    amount: Money


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Quote(msgspec.Struct, frozen=True):
    """Everything a customer agrees to with one yes. Any difference is another quote.

    An empty ``name`` or ``zip`` means: as on file, which this visitor may not read in full.
    """

    lines: tuple[Line, ...]
    method: Method
    name: str
    zip: str
    fee_minor: int = 0

    @property
    def total(self) -> Money:
        """The sum of the lines and the fee, in the currency of the lines."""
        return Money(sum(line.amount.minor for line in self.lines) + self.fee_minor, self.lines[0].amount.currency)

    def digest(self) -> str:
        """64 bits that name this quote, in letters: a button that approves it carries them.

        Digits would now and then look like a card number, and be taken out of the button by the guard.
        """
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16].translate(_LETTERS)


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

    @property
    def refunded(self) -> Money:
        """What was given back so far."""
        return Money(self.refunded_minor, self.amount.currency)

    @property
    def brand_name(self) -> str:
        """The card brand as it is printed on cards, the same in every language."""
        return _BRANDS.get(self.brand, self.brand.title())


_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
}
