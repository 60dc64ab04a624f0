"""Front ends that are called and answer no, later, slowly, or not at all; and processes that die beside them."""

import asyncio
import contextlib
import json
import logging
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from world import World

import bot.delivery
from bot.channels.base import Inbound
from bot.delivery import Deliverer, Gone, Wait
from bot.push import Bell
from services import deliveries
from services.deliveries import Held
from services.errors import Rejected, Unavailable

URL = "http://remit/webhooks/callback/webhook"
CHAT = "callback:u1"


class Front(httpx.AsyncBaseTransport):
    """A front end with a route of its own. ``answers`` are for its next calls; without one it says that all is well."""

    def __init__(self, sandbox: httpx.AsyncBaseTransport) -> None:
        self.sandbox = sandbox
        self.answers: list[httpx.Response] = []
        self.calls: list[dict] = []
        self.keys: list[str] = []
        self.shown: list[dict] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "front":
            return await self.sandbox.handle_async_request(request)
        body = json.loads(await request.aread())
        self.calls.append(body)
        self.keys.append(request.headers["Idempotency-Key"])
        answer = self.answers.pop(0) if self.answers else httpx.Response(200)
        if answer.is_success:
            self.shown.append(body)
        return answer


@pytest.fixture
async def called(tmp_path):
    async with World(tmp_path, rasa={"callback_url": "http://front/hook", "callback_token": "a-secret"}) as world:
        front = Front(httpx.ASGITransport(world.sandbox.app))
        world.http._transport = front
        yield world, front


async def say(world: World, text: str, sender: str = "u1", query: str = "") -> None:
    body = json.dumps({"sender": sender, "message": text}).encode()
    answer = await world.browser.post(URL + query, content=body)
    assert (answer.status_code, answer.text) == (200, "success")
    await world.remit.deliverer.work()


async def later(world: World, **span: int) -> None:
    world.clock.advance(**span)
    await world.remit.deliverer.work()


# --- asked to wait ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("dated", [False, True])
async def test_a_callback_that_asks_for_patience_is_called_when_it_said(called, status, dated):
    world, front = called
    due = format_datetime(world.clock() + timedelta(seconds=120), usegmt=True) if dated else "120"
    front.answers = [httpx.Response(status, headers={"Retry-After": due})]
    await say(world, "hello")
    await later(world, seconds=118)
    assert len(front.calls) == 1
    await later(world, seconds=2)
    assert len(front.shown) == 1


