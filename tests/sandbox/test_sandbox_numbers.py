"""Every published test number does on the page what its publisher says, and means the right thing to us."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import Method, Reason
from services.payments.gateways.base import FactKind
from services.sandbox.numbers import brand, digits, expiry_month, expiry_problem, passes_aba, passes_luhn

DAY = 24 * 3600

PAID = [
    ("4242424242424242", "visa"),
    ("4000056655665556", "visa"),
    ("4000000760000002", "visa"),  # a country card
    ("4000000000000077", "visa"),
    ("4000000000000028", "visa"),  # fails a check of the street, which is not asked for
    ("4000000000000044", "visa"),
    ("4000000000003055", "visa"),  # 3-D Secure possible, not required
    ("4000000000003097", "visa"),
    ("4000000000007726", "visa"),  # what comes of these four later is tested with refunds
    ("4000000000005126", "visa"),
    ("4000000000000259", "visa"),
    ("4000000000002685", "visa"),
    ("5555555555554444", "mastercard"),
    ("2223003122003222", "mastercard"),
    ("5200828282828210", "mastercard"),
    ("5105105105105100", "mastercard"),
    ("378282246310005", "amex"),
    ("371449635398431", "amex"),
    ("6011111111111117", "discover"),
    ("6011000990139424", "discover"),
    ("6011981111111113", "discover"),
    ("3056930009020004", "diners"),
    ("36227206271667", "diners"),
    ("6555900000604105", "discover"),
    ("3566002020360505", "jcb"),
    ("6200000000000005", "unionpay"),
    ("6200000000000047", "unionpay"),
    ("6205500000000000004", "unionpay"),
]

DECLINED = [
    ("4000000000000002", Reason.DECLINED),
    ("4000000000009995", Reason.INSUFFICIENT_FUNDS),
    ("4000000000009987", Reason.DECLINED),  # lost: never said
    ("4000000000009979", Reason.DECLINED),  # stolen: never said
    ("4000000000000069", Reason.EXPIRED_CARD),
    ("4000000000000127", Reason.WRONG_CVC),
    ("4000000000000101", Reason.WRONG_CVC),
    ("4000000000000119", Reason.TRY_AGAIN),
    ("4000000000006975", Reason.LIMIT),
    ("4242424242424241", Reason.WRONG_NUMBER),
    ("4000000000000036", Reason.WRONG_ZIP),
    ("4000000000000010", Reason.WRONG_ZIP),
    ("4100000000000019", Reason.DECLINED),  # blocked as fraudulent: never said
    ("4000000000004954", Reason.DECLINED),
    ("4000000000000341", Reason.DECLINED),
    ("4000008400001280", Reason.TRY_AGAIN),
    ("4539578763621486", Reason.NOT_SUPPORTED),  # nobody's test card
]

CHALLENGED = [
    ("4000002760003184", None),
    ("4000002500003155", None),
    ("4000003800000446", None),
    ("4000000000003220", None),
    ("4000000000003063", None),
    ("4000008260003178", Reason.INSUFFICIENT_FUNDS),
    ("4000008400001629", Reason.DECLINED),
]

ACCOUNTS_THAT_FAIL = [
    ("000111111113", Reason.ACCOUNT_CLOSED),
    ("000111111116", Reason.NO_ACCOUNT),
    ("000222222227", Reason.INSUFFICIENT_FUNDS),
    ("000333333335", Reason.NOT_AUTHORIZED),
    ("000444444440", Reason.NOT_SUPPORTED),
]


async def facts(gateway):
    found = await gateway.find("RM-1")
    return [(fact.kind, fact.reason) for fact in found]


@pytest.mark.parametrize(("number", "kind"), PAID)
async def test_a_good_test_card_pays_and_shows_its_brand(stage, gateway, open_page, number, kind):
    page = await open_page()
    shown = await stage.pay_by_card(page.url, number)
    (fact,) = await gateway.find("RM-1")
    assert (fact.kind, fact.brand, fact.last4) == (FactKind.SUCCEEDED, kind, number[-4:])
    assert "<h1>Paid</h1>" in shown.text


@pytest.mark.parametrize(("number", "reason"), DECLINED)
async def test_a_bad_test_card_is_declined_and_a_good_one_then_paid_on_the_same_page(
    stage, gateway, open_page, number, reason
):
    page = await open_page()
    shown = await stage.pay_by_card(page.url, number)
    assert "Not paid." in shown.text
    assert 'id="pay"' in shown.text
    await stage.pay_by_card(page.url, "4242 4242-4242 4242")
    assert await facts(gateway) == [(FactKind.DECLINED, reason), (FactKind.SUCCEEDED, None)]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"exp": "13/42"}, Reason.WRONG_EXPIRY),
        ({"exp": "02/26"}, Reason.WRONG_EXPIRY),
        ({"exp": "12/95"}, Reason.WRONG_EXPIRY),
        ({"cvc": "99"}, Reason.WRONG_CVC),
        ({"cvc": "1234"}, Reason.WRONG_CVC),
    ],
)
async def test_a_readable_but_impossible_detail_is_a_decline(stage, gateway, open_page, typed, reason):
    page = await open_page()
    await stage.pay_by_card(page.url, "4242424242424242", **typed)
    assert await facts(gateway) == [(FactKind.DECLINED, reason)]


async def test_an_american_express_card_may_have_four_digits_of_code(stage, gateway, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "378282246310005", cvc="1234")
    assert await facts(gateway) == [(FactKind.SUCCEEDED, None)]


@pytest.mark.parametrize(("number", "reason"), CHALLENGED)
async def test_a_3d_secure_card_is_asked_for_and_its_bank_decides(stage, gateway, open_page, number, reason):
    page = await open_page()
    asked = await stage.pay_by_card(page.url, number)
    assert 'id="complete"' in asked.text
    assert 'id="fail"' in asked.text
    assert await facts(gateway) == []
    await stage.submit(f"{page.url}/challenge", attempt=attempt_on(asked.text), answer="complete")
    outcome = (FactKind.DECLINED, reason) if reason else (FactKind.SUCCEEDED, None)
    assert await facts(gateway) == [outcome]


async def test_a_failed_3d_secure_check_is_declined_and_can_be_tried_again(stage, gateway, open_page):
    page = await open_page()
    asked = await stage.pay_by_card(page.url, "4000000000003220")
    shown = await stage.submit(f"{page.url}/challenge", attempt=attempt_on(asked.text), answer="fail")
    assert "extra check was not passed" in shown.text
    asked = await stage.pay_by_card(page.url, "4000000000003220")
    await stage.submit(f"{page.url}/challenge", attempt=attempt_on(asked.text), answer="complete")
    assert await facts(gateway) == [(FactKind.DECLINED, Reason.AUTHENTICATION), (FactKind.SUCCEEDED, None)]


async def test_a_3d_secure_answer_for_an_earlier_attempt_does_nothing(stage, gateway, open_page):
    page = await open_page()
    first = await stage.pay_by_card(page.url, "4000008400001629")
    second = await stage.pay_by_card(page.url, "4000000000003220")
    await stage.submit(f"{page.url}/challenge", attempt=attempt_on(first.text), answer="complete")
    assert await facts(gateway) == []
    await stage.submit(f"{page.url}/challenge", attempt=attempt_on(second.text), answer="complete")
    assert await facts(gateway) == [(FactKind.SUCCEEDED, None)]


async def test_a_3d_secure_check_left_lying_expires_with_its_page(stage, gateway, open_page):
    page = await open_page()
    asked = await stage.pay_by_card(page.url, "4000000000003220")
    await stage.sandbox.advance(1800)
    shown = await stage.submit(f"{page.url}/challenge", attempt=attempt_on(asked.text), answer="complete")
    assert shown.status_code == 410
    assert await facts(gateway) == [(FactKind.EXPIRED, Reason.PAGE_EXPIRED)]


@pytest.mark.parametrize(("account", "reason"), ACCOUNTS_THAT_FAIL)
async def test_a_bad_test_account_is_processing_and_fails_after_two_days(stage, gateway, open_page, account, reason):
    page = await open_page(method=Method.BANK)
    await stage.pay_by_bank(page.url, account)
    await stage.sandbox.advance(2 * DAY - 1)
    assert await facts(gateway) == [(FactKind.PROCESSING, None)]
    await stage.sandbox.advance(1)
    assert await facts(gateway) == [(FactKind.PROCESSING, None), (FactKind.FAILED, reason)]


@pytest.mark.parametrize("account", ["000123456789", "55550001"])
async def test_a_good_account_settles_after_three_days(stage, gateway, open_page, account):
    page = await open_page(method=Method.BANK)
    await stage.pay_by_bank(page.url, account)
    await stage.sandbox.advance(3 * DAY - 1)
    assert await facts(gateway) == [(FactKind.PROCESSING, None)]
    await stage.sandbox.advance(400 * DAY)
    assert await facts(gateway) == [(FactKind.PROCESSING, None), (FactKind.SUCCEEDED, None)]


@pytest.mark.parametrize(("typed", "paid"), [("10001", True), (" 10001-2345 ", True), ("10002", False), ("", False)])
async def test_a_wrong_zip_is_put_right_with_the_one_that_the_bank_knows(stage, gateway, open_page, typed, paid):
    page = await open_page()
    await stage.pay_by_card(page.url, "4000000000000036")
    assert await facts(gateway) == [(FactKind.DECLINED, Reason.WRONG_ZIP)]
    await stage.pay_by_card(page.url, "4000000000000036", zip=typed)
    assert ((FactKind.SUCCEEDED, None) in await facts(gateway)) is paid


async def test_another_card_that_fails_the_zip_check_cannot_be_put_right(stage, gateway, open_page):
    page = await open_page()
    await stage.pay_by_card(page.url, "4000000000000010", zip="10001")
    assert await facts(gateway) == [(FactKind.DECLINED, Reason.WRONG_ZIP)]


async def test_a_disputed_account_settles_and_is_returned_two_days_after_that(stage, gateway, open_page):
    page = await open_page(method=Method.BANK)
    await stage.pay_by_bank(page.url, "000555555559")
    await stage.sandbox.advance(5 * DAY - 1)
    assert await facts(gateway) == [(FactKind.PROCESSING, None), (FactKind.SUCCEEDED, None)]
    await stage.sandbox.advance(1)
    assert (await facts(gateway))[-1] == (FactKind.RETURNED, Reason.NOT_AUTHORIZED)


async def test_one_account_stays_in_processing_for_ever(stage, gateway, open_page):
    page = await open_page(method=Method.BANK)
    await stage.pay_by_bank(page.url, "000000000009")
    await stage.sandbox.advance(400 * DAY)
    assert await facts(gateway) == [(FactKind.PROCESSING, None)]


@pytest.mark.parametrize(("account", "reason"), [("000777777771", Reason.LIMIT), ("000000004954", Reason.DECLINED)])
async def test_an_account_that_is_refused_at_once_leaves_the_page_open(stage, gateway, open_page, account, reason):
    page = await open_page(method=Method.BANK)
    await stage.pay_by_bank(page.url, account)
    await stage.pay_by_bank(page.url, "000123456789")
    assert await facts(gateway) == [(FactKind.DECLINED, reason), (FactKind.PROCESSING, None)]


@pytest.mark.parametrize("routing", ["110000000", "021000021", "011401533", "091000019"])
def test_a_real_routing_number_passes_its_check_digit(routing):
    assert passes_aba(routing)


@given(st.text("0123456789", min_size=8, max_size=8))
def test_exactly_one_last_digit_makes_a_routing_number(start):
    assert sum(passes_aba(start + last) for last in "0123456789") == 1


@given(st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_last_digit_passes_luhn(start):
    assert sum(passes_luhn(start + last) for last in "0123456789") == 1


@given(st.text())
def test_only_ascii_digits_count_as_a_number(typed):
    bare = digits(typed)
    assert bare is None or set(bare) <= set("0123456789")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("03/26", None),
        ("3/26", None),
        ("0326", None),
        ("03 / 2026", None),
        ("03-26", None),
        ("02/2026", "invalid_expiry_year"),
        ("00/30", "invalid_expiry_month"),
        ("12/2999", "invalid_expiry_year"),
        ("March", "unreadable"),
        ("", "unreadable"),
        ("٠٣/٢٦", "unreadable"),
    ],
)
def test_an_expiry_is_read_however_it_is_typed(typed, problem):
    assert expiry_problem(typed, datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == problem


@pytest.mark.parametrize(
    ("typed", "month"),
    [("03/26", "2026-03"), ("4 / 2042", "2042-04"), ("1230", "2030-12"), ("12/95", "1995-12"), ("", "")],
)
def test_an_expiry_is_kept_as_its_month(typed, month):
    assert expiry_month(typed, datetime(2026, 3, 31, tzinfo=UTC)) == month


def test_an_unknown_first_digit_is_just_a_card():
    assert brand("9999999999999995") == "card"


def attempt_on(page: str) -> str:
    return page.split('name="attempt" value="')[1].split('"', maxsplit=1)[0]
