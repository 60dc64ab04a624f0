"""A customer pays in WhatsApp, with everything that can come between; every call is held against Meta's published limits."""

import pytest
from graph_api import SETTINGS, GraphApi
from texting import Texting
from world import World

from bot.stores.base import Button, Link, Message
from services.errors import Unavailable


async def test_an_invoice_is_paid_from_its_link_to_its_receipt(texting: Texting):
    hello, invoice = await texting.opens()
    assert "Hi, this is Green Lane Lawn Care." in hello
    assert "INV-1042: $120.00 to pay" in invoice
    (quote,) = await texting.presses("Card")
    assert quote.startswith("Please check: $120.00")
    (page,) = await texting.presses("Yes, pay $120.00")
    assert "Your secure page is ready" in page
    assert "http://remit/go/" in page
    (paid,) = await texting.pays()
    assert paid.startswith("Paid: $120.00 by Visa ending 4242")
    assert len(await texting.world.book()) == 1


async def test_a_decline_says_what_to_do_and_the_same_page_takes_another_card(texting: Texting):
    await texting.opens()
    await texting.presses("Card")
    await texting.presses("Yes, pay $120.00")
    (declined,) = await texting.pays("4000000000009995")
    assert "Nothing was charged" in declined
    (paid,) = await texting.pays()
    assert paid.startswith("Paid: $120.00")


async def test_a_correction_in_words_makes_a_new_quote_and_the_old_button_approves_nothing(texting: Texting):
    await texting.opens()
    await texting.presses("Card")
    old = texting.last()
    key = next(key for key in old.keys if key["title"] == "Yes, pay $120.00")
    (quote,) = await texting.says("make it 50")
    assert quote.startswith("Please check: $50.00")
    told = await texting.told(texting.phone.presses_again(old, key))
    assert told[0].startswith("That button belongs to an earlier question")
    assert await texting.world.book() == []


async def test_help_in_the_middle_and_a_cancellation(texting: Texting):
    await texting.opens()
    await texting.presses("Card")
    answer, quote = await texting.says("is it safe?")
    assert "Please don't type them into the chat" in answer
    assert quote.startswith("Please check: $120.00")
    (canceled,) = await texting.says("cancel")
    assert canceled == "Canceled. Nothing was charged."


async def _pays_by_bank(texting: Texting, account: str) -> None:
    await texting.opens()
    await texting.says("bank")
    await texting.says("yes")
    (processing,) = await texting.pays(account, "bank")
    assert "on its way" in processing


async def test_an_ach_return_days_later_knocks_by_the_template_and_is_told_once_the_customer_writes(texting: Texting):
    await _pays_by_bank(texting, "000111111113")
    assert await texting.days(12) == [
        "(template)"
    ]  # Meta takes no other message without one from the customer in a day
    told = await texting.says("what is it?")
    assert "did not go through" in told[0]
    assert sum("did not go through" in text for text in texting.phone.texts) == 1


async def test_an_ach_return_is_pushed_at_once_to_whoever_has_written_that_day(texting: Texting):
    await _pays_by_bank(texting, "000111111113")
    late: list[str] = []
    for _ in range(12):
        await texting.says("hello")
        late += await texting.later(hours=23)
    assert len(late) == 1
    assert "did not go through" in late[0]


@pytest.mark.parametrize(
    ("asked", "status"), [("Where is my payment?", "on its way"), ("¿Dónde está mi pago?", "camino")]
)
async def test_the_quick_reply_that_the_page_advises_for_the_template_is_understood(texting: Texting, asked, status):
    await _pays_by_bank(texting, "000123456789")
    pressed = texting.phone.message("button", button={"payload": asked, "text": asked})
    assert status in " ".join(await texting.told(pressed))


async def test_without_a_template_whoever_has_not_written_for_a_day_is_told_once_they_write(tmp_path):
    api = GraphApi()
    async with World(tmp_path, hosts={"graph": api}, whatsapp=SETTINGS | {"template": ""}) as world:
        texting = Texting(world, api)
        await _pays_by_bank(texting, "000111111113")
        assert await texting.days(12) == []
        assert "did not go through" in (await texting.says("hello"))[0]


async def test_spanish_is_answered_in_spanish(texting: Texting):
    told = await texting.says("hola, quiero pagar mi factura")
    assert told[0].startswith("¿Qué factura desea pagar?")


@pytest.mark.parametrize(
    "kind",
    [
        {"image": {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "yes"}},
        {"audio": {"id": "1", "mime_type": "audio/ogg", "voice": True}},
        {"sticker": {"id": "1", "mime_type": "image/webp", "animated": False}},
        {"location": {"latitude": 1.5, "longitude": 2.5}},
        {"text": {"body": "yes"}, "context": {"forwarded": True}},
        {"unsupported": {"type": "poll_creation"}, "errors": [{"code": 131051, "title": "Message type unknown"}]},
    ],
    ids=lambda kind: next(iter(kind)),
)
async def test_what_nobody_can_read_is_answered_and_agrees_to_nothing(texting: Texting, kind):
    await texting.opens()
    await texting.says("card")
    told = await texting.told(texting.phone.message(next(iter(kind)), **kind))
    assert told[0] == "I can only read what you write here yourself."
    assert told[1].startswith("Please check")
    assert await texting.world.book() == []


