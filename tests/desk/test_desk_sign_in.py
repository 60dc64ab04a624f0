"""Accounts and sessions of the desk: who gets in, for how long, and what a wrong password costs."""

import asyncio
from dataclasses import replace

import pytest
from desks import PASSWORD, account, browser, csrf, enter, signed_in
from sqlalchemy import select
from starlette.responses import Response
from world import World

from bot.desk.doors import remember
from services.desk import agents, audit, sessions
from services.desk.agents import MOST_WRONG
from services.desk.passwords import NOBODY, Passwords
from services.schema import agent as agents_table
from services.schema import desk_session
from services.tokens import token_hash


async def is_in(client) -> bool:
    return (await client.get("/desk")).status_code == 200


async def test_the_right_password_opens_the_desk_and_only_a_hash_of_the_session_is_kept(world):
    client = await signed_in(world)
    assert await is_in(client)
    token = client.cookies["remit_desk"]
    (row,) = await world.remit.transact(lambda conn: conn.execute(select(desk_session)).all())
    assert row.token_hash == token_hash(token)
    assert token not in str(row)
    (kept,) = await world.remit.transact(lambda conn: conn.execute(select(agents_table)).all())
    assert kept.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(kept)
    await client.aclose()


@pytest.mark.parametrize(
    ("base", "path", "secure"), [("http://remit", "/desk", False), ("https://pay.example/remit", "/remit/desk", True)]
)
async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world, base, path, secure):
    server = world.settings.server.model_copy(update={"base_url": base})
    told, response = replace(world.remit, settings=world.settings.model_copy(update={"server": server})), Response()
    remember(told, response, "a-token")
    parts = set(response.headers["set-cookie"].split("; "))
    assert {"remit_desk=a-token", "HttpOnly", "SameSite=lax", f"Path={path}", "Max-Age=43200"} <= parts
    assert ("Secure" in parts) is secure


async def test_every_way_of_not_getting_in_reads_the_same(world):
    maria = await account(world)
    gone = await account(world, "Gone")
    await world.remit.transact(lambda conn: agents.disable(conn, gone.id, world.clock()))
    client = browser(world)
    for _ in range(MOST_WRONG):
        await enter(client, "locked@example.test", "wrong")
    answers = [
        await enter(client, maria.email, "wrong password"),
        await enter(client, "nobody@example.test", "wrong password"),
        await enter(client, gone.email, PASSWORD),
    ]
    assert {each.status_code for each in answers} == {401}
    texts = {
        each.text.replace(email, "")
        for each, email in zip(answers, ("maria@example.test", "nobody@example.test", "gone@example.test"), strict=True)
    }
    assert len(texts) == 1
    assert not await is_in(client)
    await client.aclose()


async def test_a_password_is_tried_for_an_address_that_nobody_has_too(world, monkeypatch):
    tried = []

    async def fits(_self, stored: str, password: str) -> bool:
        tried.append((stored == NOBODY, password))
        return False

    monkeypatch.setattr(Passwords, "fits", fits)
    await account(world)
    client = browser(world)
    await enter(client, "nobody@example.test", "one")
    await enter(client, "maria@example.test", "two")
    assert tried == [(True, "one"), (False, "two")]
    await client.aclose()


async def test_ten_wrong_passwords_shut_an_account_for_a_quarter_of_an_hour_and_no_other(world):
    await account(world)
    await account(world, "Ben")
    client = browser(world)
    for _ in range(MOST_WRONG):
        await enter(client, "maria@example.test", "wrong")
    assert (await enter(client, "MARIA@example.test ")).status_code == 401
    assert (await enter(client, "ben@example.test")).status_code == 303
    world.clock.advance(minutes=14)
    assert (await enter(client, "maria@example.test")).status_code == 401
    world.clock.advance(minutes=2)
    assert (await enter(client, "maria@example.test")).status_code == 303
    await client.aclose()


async def test_a_right_password_begins_the_count_anew(world):
    await account(world)
    client = browser(world)
    for _ in range(3):
        for _ in range(MOST_WRONG - 1):
            await enter(client, "maria@example.test", "wrong")
        assert (await enter(client, "maria@example.test")).status_code == 303
    await client.aclose()


async def test_wrong_passwords_at_the_same_instant_are_all_counted(world, monkeypatch):
    await account(world)
    seen = 0

    async def fits(_self, _stored: str, _password: str) -> bool:
        nonlocal seen
        seen += 1
        await asyncio.sleep(0.05)  # all of them are under way before the first is through
        return True

    monkeypatch.setattr(Passwords, "fits", fits)
    clients = [browser(world) for _ in range(MOST_WRONG + 5)]
    answers = await asyncio.gather(*(enter(each, "maria@example.test", "guess") for each in clients))
    assert seen == MOST_WRONG + 5
    assert sum(each.status_code == 303 for each in answers) == MOST_WRONG
    for each in clients:
        await each.aclose()


