"""Wanting money back, or objecting to an invoice or payment: what it is about, why, and the case a person gets.

Nothing is refunded here. What was asked for, and what came of it, is told whenever somebody asks, and when it is answered.
"""

from typing import Literal

from msgspec.structs import replace

from dialogs.flows.handoff import CallPerson
from dialogs.flows.lists import payment_row, request_row
from dialogs.flows.offers import CANCEL, PERSON, SIGN_IN
from dialogs.flows.side import Side
from dialogs.model import (
    Ask,
    Choice,
    Done,
    Enter,
    InvoicesOf,
    Listed,
    LookUp,
    Move,
    NotSaved,
    OneInvoice,
    OpenRequest,
    Outcome,
    OwnInvoice,
    PaymentsOf,
    Pick,
    Reply,
    RequestOpened,
    RequestsOf,
    Say,
    Slot,
    Tell,
    Telling,
    Value,
    View,
)
from services.model import (
    Bearer,
    Customer,
    Invoice,
    Listing,
    Payment,
    Payments,
    PaymentState,
    Request,
    Requests,
    is_one_of,
)

LONGEST_WHY = 500
MOST_BUTTONS = 5
_CAME = (
    PaymentState.SUCCEEDED,
    PaymentState.PROCESSING,
    PaymentState.PART_REFUNDED,
    PaymentState.WON,
    PaymentState.DISPUTED,
)
_WHYS = ("twice", "amount", "work", "other")


