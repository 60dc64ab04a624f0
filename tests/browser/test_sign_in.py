"""Customers who sign in, in a real browser: code from the mailbox, several invoices, one tap the next time, a corrected zip."""

import json
import time

import jwt
import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PAGE_SECRET, PHONE, House, Owner, Visitor, shoot
from tests.browser.person import GOOD, ITS_ZIP, WRONG_ZIP, Chat, fill_card

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKS = pytest.mark.parametrize(
    ("viewport", "dark"), [(PHONE, False), (DESKTOP, True)], ids=["phone-light", "desktop-dark"]
)


async def mailed_code(visitor: Visitor, house: House, owner: Owner) -> str:
    """The code as a customer finds it: in the mailbox, in a letter to them."""
    await house.code(owner.email)
    inbox = await visitor.page(f"{house.sandbox}/inbox/")
    await inbox.get_by_role("link", name="Your code for").filter(has_text=owner.email).first.click()
    letter = inbox.frame_locator("iframe").get_by_role("article")
    code = "".join(await letter.locator("p[style*=monospace]").all_inner_texts()).strip()
    await inbox.close()
    return code


async def signed_in(visitor: Visitor, house: House, owner: Owner) -> Chat:
    """The full-page chat, signed in by code."""
    chat = Chat(await visitor.page(f"{house.chat}/chat"))
    await sign_in(chat, visitor, house, owner)
    return chat


async def sign_in(chat: Chat, visitor: Visitor, house: House, owner: Owner) -> None:
    await chat.press("Sign in")
    await chat.hear("What is your e-mail address?")
    await chat.say(owner.email)
    await chat.hear("six-digit code")
    await chat.say(await mailed_code(visitor, house, owner))
    await chat.hear(f"You're signed in, {owner.name}")


async def token_of(page: Page) -> str:
    return str(await page.evaluate("JSON.parse(localStorage.getItem(`remit:${location.origin}:chat`)).token"))


# --- the whole way -----------------------------------------------------------------------------------------------------


@LOOKS
async def test_by_code_two_of_three_with_a_card_that_is_saved_and_the_third_by_one_tap(house, visit, viewport, dark):
    owner, name = house.owner(), "dark" if dark else "light"
    async with visit(viewport=viewport, dark=dark) as visitor:
        chat = await signed_in(visitor, house, owner)
        await chat.hear("You have 3 invoices to pay, $270.50 in all")
        await shoot(chat.page, f"sign-in-{name}-1-list")
        await chat.say("the first two")
        await chat.hear("$206.50 for 2 invoices")
        await chat.press("Card")
        await chat.hear("Please check: $206.50")
        await shoot(chat.page, f"sign-in-{name}-2-quote")
        await chat.press("Yes, pay $206.50")
        await chat.page.wait_for_url("**/processor/pay/**")
        await fill_card(chat.page, GOOD, save=True)
        await chat.page.locator("#back").click()
        await chat.hear("Paid: $206.50 by Visa ending 4242")
        await chat.say("stay signed in")
        await chat.hear("This browser is remembered until")
        await shoot(chat.page, f"sign-in-{name}-3-remembered")
        assert [await house.due(number) for number in owner.numbers] == [0, 0, 6400]

        await chat.forget()
        await chat.page.close()
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear(f"Hi {owner.name}")
        await shoot(chat.page, f"sign-in-{name}-4-next-visit")
        await chat.press("Yes, pay $64.00")
        await chat.hear("Paid: $64.00 by Visa ending 4242")
        await shoot(chat.page, f"sign-in-{name}-5-one-tap")
        assert chat.page.url == f"{house.chat}/chat", "nothing has to be typed, so no page was opened"
    assert await house.due(owner.numbers[2]) == 0


@LOOKS
async def test_a_zip_that_the_bank_has_otherwise_is_corrected_in_the_chat_and_the_payment_goes_on(
    house, visit, viewport, dark
):
    owner, name = house.owner(), "dark" if dark else "light"
    async with visit(viewport=viewport, dark=dark) as visitor:
        chat = await signed_in(visitor, house, owner)
        await chat.press(f"{owner.numbers[0]}: $86.50")
        await chat.press("Card")
        await chat.hear("Please check: $86.50")
        await chat.say("yes")
        await chat.link.wait_for()
        hosted = await visitor.page(str(await chat.link.get_attribute("href")))
        await fill_card(hosted, WRONG_ZIP)
        await chat.hear("zip doesn't match")
        await shoot(chat.page, f"zip-{name}-1-declined")
        await hosted.close()
        await chat.press("Correct my zip")
        await chat.hear("zip code")
        await chat.say(ITS_ZIP)
        await chat.hear(f"this zip on file: {ITS_ZIP}")
        await chat.press("Yes")
        await chat.hear(f"The zip on file is {ITS_ZIP}")
        await chat.page.locator("remit-chat .agree:visible").wait_for()
        await expect(chat.page.locator("remit-chat a.pay:visible")).to_have_count(0)  # it was closed
        await shoot(chat.page, f"zip-{name}-2-corrected")
        await chat.press("Yes, pay $86.50")
        await chat.page.wait_for_url("**/processor/pay/**")
        await expect(chat.page.locator("[name=zip]")).to_have_value(ITS_ZIP)
        for field, value in {"number": WRONG_ZIP, "exp": "04/42", "cvc": "123"}.items():
            await chat.page.locator(f"[name={field}]").fill(value)
        await chat.page.locator("#pay").click()
        await chat.page.locator("#back").click()
        await chat.hear("Paid: $86.50")
        await shoot(chat.page, f"zip-{name}-3-paid")
    assert await house.due(owner.numbers[0]) == 0


