"""What a code opens, and everything that it does not."""

import pytest

from services.errors import Unavailable
from services.model import Account, Bearer, Stranger
from services.sign_in import Good, Locked, Wrong
from tests.identity.house import DANA, DANAS, LINK, NOBODYS, NOON, ROY, ROYS, wrong


async def test_the_right_code_signs_in_whoever_has_the_address(house):
    code = await house.code()
    house.passes(minutes=9, seconds=59)
    assert await house.enter(code) == Good((Account(DANA, "Dana Whitfield"),), house.at)


async def test_the_address_may_be_typed_in_another_case_than_before(house):
    code = await house.code("Dana@EXAMPLE.com")
    assert isinstance(await house.enter(f" {code[:3]} {code[3:]}", " DANA@example.com "), Good)


async def test_every_customer_at_one_address_signs_in_and_the_one_of_the_held_link_is_first(house):
    house.moves(ROY, DANAS)
    link = Bearer("portal:INV-7", "link")
    for email, chat in ((DANAS, "typed"), ("", "on file")):
        good = await house.enter(await house.code(email, chat, scope=link), email, chat, scope=link)
        assert [each.id for each in good.accounts] == [ROY, DANA]
    good = await house.enter(await house.code(chat="c"), chat="c")
    assert [each.id for each in good.accounts] == [DANA, ROY]


async def test_a_code_that_came_by_the_link_signs_in_by_the_link(house):
    code = await house.code("", scope=LINK)
    assert await house.enter(code, "") == Wrong()  # who holds nothing
    assert isinstance(await house.enter(code, "", scope=LINK), Good)


async def test_the_same_effect_twice_answers_the_same_and_counts_once(house):
    code = await house.code()
    for _ in range(30):
        assert await house.enter(wrong(code), key="typo") == Wrong()
    good = await house.enter(code, key="right")
    house.passes(days=1)
    house.again()
    assert await house.enter(code, key="right") == good  # its process died before it could tell
    assert await house.enter("000000", NOBODYS, key="right") == good
    assert await house.rows("SELECT wrong FROM sign_in_guard") == [(0,)]


# --- codes that open nothing


async def test_a_code_is_over_after_ten_minutes(house):
    code = await house.code()
    house.passes(minutes=10)
    assert await house.enter(code) == Wrong()


async def test_a_code_works_once(house):
    code = await house.code()
    assert isinstance(await house.enter(code), Good)
    assert await house.enter(code) == Wrong()


async def test_a_code_opens_nothing_in_another_chat(house):
    code = await house.code()
    await house.code(chat="other")
    assert await house.enter(code, chat="other") == Wrong()
    assert await house.enter(code, chat="third") == Wrong()
    assert isinstance(await house.enter(code), Good)


async def test_a_code_for_one_purpose_is_none_for_another(house):
    customer = await house.signs_in()
    house.passes(minutes=1)
    code = await house.code("", purpose="old_address", scope=customer)
    assert await house.enter(code) == Wrong()
    assert await house.enter(code, "", purpose="new_address", scope=customer) == Wrong()
    assert await house.enter(code, "", purpose="old_address", scope=customer) == Good((), house.at)


async def test_a_code_of_one_address_does_not_prove_another(house):
    code = await house.code(DANAS)
    assert await house.enter(code, ROYS) == Wrong()
    assert await house.enter(code, NOBODYS) == Wrong()


async def test_only_the_newest_code_of_a_chat_counts(house):
    first = await house.code()
    house.passes(seconds=20)
    second = await house.code()
    assert first != second
    assert await house.enter(first) == Wrong()
    assert isinstance(await house.enter(second), Good)


async def test_a_code_asked_for_another_address_ends_the_one_before(house):
    first = await house.code()
    house.passes(seconds=20)
    await house.ask(NOBODYS)
    assert await house.enter(first) == Wrong()


