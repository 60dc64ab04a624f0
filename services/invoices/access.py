"""Who may read what in the books. Every read of a conversation goes through here; the dialog checks nothing."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from services.invoices.base import Invoices
from services.model import Bearer, Billing, Customer, Invoice, Scope, Stranger


class Access:
    """Reads on behalf of a scope. What a scope may not see does not exist for it: the answer is None either way."""

    def __init__(self, invoices: Invoices, reserved: Callable[[str], Awaitable[int]]) -> None:
        """``reserved`` tells how much of an invoice (minor units) payments under way have spoken for."""
        self._invoices = invoices
        self._reserved = reserved

    async def invoice(self, scope: Scope, invoice: str) -> Invoice | None:
        """One invoice as it stands now, less what is processing."""
        if not _names(scope, invoice):
            return None
        found = await self._invoices.get(invoice)
        if found is None or not _covers(scope, found):
            return None
        return replace(found, processing=await self._reserved(invoice))

    async def billing(self, scope: Scope, invoice: str) -> Billing | None:
        """The billing details of an invoice's customer; masked for who proved only a look-up."""
        found = await self.invoice(scope, invoice)
        if found is None:
            return None
        billing = await self._invoices.billing(found.customer)
        looked_up = isinstance(scope, Bearer) and scope.proof == "lookup"
        return billing.mask() if billing is not None and looked_up else billing


def _names(scope: Scope, invoice: str) -> bool:
    """Whether it is worth asking: a bearer names its one invoice, a stranger none."""
    match scope:
        case Stranger():
            return False
        case Bearer():
            return scope.invoice == invoice
        case Customer():
            return True


def _covers(scope: Scope, invoice: Invoice) -> bool:
    return not isinstance(scope, Customer) or scope.id == invoice.customer
