"""Autopay: what a customer authorised once for invoices to come, what was planned under it, and what its run found.

Frozen values, and the few rules that need nothing else: which refusals may be tried again. No I/O and no clock.

Sources. Regulation E, 12 CFR 1005.10: (b) a debit that recurs takes an authorisation "signed or similarly
authenticated", of which the consumer gets a copy; (c) the consumer may stop it up to three business days before; (d) a
debit whose amount varies is told at least ten days before, unless the consumer chose to be told of those outside a range.
NACHA Operating Rules 2.3.2 (authorisation of WEB entries, kept two years after it ends) and 2.12.4 (reinitiation). Visa and
Mastercard on stored credentials: consent to terms that say how it is used, how much, when, and how it is ended; and their
rules on retries: none after an answer that will never be another (Visa category 1; Mastercard advice 03 and 21).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from services.model.money import Money
from services.model.payments import Method, Reason


class AutopayRules(msgspec.Struct, frozen=True):
    """What the business allows, from ``[autopay]`` in ``config/default.toml``.

    ``notice_days``: at least so many days before a charge its customer is told of it; ``most_minor``: the highest limit that
    anybody may set, in minor units; ``most_days``: the earliest that a charge may be before its due date.
    """

    offered: bool = False
    notice_days: int = 10
    most_minor: int = 500_000
    most_days: int = 14


class EnrolmentState(StrEnum):
    """Where an enrolment is. Only `ON` charges anything; what is `STOPPED` or `LEFT` is over for good."""

    ON = "on"
    PAUSED = "paused"  # by its customer, until they resume it
    STOPPED = "stopped"  # by us: a bank refused for good, or the method is gone
    LEFT = "left"  # by its customer


class Terms(msgspec.Struct, frozen=True):
    """What one authorisation covers: any difference is another one. ``limit``: the most of one charge."""

    saved: str  # the gateway's id of the saved method
    method: Method
    brand: str
    last4: str
    limit: Money
    days: int  # before the due date; 0: on it


class Enrolment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customer's standing authorisation as it is now."""

    id: int
    customer: str
    state: EnrolmentState
    terms: Terms
    agreed_at: datetime  # to these very terms, UTC
    why: str = ""  # it was stopped: a `Reason`, or ``method_gone``


class Planned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A charge that its customer was told of, or soon is."""

    number: str
    amount: Money
    on: date


class Autopay(msgspec.Struct, frozen=True, omit_defaults=True, tag="autopay"):
    """What there is of a customer's autopay: the last enrolment, and the charges to come."""

    enrolment: Enrolment | None = None
    planned: tuple[Planned, ...] = ()

    @property
    def running(self) -> Enrolment | None:
        """The enrolment, unless it is over or there never was one."""
        over = self.enrolment is None or self.enrolment.state in (EnrolmentState.STOPPED, EnrolmentState.LEFT)
        return None if over else self.enrolment


AutopayChange: TypeAlias = Literal["agree", "pause", "resume", "leave"]


class Standing(msgspec.Struct, frozen=True):
    """Who is asking when nobody is: a standing authorisation, for one invoice in one cycle (its due date).

    ``presentment`` counts the tries of that cycle from 0. The services hold all of it against what was authorised.
    """

    enrolment: int
    customer: str
    invoice: str
    cycle: date
    presentment: int = 0

    @property
    def name(self) -> str:
        """What a consent says it rests on: one payment for each such name."""
        return f"{self.enrolment}/{self.invoice}/{self.cycle.isoformat()}/{self.presentment}"


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a customer is told of autopay unasked, in the chat they last used and by letter. ``on``: of the charge, or the next try."""

    kind: Literal["planned", "again", "stopped", "gave_up", "above_limit", "needs_you"]
    invoice: str = ""  # id
    number: str = ""
    amount: Money | None = None
    on: date | None = None
    method: Method = Method.CARD
    brand: str = ""
    last4: str = ""
    reason: str = ""  # a `Reason`, or ``method_gone``
    limit: Money | None = None


MOST_REPRESENTMENTS = 2  # of one charge (NACHA 2.12.4); the card networks allow more, and nobody is asked more often
REPRESENTED_WITHIN_DAYS = 180  # of the day that the first one was settled (NACHA 2.12.4)

# A refusal that may be another one on another day: R01 and R09 of a bank; funds, a limit or a fault of a card's.
_PASSING = frozenset({Reason.INSUFFICIENT_FUNDS, Reason.LIMIT, Reason.TRY_AGAIN})
# Nothing was asked of the bank: no page was made in time, or it ended before the charge.
_NEVER_ASKED = frozenset({Reason.PAGE_EXPIRED, Reason.PAGE_CLOSED, Reason.NEVER_OPENED})

Refusal: TypeAlias = Literal["passing", "final", "needs_customer", "never_asked"]


def refusal(reason: Reason | None, method: Method) -> Refusal:
    """What a refusal means for autopay.

    ``final`` is everything that is not surely passing: among what banks call a plain "declined" are stolen cards, and after
    those nothing may follow. A bank's return other than for want of funds takes a new authorisation (NACHA: R02, R03, R04,
    R05, R07, R08, R10, R11, R29).
    """
    if reason is None or reason in _NEVER_ASKED:
        return "never_asked"
    if reason in (Reason.AUTHENTICATION, Reason.MICRO_DEPOSITS):
        return "needs_customer"
    if method is Method.BANK:
        return "passing" if reason is Reason.INSUFFICIENT_FUNDS else "final"
    return "passing" if reason in _PASSING else "final"
