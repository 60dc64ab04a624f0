"""Signed in, remembered, signed out: how long each lasts and what ends it."""

import asyncio

import pytest
from sqlalchemy import text

from services.model import Account, Customer
from services.tokens import token_hash
from tests.identity.house import DANA, NOON, ROY, ROYS

PERSON = Account(DANA, "Dana Whitfield")


async def remembered(house, chat="chat"):
    """A customer who signed in and wants this browser remembered; the scope and the browser's token."""
    customer = await house.signs_in(chat=chat)
    assert await house.visitors.remember(customer, chat)
    return customer, await house.visitors.browser_token(customer, chat)


async def test_a_sign_in_counts_for_twelve_hours(house):
    customer = await house.signs_in()
    house.passes(hours=11, minutes=59)
    assert await house.visitors.holds(customer)
    house.passes(minutes=1)
    assert not await house.visitors.holds(customer)


async def test_a_browser_is_remembered_for_thirty_days_from_the_sign_in_and_no_visit_makes_it_longer(house):
    customer, token = await remembered(house)
    house.passes(days=20)
    found, person = await house.visitors.by_browser(token, "next")
    assert (found.id, found.proof, found.channel, person) == (DANA, "browser", "next", PERSON)
    assert (found.proved_at, found.until) == (NOON, house.visitors.scope(DANA, "next", "browser", NOON).until)
    assert found.may_charge("next")
    assert await house.visitors.remember(found, "next") == found.until
    again = await house.visitors.browser_token(found, "next")
    house.passes(days=9, hours=23, minutes=59)
    assert await house.visitors.by_browser(again, "third")
    assert await house.visitors.holds(found)
    house.passes(minutes=1)
    assert await house.visitors.by_browser(again, "fourth") is None
    assert not await house.visitors.holds(found)
    assert await house.visitors.remember(found, "next") is None
    assert await house.visitors.browser_token(found, "next") is None
    assert not await house.visitors.holds(customer)


async def test_only_a_browser_that_asked_for_it_is_remembered(house):
    customer = await house.signs_in()
    assert await house.visitors.browser_token(customer, "chat") is None


async def test_a_proof_from_another_chat_or_by_the_page_is_not_enough(house):
    customer = await house.signs_in()
    page = house.visitors.scope(DANA, "chat", "page", house.at)
    assert await house.visitors.remember(customer, "other") is None
    assert await house.visitors.remember(page, "chat") is None
    await house.visitors.remember(customer, "chat")
    assert await house.visitors.browser_token(customer, "other") is None
    assert await house.rows("SELECT count(*) FROM browser") == [(1,)]


async def test_a_browser_has_one_token_at_a_time_and_only_its_hash_is_kept(house):
    customer, first = await remembered(house)
    second = await house.visitors.browser_token(customer, "chat")
    assert await house.visitors.by_browser(first, "x") is None
    assert await house.visitors.by_browser(second, "x")
    assert await house.rows("SELECT token_hash FROM browser") == [(token_hash(second),)]


@pytest.mark.parametrize("token", ["", "forged", "x" * 65, "\ud800", "\x00", "a\n"])
async def test_a_forged_token_remembers_nobody(house, token):
    await remembered(house)
    assert await house.visitors.by_browser(token, "x") is None


async def test_remembering_twice_is_once_and_a_new_sign_in_begins_anew(house):
    customer = await house.signs_in()
    assert await house.visitors.remember(customer, "chat") == await house.visitors.remember(customer, "chat")
    house.passes(days=1)
    fresh = await house.signs_in()
    until = await house.visitors.remember(fresh, "chat")
    assert (until - house.at).days == 30
    assert await house.rows("SELECT count(*) FROM browser") == [(1,)]


async def test_two_browsers_of_one_chat_do_not_trip_over_each_other(house):
    """A token of another browser came into a chat that had its own."""
    customer, _ = await remembered(house)
    _, other = await remembered(house, "other")
    found, _ = await house.visitors.by_browser(other, "chat")
    assert await house.visitors.browser_token(customer, "chat")
    assert await house.visitors.remember(found, "chat")


