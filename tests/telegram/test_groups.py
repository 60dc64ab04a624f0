"""In a group: what is asked there is answered once, and a number is taken out where Telegram lets us, and kept nowhere."""

import asyncio

import pytest
from bot_api import Shown, encoded
from messenger import Messenger

from bot.channels.telegram import name_of

GROUP = {"id": -1001234567890, "type": "supergroup", "title": "Neighbors"}
CARD = "4242 4242 4242 4242"


def said(messenger: Messenger, text: str, **other: object) -> dict:
    """What somebody says in the group."""
    number = messenger.api.number()
    messenger.api.chats.setdefault(GROUP["id"], []).append(Shown(number, text, ours=False))
    message = {"message_id": number, "date": 1772465400, "chat": GROUP, "from": messenger.phone._me(), "text": text}
    return messenger.phone._numbered(message=message | other)


def shown(messenger: Messenger) -> list[str]:
    return [each.text for each in messenger.api.chats.get(GROUP["id"], [])]


def kept(messenger: Messenger) -> str:
    """Everything that is in a file."""
    return "\n".join(file.read_bytes().decode(errors="replace") for file in messenger.world.folder.iterdir())


async def test_what_is_asked_in_a_group_is_answered_once_however_often_it_comes(messenger: Messenger):
    update = said(messenger, "/pay@green_lane_bot")
    for _ in range(3):
        assert await messenger.deliver(update) == 200
        await messenger.settle()
    messenger.world.crash()
    assert await messenger.deliver(update) == 200
    await messenger.settle()
    assert sum(text.startswith("I take payments in private only.") for text in shown(messenger)) == 1
    assert messenger.world.engine.connect().exec_driver_sql("SELECT count(*) FROM delivery").scalar() == 0


async def test_telegram_hears_that_it_arrived_before_a_group_is_answered(messenger: Messenger, monkeypatch):
    slow = asyncio.Event()
    real = messenger.world.remit.telegram._telegram.say_elsewhere

    async def says(chat, locale):
        await slow.wait()
        await real(chat, locale)

    monkeypatch.setattr(messenger.world.remit.telegram._telegram, "say_elsewhere", says)
    async with asyncio.timeout(5):
        assert await messenger.deliver(said(messenger, "/pay")) == 200
    slow.set()
    await messenger.settle()
    assert len(messenger.calls("sendMessage")) == 1


async def test_it_is_answered_though_the_process_died_after_writing_it_down(messenger: Messenger):
    chat = await messenger.world.remit.telegram.take(encoded(said(messenger, "/pay")))
    assert chat == name_of(GROUP["id"])
    messenger.world.crash()
    await messenger.world.remit.telegram.answer_pending(chat)
    assert len(messenger.calls("sendMessage")) == 1


@pytest.mark.parametrize("text", [f"my card is {CARD}", f"/pay {CARD}"])
async def test_a_card_number_in_a_group_is_taken_out_of_it_and_written_down_nowhere(messenger: Messenger, text):
    await messenger.deliver(said(messenger, text))
    await messenger.settle()
    assert CARD not in "".join(shown(messenger))
    assert len(messenger.calls("deleteMessages")) == 1
    assert len(messenger.calls("sendMessage")) == text.startswith("/")  # talk among others is not answered
    assert CARD not in kept(messenger)


async def test_a_number_that_an_edit_or_a_caption_brings_into_a_group_goes_as_well(messenger: Messenger):
    update = said(messenger, "hello")
    edited = update["message"] | {"text": f"hello {CARD}", "edit_date": 1772465500}
    await messenger.deliver(messenger.phone._numbered(edited_message=edited))
    photo = [{"file_id": "a", "file_unique_id": "b", "width": 90, "height": 90}]
    pictured = said(messenger, "(picture)", photo=photo, caption=CARD)
    del pictured["message"]["text"]
    await messenger.deliver(pictured)
    await messenger.settle()
    deleted = [number for told in messenger.calls("deleteMessages") for number in told["message_ids"]]
    assert deleted == [update["message"]["message_id"], pictured["message"]["message_id"]]
    assert messenger.calls("sendMessage") == []
    assert CARD not in kept(messenger)


async def test_a_number_goes_from_a_group_though_telegram_was_away_and_nothing_is_said_twice(messenger: Messenger):
    messenger.api.fails = ["deleteMessages"]
    await messenger.deliver(said(messenger, f"/pay {CARD}"))
    await messenger.settle()
    assert CARD in "".join(shown(messenger))
    for _ in range(2):  # as the look-out does
        await messenger.world.remit.telegram.answer_pending(name_of(GROUP["id"]))
    assert CARD not in "".join(shown(messenger))
    assert len(messenger.calls("sendMessage")) == 1


async def test_where_the_bot_may_delete_nothing_it_asks_once_and_goes_on(messenger: Messenger):
    messenger.api.not_ours = {GROUP["id"]}
    await messenger.deliver(said(messenger, f"/pay {CARD}"))
    await messenger.settle()
    await messenger.world.remit.telegram.answer_pending(name_of(GROUP["id"]))
    assert len(messenger.calls("deleteMessages")) == 1
    assert len(messenger.calls("sendMessage")) == 1
    assert CARD not in kept(messenger)


async def test_talk_in_a_group_is_neither_answered_nor_written_down(messenger: Messenger):
    await messenger.deliver(said(messenger, "did you see the game?"))
    await messenger.settle()
    assert messenger.calls("sendMessage") == []
    assert messenger.world.engine.connect().exec_driver_sql("SELECT count(*) FROM telegram_update").scalar() == 0


async def test_an_edited_command_in_a_group_is_not_answered_again(messenger: Messenger):
    update = said(messenger, "/pay")
    await messenger.deliver(update)
    edited = update["message"] | {"text": "/pay please", "edit_date": 1772465500}
    await messenger.deliver(messenger.phone._numbered(edited_message=edited))
    await messenger.settle()
    assert len(messenger.calls("sendMessage")) == 1
