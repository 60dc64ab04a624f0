"""When the Federal Reserve moves money, held against its own published schedules."""

from datetime import date

import pytest

from services.payments.banking_days import banking_days_after, is_banking_day

# https://www.frbservices.org/about/holiday-schedules: holidays that close the banks on a working day
CLOSED = {
    2022: ["01-17", "02-21", "05-30", "06-20", "07-04", "09-05", "10-10", "11-11", "11-24", "12-26"],
    2023: ["01-02", "01-16", "02-20", "05-29", "06-19", "07-04", "09-04", "10-09", "11-23", "12-25"],
    2026: ["01-01", "01-19", "02-16", "05-25", "06-19", "09-07", "10-12", "11-11", "11-26", "12-25"],
    2027: ["01-01", "01-18", "02-15", "05-31", "07-05", "09-06", "10-11", "11-11", "11-25"],
}


@pytest.mark.parametrize("year", CLOSED)
def test_banks_are_closed_on_weekends_and_the_reserves_holidays_and_on_no_other_day(year):
    first = date(year, 1, 1).toordinal()
    days = [date.fromordinal(day) for day in range(first, date(year + 1, 1, 1).toordinal())]
    closed = [f"{day:%m-%d}" for day in days if day.weekday() < 5 and not is_banking_day(day)]
    assert closed == CLOSED[year]
    assert not any(is_banking_day(day) for day in days if day.weekday() >= 5)


@pytest.mark.parametrize(
    ("day", "arrives"),
    [
        ("2026-03-02", "2026-03-06"),  # Monday to Friday
        ("2026-03-04", "2026-03-10"),  # over a weekend
        ("2026-03-07", "2026-03-12"),  # from a Saturday
        ("2026-07-02", "2026-07-08"),  # the holiday is a Saturday, and the Friday before it a day like any other
        ("2026-12-23", "2026-12-30"),
        ("2026-12-30", "2027-01-06"),
    ],
)
def test_four_banking_days_later(day, arrives):
    assert banking_days_after(date.fromisoformat(day), 4) == date.fromisoformat(arrives)