# --- the line over a change of tokens ------------------------------------------------------------------------------------


async def test_both_tabs_go_on_with_the_token_that_a_sign_in_brought(house, visit):
    owner = house.owner()
    async with visit() as visitor:
        visitor.expected.append("status of 401")  # a line may be under way with the token that is just being replaced
        left = Chat(await visitor.page(f"{house.chat}/chat"))
        await left.hear("What can I do for you?")
        right = Chat(await visitor.page(f"{house.chat}/chat"))
        await right.hear("What can I do for you?")
        before = await token_of(left.page)
        await left.press("Sign in")
        await right.hear("What is your e-mail address?")
        await left.say(owner.email)
        await right.hear("six-digit code")
        await right.say(await house.code(owner.email))
        for tab in (left, right):
            await tab.hear(f"You're signed in, {owner.name}")
        assert await token_of(left.page) != before
        await left.say("what's overdue?")
        await right.hear("One invoice is overdue")
        await right.say("thanks")
        await left.hear("You're welcome")
        await expect(left.log.get_by_text("The earlier conversation has ended.")).to_have_count(0)
        assert await left.texts() == await right.texts()


async def test_an_answer_that_brought_a_new_token_and_was_lost_is_asked_for_again(house, visit):
    """The page is left in the very moment; the next page has the old token, and the message that was not answered."""
    owner = house.owner()
    lost = []

    async def lose(route: Route) -> None:
        lost.append(json.loads(route.request.post_data or "{}")["id"])
        await route.fetch()
        await route.abort()

    async with visit() as visitor:
        visitor.expected += ["net::ERR_FAILED", "status of 401"]
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.press("Sign in")
        await chat.hear("What is your e-mail address?")
        await chat.say(owner.email)
        await chat.hear("six-digit code")
        before, code = await token_of(chat.page), await house.code(owner.email)
        await chat.page.route("**/messages", lose)
        await chat.say(code)
        while not lost:
            await chat.page.wait_for_timeout(50)
        await chat.page.close()
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear(f"You're signed in, {owner.name}")
        await expect(chat.log.get_by_text("The earlier conversation has ended.")).to_have_count(0)
        assert await token_of(chat.page) != before


async def test_a_token_that_only_the_stream_missed_is_found_by_the_last_message(house, visit):
    """As when a code takes longer than an answer may: the message was answered before it brought the new token."""
    owner = house.owner()
    async with visit() as visitor:
        visitor.expected.append("status of 401")
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear("What can I do for you?")
        before = await token_of(chat.page)
        await sign_in(chat, visitor, house, owner)
        fresh = await token_of(chat.page)
        await chat.page.evaluate(
            "(token) => { const key = `remit:${location.origin}:chat`, chat = JSON.parse(localStorage[key]);"
            " localStorage[key] = JSON.stringify({...chat, token}); }",
            before,
        )
        await chat.page.reload()
        await chat.hear(f"You're signed in, {owner.name}")
        await chat.say("what do I owe?")
        await chat.hear("You owe $270.50")
        assert await token_of(chat.page) == fresh


# --- whose chat it is ------------------------------------------------------------------------------------------------------


async def test_signing_out_forgets_the_browser_too(house, visit):
    owner = house.owner()
    async with visit() as visitor:
        visitor.expected.append("status of 401")  # a line may be under way with the token that is just being replaced
        chat = await signed_in(visitor, house, owner)
        await chat.press("Stay signed in here")
        await chat.hear("This browser is remembered until")
        await chat.kept("browser")
        await chat.say("sign out")
        await chat.hear("You're signed out here")
        await chat.kept("browser", gone=True)
        assert owner.name not in await chat.log.inner_text()
        await chat.page.reload()
        await chat.hear("You're signed out here")
        assert owner.name not in await chat.log.inner_text()
        await chat.say("what's overdue?")
        await chat.hear("To show all your invoices I have to know that it's you")
        await chat.page.evaluate("localStorage.removeItem(`remit:${location.origin}:chat`)")
        await chat.page.reload()
        await chat.hear("What can I do for you?")


