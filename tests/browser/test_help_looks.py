"""The help center in a real browser: found, read, printed and heard, on phone and desktop, light and dark."""

import contextlib

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from world import World

from bot.pages import help as help_pages
from tests.browser.conftest import ARTEFACTS, DESKTOP, PHONE
from tests.browser.test_bill_looks import LOOKS, bound, look, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def center(tmp_path):
    """The address of a business's help center."""
    socket, address = bound()
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(World(tmp_path))
        await stack.enter_async_context(serving(Starlette(routes=help_pages.routes(world.remit)), socket))
        yield address


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_every_kind_of_help_page_reads_well(center, visit, request, viewport, dark):
    name = request.node.callspec.id
    pages = {
        "topics": "/help?lang=en",
        "temas": "/help?lang=es",
        "ach": "/help/ach-how-long?lang=en",
        "declined": "/help/declined?lang=es",
        "found": "/help?lang=en&q=is+it+safe+to+type+my+card+here%3F%3F",
        "nothing": "/help?lang=en&q=when+do+you+mow+my+lawn",
        "unknown": "/help/no-such-page",
    }
    async with visit(viewport=viewport, dark=dark) as visitor:
        visitor.expected.append("status of 404")
        for kind, path in pages.items():
            await look(await visitor.page(f"{center}{path}"), f"help-{name}-{kind}")


async def test_a_question_is_answered_without_javascript_and_by_keyboard(center, visit):
    async with visit(viewport=PHONE, java_script_enabled=False) as visitor:
        page = await visitor.page(f"{center}/help?lang=en")
        for _ in range(4):  # past the way to the answer, home and the other language
            await page.keyboard.press("Tab")
        await page.keyboard.type("how long till the bank thing goes through")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/help?*q=*")
        await page.get_by_role("link", name="How long a bank payment takes").click()
        await page.wait_for_url("**/help/ach-how-long?lang=en")
        await page.get_by_role("link", name="Español").click()
        await page.get_by_role("heading", name="Cuánto tarda un pago bancario").wait_for()


async def test_a_printed_article_has_the_answer_and_no_buttons(center, visit):
    async with visit(viewport=DESKTOP, dark=True) as visitor:
        page = await visitor.page(f"{center}/help/ach-return?lang=en")
        await page.emulate_media(media="print")
        assert await page.get_by_text("R07, R08, R10, R29").is_visible()
        assert not await page.get_by_role("search").is_visible()
        assert not await page.locator(".button").first.is_visible()
        await page.screenshot(path=ARTEFACTS / "help-print.png", full_page=True)


async def test_structured_data_is_read_as_data_under_the_strict_policy(center, visit):
    async with visit() as visitor:  # which fails on any CSP report
        page = await visitor.page(f"{center}/help/refund?lang=en")
        kind = await page.evaluate(
            "JSON.parse(document.querySelector('script[type=\"application/ld+json\"]').textContent)['@type']"
        )
        assert kind == "FAQPage"
