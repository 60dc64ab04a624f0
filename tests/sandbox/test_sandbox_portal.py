"""The portal's books: what is due follows from what was posted, and every change is a new version."""

from datetime import UTC, date, datetime

import pytest

from services.errors import Malformed, Uncertain
from services.invoices.base import Posting
from services.invoices.portal import Portal
from services.model import Billing, InvoiceState, Money
from services.sandbox.rehearsal import API_KEY, ROOT

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@pytest.fixture
def portal(stage):
    return Portal(stage.http, f"{ROOT}/portal", API_KEY)


def posting(key, minor, *, invoice="portal:inv-1042", kind="payment", currency="USD"):
    return Posting(key, invoice, "RM-1", kind, Money(minor, currency), AT)


async def test_an_invoice_is_found_however_its_number_is_written(portal):
    for written in ("INV-1042", "inv 1042", "Inv1042 ", "i.n.v./1042"):
        (found,) = await portal.find(written)
        assert found.id == "portal:inv-1042"
    assert found.total == found.due == Money(12000, "USD")
    assert (found.customer, found.customer_name) == ("portal:dana", "Dana Whitfield")
    assert (found.issued, found.due_date) == (date(2026, 2, 14), date(2026, 3, 16))


@pytest.mark.parametrize("number", ["", "---", "INV-9999", "\ud800", "INV-1042&number=INV-1031", "x" * 5000, "%", "\0"])
async def test_a_number_that_is_none_finds_nothing(portal, number):
    assert await portal.find(number) == ()


@pytest.mark.parametrize(
    "invoice", ["", "portal:", "inv-1042", "book:inv-1042", "portal:../x", "portal:a b", "portal:é"]
)
async def test_an_id_that_is_not_the_portals_is_nobodys(portal, invoice):
    assert await portal.get(invoice) is None
    assert await portal.billing(invoice) is None


async def test_the_demo_has_every_kind_of_invoice(portal, stage):
    found = {number: (await portal.find(number))[0] for number in ("INV-1027", "INV-1039", "CN-2003", "INV-1044")}
    assert [found[number].state for number in found] == [
        InvoiceState.PAID,
        InvoiceState.VOID,
        InvoiceState.CREDIT,
        InvoiceState.OPEN,
    ]
    assert found["INV-1044"].due == Money(15000, "USD")
    currencies = {invoice.currency for invoice in stage.sandbox.portal.invoices.values()}
    assert currencies == {"USD", "EUR", "JPY"}
    assert all(customer.email.endswith("@example.com") for customer in stage.sandbox.portal.customers.values())


async def test_billing_details_are_told_by_customer(portal):
    assert await portal.billing("portal:dana") == Billing("Dana Whitfield", "94107", "dana.whitfield@example.com")
    assert await portal.billing("portal:nobody") is None


async def test_a_payment_posted_twice_under_one_key_counts_once(portal):
    for _ in range(2):
        await portal.record(posting("k1", 5000))
    assert (await portal.get("portal:inv-1042")).due == Money(7000, "USD")


async def test_two_payments_under_two_keys_count_twice(portal):
    await portal.record(posting("k1", 5000))
    await portal.record(posting("k2", 5000))
    assert (await portal.get("portal:inv-1042")).due == Money(2000, "USD")


async def test_a_key_used_for_another_posting_is_refused_and_changes_nothing(portal):
    await portal.record(posting("k1", 5000))
    with pytest.raises(Malformed):
        await portal.record(posting("k1", 5001))
    assert (await portal.get("portal:inv-1042")).due == Money(7000, "USD")


async def test_a_returned_payment_opens_the_invoice_again(portal):
    await portal.record(posting("k1", 12000))
    paid = await portal.get("portal:inv-1042")
    assert (paid.state, paid.due.minor) == (InvoiceState.PAID, 0)
    await portal.record(posting("k2", -12000, kind="return"))
    back = await portal.get("portal:inv-1042")
    assert (back.state, back.due.minor) == (InvoiceState.OPEN, 12000)


@pytest.mark.parametrize("kind", ["return", "refund", "dispute"])
async def test_what_went_back_is_owed_again(portal, stage, kind):
    await portal.record(posting("k1", 12000))
    await portal.record(posting("k2", -5000, kind=kind))
    assert (await portal.get("portal:inv-1042")).due == Money(5000, "USD")
    shown = (await stage.http.get("/control/invoices/INV-1042")).json()
    assert [posted["kind"] for posted in shown["postings"]] == ["payment", kind]


