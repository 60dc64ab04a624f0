"""A customer pays in Telegram, with everything that can come between: each through the Bot API, with the calls looked at."""

from bot_api import Phone
from messenger import SECRET, Messenger, described

from bot.channels.base import split
from bot.channels.telegram import LONGEST_TEXT, name_of
from bot.stores.base import Button, Message


def test_calls_are_held_against_the_published_description(samples):
    known = described()
    assert known is not None
    assert {"sendMessage", "answerCallbackQuery", "deleteMessages"} <= known["methods"].keys()


async def test_an_invoice_is_paid_from_its_link_to_its_receipt(messenger: Messenger):
    hello, invoice = await messenger.opens()
    assert "Hi, this is Green Lane Lawn Care." in hello
    assert "INV-1042: $120.00 to pay" in invoice
    (quote,) = await messenger.presses("Card")
    assert quote.startswith("Please check: $120.00")
    (page,) = await messenger.presses("Yes, pay $120.00")
    assert "Your secure page is ready" in page
    assert "http://remit/go/" in page
    (paid,) = await messenger.pays()
    assert paid.startswith("Paid: $120.00 by Visa ending 4242")
    assert len(await messenger.world.book()) == 1


async def test_every_press_is_acknowledged_and_shows_what_was_chosen_where_the_buttons_were(messenger: Messenger):
    await messenger.opens()
    await messenger.presses("Card")
    await messenger.presses("Pay by bank account instead")
    assert len(messenger.calls("answerCallbackQuery")) == 2
    chosen = [text for text in messenger.phone.texts if "✓" in text]
    assert [text.rpartition("✓ ")[2] for text in chosen] == ["Card", "Pay by bank account instead"]
    assert [shown.text[:12] for shown in messenger.phone.screen if shown.keys] == ["Please check"]


async def test_a_decline_says_what_to_do_and_the_same_page_takes_another_card(messenger: Messenger):
    await messenger.opens()
    await messenger.presses("Card")
    await messenger.presses("Yes, pay $120.00")
    (declined,) = await messenger.pays("4000000000009995")
    assert "Nothing was charged" in declined
    (paid,) = await messenger.pays()
    assert paid.startswith("Paid: $120.00")


async def test_a_correction_in_words_makes_a_new_quote_and_the_old_button_approves_nothing(messenger: Messenger):
    await messenger.opens()
    await messenger.presses("Card")
    old = next(shown for shown in messenger.phone.screen if shown.text.startswith("Please check"))
    key = next(key for key in old.keys if key["text"] == "Yes, pay $120.00")
    (quote,) = await messenger.says("make it 50")
    assert quote.startswith("Please check: $50.00")
    told = await messenger._told(messenger.phone.presses_again(old, key))
    assert told[0].startswith("That button belongs to an earlier question")
    assert await messenger.world.book() == []


async def test_a_cancellation_and_help_in_the_middle(messenger: Messenger):
    await messenger.opens()
    await messenger.presses("Card")
    answer, quote = await messenger.says("is it safe?")
    assert "Please don't type them into the chat" in answer
    assert quote.startswith("Please check: $120.00")
    (canceled,) = await messenger.says("/cancel")
    assert canceled == "Canceled. Nothing was charged."


async def test_an_ach_return_days_later_is_pushed(messenger: Messenger):
    await messenger.opens()
    await messenger.says("bank")
    await messenger.says("yes")
    (processing,) = await messenger.pays("000111111113", "bank")
    assert "on its way" in processing
    seen = len(messenger.phone.texts)
    for _ in range(12):
        await messenger.world.wait(days=1)
        await messenger.settle()
    late = messenger.phone.texts[seen:]
    assert len(late) == 1
    assert "did not go through" in late[0]


async def test_spanish_is_spoken_to_a_spanish_phone_and_chosen_by_the_command(messenger: Messenger):
    messenger.phone = Phone(messenger.api, 777002, "es")
    hello, _ = await messenger.opens()
    assert hello.startswith("Hola")
    (which,) = await messenger.says("/language")
    assert which == "¿En qué idioma hablamos?"
    told = await messenger.presses("English")
    assert any("INV-1042" in text and "How would you like to pay?" in text for text in told)


async def test_what_nobody_can_read_is_answered_and_the_question_stays(messenger: Messenger):
    await messenger.opens()
    photo = [{"file_id": "a", "file_unique_id": "b", "width": 90, "height": 90}]
    voice = {"file_id": "a", "file_unique_id": "b", "duration": 3}
    kinds = ({"photo": photo}, {"voice": voice}, {"location": {"latitude": 1.5, "longitude": 2.5}})
    for kind in kinds:
        told = await messenger._told(messenger.phone.message(**kind))
        assert told[0] == "I can only read what you write here yourself."
        assert "How would you like to pay?" in told[1]


