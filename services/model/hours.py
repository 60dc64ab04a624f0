"""When somebody is at the desk, by the clock of the business."""

import re
from datetime import datetime, time, timedelta

import msgspec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))? (\d\d):(\d\d)-(\d\d):(\d\d)")


class Hours(msgspec.Struct, frozen=True):
    """Opening hours. ``spans``: weekday (0 is Monday) and the minutes of that day between which somebody is there.

    None at all: always.
    """

    spans: tuple[tuple[int, int, int], ...] = ()

    def is_open(self, at: datetime) -> bool:
        """``at`` is told in the business's time zone."""
        minute = at.hour * 60 + at.minute
        return not self.spans or any(day == at.weekday() and first <= minute < last for day, first, last in self.spans)

    def opens(self, at: datetime) -> datetime:
        """When somebody is there next, in the same time zone; ``at`` itself while somebody is."""
        if self.is_open(at):
            return at
        found = []
        for ahead in range(8):
            day = at.date() + timedelta(days=ahead)
            for weekday, first, _ in self.spans:
                begins = datetime.combine(day, time(first // 60, first % 60), at.tzinfo)
                if weekday == day.weekday() and begins >= at:
                    found.append(begins)
        return min(found)


def hours(told: tuple[str, ...]) -> Hours:
    """From lines such as ``mon-fri 08:00-17:00``. Raises ValueError, which names the line that is none."""
    spans: list[tuple[int, int, int]] = []
    for line in told:
        found = _SPAN.fullmatch(line.strip().lower())
        if found is None:
            raise ValueError(f"{line!r} is not like 'mon-fri 08:00-17:00'")
        first_day = DAYS.index(found[1])
        last_day = DAYS.index(found[2] or found[1])
        opens, closes = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
        if int(found[4]) > 59 or int(found[6]) > 59 or not opens < closes <= 24 * 60:
            raise ValueError(f"{line!r} does not begin before it ends, on one day")
        spans += [((first_day + n) % 7, opens, closes) for n in range((last_day - first_day) % 7 + 1)]
    return Hours(tuple(spans))