async def test_a_posting_whose_answer_was_lost_counts_once_when_it_is_sent_again(portal, stage):
    for drop, due in (("before", 12000), ("after", 7000)):
        await stage.http.post("/control/faults", json={"portal": drop})
        with pytest.raises(Uncertain):
            await portal.record(posting("k1", 5000))
        assert (await portal.get("portal:inv-1042")).due.minor == due
    await stage.http.post("/control/faults", json={})
    await portal.record(posting("k1", 5000))
    assert (await portal.get("portal:inv-1042")).due == Money(7000, "USD")


async def test_every_posting_is_another_version_even_when_the_sum_is_the_same(portal):
    versions = [(await portal.get("portal:inv-1042")).version]
    for key, minor in (("k1", 5000), ("k2", -5000)):
        await portal.record(posting(key, minor))
        versions.append((await portal.get("portal:inv-1042")).version)
    assert len(set(versions)) == 3
    assert (await portal.get("portal:inv-1042")).version == versions[-1]


@pytest.mark.parametrize(
    "wrong", [posting("k", 1, invoice="portal:none"), posting("k", 1, currency="EUR"), posting("", 1)]
)
async def test_a_posting_the_portal_cannot_write_is_refused(portal, wrong):
    with pytest.raises(Malformed):
        await portal.record(wrong)


async def test_without_the_right_key_the_portal_tells_nothing(stage):
    for verb, path in (
        ("GET", "/v1/invoices?number=INV-1042"),
        ("GET", "/v1/invoices/inv-1042"),
        ("GET", "/v1/customers/dana/billing"),
        ("POST", "/v1/postings"),
    ):
        answer = await stage.http.request(verb, f"/portal{path}", headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401
    with pytest.raises(Malformed):
        await Portal(stage.http, f"{ROOT}/portal", "wrong").find("INV-1042")


async def test_a_wrong_address_is_not_taken_for_an_absent_invoice(stage):
    with pytest.raises(Malformed):
        await Portal(stage.http, f"{ROOT}/elsewhere", API_KEY).get("portal:inv-1042")


async def test_the_business_changes_an_invoice_in_the_middle_of_a_payment(stage, portal):
    before = await portal.get("portal:inv-1042")
    seen = {before.version}
    for change, due, state in (
        ({"due_minor": 9000}, 9000, InvoiceState.OPEN),
        ({"total_minor": 15000}, 12000, InvoiceState.OPEN),
        ({"due_date": "2026-04-01"}, 12000, InvoiceState.OPEN),
        ({"status": "void"}, 12000, InvoiceState.VOID),
        ({"status": "open"}, 12000, InvoiceState.OPEN),
        ({"status": "paid"}, 0, InvoiceState.PAID),
    ):
        answer = await stage.http.post("/control/invoices/inv 1042", json=change)
        assert answer.status_code == 200
        now = await portal.get("portal:inv-1042")
        assert (now.due.minor, now.state) == (due, state)
        seen.add(now.version)
    assert len(seen) == 6  # void and open again is what it was
    await stage.http.post("/control/invoices/INV-1042", json={"status": "open"})
    assert (await portal.get("portal:inv-1042")).due == Money(15000, "USD")


async def test_the_control_window_shows_an_invoice_with_its_postings(stage, portal):
    await portal.record(posting("k1", 5000))
    shown = (await stage.http.get("/control/invoices/INV-1042")).json()
    assert {name: shown[name] for name in ("number", "total_minor", "due_minor", "currency", "status", "due_date")} == {
        "number": "INV-1042",
        "total_minor": 12000,
        "due_minor": 7000,
        "currency": "USD",
        "status": "open",
        "due_date": "2026-03-16",
    }
    assert shown["customer"] == {"id": "dana", "name": "Dana Whitfield"}
    (posted,) = shown["postings"]
    assert (posted["key"], posted["reference"], posted["amount_minor"]) == ("k1", "RM-1", 5000)


@pytest.mark.parametrize("change", [{"status": "gone"}, {"total_minor": -1}, {"due_minor": 1.5}, {"x": 1}])
async def test_a_change_nobody_understands_is_refused(stage, change):
    assert (await stage.http.post("/control/invoices/INV-1042", json=change)).status_code == 400


async def test_an_unknown_number_is_a_404_at_the_control_window(stage):
    assert (await stage.http.get("/control/invoices/INV-9999")).status_code == 404
    assert (await stage.http.post("/control/invoices/INV-9999", json={"status": "paid"})).status_code == 404
