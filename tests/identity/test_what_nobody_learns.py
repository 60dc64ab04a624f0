"""Whether an address exists: not from words, not from statements, not from time. And nothing readable is kept."""

import time
from contextlib import contextmanager
from statistics import median

import pytest
from sqlalchemy import event, select

from services.database import inline, open_engine, upgrade
from services.model import Stranger
from services.schema import schema
from services.sign_in import Good, Locked, Sent, Spent, Wrong
from tests.identity.house import DANAS, LINK, NOBODYS, House, wrong

CALLS = 300


@contextmanager
def listening(engine):
    """Every statement that runs meanwhile."""
    heard = []

    def hear(_conn, _cursor, statement, _values, _context, _many):
        heard.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    yield heard
    event.remove(engine, "before_cursor_execute", hear)


async def story(house, email, scope):
    """All that a visitor can do with one address, but know its code; what is answered."""
    told, line = [], len(email)  # lines of their own: who asks again from one is known there
    for nth in range(7):
        told.append(await house.ask(email, f"{email} {nth // 3}", scope=scope, client=f"192.0.{line}.1"))
        house.passes(seconds=15)
    for nth in range(13):
        given = {"chat": f"{email} {nth % 3}", "client": f"192.0.{line}.{nth % 2}", "scope": scope}
        told.append(await house.enter("000000", email, **given))
    house.passes(hours=2)
    told.append(await house.ask(email, f"{email} late", scope=scope, client=""))
    told.append(await house.enter("000000", email, f"{email} late", scope=scope, client=""))
    return told


@pytest.mark.parametrize("scope", [Stranger(), LINK])
async def test_a_known_and_an_unknown_address_get_the_same_answers_by_the_same_statements(house, scope):
    stories = []
    for email in (DANAS, NOBODYS):
        house.books.asked.clear()
        with listening(house.engine) as statements:
            told = await story(house, email, scope)
        stories.append((told, list(house.books.asked), statements))
        house.passes(days=3)
    assert {Sent, Spent, Wrong, Locked} == set(map(type, stories[0][0]))
    assert stories[0] == stories[1]
    assert house.mailed
    assert {code.to for code in house.mailed} == {DANAS}


@pytest.mark.parametrize("what", ["ask", "enter"])
async def test_time_does_not_tell_a_known_address_from_an_unknown_one(what):
    """Medians of a few hundred calls each, taken in turns: whatever else the machine does slows both."""
    engine = open_engine("sqlite://")  # in memory: the time of a disk would hide what is measured
    upgrade(engine)
    house = House(engine, inline(engine))
    for n in range(CALLS):
        house.books.add(f"portal:{n}", f"known{n:03}@example.com")
    took = {"known": [], "other": []}
    for n in range(CALLS):
        for kind in ("known", "other") if n % 2 else ("other", "known"):
            email, chat = f"{kind}{n:03}@example.com", f"{kind} {n}"
            if what == "enter":
                await house.ask(email, chat, client="")
            begun = time.perf_counter()
            if what == "enter":
                await house.enter("000000", email, chat, client="")
            else:
                await house.ask(email, chat, client="")
            took[kind].append(time.perf_counter() - begun)
    engine.dispose()
    known, other = median(took["known"]), median(took["other"])
    assert known < 1.5 * other, (known, other)
    assert other < 1.5 * known, (known, other)
    assert len(house.mailed) == CALLS


async def test_no_address_and_no_code_can_be_read_in_any_table(house):
    customer = await house.signs_in(chat="chat", client="203.0.113.77")
    await house.visitors.remember(customer, "chat")
    tokens = [await house.visitors.browser_token(customer, "chat")]
    await house.visitors.by_browser(tokens[0], "next")
    house.passes(minutes=1)
    for purpose, email in (("old_address", ""), ("new_address", "new@example.com")):
        code = await house.code(email, chat="chat", purpose=purpose, scope=customer)
        assert isinstance(await house.enter(code, email, "chat", purpose=purpose, scope=customer), Good)
        house.passes(minutes=1)
    await house.ask(NOBODYS, "other", client="203.0.113.77")
    await house.enter(wrong(await house.code(chat="third")), chat="third", client="203.0.113.77")
    await house.ask("not an address, but secret", "fourth")
    secrets = [DANAS, NOBODYS, "new@example.com", "203.0.113.77", "not an address", *tokens]
    secrets += [code.digits for code in house.mailed]
    with house.engine.connect() as connection:
        rows = [
            (table.name, column.name, value)
            for table in schema.sorted_tables
            for row in connection.execute(select(table))
            for column, value in zip(table.columns, row, strict=True)
        ]
    assert {name for name, *_ in rows} >= {"sign_in_code", "sign_in_guard", "account", "browser", "tried", "attempt"}
    for table, column, value in rows:
        if isinstance(value, int):
            continue  # an instant may hold any six digits
        kept = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for secret in secrets:
            assert secret.lower() not in kept.lower(), f"{table}.{column} holds {secret}"


async def test_a_stolen_database_does_not_give_the_code_away(house):
    """Whoever has the tables alone tries all codes against salt and hash, in every way a plain hash could be made."""
    from hashlib import sha256  # noqa: PLC0415  # the thief's, not ours

    code = await house.code()
    ((salt, kept),) = await house.rows("SELECT salt, code_hash FROM sign_in_code")
    salt, kept = bytes(salt), bytes(kept)
    words = (code, f"chat{code}", f"sign_in{code}", f"chatsign_in{code}", f"4:code{code}")
    assert kept not in {sha256(salt + word.encode()).digest() for word in words}
    house.sign_in._seals = type(house.sign_in._seals)(b"another installation")
    assert await house.enter(code) == Wrong()


async def test_the_same_code_is_kept_differently_each_time(house):
    drawn = house.chance.getstate()
    await house.code()
    house.chance.setstate(drawn)
    await house.code(chat="other")
    assert house.mailed[0].digits == house.mailed[1].digits
    assert len(set(await house.rows("SELECT code_hash FROM sign_in_code"))) == 2
    assert len(set(await house.rows("SELECT address_hash FROM sign_in_code"))) == 1
