"""Who gets a code, how often, and that nobody else does."""

from collections import Counter

import pytest

from services.codes import digits_of, draw
from services.errors import Unavailable
from services.model import Bearer, Stranger
from services.sign_in import Code, Sent, Spent
from tests.identity.house import DANA, DANAS, LINK, NOBODYS, ROY, ROYS


async def test_a_code_goes_to_an_address_on_file_and_to_no_other(house):
    assert await house.ask(DANAS) == Sent()
    (code,) = house.mailed
    assert (code.to, code.purpose, code.name, len(code.digits)) == (DANAS, "sign_in", "Dana Whitfield", 6)
    house.passes(minutes=1)
    assert await house.ask(NOBODYS) == Sent()
    assert house.mailed == [code]


async def test_the_letter_goes_to_the_address_as_it_is_on_file_whoever_wrote_it_in_another_case(house):
    house.moves(DANA, "Dana@Example.com")
    await house.ask("dana@example.COM")
    house.books.add(ROY, ROYS, "Roy", language="es")
    going = await house.sign_in.addressed(house.mailed[0])
    assert (going.to, going.digits) == ("Dana@Example.com", house.mailed[0].digits)
    await house.ask(ROYS, "other")
    assert (await house.sign_in.addressed(house.mailed[1])).language == "es"


async def test_a_letter_stays_here_when_its_address_has_left_the_books_meanwhile(house):
    await house.ask()
    house.moves(DANA, "moved@example.com")
    assert await house.sign_in.addressed(house.mailed[0]) is None
    del house.books.customers[DANA]
    assert await house.sign_in.addressed(house.mailed[0]) is None


async def test_who_holds_a_pay_link_gets_a_code_at_the_address_on_file_without_seeing_it(house):
    assert await house.ask("", scope=LINK) == Sent()
    (code,) = house.mailed
    assert (code.to, code.customer, code.name) == (DANAS, "", "Dana Whitfield")
    assert await house.sign_in.addressed(code) == code


@pytest.mark.parametrize(
    "scope",
    [
        Stranger(),
        Bearer("portal:INV-1042", "lookup"),  # number and zip stand on a paper bill
        Bearer("portal:INV-9999", "link"),
        Bearer("portal:INV-8", "link"),  # whose customer is gone
    ],
)
async def test_without_an_address_or_a_link_no_letter_goes_anywhere(house, scope):
    assert await house.ask("", scope=scope) == Sent()
    assert await house.ask(" ", "other", scope=scope) == Sent()
    assert house.mailed == []


async def test_a_link_of_a_customer_without_a_usable_address_sends_nothing(house):
    house.moves(DANA, "dana at example.com")
    assert await house.ask("", scope=LINK) == Sent()
    assert house.mailed == []


@pytest.mark.parametrize(
    "typed", ["dana", "dana@example.com, eve@example.com", "Dana <dana@example.com>", "d" * 5000, "\ud800"]
)
async def test_what_is_no_address_asks_the_books_nothing(house, typed):
    assert await house.ask(typed) == Sent()
    assert (house.mailed, house.books.asked) == ([], [])


async def test_the_same_effect_twice_sends_one_letter_and_answers_the_same(house):
    assert await house.ask(key="one") == await house.ask(key="one") == Sent()
    house.again()
    assert await house.ask(NOBODYS, key="one") == Sent()
    assert len(house.mailed) == 1
    assert await house.ask(key="two") == await house.ask(key="two") == Spent(1)
    house.passes(minutes=1)
    assert await house.ask(key="two") == Spent(1)  # what it answered; another one is another effect
    assert len(house.mailed) == 1  # a code that was not kept must not be mailed


async def test_books_that_do_not_answer_cost_no_try(house):
    house.books.fails = Unavailable("away")
    with pytest.raises(Unavailable):
        await house.ask(key="one")
    house.books.fails = None
    assert await house.ask(key="one") == Sent()
    assert len(house.mailed) == 1


