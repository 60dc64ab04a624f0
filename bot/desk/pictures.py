"""The owner's report as sections of plots and tables, and as sheets. Pure: what is counted is `services.desk.report`'s.

The page of the desk and the file that `remit report` writes show the same sections.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from markupsafe import Markup

from bot.desk import words
from bot.desk.plots import Series, bars, stacks
from services.desk.funnel import PAID_IN, Reach
from services.desk.income import FATES
from services.desk.report import Report
from services.model import Money

BY_DAY, BY_WEEK = (
    62,
    370,
)  # days up to which a plot has a column for each day, or week; beyond it has one for each month

METHODS = {
    ("card", "new"): "Card",
    ("card", "saved"): "Saved card",
    ("bank", "new"): "Bank account",
    ("bank", "saved"): "Saved bank account",
}
BACK = {
    "returned": "Returned by the bank",
    "refunded": "Refunded",
    "disputed": "Held in a dispute",
    "lost": "Lost in a dispute",
}
KINDS = {
    "paid": "Paid",
    "part_refunded": "Paid, refunded in part",
    "refunded": "Paid, refunded in full",
    "returned": "Returned by the bank",
    "disputed": "Disputed",
    "lost": "Lost in a dispute",
    "on_its_way": "On its way",
    "in_doubt": "In doubt",
    "not_begun": "Called off before a page was made",
    "open": "Page still open",
    "declined": "Declined, and left",
    "not_opened": "Page never opened",
    "abandoned": "Page opened, and left",
    "failed": "Failed",
}
STEPS = {
    Reach.SENT: "Letter sent",
    Reach.OPENED: "Link opened",
    Reach.BEGUN: "Chat begun",
    Reach.CHOSEN: "Method chosen",
    Reach.AGREED: "Sum confirmed",
    Reach.PAGE: "Payment page opened",
    Reach.PAID: "Paid",
}


class Table(NamedTuple):
    """A table under a plot: the first cell of a row is its head, the last ``numbers`` cells are numbers."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: int


class Section(NamedTuple):
    """One thing that is shown. ``empty``: what is said where there is nothing to draw."""

    name: str
    title: str
    notes: Sequence[str]
    plots: Sequence[Markup]
    tables: Sequence[Table]
    empty: str = ""


def sections(report: Report) -> list[Section]:
    """All of it, in the order of reading."""
    money = [_money(report, currency) for currency in report.currencies] or [_no_money()]
    return [*money, _outcomes(report), _waited(report), _letters(report)]


# --- money ------------------------------------------------------------------------------------------------------------


def _no_money() -> Section:
    return Section(
        "money", "Money in", (), (), (), "No money came in or went back, and no payment began, on these days."
    )


def _money(report: Report, currency: str) -> Section:
    """What came in and went back in one currency, by day or longer spans, and by method."""
    spans = _spans(report)
    came: dict[str, Counter[str]] = defaultdict(Counter)
    back: dict[str, Counter[str]] = defaultdict(Counter)
    for one in report.came:
        if one.amount.currency == currency:
            came[METHODS.get((one.method, one.way), f"{one.method} ({one.way})")][spans(one.day)] += one.amount.minor
    for other in report.back:
        if other.amount.currency == currency:
            back[BACK.get(other.kind, other.kind)][spans(other.day)] += other.amount.minor
    title = f"Money in, {currency}"
    if not came and not back:
        return Section(f"money-{currency}", title, (), (), (), f"No {currency} came in or went back on these days.")
    labels = list(dict.fromkeys(map(spans, _every_day(report))))
    into = [_series(name, "in", nth, came[name], labels) for nth, name in enumerate(_in_order(METHODS.values(), came))]
    out = [_series(name, "out", nth, back[name], labels) for nth, name in enumerate(_in_order(BACK.values(), back))]
    name = f"{currency} that came in, and below the line what went back, by {_unit(report)}"
    plot = stacks(name, labels, [*into, *out], lambda minor: words.whole_money(Money(minor, currency)))
    notes = (
        _total(report, currency),
        "By the day on which it happened at the payment processor; money back is not taken from the days on which it came.",
    )
    return Section(
        f"money-{currency}",
        title,
        notes,
        (plot,),
        (_by_span(report, currency, labels, [*into, *out]), _by_method(report, currency)),
    )


def _series(name: str, side: str, nth: int, sums: Counter[str], labels: Sequence[str]) -> Series:
    return Series(name, f"{side}{nth}", [sums[label] for label in labels], side == "out")


def _in_order(known: Iterable[str], found: Iterable[str]) -> list[str]:
    """Names that are there, those that are known first."""
    there = set(found)
    first = [name for name in known if name in there]
    return [*first, *sorted(there - set(first))]


def _total(report: Report, currency: str) -> str:
    came = sum(each.amount.minor for each in report.came if each.amount.currency == currency)
    fee = sum(each.fee.minor for each in report.came if each.fee.currency == currency)
    back = sum(each.amount.minor for each in report.back if each.amount.currency == currency)
    told = {
        name: words.money(Money(minor, currency))
        for name, minor in (("came", came), ("back", back), ("left", came - back), ("fee", fee))
    }
    fees = f" Of what came in, {told['fee']} are fees." if fee else ""
    return f"{told['came']} came in, {told['back']} went back: {told['left']} together.{fees}"


def _by_span(report: Report, currency: str, labels: Sequence[str], series: Sequence[Series]) -> Table:
    rows = []
    for nth, label in enumerate(labels):
        values = [-each.values[nth] if each.below else each.values[nth] for each in series]
        if any(values):
            rows.append(
                [
                    label,
                    *(words.money(Money(value, currency)) if value else "" for value in values),
                    words.money(Money(sum(values), currency)),
                ]
            )
    return Table(
        f"{currency} by {_unit(report)}",
        [_unit(report).capitalize(), *(each.name for each in series), "Together"],
        rows,
        len(series) + 1,
    )


