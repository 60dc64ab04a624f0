"""Saved methods and proved accounts at the processor: the tick on the page, what is kept, and what a charge finds.

What every gateway must do with them stands in the contract; here is what the sandbox's numbers and pages do.
"""

import html
import re

import pytest

from services.model import Method, Reason
from services.payments.gateways.base import FactKind
from services.sandbox.numbers import passes_luhn
from services.sandbox.processor import DEPOSIT_TRIES
from services.sandbox.rehearsal import API_KEY

DAY = 24 * 3600
KEYED = {"Authorization": f"Bearer {API_KEY}"}
DANA = "customer:dana"
PLAIN, ZIPPED, ASKS = "4242424242424242", "4000000000000036", "4000002760003184"
DECLINED_LATER = "4000000000000341"
TO_PROVE = "000666666661"


@pytest.fixture
def saving(stage, gateway, open_page):
    """Pay a page with this number and the tick; answers with the id of what is kept then."""

    async def saved(number=PLAIN, method=Method.CARD, customer=DANA, reference="RM-0", **other):
        page = await open_page(reference, method, customer=customer)
        pays = stage.pay_by_card if method is Method.CARD else stage.pay_by_bank
        await pays(page.url, number, save="yes", **other)
        if "3-D Secure" in (await stage.http.get(page.url)).text:
            await stage.answer_check(page.url, passed=True)
        return (await gateway.methods(customer))[0].id

    return saved


@pytest.fixture
def charged(gateway, open_page):
    """Open a page for a saved method and charge it; answers with the page and what was told of it."""

    async def charge(saved, method=Method.CARD, **other):
        page = await open_page("RM-1", method, customer=DANA, saved=saved, **other)
        return page, [(fact.kind, fact.reason) for fact in await gateway.charge(page.id)]

    return charge


def box(page: str) -> str | None:
    """The tag of the box that saves, if the page has it."""
    found = re.search(r'<input id="save"[^>]*>', page)
    return found[0] if found else None


# --- the tick -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(Method))
async def test_saving_is_offered_to_a_known_customer_only_and_never_ticked_for_them(stage, open_page, method):
    stranger = await open_page("RM-1", method)
    assert box((await stage.http.get(stranger.url)).text) is None
    known = await open_page("RM-2", method, customer=DANA)
    shown = await stage.http.get(known.url)
    assert "checked" not in box(shown.text)
    assert '<label for="save"><strong>Save this ' in shown.text


async def test_the_tick_for_an_account_says_what_later_debits_it_allows_and_how_to_end_that(stage, open_page):
    page = await open_page("RM-1", Method.BANK, customer=DANA)
    label = html.unescape((await stage.http.get(page.url)).text).split('<label for="save">')[1].split("</label>")[0]
    for part in ("later payments", "the sum and on the day that I confirm", "revoke", "+1 415 555 0142", "in the chat"):
        assert part in label


async def test_a_tick_outlives_a_form_that_was_not_right(stage, open_page):
    page = await open_page(customer=DANA)
    assert "checked" in box((await stage.pay_by_card(page.url, "", save="yes")).text)
    assert "checked" in box((await stage.pay_by_card(page.url, "4000000000009995", save="yes")).text)
    assert "checked" not in box((await stage.pay_by_card(page.url, "4000000000009995")).text)


async def test_a_tick_on_a_page_without_a_customer_keeps_nothing(stage, gateway, open_page):
    page = await open_page()
    shown = await stage.pay_by_card(page.url, PLAIN, save="yes")
    assert "<h1>Paid</h1>" in shown.text
    assert "saved for next time" not in shown.text
    assert stage.sandbox.processor._vault._kept == {}


async def test_a_paid_page_says_that_the_card_is_saved_only_when_it_is(stage, open_page):
    for nth, (tick, said) in enumerate([({"save": "yes"}, True), ({}, False)]):
        page = await open_page(f"RM-{nth}", customer=DANA)
        shown = await stage.pay_by_card(page.url, PLAIN, **tick)
        assert ("The card is saved for next time." in shown.text) is said


async def test_a_declined_card_is_not_kept_and_the_next_one_only_with_its_own_tick(stage, gateway, open_page):
    page = await open_page(customer=DANA)
    await stage.pay_by_card(page.url, "4000000000009995", save="yes")
    assert await gateway.methods(DANA) == ()
    await stage.pay_by_card(page.url, PLAIN)
    assert await gateway.methods(DANA) == ()


async def test_a_card_whose_check_fails_is_not_kept(stage, gateway, open_page):
    page = await open_page(customer=DANA)
    await stage.pay_by_card(page.url, ASKS, save="yes")
    assert await gateway.methods(DANA) == ()
    await stage.answer_check(page.url, passed=False)
    assert await gateway.methods(DANA) == ()


