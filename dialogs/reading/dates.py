"""Days as people write them, in English and Spanish: "friday", "the 5th", "in two weeks", "el 3 de mayo", "last month".

Only finding and valuing them lives here, against a day that is given: nothing reads a clock. A day without a year is the
next one that fits, a month that has passed is next year's. The words are tables; another language adds to them.
"""

import calendar
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from itertools import islice
from operator import itemgetter

import msgspec

from dialogs.reading.amounts import Found

_MOST = 32  # a text with more of them is a table, not an answer
_LONGEST = 1000  # characters; what is longer is a letter, and may name any day
_MOST_YEARS = 50  # nobody means a longer time
_WEEK = timedelta(weeks=1)
_DAY = timedelta(days=1)


class Role(StrEnum):
    """What a day is to the sentence: the day itself, where something begins or ends, or a stretch of days."""

    ON = "on"
    FROM = "from"
    TO = "to"
    DURING = "during"


class Days(msgspec.Struct, frozen=True):
    """One day or a stretch of them, both ends included; for one day ``first`` and ``last`` are the same."""

    role: Role
    first: date
    last: date


# --- words --------------------------------------------------------------------------------------------------------


def _table(lines: str, *, first: int = 0) -> dict[str, int]:
    return {word: place for place, line in enumerate(lines.split(","), start=first) for word in line.split()}


_MONTHS = _table(
    "january jan enero ene,february feb febrero,march mar marzo,april apr abril abr,may mayo,june jun junio,july jul julio,"
    "august aug agosto ago,september sept sep septiembre setiembre,october oct octubre,november nov noviembre,"
    "december dec diciembre dic",
    first=1,
)
_WEEKDAYS = _table(
    "monday mon mondays lunes,tuesday tue tues martes,wednesday wed wednsday miércoles miercoles,"
    "thursday thu thur thurs jueves,friday fri viernes,saturday sat sábado sabado,sunday sun domingo"
)
_NOT_SHORT = frozenset(
    {"mar", "may", "sat", "sun", "mon", "wed", "ago", "sep", "dic", "ene", "fri"}
)  # words or names too
_COUNTS = _table(
    "zero cero,one a an un una uno,two dos,three tres,four cuatro,five cinco,six seis,seven siete,eight ocho,nine nueve,"
    "ten diez,eleven once,twelve doce,thirteen trece,fourteen catorce,fifteen quince"
) | {"couple of": 2, "a couple of": 2, "few": 3, "a few": 3, "unos": 3, "un par de": 2}
_ORDINALS = _table(
    "zeroth,first primero,second,third,fourth,fifth,sixth,seventh,eighth,ninth,tenth,eleventh,twelfth,thirteenth,"
    "fourteenth,fifteenth"
)
_UNITS = {
    **dict.fromkeys(("day", "days", "día", "días", "dia", "dias"), "day"),
    **dict.fromkeys(("week", "weeks", "semana", "semanas"), "week"),
    **dict.fromkeys(("fortnight", "fortnights"), "fortnight"),
    **dict.fromkeys(("month", "months", "mes", "meses"), "month"),
    **dict.fromkeys(("quarter", "quarters", "trimestre"), "quarter"),
    **dict.fromkeys(("year", "years", "año", "años", "ano", "anos"), "year"),
}
_NEAR_DAYS = {
    **dict.fromkeys(("day after tomorrow", "pasado mañana", "pasado manana"), 2),
    **dict.fromkeys(
        ("tomorrow", "tomorow", "tommorow", "tommorrow", "tomorrows", "tmrw", "tmw", "mañana", "manana"), 1
    ),
    **dict.fromkeys(("today", "tonight", "todays", "hoy", "esta noche"), 0),
    **dict.fromkeys(("this morning", "this afternoon", "this evening", "esta mañana", "esta tarde"), 0),
    **dict.fromkeys(("day before yesterday", "anteayer", "antier", "antes de ayer"), -2),
    **dict.fromkeys(("yesterday", "yesterdays", "last night", "ayer", "anoche"), -1),
}
_THIS = {
    **dict.fromkeys(("this", "current", "the current", "este", "esta", "this coming", "coming"), 0),
    **dict.fromkeys(("next", "the next", "the following", "próximo", "próxima", "proximo", "proxima"), 1),
    **dict.fromkeys(("last", "the last", "past", "previous", "the previous", "pasado", "pasada"), -1),
}


