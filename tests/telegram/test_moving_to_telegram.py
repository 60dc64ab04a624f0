"""A chat of a web page goes on in Telegram and comes back, through the bot and all that it calls."""

import pytest
from bot_api import TOKEN, BotApi
from messenger import Messenger, described
from world import World

WEB = "web:one"


@pytest.fixture
async def messenger(tmp_path):
    api = BotApi(described())
    telegram = {"token": TOKEN, "mode": "polling", "bot": "green_lane_bot"}
    async with World(tmp_path, bot_api=api, telegram=telegram) as world:
        yield Messenger(world, api)


async def moving(world: World) -> str:
    """The token that moves the chat of the page, which is at a quote of $50.00."""
    await world.say(WEB, "/start", pay_link=await world.link("INV-1042"))
    await world.say(WEB, "pay 50 by card")
    return (await world.say(WEB, "/telegram"))[-1].link.url.partition("=")[2]


async def on_the_page(world: World) -> list[str]:
    return [message.text for message in await world.store.since(WEB, 0) if message.sender != "customer"]


async def test_a_chat_goes_on_in_telegram_and_is_paid_there(messenger):
    world = messenger.world
    told = await messenger.says(f"/start {await moving(world)}")
    assert told[0].startswith("Here we are.")
    assert "$50.00" in told[-1]
    assert (await on_the_page(world))[-1].startswith("We went on in Telegram.")
    await messenger.presses("Yes, pay $50.00")
    assert "Paid: $50.00" in (await messenger.pays())[-1]
    assert (await world.invoice("INV-1042"))["due_minor"] == 7000
    assert sum("Paid" in text for text in await on_the_page(world)) == 0


async def test_the_same_update_twice_moves_it_once(messenger):
    world = messenger.world
    update = messenger.phone.says(f"/start {await moving(world)}")
    for _ in range(3):
        assert await messenger.deliver(update) == 200
        await messenger.settle()
    shown = [shown.text for shown in messenger.phone.screen if shown.ours]
    assert sum(text.startswith("Here we are.") for text in shown) == 1
    assert sum("Please check: $50.00" in text for text in shown) == 1
    assert sum(text.startswith("We went on") for text in await on_the_page(world)) == 1


async def test_a_return_days_later_is_pushed_to_telegram(messenger):
    world = messenger.world
    await moving(world)
    await world.say(WEB, "by bank account instead")
    agreed = await world.say(WEB, "yes")
    await world.pay_by_bank(await world.page(agreed[-1].link.url), "000555555559")
    await world.work()
    token = (await world.say(WEB, "/telegram"))[-1].link.url.partition("=")[2]
    await messenger.says(f"/start {token}")
    before = len(messenger.phone.screen)
    for _ in range(5):
        world.clock.advance(days=1)
        await messenger.settle()
    pushed = [shown.text for shown in messenger.phone.screen[before:] if shown.ours]
    assert [text.split(" of ")[0].split(" from ")[0] for text in pushed] == [
        "Paid: $50.00",
        "Your bank returned the payment",
    ]
    assert (await on_the_page(world))[-1].startswith("We went on in Telegram.")


async def test_and_back_to_the_page_by_a_link_in_telegram(messenger):
    world = messenger.world
    await messenger.says(f"/start {await moving(world)}")
    await messenger.says("make it 60")
    told = await messenger.says("back to the web page")
    token = told[-1].split("\n")[-1].partition("?i=")[2]
    back = await world.say(WEB, f"/start {token}")
    assert "Please check: $60.00" in back[-1].text
    await messenger.settle()
    seen = [shown.text for shown in messenger.phone.screen if shown.ours]
    assert any(text.startswith("We went on on the web page.") for text in seen), seen


async def test_a_stolen_link_tells_the_thief_nothing(messenger):
    world = messenger.world
    token = await moving(world)
    await world.say("telegram:555", f"/start {token}")
    told = await messenger.says(f"/start {token}")
    assert told[0].startswith("This link has done its work")
    assert not any("$" in text or "INV-" in text for text in told)