async def test_the_same_card_saved_again_keeps_its_id_and_gets_its_new_expiry(gateway, saving):
    first = await saving(exp="04/27")
    other = await saving("5555555555554444", reference="RM-2")
    again = await saving(exp="11/31", reference="RM-3")
    assert again == first != other
    assert [(each.id, each.expires) for each in await gateway.methods(DANA)] == [(first, "2031-11"), (other, "2042-04")]


async def test_one_account_number_at_two_banks_is_two_accounts(gateway, saving):
    await saving("000123456789", Method.BANK)
    await saving("000123456789", Method.BANK, reference="RM-2", routing="021000021")
    assert len(await gateway.methods(DANA)) == 2


async def test_an_id_never_looks_like_a_card_number(gateway, saving):
    ids = {await saving(customer=f"c-{nth}", reference=f"RM-{nth}") for nth in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"pm_[a-z]{24}", each) for each in ids)


async def test_no_number_is_kept_anywhere_with_a_saved_method(stage, gateway, saving):
    numbers = {PLAIN: Method.CARD, ASKS: Method.CARD, "000123456789": Method.BANK, TO_PROVE: Method.BANK}
    for nth, (number, method) in enumerate(numbers.items()):
        await saving("5555555555554444", reference=f"RM-{nth}-a")
        page = await saving(number, method, reference=f"RM-{nth}", cvc="739", name="Somebody Else")
        assert page
    processor = stage.sandbox.processor
    kept = repr(list(processor._pages.values())) + repr(processor._vault._kept) + repr(processor._agenda)
    kept += repr(processor._keys) + repr(processor._log)
    for typed in (*numbers, "'739'", "Somebody"):
        assert typed not in kept
    digits = re.findall(r"(?<![0-9a-f])[0-9]{13,19}(?![0-9a-f])", kept)
    assert not [run for run in digits if passes_luhn(run)]
    assert "4242" in kept


# --- charging -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("4242424242424242", [(FactKind.SUCCEEDED, None)]),
        ("4000002500003155", [(FactKind.SUCCEEDED, None)]),  # asks no more once it was set up
        ("4000003800000446", [(FactKind.SUCCEEDED, None)]),
        ("4000002760003184", []),  # asks every time
        ("4000000000003220", []),
        ("4000000000003063", []),
        ("4000000000000341", [(FactKind.DECLINED, Reason.DECLINED)]),
    ],
)
async def test_a_saved_card_does_what_its_publisher_says(stage, saving, charged, number, told):
    page, facts = await charged(await saving(number))
    assert facts == told
    shown = await stage.http.get(page.url)
    assert ('id="complete"' in shown.text) is (told == [])


async def test_a_card_that_cannot_be_charged_pays_only_while_it_is_saved(stage, gateway, open_page):
    page = await open_page(customer=DANA)
    await stage.pay_by_card(page.url, DECLINED_LATER)
    await stage.pay_by_card(page.url, DECLINED_LATER, save="yes")
    assert [fact.kind for fact in await gateway.find("RM-1")] == [FactKind.DECLINED, FactKind.SUCCEEDED]


@pytest.mark.parametrize(("zip_code", "told"), [("10001", FactKind.SUCCEEDED), ("94107", FactKind.DECLINED)])
async def test_a_saved_card_is_compared_with_the_zip_of_the_order(saving, charged, zip_code, told):
    _, ((kind, reason),) = await charged(await saving(ZIPPED, zip="10001"), zip=zip_code)
    assert kind is told
    assert reason is (Reason.WRONG_ZIP if kind is FactKind.DECLINED else None)


async def test_a_saved_card_past_its_month_is_declined_as_expired(stage, saving, charged):
    saved = await saving(exp="03/26")
    await stage.sandbox.advance(29 * DAY)  # March 31
    assert (await charged(saved))[1] == [(FactKind.SUCCEEDED, None)]
    await stage.sandbox.advance(DAY)
    _, facts = await charged(saved, key="key-april")
    assert facts == [(FactKind.DECLINED, Reason.EXPIRED_CARD)]


async def test_a_saved_account_does_again_what_its_number_does_without_another_deposit(stage, gateway, saving, charged):
    page, facts = await charged(await saving("000111111113", Method.BANK), Method.BANK)
    assert facts == [(FactKind.PROCESSING, None)]
    await stage.sandbox.advance(2 * DAY)
    assert [fact.kind for fact in await gateway.find("RM-1")][-1] is FactKind.FAILED
    assert "later payments" in (stage.sandbox.processor.page(page.id)).authorization


