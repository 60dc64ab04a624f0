"""Thirteen things that a gateway may say about one payment, and what any set of them means, told in another way than the code.

The code looks sets up in tables (`services.payments.states`). Here one asks as a bookkeeper does: did it die, did the
money come, did it go back, and how much of it. Nothing of the tables is imported, so that one can be held against the other.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from services.model import Method, Money, PaymentState
from services.payments.gateways.base import AFTERWARDS, Fact, FactKind

K, S = FactKind, PaymentState
NOON = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
AGREED, REFUND, DISPUTE = 12000, 5000, 7000

# What happens on the page and ends nothing.
ON_THE_PAGE = (K.DECLINED, K.VERIFYING)

# A payment by micro-deposits, and how it may end.
VERIFIED = (*ON_THE_PAGE, K.PROCESSING, K.SUCCEEDED, K.RETURNED, K.CLOSED)

# Nine that get into each other's way most. EXPIRED is left out as CLOSED's twin, WON because it undoes what LOST makes
# final, DECLINED and VERIFYING because they mean something only alone. Whatever these mean is held against all as sets.
NINE = (
    K.PROCESSING,  # days between it and its end, in which everything else overtakes
    K.SUCCEEDED,  # never the end
    K.FAILED,  # makes a contradiction (authorised on a closed page) a story again
    K.RETURNED,  # all of it back: fits what was paid, not what was refunded
    K.CLOSED,  # our own wish, which may come too late
    K.REFUNDED,  # with the next one: a refund that was made and came back, in either order
    K.REFUND_FAILED,
    K.DISPUTED,  # exactly what the refund leaves
    K.LOST,  # may be heard of before the dispute itself
)


def facts(reference: str, refund: int = REFUND, dispute: int = DISPUTE) -> dict[FactKind, Fact]:
    """One fact of each kind, as they happen: in the order of their kinds, an hour apart."""
    own = {K.REFUNDED: refund, K.REFUND_FAILED: refund, K.DISPUTED: dispute, K.WON: dispute, K.LOST: dispute}
    return {
        kind: Fact(
            id=f"evt_{kind}",
            reference=reference,
            kind=kind,
            at=NOON + timedelta(hours=nth),
            amount=Money(own.get(kind, AGREED), "USD"),
            method=Method.CARD,
            brand="visa",
            last4="4242",
            refund="RF-AAAA-BBBB" if kind in (K.REFUNDED, K.REFUND_FAILED) else "",
        )
        for nth, kind in enumerate(K)
    }


def expected(kinds: Iterable[FactKind], refund: int = REFUND, dispute: int = DISPUTE) -> PaymentState:
    """Where a payment stands of which just this is known."""
    known = set(kinds)
    dead = known & {K.FAILED, K.EXPIRED, K.CLOSED}
    given_back = refund if K.REFUNDED in known and K.REFUND_FAILED not in known else 0
    if K.RETURNED in known:  # the bank took all of it, so no other bank can have, and nothing has ended it
        return S.UNKNOWN if dead or known & {K.DISPUTED, K.WON, K.LOST} else S.RETURNED
    if known & AFTERWARDS:  # its money came, whoever forgot to say so
        return S.UNKNOWN if dead else _afterwards(known, given_back, dispute)
    if K.SUCCEEDED in known:
        return S.UNKNOWN if dead else S.SUCCEEDED
    if K.PROCESSING in known and K.FAILED not in known:
        return S.UNKNOWN if dead else S.PROCESSING
    return S.FAILED if dead else S.OPEN


def _afterwards(known: set[FactKind], given_back: int, dispute: int) -> PaymentState:
    if {K.WON, K.LOST} <= known:
        return S.UNKNOWN
    with_the_bank = dispute if K.WON not in known and known & {K.DISPUTED, K.LOST} else 0
    if given_back + with_the_bank > AGREED:
        return S.UNKNOWN
    if with_the_bank:
        return S.LOST if K.LOST in known else S.DISPUTED
    if given_back:
        return S.REFUNDED if given_back == AGREED else S.PART_REFUNDED
    return S.WON if K.WON in known else S.SUCCEEDED


def accounts(kinds: Iterable[FactKind]) -> dict[str, int]:
    """What the journal holds once just this is known, accounts at zero left out. Not to be asked about a doubtful set."""
    known, state = set(kinds), expected(kinds)
    if state in (S.OPEN, S.PROCESSING, S.FAILED):
        return {}
    back = REFUND if K.REFUNDED in known and K.REFUND_FAILED not in known else 0
    if state is S.RETURNED:  # what was refunded before is gone, and the customer's to give back
        return {"refunds": -back, "claims": back} if back else {}
    taken = DISPUTE if known & {K.DISPUTED, K.LOST} and K.WON not in known else 0
    held = taken if state is S.DISPUTED else 0
    owed_again = back + taken - held
    book = {"clearing": AGREED - taken, "disputes": held, "refunds": -back, "receivable": owed_again - AGREED}
    return {account: minor for account, minor in book.items() if minor}
