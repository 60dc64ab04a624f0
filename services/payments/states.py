"""The states of a payment: which steps we may take, what the gateway's facts mean, and a reason beside each.

Pure values and a few small functions. No SQL, no clock and no gateway will ever be here; `services.payments.ledger`
applies what these tables say.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from services.model import Method, Money, PaymentState, Reason
from services.payments.gateways.base import AFTERWARDS, Fact, FactKind

CREATED, CONFIRMED, OPEN = PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.OPEN
SUBMITTING, PROCESSING, SUCCEEDED = PaymentState.SUBMITTING, PaymentState.PROCESSING, PaymentState.SUCCEEDED
FAILED, RETURNED, UNKNOWN, CANCELED = (
    PaymentState.FAILED,
    PaymentState.RETURNED,
    PaymentState.UNKNOWN,
    PaymentState.CANCELED,
)
PART_REFUNDED, REFUNDED = PaymentState.PART_REFUNDED, PaymentState.REFUNDED
DISPUTED, WON, LOST = PaymentState.DISPUTED, PaymentState.WON, PaymentState.LOST

# One live payment per invoice: while money could still be taken under it, no other may start.
LIVE = frozenset({CREATED, CONFIRMED, OPEN, SUBMITTING, UNKNOWN})

# Not live, but on its way: the amount is spoken for.
RESERVING = frozenset({PROCESSING})

# The money came. Until the payment is in the books its amount stays spoken for; then their `due` says it.
ARRIVED = frozenset({SUCCEEDED, PART_REFUNDED, REFUNDED, DISPUTED, WON, LOST})

# What may be refunded, as far as something is left (a disputed sum is with the bank until that is decided).
REFUNDABLE = frozenset({SUCCEEDED, PART_REFUNDED, WON})

# What a customer is told unasked. A decline is told as well: it is news although the payment stays OPEN.
TOLD = frozenset({PROCESSING, FAILED, RETURNED, UNKNOWN}) | ARRIVED


# --- the steps that we take ---------------------------------------------------------------------------------------


class Step(msgspec.Struct, frozen=True):
    """One step that Remit itself may take, and why."""

    before: PaymentState
    after: PaymentState
    because: str


STEPS = (
    Step(CREATED, CONFIRMED, "the customer agreed to this exact quote, and the consent is on record"),
    Step(CONFIRMED, CONFIRMED, "the request is sent, or sent again under its own key; the answer may be lost"),
    Step(CONFIRMED, OPEN, "the gateway made the page and the customer can be sent there"),
    Step(OPEN, OPEN, "a decline told us that a page exists before we knew its address; now we know it"),
    Step(CONFIRMED, CANCELED, "every request surely failed: there is no page, the invoice is free again"),
    Step(CANCELED, CONFIRMED, "the same start is asked once more, and nothing was ever made under its key"),
    Step(CONFIRMED, SUBMITTING, "the page of a saved method is made, and its charge follows, once per page"),
    Step(
        SUBMITTING, OPEN, "the bank charged nothing and said no to nothing: it wants to see the customer, on the page"
    ),
    Step(
        CONFIRMED, FAILED, "the gateway never heard of it, long after the last request: nobody has the page's address"
    ),
    Step(OPEN, FAILED, "the gateway says, after the page's end, that there never was such a payment: nobody can pay"),
    Step(SUBMITTING, FAILED, "the same word about a page whose saved method was to be charged: nothing can be charged"),
)


def sources(after: PaymentState) -> tuple[PaymentState, ...]:
    """The states from which we may step to ``after``. Everything else takes a fact from the gateway."""
    return tuple(step.before for step in STEPS if step.after is after)


# --- what the gateway's facts mean --------------------------------------------------------------------------------


class Verdict(msgspec.Struct, frozen=True):
    """What one set of kinds of facts, what ends nothing and what came afterwards aside, says about a payment, and why."""

    kinds: frozenset[FactKind]
    state: PaymentState
    because: str


def _all(*kinds: FactKind) -> frozenset[FactKind]:
    return frozenset(kinds)


_P, _S, _F, _R = FactKind.PROCESSING, FactKind.SUCCEEDED, FactKind.FAILED, FactKind.RETURNED
_E, _C = FactKind.EXPIRED, FactKind.CLOSED
_D, _W, _L = FactKind.DISPUTED, FactKind.WON, FactKind.LOST

# What happens on a page and ends nothing is left out of the sets: a card may be refused five times and then paid, or
# never paid; an account may be proved by micro-deposits in days, or never.
ON_THE_PAGE = frozenset({FactKind.DECLINED, FactKind.VERIFYING})

VERDICTS = (
    Verdict(_all(), OPEN, "declined, or waiting for micro-deposits: the page is still there for another try"),
    Verdict(_all(_P), PROCESSING, "authorised; ACH takes days"),
    Verdict(_all(_S), SUCCEEDED, "paid"),
    Verdict(_all(_P, _S), SUCCEEDED, "ACH settled"),
    Verdict(_all(_F), FAILED, "nothing was paid; how it began was lost or comes later"),
    Verdict(_all(_P, _F), FAILED, "ACH was authorised and did not settle"),
    Verdict(_all(_R), RETURNED, "money went back; that it came first follows"),
    Verdict(_all(_P, _R), RETURNED, "as above"),
    Verdict(_all(_S, _R), RETURNED, "paid, then sent back by the bank (NACHA return)"),
    Verdict(_all(_P, _S, _R), RETURNED, "ACH settled, then sent back"),
    Verdict(_all(_E), FAILED, "the page timed out, unpaid"),
    Verdict(_all(_C), FAILED, "the page was closed, unpaid"),
    Verdict(_all(_E, _C), FAILED, "closed as it timed out: unpaid both ways"),
    Verdict(_all(_F, _E), FAILED, "unpaid both ways"),
    Verdict(_all(_F, _C), FAILED, "unpaid both ways"),
    Verdict(_all(_F, _E, _C), FAILED, "unpaid every way"),
    Verdict(_all(_P, _F, _E), FAILED, "authorised on a page said to be unpaid, and then it failed: unpaid either way"),
    Verdict(_all(_P, _F, _C), FAILED, "as above"),
    Verdict(_all(_P, _F, _E, _C), FAILED, "as above"),
    # Every set that is not here contradicts itself: money moved, or is moving, under a page that is said to be dead.
)
_STATE = {verdict.kinds: verdict.state for verdict in VERDICTS}

# What a dispute makes of a payment whose money came; None: what was refunded says it.
DISPUTES = (
    Verdict(_all(_D), DISPUTED, "the bank holds the money until it has decided"),
    Verdict(_all(_W), WON, "decided for the business; that it was disputed follows"),
    Verdict(_all(_D, _W), WON, "the money is the business's again"),
    Verdict(_all(_L), LOST, "decided for the customer; that it was disputed follows"),
    Verdict(_all(_D, _L), LOST, "the money went back to the customer for good"),
    # won and lost: one of them is wrong, or there were two disputes; a person looks
)
_DISPUTE = {verdict.kinds: verdict.state for verdict in DISPUTES}

# Whose words a standing repeats (reason, brand, last four): the first kind that is there. What happened last on the
# page speaks for everything that did, under the name of a decline.
_PAID = (_S, _P)
_SPEAKERS = {
    OPEN: (FactKind.DECLINED,),
    PROCESSING: (_P,),
    SUCCEEDED: (*_PAID, FactKind.REFUND_FAILED),
    FAILED: (_F, _C, _E, _P),
    RETURNED: (_R, *_PAID),
    PART_REFUNDED: (FactKind.REFUNDED, *_PAID),
    REFUNDED: (FactKind.REFUNDED, *_PAID),
    DISPUTED: (_D, *_PAID),
    WON: (_W, *_PAID),
    LOST: (_L, *_PAID),
    UNKNOWN: (_R, _L, _D, _W, FactKind.REFUNDED, FactKind.REFUND_FAILED, _S, _P, _F, _C, _E, FactKind.DECLINED),
}

_USUAL_REASON = {
    FactKind.DECLINED: Reason.DECLINED,
    FactKind.VERIFYING: Reason.MICRO_DEPOSITS,
    FactKind.FAILED: Reason.RETURNED_OTHER,  # a debit that did not settle is an ACH return like any other (NACHA)
    FactKind.RETURNED: Reason.RETURNED_OTHER,
    FactKind.EXPIRED: Reason.PAGE_EXPIRED,
    FactKind.CLOSED: Reason.PAGE_CLOSED,
}
_WITH_REASON = frozenset({OPEN, FAILED, RETURNED})


class GivenBack(msgspec.Struct, frozen=True):
    """One refund of a payment, by the gateway's word. ``failed``: nothing was given back after all."""

    refund: str
    minor: int
    failed: bool


