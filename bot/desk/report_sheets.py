"""The owner's report as sheets: what each is called, its columns, and its rows by day. Sums in minor units and as written. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from bot.sheets import sheet
from services.desk.funnel import PAID_IN, Reach
from services.desk.report import Report
from services.model import Money

Rows = Iterator[tuple[object, ...]]


class Sheet(NamedTuple):
    """``words``: what its button says."""

    words: str
    heads: tuple[str, ...]
    rows: Callable[[Report], Rows]


def _written(amount: Money) -> str:
    """``120.00``: none of the report's sums is negative, so that a spreadsheet reads it as a number."""
    return str(amount).partition(" ")[0]


def _came(report: Report) -> Rows:
    for each in report.came:
        sums = each.amount.currency, each.amount.minor, _written(each.amount), each.fee.minor
        yield each.day, each.method, each.way, each.count, *sums


def _back(report: Report) -> Rows:
    for each in report.back:
        yield each.day, each.kind, each.count, each.amount.currency, each.amount.minor, _written(each.amount)


def _outcomes(report: Report) -> Rows:
    for each in report.fates:
        sums = each.count, each.amount.currency, each.amount.minor, _written(each.amount)
        yield each.day, each.kind, each.reason, *sums


def _letters(report: Report) -> Rows:
    for each in report.funnel.letters:
        yield (each.day, *(each.reached.get(step, 0) for step in Reach), *(each.seen.get(step, 0) for step in Reach))


def _times(report: Report) -> Rows:
    for way in report.funnel.ways:
        for until, count in zip((*PAID_IN.bounds, None), way.times.bins, strict=True):
            yield way.method or "all", until, count


_SUM = ("currency", "amount_minor", "amount")
SHEETS = {
    "money-in": Sheet("Money in", ("day", "method", "way", "payments", *_SUM, "fee_minor"), _came),
    "money-back": Sheet("Money back", ("day", "kind", "count", *_SUM), _back),
    "outcomes": Sheet("Outcomes", ("day_begun", "outcome", "reason", "payments", *_SUM), _outcomes),
    "letters": Sheet("Letters", ("day_sent", *Reach, *(f"seen_{step}" for step in Reach)), _letters),
    "time-to-pay": Sheet("Time to pay", ("method", "below_seconds", "letters"), _times),
}


def written(report: Report, name: str) -> str:
    """One of `SHEETS`, as CSV."""
    each = SHEETS[name]
    return sheet(each.heads, each.rows(report))
