"""Refunds and objections that customers ask a person for: opened once, answered, told, and nobody else's to read."""

import pytest

from services.model import Bearer, Stranger
from services.payments import cases, requests
from services.payments.gateways.base import FactKind
from services.payments.wishes import Wishes

INVOICE = "book:INV-1042"
LINK = Bearer(INVOICE, "link")


@pytest.fixture
def wishes(world):
    return Wishes(world.transact, world.access, world.now)


async def asked(world, customer="dana", chat="chat"):
    return (await world.transact(lambda conn: requests.of(conn, customer, chat))).shown


async def test_a_wish_is_a_case_with_the_customers_words_and_nothing_else_that_is_personal(world, wishes):
    made = await wishes.open("k1", "chat", world.signs_in(), "dispute", "you billed me twice", invoice=INVOICE)
    assert (made.kind, made.number, made.reference, made.closed_at) == ("dispute", "INV-1042", "", None)
    (case,) = await world.transact(cases.open_cases)
    assert (case.id, case.reason, case.invoice, case.customer, case.chat) == (
        made.case,
        "dispute",
        INVOICE,
        "dana",
        "chat",
    )
    assert case.words == "you billed me twice"
    assert "billed" not in case.summary + case.evidence
    assert await asked(world) == (made,)


async def test_the_same_effect_twice_is_one_case_also_after_it_was_answered(world, wishes):
    ask = ("k1", "chat", LINK, "dispute", "no", "", INVOICE)
    made = await wishes.open(*ask)
    assert await wishes.open(*ask) == made
    await world.transact(lambda conn: requests.answer(conn, made.case, "it is right", world.at))
    again = await wishes.open(*ask)
    assert (again.case, again.answer) == (made.case, "it is right")
    assert len(await asked(world)) == 1


async def test_the_same_wish_is_the_case_that_is_open_and_a_new_one_once_it_was_answered(world, wishes):
    scope = world.signs_in()
    first = await wishes.open("k1", "chat", scope, "refund", "a", invoice=INVOICE)
    second = await wishes.open("k2", "another chat", scope, "refund", "b", invoice=INVOICE)
    assert second.case == first.case
    other = await wishes.open("k3", "chat", scope, "dispute", "c", invoice=INVOICE)
    assert other.case != first.case
    await world.transact(lambda conn: requests.answer(conn, first.case, "done", world.at))
    # an effect that joined a case stays with it, however late it is repeated
    assert (await wishes.open("k2", "another chat", scope, "refund", "b", invoice=INVOICE)).case == first.case
    third = await wishes.open("k4", "chat", scope, "refund", "d", invoice=INVOICE)
    assert third.case not in (first.case, other.case)
    assert [each.case for each in await asked(world)] == [third.case, other.case, first.case]


async def test_the_holder_of_a_link_joins_no_case_of_the_customer_and_the_other_way_round(world, wishes):
    cases_of = [
        (await wishes.open(f"k{n}", chat, scope, "refund", "please", invoice=INVOICE)).case
        for n, (chat, scope) in enumerate(
            (("one", LINK), ("one", world.signs_in(chat="one")), ("two", LINK), ("two", world.signs_in(chat="two")))
        )
    ]
    assert cases_of[1] == cases_of[3]
    assert len(set(cases_of)) == 3
    await world.transact(lambda conn: requests.answer(conn, cases_of[1], "done", world.at))
    ((told),) = await world.transact(lambda conn: requests.untold(conn, 9))
    assert (told.chat, told.customer) == ("one", "dana")


async def test_a_payment_and_one_invoice_of_it_are_two_wishes(world, wishes):
    paid = await world.start()
    whole = await wishes.open("k1", "chat", LINK, "refund", "please", paid.reference)
    part = await wishes.open("k2", "chat", LINK, "refund", "please", paid.reference, INVOICE)
    assert whole.case != part.case
    assert (await wishes.open("k3", "chat", LINK, "refund", "please", paid.reference)).case == whole.case


async def test_an_answer_is_told_once(world, wishes):
    made = await wishes.open("k1", "chat", LINK, "refund", "please", invoice=INVOICE)
    assert await world.transact(lambda conn: requests.untold(conn, 9)) == []
    assert await world.transact(lambda conn: requests.answer(conn, made.case, "it is on its way", world.at))
    assert not await world.transact(lambda conn: requests.answer(conn, made.case, "again", world.at))
    ((told),) = await world.transact(lambda conn: requests.untold(conn, 9))
    assert (told.case, told.chat, told.request.answer) == (made.case, "chat", "it is on its way")
    assert told.customer is None
    assert told.request.closed_at == world.at
    assert await world.transact(lambda conn: requests.told(conn, made.case, world.at))
    assert not await world.transact(lambda conn: requests.told(conn, made.case, world.at))
    assert await world.transact(lambda conn: requests.untold(conn, 9)) == []


