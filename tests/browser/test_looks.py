"""How the widget looks and behaves to anybody: accessibility in every state, small screens, other languages, hostile texts.

Where a state is hard to reach, the server's part is played by a scripted event stream.
"""

import gzip
import json
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from bot.pages.static import without_comments
from services.model import Money, exponent
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, Visitor, shoot
from tests.browser.person import GOOD, POOR, Chat, fill_card

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDGET = Path(__file__).parents[2] / "bot" / "pages" / "widget.js"
LARGEST = 15_000  # bytes, gzipped


async def play(visitor: Visitor, url: str, messages: list[dict[str, object]]) -> Page:
    """Open a page whose widget is answered with these messages, and with nothing else."""

    async def begin(route: Route) -> None:
        await route.fulfill(status=201, json={"id": "c1", "token": "t1", "messages": []})

    async def tell(route: Route) -> None:
        lines = [f"id: {m['seq']}\nevent: message\ndata: {json.dumps(m)}\n\n" for m in messages]
        await route.fulfill(status=200, headers={"Content-Type": "text/event-stream"}, body="".join(lines))

    await visitor.context.route("**/api/v1/conversations", begin)
    await visitor.context.route("**/api/v1/conversations/c1/events", tell)
    return await visitor.page(url)


# --- accessibility ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_no_state_of_the_widget_shuts_anybody_out(house, visit, viewport):
    found: dict[str, list[str]] = {}

    async with visit(viewport=viewport) as visitor:
        chat = Chat(await visitor.page(f"{house.shop}?pay_link={await house.token(house.number())}"))

        async def look_at(state: str) -> None:
            await chat.page.mouse.move(1, 1)
            for scheme in ("light", "dark"):
                await chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                await shoot(chat.page, f"look-{'phone' if viewport is PHONE else 'desktop'}-{scheme}-{state}")
                if lines := await violations(chat.page):
                    found[f"{state} {scheme}"] = lines

        await look_at("1-closed")
        await chat.launcher.click()
        await chat.hear("How would you like to pay?")
        await look_at("2-open")
        await chat.press("Card")
        await chat.hear("Please check")
        await look_at("3-quote")
        await chat.say("yes")
        await chat.link.wait_for()
        await look_at("4-link")
        hosted = await visitor.page(str(await chat.link.get_attribute("href")))
        await fill_card(hosted, POOR)
        await chat.hear("not enough money")
        await look_at("5-declined")
        await fill_card(hosted, GOOD)
        await chat.hear("Paid: $120.00")
        await look_at("6-receipt")
        await visitor.context.set_offline(offline=True)
        await chat.say("thank you")
        await expect(chat.log.get_by_text("Waiting for the connection")).to_be_visible()
        await look_at("7-offline")
    assert found == {}


async def test_the_full_page_chat_shuts_nobody_out(house, visit):
    async with visit(viewport=DESKTOP) as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear("What can I do for you?")
        await shoot(chat.page, "look-page-desktop")
        assert await violations(chat.page) == []


async def test_nothing_hangs_over_the_edge_at_320_pixels_or_400_percent(house, visit):
    async with visit(viewport={"width": 320, "height": 256}) as visitor:  # 1280 x 1024 at 400 %
        for address in (house.shop, f"{house.chat}/chat"):
            chat = Chat(await visitor.page(address))
            if await chat.launcher.is_visible():
                await chat.launcher.click()
            await chat.hear("What can I do for you?")
            await shoot(chat.page, f"look-320-{'chat' if address.endswith('/chat') else 'shop'}")
            assert await chat.page.evaluate("document.documentElement.scrollWidth") <= 320
            assert await chat.log.evaluate("(log) => log.scrollWidth - log.clientWidth") <= 0
            assert await chat.log.evaluate("(log) => log.clientHeight") >= 80


async def test_what_is_pressed_with_a_finger_is_large_enough(house, visit):
    # without motion: what is measured has to stand still
    async with visit(viewport=PHONE, has_touch=True, reduced_motion="reduce") as visitor:
        chat = Chat(await visitor.page(house.shop))
        sizes = [await chat.launcher.bounding_box()]
        await chat.launcher.click()
        await chat.hear("What can I do for you?")
        sizes += [await each.bounding_box() for each in await chat.page.locator("remit-chat button:visible").all()]
        small = [size for size in sizes if not size or size["width"] < 44 or size["height"] < 44]
        assert not small


async def test_a_screen_reader_hears_answers_in_turn_and_notices_at_once(house, visit):
    async with visit() as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat?i={await house.token(house.number())}"))
        hosted = await visitor.page(await chat.agree())
        log = chat.page.get_by_role("log")
        assert await log.get_attribute("aria-live") == "polite"
        assert await log.get_by_role("alert").count() == 0
        await fill_card(hosted, GOOD)
        await expect(log.get_by_role("alert")).to_contain_text("Paid: $120.00")
        await chat.page.reload()
        await chat.hear("Paid: $120.00")
        assert await log.get_by_role("alert").count() == 0, "old news are not told again as new"


# --- languages -------------------------------------------------------------------------------------------------------


