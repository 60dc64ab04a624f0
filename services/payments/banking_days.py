"""The days on which the Federal Reserve moves money: when a bank payment should have arrived. Nothing else is counted here.

The rules are those of the Federal Reserve Banks' holiday schedules: closed on Saturdays, Sundays and the eleven federal
holidays; a holiday on a Sunday is kept on Monday, one on a Saturday is not moved to another day.
"""

from datetime import date, timedelta
from functools import cache

from holidays import country_holidays

_SUNDAY = 6
_ONE = timedelta(days=1)


@cache
def _closed(year: int) -> frozenset[date]:
    """The holidays of a year as banks keep them; those on a Saturday fall on a day that is free anyway."""
    named = country_holidays(
        "US", years=year, observed=False
    )  # on their own days: the library moves them as offices do
    return frozenset(day + _ONE if day.weekday() == _SUNDAY else day for day in named)


def is_banking_day(day: date) -> bool:
    """Whether money moves through the Federal Reserve on this day."""
    return day.weekday() < 5 and day not in _closed(day.year)


def banking_days_after(day: date, n: int) -> date:
    """The ``n``-th banking day after ``day``, which itself is not counted, whether or not it is one."""
    while n > 0:
        day += _ONE
        n -= is_banking_day(day)
    return day
