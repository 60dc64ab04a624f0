"""Pages that can be paid, and what payments hold of their invoices, told from the processor's own book.

Nobody may be able to pay on a page that the assistant calls over, nor on two pages of one invoice; and what holds an
invoice lets go of it in the end.
"""

from typing import TYPE_CHECKING

from services.database import micros
from services.sandbox.payments import HostedPage

from .till import Till, state_of

if TYPE_CHECKING:
    from .world import World

_AT_LEAST_S = 120  # until a request that had no answer may be given up


class Pages:
    """Watches the pages of one world."""

    def __init__(self, world: "World", till: Till) -> None:
        self._world = world
        self._till = till

    def made(self, page: HostedPage) -> None:
        """The processor made a page just now: its payment was not given up in the meantime, and no other page is open."""
        reference = page.order.reference
        self._not_given_up(reference)
        for number in page.order.invoices:
            for other in self._till.of_number(number):
                if other is not page and other.payable and self._known(other.order.reference):
                    both = f"{reference} has a page while that of {other.order.reference} is open"
                    self._world.violate(f"{both}: two for {number}")

    def _not_given_up(self, reference: str) -> None:
        if self._world.leaps or self._world.skewed:
            return
        failed = "SELECT max(at) AS at FROM payment_event WHERE payment = :reference AND after = 'failed'"
        for row in self._world.rows(failed, reference=reference):
            if row["at"] is not None:
                waited = int((row["at"] - micros(self._world.began)) / 1_000_000 - self._world.requested)
                if waited < _AT_LEAST_S - 1:
                    self._world.violate(f"{reference} was given up {waited} s after its request")

    def watch(self) -> None:
        """A page that can be paid, and whose address somebody knows, is one that the ledger holds as open."""
        if not (payable := self._till.payable()):
            return
        over = (
            "SELECT reference, state FROM payment WHERE state = 'canceled' OR (state = 'failed' AND page IS NOT NULL)"
        )
        for row in self._world.rows(over):
            if row["reference"] in payable:
                here = f"the ledger has it as {row['state']}"
                self._world.violate(f"the page of {row['reference']} can be paid, and {here}")

    def judge(self) -> None:
        """At rest no page is open: nothing holds an invoice, and a sum is reserved only while it is on its way."""
        held = "SELECT payment, invoice, live FROM payment_invoice WHERE live OR reserved"
        for row in self._world.rows(held):
            states = {state_of(page) for page in self._till.of_reference(row["payment"])}
            if row["live"]:
                self._world.violate(f"{row['payment']} still holds {row['invoice']}, and no page is open")
            elif states != {"processing"}:
                self._world.violate(f"{row['payment']} still reserves its sum of {row['invoice']}")

    def _known(self, reference: str) -> bool:
        """Whether anybody can know the address of its page."""
        known = "SELECT 1 FROM payment WHERE reference = :reference AND page IS NOT NULL"
        return bool(self._world.rows(known, reference=reference))
