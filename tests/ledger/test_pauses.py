"""The business's switch: what would begin stops at once, what has begun goes on."""

import pytest
from sqlalchemy.exc import DBAPIError

from services.errors import Unavailable, Uncertain
from services.model import Objection, PaymentState
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind
from services.payments.reconcile import reconcile

S = PaymentState
pytestmark = pytest.mark.usefixtures("audited")


async def test_while_paused_nothing_new_begins_and_afterwards_it_does(world):
    assert not await world.checkout.paused()
    assert await world.checkout.pause(True, "dana", "the terminal is being replaced")
    refused = await world.start()
    assert isinstance(refused, Refused)
    assert (refused.objection, refused.invoice.number) == (Objection.PAUSED, "INV-1042")
    assert await world.rows("SELECT count(*) FROM payment") == [(0,)]
    assert world.gateway.sent == 0
    assert await world.checkout.pause(False, "dana")
    assert (await world.start()).state is S.OPEN


async def test_the_switch_remembers_every_turn_and_only_turns(world):
    assert not await world.checkout.pause(False, "dana")
    assert await world.checkout.pause(True, "dana", "why")
    assert not await world.checkout.pause(True, "someone else")
    assert await world.checkout.pause(False, "ben")
    assert await world.checkout.pause(True, "ben")
    history = await world.rows("SELECT paused, asked_by, why FROM pause ORDER BY id")
    assert [(bool(paused), who, why) for paused, who, why in history] == [
        (True, "dana", "why"),
        (False, "ben", ""),
        (True, "ben", ""),
    ]
    with pytest.raises(DBAPIError, match="append-only"):
        await world.rows("UPDATE pause SET paused = true")


async def test_a_page_that_was_open_is_paid_while_paused(world):
    opened = await world.start()
    await world.checkout.pause(True, "dana")
    assert (await world.start()) == opened  # asked again under its own key
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert await world.work() == [(S.SUCCEEDED, None)]
    assert (await world.refund(opened.reference)).amount.minor == 12000


async def test_a_start_whose_answer_was_lost_before_the_pause_is_finished_in_it(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start()
    await world.checkout.pause(True, "dana")
    assert (await world.start()).state is S.OPEN
    assert len(world.gateway.pages) == 1


async def test_a_start_of_which_nothing_was_made_begins_anew_and_so_waits_for_the_end_of_the_pause(world):
    world.gateway.before = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.start()
    await world.checkout.pause(True, "dana")
    assert (await world.start()).objection is Objection.PAUSED
    await world.checkout.pause(False, "dana")
    assert (await world.start()).state is S.OPEN


async def test_what_hangs_is_looked_up_while_paused(world):
    opened = await world.start()
    await world.checkout.pause(True, "dana")
    world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    world.passes(hours=1)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(opened.reference)).state is S.SUCCEEDED
