"""What a customer did by speaking or pressing. Which words mean which act is for `dialogs/reading/`."""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from services.model import Filter, Method, Money, Spread


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
    DAYS = "days"  # before the due date, in autopay
    SURE = "sure"  # whether something other than a quote is right so


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

    slot: Slot
    key: str


class Show(msgspec.Struct, frozen=True):
    """Invoices are asked for: these of them."""

    filter: Filter = Filter()


class See(msgspec.Struct, frozen=True):
    """One invoice is to be shown with its lines: by the key of its button or its number; neither: the one in question."""

    key: str = ""
    number: str = ""


class GetReceipt(msgspec.Struct, frozen=True):
    """A receipt is wanted: of the payment whose button has this key, of one on this invoice, or of the one that is meant.

    ``mail``: by e-mail, and not only to look at.
    """

    key: str = ""
    number: str = ""
    mail: bool = False


class Choose(msgspec.Struct, frozen=True):
    """Invoices are named to be paid together, by the keys of their buttons or by their numbers; none: all of them."""

    keys: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


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
        "several",  # choose invoices one by one
        "enough",  # ... and these are all
        "methods",
        "autopay",  # set up or seen
        "autopay_change",
        "autopay_pause",
        "autopay_resume",
        "autopay_leave",
        "details",
        "sign_in",
        "sign_out",
        "sign_out_everywhere",
        "remember",
        "send_again",  # another code
        "fix_zip",  # after a decline because of it
        "verify",  # how micro-deposits go
        "receipt",
        "why",  # what is asked is refused, or its reason is wanted
        "small_talk",
        "unknown",
        "moment",
        "language",
        "unreadable",
        "edited",
        "rude",
        "complain",  # about the business: a person is asked to hear it
        "undo",  # of a cancellation
        "remind",  # of open invoices, from now on
        "stop_reminders",
        "later",  # paying on another day
        "failed",  # a payment that did not go through
        "english",  # the language of this chat
        "spanish",
        "to_telegram",  # go on there
        "to_web",
        "back",  # ... and here again
    ]


class Wonder(msgspec.Struct, frozen=True):
    """A question that a help article answers, by the article's topic."""

    topic: str


class Rate(msgspec.Struct, frozen=True):
    """The button under a help article: whether it answered the question."""

    topic: str
    helped: bool


class Guess(msgspec.Struct, frozen=True):
    """What may be meant, the likelier first, by the intents of the model; it is asked about, and nothing of it is done."""

    intents: tuple[str, ...]


class Unanswered(msgspec.Struct, frozen=True):
    """A question that nothing here answers. ``text`` is redacted, and kept for whoever writes the help articles."""

    text: str
    language: str


class Sure(msgspec.Struct, frozen=True):
    """The button that says yes to a question other than a quote; ``key`` names the question, so that it answers no other."""

    key: str


class New(msgspec.Struct, frozen=True):
    """No saved method: one that is typed on the secure page; of this kind, if it was said."""

    method: Method | None = None


class Edit(msgspec.Struct, frozen=True):
    """A button on one saved method, by its key."""

    what: Literal["remove", "favorite", "nickname"]
    key: str


class Agree(msgspec.Struct, frozen=True):
    """The button that approves one quote, by its digest."""

    digest: str


class Stars(msgspec.Struct, frozen=True):
    """How it was to talk to a person, 1 to 5."""

    handoff: int
    stars: int


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
    OFF_TOPIC = "off_topic"  # plainly about something else
    UNCLEAR = "unclear"


Act: TypeAlias = (
    Tell
    | Want
    | Agree
    | Change
    | Pick
    | Show
    | See
    | GetReceipt
    | Choose
    | Named
    | New
    | Edit
    | Sure
    | Wonder
    | Rate
    | Guess
    | Unanswered
    | Stars
    | Simple
)
