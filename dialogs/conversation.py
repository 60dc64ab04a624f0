"""The conversation as it is stored: who is speaking, what they are doing, and what was asked last.

Losing one loses no money: `payments` are addresses with what was last told of them; the ledger knows the truth.
Stored as JSON by msgspec; fields are only ever added, with a default, so that running talks survive an upgrade.
"""

from datetime import datetime, timedelta
from typing import TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from dialogs.flows.articles import TellArticle
from dialogs.flows.autopay import AlterAutopay, EnrolAutopay, SeeAutopay
from dialogs.flows.details import ChangeDetails, SeeDetails
from dialogs.flows.handoff import CallPerson
from dialogs.flows.invoices import SeeInvoice, SeeInvoices
from dialogs.flows.methods import ChangeMethod, SeeMethods
from dialogs.flows.pay import PayInvoice
from dialogs.flows.receipt import TellReceipt
from dialogs.flows.reminding import SetReminders
from dialogs.flows.requests import AskPerson, SeeRequests
from dialogs.flows.sign_in import LeaveAccount, SignIn, StayHere
from dialogs.flows.status import TellHistory, TellStatus
from dialogs.model import ALWAYS_NOW, Effect, House, Known, LookUp, ProveInvoice, Reply, Sent, Slot, View
from dialogs.wiping import harmless
from services.model import Customer, Invoice, Listing, Money, Payment, Scope, Shown, Stranger

AnyTask: TypeAlias = (
    PayInvoice
    | TellStatus
    | TellHistory
    | CallPerson
    | SignIn
    | LeaveAccount
    | StayHere
    | SeeInvoices
    | SeeInvoice
    | SeeMethods
    | ChangeMethod
    | SeeAutopay
    | EnrolAutopay
    | AlterAutopay
    | SeeDetails
    | ChangeDetails
    | AskPerson
    | SeeRequests
    | TellArticle
    | SetReminders
    | TellReceipt
)

AskingTask: TypeAlias = (
    SignIn | ChangeDetails | ChangeMethod | EnrolAutopay | AlterAutopay | AskPerson | TellReceipt
)  # beside a payment, with questions of their own

TASKS = get_args(AnyTask)
KEPT_FACTS = 6
KEPT_PAYMENTS = 5
KEPT_HUSHED = 20
PROOFS_COUNT_FOR = timedelta(hours=24)  # a wrong try is held against a conversation as long as against an invoice


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """The question on the screen: its slot, the buttons in their order, and the quote it shows, if it shows one."""

    slot: Slot | None = None
    options: tuple[str, ...] = ()
    quote: str = ""  # digest
    total: Money | None = None  # of that quote
    shown: Shown | None = None  # the words beside the button that agrees: written here by the runtime, which has them


class Baggage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What leaves a conversation for another channel: see `dialogs/hops.py`."""

    scope: Scope = Stranger()  # never a customer's
    customer: str = ""  # who was signed in, and has to prove it anew
    tasks: tuple[AnyTask, ...] = ()
    payments: tuple[Payment, ...] = ()  # whose results are told there from now on
    locale: str = "en"
    wrong_proofs: int = 0  # moving gives nobody new tries
    wrong_proof_at: datetime | None = None
    requests: bool = False  # answers of persons go along, too


class Went(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a conversation has gone on; its ``baggage`` until that has arrived there."""

    to: str
    message: str  # which said so there
    key: str  # of the effect that takes it there
    payments: tuple[str, ...] = ()  # all that ever went along from here
    baggage: Baggage | None = None


class Held(msgspec.Struct, frozen=True):
    """A person who has this chat: the number of the handoff, and the name that customers read."""

    handoff: int
    agent: str


class Proposed(msgspec.Struct, frozen=True):
    """What a person at the desk proposed to pay: this sum, of the invoices with these ids."""

    amount: Money
    invoices: tuple[str, ...]

    def fits(self, payment: Payment | None) -> bool:
        """Whether this payment is the one that was proposed."""
        return payment is not None and (payment.amount, set(payment.invoices)) == (self.amount, set(self.invoices))


