"""What the business decides from the command line, by the routes behind it."""

from datetime import timedelta

from world import TOKEN

from services.model import Line, Method, Money, Quote
from services.payments import starts
from services.payments.gateways.base import Fact, FactKind

DUE = Money(12000, "USD")


async def in_doubt(world) -> str:
    """A payment of which the gateway says that its page was closed, and that it was paid."""
    line = Line("portal:none", "INV-1", "1", DUE)
    checkout, now = world.remit.checkout, world.clock()
    order = starts.Order(
        "k", "web:1", "m", Quote((line,), Method.CARD, "Dana", "94107"), checkout.gateway.name, "https://x", {}
    )
    begun = await world.remit.transact(lambda conn: starts.begin(conn, order, now, world.chance.randbytes))
    for nth, kind in enumerate((FactKind.CLOSED, FactKind.SUCCEEDED)):
        at = now + timedelta(minutes=nth)
        await checkout.take([Fact(f"e{nth}", begun.reference, kind, at, DUE, Method.CARD)])
    return str(begun.reference)


async def ask(world, what, **order):
    headers = {"authorization": f"Bearer {TOKEN}"}
    return await world.browser.post(f"http://remit/internal/{what}", json=order, headers=headers)


async def test_the_office_settles_a_payment_in_doubt_once_and_no_card_number_is_kept_with_its_word(world):
    reference = await in_doubt(world)
    (case,) = (await ask(world, "cases")).json()
    assert (case["reason"], case["payment"]) == ("contradiction", reference)
    word = {"reference": reference, "asked_by": "dana", "why": "4242 4242 4242 4242 was never charged"}
    for wrong in ({"state": "open"}, {"state": "failed", "why": ""}):
        assert (await ask(world, "settle", **{**word, **wrong})).status_code == 400
    settled = await ask(world, "settle", **word, state="failed")
    assert (settled.status_code, settled.json()["state"]) == (200, "failed")
    again = await ask(world, "settle", **word, state="succeeded")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_in_doubt")
    assert (await ask(world, "cases")).json() == []
    with world.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT state, asked_by, why FROM ruling").all()
    assert [tuple(row) for row in kept] == [("failed", "dana", "[card number removed] was never charged")]
