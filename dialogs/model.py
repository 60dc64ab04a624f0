"""The vocabulary of a conversation: events, acts, look-ups, effects, moves and replies.

Values only. What they do to each other is in `repair.py` and `engine.py`; what a task wants is in `flows/`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

import msgspec

from services.model import (
    Account,
    Billing,
    Customer,
    Details,
    Filter,
    Invoice,
    Listing,
    Method,
    Methods,
    Money,
    Objection,
    Payment,
    Payments,
    Quote,
    Reason,
    Request,
    Requests,
    Revision,
    Rules,
    SavedMethod,
    Scope,
    Sheet,
    Spread,
)

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
    sign_in: tuple[
        str, ...
    ] = ()  # channels in which a customer can sign in; empty: no mail is sent, or the business does not want it
    remember: tuple[str, ...] = ()  # channels whose browsers can be remembered
    locales: tuple[str, ...] = ("en",)


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
    SPREAD = "spread"  # how a sum is laid over several invoices
    EMAIL = "email"
    CODE = "code"  # six digits that were sent by e-mail
    ACCOUNT = "account"  # which of the customers at one address
    PAYMENT = "payment"  # which payment is meant
    WHY = "why"  # the reason for a refund or dispute, in the customer's own words
    ADDRESS = "address"
    PHONE = "phone"
    LANGUAGE = "language"
    NOTICES = "notices"
    NICKNAME = "nickname"
    DETAIL = "detail"  # which of the details is to be changed


class Share(StrEnum):
    """An amount told as a part of what is due."""

    ALL = "all"
    HALF = "half"
    MINIMUM = "minimum"


Telling: TypeAlias = str | Money | Method | Share | Spread


class Tell(msgspec.Struct, frozen=True):
    slot: Slot
    value: Telling


class Pick(msgspec.Struct, frozen=True):
    """The button of one invoice, saved method, account or payment, by its key."""

    slot: Literal[Slot.INVOICE, Slot.METHOD, Slot.ACCOUNT, Slot.PAYMENT, Slot.DETAIL]
    key: str


class Show(msgspec.Struct, frozen=True):
    """Invoices are asked for: these of them."""

    filter: Filter = Filter()


class Choose(msgspec.Struct, frozen=True):
    """Invoices are named to be paid together, by their numbers or places in the list on the screen; none: all of them."""

    numbers: tuple[str, ...] = ()
    places: tuple[int, ...] = ()  # 1 is the first


class Named(msgspec.Struct, frozen=True):
    """A saved method is named in words: by brand, last four or nickname; all empty: the one on file."""

    words: str = ""
    last4: str = ""


class Want(msgspec.Struct, frozen=True):
    task: Literal[
        "pay",
        "status",
        "balance",
        "help",
        "link",
        "refund",
        "here",
        "dispute",
        "requests",  # what became of a refund or dispute that was asked for
        "history",
        "invoices",
        "lines",
        "pdf",
        "several",  # choose invoices one by one
        "enough",  # ... and these are all
        "methods",
        "details",
        "sign_in",
        "sign_out",
        "sign_out_everywhere",
        "remember",
        "send_again",  # another code
        "new_method",  # not a saved one
        "fix_zip",  # after a decline because of it
        "verify",  # how micro-deposits go
    ]


class Edit(msgspec.Struct, frozen=True):
    """A button on one saved method, by its key."""

    what: Literal["remove", "favorite", "nickname"]
    key: str


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


Act: TypeAlias = Tell | Want | Agree | Change | Pick | Show | Choose | Named | Edit | Simple

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
    | PaymentsOf
    | RequestsOf
)


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """There is no such thing, or this scope may not see it: the two are told apart nowhere."""


class Unreachable(msgspec.Struct, frozen=True, tag="unreachable"):
    """The books or the ledger did not answer."""


Fact: TypeAlias = (
    Invoice | Billing | Payment | Listing | Sheet | Details | Methods | Payments | Requests | Absent | Unreachable
)


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


Purpose: TypeAlias = Literal["sign_in", "old_address", "new_address"]


class SendCode(msgspec.Struct, frozen=True, tag="send_code"):
    """Send a six-digit code. An empty ``email``: to the address on file of the invoice whose link ``scope`` holds, or of
    the customer that ``scope`` is.
    """

    email: str
    purpose: Purpose
    scope: Scope


class CheckCode(msgspec.Struct, frozen=True, tag="check_code"):
    """Check a code that was sent with the same ``email``, ``purpose`` and ``scope``. It counts as a try."""

    code: str
    email: str
    purpose: Purpose
    scope: Scope


class SignOut(msgspec.Struct, frozen=True, tag="sign_out"):
    scope: Customer
    everywhere: bool = False


class Remember(msgspec.Struct, frozen=True, tag="remember"):
    """Remember the browser of this chat, so that nothing has to be proved in it for a while."""

    scope: Customer


class SaveDetails(msgspec.Struct, frozen=True, tag="save_details"):
    scope: Customer
    revision: Revision


class EditMethod(msgspec.Struct, frozen=True, tag="edit_method"):
    scope: Customer
    what: Literal["remove", "favorite", "nickname"]
    method: str
    nickname: str = ""


class OpenRequest(msgspec.Struct, frozen=True, tag="open_request"):
    """Hand a wish for money back, or an objection, to a person. ``why``: the customer's words, redacted."""

    scope: Scope
    kind: Literal["refund", "dispute"]
    why: str
    payment: str = ""
    invoice: str = ""
    number: str = ""


