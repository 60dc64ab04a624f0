"""The queue and one chat, as pages: what they show, what a form answers, and what is written down of it."""

import re

import pytest
from canaries import RENDERINGS, SPLITS, Aviary
from desks import csrf, signed_in, waiting
from world import World

from services.desk import agents, audit, canned, handoffs, notes, proposals
from services.model import Money

CHAT = "rasa:one"


async def post(client, handoff: int, what: str, **fields: str):
    return await client.post(f"/desk/chats/{handoff}/{what}", data={"csrf": await csrf(client), **fields})


async def done(world: World) -> list[str]:
    return [each.what for each in reversed(await world.remit.transact(lambda conn: audit.newest(conn, 50)))]


def problem(text: str) -> str:
    return re.search(r'<p class="problem">([^<]+)</p>', text)[1]


async def test_who_waits_longest_stands_first_with_what_is_known(world):
    client, first = await signed_in(world), await waiting(world, "rasa:one")
    world.clock.advance(minutes=72)
    second = await waiting(world, "rasa:two", link="INV-1031")
    page = (await client.get("/desk")).text
    assert page.index(f'id="h{first}"') < page.index(f'id="h{second}"')
    for words in (
        "1 h 12 min",
        "under a minute",
        "Dana Whitfield",
        "INV-1042",
        "INV-1031",
        "Asked for a person",
        "English",
    ):
        assert words in page, words
    assert 'id="tab-mine"' in page
    await client.aclose()


async def test_each_tab_holds_what_it_says(world):
    client, handoff = await signed_in(world), await waiting(world)
    there = f'id="h{handoff}"'

    async def tabs() -> list[str]:
        names = ("waiting", "mine", "all", "resolved")
        return [name for name in names if there in (await client.get(f"/desk?show={name}")).text]

    assert await tabs() == ["waiting", "all"]
    await post(client, handoff, "take")
    assert await tabs() == ["mine", "all"]
    await post(client, handoff, "resolve")
    assert await tabs() == ["resolved"]
    world.clock.advance(hours=1)
    await client.get("/desk")
    world.clock.advance(hours=1)
    await client.get("/desk")
    assert await tabs() == ["resolved"]
    await client.aclose()


async def test_the_chat_shows_what_was_said_and_what_is_known(world):
    client, handoff = await signed_in(world), await waiting(world)
    await world.say(CHAT, "my card is 4242 4242 4242 4242")
    await world.remit.copying.work()
    page = (await client.get(f"/desk/chats/{handoff}")).text
    for words in (
        "<mark>[card number removed]</mark>",
        "Dana Whitfield",
        "came by a pay link; not signed in",
        "no payment",
        "Nobody has this chat",
    ):
        assert words in page, words
    await client.aclose()


async def test_every_view_is_noted_and_one_that_stays_open_once(world):
    client, handoff = await signed_in(world), await waiting(world)
    for _ in range(2):
        await client.get(f"/desk/chats/{handoff}")
    for _ in range(3):
        await client.get(f"/desk/chats/{handoff}/live")
    assert await done(world) == ["signed_in", "saw", "saw"]
    world.clock.advance(minutes=31)
    await client.get(f"/desk/chats/{handoff}/live")
    assert (await done(world)).count("saw") == 3
    ben = await signed_in(world, "Ben")
    await ben.get(f"/desk/chats/{handoff}/live")  # without the page: noted all the same
    assert (await done(world)).count("saw") == 4
    await client.aclose()
    await ben.aclose()


async def test_the_slower_of_two_is_told_who_was_quicker(world):
    maria, ben, handoff = await signed_in(world), await signed_in(world, "Ben"), await waiting(world)
    assert (await post(maria, handoff, "take")).status_code == 303
    answer = await post(ben, handoff, "take")
    assert answer.status_code == 409
    assert problem(answer.text) == "Maria was quicker and has this chat."
    await maria.aclose()
    await ben.aclose()


async def test_a_reply_that_is_sent_twice_is_said_once_and_a_refused_one_stays_typed(world):
    maria, handoff = await signed_in(world), await waiting(world)
    refused = await post(maria, handoff, "reply", text="my <words>", key="k")
    assert refused.status_code == 409
    assert ">my &lt;words&gt;</textarea>" in refused.text
    await post(maria, handoff, "take")
    for _ in range(2):
        assert (await post(maria, handoff, "reply", text="hello", key="k")).headers["location"].endswith("said=replied")
    said = [message.text for message in await world.store.since(CHAT, 0) if message.sender == "agent"]
    assert said == ["hello"]
    await maria.aclose()


async def test_answers_kept_ready_are_filled_from_the_chat_and_what_is_missing_is_not_sent(world):
    maria, handoff = await signed_in(world), await waiting(world)
    me = await world.remit.transact(lambda conn: agents.by_email(conn, "maria@example.test"))
    for title, text in (("Hi", "Hi {name}, {agent} here: {invoice} over {amount}."), ("Odd", "{name} {name}")):
        assert await world.remit.transact(lambda conn, t=title, x=text: canned.add(conn, me.id, t, x, world.clock()))
    await post(maria, handoff, "take")
    page = (await maria.get(f"/desk/chats/{handoff}")).text
    assert "Hi Dana Whitfield, Maria here: INV-1042 over " in page
    refused = await post(maria, handoff, "reply", text="Hello {name}", key="x")
    assert problem(refused.text) == "Write something in place of {name} first."
    await maria.aclose()


