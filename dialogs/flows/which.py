"""Which invoices are to be paid: the one of the pay link, one that number and zip prove, or the customer's own.

Answers with a `Bill`, or with the move that is still missing. How they are paid is told in `terms`.
"""

from typing import TYPE_CHECKING

import msgspec

from dialogs.flows.handoff import CallPerson
from dialogs.flows.lists import rows
from dialogs.flows.offers import AGAIN, ALL_OF_THEM, ENOUGH, PERSON, SEVERAL, SHOW_ALL, SIGN_IN
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    Absent,
    Ask,
    Await,
    Choice,
    Done,
    Enter,
    InvoicesOf,
    Move,
    OneInvoice,
    OwnInvoice,
    Pick,
    ProveInvoice,
    Reply,
    Say,
    Slot,
    Value,
    View,
)
from services.model import (
    Bearer,
    Customer,
    Filter,
    Invoice,
    Listing,
    Money,
    Stranger,
    payable_together,
    same_number,
)

if TYPE_CHECKING:
    from dialogs.flows.pay import PayInvoice

PAYABLE = Filter(payable=True)
MOST_BUTTONS = 6  # invoices with a button of their own; a longer list is answered by number


class Bill(msgspec.Struct, frozen=True):
    """What is to be paid, in the order in which it was chosen. ``left_out``: invoices that a choice of all does not hold."""

    invoices: tuple[Invoice, ...]
    left_out: tuple[Invoice, ...] = ()

    @property
    def first(self) -> Invoice:
        """The only one, or the first of them."""
        return self.invoices[0]

    @property
    def single(self) -> bool:
        """Whether it is about one invoice."""
        return len(self.invoices) == 1

    @property
    def payable(self) -> Money:
        """All that can be paid on it now."""
        return Money(sum(each.payable.minor for each in self.invoices), self.first.due.currency)


def find(task: "PayInvoice", view: View) -> Bill | Move:
    """The invoices meant, as far as this visitor may see them."""
    if isinstance(view.scope, Customer):
        return _own(task, view.scope, view)
    several = task.whole or len(task.numbers) > 1 or task.choosing
    if several and view.can_sign_in:
        return Enter(SignIn(why="invoices"))  # a link shows its own invoice alone
    if isinstance(view.scope, Bearer) and task.revise is not Slot.INVOICE:
        lookup = OneInvoice(view.scope, view.scope.invoice)
        match view.get(lookup):
            case None:
                return lookup
            case Invoice() as invoice if not task.number or same_number(task.number, invoice.number):
                return Bill((invoice,))
            case Invoice():
                pass  # another one than the link's: it needs a proof of its own
            case Absent():
                return Done(Reply(Say("invoice_gone")))
            case _:
                return _unreachable()
    return _prove(task, view)


def _unreachable() -> Move:
    return Await(Reply(Say("books_unreachable"), choices=(AGAIN,)))


# --- by number and zip ----------------------------------------------------------------------------------------------


def _prove(task: "PayInvoice", view: View) -> Move:
    if view.wrong_proofs >= view.house.proofs:
        return Enter(CallPerson("lookup_locked", f"wrong invoice number or zip {view.wrong_proofs} times"), back=False)
    if not task.number:
        signing = (SIGN_IN,) if view.can_sign_in and isinstance(view.scope, Stranger) else ()
        return Ask(Slot.INVOICE, Reply(Say("ask_invoice"), signing))
    if not task.proof:
        return Ask(Slot.PROOF, Reply(Say("ask_proof", {"number": task.number})))
    if task.rejected == (task.number, task.proof):
        return Ask(Slot.PROOF, Reply(Say("ask_again_proof", {"number": task.number})))
    return ProveInvoice(task.number, task.proof)


# --- of the customer who signed in ----------------------------------------------------------------------------------


