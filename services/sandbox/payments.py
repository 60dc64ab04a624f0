"""What a payment is at the processor: its hosted page, what was refunded or disputed of it, and the events it makes.

Values and their own rules. When anything happens, and who is told, is for `processor`; no routes will be here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from services.model import Money
from services.sandbox.numbers import AT_ONCE, BankOutcome, RefundCourse
from services.sandbox.vault import Kept

State = Literal[
    "open", "challenge", "verifying", "processing", "succeeded", "failed", "returned", "expired", "closed",
    "part_refunded", "refunded", "disputed", "won", "lost",
]  # fmt: skip  # what comes after success has a line of its own
Decision = Literal["won", "lost"]

REFUNDABLE = frozenset({"succeeded", "part_refunded", "won"})
_AFTER_SUCCESS = frozenset({"part_refunded", "refunded", "disputed", "won", "lost"})

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Minor = Annotated[int, Field(gt=0, lt=10**15)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_Text = Annotated[str, Field(max_length=200)]

CUSTOMER = r"[A-Za-z0-9._:-]{1,120}"  # a merchant's own name for a customer


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PageOrder(_Order):
    """What a merchant asks for: a page to pay one sum by one means. Sums are integers of minor units.

    ``fee_minor`` is the part of the sum that is the merchant's fee, for the page to say; ``customer`` is whose methods are saved there (empty: none are), ``saved`` the one that may be charged there.
    """

    reference: Id
    amount_minor: Minor
    currency: Currency
    method: Literal["card", "bank"]
    name: Annotated[str, Field(max_length=500)]
    zip: Annotated[str, Field(max_length=32)]
    invoices: Annotated[list[_Text], Field(max_length=100)]
    return_url: Annotated[str, Field(max_length=2000, pattern=r"^(https?://.+)?$")]
    customer: Annotated[str, Field(pattern=rf"^({CUSTOMER})?$")] = ""
    saved: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_]*$")] = ""
    fee_minor: Annotated[int, Field(ge=0)] = 0


class RefundOrder(_Order):
    """What a merchant gives back of the payment with this reference. ``refund`` is the merchant's own id for it."""

    reference: Id
    refund: Id
    amount_minor: Minor
    currency: Currency


class Event(msgspec.Struct, frozen=True):
    """One thing that happened, as it stands in webhooks and look-ups alike. ``at`` is the processor's time.

    ``amount_minor`` is the payment's, in events of a refund the refund's, in those of a dispute the disputed sum.
    """

    id: str
    type: str
    at: datetime
    reference: str
    amount_minor: int
    currency: str
    method: str
    brand: str = ""
    last4: str = ""
    code: str = ""
    refund: str = ""


class Row(msgspec.Struct, frozen=True):
    """A line of the processor's own book, for tests to hold against a ledger."""

    reference: str
    invoices: list[str]
    amount_minor: int
    currency: str
    state: str
    refunded_minor: int


@dataclass(slots=True)
class Refund:
    """One refund. It can fail after it succeeded: then the money is with the merchant again."""

    id: str
    amount_minor: int
    state: Literal["pending", "succeeded", "failed"] = "pending"


@dataclass(slots=True)
class HostedPage:
    """One page and the payment made on it."""

    id: str
    order: PageOrder
    expires_at: datetime
    state: State = "open"
    events: list[Event] = field(default_factory=list)
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    attempt: str = ""  # of the 3-D Secure challenge under way
    verdict: str = ""  # what the bank says once the challenge is passed; empty: yes
    authorization: str = ""  # the text that was ticked, kept as evidence
    saved: Kept | None = None  # the method that it was opened for
    charged: bool = False  # the saved method was charged: never again on this page
    keep: Kept | None = None  # to be kept once it has paid, or kept since it did
    debit: BankOutcome | None = None  # what begins once the account is proved by a micro-deposit
    tries: int = 0  # wrong codes of the micro-deposit
    refund_course: RefundCourse = AT_ONCE  # what the number that paid does to a refund
    refunds: list[Refund] = field(default_factory=list)
    dispute: Literal["", "disputed", "won", "lost"] = ""
    disputed_minor: int = 0

    @property
    def payable(self) -> bool:
        """Whether the customer can still type a number here."""
        return self.state in {"open", "challenge", "verifying"}

    @property
    def seen(self) -> State:
        """The state in the customer's eyes: what was paid here stays paid, whatever comes of it elsewhere."""
        return "succeeded" if self.state in _AFTER_SUCCESS else self.state

    @property
    def refunded_minor(self) -> int:
        """What the customer has back by refunds, in minor units."""
        return sum(refund.amount_minor for refund in self.refunds if refund.state == "succeeded")

    @property
    def left_minor(self) -> int:
        """What is neither refunded nor about to be, in minor units."""
        return self.order.amount_minor - sum(each.amount_minor for each in self.refunds if each.state != "failed")

    def objection(self, amount_minor: int, currency: str) -> str:
        """Why this much cannot be refunded, as a sentence; empty when it can."""
        if self.state not in REFUNDABLE:
            return f"Nothing can be refunded while the payment is {self.state}."
        if currency != self.order.currency:
            return f"The payment was made in {self.order.currency}."
        if amount_minor > self.left_minor:
            return f"No more than {Money(self.left_minor, self.order.currency)} is left to refund."
        return ""

    def weigh(self) -> None:
        """Bring the state in line with refunds and dispute: a dispute that is not won outweighs refunds, they one won."""
        match self.dispute:
            case "disputed" | "lost":
                self.state = self.dispute
            case "won" | "" if self.refunded_minor:
                self.state = "refunded" if self.refunded_minor == self.order.amount_minor else "part_refunded"
            case "won":
                self.state = "won"
            case _:
                self.state = "succeeded"

    def row(self) -> Row:
        """The payment's line in the book."""
        order = self.order
        state = "open" if self.payable else self.state
        return Row(
            order.reference, list(order.invoices), order.amount_minor, order.currency, state, self.refunded_minor
        )
