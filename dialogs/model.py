"""The vocabulary of a conversation: events, acts, look-ups, effects, moves and replies.

Values only. What they do to each other is in `repair.py` and `engine.py`; what a task wants is in `flows/`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

import msgspec

from services.model import Billing, Invoice, Method, Money, Objection, Payment, Quote, Reason, Rules, Scope

# --- the house: everything a conversation may know about the business ------------------------------------------------


class House(msgspec.Struct, frozen=True):
    """The business as its customers meet it. Built once at start from the settings."""

    name: str
    phone: str
    rules: Rules
    currency: str = "USD"  # of an amount that names none, while no invoice is known
    number_patterns: tuple[str, ...] = ()  # regular expressions of invoice numbers, beside the usual ones
    pause_minutes: int = 30  # after so long a silence, the chat says again where we are
    fresh_seconds: int = 60  # older facts count as missing
    proofs: int = 3  # wrong number-and-zip tries in one conversation before a person is called


# --- acts: what the customer did by speaking or pressing ------------------------------------------------------------


class Slot(StrEnum):
    """What a task can ask for and a customer can tell or change."""

    INVOICE = "invoice"
    PROOF = "proof"  # the billing zip that proves an invoice number
    METHOD = "method"
    AMOUNT = "amount"
    NAME = "name"
    ZIP = "zip"
    CONSENT = "consent"


class Share(StrEnum):
    """An amount told as a part of what is due."""

    ALL = "all"
    HALF = "half"
    MINIMUM = "minimum"


Telling: TypeAlias = str | Money | Method | Share


class Tell(msgspec.Struct, frozen=True):
    slot: Slot
    value: Telling


class Want(msgspec.Struct, frozen=True):
    task: Literal["pay", "status", "balance", "help", "link", "refund", "here"]


class Agree(msgspec.Struct, frozen=True):
    """The button that approves one quote, by its digest."""

    digest: str


class Change(msgspec.Struct, frozen=True):
    slot: Slot


class Simple(StrEnum):
    """Acts that carry nothing."""

    YES = "yes"
    NO = "no"
    DROP = "drop"
    RESTART = "restart"
    REPEAT = "repeat"
    HUMAN = "human"
    GREET = "greet"
    THANK = "thank"
    GOODBYE = "goodbye"
    CARD_TYPED = "card_typed"  # the guard removed a card or bank number
    TOO_LONG = "too_long"
    UNCLEAR = "unclear"


Act: TypeAlias = Tell | Want | Agree | Change | Simple

# --- look-ups: reads that the runtime performs before the commit ----------------------------------------------------


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


LookUp: TypeAlias = OneInvoice | BillingOf | PaymentNow


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """There is no such thing, or this scope may not see it: the two are told apart nowhere."""


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The books or the ledger did not answer."""


Fact: TypeAlias = Invoice | Billing | Payment | Absent | Unreachable


class Known(msgspec.Struct, frozen=True):
    """A fact with the look-up it answers and when it was read."""

    lookup: LookUp
    fact: Fact
    at: datetime


# --- effects: what changes the world or counts a try; performed after the commit ------------------------------------


class ProveInvoice(msgspec.Struct, frozen=True, tag="prove_invoice"):
    number: str
    zip: str


class StartPayment(msgspec.Struct, frozen=True, tag="start_payment"):
    scope: Scope
    quote: Quote


class ResumePayment(msgspec.Struct, frozen=True, tag="resume_payment"):
    """Go on with a payment of this chat that was agreed to, and whose page nobody has seen yet."""

    reference: str


class CloseCheckout(msgspec.Struct, frozen=True, tag="close_checkout"):
    reference: str


class CloseLeftPage(msgspec.Struct, frozen=True, tag="close_left_page"):
    """Close the page that another chat left open on this invoice: only for who holds the invoice's own pay link."""

    scope: Scope
    invoice: str


class CallAgent(msgspec.Struct, frozen=True, tag="call_agent"):
    reason: str
    summary: str
    invoice: str = ""
    payment: str = ""


Effect: TypeAlias = ProveInvoice | StartPayment | ResumePayment | CloseCheckout | CloseLeftPage | CallAgent


class Sent(msgspec.Struct, frozen=True):
    """An effect that is under way: committed, and not answered yet."""

    key: str  # epoch/turn/n
    effect: Effect
    at: datetime


# --- outcomes: what an effect answered ------------------------------------------------------------------------------


class Proved(msgspec.Struct, frozen=True):
    invoice: str


class NotProved(msgspec.Struct, frozen=True):
    """Unknown number or wrong zip: one answer for both, so that nobody learns which."""


class Locked(msgspec.Struct, frozen=True):
    """Too many wrong tries on this invoice or from this address."""


class Refused(msgspec.Struct, frozen=True):
    """The payment was not started, and why. Nothing was charged."""

    objection: Objection


class PageLeft(msgspec.Struct, frozen=True):
    """Whether a page that was left open is gone now, by the gateway's word. What else it says is another chat's."""

    gone: bool


