"""The receipt of a payment: which one is meant, the link that shows it, and sending it to the address on file.

Whoever signed in has the receipts of all their payments. Any other chat has those of the payments that were begun in it, as
a link; nothing is sent for it, and the address on file is never told.
"""

from msgspec.structs import replace

from dialogs.flows.lists import payment_row
from dialogs.flows.offers import CANCEL, HAVE_RECEIPT, PERSON, SIGN_IN
from dialogs.flows.side import Side
from dialogs.flows.status import of_payment
from dialogs.model import (
    Ask,
    Choice,
    Done,
    GetReceipt,
    Listed,
    Move,
    NotSaved,
    Outcome,
    PaymentsOf,
    Pick,
    ReceiptCard,
    ReceiptLink,
    ReceiptSent,
    Reply,
    Say,
    SendReceipt,
    Slot,
    View,
)
from services.model import Customer, Payment, Payments, PaymentState, is_one_of

MOST_BUTTONS = 5


class TellReceipt(Side, frozen=True, omit_defaults=True, tag="receipt"):
    """``key`` of the payment that is meant, or ``number`` of an invoice that it paid; ``mail``: it is to be sent."""

    key: str = ""
    number: str = ""
    mail: bool = False
    sent: bool | None = None  # the answer to that

    def pick(self, slot: Slot, key: str) -> "TellReceipt | None":
        """With the payment by its button."""
        return replace(self, key=key) if slot is Slot.PAYMENT else None

    def came(self, outcome: Outcome) -> "TellReceipt":
        """With what became of sending it."""
        match outcome:
            case ReceiptSent():
                return replace(self, sent=True)
            case NotSaved():
                return replace(self, sent=False)
            case _:
                return self

    def wiped(self, numbers: tuple[str, ...]) -> "TellReceipt":
        """Without a number that is no invoice's."""
        return self if is_one_of(self.number, numbers) else replace(self, number="")

    def next(self, view: View) -> Move:
        if self.sent is not None:
            return Done(Reply(Say("receipt_sent" if self.sent else "receipt_not_sent", {"phone": view.house.phone})))
        known = self._known(view)
        if not isinstance(known, tuple):
            return known
        meant = tuple(each for each in known if self._means(each))
        if len(meant) > 1 and not self.key:
            just_paid = [each for each in meant if each.reference in {p.reference for p in view.payments[-1:]}]
            if not just_paid:
                return _which(meant)
            meant = (just_paid[0],)
        if not meant:
            return Done(self._none(view))
        if self.mail and isinstance(view.scope, Customer):
            return SendReceipt(view.scope, meant[0].reference)
        return Done(_shown(meant[0], view))

    def _known(self, view: View) -> tuple[Payment, ...] | Move:
        """The payments with receipts that may be shown here, the newest first."""
        if not isinstance(view.scope, Customer):
            return tuple(each for each in reversed(view.payments) if each.state in HAVE_RECEIPT)
        lookup = PaymentsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Payments(shown):
                return tuple(each for each in shown if each.state in HAVE_RECEIPT)
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _means(self, payment: Payment) -> bool:
        if self.key:
            return payment.key == self.key
        return not self.number or is_one_of(self.number, payment.numbers)

    def _none(self, view: View) -> Reply:
        if isinstance(view.scope, Customer):
            return Reply(Say("no_receipt_of_yours"), (PERSON,))
        return Reply(Say("no_receipt_here"), (SIGN_IN, PERSON) if view.can_sign_in else (PERSON,))


def _which(meant: tuple[Payment, ...]) -> Ask:
    some = meant[:MOST_BUTTONS]
    choices = tuple(
        Choice(
            Say("button_payment", {"amount": each.amount, "number": ", ".join(each.numbers)}),
            Pick(Slot.PAYMENT, each.key),
        )
        for each in some
    )
    rows = Listed(tuple(payment_row(each) for each in some))
    return Ask(Slot.PAYMENT, Reply(Say("ask_payment_receipt", {"rows": rows}), (*choices, CANCEL)))


def _shown(payment: Payment, view: View) -> Reply:
    key = "receipt_notice" if payment.state is PaymentState.PROCESSING else "receipt_here"
    own = isinstance(view.scope, Customer)
    choices = (Choice(Say("button_mail_receipt"), GetReceipt(payment.key, mail=True)),) if own else ()
    return Reply(Say(key, of_payment(payment)), choices, ReceiptCard(payment), ReceiptLink(payment.reference))