async def test_a_session_ends_after_two_idle_hours_and_after_twelve_in_all(world):
    client = await signed_in(world)
    world.clock.advance(minutes=119)
    assert await is_in(client)
    world.clock.advance(minutes=121)
    assert not await is_in(client)
    await enter(client, "maria@example.test")
    for _ in range(7):
        world.clock.advance(minutes=100)
        assert await is_in(client)
    world.clock.advance(minutes=25)
    assert not await is_in(client)
    await client.aclose()


async def test_a_page_that_keeps_itself_fresh_does_not_keep_a_session_alive(world):
    client = await signed_in(world)
    for _ in range(3):
        world.clock.advance(minutes=35)
        assert (await client.get("/desk/queue")).status_code == 200
    world.clock.advance(minutes=20)
    assert (await client.get("/desk/queue")).status_code == 303
    await client.aclose()


async def test_signing_out_ends_the_session_on_the_server_too(world):
    client = await signed_in(world)
    token = client.cookies["remit_desk"]
    await client.post("/desk/sign-out", data={"csrf": await csrf(client)})
    assert await world.remit.transact(lambda conn: sessions.find(conn, token, world.clock())) is None
    assert not await is_in(client)
    await client.aclose()


async def test_a_disabled_account_is_out_at_once(world):
    client = await signed_in(world)
    maria = await world.remit.transact(lambda conn: agents.by_email(conn, "maria@example.test"))
    await world.remit.transact(lambda conn: agents.disable(conn, maria.id, world.clock()))
    assert not await is_in(client)
    await client.aclose()


async def test_a_sign_in_from_another_site_is_refused(world):
    await account(world)
    client = browser(world)
    fields = {"email": "maria@example.test", "password": PASSWORD}
    assert (
        await client.post("/desk/sign-in", data=fields, headers={"origin": "https://evil.example"})
    ).status_code == 403
    assert not client.cookies
    await client.aclose()


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("chats/3", "chats/3"),
        ("", ""),
        ("//evil.example", ""),
        ("https://evil.example", ""),
        ("../../x", ""),
        ("a\\b", ""),
    ],
)
async def test_the_sign_in_leads_on_within_the_desk_and_nowhere_else(world, to, leads):
    await account(world)
    client = browser(world)
    fields = {"email": "maria@example.test", "password": PASSWORD, "to": to}
    answer = await client.post("/desk/sign-in", data=fields)
    assert answer.headers["location"] == f"/desk/{leads}"
    await client.aclose()


async def test_who_signs_in_is_in_the_audit(world):
    client = await signed_in(world)
    (entry,) = await world.remit.transact(lambda conn: audit.newest(conn, 5))
    assert entry.what == "signed_in"
    await client.aclose()


# --- remit agents -----------------------------------------------------------------------------------------------------


async def ask(world: World, **order: object):
    return await world.browser.post(
        "http://remit/internal/agents", json=order, headers={"authorization": "Bearer test-token"}
    )


async def test_an_account_is_made_with_a_password_that_is_told_once(world):
    made = (await ask(world, what="add", email="Maria@Example.test", name="Maria", role="supervisor")).json()
    client = browser(world)
    assert (await enter(client, "maria@example.test", made["password"])).status_code == 303
    assert made["role"] == "supervisor"
    listed = (await ask(world, what="list")).json()
    assert listed == [{"email": "maria@example.test", "name": "Maria", "role": "supervisor", "disabled": False}]
    await client.aclose()


async def test_a_password_that_was_chosen_is_not_told_and_a_short_one_is_refused(world):
    made = await ask(world, what="add", email="a@example.test", name="A", password=PASSWORD)
    assert "password" not in made.json()
    assert (await ask(world, what="add", email="b@example.test", name="B", password="short")).status_code == 400
    assert (await ask(world, what="add", email="no address", name="B")).status_code == 400
    assert (await ask(world, what="add", email="b@example.test", name="two\nlines")).status_code == 400
    assert (await ask(world, what="add", email="A@example.test", name="A")).status_code == 409
    assert (await ask(world, what="disable", email="nobody@example.test")).status_code == 404


async def test_disabling_and_a_new_password_end_every_session(world):
    client = await signed_in(world)
    assert (await ask(world, what="disable", email="maria@example.test")).status_code == 200
    assert not await is_in(client)
    assert (await enter(client, "maria@example.test")).status_code == 401
    made = (await ask(world, what="password", email="maria@example.test")).json()
    assert (await enter(client, "maria@example.test", made["password"])).status_code == 303
    assert await is_in(client)
    await client.aclose()


async def test_nobody_makes_accounts_without_the_token_of_the_data_folder(world):
    answer = await world.browser.post("http://remit/internal/agents", json={"what": "list"})
    assert answer.status_code == 401
