"""The widget in a real browser: whole payments, and what gets in their way. What a bill looks like is `test_bill`."""

import asyncio
import json

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import DUE, PHONE, shoot
from tests.browser.person import ASKED, COMES_BACK, GOOD, POOR, Chat, fill_bank, fill_card

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def opened(visitor, house, number: str) -> Chat:
    """The full-page chat behind a pay link, as *Pay now* on the bill opens it."""
    return Chat(await visitor.page(f"{house.chat}/chat?i={await house.token(number)}"))


# --- whole payments --------------------------------------------------------------------------------------------------


async def test_a_card_payment_goes_from_the_link_to_the_receipt_and_back_to_the_same_chat(house, visit):
    number = house.number()
    async with visit(viewport=PHONE) as visitor:
        chat = await opened(visitor, house, number)
        await chat.press("Card")
        await chat.press("Yes, pay $120.00")
        await chat.page.wait_for_url("**/processor/pay/**")
        await fill_card(chat.page, GOOD)
        await chat.page.locator("#back").click()
        await chat.hear("Paid: $120.00 by Visa ending 4242")
        assert chat.page.url == f"{house.chat}/chat", "the pay link stays out of the address, so a reload pays nothing"
        await expect(chat.link).to_be_hidden()
        await shoot(chat.page, "widget-receipt-phone")
        said = await chat.texts()
    assert [line for line in said if line.startswith("customer")] == ["customer: Card", "customer: Yes, pay $120.00"]
    assert await house.due(number) == 0


async def test_a_bank_payment_is_told_in_the_open_chat_when_it_starts_settles_and_comes_back(house, visit):
    number = house.number()
    async with visit() as visitor:
        chat = await opened(visitor, house, number)
        hosted = await visitor.page(await chat.agree("Bank account (ACH)"))
        await fill_bank(hosted, COMES_BACK)
        await chat.hear("is on its way")
        await hosted.close()
        await house.advance(days=3)
        await chat.hear("has arrived")
        await house.advance(days=3)
        await chat.hear("your bank returned the payment")
        await shoot(chat.page, "widget-returned-desktop")
    assert await house.due(number) == DUE


async def test_a_decline_is_told_with_its_advice_and_the_same_page_takes_another_card(house, visit):
    number = house.number()
    async with visit() as visitor:
        chat = await opened(visitor, house, number)
        hosted = await visitor.page(await chat.agree())
        await fill_card(hosted, POOR)
        await chat.hear("not enough money available")
        await fill_card(hosted, GOOD)
        await chat.hear("Paid: $120.00")
    assert await house.due(number) == 0


async def test_a_bank_that_asks_back_does_not_lose_the_payment(house, visit):
    number = house.number()
    async with visit() as visitor:
        chat = await opened(visitor, house, number)
        hosted = await visitor.page(await chat.agree())
        await fill_card(hosted, ASKED)
        await hosted.locator("#complete").click()
        await chat.hear("Paid: $120.00")
    assert await house.due(number) == 0


async def test_everything_is_done_by_keyboard_alone_on_the_merchants_page(house, visit):
    number = house.number()
    async with visit() as visitor:
        chat = Chat(await visitor.page(f"{house.shop}?pay_link={await house.token(number)}"))
        keys = chat.page.keyboard
        await chat.launcher.focus()
        await keys.press("Enter")
        await expect(chat.field).to_be_focused()
        await chat.hear("How would you like to pay?")
        await keys.press("Shift+Tab")  # back into the answers: the last of them
        await expect(chat.log.get_by_role("button", name="Pay another amount")).to_be_focused()
        await keys.press("ArrowRight")  # round the group, to its first
        await expect(chat.log.get_by_role("button", name="Card", exact=True)).to_be_focused()
        await keys.press("Enter")
        await chat.hear("Please check")
        await keys.press("Escape")
        await expect(chat.launcher).to_be_focused()
        await keys.press("Enter")
        await expect(chat.field).to_be_focused()
        yes = chat.log.get_by_role("button", name="Yes, pay $120.00")
        await yes.focus()
        await keys.press("Enter")
        await chat.page.wait_for_url("**/processor/pay/**")
        await chat.page.locator("[name=number]").focus()
        for text in (GOOD, "0442", "123"):
            await keys.type(text)
            await keys.press("Tab")
        await chat.page.locator("#pay").focus()
        await keys.press("Enter")
        await chat.page.locator("#back").focus()
        await keys.press("Enter")
        await chat.hear("Paid: $120.00")
        assert chat.page.url.startswith(house.shop)
    assert await house.due(number) == 0