async def shop_of(visitor: Visitor, house: House, token: str) -> Chat:
    """The merchant's page as it comes for its signed-in user, with a token in the script tag; "" for nobody."""
    tag = f"document.querySelector('script[src$=\"widget.js\"]')?.setAttribute('data-visitor', {json.dumps(token)})"
    written = f"new MutationObserver(() => {tag}).observe(document, {{childList: true, subtree: true}})"
    chat = Chat(await visitor.page(house.shop, before=written if token else ""))
    if await chat.launcher.is_visible():
        await chat.launcher.click()
    return chat


def token_for(user: str) -> str:
    return jwt.encode({"aud": "remit", "sub": user, "exp": int(time.time()) + 600}, PAGE_SECRET, "HS256")


async def test_a_shared_computer_shows_nobody_the_chat_of_the_pages_user_before(house, visit):
    first, second = house.owner(), house.owner()
    async with visit() as visitor:
        chat = await shop_of(visitor, house, token_for(first.id))
        await chat.hear(f"Hi {first.name}")
        await chat.hear("You have 3 invoices to pay")
        await shoot(chat.page, "sign-in-by-the-page")
        await chat.page.close()
        chat = await shop_of(visitor, house, token_for(second.id))
        await chat.hear(f"Hi {second.name}")
        assert not [line for line in await chat.texts() if first.name in line]
        await chat.page.close()
        chat = await shop_of(visitor, house, "")
        await chat.hear("What can I do for you?")
        assert not [line for line in await chat.texts() if "Rosa" in line]
        await chat.page.close()
        chat = await shop_of(visitor, house, token_for(first.id))
        await chat.hear(f"Hi {first.name}")


async def test_a_token_of_the_page_that_is_none_leaves_the_chat_open_to_a_stranger(house, visit):
    async with visit() as visitor:
        chat = await shop_of(visitor, house, "not a token")
        await chat.hear("What can I do for you?")


async def test_the_link_of_an_invitation_begins_with_signing_in(house, visit):
    async with visit(viewport=PHONE) as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat#sign-in"))
        await chat.hear("What is your e-mail address?")
        assert chat.page.url == f"{house.chat}/chat"
        await chat.page.reload()
        await chat.hear("What is your e-mail address?")
        assert [line for line in await chat.texts() if line.startswith("customer")] == ["customer: Sign in"]


# --- what is shown -----------------------------------------------------------------------------------------------------------


async def test_a_code_has_a_keyboard_of_digits_and_words_have_letters_again(house, visit):
    owner = house.owner()
    async with visit(viewport=PHONE) as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.press("Sign in")
        await chat.hear("What is your e-mail address?")
        await expect(chat.field).to_have_attribute("autocomplete", "off")
        await chat.say(owner.email)
        await chat.hear("six-digit code")
        await expect(chat.field).to_have_attribute("autocomplete", "one-time-code")
        await expect(chat.field).to_have_attribute("inputmode", "numeric")
        await shoot(chat.page, "sign-in-code-phone")
        await chat.say(await house.code(owner.email))
        await chat.hear("You're signed in")
        await expect(chat.field).to_have_attribute("autocomplete", "off")
        await expect(chat.field).to_have_attribute("inputmode", "text")


async def test_an_invoice_on_paper_opens_beside_the_chat(house, visit):
    owner = house.owner()
    async with visit() as visitor:
        chat = await signed_in(visitor, house, owner)
        await chat.say("my invoices")
        await chat.hear("Your invoices (3)")
        await chat.press(owner.numbers[1])
        await chat.hear("2 visits")
        paper = chat.log.get_by_role("link", name="Open the invoice (PDF)")
        await shoot(chat.page, "sign-in-invoice")
        assert await chat.link.count() == 0, "it is no way to the secure page"
        answer = await house.http.get(str(await paper.get_attribute("href")))
        assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
        assert await paper.get_attribute("target") == "_blank"
        assert await violations(chat.page) == []


@LOOKS
async def test_the_states_of_signing_in_shut_nobody_out(house, visit, viewport, dark):
    owner = house.owner()
    async with visit(viewport=viewport, dark=dark, reduced_motion="reduce") as visitor:
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.press("Sign in")
        await chat.hear("What is your e-mail address?")
        assert await violations(chat.page) == []
        await chat.say(owner.email)
        await chat.hear("six-digit code")
        assert await violations(chat.page) == []
        await chat.say(await house.code(owner.email))
        await chat.hear("You have 3 invoices to pay")
        assert await violations(chat.page) == []
        await chat.say("my invoices")
        await chat.hear("Your invoices (3)")
        await shoot(chat.page, f"sign-in-invoices-{'dark' if dark else 'light'}")
        assert await violations(chat.page) == []
        assert await chat.log.evaluate("(log) => log.scrollWidth - log.clientWidth") <= 0
