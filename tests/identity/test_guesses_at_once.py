"""Guesses over threads and workers, as in production: a database file, and PostgreSQL, where transactions really overlap."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.database import inline, threaded
from services.errors import Unavailable
from services.sign_in import Good, Locked, Sent, Spent, Wrong
from tests.identity.house import DANA, DANAS, NOBODYS, House, wrong

AT_ONCE = 200


@pytest.fixture
def engine(in_files):
    return in_files


@pytest.fixture
def many(engine):
    """The house over threads."""
    house = House(engine, threaded(engine))
    yield house
    house.transact.close()


async def guesses(house, digits, email=DANAS, *, key="guess"):
    """Each from a chat and a household of its own, in which the code was asked for or was not."""
    each = enumerate(digits)
    return await asyncio.gather(
        *(
            house.enter(
                told, email, "chat" if n % 2 else f"c{n}", client=f"192.0.2.{n}" if n % 2 else "", key=f"{key}{n}"
            )
            for n, told in each
        )
    )


@pytest.mark.parametrize("email", [DANAS, NOBODYS])
async def test_of_two_hundred_guesses_at_once_ten_are_compared(many, email):
    answers = Counter(map(type, await guesses(many, [f"{n:06}" for n in range(AT_ONCE)], email)))
    assert answers == {Wrong: 10, Locked: AT_ONCE - 10}
    assert await many.rows("SELECT wrong FROM sign_in_guard") == [(10,)]


async def test_workers_that_know_nothing_of_each_other_compare_ten_together(engine):
    """Threads without a common queue: on SQLite they wait for its lock, on PostgreSQL for the address's row."""
    houses = [House(engine, inline(engine)) for _ in range(8)]

    async def enter(nth, n):
        guess = {"chat": f"{nth}.{n}", "client": "", "key": f"{nth}.{n}"}
        while True:
            try:
                return await houses[nth].enter(f"{nth}{n:05}", **guess)
            except Unavailable:  # SQLite's lock was held for too long: an effect is done again, under the same key
                await asyncio.sleep(0.01)

    def work(nth):
        return [asyncio.run(enter(nth, n)) for n in range(AT_ONCE // 8)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for each in pool.map(work, range(8)) for answer in each]
    assert Counter(map(type, answers)) == {Wrong: 10, Locked: AT_ONCE - 10}


async def test_the_right_code_among_two_hundred_is_found_only_if_it_is_among_the_ten(many):
    found = 0
    for nth in range(5):
        code = await many.code(client="")
        digits = [wrong(code, n + 1) for n in range(AT_ONCE)]
        digits[nth * 40 + 1] = code  # in the chat that it was sent to
        answers = Counter(map(type, await guesses(many, digits, key=f"{nth}.")))
        found += answers[Good]
        assert answers[Good] <= 1
        assert answers[Wrong] <= 10 if not answers[Good] else answers[Wrong] <= 20  # a sign-in begins the count anew
        await many.sign_in.unlock(DANAS)
        many.passes(hours=25)
    assert found < 5


async def test_one_right_code_entered_in_many_tabs_at_once_signs_in_once(many):
    code = await many.code()
    answers = Counter(type(each) for each in await asyncio.gather(*(many.enter(code, client="") for _ in range(20))))
    assert answers[Good] == 1
    assert await many.rows("SELECT customer FROM account") == [(DANA,)]


async def test_one_guess_by_many_workers_is_one(many):
    code = await many.code()
    answers = await asyncio.gather(*(many.enter(code, key="same") for _ in range(20)))
    assert len(set(answers)) == 1
    answers = await asyncio.gather(*(many.enter(wrong(code), key="typo") for _ in range(20)))
    assert set(answers) == {Wrong()}
    assert await many.rows("SELECT wrong FROM sign_in_guard") == [(1,)]


async def test_one_effect_by_many_workers_sends_one_letter(many):
    assert set(await asyncio.gather(*(many.ask(key="same") for _ in range(20)))) == {Sent()}
    assert len(many.mailed) == 1


async def test_of_fifty_who_ask_for_a_code_at_once_five_get_one_in_every_hour(many):
    for hour in range(4):  # in the first one places are made, later they are taken again
        answers = await asyncio.gather(
            *(many.ask(chat=f"{hour}.{n}", client=f"192.0.{hour}.{n}") for n in range(50)),
        )
        assert Counter(map(type, answers)) == {Sent: 5, Spent: 45}
        many.passes(hours=1)
    assert len(many.mailed) == 20


async def test_codes_asked_for_crosswise_never_wait_for_each_other(many):
    """The same households, chats and addresses in every combination."""
    asked = [
        many.ask(f"n{n % 5}@example.com", f"c{n % 7}", client=f"192.0.2.{n % 3}") if n % 2
        else many.enter("000000", f"n{n % 5}@example.com", f"c{n % 7}", client=f"192.0.2.{n % 3}")
        for n in range(120)
    ]  # fmt: skip
    await asyncio.wait_for(asyncio.gather(*asked), 60)


async def test_a_spraying_attacker_gets_twenty_guesses_a_day_and_three_hundred_lines_get_one_in_each_address(many):
    for n in range(300):
        many.books.add(f"portal:{n}", f"n{n}@example.com")
    codes = {}
    for n in range(300):
        codes[n] = await many.code(f"n{n}@example.com", f"c{n}", client="")
    one_line = await asyncio.gather(
        *(many.enter(wrong(codes[n]), f"n{n}@example.com", f"c{n}", client="192.0.2.1") for n in range(300))
    )
    assert Counter(map(type, one_line)) == {Wrong: 20, Locked: 280}
    botnet = await asyncio.gather(
        *(many.enter(wrong(codes[n]), f"n{n}@example.com", f"c{n}", client=f"2001:db8:{n:x}::1") for n in range(300))
    )
    assert set(botnet) == {Wrong()}
    counted = await many.rows("SELECT max(wrong), sum(wrong) FROM sign_in_guard")
    assert [tuple(map(int, row)) for row in counted] == [(2, 320)]
    assert isinstance(
        await many.enter(codes[299], "n299@example.com", "c299", client=""), Good
    )  # nobody was locked out
