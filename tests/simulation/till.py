"""The processor's own book, as the oracle reads it: what was taken for each invoice, kept, held, and given back.

Only what the sandbox's processor wrote down itself. Nothing of the ledger is read here.
"""

from collections import defaultdict
from typing import TYPE_CHECKING

from services.sandbox.payments import HostedPage, Refund

if TYPE_CHECKING:
    from .world import World

ARRIVED = frozenset({"succeeded", "part_refunded", "refunded", "disputed", "won", "lost"})
_AS_LEDGER = {"expired": "failed", "closed": "failed"}  # every other state has one name on both sides


def state_of(page: HostedPage) -> str:
    """The state of a payment, in the ledger's words; a page that waits for 3-D Secure or a micro-deposit is open."""
    return "open" if page.payable else _AS_LEDGER.get(page.state, page.state)


def kept(page: HostedPage) -> int:
    """Minor units that came and did not go back. What a bank holds for a dispute counts until that is lost."""
    if page.state not in ARRIVED:
        return 0
    lost = page.disputed_minor if page.dispute == "lost" else 0
    return page.order.amount_minor - page.refunded_minor - lost


def held(page: HostedPage) -> int:
    """Minor units that a bank holds until a dispute is decided."""
    return page.disputed_minor if page.dispute == "disputed" else 0


def taken(page: HostedPage) -> int:
    """As `kept`, and what is on its way."""
    return page.order.amount_minor if page.state == "processing" else kept(page)


class Till:
    """The payments of one processor by what they pay. A payment of another till pays none of our invoices."""

    def __init__(self, world: "World") -> None:
        self._processor = world.sandbox.processor
        self._known = 0
        self._by_number: dict[str, list[HostedPage]] = defaultdict(list)
        self._by_reference: dict[str, list[HostedPage]] = defaultdict(list)

    def pages(self) -> list[HostedPage]:
        """Every payment ever begun here or at another till, as it stands now."""
        self._processor.settle()
        return self._processor._payments

    def ours(self) -> list[HostedPage]:
        """Those with a page that was made for the assistant."""
        return [page for page in self.pages() if page.order.invoices]

    def of_number(self, number: str) -> list[HostedPage]:
        """The payments of one invoice. What is due by now and did not happen yet is left for later."""
        self._index()
        return self._by_number[number]

    def of_reference(self, reference: str) -> list[HostedPage]:
        """The payments with this reference: one, if nothing is wrong."""
        self._index()
        return self._by_reference[reference]

    def payable(self) -> set[str]:
        """The payments with a page on which somebody could pay now. Nothing that is due happens because of the question."""
        return {page.order.reference for page in self._processor._payments if page.order.invoices and page.payable}

    def refunds(self) -> list[tuple[HostedPage, Refund]]:
        """Every refund, with its payment."""
        return [(page, refund) for page in self.pages() for refund in page.refunds]

    def _index(self) -> None:
        every = self._processor._payments
        for page in every[self._known :]:
            self._by_reference[page.order.reference].append(page)
            for number in page.order.invoices:
                self._by_number[number].append(page)
        self._known = len(every)
