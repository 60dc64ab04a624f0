"""Sums and days as people write them: read in exactly one way, or refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.invoices.document import CURRENCIES, Refused
from services.invoices.notation import Notation, read_amount, read_date, settle
from services.model import Money, exponent

NOTHING = Notation()


@pytest.mark.parametrize(
    ("told", "currency", "minor"),
    [
        ("120", "USD", 12000),
        ("0", "USD", 0),
        (".5", "USD", 50),
        ("0.125", "BHD", 125),
        ("1250.5", "USD", 125050),
        ("1,250.00", "USD", 125000),
        ("1.250,00", "EUR", 125000),
        ("1,234,567", "USD", 123456700),
        ("12,34,567.00", "INR", 123456700),
        ("1'250.00", "CHF", 125000),
        ("1\u2019250.00", "CHF", 125000),
        ("1\u202f250,00 €", "EUR", 125000),
        ("1 250,00", "SEK", 125000),
        ("$1,250.00", "USD", 125000),
        ("US$ 99.90", "USD", 9990),
        ("1250.00 USD", "USD", 125000),
        ("eur 12,50", "EUR", 1250),
        ("12,50 kr", "NOK", 1250),
        ("(50.00)", "USD", -5000),
        ("($1,250.00)", "USD", -125000),
        ("-50", "USD", -5000),
        ("\u221250.00", "USD", -5000),
        ("50.00-", "USD", -5000),
        ("-$50.00", "USD", -5000),
        ("$-50.00", "USD", -5000),
        ("¥36,000", "JPY", 36000),
        ("36.000", "JPY", 36000),
        ("36000.00", "JPY", 36000),
        ("10.0000", "USD", 1000),
        ("0.1234", "CLF", 1234),
    ],
)
def test_a_sum_is_read_however_it_is_written(told, currency, minor):
    assert read_amount(told, currency, NOTHING) == Money(minor, currency)


@pytest.mark.parametrize(
    "told",
    ["", "-", "()", "abc", "=1+1", "1e3", "1,2,3", "12,34.5.6", "1.25.00", "1,25,0.00", "--5", "-5-", "5%", "٣", "1 2", "$", "12 34", "(5", "0x10", "NaN", "1/2", "9" * 14, "100.005"],
)  # fmt: skip
def test_what_is_no_sum_is_refused(told):
    with pytest.raises(Refused):
        read_amount(told, "USD", NOTHING)


@pytest.mark.parametrize("told", ["€5.00", "5.00 EUR", "5,00 kr", "£5"])
def test_a_sum_that_names_another_currency_is_refused(told):
    with pytest.raises(Refused, match="the currency is USD"):
        read_amount(told, "USD", NOTHING)


def test_one_mark_before_three_digits_is_settled_by_the_rest_of_the_file():
    with pytest.raises(Refused, match="could mean two sums"):
        read_amount("1,250", "USD", NOTHING)
    american = settle([(["1,250", "12.50"], [])])
    german = settle([(["1,250", "12,50"], [])])
    assert read_amount("1,250", "USD", american) == Money(125000, "USD")
    assert read_amount("1.250", "USD", american) == Money(125, "USD")
    assert read_amount("1.250", "EUR", german) == Money(125000, "EUR")
    assert read_amount("1,250", "BHD", german) == Money(1250, "BHD")


def test_a_file_that_contradicts_itself_settles_nothing():
    assert settle([(["12.50", "12,50"], ["25/03/2026", "03/25/2026"])]) == NOTHING


@given(
    minor=some.integers(1 - 10**13, 10**13 - 1),
    currency=some.sampled_from(sorted(CURRENCIES)),
    mark=some.sampled_from(".,"),
)
def test_every_sum_of_every_currency_survives_being_written_out(minor, currency, mark):
    places = exponent(currency)
    whole, _, part = str(Money(abs(minor), currency)).split()[0].partition(".")
    grouped = f"{int(whole):,}".replace(",", "," if mark == "." else ".")
    written = ("-" if minor < 0 else "") + grouped + (mark + part if places else "")
    file = settle([(["0" + mark + "5"], [])])
    assert read_amount(written, currency, file) == Money(minor, currency)


@given(some.text(alphabet="0123456789.,'-() $€", max_size=12))
def test_no_text_crashes_the_reading_of_sums(told):
    try:
        found = read_amount(told, "USD", NOTHING)
    except Refused:
        return
    assert abs(found.minor) < 10**16
    assert (found.minor != 0) == any(digit in told for digit in "123456789")


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2026-03-04", date(2026, 3, 4)),
        ("2026/3/4", date(2026, 3, 4)),
        ("2026-03-04T00:00:00", date(2026, 3, 4)),
        ("31.12.2026", date(2026, 12, 31)),
        ("03.04.2026", date(2026, 4, 3)),
        ("12/31/2026", date(2026, 12, 31)),
        ("31-12-2026", date(2026, 12, 31)),
        ("4/4/2026", date(2026, 4, 4)),
        ("4 Mar 2026", date(2026, 3, 4)),
        ("04-MAR-2026", date(2026, 3, 4)),
        ("March 4, 2026", date(2026, 3, 4)),
    ],
)
def test_a_day_is_read_however_it_is_written(told, day):
    assert read_date(told, NOTHING) == day


@pytest.mark.parametrize(
    "told",
    [
        "",
        "tomorrow",
        "46085",
        "03/04/26",
        "2026-02-30",
        "30/02/2026",
        "13/13/2026",
        "2026-03-04 18:00",
        "4 Foo 2026",
        "0/0/0000",
    ],
)
def test_what_is_no_day_is_refused(told):
    with pytest.raises(Refused):
        read_date(told, NOTHING)


def test_a_day_that_could_be_two_is_settled_by_the_rest_of_the_file():
    with pytest.raises(Refused, match="could be two days"):
        read_date("03/04/2026", NOTHING)
    assert read_date("03/04/2026", settle([([], ["25/03/2026"])])) == date(2026, 4, 3)
    assert read_date("03/04/2026", settle([([], ["03/25/2026"])])) == date(2026, 3, 4)
    assert settle([([], ["31.12.2026"])]).day_first is True
