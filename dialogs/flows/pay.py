"""Paying one invoice, from "which one?" to its result.

The ladder asks for the first thing still missing, so what was already said is never asked again, and a correction at
any time simply makes something missing. Once a payment has been started nothing is a correction: the open page is
closed first, and only the gateway's word that it is closed makes room for another.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from dialogs.flows.handoff import CallPerson
from dialogs.flows.status import AGAIN, CANCEL, PAY, describe, news, of_invoice, page_open
from dialogs.model import (
    Absent,
    Agree,
    Ask,
    Await,
    BillingOf,
    Change,
    Choice,
    CloseCheckout,
    CloseLeftPage,
    Confirm,
    Done,
    Enter,
    House,
    InvoiceCard,
    Move,
    OneInvoice,
    ProveInvoice,
    Reply,
    ResumePayment,
    Say,
    Share,
    Slot,
    StartPayment,
    Tell,
    Telling,
    Value,
    View,
    Want,
)
from services.model import (
    Bearer,
    Billing,
    Invoice,
    Line,
    Method,
    Money,
    Objection,
    Payment,
    PaymentState,
    Quote,
    Scope,
    objection,
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
                return replace(told, method=method)
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
        return replace(told, number="", rejected=()) if slot is Slot.INVOICE else told

    def keep(self, asked: Slot | None) -> "PayInvoice | None":
        """With what was asked for left as it was: a sum that cannot be is forgotten. None when it has to be told."""
        if self.revise is not None:
            return replace(self, revise=None)
        return replace(self, amount=None) if asked is Slot.AMOUNT else None

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
            return next((e.quote.lines[0] for e in view.waiting if isinstance(e, StartPayment)), None)
        if not self.running or self.payment.state is PaymentState.UNKNOWN:
            return None
        return Line(self.payment.invoices[0], self.payment.numbers[0], "", self.payment.amount)

    def about(self, number: str, view: View) -> "PayInvoice":
        """About the invoice of this number. What was said of another does not carry over, except how to pay."""
        if _is_own(number, view):
            return replace(self, number="", revise=None)
        same = bool(self.number) and same_number(number, self.number)
        first = not self.number and self.payment is None and not isinstance(view.scope, Bearer)
        return replace(self, number=number, amount=self.amount if same or first else None, revise=None)

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
        if starting(view):
            return Await(Reply(Say(f"stopping_{self.leaving}" if self.leaving else "preparing")))
        if self.payment is not None:
            return self._follow(self.payment)
        found = self._find(view)
        if not isinstance(found, Invoice):
            return found
        if self.here:
            return CloseLeftPage(view.scope, found.id)
        if problem := standing(found, view.house.rules):
            return Done(describe(found, problem, view.at.date()))
        return self._terms(found, view)

    def _follow(self, payment: Payment) -> Move:
        """A payment was started: the page is open, or there is a result to tell."""
        match payment.state:
            case PaymentState.OPEN if self.leaving:
                return CloseCheckout(payment.reference)
            case PaymentState.OPEN:
                return Await(page_open(payment))
            case PaymentState.CREATED | PaymentState.CONFIRMED:
                # a conversation that was lost has lost its start too; the ledger has not
                return CloseCheckout(payment.reference) if self.leaving else ResumePayment(payment.reference)
            case PaymentState.SUBMITTING | PaymentState.UNKNOWN:
                return Await(news(payment))
            case state if state in _GONE and self.leaving == "drop":
                return Done(Reply(Say("canceled"), choices=(PAY,)))
            case state if state in _GONE and self.leaving == "restart":
                return Enter(PayInvoice(), back=False)
            case _:
                return Done(news(payment), payment=payment)

    def _find(self, view: View) -> Invoice | Move:
        """The invoice meant, if this visitor may see it."""
        if isinstance(view.scope, Bearer) and self.revise is not Slot.INVOICE:
            lookup = OneInvoice(view.scope, view.scope.invoice)
            match view.get(lookup):
                case None:
                    return lookup
                case Invoice() as invoice if not self.number or same_number(self.number, invoice.number):
                    return invoice
                case Invoice():
                    pass  # another one than the link's: it needs a proof of its own
                case Absent():
                    return Done(Reply(Say("invoice_gone")))
                case _:
                    return Await(Reply(Say("books_unreachable"), choices=(AGAIN,)))
        return self._prove(view)

    def _prove(self, view: View) -> Move:
        if view.wrong_proofs >= view.house.proofs:
            return Enter(
                CallPerson("lookup_locked", f"wrong invoice number or zip {view.wrong_proofs} times"), back=False
            )
        if not self.number:
            return Ask(Slot.INVOICE, Reply(Say("ask_invoice")))
        if not self.proof:
            return Ask(Slot.PROOF, Reply(Say("ask_proof", {"number": self.number})))
        if self.rejected == (self.number, self.proof):
            return Ask(Slot.PROOF, Reply(Say("ask_again_proof", {"number": self.number})))
        return ProveInvoice(self.number, self.proof)

    def _terms(self, invoice: Invoice, view: View) -> Move:
        """Method, amount, name and zip; then the quote."""
        amount = self._amount(invoice, view)
        if not isinstance(amount, Money):
            return amount
        offered = view.house.rules.methods_for(invoice.due.currency)
        method = offered[0] if self.method is None and len(offered) == 1 else self.method
        if method is None or method not in offered or self.revise is Slot.METHOD:
            return self._ask_method(invoice, amount, offered, view)
        billing = self._billing(invoice, view)
        if not isinstance(billing, Billing):
            return billing
        line = Line(invoice.id, invoice.number, invoice.version, amount)
        quote = Quote(
            (line,), method, self.name or ("" if billing.masked else billing.name), self.zip or self._zip(billing)
        )
        if view.agreed and view.agreed == quote.digest():
            return StartPayment(view.scope, quote)
        return Confirm(quote, self._show(quote, billing, invoice, view))

    def _ask_method(self, invoice: Invoice, amount: Money, offered: tuple[Method, ...], view: View) -> Move:
        values = {**of_invoice(invoice, view.at.date()), "amount": amount}
        because = Say(f"method_not_taken_{self.method}", values) if self.method and self.method not in offered else None
        choices = tuple(Choice(Say(f"button_{method}"), Tell(Slot.METHOD, method)) for method in offered)
        if _in_parts(invoice, view) and self.amount is None and self.revise is None:
            choices += (Choice(Say("button_other_amount"), Change(Slot.AMOUNT)),)
        key = "ask_method" if self.amount is None else "ask_method_only"
        return Ask(Slot.METHOD, Reply(Say(key, values), choices, InvoiceCard(invoice)), because)

    def _amount(self, invoice: Invoice, view: View) -> Money | Move:
        rules, payable = view.house.rules, invoice.payable
        least = Money(min(rules.minimum_minor, payable.minor), payable.currency)
        match self.amount:
            case None | Share.ALL:
                amount = payable
            case Share.HALF:
                amount = Money((payable.minor + 1) // 2, payable.currency)
            case Share.MINIMUM:
                amount = least if rules.partial else payable
            case Money() as amount:
                pass
        values = {**of_invoice(invoice, view.at.date()), "amount": amount, "minimum": least}
        problem = objection(invoice, amount, rules)
        if problem is None and self.revise is not Slot.AMOUNT:
            return amount
        choices = (Choice(Say("button_full", {"amount": payable}), Tell(Slot.AMOUNT, Share.ALL)),)
        key = "ask_amount" if rules.partial else "ask_amount_full"
        return Ask(Slot.AMOUNT, Reply(Say(key, values), choices), Say(problem, values) if problem else None)

    def _billing(self, invoice: Invoice, view: View) -> Billing | Move:
        lookup = BillingOf(view.scope, invoice.id)
        fact = view.get(lookup)
        if fact is None:
            return lookup
        billing = fact if isinstance(fact, Billing) else Billing()
        if self.revise is Slot.NAME or not (self.name or billing.name):
            return Ask(Slot.NAME, Reply(Say("ask_name")))
        if self.revise is Slot.ZIP or not (self.zip or self._zip(billing)):
            return Ask(Slot.ZIP, Reply(Say("ask_zip")))
        return billing

    def _zip(self, billing: Billing) -> str:
        """The zip on file; a masked one only as far as the visitor proved to know it."""
        return self.proof if billing.masked else billing.zip

    def _show(self, quote: Quote, billing: Billing, invoice: Invoice, view: View) -> Reply:
        offered = view.house.rules.methods_for(invoice.due.currency)
        values: dict[str, Value] = {
            "amount": quote.total,
            "number": quote.lines[0].number,
            "method": quote.method,
            "name": quote.name or billing.name,
            "zip": quote.zip or billing.zip,
            "business": view.house.name,
        }
        choices = [Choice(Say("button_agree", {"amount": quote.total}), Agree(quote.digest()))]
        if _in_parts(invoice, view):
            choices.append(Choice(Say("button_change_amount"), Change(Slot.AMOUNT)))
        choices += [
            Choice(Say("button_change_name"), Change(Slot.NAME)),
            Choice(Say("button_change_zip"), Change(Slot.ZIP)),
        ]
        choices += [Choice(Say(f"button_{m}_instead"), Tell(Slot.METHOD, m)) for m in offered if m is not quote.method]
        return Reply(Say(f"confirm_{quote.method}", values), (*choices, CANCEL))


def may_close_left_page(scope: Scope) -> bool:
    """Whether this visitor may close a page that another chat left open: the holder of the invoice's own link may."""
    return isinstance(scope, Bearer) and scope.proof == "link"


def starting(view: View) -> bool:
    """Whether a payment that was agreed to is being started just now."""
    return any(isinstance(effect, StartPayment) for effect in view.waiting)


def _in_parts(invoice: Invoice, view: View) -> bool:
    """Whether there is any amount to choose."""
    return view.house.rules.partial and invoice.payable.minor > view.house.rules.minimum_minor


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
