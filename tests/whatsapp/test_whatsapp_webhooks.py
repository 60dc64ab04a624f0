"""How webhooks come in: unproven, forged, twice, out of order, while a store is away; and how messages go out when they cannot."""

import asyncio
import json
import logging

import pytest
from graph_api import APP_SECRET, SETTINGS, VERIFY, GraphApi, no, signature
from texting import ROUTE, Texting
from world import World

from bot.settings import load
from services import deliveries
from services.errors import Misconfigured, Unavailable

CARD = "my card is 4242 4242 4242 4242 exp 12/29"

# --- in -------------------------------------------------------------------------------------------------------------


async def test_meta_is_told_that_the_address_is_ours_by_the_token_that_it_was_given(texting: Texting):
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY}
    told = await texting.world.browser.get(ROUTE, params=asked)
    assert (told.status_code, told.text) == (200, "1158201444")
    assert told.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "x"}, {"hub.verify_token": ""}, {"hub.mode": "unsubscribe"}, {"hub.mode": ""}):
        refused = await texting.world.browser.get(ROUTE, params=asked | wrong)
        assert refused.status_code == 403
        assert "1158201444" not in refused.text
    assert (await texting.world.browser.get(ROUTE)).status_code == 403


async def test_a_webhook_that_meta_did_not_sign_is_refused(texting: Texting):
    body = json.dumps(texting.phone.says("hello")).encode()
    right = signature(body)
    wrong = ["", "sha256=", right[:-1], right.replace("sha256=", "sha1="), right.removeprefix("sha256="), "ü" * 8]
    for told in (*wrong, signature(body, "another secret"), signature(body + b" "), signature(body, "")):
        assert (await texting.post(body, told)).status_code == 403
    await texting.settle()
    assert texting.api.calls == []
    assert (await texting.post(body)).status_code == 200


async def test_what_is_signed_and_no_webhook_is_refused_and_breaks_nothing(texting: Texting):
    for body in (b"", b"{", b'{"entry": 1}', b"\xff"):
        assert (await texting.post(body)).status_code == 400
    assert (await texting.post(b" " * (3 * 1024 * 1024 + 1))).status_code == 413


async def test_the_same_webhook_ten_times_is_answered_once(texting: Texting):
    webhook = texting.phone.says("hello")
    for _ in range(5):
        assert await texting.deliver(webhook) == 200
    assert await asyncio.gather(*(texting.deliver(webhook) for _ in range(5))) == [200] * 5
    await texting.settle()
    assert len(texting.phone.texts) == 1
    await texting.later(days=2)
    assert await texting.deliver(webhook) == 200  # Meta tries for a week
    await texting.settle()
    assert len(texting.api.calls) == 1


async def test_what_comes_while_the_store_is_away_is_asked_for_again_and_answered_once(texting: Texting, monkeypatch):
    async def away(_inbound):
        raise Unavailable("the store is away")

    webhook = texting.phone.says("hello")
    with monkeypatch.context() as patched:
        patched.setattr(texting.world.remit.runtime, "handle", away)
        assert await texting.deliver(webhook) == 503
    assert await texting.deliver(webhook) == 200
    await texting.settle()
    assert len(texting.phone.texts) == 1


async def test_two_webhooks_at_once_are_answered_as_they_came(texting: Texting):
    await texting.opens()
    texting.world.clock.advance(seconds=2)
    card, fifty = texting.phone.says("card"), texting.phone.says("make it 50")
    assert await asyncio.gather(texting.deliver(card), texting.deliver(fifty)) == [200, 200]
    await texting.settle()
    assert [text.partition(".")[0] for text in texting.phone.texts[-2:]] == [
        "Please check: $120",
        "Please check: $50",
    ]