async def test_a_page_that_nobody_charged_yet_lets_its_customer_do_it_once(stage, gateway, saving, open_page):
    page = await open_page("RM-1", customer=DANA, saved=await saving())
    shown = await stage.http.get(page.url)
    assert "Visa ending in 4242" in shown.text
    assert "04/42" in shown.text
    assert 'id="number"' not in shown.text
    assert "<h1>Paid</h1>" in (await stage.submit(f"{page.url}/saved")).text
    assert [fact.kind for fact in await gateway.charge(page.id)] == [FactKind.SUCCEEDED]


async def test_a_page_for_a_saved_card_takes_another_one_instead(stage, gateway, saving, open_page):
    page = await open_page("RM-1", customer=DANA, saved=await saving())
    assert f'href="/processor/pay/{page.id}?other=yes"' in (await stage.http.get(page.url)).text
    assert 'id="number"' in (await stage.http.get(f"{page.url}?other=yes")).text
    await stage.pay_by_card(page.url, "5555555555554444")
    assert [fact.last4 for fact in await gateway.charge(page.id)] == ["4444"]


async def test_another_card_can_be_typed_instead_of_the_banks_check(stage, gateway, saving, charged):
    page, _ = await charged(await saving(ASKS))
    assert "?other=yes" in (await stage.http.get(page.url)).text
    assert 'id="number"' in (await stage.http.get(f"{page.url}?other=yes")).text
    await stage.pay_by_card(page.url, PLAIN)
    assert [(fact.kind, fact.last4) for fact in await gateway.find("RM-1")] == [(FactKind.SUCCEEDED, "4242")]


async def test_a_charge_waits_while_its_customer_is_at_the_banks_check_with_another_card(
    stage, gateway, saving, open_page
):
    page = await open_page("RM-1", customer=DANA, saved=await saving())
    await stage.pay_by_card(page.url, "4000000000003220")
    assert await gateway.charge(page.id) == ()
    await stage.answer_check(page.url, passed=True)
    assert [fact.last4 for fact in await gateway.charge(page.id)] == ["3220"]


async def test_after_a_decline_the_page_says_why_and_asks_for_another_card(stage, saving, charged):
    page, _ = await charged(await saving(ZIPPED, zip="10001"))
    shown = await stage.http.get(page.url)
    assert "your saved Visa ending in 0036. The ZIP code does not match the card." in shown.text
    assert 'id="number"' in shown.text


async def test_a_method_removed_between_opening_and_charging_is_not_charged(gateway, saving, open_page):
    saved = await saving()
    page = await open_page("RM-1", customer=DANA, saved=saved)
    await gateway.forget(DANA, saved)
    ((kind, last4),) = [(fact.kind, fact.last4) for fact in await gateway.charge(page.id)]
    assert (kind, last4) == (FactKind.DECLINED, "4242")


