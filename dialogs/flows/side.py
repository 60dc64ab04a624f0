"""What tasks beside a payment have in common: they take what they asked for, and leave everything else to the payment.

Defaults only, so that each task says no more than what it does.
"""

from typing import TYPE_CHECKING, Self

import msgspec

from dialogs.model import Slot, Telling

if TYPE_CHECKING:
    from dialogs.model import Outcome


class Side(msgspec.Struct, frozen=True):
    """A task that runs above a payment, or alone."""

    def tell(self, slot: Slot, value: Telling) -> "Self | None":  # noqa: ARG002  # a task says what it takes
        """With one slot told; None for what this task does not ask for."""
        return None

    def pick(self, slot: Slot, key: str) -> "Self | None":  # noqa: ARG002  # as above
        """With a button pressed that names something; None when it is not one of this task."""
        return None

    def change(self, slot: Slot) -> "Self | None":  # noqa: ARG002  # as above
        """With one slot to be asked for again; None when it is not one of this task."""
        return None

    def sure(self) -> "Self | None":
        """With a yes to its last question; None when it asked nothing that a yes answers."""
        return None

    def came(self, outcome: "Outcome") -> "Self":  # noqa: ARG002  # as above
        """With the answer of an effect that it sent."""
        return self

    def wiped(self, numbers: tuple[str, ...]) -> "Self":  # noqa: ARG002  # as above
        """Without what was told in the customer's own words; ``numbers`` of invoices that are known here may stay."""
        return self
