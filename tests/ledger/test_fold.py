from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import Method, Money, PaymentState, Reason
from services.payments.gateways.base import Fact, FactKind
from services.payments.states import LIVE, RESERVING, STEPS, VERDICTS, fold, sources

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DUE = Money(12000, "USD")
DECLINED, PROCESSING, SUCCEEDED, FAILED, RETURNED, EXPIRED, CLOSED = FactKind
S = PaymentState


RIGHT = st.just(DUE)


@st.composite
def stories(draw, amounts=RIGHT):
    kinds = draw(st.lists(st.sampled_from(list(FactKind)), min_size=1, max_size=8))
    return [
        Fact(
            id=f"evt_{n}",
            reference="RM-AAAA-BBBB",
            kind=kind,
            at=NOON + timedelta(minutes=draw(st.integers(0, 5))),
            amount=draw(amounts),
            method=draw(st.sampled_from(Method)),
            brand=draw(st.sampled_from(["", "visa"])),
            last4=draw(st.sampled_from(["", "4242", "0002"])),
            reason=draw(st.none() | st.sampled_from(Reason)),
        )
        for n, kind in enumerate(kinds)
    ]


@given(stories(st.sampled_from([DUE, DUE, DUE, Money(1, "USD")])), st.data())
def test_facts_in_any_order_and_number_of_deliveries_stand_for_the_same(story, data):
    again = data.draw(st.permutations(story + data.draw(st.lists(st.sampled_from(story)))))
    assert fold(again, DUE) == fold(story, DUE)


@given(stories())
def test_money_and_a_dead_page_together_are_never_believed(story):
    kinds = {fact.kind for fact in story}
    if kinds & {SUCCEEDED, RETURNED} and kinds & {EXPIRED, CLOSED, FAILED}:
        assert fold(story, DUE).state is S.UNKNOWN


@given(stories())
def test_paid_is_said_only_on_the_gateways_word_that_it_was_paid(story):
    kinds = {fact.kind for fact in story}
    if fold(story, DUE).state is S.SUCCEEDED:
        assert SUCCEEDED in kinds
        assert RETURNED not in kinds
    if fold(story, DUE).state is S.FAILED:
        assert not kinds & {SUCCEEDED, RETURNED}


@given(stories(), st.sampled_from([Money(12001, "USD"), Money(12000, "EUR"), Money(1, "JPY")]))
def test_one_fact_about_another_sum_makes_everything_doubtful(story, other):
    assert fold(story, other).state is S.UNKNOWN


def test_every_set_of_facts_has_one_verdict_or_contradicts_itself():
    assert len({verdict.kinds for verdict in VERDICTS}) == len(VERDICTS)
    believed = {verdict.kinds: verdict.state for verdict in VERDICTS}
    money, dead = {SUCCEEDED, RETURNED}, {EXPIRED, CLOSED, FAILED}
    others = [kind for kind in FactKind if kind is not DECLINED]
    for kinds in map(frozenset, chain.from_iterable(combinations(others, n) for n in range(len(others) + 1))):
        contradicts = (kinds & money and kinds & dead) or (
            PROCESSING in kinds and kinds & {EXPIRED, CLOSED} and FAILED not in kinds
        )
        assert (kinds in believed) is not bool(contradicts), sorted(kinds)


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([DECLINED], S.OPEN),
        ([DECLINED, SUCCEEDED], S.SUCCEEDED),
        ([DECLINED, EXPIRED], S.FAILED),
        ([PROCESSING], S.PROCESSING),
        ([PROCESSING, SUCCEEDED], S.SUCCEEDED),
        ([PROCESSING, FAILED], S.FAILED),
        ([PROCESSING, SUCCEEDED, RETURNED], S.RETURNED),
        ([SUCCEEDED, RETURNED], S.RETURNED),
        ([RETURNED], S.RETURNED),
        ([PROCESSING, EXPIRED], S.UNKNOWN),
        ([PROCESSING, CLOSED], S.UNKNOWN),
        ([SUCCEEDED, CLOSED], S.UNKNOWN),
        ([SUCCEEDED, FAILED], S.UNKNOWN),
        ([CLOSED, EXPIRED], S.FAILED),
    ],
)
def test_what_the_gateway_says_is_where_the_payment_stands(fact, kinds, state):
    assert fold([fact(kind, n) for n, kind in enumerate(kinds)], DUE).state is state


def test_of_many_declines_the_last_one_is_talked_about(fact):
    late = fact(DECLINED, 1, minute=2, reason=Reason.EXPIRED_CARD)
    early = fact(DECLINED, 2, minute=1, reason=Reason.WRONG_CVC)
    same_minute = fact(DECLINED, 3, minute=2, reason=Reason.LIMIT)
    assert fold([late, early], DUE).reason is Reason.EXPIRED_CARD
    assert fold([same_minute, late, early], DUE).reason is Reason.LIMIT


def test_a_paid_payment_carries_no_reason_and_the_card_that_paid(fact):
    declined = fact(DECLINED, 1, reason=Reason.DECLINED)
    paid = Fact("evt_9", "RM-AAAA-BBBB", SUCCEEDED, NOON, DUE, Method.CARD, "mastercard", "4444")
    standing = fold([declined, paid], DUE)
    assert (standing.reason, standing.brand, standing.last4, standing.amount) == (None, "mastercard", "4444", DUE)


def test_a_page_that_ended_says_how(fact):
    assert fold([fact(EXPIRED)], DUE).reason is Reason.PAGE_EXPIRED
    assert fold([fact(CLOSED)], DUE).reason is Reason.PAGE_CLOSED
    assert fold([fact(RETURNED, reason=Reason.NO_ACCOUNT)], DUE).reason is Reason.NO_ACCOUNT
    assert fold([fact(RETURNED)], DUE).reason is Reason.RETURNED_OTHER


def test_no_facts_say_nothing():
    with pytest.raises(ValueError, match="still ours"):
        fold([], DUE)


def test_we_never_step_out_of_a_state_that_only_evidence_may_end():
    assert {step.before for step in STEPS if step.after is not step.before} == {S.CREATED, S.CONFIRMED, S.CANCELED}
    assert sources(S.CANCELED) == (S.CONFIRMED,)
    assert sources(S.SUCCEEDED) == ()
    assert all(step.because for step in STEPS)
    assert all(verdict.because for verdict in VERDICTS)
    assert not LIVE & RESERVING
