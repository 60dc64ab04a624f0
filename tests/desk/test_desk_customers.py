"""Finding a customer, and what is done there: never another customer's chat, never a letter to another address."""

import pytest
from desks import csrf, signed_in, waiting
from sqlalchemy import insert
from world import World

from services.desk import audit, handoffs
from services.schema import book_customer

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def maria(world):
    client = await signed_in(world)
    yield client
    await client.aclose()


async def whose(world: World, number: str) -> tuple[str, str]:
    """The customer and the id of an invoice."""
    (invoice,) = await world.remit.invoices.find(number)
    return invoice.customer, invoice.id


async def post(client, path: str, **fields: str):
    return await client.post(f"/desk/customer/{path}", data={"csrf": await csrf(client), **fields})


async def test_a_customer_is_found_by_invoice_number_e_mail_address_and_name(world, maria):
    customer, _ = await whose(world, "INV-1042")
    details = await world.remit.books.details(customer)
    row = {"id": "book:" + "0" * 32, "name": f"Ana {HOSTILE}"}
    await world.remit.transact(lambda conn: conn.execute(insert(book_customer).values(row)))
    for told in ("inv 1042", details.email.upper()):
        assert f"<bdi>{details.name}</bdi>" in (await maria.get("/desk/customers", params={"q": told})).text
    named = (await maria.get("/desk/customers", params={"q": "ana"})).text
    assert row["id"].replace(":", "%3A") in named or row["id"] in named
    assert HOSTILE not in named
    assert HOSTILE not in (await maria.get("/desk/customer", params={"id": row["id"]})).text
    nobody = (await maria.get("/desk/customers", params={"q": f'">{HOSTILE}%'})).text
    assert "Nobody was found" in nobody
    assert HOSTILE not in nobody


async def test_a_customer_of_the_portal_is_found_by_name_and_of_many_the_first_are_shown(world, maria):
    customer, _ = await whose(world, "INV-1042")
    assert customer.startswith("portal:")
    details = await world.remit.books.details(customer)
    for told in (details.name.upper(), " ".join(reversed(details.name.split()))):
        assert f"<bdi>{details.name}</bdi>" in (await maria.get("/desk/customers", params={"q": told})).text
    many = [{"id": f"book:{nth:032}", "name": f"Ruiz {nth:02}"} for nth in range(30)]
    await world.remit.transact(lambda conn: conn.execute(insert(book_customer).values(many)))
    shown = (await maria.get("/desk/customers", params={"q": "ruiz"})).text
    assert "These are the first 25" in shown
    assert shown.count("<li><a href=") >= 25
    assert "Ruiz 24" in shown
    assert "Ruiz 25" not in shown


@pytest.mark.parametrize(
    "told", ["%", "%%", "__", "\0", "q\0x", "\u202eqx", "' OR 1=1 --", "x" * 5000, "é" * 200, "&name=a", "\ud7ff"]
)
async def test_nothing_that_is_looked_for_breaks_the_search_or_finds_everybody(maria, told):
    answer = await maria.get("/desk/customers", params={"q": told})
    assert answer.status_code == 200
    assert "Nobody was found" in answer.text


async def test_what_they_owe_and_their_chats_are_shown_and_the_look_is_noted(world, maria):
    handoff = await waiting(world)
    customer, _ = await whose(world, "INV-1042")
    shown = (await maria.get("/desk/customer", params={"id": customer})).text
    assert "INV-1042" in shown
    assert "120.00 USD" in shown
    assert f"chats/{handoff}" in shown
    (newest,) = await world.remit.transact(lambda conn: audit.newest(conn, 1))
    assert (newest.what, newest.detail) == ("saw_customer", f'{{"customer":"{customer}"}}')
    assert (await maria.get("/desk/customer?id=nobody")).status_code == 404


async def test_a_chat_is_opened_only_from_the_customer_whose_it_is(world, maria):
    handoff = await waiting(world)
    other, _ = await whose(world, "INV-1044")
    customer, _ = await whose(world, "INV-1042")
    assert other != customer
    for wrong in ({"id": other, "chat": "rasa:one"}, {"id": customer, "chat": "rasa:made-up"}):
        answer = await post(maria, "open-chat", **wrong)
        assert answer.status_code == 409
        assert "not one of this customer" in answer.text
    assert await world.remit.transact(lambda conn: handoffs.of_chat(conn, "rasa:made-up")) is None
    opened = await post(maria, "open-chat", id=customer, chat="rasa:one")
    assert opened.status_code == 303
    assert opened.headers["location"].endswith(f"chats/{handoff}")


async def test_a_pay_link_goes_to_the_address_on_file_once_a_day_and_for_their_own_invoice(world, maria):
    customer, invoice = await whose(world, "INV-1042")
    other, theirs = await whose(world, "INV-1044")
    assert other != customer
    refused = await post(maria, "send-link", id=customer, invoice=theirs)
    assert refused.status_code == 409
    assert world.mail.letters == []
    assert (await post(maria, "send-link", id=customer, invoice=invoice)).status_code == 303
    again = await post(maria, "send-link", id=customer, invoice=invoice)
    assert "sent today already" in again.text
    details = await world.remit.books.details(customer)
    assert [letter.to for letter in world.mail.letters] == [details.email]
