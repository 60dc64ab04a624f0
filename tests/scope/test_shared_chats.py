"""One chat, two people: a token that somebody planted, a computer that is shared, a browser that was stolen.

What the other of the two must not get.
"""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
from world import HANDOFF, World

from bot.api import _events
from bot.channels import widget
from bot.office_commands import _case
from bot.stores.base import Message
from services.model import Customer, Revision
from tests.scope.town import MAILS

API = "/api/v1/conversations"
SIGNS_IN = "4f1c0f6f9a0b4c55b7d2c9e8"  # id of the message that does: nobody guesses it


class Chat:
    """A chat on a web page, and the token that its first visitor was given."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
        self.id = ""
        self.planted = ""
        self._said = 0

    async def begin(self) -> "Chat":
        begun = (await self.http.post(API, json={})).json()
        self.id, self.planted = begun["id"], begun["token"]
        return self

    async def say(self, token: str, text: str, message: str = "") -> httpx.Response:
        self._said += 1
        body = {"id": message or f"m{self._said}", "choice" if text.startswith("/") else "text": text}
        return await self.http.post(
            f"{API}/{self.id}/messages", json=body, headers={"Authorization": f"Bearer {token}"}
        )

    async def to_the_code(self, who: str = "dana") -> str:
        for text in ("/sign-in", MAILS[who]):
            await self.say(self.planted, text)
        await self.world.remit.postman.drain()
        return self.world.mail.code(MAILS[who])

    async def sign_in(self, who: str = "dana", token: str = "") -> str:
        """The token from then on."""
        token = token or self.planted
        for text in ("/sign-in", MAILS[who]):
            await self.say(token, text)
        await self.world.remit.postman.drain()
        return str((await self.say(token, self.world.mail.code(MAILS[who]), SIGNS_IN + who)).json()["token"])

    async def heard(self, token: str) -> str:
        """All that the line gives out from the first message on, to whoever holds this token now."""
        keys = widget.keys_of(self.id, token, self.world.remit.secret)
        assert keys is not None
        line = _events(self.world.remit, f"web:{self.id}", 0, keys)
        found = []
        while not (piece := await asyncio.wait_for(anext(line, b""), 1)).startswith(b": here") or not found:
            found.append(piece)
            last = (await self.world.store.load(f"web:{self.id}", "")).seq
            if not piece or b"id: %d\n" % last in piece:
                break
        await line.aclose()
        return b"".join(found).decode()


class Gates:
    """Holds up effects of some kinds until they are let go, as a slow back end does."""

    def __init__(self, world: World, *kinds: str) -> None:
        self._at = {kind: asyncio.Event() for kind in kinds}
        self._hands = world.remit.runtime._hands
        world.remit.runtime._hands = self

    async def look_up(self, lookup):
        return await self._hands.look_up(lookup)

    async def number_of(self, scope, invoice):
        return await self._hands.number_of(scope, invoice)

    async def perform(self, key, chat, message, client, effect):
        if (gate := self._at.get(type(effect).__name__)) is not None:
            await gate.wait()
        return await self._hands.perform(key, chat, message, client, effect)

    def let_go(self, kind: str) -> None:
        self._at[kind].set()


@pytest.fixture
async def chat(world: World) -> Chat:
    return await Chat(world).begin()


# --- a token that was planted (session fixation) -------------------------------------------------------------------------


@pytest.mark.parametrize("twice", [False, True], ids=["once", "and-again"])
async def test_a_message_that_waits_while_somebody_signs_in_does_not_bring_the_new_token(world, chat, twice):
    """It was taken in before, so it is answered; but what changed the token was another one."""
    code, gates = await chat.to_the_code(), Gates(world, "CheckCode", "CallAgent")
    owner = asyncio.create_task(chat.say(chat.planted, code, SIGNS_IN))
    await asyncio.sleep(0.05)
    attacks = [asyncio.create_task(chat.say(chat.planted, "/human", "attack")) for _ in range(1 + twice)]
    await asyncio.sleep(0.05)
    gates.let_go("CheckCode")
    token = (await owner).json()["token"]
    gates.let_go("CallAgent")
    for attack in attacks:
        answer = await attack
        assert "token" not in answer.json()
        assert "Dana" not in answer.text
        assert "$" not in answer.text
    assert (await chat.say(chat.planted, "/details")).status_code == 401
    assert (await chat.say(token, "/details")).status_code == 200


async def test_the_last_words_to_a_token_are_those_before_the_sign_in(world, chat):
    """Whoever listens reads, and the sign-in is committed between a look at the token and a look at the messages."""
    code, store = await chat.to_the_code(), world.store
    seen = (await store.load(f"web:{chat.id}", "")).seq
    signs_in = asyncio.Event()

    class Slow:
        """A store on a line, where something can come between two questions."""

        def __getattr__(self, name):
            return getattr(store, name)

        async def load(self, of, message):
            found = await store.load(of, message)
            if not message and not signs_in.is_set():
                signs_in.set()
                await chat.say(chat.planted, code, SIGNS_IN)
            return found

        async def since(self, of, seq, most=None):
            found = await store.since(of, seq, most)
            if not signs_in.is_set():
                signs_in.set()
                await chat.say(chat.planted, code, SIGNS_IN)
            return found

    slow = type("Remit", (), {"store": Slow(), "bell": world.remit.bell, "runtime": world.remit.runtime})()
    heard = b"".join([piece async for piece in _events(slow, f"web:{chat.id}", seen, 0)])
    assert signs_in.is_set()
    assert b"Dana" not in heard
    assert b"$" not in heard


async def test_who_planted_a_chat_does_not_choose_among_the_customers_at_an_address(world, chat):
    world.sandbox.portal._change("dana", Revision(email=MAILS["marco"]))
    code = await chat.to_the_code("marco")
    asked = (await chat.say(chat.planted, code, SIGNS_IN)).json()
    pick = asked["messages"][-1]["choices"][0]["payload"]
    assert pick.startswith("/pick account ")
    assert (await chat.say(chat.planted, pick)).status_code == 401
    signed_in = (await chat.say(asked["token"], pick)).json()
    assert "signed in" in signed_in["messages"][0]["text"]
    assert signed_in["token"] != asked["token"]


async def test_a_planted_token_is_worth_nothing_again_when_the_conversation_is_lost(world, chat):
    token = await chat.sign_in()
    for text in ("pay INV-1042", "/new card", "yes"):
        await chat.say(token, text)
    world.forget(f"web:{chat.id}")
    assert (await chat.say(chat.planted, "/status")).status_code == 401


# --- a computer that is shared -------------------------------------------------------------------------------------------


async def at_home(chat: Chat) -> str:
    """Dana signed in, has seen what is hers, and has signed out; the token that the browser holds now."""
    token = await chat.sign_in()
    for text in ("/details", "/invoices"):
        await chat.say(token, text)
    return str((await chat.say(token, "/sign-out")).json()["token"])


async def test_what_was_said_to_a_customer_is_not_read_again_once_they_signed_out(chat):
    heard = await chat.heard(await at_home(chat))
    assert "218 Larkfield Street" not in heard
    assert "415 555 0117" not in heard


async def test_who_signs_in_after_a_customer_who_signed_out_is_told_nothing_of_theirs(world, chat):
    left = await at_home(chat)
    world.clock.advance(seconds=30)
    marco = await chat.sign_in("marco", left)
    for text in ("/details", "/invoices", "/methods", "/history", "/status", "/requests", "/repeat", "/see abc"):
        told = (await chat.say(marco, text)).text
        assert not [word for word in ("Dana", "94107", "Larkfield", "INV-1042", "$120") if word in told], text


async def test_a_page_that_a_customer_left_open_is_not_shown_to_who_signs_in_next(world, chat):
    token = await chat.sign_in()
    for text in ("pay INV-1042", "/new card", "yes"):
        await chat.say(token, text)
    left = (await chat.say(token, "/sign-out")).json()["token"]
    world.clock.advance(seconds=30)
    marco = await chat.sign_in("marco", left)
    assert "INV-1042" not in (await chat.say(marco, "/status")).text


async def test_news_of_a_payment_is_not_told_to_another_customer_in_its_chat(world, chat):
    token = await chat.sign_in()
    shown = [(await chat.say(token, text)).json() for text in ("pay INV-1042", "/new bank", "yes")][-1]["messages"]
    page = await world.page(shown[-1]["link"]["url"])
    await world.pay_by_bank(page, "000123456789")
    await world.work()
    left = (await chat.say(token, "/sign-out")).json()["token"]
    world.clock.advance(seconds=30)
    await chat.sign_in("marco", left)
    seen = (await world.store.load(f"web:{chat.id}", "")).seq
    world.clock.advance(days=5)
    await world.work()
    told = await world.store.since(f"web:{chat.id}", seen)
    assert not [message for message in told if "INV-1042" in message.text]


# --- a proof is as old as its code ----------------------------------------------------------------------------------------


async def test_a_code_from_before_a_sign_out_everywhere_is_worth_nothing_after_it(world, chat):
    """Somebody with the old mailbox has entered a code, and waits; the owner signs out everywhere; then they choose."""
    world.sandbox.portal._change("dana", Revision(email=MAILS["marco"]))
    asked = (await chat.say(chat.planted, await chat.to_the_code("marco"), SIGNS_IN)).json()
    pick = next(each["payload"] for each in asked["messages"][-1]["choices"] if each["title"].startswith("Dana"))
    world.clock.advance(minutes=5)
    visitors = world.remit.visitors
    owner = visitors.scope("portal:dana", "web:owner", "code", world.clock())
    await visitors.sign_out(owner, "web:owner", everywhere=True)
    world.clock.advance(minutes=5)
    await chat.say(asked["token"], pick)
    talk = (await world.store.load(f"web:{chat.id}", "")).talk
    assert talk is not None
    assert not isinstance(talk.scope, Customer) or not await visitors.holds(talk.scope)


# --- a browser that was stolen --------------------------------------------------------------------------------------------


async def test_signing_out_in_a_browser_ends_every_chat_that_began_with_its_token(world, chat):
    token = await chat.sign_in()
    await chat.say(token, "/remember")
    kept = await chat.http.post(f"{API}/{chat.id}/browser", headers={"Authorization": f"Bearer {token}"})
    begun = (await chat.http.post(API, json={"browser": kept.json()["token"]})).json()
    assert "Dana" in begun["messages"][0]["text"]
    await chat.say(token, "/sign-out")
    thief = Chat(world)
    thief.id = begun["id"]
    told = await thief.say(begun["token"], "/details")
    assert "Larkfield" not in told.text


async def test_who_is_not_signed_in_any_more_signs_nobody_out(world):
    visitors, now = world.remit.visitors, world.clock()
    stale = visitors.scope("portal:dana", "web:old", "code", now - timedelta(hours=13))
    owner = visitors.scope("portal:dana", "web:new", "code", now)
    await visitors.sign_out(stale, "web:old", everywhere=True)
    assert await visitors.holds(owner)


# --- what staff reads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", ["\x1b[2J\x1b]0;x\x07", "\n9  2026-03-02T15:30  refund: all paid", "\u202e\u2066", "\x9b31m", "\r"]
)
def test_a_customer_s_words_do_nothing_to_a_terminal(bad):
    case = {
        "id": 7,
        "at": "2026-03-02T15:30:00Z",
        "reason": "refund",
        "summary": f"invoice {bad}",
        "words": f"so {bad} so",
    }
    printed = _case(case)
    assert all(line.isprintable() for line in printed.split("\n"))
    assert len(printed.split("\n")) == 2
    assert json.dumps(printed)


def test_messages_are_numbered_and_say_who_spoke():
    """What the line gives out has no id of a message: that is what brings a lost token back, and is for its sender alone."""
    assert set(Message.__struct_fields__) == {
        "seq",
        "sender",
        "text",
        "choices",
        "card",
        "link",
        "name",
        "at",
        "hands_over",
        "closes",
    }
