"""What went back, and what a person has to look at: refunds, disputes, what was paid too much, what is not ours.

Judged at rest, against the processor's own book. Each of these troubles has a case; silence is the worst answer.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.sandbox.payments import HostedPage, Refund

from .parts import Parts
from .till import Till, held, kept

if TYPE_CHECKING:
    from .screens import Screens
    from .world import World

# Whoever changes an invoice longer after it was paid has changed another matter.
_WATCHED = timedelta(days=13)
_SETTLED = {"succeeded": "done", "failed": "failed", "pending": "asked"}


class Back:
    """Judges one world."""

    def __init__(self, world: "World", till: Till, parts: Parts) -> None:
        self._world = world
        self._till = till
        self._parts = parts
        self._asked: dict[str, int] = {}
        self._changed: dict[str, datetime] = {}  # when the business last asked for less than before

    def asked(self, asked: dict[str, int]) -> None:
        """Take note of what the business asks for now on each invoice."""
        now = self._world.clock()
        for number, minor in asked.items():
            if minor < self._asked.get(number, 0):
                self._changed[number] = now
        self._asked = dict(asked)

    def judge(self) -> None:
        """Every refund is where the processor's book has it, and every trouble has its case."""
        self._refunds()
        self._cases()

    # --- refunds -------------------------------------------------------------------------------------------------

    def _refunds(self) -> None:
        book: dict[str, list[tuple[HostedPage, Refund]]] = defaultdict(list)
        for page, refund in self._till.refunds():
            book[refund.id].append((page, refund))
        rows = self._world.rows("SELECT id, payment, amount_minor, state FROM refund")
        for name, made in book.items():
            if len(made) > 1:
                self._world.violate(f"the refund {name} was made twice")
            if name.startswith("RF-") and all(row["id"] != name for row in rows):
                self._world.violate(f"the refund {name} was made, and nobody here asked for it")
        unsure = self._reasons("refund_unsure")
        for row in rows:
            if made := book.get(row["id"], []):
                page, refund = made[0]
                found = (page.order.reference, refund.amount_minor, _SETTLED[refund.state])
                if found != (row["payment"], row["amount_minor"], row["state"]):
                    self._world.violate(f"the refund {row['id']} is {found} at the processor and {tuple(row)} here")
            elif row["state"] == "failed":
                self._refused(row["id"], row["payment"], row["amount_minor"])
            elif row["state"] != "asked" or not unsure[row["payment"]]:
                self._world.violate(f"the refund {row['id']} is {row['state']} here and was never made")

    def _refused(self, name: str, reference: str, minor: int) -> None:
        """The processor said no: something it knew first must have been the reason, and a person is told."""
        for page in self._till.of_reference(reference):
            others = any(not refund.id.startswith("RF-") for refund in page.refunds)
            if not (others or page.dispute or page.state == "returned"):
                self._world.violate(
                    f"{name} was to give back {minor}, more than was left to be refunded of {reference}"
                )
        if not self._reasons("refund_failed")[reference]:
            self._world.violate(f"the refund {name} was refused, and no case says so")

    # --- cases ---------------------------------------------------------------------------------------------------

    def _reasons(self, reason: str) -> Counter[str]:
        """How many cases of this reason each payment has had."""
        rows = self._world.rows("SELECT payment, key FROM handoff_case WHERE reason = :reason", reason=reason)
        return Counter(row["payment"] or str(row["key"]).rpartition(":")[2] for row in rows)

    def _cases(self) -> None:
        disputed, failed = self._reasons("disputed"), self._reasons("refund_failed")
        unknown, contradictory = self._reasons("unknown_payment"), self._reasons("contradiction")
        for page in self._till.pages():
            reference = page.order.reference
            if not page.order.invoices:
                self._need(unknown[reference], f"{reference} is of another till")
                continue
            if page.dispute:
                self._need(disputed[reference], f"{reference} was disputed")
            came_back = sum(refund.state == "failed" for refund in page.refunds)
            if page.state != "returned" and failed[reference] < came_back:
                self._world.violate(f"{came_back} refunds of {reference} failed, and {failed[reference]} cases say so")
        for row in self._world.rows("SELECT DISTINCT payment FROM payment_event WHERE after = 'unknown'"):
            self._need(contradictory[row["payment"]], f"{row['payment']} was in doubt")
        for reference in self._reasons("forgotten"):
            if self._till.of_reference(reference) and reference not in self._world.denied:
                self._world.violate(f"a case says that the processor forgot {reference}, which it did not")

    def _need(self, cases: int, trouble: str) -> None:
        if not cases:
            self._world.violate(f"{trouble}, and no case says so")

    # --- what was paid too much ----------------------------------------------------------------------------------

    def nobody_is_left_in_the_dark(self, screens: "Screens") -> None:
        """Whatever was paid and is not owed has a case, and its customer was told."""
        known, posted = self._overpaid(), self._world.books.posted()
        for number, asked in self._world.books.asked().items():
            pages = [page for page in self._till.of_number(number) if kept(page) - held(page) > 0]
            surplus = sum(self._left(page, number, posted) for page in pages) - asked
            if surplus <= 0 or self._long_ago(number, pages):
                continue
            found = [page.order.reference for page in pages if (page.order.reference, number) in known]
            if not found:
                self._world.violate(f"{number} has a surplus of {surplus}, and no case says so")
            elif not any(screens.heard_of_surplus(reference) for reference in found):
                self._world.violate(f"{number} has a surplus of {surplus}, and nobody was told")

    def _overpaid(self) -> set[tuple[str, str]]:
        """Payments and invoices of which a case says that too much was paid."""
        numbers = {invoice: number for invoice, number, _ in self._world.books.known()}
        rows = self._world.rows("SELECT payment, invoice FROM handoff_case WHERE reason = 'overpaid'")
        return {(row["payment"], numbers.get(row["invoice"], "")) for row in rows}

    def _left(self, page: HostedPage, number: str, posted: Counter[tuple[str, str]]) -> int:
        """What the business has of a payment on one invoice; of several together, the books say how it is laid over them."""
        return (
            kept(page)
            if len(self._parts.of(page)) == 1 and not self._parts.fee(page)
            else posted[number, page.order.reference]
        )

    def _long_ago(self, number: str, pages: list[HostedPage]) -> bool:
        changed = self._changed.get(number)
        return changed is not None and all(changed - page.events[-1].at > _WATCHED for page in pages)