async def test_a_customer_who_is_gone_is_nobody(house):
    _, token = await remembered(house)
    del house.books.customers[DANA]
    assert await house.visitors.by_browser(token, "x") is None


# --- signing out


async def test_signing_out_forgets_this_browser_and_no_other(house):
    customer, token = await remembered(house)
    house.passes(minutes=30)
    other, others = await remembered(house, "other")
    await house.visitors.sign_out(customer, "chat")
    assert await house.visitors.by_browser(token, "x") is None
    assert await house.visitors.browser_token(customer, "chat") is None
    assert await house.visitors.by_browser(others, "other")
    assert await house.visitors.holds(other)


async def test_a_browser_is_forgotten_also_where_another_tab_was_the_last_to_use_it(house):
    _, token = await remembered(house)
    tab, _ = await house.visitors.by_browser(token, "tab one")
    await house.visitors.by_browser(token, "tab two")
    await house.visitors.sign_out(tab, "tab one")
    assert await house.visitors.by_browser(token, "x") is None


async def test_signing_out_everywhere_ends_every_proof_and_browser_of_this_customer(house):
    here, token = await remembered(house)
    there = await house.signs_in(chat="there")  # in the same instant
    house.passes(minutes=30)
    _, others = await remembered(house, "other")
    roy = await house.signs_in(ROYS, "roy")
    await house.visitors.remember(roy, "roy")
    roys = await house.visitors.browser_token(roy, "roy")
    await house.visitors.sign_out(here, "chat", everywhere=True)
    for customer in (here, there):
        assert not await house.visitors.holds(customer)
        assert await house.visitors.remember(customer, customer.channel) is None
    for each in (token, others):
        assert await house.visitors.by_browser(each, "x") is None
    assert await house.visitors.holds(roy)
    assert await house.visitors.by_browser(roys, "roy")


async def test_a_browser_that_was_being_remembered_while_its_customer_signed_out_everywhere_is_not(house):
    customer, token = await remembered(house)
    await house.visitors.sign_out(customer, "chat", everywhere=True)
    await house.transact(
        lambda conn: conn.execute(text("UPDATE browser SET revoked_at = NULL"))
    )  # written a moment later
    assert await house.visitors.by_browser(token, "x") is None


async def test_who_signed_out_everywhere_can_sign_in_again_at_once(house):
    customer = await house.signs_in()
    await house.visitors.sign_out(customer, "chat", everywhere=True)
    assert not await house.visitors.holds(customer)
    fresh = await house.signs_in(chat="fresh")  # the clock has not moved
    assert await house.visitors.holds(fresh)
    assert not await house.visitors.holds(customer)


async def test_who_was_sent_by_the_page_can_sign_out_everywhere_too(house):
    page = house.visitors.scope(ROY, "chat", "page", house.at)
    assert await house.visitors.holds(page)
    await house.visitors.sign_out(page, "chat", everywhere=True)
    assert not await house.visitors.holds(page)


async def test_a_browser_is_remembered_over_a_restart(house):
    _, token = await remembered(house)
    house.again()
    assert (await house.visitors.by_browser(token, "x"))[1] == PERSON


async def test_a_scope_that_was_never_proved_by_anybody_is_what_it_says_until_it_ends(house):
    """Scopes are made here alone and kept in conversations; this one is of a customer who never signed in."""
    assert await house.visitors.holds(Customer(ROY, NOON, "chat", NOON.replace(hour=13), "page"))


async def test_a_thousand_presses_of_remember_are_one_browser(house):
    customer = await house.signs_in()
    await asyncio.gather(*(house.visitors.remember(customer, "chat") for _ in range(20)))
    assert await house.rows("SELECT count(*) FROM browser") == [(1,)]