# --- what gets in the way ----------------------------------------------------------------------------------------------


async def test_a_reload_in_the_middle_loses_and_repeats_nothing(house, visit):
    async with visit() as visitor:
        chat = await opened(visitor, house, house.number())
        await chat.press("Card")
        await chat.hear("Please check")
        before = await chat.texts()
        await chat.page.reload()
        await chat.hear("Please check")
        assert await chat.texts() == before
        await chat.say("yes")
        await chat.link.wait_for()
        await chat.page.reload()
        await chat.link.wait_for()


async def test_a_way_to_pay_chosen_on_the_bill_is_not_asked_again(house, visit):
    number = house.number()
    async with visit(viewport=PHONE) as visitor:
        page = await visitor.page(f"{house.chat}/i/{await house.token(number)}")
        await page.get_by_role("link", name="By card").click()
        chat = Chat(page)
        await chat.press("Yes, pay $120.00")
        await page.wait_for_url("**/processor/pay/**")
        await fill_card(page, GOOD)
        await page.locator("#back").click()
        await chat.hear("Paid: $120.00")
        said = await chat.texts()
        await page.reload()
        await chat.hear("Paid: $120.00")
        assert await chat.texts() == said
    assert await house.due(number) == 0


async def test_words_typed_while_offline_are_sent_once_when_the_network_is_back(house, visit):
    async with visit() as visitor:
        chat = await opened(visitor, house, house.number())
        await chat.hear("How would you like to pay?")
        await visitor.context.set_offline(offline=True)
        await expect(chat.state).to_have_text("You are offline")
        await chat.say("card")
        await expect(chat.log.get_by_text("Waiting for the connection")).to_be_visible()
        await shoot(chat.page, "widget-offline-desktop")
        await visitor.context.set_offline(offline=False)
        await chat.hear("Please check")
        await expect(chat.state).to_be_hidden()
        await expect(chat.rows("customer")).to_have_count(1)
        await chat.page.reload()
        await chat.hear("Please check")
        assert (await chat.texts()).count("customer: card") == 1


async def test_words_typed_while_offline_outlive_the_page(house, visit):
    async with visit() as visitor:
        chat = await opened(visitor, house, house.number())
        await chat.hear("How would you like to pay?")
        await visitor.context.set_offline(offline=True)
        await chat.say("card")
        await chat.page.close()
        await visitor.context.set_offline(offline=False)
        chat = Chat(await visitor.page(f"{house.chat}/chat"))
        await chat.hear("Please check")
        assert (await chat.texts()).count("customer: card") == 1


async def test_an_answer_that_is_lost_on_its_way_is_asked_for_again_by_the_same_id(house, visit):
    number = house.number()
    ids = []

    async def lose_the_first(route: Route) -> None:
        ids.append(json.loads(route.request.post_data or "{}")["id"])
        if len(ids) == 1:
            await route.fetch()  # it arrives and is answered, and nobody hears it
            await route.abort()
        else:
            await route.continue_()

    async with visit() as visitor:
        visitor.expected.append("net::ERR_FAILED")
        chat = await opened(visitor, house, number)
        await chat.press("Card")
        await chat.hear("Please check")
        await chat.page.route("**/messages", lose_the_first)
        await chat.say("yes")
        await chat.link.wait_for()
        for _ in range(40):
            if len(ids) > 1:
                break
            await chat.page.wait_for_timeout(100)
        assert len(ids) == 2
        assert ids[0] == ids[1]
        assert (await chat.texts()).count("customer: yes") == 1
        await expect(chat.link).to_have_count(1)


