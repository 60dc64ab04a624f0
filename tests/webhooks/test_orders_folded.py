"""Whatever order webhooks come in, and however often: what they mean is what the set of them means."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

import pytest
from orders import AGREED, DISPUTE, NINE, NOON, ON_THE_PAGE, REFUND, expected, facts

from services.model import Money, PaymentState, Reason
from services.payments.gateways.base import Fact, FactKind
from services.payments.states import Standing, fold

LONGEST = 6
DUE = Money(AGREED, "USD")
TOLD = facts("RM-AAAA-BBBB")


def _sequences(longest: int) -> Iterator[tuple[list[Fact], int]]:
    """Every sequence of up to so many of the nine, repeats included, and the set of it as bits."""
    told = [(TOLD[kind], 1 << nth) for nth, kind in enumerate(NINE)]

    def grow(sequence: list[Fact], known: int, more: int) -> Iterator[tuple[list[Fact], int]]:
        for fact, bit in told:
            sequence.append(fact)
            yield sequence, known | bit
            if more > 1:
                yield from grow(sequence, known | bit, more - 1)
            sequence.pop()

    return grow([], 0, longest)


def test_all_sequences_of_nine_events_up_to_six_mean_what_their_sets_mean():
    implied = {
        sum(1 << nth for nth in chosen): expected(NINE[nth] for nth in chosen)
        for size in range(1, len(NINE) + 1)
        for chosen in combinations(range(len(NINE)), size)
    }
    first: dict[int, Standing] = {}
    count = 0
    for sequence, known in _sequences(LONGEST):
        standing = fold(sequence, DUE)
        if standing != first.setdefault(known, standing) or standing.state is not implied[known]:
            kinds = [fact.kind.value for fact in sequence]
            pytest.fail(f"{kinds}: {standing}, where {implied[known]} and {first[known]} were expected")
        count += 1
    assert count == 597_870
    assert len(first) == sum(1 for bits in implied if bits.bit_count() <= LONGEST)
    print(f"{count} sequences of {len(NINE)} events, {len(first)} sets of them, {len(set(implied.values()))} states")


@pytest.mark.parametrize("refund", [REFUND, AGREED])
@pytest.mark.parametrize("dispute", [1, DISPUTE, AGREED])
def test_all_sets_of_all_thirteen_kinds_mean_what_a_bookkeeper_says(refund, dispute):
    told = facts("RM-AAAA-BBBB", refund, dispute)
    kinds = [kind for kind in FactKind if kind not in ON_THE_PAGE]
    beside = [(FactKind.DECLINED,), (FactKind.VERIFYING,), ON_THE_PAGE]
    for size in range(1, len(kinds) + 1):
        for nth, chosen in enumerate(combinations(kinds, size)):
            standing = fold([told[kind] for kind in chosen], DUE)
            assert standing.state is expected(chosen, refund, dispute), chosen
            more = fold([told[kind] for kind in (*beside[nth % len(beside)], *chosen)], DUE)
            assert more == standing, ("what happens on the page changes nothing once there is more to say", chosen)


@pytest.mark.parametrize(
    ("kinds", "reason", "hours"),
    [
        ((FactKind.DECLINED,), Reason.DECLINED, 0),
        ((FactKind.VERIFYING,), Reason.MICRO_DEPOSITS, 1),
        (ON_THE_PAGE, Reason.MICRO_DEPOSITS, 1),
        (ON_THE_PAGE[::-1], Reason.MICRO_DEPOSITS, 1),
    ],
)
def test_only_what_happens_on_the_page_says_nothing_but_that_it_is_open(kinds, reason, hours):
    assert expected(kinds) is PaymentState.OPEN
    standing = fold([TOLD[kind] for kind in kinds], DUE)
    assert (standing.state, standing.reason) == (PaymentState.OPEN, reason)
    assert standing.at == NOON + timedelta(hours=hours)