class Called(msgspec.Struct, frozen=True):
    """A person has been given the case."""

    case: int


Outcome: TypeAlias = Proved | NotProved | Locked | Refused | PageLeft | Called | Payment

# --- events: what happened ------------------------------------------------------------------------------------------


class Heard(msgspec.Struct, frozen=True):
    """The customer wrote something, read into acts."""

    acts: tuple[Act, ...]
    at: datetime


class Pressed(msgspec.Struct, frozen=True):
    """The customer pressed a button. Its act may belong to a question that is no longer on the screen."""

    act: Act | None  # None: no button of ours
    at: datetime


class Opened(msgspec.Struct, frozen=True):
    """The customer came by a pay link. ``standing`` is what the link is worth now; ``link`` names it, and opens nothing."""

    invoice: str
    standing: Literal["good", "expired", "unknown"]
    at: datetime
    link: str = ""


class Came(msgspec.Struct, frozen=True):
    """The answer of an effect, by the key under which it was sent."""

    key: str
    outcome: Outcome
    at: datetime


class PaymentMoved(msgspec.Struct, frozen=True):
    """News of a payment of this chat that nobody here asked for: a decline, a result, a return."""

    payment: Payment
    at: datetime


class Recalled(msgspec.Struct, frozen=True):
    """A conversation was lost, and the ledger still knows its last payment."""

    payment: Payment
    at: datetime


class Waited(msgspec.Struct, frozen=True):
    """The channel's patience ended while an effect was under way."""

    at: datetime


Event: TypeAlias = Heard | Pressed | Opened | Came | PaymentMoved | Recalled | Waited

# --- replies: what to say -------------------------------------------------------------------------------------------


class Say(msgspec.Struct, frozen=True):
    """A sentence of ``config/wording`` by its key, and the values it names."""

    key: str
    values: "Mapping[str, Value]" = {}


Value: TypeAlias = str | int | Money | date | datetime | Method | Reason | Say | None


class Choice(msgspec.Struct, frozen=True):
    """A button: what it says, and the act it stands for."""

    title: Say
    act: Act


class InvoiceCard(msgspec.Struct, frozen=True, tag="invoice"):
    invoice: Invoice


class ReceiptCard(msgspec.Struct, frozen=True, tag="receipt"):
    payment: Payment


class CheckoutLink(msgspec.Struct, frozen=True):
    """The hand-off to the hosted page; the runtime makes it a fresh `/go/TOKEN` whenever it is shown."""

    reference: str


class Reply(msgspec.Struct, frozen=True):
    say: Say
    choices: tuple[Choice, ...] = ()
    card: InvoiceCard | ReceiptCard | None = None
    link: CheckoutLink | None = None


# --- moves: what a task wants next ----------------------------------------------------------------------------------


class Ask(msgspec.Struct, frozen=True):
    """A question for one slot; ``because`` is said before it."""

    slot: Slot
    reply: Reply
    because: Say | None = None


class Confirm(msgspec.Struct, frozen=True):
    """Show this quote and ask for a yes to exactly it."""

    quote: Quote
    reply: Reply


class Await(msgspec.Struct, frozen=True):
    """Nothing to ask: something is under way. ``reply`` says what, when the customer speaks meanwhile."""

    reply: Reply


class Done(msgspec.Struct, frozen=True):
    """The task is over, with these words. The task below it speaks next, unless this one asks for ``rest``."""

    reply: Reply | None = None
    rest: bool = False
    payment: Payment | None = None  # whose state these words tell


class Enter(msgspec.Struct, frozen=True):
    """Another task first, then this one again; or, with ``back=False``, instead of this one."""

    task: "Task"
    back: bool = True


Move: TypeAlias = Ask | Confirm | Await | Done | Enter | LookUp | Effect


class View(msgspec.Struct, frozen=True):
    """What a task may see of its conversation while it decides."""

    house: House
    chat: str
    scope: Scope
    at: datetime
    known: tuple[Known, ...] = ()
    waiting: tuple[Effect, ...] = ()
    agreed: str = ""  # the digest of the quote that this very event said yes to
    wrong_proofs: int = 0
    payments: tuple[Payment, ...] = ()  # of this chat, as last told; the last one started is last

    def get(self, lookup: LookUp) -> Fact | None:
        """The answer to this look-up if it is fresh. After a yes, an invoice is fresh only if read since.

        Who asks about a payment means now; and that something was out of reach is never worth remembering.
        """
        for known in self.known:
            if known.lookup == lookup:
                strict = isinstance(lookup, PaymentNow) or isinstance(known.fact, Unreachable)
                strict = strict or (bool(self.agreed) and isinstance(lookup, OneInvoice))
                oldest = self.at if strict else self.at - timedelta(seconds=self.house.fresh_seconds)
                return known.fact if known.at >= oldest else None
        return None


class Task(Protocol):
    """A frame of slots and a ladder. There is no other 'where we are'."""

    def next(self, view: View) -> Move:
        """The first thing still missing."""
