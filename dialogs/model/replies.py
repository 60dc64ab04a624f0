"""What is said: sentences by their keys, buttons, cards and links. The words are in ``config/wording``."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

from dialogs.model.acts import Act
from services.model import Invoice, Listing, Method, Money, Payment, Reason


class Say(msgspec.Struct, frozen=True):
    """A sentence of ``config/wording`` by its key, and the values it names."""

    key: str
    values: "Mapping[str, Value]" = {}


class Listed(msgspec.Struct, frozen=True):
    """Several sentences as one value, with ``between`` them, and ``lead`` before the first; nothing when there are none."""

    items: tuple[Say, ...]
    between: str = "\n"
    lead: str = "\n"


Value: TypeAlias = str | int | Money | date | datetime | Method | Reason | Say | Listed | None


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


class ReceiptLink(msgspec.Struct, frozen=True):
    """The receipt of a payment as a page, and from there as a PDF; the runtime makes it the one link that receipt has."""

    reference: str


class HelpLink(msgspec.Struct, frozen=True):
    """A help article as a page of its own."""

    topic: str
    language: str


class CheckoutLink(msgspec.Struct, frozen=True):
    """The hand-off to the hosted page; the runtime makes it a fresh `/go/TOKEN` whenever it is shown."""

    reference: str


class HopLink(msgspec.Struct, frozen=True):
    """Moves this chat to another channel; the runtime makes it a link that works once, for ten minutes.

    ``keys``: how often the chat's own token was changed. A sign-in, which changes it, ends the link.
    """

    chat: str
    keys: int
    channel: Literal["telegram", "web"]


class Reply(msgspec.Struct, frozen=True):
    say: Say
    choices: tuple[Choice, ...] = ()
    card: InvoiceCard | InvoicesCard | ReceiptCard | None = None
    link: CheckoutLink | DocumentLink | ReceiptLink | HelpLink | HopLink | None = None
    agent: str = ""  # who says it, where a person does
    hands_over: bool = False  # from here on a person has the case
    closes: bool = False  # the secure page that was shown before is closed
