"""Which letters follow from how a payment stands: its receipt, that it is on its way, each refund, and that it is void.

Written in the transaction that moved the payment, once per cause, in whichever order the facts came. Whether a letter is
still true when it is sent, and whether its customer wants any, is found then (`bot/receipt_letters.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from services import letterbox
from services.letterbox import Wanted
from services.model import Method
from services.payments import states
from services.payments.cases import short
from services.payments.receipt_standing import VOID, Standing, standing_of
from services.payments.states import GivenBack

RECEIPT, ON_ITS_WAY, REFUNDED, VOIDED = "receipt", "receipt_on_its_way", "receipt_refunded", "receipt_void"


def follow(conn: Connection, row: Row[Any], refunds: Sequence[GivenBack], now: datetime) -> None:
    """Have the letters sent that this payment's ``row`` asks for; ``refunds`` are those that count. Twice is as good as once.

    A payment from before it was known whose invoices it pays has nobody to write to.
    """
    if row.customer:
        for key, kind, about in _causes(row, refunds):
            letterbox.want(conn, Wanted(key, kind, row.customer, {"payment": row.reference, **about}), now)


def _causes(row: Row[Any], refunds: Sequence[GivenBack]) -> Iterator[tuple[str, str, dict[str, str]]]:
    standing, reference = standing_of(row), row.reference
    if standing is Standing.ON_ITS_WAY and row.method == Method.BANK:
        yield f"processing:{reference}", ON_ITS_WAY, {}
    if row.state in states.ARRIVED:
        yield f"receipt:{reference}", RECEIPT, {}
        for each in refunds:
            if not each.failed:
                yield f"refunded:{short(each.refund)}", REFUNDED, {"refund": each.refund[:200]}
    if standing in VOID:
        yield f"{'lost' if standing is Standing.LOST else 'returned'}:{reference}", VOIDED, {}


def again(conn: Connection, reference: str, customer: str, key: str, now: datetime) -> bool:
    """Somebody asks for a receipt by e-mail: once per ``key``, whatever the customer's settings say; False: asked before."""
    about = {"payment": reference, "asked": "yes"}
    return letterbox.want(conn, Wanted(asked_key(key), RECEIPT, customer, about), now)


def asked_key(key: str) -> str:
    """The key of the letter that is asked for under this key."""
    return f"receipt-asked:{key}"[:200]
