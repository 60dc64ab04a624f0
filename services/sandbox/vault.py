"""The methods that the processor keeps for the customers of a merchant: what is shown of each, and what it would do.

No number is here: brand, last four digits, expiry and a salted fingerprint (PCI DSS 3.3 and 3.4). Nothing is charged
here, and no routes will be.
"""

from dataclasses import dataclass, replace
from typing import Literal

from services.model.invoices import LETTERS
from services.sandbox.clock import Random
from services.sandbox.numbers import BankOutcome, CardOutcome


@dataclass(frozen=True, slots=True)
class Kept:
    """One method of one customer. ``later`` is what its number does when it is charged without being typed."""

    method: Literal["card", "bank"]
    brand: str
    last4: str
    fingerprint: str
    later: CardOutcome | BankOutcome
    expires: str = ""  # of a card, as 2042-04
    authorization: str = ""  # for later debits, as it was ticked: the evidence that NACHA asks for
    id: str = ""


class Vault:
    """All saved methods, the newest of a customer first."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._kept: dict[str, list[Kept]] = {}

    def keep(self, customer: str, method: Kept) -> None:
        """Keep it as the newest. The same number once more takes the place, and the id, of what was kept of it."""
        others, identifier = [], ""
        for each in self._kept.get(customer, []):
            if (each.method, each.fingerprint) == (method.method, method.fingerprint):
                identifier = each.id
            else:
                others.append(each)
        self._kept[customer] = [replace(method, id=identifier or self._name()), *others]

    def of(self, customer: str) -> list[Kept]:
        """What is kept for this customer, the newest first."""
        return list(self._kept.get(customer, []))

    def find(self, customer: str, identifier: str) -> Kept | None:
        """The method with this id, if it is this customer's and still kept."""
        return next((each for each in self._kept.get(customer, []) if each.id == identifier), None)

    def forget(self, customer: str, identifier: str) -> None:
        """Keep it no longer, if it was. Another customer's stays."""
        if customer in self._kept:
            self._kept[customer] = [each for each in self._kept[customer] if each.id != identifier]

    def _name(self) -> str:
        # Letters only: digits would now and then look like a card number.
        return f"pm_{self._random(12).hex().translate(LETTERS)}"