Effect: TypeAlias = (
    ProveInvoice
    | StartPayment
    | ResumePayment
    | CloseCheckout
    | CloseLeftPage
    | CallAgent
    | SendCode
    | CheckCode
    | SignOut
    | Remember
    | SaveDetails
    | EditMethod
    | OpenRequest
)


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


class CodeSent(msgspec.Struct, frozen=True):
    """A code is on its way, if the address is on file: nobody is told whether it is."""


class CodesSpent(msgspec.Struct, frozen=True):
    """No other code now: too many were asked for. ``minutes`` until there may be one."""

    minutes: int


class CodeWrong(msgspec.Struct, frozen=True):
    """Not the code, or a code whose ten minutes are over, or one that was used."""


class SignedIn(msgspec.Struct, frozen=True):
    """The code was right. ``accounts`` at the address: usually one. ``until``: how long it counts.

    ``number`` of the invoice whose link was held, where it belongs to the first of them; else empty.
    """

    accounts: tuple[Account, ...]
    until: datetime
    number: str = ""


class AddressProved(msgspec.Struct, frozen=True):
    """The code was right, which was sent to change an address."""


class SignedOut(msgspec.Struct, frozen=True):
    """The customer is a stranger again."""


class Remembered(msgspec.Struct, frozen=True):
    """This browser counts until then. ``proved_at`` stays what it was."""

    until: datetime


class DetailsSaved(msgspec.Struct, frozen=True):
    """The books have taken the change; the details as they stand now."""

    details: Details


class NotSaved(msgspec.Struct, frozen=True):
    """The books do not take it, or nobody of that name is there any more. Nothing was changed."""


class MethodEdited(msgspec.Struct, frozen=True):
    """The saved methods as they stand now."""

    methods: Methods


class RequestOpened(msgspec.Struct, frozen=True):
    """A person has it."""

    request: Request


Outcome: TypeAlias = (
    Proved
    | NotProved
    | Locked
    | Refused
    | PageLeft
    | Called
    | CodeSent
    | CodesSpent
    | CodeWrong
    | SignedIn
    | AddressProved
    | SignedOut
    | Remembered
    | DetailsSaved
    | NotSaved
    | MethodEdited
    | RequestOpened
    | Payment
)

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
    number: str = ""  # of the invoice, where it is the signed-in visitor's own; else empty


class Arrived(msgspec.Struct, frozen=True):
    """A chat begins with somebody who is known already: by a remembered browser, or by the page that embeds it."""

    scope: Customer
    name: str
    at: datetime


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


class Answered(msgspec.Struct, frozen=True):
    """A person answered a refund or dispute that was asked for in this chat."""

    request: Request
    at: datetime


class Waited(msgspec.Struct, frozen=True):
    """The channel's patience ended while an effect was under way."""

    at: datetime


Event: TypeAlias = Heard | Pressed | Opened | Arrived | Came | PaymentMoved | Answered | Recalled | Waited

# --- replies: what to say -------------------------------------------------------------------------------------------


class Say(msgspec.Struct, frozen=True):
    """A sentence of ``config/wording`` by its key, and the values it names."""

    key: str
    values: "Mapping[str, Value]" = {}


Value: TypeAlias = str | int | Money | date | datetime | Method | Reason | Say | tuple[Say, ...] | None


class Choice(msgspec.Struct, frozen=True):
    """A button: what it says, and the act it stands for."""

    title: Say
    act: Act


class InvoiceCard(msgspec.Struct, frozen=True, tag="invoice"):
    invoice: Invoice


class ReceiptCard(msgspec.Struct, frozen=True, tag="receipt"):
    payment: Payment


class InvoicesCard(msgspec.Struct, frozen=True, tag="invoices"):
    """A list of invoices as rows."""

    listing: Listing


class DocumentLink(msgspec.Struct, frozen=True):
    """An invoice as a PDF; the runtime makes it a private link, which works for a short time."""

    invoice: str


class CheckoutLink(msgspec.Struct, frozen=True):
    """The hand-off to the hosted page; the runtime makes it a fresh `/go/TOKEN` whenever it is shown."""

    reference: str


class Reply(msgspec.Struct, frozen=True):
    say: Say
    choices: tuple[Choice, ...] = ()
    card: InvoiceCard | InvoicesCard | ReceiptCard | None = None
    link: CheckoutLink | DocumentLink | None = None


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