@pytest.mark.parametrize("told", ["99999999999", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_no_callback_puts_a_chat_off_for_longer_than_half_an_hour(called, told):
    world, front = called
    front.answers = [httpx.Response(429, headers={"Retry-After": told})]
    await say(world, "hello")
    await later(world, minutes=31)
    assert len(front.shown) == 1


@pytest.mark.parametrize(
    "told", ["", "soon", "-5", "nan", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 32 Foo 99999999999"]
)
async def test_a_callback_that_says_nonsense_is_called_again_after_a_moment_and_not_at_once(called, told):
    world, front = called
    front.answers = [httpx.Response(429, headers={"Retry-After": told})]
    await say(world, "hello")
    await world.remit.deliverer.work()
    assert len(front.calls) == 1
    await later(world, seconds=3)
    assert len(front.shown) == 1


# --- refused ----------------------------------------------------------------------------------------------------------


async def test_a_message_that_is_refused_as_such_is_passed_over_in_the_end_and_those_behind_it_go_out(called, caplog):
    world, front = called
    front.answers = [httpx.Response(422) for _ in range(bot.delivery.MOST_REFUSALS)]
    await say(world, "hello")
    for _ in range(20):
        await later(world, minutes=6)
    await say(world, "what do i owe?")
    assert len(front.calls) > bot.delivery.MOST_REFUSALS
    refused = {call["text"] for call in front.calls[: bot.delivery.MOST_REFUSALS]}
    assert len(refused) == 1
    assert not refused & {reply.get("text") for reply in front.shown}
    assert "passed over after 10 tries" in caplog.text
    assert "u1" not in caplog.text
    assert not any(text in caplog.text for text in refused)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 500])
async def test_a_key_or_a_route_that_is_being_changed_loses_no_message(called, status):
    world, front = called
    front.answers = [httpx.Response(status) for _ in range(20)]
    await say(world, "hello")
    for _ in range(25):
        await later(world, minutes=6)
    assert len(front.shown) == len(await world.store.since(CHAT, 0)) - 1


async def test_a_front_end_that_never_takes_a_message_is_not_called_for_ever_and_again_when_its_customer_writes(
    called, caplog, monkeypatch
):
    world, front = called
    monkeypatch.setattr(bot.delivery, "MOST_TRIES", 12)
    front.answers = [httpx.Response(500) for _ in range(12)]
    await say(world, "hello")
    for _ in range(30):
        await later(world, minutes=6)
    assert len(front.calls) == 12
    assert "left alone after 12 tries" in caplog.text
    await say(world, "what do i owe?")
    assert front.shown[0]["text"].startswith("Hi, this is")  # what was said meanwhile comes first
    assert len(front.shown) == len(await world.store.since(CHAT, 0)) - 2


async def test_who_was_gone_and_writes_again_is_called_again(called):
    world, front = called
    front.answers = [httpx.Response(410)]
    await say(world, "hello")
    await later(world, hours=1)
    assert len(front.calls) == 1
    await say(world, "what do i owe?")
    assert len(front.shown) == len(await world.store.since(CHAT, 0)) - 2


# --- once -------------------------------------------------------------------------------------------------------------


async def test_a_reply_of_several_calls_goes_on_with_the_call_that_failed(called):
    world, front = called
    await say(world, f"/start {await world.link('INV-1042')}")
    await say(world, "card")
    front.answers = [httpx.Response(200), httpx.Response(500)]
    before = len(front.calls)
    await say(world, "yes")
    await later(world, minutes=1)
    text, failed, again, *_ = front.calls[before:]
    assert "text" in text
    assert "custom" in failed
    assert again == failed
    assert len(front.shown) == len({json.dumps(reply) for reply in front.shown})
    assert front.keys[before + 1] == front.keys[before + 2]  # who was called twice can tell
    assert len(set(front.keys)) == len(front.keys) - 1


async def test_a_message_that_went_out_is_not_sent_again_because_the_ledger_was_away_for_its_note(called, monkeypatch):
    world, front = called
    note, notes = deliveries.sent, []

    def away(*told, **named):
        notes.append(named["seq"])
        if len(notes) == 2:  # the first is of the customer's own message
            raise Unavailable("the database takes nothing now")
        return note(*told, **named)

    monkeypatch.setattr(deliveries, "sent", away)
    await say(world, "hello")
    await later(world, seconds=61)  # the lease
    assert len(notes) == 3
    assert notes[1] == notes[2]
    await say(world, "what do i owe?")
    assert len(front.shown) == len(await world.store.since(CHAT, 0)) - 2


async def test_callback_chats_are_told_by_the_callback_alone_and_chats_of_rest_in_the_response_alone(called):
    world, front = called
    await say(world, "hello", query="?stream=true")  # its body is "success" all the same
    said = [message.text for message in await world.store.since(CHAT, 0) if message.sender != "customer"]
    assert [reply["text"] for reply in front.shown] == said
    for query in ("", "?stream=true"):
        body = json.dumps({"sender": "callback:u1", "message": "hello"}).encode()
        answer = await world.browser.post(f"http://remit/webhooks/rest/webhook{query}", content=body)
        assert "recipient_id" in answer.text
    await world.remit.deliverer.work()
    assert len(front.calls) == len(said)


async def test_a_sender_that_reads_like_a_card_number_is_refused_and_written_down_nowhere(called):
    world, _ = called
    body = json.dumps({"sender": "4242424242424242", "message": "hello"}).encode()
    answer = await world.browser.post(URL, content=body)
    assert answer.status_code == 400
    assert "cannot be called" in answer.json()["error"]["message"]
    for file in world.folder.iterdir():
        assert b"4242424242424242" not in file.read_bytes(), file.name


# --- several at once --------------------------------------------------------------------------------------------------


class Outlet:
    """A front end by hand."""

    prefix = "rasa:"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.told: list[tuple[str, int]] = []
        self.rung = asyncio.Event()
        self.asks: list[object] = []

    async def send(self, chat, message, locale):
        self.told.append((chat, message.seq))
        self.rung.set()
        await self.open.wait()
        asked = self.asks.pop(0) if self.asks else None
        if isinstance(asked, Exception):
            raise asked
        return asked


class Slow(Outlet):
    """Another front end, which never answers."""

    prefix = "web:"

    def __init__(self) -> None:
        super().__init__()
        self.open.clear()


def deliverer(world: World, *outlets: Outlet, bell: Bell | None = None) -> Deliverer:
    return Deliverer(world.store, world.remit.transact, bell or Bell(), outlets, world.clock)


async def talk(world: World, chat: str) -> None:
    await world.remit.transact(lambda conn: deliveries.begin(conn, chat))
    await world.remit.runtime.handle(Inbound(chat, world.chance.randbytes(8).hex(), "hello", client="203.0.113.7"))


def holds(world: World, chat: str):
    return world.remit.transact(lambda conn: deliveries.take(conn, chat, world.clock(), timedelta(seconds=60)))


async def test_a_call_without_end_is_given_up_before_its_lease_is_over(world: World, monkeypatch):
    assert timedelta(seconds=bot.delivery.SEND_WITHIN_S) < bot.delivery.LEASE
    monkeypatch.setattr(bot.delivery, "SEND_WITHIN_S", 0.05)
    slow = Slow()
    await talk(world, "web:a")
    async with asyncio.timeout(5):
        await deliverer(world, slow).work()
    assert len(slow.told) == 1
    world.clock.advance(seconds=2)
    assert isinstance(await holds(world, "web:a"), Held)  # given back


async def test_a_front_end_that_answers_nobody_holds_up_no_other_front_end(world: World):
    slow, quick = Slow(), Outlet()
    for nth in range(bot.delivery.AT_ONCE + 4):
        await talk(world, f"web:{nth}")
    await talk(world, "rasa:a")
    carrying = asyncio.create_task(deliverer(world, slow, quick).work())
    async with asyncio.timeout(5):
        await quick.rung.wait()
    assert len(slow.told) == bot.delivery.AT_ONCE  # of a hundred thousand chats, no more are begun with
    slow.open.set()
    await carrying
    assert len(slow.told) == bot.delivery.AT_ONCE + 4


async def test_what_is_taken_out_of_the_log_while_a_call_is_slow_is_not_sent_any_more(world: World):
    outlet = Outlet()
    outlet.open.clear()
    await talk(world, "rasa:a")
    await talk(world, "rasa:a")
    carrying = asyncio.create_task(deliverer(world, outlet).work())
    await outlet.rung.wait()
    world.forget("rasa:a")
    outlet.open.set()
    await carrying
    assert len(outlet.told) == 1


async def test_a_bug_in_an_outlet_is_told_without_words_and_its_tries_have_an_end(world: World, caplog, monkeypatch):
    monkeypatch.setattr(bot.delivery, "MOST_TRIES", 3)
    outlet = Outlet()
    outlet.asks = [KeyError("my name is Dana")] * 9
    await talk(world, "rasa:a")
    carrier = deliverer(world, outlet)
    for _ in range(6):
        await carrier.work()
        world.clock.advance(minutes=6)
    assert len(outlet.told) == 3
    assert "KeyError" in caplog.text
    assert "in send" in caplog.text
    assert "Dana" not in caplog.text


async def test_a_sweep_looks_at_chats_page_by_page_and_takes_no_lease_where_nothing_is_left(world: World, monkeypatch):
    monkeypatch.setattr(bot.delivery, "PAGE", 2)
    outlet = Outlet()
    for nth in range(5):
        await talk(world, f"rasa:{nth}")
    carrier = deliverer(world, outlet)
    await carrier.work()
    assert {chat for chat, _ in outlet.told} == {f"rasa:{nth}" for nth in range(5)}
    took, take = [], deliveries.take
    monkeypatch.setattr(deliveries, "take", lambda *told: took.append(told) or take(*told))
    await talk(world, "rasa:3")
    await carrier.work()
    assert [told[1] for told in took] == ["rasa:3"]


async def test_a_chat_that_was_put_off_is_looked_at_when_it_is_due_however_often_others_ring(world: World):
    bell, outlet = Bell(), Outlet()
    outlet.asks = [Wait(0.0)]  # a second, at least
    await talk(world, "rasa:a")
    carrier = deliverer(world, outlet, bell=bell)
    running = asyncio.create_task(carrier.run())
    try:
        async with asyncio.timeout(10):
            while len(outlet.told) < 2:
                world.clock.advance(milliseconds=100)
                bell.ring("rasa:b")
                await asyncio.sleep(0.1)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_what_a_process_left_that_died_is_found_by_the_next_though_nobody_rings(world: World):
    outlet = Outlet()
    outlet.asks = [Wait(60.0)]
    await talk(world, "rasa:a")
    await deliverer(world, outlet).work()
    assert len(outlet.told) == 1
    outlet.rung.clear()
    world.clock.advance(seconds=61)
    running = asyncio.create_task(deliverer(world, outlet).run())
    try:
        async with asyncio.timeout(5):
            await outlet.rung.wait()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_shutdown_waits_a_moment_for_the_calls_under_way_and_not_longer(world: World):
    slow = Slow()
    await talk(world, "web:a")
    carrier = deliverer(world, slow)
    carrying = asyncio.create_task(carrier.work())
    await slow.rung.wait()
    async with asyncio.timeout(5):
        await carrier.drain(patience=0.05)
        await carrying


@pytest.mark.parametrize("asks", [Gone(), Rejected("no"), Unavailable("away")])
async def test_whatever_a_front_end_says_the_log_names_no_chat(world: World, caplog, asks):
    caplog.set_level(logging.INFO)
    outlet = Outlet()
    outlet.asks = [asks]
    await talk(world, "rasa:+14155550142")
    await deliverer(world, outlet).work()
    assert outlet.told
    assert "4155550142" not in caplog.text
