"""Who may ask a person for what: a refund, or that something is looked at. Checked here, for every scope and chat.

What becomes of a wish is `services.payments.requests`. Nothing is read here that the asker may not know of.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.database import Transact
from services.invoices.access import Access
from services.model import Customer, Request, Scope
from services.payments import ledger
from services.payments.requests import Kind, Wish, open_request


class Wishes:
    """Requests on behalf of a scope. `Unavailable`, `Uncertain` and `Malformed` as the books and the database raise them."""

    def __init__(self, transact: Transact, access: Access, clock: Callable[[], datetime]) -> None:
        self._transact = transact
        self._access = access
        self._clock = clock

    async def open(  # noqa: PLR0917  # an effect's fields, in its order
        self, key: str, chat: str, scope: Scope, kind: Kind, why: str, payment: str = "", invoice: str = ""
    ) -> Request | None:
        """Hand a wish to a person, once per effect ``key``; None for what this scope and chat may not ask about.

        A holder of a link may ask about its invoice, a customer about what is theirs, a chat about payments it began.
        The same wish, while it is open, is the case that is open. ``why`` is kept as it is told.
        """
        customer = scope.id if isinstance(scope, Customer) and await self._access.may(scope) else None
        wish = Wish(kind, chat, why, customer, customer is not None, payment or None, invoice or None)
        allowed = await self._allowed(scope, wish)
        if allowed is None:
            return None
        return await self._transact(lambda conn: open_request(conn, key, allowed, self._clock()))

    async def _allowed(self, scope: Scope, wish: Wish) -> Wish | None:
        if wish.payment is not None:
            return await self._transact(lambda conn: _about_payment(conn, wish))
        found = None if wish.invoice is None else await self._access.invoice(scope, wish.invoice)
        return None if found is None else msgspec.structs.replace(wish, customer=found.customer, number=found.number)


def _about_payment(conn: Connection, wish: Wish) -> Wish | None:
    row = ledger.find_row(conn, wish.payment or "")
    if row is None or not (row.chat == wish.chat or (wish.customer is not None and row.customer == wish.customer)):
        return None
    numbers = {line.invoice: line.number for line in ledger.lines_of(conn, row.reference)}
    if wish.invoice is not None and wish.invoice not in numbers:
        return None
    which = wish.invoice or (next(iter(numbers)) if len(numbers) == 1 else "")
    signed_in = wish.signed_in and row.customer == wish.customer
    return msgspec.structs.replace(wish, customer=row.customer, signed_in=signed_in, number=numbers.get(which, ""))
