"""The contract of `Gateway` and `Vault`, held against every implementation. A new gateway adds a `Side` and one line below.

Only what any gateway must do stands here; what is peculiar to one is tested beside it.
"""

import random as chance
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from services.errors import Forged, Malformed, Rejected, Uncertain
from services.model import Method, Money, Reason, SavedMethod
from services.payments.gateways.base import Batch, Fact, FactKind, NoRefund, PageRequest, RefundRequest, Till
from services.payments.gateways.sandbox import SandboxGateway
from services.sandbox.rehearsal import API_KEY, ROOT, SECRET, Rehearsal, Webhook, rehearse
from services.sandbox.webhooks import sign
from services.sandbox.world import load_demo

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
DEMO = Path(__file__).parents[2] / "config" / "demo.toml"
HALF_AN_HOUR = 30 * 60
DAY = 24 * 3600
REFUNDS_FAIL = "4000000000005126"  # published by Stripe as a refund that begins as succeeded and fails later


class Side(Protocol):
    """The gateway's side of the counter: a customer at its page, its clock, its webhooks and its bad days."""

    gateway: Till
    header: str  # of the signature

    async def pays_by_card(self, url: str) -> None: ...
    async def pays_and_sends_refunds_back(self, url: str) -> None: ...
    async def is_declined(self, url: str) -> None: ...
    async def pays_by_bank(self, url: str) -> None: ...
    async def bank_refuses(self, url: str) -> None: ...
    async def bank_returns(self, url: str) -> None: ...
    async def saves_a_card(self, url: str) -> None: ...
    async def saves_a_card_that_is_declined_later(self, url: str) -> None: ...
    async def saves_a_card_whose_bank_always_asks(self, url: str) -> None: ...
    async def saves_an_account(self, url: str) -> None: ...
    async def answers_the_bank(self, url: str, *, passed: bool) -> None: ...
    async def pays_from_an_account_to_be_proved(self, url: str) -> None: ...
    async def types_the_code_of_the_deposit(self, url: str, *, right: bool) -> None: ...
    async def time_passes(self, seconds: int) -> None: ...
    async def webhooks(self) -> list[Webhook]: ...
    def lose_answers(self, when: str | None) -> None: ...
    def twice_and_backwards(self) -> None: ...
    def sign(self, stamp: int, body: bytes) -> str: ...


class SandboxSide:
    header = "remit-sandbox-signature"

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.gateway = SandboxGateway(rehearsal.http, f"{ROOT}/processor", API_KEY, SECRET)

    async def pays_by_card(self, url):
        await self.rehearsal.pay_by_card(url, "4242424242424242")

    async def pays_and_sends_refunds_back(self, url):
        await self.rehearsal.pay_by_card(url, REFUNDS_FAIL)

    async def is_declined(self, url):
        await self.rehearsal.pay_by_card(url, "4000000000009995")

    async def pays_by_bank(self, url):
        await self.rehearsal.pay_by_bank(url, "000123456789")

    async def bank_refuses(self, url):
        await self.rehearsal.pay_by_bank(url, "000111111113")

    async def bank_returns(self, url):
        await self.rehearsal.pay_by_bank(url, "000555555559")

    async def saves_a_card(self, url):
        await self.rehearsal.pay_by_card(url, "4242424242424242", save="yes")

    async def saves_a_card_that_is_declined_later(self, url):
        await self.rehearsal.pay_by_card(url, "4000000000000341", save="yes")

    async def saves_a_card_whose_bank_always_asks(self, url):
        await self.rehearsal.pay_by_card(url, "4000002760003184", save="yes")
        await self.rehearsal.answer_check(url, passed=True)

    async def saves_an_account(self, url):
        await self.rehearsal.pay_by_bank(url, "000123456789", save="yes")

    async def answers_the_bank(self, url, *, passed):
        await self.rehearsal.answer_check(url, passed=passed)

    async def pays_from_an_account_to_be_proved(self, url):
        await self.rehearsal.pay_by_bank(url, "000666666661")

    async def types_the_code_of_the_deposit(self, url, *, right):
        await self.rehearsal.type_code(url, "SM11AA" if right else "SM22BB")

    async def time_passes(self, seconds):
        await self.rehearsal.sandbox.advance(seconds)

    async def webhooks(self):
        await self.rehearsal.sandbox.advance(60)
        return self.rehearsal.ear.heard

    def lose_answers(self, when):
        self.rehearsal.sandbox.faults.drop = when

    def twice_and_backwards(self):
        self.rehearsal.sandbox.faults.duplicate = True
        self.rehearsal.sandbox.faults.reorder = True

    def sign(self, stamp, body):
        return sign(SECRET, stamp, body)


