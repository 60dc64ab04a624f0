"""What a task wants next, and what it may see while it decides."""

from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import msgspec

from dialogs.model.acts import Slot
from dialogs.model.effects import Effect
from dialogs.model.house import House
from dialogs.model.look_ups import (
    AutopayOf,
    Fact,
    InvoicesOf,
    Known,
    LookUp,
    MethodsOf,
    OneInvoice,
    OwnInvoice,
    PaymentNow,
    PaymentsOf,
    RequestsOf,
    SheetOf,
    Unreachable,
)
from dialogs.model.replies import Reply, Say
from services.model import Payment, Quote, Scope, Shown


class Ask(msgspec.Struct, frozen=True):
    """A question for one slot; ``because`` is said before it."""

    slot: Slot
    reply: Reply
    because: Say | None = None
    again: Say | None = None  # a shorter way to ask it once more, after something else was told in between


class Confirm(msgspec.Struct, frozen=True):
    """Show this quote and ask for a yes to exactly it."""

    quote: Quote
    reply: Reply


class Await(msgspec.Struct, frozen=True):
    """Nothing to ask: something is under way. ``reply`` says what, when the customer speaks meanwhile."""

    reply: Reply


class Done(msgspec.Struct, frozen=True):
    """The task is over, with these words. The task below it speaks next, unless this one asks for ``rest``.

    ``in_vain``: what it was entered for cannot be had, so that whoever waits for that is over, too.
    """

    reply: Reply | None = None
    rest: bool = False
    in_vain: bool = False
    payment: Payment | None = None  # whose state these words tell


class Enter(msgspec.Struct, frozen=True):
    """Another task first, then this one again; or, with ``back=False``, instead of this one."""

    task: "Task"
    back: bool = True


Move: TypeAlias = Ask | Confirm | Await | Done | Enter | LookUp | Effect


# Read for the event that asks for them, and not kept: they are long, or are asked for because they may have changed.
ALWAYS_NOW = (PaymentNow, InvoicesOf, PaymentsOf, RequestsOf, SheetOf, AutopayOf)


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
    shown: Shown = Shown()  # the words beside the button that agrees, as they are on the screen

    @property
    def can_sign_in(self) -> bool:
        """Whether a customer can sign in here: only where nobody else can speak in this chat's name."""
        return self.chat.partition(":")[0] in self.house.sign_in

    @property
    def can_remember(self) -> bool:
        """Whether the browser of this chat can be remembered."""
        return self.chat.partition(":")[0] in self.house.remember

    def get(self, lookup: LookUp) -> Fact | None:
        """The answer to this look-up if it is fresh. After a yes, an invoice or saved method is fresh only if read since.

        Who asks about a payment or a list means now; and that something was out of reach is never worth remembering.
        """
        for known in self.known:
            if known.lookup == lookup:
                strict = isinstance(lookup, ALWAYS_NOW) or isinstance(known.fact, Unreachable)
                strict = strict or (bool(self.agreed) and isinstance(lookup, OneInvoice | OwnInvoice | MethodsOf))
                oldest = self.at if strict else self.at - timedelta(seconds=self.house.fresh_seconds)
                return known.fact if known.at >= oldest else None
        return None


class Task(Protocol):
    """A frame of slots and a ladder. There is no other 'where we are'."""

    def next(self, view: View) -> Move:
        """The first thing still missing."""
