"""Days in words and figures, English and Spanish, told against Thursday, November 26, 2026."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.reading.dates import Role, dates

TODAY = date(2026, 11, 26)


def told(text, **options):
    return [
        (each.value.role.value, each.value.first.isoformat(), each.value.last.isoformat())
        for each in dates(text, TODAY, **options)
    ]


def day(text, **options):
    found = told(text, **options)
    assert len(found) == 1, found
    role, first, last = found[0]
    assert first == last
    assert role == "on"
    return first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-11-26"),
        ("pay it tomorrow please", "2026-11-27"),
        ("the day after tomorrow", "2026-11-28"),
        ("i paid yesterday", "2026-11-25"),
        ("on friday", "2026-11-27"),
        ("on thursday", "2026-12-03"),  # never today: who means today says so
        ("next friday", "2026-12-04"),
        ("this friday", "2026-11-27"),
        ("last friday", "2026-11-20"),
        ("friday next week", "2026-12-04"),
        ("the 5th", "2026-12-05"),
        ("on the 31st", "2026-12-31"),
        ("nov 30", "2026-11-30"),
        ("Nov. 3", "2026-11-03"),  # of this month, though it has passed
        ("dec 1st", "2026-12-01"),
        ("the first of december", "2026-12-01"),
        ("march 3", "2027-03-03"),
        ("March 3rd, 2028", "2028-03-03"),
        ("friday the 4th", "2026-12-04"),
        ("in 3 days", "2026-11-29"),
        ("in two weeks", "2026-12-10"),
        ("a week from friday", "2026-12-04"),
        ("two weeks ago", "2026-11-12"),
        ("a month ago", "2026-10-26"),
        ("the end of the month", "2026-11-30"),
        ("15th of next month", "2026-12-15"),
        ("2026-12-24", "2026-12-24"),
        ("12/24", "2026-12-24"),
        ("12/24/26", "2026-12-24"),
        ("24/12/2026", "2026-12-24"),  # it can only be this
        ("hoy", "2026-11-26"),
        ("mañana por la mañana", "2026-11-27"),
        ("pasado mañana", "2026-11-28"),
        ("ayer", "2026-11-25"),
        ("el viernes", "2026-11-27"),
        ("el viernes que viene", "2026-12-04"),
        ("el próximo viernes", "2026-12-04"),
        ("el viernes pasado", "2026-11-20"),
        ("el 5", "2026-12-05"),
        ("el 5 de mayo", "2027-05-05"),
        ("el primero de enero de 2028", "2028-01-01"),
        ("en 3 días", "2026-11-29"),
        ("dentro de dos semanas", "2026-12-10"),
        ("hace 2 meses", "2026-09-26"),
        ("a fin de mes", "2026-11-30"),
    ],
)
def test_a_day_is_read(text, expected):
    assert day(text) == expected


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("next week", "2026-11-30", "2026-12-06"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("the last 30 days", "2026-10-27", "2026-11-26"),
        ("in march", "2027-03-01", "2027-03-31"),
        ("September 2025", "2025-09-01", "2025-09-30"),
        ("this weekend", "2026-11-28", "2026-11-29"),
        ("la semana que viene", "2026-11-30", "2026-12-06"),
        ("el mes pasado", "2026-10-01", "2026-10-31"),
        ("este mes", "2026-11-01", "2026-11-30"),
    ],
)
def test_a_stretch_of_days_is_read_whole(text, first, last):
    assert told(text) == [("during", first, last)]


def test_what_begins_and_what_ends_are_told_apart():
    assert told("from december 1 to december 5") == [
        ("from", "2026-12-01", "2026-12-01"),
        ("to", "2026-12-05", "2026-12-05"),
    ]
    assert told("monday till wednesday") == [("from", "2026-11-30", "2026-11-30"), ("to", "2026-12-02", "2026-12-02")]
    assert told("since last month") == [("from", "2026-10-01", "2026-10-01")]
    assert told("until january") == [("to", "2027-01-31", "2027-01-31")]
    assert told("desde mañana hasta el lunes") == [
        ("from", "2026-11-27", "2026-11-27"),
        ("to", "2026-11-30", "2026-11-30"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pay now",
        "i may pay",
        "the sun is out",
        "2.50",
        "$12.50",
        "1/2 of it",
        "INV-2026-11",
        "call 555-12-24",
        "one two three",
        "in 999 years",
        "mar",
        "x" * 5000,
    ],
)
def test_what_is_no_day_is_left_alone(text):
    assert told(text) == []


def test_figures_are_read_by_the_custom_of_the_place():
    assert day("5/11/2026") == "2026-05-11"
    assert day("5/11/2026", day_first=True) == "2026-11-05"


def test_the_place_of_a_day_is_where_it_stands():
    (found,) = dates("please pay it on the 3rd of March.", TODAY)
    assert "please pay it on the 3rd of March."[found.start : found.end] == "3rd of March"


def test_the_thirtyfirst_is_looked_for_in_a_month_that_has_one():
    (found,) = dates("the 31st", date(2026, 4, 2))
    assert found.value.first == date(2026, 5, 31)


def test_a_leap_day_waits_for_a_year_that_has_it():
    (found,) = dates("february 29 2028", TODAY)
    assert found.value.first == date(2028, 2, 29)


@given(st.text(max_size=300), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_no_text_breaks_it(text, today):
    for each in dates(text, today):
        assert 0 <= each.start < each.end <= len(text)
        assert each.value.first <= each.value.last or each.value.role is not Role.DURING


@given(
    st.lists(
        st.sampled_from(
            [
                *("next", "last", "the", "of", "in", "5th", "31", "feb", "march", "monday", "from", "to", "until"),
                *("week", "month", "12/31", "two", "ago", "2026", "el", "de", "mayo", "mañana", "del", "próximo"),
            ]
        ),
        max_size=12,
    )
)
def test_no_heap_of_words_of_time_breaks_it(heap):
    text = " ".join(heap)
    places = [(each.start, each.end) for each in dates(text, TODAY)]
    assert all(before[1] <= after[0] for before, after in pairwise(places))
