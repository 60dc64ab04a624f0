"""The Rasa REST channel on the wire: what comes in, what goes out, and a whole payment by it."""

import json
from pathlib import Path

import msgspec
import pytest
from front_end import URL, FrontEnd, words
from world import World

from bot.channels import rasa
from bot.channels.base import Inbound
from bot.stores.base import Button, Link, Message
from services.errors import Unavailable

RECORDED = sorted((Path(__file__).parents[1] / "payloads" / "rasa").glob("*.json"))
PAID = "Paid: $120.00 by Visa ending 4242"


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_request_reads_as_one_message(file):
    recorded = json.loads(file.read_text(encoding="utf-8"))
    said = rasa.read(json.dumps(recorded["request"]).encode(), "198.51.100.9", "fresh")
    assert said == msgspec.convert(recorded["inbound"], Inbound)


def test_a_reply_leaves_out_what_it_does_not_have():
    assert rasa.replies("u1", [Message(1, "bot", "Hello.", ())]) == [{"recipient_id": "u1", "text": "Hello."}]


def test_a_handoff_is_text_with_buttons_and_a_custom_link():
    link = Link("checkout", "http://remit/go/T")
    message = Message(4, "bot", "Ready.", (Button("Cancel", "/cancel"),), {"kind": "receipt"}, link)
    first, second = rasa.replies("u1", [message])
    assert first["text"] == "Ready.\nhttp://remit/go/T"  # for front ends that show no custom replies
    assert first["buttons"] == [{"title": "Cancel", "payload": "/cancel"}]
    assert second == {
        "recipient_id": "u1",
        "custom": {"card": {"kind": "receipt"}, "link": {"kind": "checkout", "url": "http://remit/go/T"}},
    }


def test_a_text_of_several_paragraphs_is_as_many_replies_and_the_last_has_the_buttons():
    message = Message(4, "bot", "One.\n\nTwo,\nstill two.\n \nThree.", (Button("Cancel", "/cancel"),))
    assert rasa.replies("u1", [message]) == [
        {"recipient_id": "u1", "text": "One."},
        {"recipient_id": "u1", "text": "Two,\nstill two."},
        {"recipient_id": "u1", "text": "Three.", "buttons": [{"title": "Cancel", "payload": "/cancel"}]},
    ]


