"""How updates come in: forged, broken, twice, out of order, while a process dies; and how messages go out when they cannot."""

import os
import random
import re
import shutil

import pytest
from bot_api import TOKEN, BotApi, encoded
from messenger import SECRET, Messenger, described
from world import World

from bot.channels.telegram import Nothing, Said, name_of, number_of, read
from services.errors import Malformed


async def test_an_update_without_the_secret_is_refused(messenger: Messenger):
    update = messenger.phone.says("hello")
    for secret in ("", "wrong", SECRET[:-1], "ü" * 8):
        assert await messenger.deliver(update, secret) == 403
    assert messenger.api.calls == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"update_id": "x"}', b'{"update_id": 1, "message": {}}', b"\xff"])
async def test_what_is_no_update_is_refused_and_breaks_nothing(messenger: Messenger, body):
    assert await messenger.deliver(body) == 400


async def test_an_update_that_is_too_large_is_refused(messenger: Messenger):
    assert await messenger.deliver(b" " * (256 * 1024 + 1)) == 413


async def test_the_same_update_ten_times_is_answered_once(messenger: Messenger):
    update = messenger.phone.says("hello")
    for _ in range(10):
        assert await messenger.deliver(update) == 200
    await messenger.settle()
    assert len(messenger.phone.texts) == 1


async def test_an_update_is_answered_after_a_crash_between_its_acknowledgment_and_its_answer(messenger: Messenger):
    update = messenger.phone.says("hello")
    intake = messenger.world.remit.telegram
    chat = await intake.take(encoded(update))
    assert chat == name_of(messenger.phone.chat)
    messenger.world.crash()
    await messenger.world.remit.telegram.answer_pending(chat)
    await messenger.settle()
    assert len(messenger.phone.texts) == 1


async def test_a_message_goes_out_after_a_crash_between_its_commit_and_its_call(messenger: Messenger):
    await messenger.deliver(messenger.phone.says("hello"))
    await messenger.world.remit.telegram.drain()
    assert messenger.phone.texts == []
    messenger.world.crash()
    await messenger.settle()
    assert len(messenger.phone.texts) == 1


async def test_who_is_asked_to_wait_waits_and_loses_nothing(messenger: Messenger):
    messenger.api.floods = [7]
    assert await messenger.says("hello") == []
    messenger.world.clock.advance(seconds=5)
    await messenger.world.remit.deliverer.work()
    assert messenger.phone.texts == []
    messenger.world.clock.advance(seconds=3)
    await messenger.world.remit.deliverer.work()
    assert len(messenger.phone.texts) == 1


async def test_a_server_that_restarts_is_called_again(messenger: Messenger):
    messenger.api.fails = ["sendMessage"]
    assert await messenger.says("hello") == []
    messenger.world.clock.advance(minutes=1)
    await messenger.world.remit.deliverer.work()
    assert len(messenger.phone.texts) == 1


async def test_who_blocked_the_bot_is_left_alone_and_hears_what_was_said_when_they_come_back(messenger: Messenger):
    await messenger.opens()
    await messenger.says("bank")
    await messenger.says("yes")
    await messenger.pays("000123456789", "bank")
    seen = len(messenger.phone.texts)
    messenger.api.blocked.add(messenger.phone.chat)
    for _ in range(8):
        await messenger.world.wait(days=1)
        await messenger.settle()
    tried = len(messenger.calls("sendMessage"))
    await messenger.settle()
    assert len(messenger.calls("sendMessage")) == tried  # it is not tried again and again
    assert len(messenger.phone.texts) == seen
    messenger.api.blocked.clear()
    me, chat = messenger.phone._me(), {"id": messenger.phone.chat, "type": "private", "first_name": "Dana"}
    bot = {"id": 123456, "is_bot": True, "first_name": "Green Lane"}
    change = {"old_chat_member": {"user": bot, "status": "kicked", "until_date": 0}}
    change |= {"new_chat_member": {"user": bot, "status": "member"}, "chat": chat, "from": me, "date": 1772465400}
    await messenger.deliver(messenger.phone._numbered(my_chat_member=change))
    await messenger.settle()
    assert len(messenger.phone.texts) == seen + 1
    assert "has arrived" in messenger.phone.texts[-1]


