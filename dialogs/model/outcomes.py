"""What an effect answered. What that makes of a conversation is told in `dialogs/outcomes.py`."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from services.model import Account, Autopay, Details, Methods, Objection, Payment, Request


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
    """The code was right, at that instant. ``accounts`` at the address: usually one. ``until``: how long it counts.

    ``number`` of the invoice whose link was held, where it belongs to the first of them; else empty.
    """

    accounts: tuple[Account, ...]
    at: datetime
    until: datetime
    number: str = ""


class AddressProved(msgspec.Struct, frozen=True):
    """The code was right, which was sent to change an address."""


class SignedOut(msgspec.Struct, frozen=True):
    """The customer is a stranger again."""


class Remembered(msgspec.Struct, frozen=True):
    """The browser of this chat counts until then; ``proved_at`` stays what it was."""

    until: datetime


class DetailsSaved(msgspec.Struct, frozen=True):
    """The books have taken the change; the details as they stand now."""

    details: Details


class NotSaved(msgspec.Struct, frozen=True):
    """The books do not take it, or nobody of that name is there any more. Nothing was changed."""


class MethodEdited(msgspec.Struct, frozen=True):
    """The saved methods as they stand now."""

    methods: Methods


class AutopaySet(msgspec.Struct, frozen=True):
    """What there is of the customer's autopay now."""

    autopay: Autopay


class RequestOpened(msgspec.Struct, frozen=True):
    """A person has it."""

    request: Request


class ReceiptSent(msgspec.Struct, frozen=True):
    """The receipt is on its way to the address on file."""


class Noted(msgspec.Struct, frozen=True):
    """Written down for the business; nothing in the conversation waits for it."""


class Carried(msgspec.Struct, frozen=True):
    """What left this conversation has arrived where it goes on."""


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
    | AutopaySet
    | RequestOpened
    | ReceiptSent
    | Noted
    | Carried
    | Payment
)
