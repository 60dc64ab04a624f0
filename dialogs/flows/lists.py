"""Lists as sentences: invoices, saved methods, payments and requests, one row each. Wording only; nothing is asked here."""

from collections.abc import Iterable, Mapping
from datetime import date

from dialogs.model import Listed, Say, Value
from services.model import Invoice, InvoiceStatus, Money, Payment, PaymentState, Request, SavedMethod

MOST_ROWS = 12  # of one message; a longer list says how many more there are

_DATED = (InvoiceStatus.OPEN, InvoiceStatus.DUE, InvoiceStatus.OVERDUE, InvoiceStatus.PARTLY_PAID)


def rows(invoices: Iterable[Invoice], today: date) -> Listed:
    """A row per invoice: number, sum and standing; at most `MOST_ROWS`, and how many more there are."""
    every = tuple(invoices)
    more = (Say("row_more", {"count": len(every) - MOST_ROWS}),) if len(every) > MOST_ROWS else ()
    return Listed((*(_row(each, today) for each in every[:MOST_ROWS]), *more))


def _row(invoice: Invoice, today: date) -> Say:
    status = invoice.status(today)
    values: Mapping[str, Value] = {
        "number": invoice.number,
        "payable": invoice.payable,
        "total": invoice.total,
        "processing": Money(invoice.processing, invoice.due.currency),
        "issued": invoice.issued,
        "date": invoice.due_date,
    }
    undated = invoice.due_date is None and status in _DATED
    return Say(f"row_{status}_undated" if undated else f"row_{status}", values)


def method_row(saved: SavedMethod, today: date) -> Say:
    """A saved method: brand, last four, nickname, expiry, and what is to be known of it."""
    return Say("row_method", {"method": titled(saved), "notes": _notes(saved, today)})


def called(saved: SavedMethod) -> Say:
    """What a saved method is called in a sentence."""
    values: Mapping[str, Value] = {"brand": saved.brand_name, "last4": saved.last4, "nickname": saved.nickname}
    return Say(f"called_{saved.method}" if not saved.nickname else "called_nickname", values)


def titled(saved: SavedMethod) -> Say:
    """What a saved method is called on a button, or at the head of a row."""
    values: Mapping[str, Value] = {"brand": saved.brand_name, "last4": saved.last4, "nickname": saved.nickname}
    return Say(f"title_{saved.method}" if not saved.nickname else "called_nickname", values)


def _notes(saved: SavedMethod, today: date) -> Listed:
    notes: list[Say] = [Say("note_favorite")] if saved.favorite else []
    if saved.blocked is not None:
        notes.append(Say("note_blocked"))
    elif saved.expires:
        year, month = saved.expires.split("-")
        key = {"over": "note_expired", "soon": "note_expires_soon", "": "note_expires"}[saved.expiry(today)]
        notes.append(Say(key, {"month": f"{month}/{year}"}))
    return Listed(tuple(notes), " · ", " · ")


def payment_row(payment: Payment) -> Say:
    """A payment in a history: when, how much, for what, and how it stands."""
    values: Mapping[str, Value] = {
        "on": payment.happened_at or payment.at,
        "amount": payment.amount,
        "numbers": ", ".join(payment.numbers),
        "state": state_of(payment),
        "reference": payment.reference,
    }
    return Say("row_payment_fee" if payment.fee_minor else "row_payment", {**values, "fee": payment.fee})


def state_of(payment: Payment) -> Say:
    """How a payment stands, in a word or two."""
    values: Mapping[str, Value] = {"refunded": payment.refunded, "expected": payment.expected}
    expected = payment.state is PaymentState.PROCESSING and payment.expected is not None
    return Say("state_processing_expected" if expected else f"state_{payment.state}", values)


def request_row(request: Request) -> Say:
    """A refund or dispute that was asked for, and what came of it."""
    values: Mapping[str, Value] = {
        "case": request.case,
        "on": request.at,
        "number": request.number,
        "reference": request.reference,
        "answer": request.answer,
    }
    if request.closed_at is None:
        return Say(f"row_request_{request.kind}", values)
    return Say("row_request_answered" if request.answer else "row_request_closed", values)
