"""The page behind a hand-off link that leads nowhere any more: it says what happened, in the reader's language."""

import pytest
from world import World

CHAT = "rasa:one"


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path) as made:
        yield made


async def link(world: World) -> str:
    await world.say(CHAT, f"/start {await world.link('INV-1042')}")
    await world.say(CHAT, "card")
    return (await world.say(CHAT, "yes"))[-1].link.url


async def told(world: World, url: str, language: str = "en") -> tuple[int, str]:
    answer = await world.browser.get(url, headers={"Accept-Language": language})
    assert f'<html lang="{language}">' in answer.text
    return answer.status_code, answer.text


async def test_a_closed_page_says_that_nothing_was_charged_and_the_chat_that_it_is_closed(world):
    url = await link(world)
    *_, last = await world.say(CHAT, "cancel")
    assert last.closes
    assert (await told(world, url))[0] == 410
    assert "This payment page was closed" in (await told(world, url))[1]
    assert "Nothing was charged on it." in (await told(world, url))[1]
    assert "Esta página de pago se cerró" in (await told(world, url, "es"))[1]


async def test_a_paid_page_says_that_there_is_nothing_more_to_pay_there(world):
    url = await link(world)
    await world.pay_by_card(await world.page(url), "4242424242424242")
    await world.work()
    status, text = await told(world, url)
    assert (status, "Nothing more to pay on this page" in text) == (410, True)


async def test_what_never_was_a_link_says_so(world):
    status, text = await told(world, "http://remit/go/nothing")
    assert (status, "This link is not complete" in text) == (404, True)
