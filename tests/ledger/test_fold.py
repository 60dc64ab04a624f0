from datetime import UTC, datetime, timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.model import Method, Money, PaymentState, Reason
from services.payments.gateways.base import AFTERWARDS, Fact, FactKind
from services.payments.states import ARRIVED, LIVE, ON_THE_PAGE, RESERVING, STEPS, VERDICTS, fold, sources

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DUE = Money(12000, "USD")
ON_THE_WAY = DECLINED, VERIFYING, PROCESSING, SUCCEEDED, FAILED, RETURNED, EXPIRED, CLOSED = tuple(FactKind)[:8]
REFUNDED, REFUND_FAILED, DISPUTED, WON, LOST = tuple(FactKind)[8:]
S = PaymentState


RIGHT = st.just(DUE)


@st.composite
def stories(draw, amounts=RIGHT, of=tuple(FactKind)):
    kinds = draw(st.lists(st.sampled_from(of), min_size=1, max_size=8))
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
            refund=draw(st.sampled_from(["", "RF-1", "RF-2"])) if kind in AFTERWARDS else "",
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
        assert kinds & {SUCCEEDED, REFUND_FAILED}  # nothing can fail to be given back that never came
        assert RETURNED not in kinds
    if fold(story, DUE).state in ARRIVED:
        assert kinds & {SUCCEEDED, *AFTERWARDS}
        assert not kinds & {RETURNED, FAILED, EXPIRED, CLOSED}
    if fold(story, DUE).state is S.FAILED:
        assert not kinds & {SUCCEEDED, RETURNED}


@given(stories(of=ON_THE_WAY), st.sampled_from([Money(12001, "USD"), Money(12000, "EUR"), Money(1, "JPY")]))
def test_one_fact_about_another_sum_makes_everything_doubtful(story, other):
    assert fold(story, other).state is S.UNKNOWN


def test_every_set_of_facts_has_one_verdict_or_contradicts_itself():
    assert len({verdict.kinds for verdict in VERDICTS}) == len(VERDICTS)
    believed = {verdict.kinds: verdict.state for verdict in VERDICTS}
    money, dead = {SUCCEEDED, RETURNED}, {EXPIRED, CLOSED, FAILED}
    others = [kind for kind in ON_THE_WAY if kind not in ON_THE_PAGE]
    for kinds in map(frozenset, chain.from_iterable(combinations(others, n) for n in range(len(others) + 1))):
        contradicts = (kinds & money and kinds & dead) or (
            PROCESSING in kinds and kinds & {EXPIRED, CLOSED} and FAILED not in kinds
        )
        assert (kinds in believed) is not bool(contradicts), sorted(kinds)


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([DECLINED], S.OPEN),
        ([VERIFYING], S.OPEN),
        ([VERIFYING, DECLINED], S.OPEN),
        ([VERIFYING, PROCESSING], S.PROCESSING),
        ([VERIFYING, DECLINED, PROCESSING, SUCCEEDED], S.SUCCEEDED),
        ([VERIFYING, EXPIRED], S.FAILED),
        ([VERIFYING, CLOSED, PROCESSING], S.UNKNOWN),
        ([VERIFYING, PROCESSING, SUCCEEDED, RETURNED], S.RETURNED),
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
        ([SUCCEEDED, REFUNDED], S.REFUNDED),
        ([REFUNDED], S.REFUNDED),
        ([PROCESSING, REFUNDED], S.REFUNDED),
        ([SUCCEEDED, REFUND_FAILED], S.SUCCEEDED),
        ([PROCESSING, SUCCEEDED, RETURNED, REFUND_FAILED], S.RETURNED),
        ([SUCCEEDED, RETURNED, REFUNDED], S.RETURNED),
        ([SUCCEEDED, RETURNED, DISPUTED], S.UNKNOWN),
        ([EXPIRED, REFUNDED], S.UNKNOWN),
        ([FAILED, DISPUTED], S.UNKNOWN),
        ([SUCCEEDED, DISPUTED], S.DISPUTED),
        ([DISPUTED, WON, SUCCEEDED], S.WON),
        ([WON], S.WON),
        ([SUCCEEDED, DISPUTED, LOST], S.LOST),
        ([WON, LOST, SUCCEEDED], S.UNKNOWN),
        ([SUCCEEDED, DISPUTED, REFUNDED], S.UNKNOWN),
        ([SUCCEEDED, DISPUTED, WON, REFUNDED], S.REFUNDED),
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


