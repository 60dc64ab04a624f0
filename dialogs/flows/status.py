"""Where a payment is, in words: asked for by the customer, or told because it moved. And the payments there have been."""

from collections.abc import Mapping
from datetime import date

from msgspec.structs import replace

from dialogs.flows.coach import declined, failed, returned
from dialogs.flows.lists import payment_row
from dialogs.flows.offers import (
    ASK_REFUND,
    CANCEL,
    HAVE_RECEIPT,
    HISTORY,
    LINK,
    OTHER_INVOICE,
    PAY,
    PAY_AGAIN,
    PERSON,
    SIGN_IN,
    receipt_button,
)
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    Absent,
    CheckoutLink,
    Done,
    Enter,
    InvoiceCard,
    Listed,
    Move,
    OneInvoice,
    PaymentNow,
    PaymentsOf,
    ReceiptCard,
    ReceiptLink,
    Reply,
    Say,
    Value,
    View,
)
from services.model import Bearer, Customer, Invoice, Money, Objection, Payment, Payments, PaymentState, standing

MOST_RECEIPTS = 3  # with buttons of their own in a history; whoever means another one says which


class TellStatus(Side, frozen=True, omit_defaults=True, tag="status"):
    """The state of the newest payment of this chat or customer, or of the invoice when there is none or it was asked for."""

    of_invoice: bool = False
    paid: bool = False  # whether it was paid is asked, not what is owed

    def next(self, view: View) -> Move:
        if isinstance(view.scope, Customer) and not self.of_invoice and not _is_open_here(view):
            return self._of_customer(view.scope, view)
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

    def _of_customer(self, scope: Customer, view: View) -> Move:
        """Whoever paid it, and wherever: the ledger knows the customer's payments."""
        lookup = PaymentsOf(scope)
        match view.get(lookup):
            case None:
                return lookup
            case Payments(shown) if shown:
                newest = shown[0]
                reply = news(newest)
                return Done(replace(reply, choices=(*reply.choices, HISTORY)) if len(shown) > 1 else reply)
            case Payments():
                return Done(Reply(Say("no_payment_of_yours"), choices=(PAY, PERSON)))
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _of_invoice(self, view: View) -> Move:
        if not isinstance(view.scope, Bearer):
            signing = (SIGN_IN,) if view.can_sign_in and not isinstance(view.scope, Customer) else ()
            return Done(Reply(Say("no_payment_here"), choices=(PAY, *signing, PERSON)))
        lookup = OneInvoice(view.scope, view.scope.invoice)
        match view.get(lookup):
            case None:
                return lookup
            case Invoice() as invoice:
                problem = standing(invoice, view.house.rules)
                if self.paid and problem is None and invoice.due == invoice.total:
                    told = Say("no_payment_yet", of_invoice(invoice, view.at.date()))
                    return Done(Reply(told, (PERSON,), InvoiceCard(invoice)))
                return Done(describe(invoice, problem, view.at.date()))
            case Absent():
                return Done(Reply(Say("invoice_gone")))
            case _:
                return Done(Reply(Say("books_unreachable")))


def _is_open_here(view: View) -> bool:
    """Whether a payment of this very chat waits for the customer: that is what they ask about."""
    waiting = (PaymentState.OPEN, PaymentState.CONFIRMED, PaymentState.SUBMITTING, PaymentState.UNKNOWN)
    return bool(view.payments) and view.payments[-1].state in waiting


class TellHistory(Side, frozen=True, omit_defaults=True, tag="history"):
    """The customer's payments, the newest first."""

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="history"))
        lookup = PaymentsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Payments(shown, count) if shown:
                rows = Listed(tuple(payment_row(each) for each in shown))
                with_receipt = [each for each in shown if each.state in HAVE_RECEIPT]
                receipts = tuple(map(receipt_button, with_receipt[:MOST_RECEIPTS]))
                return Done(Reply(Say("history", {"count": count, "rows": rows}), (*receipts, ASK_REFUND, PERSON)))
            case Payments():
                return Done(Reply(Say("no_payment_of_yours"), choices=(PAY, PERSON)))
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
        "method": payment.method,
        "brand": payment.brand_name,
        "last4": payment.last4,
        "on": payment.happened_at or payment.at,
        "refunded": payment.refunded,
        "surplus": Money(payment.surplus_minor, payment.amount.currency),
        "what": _what(payment),
        "submitted": payment.submitted_at,
        "expected": payment.expected,
        "course": _course(payment),
    }