def _any(words: Mapping[str, object]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + ")"


_MONTH = rf"(?P<month>{_any(_MONTHS)})\b\.?"
_WEEKDAY = rf"(?P<weekday>{_any(_WEEKDAYS)})\b"
_TH = r"(?:\s?(?:st|nd|rd|th)|º|°)"
_NTH = (
    rf"(?P<day>(?:3[01]|[12][0-9]|0?[1-9])(?:{_TH})?|{_any({w: 0 for w in _ORDINALS if w != 'zeroth'})})(?![0-9a-z%])"
)
_ONLY_TH = rf"(?P<day>(?:3[01]|[12][0-9]|[1-9]){_TH})\b"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![0-9])"
_COUNT = rf"(?P<count>[0-9]{{1,3}}|{_any(_COUNTS)})"
_UNIT = rf"(?P<unit>{_any(_UNITS)})\b"
_THAT = rf"(?P<that>{_any(_THIS)})"
_OF = r"(?:\s?,?\s?(?:of|de|del)?\s?(?:the\s)?)"
_ON_A = rf"(?:{_WEEKDAY}\s?,?\s(?:the\s|on\sthe\s|el\s)?)?"
_IN_YEAR = rf"(?:(?:\s?,?\s?(?:of\s|in\s|de\s|del\s)?){_YEAR})?"
_PASSED = r"(?P<passed>que viene|pasad[oa]|próxim[oa]|proxim[oa]|entrante)"


# --- what they mean -----------------------------------------------------------------------------------------------

_Meaning = Callable[[re.Match[str], date], tuple[date, date] | None]


def _one(day: date | None) -> tuple[date, date] | None:
    return (day, day) if day else None


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _near(found: re.Match[str], today: date) -> tuple[date, date] | None:
    return _one(today + _NEAR_DAYS[" ".join(found["near"].split())] * _DAY)


def _nth(written: str) -> int:
    return _ORDINALS[written] if written in _ORDINALS else int(re.sub(r"[^0-9]", "", written))


