"""Paying one invoice or several, from "which one?" to the result: what is told, and where a started payment is.

The ladder asks for the first thing still missing, so what was already said is never asked again, and a correction at
any time simply makes something missing. Which invoices are meant is found in `which`, method, sum and quote in `terms`. Once
a payment has been started nothing is a correction: the open page is closed first, and only the gateway's word that it
is closed makes room for another.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec.structs import replace

from dialogs.flows.offers import PAY
from dialogs.flows.status import describe, news, page_open
from dialogs.flows.terms import offer
from dialogs.flows.which import Bill, find
from dialogs.model import (
    Await,
    Choice,
    Choose,
    CloseCheckout,
    CloseLeftPage,
    Done,
    Effect,
    Enter,
    House,
    Move,
    Named,
    New,
    Reply,
    ResumePayment,
    Say,
    Share,
    Slot,
    StartPayment,
    Telling,
    View,
    Want,
)
from services.model import (
    Bearer,
    Invoice,
    Line,
    Method,
    Money,
    Objection,
    Payment,
    PaymentState,
    Quote,
    Reason,
    Scope,
    Spread,
    is_one_of,
    same_number,
    standing,
)

_GONE = (PaymentState.FAILED, PaymentState.CANCELED)
_RUNNING = (
    PaymentState.CREATED,
    PaymentState.CONFIRMED,
    PaymentState.OPEN,
    PaymentState.SUBMITTING,
    PaymentState.UNKNOWN,
)


HERE = Choice(Say("button_here"), Want("here"))


class PayInvoice(msgspec.Struct, frozen=True, omit_defaults=True, tag="pay"):
    number: str = ""  # told by the customer
    proof: str = ""  # the billing zip told with it
    method: Method | None = None
    amount: Money | Share | None = None  # None: all that can be paid
    name: str = ""  # told for this payment; empty: as on file
    zip: str = ""
    revise: Slot | None = None  # asked to be changed, and not told yet
    rejected: tuple[str, ...] = ()  # the number and zip that did not fit
    payment: Payment | None = None  # started: as last heard
    leaving: Literal["", "change", "drop", "restart"] = ""  # why the open page is to be closed
    here: bool = False  # a page that another chat left open is to be closed first
    picked: tuple[str, ...] = ()  # keys of the customer's own invoices, in the order in which they were chosen
    numbers: tuple[str, ...] = ()  # ... and their numbers, as far as they were told so
    whole: bool = False  # all that can be paid together
    choosing: bool = False  # they are picked one by one, until these are all
    spread: Spread | None = None  # how a sum is laid over them; None: as the business has it
    named: Named | None = None  # a saved method, as it was told
    saved: str = ""  # ... or by its button
    proposal: int = 0  # of a person at the desk, which this is
    typed: bool = False  # no saved method: the number is typed on the secure page

    @property
    def running(self) -> bool:
        """Whether its payment has no result yet."""
        return self.payment is not None and self.payment.state in _RUNNING

    # --- what a customer does to it ------------------------------------------------------------------------------

    def tell(self, slot: Slot, value: Telling, view: View) -> "PayInvoice":
        """With one slot told. What an open page was made for cannot change under it: that page has to go."""
        if not self.leaving and self._is_agreed(slot, value, view):
            return self  # said once more, or pressed twice: no reason to close the page
        told = self._touched("change", view)
        if slot is self.revise:
            told = replace(told, revise=None)
        match slot, value:
            case Slot.INVOICE, str(number):
                return told.about(number, view)
            case Slot.PROOF, str(code):
                return replace(told, proof=code)
            case Slot.METHOD, Method() as method:
                return replace(told, method=method, saved="", named=None)
            case Slot.SPREAD, Spread() as spread:
                return replace(told, spread=spread)
            case Slot.AMOUNT, Money() | Share() as amount:
                return replace(told, amount=amount)
            case Slot.NAME, str(name):
                return replace(told, name=name)
            case Slot.ZIP, str(code):
                return replace(told, zip=code, proof=code)
            case _:
                return self

    def change(self, slot: Slot, view: View) -> "PayInvoice":
        """With one slot to be asked for again."""
        told = replace(self._touched("change", view), revise=slot)
        if slot is Slot.INVOICE:
            return replace(told, number="", rejected=(), picked=(), numbers=(), whole=False)
        return replace(told, saved="", named=None, typed=False) if slot is Slot.METHOD else told

    def pick(self, key: str, view: View) -> "PayInvoice":
        """With one of the customer's invoices chosen by its button: one more of them, or the only one."""
        told = replace(self._touched("change", view), number="", numbers=(), whole=False)
        if not self.choosing:
            return replace(told, picked=(key,), amount=None if self.picked else self.amount, revise=None)
        picked = tuple(each for each in self.picked if each != key)  # pressed again: left out again
        return replace(told, picked=picked if key in self.picked else (*picked, key))

    def choose(self, named: Choose, view: View) -> "PayInvoice":
        """With the invoices that are to be paid together; named none: all of them."""
        told = replace(self._touched("change", view), number="", revise=None, choosing=False, amount=self.amount)
        whole = not (named.keys or named.numbers)
        return replace(told, whole=whole, picked=named.keys, numbers=named.numbers)

    def one_by_one(self, view: View, *, more: bool) -> "PayInvoice":
        """Several are chosen one by one: from now on, or these are all."""
        told = self._touched("change", view)
        if more:
            return replace(told, choosing=True, whole=False, number="", numbers=(), revise=None)
        return replace(told, choosing=False, whole=not self.picked)

    def use(self, method: Named | New | str, view: View) -> "PayInvoice":
        """With a saved method by its words or its key, or with a new one that is typed on the secure page."""
        if isinstance(method, New) and self._is_typed_there(method.method):
            return self  # another card goes on the very page that is open
        told = replace(self._touched("change", view), named=None, saved="", typed=False, revise=None)
        match method:
            case New(kind):
                return replace(told, typed=True, method=kind or self.method)
            case Named():
                return replace(told, named=method, method=None)
            case _:
                return replace(told, saved=method, method=None)

    def _is_typed_there(self, kind: Method | None) -> bool:
        """Whether the open page takes a method of this kind, typed."""
        payment = self.payment
        open_ = payment is not None and payment.state is PaymentState.OPEN and not payment.saved and not self.leaving
        return payment is not None and open_ and kind in (None, payment.method)

    def mine(self, number: str) -> "PayInvoice":
        """After signing in: the invoice of the pay link is one of the customer's own from now on."""
        own = bool(number) and not (self.number or self.picked or self.numbers or self.whole)
        return replace(self, number=number, proof="") if own else self

    def without_sign_in(self) -> "PayInvoice":
        """Without what only a signed-in customer can have."""
        return replace(self, named=None, saved="", whole=False, numbers=(), choosing=False, picked=())

    def keep(self, asked: Slot | None) -> "PayInvoice | None":
        """With what was asked for left as it was: a sum that cannot be is forgotten. None when it has to be told."""
        if self.revise is not None:
            return replace(self, revise=None)
        return replace(self, amount=None) if asked is Slot.AMOUNT else None

    def wiped(self, numbers: tuple[str, ...]) -> "PayInvoice":
        """Without what was told and may be a piece of a card number; ``numbers`` of invoices that are known here stay.

        How to pay stays, and so does a payment that was started, with its page.
        """
        number = self.number if is_one_of(self.number, numbers) else ""
        named = tuple(each for each in self.numbers if is_one_of(each, numbers))
        amount = self.amount if isinstance(self.amount, Share) else None
        bare = replace(self, number=number, numbers=named, amount=amount, proof="", name="", zip="", rejected=())
        return replace(bare, named=None)

    def drop(self, view: View) -> "PayInvoice | None":
        """Canceled: None when nothing was started, or itself, to close the open page first."""
        dropped = self._touched("drop", view)
        return dropped if dropped.leaving else None

    def proved(self) -> "PayInvoice":
        """With its invoice proved: from now on it is the one that the visitor's scope names."""
        return replace(self, number="", rejected=())

    def not_proved(self, number: str, proof: str) -> "PayInvoice":
        """With a pair of number and zip that does not fit: not to be tried again."""
        return replace(self, rejected=(number, proof))

    def moved(self, payment: Payment) -> "PayInvoice":
        """With news of its payment. A page that is closed because of a change makes room for the next quote."""
        if self.payment is None or self.payment.reference != payment.reference:
            return self  # of a page that has made room already
        gone = payment.state in _GONE
        if gone and self.leaving == "change":
            return replace(self, payment=None, leaving="")
        return replace(self, payment=payment)

    def refused(self) -> "PayInvoice | None":
        """With its start refused: nothing is open, so whatever was to be closed is gone."""
        match self.leaving:
            case "drop":
                return None
            case "restart":
                return PayInvoice()
            case _:
                return replace(self, payment=None, leaving="")

    def under_way(self, view: View) -> Line | None:
        """The invoice and sum of the page that is open, or is being made just now."""
        if self.payment is None:
            return next((_whole(e.quote) for e in view.waiting if isinstance(e, StartPayment)), None)
        if not self.running or self.payment.state is PaymentState.UNKNOWN:
            return None
        paid = self.payment.amount - self.payment.fee
        return Line(self.payment.invoices[0], self.payment.numbers[0], "", paid)

    def about(self, number: str, view: View) -> "PayInvoice":
        """About the invoice of this number. What was said of another does not carry over, except how to pay."""
        if _is_own(number, view):
            return replace(self, number="", revise=None)
        same = bool(self.number) and same_number(number, self.number)
        first = not (self.number or self.picked) and self.payment is None and not isinstance(view.scope, Bearer)
        about = replace(self, number=number, amount=self.amount if same or first else None, revise=None)
        return replace(about, picked=(), numbers=(), whole=False, choosing=False)

    def _is_agreed(self, slot: Slot, value: Telling, view: View) -> bool:
        """Whether this is what the page under way was made for."""
        line = self.under_way(view)
        if line is None:
            return False
        match slot, value:
            case Slot.INVOICE, str(number):
                return same_number(number, line.number)
            case Slot.AMOUNT, amount:
                return amount == line.amount
            case Slot.METHOD, method:
                return method == (self.payment.method if self.payment else self.method)
            case Slot.NAME, name:
                return name == self.name
            case Slot.ZIP | Slot.PROOF, code:
                return code == (self.zip or self.proof)
            case _:
                return False

    def _touched(self, how: Literal["change", "drop"], view: View) -> "PayInvoice":
        busy = self.payment is not None or starting(view)
        return replace(self, leaving=how) if busy else self

    # --- the ladder ----------------------------------------------------------------------------------------------

    def next(self, view: View) -> Move:
        if charging(view.waiting):  # at once, on no page: whether it can still be stopped is not known
            return Await(Reply(Say("perhaps_too_late" if self.leaving else "charging")))
        if starting(view):
            return Await(Reply(Say(f"stopping_{self.leaving}" if self.leaving else "preparing")))
        if self.payment is not None:
            return self._follow(self.payment)
        bill = find(self, view)
        if not isinstance(bill, Bill):
            return bill
        if self.here:
            return CloseLeftPage(view.scope, bill.first.id)
        if bill.single and (problem := standing(bill.first, view.house.rules)):
            return Done(describe(bill.first, problem, view.at.date()))
        return offer(self, bill, view)

    def _follow(self, payment: Payment) -> Move:
        """A payment was started: the page is open, or there is a result to tell."""
        match payment.state:
            case PaymentState.OPEN if self.leaving:
                return CloseCheckout(payment.reference)
            case PaymentState.OPEN:
                # nothing is to be typed there: what came of the saved method, or what the page waits for, is the news
                told = payment.saved or payment.reason is Reason.MICRO_DEPOSITS
                return Await(news(payment) if told else page_open(payment))
            case PaymentState.CREATED | PaymentState.CONFIRMED | PaymentState.SUBMITTING:
                # a conversation that was lost has lost its start too; the ledger has not
                return CloseCheckout(payment.reference) if self.leaving else ResumePayment(payment.reference)
            case PaymentState.UNKNOWN:
                return Await(news(payment))
            case state if state in _GONE and self.leaving == "drop":
                return Done(Reply(Say("canceled"), choices=(PAY,), closes=True))
            case state if state in _GONE and self.leaving == "restart":
                return Enter(PayInvoice(), back=False)
            case _:
                return Done(news(payment), payment=payment)


