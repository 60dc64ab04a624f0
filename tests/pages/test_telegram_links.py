"""Where a business has a bot in Telegram, its letters and bills lead there as well, with the very token of the pay link."""

import html
import re
from html.parser import HTMLParser

import pytest
import segno
from world import World

from bot.letters import Letters
from bot.pages import qr
from bot.send_links import Fate, send_links
from services.errors import Misconfigured
from tests.pages.test_bill import words

BOT = "https://t.me/green_lane_bot?start="
TOKEN = re.compile(rf"{re.escape(BOT)}([A-Za-z0-9_-]{{1,64}})\b")


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, telegram={"bot": "green_lane_bot"}) as made:
        yield made


class Cells(HTMLParser):
    """The cells of the table in a letter, as rows of dark and light."""

    def __init__(self):
        super().__init__()
        self.rows: list[list[bool]] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            count = int(found.get("colspan", 1))
            assert int(found["width"]) == 4 * count
            self.rows[-1] += [found.get("bgcolor") == "#000000"] * count


def drawn(url):
    return [[bool(cell) for cell in row] for row in segno.make(url, error="m", micro=False).matrix_iter(border=4)]


async def test_a_bill_leads_to_telegram_by_a_link_and_a_code(world, site):
    token = await world.link("INV-1042")
    shown = (await site.get(f"/i/{token}")).text
    assert f'id="pay-telegram" href="{BOT}{token}"' in shown
    assert "Pay in Telegram" in words(shown)
    assert qr.picture(f"{BOT}{token}") in shown
    assert "Pagar en Telegram" in words((await site.get(f"/i/{token}?lang=es")).text)


@pytest.mark.parametrize("number", ["INV-1027", "INV-1039", "CN-2003"])
async def test_what_cannot_be_paid_leads_nobody_there(world, site, number):
    assert "t.me" not in (await site.get(f"/i/{await world.link(number)}")).text


@pytest.mark.parametrize(
    ("number", "said", "text"),
    [
        ("INV-1042", "Pay in Telegram", "Or pay in Telegram:"),
        ("INV-1044", "Pagar en Telegram", "O pague en Telegram:"),
    ],
)
async def test_a_letter_leads_to_telegram_by_a_link_and_a_code_that_needs_no_picture(world, post, number, said, text):
    assert [each.fate for each in (await send_links(world.remit, post, [number])).letters] == [Fate.SENT]
    (letter,) = post.letters
    url = BOT + TOKEN.search(letter.text)[1]
    assert f"/i/{url.removeprefix(BOT)}" in letter.text  # the same token
    assert f'<a href="{url}"' in html.unescape(letter.html)
    assert said in letter.html
    assert text in letter.text
    assert "<img" not in letter.html
    cells = Cells()
    cells.feed(letter.html)
    assert cells.rows == drawn(url)
    assert len(letter.html) < 60_000  # a mail program cuts off what is longer than 100 kB


async def test_the_link_in_the_letter_opens_the_invoice_in_telegram(world, post):
    await send_links(world.remit, post, ["INV-1042"])
    token = TOKEN.search(post.letters[0].text)[1]
    said = await world.say("telegram:7", f"/start {token}")
    assert "INV-1042: $120.00" in said[-1].text


async def test_without_a_bot_there_is_nothing_of_it(tmp_path, post):
    async with World(tmp_path) as other:
        invoice = (await other.remit.invoices.find("INV-1042"))[0]
        letter = Letters(other.settings).pay_link(
            invoice,
            to="dana@example.com",
            name="Dana",
            url="http://remit/i/A",
            telegram=other.settings.telegram_link("A"),
            until=other.clock(),
            today=other.clock().date(),
            fresh=False,
        )
    assert "elegram" not in letter.text + letter.html


@pytest.mark.parametrize(
    "bot", ["@green_lane_bot", "green lane", "abc", "x" * 33, "https://t.me/green_lane_bot", "green/bot"]
)
def test_a_bot_is_written_as_its_bare_name(tmp_path, bot):
    with pytest.raises(Misconfigured, match=r"telegram\.bot"):
        World(tmp_path, telegram={"bot": bot})
