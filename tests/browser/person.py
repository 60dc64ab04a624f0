"""What a person does at the chat and on the hosted page, in words: press, say, hear, type a card. No expectations."""

from playwright.async_api import Locator, Page

CARD = {"exp": "04/42", "cvc": "123", "name": "Dana Whitfield", "zip": "94107"}
BANK = {"routing": "110000000", "name": "Dana Whitfield"}
GOOD, POOR, ASKED = "4242424242424242", "4000000000009995", "4000000000003220"
WRONG_ZIP, ITS_ZIP = "4000000000000036", "10001"  # its bank has this zip on record, and pays for no other
SETTLES, COMES_BACK = "000123456789", "000555555559"


class Chat:
    """The widget on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.log = page.locator("remit-chat .log")
        self.field = page.get_by_role("textbox", name="Your message")
        self.link = page.locator("remit-chat a.pay")
        self.state = page.locator("remit-chat .state")
        self.launcher = page.locator("remit-chat .launcher")

    async def press(self, name: str) -> None:
        await self.log.get_by_role("button", name=name, exact=True).click()

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")

    async def hear(self, text: str, *, within_s: float = 8) -> None:
        """Wait until somebody else's message with these words is on the page."""
        found = self.page.locator("remit-chat .row:not(.customer) .text").filter(has_text=text)
        await found.first.wait_for(timeout=within_s * 1000)

    async def forget(self) -> None:
        """Lose the conversation, and keep what the browser is remembered by, once it has come."""
        await self.kept("browser")
        await self.page.evaluate("localStorage.removeItem(`remit:${location.origin}:chat`)")

    async def kept(self, name: str, *, gone: bool = False) -> None:
        """Wait until something is kept by this name in the browser's storage, or is no longer."""
        for _ in range(80):  # the page's policy forbids what Playwright would wait with
            found = await self.page.evaluate("(name) => localStorage.getItem(`remit:${location.origin}:${name}`)", name)
            if (found in (None, "null")) is gone:
                return
            await self.page.wait_for_timeout(100)
        raise AssertionError(f"{name} is {'still' if gone else 'not'} kept")

    def rows(self, who: str) -> Locator:
        return self.page.locator(f"remit-chat .row.{who}:not([hidden])")

    async def texts(self) -> list[str]:
        """Every message on show, in order, as ``sender: words``."""
        return await self.log.evaluate(
            "(log) => [...log.querySelectorAll('.row:not([hidden])')].map((row) =>"
            " `${row.classList[1]}: ${(row.querySelector('.text [dir]') || {}).textContent || ''}`)"
        )

    async def agree(self, method: str = "Card") -> str:
        """From the opened pay link to the hand-off link, agreeing in words; answers with its address.

        The button of consent leads straight on to the hosted page; words leave the chat open.
        """
        await self.press(method)
        await self.hear("Please check")
        await self.say("yes")
        await self.link.wait_for()
        return str(await self.link.get_attribute("href"))


async def fill_card(page: Page, number: str, *, save: bool = False) -> None:
    for name, value in (CARD | {"number": number}).items():
        await page.locator(f"[name={name}]").fill(value)
    if save:
        await page.locator("[name=save]").check()
    await page.locator("#pay").click()


async def fill_bank(page: Page, account: str) -> None:
    for name, value in (BANK | {"account": account}).items():
        await page.locator(f"[name={name}]").fill(value)
    await page.locator("[name=authorize]").check()
    await page.locator("#pay").click()