# --- how often


async def test_two_codes_in_one_chat_are_twenty_seconds_apart(house):
    await house.code()
    house.passes(seconds=19)
    assert await house.ask() == Spent(1)
    assert await house.ask(ROYS) == Spent(1)
    house.passes(seconds=1)
    assert await house.ask() == Sent()


@pytest.mark.parametrize("email", [DANAS, NOBODYS])
async def test_one_address_gets_five_codes_in_any_hour(house, email):
    for nth in range(5):
        assert await house.ask(email.upper() if nth % 2 else email, f"chat {nth}") == Sent()
        house.passes(minutes=10)
    assert await house.ask(email, "sixth") == Spent(10)
    assert await house.ask(ROYS, "sixth") == Sent()  # that did not cost the chat anything
    house.passes(minutes=9, seconds=59)
    assert await house.ask(email, "seventh") == Spent(1)
    house.passes(seconds=1)
    assert await house.ask(email, "eighth") == Sent()
    assert await house.ask(email, "ninth") == Spent(10)


async def test_one_chat_gets_five_codes_in_any_hour(house):
    for nth in range(5):
        assert await house.ask(f"n{nth}@example.com") == Sent()
        house.passes(minutes=1)
    assert await house.ask() == Spent(55)
    house.again()
    assert await house.ask() == Spent(55)
    assert await house.ask(chat="other") == Sent()


async def test_one_household_gets_twenty_codes_in_any_hour(house):
    for nth in range(20):
        assert await house.ask(f"n{nth}@example.com", f"chat {nth}", client=f"2001:db8::{nth:x}") == Sent()
    assert await house.ask(chat="one more", client="2001:db8::ffff") == Spent(60)
    assert await house.ask(chat="another", client="2001:db8:0:1::1") == Sent()


async def test_a_channel_without_addresses_is_limited_by_chat_and_address_alone(house):
    for nth in range(25):
        assert await house.ask(f"n{nth}@example.com", f"telegram:{nth}", client="") == Sent()


async def test_what_was_refused_cost_no_other_limit_anything(house):
    for nth in range(5):
        await house.ask(chat=f"chat {nth}")
    for nth in range(30):
        assert isinstance(await house.ask(chat=f"more {nth}"), Spent)
    assert await house.ask(ROYS, "more 1") == Sent()


async def test_a_clock_that_was_set_back_locks_nobody_out(house):
    house.passes(days=400)
    await house.ask()
    house.passes(days=-400)
    assert await house.ask() == Sent()


# --- the digits


def test_codes_are_uniform_and_the_rest_of_the_bytes_is_thrown_away():
    numbers = iter([16_000_000, 16_777_215, 15_999_999, 0, 1_000_000, 42])
    assert [draw(lambda _: next(numbers).to_bytes(3, "big")) for _ in range(4)] == [
        "999999",
        "000000",
        "000000",
        "000042",
    ]


async def test_every_letter_has_a_code_of_its_own(house):
    codes = []
    for nth in range(60):
        house.books.add(f"portal:{nth}", f"n{nth}@example.com")
        codes.append(await house.code(f"n{nth}@example.com", f"chat {nth}", client=""))
    assert Counter(codes).most_common(1)[0][1] <= 2
    assert all(len(code) == 6 and code.isdecimal() for code in codes)


@pytest.mark.parametrize(
    ("typed", "digits"),
    [("123 456", "123456"), (" 123-456\n", "123456"), ("my code is 123456", "123456"), ("١٢٣٤٥٦", "123456"), ("", "")],
)
def test_a_code_is_read_however_it_is_typed(typed, digits):
    assert digits_of(typed) == digits


def test_a_code_that_ends_in_a_log_says_nothing():
    assert (
        repr(Code(DANAS, "123456", "sign_in", "Dana"))
        == str([Code(DANAS, "123456", "sign_in")])[1:-1]
        == "Code(sign_in)"
    )
