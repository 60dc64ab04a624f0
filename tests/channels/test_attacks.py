"""What somebody hostile would try: at the web's edge, against the limits, and between two messages."""

import asyncio
import json
from contextlib import closing

import pytest
from world import HANDOFF, World

from bot.api import MOST_LISTENERS
from bot.app import own_secret
from bot.channels.base import Inbound
from bot.runtime import LONGEST_BYTES
from bot.stores.sqlite import SqliteStore
from services.errors import Misconfigured
from services.identity import WRONG_PER_CLIENT, Locked, Proved, Wrong

API = f"{HANDOFF}/api/v1/conversations"
RASA = f"{HANDOFF}/webhooks/rest/webhook"


async def begun(world: World, **said: str) -> tuple[str, dict[str, str]]:
    """A conversation's address, and the header that opens it."""
    answer = await world.browser.post(API, json=said)
    assert answer.status_code == 201, answer.text
    return f"{API}/{answer.json()['id']}", {"Authorization": f"Bearer {answer.json()['token']}"}


# --- bodies ---------------------------------------------------------------------------------------------------------


async def test_a_body_nested_thirty_thousand_deep_is_refused_and_breaks_nothing(world):
    conversation, key = await begun(world)
    deep = b'{"id": "m1", "more": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    answer = await world.browser.post(f"{conversation}/messages", content=deep, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


async def test_nobody_fills_the_memory_by_beginning_a_chat(world):
    taken = 0

    async def endless():
        nonlocal taken
        yield b'{"locale": "'
        while taken < 10_000_000:
            taken += 10_000
            yield b"a" * 10_000

    answer = await world.browser.post(API, content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert taken < 200_000


@pytest.mark.parametrize("page", ["http://[::1", "http://[x]/", "http://a℀b/", "http://remit:port/"])
async def test_an_address_that_cannot_be_one_is_no_way_back_and_no_bug(world, page):
    answer = await world.browser.post(API, json={"page": page})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


# --- who may speak --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"Origin": "http://rebound.example"},
    ],
)
async def test_a_proxy_or_a_web_page_on_this_machine_does_not_make_its_visitors_local(world, header):
    said = json.dumps({"sender": "u1", "message": "status"}).encode()
    answer = await world.browser.post(RASA, content=said, headers=header)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert (await world.browser.post(RASA, content=said)).status_code == 200


async def test_behind_a_proxy_the_token_is_enough(tmp_path):
    async with World(tmp_path, rasa_token="right") as world:
        said = json.dumps({"sender": "u1", "message": "hi"}).encode()
        relayed = {"X-Forwarded-For": "203.0.113.9"}
        assert (await world.browser.post(f"{RASA}?token=right", content=said, headers=relayed)).status_code == 200
        assert (await world.browser.post(f"{RASA}?token=wrong", content=said)).status_code == 401


def test_an_empty_secret_signs_nothing(tmp_path):
    (tmp_path / "secret").write_bytes(b"")  # as a full disk leaves it
    with pytest.raises(Misconfigured, match="secret"):
        own_secret(tmp_path)


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_a_whole_ipv6_network_is_one_guesser(world):
    prove = world.remit.identity.prove
    for n in range(WRONG_PER_CLIENT):
        address = f"2001:db8:1:2::{n + 1:x}"  # one line has 2^64 of them
        assert await prove(f"k{n}", f"GUESS-{n}", "94107", address, f"web:{n}") == Wrong()
    assert await prove("k98", "INV-1042", "94107", "2001:db8:1:2:ffff::1", "web:98") == Locked()
    assert isinstance(await prove("k99", "INV-1042", "94107", "2001:db8:1:3::1", "web:99"), Proved)


