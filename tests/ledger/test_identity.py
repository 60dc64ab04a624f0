import asyncio

import pytest

from services.errors import Unavailable
from services.identity import LinkExpired, LinkOpened, Locked, Proved, Wrong
from services.tokens import token_hash

INVOICE = "book:INV-1042"


async def prove(world, key, number="INV-1042", zip_code="94107", *, client="192.0.2.1", chat="chat"):
    return await world.identity.prove(key, number, zip_code, client, chat)


# --- pay links


async def test_a_pay_link_opens_its_invoice_until_it_expires(world):
    token = await world.identity.issue(INVOICE, 30)
    assert await world.identity.open(token) == LinkOpened(INVOICE)
    world.passes(days=29, hours=23)
    assert await world.identity.open(token) == LinkOpened(INVOICE)
    world.passes(hours=1)
    assert await world.identity.open(token) == LinkExpired(INVOICE)


async def test_a_revoked_link_is_expired_to_its_holder_and_others_go_on(world):
    first, second = await world.identity.issue(INVOICE, 30), await world.identity.issue(INVOICE, 30)
    assert await world.identity.revoke(first)
    assert not await world.identity.revoke(first)
    assert not await world.identity.revoke("nonsense")
    assert await world.identity.open(first) == LinkExpired(INVOICE)
    assert await world.identity.open(second) == LinkOpened(INVOICE)


async def test_revoking_all_links_of_an_invoice_leaves_other_invoices_theirs(world):
    tokens = [await world.identity.issue(INVOICE, 30) for _ in range(3)]
    other = await world.identity.issue("book:INV-7", 30)
    assert await world.identity.revoke_all(INVOICE) == 3
    assert [await world.identity.open(token) for token in tokens] == [LinkExpired(INVOICE)] * 3
    assert await world.identity.open(other) == LinkOpened("book:INV-7")


@pytest.mark.parametrize("token", ["", "forged", "x" * 65, "../..", "\ud800", "\x00", "é" * 22, "a\n"])
async def test_a_forged_link_opens_nothing(world, token):
    await world.identity.issue(INVOICE, 30)
    assert await world.identity.open(token) is None


async def test_a_link_fits_telegram_and_is_stored_only_as_its_hash(world):
    token = await world.identity.issue(INVOICE, 30)
    assert len(token) == 22
    assert await world.rows("SELECT token_hash FROM pay_link") == [(token_hash(token),)]
    assert token not in token_hash(token)


async def test_a_demo_that_starts_again_with_the_same_seed_keeps_its_link(world):
    world.chance.seed(1)
    first = await world.identity.issue(INVOICE, 1)
    world.passes(days=2)
    world.chance.seed(1)
    assert await world.identity.issue(INVOICE, 1) == first
    assert await world.identity.open(first) == LinkOpened(INVOICE)
    world.chance.seed(1)
    with pytest.raises(ValueError, match="random"):
        await world.identity.issue("book:INV-7", 1)


# --- number and zip


async def test_number_and_zip_however_written_prove_an_invoice(world):
    assert await prove(world, "1", "inv 1042", "94107-1234") == Proved(INVOICE)


async def test_an_unknown_number_and_a_wrong_zip_get_the_same_answer(world):
    assert await prove(world, "1", zip_code="94108") == await prove(world, "2", number="INV-9999") == Wrong()


@pytest.mark.parametrize("zip_code", ["", " ", "-"])
async def test_no_zip_proves_nothing_even_where_none_is_on_file(world, zip_code):
    world.books.add("INV-7", customer="unzipped", zip_code="")
    assert await prove(world, "1", "INV-7", zip_code) == Wrong()


async def test_two_invoices_that_fit_alike_prove_neither(world):
    world.books.add("INV-7", customer="one")
    world.books.add("INV 7", customer="two", zip_code="94107")
    assert await prove(world, "1", "INV7") == Wrong()


