"""Receipts at the desk: linked where a payment or a customer is seen, sent again once per press, by either role, audited."""

import re

import pytest
from desks import csrf, signed_in
from sqlalchemy import select

from services.schema import audit, payment


async def paid(world, chat="rasa:one"):
    """The reference of a payment of 120.00 USD that went through, and whose customer it is."""
    await world.say(chat, f"/start {await world.link('INV-1042')}")
    for text in ("card", "yes"):
        shown = await world.say(chat, text)
    await world.pay_by_card(await world.page(next(m.link.url for m in shown if m.link)), "4242424242424242")
    await world.work()
    query = select(payment.c.reference, payment.c.customer)
    return await world.remit.transact(lambda conn: conn.execute(query).one())


async def press(client, path, **fields):
    return await client.post(f"/desk/{path}", data={"csrf": await csrf(client), **fields})


async def sent(world):
    await world.work()
    return [letter.to for letter in world.mail.letters if letter.subject.startswith("Receipt")]


async def audited(world):
    query = select(audit.c.what).where(audit.c.what == "sent_receipt")
    return await world.remit.transact(lambda conn: conn.execute(query).scalars().all())


async def test_a_supervisor_sees_the_receipt_and_sends_it_once_per_press(world):
    reference, _ = await paid(world)
    chief = await signed_in(world, "Maria", "supervisor")
    page = await chief.get(f"/desk/payments/{reference}")
    url = re.search(r'href="(http://remit/r/[^"]+)"', page.text)[1]
    assert reference in (await world.browser.get(url)).text
    for _ in range(2):
        answer = await press(chief, f"payments/{reference}/receipt", key="k" * 24)
        assert answer.status_code == 303
    assert await sent(world) == ["dana.whitfield@example.com"] * 2  # with the one after the payment
    assert len(await audited(world)) == 2
    assert "The receipt goes to the address on file now." in (await chief.get(answer.headers["location"])).text


async def test_an_agent_sends_it_from_the_customers_page_and_only_of_that_customer(world):
    reference, customer = await paid(world)
    agent = await signed_in(world, "Ben", "agent")
    page = await agent.get("/desk/customer", params={"id": customer})
    assert reference in page.text
    fields = {"id": customer, "payment": reference, "key": "k" * 24}
    assert (await press(agent, "customer/send-receipt", **fields)).status_code == 303
    (other,) = await world.remit.invoices.find("INV-1050")
    wrong = await press(agent, "customer/send-receipt", **(fields | {"id": other.customer, "key": "w" * 24}))
    assert wrong.status_code == 409
    assert await sent(world) == ["dana.whitfield@example.com"] * 2


async def test_a_receipt_is_not_sent_without_end(world):
    reference, _ = await paid(world)
    chief = await signed_in(world, "Maria", "supervisor")
    answers = [await press(chief, f"payments/{reference}/receipt", key=f"press-{n:04}") for n in range(7)]
    assert [each.status_code for each in answers] == [303] * 5 + [409] * 2
    assert "several times today" in answers[-1].text
    world.clock.advance(days=1, minutes=1)
    chief = await signed_in(world, "Rosa", "supervisor")
    assert (await press(chief, f"payments/{reference}/receipt", key="tomorrow")).status_code == 303


@pytest.mark.parametrize("key", ["", "short"])
async def test_a_form_without_a_key_sends_nothing(world, key):
    reference, _ = await paid(world)
    chief = await signed_in(world, "Maria", "supervisor")
    assert (await press(chief, f"payments/{reference}/receipt", key=key)).status_code == 409
    assert len(await sent(world)) == 1
