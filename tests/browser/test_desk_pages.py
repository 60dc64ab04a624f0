"""The desk and the widget in two browsers at once: a chat is taken over, paid by a proposal, given back, resolved and rated."""

import re

import pytest
from playwright.async_api import Page, expect

from bot.command_line import Server
from bot.desk.accounts import AgentOrder
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, shoot
from tests.browser.person import GOOD, fill_card
from tests.browser.test_widget import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse battery"
HOSTILE = """<img src=x onerror="console.error('run')"><script>console.error('run')</script>"""


async def agent(house, name: str = "Maria") -> str:
    """An account, made once; answers its address."""
    email = f"{re.sub('[^a-z]', '', name.lower())[:20]}@desk.example"
    server = await Server.find(house.folder)
    assert server is not None
    if email not in [each["email"] for each in await server.ask("agents", AgentOrder("list"))]:
        await server.ask("agents", AgentOrder("add", email, name, "agent", PASSWORD))
    await server.close()
    return email


async def at_the_desk(visitor, house, name: str = "Maria") -> Page:
    """The queue, as somebody sees it who has just signed in."""
    page = await visitor.page(f"{house.chat}/desk")
    await page.get_by_label("E-mail address").fill(await agent(house, name))
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    return page


def row_of(page: Page, number: str):
    return page.locator("tr", has_text=number).locator("[data-row]")


async def test_a_chat_is_taken_over_paid_by_a_proposal_given_back_resolved_and_rated(house, visit):
    number = house.number()
    await house.http.post(f"{house.sandbox}/control/invoices/{number}", json={"total_minor": 20000})
    async with visit(viewport=PHONE) as customer, visit() as visitor, visit(viewport=PHONE) as elsewhere:
        desk = await at_the_desk(visitor, house)
        chat = await opened(customer, house, number)
        await chat.press("Card")
        await chat.hear("Please check")
        await chat.say("I want to talk to a human")
        await expect(row_of(desk, number)).to_be_visible()  # by itself: nobody loads the page again
        await shoot(desk, "desk-queue")
        await row_of(desk, number).click()
        await expect(desk.locator("dl", has_text="Who").first).to_contain_text("Dana Whitfield")
        await expect(desk.locator("[data-live=brief]")).to_contain_text(number)
        await desk.keyboard.press("t")
        await chat.hear("Maria from Green Lane Lawn Care is here now")
        reply = desk.get_by_label("Reply as Maria")
        await expect(reply).to_be_focused()
        await reply.fill("Hello, how can I help?")
        await reply.press("Control+Enter")
        await chat.hear("Hello, how can I help?")
        await expect(chat.page.locator("remit-chat .row.agent .who").last).to_have_text("Maria")
        await expect(reply).to_have_value("")
        await reply.fill("half a word")
        await chat.say("Can I pay only a part? My card is 4242 4242 4242 4242")
        await expect(desk.locator(".lines .customer").last).to_contain_text("Can I pay only a part?")
        await expect(desk.locator(".lines mark").last).to_contain_text("removed")
        await expect(reply).to_have_value("half a word")
        await expect(reply).to_be_focused()
        await shoot(desk, "desk-chat")
        phone = await opened(elsewhere, house, number)  # the same link on another phone, while Maria waits here
        await phone.hear("How would you like to pay?")
        beside = desk.locator("[data-live=brief]").get_by_role("link")
        await expect(beside).to_contain_text("Web chat")
        await shoot(desk, "desk-same-invoice")
        await reply.press("Escape")
        await desk.keyboard.press("p")
        await desk.get_by_label("Amount").fill("120")
        await desk.get_by_label("Reason, which the customer reads").fill("first part")
        await desk.get_by_role("button", name="Propose", exact=True).click()
        await expect(desk.locator(".proposals")).to_contain_text("has not decided yet")
        await chat.hear("first part")
        await shoot(chat.page, "desk-customer-proposal-phone")
        await chat.log.get_by_role("button", name="Card", exact=True).last.click()
        await chat.log.get_by_role("button", name="Yes, pay $120.00", exact=True).click()
        await chat.page.wait_for_url("**/processor/pay/**")
        await expect(desk.locator(".proposals")).to_contain_text("Confirmed by the customer")
        await fill_card(chat.page, GOOD)
        await chat.page.locator("#back").click()
        await chat.hear("Paid: $120.00 by Visa ending 4242")
        await expect(desk.locator(".proposals")).to_contain_text("Confirmed by the customer: paid")
        await expect(desk.locator("[data-gate=reply]")).to_be_visible()  # it is Maria's again
        await expect(reply).to_have_value("half a word")
        await expect(desk.locator("h1")).to_have_text("Dana Whitfield")
        await expect(desk.locator(".proposals")).to_contain_text("$120.00")
        await shoot(desk, "desk-paid")
        await desk.locator("h1").click()
        await desk.keyboard.press("e")
        await desk.keyboard.press("Enter")
        await expect(desk.locator("[data-live=state]")).to_contain_text("Resolved")
        await chat.log.get_by_role("button", name=re.compile("5")).last.click()
        await expect(desk.locator("[data-live=state]")).to_contain_text("5 of 5 stars")
    assert await house.due(number) == 20000 - 12000


