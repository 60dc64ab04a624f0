"""The receipt in a real browser: on phones and desks, in both colours, on paper, and with names that nobody chose well."""

import asyncio
import contextlib
import socket

import httpx
import pytest
import pytest_asyncio
import uvicorn
from sqlalchemy import update
from starlette.applications import Starlette
from world import World

from bot.pages import bill, receipt
from services.payments import receipt_links
from services.payments.states import DISPUTED, PROCESSING, REFUNDED, RETURNED, SUCCEEDED
from services.schema import payment, payment_invoice
from tests.browser.axe import violations
from tests.browser.conftest import ARTEFACTS, DESKTOP, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW = {"width": 320, "height": 640}
LOOKS = [
    pytest.param(PHONE, False, id="phone-light"),
    pytest.param(NARROW, True, id="narrow-dark"),
    pytest.param(DESKTOP, False, id="desktop-light"),
]
HOSTILE = 'INV-<script>alert(1)</script> فاتورة 12 "' + "x" * 80


class Counter:
    """A world with one payment, and its receipt at a real address."""

    def __init__(self, world: World, base: str, path: str) -> None:
        self.world, self.url = world, f"{base}{path}"

    async def stands(self, state: str, **columns: object) -> None:
        values = {"state": state, "submitted_at": payment.c.happened_at, **columns}
        await self.world.remit.transact(lambda conn: conn.execute(update(payment).values(values)))


async def _paid(world: World) -> str:
    await world.say("rasa:one", f"/start {await world.link('INV-1042')}")
    await world.say("rasa:one", "/method card")
    said = await world.say("rasa:one", "yes")
    await world.pay_by_card(await world.page(said[-1].link.url), "4242424242424242")
    await world.work()
    paid = await world.remit.checkout.latest("rasa:one")
    assert paid is not None
    return paid.reference


@pytest_asyncio.fixture(loop_scope="session")
async def counter(tmp_path):
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with World(tmp_path, chat={"locales": ["en", "es"]}) as world:
        reference = await _paid(world)
        share, remit = receipt_links.share, world.remit
        token = await remit.transact(lambda conn: share(conn, reference, remit.secret, world.clock()))
        app = Starlette(routes=[*bill.routes(remit, None), *receipt.routes(remit)])
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        server.capture_signals = contextlib.nullcontext  # Ctrl-C is for the tests
        running = asyncio.create_task(server.serve(sockets=[listening]))
        for _ in range(500):
            if not server.started:
                await asyncio.sleep(0.01)
        assert server.started
        yield Counter(world, base, f"/r/{token}")
        server.should_exit = True
        await running


async def look(page, name):
    """A whole-page screenshot to look at; no wider than the screen, and nothing that axe-core finds wrong."""
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"receipt-{name}.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    assert await violations(page) == [], name


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_every_state_of_a_receipt_reads_well(counter, visit, request, viewport, dark):
    states = {
        "paid": (SUCCEEDED, {}),
        "refunded": (REFUNDED, {"refunded_minor": 12000}),
        "returned": (RETURNED, {"refunded_minor": 0}),
        "on-its-way": (PROCESSING, {}),
        "disputed": (DISPUTED, {}),
    }
    async with visit(viewport=viewport, dark=dark) as visitor:
        for name, (state, columns) in states.items():
            await counter.stands(state, **columns)
            page = await visitor.page(counter.url)
            await look(page, f"{request.node.callspec.id}-{name}")
            await page.close()


async def test_a_printed_receipt_carries_the_code_and_no_buttons(counter, visit):
    async with visit() as visitor:
        page = await visitor.page(f"{counter.url}?lang=es")
        assert not await page.locator(".print").is_visible()
        await page.emulate_media(media="print")
        assert await page.locator(".print").is_visible()
        assert await page.locator("svg.qr").is_visible()
        assert not await page.locator("#pdf").is_visible()
        await look(page, "on-paper")


async def test_a_hostile_invoice_number_stays_text_and_the_page_stays_in_shape(counter, visit):
    await counter.world.remit.transact(lambda conn: conn.execute(update(payment_invoice).values(number=HOSTILE)))
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.page(counter.url)
        assert HOSTILE.split('"', maxsplit=1)[0] in await page.locator(".receipt").inner_text()
        await look(page, "hostile")


async def test_the_button_brings_the_pdf(counter, visit):
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.page(counter.url)
        address = await page.locator("#pdf").evaluate("link => link.href")
    async with httpx.AsyncClient(trust_env=False) as http:
        brought = await http.get(address)
    assert brought.headers["content-type"] == "application/pdf"
    assert brought.content.startswith(b"%PDF-")