def test_of_a_decline_and_micro_deposits_what_came_last_is_talked_about(fact):
    declined = fact(DECLINED, 1, minute=1, reason=Reason.LIMIT)
    before, after = fact(VERIFYING, 2, minute=0), fact(VERIFYING, 3, minute=2)
    assert fold([before, declined], DUE).reason is Reason.LIMIT
    assert fold([after, declined, before], DUE).reason is Reason.MICRO_DEPOSITS
    assert fold([after, declined, before], DUE).fact == after.id
    assert fold([after, fact(PROCESSING, 4, minute=1)], DUE).reason is None


def test_a_paid_payment_carries_no_reason_and_the_card_that_paid(fact):
    declined = fact(DECLINED, 1, reason=Reason.DECLINED)
    paid = Fact("evt_9", "RM-AAAA-BBBB", SUCCEEDED, NOON, DUE, Method.CARD, "mastercard", "4444")
    standing = fold([declined, paid], DUE)
    assert (standing.reason, standing.brand, standing.last4, standing.at) == (None, "mastercard", "4444", NOON)


def test_a_page_that_ended_says_how(fact):
    assert fold([fact(EXPIRED)], DUE).reason is Reason.PAGE_EXPIRED
    assert fold([fact(CLOSED)], DUE).reason is Reason.PAGE_CLOSED
    assert fold([fact(RETURNED, reason=Reason.NO_ACCOUNT)], DUE).reason is Reason.NO_ACCOUNT
    assert fold([fact(RETURNED)], DUE).reason is Reason.RETURNED_OTHER


def given_back(fact, number, minor, refund, *, kind=REFUNDED):
    return replace(fact(kind, number, minor=minor), refund=refund)


def test_refunds_add_up_until_all_went_back(fact):
    paid = fact(SUCCEEDED)
    first, second = given_back(fact, 2, 5000, "RF-1"), given_back(fact, 3, 7000, "RF-2")
    assert (fold([paid, first], DUE).state, fold([paid, first], DUE).refunded_minor) == (S.PART_REFUNDED, 5000)
    assert (fold([second, paid, first], DUE).state, fold([second, paid, first], DUE).refunded_minor) == (
        S.REFUNDED,
        12000,
    )


def test_one_refund_told_in_two_events_is_given_back_once(fact):
    twice = [fact(SUCCEEDED), given_back(fact, 2, 5000, "RF-1"), given_back(fact, 3, 5000, "RF-1")]
    assert fold(twice, DUE).refunded_minor == 5000


def test_more_given_back_than_was_paid_is_a_persons_case(fact):
    first, second = given_back(fact, 2, 7000, "RF-1"), given_back(fact, 3, 7000, "RF-2")
    assert fold([fact(SUCCEEDED), first, second], DUE).state is S.UNKNOWN
    failed = given_back(fact, 4, 7000, "RF-2", kind=REFUND_FAILED)
    assert fold([fact(SUCCEEDED), first, second, failed], DUE).state is S.PART_REFUNDED


def test_what_is_disputed_and_what_was_refunded_fit_into_one_payment(fact):
    refunded, disputed = given_back(fact, 2, 5000, "RF-1"), fact(DISPUTED, 3, minor=7000)
    assert fold([fact(SUCCEEDED), refunded, disputed], DUE).state is S.DISPUTED
    assert fold([fact(SUCCEEDED), refunded, disputed, fact(WON, 4, minor=7000)], DUE).state is S.PART_REFUNDED
    assert fold([fact(SUCCEEDED), refunded, fact(LOST, 4, minor=7001)], DUE).state is S.UNKNOWN


def test_no_facts_say_nothing():
    with pytest.raises(ValueError, match="still ours"):
        fold([], DUE)


def test_we_never_step_out_of_a_state_that_only_evidence_may_end():
    beginnings = {S.CREATED, S.CONFIRMED, S.CANCELED}
    left = {step.before for step in STEPS if step.after is not step.before}
    assert left == {*beginnings, S.OPEN, S.SUBMITTING}  # a page of which the gateway itself says that there is none
    assert [step.after for step in STEPS if step.before is S.OPEN] == [S.OPEN, S.FAILED]
    # a charge that the gateway answered without a word for or against it, and a page of which it says that there is none
    assert [step.after for step in STEPS if step.before is S.SUBMITTING] == [S.OPEN, S.FAILED]
    assert sources(S.SUBMITTING) == (S.CONFIRMED,)
    assert sources(S.CANCELED) == (S.CONFIRMED,)
    assert sources(S.SUCCEEDED) == ()
    assert all(step.because for step in STEPS)
    assert all(verdict.because for verdict in VERDICTS)
    assert not LIVE & RESERVING
