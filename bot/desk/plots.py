"""Plots of the desk's numbers as inline SVG: made here, styled by the desk's sheet, each with what it shows as text.

No script and no style of their own, as the pages' policy wants; every plot stands beside a table with the same numbers.
"""

from collections.abc import Sequence

from markupsafe import Markup

_ROW = 28  # units of a bar's row, which are pixels at full size
_NAME, _BARS, _COUNT = 150, 330, 60
_HIGH, _FOOT = 120, 22


def bars(name: str, values: Sequence[tuple[str, int]]) -> Markup:
    """Horizontal bars, one for each label. ``name`` says what is shown, for those who do not see it."""
    most = max([1, *(value for _, value in values)])
    rows = Markup("")
    for nth, (label, value) in enumerate(values):
        top, length = nth * _ROW, max(1 if value else 0, round(_BARS * value / most))
        rows += Markup(
            '<text class="name" x="{0}" y="{1}">{2}</text><rect x="{3}" y="{4}" width="{5}" height="18" rx="2"/>'
            '<text class="count" x="{6}" y="{1}">{7}</text>'
        ).format(_NAME, top + 19, _short(label), _NAME + 10, top + 5, length, _NAME + 16 + length, value)
    return _plot(name, values, _NAME + _BARS + _COUNT, max(1, len(values)) * _ROW, rows)


def columns(name: str, values: Sequence[tuple[str, int]]) -> Markup:
    """Upright columns along a time: the first and the last are labeled, and the highest has its number."""
    most = max([1, *(value for _, value in values)])
    wide = _NAME + _BARS + _COUNT
    step = wide / max(1, len(values))
    rows, marked = Markup(""), False
    for nth, (_, value) in enumerate(values):
        high = round(_HIGH * value / most)
        left, top = round(nth * step, 1), _HIGH - high + 18
        rows += Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(left, top, round(step * 0.8, 1), high)
        if value == most and not marked:
            marked = True
            middle = min(max(left + step * 0.4, 14), wide - 14)
            rows += Markup('<text class="top" x="{}" y="{}">{}</text>').format(round(middle, 1), top - 5, value)
    if values:
        foot = _HIGH + 18 + _FOOT - 5
        rows += Markup('<text x="0" y="{}">{}</text>').format(foot, _short(values[0][0]))
        if len(values) > 1:
            rows += Markup('<text class="name" x="{}" y="{}">{}</text>').format(wide, foot, _short(values[-1][0]))
    return _plot(name, values, wide, _HIGH + 18 + _FOOT, rows)


def _plot(name: str, values: Sequence[tuple[str, int]], wide: int, high: int, rows: Markup) -> Markup:
    told = ", ".join(f"{label}: {value}" for label, value in values) or "nothing"
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}. {}.">{}</svg>').format(
        wide, high, name, told, rows
    )


def _short(label: str) -> str:
    return label if len(label) <= 22 else label[:21] + "…"