class Standing(msgspec.Struct, frozen=True):
    """Where a payment stands by the gateway's word. ``fact`` is the id of the fact whose words these are."""

    state: PaymentState
    reason: Reason | None
    method: Method
    brand: str
    last4: str
    fact: str
    at: datetime  # when that happened
    refunds: tuple[GivenBack, ...] = ()
    disputed_minor: int = 0

    @property
    def refunded_minor(self) -> int:
        """What was given back in all."""
        return sum(refund.minor for refund in self.refunds if not refund.failed)


def fold(facts: Collection[Fact], agreed: Money) -> Standing:
    """What all facts of one payment say together; ``agreed`` is the sum the customer agreed to.

    Depends on the *set* of facts only: any order and any duplicates give the same standing. Facts that contradict
    each other, or a sum that cannot be, are UNKNOWN. Raises `ValueError` when there are no facts.
    """
    if not facts:
        raise ValueError("no facts, no standing: the state is still ours to say")
    in_order = sorted(facts, key=lambda fact: (fact.at, fact.id))
    last = {FactKind.DECLINED if fact.kind in ON_THE_PAGE else fact.kind: fact for fact in in_order}
    refunds = _refunds(facts)
    disputed = max((fact.amount.minor for kind, fact in last.items() if kind in (_D, _W, _L)), default=0)
    state = _state(last.keys(), sum(r.minor for r in refunds if not r.failed), disputed, agreed.minor)
    if not all(_fits(fact, agreed) for fact in facts):
        state = UNKNOWN
    spoken = [last[kind] for kind in _SPEAKERS[state] if kind in last]
    speaker = spoken[0]
    shown = next((fact for fact in spoken if fact.last4), speaker)
    return Standing(
        state=state,
        reason=(speaker.reason or _USUAL_REASON[speaker.kind]) if state in _WITH_REASON else None,
        method=speaker.method,
        brand=shown.brand,
        last4=shown.last4,
        fact=speaker.id,
        at=speaker.at,
        refunds=refunds,
        disputed_minor=disputed,
    )


