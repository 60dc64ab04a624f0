"""How long something took, many times over: how many, quantiles, and how many fell into which span. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from math import ceil

import msgspec

SECOND = 1_000_000  # as instants are stored


def rank(ordered: Sequence[int], part: float) -> timedelta | None:
    """The smallest value that at least this part does not exceed (nearest rank): a time that somebody really waited.

    ``ordered``: microseconds, ascending.
    """
    return timedelta(microseconds=ordered[ceil(part * len(ordered)) - 1]) if ordered else None


class Bins(msgspec.Struct, frozen=True):
    """Spans from nothing up: each ends below its bound, in seconds, and the last has no end."""

    bounds: tuple[int, ...]

    def counts(self, times: Iterable[int]) -> tuple[int, ...]:
        """How many of these times, in microseconds, fall into each span."""
        found = [0] * (len(self.bounds) + 1)
        for each in times:
            found[bisect_right(self.bounds, each // SECOND)] += 1
        return tuple(found)

    def names(self) -> tuple[str, ...]:
        """``under 10 s``, ``10 s to 30 s``, ``1 d and more``."""
        told = [brief(each) for each in self.bounds]
        between = (f"{first} to {last}" for first, last in pairwise(told))
        return (f"under {told[0]}", *between, f"{told[-1]} and more")


def brief(seconds: int) -> str:
    """A round time in its largest unit: ``30 s``, ``5 min``, ``4 h``, ``3 d``; as seconds where it is not round."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


class Spread(msgspec.Struct, frozen=True):
    """Times of one kind. ``bins``: how many fell into each span of what was asked for."""

    count: int
    median: timedelta | None
    p75: timedelta | None
    p90: timedelta | None
    bins: tuple[int, ...]


def spread(times: Iterable[int], bins: Bins) -> Spread:
    """What these times, in microseconds, come to; in any order."""
    ordered = sorted(times)
    return Spread(len(ordered), rank(ordered, 0.5), rank(ordered, 0.75), rank(ordered, 0.9), bins.counts(ordered))
