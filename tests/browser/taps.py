"""What customers do between the opened page or e-mail and "paid", walked in headless Chromium and counted.

One action is one tap, one tick, one field filled, or one message sent. ``python -m tests.browser.taps`` prints the table
of `docs/taps.md`; `test_taps` holds that page and the promise against it. The portal's figures are counted from its
public help article.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Locator, Page

from bot.command_line import Server
from bot.internal import SendOrder
from tests.browser.conftest import PHONE, House, Owner, Visitor, open_browser, open_house
from tests.browser.person import GOOD, ITS_ZIP, SETTLES, WRONG_ZIP, Chat, fill_card

NEW, SAVED = 14, 12  # actions in the portal: a new card, and a saved one after login
_CARD = {"number": GOOD, "exp": "04/42", "cvc": "123"}


@dataclass
class Walk:
    """One way, and what it took so far."""

    page: Page
    taps: int = 0
    fields: int = 0
    messages: int = 0
    words: int = 0
    screens: int = 0

    @property
    def actions(self) -> int:
        return self.taps + self.fields + self.messages

    @property
    def chat(self) -> Chat:
        return Chat(self.page)

    def start(self) -> None:
        """Count screens from here on."""
        self.page.on("domcontentloaded", self._loaded)

    def _loaded(self, _page: Page) -> None:
        self.screens += 1

    async def tap(self, what: Locator) -> None:
        self.taps += 1
        await what.click()

    async def press(self, name: str) -> None:
        await self.tap(self.chat.log.get_by_role("button", name=name, exact=True))

    async def fill(self, fields: dict[str, str]) -> None:
        for name, value in fields.items():
            self.fields += 1
            await self.page.locator(f"[name={name}]").fill(value)

    async def say(self, text: str) -> None:
        self.messages += 1
        self.words += len(text.split())
        await self.chat.say(text)

    async def pay(self) -> None:
        """Press the hosted page's button, and read what came of it."""
        await self.tap(self.page.locator("#pay"))
        await self.page.locator(".result").wait_for()

    def row(self, name: str, portal: int) -> str:
        """One row of the table."""
        typed = f"{self.messages} ({self.words} word{'' if self.words == 1 else 's'})" if self.messages else "0"
        return f"| {name} | {portal} | **{self.actions}** | {self.screens} | {self.fields} | {typed} |"


async def _letter(house: House, visitor: Visitor, number: str) -> Walk:
    """The opened e-mail with this invoice's link."""
    server = await Server.find(house.folder)
    assert server is not None
    await server.send_links(SendOrder([number]))
    await server.close()
    page = await visitor.page(f"{house.sandbox}/inbox/")
    await page.get_by_role("link", name=f"Invoice {number} from").click()
    walk = Walk(page)
    await page.frame_locator("iframe").get_by_role("link", name="See and pay the invoice").wait_for()
    walk.start()
    await walk.tap(page.frame_locator("iframe").get_by_role("link", name="See and pay the invoice"))
    return walk


async def _arrive(house: House, visitor: Visitor) -> Walk:
    """The opened page of the chat."""
    page = await visitor.context.new_page()
    walk = Walk(page)
    walk.start()
    await page.goto(f"{house.chat}/chat")
    return walk


async def _sign_in(house: House, walk: Walk, owner: Owner) -> None:
    await walk.press("Sign in")
    await walk.chat.hear("What is your e-mail address?")
    await walk.say(owner.email)
    await walk.chat.hear("six-digit code")
    code = await house.code(owner.email)
    walk.taps += 1  # to open the letter with the code
    await walk.say(code)
    await walk.chat.hear("You're signed in")


async def _saved_before(house: House, visitor: Visitor, *, open_invoices: int) -> Owner:
    """A customer with a saved card and so many open invoices; signed out again."""
    owner = house.owner()
    walk = await _arrive(house, visitor)
    await _sign_in(house, walk, owner)
    paid = owner.numbers[: 3 - open_invoices]
    await walk.say("pay " + " and ".join(paid))
    await walk.press("Card")
    await walk.tap(walk.page.locator("remit-chat .agree:visible"))
    await walk.page.wait_for_url("**/processor/pay/**")
    await fill_card(walk.page, GOOD, save=True)
    await walk.page.locator("#back").click()
    await walk.chat.hear("Paid:")
    return owner


# --- the ways ----------------------------------------------------------------------------------------------------------


async def new_card(house: House, visitor: Visitor) -> Walk:
    walk = await _letter(house, visitor, house.number())
    await walk.tap(walk.page.get_by_role("link", name="By card"))
    await walk.press("Yes, pay $120.00")
    await walk.page.wait_for_url("**/processor/pay/**")
    await walk.fill(_CARD)
    await walk.pay()
    return walk


