"""The customers of a year: what they owe each month, how their saved methods behave, and what they authorise.

Their names and bills follow from a seed. Nothing here says what should come of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from services.sandbox.numbers import saved_bank_outcome, saved_card_outcome
from services.sandbox.portal import Demo, DemoBusiness, DemoCustomer, DemoInvoice
from services.sandbox.vault import Kept

MONTHS, MONTH_DAYS = 12, 30
_FIRST_DUE = 20  # days from the first day: whoever agrees on it is told in time
_GOOD_CARD, _GOOD_ACCOUNT = "4242424242424242", "000123456789"
# Saved methods by how likely a customer has them: most pay, and each kind of refusal comes up in a year.
METHODS: Final = (
    (_GOOD_CARD, 40),
    (_GOOD_ACCOUNT, 40),
    ("4000000000009995", 4),  # insufficient funds: tried again, twice
    ("4000000000009979", 3),  # stolen: never again
    ("4000000000000341", 2),  # declined when it is charged
    ("4000002760003184", 3),  # its bank wants to see the customer
    ("000222222227", 4),  # R01: sent again, twice
    ("000111111113", 2),  # R02: the account is closed
    ("000333333335", 2),  # R10 at once
)


@dataclass(frozen=True)
class Resident:
    """A customer with autopay or without: the number of their saved method is known to the processor alone."""

    id: str
    number: str
    limit_minor: int
    days: int
    in_autopay: bool

    def kept(self) -> Kept:
        """Their method as the processor keeps it."""
        if len(self.number) > 12:
            later = saved_card_outcome(self.number)
            return Kept("card", "visa", self.number[-4:], f"print-{self.id}", later, expires="2042-04")
        bank = saved_bank_outcome(self.number)
        return Kept("bank", "bank", self.number[-4:], f"print-{self.id}", bank, authorization="I authorize")


def residents(seed: int, count: int) -> list[Resident]:
    """So many customers, of whom most are in autopay."""
    chance = Random(f"{seed}/residents")
    numbers, weights = zip(*METHODS, strict=True)
    return [
        Resident(
            id=f"c{nth:04}",
            number=chance.choices(numbers, weights)[0],
            limit_minor=chance.choice((4_000, 12_000, 20_000, 20_000)),
            days=chance.choice((0, 0, 3, 7)),
            in_autopay=chance.random() < 0.7,
        )
        for nth in range(count)
    ]


def bills(seed: int, town: list[Resident]) -> Demo:
    """A bill a month for each of them."""
    chance = Random(f"{seed}/bills")
    customers = [DemoCustomer(each.id, f"Customer {each.id}", "94107", f"{each.id}@example.com") for each in town]
    return Demo(DemoBusiness("A year", "555", "bill@example.com"), customers, list(_invoices(chance, town)))


def _invoices(chance: Random, town: list[Resident]) -> Iterator[DemoInvoice]:
    for nth, each in enumerate(town):
        for month in range(MONTHS):
            due = _FIRST_DUE + month * MONTH_DAYS + chance.randrange(10)
            minor = chance.randrange(2_000, 15_000)
            yield DemoInvoice(f"{each.id}-{month}", f"INV-{nth:04}{month:02}", each.id, minor, "USD", due - 14, due)
