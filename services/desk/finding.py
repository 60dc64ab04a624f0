"""Finding what a person at the desk looks for: payments, their steps, and the chats of a customer.

Customers, by name, e-mail address or invoice, are the books' own to find (`services.invoices.base`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, or_, select

from services.database import instant, micros
from services.model import PaymentState
from services.payments.ledger import Listed, lines_of, read
from services.schema import browser, payment_event, payment_invoice
from services.schema import handoff as handoffs
from services.schema import payment as payments

LONGEST = 120  # characters that are looked at
MOST_NUMBERS = 20  # invoices of a customer that chats are looked for by


def payments_found(
    conn: Connection,
    told: str,
    state: PaymentState | None,
    most: int,
    between: tuple[datetime, datetime] | None = None,
) -> Sequence[Listed]:
    """At most so many payments, the newest first: with this reference, for an invoice of this number, or by a card or account
    that ends in these four digits; in this state; begun ``between`` the first instant and before the second.
    """
    asked = select(payments).order_by(payments.c.created_at.desc(), payments.c.reference).limit(most)
    if state is not None:
        asked = asked.where(payments.c.state == state)
    if between is not None:
        asked = asked.where(payments.c.created_at >= micros(between[0]), payments.c.created_at < micros(between[1]))
    if wanted := told.replace("\0", "").strip()[:LONGEST].upper():  # PostgreSQL keeps no such character
        numbered = select(payment_invoice.c.payment).where(func.upper(payment_invoice.c.number) == wanted)
        named = payments.c.reference == wanted, payments.c.reference.in_(numbered), payments.c.last4 == wanted
        asked = asked.where(or_(*named))
    rows = conn.execute(asked).all()
    return [Listed(read(row, lines_of(conn, row.reference)), instant(row.created_at)) for row in rows]


class Event(NamedTuple):
    """One step of a payment. ``before`` is "" where it began."""

    at: datetime
    before: str
    after: str
    cause: str


def events(conn: Connection, reference: str, most: int = 200) -> Sequence[Event]:
    """The last steps of a payment, in order."""
    newest = select(payment_event).where(payment_event.c.payment == reference).order_by(payment_event.c.id.desc())
    rows = conn.execute(newest.limit(most)).all()
    return [Event(instant(row.at), row.before or "", row.after, row.cause) for row in reversed(rows)]


def chats_of(conn: Connection, customer: str, numbers: Sequence[str], most: int) -> Sequence[str]:
    """Chats in which this customer signed in or paid, or that a person was asked into about one of these invoices.

    At most so many of each kind, in no order; a chat that was only read by nobody known is nobody's.
    """
    signed_in = select(browser.c.chat).where(browser.c.customer == customer).order_by(browser.c.proved_at.desc())
    paying = select(payments.c.chat).where(payments.c.customer == customer).order_by(payments.c.created_at.desc())
    # a brief is JSON: what stands in it between quotes, as the encoder writes it
    told = [f'"customer":{_json(customer)}', *(f"[{_json(number)}]" for number in numbers[:MOST_NUMBERS])]
    about = or_(*(handoffs.c.brief.contains(each, autoescape=True) for each in told))
    handed = select(handoffs.c.chat).where(about).order_by(handoffs.c.id.desc())
    found: dict[str, None] = {}
    for each in (handed, paying, signed_in):
        found |= dict.fromkeys(conn.execute(each.limit(most)).scalars())
    return [chat for chat in found if chat]


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()
