"""The states of a payment: which steps we may take, what the gateway's facts mean, and a reason beside each.

Pure values and two small functions. No SQL, no clock and no gateway will ever be here; `services.payments.ledger`
applies what these tables say.
"""

from collections.abc import Collection

import msgspec

from services.model import Method, Money, PaymentState, Reason
from services.payments.gateways.base import Fact, FactKind

CREATED, CONFIRMED, OPEN = PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.OPEN
PROCESSING, SUCCEEDED, FAILED = PaymentState.PROCESSING, PaymentState.SUCCEEDED, PaymentState.FAILED
RETURNED, UNKNOWN, CANCELED = PaymentState.RETURNED, PaymentState.UNKNOWN, PaymentState.CANCELED

# One live payment per invoice: while money could still be taken under it, no other may start.
LIVE = frozenset({CREATED, CONFIRMED, OPEN, PaymentState.SUBMITTING, UNKNOWN})

# Not live, but the amount is spoken for: on its way, or arrived and not yet written to the books. Once a SUCCEEDED
# payment is in the books their `due` says it, and the ledger lets go of the amount.
RESERVING = frozenset({PROCESSING, SUCCEEDED})

# What a customer is told unasked. A decline is told as well: it is news although the payment stays OPEN.
TOLD = frozenset({PROCESSING, SUCCEEDED, FAILED, RETURNED, UNKNOWN})


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
    Step(
        CONFIRMED, FAILED, "the gateway never heard of it, long after the last request: nobody has the page's address"
    ),
)


def sources(after: PaymentState) -> tuple[PaymentState, ...]:
    """The states from which we may step to ``after``. Everything else takes a fact from the gateway."""
    return tuple(step.before for step in STEPS if step.after is after)


# --- what the gateway's facts mean --------------------------------------------------------------------------------


class Verdict(msgspec.Struct, frozen=True):
    """What one set of kinds of facts, declines aside, says about a payment, and why."""

    kinds: frozenset[FactKind]
    state: PaymentState
    because: str


def _all(*kinds: FactKind) -> frozenset[FactKind]:
    return frozenset(kinds)


_P, _S, _F, _R = FactKind.PROCESSING, FactKind.SUCCEEDED, FactKind.FAILED, FactKind.RETURNED
_E, _C = FactKind.EXPIRED, FactKind.CLOSED

# Declines are left out of the sets: a card may be refused five times and then paid, or never paid.
VERDICTS = (
    Verdict(_all(), OPEN, "only declines: the page is still there for another try"),
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

# Whose words a standing repeats (reason, brand, last four): the first kind that is there.
_SPEAKERS = {
    OPEN: (FactKind.DECLINED,),
    PROCESSING: (_P,),
    SUCCEEDED: (_S, _P),
    FAILED: (_F, _C, _E, _P),
    RETURNED: (_R, _S, _P),
    UNKNOWN: (_R, _S, _P, _F, _C, _E, FactKind.DECLINED),
}

_USUAL_REASON = {
    FactKind.DECLINED: Reason.DECLINED,
    FactKind.FAILED: Reason.RETURNED_OTHER,  # a debit that did not settle is an ACH return like any other (NACHA)
    FactKind.RETURNED: Reason.RETURNED_OTHER,
    FactKind.EXPIRED: Reason.PAGE_EXPIRED,
    FactKind.CLOSED: Reason.PAGE_CLOSED,
}


class Standing(msgspec.Struct, frozen=True):
    """Where a payment stands by the gateway's word. ``fact`` is the id of the fact whose words these are."""

    state: PaymentState
    reason: Reason | None
    method: Method
    brand: str
    last4: str
    amount: Money
    fact: str


def fold(facts: Collection[Fact], agreed: Money) -> Standing:
    """What all facts of one payment say together; ``agreed`` is the sum the customer agreed to.

    Depends on the *set* of facts only: any order and any duplicates give the same standing. Facts that contradict
    each other, or a sum other than the agreed one, are UNKNOWN. Raises `ValueError` when there are no facts.
    """
    if not facts:
        raise ValueError("no facts, no standing: the state is still ours to say")
    last = {fact.kind: fact for fact in sorted(facts, key=lambda fact: (fact.at, fact.id))}
    state = _STATE.get(frozenset(last) - {FactKind.DECLINED}, UNKNOWN)
    if any(fact.amount != agreed for fact in facts):
        state = UNKNOWN
    spoken = [last[kind] for kind in _SPEAKERS[state] if kind in last]
    speaker = spoken[0]
    shown = next((fact for fact in spoken if fact.last4), speaker)
    return Standing(
        state=state,
        reason=(speaker.reason or _USUAL_REASON[speaker.kind]) if state in (OPEN, FAILED, RETURNED) else None,
        method=speaker.method,
        brand=shown.brand,
        last4=shown.last4,
        amount=speaker.amount,
        fact=speaker.id,
    )