async def test_asking_too_often_leaves_the_last_code_good(house):
    code = await house.code()
    await house.ask()
    assert isinstance(await house.enter(code), Good)


async def test_the_code_of_an_address_that_nobody_has_is_no_code_even_for_who_guesses_it(house):
    drawn = house.chance.getstate()
    assert await house.ask(NOBODYS)
    house.chance.setstate(drawn)
    house.passes(minutes=1)
    would_have_been = await house.code(chat="other")  # the same chance draws the same digits
    assert await house.enter(would_have_been, NOBODYS) == Wrong()
    house.chance.setstate(drawn)
    assert await house.ask(NOBODYS, "third")
    house.moves(ROY, NOBODYS)  # and somebody has it now
    assert isinstance(await house.enter(would_have_been, NOBODYS, "third"), Good)


async def test_an_address_that_has_left_the_books_signs_nobody_in(house):
    code = await house.code()
    house.moves(DANA, "moved@example.com")
    assert await house.enter(code) == Wrong()
    assert await house.enter(code, "moved@example.com") == Wrong()


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "9" * 100_000, "\ud800", "²³¹¹¹¹"])
async def test_what_is_no_code_is_a_wrong_one(house, typed):
    await house.code()
    assert await house.enter(typed) == Wrong()


async def test_books_that_do_not_answer_count_no_guess(house):
    code = await house.code()
    house.books.fails = Unavailable("away")
    with pytest.raises(Unavailable):
        await house.enter(code, key="one")
    house.books.fails = None
    assert await house.rows("SELECT count(*) FROM sign_in_guard") == [(0,)]
    assert isinstance(await house.enter(code, key="one"), Good)


# --- how many wrong ones


async def test_after_ten_wrong_codes_even_the_right_one_waits_for_a_person(house):
    code = await house.code()
    for nth in range(10):
        assert await house.enter(wrong(code, nth + 1), client="") == Wrong()
    assert await house.enter(code, client="") == Locked()
    for _ in range(5):
        house.passes(days=30)
        house.again()
        code = await house.code(chat="fresh", client="192.0.2.9")
        assert await house.enter(code, chat="fresh", client="192.0.2.9") == Locked()
    assert await house.sign_in.unlock(" DANA@example.com")
    assert isinstance(await house.enter(code, chat="fresh", client="192.0.2.9"), Good)


async def test_ten_wrong_codes_count_over_chats_clients_codes_and_purposes(house):
    customer = await house.signs_in(chat="mine")
    for nth in range(10):
        purpose = "old_address" if nth % 2 else "sign_in"
        house.passes(minutes=20)
        code = await house.code(chat=f"c{nth}", client=f"192.0.2.{nth}", purpose=purpose, scope=customer)
        given = {"chat": f"c{nth}", "client": f"198.51.100.{nth}", "purpose": purpose, "scope": customer}
        assert await house.enter(wrong(code), **given) == Wrong()
    assert await house.enter(await house.code(chat="x"), chat="x") == Locked()


async def test_a_sign_in_begins_the_count_anew(house):
    for nth in range(3):
        house.passes(hours=25)
        code = await house.code()
        for off in range(9):
            assert await house.enter(wrong(code, off + 1)) == Wrong()
        assert isinstance(await house.enter(code), Good), nth


async def test_proving_an_address_in_order_to_change_it_does_not_begin_the_count_anew(house):
    customer = await house.signs_in()
    house.passes(minutes=1)
    code = await house.code("", purpose="old_address", scope=customer)
    for off in range(9):
        await house.enter(wrong(code, off + 1), "", purpose="old_address", scope=customer)
    assert isinstance(await house.enter(code, "", purpose="old_address", scope=customer), Good)
    assert await house.rows("SELECT wrong FROM sign_in_guard") == [(9,)]
    house.passes(minutes=1)
    code = await house.code()
    assert await house.enter(wrong(code)) == Wrong()
    assert await house.enter(code) == Locked()


