"""Days of the business's time zone, and which of them an instant belongs to. Pure: no SQL beyond an expression, no clock.

A day is as long as it was there: 23 or 25 hours where clocks are changed.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import ColumnElement, case, literal

from services.database import micros

# No time zone in use is off UTC by anything but quarters of an hour, so that whole quarters fall into one day.
QUARTER = 15 * 60 * 1_000_000
DAY = 96 * QUARTER


def days(today: date, count: int) -> list[date]:
    """The last days up to today, the oldest first."""
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def begin(day: date, zone: tzinfo) -> datetime:
    """The instant at which a day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def within(column: ColumnElement[int], since: int, until: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions that an instant lies between these two, the second excluded."""
    return column >= since, column < until


class Days:
    """The days from one to another, both included, in one time zone."""

    def __init__(self, first: date, last: date, zone: tzinfo) -> None:
        """Raises ValueError where the last day is before the first."""
        if last < first:
            raise ValueError(f"{last} is before {first}")
        self.all: Sequence[date] = days(last, (last - first).days + 1)
        self.zone = zone
        self._starts = [micros(begin(day, zone)) for day in self.all]
        self.since = self._starts[0]  # as instants are stored
        self.until = micros(begin(last + timedelta(days=1), zone))

    def of(self, at: int) -> date:
        """The day of a stored instant that lies within. Raises IndexError for one that does not."""
        if not self.since <= at < self.until:
            raise IndexError("an instant outside of these days")
        return self.all[bisect_right(self._starts, at) - 1]

    def number(self, column: ColumnElement[int]) -> ColumnElement[int]:
        """The place among `all` of the day of a stored instant that lies within, in SQL.

        Days of 24 hours follow each other as whole numbers do; one on which clocks change is told by its ends.
        """
        ends = [*self._starts[1:], self.until]
        run, parts = 0, []
        for nth, (start, end) in enumerate(zip(self._starts, ends, strict=True)):
            if end - start != DAY:
                parts += [(column < start, run + (column - self._starts[run]) // DAY)] if run < nth else []
                parts.append((column < end, literal(nth)))
                run = nth + 1
        rest = run + (column - self._starts[run]) // DAY if run < len(ends) else literal(len(ends) - 1)
        return case(*parts, else_=rest) if parts else rest

    def holds(self, at: int) -> bool:
        """Whether a stored instant lies within."""
        return self.since <= at < self.until