async def test_word_that_somebody_left_which_comes_when_they_are_back_silences_nobody(messenger: Messenger):
    await messenger.opens()
    me, chat = messenger.phone._me(), {"id": messenger.phone.chat, "type": "private", "first_name": "Dana"}
    bot = {"id": 123456, "is_bot": True, "first_name": "Green Lane"}
    changes = []
    for before, after in (("member", "kicked"), ("kicked", "member")):
        change = {"old_chat_member": {"user": bot, "status": before, "until_date": 0}, "chat": chat, "from": me}
        change |= {"new_chat_member": {"user": bot, "status": after, "until_date": 0}, "date": 1772465400}
        changes.append(messenger.phone._numbered(my_chat_member=change))
    for update in reversed(changes):
        assert await messenger.deliver(update) == 200
    await messenger.says("bank")
    await messenger.says("yes")
    assert "on its way" in (await messenger.pays("000123456789", "bank"))[-1]


async def test_who_writes_is_there_whatever_was_found_before(messenger: Messenger):
    await messenger.opens()
    messenger.api.blocked.add(messenger.phone.chat)
    assert await messenger.says("card") == []  # and nobody is there to hear it
    messenger.api.blocked.clear()
    assert len(await messenger.says("/status")) > 1


async def test_a_lost_conversation_store_makes_nothing_be_sent_twice(messenger: Messenger):
    await messenger.opens()
    await messenger.says("card")
    seen = list(messenger.phone.texts)
    messenger.world.forget(name_of(messenger.phone.chat))
    (hello,) = await messenger.says("hello")
    assert messenger.phone.texts == [*seen, hello]


async def test_long_polling_takes_updates_up_where_it_left_them(messenger: Messenger):
    messenger.api.updates = [messenger.phone.says("hello"), messenger.phone.says("what do i owe?")]
    telegram = messenger.world.remit.telegram._telegram
    found = await telegram.updates(0, 0)
    assert [type(read(body)) for _, body in found] == [Said, Said]
    assert await telegram.updates(found[-1][0], 0) == []


async def test_a_bug_at_one_update_is_told_and_holds_up_nothing_after_it(messenger: Messenger, monkeypatch, caplog):
    answer, broken = messenger.world.remit.runtime.answer, []

    async def breaks(inbound):
        if inbound.text == "break":
            broken.append(inbound.id)
            raise KeyError("a bug")
        return await answer(inbound)

    monkeypatch.setattr(messenger.world.remit.runtime, "answer", breaks)
    assert await messenger.says("break") == []
    assert len(await messenger.says("hello")) == 1
    assert len(broken) == 1
    assert "could not be answered" in caplog.text


async def test_a_slow_chat_holds_up_no_other(messenger: Messenger):
    other = Messenger(messenger.world, messenger.api, chat=777003)
    other.phone._update = 5000
    messenger.api.floods = [60]
    assert await messenger.says("hello") == []
    assert len(await other.says("hello")) == 1


def test_a_chat_has_a_name_that_no_guard_takes_for_a_number():
    for chat in (1, 777001, 5_555_555_555_554_444):
        assert number_of(name_of(chat)) == chat
        assert not any(sign.isdigit() for sign in name_of(chat))


def test_updates_that_nobody_waits_for_are_nothing():
    poll = {"id": "1", "question": "?", "options": [], "total_voter_count": 0, "is_closed": False}
    poll |= {"is_anonymous": True, "type": "regular", "allows_multiple_answers": False}
    body = encoded({"update_id": 5, "poll": poll})
    try:
        assert read(body) == Nothing(5)
    except Malformed:  # a version of the library that wants more of a poll
        assert read(b'{"update_id": 5}') == Nothing(5)


SHUFFLES = int(os.environ.get("REMIT_SHUFFLES", "100"))


async def test_updates_in_any_order_and_twice_end_in_at_most_one_payment(tmp_path):
    """A paying conversation's texts, commands and presses, shuffled and doubled, again and again. `SHUFFLES` of them here."""
    paid = 0
    for seed in range(SHUFFLES):
        chance = random.Random(seed)
        api = BotApi(described() if seed == 0 else None)
        folder = tmp_path / str(seed)
        folder.mkdir()
        async with World(folder, bot_api=api, telegram={"token": TOKEN, "mode": "polling"}) as world:
            paid += await shuffled(Messenger(world, api), chance)
        shutil.rmtree(folder)
    print(f"{paid} of {SHUFFLES} ended in a payment")
    assert paid >= SHUFFLES // 4  # else it says little about payments


