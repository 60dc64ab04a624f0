"""Faults between us and Telegram: what is no answer of the Bot API, what nobody knows yet, and deletions that fail."""

import asyncio
import contextlib

import httpx
import pytest
from aiogram.exceptions import TelegramNetworkError
from bot_api import TOKEN, BotApi, Phone, encoded
from messenger import Messenger
from starlette.responses import HTMLResponse, JSONResponse

from bot.channels.telegram import Said, Telegram, name_of, read
from bot.stores.base import Message
from services import telegram_updates
from services.errors import Malformed, Uncertain

CARD = "my card is 4242 4242 4242 4242 exp 12/29"
WORDS = "my name is Dana"  # a log shows the lines of code


async def _gateway(scope, receive, send):
    """A proxy before Telegram that is in trouble: HTML, and no answer of the Bot API."""
    await HTMLResponse("<html>502 Bad Gateway for 4242 4242 4242 4242</html>", 502)(scope, receive, send)


def _telegram(app) -> Telegram:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
    return Telegram(http, TOKEN, "http://telegram", lambda key, _: key)


async def test_a_gateway_that_answers_in_html_is_a_failure_that_is_tried_again():
    telegram = _telegram(_gateway)
    for call in (
        telegram.send(name_of(7), Message(1, "bot", "hi", ()), "en"),
        telegram.updates(0, 0),
        telegram.set_up("", "", ("en",)),
    ):
        with pytest.raises(Uncertain):
            await call
    await telegram.typing(7)  # a courtesy breaks nothing


async def test_an_update_that_the_library_cannot_read_hides_none_of_the_others(caplog):
    api = BotApi()
    unread = {"update_id": 5, "message": {"text": "4242 4242 4242 4242"}}
    api.updates = [unread, Phone(api).says("hello")]
    found = await _telegram(api).updates(0, 0)
    assert [number for number, _ in found] == [5, 1001]
    with pytest.raises(Malformed) as told:
        read(found[0][1])
    assert "4242" not in str(told.value) + caplog.text
    assert isinstance(read(found[1][1]), Said)


async def test_what_was_sent_is_not_sent_again_because_its_answer_is_too_new_to_be_read():
    async def newer(scope, receive, send):
        await JSONResponse({"ok": True, "result": {"message_id": "of a kind to come"}})(scope, receive, send)

    assert await _telegram(newer).send(name_of(7), Message(1, "bot", "hi", ()), "en") is None


async def test_polling_goes_on_after_a_gateway_was_in_trouble(messenger: Messenger):
    intake, telegram = messenger.world.remit.telegram, messenger.world.remit.telegram._telegram
    calls, real = [], telegram._bot.session._http

    class Flaky:
        """The first question for updates meets a proxy in trouble."""

        timeout = real.timeout

        async def post(self, url, **how):
            if url.endswith("getUpdates"):
                calls.append(url)
                if len(calls) == 1:
                    return httpx.Response(502, text="<html>bad gateway</html>")
            return await real.post(url, **how)

    telegram._bot.session._http = Flaky()
    intake._pause = lambda _s: asyncio.sleep(0.01)
    messenger.api.updates = [messenger.phone.says("hello")]
    task = asyncio.create_task(intake._keep_polling())
    await asyncio.sleep(1)
    died = task.done()
    task.cancel()
    with contextlib.suppress(BaseException):
        await task
    assert not died
    await messenger.settle()
    assert messenger.phone.texts


async def test_polling_hears_updates_that_are_numbered_anew_after_a_quiet_week(messenger: Messenger):
    """Bot API, Update.update_id: after a week without updates the next number is chosen at random."""
    intake = messenger.world.remit.telegram
    intake._pause = lambda _s: asyncio.sleep(0.01)
    first = messenger.phone.says("hello")
    first["update_id"] = 900_000
    messenger.api.updates = [first]
    task = asyncio.create_task(intake._keep_polling())
    await asyncio.sleep(1)
    await messenger.settle()
    messenger.world.clock.advance(days=9)
    await messenger.world.remit.transact(lambda conn: telegram_updates.prune(conn, messenger.world.clock()))
    later = messenger.phone.says("what do i owe?")
    assert later["update_id"] < 900_000
    seen = len(messenger.phone.texts)
    messenger.api.updates = [later]
    await asyncio.sleep(1)
    await messenger.settle()
    task.cancel()
    with contextlib.suppress(BaseException):
        await task
    assert len(messenger.phone.texts) > seen


async def test_a_card_number_goes_from_the_chat_though_telegram_was_away_when_it_came(messenger: Messenger):
    await messenger.opens()
    messenger.api.fails = ["deleteMessages"]
    await messenger.says(CARD)
    assert "4242 4242" in "".join(shown.text for shown in messenger.phone.screen)
    seen = list(messenger.phone.texts)
    await messenger.world.remit.telegram.answer_pending(name_of(messenger.phone.chat))  # as the look-out does
    await messenger.settle()
    assert messenger.phone.texts == seen  # and it is answered once
    assert "4242 4242" not in "".join(shown.text for shown in messenger.phone.screen)