async def test_the_widgets_own_words_are_spanish_on_a_spanish_page(house, visit):
    async with visit() as visitor:
        page = await visitor.page(f"{house.shop}?lang=es")
        await page.get_by_role("button", name="Abrir el chat").click()
        await expect(page.get_by_role("textbox", name="Su mensaje")).to_be_focused()
        await expect(page.get_by_role("button", name="Cerrar el chat")).to_be_visible()


async def test_on_a_right_to_left_page_the_chat_stands_on_the_left(house, visit):
    async with visit() as visitor:
        page = await visitor.page(f"{house.shop}?dir=rtl")
        chat = Chat(page)
        await chat.launcher.click()
        await chat.hear("What can I do for you?")
        await shoot(page, "look-rtl-desktop")
        panel = await page.locator("remit-chat .panel").bounding_box()
        assert panel is not None
        assert panel["x"] < 32
        assert await chat.log.evaluate("(log) => log.scrollWidth - log.clientWidth") <= 0


async def test_sums_have_the_decimals_of_their_currency_to_the_last_digit(house, visit):
    currencies = ["USD", "EUR", "JPY", "KRW", "BHD", "IQD", "CLF", "HUF", "UGX", "RSD"]
    sums = [Money(minor, c) for c in currencies for minor in (0, 5, 36000, 1234567, 2**53 - 1, -2500)]
    told: list[dict[str, object]] = [
        {"seq": n, "from": "bot", "text": "", "card": {"kind": "invoice", "number": "N", "state": "open"} | owed(money)}
        for n, money in enumerate(sums, 1)
    ]
    async with visit() as visitor:
        page = await play(visitor, f"{house.chat}/chat", told)
        await expect(page.locator("remit-chat .sum")).to_have_count(len(sums))
        shown = await page.locator("remit-chat .sum").all_inner_texts()
    for money, text in zip(sums, shown, strict=True):
        assert digits(text) == digits(str(money)), f"{text} is not {money}"
        assert len(text.partition(".")[2]) == exponent(money.currency)
        assert ("\u2212" in text) == (money.minor < 0)


def owed(money: Money) -> dict[str, object]:
    sums = dict.fromkeys(("total_minor", "due_minor"), money.minor)
    return {"currency": money.currency, "due_date": None, "processing_minor": 0} | sums


def digits(text: str) -> str:
    return "".join(ch for ch in text if ch.isdigit())


# --- hostile texts -----------------------------------------------------------------------------------------------------

MARKUP = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script><b>bold</b>'
BIDI = "\u202epay \u2066nothing\u2069 now\u202c"
LONG = "W" * 10_000


async def test_hostile_texts_stay_text_wherever_they_stand(house, visit):
    card = {"kind": "invoice", "number": MARKUP, "state": MARKUP, "currency": "USD", "total_minor": 2, "due_minor": 1}
    receipt = {"kind": "receipt", "reference": LONG, "state": "constructor", "currency": "USD", "amount_minor": 1}
    messages: list[dict[str, object]] = [
        {"seq": 1, "from": "bot", "text": MARKUP, "choices": [{"title": MARKUP, "payload": "/x"}]},
        {"seq": 2, "from": "agent", "text": BIDI},
        {
            "seq": 3,
            "from": "notice",
            "text": LONG,
            "link": {"kind": "checkout", "url": "javascript:document.title='owned'"},
        },
        {"seq": 4, "from": "bot", "text": "card", "card": card | {"processing_minor": 0, "due_date": None}},
        {
            "seq": 5,
            "from": "bot",
            "text": "receipt",
            "card": receipt
            | {"method": MARKUP, "brand": MARKUP, "last4": LONG, "invoices": BIDI, "at": "2026-03-02T15:30:00+00:00"},
        },
        {"seq": 6, "from": "bot", "text": "the end"},
    ]
    async with visit(viewport=PHONE) as visitor:
        page = await play(visitor, f"{house.chat}/chat", messages)
        chat = Chat(page)
        await chat.hear("the end")
        assert await page.title() == "Green Lane Lawn Care"
        assert await page.locator("remit-chat img, remit-chat b, remit-chat script").count() == 0
        assert await chat.link.count() == 0
        assert await chat.rows("bot").first.locator(".text [dir]").inner_text() == MARKUP
        assert await chat.log.evaluate("(log) => log.scrollWidth - log.clientWidth") <= 0
        await shoot(page, "look-hostile-phone")