async def test_hostile_words_stay_words_on_every_page_of_the_desk(house, visit):
    number = house.number()
    async with visit() as customer, visit() as visitor:
        desk = await at_the_desk(visitor, house, "Eve <b>& co")
        chat = await opened(customer, house, number)
        await chat.say(f"human {HOSTILE}")
        await chat.say("human")
        await row_of(desk, number).click()
        await expect(desk.locator(".lines")).to_contain_text("<script>console.error('run')</script>")
        await desk.get_by_role("button", name="Take", exact=True).click()
        await desk.get_by_label("A note").fill(HOSTILE)
        await desk.get_by_role("button", name="Keep note").click()
        await expect(desk.locator(".notes")).to_contain_text(HOSTILE)
        await desk.get_by_label("Reply as").fill(HOSTILE)
        await desk.get_by_role("button", name="Send", exact=True).click()
        await expect(desk.locator(".lines .agent").last).to_contain_text(HOSTILE)
        visitor.expected.append("409 (Conflict)")  # the refusal of a form, which the browser reports
        await desk.locator("#propose summary").click()
        await desk.get_by_label("Invoice number").fill(HOSTILE)
        await desk.get_by_label("Amount").fill("1")
        await desk.get_by_label("Reason, which").fill(HOSTILE)
        await desk.get_by_role("button", name="Propose", exact=True).click()
        await expect(desk.locator("#refused")).to_contain_text("no such invoice")
        await expect(desk.get_by_label("Invoice number")).to_have_value(HOSTILE)
        assert await desk.locator("main img, main script").count() == 0
        await chat.hear("onerror")
        assert await chat.page.locator("remit-chat .row img").count() == 0
        await desk.get_by_role("button", name="Resolve").click()
        await expect(desk.locator("[data-live=state]")).to_contain_text("Resolved")


async def test_the_desk_is_keyboard_complete_without_violations_in_every_look(house, visit):
    number = house.number()
    async with visit() as customer:
        chat = await opened(customer, house, number)
        await chat.press("Card")
        await chat.hear("Please check")
        await chat.say("human")
        for dark in (False, True):
            for size, viewport in (("phone", PHONE), ("desktop", {"width": 1280, "height": 800})):
                async with visit(viewport=viewport, dark=dark) as visitor:
                    look = f"{size}-{'dark' if dark else 'light'}"
                    page = await visitor.page(f"{house.chat}/desk")
                    assert await violations(page) == []
                    await shoot(page, f"desk-sign-in-{look}")
                    await page.get_by_label("E-mail address").fill(await agent(house, "Look"))
                    await page.get_by_label("Password").fill(PASSWORD)
                    await page.keyboard.press("Enter")
                    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
                    await page.goto(f"{house.chat}/desk?show=all")  # from the second look on it is taken
                    await expect(row_of(page, number)).to_be_visible()
                    assert await violations(page) == []
                    await shoot(page, f"desk-queue-{look}")
                    await row_of(page, number).focus()
                    await page.keyboard.press("k")
                    await page.keyboard.press("?")
                    await expect(page.locator("#keys")).to_be_visible()
                    await page.keyboard.press("Escape")
                    await row_of(page, number).focus()
                    await page.keyboard.press("Enter")
                    await expect(page.locator(".lines")).to_be_visible()
                    await page.wait_for_load_state()  # the keys are there
                    await page.keyboard.press("t")
                    await expect(page.locator("[data-gate=reply]")).to_be_visible()
                    assert await violations(page) == []
                    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                    await shoot(page, f"desk-chat-{look}")