def _state(kinds: Collection[FactKind], refunded: int, disputed: int, agreed: int) -> PaymentState:
    came = frozenset(kinds) - AFTERWARDS - ON_THE_PAGE
    state = _STATE.get(came, UNKNOWN)
    if AFTERWARDS.isdisjoint(kinds):
        return state
    if state is RETURNED and refunded <= agreed and frozenset(kinds).isdisjoint((_D, _W, _L)):
        return RETURNED  # in full: a refund that was under way failed, and one that had gone through is lost
    if state not in (OPEN, PROCESSING, SUCCEEDED):
        return UNKNOWN  # money is said to have gone back, and never to have come or to have gone back before
    dispute = frozenset(kinds) & {_D, _W, _L}
    decided = _DISPUTE.get(dispute, UNKNOWN) if dispute else SUCCEEDED
    gone = refunded + (disputed if decided in (DISPUTED, LOST) else 0)
    if gone > agreed:
        return UNKNOWN  # more went back than ever came
    if decided not in (SUCCEEDED, WON) or not refunded:
        return decided
    return REFUNDED if refunded == agreed else PART_REFUNDED


def _refunds(facts: Collection[Fact]) -> tuple[GivenBack, ...]:
    found: dict[str, GivenBack] = {}
    for fact in facts:
        if fact.kind in (FactKind.REFUNDED, FactKind.REFUND_FAILED):
            one = fact.refund or fact.id
            before = found.get(one, GivenBack(one, 0, failed=False))
            failed = before.failed or fact.kind is FactKind.REFUND_FAILED
            found[one] = GivenBack(one, max(before.minor, fact.amount.minor), failed)
    return tuple(found[one] for one in sorted(found))


def refunded(facts: Collection[Fact]) -> list[tuple[datetime, int]]:
    """The refunds among these facts of one payment that did not fail, as `fold` counts them: when each first went through, and
    its minor units.
    """
    went = sorted((told for told in facts if told.kind is FactKind.REFUNDED), key=lambda told: told.at, reverse=True)
    first = {told.refund or told.id: told.at for told in went}
    return [(first[each.refund], each.minor) for each in _refunds(facts) if not each.failed]


def disputed(facts: Collection[Fact]) -> tuple[datetime, int] | None:
    """When a dispute began among these facts of one payment, and its minor units; None where there was none."""
    told = [fact for fact in facts if fact.kind in (_D, _W, _L)]
    return (min(fact.at for fact in told), max(fact.amount.minor for fact in told)) if told else None


def _fits(fact: Fact, agreed: Money) -> bool:
    """Whether a fact's sum can be one of this payment at all."""
    if fact.kind in AFTERWARDS:
        return fact.amount.currency == agreed.currency and 0 < fact.amount.minor <= agreed.minor
    return fact.amount == agreed