@pytest.fixture(params=["sandbox"])
async def side(request) -> AsyncIterator[Side]:
    rehearsal = rehearse(clock=lambda: NOW, random=chance.Random(7).randbytes, demo=load_demo(DEMO))
    yield SandboxSide(rehearsal)
    await rehearsal.aclose()


def wanted(reference="RM-7KQ2-9XTD", method=Method.CARD, minor=12000, currency="USD", **other):
    return PageRequest(
        reference=reference,
        amount=Money(minor, currency),
        method=method,
        name="Dana Whitfield",
        zip="94107",
        numbers=("INV-1042",),
        return_url="http://assistant/chat",
        **other,
    )


BY_BANK = wanted(method=Method.BANK)


def kinds(facts: tuple[Fact, ...] | None) -> list[FactKind]:
    assert facts is not None
    return [fact.kind for fact in facts]


async def told(side: Side) -> list[Fact]:
    heard = await side.webhooks()
    return [fact for hook in heard for fact in side.gateway.read_webhook(hook.headers, hook.body, NOW)]


# --- pages --------------------------------------------------------------------------------------------------------


async def test_a_page_asked_for_twice_under_one_key_is_one_page(side):
    first = await side.gateway.open_page(wanted(), "key-1")
    again = await side.gateway.open_page(wanted(), "key-1")
    assert again == first
    assert timedelta(minutes=25) < first.expires_at - NOW <= timedelta(hours=24)


async def test_another_request_under_a_used_key_is_refused_and_opens_nothing(side):
    await side.gateway.open_page(wanted(), "key-1")
    with pytest.raises(Malformed):
        await side.gateway.open_page(wanted(reference="RM-OTHER", minor=1), "key-1")
    assert await side.gateway.find("RM-OTHER") is None


async def test_the_same_key_still_means_the_same_page_after_it_was_paid(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    assert await side.gateway.open_page(wanted(), "key-1") == page
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.SUCCEEDED]


