"""The door itself: what is answered when, what is stored by then, and what happens to what nobody expected."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from front_end import FrontEnd
from sqlalchemy import text
from world import SECRET

from bot.web import WEBHOOK_LARGEST
from services.errors import Unavailable, Uncertain
from services.sandbox.webhooks import HEADER, sign

URL = "http://remit/webhooks/payments/sandbox"


class Door:
    """Posts what the provider would, about a payment whose page is open."""

    def __init__(self, world) -> None:
        self.world = world
        (self.reference,) = self.column("SELECT reference FROM payment")

    def event(self, **change: object) -> bytes:
        known = {"id": "evt_1", "type": "payment.succeeded", "at": self.world.clock().isoformat(), "currency": "USD"}
        more = {"reference": self.reference, "amount_minor": 12000, "method": "card", "brand": "visa", "last4": "4242"}
        return json.dumps(known | more | change).encode()

    def signature(self, body: bytes, seconds: int = 0) -> str:
        return sign(SECRET, int(self.world.clock().timestamp()) + seconds, body)

    async def post(self, body: bytes, seconds: int = 0):
        return await self.world.browser.post(URL, content=body, headers={HEADER: self.signature(body, seconds)})

    def column(self, sql: str) -> list[Any]:
        with self.world.engine.connect() as connection:
            return list(connection.execute(text(sql)).scalars())


@pytest.fixture
async def door(world) -> Door:
    await FrontEnd(world, "u1").to_the_page()
    return Door(world)


async def test_a_ledger_that_is_away_takes_nothing_and_says_so(door):
    working = door.world.remit.checkout.transact

    async def away(work):
        raise Unavailable("locked")

    door.world.remit.checkout.transact = away
    refused = await door.post(door.event())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert door.column("SELECT id FROM fact") == []
    door.world.remit.checkout.transact = working
    assert (await door.post(door.event())).status_code == 200  # it is sent again, and again until it is taken
    assert door.column("SELECT state FROM payment") == ["succeeded"]


async def test_a_commit_of_which_nobody_knows_is_not_confirmed_and_its_repetition_changes_nothing(door):
    working = door.world.remit.checkout.transact

    async def lost(work):
        await working(work)
        raise Uncertain("no word on a commit")

    door.world.remit.checkout.transact = lost
    assert (await door.post(door.event())).status_code == 503
    door.world.remit.checkout.transact = working
    before = door.column("SELECT id FROM journal"), door.column("SELECT id FROM outbox")
    assert (await door.post(door.event())).status_code == 200
    assert (door.column("SELECT id FROM journal"), door.column("SELECT id FROM outbox")) == before
    assert door.column("SELECT id FROM fact") == ["evt_1"]


async def test_it_is_confirmed_only_after_others_can_read_it(door):
    body, seen = door.event(), []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            seen.append((message["status"], door.column("SELECT id FROM fact")))

    headers = [(HEADER.lower().encode(), door.signature(body).encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    where = {"path": "/webhooks/payments/sandbox", "raw_path": b"/webhooks/payments/sandbox", "query_string": b""}
    address = {"headers": headers, "server": ("remit", 80), "client": ("203.0.113.7", 1), "root_path": ""}
    await door.world._assistant(scope | where | address, receive, send)
    assert seen == [(200, ["evt_1"])]


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
async def test_a_stamp_of_five_minutes_is_taken_and_a_second_more_is_not(door, seconds, status):
    assert (await door.post(door.event(), seconds)).status_code == status
    assert door.column("SELECT id FROM fact") == (["evt_1"] if status == 200 else [])


async def test_one_id_of_one_provider_is_one_event_whatever_it_says_the_second_time(door):
    await door.post(door.event(type="payment.declined", code="expired_card"))
    before = door.column("SELECT body FROM fact")
    assert (await door.post(door.event())).status_code == 200
    assert door.column("SELECT body FROM fact") == before
    assert door.column("SELECT state FROM payment") == ["open"]


async def test_a_payment_that_nobody_knows_is_parked_and_becomes_a_persons_case_the_next_day(door):
    assert (await door.post(door.event(reference="TILL-77", id="evt_77"))).status_code == 200
    assert door.column("SELECT reference FROM fact") == ["TILL-77"]
    await door.world.wait(days=1)
    assert door.column("SELECT reason FROM handoff_case") == ["unknown_payment"]
    await door.world.wait(days=1)
    assert door.column("SELECT reason FROM handoff_case") == ["unknown_payment"]


async def test_a_body_that_never_ends_is_cut_off(door):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * WEBHOOK_LARGEST:
            sent += 1024
            yield b" " * 1024

    answer = await door.world.browser.post(URL, content=endless(), headers={HEADER: door.signature(b"")})
    assert answer.status_code == 413
    assert sent <= WEBHOOK_LARGEST + 2048
    assert door.column("SELECT id FROM fact") == []


async def test_the_signature_is_over_the_bytes_as_they_came(door):
    body = door.event()
    same_to_a_reader = json.dumps(json.loads(body), indent=1).encode()
    headers = {HEADER: door.signature(body)}
    assert (await door.world.browser.post(URL, content=same_to_a_reader, headers=headers)).status_code == 401
    assert (await door.post(same_to_a_reader)).status_code == 200


async def test_what_happened_is_kept_apart_from_when_it_was_heard(door):
    happened = "2026-03-02T15:00:00+01:00"
    await door.post(door.event(at=happened))
    (at,), (received,) = door.column("SELECT at FROM fact"), door.column("SELECT received_at FROM fact")
    assert at == int(datetime.fromisoformat(happened).timestamp() * 1_000_000)
    assert received == int(door.world.clock().timestamp() * 1_000_000)


@pytest.mark.parametrize("where", ["id", "reference", "refund", "brand"])
async def test_a_signed_event_with_a_nul_in_it_is_refused_and_not_stored(door, where):
    answer = await door.post(door.event(**{where: "a\u0000b"}))
    assert answer.status_code == 400
    assert door.column("SELECT id FROM fact") == []