async def shuffled(messenger: Messenger, chance: random.Random) -> int:
    """One conversation on a line that mixes its updates up; how many payments it ended in."""
    phone = messenger.phone
    link = await messenger.world.link("INV-1042")
    start = f"/start {link}"
    steps = [start, "Card", "make it 50", "Yes, pay", "yes", "/status", "any"]
    if chance.random() < 0.4:  # the customer, too, says it in any order, and takes it back
        steps += ["/pay", "/cancel", start]
        chance.shuffle(steps)
    on_the_line: list[dict] = []
    for step in steps:
        made = _made(messenger, step, chance)
        on_the_line += [made] * (2 if chance.random() < 0.3 else 1)
        while on_the_line and chance.random() < 0.7:
            assert await messenger.deliver(on_the_line.pop(chance.randrange(len(on_the_line)))) == 200
        if chance.random() < 0.7:
            await messenger.settle()
        if chance.random() < 0.4:
            await _pay_every_page(messenger)
    chance.shuffle(on_the_line)
    for update in on_the_line:
        assert await messenger.deliver(update) == 200
    await messenger.settle()
    await _pay_every_page(messenger)
    await _press_every_old_yes(messenger)
    await _pay_every_page(messenger)
    paid = [row for row in await messenger.world.book() if row["state"] == "succeeded"]
    assert len(paid) <= 1
    told = {found[1] for text in phone.texts if (found := re.match(r"Paid: \$([0-9.]+)", text))}
    assert told == {f"{row['amount_minor'] / 100:.2f}" for row in paid}
    assert len({shown.id for shown in phone.screen}) == len(phone.screen)
    assert len(messenger.calls("sendMessage")) == len(phone.texts)
    assert not [text for text in phone.texts if text.startswith(("Sorry, I didn't get that", "That button is unknown"))]
    assert await messenger.says("/status")  # wherever that led, it says where we are
    await _press_the_last(messenger)
    if not paid:
        await _go_on_and_pay(messenger, start)
    return len(paid)


def _made(messenger: Messenger, step: str, chance: random.Random) -> dict:
    """The update of a step; a press is one of the newest button of that name, or of any, or its words where none is shown."""
    shown = [(each, key) for each in reversed(messenger.phone.screen) for key in each.keys if "callback_data" in key]
    named = [pair for pair in shown if pair[1]["text"].startswith(step)]
    if named:
        return messenger.phone.presses_again(*named[0])
    if step == "any" and shown:
        return messenger.phone.presses_again(*chance.choice(shown))
    return messenger.phone.says({"any": "/help", "Yes, pay": "yes", "Card": "card"}.get(step, step))


async def _pay_every_page(messenger: Messenger) -> None:
    """Pay behind every link that the chat ever showed, where a page opens."""
    links = [link for text in messenger.phone.texts for link in re.findall(r"http://remit/go/\S+", text)]
    for link in links:
        page = await messenger.world.browser.get(link)
        if page.status_code == 303:
            await messenger.world.pay_by_card(page.headers["location"], "4242424242424242")
    await messenger.settle()


async def _go_on_and_pay(messenger: Messenger, start: str) -> None:
    """No mix leads into a corner: the link opens the invoice still, and its payment is the only one."""
    for text in ("/cancel", start, "card"):
        await messenger.says(text)
    await messenger.presses(next(key["text"] for key in messenger.phone.screen[-1].keys if "Yes" in key["text"]))
    await _pay_every_page(messenger)
    assert [row["state"] for row in await messenger.world.book()].count("succeeded") == 1
    assert messenger.phone.texts[-1].startswith("Paid: ")


async def _press_every_old_yes(messenger: Messenger) -> None:
    """A yes under an earlier question than the last agrees to nothing: no two keyboards take one."""
    phone = messenger.phone
    asked = [(each, key) for each in phone.screen for key in each.keys if key.get("callback_data", "")[:7] == "/agree "]
    newest = asked[-1][1]["callback_data"] if asked else ""
    for shown, key in asked:
        if key["callback_data"] != newest:
            before = _begun(messenger)
            assert await messenger._told(phone.presses_again(shown, key))
            assert _begun(messenger) == before


def _begun(messenger: Messenger) -> int:
    with messenger.world.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM payment").scalar_one()


async def _press_the_last(messenger: Messenger) -> None:
    """The last keyboard on the screen works: an answer comes, and the keyboard goes."""
    phone = messenger.phone
    keyboards = [(each, key) for each in phone.screen for key in each.keys[:1] if "callback_data" in key]
    if keyboards:
        shown, key = keyboards[-1]
        told = await messenger._told(phone.presses_again(shown, key))
        assert told
        assert not told[0].startswith("That button belongs to an earlier question")
        assert shown.keys == []