def _what(payment: Payment) -> Say:
    """What was paid, as the receipt names it: the invoices, and how much of it was fee."""
    paid = _invoices(payment)
    return Say("what_with_fee", {"what": paid, "fee": payment.fee}) if payment.fee_minor else paid


def _invoices(payment: Payment) -> Say:
    if len(payment.numbers) == 1:
        return Say("what_one", {"number": payment.numbers[0]})
    if len(payment.parts) != len(payment.numbers):
        return Say("what_many", {"numbers": ", ".join(payment.numbers)})
    currency = payment.amount.currency
    parts = tuple(
        Say("part_full", {"number": number, "amount": Money(minor, currency)})
        for number, minor in zip(payment.numbers, payment.parts, strict=True)
    )
    return Say("what_several", {"count": len(parts), "parts": Listed(parts, ", ", "")})


def _course(payment: Payment) -> Say | str:
    """The way of a bank payment so far, day by day; empty for a card."""
    if payment.submitted_at is None:
        return ""
    days: dict[str, Value] = {
        "submitted": payment.submitted_at,
        "cleared": payment.cleared_at,
        "on": payment.happened_at,
    }
    if payment.cleared_at is None:
        return Say("course_submitted", days)
    return Say("course_returned" if payment.state is PaymentState.RETURNED else "course_cleared", days)


def all_news(payment: Payment, before: Payment | None) -> tuple[Reply, ...]:
    """What a move of a payment is told by, which was told as ``before`` last: that a dispute was won, and what went back
    meanwhile.
    """
    first = news(payment)
    back = payment.state in (PaymentState.PART_REFUNDED, PaymentState.REFUNDED)
    if payment.dispute_won and back and (before is None or before.refunded != payment.refunded):
        return first, news(replace(payment, dispute_won=False))
    return (first,)


def news(payment: Payment) -> Reply:
    """The sentence for a payment as it stands, with the one thing to do next; and its receipt, where it has one."""
    told = _news(payment)
    return told if told.card is None else replace(told, link=ReceiptLink(payment.reference))


def _news(payment: Payment) -> Reply:
    values = of_payment(payment)
    if payment.surplus_minor or payment.refund_failed or payment.dispute_won:
        key = "overpaid" if payment.surplus_minor else "won" if payment.dispute_won else "refund_failed"
        return Reply(Say(key, values), card=ReceiptCard(payment), choices=(PERSON,))
    match payment.state:
        case PaymentState.PROCESSING | PaymentState.SUCCEEDED if payment.autopay:
            return Reply(Say(f"autopay_{payment.state}", values), card=ReceiptCard(payment))
        case PaymentState.PROCESSING:
            key = "processing" if payment.expected is None else "processing_expected"
            return Reply(Say(key, values), card=ReceiptCard(payment))
        case PaymentState.SUCCEEDED:
            return Reply(Say(f"paid_{payment.method}", values), card=ReceiptCard(payment))
        case PaymentState.FAILED | PaymentState.CANCELED:
            return failed(payment, values)
        case PaymentState.RETURNED:
            return returned(payment, values)
        case PaymentState.UNKNOWN:
            return Reply(Say("checking", values))
        case state if state in NOT_PAID_YET:
            return _before(payment, values)
        case _:
            return _afterwards(payment, values)


NOT_PAID_YET = (PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.SUBMITTING, PaymentState.OPEN)


def _before(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """Nothing is paid yet: it is being prepared or charged, or the page waits."""
    if payment.state is PaymentState.OPEN:
        if payment.reason:
            return declined(payment, values)
        return page_open(payment, "bank_asks" if payment.saved else "page_open")
    return Reply(Say("charging" if payment.saved or payment.state is PaymentState.SUBMITTING else "preparing", values))


def _afterwards(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """What came of a payment after its money had come."""
    choices = (PAY_AGAIN, PERSON) if payment.state is PaymentState.LOST else (PERSON,)
    return Reply(Say(payment.state, values), card=ReceiptCard(payment), choices=choices)


def page_open(payment: Payment, key: str = "page_open") -> Reply:
    """The hand-off: nothing is charged yet, the secure page waits."""
    return Reply(Say(key, of_payment(payment)), link=CheckoutLink(payment.reference), choices=(LINK, CANCEL))