def may_close_left_page(scope: Scope) -> bool:
    """Whether this visitor may close a page that another chat left open: the holder of the invoice's own link may."""
    return isinstance(scope, Bearer) and scope.proof == "link"


def starting(view: View) -> bool:
    """Whether a payment that was agreed to is being started just now."""
    return any(isinstance(effect, StartPayment) for effect in view.waiting)


def charging(waiting: Iterable[Effect]) -> bool:
    """Whether a saved method is being charged just now."""
    return any(isinstance(effect, StartPayment) and effect.quote.saved for effect in waiting)


def _whole(quote: Quote) -> Line:
    """A quote as if it had one invoice: what a customer who says it once more would repeat."""
    return replace(quote.lines[0], amount=quote.due)


def _is_own(number: str, view: View) -> bool:
    """Whether this is the number of the invoice that the visitor's scope names, as far as it was read here."""
    if not isinstance(view.scope, Bearer):
        return False
    own = view.scope.invoice
    facts = (known.fact for known in view.known)
    return any(isinstance(fact, Invoice) and fact.id == own and same_number(number, fact.number) for fact in facts)


def refusal(problem: Objection, number: str, house: House) -> Say:
    """Why a payment that was agreed to was not started."""
    return Say(f"refused_{problem}", {"number": number, "business": house.name, "phone": house.phone})
