"""The hosted pages: what a browser gets, what stays in the form, and what must never be in a page."""

import asyncio
import html
import logging
import re

import pytest

from services.model import Method
from services.payments.gateways.base import FactKind


def inputs(page: str) -> dict[str, dict[str, str]]:
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        attributes = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        found[attributes["name"]] = attributes
    return found


async def test_the_card_form_has_the_fields_and_tokens_a_browser_fills_in(stage, open_page):
    page = await open_page()
    shown = await stage.http.get(page.url)
    fields = inputs(shown.text)
    assert {name: field["autocomplete"] for name, field in fields.items()} == {
        "number": "cc-number",
        "exp": "cc-exp",
        "cvc": "cc-csc",
        "name": "cc-name",
        "zip": "postal-code",
    }
    assert {name for name, field in fields.items() if field.get("inputmode") == "numeric"} == {"number", "exp", "cvc"}
    assert (fields["name"]["value"], fields["zip"]["value"]) == ("Dana Whitfield", "94107")
    assert '<button id="pay" type="submit">Pay $120.00</button>' in shown.text
    assert "INV-1042" in shown.text


async def test_the_bank_form_says_what_is_authorized_and_how_to_revoke_it(stage, open_page):
    page = await open_page(method=Method.BANK)
    shown = await stage.http.get(page.url)
    assert set(inputs(shown.text)) == {"routing", "account", "name", "authorize"}
    text = html.unescape(shown.text)
    for part in ("Green Lane Lawn Care", "$120.00", "on or after March 2, 2026", "revoke", "+1 415 555 0142"):
        assert part in text


@pytest.mark.parametrize("method", list(Method))
async def test_every_field_has_a_label(stage, open_page, method):
    page = await open_page(method=method)
    shown = await stage.http.get(page.url)
    assert '<html lang="en">' in shown.text
    for name, field in inputs(shown.text).items():
        assert field["id"] == name
        assert f'<label for="{name}">' in shown.text


async def test_what_is_wrong_is_told_beside_its_field(stage, open_page):
    page = await open_page()
    shown = await stage.submit(page.url, number="x", exp="soon", cvc="abc", name=" ", zip="")
    for name, field in inputs(shown.text).items():
        assert field["aria-invalid"] == "true"
        assert f"{name}-wrong" in field["aria-describedby"].split()
        assert f'id="{name}-wrong"' in shown.text
    assert "Nothing was sent yet." in shown.text


async def test_an_incomplete_form_is_no_attempt(stage, gateway, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "", cvc="")
    bank = await open_page("RM-2", Method.BANK)
    await stage.pay_by_bank(bank.url, "000123456789", authorize="")
    await stage.pay_by_bank(bank.url, "000123456789", routing="110000001")
    assert await gateway.find("RM-1") == ()
    assert await gateway.find("RM-2") == ()


@pytest.mark.parametrize("number", ["4000000000009995", "42424242", "4242424242424241"])
async def test_after_a_problem_everything_is_kept_but_the_numbers(stage, open_page, number):
    page = await open_page()
    shown = await stage.pay_by_card(page.url, number, name="D. Whitfield", zip="94999", exp="07/31", cvc="987")
    fields = inputs(shown.text)
    assert [fields[name]["value"] for name in ("name", "zip", "exp")] == ["D. Whitfield", "94999", "07/31"]
    assert "value" not in fields["number"]
    assert "value" not in fields["cvc"]
    assert number not in shown.text
    assert "987" not in shown.text


async def test_after_a_problem_the_bank_account_must_be_typed_again(stage, open_page):
    page = await open_page(method=Method.BANK)
    shown = await stage.pay_by_bank(page.url, "000777777771")
    fields = inputs(shown.text)
    assert fields["routing"]["value"] == "110000000"
    assert "value" not in fields["account"]
    assert "000777777771" not in shown.text


async def test_a_name_full_of_html_is_only_text(stage, open_page):
    nasty = "\"><script>alert(1)</script><b x='"
    page = await open_page(name=nasty, numbers=(nasty,))
    shown = await stage.http.get(page.url)
    assert "<script>" not in shown.text
    assert inputs(shown.text)["name"]["value"] == nasty
    again = await stage.pay_by_card(page.url, "", name=nasty, zip=nasty, exp=nasty)
    assert "<script>" not in again.text
    assert inputs(again.text)["exp"]["value"] == nasty


