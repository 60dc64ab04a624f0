"""The register of payments: what came in and what went back, for the business's own spreadsheets and books.

Synchronous reads over one connection, in pieces, so that no transaction is long however many payments there are. How a
line is written is `services.spreadsheets`'. Nothing here decides anything about money.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, select

from services.database import instant, micros
from services.invoices.base import Posting
from services.model import Money
from services.payments import journal, states
from services.schema import book_customer, outbox, payment, payment_invoice
from services.schema import journal as journal_rows

PIECE = 500  # payments, or movements, that one transaction reads

_RECEIVED = states.ARRIVED | {states.RETURNED}
_ARRIVED_AT = func.coalesce(payment.c.cleared_at, payment.c.happened_at, payment.c.created_at)
# what the gateway has of ours: a disputed sum it does not, until that is decided
_THERE = (journal.CLEARING, journal.REFUNDS)


class Span(msgspec.Struct, frozen=True):
    """From an instant on, until before another one; None where there is no end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, column: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The conditions on a column of instants."""
        after = [] if self.since is None else [column >= micros(self.since)]
        return after + ([] if self.until is None else [column < micros(self.until)])


class Part(msgspec.Struct, frozen=True):
    """What one payment paid on one invoice, and what of that went back: refunded, returned, or lost in a dispute.

    The program fee stands at the first invoice of its payment, so that a column adds up to what there was.
    """

    at: datetime  # at the gateway: when the money arrived
    reference: str
    invoice: str  # its number
    customer: str  # a name; empty where it was erased
    customer_id: str
    method: str
    state: str
    paid: Money
    fee: Money
    given_back: Money
    fee_given_back: Money

    @property
    def kept(self) -> Money:
        """What is left of it."""
        minor = self.paid.minor + self.fee.minor - self.given_back.minor - self.fee_given_back.minor
        return Money(minor, self.paid.currency)


class Movement(msgspec.Struct, frozen=True):
    """One sum that came to the account at the gateway, or left it."""

    at: datetime
    reference: str
    kind: str  # payment, refund, return, dispute, or what takes one of them back
    invoices: tuple[str, ...]  # numbers
    customer: str
    amount: Money  # negative: it left


# --- payments by invoice ------------------------------------------------------------------------------------------


def references(conn: Connection, span: Span) -> list[str]:
    """The payments whose money arrived in a span of time, in that order. They are few bytes each, and read at once."""
    query = select(payment.c.reference).where(payment.c.state.in_(_RECEIVED), *span.holds(_ARRIVED_AT))
    return list(conn.execute(query.order_by(_ARRIVED_AT, payment.c.reference)).scalars())


def parts(conn: Connection, these: Sequence[str]) -> list[Part]:
    """What these payments paid, invoice by invoice, in their order. At most `PIECE` of them."""
    rows = {row.reference: row for row in conn.execute(_named().where(payment.c.reference.in_(these)))}
    lines = _lines(conn, these)
    posted = _posted(conn, these)
    fees = _fees_left(conn, these)
    found = []
    for reference in these:
        row = rows[reference]
        for nth, line in enumerate(lines.get(reference, ())):
            sums = line.amount_minor, posted.get((reference, line.invoice))
            fee = (row.fee_minor, row.fee_minor - fees.get(reference, 0)) if nth == 0 else (0, 0)
            found.append(_part(row, line.number, sums, fee))
    return found


def _named() -> Select[Any]:
    """Payments with the name that the books or, where they are not ours, the customer gave."""
    name = func.coalesce(func.nullif(book_customer.c.name, ""), payment.c.billing_name).label("customer_name")
    beside = payment.outerjoin(book_customer, book_customer.c.id == payment.c.customer)
    return select(payment, name, _ARRIVED_AT.label("arrived_at")).select_from(beside)


def _part(row: Row[Any], number: str, sums: tuple[int, int | None], fee: tuple[int, int]) -> Part:
    paid, left = sums
    currency = row.currency
    return Part(
        at=instant(row.arrived_at),
        reference=row.reference,
        invoice=number,
        customer=row.customer_name,
        customer_id=row.customer or "",
        method=row.method,
        state=row.state,
        paid=Money(paid, currency),
        fee=Money(fee[0], currency),
        given_back=Money(0 if left is None else paid - left, currency),
        fee_given_back=Money(fee[1], currency),
    )


def _lines(conn: Connection, these: Collection[str]) -> dict[str, list[Row[Any]]]:
    ordered = select(payment_invoice).where(payment_invoice.c.payment.in_(these))
    found: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(ordered.order_by(payment_invoice.c.payment, payment_invoice.c.invoice)):
        found.setdefault(row.payment, []).append(row)
    return found


def _posted(conn: Connection, these: Collection[str]) -> dict[tuple[str, str], int]:
    """What is left posted by payment and invoice, in minor units: every posting there is or will be."""
    left: dict[tuple[str, str], int] = {}
    bodies = select(outbox.c.body).where(outbox.c.payment.in_(these), outbox.c.kind == "post")
    for body in conn.execute(bodies).scalars():
        made = msgspec.json.decode(body, type=Posting)
        at = made.reference, made.invoice
        left[at] = left.get(at, 0) + made.amount.minor
    return left


def _fees_left(conn: Connection, these: Collection[str]) -> dict[str, int]:
    """What is left of the fee of each payment that had one: a fee is a credit, so its sign is turned."""
    lines = journal_rows.c
    query = select(lines.payment, func.sum(lines.amount_minor).label("minor")).where(
        lines.payment.in_(these), lines.account == journal.FEES
    )
    return {row.payment: -int(row.minor) for row in conn.execute(query.group_by(lines.payment))}


# --- movements at the gateway -------------------------------------------------------------------------------------


def _moved(span: Span) -> Select[Any]:
    lines = journal_rows.c
    # the day of a payment is the gateway's; of what follows we know when we heard of it
    at = case(
        (lines.entry.like("%:succeeded"), func.coalesce(func.min(payment.c.cleared_at), func.min(lines.at))),
        else_=func.min(lines.at),
    )
    minor = func.sum(lines.amount_minor)
    return (
        select(
            lines.entry,
            lines.payment,
            lines.currency,
            at.label("at"),
            minor.label("minor"),
            func.min(lines.id).label("id"),
        )
        .select_from(journal_rows.join(payment))
        .where(lines.account.in_(_THERE))
        .group_by(lines.entry, lines.payment, lines.currency)
        .having(minor != 0, *span.holds(at))
    )


def currencies(conn: Connection, span: Span) -> list[str]:
    """The currencies of all movements in a span of time."""
    found = _moved(span).subquery()
    return sorted(conn.execute(select(found.c.currency).distinct()).scalars())


def entries(conn: Connection, span: Span, currency: str) -> list[Row[Any]]:
    """The journal's entries that moved money at the gateway, in the order of time; few bytes each, and read at once."""
    found = _moved(span).subquery()
    return list(conn.execute(select(found).where(found.c.currency == currency).order_by(found.c.at, found.c.id)).all())


def movements(conn: Connection, these: Sequence[Row[Any]]) -> list[Movement]:
    """What these entries were about. At most `PIECE` of them."""
    paid = sorted({row.payment for row in these})
    names = {row.reference: row.customer_name for row in conn.execute(_named().where(payment.c.reference.in_(paid)))}
    lines = _lines(conn, paid)
    return [
        Movement(
            at=instant(row.at),
            reference=row.payment,
            kind=_kind(row.entry.removeprefix(f"{row.payment}:")),
            invoices=tuple(line.number for line in lines.get(row.payment, ())),
            customer=names[row.payment],
            amount=Money(int(row.minor), row.currency),
        )
        for row in these
    ]


def _kind(cause: str) -> str:
    """What an entry of the journal was made for, by its name (`journal`)."""
    plain = {"succeeded": "payment", "returned": "return", "disputed": "dispute", "won": "dispute won"}
    if cause in plain:
        return plain[cause]
    if cause.startswith("refund:"):
        return "refund failed" if cause.endswith(":failed") else "refund"
    return "correction"