async def bank_account(house: House, visitor: Visitor) -> Walk:
    walk = await _letter(house, visitor, house.number())
    await walk.tap(walk.page.get_by_role("link", name="By bank account"))
    await walk.press("Yes, pay $120.00")
    await walk.page.wait_for_url("**/processor/pay/**")
    await walk.fill({"routing": "110000000", "account": SETTLES})
    await walk.tap(walk.page.locator("[name=authorize]"))
    await walk.pay()
    return walk


async def saved_card_by_code(house: House, visitor: Visitor) -> Walk:
    owner = await _saved_before(house, visitor, open_invoices=1)
    await _leave(visitor)
    walk = await _arrive(house, visitor)
    await _sign_in(house, walk, owner)
    await walk.press("Yes, pay $64.00")
    await walk.chat.hear("Paid: $64.00")
    return walk


async def saved_card_remembered(house: House, visitor: Visitor) -> Walk:
    await _saved_before(house, visitor, open_invoices=1)
    chat = Chat(visitor.context.pages[-1])
    await chat.say("stay signed in")
    await chat.forget()
    await chat.page.close()
    walk = await _arrive(house, visitor)
    await walk.press("Yes, pay $64.00")
    await walk.chat.hear("Paid: $64.00")
    return walk


async def all_at_once(house: House, visitor: Visitor) -> Walk:
    owner = await _saved_before(house, visitor, open_invoices=2)
    await _leave(visitor)
    walk = await _arrive(house, visitor)
    await _sign_in(house, walk, owner)
    await walk.press("Pay all $184.00")
    await walk.press("Yes, pay $184.00")
    await walk.chat.hear("Paid: $184.00")
    return walk


async def wrong_zip(house: House, visitor: Visitor) -> Walk:
    """Counted from the decline on, on the page that says so."""
    before = await _letter(house, visitor, house.number())
    await before.tap(before.page.get_by_role("link", name="By card"))
    await before.press("Yes, pay $120.00")
    await before.page.wait_for_url("**/processor/pay/**")
    await fill_card(before.page, WRONG_ZIP)
    await before.page.get_by_role("alert").wait_for()
    walk = Walk(before.page)
    walk.start()
    await walk.fill({"number": WRONG_ZIP, "cvc": "123", "zip": ITS_ZIP})
    await walk.pay()
    return walk


async def wrong_zip_in_the_chat(house: House, visitor: Visitor) -> Walk:
    """Counted from the decline on, and the zip is on file from then on."""
    owner = house.owner()
    walk = await _arrive(house, visitor)
    await _sign_in(house, walk, owner)
    await walk.press(f"{owner.numbers[2]}: $64.00")
    await walk.press("Card")
    await walk.press("Yes, pay $64.00")
    await walk.page.wait_for_url("**/processor/pay/**")
    await fill_card(walk.page, WRONG_ZIP)
    await walk.page.get_by_role("alert").wait_for()
    walk = Walk(walk.page)
    walk.start()
    await walk.tap(walk.page.get_by_role("link", name="Back without paying"))
    await walk.press("Correct my zip")
    await walk.chat.hear("zip code")
    await walk.say(ITS_ZIP)
    await walk.press("Yes")
    await walk.press("Yes, pay $64.00")
    await walk.page.wait_for_url("**/processor/pay/**")
    await walk.fill(_CARD | {"number": WRONG_ZIP})
    await walk.pay()
    return walk


async def _leave(visitor: Visitor) -> None:
    """As on another day on another device: nothing of the visit before is left in this browser."""
    await visitor.context.pages[-1].evaluate("localStorage.clear()")
    await visitor.context.pages[-1].close()


Way = Callable[[House, Visitor], Awaitable[Walk]]

# What it is, the portal's actions, and how it is walked. Its article has no wrong zip: there the whole payment is made anew.
WAYS: tuple[tuple[str, int, Way], ...] = (
    ("new card, from the e-mail", NEW, new_card),
    ("saved card, signed in by code", SAVED, saved_card_by_code),
    ("saved card, in a remembered browser", SAVED, saved_card_remembered),
    ("all open invoices with a saved card, signed in by code", SAVED, all_at_once),
    ("bank account, from the e-mail", NEW, bank_account),
    ("after a wrong zip: corrected on the page", NEW, wrong_zip),
    ("after a wrong zip: corrected in the chat, and on file from then on", NEW, wrong_zip_in_the_chat),
)


async def walked(way: Way, house: House, browser: Browser) -> Walk:
    """One way, in a browser context of its own."""
    context = await browser.new_context(viewport=PHONE)
    context.set_default_timeout(8000)
    try:
        return await way(house, Visitor(context))
    finally:
        await context.close()


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder)) as house, open_browser() as browser:
            for name, portal, way in WAYS:
                print((await walked(way, house, browser)).row(name, portal))


if __name__ == "__main__":
    asyncio.run(main())
