"""What happened: the only thing that moves a conversation. Time arrives here."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from dialogs.model.acts import Act
from dialogs.model.outcomes import Outcome
from services.model import Customer, Money, Notice, Payment, Request


class Heard(msgspec.Struct, frozen=True):
    """The customer wrote something, read into acts. ``language``: the one it is plainly written in, if any.

    ``wiped``: it completed a card or bank number that was sent in pieces, so what was told before may be a piece of it.
    """

    acts: tuple[Act, ...]
    at: datetime
    language: str = ""
    wiped: bool = False


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
    """A person answered a refund or dispute that was asked for in this chat; by ``customer``, if they were signed in."""

    request: Request
    at: datetime
    customer: str = ""


class Left(msgspec.Struct, frozen=True):
    """The customer followed the link that moves this conversation: it goes on in the chat ``to``, where ``message`` said so."""

    to: str
    message: str
    at: datetime


class AgentTook(msgspec.Struct, frozen=True, tag="took"):
    """A person speaks from now on; ``agent`` is the name that customers read."""

    handoff: int
    agent: str


class AgentSpoke(msgspec.Struct, frozen=True, tag="spoke"):
    text: str  # redacted
    agent: str


class AgentReturned(msgspec.Struct, frozen=True, tag="returned"):
    """The assistant speaks again, in a chat that stays that person's."""


class AgentProposed(msgspec.Struct, frozen=True, tag="proposed"):
    """A payment is proposed for these invoices (ids, and the numbers printed on them).

    ``system``: by an outside system of this name, which speaks in no chat that is a person's.
    """

    proposal: int
    agent: str
    invoices: tuple[str, ...]
    numbers: tuple[str, ...]
    amount: Money
    reason: str = ""  # redacted
    system: bool = False


class AgentWithdrew(msgspec.Struct, frozen=True, tag="withdrew"):
    """``agent``: who takes it back, where the chat is nobody's."""

    proposal: int
    agent: str = ""


class AgentResolved(msgspec.Struct, frozen=True, tag="resolved"):
    handoff: int


DeskWord: TypeAlias = AgentTook | AgentSpoke | AgentReturned | AgentProposed | AgentWithdrew | AgentResolved


class FromDesk(msgspec.Struct, frozen=True):
    """Somebody at the desk wants something of this conversation. ``errand`` numbers only grow: an earlier one is old."""

    errand: int
    word: DeskWord
    at: datetime


class AutopayTold(msgspec.Struct, frozen=True):
    """There is something to tell a customer of their autopay. ``notice_id`` numbers it: it is told once."""

    notice_id: int
    notice: Notice
    customer: str
    at: datetime


class Waited(msgspec.Struct, frozen=True):
    """The channel's patience ended while an effect was under way."""

    at: datetime


Event: TypeAlias = (
    Heard
    | Pressed
    | Opened
    | Arrived
    | Came
    | PaymentMoved
    | Answered
    | AutopayTold
    | Recalled
    | Left
    | Waited
    | FromDesk
)
