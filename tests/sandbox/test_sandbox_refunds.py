"""Refunds and disputes at the processor: what goes back, what fails later, and what never happens twice."""

import pytest

from services.model import Method
from services.sandbox.rehearsal import API_KEY

HOUR = 3600
DAY = 24 * HOUR
PLAIN, SLOW, BOUNCES = "4242424242424242", "4000000000007726", "4000000000005126"
FRAUDULENT, NOT_RECEIVED = "4000000000000259", "4000000000002685"


async def refunds(stage, minor=12000, *, key="key-r", reference="RM-1", refund="RF-1", currency="USD"):
    order = {"reference": reference, "refund": refund, "amount_minor": minor, "currency": currency}
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": key}
    return await stage.http.post("/processor/v1/refunds", json=order, headers=headers)


async def decides(stage, outcome, reference="RM-1"):
    return await stage.http.post(f"/control/disputes/{reference}", json={"outcome": outcome})


def told(events):
    return [(event["type"], event["amount_minor"], event["refund"]) for event in events]


async def history(stage, reference="RM-1"):
    answer = await stage.http.get(f"/processor/v1/payments/{reference}", headers={"Authorization": f"Bearer {API_KEY}"})
    return told(answer.json()["events"])


async def standing(stage):
    (row,) = (await stage.http.get("/control/book")).json()
    return row["state"], row["refunded_minor"]


@pytest.fixture
def paid(stage, open_page):
    async def pay(number=PLAIN, reference="RM-1"):
        page = await open_page(reference)
        await stage.pay_by_card(page.url, number)
        return page

    return pay


@pytest.fixture
def settled(stage, open_page):
    async def pay(account="000123456789"):
        page = await open_page(method=Method.BANK)
        await stage.pay_by_bank(page.url, account)
        await stage.sandbox.advance(3 * DAY)
        return page

    return pay


PAID = ("payment.succeeded", 12000, "")


async def test_a_card_refund_is_there_at_once_and_told_by_webhook_too(stage, paid):
    await paid()
    answer = await refunds(stage)
    assert answer.status_code == 200
    assert told(answer.json()["events"]) == [PAID, ("refund.succeeded", 12000, "RF-1")]
    assert answer.json()["events"][1]["last4"] == "4242"
    assert await standing(stage) == ("refunded", 12000)
    await stage.sandbox.pump()
    assert [b'"refund.succeeded"' in hook.body for hook in stage.ear.heard] == [False, True]


async def test_refunds_in_part_add_up_and_no_cent_more_goes_back(stage, paid):
    await paid()
    assert (await refunds(stage, 5000, key="a")).status_code == 200
    assert await standing(stage) == ("part_refunded", 5000)
    over = await refunds(stage, 7001, key="b")
    assert (over.status_code, over.json()["error"]["code"]) == (422, "not_refundable")
    assert "70.00 USD" in over.json()["error"]["message"]
    assert (await refunds(stage, 7000, key="c", refund="RF-2")).status_code == 200
    assert await standing(stage) == ("refunded", 12000)
    assert (await refunds(stage, 1, key="d")).status_code == 422


async def test_a_refund_asked_twice_under_one_key_happens_once(stage, paid):
    await paid()
    first = await refunds(stage, 5000)
    await refunds(stage, 1000, key="key-2", refund="RF-2")
    assert (await refunds(stage, 5000)).content == first.content
    assert await standing(stage) == ("part_refunded", 6000)


@pytest.mark.parametrize("change", [{"minor": 5001}, {"refund": "RF-2"}, {"reference": "RM-2"}, {"currency": "EUR"}])
async def test_a_key_that_stands_for_another_refund_is_a_conflict(stage, paid, change):
    await paid()
    await refunds(stage, 5000)
    answer = await refunds(stage, **({"minor": 5000} | change))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_reused")
    assert await standing(stage) == ("part_refunded", 5000)


async def test_a_refund_key_older_than_a_day_refunds_again(stage, paid):
    await paid()
    await refunds(stage, 5000)
    await stage.sandbox.advance(DAY - 1)
    await refunds(stage, 5000)
    assert await standing(stage) == ("part_refunded", 5000)
    await stage.sandbox.advance(1)
    await refunds(stage, 5000)
    assert await standing(stage) == ("part_refunded", 10000)


