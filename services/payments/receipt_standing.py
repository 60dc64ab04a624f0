"""What a receipt says about its payment: one word for it, by the payment's row. Pure; no clock and no SQL."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from services.payments import states


class Standing(StrEnum):
    """What a receipt says about its payment."""

    ON_ITS_WAY = "on_its_way"  # handed to the banks: a notice, and no receipt yet
    PAID = "paid"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"  # the customer's bank holds the money until it has decided
    RETURNED = "returned"  # void: the bank sent the money back (NACHA return)
    LOST = "lost"  # void: a dispute was decided for the customer
    NOT_PAID = "not_paid"  # it was on its way, and never arrived
    CHECKING = "checking"  # what the gateway says contradicts itself, and a person looks


VOID = frozenset({Standing.RETURNED, Standing.LOST, Standing.NOT_PAID})  # good for nothing any more

_STANDS = {
    states.PROCESSING: Standing.ON_ITS_WAY,
    states.SUCCEEDED: Standing.PAID,
    states.WON: Standing.PAID,
    states.PART_REFUNDED: Standing.PART_REFUNDED,
    states.REFUNDED: Standing.REFUNDED,
    states.DISPUTED: Standing.DISPUTED,
    states.RETURNED: Standing.RETURNED,
    states.LOST: Standing.LOST,
}
_IF_IT_BEGAN = {states.FAILED: Standing.NOT_PAID, states.UNKNOWN: Standing.CHECKING}


def standing_of(row: Row[Any]) -> Standing | None:
    """What the receipt of this payment says, or None where there is none."""
    began = row.submitted_at is not None or row.cleared_at is not None
    return _STANDS.get(row.state) or (_IF_IT_BEGAN.get(row.state) if began else None)
