"""The double entry of payments: which accounts a payment moves, and what they add up to.

Debits are positive and credits negative; the lines of one entry sum to zero. Rows are only ever added, each entry once:
a reversal is an entry of its own. Nothing here decides *whether* money moved, that is the ledger's part.

    clearing     what the gateway took for us, on its way to the bank account
    refunds      what the gateway gave back for us: with `clearing`, what is left there
    disputes     what a bank holds until a dispute is decided
    receivable   what customers owe on their invoices
    fees         the program fee that a customer agreed to
    claims       refunds of payments that a bank then sent back in full: customers got these sums twice
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from services.database import micros
from services.model import Money
from services.schema import journal

CLEARING, REFUNDS, DISPUTES = "clearing", "refunds", "disputes"
RECEIVABLE, FEES, CLAIMS = "receivable", "fees", "claims"
KEPT = (CLEARING, REFUNDS, DISPUTES)  # together: what is still here of what the gateway took


class Part(msgspec.Struct, frozen=True):
    """A sum that goes back, and how much of it is the program fee."""

    amount: Money
    fee_minor: int

    @property
    def owed_again(self) -> int:
        """Minor units that go back to the invoices: what is not fee."""
        return self.amount.minor - self.fee_minor


def enter_success(conn: Connection, reference: str, amount: Money, fee_minor: int, at: datetime) -> bool:
    """Money arrived at the gateway: ``amount`` in all, ``fee_minor`` of it a fee, the rest paid on invoices."""
    lines = {CLEARING: amount.minor, RECEIVABLE: fee_minor - amount.minor, FEES: -fee_minor}
    return _enter(conn, _Entry(f"{reference}:succeeded", reference, amount.currency, lines), at)


def enter_return(conn: Connection, reference: str, at: datetime) -> bool:
    """The money went back: its success, reversed. Without a success there is nothing to turn."""
    return reverse(conn, f"{reference}:succeeded", f"{reference}:returned", at)


def enter_refund(conn: Connection, reference: str, refund: str, part: Part, at: datetime) -> bool:
    """A part was given back: what is not fee is owed on invoices again."""
    return _enter(conn, _went_back(f"{reference}:refund:{refund}", reference, part, REFUNDS), at)


def enter_refund_failed(conn: Connection, reference: str, refund: str, at: datetime) -> bool:
    """A refund did not reach the customer: it is the business's again. False when it never went out."""
    return reverse(conn, f"{reference}:refund:{refund}", f"{reference}:refund:{refund}:failed", at)


def enter_claim(conn: Connection, reference: str, refund: str, at: datetime) -> bool:
    """The bank sent back all of a payment, also what this refund had given: not owed on invoices, but to be claimed."""
    rows = conn.execute(_LINES, {"entry": f"{reference}:refund:{refund}"}).all()
    turned = {row.account: -row.amount_minor for row in rows if row.account != REFUNDS}
    lines = {**turned, CLAIMS: -sum(turned.values())}
    return _enter(conn, _Entry(f"{reference}:refund:{refund}:claim", reference, rows[0].currency, lines), at)


def enter_no_claim(conn: Connection, reference: str, refund: str, at: datetime) -> bool:
    """Such a refund did not reach the customer after all. False when it was never claimed."""
    return reverse(conn, f"{reference}:refund:{refund}:claim", f"{reference}:refund:{refund}:no_claim", at)


def enter_dispute(conn: Connection, reference: str, amount: Money, at: datetime) -> bool:
    """A bank took ``amount`` and holds it until the dispute is decided."""
    lines = {DISPUTES: amount.minor, CLEARING: -amount.minor}
    return _enter(conn, _Entry(f"{reference}:disputed", reference, amount.currency, lines), at)


def enter_won(conn: Connection, reference: str, at: datetime) -> bool:
    """The dispute was decided for the business: the money is back."""
    return reverse(conn, f"{reference}:disputed", f"{reference}:won", at)


def enter_lost(conn: Connection, reference: str, part: Part, at: datetime) -> bool:
    """The dispute was decided for the customer: what is not fee is owed again."""
    return _enter(conn, _went_back(f"{reference}:lost", reference, part, DISPUTES), at)


_LINES = select(journal).where(journal.c.entry == bindparam("entry"))


def reverse(conn: Connection, entry: str, name: str, at: datetime) -> bool:
    """An entry with every sign turned, as a new one called ``name``; False when there is none, or it was turned before."""
    rows = conn.execute(_LINES, {"entry": entry}).all()
    if not rows:
        return False
    turned = {row.account: -row.amount_minor for row in rows}
    return _enter(conn, _Entry(name, rows[0].payment, rows[0].currency, turned), at)


_HELD = select(func.coalesce(func.sum(journal.c.amount_minor), 0)).where(
    journal.c.payment == bindparam("payment"), journal.c.account == bindparam("account")
)


def held(conn: Connection, reference: str, account: str) -> int:
    """What one payment left on one account, in minor units."""
    return int(conn.execute(_HELD, {"payment": reference, "account": account}).scalar_one())


_ACCOUNTS = (
    select(journal.c.account, func.sum(journal.c.amount_minor))
    .where(journal.c.payment == bindparam("payment"))
    .group_by(journal.c.account)
)


def bring_to(conn: Connection, name: str, paid: tuple[str, str], wanted: Mapping[str, int], at: datetime) -> bool:
    """One entry that leaves ``wanted`` on the accounts of a payment, and nothing on others; False: that is so already.

    ``paid`` is its reference and its currency.
    """
    reference, currency = paid
    now = {account: int(minor) for account, minor in conn.execute(_ACCOUNTS, {"payment": reference})}
    lines = {each: wanted.get(each, 0) - now.get(each, 0) for each in sorted(now.keys() | wanted.keys())}
    return any(lines.values()) and _enter(conn, _Entry(name, reference, currency, lines), at)


def trial_balance(conn: Connection) -> dict[str, dict[str, int]]:
    """What every account holds: currency -> account -> minor units. Each currency sums to zero, or a bug is loose."""
    balance: dict[str, dict[str, int]] = {}
    total = func.sum(journal.c.amount_minor).label("total")
    by_account = journal.c.currency, journal.c.account
    for row in conn.execute(select(*by_account, total).group_by(*by_account).order_by(*by_account)):
        balance.setdefault(row.currency, {})[row.account] = int(row.total)
    return balance


class _Entry(msgspec.Struct, frozen=True):
    name: str
    payment: str
    currency: str
    lines: Mapping[str, int]  # account -> minor units


def _went_back(name: str, reference: str, part: Part, account: str) -> _Entry:
    amount = part.amount
    lines = {RECEIVABLE: part.owed_again, FEES: part.fee_minor, account: -amount.minor}
    return _Entry(name, reference, amount.currency, lines)


def _enter(conn: Connection, entry: _Entry, at: datetime) -> bool:
    if sum(entry.lines.values()) != 0:
        raise ValueError(f"entry {entry.name} does not sum to zero")
    if conn.execute(_LINES, {"entry": entry.name}).first() is not None:
        return False
    common = {"entry": entry.name, "payment": entry.payment, "at": micros(at), "currency": entry.currency}
    moved = {account: minor for account, minor in entry.lines.items() if minor}
    conn.execute(insert(journal), [{**common, "account": each, "amount_minor": minor} for each, minor in moved.items()])
    return True
