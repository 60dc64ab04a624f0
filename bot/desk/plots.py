"""Plots of the desk's numbers as inline SVG: made here, styled by the desk's sheet, each with what it shows as text.

No script and no style of their own, as the pages' policy wants; every plot stands beside a table with the same numbers. Sizes are
pixels on a phone, so that letters can be read there.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from markupsafe import Markup

_WIDE = 360
_ROW, _NAME, _COUNT = 26, 150, 60  # of bars
_TOP, _HIGH, _FOOT = 10, 130, 22  # around and of the ground of columns
_LETTER = 7.4  # the width of one, at most but for the widest
_LEGEND = 18  # a line of it

Ticks = Callable[[int], Sequence[int]]
Shown = Callable[[int], str]


class Series(NamedTuple):
    """One colour of a plot: what it is called, its class in the desk's sheet, and a value for each label.

    Those ``below`` are drawn downwards: what goes out.
    """

    name: str
    kind: str
    values: Sequence[int]
    below: bool = False


def round_ticks(most: int) -> list[int]:
    """Three or four round values from nothing up to at least ``most``."""
    step = 1
    while step * 4 < most:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2  # 1, 2, 5, 10, 20, 50
    return list(_upto(most, step))


_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 8 * 3600, 86_400)


def time_ticks(most: int) -> list[int]:
    """The same of seconds, in steps that are round in minutes, hours or days."""
    step = next((each for each in _SECONDS if each * 4 >= most), None)
    return [each * 86_400 for each in round_ticks(-(-most // 86_400))] if step is None else list(_upto(most, step))


def _upto(most: int, step: int) -> range:
    return range(0, -(-max(most, 1) // step) * step + 1, step)


def bars(name: str, values: Sequence[tuple[str, int]], shown: Shown = str) -> Markup:
    """Horizontal bars, one for each label. ``name`` says what is shown, for those who do not see it."""
    most = max([1, *(value for _, value in values)])
    rows = Markup("")
    for nth, (label, value) in enumerate(values):
        top, length = nth * _ROW, max(1 if value else 0, (_WIDE - _NAME - _COUNT) * value // most)
        rows += Markup(
            '<text class="name" x="{0}" y="{1}">{2}</text>'
            '<rect x="{3}" y="{4}" width="{5}" height="17" rx="2"><title>{7}: {8}</title></rect>'
            '<text class="count" x="{6}" y="{1}">{8}</text>'
        ).format(_NAME, top + 18, _short(label), _NAME + 8, top + 5, length, _NAME + 13 + length, label, shown(value))
    told = ", ".join(f"{label}: {shown(value)}" for label, value in values)
    return _plot(name, told, max(1, len(values)) * _ROW, rows)


def columns(
    name: str, values: Sequence[tuple[str, int]], shown: Shown = str, ticks: Ticks = round_ticks, *, every: bool = False
) -> Markup:
    """Upright columns along a time, over an axis with round values. ``every``: each has its label, not the ends alone."""
    labels = [label for label, _ in values]
    one = Series(name, "", [value for _, value in values])
    return stacks(name, labels, [one], shown, ticks, every=every)


def stacks(
    name: str,
    labels: Sequence[str],
    series: Sequence[Series],
    shown: Shown = str,
    ticks: Ticks = round_ticks,
    *,
    every: bool = False,
) -> Markup:
    """Columns of several colours along a time; what goes out hangs below the line of nothing."""
    ground = _Ground.of(series, len(labels), ticks, shown)
    parts = ground.axis(shown) + ground.foot(labels, every=every)
    for nth, label in enumerate(labels):
        for below in (False, True):
            own = [each for each in series if each.below is below]
            tops = accumulate(each.values[nth] for each in own)
            for each, top in zip(own, tops, strict=True):
                parts += ground.column(nth, each, top, f"{label}, {each.name}: {shown(each.values[nth])}")
    high = ground.bottom + _FOOT
    if len(series) > 1:
        parts += Markup("").join(_legend(each, high + nth * _LEGEND) for nth, each in enumerate(series))
        high += len(series) * _LEGEND
    return _plot(name, _told(labels, series, shown), high, parts)


class _Ground(NamedTuple):
    """Where columns stand: pixels from a value, and how far each is from the next."""

    above: Sequence[int]
    below: Sequence[int]
    columns: int
    left: int  # the room that the longest value of the axis takes

    @classmethod
    def of(cls, series: Sequence[Series], count: int, ticks: Ticks, shown: Shown) -> "_Ground":
        highest, lowest = (_sum(series, below=below) for below in (False, True))
        both = ticks(max(highest, lowest))  # one scale: what went out is compared with what came in
        above, below = _until(both, highest if lowest else max(1, highest)), _until(both, lowest)
        return cls(
            above, below, count, int((max(len(shown(each)) for each in (*above, *below)) + bool(lowest)) * _LETTER) + 8
        )

    @property
    def _all(self) -> int:
        return self.above[-1] + self.below[-1]

    def y(self, value: int) -> int:
        """Of a value; below nothing it is negative."""
        return _TOP + _HIGH * (self.above[-1] - value) // self._all

    @property
    def bottom(self) -> int:
        return self.y(-self.below[-1]) + 1

    @property
    def step(self) -> float:
        return (_WIDE - self.left) / max(1, self.columns)

    def axis(self, shown: Shown) -> Markup:
        """Lines across, each with its value at the left."""
        line = Markup('<line x1="{}" x2="{}" y1="{}" y2="{}"{}/><text class="name" x="{}" y="{}">{}</text>')
        values = [*(-each for each in reversed(self.below[1:])), *self.above]
        nothing = Markup(' class="nothing"')
        return Markup("").join(
            line.format(
                self.left, _WIDE, y, y, nothing if not value else "", self.left - 5, y + 4, _signed(value, shown)
            )
            for value in values
            for y in (self.y(value),)
        )

    def foot(self, labels: Sequence[str], *, every: bool) -> Markup:
        """Labels below: as many as there is room for, the first and the last among them."""
        if not labels:
            return Markup("")
        room = 1 if every else max(1, int((_WIDE - self.left) / (max(map(len, labels)) * _LETTER + 12)))
        nths = (
            range(len(labels))
            if every
            else sorted({round(nth * (len(labels) - 1) / max(1, room - 1)) for nth in range(room)})
        )
        parts = Markup("")
        for nth in nths:
            half = len(labels[nth]) * _LETTER / 2
            middle = min(max(self.left + (nth + 0.5) * self.step, self.left + half), _WIDE - half)
            parts += Markup('<text class="top" x="{}" y="{}">{}</text>').format(
                round(middle, 1), self.bottom + 15, labels[nth]
            )
        return parts

    def column(self, nth: int, series: Series, top: int, told: str) -> Markup:
        """One piece, from ``top`` down by its value; turned over where it hangs below."""
        value = series.values[nth]
        if not value:
            return Markup("")
        ends = sorted((self.y(-top), self.y(value - top)) if series.below else (self.y(top), self.y(top - value)))
        wide = max(1.0, min(self.step * 0.8, 40))
        left = self.left + (nth + 0.5) * self.step - wide / 2
        return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            series.kind, round(left, 1), ends[0], round(wide, 1), max(1, ends[1] - ends[0]), told
        )


def _sum(series: Sequence[Series], *, below: bool) -> int:
    """The highest of the columns on one side of the line."""
    own = [each.values for each in series if each.below is below]
    return max([0, *map(sum, zip(*own, strict=True))])


def _signed(value: int, shown: Shown) -> str:
    return f"\N{MINUS SIGN}{shown(-value)}" if value < 0 else shown(value)


def _until(ticks: Sequence[int], most: int) -> Sequence[int]:
    return ticks[: sum(each < most for each in ticks) + 1]


def _legend(series: Series, top: int) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="11" height="11"/><text x="{}" y="{}">{}</text>').format(
        series.kind, 4, top + 4, 21, top + 14, series.name
    )


def _told(labels: Sequence[str], series: Sequence[Series], shown: Shown) -> str:
    parts = []
    for nth, label in enumerate(labels):
        values = [f"{each.name} " * (len(series) > 1) + shown(each.values[nth]) for each in series if each.values[nth]]
        parts += [f"{label}: {', '.join(values)}"] if values else []
    return "; ".join(parts)


def _plot(name: str, told: str, high: int, parts: Markup) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}. {}.">{}</svg>').format(
        _WIDE, high, name, told or "Nothing", parts
    )


def _short(label: str) -> str:
    return label if len(label) <= 21 else label[:20] + "…"
