"""A customer's saved methods: what the gateway keeps, with what we know beside it."""

import pytest

from services.errors import Uncertain
from services.model import Method, Reason
from services.payments import notes
from services.payments.wallet import LONGEST


async def ids(world, customer="dana") -> list[str]:
    return [each.id for each in (await world.wallet.methods(customer)).saved]


async def test_the_favorite_comes_first_and_then_the_newest(world):
    for name in ("pm_1", "pm_2", "pm_3"):
        world.saves(name)
    assert await ids(world) == ["pm_3", "pm_2", "pm_1"]
    for favorite, order in (("pm_1", ["pm_1", "pm_3", "pm_2"]), ("pm_2", ["pm_2", "pm_3", "pm_1"])):
        for _ in range(2):
            edited = await world.wallet.edit("dana", "favorite", favorite)
            assert [each.id for each in edited.saved] == order
            assert [each.favorite for each in edited.saved] == [True, False, False]


async def test_of_two_favorites_made_at_the_same_time_one_is(world):
    for name in ("pm_1", "pm_2"):
        world.saves(name)
        await world.transact(lambda conn, name=name: notes._write(conn, "dana", name, world.at, favorite=True))
    assert [each.favorite for each in (await world.wallet.methods("dana")).saved] == [True, False]


async def test_a_favorite_that_is_gone_at_the_gateway_hides_no_other(world):
    world.saves("pm_1")
    world.saves("pm_2")
    await world.wallet.edit("dana", "favorite", "pm_1")
    world.gateway.vault.clear()
    world.saves("pm_2")
    world.saves("pm_3")
    assert await ids(world) == ["pm_3", "pm_2"]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Office card", "Office card"),
        ("  two\n lines\x00 ", "two lines"),
        ("x" * 60, "x" * LONGEST),
        ("\u202ereversed", "reversed"),
        ("y" * 39 + " z", "y" * 39),
        ("", ""),
    ],
)
async def test_a_nickname_is_one_line_that_can_be_seen(world, told, kept):
    world.saves()
    await world.wallet.edit("dana", "nickname", "pm_1", "before")
    for _ in range(2):
        (method,) = (await world.wallet.edit("dana", "nickname", "pm_1", told)).saved
        assert method.nickname == kept


async def test_a_removed_method_is_gone_with_its_notes_however_often_it_is_removed(world):
    world.saves("pm_1")
    world.saves("pm_2")
    await world.wallet.edit("dana", "nickname", "pm_1", "old card")
    for _ in range(2):
        assert [each.id for each in (await world.wallet.edit("dana", "remove", "pm_1")).saved] == ["pm_2"]
    assert await world.rows("SELECT method FROM method_note") == []


async def test_a_removal_whose_answer_was_lost_leaves_no_note_behind(world):
    world.saves()
    await world.wallet.edit("dana", "nickname", "pm_1", "old card")
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.wallet.edit("dana", "remove", "pm_1")
    assert (await world.wallet.edit("dana", "remove", "pm_1")).saved == ()
    assert await world.rows("SELECT method FROM method_note") == []


@pytest.mark.parametrize("what", ["favorite", "nickname", "remove"])
async def test_another_customers_method_is_neither_seen_nor_changed(world, what):
    world.saves("pm_eve", "eve")
    await world.wallet.edit("eve", "nickname", "pm_eve", "mine")
    assert (await world.wallet.edit("dana", what, "pm_eve", "hers")).saved == ()
    assert await world.rows("SELECT customer, nickname, favorite FROM method_note") == [("eve", "mine", False)]
    assert await ids(world, "eve") == ["pm_eve"]


async def test_a_note_changes_nothing_else_of_a_method(world):
    world.saves(kind=Method.BANK)
    await world.wallet.edit("dana", "nickname", "pm_1", "checking")
    await world.wallet.edit("dana", "favorite", "pm_1")
    await world.transact(lambda conn: notes.block(conn, "dana", "pm_1", Reason.STOPPED, world.at))
    (method,) = (await world.wallet.edit("dana", "nickname", "pm_1", "savings")).saved
    assert (method.nickname, method.favorite, method.blocked) == ("savings", True, Reason.STOPPED)
    assert not method.usable(world.at.date())