async def test_notes_are_redacted_kept_and_never_said(world):
    maria, handoff = await signed_in(world), await waiting(world)
    await post(maria, handoff, "note", note="their card is 4242 4242 4242 4242, careful")
    (kept,) = await world.remit.transact(lambda conn: notes.of_chat(conn, CHAT))
    assert (kept.agent, kept.text) == ("Maria", "their card is [card number removed], careful")
    assert "careful" in (await maria.get(f"/desk/chats/{handoff}")).text
    assert "careful" not in str(await world.store.since(CHAT, 0))
    assert (await done(world))[-2:] == ["noted", "saw"]
    assert "careful" not in str(await world.remit.transact(lambda conn: audit.newest(conn, 50)))
    await maria.aclose()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"invoice": "INV-1042", "amount": "many"}, "Write the amount as a number"),
        ({"invoice": "INV-1042", "amount": "0"}, "not more than zero"),
        ({"invoice": "INV-1042", "amount": "120.01"}, "more than is owed"),
        ({"invoice": "INV-9999", "amount": "1"}, "no such invoice"),
        ({"invoice": "", "amount": "1"}, "no such invoice"),
        ({"invoice": "INV-1042, INV-1031", "amount": "1"}, "signed in here"),
    ],
)
async def test_a_proposal_that_cannot_be_is_refused_in_words_and_stays_typed(world, fields, words):
    maria, handoff = await signed_in(world), await waiting(world)
    await post(maria, handoff, "take")
    answer = await post(maria, handoff, "propose", reason="as agreed", **fields)
    assert answer.status_code == 409
    assert words in problem(answer.text)
    assert f'value="{fields["amount"]}"' in answer.text
    assert 'value="as agreed"' in answer.text
    assert await world.remit.transact(lambda conn: proposals.of_chat(conn, CHAT)) == []
    await maria.aclose()


async def test_a_proposal_is_followed_until_it_is_paid(world):
    maria, handoff = await signed_in(world), await waiting(world)
    await post(maria, handoff, "take")
    assert (await post(maria, handoff, "propose", invoice="INV-1042", amount="$80.00", reason="")).status_code == 303

    async def stands() -> str:
        return (await maria.get(f"/desk/chats/{handoff}/live")).text

    assert "The customer has not decided yet" in await stands()
    for text in ("card", "yes"):
        await world.say(CHAT, text)
    await world.work()
    assert "Confirmed by the customer: the payment page is open" in await stands()
    (made,) = await world.remit.transact(lambda conn: proposals.of_chat(conn, CHAT))
    assert made.amount == Money(8000, "USD")
    link = next(each.link.url for each in reversed(await world.store.since(CHAT, 0)) if each.link)
    await world.pay_by_card(await world.page(link), "4242424242424242")
    await world.work()
    assert "Confirmed by the customer: paid" in await stands()
    await maria.aclose()


async def test_a_pay_link_goes_to_the_address_on_file_once_a_day(world):
    maria, handoff = await signed_in(world), await waiting(world)
    before = len(world.mail.letters)
    assert (await post(maria, handoff, "send-link", invoice="INV-1042")).headers["location"].endswith("link_sent")
    (letter,) = world.mail.letters[before:]
    assert letter.to == "dana.whitfield@example.com"
    again = await post(maria, handoff, "send-link", invoice="INV-1042")
    assert "sent today already" in problem(again.text)
    missing = await post(maria, handoff, "send-link", invoice="INV-0000")
    assert "no invoice with this number" in problem(missing.text)
    assert (await done(world)).count("sent_link") == 3
    await maria.aclose()


HOSTILE = "\"><script>alert(1)</script>'"


async def test_hostile_words_are_text_on_both_pages(world):
    maria, handoff = await signed_in(world, "Maria"), await waiting(world)
    await world.say(CHAT, HOSTILE)
    await post(maria, handoff, "take")
    await post(maria, handoff, "note", note=HOSTILE)
    await post(maria, handoff, "reply", text=HOSTILE, key="k")
    refused = await post(maria, handoff, "propose", invoice=HOSTILE, amount=HOSTILE, reason=HOSTILE)
    await world.remit.copying.work()
    pages = [refused.text, (await maria.get(f"/desk/chats/{handoff}")).text]
    pages += [(await maria.get("/desk", params={"show": HOSTILE})).text]
    pages += [(await maria.get(f"/desk/chats/{handoff}", params={"said": HOSTILE})).text]
    pages += [(await maria.get("/desk/sign-in", params={"to": HOSTILE})).text]
    assert all("<script>alert" not in page for page in pages)
    assert "&lt;script&gt;alert(1)" in pages[1]
    await maria.aclose()


async def test_no_number_that_the_guard_takes_out_stands_on_any_page(world):
    maria, handoff, aviary = await signed_in(world), await waiting(world), Aviary(8)
    for rendering in RENDERINGS:
        await world.say(CHAT, aviary.text("customer", rendering))
    for how in SPLITS:
        for piece in aviary.split("customer", how):
            await world.say(CHAT, piece)
    await post(maria, handoff, "take")
    for rendering in RENDERINGS:
        await post(maria, handoff, "note", note=aviary.text("note", rendering))
        await post(maria, handoff, "reply", text=aviary.text("reply", rendering), key=f"r{rendering}")
    await post(maria, handoff, "propose", invoice="INV-1042", amount="50", reason=aviary.text("reason", "plain"))
    await world.remit.copying.work()
    sinks = {
        path: (await maria.get(path)).content
        for path in (f"/desk/chats/{handoff}", f"/desk/chats/{handoff}/live", "/desk?show=all", "/desk/queue?show=mine")
    }
    assert b"removed]" in sinks[f"/desk/chats/{handoff}"]
    assert aviary.found(sinks) == []
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert aviary.found({"brief": str(found).encode()}) == []
    await maria.aclose()