async def test_a_batch_is_answered_in_its_order_and_trouble_in_one_chat_holds_up_no_other(
    texting: Texting, monkeypatch
):
    handle = texting.world.remit.runtime.handle
    other = Texting(texting.world, texting.api, number="15555550000", user="US.1349120865530274")

    async def breaks(inbound):
        if inbound.chat == texting.chat and inbound.text == "break":
            raise Unavailable("the store is away")
        return await handle(inbound)

    monkeypatch.setattr(texting.world.remit.runtime, "handle", breaks)
    batch = texting.phone.says("break")
    for more in (texting.phone.says("hello"), other.phone.says("hello")):
        batch["entry"] += more["entry"]
    assert await texting.deliver(batch) == 503
    await texting.settle()
    assert (len(texting.phone.texts), len(other.phone.texts)) == (0, 1)
    monkeypatch.undo()
    assert await texting.deliver(batch) == 200
    await texting.settle()
    assert (len(texting.phone.texts), len(other.phone.texts)) == (2, 1)


async def test_a_bug_at_one_message_is_told_and_holds_up_nothing_after_it(texting: Texting, monkeypatch, caplog):
    handle = texting.world.remit.runtime.handle

    async def breaks(inbound):
        if inbound.text == "break":
            raise KeyError("a bug")
        return await handle(inbound)

    monkeypatch.setattr(texting.world.remit.runtime, "handle", breaks)
    batch = texting.phone.says("break")
    batch["entry"] += texting.phone.says("hello")["entry"]
    assert len(await texting.told(batch)) == 1
    assert "could not be answered" in caplog.text


# --- whose it is ------------------------------------------------------------------------------------------------------


def _kept(world: World) -> bytes:
    return b"".join(file.read_bytes() for file in world.folder.rglob("*") if file.is_file())


