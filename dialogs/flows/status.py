"""Where a payment is, in words: asked for by the customer, or told because it moved."""

from collections.abc import Mapping
from datetime import date

import msgspec

from dialogs.model import (
    Absent,
    Change,
    CheckoutLink,
    Choice,
    Done,
    InvoiceCard,
    Move,
    OneInvoice,
    PaymentNow,
    ReceiptCard,
    Reply,
    Say,
    Simple,
    Slot,
    Value,
    View,
    Want,
)
from services.model import Bearer, Invoice, Money, Objection, Payment, PaymentState, Reason, standing

PAY = Choice(Say("button_pay"), Want("pay"))
PAY_AGAIN = Choice(Say("button_pay_again"), Want("pay"))
PERSON = Choice(Say("button_person"), Simple.HUMAN)
AGAIN = Choice(Say("button_again"), Want("pay"))
_RETURNS = (
    Reason.INSUFFICIENT_FUNDS,
    Reason.ACCOUNT_CLOSED,
    Reason.NO_ACCOUNT,
    Reason.STOPPED,
    Reason.NOT_AUTHORIZED,
)
_PAGES = (Reason.PAGE_EXPIRED, Reason.PAGE_CLOSED, Reason.NEVER_OPENED)  # ends of a page, never declines on one
_UNSAID = {PaymentState.FAILED: Reason.DECLINED, PaymentState.CANCELED: Reason.NEVER_OPENED}  # it never had a page
CANCEL = Choice(Say("button_cancel"), Simple.DROP)
LINK = Choice(Say("button_link"), Want("link"))  # first: a "1" sent twice must not cancel anything
OTHER_INVOICE = Choice(Say("button_other_invoice"), Change(Slot.INVOICE))


class TellStatus(msgspec.Struct, frozen=True, omit_defaults=True, tag="status"):
    """The state of the newest payment of this chat, or of the invoice when there is none or it was asked for."""

    of_invoice: bool = False

    def next(self, view: View) -> Move:
        if self.of_invoice or not view.payments:
            return self._of_invoice(view)
        lookup = PaymentNow(view.chat, view.payments[-1].reference)
        fact = view.get(lookup)
        if fact is None:
            return lookup
        payment = fact if isinstance(fact, Payment) else view.payments[-1]
        waiting = payment.state is PaymentState.OPEN
        reply = page_open(payment, "not_paid_yet") if waiting and payment.reason is None else news(payment)
        return Done(reply, rest=waiting, payment=payment)

    def _of_invoice(self, view: View) -> Move:
        if not isinstance(view.scope, Bearer):
            return Done(Reply(Say("no_payment_here"), choices=(PAY, PERSON)))
        lookup = OneInvoice(view.scope, view.scope.invoice)
        match view.get(lookup):
            case None:
                return lookup
            case Invoice() as invoice:
                problem = standing(invoice, view.house.rules)
                return Done(describe(invoice, problem, view.at.date()))
            case Absent():
                return Done(Reply(Say("invoice_gone")))
            case _:
                return Done(Reply(Say("books_unreachable")))


def describe(invoice: Invoice, problem: Objection | None, today: date) -> Reply:
    """What is owed on an invoice, or why nothing is; then another one may be meant."""
    say = Say(problem or "invoice_status", of_invoice(invoice, today))
    return Reply(say, (OTHER_INVOICE, PERSON) if problem else (), InvoiceCard(invoice))


def of_invoice(invoice: Invoice, today: date) -> Mapping[str, Value]:
    """The values that sentences about an invoice may name."""
    return {
        "number": invoice.number,
        "total": invoice.total,
        "due": invoice.due,
        "payable": invoice.payable,
        "when": _when(invoice, today),
        "processing": Money(invoice.processing, invoice.due.currency),
        "currency": invoice.due.currency,
    }


def _when(invoice: Invoice, today: date) -> Say:
    """When it is due, seen from the business's today."""
    if invoice.due_date is None:
        return Say("when_undated")
    if invoice.due_date == today:
        return Say("when_today")
    return Say("when_overdue" if invoice.due_date < today else "when_due", {"date": invoice.due_date})


def of_payment(payment: Payment) -> Mapping[str, Value]:
    """The values that sentences about a payment may name."""
    return {
        "reference": payment.reference,
        "amount": payment.amount,
        "number": ", ".join(payment.numbers),
        "method": payment.method,
        "brand": payment.brand_name,
        "last4": payment.last4,
        "on": payment.happened_at or payment.at,
        "refunded": payment.refunded,
        "surplus": Money(payment.surplus_minor, payment.amount.currency),
    }


def news(payment: Payment) -> Reply:
    """The sentence for a payment as it stands, with the one thing to do next."""
    values = of_payment(payment)
    if payment.surplus_minor or payment.refund_failed or payment.dispute_won:
        key = "overpaid" if payment.surplus_minor else "won" if payment.dispute_won else "refund_failed"
        return Reply(Say(key, values), card=ReceiptCard(payment), choices=(PERSON,))
    match payment.state:
        case PaymentState.CREATED | PaymentState.CONFIRMED | PaymentState.SUBMITTING:
            return Reply(Say("preparing", values))
        case PaymentState.OPEN if payment.reason:
            link = CheckoutLink(payment.reference)
            reason = Reason.DECLINED if payment.reason in _PAGES else payment.reason
            return Reply(Say(f"declined_{reason}", values), link=link, choices=(LINK, CANCEL, PERSON))
        case PaymentState.OPEN:
            return page_open(payment)
        case PaymentState.PROCESSING:
            return Reply(Say("processing", values), card=ReceiptCard(payment))
        case PaymentState.SUCCEEDED:
            return Reply(Say(f"paid_{payment.method}", values), card=ReceiptCard(payment))
        case PaymentState.FAILED | PaymentState.CANCELED:
            return Reply(Say(f"failed_{payment.reason or _UNSAID[payment.state]}", values), choices=(PAY_AGAIN, PERSON))
        case PaymentState.RETURNED:
            reason = payment.reason if payment.reason in _RETURNS else Reason.RETURNED_OTHER
            return Reply(Say(f"returned_{reason}", values), card=ReceiptCard(payment), choices=(PAY_AGAIN, PERSON))
        case PaymentState.UNKNOWN:
            return Reply(Say("checking", values))
        case _:
            return _afterwards(payment, values)


def _afterwards(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """What came of a payment after its money had come."""
    choices = (PAY_AGAIN, PERSON) if payment.state is PaymentState.LOST else (PERSON,)
    return Reply(Say(payment.state, values), card=ReceiptCard(payment), choices=choices)


def page_open(payment: Payment, key: str = "page_open") -> Reply:
    """The hand-off: nothing is charged yet, the secure page waits."""
    return Reply(Say(key, of_payment(payment)), link=CheckoutLink(payment.reference), choices=(LINK, CANCEL))