async def test_a_refund_once_refused_stays_refused_under_its_key(stage, paid):
    await paid(FRAUDULENT)
    await stage.sandbox.advance(DAY)
    assert (await refunds(stage, key="while-disputed")).status_code == 422
    await decides(stage, "won")
    assert (await refunds(stage, key="while-disputed")).status_code == 422
    assert (await refunds(stage, key="after")).status_code == 200


async def test_a_refund_of_a_payment_nobody_knows_is_a_404(stage):
    answer = await refunds(stage)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_payment")


async def test_nothing_is_refunded_of_what_was_not_paid(stage, open_page):
    await open_page()
    assert (await refunds(stage)).status_code == 422
    bank = await open_page("RM-2", Method.BANK)
    await stage.pay_by_bank(bank.url, "000123456789")
    answer = await refunds(stage, key="key-2", reference="RM-2")
    assert "while the payment is processing" in answer.json()["error"]["message"]


async def test_a_refund_in_another_currency_is_refused(stage, paid):
    await paid()
    assert (await refunds(stage, 5000, currency="EUR")).status_code == 422
    assert await standing(stage) == ("succeeded", 0)


@pytest.mark.parametrize(
    "order", [{"minor": 0}, {"minor": -1}, {"minor": 1.5}, {"refund": ""}, {"refund": "a b"}, {"refund": "x" * 65}]
)
async def test_a_refund_outside_the_contract_is_refused(stage, paid, order):
    await paid()
    assert (await refunds(stage, **order)).status_code == 400
    assert await standing(stage) == ("succeeded", 0)


async def test_a_refund_without_its_keys_is_refused(stage, paid):
    await paid()
    assert (await refunds(stage, key="")).json()["error"]["code"] == "key_missing"
    assert (await stage.http.post("/processor/v1/refunds", json={})).status_code == 401
    assert await standing(stage) == ("succeeded", 0)


async def test_a_refund_whose_answer_was_lost_is_found_under_its_key(stage, paid):
    await paid()
    stage.sandbox.faults.drop = "before"
    assert (await refunds(stage, 5000)).status_code == 504
    assert await standing(stage) == ("succeeded", 0)
    stage.sandbox.faults.drop = "after"
    assert (await refunds(stage, 5000)).status_code == 504
    stage.sandbox.faults.drop = None
    assert told((await refunds(stage, 5000)).json()["events"])[-1] == ("refund.succeeded", 5000, "RF-1")
    assert await standing(stage) == ("part_refunded", 5000)


async def test_two_charges_under_one_reference_can_both_be_given_back(stage, open_page):
    for key in ("key-1", "key-2"):
        page = await open_page(key=key)
        await stage.pay_by_card(page.url, PLAIN)
    for key in ("a", "b"):
        assert (await refunds(stage, key=key, refund=key)).status_code == 200
    assert (await refunds(stage, 1, key="c")).status_code == 422


async def test_a_pending_refund_is_no_event_yet_but_already_spoken_for(stage, paid):
    await paid(SLOW)
    assert told((await refunds(stage, 9000)).json()["events"]) == [PAID]
    assert await standing(stage) == ("succeeded", 0)
    assert (await refunds(stage, 3001, key="key-2")).status_code == 422
    await stage.sandbox.advance(HOUR - 1)
    assert await history(stage) == [PAID]
    await stage.sandbox.advance(1)
    assert await history(stage) == [PAID, ("refund.succeeded", 9000, "RF-1")]
    assert await standing(stage) == ("part_refunded", 9000)


async def test_a_refund_that_fails_later_puts_the_money_back_with_the_merchant(stage, paid):
    await paid(BOUNCES)
    await refunds(stage)
    assert await standing(stage) == ("refunded", 12000)
    await stage.sandbox.advance(DAY)
    assert (await history(stage))[1:] == [("refund.succeeded", 12000, "RF-1"), ("refund.failed", 12000, "RF-1")]
    assert await standing(stage) == ("succeeded", 0)
    assert (await refunds(stage, key="again", refund="RF-2")).status_code == 200


async def test_a_bank_refund_takes_three_days(stage, settled):
    await settled()
    await refunds(stage, 5000)
    await stage.sandbox.advance(3 * DAY - 1)
    assert await standing(stage) == ("succeeded", 0)
    await stage.sandbox.advance(1)
    assert (await history(stage))[-1] == ("refund.succeeded", 5000, "RF-1")
    assert await standing(stage) == ("part_refunded", 5000)