async def test_a_card_number_typed_there_is_in_no_file(texting: Texting):
    await texting.opens()
    told = await texting.says(CARD)
    assert told[0].startswith("Please don't type card or bank numbers here.")
    photo = {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": CARD}
    await texting.told(texting.phone.message("image", image=photo))
    for piece in ("4000 0566", "5566", "5556"):
        await texting.says(piece)
    kept = _kept(texting.world)
    assert b"INV-1042" in kept
    for number in (b"4242 4242", b"4242424242424242", b"4000 0566", b"4000056655665556"):
        assert number not in kept


@pytest.mark.parametrize(
    ("number", "user"), [("4242424242424242", ""), ("15555554444", "US.4242424242424242"), ("15555554444", "")]
)
async def test_a_name_that_looks_like_a_card_number_is_served_and_no_log_knows_whose_it_is(
    tmp_path, caplog, number, user
):
    caplog.set_level(logging.DEBUG)
    api = GraphApi()
    async with World(tmp_path, hosts={"graph": api}, whatsapp=SETTINGS) as world:
        texting = Texting(world, api, number=number, user=user)
        api.faults = [(429, no(130429)), (400, no(190))]
        await texting.opens()
        await texting.later(minutes=2)
        await texting.says("card")
        await texting.says("yes")
        (paid,) = await texting.pays()
        assert paid.startswith("Paid: $120.00")
        await texting.told(texting.phone.fails(131026))
        assert await texting.deliver({"entry": texting.phone.says("hello")}) == 400
        kept = _kept(world)
        assert number.encode() not in kept
        assert texting.phone.address.encode() not in kept
    for name in (number, user or number, texting.chat.removeprefix("whatsapp:"), "Whitfield", "HBgL"):
        assert name not in caplog.text


async def test_it_is_off_where_no_token_is_set(tmp_path):
    async with World(tmp_path) as world:
        assert (await world.browser.get(ROUTE)).status_code == 404
        assert (await world.browser.post(ROUTE, content=b"{}")).status_code == 404
        assert "whatsapp" not in world.settings.house().sign_in


async def test_whoever_writes_there_can_sign_in(texting: Texting):
    assert "whatsapp" in texting.world.settings.house().sign_in


@pytest.mark.parametrize("missing", ["phone_number_id", "app_secret", "verify_token"])
def test_a_token_without_what_else_it_takes_is_found_at_start(missing):
    with pytest.raises(Misconfigured, match="phone_number_id, app_secret and verify_token") as error:
        load(None, business={"name": "x", "phone": "x"}, whatsapp=SETTINGS | {missing: ""})
    assert APP_SECRET not in str(error.value)


# --- out --------------------------------------------------------------------------------------------------------------


async def test_a_message_goes_out_after_a_crash_between_its_commit_and_its_call(texting: Texting):
    assert await texting.deliver(texting.phone.says("hello")) == 200
    assert texting.phone.texts == []
    texting.world.crash()
    await texting.settle()
    assert len(texting.phone.texts) == 1


@pytest.mark.parametrize(
    ("status", "code", "pause"), [(429, 130429, 3), (400, 131056, 7), (503, 131016, 3), (500, 131000, 3)]
)
async def test_who_is_asked_to_wait_waits_and_loses_nothing(texting: Texting, status, code, pause):
    texting.api.faults = [(status, no(code))]
    assert await texting.says("hello") == []
    calls = len(texting.api.calls)
    assert await texting.later(seconds=1) == []
    assert len(texting.api.calls) == calls  # not before it was asked to
    assert len(await texting.later(seconds=pause)) == 1


async def test_a_token_that_has_ended_loses_nothing(texting: Texting):
    wrong_number = no(100, error_subcode=33)
    texting.api.faults = [(401, no(190)), (400, wrong_number), (403, no(368)), (400, {})]
    assert await texting.says("hello") == []
    for minutes in (1, 2, 5):
        assert await texting.later(minutes=minutes) == []
    assert len(await texting.later(minutes=10)) == 1


async def test_what_is_refused_for_good_holds_up_nothing_after_it(texting: Texting, caplog):
    texting.api.faults = [(400, no(131009))]
    assert await texting.says("hello") == []
    assert "refused a message for good: code 131009" in caplog.text
    assert len(await texting.says("help")) == 1


async def test_whoever_is_not_there_is_left_alone_and_hears_what_was_said_once_they_write(texting: Texting):
    texting.api.faults = [(400, no(131026))]
    assert await texting.says("hello") == []
    assert await texting.later(hours=1) == []
    assert len(texting.api.calls) == 1
    assert len(await texting.says("what do i owe?")) == 2


async def test_whoever_comes_back_is_rung_for_once_they_count_as_there(texting: Texting):
    """Or else what was kept for them would wait for the next sweep."""
    texting.api.faults = [(400, no(131026))]
    await texting.says("hello")
    rung = []

    def chats(conn):
        return [chat for chat, _ in deliveries.following(conn, "", 10)]

    assert _with(texting.world, chats) == []
    texting.world.remit.bell.tap(lambda chat: rung.append(_with(texting.world, chats)))
    assert await texting.deliver(texting.phone.says("help")) == 200
    assert rung[-1] == [texting.chat]


def _with(world: World, work):
    with world.engine.connect() as conn:
        return work(conn)


async def test_a_window_that_meta_says_is_closed_keeps_what_was_to_be_said(texting: Texting):
    texting.api.closed = True
    assert await texting.says("hello") == ["(template)"]
    assert await texting.later(hours=1) == []
    texting.api.closed = False
    told = await texting.says("what do i owe?")
    assert told[0].startswith("Hi, this is")


async def test_a_template_that_is_not_taken_loses_nothing(texting: Texting, caplog):
    texting.api.faults = [(400, no(131047)), (404, no(132001))]
    assert await texting.says("hello") == []
    assert "did not take the template: code 132001" in caplog.text
    assert len(await texting.says("hello")) == 2


@pytest.mark.parametrize(("code", "left_alone"), [(131026, True), (131047, True), (131049, False)])
async def test_a_message_that_could_not_be_brought_is_noted(texting: Texting, caplog, code, left_alone):
    await texting.opens()
    await texting.says("bank")
    await texting.says("yes")
    await texting.pays("000111111113", "bank")
    await texting.told(texting.phone.fails(code))
    assert f"could not bring a message: code {code}" in caplog.text
    seen = len(texting.api.calls)
    await texting.days(12)
    assert (len(texting.api.calls) == seen) is left_alone
    assert any("did not go through" in text for text in await texting.says("hello"))


async def test_a_lost_conversation_store_makes_nothing_be_sent_twice(texting: Texting):
    await texting.opens()
    await texting.says("card")
    seen = list(texting.phone.texts)
    texting.world.forget(texting.chat)
    (hello,) = await texting.says("hello")
    assert texting.phone.texts == [*seen, hello]