async def test_the_channel_says_that_it_is_there(world):
    answer = await world.browser.get("http://remit/webhooks/rest/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# --- a whole payment ------------------------------------------------------------------------------------------------


async def paid(front: FrontEnd) -> None:
    """Fill in the hosted page; the next turn tells the result, and the business's books agree."""
    await front.world.pay_by_card(await front.world.page(front.link), "4242424242424242")
    await front.world.work()
    assert PAID in words(await front.send("/status"))
    assert (await front.world.invoice("INV-1042"))["due_minor"] == 0


async def test_buttons_alone_pay_an_invoice(front):
    first = await front.send(f"/start {await front.world.link('INV-1042')}")
    assert "Invoice INV-1042: $120.00 to pay" in words(first)
    await front.press("Card")
    handoff = await front.press("Yes, pay $120.00")
    assert [reply["custom"]["link"]["kind"] for reply in handoff if "link" in reply.get("custom", {})] == ["checkout"]
    await paid(front)


async def test_a_link_in_the_metadata_begins_like_a_start(front):
    replies = await front.send("", pay_link=await front.world.link("INV-1042"), message_id="m1")
    assert "Invoice INV-1042: $120.00 to pay" in words(replies)


async def test_typed_numbers_alone_pay_an_invoice(front):
    await front.send(f"/start {await front.world.link('INV-1042')}")
    assert "by card" in words(await front.send("1"))
    assert "secure page is ready" in words(await front.send("1"))
    await paid(front)


async def test_words_alone_pay_an_invoice(front):
    assert "zip" in words(await front.send("I want to pay invoice INV-1042"))
    await front.send("94107")
    assert "by card" in words(await front.send("with my card please"))
    await front.send("yes")
    await paid(front)


async def test_one_sentence_leads_to_the_quote(front):
    assert "$50.00 to Green Lane" in words(await front.send("pay INV-1042 by card, $50, zip 94107"))


async def test_a_decline_is_told_and_the_same_page_takes_another_card(front):
    page = await front.to_the_page()
    await front.world.pay_by_card(page, "4000000000009995")
    await front.world.work()
    assert "not enough money available" in words(await front.send("what happened?"))
    await front.world.pay_by_card(page, "4242424242424242")
    await front.world.work()
    assert PAID in words(await front.send("and now?"))


async def test_bad_news_that_came_while_nobody_listened_is_told_at_the_next_turn(front):
    await front.send(f"/start {await front.world.link('INV-1042')}")
    await front.press("Bank account (ACH)")
    await front.press("Yes, pay $120.00")
    await front.world.pay_by_bank(await front.world.page(front.link), "000555555559")
    await front.world.work()
    assert "on its way" in words(await front.send("thanks"))
    await front.world.wait(days=4)
    await front.world.wait(days=6)
    news = words(await front.send("hello"))
    assert news.index("has arrived") < news.index("Your bank returned the payment")
    assert (await front.world.invoice("INV-1042"))["due_minor"] == 12000


async def test_an_old_confirm_button_approves_nothing(front):
    await front.to_the_quote()
    old = front.payload("Yes, pay $120.00")
    await front.send("$50")
    assert front.payload("Yes, pay $50.00") != old
    assert "earlier question" in words(await front.send(old))
    assert await front.world.book() == []


async def test_a_button_cannot_look_like_a_card_number(front):
    await front.to_the_quote()
    assert not any(ch.isdigit() for ch in front.payload("Yes, pay $120.00"))


async def test_the_page_cannot_be_reached_by_a_link_that_nobody_was_shown(front):
    await front.to_the_page()
    forged = front.link[:-1] + ("A" if front.link[-1] != "A" else "B")
    assert (await front.world.browser.get(forged)).status_code == 404


async def test_a_handoff_link_that_was_never_opened_stops_working(front):
    await front.to_the_quote()
    await front.press("Yes, pay $120.00")
    front.world.clock.advance(minutes=16)
    assert (await front.world.browser.get(front.link)).status_code == 410


async def test_a_pay_link_sent_along_with_every_message_is_opened_once(world):
    token = await world.link("INV-1042")

    async def say(text):
        body = {"sender": "u9", "message": text, "metadata": {"pay_link": token}}
        answer = await world.browser.post("http://remit/webhooks/rest/webhook", json=body)
        return [reply["text"] for reply in answer.json() if "text" in reply]

    assert "How would you like to pay?" in (await say("hello"))[-1]
    assert "by card" in (await say("card"))[-1]
    assert "Your secure page is ready" in (await say("yes"))[-1]


# --- replies as they come -------------------------------------------------------------------------------------------


async def test_with_stream_each_reply_is_a_line_of_its_own(world):
    token = await world.link("INV-1042")
    body = json.dumps({"sender": "s1", "message": f"/start {token}"}).encode()
    answer = await world.browser.post(f"{URL}?stream=true", content=body)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["recipient_id"] for line in lines] == ["s1"] * len(lines)
    whole = (await world.browser.post(URL, content=body.replace(b"s1", b"s2"))).json()
    assert [line.get("text") for line in lines] == [reply.get("text") for reply in whole]