async def test_addresses_that_nobody_has_lock_like_others(house):
    for nth in range(10):
        assert await house.enter("000000", NOBODYS, chat=f"c{nth}", client="") == Wrong()
    assert await house.enter("000000", NOBODYS, chat="x", client="") == Locked()
    assert await house.sign_in.unlock(NOBODYS)
    assert await house.enter("000000", NOBODYS, chat="x", client="") == Wrong()


async def test_nobody_is_unlocked_who_was_not_locked(house):
    assert not await house.sign_in.unlock(DANAS)
    await house.signs_in()
    assert not await house.sign_in.unlock(DANAS)
    assert not await house.sign_in.unlock("\ud800")


async def test_a_guess_where_no_code_was_asked_for_counts_as_wrong(house):
    for _ in range(10):
        assert await house.enter("123456", client="") == Wrong()
    assert await house.enter(await house.code(), client="") == Locked()


async def test_one_household_has_twenty_wrong_codes_in_a_day_and_others_have_theirs(house):
    for nth in range(20):
        given = {"chat": f"c{nth}", "client": f"2001:db8::{nth:x}"}
        assert await house.enter("000000", f"n{nth}@example.com", **given) == Wrong()
    code = await house.code(chat="x", client="2001:db8::99")
    assert await house.enter(code, chat="x", client="2001:db8::99") == Locked()
    assert isinstance(await house.enter(code, chat="x", client="192.0.2.2"), Good)
    house.passes(hours=25)
    code = await house.code(chat="x", client="2001:db8::99")
    assert isinstance(await house.enter(code, chat="x", client="2001:db8::99"), Good)


async def test_one_chat_has_twenty_wrong_codes_in_a_day(house):
    for nth in range(20):
        assert await house.enter("000000", f"n{nth}@example.com", client=f"192.0.2.{nth}") == Wrong()
    code = await house.code(client="192.0.2.99")
    assert await house.enter(code, client="192.0.2.99") == Locked()


async def test_whoever_is_locked_out_cannot_lock_the_addresses_of_others(house):
    for nth in range(20):
        await house.enter("000000", f"n{nth}@example.com", chat=f"c{nth}")
    for nth in range(20):
        assert await house.enter("000000", chat=f"d{nth}") == Locked()
    assert isinstance(await house.enter(await house.code(chat="x", client=""), chat="x", client=""), Good)


async def test_right_codes_are_not_counted_against_chat_or_client(house):
    for nth in range(30):
        house.books.add(f"portal:{nth}", f"n{nth}@example.com")
        house.passes(minutes=15)
        assert isinstance(await house.enter(await house.code(f"n{nth}@example.com"), f"n{nth}@example.com"), Good)


async def test_who_signs_in_has_an_account_from_the_first_time_on(house):
    await house.signs_in()
    house.passes(days=1)
    await house.signs_in()
    day = 86_400_000_000
    (first, last), *more = await house.rows("SELECT first_at, last_at FROM account WHERE customer = :c", c=DANA)
    assert (last - first, more) == (day, [])
    assert await house.rows("SELECT count(*) FROM account") == [(1,)]


async def test_a_code_from_a_time_before_the_clock_was_set_back_is_over(house):
    house.passes(hours=5)
    code = await house.code()
    house.at = NOON
    assert await house.enter(code) == Wrong()


# --- changing the address on file


async def proves(house, customer, purpose, email=""):
    house.passes(minutes=1)
    code = await house.code(email, purpose=purpose, scope=customer)
    assert await house.enter(code, email, purpose=purpose, scope=customer) == Good((), house.at)


NEW = "new@example.com"


