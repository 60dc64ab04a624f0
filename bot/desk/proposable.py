"""What may be proposed to a customer, whoever proposes it: people at the desk and outside systems keep the same rules."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from services.model import Invoice, Money, Rules, standing
from services.schema import payment, payment_invoice


def problem(invoices: Sequence[Invoice], amount: Money, rules: Rules, limit: int | None) -> str:
    """Why these invoices cannot be proposed for this sum, or ""; ``limit`` is the most in minor units, None: whatever is owed."""
    problems = {
        "no_invoice": not invoices or amount.minor <= 0,
        "not_payable": any(standing(each, rules) for each in invoices),
        "other_currency": any(each.due.currency != amount.currency for each in invoices),
        "several_customers": len({each.customer for each in invoices}) > 1,
        "too_much": amount.minor > sum(each.payable.minor for each in invoices),
        "over_limit": limit is not None and amount.minor > limit,
    }
    return next((name for name, holds in problems.items() if holds), "")


def under_way(conn: Connection, invoices: Sequence[str]) -> bool:
    """Whether a payment of one of these (ids) is under way."""
    live = select(payment.c.reference).join(payment_invoice).where(payment_invoice.c.live)
    return conn.execute(live.where(payment_invoice.c.invoice.in_(invoices)).limit(1)).first() is not None