async def test_a_page_runs_no_script_but_ours_and_is_never_cached_or_framed(stage, open_page):
    page = await open_page()
    for shown in (await stage.http.get(page.url), await stage.pay_by_card(page.url, "4242424242424242")):
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert re.findall(r"<script[^>]*>[^<]", shown.text) == []  # none with code between its tags
        assert " style=" not in shown.text


@pytest.mark.parametrize("app", ["processor", "inbox"])
async def test_the_stylesheet_is_served_by_each_app_that_has_pages(stage, app):
    sheet = await stage.http.get(f"/{app}/look/sandbox.css")
    assert sheet.status_code == 200
    assert sheet.headers["content-type"].startswith("text/css")


async def test_a_paid_page_says_so_and_leads_back(stage, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "4242424242424242")
    shown = await stage.http.get(page.url)
    assert "<h1>Paid</h1>" in shown.text
    assert 'href="http://assistant/chat"' in shown.text
    assert 'id="pay"' not in shown.text


async def test_a_return_address_that_runs_script_is_refused_by_the_processor(stage):
    order = {
        "reference": "RM-1",
        "amount_minor": 1,
        "currency": "USD",
        "method": "card",
        "name": "",
        "zip": "",
        "invoices": [],
        "return_url": "javascript:alert(1)",
    }
    headers = {"Authorization": "Bearer rehearsal-key", "Idempotency-Key": "k"}
    refused = await stage.http.post("/processor/v1/pages", json=order, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "Not as documented: return_url"


async def test_two_tabs_that_pay_one_page_pay_once(stage, gateway, open_page):
    page = await open_page()
    answers = await asyncio.gather(*(stage.pay_by_card(page.url, "4242424242424242") for _ in range(5)))
    assert all("<h1>Paid</h1>" in answer.text for answer in answers)
    assert [fact.kind for fact in await gateway.find("RM-1")] == [FactKind.SUCCEEDED]


async def test_a_late_tab_does_not_reopen_a_paid_page(stage, gateway, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "4242424242424242")
    await stage.pay_by_card(page.url, "4000000000000002")
    assert [fact.kind for fact in await gateway.find("RM-1")] == [FactKind.SUCCEEDED]


async def test_a_page_that_never_was_is_a_polite_404(stage):
    for answer in (await stage.http.get("/processor/pay/pg_1"), await stage.submit("/processor/pay/pg_1", number="1")):
        assert answer.status_code == 404
        assert "Go back to the chat" in answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"number=" + b"1" * 100_000, b"a=1&" * 500, b"number=%ff&exp=%00", b""])
async def test_a_form_full_of_rubbish_is_no_attempt_and_no_error(stage, gateway, open_page, body):
    page = await open_page()
    answer = await stage.http.post(page.url, content=body)
    assert answer.status_code == 200
    assert await gateway.find("RM-1") == ()


async def test_nothing_typed_stays_behind_or_is_logged(stage, open_page, caplog):
    caplog.set_level(logging.DEBUG)
    page = await open_page()
    await stage.pay_by_card(page.url, "4000000000009995", cvc="739", name="Somebody Else", zip="10001")
    await stage.pay_by_card(page.url, "4242424242424242", cvc="739", name="Somebody Else", zip="10001")
    bank = await open_page("RM-2", Method.BANK)
    await stage.pay_by_bank(bank.url, "000123456789", name="Somebody Else")
    await stage.sandbox.pump()
    kept = "".join(repr(each) for each in stage.sandbox.processor._pages.values())
    kept += "".join(hook.body.decode() for hook in stage.ear.heard) + caplog.text
    for typed in ("4000000000009995", "4242424242424242", "000123456789", "'739'", "Somebody", "10001"):
        assert typed not in kept
    assert "4242" in kept


async def test_a_lost_answer_on_the_page_says_that_nobody_knows(stage, gateway, open_page):
    page = await open_page()
    stage.sandbox.faults.drop = "after"
    shown = await stage.pay_by_card(page.url, "4242424242424242")
    assert shown.status_code == 504
    assert "may or may not" in shown.text
    assert [fact.kind for fact in await gateway.find("RM-1")] == [FactKind.SUCCEEDED]
    stage.sandbox.faults.drop = "before"
    other = await open_page_despite(stage, open_page)
    assert (await stage.pay_by_card(other.url, "4242424242424242")).status_code == 504
    assert await gateway.find("RM-2") == ()


async def open_page_despite(stage, open_page):
    faults = stage.sandbox.faults
    kept, faults.drop = faults.drop, None
    page = await open_page("RM-2")
    faults.drop = kept
    return page