def _own(task: "PayInvoice", scope: Customer, view: View) -> Bill | Move:
    if task.number:
        return _numbered(task.number, scope, view)
    lookup = InvoicesOf(scope, PAYABLE)
    match view.get(lookup):
        case None:
            return lookup
        case Listing() as listing:
            return _chosen(task, listing, view)
        case _:
            return _unreachable()


def _numbered(number: str, scope: Customer, view: View) -> Bill | Move:
    lookup = OwnInvoice(scope, number)
    match view.get(lookup):
        case None:
            return lookup
        case Invoice() as invoice:
            return Bill((invoice,))
        case Absent():
            return Ask(Slot.INVOICE, Reply(Say("not_on_account", {"number": number}), (SHOW_ALL, PERSON)))
        case _:
            return _unreachable()


def _chosen(task: "PayInvoice", listing: Listing, view: View) -> Bill | Move:
    """Of what can be paid: all of it, what was picked, the only one there is, or the question which."""
    payable = listing.shown
    if not payable:
        return Done(Reply(Say("nothing_to_pay"), choices=(SHOW_ALL,)))
    if task.choosing or task.revise is Slot.INVOICE:
        return _ask(task, listing, view)
    if task.whole:
        together = _together(payable)
        if not together:
            return _ask(task, listing, view, Say("only_disputed"))
        return Bill(together, tuple(each for each in payable if each not in together))
    named = tuple(invoice for key in task.picked for invoice in payable if invoice.key == key)
    named += tuple(each for number in task.numbers for each in payable if same_number(number, each.number))
    named = tuple(dict.fromkeys(named))
    wanted = len(task.picked) + len(task.numbers)
    if wanted > len(named):
        return _ask(task, listing, view, Say("not_all_there" if named else "none_there"))
    if len({invoice.due.currency for invoice in named}) > 1:
        return _ask(task, listing, view, Say("one_currency"))
    if named:
        fit = tuple(each for each in named if not each.disputed) if len(named) > 1 else named
        return Bill(fit or named[:1], tuple(each for each in named if each not in fit))
    only = len(payable) == 1 and not payable[0].disputed
    return Bill(payable) if only else _ask(task, listing, view)


def _together(payable: tuple[Invoice, ...]) -> tuple[Invoice, ...]:
    """All that one payment can hold: the currency of the oldest one that is not disputed."""
    first = next((each for each in payable if not each.disputed), payable[0])
    return payable_together(payable, first.due.currency)


def _ask(task: "PayInvoice", listing: Listing, view: View, because: Say | None = None) -> Ask:
    """Which of them? Their buttons come first, so that "the second one" means the same in the list and on the buttons."""
    payable, today = listing.shown, view.at.date()
    together = _together(payable)
    total = Money(sum(each.payable.minor for each in together), (together or payable)[0].due.currency)
    values: dict[str, Value] = {"count": len(together), "rows": rows(payable, today), "total": total}
    picks = tuple(
        Choice(Say("button_invoice", {"number": each.number, "amount": each.payable}), Pick(Slot.INVOICE, each.key))
        for each in payable[:MOST_BUTTONS]
        if not (task.choosing and each.key in task.picked)
    )
    if task.choosing:
        named = tuple(each for each in payable if each.key in task.picked)
        so_far = ", ".join(each.number for each in named)
        say = Say("ask_more", {"numbers": so_far}) if named else Say("ask_several", values)
        again = None if named else Say("ask_several_again")  # what was picked is always said
        return Ask(Slot.INVOICE, Reply(say, (*((ENOUGH,) if named else ()), *picks)), because, again)
    all_of_it = (Choice(Say("button_pay_all", {"amount": total}), ALL_OF_THEM),) if len(together) > 1 else ()
    several = (SEVERAL,) if len(payable) > 2 else ()
    reply = Reply(Say("ask_which" if together else "ask_several", values), (*picks, *all_of_it, *several))
    return Ask(Slot.INVOICE, reply, because, Say("ask_which_again"))
