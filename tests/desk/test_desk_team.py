"""The page of the team: passwords that are shown once, roles, who is let in no more; and that somebody can always do all this."""

import re

import pytest
from desks import PASSWORD, account, browser, csrf, enter, signed_in, waiting
from sqlalchemy import select, update

from bot.desk.accounts import AgentOrder, carry_out
from services.database import micros
from services.desk import agents, audit
from services.desk.passwords import Passwords
from services.schema import agent

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def chief(world):
    client = await signed_in(world, "Chris", "supervisor")
    yield client
    await client.aclose()


async def post(client, path: str, **fields: str):
    return await client.post(f"/desk/team/{path}", data={"csrf": await csrf(client), **fields})


def password_in(html: str) -> str:
    return re.search(r"<code>([\w-]+)</code>", html)[1]


async def noted(world) -> list[tuple[str, str]]:
    found = await world.remit.transact(lambda conn: audit.newest(conn, 100))
    return [(each.what, each.detail) for each in reversed(found) if each.what.startswith("account_")]


async def test_somebody_new_gets_a_password_that_is_shown_once_and_comes_in_with_it(world, chief):
    made = await post(chief, "add", name=f"Ana {HOSTILE}", email=" Ana@Example.test ", role="agent")
    assert made.status_code == 200
    assert HOSTILE not in made.text
    assert made.headers["cache-control"] == "no-store"
    told = password_in(made.text)
    assert told not in (await chief.get("/desk/team")).text
    stored = await world.remit.transact(lambda conn: conn.execute(select(agent.c.password)).scalars().all())
    assert all(told not in each for each in stored)
    async with browser(world) as ana:
        assert (await enter(ana, "ana@example.test", told)).status_code == 303
        assert (await ana.get("/desk/team")).status_code == 403
    ((what, detail),) = await noted(world)
    assert (what, told in detail) == ("account_added", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "email": "a@example.test"},
        {"name": "x" * 81, "email": "a@example.test"},
        {"name": "Ana", "email": "no address"},
        {"name": "Ana", "email": "CHRIS@example.test"},
    ],
)
async def test_what_is_wrong_with_an_account_is_told_and_what_was_typed_stays(world, chief, fields):
    answer = await post(chief, "add", **fields)
    assert answer.status_code == 409
    assert "Nothing was done" in answer.text
    assert f'value="{fields["email"]}"' in answer.text
    assert "<code>" not in answer.text
    assert len(await world.remit.transact(agents.everybody)) == 1


async def test_a_new_role_counts_from_the_next_page_and_an_unknown_one_is_the_lesser(world, chief):
    maria = await account(world, "Maria")
    assert (await post(chief, f"{maria.id}/role", role="supervisor")).status_code == 200
    async with browser(world) as client:
        await enter(client, maria.email)
        assert (await client.get("/desk/team")).status_code == 200
        await post(chief, f"{maria.id}/role", role="emperor")
        assert (await client.get("/desk")).status_code == 303  # signed out: whatever was open was another role's
        await enter(client, maria.email)
        assert (await client.get("/desk/team")).status_code == 403
    roles = [("account_role", f'{{"of":{maria.id},"role":"{role}"}}') for role in ("supervisor", "agent")]
    assert await noted(world) == roles


async def test_who_is_let_in_no_more_is_out_at_once_and_comes_back_with_a_new_password(world, chief):
    maria = await account(world, "Maria")
    async with browser(world) as client:
        await enter(client, maria.email)
        assert (await client.get("/desk")).status_code == 200
        assert (await post(chief, f"{maria.id}/disable")).status_code == 200
        assert (await client.get("/desk")).status_code == 303
        assert (await enter(client, maria.email)).status_code == 401
        told = password_in((await post(chief, f"{maria.id}/password")).text)
        assert (await enter(client, maria.email)).status_code == 401
        assert (await enter(client, maria.email, told)).status_code == 303
    assert [what for what, _ in await noted(world)] == ["account_disabled", "account_password"]


async def test_an_account_that_rests_after_wrong_passwords_is_unlocked(world, chief):
    maria = await account(world, "Maria")
    locked = update(agent).where(agent.c.id == maria.id).values(locked_until=micros(world.clock()) + 10**9)
    await world.remit.transact(lambda conn: conn.execute(locked))
    async with browser(world) as client:
        assert (await enter(client, maria.email)).status_code == 401
        assert "after wrong passwords" in (await chief.get("/desk/team")).text
        assert (await post(chief, f"{maria.id}/unlock")).status_code == 200
        assert (await enter(client, maria.email)).status_code == 303
    assert "after wrong passwords" not in (await chief.get("/desk/team")).text


async def test_nobody_shuts_themselves_out_and_the_last_supervisor_stays_one(world, chief):
    me = await world.remit.transact(lambda conn: agents.by_email(conn, "chris@example.test"))
    for what in ("disable", "role", "password", "unlock"):
        answer = await post(chief, f"{me.id}/{what}", role="agent")
        assert answer.status_code == 409
        assert "your own account" in answer.text
    passwords = Passwords()
    for order in (AgentOrder("disable", me.email), AgentOrder("role", me.email, role="agent")):  # as the shell asks
        assert "last supervisor" in await carry_out(world.remit, passwords, order, None)
    assert await world.remit.transact(lambda conn: agents.is_last_supervisor(conn, me.id))
    other = await account(world, "Sam", "supervisor")
    assert (await post(chief, f"{other.id}/disable")).status_code == 200
    assert "last supervisor" in await carry_out(world.remit, passwords, AgentOrder("disable", me.email), None)
    assert (await chief.get("/desk/team")).status_code == 200


async def test_a_team_is_known_by_name_and_whoever_left_with_open_chats_is_seen(world, chief):

    handoff = await waiting(world)
    maria = await account(world, "Maria")
    assert await world.remit.desk.take(maria, handoff) is None
    await post(chief, f"{maria.id}/disable")
    html = (await chief.get("/desk/team")).text
    assert "1 open chat: assign to somebody else" in html
    assert html.index("Chris") < html.index("Maria")
    assert PASSWORD not in html