async def test_many_chats_of_one_address_share_a_limit(world):
    talks = [await begun(world) for _ in range(12)]
    world.remit.household_limit._monotonic = lambda: 0.0  # nothing is refilled, however slow this machine is
    statuses = []
    for n in range(60):
        for conversation, key in talks:
            said = {"id": f"m{n}", "text": "hi"}
            statuses.append((await world.browser.post(f"{conversation}/messages", json=said, headers=key)).status_code)
        if statuses[-1] == 429:
            break
    assert statuses.index(429) == 600


@pytest.mark.parametrize("text", ["🙂" * 2049, "€" * 4000, "x" * 60_000])
async def test_no_more_than_eight_kilobytes_of_a_message_are_kept_in_any_script(world, text):
    conversation, key = await begun(world)
    answer = await world.browser.post(f"{conversation}/messages", json={"id": "m1", "text": text}, headers=key)
    assert "more than I can read" in answer.json()["messages"][-1]["text"]
    (kept,) = [
        m.text for m in await world.store.since(f"web:{conversation.rpartition('/')[2]}", 0) if m.sender == "customer"
    ][1:]
    assert text.startswith(kept)
    assert len(kept.encode()) <= LONGEST_BYTES


async def test_a_name_with_a_nul_is_refused_before_anything_is_kept(world):
    wrong = "m\0"
    conversation, key = await begun(world)
    answer = await world.browser.post(f"{conversation}/messages", json={"id": wrong, "text": "hi"}, headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    for said in (
        {"sender": wrong, "message": "hi"},
        {"sender": "u1", "message": "hi", "metadata": {"message_id": wrong}},
        {"sender": "u1", "message": "hi", "metadata": {"client_address": wrong}},
    ):
        answer = await world.browser.post(RASA, json=said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    assert (await world.store.load(f"rasa:{wrong}", "")).talk is None


async def test_one_chat_cannot_hold_all_lines(world):
    conversation, key = await begun(world)
    chat = f"web:{conversation.rpartition('/')[2]}"
    held = [world.remit.bell.listen(chat) for _ in range(MOST_LISTENERS)]
    for line in held:
        line.__enter__()
    answer = await world.browser.get(f"{conversation}/events", headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_often")
    assert int(answer.headers["retry-after"]) >= 1
    for line in held:
        line.__exit__(None, None, None)


async def test_a_long_history_is_read_in_pieces(world):
    conversation, _ = await begun(world)
    chat = f"web:{conversation.rpartition('/')[2]}"
    for _ in range(5):
        await world.say(chat, "hi")
    every = await world.store.since(chat, 0)
    assert [m.seq for m in await world.store.since(chat, 2, most=3)] == [3, 4, 5]
    assert [m.seq for m in every] == list(range(1, len(every) + 1))


# --- what may be kept -----------------------------------------------------------------------------------------------


async def test_a_card_number_typed_as_a_link_leaves_not_even_its_hash(world):
    said = await world.say("rasa:u1", "/start 4242424242424242")
    assert "card or bank numbers" in said[0].text
    talk = (await world.store.load("rasa:u1", "")).talk
    assert talk is not None
    assert not talk.came_by  # a hash of so few digits is as good as the number


# --- consent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("consent", ["yes", "1", "yes, pay $50"])
async def test_a_yes_on_its_way_does_not_agree_to_a_quote_that_appeared_meanwhile(world, consent):
    await world.say("rasa:u1", f"/start {await world.link('INV-1042')}")
    shown = await world.say("rasa:u1", "card")
    assert "$120.00" in shown[-1].text
    runtime = world.remit.runtime
    with closing(SqliteStore(str(world.folder / "conversations.db"))) as store:
        runtime._store = store  # one whose commits take time, so that both are read on the same screen
        await asyncio.gather(
            runtime.handle(Inbound("rasa:u1", "a", "make it 50")), runtime.handle(Inbound("rasa:u1", "b", consent))
        )
        assert await world.book() == []
        await world.say("rasa:u1", "yes")  # now it has been seen
        assert [each["amount_minor"] for each in await world.book()] == [5000]
