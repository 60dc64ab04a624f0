"""The double entry of payments: which accounts a payment moves, and what they add up to.

Debits are positive and credits negative; the lines of one entry sum to zero. Rows are only ever added: a reversal is an
entry of its own. Nothing here decides *whether* money moved, that is the ledger's part.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from services.database import micros
from services.model import Money
from services.schema import journal

CLEARING = "clearing"  # with the gateway, on its way to the bank account
RECEIVABLE = "receivable"  # what customers owe on their invoices
FEES = "fees"  # the program fee that a customer agreed to


def enter_success(conn: Connection, reference: str, amount: Money, fee_minor: int, at: datetime) -> None:
    """Money arrived at the gateway: ``amount`` in all, ``fee_minor`` of it a fee, the rest paid on invoices."""
    lines = {CLEARING: amount.minor, RECEIVABLE: fee_minor - amount.minor, FEES: -fee_minor}
    _enter(conn, f"{reference}:succeeded", reference, {a: Money(m, amount.currency) for a, m in lines.items()}, at)


def enter_return(conn: Connection, reference: str, at: datetime) -> None:
    """The money went back: the entry of its success with every sign turned. Without a success there is nothing to turn."""
    turned = {
        row.account: Money(-row.amount_minor, row.currency)
        for row in conn.execute(select(journal).where(journal.c.entry == f"{reference}:succeeded"))
    }
    if turned:
        _enter(conn, f"{reference}:returned", reference, turned, at)


def trial_balance(conn: Connection) -> dict[str, dict[str, int]]:
    """What every account holds: currency -> account -> minor units. Each currency sums to zero, or a bug is loose."""
    balance: dict[str, dict[str, int]] = {}
    total = func.sum(journal.c.amount_minor).label("total")
    by_account = journal.c.currency, journal.c.account
    for row in conn.execute(select(*by_account, total).group_by(*by_account).order_by(*by_account)):
        balance.setdefault(row.currency, {})[row.account] = int(row.total)
    return balance


def _enter(conn: Connection, entry: str, reference: str, lines: Mapping[str, Money], at: datetime) -> None:
    if sum(line.minor for line in lines.values()) != 0:
        raise ValueError(f"entry {entry} does not sum to zero")
    common = {"entry": entry, "payment": reference, "at": micros(at)}
    rows = [
        {**common, "account": account, "amount_minor": line.minor, "currency": line.currency}
        for account, line in lines.items()
        if line.minor
    ]
    conn.execute(insert(journal), rows)