class Landed(msgspec.Struct, frozen=True):
    """An event: a conversation of another channel goes on in this one. Beside the others only since it holds tasks.

    ``fault``: why not: busy, page, used, expired, same. ``number`` of the invoice, where it is that of who signed in here.
    """

    at: datetime
    link: str = ""  # names the link, and opens nothing
    source: str = ""  # the chat it comes from
    key: str = ""
    baggage: Baggage | None = None  # None: it has arrived before
    number: str = ""
    fault: str = ""


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    chat: str  # channel and address, such as rasa:u1
    epoch: str  # 128 random bits given at birth: no effect key of an earlier life can ever return
    version: int = 0  # committed turns
    locale: str = "en"
    home: str = ""  # address of the page that this chat sits on, if it sits on one
    scope: Scope = Stranger()
    name: str = ""  # of the customer who signed in
    keys: int = 0  # how often the token of this conversation was changed: with every sign-in
    rotated_by: str = (
        ""  # id of the message that changed it last: its answer carries the new token, however often it is asked for
    )
    owner: str = ""  # id of the customer who signed in last, also once they signed out: what is here may be theirs
    read_from: int = 0  # number of the last message that was for somebody who left: the chat's token shows what follows
    dropped: PayInvoice | None = None  # canceled last, as it was told: "undo" brings it back
    hushed: tuple[str, ...] = ()  # payments of somebody who left: of them nothing is told here any more
    answered: tuple[int, ...] = ()  # cases whose answers were told here
    noticed: tuple[int, ...] = ()  # notices of autopay that were told here
    went: Went | None = None  # this conversation goes on elsewhere
    landed: tuple[str, ...] = ()  # keys of what has arrived here from elsewhere
    came_by: str = ""  # names the last pay link, so that the same one is not opened with every message
    tasks: tuple[AnyTask, ...] = ()  # the running one is last; the others wait below it
    asked: Asked | None = None
    known: tuple[Known, ...] = ()
    sent: tuple[Sent, ...] = ()
    payments: tuple[Payment, ...] = ()  # started here, as last told; in the order of their starts
    misses: int = 0
    held: Held | None = None  # a person speaks here, and the assistant is silent
    lent: Held | None = None  # the assistant speaks, in a chat that is a person's
    proposal: int = 0  # ... for this proposal; 0: for as long as they like. One of an outside system lends nothing
    proposed: Proposed | None = None  # what that is of
    heeded: int = 0  # number of the last errand of the desk
    wrong_proofs: int = 0
    wrong_proof_at: datetime | None = None  # the last one
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
        """With this payment as last told. Late news of an old one does not make it the newest."""
        if all(p.reference != payment.reference for p in self.payments):
            return replace(self, payments=(*self.payments, payment)[-KEPT_PAYMENTS:])
        return replace(self, payments=tuple(payment if p.reference == payment.reference else p for p in self.payments))

    def forgetting(self, at: datetime) -> "Conversation":
        """Without what was read before this event. What was read for it stays, or it would be read for ever."""
        return replace(self, known=tuple(known for known in self.known if known.at >= at))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of the invoices that were read or paid here: they are the business's, whatever they look like."""
        facts = [known.fact for known in self.known]
        read = [fact.number for fact in facts if isinstance(fact, Invoice)]
        listed = [invoice.number for fact in facts if isinstance(fact, Listing) for invoice in fact.shown]
        paid = [number for payment in self.payments for number in payment.numbers]
        return tuple(dict.fromkeys((*read, *listed, *paid)))

    @property
    def proofs(self) -> tuple[str, ...]:
        """The zips that were told for an invoice which is proved."""
        if isinstance(self.scope, Stranger):
            return ()
        return tuple(task.proof for task in self.tasks if isinstance(task, PayInvoice) and task.proof)

    def wiped(self, at: datetime) -> "Conversation":
        """Without what was told here, but for what a payment that was agreed to rests on: it may be pieces of a number.

        What was read for this event stays, or it would be read for ever.
        """
        tasks = tuple(task.wiped(self.numbers) for task in self.tasks)
        left = ((each, harmless(each.effect)) for each in self.sent)
        sent = tuple(replace(each, effect=effect) for each, effect in left if effect is not None)
        unheard = sum(isinstance(each.effect, ProveInvoice) for each in self.sent)  # a try all the same
        asked = None if self.asked is None else Asked(self.asked.slot)
        bare = replace(self.forgetting(at), tasks=tasks, sent=sent, asked=asked, dropped=None, went=self._gone_wiped())
        return bare.failed_to_prove(unheard, at)

    def _gone_wiped(self) -> Went | None:
        """What is on its way elsewhere, wiped as well."""
        if self.went is None or self.went.baggage is None:
            return self.went
        tasks = tuple(task.wiped(self.numbers) for task in self.went.baggage.tasks)
        return replace(self.went, baggage=replace(self.went.baggage, tasks=tasks))

    @property
    def quote_shown(self) -> str:
        """The digest of the quote on the screen, or "" when there is none."""
        return self.asked.quote if self.asked else ""

    def unseen(self) -> "Conversation":
        """As for a message sent before the quote on the screen was there: it answers the question, and agrees to nothing."""
        return replace(self, asked=replace(self.asked, quote="", total=None, shown=None)) if self.asked else self

    def failed_to_prove(self, tries: int, at: datetime) -> "Conversation":
        """With so many wrong tries more. A right one in between does not take them back: it may be the guesser's own."""
        return replace(self, wrong_proofs=self._wrong(at) + tries, wrong_proof_at=at) if tries else self

    def _wrong(self, at: datetime) -> int:
        last = self.wrong_proof_at
        return 0 if last is None or at - last >= PROOFS_COUNT_FOR else self.wrong_proofs

    def told(self, payment: Payment) -> bool:
        """Whether this is old news: the same state for the same reason, or an earlier one.

        A fact that came late may have brought a date since, and nothing that is news.
        """
        same = _undated(payment)
        return any(
            _undated(p) == same or (p.reference == payment.reference and p.at > payment.at) for p in self.payments
        )

    def view(self, house: House, at: datetime, agreed: str = "") -> View:
        """What the running task may see."""
        waiting = tuple(sent.effect for sent in self.sent)
        scope = self.scope_at(at)
        shown = (self.asked.shown if self.asked else None) or Shown()
        return View(house, self.chat, scope, at, self.known, waiting, agreed, self._wrong(at), self.payments, shown)

    def scope_at(self, at: datetime) -> Scope:
        """Who speaks: a sign-in that is over makes a stranger of its customer."""
        return Stranger() if isinstance(self.scope, Customer) and at >= self.scope.until else self.scope

    def lean(self) -> "Conversation":
        """Without what is read anew whenever it is asked for: long lists are not carried from turn to turn."""
        return replace(self, known=tuple(each for each in self.known if not isinstance(each.lookup, ALWAYS_NOW)))

    def signed_in(self, scope: Customer, name: str, at: datetime) -> "Conversation":
        """As this customer from now on: the chat's token changes. What was read before was read as somebody else.

        What another customer began here is neither shown nor told to this one.
        """
        mine = self.forgetting(at)
        if self.owner and self.owner != scope.id:
            hushed = (*self.hushed, *(each.reference for each in self.payments))
            tasks = tuple(
                each for each in self.tasks if not (isinstance(each, PayInvoice) and each.payment is not None)
            )
            mine = replace(mine, payments=(), hushed=hushed[-KEPT_HUSHED:], tasks=tasks, dropped=None)
        return replace(mine, scope=scope, name=name, keys=self.keys + 1, owner=scope.id)

    def ran_out(self) -> "Conversation":
        """As a stranger whose sign-in is over. What was told or agreed to in the customer's name ends with it."""
        known = tuple(each for each in self.known if not isinstance(getattr(each.lookup, "scope", None), Customer))
        mine = (
            ChangeDetails,
            SetReminders,
            ChangeMethod,
            EnrolAutopay,
            AlterAutopay,
            AskPerson,
            StayHere,
            LeaveAccount,
        )
        kept = (each for each in self.tasks if not isinstance(each, mine))
        # a payment that nobody agreed to begins anew: the next one at this browser is not to read what was told for it
        tasks = tuple(PayInvoice() if isinstance(each, PayInvoice) and each.payment is None else each for each in kept)
        return replace(self, scope=Stranger(), name="", known=known, tasks=tasks, dropped=None)

    def signed_out(self) -> "Conversation":
        """As a stranger again; payments that were begun here are still told here."""
        bare = replace(self, scope=Stranger(), name="", keys=self.keys + 1, known=(), tasks=(), asked=None, came_by="")
        return replace(bare, dropped=None)


class Turn(msgspec.Struct, frozen=True):
    """What one event makes of a conversation.

    With ``lookups`` it is not a turn yet: look them up and step the same event again on a talk that knows them.
    """

    talk: Conversation
    replies: tuple[Reply, ...] = ()
    effects: tuple[tuple[str, Effect], ...] = ()  # with their keys
    lookups: tuple[LookUp, ...] = ()


def _undated(payment: Payment) -> Payment:
    return replace(payment, happened_at=None, submitted_at=None, expected=None, cleared_at=None)
