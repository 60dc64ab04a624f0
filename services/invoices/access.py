"""Who may read what: invoices, details, methods, payments, requests. Every read of a conversation goes through here.

The dialog checks nothing. What a scope may not see does not exist for it: the answer is None, or empty, either way.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import assert_never

from msgspec.structs import replace

from services.database import Transact
from services.invoices.base import Books
from services.model import (
    MOST_SHOWN,
    Bearer,
    Billing,
    Customer,
    Details,
    Filter,
    Invoice,
    InvoiceState,
    Listing,
    Methods,
    Payments,
    Requests,
    Scope,
    Sheet,
    Stranger,
    Sum,
    plain,
    same_number,
)
from services.payments import ledger, requests
from services.payments.wallet import Wallet

MOST_PAYMENTS = 10  # in one list


class Access:
    """Reads on behalf of a scope. Calls may raise what the books, the gateway and the database raise."""

    def __init__(
        self,
        *,
        books: Books,
        transact: Transact,
        wallet: Wallet,
        holds: Callable[[Customer], Awaitable[bool]],
    ) -> None:
        """``holds`` tells whether a sign-in still counts; each read for a customer asks it first."""
        self._books = books
        self._transact = transact
        self._wallet = wallet
        self._holds = holds

    async def may(self, scope: Scope) -> bool:
        """Whether a scope is still what was proved: to be asked before anything is changed for a customer."""
        return not isinstance(scope, Customer) or await self._holds(scope)

    # --- one invoice ----------------------------------------------------------------------------------------------

    async def invoice(self, scope: Scope, invoice: str) -> Invoice | None:
        """One invoice as it stands now, less what is processing."""
        if not _names(scope, invoice) or not await self.may(scope):
            return None
        found = await self._books.get(invoice)
        if found is None or not _covers(scope, found):
            return None
        return (await self._transact(partial(ledger.as_held, invoices=[found])))[0]

    async def billing(self, scope: Scope, invoice: str) -> Billing | None:
        """The billing details of an invoice's customer; masked for who proved only a look-up."""
        found = await self.invoice(scope, invoice)
        if found is None:
            return None
        billing = await self._books.billing(found.customer)
        return billing.mask() if billing is not None and _looked_up(scope) else billing

    async def sheet(self, scope: Scope, invoice: str) -> Sheet | None:
        """What an invoice was for, line by line."""
        return None if await self.invoice(scope, invoice) is None else await self._books.sheet(invoice)

    async def pdf(self, scope: Scope, invoice: str) -> bytes | None:
        """The invoice on paper. Not for who proved only a look-up: name and address stand on it."""
        if _looked_up(scope) or await self.invoice(scope, invoice) is None:
            return None
        return await self._books.pdf(invoice)

    # --- all that is a customer's ---------------------------------------------------------------------------------

    async def own(self, scope: Customer, number: str) -> Invoice | None:
        """The one invoice of this customer that the number means, however it was written. None for none, or several."""
        invoices = await self._all(scope)
        meant = [each for each in invoices or () if same_number(number, each.number)]
        exact = [each for each in meant if plain(each.number) == plain(number)]
        only = exact if len(exact) == 1 else meant
        return (await self._transact(partial(ledger.as_held, invoices=only)))[0] if len(only) == 1 else None

    async def listing(self, scope: Customer, which: Filter, today: date) -> Listing | None:
        """The customer's invoices that were asked for, and what all of them come to. ``today`` is the business's."""
        invoices = await self._all(scope)
        if invoices is None:
            return None
        held = await self._transact(partial(ledger.as_held, invoices=invoices))
        asked = [each for each in held if which.fits(each, today)]
        return Listing(tuple(asked[:MOST_SHOWN]), len(asked), _sums(held, today))

    async def details(self, scope: Customer) -> Details | None:
        """All that is on file of the customer."""
        return await self._books.details(scope.id) if await self._holds(scope) else None

    async def methods(self, scope: Customer) -> Methods | None:
        """The customer's saved methods, the favorite first."""
        return await self._wallet.methods(scope.id) if await self._holds(scope) else None

    async def payments(self, scope: Customer) -> Payments | None:
        """The newest payments on the customer's invoices, whoever made them."""
        if not await self._holds(scope):
            return None
        newest, count = await self._transact(lambda conn: ledger.of_customer(conn, scope.id, MOST_PAYMENTS))
        return Payments(tuple(newest), count)

    async def requests(self, scope: Scope, chat: str) -> Requests:
        """What this customer or this chat asked a person for."""
        customer = scope.id if isinstance(scope, Customer) and await self._holds(scope) else None
        return await self._transact(lambda conn: requests.of(conn, customer, chat))

    async def _all(self, scope: Customer) -> tuple[Invoice, ...] | None:
        if not await self._holds(scope):
            return None
        # the books are asked for this customer's, and taken at their word for nothing
        return tuple(each for each in await self._books.of_customer(scope.id) if each.customer == scope.id)


def _sums(invoices: Sequence[Invoice], today: date) -> tuple[Sum, ...]:
    """One for each currency. Void invoices and credit notes owe nothing, and nothing was paid on them."""
    sums: dict[str, Sum] = {}
    for each in invoices:
        if each.state not in (InvoiceState.OPEN, InvoiceState.PAID):
            continue
        before = sums.get(each.due.currency, Sum(each.due.currency))
        is_open = each.state is InvoiceState.OPEN
        payable = each.payable.minor if is_open else 0
        late = each.due_date is not None and each.due_date < today
        sums[each.due.currency] = replace(
            before,
            payable=before.payable + payable,
            overdue=before.overdue + (payable if late else 0),
            processing=before.processing + (each.processing if is_open else 0),
            paid=before.paid + (each.total - each.due).minor,
        )
    return tuple(sums[currency] for currency in sorted(sums))


def _looked_up(scope: Scope) -> bool:
    return isinstance(scope, Bearer) and scope.proof == "lookup"


def _names(scope: Scope, invoice: str) -> bool:
    """Whether it is worth asking: a bearer names its one invoice, a stranger none."""
    match scope:
        case Stranger():
            return False
        case Bearer():
            return scope.invoice == invoice
        case Customer():
            return True
        case _:
            assert_never(scope)


def _covers(scope: Scope, invoice: Invoice) -> bool:
    return not isinstance(scope, Customer) or scope.id == invoice.customer
