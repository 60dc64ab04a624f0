"""The processor's API for merchants: keys, orders, closing, faults. Outcomes of numbers are tested next door."""

import pytest

from services.model import Method, Money
from services.payments.gateways.base import FactKind
from services.sandbox.rehearsal import API_KEY

ORDER = {
    "reference": "RM-1",
    "amount_minor": 12000,
    "currency": "USD",
    "method": "card",
    "name": "Dana Whitfield",
    "zip": "94107",
    "invoices": ["INV-1042"],
    "return_url": "",
}
KEYED = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "key-1"}


async def opens(stage, order=ORDER, headers=KEYED):
    return await stage.http.post("/processor/v1/pages", json=order, headers=headers)


async def test_the_same_key_and_order_is_the_same_answer_to_the_byte(stage):
    first = await opens(stage)
    assert first.status_code == 201
    assert (await opens(stage)).content == first.content


async def test_the_same_key_with_another_order_is_a_conflict(stage):
    await opens(stage)
    for change in ({"amount_minor": 11999}, {"method": "bank"}, {"name": "Dana"}, {"invoices": []}):
        answer = await opens(stage, ORDER | change)
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "key_reused"
    assert len((await stage.http.get("/control/book")).json()) == 1


async def test_a_key_is_forgotten_after_a_day_and_then_opens_another_page(stage):
    first = await opens(stage)
    await stage.sandbox.advance(24 * 3600 - 1)
    assert (await opens(stage)).content == first.content
    await stage.sandbox.advance(1)
    assert (await opens(stage)).json()["id"] != first.json()["id"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {API_KEY}"}])
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/v1/pages"),
        ("POST", "/v1/pages/pg_1/close"),
        ("POST", "/v1/pages/pg_1/charge"),
        ("GET", "/v1/payments/RM-1"),
        ("GET", "/v1/customers/dana/methods"),
        ("DELETE", "/v1/customers/dana/methods/pm_a"),
    ],
)
async def test_without_the_right_key_nothing_is_told(stage, headers, verb, path):
    answer = await stage.http.request(verb, f"/processor{path}", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 120.0},
        {"amount_minor": "12000"},
        {"amount_minor": True},
        {"currency": "usd"},
        {"currency": "USDX"},
        {"method": "cash"},
        {"method": "bank", "currency": "EUR"},
        {"reference": ""},
        {"reference": "a/b"},
        {"surprise": 1},
        {"customer": "a b"},
        {"customer": "x" * 121},
        {"customer": "dana\n"},
        {"customer": "dana", "saved": "a/b"},
        {"return_url": "ftp://x"},
    ],
)
async def test_an_order_outside_the_contract_opens_nothing(stage, change):
    assert (await opens(stage, ORDER | change)).status_code == 400
    assert (await stage.http.get("/control/book")).json() == []


async def test_an_order_without_an_idempotency_key_is_refused(stage):
    answer = await opens(stage, headers={"Authorization": f"Bearer {API_KEY}"})
    assert answer.json()["error"]["code"] == "key_missing"


async def test_an_order_that_is_no_json_or_far_too_large_is_refused(stage):
    for body, status in ((b"{", 400), (b"\xff", 400), (b"[" * 70_000, 413)):
        answer = await stage.http.post("/processor/v1/pages", content=body, headers=KEYED)
        assert answer.status_code == status


async def test_closing_a_page_that_never_was_is_a_404(stage):
    answer = await stage.http.post("/processor/v1/pages/pg_1/close", headers=KEYED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_page")


async def test_the_book_shows_every_page_and_what_became_of_it(stage, gateway, open_page):
    paid = await open_page("RM-1")
    await stage.pay_by_card(paid.url, "4242424242424242")
    asked = await open_page("RM-2", amount=Money(500, "EUR"))
    await stage.pay_by_card(asked.url, "4000000000003220")
    closed = await open_page("RM-3")
    await gateway.close_page(closed.id)
    bank = await open_page("RM-4", Method.BANK, numbers=("INV-1042", "INV-1031"))
    await stage.pay_by_bank(bank.url, "000555555559")
    book = (await stage.http.get("/control/book")).json()
    assert [(row["reference"], row["state"]) for row in book] == [
        ("RM-1", "succeeded"),
        ("RM-2", "open"),
        ("RM-3", "closed"),
        ("RM-4", "processing"),
    ]
    assert book[3] == {
        "reference": "RM-4",
        "invoices": ["INV-1042", "INV-1031"],
        "amount_minor": 12000,
        "currency": "USD",
        "state": "processing",
        "refunded_minor": 0,
    }
    await stage.sandbox.advance(6 * 24 * 3600)
    book = (await stage.http.get("/control/book")).json()
    assert [row["state"] for row in book] == ["succeeded", "expired", "closed", "returned"]


async def test_two_pages_under_one_reference_are_both_found_so_that_a_double_charge_shows(stage, gateway, open_page):
    for key in ("key-1", "key-2"):
        page = await open_page(key=key)
        await stage.pay_by_card(page.url, "4242424242424242")
    found = await gateway.find("RM-1")
    assert [fact.kind for fact in found] == [FactKind.SUCCEEDED, FactKind.SUCCEEDED]
    assert len({fact.id for fact in found}) == 2


async def test_what_is_due_happens_in_its_order_even_when_nobody_looked_for_days(stage, open_page):
    bank = await open_page("RM-1", Method.BANK)
    await stage.pay_by_bank(bank.url, "000555555559")
    await open_page("RM-2")
    await stage.sandbox.advance(30 * 24 * 3600)
    order = [b'"payment.processing"', b'"page.expired"', b'"payment.succeeded"', b'"payment.returned"']
    assert [next(kind for kind in order if kind in hook.body) for hook in stage.ear.heard] == order
