"""Several books asked as one, such as Remit's own and the business's portal. It only routes; it knows no invoices."""

from collections.abc import Mapping

from services.errors import Malformed
from services.invoices.base import Books, Posting
from services.model import Account, Billing, Details, Invoice, Revision, Sheet


class Several:
    """`Books` over named sources. Ids of invoices and customers begin with ``NAME:`` of the source they are from."""

    def __init__(self, sources: Mapping[str, Books]) -> None:
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

    async def of_customer(self, customer: str) -> tuple[Invoice, ...]:
        """Every invoice of one customer, by id; none when no source has the id's prefix."""
        source = self._home(customer)
        return () if source is None else await source.of_customer(customer)

    async def at(self, email: str) -> tuple[Account, ...]:
        """The customers with this e-mail address in every source, in the order of the sources.

        Raises what a source raises: half an answer would read as "nobody has this address".
        """
        found: tuple[Account, ...] = ()
        for source in self._sources.values():
            found += await source.at(email)
        return found

    async def named(self, told: str, most: int) -> tuple[Account, ...]:
        """At most so many customers whose name holds every word of this, in the order of the sources.

        Raises what a source raises: half an answer would read as "there is nobody else of this name".
        """
        found: tuple[Account, ...] = ()
        for source in self._sources.values():
            found += await source.named(told, most)
        return found[:most]

    async def account(self, customer: str) -> Account | None:
        """One customer by id, or None; None too when no source has the id's prefix."""
        source = self._home(customer)
        return None if source is None else await source.account(customer)

    async def details(self, customer: str) -> Details | None:
        """All that is on file of one customer by id, or None; None too when no source has the id's prefix."""
        source = self._home(customer)
        return None if source is None else await source.details(customer)

    async def save(self, customer: str, revision: Revision, key: str) -> Details | None:
        """Write changed details to the source that the customer is from; None when no source has the id's prefix."""
        source = self._home(customer)
        return None if source is None else await source.save(customer, revision, key)

    async def sheet(self, invoice: str) -> Sheet | None:
        """The lines of one invoice by its id, or None; None too when no source has the id's prefix."""
        source = self._home(invoice)
        return None if source is None else await source.sheet(invoice)

    async def pdf(self, invoice: str) -> bytes | None:
        """The invoice as a PDF, or None when its source has none to give, or no source has the id's prefix."""
        source = self._home(invoice)
        return None if source is None else await source.pdf(invoice)

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

    def _home(self, identifier: str) -> Books | None:
        return self._sources.get(identifier.partition(":")[0])