async def test_a_stream_that_cannot_begin_is_an_error_and_not_an_empty_answer(world, monkeypatch):
    async def away(_inbound):
        raise Unavailable("the store is away")

    monkeypatch.setattr(world.remit.runtime, "handle", away)
    answer = await world.browser.post(f"{URL}?stream=true", content=b'{"sender": "s1", "message": "hello"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


# --- for whoever delegates a task -----------------------------------------------------------------------------------------


async def state(front, text, query="state=true"):
    """What comes last, and who asked for it."""
    front.world.clock.advance(seconds=3)
    body = json.dumps({"sender": front.sender, "message": text}).encode()
    *replies, last = (await front.post(body, f"{URL}?{query}")).json()
    front._look(replies)
    return last["custom"]["remit"] if "remit" in last.get("custom", {}) else None


async def test_whoever_asks_is_told_whether_the_task_is_over(front):
    assert await state(front, "hello") == {"active": False, "payment": None}
    assert await state(front, f"/start {await front.world.link('INV-1042')}") == {"active": True, "payment": None}
    assert (await state(front, "card"))["active"] is True
    open_ = await state(front, "yes")
    assert (open_["active"], open_["payment"]["state"]) == (True, "open")
    await front.world.pay_by_card(await front.world.page(front.link), "4242424242424242")
    await front.world.work()
    paid = await state(front, "/status")
    assert paid == {"active": False, "payment": {"reference": open_["payment"]["reference"], "state": "succeeded"}}


async def test_who_does_not_ask_is_not_told(front):
    assert await state(front, "hello", "state=false") is None
    assert await state(front, "hello", "") is None


async def test_the_state_is_that_of_the_chat_whatever_its_sender_is_called(world):
    front = FrontEnd(world, "4242424242424242")  # such a name is hashed before it is kept
    assert (await state(front, f"/start {await world.link('INV-1042')}"))["active"] is True


async def test_the_secret_may_come_as_a_bearer_s(tmp_path, monkeypatch):
    monkeypatch.setenv("REMIT_RASA_TOKEN", "right")
    async with World(tmp_path) as world:
        for sent, status in (("Bearer right", 200), ("bearer right", 200), ("Bearer wrong", 401), ("Basic right", 401)):
            said = {"json": {"sender": "u1", "message": "hi"}, "headers": {"Authorization": sent}}
            assert (await world.browser.post(URL, **said)).status_code == status, sent
        wrong = {"Authorization": "Bearer wrong"}  # one right one beside it does not help
        answer = await world.browser.post(f"{URL}?token=right", json={"sender": "u1"}, headers=wrong)
        assert answer.status_code == 401


# --- the callback channel -------------------------------------------------------------------------------------------


class Called:
    """A front end with a route of its own, which may be away."""

    def __init__(self) -> None:
        self.replies: list[dict] = []
        self.status = 200
        self.keys: set[bytes] = set()

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"]
        self.keys |= {value for name, value in scope["headers"] if name == b"authorization"}
        if self.status == 200:
            self.replies.append(json.loads(body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def called(tmp_path):
    front = Called()
    hook = {"callback_url": "http://front/hook", "callback_token": "a-secret"}
    async with World(tmp_path, rasa=hook, hosts={"front": front}) as world:
        yield world, front


async def say(world, text: str) -> None:
    body = json.dumps({"sender": "u1", "message": text}).encode()
    answer = await world.browser.post("http://remit/webhooks/callback/webhook", content=body)
    assert (answer.status_code, answer.text) == (200, "success")
    await world.remit.deliverer.work()


async def test_a_payment_by_callback_hears_of_its_return_days_later(called):
    world, front = called
    await say(world, f"/start {await world.link('INV-1042')}")
    await say(world, "bank")
    await say(world, "yes")
    link = next(reply["custom"]["link"]["url"] for reply in front.replies if "link" in reply.get("custom", {}))
    await world.pay_by_bank(await world.page(link), "000111111113")
    await world.work()
    await world.remit.deliverer.work()
    seen = len(front.replies)
    for _ in range(12):
        await world.wait(days=1)
        await world.remit.deliverer.work()
    late = [reply["text"] for reply in front.replies[seen:] if "text" in reply]
    assert len(late) == 1
    assert "did not go through" in late[0]
    assert {reply["recipient_id"] for reply in front.replies} == {"u1"}
    assert front.keys == {b"Bearer a-secret"}


async def test_a_front_end_that_is_away_is_called_again_and_in_order(called):
    world, front = called
    front.status = 500
    await say(world, "hello")
    await say(world, "what do i owe?")
    assert front.replies == []
    front.status = 200
    world.clock.advance(minutes=10)
    await world.remit.deliverer.work()
    assert front.replies[0]["text"].startswith("Hi, this is")
    assert len(front.replies) == len(await world.store.since("callback:u1", 0)) - 2
