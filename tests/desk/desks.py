"""What tests of the desk's pages share: somebody signed in over HTTP, and a chat that waits for a person."""

import re

import httpx
from sqlalchemy import Connection
from world import HANDOFF, World

from services.desk import agents, handoffs
from services.desk.agents import Agent, Role
from services.desk.passwords import Passwords

PASSWORD = "correct horse battery"
ORIGIN = {"origin": HANDOFF}


async def account(world: World, name: str = "Maria", role: Role = "agent", password: str = PASSWORD) -> Agent:
    """An account with a password."""
    email, hashed = f"{name.lower()}@example.test", await Passwords().hashed(password)

    def work(conn: Connection) -> Agent:
        agents.add(conn, email, name, role, hashed, world.clock())
        found = agents.by_email(conn, email)
        assert found is not None
        return found

    return await world.remit.transact(work)


def browser(world: World) -> httpx.AsyncClient:
    """A browser of its own at the assistant's door."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(world._assistant, client=("127.0.0.1", 4242)),
        base_url=HANDOFF,
        trust_env=False,
        headers=ORIGIN,
    )


async def enter(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/desk/sign-in", data={"email": email, "password": password})


async def signed_in(world: World, name: str = "Maria", role: Role = "agent") -> httpx.AsyncClient:
    """Somebody's browser, signed in."""
    await account(world, name, role)
    client = browser(world)
    answer = await enter(client, f"{name.lower()}@example.test")
    assert answer.status_code == 303, answer.text
    return client


async def csrf(client: httpx.AsyncClient) -> str:
    """What the forms of this session carry."""
    return re.search(r'name="csrf" value="([0-9a-f]+)"', (await client.get("/desk")).text)[1]


async def waiting(world: World, chat: str = "rasa:one", *, link: str = "INV-1042") -> int:
    """A chat in the middle of a payment, whose customer asks for a person; answers its handoff."""
    await world.say(chat, f"/start {await world.link(link)}")
    await world.say(chat, "card")
    await world.say(chat, "human")
    await world.work()
    await world.remit.copying.work()
    found = await world.remit.transact(lambda conn: handoffs.of_chat(conn, chat))
    assert found is not None
    return found.id