async def test_an_address_is_changed_only_when_both_were_proved_here_a_moment_ago(house):
    customer = await house.signs_in()
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)
    await proves(house, customer, "old_address")
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)
    await proves(house, customer, "new_address", NEW)
    assert await house.sign_in.may_change_address("chat", DANA, DANAS, "NEW@example.com ")
    assert not await house.sign_in.may_change_address("other", DANA, DANAS, NEW)
    assert not await house.sign_in.may_change_address("chat", ROY, ROYS, NEW)
    assert not await house.sign_in.may_change_address("chat", ROY, DANAS, NEW)
    assert not await house.sign_in.may_change_address("chat", DANA, ROYS, NEW)
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, "another@example.com")
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, "")
    assert not await house.sign_in.may_change_address("chat", "portal:none", DANAS, NEW)
    house.passes(minutes=13, seconds=59)
    assert await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)
    house.passes(seconds=1)
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)


async def test_the_codes_are_wanted_anew_for_the_next_change(house):
    customer = await house.signs_in()
    await proves(house, customer, "old_address")
    await proves(house, customer, "new_address", NEW)
    house.moves(DANA, NEW)
    assert not await house.sign_in.may_change_address("chat", DANA, NEW, "third@example.com")
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)


async def test_a_code_that_was_asked_for_again_has_proved_nothing_yet(house):
    customer = await house.signs_in()
    await proves(house, customer, "new_address", NEW)
    await proves(house, customer, "old_address")
    house.passes(minutes=1)
    await house.code("", purpose="old_address", scope=customer)
    assert not await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)


async def test_what_one_customer_proved_does_not_help_the_next_one_in_the_same_chat(house):
    house.moves(ROY, DANAS)
    customer = await house.signs_in()
    await proves(house, customer, "old_address")
    await proves(house, customer, "new_address", NEW)
    assert await house.sign_in.may_change_address("chat", DANA, DANAS, NEW)
    assert not await house.sign_in.may_change_address("chat", ROY, DANAS, NEW)


async def test_who_had_no_address_on_file_proves_the_new_one(house):
    house.moves(DANA, " ")
    customer = house.visitors.scope(DANA, "chat", "page", house.at)
    assert not await house.sign_in.may_change_address("chat", DANA, "", NEW)
    await proves(house, customer, "new_address", NEW)
    assert house.mailed[-1].to == NEW
    assert await house.sign_in.may_change_address("chat", DANA, "", NEW)


async def test_only_a_customer_who_is_signed_in_gets_codes_to_change_an_address(house):
    customer = await house.signs_in()
    house.passes(hours=12)
    mails = len(house.mailed)
    for scope in (Stranger(), LINK, customer):
        for purpose, email in (("old_address", ""), ("old_address", DANAS), ("new_address", NEW)):
            house.passes(hours=1)
            await house.ask(email, purpose=purpose, scope=scope)
            assert await house.enter("000000", email, purpose=purpose, scope=scope, client="") in (Wrong(), Locked())
    assert len(house.mailed) == mails


async def test_the_old_address_is_the_one_on_file_and_no_other(house):
    customer = await house.signs_in()
    house.passes(minutes=1)
    mails = len(house.mailed)
    await house.ask(ROYS, purpose="old_address", scope=customer)
    assert len(house.mailed) == mails
    house.passes(minutes=1)
    assert await house.code(DANAS.upper(), purpose="old_address", scope=customer)
    assert house.mailed[-1].to == DANAS


async def test_what_is_no_address_cannot_become_one(house):
    customer = await house.signs_in()
    for email in ("", "new", "new@example.com, eve@example.com"):
        house.passes(minutes=1)
        await house.ask(email, purpose="new_address", scope=customer)
    assert len(house.mailed) == 1


@pytest.mark.parametrize("scope", [Stranger(), LINK])
async def test_the_scope_of_a_guess_is_the_one_of_its_code(house, scope):
    customer = await house.signs_in()
    house.passes(minutes=1)
    code = await house.code(NEW, purpose="new_address", scope=customer)
    assert await house.enter(code, NEW, purpose="new_address", scope=scope) == Wrong()
