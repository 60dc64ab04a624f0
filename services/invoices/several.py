"""Several books asked as one, such as Remit's own and the business's portal. It only routes; it knows no invoices."""

from collections.abc import Mapping

from services.errors import Malformed
from services.invoices.base import Invoices, Posting
from services.model import Billing, Invoice


class Several:
    """`Invoices` over named sources. Ids of invoices and customers begin with ``NAME:`` of the source they are from."""

    def __init__(self, sources: Mapping[str, Invoices]) -> None:
        self._sources = dict(sources)

    async def find(self, number: str) -> tuple[Invoice, ...]:
        """The invoices with this number in every source, in the order of the sources.

        Raises what a source raises: half an answer would read as "there is no such invoice".
        """
        found: tuple[Invoice, ...] = ()
        for source in self._sources.values():
            found += await source.find(number)
        return found

    async def get(self, invoice: str) -> Invoice | None:
        """One invoice by its id, or None; None too when no source has the id's prefix."""
        source = self._home(invoice)
        return None if source is None else await source.get(invoice)

    async def list_open(self) -> tuple[Invoice, ...]:
        """What is owed in every source, in the order of the sources; raises what a source raises."""
        found: tuple[Invoice, ...] = ()
        for source in self._sources.values():
            found += await source.list_open()
        return found

    async def billing(self, customer: str) -> Billing | None:
        """The billing details of one customer by id, or None; None too when no source has the id's prefix."""
        source = self._home(customer)
        return None if source is None else await source.billing(customer)

    async def record(self, posting: Posting) -> None:
        """Post to the source that the invoice is from. Raises `Malformed` when none has the id's prefix."""
        source = self._home(posting.invoice)
        if source is None:
            raise Malformed("no source of invoices has this id's prefix; nothing was posted")
        await source.record(posting)

    def _home(self, identifier: str) -> Invoices | None:
        return self._sources.get(identifier.partition(":")[0])
