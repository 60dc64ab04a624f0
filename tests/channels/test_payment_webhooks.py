"""Webhooks of the payment provider: what is not surely from it changes nothing, whatever it says."""

import json

import pytest
from front_end import words
from sqlalchemy import text
from world import SECRET

from services.sandbox.webhooks import HEADER, sign

URL = "http://remit/webhooks/payments/sandbox"


class Provider:
    """Whoever posts to the route of the provider's webhooks, about one payment whose page is open."""

    def __init__(self, front) -> None:
        self.world, self.front = front.world, front
        with self.world.engine.begin() as connection:
            reference = connection.execute(text("SELECT reference FROM payment")).scalar_one()
        self.event = {
            "id": "evt-forged",
            "type": "payment.succeeded",
            "at": self.world.clock().isoformat(),
            "reference": reference,
            "amount_minor": 12000,
            "currency": "USD",
            "method": "card",
            "brand": "visa",
            "last4": "4242",
        }

    def stamp(self, seconds: int = 0) -> int:
        return int(self.world.clock().timestamp()) + seconds

    async def post(self, body: bytes, signature: str | None, url: str = URL) -> int:
        headers = {} if signature is None else {HEADER: signature.encode()}
        answer = await self.world.browser.post(url, content=body, headers=headers)
        if answer.status_code != 200:
            assert set(answer.json()["error"]) == {"code", "message"}
        await self.world.work()
        return answer.status_code

    async def nothing_changed(self) -> None:
        assert "Paid" not in words(await self.front.send("/status"))
        with self.world.engine.begin() as connection:
            assert connection.execute(text("SELECT state FROM payment")).scalars().all() == ["open"]
            assert connection.execute(text("SELECT count(*) FROM fact")).scalar_one() == 0


@pytest.fixture
async def provider(front) -> Provider:
    await front.to_the_page()
    return Provider(front)


async def test_a_webhook_without_a_right_signature_is_forged(provider):
    body = json.dumps(provider.event).encode()
    good = sign(SECRET, provider.stamp(), body)
    stamp = good.partition(",")[0]
    signed = sign("another secret", provider.stamp(), body), sign(SECRET, provider.stamp(), body + b" ")
    altered = f"{stamp},{good}", good.replace("v1", "v0"), good.upper(), f"{stamp},v1=", f"{stamp},v1={'0' * 64}"
    nonsense = "", "x", "t=,v1=", "t=1", "v1=", "t=²,v1=x", "=,=,=", "," * 5000, "t=" + "9" * 400 + ",v1=x"
    for signature in (None, *signed, *altered, *nonsense):
        assert await provider.post(body, signature) == 401, signature
    await provider.nothing_changed()


async def test_a_webhook_from_another_time_is_forged(provider):
    body = json.dumps(provider.event).encode()
    for seconds in (-86_400, -301, 301, 86_400):
        assert await provider.post(body, sign(SECRET, provider.stamp(seconds), body)) == 401, seconds
    await provider.nothing_changed()


async def test_garbage_with_a_right_signature_is_refused(provider):
    broken = [
        provider.event | change
        for change in (
            {"amount_minor": "12000"},
            {"amount_minor": 120.0},
            {"amount_minor": -1},
            {"currency": "usd"},
            {"at": "yesterday"},
            {"at": "2026-03-02T15:30:00"},
            {"reference": ""},
            {"reference": None},
            {"method": "cheque"},
            {"last4": "4242424242424242"},
            {"id": "x" * 1000},
        )
    ]
    bodies = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"type":"payment.succeeded"}']
    for body in (*bodies, *(json.dumps(event).encode() for event in broken)):
        assert await provider.post(body, sign(SECRET, provider.stamp(), body)) == 400, body[:80]
    await provider.nothing_changed()


async def test_a_webhook_that_is_too_large_is_refused(provider):
    for size, status in ((100_000, 400), (300_000, 413)):
        body = json.dumps(provider.event).encode().ljust(size)
        assert await provider.post(body, sign(SECRET, provider.stamp(), body)) == status
    await provider.nothing_changed()


async def test_a_webhook_to_another_gateway_is_not_found(provider):
    body = json.dumps(provider.event).encode()
    for name in ("stripe", "SANDBOX", "sandbox%00", "..%2fsandbox"):
        url = URL.replace("payments/sandbox", f"payments/{name}")
        assert await provider.post(body, sign(SECRET, provider.stamp(), body), url) == 404, name
    await provider.nothing_changed()


async def test_a_kind_that_is_not_known_yet_is_taken_and_changes_nothing(provider):
    body = json.dumps(provider.event | {"type": "payment.celebrated"}).encode()
    assert await provider.post(body, sign(SECRET, provider.stamp(), body)) == 200
    await provider.nothing_changed()


async def test_a_fact_of_a_payment_that_is_not_ours_changes_nothing_of_ours(provider):
    body = json.dumps(provider.event | {"reference": "RM-NOBODY"}).encode()
    assert await provider.post(body, sign(SECRET, provider.stamp(), body)) == 200
    assert "Paid" not in words(await provider.front.send("/status"))


async def test_the_same_webhook_a_hundred_times_is_one_payment(provider):
    page = await provider.world.page(provider.front.link)
    await provider.world.pay_by_card(page, "4242424242424242")
    await provider.world.work()
    with provider.world.engine.begin() as connection:
        (event,) = connection.execute(text("SELECT id FROM fact")).scalars()
        before = connection.execute(text("SELECT count(*) FROM journal")).scalar_one()
    body = json.dumps(provider.event | {"id": str(event)}).encode()
    for _ in range(100):
        assert await provider.post(body, sign(SECRET, provider.stamp(), body)) == 200
    with provider.world.engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM journal")).scalar_one() == before
    assert (await provider.world.invoice("INV-1042"))["due_minor"] == 0
    assert words(await provider.front.send("/status")).count("Paid: $120.00") == 2  # the news, and the answer
