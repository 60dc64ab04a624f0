"""A customer pays in Chatwoot: by buttons and by words, with everything that can come between."""

from deskside import ChatwootWorld, Office

from bot.channels.chatwoot import Chatwoot
from bot.stores.base import Link, Message
from services.http import Remote


async def test_an_invoice_is_paid_by_buttons_from_its_link_to_its_receipt(office: Office):
    hello, invoice = await office.opens()
    assert "Hi, this is Green Lane Lawn Care." in hello
    assert "INV-1042: $120.00 to pay" in invoice
    (quote,) = await office.presses("Card")
    assert quote.startswith("Please check: $120.00")
    (page,) = await office.presses("Yes, pay $120.00")
    assert "Your secure page is ready" in page
    (paid,) = await office.pays()
    assert paid.startswith("Paid: $120.00 by Visa ending 4242")
    assert [row["state"] for row in await office.world.book()] == ["succeeded"]


async def test_an_invoice_is_paid_by_words(office: Office):
    (asked,) = await office.says("I want to pay INV-1042")
    assert "zip" in asked.lower()
    assert any("How would you like to pay?" in text for text in await office.says("94107"))
    (quote,) = await office.says("by card please")
    assert quote.startswith("Please check: $120.00")
    (page,) = await office.says("yes")
    assert "/go/" in page
    (paid,) = await office.pays()
    assert paid.startswith("Paid: $120.00")


async def test_messages_go_out_as_lists_to_select_from_and_as_plain_texts(office: Office):
    await office.opens()
    sent = [told for path, told in office.desk.calls if path == "messages"]
    assert [told.get("content_type") for told in sent] == [None, "input_select"]
    assert all(told["message_type"] == "outgoing" and told["private"] is False for told in sent)
    titles = [item["title"] for item in sent[-1]["content_attributes"]["items"]]
    assert titles[:2] == ["Card", "Bank account (ACH)"]


async def test_a_decline_says_what_to_do_and_the_same_page_takes_another_card(office: Office):
    await office.opens()
    await office.presses("Card")
    await office.presses("Yes, pay $120.00")
    (declined,) = await office.pays("4000000000009995")
    assert "Nothing was charged" in declined
    (paid,) = await office.pays()
    assert paid.startswith("Paid: $120.00")


async def test_a_correction_makes_a_new_quote_and_the_old_button_approves_nothing(office: Office):
    await office.opens()
    await office.presses("Card")
    (quote,) = await office.says("make it 50")
    assert quote.startswith("Please check: $50.00")
    told = await office.presses("Yes, pay $120.00")
    assert told[0].startswith("That button belongs to an earlier question")
    assert await office.world.book() == []


async def test_a_picture_is_answered_and_the_question_stays(office: Office):
    await office.opens()
    told = await office.says(None)
    assert told[0] == "I can only read what you write here yourself."
    assert "How would you like to pay?" in told[1]


async def test_a_spanish_browser_is_spoken_to_in_spanish(tmp_path):
    async with ChatwootWorld(tmp_path) as world:
        office = Office(world, language="es-MX")
        hello, _ = await office.opens()
        assert hello.startswith("Hola")


async def test_two_conversations_are_two(office: Office):
    other = Office(office.world, 8)
    await office.opens()
    (hello,) = await other.says("hello")
    assert "INV-1042" not in hello
    assert office.desk.calls[-1][1]["content"] == hello


async def test_a_link_stays_a_link_where_underscores_set_text_in_italics(office: Office):
    """Chatwoot takes messages for Markdown."""
    remote = Remote(
        "Chatwoot",
        office.world.http,
        "http://chatwoot.test/api/v1/accounts/1",
        "token-of-the-agent-bot",
        header="api_access_token",
    )
    outlet = Chatwoot(remote, office.world.remit.transact, office.world.clock)
    link = Link("checkout", "http://remit/go/-_a_-")
    assert await outlet.send(office.chat, Message(1, "bot", "Ready.", (), link=link), "en") is None
    assert office.texts == ["Ready.\nhttp://remit/go/-%5Fa%5F-"]


async def test_a_link_works_as_it_is_written_there(office: Office):
    for _ in range(100):  # until a token has an underscore
        if "_" in (token := await office.world.link("INV-1042")):
            answer = await office.world.browser.get(f"http://remit/i/{token.replace('_', '%5F')}")
            assert (answer.status_code, "INV-1042" in answer.text) == (200, True)
            return
    raise AssertionError("no token had an underscore")


async def test_an_ach_return_days_later_is_pushed(office: Office):
    await office.opens()
    await office.presses("Bank account (ACH)")
    await office.says("yes")
    (processing,) = await office.pays("000111111113", "bank")
    assert "on its way" in processing
    seen = len(office.texts)
    for _ in range(12):
        await office.world.wait(days=1)
        await office.settle()
    late = office.texts[seen:]
    assert len(late) == 1
    assert "did not go through" in late[0]
