"""The conversation as it is stored: who is speaking, what they are doing, and what was asked last.

Losing one loses no money: `payments` are addresses with what was last told of them; the ledger knows the truth.
Stored as JSON by msgspec; fields are only ever added, with a default, so that running talks survive an upgrade.
"""

from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from dialogs.flows.handoff import CallPerson
from dialogs.flows.pay import PayInvoice
from dialogs.flows.status import TellStatus
from dialogs.model import Effect, House, Known, LookUp, Reply, Sent, Slot, View
from services.model import Payment, Scope, Stranger

AnyTask: TypeAlias = PayInvoice | TellStatus | CallPerson

KEPT_FACTS = 6
KEPT_PAYMENTS = 5


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """The question on the screen: its slot, the buttons in their order, and the quote it shows, if it shows one."""

    slot: Slot | None = None
    options: tuple[str, ...] = ()
    quote: str = ""  # digest


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    chat: str  # channel and address, such as rasa:u1
    epoch: str  # 128 random bits given at birth: no effect key of an earlier life can ever return
    version: int = 0  # committed turns
    seq: int = 0  # the last message's number
    locale: str = "en"
    scope: Scope = Stranger()
    tasks: tuple[AnyTask, ...] = ()  # the running one is last; the others wait below it
    asked: Asked | None = None
    known: tuple[Known, ...] = ()
    sent: tuple[Sent, ...] = ()
    payments: tuple[Payment, ...] = ()  # started here, as last told; newest last
    misses: int = 0
    wrong_proofs: int = 0
    heard_at: datetime | None = None

    @property
    def task(self) -> AnyTask | None:
        return self.tasks[-1] if self.tasks else None

    def with_task(self, task: AnyTask | None) -> "Conversation":
        """The running task replaced, or ended with None."""
        rest = self.tasks[:-1]
        return replace(self, tasks=(*rest, task) if task is not None else rest)

    def knowing(self, found: tuple[Known, ...]) -> "Conversation":
        """With these answers, each in place of an older one to the same look-up."""
        answered = {known.lookup for known in found}
        kept = tuple(known for known in self.known if known.lookup not in answered)
        return replace(self, known=(*kept, *found)[-KEPT_FACTS:])

    def telling(self, payment: Payment) -> "Conversation":
        """With this payment as last told."""
        others = tuple(p for p in self.payments if p.reference != payment.reference)
        return replace(self, payments=(*others, payment)[-KEPT_PAYMENTS:])

    def told(self, payment: Payment) -> bool:
        """Whether this is old news: the same state for the same reason, or an earlier one."""
        return any(p == payment or (p.reference == payment.reference and p.at > payment.at) for p in self.payments)

    def view(self, house: House, at: datetime, agreed: str = "") -> View:
        """What the running task may see."""
        waiting = tuple(sent.effect for sent in self.sent)
        return View(house, self.chat, self.scope, at, self.known, waiting, agreed, self.wrong_proofs, self.payments)


class Turn(msgspec.Struct, frozen=True):
    """What one event makes of a conversation.

    With ``lookups`` it is not a turn yet: look them up and step the same event again on a talk that knows them.
    """

    talk: Conversation
    replies: tuple[Reply, ...] = ()
    effects: tuple[tuple[str, Effect], ...] = ()  # with their keys
    lookups: tuple[LookUp, ...] = ()