async def test_a_card_number_goes_from_the_chat_though_the_process_died_after_writing_it_down(messenger: Messenger):
    await messenger.opens()
    intake = messenger.world.remit.telegram
    intake._beside = lambda work: work.close()  # whatever was begun dies with the process
    chat = await intake.take(encoded(messenger.phone.says(CARD)))
    messenger.world.crash()
    await messenger.world.remit.telegram.answer_pending(chat)
    await messenger.settle()
    assert "4242 4242" not in "".join(shown.text for shown in messenger.phone.screen)


async def test_a_number_in_a_caption_goes_too_though_telegram_was_away(messenger: Messenger):
    await messenger.opens()
    messenger.api.fails = ["deleteMessages"]
    photo = [{"file_id": "a", "file_unique_id": "b", "width": 90, "height": 90}]
    update = messenger.phone.message(photo=photo, caption=CARD)
    told = await messenger._told(update)
    assert told[0] == "I can only read what you write here yourself."
    shown = update["message"]["message_id"]
    assert shown in [each.id for each in messenger.phone.screen]
    await messenger.world.remit.telegram.answer_pending(name_of(messenger.phone.chat))
    assert shown not in [each.id for each in messenger.phone.screen]
    await messenger.settle()
    assert messenger.phone.texts.count("I can only read what you write here yourself.") == 1


async def test_a_press_is_acknowledged_though_its_update_came_again_after_a_crash(messenger: Messenger):
    await messenger.opens()
    update = messenger.phone.presses("Card")
    intake = messenger.world.remit.telegram
    intake._beside = lambda work: work.close()
    await intake.take(encoded(update))
    messenger.world.crash()
    assert await messenger.deliver(update) == 200
    await messenger.settle()
    assert len(messenger.calls("answerCallbackQuery")) == 1


async def test_a_long_message_goes_on_with_the_part_that_failed(messenger: Messenger):
    telegram = messenger.world.remit.telegram._telegram
    long = Message(1, "bot", "\n".join(f"line {nth}" for nth in range(1200)), ())
    parts: list[str] = []
    real = telegram._bot.send_message

    async def flaky(chat, text, **how):
        parts.append(text)
        if len(parts) == 2:
            raise TelegramNetworkError(None, "dropped")
        return await real(chat, text, **how)

    telegram._bot.send_message = flaky
    with pytest.raises(Uncertain):
        await telegram.send(name_of(messenger.phone.chat), long, "en")
    assert await telegram.send(name_of(messenger.phone.chat), long, "en") is None
    assert "\n".join(messenger.phone.texts) == long.text
    changed = Message(1, "bot", "rewritten", ())
    assert await telegram.send(name_of(messenger.phone.chat), changed, "en") is None
    assert messenger.phone.texts[-1] == "rewritten"


async def test_who_comes_back_hears_at_once_what_was_said_meanwhile(messenger: Messenger):
    rung: list[str] = []
    messenger.world.remit.bell.tap(rung.append)
    me, chat = messenger.phone._me(), {"id": messenger.phone.chat, "type": "private", "first_name": "Dana"}
    bot = {"id": 123456, "is_bot": True, "first_name": "Green Lane"}
    for old, new, rings in (("member", "kicked", 0), ("kicked", "member", 1)):
        change = {
            f"{when}_chat_member": {"user": bot, "status": status} for when, status in (("old", old), ("new", new))
        }
        for member in change.values():
            if member["status"] == "kicked":
                member["until_date"] = 0
        change |= {"chat": chat, "from": me, "date": 1772465400}
        assert await messenger.deliver(messenger.phone._numbered(my_chat_member=change)) == 200
        assert rung == [name_of(messenger.phone.chat)] * rings


async def test_a_bug_at_one_update_ends_no_polling_and_is_told_without_its_words(messenger: Messenger, caplog):
    intake = messenger.world.remit.telegram
    intake._pause = lambda _s: asyncio.sleep(0.01)
    take = intake.take

    async def breaks(body):
        if b"break" in body:
            raise KeyError(WORDS)
        return await take(body)

    intake.take = breaks
    messenger.api.updates = [messenger.phone.says("break"), messenger.phone.says("hello")]
    task = asyncio.create_task(intake._keep_polling())
    await asyncio.sleep(0.5)
    died = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await messenger.settle()
    assert not died
    assert len(messenger.phone.texts) == 1
    assert "an update broke what takes it in" in caplog.text
    assert "Dana" not in caplog.text


async def test_a_bug_beside_an_answer_is_told_without_its_words(messenger: Messenger, caplog):
    intake = messenger.world.remit.telegram

    async def breaks(_chat):
        raise KeyError(WORDS)

    intake.answer_pending = breaks
    assert await messenger.deliver(messenger.phone.says("hello")) == 200
    await intake.drain()
    assert "an update waits" in caplog.text
    assert "KeyError" in caplog.text
    assert "Dana" not in caplog.text