async def test_what_the_widget_does_not_know_is_left_out_and_breaks_nothing(house, visit):
    invoices = {"kind": "invoices", "count": 1, "rows": [{"number": "INV-1042"}], "sums": []}
    told: list[dict[str, object]] = [
        {
            "seq": 1,
            "from": "bot",
            "text": "To pay (2):\n\u2022 INV-1031: $86.50\n\u2022 INV-1042: $120.00",
            "card": invoices,
        },
        {"seq": 2, "from": "bot", "text": "new kinds", "card": {"kind": "map"}, "choices": []},
        {"seq": 3, "from": "bot", "text": "a link", "link": {"kind": "video", "url": "https://example.com/"}},
        {"seq": 4, "from": "bot", "text": "", "link": {"kind": "document", "url": "javascript:alert(1)"}},
        {"seq": 5, "from": "bot", "text": "paper", "link": {"kind": "document", "url": "https://example.com/d/1"}},
    ]
    async with visit(viewport=PHONE) as visitor:
        chat = Chat(await play(visitor, f"{house.chat}/chat?lang=es", told))
        await chat.hear("paper")
        links = chat.page.locator("remit-chat .log a")
        assert await links.all_inner_texts() == ["Abrir la factura (PDF)"]
        assert await chat.page.locator("remit-chat .item").all_inner_texts() == [
            "\u2022 INV-1031: $86.50",
            "\u2022 INV-1042: $120.00",
        ]
        assert "null" not in await chat.log.inner_text()
        assert "undefined" not in await chat.log.inner_text()


async def test_markup_that_a_customer_types_comes_back_as_they_typed_it(house, visit):
    async with visit() as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear("What can I do for you?")
        await chat.say(MARKUP)
        await expect(chat.rows("bot")).not_to_have_count(1)
        await chat.page.reload()
        await expect(chat.rows("customer").locator(".text [dir]")).to_have_text(MARKUP)
        assert await chat.page.title() == "Green Lane Lawn Care"


async def test_an_invoice_number_is_never_torn_apart_at_the_end_of_a_line(house, visit):
    numbers = ("INV-1042", "RM-KK8H-9HQT")
    told = [{"seq": n, "from": "bot", "text": f"{'m' * n} {numbers[n % 2]}."} for n in range(1, 41)]
    lines = """(log) => [...log.querySelectorAll('.text div')].map((text) => {
      const words = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
      while (words.nextNode()) if (words.currentNode.data.includes('-')) break;
      const range = document.createRange();
      const [found] = words.currentNode.data.match(/\\S+-\\w+/);
      range.setStart(words.currentNode, words.currentNode.data.indexOf(found));
      range.setEnd(words.currentNode, words.currentNode.data.indexOf(found) + found.length);
      return new Set([...range.getClientRects()].map((box) => box.top)).size;
    })"""
    async with visit(viewport=PHONE) as visitor:
        chat = Chat(await play(visitor, f"{house.chat}/chat", told))
        await chat.hear("m" * 40)
        assert await chat.log.evaluate(lines) == [1] * 40
        assert (await chat.texts())[0] == "bot: m RM-KK8H-9HQT."


# --- the line ----------------------------------------------------------------------------------------------------------


async def test_a_message_that_comes_twice_or_out_of_order_stands_once_in_its_place(house, visit):
    told = [{"seq": n, "from": "bot", "text": f"number {n}"} for n in (2, 1, 3, 2, 5, 4, 4)]
    async with visit() as visitor:
        page = await play(visitor, f"{house.chat}/chat", told)
        chat = Chat(page)
        await chat.hear("number 5")
        await page.wait_for_timeout(700)  # the stream has ended by then, and was read again
        assert await chat.texts() == [f"bot: number {n}" for n in range(1, 6)]


async def test_reading_further_up_is_not_disturbed_by_what_arrives(house, visit):
    told = [{"seq": n, "from": "bot", "text": f"number {n}"} for n in range(1, 60)]
    async with visit() as visitor:
        page = await play(visitor, f"{house.chat}/chat", told)
        chat = Chat(page)
        await chat.hear("number 59")
        assert await chat.log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight") < 2
        await chat.log.evaluate("(log) => { log.scrollTop = 100; }")
        told.append({"seq": 60, "from": "bot", "text": "number 60"})
        await chat.page.get_by_role("button", name="New messages").wait_for()
        assert await chat.log.evaluate("(log) => log.scrollTop") == 100
        await chat.page.get_by_role("button", name="New messages").click()
        assert await chat.log.evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight") < 2


# --- what is served ------------------------------------------------------------------------------------------------------


async def test_the_widget_stays_small():
    assert len(gzip.compress(without_comments(WIDGET.read_bytes()), 9)) <= LARGEST


async def test_only_comments_are_left_out_of_what_is_sent_and_every_line_keeps_its_number():
    source, sent = WIDGET.read_text().split("\n"), without_comments(WIDGET.read_bytes()).decode().split("\n")
    assert len(sent) == len(source)
    left_out = [line.strip() for line, kept in zip(source, sent, strict=True) if line != kept]
    assert left_out
    assert [line for line in left_out if not line.startswith(("//", "/*", "*"))] == []
    assert sent[-2] == "})();"


async def test_a_browser_that_has_the_widget_is_not_sent_it_again(house):
    async with httpx.AsyncClient(trust_env=False) as http:
        first = await http.get(f"{house.chat}/widget.js")
        again = await http.get(f"{house.chat}/widget.js", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.content == without_comments(WIDGET.read_bytes())
    assert (again.status_code, again.content) == (304, b"")


async def test_the_bare_address_leads_to_the_chat(house):
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as http:
        assert (await http.get(house.chat)).url == f"{house.chat}/chat"