async def test_closing_an_unpaid_page_ends_it_and_nothing_can_be_paid_there(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    facts = await side.gateway.close_page(page.id)
    assert [(fact.kind, fact.reason) for fact in facts] == [(FactKind.CLOSED, Reason.PAGE_CLOSED)]
    await side.pays_by_card(page.url)
    assert await side.gateway.find("RM-7KQ2-9XTD") == facts


async def test_closing_comes_too_late_when_the_customer_has_paid(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    assert kinds(await side.gateway.close_page(page.id)) == [FactKind.SUCCEEDED]


async def test_closing_does_not_stop_a_debit_that_is_on_its_way(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_by_bank(page.url)
    assert kinds(await side.gateway.close_page(page.id)) == [FactKind.PROCESSING]


async def test_closing_twice_is_closing_once(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    assert await side.gateway.close_page(page.id) == await side.gateway.close_page(page.id)


async def test_a_page_expires_unpaid(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.time_passes(HALF_AN_HOUR + 1)
    (fact,) = await side.gateway.find("RM-7KQ2-9XTD") or ()
    assert (fact.kind, fact.reason, fact.at) == (FactKind.EXPIRED, Reason.PAGE_EXPIRED, page.expires_at)
    await side.pays_by_card(page.url)
    assert await side.gateway.find("RM-7KQ2-9XTD") == (fact,)


# --- looking up ---------------------------------------------------------------------------------------------------


async def test_a_reference_nobody_knows_is_none_and_an_untouched_page_is_no_facts(side):
    assert await side.gateway.find("RM-7KQ2-9XTD") is None
    await side.gateway.open_page(wanted(), "key-1")
    assert await side.gateway.find("RM-7KQ2-9XTD") == ()


async def test_a_paid_card_tells_everything_a_receipt_needs(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    (fact,) = await side.gateway.find("RM-7KQ2-9XTD") or ()
    assert fact == Fact(
        id=fact.id,
        reference="RM-7KQ2-9XTD",
        kind=FactKind.SUCCEEDED,
        at=NOW,
        amount=Money(12000, "USD"),
        method=Method.CARD,
        brand="visa",
        last4="4242",
    )


@pytest.mark.parametrize(("minor", "currency"), [(48990, "EUR"), (36000, "JPY"), (1, "USD"), (12_345, "BHD")])
async def test_a_sum_comes_back_in_its_own_currency_to_the_minor_unit(side, minor, currency):
    page = await side.gateway.open_page(wanted(minor=minor, currency=currency), "key-1")
    await side.pays_by_card(page.url)
    (fact,) = await side.gateway.find("RM-7KQ2-9XTD") or ()
    assert fact.amount == Money(minor, currency)


async def test_a_decline_leaves_the_page_open_for_another_card(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.is_declined(page.url)
    await side.pays_by_card(page.url)
    declined, paid = await side.gateway.find("RM-7KQ2-9XTD") or ()
    assert (declined.kind, declined.reason) == (FactKind.DECLINED, Reason.INSUFFICIENT_FUNDS)
    assert (paid.kind, paid.reason) == (FactKind.SUCCEEDED, None)


async def test_a_bank_payment_is_processing_and_settles_days_later(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_by_bank(page.url)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.PROCESSING]
    await side.time_passes(4 * DAY)
    settled = await side.gateway.find("RM-7KQ2-9XTD")
    assert kinds(settled) == [FactKind.PROCESSING, FactKind.SUCCEEDED]
    assert {(fact.method, fact.last4) for fact in settled} == {(Method.BANK, "6789")}


async def test_a_bank_payment_fails_days_later(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.bank_refuses(page.url)
    await side.time_passes(4 * DAY)
    failed = (await side.gateway.find("RM-7KQ2-9XTD"))[-1]
    assert (failed.kind, failed.reason) == (FactKind.FAILED, Reason.ACCOUNT_CLOSED)


async def test_a_settled_bank_payment_is_returned_days_after_it_settled(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.bank_returns(page.url)
    await side.time_passes(4 * DAY)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.PROCESSING, FactKind.SUCCEEDED]
    await side.time_passes(4 * DAY)
    returned = (await side.gateway.find("RM-7KQ2-9XTD"))[-1]
    assert (returned.kind, returned.reason) == (FactKind.RETURNED, Reason.NOT_AUTHORIZED)


# --- webhooks -----------------------------------------------------------------------------------------------------


async def test_webhooks_and_look_ups_tell_the_same_facts(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.bank_returns(page.url)
    await side.time_passes(8 * DAY)
    assert tuple(await told(side)) == await side.gateway.find("RM-7KQ2-9XTD")


async def test_webhooks_that_come_twice_and_backwards_are_still_the_same_set_of_facts(side):
    side.twice_and_backwards()
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.is_declined(page.url)
    await side.pays_by_card(page.url)
    heard = await told(side)
    facts = await side.gateway.find("RM-7KQ2-9XTD")
    assert len(heard) == 4
    assert kinds(heard)[0] is FactKind.SUCCEEDED
    assert {fact.id: fact for fact in heard} == {fact.id: fact for fact in facts}


async def signed(side: Side) -> Webhook:
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    return (await side.webhooks())[0]


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_a_webhook_five_minutes_off_is_still_taken(side, seconds):
    hook = await signed(side)
    assert side.gateway.read_webhook(hook.headers, hook.body, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-302, 302, 10**6, -(10**6)])
async def test_a_webhook_with_a_stale_or_future_stamp_is_forged(side, seconds):
    hook = await signed(side)
    with pytest.raises(Forged):
        side.gateway.read_webhook(hook.headers, hook.body, NOW + timedelta(seconds=seconds))


async def test_a_webhook_whose_body_was_changed_is_forged(side):
    hook = await signed(side)
    with pytest.raises(Forged):
        side.gateway.read_webhook(hook.headers, hook.body.replace(b"12000", b"12001"), NOW)


async def test_a_webhook_signed_with_another_secret_is_forged(side):
    hook = await signed(side)
    forged = {side.header: sign("another secret", int(NOW.timestamp()), hook.body)}
    with pytest.raises(Forged):
        side.gateway.read_webhook(forged, hook.body, NOW)


@pytest.mark.parametrize(
    "value", ["", "t=", "v1=00", "t=x,v1=00", "t=1,t=2,v1=00", "t=-1,v1=00", "t=\u0664,v1=é", "," * 999]
)
async def test_an_unreadable_signature_is_forged(side, value):
    hook = await signed(side)
    with pytest.raises(Forged):
        side.gateway.read_webhook({side.header: value}, hook.body, NOW)


async def test_a_webhook_without_a_signature_is_forged(side):
    hook = await signed(side)
    headers = {name: value for name, value in hook.headers.items() if name.lower() != side.header}
    with pytest.raises(Forged):
        side.gateway.read_webhook(headers, hook.body, NOW)


async def test_the_signature_is_found_however_its_header_is_written(side):
    hook = await signed(side)
    shouted = {name.upper(): value for name, value in hook.headers.items()}
    assert side.gateway.read_webhook(shouted, hook.body, NOW)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type": 3}', b'{"type": "payment.succeeded"}', b"\xff"])
async def test_a_signed_webhook_outside_the_contract_is_malformed(side, body):
    headers = {side.header: side.sign(int(NOW.timestamp()), body)}
    with pytest.raises(Malformed):
        side.gateway.read_webhook(headers, body, NOW)


async def test_a_signed_webhook_of_an_unknown_kind_is_left_out(side):
    body = b'{"id": "evt_1", "type": "payout.paid"}'
    headers = {side.header: side.sign(int(NOW.timestamp()), body)}
    assert side.gateway.read_webhook(headers, body, NOW) == ()


# --- lost answers -------------------------------------------------------------------------------------------------


async def test_a_page_whose_opening_got_lost_on_the_way_there_was_never_made(side):
    side.lose_answers("before")
    with pytest.raises(Uncertain):
        await side.gateway.open_page(wanted(), "key-1")
    assert await side.gateway.find("RM-7KQ2-9XTD") is None


async def test_a_page_whose_answer_got_lost_on_the_way_back_is_found_by_its_key(side):
    side.lose_answers("after")
    with pytest.raises(Uncertain):
        await side.gateway.open_page(wanted(), "key-1")
    assert await side.gateway.find("RM-7KQ2-9XTD") == ()
    side.lose_answers(None)
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.SUCCEEDED]


async def test_a_payment_whose_answer_got_lost_is_one_payment(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    side.lose_answers("after")
    await side.pays_by_card(page.url)
    side.lose_answers(None)
    await side.pays_by_card(page.url)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.SUCCEEDED]


async def test_a_close_whose_answer_got_lost_is_known_by_asking_again(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    side.lose_answers("after")
    with pytest.raises(Uncertain):
        await side.gateway.close_page(page.id)
    side.lose_answers(None)
    assert kinds(await side.gateway.close_page(page.id)) == [FactKind.CLOSED]


# --- refunds ------------------------------------------------------------------------------------------------------


def back(minor=12000, reference="RM-7KQ2-9XTD", refund="RF-1A11-1A11", currency="USD"):
    return RefundRequest(reference, refund, Money(minor, currency))


@pytest.fixture
async def paid(side):
    """A card payment of $120.00."""
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_by_card(page.url)
    return page


async def test_a_refund_is_told_with_our_id_and_its_own_sum(side, paid):
    facts = await side.gateway.refund(back(5000), "refund-1")
    assert kinds(facts) == [FactKind.SUCCEEDED, FactKind.REFUNDED]
    assert (facts[1].refund, facts[1].amount, facts[1].reference) == (
        "RF-1A11-1A11",
        Money(5000, "USD"),
        "RM-7KQ2-9XTD",
    )
    assert await side.gateway.find("RM-7KQ2-9XTD") == facts
    assert tuple(await told(side)) == facts


async def test_a_refund_asked_for_twice_under_one_key_is_one_refund(side, paid):
    first = await side.gateway.refund(back(), "refund-1")
    assert await side.gateway.refund(back(), "refund-1") == first
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.SUCCEEDED, FactKind.REFUNDED]


async def test_another_refund_under_a_used_key_is_refused_and_gives_nothing_back(side, paid):
    await side.gateway.refund(back(5000), "refund-1")
    with pytest.raises(Malformed):
        await side.gateway.refund(back(5001), "refund-1")
    assert len(await side.gateway.find("RM-7KQ2-9XTD")) == 2


async def test_refunds_in_parts_add_up_and_not_a_cent_more_goes_back(side, paid):
    for nth, minor in enumerate((5000, 6999)):
        await side.gateway.refund(back(minor, refund=f"RF-{nth}"), f"refund-{nth}")
    assert isinstance(await side.gateway.refund(back(2, refund="RF-2"), "refund-2"), NoRefund)
    facts = await side.gateway.refund(back(1, refund="RF-3"), "refund-3")
    assert sum(fact.amount.minor for fact in facts if fact.kind is FactKind.REFUNDED) == 12000


@pytest.mark.parametrize("asked", [back(12001), back(100, currency="EUR")])
async def test_what_cannot_be_refunded_is_refused_in_plain_words_and_stays_so_under_its_key(side, paid, asked):
    refused = await side.gateway.refund(asked, "refund-1")
    assert isinstance(refused, NoRefund)
    assert refused.why
    assert await side.gateway.refund(asked, "refund-1") == refused
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.SUCCEEDED]


async def test_nothing_is_refunded_of_what_nobody_paid(side):
    await side.gateway.open_page(wanted(), "key-1")
    assert isinstance(await side.gateway.refund(back(), "refund-1"), NoRefund)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_refund_whose_answer_got_lost_is_one_refund_under_its_key(side, paid, when):
    side.lose_answers(when)
    with pytest.raises(Uncertain):
        await side.gateway.refund(back(), "refund-1")
    side.lose_answers(None)
    assert len(await side.gateway.find("RM-7KQ2-9XTD")) == (1 if when == "before" else 2)
    assert kinds(await side.gateway.refund(back(), "refund-1")) == [FactKind.SUCCEEDED, FactKind.REFUNDED]


async def test_a_bank_refund_takes_days_and_counts_from_the_moment_it_was_asked_for(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_by_bank(page.url)
    await side.time_passes(4 * DAY)
    waiting = await side.gateway.refund(back(7000), "refund-1")
    assert kinds(waiting) == [FactKind.PROCESSING, FactKind.SUCCEEDED]
    assert isinstance(await side.gateway.refund(back(5001, refund="RF-2"), "refund-2"), NoRefund)
    await side.time_passes(4 * DAY)
    last = (await side.gateway.find("RM-7KQ2-9XTD"))[-1]
    assert (last.kind, last.amount, last.refund) == (FactKind.REFUNDED, Money(7000, "USD"), "RF-1A11-1A11")


async def test_a_refund_that_comes_back_says_which_one_it_was(side):
    page = await side.gateway.open_page(wanted(), "key-1")
    await side.pays_and_sends_refunds_back(page.url)
    await side.gateway.refund(back(5000), "refund-1")
    await side.time_passes(30 * DAY)
    facts = await side.gateway.find("RM-7KQ2-9XTD")
    assert kinds(facts) == [FactKind.SUCCEEDED, FactKind.REFUNDED, FactKind.REFUND_FAILED]
    assert {(fact.refund, fact.amount.minor) for fact in facts[1:]} == {("RF-1A11-1A11", 5000)}


# --- the listing --------------------------------------------------------------------------------------------------


async def listing(side: Side, at: datetime) -> list[Fact]:
    """All of it, batch by batch."""
    facts, after = [], ""
    while True:
        batch = await side.gateway.since(at, after)
        facts += batch.facts
        if batch.next is None:
            return facts
        after = batch.next


async def test_the_listing_has_every_fact_of_every_payment_once(side):
    expected = []
    for nth in range(70):  # more than fit into one batch
        page = await side.gateway.open_page(wanted(f"RM-{nth}"), f"key-{nth}")
        await side.is_declined(page.url)
        await side.pays_by_card(page.url)
        expected += await side.gateway.find(f"RM-{nth}")
    assert await listing(side, NOW) == expected
    assert (await side.gateway.since(NOW, "")).next


async def test_the_listing_tells_what_webhooks_tell(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.bank_returns(page.url)
    await side.time_passes(8 * DAY)
    assert await listing(side, NOW) == await told(side)


async def test_the_listing_begins_where_it_is_asked_to(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_by_bank(page.url)
    await side.time_passes(4 * DAY)
    begun, settled = await side.gateway.find("RM-7KQ2-9XTD")
    assert await listing(side, begun.at) == [begun, settled]
    assert await listing(side, begun.at + timedelta(microseconds=1)) == [settled]
    assert await listing(side, settled.at) == [settled]
    assert await listing(side, settled.at + timedelta(seconds=1)) == []


async def test_an_empty_listing_is_one_empty_batch(side):
    await side.gateway.open_page(wanted(), "key-1")
    assert await side.gateway.since(NOW - timedelta(days=60), "") == Batch((), None)


async def test_what_happens_between_two_batches_is_in_the_later_one(side):
    for nth in range(101):
        page = await side.gateway.open_page(wanted(f"RM-{nth}"), f"key-{nth}")
        await side.pays_by_card(page.url)
    first = await side.gateway.since(NOW, "")
    page = await side.gateway.open_page(wanted("RM-LATE"), "key-late")
    await side.pays_by_card(page.url)
    rest = await side.gateway.since(NOW, first.next)
    assert rest.facts[-1].reference == "RM-LATE"
    assert len(first.facts) + len(rest.facts) == 102


# --- saved methods ------------------------------------------------------------------------------------------------

DANA, MIGUEL = "book:dana-1", "book:miguel-2"


@pytest.fixture
def kept(side):
    """A customer has paid and saved what they paid with; answers with it as the gateway lists it."""

    async def saved(how="saves_a_card", method=Method.CARD, customer=DANA, key="key-0"):
        page = await side.gateway.open_page(wanted(f"RM-{key}", method, customer=customer), key)
        await getattr(side, how)(page.url)
        return (await side.gateway.methods(customer))[0]

    return saved


def with_saved(method: SavedMethod, reference="RM-7KQ2-9XTD"):
    return wanted(reference, method.method, customer=DANA, saved=method.id)


async def test_what_was_saved_on_the_page_is_listed_without_a_number(side, kept):
    card = await kept()
    assert card == SavedMethod(card.id, Method.CARD, "visa", "4242", card.expires)
    assert card.expires == "2042-04"
    assert not any(character.isdigit() for character in card.id)
    account = await kept("saves_an_account", Method.BANK, key="key-bank")
    assert (account.method, account.last4, account.expires) == (Method.BANK, "6789", "")
    assert await side.gateway.methods(DANA) == (account, card)


async def test_what_was_not_saved_is_not_listed(side):
    page = await side.gateway.open_page(wanted(customer=DANA), "key-1")
    await side.pays_by_card(page.url)
    assert await side.gateway.methods(DANA) == ()
    assert await side.gateway.methods("a:customer-nobody.knows") == ()


async def test_a_saved_card_is_charged_once_however_often_it_is_asked(side, kept):
    page = await side.gateway.open_page(with_saved(await kept()), "key-1")
    assert await side.gateway.find("RM-7KQ2-9XTD") == ()
    facts = await side.gateway.charge(page.id)
    assert [(fact.kind, fact.brand, fact.last4, fact.amount) for fact in facts] == [
        (FactKind.SUCCEEDED, "visa", "4242", Money(12000, "USD"))
    ]
    assert await side.gateway.charge(page.id) == facts == await side.gateway.find("RM-7KQ2-9XTD")
    assert facts[0] in await told(side)


async def test_a_saved_account_is_debited_and_settles_days_later(side, kept):
    account = await kept("saves_an_account", Method.BANK)
    page = await side.gateway.open_page(with_saved(account), "key-1")
    assert kinds(await side.gateway.charge(page.id)) == [FactKind.PROCESSING]
    await side.time_passes(4 * DAY)
    settled = await side.gateway.charge(page.id)
    assert kinds(settled) == [FactKind.PROCESSING, FactKind.SUCCEEDED]
    assert {fact.last4 for fact in settled} == {"6789"}


async def test_a_page_that_was_closed_or_has_expired_can_never_be_charged(side, kept):
    card = await kept()
    page = await side.gateway.open_page(with_saved(card), "key-1")
    await side.gateway.close_page(page.id)
    assert kinds(await side.gateway.charge(page.id)) == [FactKind.CLOSED]
    late = await side.gateway.open_page(with_saved(card, "RM-LATE"), "key-2")
    await side.time_passes(HALF_AN_HOUR + 1)
    assert kinds(await side.gateway.charge(late.id)) == [FactKind.EXPIRED]


async def test_closing_comes_too_late_for_a_saved_card_that_was_charged(side, kept):
    page = await side.gateway.open_page(with_saved(await kept()), "key-1")
    await side.gateway.charge(page.id)
    assert kinds(await side.gateway.close_page(page.id)) == [FactKind.SUCCEEDED]


@pytest.mark.parametrize(("when", "found"), [("before", []), ("after", [FactKind.SUCCEEDED])])
async def test_a_charge_whose_answer_got_lost_is_looked_up_and_can_be_asked_for_again(side, kept, when, found):
    page = await side.gateway.open_page(with_saved(await kept()), "key-1")
    side.lose_answers(when)
    with pytest.raises(Uncertain):
        await side.gateway.charge(page.id)
    side.lose_answers(None)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == found
    assert kinds(await side.gateway.charge(page.id)) == [FactKind.SUCCEEDED]


async def test_a_declined_saved_card_leaves_the_page_open_for_another_one_and_is_not_tried_again(side, kept):
    card = await kept("saves_a_card_that_is_declined_later")
    page = await side.gateway.open_page(with_saved(card), "key-1")
    (declined,) = await side.gateway.charge(page.id)
    assert (declined.kind, declined.reason, declined.last4) == (FactKind.DECLINED, Reason.DECLINED, card.last4)
    assert await side.gateway.charge(page.id) == (declined,)
    await side.pays_by_card(page.url)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.DECLINED, FactKind.SUCCEEDED]
    assert kinds(await side.gateway.charge(page.id)) == [FactKind.DECLINED, FactKind.SUCCEEDED]


async def test_a_page_paid_with_another_card_is_not_charged_as_well(side, kept):
    page = await side.gateway.open_page(with_saved(await kept()), "key-1")
    await side.pays_by_card(page.url)
    assert kinds(await side.gateway.charge(page.id)) == [FactKind.SUCCEEDED]


@pytest.mark.parametrize("passed", [True, False])
async def test_a_bank_that_wants_to_see_its_customer_is_told_by_no_fact_and_asks_on_the_page(side, kept, passed):
    card = await kept("saves_a_card_whose_bank_always_asks")
    page = await side.gateway.open_page(with_saved(card), "key-1")
    assert await side.gateway.charge(page.id) == ()
    assert await side.gateway.charge(page.id) == ()
    await side.answers_the_bank(page.url, passed=passed)
    (fact,) = await side.gateway.charge(page.id)
    assert (fact.kind, fact.last4) == (FactKind.SUCCEEDED if passed else FactKind.DECLINED, card.last4)
    assert fact.reason is (None if passed else Reason.AUTHENTICATION)


async def test_a_charge_that_waits_for_its_customer_can_be_closed(side, kept):
    page = await side.gateway.open_page(with_saved(await kept("saves_a_card_whose_bank_always_asks")), "key-1")
    await side.gateway.charge(page.id)
    assert kinds(await side.gateway.close_page(page.id)) == [FactKind.CLOSED]


async def test_a_method_that_was_removed_is_listed_and_charged_no_more(side, kept):
    card = await kept()
    other = await kept("saves_an_account", Method.BANK, key="key-bank")
    await side.gateway.forget(DANA, card.id)
    await side.gateway.forget(DANA, card.id)
    assert await side.gateway.methods(DANA) == (other,)
    with pytest.raises(Rejected):
        await side.gateway.open_page(with_saved(card), "key-1")
    assert await side.gateway.find("RM-7KQ2-9XTD") is None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_removal_whose_answer_got_lost_is_asked_for_again(side, kept, when):
    card = await kept()
    side.lose_answers(when)
    with pytest.raises(Uncertain):
        await side.gateway.forget(DANA, card.id)
    side.lose_answers(None)
    assert (card in await side.gateway.methods(DANA)) is (when == "before")
    await side.gateway.forget(DANA, card.id)
    assert await side.gateway.methods(DANA) == ()


async def test_nobody_pays_with_or_removes_the_method_of_another_customer(side, kept):
    hers = await kept()
    his = await kept(customer=MIGUEL, key="key-his")
    assert his.id != hers.id
    await side.gateway.forget(MIGUEL, hers.id)
    assert await side.gateway.methods(DANA) == (hers,)
    for thief in (MIGUEL, ""):
        with pytest.raises(Rejected):
            await side.gateway.open_page(wanted(customer=thief, saved=hers.id), f"key-{thief}")
    assert await side.gateway.find("RM-7KQ2-9XTD") is None


async def test_a_page_that_was_opened_for_no_saved_method_is_not_charged(side, kept):
    await kept()
    page = await side.gateway.open_page(wanted(customer=DANA), "key-1")
    with pytest.raises(Rejected):
        await side.gateway.charge(page.id)
    assert await side.gateway.find("RM-7KQ2-9XTD") == ()


# --- accounts that are proved first -------------------------------------------------------------------------------


async def test_an_account_that_is_proved_first_waits_for_days_and_is_debited_then(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_from_an_account_to_be_proved(page.url)
    (fact,) = await side.gateway.find("RM-7KQ2-9XTD") or ()
    assert (fact.kind, fact.reason, fact.method) == (FactKind.VERIFYING, Reason.MICRO_DEPOSITS, Method.BANK)
    await side.time_passes(2 * DAY)
    await side.types_the_code_of_the_deposit(page.url, right=False)
    assert await side.gateway.find("RM-7KQ2-9XTD") == (fact,)
    await side.types_the_code_of_the_deposit(page.url, right=True)
    await side.time_passes(4 * DAY)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [
        FactKind.VERIFYING,
        FactKind.PROCESSING,
        FactKind.SUCCEEDED,
    ]


async def test_a_page_that_waits_for_a_deposit_can_be_closed_and_is_never_debited_then(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_from_an_account_to_be_proved(page.url)
    facts = await side.gateway.close_page(page.id)
    assert kinds(facts) == [FactKind.VERIFYING, FactKind.CLOSED]
    await side.types_the_code_of_the_deposit(page.url, right=True)
    assert await side.gateway.find("RM-7KQ2-9XTD") == facts


async def test_too_many_wrong_codes_are_a_decline_and_another_account_pays(side):
    page = await side.gateway.open_page(BY_BANK, "key-1")
    await side.pays_from_an_account_to_be_proved(page.url)
    for _ in range(10):  # no gateway allows more
        await side.types_the_code_of_the_deposit(page.url, right=False)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD")) == [FactKind.VERIFYING, FactKind.DECLINED]
    await side.pays_by_bank(page.url)
    assert kinds(await side.gateway.find("RM-7KQ2-9XTD"))[-1] is FactKind.PROCESSING
