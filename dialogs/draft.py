"""A turn in the making, and the few questions about a conversation that both repair and the ladder ask.

Nothing is decided here: what a customer's words do is in `repair.py`, what is said in the end in `engine.py`.
"""

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from dialogs.conversation import AnyTask, AskingTask, Conversation
from dialogs.flows.autopay import AlterAutopay, EnrolAutopay
from dialogs.flows.details import ChangeDetails
from dialogs.flows.methods import ChangeMethod
from dialogs.flows.pay import PayInvoice
from dialogs.flows.receipt import TellReceipt
from dialogs.flows.requests import AskPerson
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import Choice, Effect, Reply, Say, Value
from services.model import Bearer, Invoice, Payment


class Draft(msgspec.Struct, frozen=True):
    """A turn in the making."""

    talk: Conversation
    said: tuple[Reply, ...] = ()
    agreed: str = ""
    rest: bool = False  # nothing more is to be said or asked in this turn
    notes: tuple[Effect, ...] = ()  # written down for the business, and awaited by nobody

    def say(self, key: str, *choices: Choice, **values: Value) -> "Draft":
        return self.reply(Reply(Say(key, values), choices))

    def reply(self, *replies: Reply) -> "Draft":
        return replace(self, said=(*self.said, *replies))

    def task(self, task: AnyTask | None) -> "Draft":
        return replace(self, talk=self.talk.with_task(task))

    def enter(self, task: AnyTask) -> "Draft":
        """With this task above what waits: each kind of wish waits once, so that no conversation grows for ever."""
        waiting = (each for each in self.talk.tasks if isinstance(each, PayInvoice) or type(each) is not type(task))
        return replace(self, talk=replace(self.talk, tasks=(*waiting, task)))

    def only(self, *tasks: AnyTask) -> "Draft":
        return replace(self, talk=replace(self.talk, tasks=tasks))


def paying(talk: Conversation) -> PayInvoice | None:
    """The payment in the making, running or waiting below a digression."""
    return next((task for task in reversed(talk.tasks) if isinstance(task, PayInvoice)), None)


def down_to_pay(talk: Conversation, task: PayInvoice) -> tuple[AnyTask, ...]:
    """The tasks with this one in its place, and nothing above it: who speaks about the payment is back at it."""
    at = [i for i, other in enumerate(talk.tasks) if isinstance(other, PayInvoice)]
    return (*talk.tasks[: at[-1]], task) if at else (*talk.tasks, task)


def case_of(talk: Conversation) -> tuple[str, str, str]:
    """Summary, invoice and payment for the person who takes over."""
    invoice = talk.scope.invoice if isinstance(talk.scope, Bearer) else ""
    return _doing(paying(talk), _number(talk, invoice)), invoice, talk.payments[-1].reference if talk.payments else ""


def _number(talk: Conversation, invoice: str) -> str:
    """What people call an invoice, where it was read here; else its id."""
    read = (known.fact for known in talk.known if isinstance(known.fact, Invoice))
    return next((fact.number for fact in read if fact.id == invoice), invoice)


def _doing(task: PayInvoice | None, invoice: str) -> str:
    if task is None:
        return "nothing yet"
    started = f"payment {task.payment.reference} {task.payment.state}" if task.payment else "not started"
    method = (f"by {task.method}",) if task.method else ()
    return ", ".join((f"invoice {task.number or invoice or 'not named'}", *method, started))


def without_sign_in(draft: Draft) -> Draft:
    """Nobody signs in here: what waited for it is over; a payment goes on with what a stranger or a link can pay."""
    tasks = (task.without_sign_in() for task in draft.talk.tasks if isinstance(task, PayInvoice))
    return draft.only(*tasks)


def is_of(mine: Payment | None, payment: Payment) -> bool:
    """Whether this is news of the payment that a task follows."""
    return mine is not None and mine.reference == payment.reference


Kind = TypeVar("Kind", bound=Side)


def asking(talk: Conversation) -> AskingTask | None:
    """The running task, if it asks questions of its own beside a payment."""
    mine = SignIn | ChangeDetails | ChangeMethod | EnrolAutopay | AlterAutopay | AskPerson | TellReceipt
    return talk.task if isinstance(talk.task, mine) else None


def side(talk: Conversation, kind: type[Kind]) -> Kind | None:
    """The running task, if it is one of this kind beside a payment."""
    return talk.task if isinstance(talk.task, kind) else None
