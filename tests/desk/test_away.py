"""A person answers when the customer has left the page: one letter says so, without a word of it, and nobody who is there gets one."""

import pytest
from sqlalchemy import Connection, select
from world import World

from services.desk import handoffs
from services.schema import letter

CHAT = "web:one"


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, desk={"hours": ["mon-fri 09:00-17:00"]}) as made:  # it is Monday, 7:30
        yield made


async def asked(world: World, chat: str = CHAT, *, link: bool = True) -> int:
    if link:
        await world.say(chat, f"/start {await world.link('INV-1042')}")
    said = await world.say(chat, "human")
    await world.work()
    await world.remit.copying.work()
    told = "we tell you at the e-mail address on file" in said[-1].text
    assert told is (link and chat.startswith("web:"))
    found = await world.remit.transact(lambda conn: handoffs.of_chat(conn, chat))
    assert found is not None
    return found.id


async def replied(world: World, handoff: int, text: str = "a private word", key: str = "k") -> None:
    maria = await world.agent()
    await world.remit.desk.take(maria, handoff)
    assert await world.remit.desk.say(maria, handoff, text, key)
    await world.remit.copying.work()


async def states(world: World) -> list[str]:
    def work(conn: Connection) -> list[str]:
        return list(conn.execute(select(letter.c.state).order_by(letter.c.id)).scalars())

    return await world.remit.transact(work)


async def test_who_has_left_hears_once_that_there_is_an_answer_and_not_what_it_is(world):
    handoff = await asked(world)
    await replied(world, handoff)
    await replied(world, handoff, "one word more", "k2")
    await world.wait(minutes=9)
    assert world.mail.letters == []
    await world.wait(minutes=2)
    (sent,) = world.mail.letters
    assert (sent.to, sent.subject) == ("dana.whitfield@example.com", "Green Lane Lawn Care answered you in the chat")
    assert "http://remit/chat" in sent.text
    assert not any(word in sent.text + sent.html for word in ("private", "one word more", "INV-1042", "token"))
    await world.say(CHAT, "thanks, and when?")
    await world.remit.copying.work()
    await replied(world, handoff, "on Friday", "k3")
    await world.wait(minutes=11)
    assert len(world.mail.letters) == 2  # they had written since, and left again


async def test_who_writes_again_in_time_gets_no_letter(world):
    handoff = await asked(world)
    await replied(world, handoff)
    await world.say(CHAT, "thank you")
    await world.remit.copying.work()
    await world.wait(minutes=11)
    assert (await states(world), world.mail.letters) == (["moot"], [])


async def test_who_looks_at_the_chat_gets_no_letter(world):
    handoff = await asked(world)
    with world.remit.bell.listen(CHAT):
        await replied(world, handoff)
    await world.wait(minutes=11)
    assert await states(world) == []
    await replied(world, handoff, "still there?", "k2")
    with world.remit.bell.listen(CHAT):  # they are back, and read it
        await world.wait(minutes=11)
    assert (await states(world), world.mail.letters) == (["moot"], [])


@pytest.mark.parametrize(("chat", "link"), [("rasa:one", True), (CHAT, False)])
async def test_a_messenger_brings_it_by_itself_and_nobody_knows_a_stranger_s_address(world, chat, link):
    await replied(world, await asked(world, chat, link=link))
    await world.wait(minutes=11)
    assert (await states(world), world.mail.letters) == ([], [])


async def test_a_business_without_mail_promises_none(tmp_path):
    hours = {"hours": ["mon-fri 09:00-17:00"]}
    async with World(tmp_path, desk=hours, mail={"host": "", "from": "billing@example.com"}) as world:
        await world.say(CHAT, f"/start {await world.link('INV-1042')}")
        assert "address on file" not in (await world.say(CHAT, "human"))[-1].text
