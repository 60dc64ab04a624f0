"""The listing of all events: none missed, none twice, whatever happens between two pages of it."""

import json

import pytest

from services.sandbox.rehearsal import API_KEY

BEGIN = "2026-03-02T15:30:00Z"
KEYED = {"Authorization": f"Bearer {API_KEY}"}


async def listed(stage, **asked):
    return await stage.http.get("/processor/v1/events", params={"since": BEGIN} | asked, headers=KEYED)


async def every(stage, limit):
    """All events, page by page, with something new happening after each page."""
    found, after = [], {}
    for _ in range(20):
        answer = (await listed(stage, limit=limit, **after)).json()
        found += answer["events"]
        if answer["next"] is None:
            return found
        after = {"after": answer["next"]}
        if len(found) < 4:
            await stage.http.post("/control/foreign", json={"amount_minor": len(found), "currency": "USD"})
    raise AssertionError("the listing never ends")


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_what_happens_while_a_listing_is_read_is_neither_missed_nor_doubled(stage, open_page, limit):
    for number in range(5):
        page = await open_page(f"RM-{number}")
        await stage.pay_by_card(page.url, "4242424242424242")
    found = await every(stage, limit)
    rows = (await stage.http.get("/control/book")).json()
    assert [event["reference"] for event in found] == [row["reference"] for row in rows]
    assert len(rows) > 5


async def test_the_listing_has_what_webhooks_have_in_the_order_it_happened(stage, open_page):
    page = await open_page()
    await open_page("RM-2")
    await stage.pay_by_card(page.url, "4000000000000002")
    await stage.pay_by_card(page.url, "4000000000000259")
    await stage.sandbox.advance(40 * 24 * 3600)
    answer = (await listed(stage)).json()
    assert [event["type"] for event in answer["events"]] == [
        "payment.declined",
        "payment.succeeded",
        "page.expired",
        "payment.disputed",
        "dispute.lost",
    ]
    assert answer["next"] is None
    assert [json.loads(hook.body) for hook in stage.ear.heard] == answer["events"]


async def test_only_what_happened_since_is_listed(stage, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "4242424242424242")
    await stage.sandbox.advance(60)
    await stage.http.post("/control/foreign", json={"amount_minor": 700, "currency": "EUR"})
    for since, seen in ((BEGIN, 2), ("2026-03-02T15:30:00.000001Z", 1), ("2026-03-02T16:31:00+01:00", 1)):
        assert len((await listed(stage, since=since)).json()["events"]) == seen
    assert (await listed(stage, since="2026-03-02T15:31:01Z")).json() == {"events": [], "next": None}


@pytest.mark.parametrize(
    "asked",
    [
        {"since": ""},
        {"since": "yesterday"},
        {"since": "2026-03-02T15:30:00"},
        {"since": "1772465400"},
        {"after": "evt_0"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "٣"},
        {"limit": "ten"},
        {"limit": ""},
    ],
)
async def test_a_listing_asked_for_in_nonsense_is_refused(stage, asked):
    answer = await listed(stage, **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


async def test_without_the_right_key_no_event_is_told(stage):
    assert (await stage.http.get("/processor/v1/events", params={"since": BEGIN})).status_code == 401


async def test_a_payment_at_another_till_is_told_like_any_other(stage):
    made = await stage.http.post("/control/foreign", json={"amount_minor": 4200, "currency": "EUR"})
    reference = made.json()["reference"]
    (row,) = (await stage.http.get("/control/book")).json()
    assert row == {
        "reference": reference,
        "invoices": [],
        "amount_minor": 4200,
        "currency": "EUR",
        "state": "succeeded",
        "refunded_minor": 0,
    }
    (event,) = (await listed(stage)).json()["events"]
    assert (event["type"], event["amount_minor"], event["reference"]) == ("payment.succeeded", 4200, reference)
    await stage.sandbox.pump()
    assert [json.loads(hook.body) for hook in stage.ear.heard] == [event]
    found = (await stage.http.get(f"/processor/v1/payments/{reference}", headers=KEYED)).json()
    assert found["events"] == [event]


@pytest.mark.parametrize("order", [{}, {"amount_minor": 0, "currency": "USD"}, {"amount_minor": 1, "currency": "usd"}])
async def test_a_till_that_takes_nonsense_takes_nothing(stage, order):
    assert (await stage.http.post("/control/foreign", json=order)).status_code == 400
    assert (await stage.http.get("/control/book")).json() == []