async def test_after_ten_wrong_tries_even_the_right_zip_is_locked_out_for_a_day(world):
    for n in range(10):
        assert await prove(world, f"w{n}", zip_code="00000", client="", chat=f"c{n}") == Wrong()
    assert await prove(world, "right", client="", chat="fresh") == Locked()
    world.passes(hours=23, minutes=59)
    assert await prove(world, "later", client="", chat="fresh") == Locked()
    world.passes(hours=2)
    assert await prove(world, "next day", client="", chat="fresh") == Proved(INVOICE)


async def test_one_number_is_counted_once_however_it_is_written(world):
    for n, number in enumerate(["INV-1042", "inv 1042", "INV1042", "i-n-v-1042", "Inv.1042"] * 2):
        await prove(world, f"w{n}", number, "00000", client="", chat=f"c{n}")
    assert await prove(world, "right", client="", chat="x") == Locked()


async def test_one_address_that_tries_many_numbers_is_locked_out_and_others_are_not(world):
    for n in range(20):
        assert await prove(world, f"w{n}", f"INV-{n}", chat=f"c{n}") == Wrong()
    assert await prove(world, "right", chat="x") == Locked()
    assert await prove(world, "neighbour", client="192.0.2.2", chat="y") == Proved(INVOICE)


async def test_whoever_is_locked_out_cannot_lock_the_invoices_of_others(world):
    for n in range(20):
        await prove(world, f"w{n}", f"NO-{n}", chat=f"c{n}")
    for n in range(20):
        assert await prove(world, f"more{n}", zip_code="00000", chat=f"d{n}") == Locked()
    assert await prove(world, "owner", client="192.0.2.2", chat="y") == Proved(INVOICE)


async def test_a_chat_without_an_address_is_counted_by_itself(world):
    for n in range(20):
        assert await prove(world, f"w{n}", f"NO-{n}", client="", chat="telegram:1") == Wrong()
    assert await prove(world, "right", client="", chat="telegram:1") == Locked()
    assert await prove(world, "another", client="", chat="telegram:2") == Proved(INVOICE)


async def test_right_tries_are_not_counted(world):
    for n in range(30):
        assert await prove(world, f"r{n}") == Proved(INVOICE)


async def test_the_same_try_twice_counts_once_and_answers_the_same(world):
    for _ in range(30):
        assert await prove(world, "one key", zip_code="00000") == Wrong()
    assert await prove(world, "right") == Proved(INVOICE)
    assert await prove(world, "one key") == Wrong()  # what it answered, whatever is asked under it now


async def test_tries_at_the_same_time_cannot_slip_past_the_limit(world):
    answers = await asyncio.gather(
        *(prove(world, f"w{n}", zip_code="00000", client="", chat=f"c{n}") for n in range(25))
    )
    assert answers.count(Wrong()) == 10
    assert answers.count(Locked()) == 15


async def test_books_that_are_down_count_nothing(world):
    async def down(number):
        raise Unavailable("down")

    find, world.books.find = world.books.find, down
    for n in range(30):
        with pytest.raises(Unavailable):
            await prove(world, f"w{n}")
    world.books.find = find
    assert await prove(world, "w0") == Proved(INVOICE)


async def test_what_was_tried_is_not_stored(world):
    await prove(world, "k", zip_code="02139")
    assert await world.rows("SELECT key FROM tried WHERE CAST(answer AS TEXT) LIKE '%02139%'") == []


# --- a person


async def test_a_person_is_called_once_per_cause(world):
    first = await world.identity.call_agent("k1", "chat", "locked", INVOICE, "", "Wants to pay.")
    assert await world.identity.call_agent("k1", "chat", "locked", INVOICE, "", "Wants to pay.") == first
    assert await world.identity.call_agent("k2", "chat", "asked", None, None, "") != first
    cases = await world.rows("SELECT reason, invoice, payment FROM handoff_case ORDER BY id")
    assert cases == [("locked", INVOICE, None), ("asked", None, None)]