async def test_an_edited_message_is_not_taken_for_a_new_one(texting: Texting):
    await texting.opens()
    edit = {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "yes"}}}
    told = await texting.told(texting.phone.message("edit", edit=edit))
    assert told[0].startswith("I don't see changes to earlier messages")


async def test_a_thumb_up_is_no_yes_and_needs_no_answer(texting: Texting):
    await texting.opens()
    await texting.says("card")
    assert (
        await texting.told(texting.phone.message("reaction", reaction={"message_id": "wamid.1", "emoji": "👍"})) == []
    )
    assert await texting.world.book() == []


# --- how it looks ------------------------------------------------------------------------------------------------------


async def _shown(texting: Texting, message: Message, locale: str = "en"):
    outlet = next(line.outlet for line in texting.world.remit.deliverer._lines if line.outlet.prefix == "whatsapp:")
    before = len(texting.phone.screen)
    assert await outlet.send(texting.chat, message, locale) is None
    return texting.phone.screen[before:]


async def test_a_long_text_is_split_and_its_buttons_stand_under_the_last_piece(texting: Texting):
    text = "\n".join(f"• INV-{n}: $1.00, and more of it to be read here" for n in range(200))
    shown = await _shown(texting, Message(1, "bot", text, (Button("Pay", "/pay"),)))
    assert [bool(each.keys) for each in shown] == [False] * (len(shown) - 1) + [True]
    assert "\n".join(each.text for each in shown) == text
    assert len(await _shown(texting, Message(2, "bot", text, ()))) < len(shown)  # plain texts are longer


async def test_a_title_that_is_cut_is_readable_as_a_whole_below_it(texting: Texting):
    title = "Pay $120.00 of INV-1042 by bank account instead"
    (shown,) = await _shown(texting, Message(1, "bot", "How?", (Button(title, "/a"), Button("Card", "/b"))))
    assert shown.keys[0]["title"] == "Pay $120.00 of INV-1042…"
    assert [key.get("description") for key in shown.keys] == [title, None]


async def test_a_title_too_long_for_a_list_is_readable_in_the_text(texting: Texting):
    title = "The first of the two invoices of last March, which was for mowing and raking, $120.00"
    (shown,) = await _shown(texting, Message(1, "bot", "Which?", (Button(title, "/a"), Button("Card", "/b"))))
    assert shown.text == f"Which?\n{title}\nCard"


async def test_more_choices_than_a_list_has_rows_go_on_in_another(texting: Texting):
    choices = tuple(Button(f"INV-{number}", f"/invoice {number}") for number in range(23))
    shown = await _shown(texting, Message(1, "bot", "Which one?", choices), "es")
    assert [each.text for each in shown] == ["Which one?", "Elegir", "Elegir"]
    assert [key["id"] for each in shown for key in each.keys] == [choice.payload for choice in choices]


async def test_a_link_is_a_button_where_it_can_be_one(texting: Texting):
    link = Link("checkout", "https://pay.example/go/abc")
    (alone,) = await _shown(texting, Message(1, "bot", "Your page is ready.", (), link=link))
    assert (alone.kind, alone.text, alone.url) == ("cta_url", "Your page is ready.", link.url)
    (both,) = await _shown(texting, Message(2, "bot", "Your page.", (Button("Cancel", "/no"),), link=link))
    assert (both.kind, both.text) == ("button", f"Your page.\n{link.url}")
    local = Link("checkout", "http://remit/go/abc")
    (plain,) = await _shown(texting, Message(3, "bot", "Your page.", (), link=local))
    assert (plain.kind, plain.text) == ("text", f"Your page.\n{local.url}")


@pytest.mark.parametrize("kind", ["checkout", "document", "help", "hop"])
@pytest.mark.parametrize("locale", ["en", "es"])
async def test_every_link_has_a_button_in_every_language(texting: Texting, kind, locale):
    (shown,) = await _shown(texting, Message(1, "bot", "Here.", (), link=Link(kind, "https://pay.example/x")), locale)
    assert shown.url == "https://pay.example/x"


async def test_a_message_of_several_calls_that_broke_off_goes_on_with_the_call_that_failed(tmp_path):
    """`Pieces` is asked for by docs/adding-a-channel.md; without it the first lines came twice."""
    api = GraphApi()
    async with World(tmp_path, hosts={"graph": api}, whatsapp=SETTINGS) as world:
        texting = Texting(world, api)
        await texting.opens()
        (outlet,) = [line.outlet for line in world.remit.deliverer._lines]
        before = len(texting.phone.texts)
        long = Message(99, "bot", " ".join(f"word{n}" for n in range(1500)), ())
        calls = len(list(outlet._bodies(long, "en")))
        assert calls > 1
        real, tries = outlet._call, 0

        async def drops(chat, body):
            nonlocal tries
            tries += 1
            if tries == 2:
                raise Unavailable("the line dropped")
            return await real(chat, body)

        outlet._call = drops
        with pytest.raises(Unavailable):
            await outlet.send(texting.chat, long, "en")
        assert await outlet.send(texting.chat, long, "en") is None
        assert len(texting.phone.texts) - before == calls