def _named(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """A day of a month, with or without its weekday and year."""
    month, day = _MONTHS[found["month"]], _nth(found["day"])
    if found["year"]:
        return _one(_made(int(found["year"]), month, day))
    first = today.year + (month < today.month)
    fits = (_made(year, month, day) for year in range(first, first + 12))
    return _one(next((it for it in fits if it and _falls(it, found["weekday"])), _made(first, month, day)))


def _falls(day: date, weekday: str | None) -> bool:
    return not weekday or day.weekday() == _WEEKDAYS[weekday]


def _of_month(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """So it is with "The 5th": of this month or the next that has it, and on which it falls on the weekday that is named."""
    day, weekday = _nth(found["day"]), found.groupdict().get("weekday")
    months = (_months_on(today.replace(day=1), ahead) for ahead in range(48))
    fits = (_made(month.year, month.month, day) for month in months)
    return _one(next((it for it in fits if it and it >= today and _falls(it, weekday)), None))


def _of_that_month(found: re.Match[str], today: date) -> tuple[date, date] | None:
    month = _months_on(today.replace(day=1), _THIS[_tidy(found["that"])])
    return _one(_made(month.year, month.month, _nth(found["day"])))


def _weekday(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """So it is with "Friday": the next one, never today; "next Friday": that of next week; "last Friday": the one before today."""
    groups = found.groupdict()
    ahead = (_WEEKDAYS[found["weekday"]] - today.weekday() - 1) % 7 + 1
    that = _THIS[_tidy(groups["that"])] if groups.get("that") else 0
    if groups.get("passed"):
        that = -1 if groups["passed"].startswith("pasad") else 1
    if groups.get("week"):
        that = _THIS[_tidy(groups["week"])]
        return _one(_monday(today) + that * _WEEK + _WEEKDAYS[found["weekday"]] * _DAY)
    if that > 0:
        return _one(_monday(today) + _WEEK + _WEEKDAYS[found["weekday"]] * _DAY)
    return _one(today + (ahead - 7 if that < 0 and ahead < 7 else ahead if that >= 0 else -7) * _DAY)


def _weekday_in(found: re.Match[str], today: date) -> tuple[date, date] | None:
    return _one(_monday(today) + _count(found["count"]) * _WEEK + _WEEKDAYS[found["weekday"]] * _DAY)


def _weeks_from(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """So it is with "A week from Friday": counted from the next one."""
    ahead = (_WEEKDAYS[found["weekday"]] - today.weekday() - 1) % 7 + 1
    return _one(today + ahead * _DAY + _count(found["count"]) * _WEEK)


def _at_once(found: re.Match[str], today: date) -> tuple[date, date] | None:
    del found
    return _one(today)


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _tidy(written: str) -> str:
    return " ".join(written.split())


def _count(written: str) -> int:
    return int(written) if written.isdigit() else _COUNTS[_tidy(written)]


def _moved(today: date, unit: str, count: int) -> date | None:
    if unit in ("month", "quarter", "year"):
        months = count * {"month": 1, "quarter": 3, "year": 12}[unit]
        return _months_on(today, months) if abs(months) <= 12 * _MOST_YEARS else None
    return today + count * {"day": 1, "week": 7, "fortnight": 14}[unit] * _DAY


def _ahead(found: re.Match[str], today: date) -> tuple[date, date] | None:
    return _one(_moved(today, _UNITS[found["unit"]], _count(found["count"])))


def _ago(found: re.Match[str], today: date) -> tuple[date, date] | None:
    return _one(_moved(today, _UNITS[found["unit"]], -_count(found["count"])))


def _stretch(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """So it is with "This week", "next month", "last quarter": all its days; a "day" is one."""
    groups = found.groupdict()
    that = -1 if (groups.get("passed") or "").startswith("pasad") else 1
    if groups.get("that"):
        that = _THIS[_tidy(groups["that"])]
    return _whole(today, _UNITS[found["unit"]], that)


def _whole(today: date, unit: str, that: int) -> tuple[date, date] | None:
    if unit == "week":
        first = _monday(today) + that * _WEEK
        return first, first + 6 * _DAY
    if unit == "month":
        first = _months_on(today.replace(day=1), that)
        return first, _month_end(first)
    if unit == "quarter":
        first = _months_on(date(today.year, (today.month - 1) // 3 * 3 + 1, 1), 3 * that)
        return first, _month_end(_months_on(first, 2))
    if unit == "year":
        return date(today.year + that, 1, 1), date(today.year + that, 12, 31)
    return None


def _lately(found: re.Match[str], today: date) -> tuple[date, date] | None:
    """So it is with "The last 30 days" ends today; "the last 4 months" are whole months, up to the first of this one."""
    unit, count = _UNITS[found["unit"]], _count(found["count"])
    ends = today.replace(day=1) if unit in ("month", "quarter", "year") else today
    first = _moved(ends, unit, -count)
    return (first, ends) if first else None


def _coming(found: re.Match[str], today: date) -> tuple[date, date] | None:
    last = _moved(today, _UNITS[found["unit"]], _count(found["count"]))
    return (today, last) if last else None


def _month(found: re.Match[str], today: date) -> tuple[date, date] | None:
    groups, month = found.groupdict(), _MONTHS[found["month"]]
    year = int(groups["year"]) if groups.get("year") else today.year + (month < today.month)
    if groups.get("that"):
        year = today.year + _THIS[_tidy(groups["that"])]
    first = date(year, month, 1)
    return first, _month_end(first)


def _end(found: re.Match[str], today: date) -> tuple[date, date] | None:
    stretch = _whole(today, _UNITS[found["unit"]], 0)
    return _one(stretch[1]) if stretch else None


def _weekend(found: re.Match[str], today: date) -> tuple[date, date] | None:
    that = _THIS[_tidy(found["that"])] if found["that"] else 0
    saturday = _monday(today) + that * _WEEK + 5 * _DAY
    return saturday, saturday + _DAY


def _year(found: re.Match[str], today: date) -> tuple[date, date] | None:
    year = int(found["year"])
    return (date(year, 1, 1), date(year, 12, 31)) if abs(year - today.year) <= _MOST_YEARS else None


def _iso(found: re.Match[str], today: date) -> tuple[date, date] | None:
    del today
    return _one(_made(int(found["year"]), int(found["m"]), int(found["d"])))


def _in_figures(found: re.Match[str], today: date, *, day_first: bool) -> tuple[date, date] | None:
    """5/11 and 5/11/2026: month first as in the United States, or day first; what can be only one way is that way."""
    one, two = int(found["m"]), int(found["d"])
    if (day_first or one > 12) and two <= 12:
        one, two = two, one
    if one > 12:
        return None
    year = int(found["y"] or 0)
    if not found["y"]:
        year = today.year + (one < today.month)
    return _one(_made(year + 2000 if year < 100 else year, one, two))


# Earlier ones win where two overlap.
_FORMS: tuple[tuple[str, _Meaning], ...] = (
    (rf"{_YEAR}-(?P<m>[0-9]{{2}})-(?P<d>[0-9]{{2}})(?![0-9])", _iso),
    (rf"{_ON_A}{_MONTH}\s?(?:the\s)?{_NTH}{_IN_YEAR}", _named),
    (rf"{_ON_A}{_NTH}{_OF}{_MONTH}{_IN_YEAR}", _named),
    (rf"{_NTH}\s(?:of|del?)\s(?:the\s)?{_THAT}\s(?:month|mes)\b", _of_that_month),
    (r"mañana\spor\sla\s(?P<near>mañana)\b", _near),
    (rf"{_WEEKDAY}\s?,?\s(?:of\s)?(?P<week>{_any(_THIS)})\sweek\b", _weekday),
    (rf"(?P<week>{_any(_THIS)})\sweek\s(?:on\s)?{_WEEKDAY}", _weekday),
    (rf"{_WEEKDAY}\sin\s{_COUNT}\sweeks?\b", _weekday_in),
    (rf"{_WEEKDAY}\s(?:the\s)?{_ONLY_TH}", _of_month),
    (rf"{_THAT}\s{_WEEKDAY}\s(?:the\s)?{_ONLY_TH}", _of_month),
    (rf"{_THAT}\s{_WEEKDAY}", _weekday),
    (rf"{_WEEKDAY}\s{_PASSED}", _weekday),
    (rf"(?P<near>{_any(_NEAR_DAYS).replace(chr(92) + ' ', chr(92) + 's')})\b", _near),
    (rf"(?:in|dentro\sde|en)\s{_COUNT}\s(?:more\s)?{_UNIT}(?:\stime\b)?", _ahead),
    (rf"{_COUNT}\s{_UNIT}\s(?:from\s(?:now|today)|today|later)\b", _ahead),
    (rf"{_COUNT}\sweeks?\sfrom\s{_WEEKDAY}", _weeks_from),
    (r"(?<=from\s)now\b|(?<=desde\s)ahora\b", _at_once),
    (rf"{_COUNT}\s{_UNIT}\s(?:ago|back|before|earlier|atrás|atras)\b", _ago),
    (rf"hace\s{_COUNT}\s{_UNIT}", _ago),
    (rf"(?:the\s)?(?:last|past|previous|últimos|ultimos|últimas|ultimas)\s{_COUNT}\s{_UNIT}", _lately),
    (rf"(?:the\s)?(?:next|coming|próximos|proximos|próximas|proximas)\s{_COUNT}\s{_UNIT}", _coming),
    (rf"(?:the\s)?(?:end|last\sday)\sof\s(?:the|this)\s{_UNIT}", _end),
    (r"(?:(?:a\s)?fin(?:ales)?\sde|último\sdía\sdel?|ultimo\sdia\sdel?)\s(?:este\s)?(?P<unit>mes|año)\b", _end),
    (rf"{_MONTH}\s{_THAT}\syear\b", _month),
    (rf"{_THAT}\s{_UNIT}", _stretch),
    (rf"(?P<unit>semana|mes|año|trimestre)\s{_PASSED}", _stretch),
    (rf"(?:(?P<that>{_any(_THIS)})\s|the\s)weekend\b", _weekend),
    (rf"(?:(?P<that>{_any(_THIS)})|el)\sfin\sde\ssemana\b", _weekend),
    (rf"{_MONTH}(?:\sof|\sde)?\s{_YEAR}", _month),
    (rf"{_WEEKDAY}", _weekday),
    (rf"(?P<month>{_any({m: 0 for m in _MONTHS if m not in _NOT_SHORT})})\b", _month),
    (rf"(?:(?<=\bin\s)|(?<=\bby\s)|(?<=\btill\s)|(?<=\buntil\s)|(?<=\ben\s)|(?<=\bhasta\s)){_MONTH}", _month),
    (rf"{_ONLY_TH}", _of_month),
    (r"(?<=\bel\s)(?:día\s|dia\s)?(?P<day>3[01]|[12][0-9]|[1-9])\b(?!\s?[%$€]|[.,/:-][0-9]|\sde\b)", _of_month),
    (rf"(?:in|during|of|en|durante)\s{_YEAR}", _year),
)
_FIGURES = re.compile(
    r"(?<![\w/.$€£-])(?P<m>[0-3]?[0-9])(?P<sep>[/.-])(?P<d>[0-3]?[0-9])(?:(?P=sep)(?P<y>(?:20)?[0-9]{2}))?(?![\w/%-]|\.[0-9]|\s(?:of|de)\b)"
)
_PATTERNS = tuple((re.compile(rf"\b{form}"), meaning) for form, meaning in _FORMS)
# Without one of these words, or figures, there is no day in a text.
_HINT = re.compile(
    rf"[0-9]|\b(?:{_any(_MONTHS)}|{_any(_WEEKDAYS)}|{_any(_UNITS)}|{_any({w.split()[-1]: 0 for w in _NEAR_DAYS})}|weekend)\b"
)
_SHORT_ALONE = re.compile(rf"^(?:{'|'.join(sorted(_NOT_SHORT))})$")

# What stands before a day tells what it is to the sentence.
_BEFORE = r"\s(?:(?:on|about|around|at|the|el|day|del|like|say)\s){0,2}$"
_BEGINS = re.compile(
    r"\b(?:from|since|starting|starts?|beginning|begins?|between|after|desde|entre|a partir(?: de)?)" + _BEFORE
)
_ENDS = re.compile(r"\b(?:until|till|til|up to|hasta)" + _BEFORE)
_SINCE = re.compile(r"\b(?:since|desde|starting)" + _BEFORE)
_JOINED = re.compile(
    r"\s(?:to|and|until|till|til|up to|through|thru|al?|y|hasta)\s(?:the\s|el\s)?|\s?[-–]\s?"  # noqa: RUF001  # as pasted
)
_REACH = 32  # characters: how far back the word may begin


def dates(text: str, today: date, *, day_first: bool = False) -> tuple[Found[Days], ...]:
    """The days in the text, in order. ``today`` is the day that "tomorrow" is told by; the business's own, not UTC's.

    ``day_first`` says how 5/11 is read: as the 5th of November, not as May 11. A month or week is a stretch of days, or
    its end where the sentence says "until". Never raises.
    """
    said = text.lower()
    if len(text) > _LONGEST or len(said) != len(text) or not _HINT.search(said):
        return ()
    answer: list[Found[Days]] = []
    for (first, last), start, end in sorted(_all(said, today, day_first=day_first), key=itemgetter(1)):
        before = answer[-1] if answer else None
        joined = before is not None and _JOINED.fullmatch(said[before.end : start]) is not None
        role = _role(said, start, stretch=first != last, joined=joined)
        if before is not None and joined and role is Role.TO:
            answer[-1] = Found(_as(Role.FROM, before.value.first, before.value.last), before.start, before.end)
        answer.append(Found(_as(role, first, last), start, end))
    return tuple(answer)


def _all(said: str, today: date, *, day_first: bool) -> Iterator[tuple[tuple[date, date], int, int]]:
    taken: list[tuple[int, int]] = []
    for pattern, meaning in _PATTERNS:
        for match in islice(pattern.finditer(said), _MOST):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            if not _is_word(said, match) or (days := meaning(match, today)) is None:
                continue
            taken.append(match.span())
            yield days, match.start(), match.end() - match[0].endswith(".")  # which ends the sentence
    for match in islice(_FIGURES.finditer(said), _MOST):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        if (match["sep"] == "/" or match["y"]) and (days := _in_figures(match, today, day_first=day_first)):
            yield days, match.start(), match.end()


def _is_word(said: str, match: re.Match[str]) -> bool:
    """Whether a short form is a day at all: "sun", "may" and "mar" are words too, unless they are all that is said."""
    return not _SHORT_ALONE.match(match[0]) or match[0] == said.strip(" .,!")


def _role(said: str, start: int, *, stretch: bool, joined: bool) -> Role:
    lead = said[max(0, start - _REACH) : start]
    if joined or _ENDS.search(lead):
        return Role.TO
    if (_SINCE if stretch else _BEGINS).search(lead):  # what is "from last month" is of that month
        return Role.FROM
    return Role.DURING if stretch else Role.ON


def _as(role: Role, first: date, last: date) -> Days:
    if role is Role.TO:
        return Days(role, last, last)
    return Days(role, first, first if role is Role.FROM else last)
