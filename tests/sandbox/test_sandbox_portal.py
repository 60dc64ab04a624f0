"""The portal's books: what is due follows from what was posted, and every change is a new version."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from services.errors import Malformed, Uncertain
from services.invoices.base import Posting
from services.invoices.portal import Portal
from services.model import Account, Billing, Details, InvoiceState, Money, Notices, Revision
from services.sandbox.portal import DemoInvoice, DemoLine
from services.sandbox.rehearsal import API_KEY, ROOT

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
KEY = {"Authorization": f"Bearer {API_KEY}"}


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
        ("GET", "/v1/invoices/inv-1042/pdf"),
        ("GET", "/v1/customers?email=dana.whitfield@example.com"),
        ("GET", "/v1/customers/dana"),
        ("GET", "/v1/customers/dana/billing"),
        ("GET", "/v1/customers/dana/invoices"),
        ("GET", "/v1/customers/dana/details"),
        ("PATCH", "/v1/customers/dana/details"),
        ("POST", "/v1/postings"),
    ):
        answer = await stage.http.request(verb, f"/portal{path}", headers={"Authorization": "Bearer wrong"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
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


# --- customers --------------------------------------------------------------------------------------------------------


async def test_the_demos_dana_owes_three_invoices_and_has_paid_one(portal):
    found = await portal.of_customer("portal:dana")
    assert [(each.number, each.state, each.due) for each in found] == [
        ("INV-1031", InvoiceState.OPEN, Money(8650, "USD")),
        ("INV-1042", InvoiceState.OPEN, Money(12000, "USD")),
        ("INV-1053", InvoiceState.OPEN, Money(6400, "USD")),
        ("INV-1027", InvoiceState.PAID, Money(0, "USD")),
    ]
    assert (found[2].issued, found[2].due_date) == (date(2026, 2, 27), date(2026, 3, 27))


async def test_every_customer_of_the_demo_has_an_address_and_a_telephone_that_is_nobodys(stage):
    for customer in stage.sandbox.portal.customers.values():
        known = customer.details()
        assert all((known.street, known.city, known.region, known.zip))
        assert " 555 01" in known.phone


async def test_the_lines_of_every_invoice_of_the_demo_are_its_total_together(portal, stage):
    for invoice in stage.sandbox.portal.invoices.values():
        found = await portal.sheet(f"portal:{invoice.id}")
        assert found.lines
        assert sum(line.amount.minor for line in found.lines) == invoice.total_minor
        assert (await portal.pdf(f"portal:{invoice.id}")).startswith(b"%PDF-")


def test_demo_lines_that_are_not_the_total_are_refused():
    with pytest.raises(ValueError, match="INV-1"):
        DemoInvoice("1", "INV-1", "dana", 100, "USD", 0, lines=(DemoLine("Mowing", 99),))


async def test_changed_details_are_read_from_then_on_wherever_the_customer_is_named(portal, stage):
    change = Revision(name="Dana Moore", zip="10001", language="es", notices=Notices(receipts=False, reminders=True))
    saved = await portal.save("portal:dana", change, "s1")
    assert saved == await portal.details("portal:dana")
    assert (saved.street, saved.zip, saved.language) == ("218 Larkfield Street, Apt 4", "10001", "es")
    assert saved.notices == Notices(receipts=False, reminders=True)
    assert await portal.account("portal:dana") == Account("portal:dana", "Dana Moore")
    assert await portal.billing("portal:dana") == Billing("Dana Moore", "10001", "dana.whitfield@example.com")
    shown = (await stage.http.get("/control/invoices/INV-1042")).json()
    assert shown["customer"] == {"id": "dana", "name": "Dana Moore"}


async def test_a_change_whose_answer_was_lost_is_written_once_when_it_is_sent_again(portal, stage):
    for drop, zip_code in (("before", "94107"), ("after", "10001")):
        await stage.http.post("/control/faults", json={"portal": drop})
        with pytest.raises(Uncertain):
            await portal.save("portal:dana", Revision(zip="10001"), "s1")
        assert (await portal.billing("portal:dana")).zip == zip_code
    await stage.http.post("/control/faults", json={})
    await portal.save("portal:dana", Revision(zip="60601"), "s2")
    assert (await portal.save("portal:dana", Revision(zip="10001"), "s1")).zip == "60601"


async def test_a_key_used_for_another_change_is_refused_and_changes_nothing(portal):
    await portal.save("portal:dana", Revision(zip="10001"), "s1")
    with pytest.raises(Malformed):
        await portal.save("portal:dana", Revision(zip="60601"), "s1")
    assert (await portal.billing("portal:dana")).zip == "10001"


@pytest.mark.parametrize(
    "body",
    [
        {"zip": "9" * 33},
        {"zip": 94107},
        {"name": ""},
        {"email": "nobody"},
        {"city": "a\u0000b"},
        {"notices": {"receipts": True}},
        {"notices": {"receipts": "yes", "reminders": True}},
        {"id": "marco"},
        [],
    ],
    ids=str,
)
async def test_the_portal_itself_refuses_details_that_it_cannot_keep_and_repeats_none_of_them(stage, body):
    before = (await stage.http.get("/portal/v1/customers/dana/details", headers=KEY)).json()
    answer = await stage.http.patch(
        "/portal/v1/customers/dana/details", json=body, headers=KEY | {"Idempotency-Key": "s1"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "9999" not in answer.text
    assert (await stage.http.get("/portal/v1/customers/dana/details", headers=KEY)).json() == before


async def test_a_change_without_a_key_or_of_nobody_is_refused(stage):
    path = "/portal/v1/customers/{}/details"
    no_key = await stage.http.patch(path.format("dana"), json={"zip": "10001"}, headers=KEY)
    nobody = await stage.http.patch(path.format("nobody"), json={"zip": "1"}, headers=KEY | {"Idempotency-Key": "s1"})
    assert (no_key.status_code, no_key.json()["error"]["code"]) == (400, "key_missing")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "no_such_customer")


@pytest.mark.parametrize("path", ["", "/billing", "/invoices", "/details"])
async def test_nobody_is_a_404_in_the_one_shape_of_errors(stage, path):
    answer = await stage.http.get(f"/portal/v1/customers/nobody{path}", headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_customer")


# --- a portal that does not keep to its contract ----------------------------------------------------------------------


INVOICE = {
    "id": "inv-1",
    "number": "INV-1",
    "version": "1",
    "kind": "invoice",
    "status": "open",
    "customer": {"id": "dana", "name": "Dana"},
    "total_minor": 100,
    "due_minor": 100,
    "currency": "USD",
    "issued": "2026-02-14",
    "due_date": None,
}


def answering(content, status=200):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    line = httpx.MockTransport(lambda _request: httpx.Response(status, content=body))
    return Portal(httpx.AsyncClient(transport=line), "http://portal", API_KEY)


async def test_an_invoice_of_somebody_else_among_a_customers_own_is_shown_to_nobody():
    strange = INVOICE | {"id": "inv-2", "customer": {"id": "marco", "name": "Marco"}}
    assert len(await answering({"invoices": [INVOICE]}).of_customer("portal:dana")) == 1
    with pytest.raises(Malformed):
        await answering({"invoices": [INVOICE, strange]}).of_customer("portal:dana")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * 301},
        {"name": "Dana\u202e"},
        {"zip": "9" * 33},
        {"zip": None},
        {"notices": []},
        {"street": "a\u0000"},
    ],
    ids=str,
)
async def test_details_in_another_form_are_not_taken(wrong):
    assert await answering({"name": "Dana", "more": 1}).details("portal:dana") == Details(name="Dana")
    with pytest.raises(Malformed) as caught:
        await answering({"name": "Dana"} | wrong).details("portal:dana")
    assert "Dana" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "Mow\u0007ing"},
        {"text": "x" * 301},
        {"amount_minor": 1.5},
        {"amount_minor": "1"},
        {"quantity": "9" * 41},
    ],
    ids=str,
)
async def test_lines_in_another_form_are_not_taken(wrong):
    line = {"text": "Mowing", "amount_minor": 100}
    assert len((await answering(INVOICE | {"lines": [line]}).sheet("portal:inv-1")).lines) == 1
    assert (await answering(INVOICE).sheet("portal:inv-1")).lines == ()
    with pytest.raises(Malformed):
        await answering(INVOICE | {"lines": [line | wrong]}).sheet("portal:inv-1")


async def test_what_is_no_pdf_is_not_handed_over():
    assert await answering(b"%PDF-1.7 ...").pdf("portal:inv-1") == b"%PDF-1.7 ..."
    assert await answering({"error": {"code": "no_pdf"}}, 404).pdf("portal:inv-1") is None
    for content, status in ((b"<html>", 200), (b"", 200), (b"%PDF-1.7", 403), ({"error": {"code": "gone"}}, 404)):
        with pytest.raises(Malformed):
            await answering(content, status).pdf("portal:inv-1")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1.5", "٣"])
async def test_a_search_by_name_without_a_sensible_limit_is_refused(stage, limit):
    asked = {"name": "dana", "limit": limit}
    answer = await stage.http.get(f"{ROOT}/portal/v1/customers", params=asked, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
