"""Webhooks on a bad day: refused, delayed, doubled, overtaken, and signed by the real clock all the same."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest

from services.payments.gateways.base import FactKind
from services.sandbox.webhooks import BACKOFF_S, HEADER

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)  # of the fixture
DAY = 24 * 3600


class Dead(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        raise httpx.ConnectError("refused")


def types(stage) -> list[str]:
    return [json.loads(hook.body)["type"] for hook in stage.ear.heard]


async def paid(stage, open_page, *numbers):
    page = await open_page()
    for number in numbers or ("4242424242424242",):
        await stage.pay_by_card(page.url, number)


async def test_a_webhook_is_sent_once_and_never_again_when_it_was_taken(stage, open_page):
    await paid(stage, open_page)
    assert stage.ear.heard == []
    assert await stage.sandbox.pump() == 1
    assert await stage.sandbox.pump() == 0
    await stage.sandbox.advance(DAY)
    assert types(stage) == ["payment.succeeded"]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
async def test_a_webhook_is_sent_again_and_again_until_it_is_taken(stage, open_page, status):
    stage.ear.status = status
    await paid(stage, open_page)
    await stage.sandbox.pump()
    for tries, backoff in enumerate((*BACKOFF_S, BACKOFF_S[-1]), start=1):
        await stage.sandbox.advance(backoff - 1)
        assert stage.ear.tries == tries
        await stage.sandbox.advance(1)
    stage.ear.status = 204
    await stage.sandbox.advance(BACKOFF_S[-1])
    assert types(stage) == ["payment.succeeded"]
    assert stage.sandbox.webhooks.waiting == 0


async def test_an_assistant_that_is_down_gets_its_webhooks_when_it_is_back(stage, open_page):
    working = stage.sender._transport
    stage.sender._transport = Dead()
    await paid(stage, open_page)
    assert await stage.sandbox.pump() == 0
    stage.sender._transport = working
    await stage.sandbox.advance(DAY)
    assert types(stage) == ["payment.succeeded"]


async def test_the_signature_is_of_the_real_time_though_the_sandbox_is_days_ahead(stage, gateway, open_page):
    await stage.sandbox.advance(5 * DAY)
    await paid(stage, open_page)
    await stage.sandbox.pump()
    (hook,) = stage.ear.heard
    assert hook.headers[HEADER.lower()].startswith(f"t={int(NOW.timestamp())},v1=")
    (fact,) = gateway.read_webhook(hook.headers, hook.body, NOW)
    assert fact.kind is FactKind.SUCCEEDED
    assert (fact.at - NOW).days == 5


async def test_a_retried_webhook_carries_a_fresh_signature(stage, gateway, open_page):
    stage.ear.status = 500
    await paid(stage, open_page)
    await stage.sandbox.pump()
    stage.ear.status = 200
    await stage.sandbox.advance(3 * DAY)
    (hook,) = stage.ear.heard
    assert gateway.read_webhook(hook.headers, hook.body, NOW)


async def test_a_delay_holds_webhooks_back_by_the_sandboxs_clock(stage, open_page):
    stage.sandbox.faults.delay_s = 120
    await paid(stage, open_page)
    await stage.sandbox.advance(119)
    assert stage.ear.heard == []
    await stage.sandbox.advance(1)
    assert types(stage) == ["payment.succeeded"]


async def test_a_duplicate_is_the_same_event_twice(stage, open_page):
    stage.sandbox.faults.duplicate = True
    await paid(stage, open_page)
    await stage.sandbox.pump()
    first, second = stage.ear.heard
    assert first.body == second.body


async def test_a_reordered_success_overtakes_the_decline_before_it(stage, open_page):
    stage.sandbox.faults.reorder = True
    page = await open_page()
    await stage.pay_by_card(page.url, "4000000000000002")
    await stage.sandbox.advance(9)
    assert stage.ear.heard == []
    await stage.pay_by_card(page.url, "4242424242424242")
    await stage.sandbox.pump()
    assert types(stage) == ["payment.succeeded"]
    await stage.sandbox.advance(1)
    assert types(stage) == ["payment.succeeded", "payment.declined"]


async def test_two_pumps_at_once_send_each_webhook_once(stage, open_page):
    await paid(stage, open_page, "4000000000000002", "4242424242424242")
    assert sum(await asyncio.gather(*(stage.sandbox.pump() for _ in range(4)))) == 2
    assert types(stage) == ["payment.declined", "payment.succeeded"]


async def test_faults_are_switched_over_http_and_what_is_not_named_is_off(stage):
    everything = {"delay_s": 5, "drop": "after", "portal": "before", "duplicate": True, "reorder": True}
    assert (await stage.http.post("/control/faults", json=everything)).json() == everything
    off = {"delay_s": 0, "drop": None, "portal": None, "duplicate": False, "reorder": False}
    assert (await stage.http.post("/control/faults", json={})).json() == off


@pytest.mark.parametrize(
    "order", [{"drop": "always"}, {"portal": "always"}, {"delay_s": -1}, {"delay_s": 1.5}, {"duplicate": 1}, {"x": 1}]
)
async def test_a_fault_nobody_knows_is_refused_and_changes_nothing(stage, order):
    stage.sandbox.faults.duplicate = True
    assert (await stage.http.post("/control/faults", json=order)).status_code == 400
    assert stage.sandbox.faults.duplicate is True


async def test_advancing_the_clock_over_http_delivers_what_became_due(stage, open_page):
    await open_page()
    answer = await stage.http.post("/control/clock", json={"advance_s": 1800})
    assert answer.json() == {"now": "2026-03-02T16:00:00Z"}
    assert types(stage) == ["page.expired"]


@pytest.mark.parametrize("order", [{}, {"advance_s": -1}, {"advance_s": "60"}, {"advance_s": 10**12}])
async def test_the_clock_never_goes_back_or_out_of_reach(stage, order):
    assert (await stage.http.post("/control/clock", json=order)).status_code == 400
    assert stage.sandbox.clock.now() == NOW