async def test_a_conversation_that_is_gone_begins_again_and_keeps_the_words(house, visit):
    async with visit() as visitor:
        visitor.expected.append("status of 401")
        chat = await opened(visitor, house, house.number())
        await chat.hear("How would you like to pay?")
        key = f"remit:{house.chat}:chat"
        await chat.page.evaluate(
            "(key) => localStorage.setItem(key, JSON.stringify({...JSON.parse(localStorage.getItem(key)), token: 'old'}))",
            key,
        )
        await chat.say("hello")
        await expect(chat.log.get_by_text("The earlier conversation has ended.")).to_be_visible()
        await chat.hear("Hi, this is Green Lane Lawn Care")
        await expect(chat.rows("customer")).to_have_count(1)
        assert (await chat.texts()).count("customer: hello") == 1


async def test_two_tabs_share_one_conversation_and_both_stay_right(house, visit):
    number = house.number()
    async with visit() as visitor:
        left = await opened(visitor, house, number)
        await left.hear("How would you like to pay?")
        right = Chat(await visitor.page(f"{house.chat}/chat"))
        await right.hear("How would you like to pay?")
        await right.press("Card")
        await left.hear("Please check")
        await left.say("yes")
        await right.link.wait_for()
        await left.link.wait_for()
        assert await left.texts() == await right.texts()
        await expect(left.log.get_by_role("button", name="Yes, pay $120.00")).to_have_count(0)
        await right.link.click()
        await fill_card(right.page, GOOD)
        await left.hear("Paid: $120.00")
    assert await house.due(number) == 0


async def test_two_tabs_opened_at_once_begin_one_conversation(house, visit):
    number = house.number()
    address = f"{house.chat}/chat?i={await house.token(number)}"
    both = asyncio.Event()
    asked = []

    async def hold_until_both_ask(route: Route) -> None:
        asked.append(route)
        if len(asked) == 2:
            both.set()
        await both.wait()
        await route.continue_()

    async with visit() as visitor:
        await visitor.context.route("**/api/v1/conversations", hold_until_both_ask)
        left, right = [Chat(page) for page in await asyncio.gather(visitor.page(address), visitor.page(address))]
        await left.press("Card")
        await right.hear("Please check")
        await left.hear("Please check")
        begun = "JSON.parse(localStorage.getItem(`remit:${location.origin}:chat`)).id"
        assert await left.page.evaluate(begun) == await right.page.evaluate(begun)
        assert await left.texts() == await right.texts()


async def test_news_while_the_panel_is_closed_are_counted_on_the_launcher(house, visit):
    async with visit() as visitor:
        chat = Chat(await visitor.page(f"{house.shop}?pay_link={await house.token(house.number())}"))
        await chat.launcher.click()
        address = await chat.agree()
        await chat.page.keyboard.press("Escape")
        await expect(chat.page.locator("remit-chat .badge")).to_be_hidden()
        hosted = await visitor.page(address)
        await fill_card(hosted, GOOD)
        await expect(chat.page.locator("remit-chat .badge")).to_have_text("1")
        await expect(chat.launcher).to_have_accessible_name("Open chat, 1 new message")
        await shoot(chat.page, "widget-badge-desktop")
        await chat.launcher.click()
        await chat.hear("Paid: $120.00")
        await chat.page.keyboard.press("Escape")
        await expect(chat.launcher).to_have_accessible_name("Open chat")


async def test_a_second_pay_link_goes_on_in_the_same_conversation(house, visit):
    first, second = house.number(), house.number()
    async with visit() as visitor:
        chat = await opened(visitor, house, first)
        await chat.hear(first)
        chat = await opened(visitor, house, second)
        await chat.hear(second)
        await expect(chat.rows("customer")).to_have_count(0)
        assert await chat.page.evaluate("Object.keys(localStorage).filter((k) => k.endsWith(':chat')).length") == 1


async def test_a_card_number_typed_while_offline_is_kept_nowhere(house, visit):
    async with visit() as visitor:
        chat = await opened(visitor, house, house.number())
        await chat.hear("How would you like to pay?")
        await visitor.context.set_offline(offline=True)
        await chat.say("4242 4242 4242 4242")
        kept = await chat.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert "4242" not in kept
        await visitor.context.set_offline(offline=False)
        await expect(chat.rows("customer")).to_contain_text("removed")
        assert not [line for line in await chat.texts() if "4242" in line]
