"""From the mailbox to *Pay now* in a real browser, and every page on the way there and on the hosted side.

The business runs in this process on real ports, so that a test can turn its clock; the browser is the suite's own.
"""

import asyncio
import contextlib
import socket

import pytest
import pytest_asyncio
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.routing import Mount
from world import TOKEN, World

from bot.app import asgi
from bot.pages import bill, static
from bot.send_links import send_links
from services.mail import Smtp
from services.model import Method, Money
from services.payments.gateways.base import PageRequest
from tests.browser.axe import violations
from tests.browser.conftest import ARTEFACTS, DESKTOP, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW = {"width": 320, "height": 640}
LOOKS = [
    pytest.param(PHONE, False, id="phone-light"),
    pytest.param(DESKTOP, True, id="desktop-dark"),
    pytest.param(PHONE, True, id="phone-dark"),
    pytest.param(DESKTOP, False, id="desktop-light"),
    pytest.param(NARROW, False, id="narrow"),
]


def bound():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made, f"http://127.0.0.1:{made.getsockname()[1]}"


async def until(happened):
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited 5 s for nothing")


@contextlib.asynccontextmanager
async def serving(app, listening):
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    server.capture_signals = contextlib.nullcontext  # Ctrl-C is for the tests
    running = asyncio.create_task(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await running


class Street:
    """A `World` at real addresses, whose letters go by SMTP."""

    def __init__(self, world, chat, sandbox, mail):
        self.world, self.chat, self.sandbox, self.mail = world, chat, sandbox, mail

    async def bill(self, number, days=60):
        return f"{self.chat}/i/{await self.world.link(number, days)}"

    async def hosted(self, method=Method.CARD, reference="RM-1", **other):
        known = {"amount": Money(12000, "USD"), "name": "Dana Whitfield", "zip": "94107", "numbers": ("INV-1042",)}
        order = PageRequest(reference=reference, method=method, return_url=f"{self.chat}/chat", **(known | other))
        page = await self.world.remit.gateway.open_page(order, f"key-{reference}")
        return page.url.replace("http://sandbox", self.sandbox)


@pytest_asyncio.fixture(loop_scope="session")
async def street(tmp_path):
    (front, chat), (back, sandbox) = bound(), bound()
    async with World(tmp_path) as world:
        server = world.settings.server.model_copy(update={"base_url": chat})
        world.settings = world.settings.model_copy(update={"server": server})
        world.crash()  # built again, at its new address
        smtp = await world.sandbox.mailbox.listen("127.0.0.1", 0)
        mail = Smtp(
            host="127.0.0.1",
            port=smtp.sockets[0].getsockname()[1],
            sender="billing@example.com",
            name="Green Lane Lawn Care",
            starttls=False,
            clock=world.clock,
            random=world.chance.randbytes,
        )
        pages = [*bill.routes(world.remit, mail), *static.routes(world.remit)]
        app = Starlette(routes=[*pages, Mount("/", asgi(world.remit, TOKEN))])
        async with serving(app, front), serving(world.sandbox.app, back):
            yield Street(world, chat, sandbox, mail)
        smtp.close()
        await smtp.wait_closed()


async def look(page, name):
    """A whole-page screenshot to look at; no wider than the screen, and nothing that axe-core finds wrong."""
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    assert await violations(page) == [], name


async def test_from_the_mailbox_to_pay_now_in_three_taps(street, visit):
    await send_links(street.world.remit, street.mail)
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.page(f"{street.sandbox}/inbox/")
        await page.get_by_role("link", name="Invoice INV-1042 from").click()
        letter = page.frame_locator("iframe")
        await letter.get_by_role("link", name="See and pay the invoice").click()
        await page.wait_for_url(f"{street.chat}/i/*")  # the whole window, not the frame
        await page.get_by_role("link", name="Pay now").click()
        await page.wait_for_url(f"{street.chat}/chat?i=*")


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_every_state_of_a_bill_reads_well(street, visit, request, viewport, dark):
    name = request.node.callspec.id
    numbers = ["INV-1042", "INV-1031", "INV-1044", "INV-1027", "INV-1039", "CN-2003", "INV-1050"]
    bills = {number: await street.bill(number) for number in numbers}
    expired = await street.bill("INV-1042", days=1)
    async with visit(viewport=viewport, dark=dark) as visitor:
        visitor.expected += ["status of 404", "status of 410", "status of 429"]
        for number, url in bills.items():
            await look(await visitor.page(url), f"bill-{name}-{number}")
        street.world.clock.advance(days=2)
        page = await visitor.page(expired)
        await look(page, f"bill-{name}-expired")
        await page.get_by_role("button", name="Send a fresh link").click()
        await page.wait_for_url("**/i/*?sent=1")
        await look(page, f"bill-{name}-sent")
        await look(await visitor.page(f"{street.chat}/i/forged"), f"bill-{name}-forged")


async def test_a_fresh_link_arrives_and_opens_the_bill(street, visit):
    expired = await street.bill("INV-1042", days=1)
    street.world.clock.advance(days=2)
    async with visit(viewport=PHONE) as visitor:
        visitor.expected.append("status of 410")
        page = await visitor.page(expired)
        await page.get_by_role("button", name="Send a fresh link").click()
        await page.get_by_role("heading", name="Look in your mail").wait_for()
        await until(lambda: street.world.sandbox.mailbox.messages)
        page = await visitor.page(f"{street.sandbox}/inbox/")
        await page.get_by_role("link", name="Invoice INV-1042 from").click()
        await page.frame_locator("iframe").get_by_role("link", name="See and pay the invoice").click()
        await page.get_by_role("link", name="Pay now").wait_for()


async def test_a_bill_works_without_javascript_and_by_keyboard(street, visit):
    async with visit(viewport=PHONE, java_script_enabled=False) as visitor:
        page = await visitor.page(await street.bill("INV-1042"))
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{street.chat}/chat?i=*")


async def test_a_printed_bill_carries_its_address_and_no_buttons(street, visit):
    async with visit(dark=True) as visitor:
        url = await street.bill("INV-1042")
        page = await visitor.page(url)
        await page.emulate_media(media="print")
        assert await page.get_by_text(f"Pay online at {url}").is_visible()
        assert not await page.locator("#pay-now").is_visible()
        assert await page.locator("svg.qr").is_visible()
        await page.screenshot(path=ARTEFACTS / "bill-print.png", full_page=True)


@pytest.mark.parametrize("viewport", [NARROW, DESKTOP], ids=["narrow", "desktop"])
async def test_hostile_words_break_neither_the_page_nor_the_letter(street, visit, viewport):
    nasty = "<script>alert(1)</script>\u202e<img src=x onerror=alert(1)>" + "W" * 10_000
    invoice = street.world.sandbox.portal.invoices["inv-1042"]
    customers = street.world.sandbox.portal.customers
    url = await street.bill("INV-1042")
    customers["dana"] = replace(customers["dana"], name=nasty)
    invoice.customer, invoice.number = customers["dana"], "I" * 60 + "<b>\u202e"
    async with visit(viewport=viewport) as visitor:
        await look(await visitor.page(url), f"bill-hostile-{viewport['width']}")
        await send_links(street.world.remit, street.mail, [invoice.number])
        page = await visitor.page(f"{street.sandbox}/inbox/")
        await look(page, f"inbox-hostile-{viewport['width']}")
        await page.locator(".letters a").first.click()
        await page.frame_locator("iframe").get_by_role("link", name="See and pay the invoice").wait_for()
        await look(page, f"letter-hostile-{viewport['width']}")


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_the_mailbox_reads_like_one(street, visit, request, viewport, dark):
    name = request.node.callspec.id
    async with visit(viewport=viewport, dark=dark) as visitor:
        page = await visitor.page(f"{street.sandbox}/inbox/")
        await look(page, f"inbox-{name}-empty")
        await send_links(street.world.remit, street.mail)
        await page.reload()
        await look(page, f"inbox-{name}")
        await page.get_by_role("link", name="INV-1031").click()
        await page.frame_locator("iframe").get_by_role("link", name="See and pay the invoice").wait_for()
        await look(page, f"letter-{name}")
    async with visit(viewport=viewport) as visitor:  # the letter by itself: axe-core cannot reach into the frame
        page = await visitor.page("about:blank")
        await page.set_content(street.world.sandbox.mailbox.messages[0].html)
        of_a_page = ("landmark-one-main", "page-has-heading-one", "region")  # which a letter is not
        assert [found for found in await violations(page) if not found.startswith(of_a_page)] == []


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_the_hosted_page_in_every_state(street, visit, request, viewport, dark):
    name = request.node.callspec.id
    async with visit(viewport=viewport, dark=dark) as visitor:
        page = await visitor.page(await street.hosted())
        await look(page, f"hosted-{name}-card")
        await page.locator("#pay").click()
        await look(page, f"hosted-{name}-card-empty")
        await card(page, "4000000000009995")
        assert "insufficient funds" in await page.get_by_role("alert").inner_text()
        await look(page, f"hosted-{name}-declined")
        await card(page, "4000000000003220")
        await page.get_by_role("heading", name="Is it you?").wait_for()
        await look(page, f"hosted-{name}-challenge")
        await page.get_by_role("button", name="Complete").click()
        await page.get_by_role("heading", name="Paid").wait_for()
        await look(page, f"hosted-{name}-paid")
        await page.get_by_role("link", name="Back to").click()
        await page.wait_for_url(f"{street.chat}/chat")
    async with visit(viewport=viewport, dark=dark) as visitor:
        page = await visitor.page(await street.hosted(Method.BANK, "RM-2"))
        await look(page, f"hosted-{name}-bank")
        for field, typed in {"routing": "110000000", "account": "000123456789"}.items():
            await page.locator(f"#{field}").fill(typed)
        await page.locator("#authorize").check()
        await page.locator("#pay").click()
        await page.get_by_role("heading", name="On its way").wait_for()
        await look(page, f"hosted-{name}-processing")


async def card(page, number):
    for field, typed in {"number": number, "exp": "04/42", "cvc": "123"}.items():
        await page.locator(f"#{field}").fill(typed)
    await page.locator("#pay").click()
    await page.wait_for_load_state()


async def test_the_brand_of_the_card_is_said_while_it_is_typed(street, visit):
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.page(await street.hosted())
        number, brand = page.locator("#number"), page.locator("#brand")
        said = []
        for typed in ("", "4242", "5555 55", "3782", "3000", "99"):
            await number.fill(typed)
            said.append(await brand.inner_text())
        assert said == ["", "Visa", "Mastercard", "American Express", "Diners Club", ""]
        await number.fill("378282246310005")
        assert await page.locator("#cvc-hint").inner_text() == "4 digits, on the front"
        await look(page, "hosted-brand")


async def test_the_hosted_page_works_without_javascript(street, visit):
    async with visit(viewport=PHONE, java_script_enabled=False) as visitor:
        page = await visitor.page(await street.hosted())
        await card(page, "4242424242424242")
        await page.get_by_role("heading", name="Paid").wait_for()


async def test_a_mail_with_a_script_in_it_runs_nothing(street, visit):
    page_of_mail = (
        "<script>top.location='https://evil.example/'</script><img src='https://evil.example/x'>"
        "<form action='https://evil.example/'><button>Win</button></form><p>harmless</p>"
    )
    raw = f"From: a@example.com\nSubject: hi\nContent-Type: text/html\n\n{page_of_mail}"
    message = street.world.sandbox.mailbox.take(["dana@example.com"], raw.encode())
    async with visit() as visitor:
        visitor.expected += ["evil.example", "Blocked script execution", "Blocked form submission", "allow-scripts"]
        page = await visitor.page(f"{street.sandbox}/inbox/messages/{message.id}")
        failed, finished = [], []
        page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
        page.on("requestfinished", lambda request: finished.append(request.url))
        await page.reload()
        letter = page.frame_locator("iframe")
        await letter.get_by_text("harmless").wait_for()
        await letter.get_by_role("button", name="Win").click()
        await page.wait_for_timeout(300)
        assert page.url == f"{street.sandbox}/inbox/messages/{message.id}"
        assert failed == [("https://evil.example/x", "csp")]
        assert not [url for url in finished if "evil" in url]