def _by_method(report: Report, currency: str) -> Table:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in report.came:
        if each.amount.currency == currency:
            one = found[METHODS.get((each.method, each.way), f"{each.method} ({each.way})")]
            one[0], one[1] = one[0] + each.count, one[1] + each.amount.minor
    for other in report.back:
        if other.amount.currency == currency:
            one = found[BACK.get(other.kind, other.kind)]
            one[0], one[1] = one[0] + other.count, one[1] - other.amount.minor
    order = _in_order([*METHODS.values(), *BACK.values()], found)
    rows = [[name, found[name][0], words.money(Money(found[name][1], currency))] for name in order]
    return Table(f"{currency} by method, and what went back", ["By", "Number", "Sum"], rows, 2)


# --- what became of payments ------------------------------------------------------------------------------------------


def _outcomes(report: Report) -> Section:
    counts: Counter[str] = Counter()
    detailed: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in report.fates:
        counts[KINDS[each.kind]] += each.count
        one = detailed[FATES.index(each.kind), each.reason, each.amount.currency]
        one[0], one[1] = one[0] + each.count, one[1] + each.amount.minor
    if not counts:
        return Section("outcomes", "Outcomes", (), (), (), "No payment began on these days.")
    rows = [
        [KINDS[FATES[nth]], words.reason(why) if why else "", count, words.money(Money(minor, currency))]
        for (nth, why, currency), (count, minor) in sorted(detailed.items())
    ]
    plot = bars(
        "Payments that began on these days, by outcome",
        [(name, counts[name]) for name in KINDS.values() if counts[name]],
    )
    notes = ("Payments that began on these days, as they stand now.",)
    table = Table("Payments by outcome and reason", ["Outcome", "Reason", "Payments", "Sum"], rows, 2)
    return Section("outcomes", "Outcomes", notes, (plot,), (table,))


# --- letters ----------------------------------------------------------------------------------------------------------


def _since(report: Report) -> str:
    """What is said where these days begin before anything of letters was recorded."""
    since = report.funnel.since
    if since is None:
        return "Nothing is recorded yet: no letter was sent since letters are counted."
    day = since.astimezone(report.made_at.tzinfo).date()
    return f"Recorded since {day}; of the days before, nothing is known." if report.first < day else ""


def _waited(report: Report) -> Section:
    every, *by_method = report.funnel.ways
    title, since = "Time to pay after the e-mail", _since(report)
    if not every.times.count:
        return Section("times", title, [since] if since else (), (), (), "No letter of these days has been paid.")
    names = PAID_IN.names()
    plot = bars("Letters that were paid, by the time it took", list(zip(names, every.times.bins, strict=True)))
    heads = ["Paid by", "Letters", "Half within", "75% within", "90% within"]
    rows = [
        [
            words.METHODS.get(way.method, way.method) if way.method else "All",
            way.times.count,
            *map(words.lasted, (way.times.median, way.times.p75, way.times.p90)),
        ]
        for way in (every, *by_method)
    ]
    spread = [[name, *(way.times.bins[nth] for way in (every, *by_method))] for nth, name in enumerate(names)]
    columns_of = ["Time", *(str(row[0]) for row in rows)]
    notes = [
        *([since] if since else ()),
        "From the letter until the money arrived; bank payments take days to arrive. Letters not yet paid are not in it.",
    ]
    tables = (
        Table("Time until a letter was paid", heads, rows, 4),
        Table("Letters by the time it took", columns_of, spread, len(rows)),
    )
    return Section("times", title, notes, (plot,), tables)


def _letters(report: Report) -> Section:
    seen, reached = Counter[Reach](), Counter[Reach]()
    for each in report.funnel.letters:
        seen.update(each.seen)
        reached.update(each.reached)
    since, title = _since(report), "From the link to the payment"
    if not reached:
        return Section(
            "letters", title, [since] if since else (), (), (), "No letter with a pay link was sent on these days."
        )
    sent = reached[Reach.SENT]
    plot = bars("Letters that came at least so far", [(name, reached[step]) for step, name in STEPS.items()])
    rows = [[name, reached[step], f"{100 * reached[step] // sent} %", seen[step]] for step, name in STEPS.items()]
    notes = [
        *([since] if since else ()),
        (
            "Each letter by the farthest step that its invoice came to before the next letter about it. Who paid without opening the "
            "letter, signed in for instance, has passed the steps before as well; the last column counts what was seen of each step. "
            "Mail scanners open links, too."
        ),
    ]
    return Section(
        "letters",
        title,
        notes,
        (plot,),
        (Table("Letters by step", ["Step", "Came so far", "Of those sent", "Seen"], rows, 3),),
    )


# --- spans of a plot --------------------------------------------------------------------------------------------------


def _every_day(report: Report) -> Iterable[date]:
    return (report.first + timedelta(days=nth) for nth in range((report.last - report.first).days + 1))


def _unit(report: Report) -> str:
    length = (report.last - report.first).days + 1
    return "day" if length <= BY_DAY else "week" if length <= BY_WEEK else "month"


def _spans(report: Report) -> Callable[[date], str]:
    """The label of the column in which a day stands: itself, the Monday of its week (ISO 8601), or its month."""
    unit = _unit(report)
    if unit == "month":
        return lambda day: f"{day:%Y-%m}"
    if unit == "week":
        return lambda day: str(max(day - timedelta(days=day.weekday()), report.first))
    return str
