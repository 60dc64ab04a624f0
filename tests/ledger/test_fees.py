"""The program fee: computed to the cent, agreed to before it is charged, and given back in proportion."""

from datetime import timedelta
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import Bearer, Fee, Line, Method, Money, Objection, Quote, Rules, fee_in
from services.model.fees import gone_of_fee
from services.payments import journal
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind

INVOICE = "book:INV-1042"
FEE = Fee(basis_points=290, fixed_minor=30)
CARD, BANK = Method.CARD, Method.BANK
dues = st.integers(1, 10**12)


# --- how much ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fee", "minor", "asked"), [
    (Fee(), 12000, 0),
    (FEE, 12000, 378),
    (Fee(250), 20, 1),  # half a cent: upwards
    (Fee(250), 19, 0),
    (Fee(250), 60, 2),
    (Fee(0, 195), 1, 195),
    (Fee(400, 0, 500), 12500, 500),
    (Fee(400, 0, 500), 12513, 500),
    (Fee(400, 0, 500), 12487, 499),
])  # fmt: skip
def test_what_a_card_payment_costs(fee, minor, asked):
    for currency in ("USD", "JPY", "BHD"):  # minor units are minor units, whatever a currency's decimals
        assert fee.of(Money(minor, currency), CARD, exempt=False) == asked


@given(dues, st.integers(0, 400), st.integers(0, 1000), st.integers(0, 10**6))
def test_the_fee_is_within_half_a_minor_unit_of_what_is_exact_and_never_above_its_cap(due, points, fixed, most):
    fee = Fee(points, fixed, most).of(Money(due, "USD"), CARD, exempt=False)
    exact = Fraction(due * points, 10_000) + fixed
    assert 0 <= fee <= (most or fee)
    if not most:
        assert -Fraction(1, 2) < fee - exact <= Fraction(1, 2)
    elif fee < most:
        assert abs(fee - exact) <= Fraction(1, 2)


@given(dues, st.integers(0, 400), st.integers(0, 1000))
def test_nobody_pays_a_fee_by_bank_and_who_is_exempt_pays_none_at_all(due, points, fixed):
    fee = Fee(points, fixed)
    assert fee.of(Money(due, "USD"), BANK, exempt=False) == 0
    assert fee.of(Money(due, "USD"), CARD, exempt=True) == 0


@given(dues, st.integers(0, 10**6), st.lists(st.integers(1, 10**6), max_size=20))
def test_parts_of_a_refund_hold_the_fee_in_proportion_and_all_of_it_in_the_end(due, fee, parts):
    total, gone, given_back = due + fee, 0, 0
    for part in [*parts, total]:
        part = min(part, total - gone)  # noqa: PLW2901  # what is left
        mine = fee_in(total, fee, gone, part)
        assert 0 <= mine <= part
        gone, given_back = gone + part, given_back + mine
        assert given_back == gone_of_fee(total, fee, gone) == gone * fee // total
    assert (gone, given_back) == (total, fee)


# --- agreed to, and charged ----------------------------------------------------------------------------------------------


@pytest.fixture
def house(world):
    world.rules = Rules(fee=FEE)
    world.again(rules=world.rules)
    return world


async def quoted(world, fee, method=CARD, minor=None):
    return msgspec.structs.replace(await world.quote(INVOICE, method=method, minor=minor), fee_minor=fee)


async def test_what_was_agreed_to_is_charged_and_the_invoice_gets_only_its_part(house):
    opened = await house.start(quote=await quoted(house, 378))
    assert (opened.amount, opened.fee) == (Money(12378, "USD"), Money(378, "USD"))
    (request,) = house.gateway.requests.values()
    assert (request.amount.minor, request.fee_minor) == (12378, 378)
    await house.reports(opened.reference, FactKind.SUCCEEDED)
    await house.work()
    assert (await house.books.get(INVOICE)).due.minor == 0
    balance = (await house.transact(journal.trial_balance))["USD"]
    assert balance == {"clearing": 12378, "fees": -378, "receivable": -12000}
    assert (await house.rows("SELECT amount_minor, fee_minor FROM agreement")) == [(12378, 378)]


@pytest.mark.parametrize(("fee", "method"), [(0, CARD), (377, CARD), (379, CARD), (378, BANK), (1, BANK)])
async def test_another_fee_than_the_rules_have_now_begins_nothing(house, fee, method):
    refused = await house.start(quote=await quoted(house, fee, method))
    assert isinstance(refused, Refused)
    assert refused.objection is Objection.FEE_CHANGED
    assert house.gateway.sent == 0
    assert await house.rows("SELECT 1 FROM payment") == []


async def test_a_fee_that_was_agreed_to_before_the_settings_changed_is_not_charged(house):
    quote = await quoted(house, 378)
    house.again(rules=Rules(fee=Fee(300)))
    assert (await house.start(quote=quote)).objection is Objection.FEE_CHANGED
    house.again(rules=Rules())
    assert (await house.start(quote=quote)).objection is Objection.FEE_CHANGED


async def test_who_is_exempt_pays_none_whoever_pays_for_them(house):
    invoice = house.books.invoices[INVOICE]
    house.books.invoices[INVOICE] = msgspec.structs.replace(invoice, fee_exempt=True)
    assert (await house.start("k1", quote=await quoted(house, 378))).objection is Objection.FEE_CHANGED
    opened = await house.checkout.start("k2", "c", "m", Bearer(INVOICE, "link"), await quoted(house, 0))
    assert (opened.amount.minor, opened.fee_minor) == (12000, 0)


async def test_several_invoices_in_one_payment_have_one_fee_over_their_sum(house):
    house.books.add("INV-7", 33)
    due = (Line(INVOICE, "INV-1042", "1.0", Money(12000, "USD")), Line("book:INV-7", "INV-7", "1.0", Money(33, "USD")))
    fee = FEE.of(Money(12033, "USD"), CARD, exempt=False)
    quote = Quote(due, CARD, "Dana", "94107", fee)
    opened = await house.checkout.start("k", "chat", "m", house.signs_in(), quote)
    assert (opened.amount.minor, opened.fee_minor, opened.parts) == (12033 + 379, 379, (12000, 33))


async def test_a_start_that_is_judged_again_after_the_fee_changed_ends(house):
    house.gateway.before = [ConnectionError("gone")]
    with pytest.raises(ConnectionError):
        await house.start(quote=await quoted(house, 378))
    house.at += timedelta(minutes=5)
    house.again(rules=Rules(fee=Fee(400)))
    refused = await house.start(quote=await quoted(house, 378))
    assert refused.objection is Objection.FEE_CHANGED
