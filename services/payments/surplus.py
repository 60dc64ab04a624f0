"""What was paid on an invoice beyond what it owes: whose payment it was, what of it cases claim already, and a case for
the rest, which a person refunds and of which the customer is told.

Synchronous functions over one connection, like `services.payments.ledger`. One transaction at a time judges an invoice,
so that what is too much once is claimed once, however many of its payments come in side by side.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from services.database import micros
from services.model import Invoice, InvoiceState, Money
from services.payments import ledger, outbox, states
from services.payments.cases import Trouble, open_case, short
from services.schema import handoff_case, payment, payment_invoice


class _Paid(msgspec.Struct, frozen=True):
    """What is left in the books of one payment on the invoice, and how much of that cases claim."""

    row: Row[Any]
    minor: int
    claimed: int
    cases: int


def owe_back(conn: Connection, invoice: Invoice, overpay: bool, now: datetime, posted: str = "") -> list[str]:
    """Open a case for whatever was paid on an invoice, is not owed, and no case claims; the references of whose it was.

    ``invoice`` is as the books have it, ``posted`` a payment that they have since a moment ago. Where the business
    takes more than is owed (``overpay``), only what was paid on a void invoice goes back. The last payment goes first.
    """
    over = None if invoice.state is InvoiceState.VOID else 0 if overpay else max(0, -invoice.due.minor)
    if invoice.state is InvoiceState.CREDIT or over == 0:
        return []
    paid = _paid(conn, invoice, posted)
    left = (sum(each.minor for each in paid) if over is None else over) - sum(each.claimed for each in paid)
    opened = []
    for each in paid:
        more = min(left, each.minor - each.claimed)
        if more > 0 and each.row.state in states.REFUNDABLE:  # what a bank holds or took is its to give back
            left -= more
            _open(conn, invoice.id, each, Money(more, invoice.due.currency), now)
            opened.append(each.row.reference)
    return opened


def claims(conn: Connection, reference: str, invoices: Sequence[str]) -> dict[str, int]:
    """What cases still claim of a payment, by invoice, in minor units: a refund of it goes to those first."""
    row = ledger.row_of(conn, reference)
    found = {invoice: _claims(conn, row, invoice).claimed for invoice in invoices}
    return {invoice: minor for invoice, minor in found.items() if minor}


def _paid(conn: Connection, invoice: Invoice, posted: str) -> list[_Paid]:
    of_invoice = payment.join(payment_invoice), payment_invoice.c.invoice == invoice.id
    # payments, not their lines: whoever moves one of them holds its row first, and nobody waits crosswise
    one_by_one = select(payment.c.reference).select_from(of_invoice[0]).where(of_invoice[1])
    conn.execute(one_by_one.order_by(payment.c.reference).with_for_update(of=payment)).all()
    in_the_books = or_(payment_invoice.c.reserved.is_(False), payment.c.reference == posted)
    kept = payment.c.state.in_(states.ARRIVED), payment.c.currency == invoice.due.currency, in_the_books
    rows = select(payment).select_from(of_invoice[0]).where(of_invoice[1], *kept)
    last_first = rows.order_by(payment.c.changed_at.desc(), payment.c.reference)
    return [_claims(conn, row, invoice.id) for row in conn.execute(last_first).all()]


def _claims(conn: Connection, row: Row[Any], invoice: str) -> _Paid:
    """A case claims its sum until so much went back after it."""
    this = handoff_case.c.payment == row.reference, handoff_case.c.invoice == invoice
    cases = conn.execute(select(handoff_case).where(*this, handoff_case.c.reason == Trouble.OVERPAID)).all()
    postings = [each for each in outbox.postings(conn, row.reference) if each.invoice == invoice]
    moves = [(case.at, msgspec.json.decode(case.evidence, type=Money).minor) for case in cases]
    moves += [(micros(each.at), each.amount.minor) for each in postings if each.amount.minor < 0]
    claimed = 0
    for _, minor in sorted(moves):
        claimed = max(0, claimed + minor)
    left = max(0, sum(each.amount.minor for each in postings))
    return _Paid(row, left, min(claimed, left), len(cases))


def _open(conn: Connection, invoice: str, paid: _Paid, surplus: Money, now: datetime) -> None:
    reference = paid.row.reference
    key = f"overpaid:{reference}:{short(invoice)}" + (f":{paid.cases}" if paid.cases else "")
    more = " once more" if paid.cases else ""
    summary = f"{reference} paid{more} {surplus} more than was owed by then: refund it, or agree otherwise"
    if open_case(
        conn,
        key,
        Trouble.OVERPAID,
        summary,
        now,
        chat=paid.row.chat,
        invoice=invoice,
        payment=reference,
        evidence=surplus,
    ):
        told = ledger.read(paid.row, ledger.lines_of(conn, reference))
        told = msgspec.structs.replace(told, surplus_minor=surplus.minor)
        outbox.add(conn, f"tell:{key}", reference, told, now)