class AskPerson(Side, frozen=True, omit_defaults=True, tag="request"):
    """``key`` of the payment that is meant; ``number`` or ``invoice`` (its key) of an invoice, where it is about one."""

    kind: Literal["refund", "dispute"] = "refund"
    key: str = ""
    invoice: str = ""
    number: str = ""
    why: str = ""
    opened: Request | None = None
    refused: bool = False

    def tell(self, slot: Slot, value: Telling) -> "AskPerson | None":
        """With the reason, in the customer's own words; or with the invoice that is meant."""
        match slot, value:
            case Slot.WHY, str(why):
                return replace(self, why=why[:LONGEST_WHY])
            case Slot.INVOICE, str(number):
                return replace(self, number=number)
            case _:
                return None

    def pick(self, slot: Slot, key: str) -> "AskPerson | None":
        """With the payment by its button."""
        return replace(self, key=key) if slot is Slot.PAYMENT else None

    def came(self, outcome: Outcome) -> "AskPerson":
        """With the case that a person has now."""
        match outcome:
            case RequestOpened(request):
                return replace(self, opened=request)
            case NotSaved():
                return replace(self, refused=True)
            case _:
                return self

    def wiped(self, numbers: tuple[str, ...]) -> "AskPerson":
        """Without the reason, and without a number that is no invoice's."""
        return replace(self, why="", number=self.number if is_one_of(self.number, numbers) else "")

    def next(self, view: View) -> Move:
        if self.opened is not None:
            values: dict[str, Value] = {"case": self.opened.case, "business": view.house.name}
            return Done(Reply(Say(f"request_opened_{self.kind}", values)), rest=True)
        if self.refused:
            return Enter(CallPerson("refund" if self.kind == "refund" else "asked"), back=False)
        meant = self._invoice(view) if self.number or self.invoice else self._payment(view)
        if not isinstance(meant, Payment | Invoice):
            return meant
        if not self.why:
            about = Say("about_invoice", {"number": meant.number}) if isinstance(meant, Invoice) else payment_row(meant)
            reasons = tuple(Choice(Say(f"why_{each}"), Tell(Slot.WHY, each)) for each in _WHYS)
            return Ask(Slot.WHY, Reply(Say(f"ask_why_{self.kind}", {"about": about}), (*reasons, CANCEL)))
        if isinstance(meant, Invoice):
            return OpenRequest(view.scope, self.kind, self.why, invoice=meant.id, number=meant.number)
        return OpenRequest(
            view.scope, self.kind, self.why, payment=meant.reference, invoice=meant.invoices[0], number=meant.numbers[0]
        )

    def _invoice(self, view: View) -> Invoice | Move:
        lookup = self._lookup(view)
        if lookup is None:
            return Enter(CallPerson("asked"), back=False)
        match view.get(lookup):
            case None:
                return lookup
            case Invoice() as invoice if not self.invoice or invoice.key == self.invoice:
                return invoice
            case Listing(shown) if found := [each for each in shown if each.key == self.invoice]:
                return found[0]
            case _:
                return Done(Reply(Say("not_on_account", {"number": self.number}), (PERSON,)))

    def _lookup(self, view: View) -> LookUp | None:
        match view.scope:
            case Bearer(invoice) if self.invoice:
                return OneInvoice(view.scope, invoice)
            case Customer():
                return OwnInvoice(view.scope, self.number) if self.number else InvoicesOf(view.scope)
            case _:
                return None

    def _payment(self, view: View) -> Payment | Invoice | Move:
        """The payment that is meant: the only one that came, the one picked, or the question which."""
        came = self._known(view)
        if not isinstance(came, tuple):
            return came
        meant = [each for each in came if each.key == self.key] if self.key else list(came)
        if len(meant) == 1:
            return meant[0]
        if not meant:
            return self._without_payment(view)
        choices = tuple(
            Choice(
                Say("button_payment", {"amount": each.amount, "number": ", ".join(each.numbers)}),
                Pick(Slot.PAYMENT, each.key),
            )
            for each in meant[:MOST_BUTTONS]
        )
        rows = Listed(tuple(payment_row(each) for each in meant[:MOST_BUTTONS]))
        return Ask(Slot.PAYMENT, Reply(Say(f"ask_payment_{self.kind}", {"rows": rows}), (*choices, CANCEL)))

    def _known(self, view: View) -> tuple[Payment, ...] | Move:
        if not isinstance(view.scope, Customer):
            return tuple(each for each in reversed(view.payments) if each.state in _CAME)
        lookup = PaymentsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Payments(shown):
                return tuple(each for each in shown if each.state in _CAME)
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _without_payment(self, view: View) -> Invoice | Move:
        """No payment is known here: an objection may be to the link's invoice, and anything else is a person's."""
        if self.kind == "dispute" and isinstance(view.scope, Bearer):
            lookup = OneInvoice(view.scope, view.scope.invoice)
            fact = view.get(lookup)
            if fact is None:
                return lookup
            if isinstance(fact, Invoice):
                return fact
        if isinstance(view.scope, Customer):
            if self.kind == "dispute":
                return Ask(Slot.INVOICE, Reply(Say("ask_dispute_invoice"), (PERSON, CANCEL)))
            return Done(Reply(Say("no_payment_to_refund"), (PERSON,)))
        return Enter(CallPerson("refund" if self.kind == "refund" else "asked"), back=False)


class SeeRequests(Side, frozen=True, omit_defaults=True, tag="see_requests"):
    """What was asked of a person, and what came of it."""

    def next(self, view: View) -> Move:
        lookup = RequestsOf(view.scope, view.chat)
        match view.get(lookup):
            case None:
                return lookup
            case Requests(shown) if shown:
                return Done(
                    Reply(Say("requests", {"rows": Listed(tuple(request_row(each) for each in shown))}), (PERSON,))
                )
            case Requests():
                signing = (SIGN_IN,) if view.can_sign_in and not isinstance(view.scope, Customer) else ()
                return Done(Reply(Say("no_requests"), (*signing, PERSON)))
            case _:
                return Done(Reply(Say("books_unreachable")))


def answered(request: Request) -> Reply:
    """The news that a person answered."""
    return Reply(
        Say("request_answered", {"case": request.case, "answer": request.answer, "number": request.number}), (PERSON,)
    )