async def test_a_card_is_no_account(stage, saving):
    order = {
        "reference": "RM-1",
        "amount_minor": 1,
        "currency": "USD",
        "method": "bank",
        "name": "",
        "zip": "",
        "invoices": [],
        "return_url": "",
        "customer": DANA,
        "saved": await saving(),
    }
    refused = await stage.http.post("/processor/v1/pages", json=order, headers=KEYED | {"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "no_such_method")


@pytest.mark.parametrize("customer", ["a%20b", "x" * 121, "%C3%A9"])
async def test_a_customer_with_an_impossible_name_is_refused(stage, customer):
    path = f"/processor/v1/customers/{customer}/methods"
    assert (await stage.http.get(path, headers=KEYED)).status_code == 400
    assert (await stage.http.delete(f"{path}/pm_a", headers=KEYED)).status_code == 400


async def test_charging_a_page_that_never_was_or_is_for_nothing_saved_is_refused(stage, open_page):
    never = await stage.http.post("/processor/v1/pages/pg_1/charge", headers=KEYED)
    assert (never.status_code, never.json()["error"]["code"]) == (404, "no_such_page")
    page = await open_page(customer=DANA)
    plain = await stage.http.post(f"/processor/v1/pages/{page.id}/charge", headers=KEYED)
    assert (plain.status_code, plain.json()["error"]["code"]) == (422, "no_such_method")


# --- micro-deposits -----------------------------------------------------------------------------------------------


@pytest.fixture
async def waiting(stage, open_page):
    """A page that waits for the code of a deposit, with the box to save the account ticked."""
    page = await open_page("RM-1", Method.BANK, customer=DANA)
    await stage.pay_by_bank(page.url, TO_PROVE, save="yes")
    return page


async def told(gateway):
    return [(fact.kind, fact.reason) for fact in await gateway.find("RM-1")]


VERIFYING = (FactKind.VERIFYING, Reason.MICRO_DEPOSITS)
REFUSED = (FactKind.DECLINED, Reason.DECLINED)


async def test_the_page_says_what_to_look_for_on_the_statement_and_until_when(stage, waiting):
    shown = await stage.http.get(waiting.url)
    for part in ("$0.01", "ending in 6661", "1 to 2 banking days", "begins with <strong>SM", "until March 12"):
        assert part in shown.text
    assert '<label for="code">' in shown.text
    assert 'id="account"' not in shown.text


@pytest.mark.parametrize("typed", ["SM11AA", " sm11aa ", "SM 11 AA"])
async def test_the_right_code_goes_on_with_the_debit_and_keeps_the_account(stage, gateway, waiting, typed):
    assert await gateway.methods(DANA) == ()
    await stage.sandbox.advance(2 * DAY)
    shown = await stage.type_code(waiting.url, typed)
    assert "<h1>On its way</h1>" in shown.text
    assert "The account is saved for next time." in shown.text
    await stage.sandbox.advance(3 * DAY)
    assert await told(gateway) == [VERIFYING, (FactKind.PROCESSING, None), (FactKind.SUCCEEDED, None)]
    assert [each.last4 for each in await gateway.methods(DANA)] == ["6661"]


async def test_three_wrong_codes_decline_the_account_and_open_the_page_for_another(stage, gateway, waiting):
    for left in range(DEPOSIT_TRIES - 1, 0, -1):
        assert f"{left} more" in (await stage.type_code(waiting.url, "SM22BB")).text
        assert await told(gateway) == [VERIFYING]
    shown = await stage.type_code(waiting.url, "SM22BB")
    assert "could not be verified" in shown.text
    assert 'id="account"' in shown.text
    assert await told(gateway) == [VERIFYING, REFUSED]
    assert await gateway.methods(DANA) == ()
    await stage.type_code(waiting.url, "SM11AA")  # too late
    await stage.pay_by_bank(waiting.url, "000123456789")
    assert await told(gateway) == [VERIFYING, REFUSED, (FactKind.PROCESSING, None)]


@pytest.mark.parametrize("code", ["SM33CC", "SM44DD"])
async def test_a_code_published_as_the_last_try_or_as_too_late_ends_it_at_once(stage, gateway, waiting, code):
    await stage.type_code(waiting.url, code)
    assert await told(gateway) == [VERIFYING, REFUSED]


@pytest.mark.parametrize("typed", ["", "11AA", "SM11A", "AB11AA", "SM11AAA"])
async def test_what_cannot_be_a_code_costs_no_try(stage, gateway, waiting, typed):
    for _ in range(DEPOSIT_TRIES + 1):
        shown = await stage.type_code(waiting.url, typed)
        assert "Type the six characters that begin with SM." in shown.text
    await stage.type_code(waiting.url, "SM11AA")
    assert (FactKind.PROCESSING, None) in await told(gateway)


async def test_sending_the_same_account_again_neither_sends_a_deposit_nor_gives_more_tries(stage, gateway, waiting):
    await stage.type_code(waiting.url, "SM22BB")
    await stage.pay_by_bank(waiting.url, TO_PROVE)
    await stage.type_code(waiting.url, "SM22BB")
    await stage.type_code(waiting.url, "SM22BB")
    assert await told(gateway) == [VERIFYING, REFUSED]


async def test_the_page_waits_ten_days_and_then_expires(stage, gateway, waiting):
    await stage.sandbox.advance(10 * DAY - 1)
    assert await told(gateway) == [VERIFYING]
    await stage.sandbox.advance(1)
    assert await told(gateway) == [VERIFYING, (FactKind.EXPIRED, Reason.PAGE_EXPIRED)]
    await stage.type_code(waiting.url, "SM11AA")
    assert len(await told(gateway)) == 2


async def test_a_page_that_waits_for_no_deposit_any_more_lives_half_an_hour(stage, gateway, waiting):
    await stage.sandbox.advance(5 * DAY)
    await stage.type_code(waiting.url, "SM33CC")
    await stage.sandbox.advance(1799)
    assert (await told(gateway))[-1] == REFUSED
    await stage.sandbox.advance(1)
    assert (await told(gateway))[-1] == (FactKind.EXPIRED, Reason.PAGE_EXPIRED)


async def test_another_account_may_be_used_while_the_deposit_is_on_its_way(stage, gateway, waiting):
    assert "?other=yes" in (await stage.http.get(waiting.url)).text
    assert 'id="account"' in (await stage.http.get(f"{waiting.url}?other=yes")).text
    await stage.pay_by_bank(waiting.url, "000123456789")
    await stage.type_code(waiting.url, "SM11AA")
    assert await told(gateway) == [VERIFYING, (FactKind.PROCESSING, None)]
    await stage.sandbox.advance(30 * DAY)
    assert (await told(gateway))[-1] == (FactKind.SUCCEEDED, None)


async def test_in_the_book_a_page_that_waits_for_a_deposit_is_open(stage, waiting):
    (row,) = (await stage.http.get("/control/book")).json()
    assert row["state"] == "open"
