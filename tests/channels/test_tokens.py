"""The tokens of a chat on a web page: one replaces the other with every sign-in and sign-out, and the older one opens nothing."""

import asyncio

import httpx
import jwt
import pytest
from test_api import API, heard, say, served
from world import HANDOFF, PAGE_SECRET, World

from bot.channels import widget

DANA = "dana.whitfield@example.com"
CODE = "4f1c0f6f9a0b4c55b7d2c9e8"  # id of the message that signs in: nobody guesses it


def front_end(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def stranger(http: httpx.AsyncClient, **more: str) -> tuple[dict[str, object], dict[str, str]]:
    answer = await http.post(API, json=more)
    assert answer.status_code == 201, answer.text
    return answer.json(), bearer(answer.json()["token"])


async def to_the_code(world: World, http: httpx.AsyncClient, begun, key) -> str:
    """Ask for a code; answers with the one that was mailed."""
    await say(http, begun, key, "/sign-in", "s1")
    await say(http, begun, key, DANA, "s2")
    await world.remit.postman.drain()
    return world.mail.code(DANA)


async def sign_in(world: World, http: httpx.AsyncClient, begun, key) -> dict[str, str]:
    """Signed in by code; answers with the key from then on."""
    code = await to_the_code(world, http, begun, key)
    return bearer((await say(http, begun, key, code, CODE)).json()["token"])


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [message["text"] for message in answer.json()["messages"]]


# --- session fixation --------------------------------------------------------------------------------------------------


async def test_whoever_planted_a_chat_is_out_of_it_once_somebody_signs_in(world):
    http = front_end(world)
    begun, planted = await stranger(http)
    owner = await sign_in(world, http, begun, planted)
    assert owner != planted
    for text in ("what do I owe?", "/invoices", "/sign-out"):
        assert (await say(http, begun, planted, text, f"x{text}")).status_code == 401
    assert (await http.get(f"{API}/{begun['id']}/events", headers=planted)).status_code == 401
    assert (await http.post(f"{API}/{begun['id']}/browser", headers=planted)).status_code == 401
    assert "You owe $270.50" in texts(await say(http, begun, owner, "what do I owe?", "m9"))[0]


async def test_whoever_listens_with_the_token_before_hears_nothing_of_what_follows(world):
    async with served(world) as http:
        begun, planted = await stranger(http)
        code = await to_the_code(world, http, begun, planted)
        listening = asyncio.create_task(heard(http, begun, planted, last=6, until=99))
        await asyncio.sleep(0.1)
        answer = (await say(http, begun, planted, code, CODE)).json()
        found = await asyncio.wait_for(listening, 5)  # the server hangs up by itself
        assert not [message for _, message in found if "signed in" in message["text"] or "$" in message["text"]]
        owner, last = bearer(answer["token"]), found[-1][0] if found else 6
        rest = await asyncio.wait_for(heard(http, begun, owner, last, until=len(answer["messages"])), 5)
        said = [message["text"] for _, message in rest if message["from"] != "customer"]
        assert said[0].startswith("You're signed in, Dana Whitfield")


async def test_signing_out_changes_the_token_as_well(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    left = (await say(http, begun, owner, "/sign-out", "m1")).json()["token"]
    assert (await say(http, begun, owner, "/invoices", "m2")).status_code == 401
    assert "To show all your invoices" in texts(await say(http, begun, bearer(left), "/invoices", "m3"))[0]


# --- an answer that is lost on its way --------------------------------------------------------------------------------------


async def test_the_message_that_signed_in_is_answered_again_with_the_token_it_brought(world):
    http = front_end(world)
    begun, key = await stranger(http)
    code = await to_the_code(world, http, begun, key)
    first = (await say(http, begun, key, code, CODE)).json()
    again = (await say(http, begun, key, code, CODE)).json()
    assert first == again
    assert again["token"]
    by_its_id_alone = await say(http, begun, key, "/start", CODE)
    assert by_its_id_alone.json() == first
    assert (await say(http, begun, key, code, "s2")).status_code == 401, "an earlier message brought nothing"
    assert (await say(http, begun, key, code, "s4")).status_code == 401


async def test_a_message_whose_id_can_be_guessed_is_not_answered_with_the_token_before(world):
    http = front_end(world)
    begun, planted = await stranger(http)
    code = await to_the_code(world, http, begun, planted)
    owner = bearer((await say(http, begun, planted, code, "m3")).json()["token"])
    assert (await say(http, begun, planted, "/start", "m3")).status_code == 401
    assert (await say(http, begun, owner, code, "m3")).status_code == 200


async def test_a_message_that_was_answered_before_its_code_was_checked_brings_the_token_later(world):
    """The check took longer than an answer may: the new token comes with the same message, sent again."""
    http = front_end(world)
    begun, key = await stranger(http)
    code = await to_the_code(world, http, begun, key)
    world.remit.runtime._patience = 0
    early = (await say(http, begun, key, code, CODE)).json()
    assert "token" not in early
    await world.remit.runtime.drain()
    late = (await say(http, begun, key, "/start", CODE)).json()
    told = texts(await say(http, begun, bearer(late["token"]), "what do I owe?", "m9"))
    assert any(text.startswith("You owe $270.50") for text in told)


async def test_two_tokens_later_not_even_that_message_is_answered(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    await say(http, begun, owner, "/sign-out", "m1")
    assert (await say(http, begun, key, "/start", CODE)).status_code == 401


async def test_a_sign_in_outlives_a_crash_and_so_does_its_token(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    world.crash()
    assert (await say(http, begun, key, "hi", "m1")).status_code == 401
    assert "You owe $270.50" in texts(await say(http, begun, owner, "what do I owe?", "m2"))[0]


# --- remembered browsers ----------------------------------------------------------------------------------------------------


async def test_a_browser_is_remembered_once_its_customer_asks_for_it(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    path = f"{API}/{begun['id']}/browser"
    plain = (await say(http, begun, owner, "what do I owe?", "m1")).json()
    assert "remembered" not in plain
    assert (await http.post(path, headers=owner)).status_code == 404
    asked = (await say(http, begun, owner, "/remember", "m2")).json()
    assert asked["remembered"] is True
    made = await http.post(path, headers=owner)
    assert made.status_code == 201
    later, _ = await stranger(http, browser=made.json()["token"])
    assert later["messages"][0]["text"].startswith("Hi Dana Whitfield")


async def test_the_token_of_a_browser_that_signed_out_opens_nothing(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    await say(http, begun, owner, "/remember", "m1")
    token = (await http.post(f"{API}/{begun['id']}/browser", headers=owner)).json()["token"]
    out = (await say(http, begun, owner, "/sign-out", "m2")).json()
    assert "remembered" not in out
    assert (await http.post(f"{API}/{begun['id']}/browser", headers=bearer(out["token"]))).status_code == 404
    later, _ = await stranger(http, browser=token)
    assert "Dana" not in later["messages"][0]["text"]


async def test_a_browser_is_forgotten_after_its_days(world):
    http = front_end(world)
    begun, key = await stranger(http)
    owner = await sign_in(world, http, begun, key)
    await say(http, begun, owner, "/remember", "m1")
    token = (await http.post(f"{API}/{begun['id']}/browser", headers=owner)).json()["token"]
    world.clock.advance(days=30, seconds=1)
    later, _ = await stranger(http, browser=token)
    assert "Dana" not in later["messages"][0]["text"]


# --- the word of the page ---------------------------------------------------------------------------------------------------


def of_the_page(world: World, secret: str = PAGE_SECRET, **claims: object) -> str:
    now = int(world.clock().timestamp())
    return jwt.encode({"aud": "remit", "sub": "dana", "exp": now + 600} | claims, secret, "HS256")


async def test_the_page_says_who_its_user_is(world):
    http = front_end(world)
    begun, key = await stranger(http, visitor=of_the_page(world))
    assert begun["messages"][0]["text"] == "Hi Dana Whitfield, this is Green Lane Lawn Care."
    world.clock.advance(minutes=11)
    assert "To show all your invoices" in texts(await say(http, begun, key, "/invoices", "m1"))[-2]


@pytest.mark.parametrize(
    "claims",
    [{"aud": "other"}, {"sub": "nobody"}, {"exp": 1}, {"secret": "x" * 40}, {"exp": 4102444800}],  # the last: in 2100
    ids=["for-another", "unknown", "over", "forged", "for-too-long"],
)
async def test_a_word_of_the_page_that_does_not_count_makes_nobody_of_its_user(world, claims):
    http = front_end(world)
    begun, _ = await stranger(http, visitor=of_the_page(world, **claims))
    assert "Dana" not in begun["messages"][0]["text"]


async def test_what_the_page_says_is_not_remembered_in_the_browser(world):
    http = front_end(world)
    begun, key = await stranger(http, visitor=of_the_page(world))
    answer = (await say(http, begun, key, "/remember", "m1")).json()
    assert "remembered" not in answer
    assert (await http.post(f"{API}/{begun['id']}/browser", headers=key)).status_code == 404


# --- how a token is made ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", ["1.", "01.{0}", "-1.{0}", "٣.{0}", "9999999999.{0}", "{0}.", "{1}.{0}", " {0}"])
def test_a_token_is_its_own_or_nothing(forged):
    secret, chat = b"secret", "c" * 32
    first, second = widget.token_of(chat, secret), widget.token_of(chat, secret, 1)
    assert (widget.keys_of(chat, first, secret), widget.keys_of(chat, second, secret)) == (0, 1)
    assert widget.keys_of(chat, forged.format(first, "1"), secret) is None
    assert widget.keys_of("d" * 32, second, secret) is None
