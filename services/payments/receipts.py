"""Receipts: what may be shown of a payment to whoever holds its receipt, as it stands now.

Synchronous functions over one connection, like `services.payments.ledger`. The number of a receipt is the reference of its
payment: it is drawn before anything is paid, printed everywhere, and never changes. Never here: who paid. No name, address,
e-mail address or zip stands on a receipt, since it is handed on, scanned and printed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from services.database import instant
from services.model import Method, Money, brand_name
from services.payments import facts, ledger
from services.payments.gateways.base import Fact, FactKind
from services.payments.receipt_standing import VOID, Standing, standing_of

__all__ = ["VOID", "Back", "Part", "Receipt", "Standing", "read", "standing_of"]


class Part(msgspec.Struct, frozen=True):
    """What was paid on one invoice."""

    number: str
    amount: Money


class Back(msgspec.Struct, frozen=True):
    """A refund that went through. ``at`` is the gateway's instant, UTC."""

    refund: str  # ours, RF-..., or the gateway's own name of one that was made there
    amount: Money
    at: datetime


class Receipt(msgspec.Struct, frozen=True):
    """A receipt as it reads now. ``amount`` is all that was taken: the parts, and the program fee in ``fee``. UTC instants."""

    number: str
    standing: Standing
    amount: Money
    fee: Money
    parts: tuple[Part, ...]
    method: Method
    brand: str
    last4: str
    paid_at: datetime  # by the gateway's clock: arrived, or else handed to the banks
    changed_at: datetime  # the standing rests on what happened then
    refunds: tuple[Back, ...] = ()
    refunded: int = 0  # minor units, by the gateway's word
    customer: str = ""  # whose invoices they were: an id, never shown
    chat: str = ""  # where it was begun, never shown

    @property
    def void(self) -> bool:
        """Whether nothing was paid after all."""
        return self.standing in VOID

    @property
    def brand_name(self) -> str:
        """The card brand as it is printed on cards."""
        return brand_name(self.brand)

    def refund(self, name: str) -> Back | None:
        """One of its refunds, or None for one that did not go through."""
        return next((each for each in self.refunds if each.refund == name), None)


def read(conn: Connection, reference: str) -> Receipt | None:
    """The receipt of a payment, or None for one whose money never came nor was on its way."""
    row = ledger.find_row(conn, reference)
    standing = None if row is None else standing_of(row)
    if row is None or standing is None:
        return None
    told = () if row.ruling is not None else facts.of_payment(conn, row.gateway, reference)
    return _made(row, standing, ledger.lines_of(conn, reference), _refunds(told, row.currency))


def _made(row: Row[Any], standing: Standing, lines: Sequence[Row[Any]], back: tuple[Back, ...]) -> Receipt:
    happened = row.happened_at or row.changed_at
    return Receipt(
        number=row.reference,
        standing=standing,
        amount=Money(row.amount_minor, row.currency),
        fee=Money(row.fee_minor, row.currency),
        parts=tuple(Part(line.number, Money(line.amount_minor, row.currency)) for line in lines),
        method=Method(row.method),
        brand=row.brand,
        last4=row.last4,
        paid_at=instant(row.cleared_at or row.submitted_at or happened),
        changed_at=instant(happened),
        refunds=back,
        refunded=row.refunded_minor,
        customer=row.customer or "",
        chat=row.chat,
    )


def _refunds(told: Sequence[Fact], currency: str) -> tuple[Back, ...]:
    """Every refund that went through and did not come back, the oldest first, as `states.fold` counts them."""
    said = [fact for fact in told if fact.kind in (FactKind.REFUNDED, FactKind.REFUND_FAILED)]
    failed = {fact.refund or fact.id for fact in said if fact.kind is FactKind.REFUND_FAILED}
    found: dict[str, Back] = {}
    for fact in sorted(said, key=lambda each: (each.at, each.id)):
        name = fact.refund or fact.id
        if name not in failed:
            before = found.get(name, Back(name, Money(0, currency), fact.at))
            most = max(before.amount.minor, fact.amount.minor)
            found[name] = msgspec.structs.replace(before, amount=Money(most, currency))
    return tuple(found.values())