async def test_a_return_overtakes_the_refund_that_was_on_its_way(stage, settled):
    await settled("000555555559")
    await refunds(stage, 5000)
    await stage.sandbox.advance(30 * DAY)
    assert (await history(stage))[-2:] == [("payment.returned", 12000, ""), ("refund.failed", 5000, "RF-1")]
    assert await standing(stage) == ("returned", 0)
    assert (await refunds(stage, 5000, key="late")).status_code == 422


@pytest.mark.parametrize(("number", "end"), [(FRAUDULENT, "lost"), (NOT_RECEIVED, "won")])
async def test_a_dispute_comes_a_day_later_and_is_decided_after_twenty(stage, paid, number, end):
    await paid(number)
    await stage.sandbox.advance(DAY - 1)
    assert await standing(stage) == ("succeeded", 0)
    await stage.sandbox.advance(1)
    assert await history(stage) == [PAID, ("payment.disputed", 12000, "")]
    await stage.sandbox.advance(20 * DAY - 1)
    assert await standing(stage) == ("disputed", 0)
    await stage.sandbox.advance(1)
    assert (await history(stage))[-1] == (f"dispute.{end}", 12000, "")
    assert await standing(stage) == (end, 0)
    assert (await refunds(stage)).status_code == (200 if end == "won" else 422)


async def test_only_what_was_not_refunded_is_disputed(stage, paid):
    await paid(FRAUDULENT)
    await refunds(stage, 5000)
    await stage.sandbox.advance(21 * DAY)
    assert (await history(stage))[-2:] == [("payment.disputed", 7000, ""), ("dispute.lost", 7000, "")]
    assert await standing(stage) == ("lost", 5000)


async def test_a_payment_refunded_in_full_is_not_disputed(stage, paid):
    await paid(FRAUDULENT)
    await refunds(stage)
    await stage.sandbox.advance(60 * DAY)
    assert await standing(stage) == ("refunded", 12000)
    assert len(await history(stage)) == 2


async def test_while_it_is_disputed_nothing_is_refunded(stage, paid):
    await paid(NOT_RECEIVED)
    await stage.sandbox.advance(DAY)
    answer = await refunds(stage, 1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_refundable")


async def test_a_dispute_decided_early_is_not_decided_again(stage, paid):
    await paid(FRAUDULENT)
    await stage.sandbox.advance(DAY)
    answer = await decides(stage, "won")
    assert answer.status_code == 200
    assert told(answer.json()["events"])[-1] == ("dispute.won", 12000, "")
    assert (await decides(stage, "lost")).json()["error"]["code"] == "not_disputed"
    await stage.sandbox.advance(60 * DAY)
    assert await standing(stage) == ("won", 0)
    assert [kind for kind, _, _ in await history(stage)].count("dispute.won") == 1
    await refunds(stage, 5000)
    assert await standing(stage) == ("part_refunded", 5000)


async def test_a_dispute_that_is_none_cannot_be_decided(stage, paid):
    await paid()
    assert (await decides(stage, "won")).status_code == 409
    assert (await decides(stage, "won", "RM-9")).status_code == 404
    assert (await decides(stage, "drawn")).status_code == 400
    assert await standing(stage) == ("succeeded", 0)


@pytest.mark.parametrize("number", [PLAIN, FRAUDULENT, NOT_RECEIVED])
async def test_a_paid_page_stays_paid_for_the_customers_eyes(stage, paid, number):
    page = await paid(number)
    await refunds(stage, 5000)
    for wait in (0, DAY, 20 * DAY):
        await stage.sandbox.advance(wait)
        shown = await stage.http.get(page.url)
        assert shown.status_code == 200
        assert "<h1>Paid</h1>" in shown.text
        assert 'id="pay"' not in shown.text
    await stage.pay_by_card(page.url, PLAIN)
    assert [kind for kind, _, _ in await history(stage)].count("payment.succeeded") == 1


async def test_closing_the_page_of_a_refunded_payment_changes_nothing(stage, paid, gateway):
    page = await paid()
    await refunds(stage)
    await gateway.close_page(page.id)
    assert await standing(stage) == ("refunded", 12000)
