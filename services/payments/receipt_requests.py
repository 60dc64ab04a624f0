"""A receipt is asked for by e-mail: by its customer in the chat, or for them at the desk. It goes to the address on file alone.

So often a day, whoever asks: a mailbox can be filled by receipts as well.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from services import letterbox, pace
from services.database import Transact
from services.invoices.access import Access
from services.model import Customer
from services.pace import Pace
from services.payments import receipt_letters, receipts

A_DAY = 5  # letters with one receipt that somebody asked for


class ReceiptRequests:
    """On behalf of a scope. May raise what the books and the database raise."""

    def __init__(self, transact: Transact, access: Access, clock: Callable[[], datetime]) -> None:
        self._transact = transact
        self._access = access
        self._clock = clock

    async def mail(self, key: str, scope: Customer, reference: str) -> bool:
        """Send the receipt of one of the customer's own payments, once per ``key``.

        False: it is not theirs or has none, no address is on file, or it was asked for often enough today.
        """
        details = await self._access.details(scope)
        if details is None or not details.email:
            return False
        return await self._transact(lambda conn: ask(conn, key, scope.id, reference, self._clock()))


def ask(conn: Connection, key: str, customer: str, reference: str, now: datetime) -> bool:
    """Write down that it is wanted, once per ``key``; False for none of this customer's, and when that was often today."""
    receipt = receipts.read(conn, reference)
    if receipt is None or receipt.customer != customer:
        return False
    if letterbox.has(conn, receipt_letters.asked_key(key)):
        return True
    if isinstance(pace.take(conn, [Pace(f"receipt:{reference}", A_DAY, timedelta(days=1))], now), datetime):
        return False
    return receipt_letters.again(conn, reference, customer, key, now)
