"""What a payment pays on each of its invoices, as its customer agreed to it, and what is left of that there.

The processor knows the invoices of a payment and their sum; how the sum is laid over them stands in what was agreed to.
"""

from typing import TYPE_CHECKING

import msgspec

from services.model import Quote
from services.sandbox.payments import HostedPage

from .fees import fee_for, fee_kept, slack
from .till import kept

if TYPE_CHECKING:
    from .world import World


class Parts:
    """The parts of every payment of one world, by the numbers of invoices."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._known: dict[str, dict[str, int]] = {}

    def fee(self, page: HostedPage) -> int:
        """Minor units of the fee that this payment must hold: for cards alone, and of nobody who is exempt."""
        if not self._world.takes_fee or page.order.method != "card" or not page.order.invoices:
            return 0
        if self._world.is_exempt(page.order.invoices[0]):
            return 0
        return fee_for(sum(self._agreed(page.order.reference).values()))

    def of(self, page: HostedPage) -> dict[str, int]:
        """Minor units by invoice; empty for a payment that nobody agreed to."""
        reference, numbers = page.order.reference, page.order.invoices
        if len(numbers) == 1 and not self._world.takes_fee:
            return {numbers[0]: page.order.amount_minor}
        return self._agreed(reference)

    def _agreed(self, reference: str) -> dict[str, int]:
        if reference not in self._known:
            for row in self._world.rows("SELECT quote FROM consent WHERE payment = :p", p=reference):
                quote = msgspec.json.decode(row["quote"], type=Quote)
                self._known[reference] = {line.number: line.amount.minor for line in quote.lines}
        return self._known.get(reference, {})

    def taken(self, page: HostedPage, number: str) -> int:
        """Minor units that surely came for an invoice, or are on their way, and did not go back.

        Exact for a payment of one invoice. What went back of several may have been any one's: it is taken off each.
        """
        part = self.of(page).get(number, 0)
        if page.state == "processing":
            return part
        gone, fee = page.order.amount_minor - kept(page), self.fee(page)
        of_fee = fee - fee_kept(page, fee)
        return max(0, part - (gone - of_fee) - slack(page, fee))
