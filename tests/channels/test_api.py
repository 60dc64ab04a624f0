"""The conversation routes: begin, say, listen. Listening is tried over a real socket, since that is where it breaks."""

import asyncio
import json
import random
import re
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
import uvicorn
from world import HANDOFF, World

from bot import asked_links, documents
from bot.api import conversation_routes
from bot.openapi import Begun, Error, Messages, RasaReply
from bot.web import public_routes
from tests.tools import free_port

API = "/api/v1/conversations"


@asynccontextmanager
async def served(world: World):
    """The assistant on a real port, in this very loop."""
    port = free_port()
    config = uvicorn.Config(
        world._assistant, port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as http:
        yield http
    server.should_exit = True
    await running


async def begin(http, world, number="INV-1042", **more):
    answer = await http.post(API, json={"pay_link": await world.link(number), **more})
    assert answer.status_code == 201, answer.text
    begun = answer.json()
    return begun, {"Authorization": f"Bearer {begun['token']}"}


async def heard(http, begun, key, last=0, until=1):
    """Messages of one connection, as (id, message), until there are so many."""
    found = []
    async with http.stream("GET", f"{API}/{begun['id']}/events", headers=key | {"Last-Event-ID": str(last)}) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        number = 0
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: "):
                found.append((number, json.loads(line[6:])))
                if len(found) >= until:
                    return found
    return found


async def say(http, begun, key, text, message="m1", **how):
    body = {"id": message, **({"choice": text} if text.startswith("/") else {"text": text})}
    return await http.post(f"{API}/{begun['id']}/messages", json=body, headers=key, **how)


async def test_a_page_begins_a_conversation_by_pay_link_and_pays_in_it(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, key = await begin(http, world)
    assert [m["seq"] for m in begun["messages"]] == [2, 3]
    assert begun["messages"][-1]["choices"][0] == {"title": "Card", "payload": "/method card"}
    assert begun["messages"][-1]["card"]["due_minor"] == 12000
    shown = (await say(http, begun, key, "/method card", "m1")).json()["messages"]
    agree = shown[-1]["choices"][0]["payload"]
    first = await say(http, begun, key, agree, "m2")
    again = await say(http, begun, key, agree, "m2")
    assert first.json() == again.json()
    assert first.json()["messages"][-1]["link"]["kind"] == "checkout"
    assert len(await world.book()) == 1


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer x", "Basic abc", "Bearer é".encode().decode("latin-1")])
async def test_a_conversation_opens_to_its_own_token_alone(world, token):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, _ = await begin(http, world)
    other, key = await begin(http, world, "INV-1031")
    for headers in ({"Authorization": token.encode("latin-1")}, key):
        assert (await say(http, begun, headers, "hi")).status_code == 401
        assert (await http.get(f"{API}/{begun['id']}/events", headers=headers)).status_code == 401
    assert (await say(http, {"id": "0" * 32}, key, "hi")).status_code == 401
    assert other["id"] != begun["id"]


async def test_a_page_from_elsewhere_may_not_be_the_way_back(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    for page in ("https://evil.example/", "javascript:alert(1)", "//evil.example", "http://remit.evil.example/"):
        answer = await http.post(API, json={"page": page})
        assert answer.status_code == 403, page
        assert answer.json()["error"]["code"] == "forbidden"
    begun, _ = await begin(http, world, page=f"{HANDOFF}/chat")
    back = await http.get(f"/back/web:{begun['id']}")
    assert (back.status_code, back.headers["location"]) == (303, f"{HANDOFF}/chat")
    assert (await http.get("/back/web:unknown")).status_code == 200


async def test_the_way_back_leads_to_the_page_that_was_paid_from(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, key = await begin(http, world, page=f"{HANDOFF}/chat")
    said = {"id": "m1", "choice": "/method card", "page": f"{HANDOFF}/contact"}
    assert (await http.post(f"{API}/{begun['id']}/messages", json=said, headers=key)).status_code == 200
    assert (await http.get(f"/back/web:{begun['id']}")).headers["location"] == f"{HANDOFF}/contact"
    stolen = said | {"id": "m2", "page": "https://evil.example/"}
    assert (await http.post(f"{API}/{begun['id']}/messages", json=stolen, headers=key)).status_code == 403


async def test_bad_bodies_get_the_one_shape_of_errors(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, key = await begin(http, world)
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"id": 5}',
        b'{"text": "no id"}',
        b'{"id": ""}',
        b"\xff",
        b'{"id":"' + b"x" * 200 + b'"}',
    ):
        answer = await http.post(f"{API}/{begun['id']}/messages", content=body, headers=key)
        assert answer.status_code == 400, (body, answer.text)
        assert set(answer.json()["error"]) == {"code", "message"}
    big = await http.post(f"{API}/{begun['id']}/messages", content=b"x" * 100_000, headers=key)
    assert (big.status_code, big.json()["error"]["code"]) == (413, "too_large")
    for body in ({"pay_link": 5}, {"pay_link": "x" * 65}, {"unknown": 1}):
        answer = await http.post(API, json=body)
        assert answer.status_code == 422, answer.text
        assert set(answer.json()["error"]) == {"code", "message"}


async def test_who_knocks_too_often_is_told_when_to_come_back(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, key = await begin(http, world)
    answers = [await say(http, begun, key, "hi", f"m{n}") for n in range(120)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


async def test_the_openapi_describes_every_route_of_a_partner(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    schema = (await http.get("/openapi.json")).json()
    found = (public_routes, conversation_routes, documents.routes, asked_links.routes)
    plain = [route for routes in found for route in routes(world.remit)]
    routed = {route.path for route in plain} | {API}
    ways_back = {path for path in routed if path.startswith("/back")}  # a browser is led there, nobody calls them
    assert set(schema["paths"]) == routed - ways_back | {"/i/{token}", "/api/v1/proposals", "/api/v1/proposals/{id}"}
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))
    assert refs <= set(schema["components"]["schemas"])
    assert {"Begun", "Messages", "Error", "RasaReply"} <= refs


async def test_an_answer_is_as_the_openapi_says(world):
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)
    begun, key = await begin(http, world)
    answer = await say(http, begun, key, "/method card")
    Begun.model_validate(begun)
    Messages.model_validate(answer.json())
    rasa = await http.post("/webhooks/rest/webhook", json={"sender": "u1", "message": "hi"})
    assert [RasaReply.model_validate(reply).recipient_id for reply in rasa.json()] == ["u1"]
    nobody = await http.post(f"{API}/{begun['id']}/messages", json={"id": "m2"})
    assert Error.model_validate(nobody.json()).error.code == "unauthorized"


async def test_a_result_appears_in_the_open_chat_by_itself(world):
    async with served(world) as http:
        begun, key = await begin(http, world)
        await say(http, begun, key, "card", "m1")
        link = (await say(http, begun, key, "yes", "m2")).json()["messages"][-1]
        listening = asyncio.create_task(heard(http, begun, key, link["seq"]))
        await asyncio.sleep(0.05)
        page = await world.page(link["link"]["url"])
        await world.pay_by_card(page, "4242424242424242")
        await world.work()
        ((number, message),) = await asyncio.wait_for(listening, 2)
        assert number == message["seq"] == link["seq"] + 1
        assert (message["from"], message["card"]["state"]) == ("notice", "succeeded")


async def test_history_is_read_again_from_the_first_message(world):
    async with served(world) as http:
        begun, key = await begin(http, world)
        await say(http, begun, key, "card", "m1")
        found = await heard(http, begun, key, 0, until=5)
        assert [number for number, _ in found] == [1, 2, 3, 4, 5]
        assert [message["from"] for _, message in found] == ["customer", "bot", "bot", "customer", "bot"]
        assert [len(message["choices"]) > 0 for _, message in found] == [False, False, True, False, True]


async def test_hundreds_of_reconnects_lose_nothing_and_repeat_nothing(world):
    """Forty readers of ten chats hang up at odd moments while 3,000 messages come; each ends with all of its, once."""
    chats, each = 10, 300
    async with served(world) as http:
        begun = [await begin(http, world) for _ in range(chats)]

        async def reader(n):
            (conversation, key), chance = begun[n % chats], random.Random(n)
            total = conversation["messages"][-1]["seq"] + each
            seen, connections = [], 0
            while len(seen) < total:
                wanted = min(chance.randint(5, 60), total - len(seen))
                found = await heard(http, conversation, key, seen[-1] if seen else 0, until=wanted)
                seen += [number for number, _ in found]
                connections += 1
            assert seen == list(range(1, total + 1))
            return connections

        async def writer():
            for n in range(each // 2):
                for conversation, _ in begun:
                    await world.say(f"web:{conversation['id']}", "repeat", id=f"w{n}")
                await asyncio.sleep(0)

        *connections, _ = await asyncio.wait_for(asyncio.gather(*(reader(n) for n in range(40)), writer()), 80)
        assert sum(connections) > 400


async def test_nobody_listens_any_more_once_the_line_is_closed(world):
    async with served(world) as http:
        begun, key = await begin(http, world)
        await heard(http, begun, key, 0, until=1)
        await asyncio.sleep(0.1)
        await say(http, begun, key, "hi", "m9")
        for _ in range(50):
            if not world.remit.bell._listening:
                break
            await asyncio.sleep(0.05)
        assert not world.remit.bell._listening
        assert msgspec.json.encode(begun)


async def test_a_yes_agrees_to_nothing_that_its_customer_has_not_seen(world):
    async with served(world) as http:
        begun, key = await begin(http, world)

        async def says(text, seen):
            said = {"id": f"{text}-{seen}", "text": text, "seen": seen}
            return (await http.post(f"{API}/{begun['id']}/messages", json=said, headers=key)).json()["messages"]

        (quote,) = await says("card", begun["messages"][-1]["seq"])
        changed = await says("$31.50", quote["seq"])
        unseen = await says("ok", quote["seq"])  # sent in the same breath: the smaller sum was not on the screen yet
        assert [m["text"] for m in unseen] == [m["text"] for m in changed]
        assert await world.book() == []
        await says("ok", unseen[-1]["seq"])
        assert [row["amount_minor"] for row in await world.book()] == [3150]
