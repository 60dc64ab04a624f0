"""Card numbers planted wherever something can be typed or named, and then every byte searched that anybody keeps.

One process, its real routes, its files on disk and its log. The same with real servers is in `tests/process`.
"""

import base64
import json
import logging
import re

import msgspec
import pytest
from world import HANDOFF, TOKEN, World

from bot.stores.base import Message
from dialogs.model import Edit, Pick, Slot
from dialogs.reading.buttons import to_button
from tests.canaries import RENDERINGS, SPLITS, Aviary

RASA, API, OFFICE = f"{HANDOFF}/webhooks/rest/webhook", f"{HANDOFF}/api/v1/conversations", f"{HANDOFF}/internal"


class Planter:
    """Says things through the routes, as front ends and the business do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.birds = Aviary(7)
        self._count = 0

    async def post(self, url, body, status=200, **headers):
        self._count += 1
        self.world.clock.advance(seconds=3)
        answer = await self.world.browser.post(url, json=body, headers=headers)
        assert answer.status_code == status, f"{url}: {answer.status_code} {answer.text}"
        return answer.json()

    async def rasa(self, text, sender="", **metadata):
        self._count += 1
        sender = sender or f"u{self._count}"
        replies = await self.post(RASA, {"sender": sender, "message": text, "metadata": metadata})
        assert {reply["recipient_id"] for reply in replies} <= {sender}, "who asks is answered by the name they chose"
        return replies

    async def begin(self, **more):
        begun = await self.post(API, more, 201)
        return begun["id"], {"Authorization": f"Bearer {begun['token']}"}

    async def web(self, chat, key, text, **more):
        said = {"id": f"m{self._count}", "text": text} | more
        return (await self.post(f"{API}/{chat}/messages", said, **key))["messages"]

    async def office(self, what, **order):
        return await self.post(f"{OFFICE}/{what}", order, Authorization=f"Bearer {TOKEN}")

    def sinks(self, log: str) -> dict[str, bytes]:
        files = {file.name: file.read_bytes() for file in self.world.folder.iterdir()}
        return files | {"the log": log.encode()}


@pytest.fixture
def planter(world, caplog) -> Planter:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    return Planter(world)


async def the_log(world, chat) -> list[Message]:
    return await world.store.since(chat, 0)


async def test_a_number_typed_named_or_linked_by_any_front_end_is_kept_nowhere(planter, caplog):
    for writing in RENDERINGS:
        bird = planter.birds.text
        await planter.rasa(bird("a Rasa message", writing))
        await planter.rasa("pay INV-1042", sender=bird("a sender", writing)[:120])
        await planter.rasa("pay INV-1042", message_id=bird("a message id", writing)[:120])
        await planter.rasa("INV-1042 zip 94107", client_address=bird("a client's address", writing))
        await planter.rasa("/start", pay_link=bird("a pay link of Rasa", writing))
        await planter.rasa(f"/start {bird('a pay link that is typed', writing)}")
        chat, key = await planter.begin(
            pay_link=bird("a pay link", writing)[:64],
            locale=bird("a language", writing)[:16],
            page=f"{HANDOFF}/shop?note={bird('a page', writing)}",
        )
        await planter.web(
            chat, key, bird("a message", writing), page=f"{HANDOFF}/{bird('the path of a page', writing)}"
        )
        await planter.web(chat, key, "", choice=bird("a button", writing))
        await planter.web(chat, key, f"(photo) {bird('a caption', writing)}.jpg", id=bird("an id", writing)[:120])
    found = planter.birds.found(planter.sinks(caplog.text))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("how", [*SPLITS, None], ids=lambda how: "words" if how is None else f"in {len(how)}")
async def test_of_a_number_in_pieces_nothing_is_kept_of_any_piece(planter, caplog, how):
    for opening in (
        (),
        ("INV-1042 zip 94107",),
        ("INV-1042 zip 94107", "card"),
        ("INV-1042 zip 94107", "change the amount"),
        ("help",),
    ):
        said = planter.birds.words("pieces") if how is None else planter.birds.split("pieces", how)
        sender = f"s{len(planter.birds.planted)}"
        for text in (*opening, *said):
            await planter.rasa(text, sender)
        log = await the_log(planter.world, f"rasa:{sender}")
        typed = [line.text for line in log if line.sender == "customer"][len(opening) :]
        assert all("removed]" in text for text in typed), (opening, said, typed)
        state = msgspec.json.encode((await planter.world.store.load(f"rasa:{sender}", "")).talk).decode()
        pieces = [piece for text in said for piece in re.findall(r"[0-9]{2,}", text)]
        for piece in pieces:
            alone = re.compile(rf"(?<![0-9a-zA-Z.:-]){piece}(?:00)?(?![0-9a-zA-Z:.-])")
            assert not [text for text in typed if piece in text]
            assert not alone.search(state), f"{piece} in {state}"
            echoed = [line.text for line in log if line.sender == "bot" and alone.search(line.text)]
            assert not echoed, f"{piece} in {echoed}"
    found = planter.birds.found(planter.sinks(caplog.text))
    assert not found, "\n".join(found)


async def test_the_conversation_goes_on_with_what_was_not_told_in_pieces(planter):
    said = planter.birds.split("pieces", SPLITS[2])
    for text in ("INV-1042 zip 94107", "card", *said):
        replies = await planter.rasa(text, "u1")
    assert "removed the number" in replies[0]["text"]
    await planter.rasa("94107", "u1")
    quote = await planter.rasa("just 50", "u1")
    assert "$50.00" in quote[-1]["text"]
    assert "card" in quote[-1]["text"]
    paid = await planter.rasa("yes", "u1")
    assert any("checkout" in json.dumps(reply) for reply in paid)


async def test_a_page_that_is_open_stays_open_while_pieces_are_typed(planter):
    world = planter.world
    await planter.rasa(f"/start {await world.link('INV-1042')}", "u1")
    await planter.rasa("card", "u1")
    replies = await planter.rasa("yes", "u1")
    (link,) = [r["custom"]["link"]["url"] for r in replies if "custom" in r and "link" in r["custom"]]
    page = await world.page(link)
    for text in planter.birds.split("pieces", SPLITS[0]):
        await planter.rasa(text, "u1")
    await world.pay_by_card(page, "4242424242424242")
    await world.work()
    told = [line.text for line in await the_log(world, "rasa:u1")]
    assert any(text.startswith("Paid: $120.00") for text in told), told


async def test_what_signed_in_customers_are_asked_for_takes_no_number(planter, caplog):
    world = planter.world
    chat = "web:home"
    for text in ("sign in", "dana.whitfield@example.com"):
        await world.say(chat, text)
    await world.say(chat, world.mail.code())
    for writing in RENDERINGS:
        for detail in ("email", "address", "name", "phone", "zip"):
            await world.say(chat, to_button(Pick(Slot.DETAIL, detail)))
            await world.say(chat, planter.birds.text(f"the answer about {detail}", writing))
            await world.say(chat, "yes")
            await world.say(chat, "cancel")
        await world.say(chat, "dispute invoice 1031")
        await world.say(chat, f"{planter.birds.text('a reason', writing)} is what you charged")
        await world.say(chat, "cancel")
        await world.say(chat, to_button(Edit("nickname", "k1")))
        await world.say(chat, planter.birds.text("a nickname", writing))
        await world.say(chat, f"why is {planter.birds.text('a question', writing)} not taken by you?")
    for nth, how in enumerate(SPLITS):
        await world.say(chat, "dispute invoice 1031")
        for text in planter.birds.split(f"a reason {nth}", how):
            await world.say(chat, text)
        await world.say(chat, "cancel")
    assert not any(letter for letter in world.mail.letters if planter.birds.found({"a letter": letter.text.encode()}))
    found = planter.birds.found(planter.sinks(caplog.text))
    assert not found, "\n".join(found)


async def test_what_the_business_types_is_kept_without_numbers(planter, caplog):
    world = planter.world
    await world.say("rasa:u1", f"/start {await world.link('INV-1042')}")
    await world.say("rasa:u1", "card")
    page = await world.page((await world.say("rasa:u1", "yes"))[-1].link.url)
    await world.pay_by_card(page, "4242424242424242")
    await world.work()
    reference = (await planter.office("payments"))[0]["reference"]
    await world.say("rasa:u1", "i want a refund")
    await world.say("rasa:u1", "the work was not done at all")
    for nth, writing in enumerate(RENDERINGS):
        bird = planter.birds.text
        refund = {"key": f"key-{nth:08}", "reference": reference, "amount": "1.00", "again": True}
        await planter.office(
            "refund", **refund, asked_by=bird("asked by", writing)[:100], why=bird("a refund", writing)
        )
        for paused in (True, False):
            await planter.office("pause", paused=paused, asked_by="owner", why=bird("a pause", writing))
    (case,) = [each for each in await planter.office("cases") if each["reason"] == "refund"]
    await planter.office("cases", close=case["id"], answer=f"we use {planter.birds.text('an answer', 'words')} again")
    await world.work()
    found = planter.birds.found(planter.sinks(caplog.text))
    assert not found, "\n".join(found)


async def test_a_bug_in_the_middle_shows_no_number_in_its_traceback(planter, caplog, monkeypatch):
    async def broken(*_told: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(planter.world.remit.runtime._hands, "perform", broken)
    for writing in RENDERINGS:
        await planter.rasa(f"{planter.birds.text('beside a proof', writing)}; INV-1042 zip 94107")

    def unreadable(*_told: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("bot.runtime.read", unreadable)
    with pytest.raises(Exception, match=r"."):
        await planter.rasa(planter.birds.text("beside a reader that is broken", "plain"))
    assert "a bug" in caplog.text
    assert "Traceback" in caplog.text
    found = planter.birds.found(planter.sinks(caplog.text))
    assert not found, "\n".join(found)


async def test_a_name_that_looks_like_a_card_number_is_still_one_conversation_and_one_message(planter):
    number = planter.birds.text("a sender", "plain")
    first = await planter.rasa("INV-1042 zip 94107", number, message_id=number)
    again = await planter.rasa("INV-1042 zip 94107", number, message_id=number)
    assert again == first
    assert "check" in (await planter.rasa("card", number))[0]["text"], "the same conversation"


def test_the_search_finds_what_is_there():
    birds = Aviary(1)
    text = birds.text("here", "spaces")
    number = birds.planted[0][1].number
    encoded = base64.b64encode(f"x{number}y".encode())
    for content in (text.encode(), number.encode(), encoded, number[::-1].encode(), "\n".join(number).encode()):
        assert birds.found({"sink": b"before " + content + b" after"}), content
    assert not birds.found({"sink": b"4242 " * 1000})