async def test_a_case_that_was_closed_without_a_word_has_nothing_to_tell(world, wishes):
    made = await wishes.open("k1", "chat", LINK, "refund", "please", invoice=INVOICE)
    assert await world.transact(lambda conn: cases.close_case(conn, made.case, world.at))
    assert await world.transact(lambda conn: requests.untold(conn, 9)) == []
    (seen,) = await asked(world)
    assert (seen.answer, seen.closed_at) == ("", world.at)


async def test_who_may_ask_about_an_invoice(world, wishes):
    world.books.add("EVE-1", customer="eve")
    for n, (scope, may) in enumerate(
        (
            (Stranger(), False),
            (Bearer("book:EVE-1", "link"), False),
            (Bearer(INVOICE, "lookup"), True),
            (LINK, True),
            (world.signs_in("eve"), False),
            (world.signs_in(), True),
        )
    ):
        made = await wishes.open(f"k{n}", f"chat {n}", scope, "refund", "please", invoice=INVOICE)
        assert (made is not None) is may, scope
    assert await wishes.open("k", "chat", LINK, "refund", "please") is None
    assert await wishes.open("k", "chat", LINK, "refund", "please", invoice="book:none") is None


async def test_who_may_ask_about_a_payment(world, wishes):
    world.books.add("EVE-1", customer="eve")
    paid = await world.start(chat="chat")
    await world.reports(paid.reference, FactKind.SUCCEEDED)
    for n, (chat, scope, may) in enumerate(
        (
            ("chat", Stranger(), True),
            ("another", Stranger(), False),
            ("another", LINK, False),
            ("another", world.signs_in("eve", "another"), False),
            ("another", world.signs_in("dana", "another"), True),
        )
    ):
        made = await wishes.open(f"k{n}", chat, scope, "refund", "please", paid.reference)
        assert (made is not None) is may, (chat, scope)
        if made is not None:
            assert (made.reference, made.number) == (paid.reference, "INV-1042")
    mine = world.signs_in()
    assert await wishes.open("k", "chat", mine, "refund", "please", "RM-0000-0000") is None
    assert await wishes.open("k", "chat", mine, "refund", "please", paid.reference, "book:EVE-1") is None
    assert await wishes.open("k", "chat", mine, "refund", "please", paid.reference, INVOICE) is not None


async def test_who_was_signed_out_asks_for_nothing_in_their_name(world, wishes):
    scope = world.signs_in()
    world.signed_out.add("dana")
    assert await wishes.open("k", "chat", scope, "refund", "please", invoice=INVOICE) is None


async def test_what_a_customer_asked_for_is_not_read_by_the_next_one_in_the_same_chat(world, wishes):
    world.books.add("INV-2")
    private = await wishes.open("k1", "chat", world.signs_in(), "refund", "please", invoice=INVOICE)
    by_link = await wishes.open("k2", "chat", Bearer("book:INV-2", "link"), "dispute", "no", invoice="book:INV-2")
    assert [each.case for each in await asked(world, None)] == [by_link.case]
    assert [each.case for each in await asked(world, "eve")] == [by_link.case]
    assert [each.case for each in await asked(world, "dana", "elsewhere")] == [by_link.case, private.case]
    assert (await world.access.requests(Stranger(), "chat")).shown == await asked(world, None)


async def test_a_call_for_a_person_because_of_a_refund_is_a_request_too(world):
    await world.identity.call_agent("e/1/0", "chat", "refund", INVOICE, None, "wants money back")
    (seen,) = await asked(world, None)
    assert (seen.kind, seen.number) == ("refund", "")


async def test_other_cases_are_no_requests(world):
    await world.identity.call_agent("e/1/0", "chat", "asked", INVOICE, None, "a person, please")
    assert await asked(world, None) == ()


async def test_a_list_of_requests_is_cut(world, wishes):
    for n in range(12):
        world.books.add(f"INV-{n}")
        await wishes.open(f"k{n}", "chat", world.signs_in(), "dispute", "no", invoice=f"book:INV-{n}")
    assert [each.number for each in await asked(world)] == [f"INV-{n}" for n in range(11, 1, -1)]