async def test_a_forwarded_yes_agrees_to_nothing(messenger: Messenger):
    await messenger.opens()
    await messenger.says("card")
    origin = {"type": "hidden_user", "date": 1772465400, "sender_user_name": "Somebody"}
    told = await messenger._told(messenger.phone.message(text="yes", forward_origin=origin))
    assert told[0] == "I can only read what you write here yourself."
    assert await messenger.world.book() == []


async def test_an_edited_message_is_not_taken_for_a_new_one(messenger: Messenger):
    await messenger.opens()
    update = messenger.phone.says("card")
    await messenger._told(update)
    edited = messenger.phone._numbered(edited_message=update["message"] | {"text": "yes", "edit_date": 1772465500})
    told = await messenger._told(edited)
    assert told[0].startswith("I don't see changes to earlier messages")
    assert await messenger.world.book() == []


async def test_in_a_group_it_says_where_it_takes_payments_and_nothing_else(messenger: Messenger):
    group = {"id": -1001234567890, "type": "supergroup", "title": "Neighbors"}
    await messenger.deliver(
        messenger.phone._numbered(message=messenger.phone.says("/pay")["message"] | {"chat": group})
    )
    await messenger.deliver(
        messenger.phone._numbered(message=messenger.phone.says("hello")["message"] | {"chat": group})
    )
    await messenger.settle()
    assert [told["chat_id"] for told in messenger.calls("sendMessage")] == [group["id"]]
    assert messenger.calls("sendMessage")[0]["text"].startswith("I take payments in private only.")


async def test_a_card_number_is_taken_out_of_the_chat_and_written_down_nowhere(messenger: Messenger):
    await messenger.opens()
    told = await messenger.says("my card is 4242 4242 4242 4242 exp 12/29")
    assert "4242 4242" not in "".join(shown.text for shown in messenger.phone.screen)
    assert len(messenger.calls("deleteMessages")) == 1
    assert told
    for file in messenger.world.folder.iterdir():
        assert b"4242 4242" not in file.read_bytes(), file.name


async def test_a_card_number_in_pieces_is_taken_out_of_the_chat_with_its_last_piece(messenger: Messenger):
    await messenger.opens()
    for piece in ("4000 0566", "5566", "5556"):
        await messenger.says(piece)
    left = [shown.text for shown in messenger.phone.screen if not shown.ours]
    assert not {"4000 0566", "5566", "5556"} & set(left)
    rows = messenger.world.engine.connect().exec_driver_sql("SELECT text FROM telegram_update").scalars().all()
    assert set(rows) == {""}


async def test_a_long_text_is_split_and_its_buttons_stand_under_the_last_piece(messenger: Messenger):
    telegram = messenger.world.remit.telegram._telegram
    text = "\n".join(f"• INV-{n}: <b>$1.00</b> & *more* _for_ [you](tg://user?id=1)" for n in range(200))
    await telegram.send(name_of(messenger.phone.chat), Message(1, "bot", text, (Button("Pay", "/pay"),)), "en")
    shown = [each for each in messenger.phone.screen if each.ours]
    assert len(shown) == len(split(text, LONGEST_TEXT)) > 1
    assert [bool(each.keys) for each in shown] == [False] * (len(shown) - 1) + [True]
    assert "\n".join(each.text for each in shown) == text  # no sign of it is taken for markup
    assert all("parse_mode" not in told for told in messenger.calls("sendMessage"))


async def test_the_commands_are_named_in_each_language(messenger: Messenger):
    await messenger.world.remit.telegram._set_up("https://pay.example/webhooks/telegram", ("en", "es"))
    told = messenger.calls("setMyCommands")
    assert [each.get("language_code") for each in told] == [None, "es"]
    names = ["pay", "invoices", "status", "methods", "human", "cancel", "language", "help"]
    assert [[one["command"] for one in each["commands"]] for each in told] == [names, names]
    assert messenger.api.webhook["secret_token"] == SECRET


async def test_every_command_is_understood(messenger: Messenger):
    for command in ("pay", "invoices", "status", "methods", "human", "cancel", "language", "help"):
        told = await messenger.says(f"/{command}@green_lane_bot")
        assert told, command
        assert "Sorry, I didn't get that." not in told, command
