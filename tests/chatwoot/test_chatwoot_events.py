"""How events come in: recorded ones of every kind, forged, old, broken, twice; and while a process dies."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from deskside import SET, ChatwootWorld, Office
from world import settings

from bot.channels.chatwoot import Told, name_of, number_of, read
from bot.names import _holds
from services.errors import Malformed, Misconfigured, Unavailable

PAYLOADS = Path(__file__).parents[1] / "payloads" / "chatwoot"
RECORDED = sorted(file for file in PAYLOADS.glob("*.json") if file.stem != "openapi")


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_event_says_what_it_says(file):
    recorded = json.loads(file.read_text(encoding="utf-8"))
    assert read(json.dumps(recorded["event"]).encode()) == msgspec.convert(recorded["told"], Told | None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b'{"event": 1}',
        b'{"event": "message_created", "id": 1}',
        b'{"event": "message_created", "conversation": {"id": 7, "status": "pending"}}',
        b'{"event": "message_created", "id": 1, "conversation": {"id": 7}}',
        b'{"event": "conversation_opened", "id": 7}',
        b'{"event": "conversation_opened", "id": 0, "status": "open"}',
        b'{"event": "conversation_opened", "id": 4242424242424242, "status": "open"}',
        b"[" * 100_000,
    ],
)
async def test_what_is_no_event_is_refused_and_breaks_nothing(office: Office, body):
    with pytest.raises(Malformed):
        read(body)
    assert await office.tell(body) == 400


@pytest.mark.parametrize(("private", "name"), [(True, ""), (False, "message-1")])
def test_what_is_private_is_not_said_to_the_assistant(private, name):
    event = {"event": "message_created", "id": 1, "message_type": "incoming", "content": "yes", "private": private}
    told = read(json.dumps(event | {"conversation": {"id": 7, "status": "pending"}}).encode())
    assert told is not None
    assert told.id == name


@pytest.mark.parametrize("values", [None, [], {}, "x", [None], [{}], [{"value": 5}], [[1]]])
def test_what_was_submitted_in_any_other_form_is_no_press(values):
    event = {"event": "message_updated", "id": 1, "content_attributes": {"submitted_values": values}}
    told = read(json.dumps(event | {"conversation": {"id": 7, "status": "pending"}}).encode())
    assert told is not None
    assert told.id == ""


def test_no_name_of_a_conversation_looks_like_a_card_s():
    assert name_of(1, 7) == "chatwoot:1/7"
    for account, number in [(1, 7), (1, 999_999_999), (453_201, 5_112_830), (54_545_454, 54_545_454)]:
        name = name_of(account, number)
        assert number_of(name) == number
        assert not _holds(name.removeprefix("chatwoot:")), "it would be hashed, and could not be called"


async def test_a_conversation_whose_number_looks_like_a_card_s_is_answered(office: Office):
    other = Office(office.world, 4_242_424_242)
    assert len(await other.says("hello")) == 1


async def test_an_event_that_is_not_signed_right_is_refused(office: Office):
    event = office.desk.says(office.talk, "hello")
    assert await office.tell(event, secret="wrong") == 401
    assert await office.tell(event, **{"X-Chatwoot-Signature": ""}) == 401
    assert await office.tell(event, **{"X-Chatwoot-Signature": "sha256="}) == 401
    assert await office.tell(event, **{"X-Chatwoot-Timestamp": "never"}) == 401
    assert await office.tell(event, **{"X-Chatwoot-Timestamp": "9" * 30}) == 401
    await office.settle()
    assert office.texts == []


@pytest.mark.parametrize("off", [-301, 301])
async def test_an_event_with_a_time_stamp_of_another_time_is_refused(office: Office, off):
    event = office.desk.says(office.talk, "hello")
    assert await office.tell(event, off=off) == 401
    assert await office.tell(event, off=off - off // 301 * 2) == 200


async def test_an_event_that_is_too_large_is_refused(office: Office):
    assert await office.tell(b" " * (256 * 1024 + 1)) == 413


async def test_an_event_of_another_account_is_refused(office: Office):
    event = office.desk.says(office.talk, "hello") | {"account": {"id": 2}}
    assert await office.tell(event) == 403
    await office.settle()
    assert office.texts == []


async def test_an_opened_widget_begins_nothing(office: Office):
    assert await office.tell({"event": "webwidget_triggered", "id": 77, "account": {"id": 1}}) == 200
    await office.settle()
    assert office.desk.calls == []


async def test_the_same_message_ten_times_is_answered_once(office: Office):
    event = office.desk.says(office.talk, "hello")
    for nth in range(10):
        assert await office.tell(event, **{"X-Chatwoot-Delivery": f"d{nth % 2}"}) == 200
    await office.settle()
    assert len(office.texts) == 1


async def test_the_same_press_ten_times_begins_one_payment(office: Office):
    await office.opens()
    await office.presses("Card")
    event = office.desk.presses(office.talk, "Yes, pay $120.00")
    for _ in range(10):
        assert await office.tell(event) == 200
    await office.settle()
    assert sum("/go/" in text for text in office.texts) == 1
    assert len(await office.world.book()) == 1


async def test_an_answer_goes_out_after_a_crash_between_its_acknowledgment_and_its_call(office: Office):
    assert await office.tell(office.desk.says(office.talk, "hello")) == 200
    assert office.texts == []
    office.world.crash()
    await office.settle()
    assert len(office.texts) == 1


async def test_a_payment_that_was_agreed_to_goes_on_after_a_crash(office: Office, monkeypatch):
    await office.opens()
    await office.presses("Card")
    started = office.world.remit.checkout.start

    async def dies(*told, **more):
        raise Unavailable("the process is about to die")

    monkeypatch.setattr(office.world.remit.checkout, "start", dies)
    assert await office.tell(office.desk.presses(office.talk, "Yes, pay $120.00")) == 200
    assert started != office.world.remit.checkout.start
    office.world.crash()
    await office.world.wait(minutes=1)
    await office.settle()
    assert sum("/go/" in text for text in office.texts) == 1


async def test_a_message_that_cannot_be_taken_in_is_asked_for_again(office: Office, monkeypatch):
    commit, away = office.world.store.commit, [True]

    async def sometimes(turn):
        if away:
            raise Unavailable("the store is away")
        return await commit(turn)

    monkeypatch.setattr(office.world.store, "commit", sometimes)
    event = office.desk.says(office.talk, "hello")
    assert await office.tell(event) == 429  # which Chatwoot tells again
    await office.settle()
    assert office.texts == []
    away.clear()
    assert await office.tell(event) == 200
    await office.settle()
    assert len(office.texts) == 1


async def test_chatwoot_does_not_wait_longer_than_it_would(office: Office, monkeypatch):
    intake, load = office.world.remit.chatwoot, office.world.store.load
    intake._patience = 0.05
    opened = asyncio.Event()

    async def slow(chat, message):
        if message and not opened.is_set() and asyncio.current_task() in intake._working:
            await opened.wait()
        return await load(chat, message)

    monkeypatch.setattr(office.world.store, "load", slow)
    event = office.desk.says(office.talk, "hello")
    assert await office.tell(event) == 429  # not in the log yet: it is to come again
    opened.set()
    await office.settle()
    assert await office.tell(event) == 200
    await office.settle()
    assert len(office.texts) == 1


async def test_what_is_in_the_log_is_acknowledged_although_its_answer_is_not_there_yet(office: Office, monkeypatch):
    await office.opens()
    await office.presses("Card")
    intake, opened, start = office.world.remit.chatwoot, asyncio.Event(), office.world.remit.checkout.start
    intake._patience = 0.05

    async def slow(*told, **more):
        await opened.wait()
        return await start(*told, **more)

    monkeypatch.setattr(office.world.remit.checkout, "start", slow)
    status = await office.tell(office.desk.presses(office.talk, "Yes, pay $120.00"))
    opened.set()
    assert status == 200
    await office.world.remit.runtime.drain()
    await office.settle()
    assert sum("/go/" in text for text in office.texts) == 1


async def test_a_card_number_that_was_typed_is_in_no_file(office: Office):
    await office.opens()
    told = await office.says("my card is 4242 4242 4242 4242 exp 12/29")
    assert told
    await office.says("I want a human")
    assert office.notes
    for file in office.world.folder.iterdir():
        data = file.read_bytes()
        assert b"4242 4242" not in data, file.name
        assert b"4242424242424242" not in data, file.name
    assert not any("4242" in text for text in office.texts + office.notes)


@pytest.mark.parametrize("missing", ["token", "secret", "account"])
def test_an_address_alone_is_no_setting(missing):
    with pytest.raises(Misconfigured, match=f"set {missing} too"):
        settings(chatwoot={name: value for name, value in SET.items() if name != missing})


async def test_without_settings_there_is_no_route(tmp_path):
    async with ChatwootWorld(tmp_path, chatwoot={}) as world:
        office = Office(world)
        assert world.remit.chatwoot is None
        assert await office.tell(office.desk.says(office.talk, "hello")) == 404
