"""The ways to Telegram in a real browser: on the bill, on paper, in a letter, and from the widget there and back."""

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount
from world import TOKEN, World

from bot.app import asgi
from bot.pages import bill, static
from bot.send_links import send_links
from tests.browser.axe import violations
from tests.browser.conftest import ARTEFACTS, DESKTOP, PHONE
from tests.browser.person import Chat
from tests.browser.test_bill_looks import NARROW, Street, bound, look, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOT = "https://t.me/green_lane_bot?start="


@pytest_asyncio.fixture(loop_scope="session")
async def street(tmp_path):
    (front, chat), (back, sandbox) = bound(), bound()
    async with World(tmp_path, telegram={"bot": "green_lane_bot"}) as world:
        server = world.settings.server.model_copy(update={"base_url": chat})
        world.settings = world.settings.model_copy(update={"server": server})
        world.crash()  # built again, at its new address
        pages = [*bill.routes(world.remit, world.mail), *static.routes(world.remit)]
        app = Starlette(routes=[*pages, Mount("/", asgi(world.remit, TOKEN))])
        async with serving(app, front), serving(world.sandbox.app, back):
            yield Street(world, chat, sandbox, world.mail)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("viewport", [NARROW, PHONE, DESKTOP], ids=["narrow", "phone", "desktop"])
async def test_a_bill_with_telegram_reads_well(street, visit, request, viewport, dark):
    async with visit(viewport=viewport, dark=dark) as visitor:
        url = await street.bill("INV-1042")
        page = await visitor.page(url)
        link = page.locator("#pay-telegram")
        assert await link.get_attribute("href") == BOT + url.rpartition("/")[2]
        assert (await link.bounding_box())["height"] >= 44
        assert await page.get_by_role("img", name="QR code that opens this invoice in Telegram").is_visible() is (
            viewport is DESKTOP
        )
        await look(page, f"bill-telegram-{request.node.callspec.id}")


async def test_on_paper_each_code_says_what_it_is_for(street, visit):
    async with visit() as visitor:
        page = await visitor.page(await street.bill("INV-1042"))
        await page.emulate_media(media="print")
        assert await page.locator("svg.qr").count() == 2
        assert await page.get_by_role("heading", name="Pay in Telegram").is_visible()
        assert not await page.locator("#pay-telegram").is_visible()
        await page.screenshot(path=ARTEFACTS / "bill-telegram-print.png", full_page=True)


async def test_the_code_in_a_letter_is_square_and_nothing_is_loaded_for_it(street, visit):
    await send_links(street.world.remit, street.mail, ["INV-1042"])
    letter = street.mail.letters[-1]
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.set_content(letter.html)
        box = await page.locator("table").bounding_box()
        rows = await page.locator("tr").count()
        assert (box["width"], box["height"]) == (4 * rows, 4 * rows)
        assert not asked
        await page.screenshot(path=ARTEFACTS / "letter-telegram.png", full_page=True)


async def test_from_the_widget_to_telegram_and_back(street, visit):
    world = street.world
    async with visit(viewport=DESKTOP) as visitor:
        page = await visitor.page(f"{street.chat}/chat?i={await world.link('INV-1042')}")
        chat = Chat(page)
        await chat.hear("INV-1042: $120.00")
        await chat.say("pay 50 by card")
        await chat.hear("Please check: $50.00")
        await page.get_by_role("button", name="Continue in Telegram").click()
        link = page.locator("remit-chat a", has_text="Continue in Telegram")
        await link.wait_for()
        assert (await chat.texts())[-2] == "customer: Continue in Telegram"
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "widget-telegram.png")
        token = (await link.get_attribute("href")).removeprefix(BOT)
        arrived = await world.say("telegram:7", f"/start {token}")
        assert "$50.00" in arrived[-1].text
        await chat.hear("We went on in Telegram.")  # nobody reloaded the page
        await world.say("telegram:7", "make it 60")
        back = (await world.say("telegram:7", "back to the web page"))[-1].link.url
        await page.goto(back)
        await chat.hear("Please check: $60.00")
        assert await page.get_by_role("button", name="Yes, pay $60.00").is_visible()
        assert "i=" not in page.url  # a reload asks for nothing twice


async def test_without_a_bot_the_widget_has_no_such_button(house, visit):
    async with visit(viewport=DESKTOP) as visitor:
        page = await visitor.page(f"{house.chat}/chat")
        await Chat(page).hear("What can I do for you?")
        assert await page.get_by_role("button", name="Continue in Telegram").count() == 0
