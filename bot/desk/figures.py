"""The numbers page for supervisors: load, waiting times, payments by outcome, where conversations end, satisfaction.

What is counted, and how, is `services.desk.numbers`; here it becomes tables, each with a small plot of the same numbers.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.doors import Visit, page
from bot.desk.frame import render
from bot.desk.plots import bars, columns, time_ticks
from services.desk import numbers
from services.desk.days import begin
from services.desk.days import days as days_up_to
from services.desk.handoffs import State
from services.desk.numbers import End, Waits
from services.desk.times import brief

if TYPE_CHECKING:
    from bot.app import Remit

SPANS = (1, 7, 30, 90)  # days that can be chosen
_USUAL = 7
ENDS = {
    End.PAID: "Paid",
    End.ON_ITS_WAY: "Payment on its way",
    End.HANDED_OVER: "Handed to a person",
    End.WENT_BACK: "Sent back by the bank",
    End.DECLINED: "Declined, and left",
    End.NOT_PAID: "Link opened, not paid",
    End.NOT_OPENED: "Link not opened",
}


def routes(remit: "Remit") -> list[Route]:
    """``/desk/numbers``."""
    return [Route("/desk/numbers", page(remit, "supervisor", _show), methods=["GET"])]


async def _show(visit: Visit) -> Response:
    told = visit.request.query_params.get("days", "")
    count = int(told) if told in {str(each) for each in SPANS} else _USUAL
    values = await visit.remit.transact(partial(_read, visit.remit, count=count))
    return render(visit.frame, "figures.html", title="Numbers", here="numbers", count=count, spans=SPANS, **values)


def _read(remit: "Remit", conn: Connection, *, count: int) -> dict[str, Any]:
    zone, now = remit.settings.zone, remit.clock()
    days = days_up_to(remit.today(), count)
    since = begin(days[0], zone)
    load, waits = numbers.load(conn), {each.day: each for each in numbers.waits(conn, since, zone)}
    outcomes, ends = numbers.outcomes(conn, since, zone), numbers.ends(conn, since)
    per_day = Counter[Any]()
    by_state = Counter[str]()
    for each in outcomes:
        per_day[each.day] += each.count
        by_state[words.PAYMENT_STATES.get(each.state, each.state)] += each.count
    stars = numbers.stars(conn, since)
    taken = _together(each.taken for each in waits.values())
    answered = _together(each.answered for each in waits.values())
    waited = list(zip(numbers.WAITED.names(), taken, answered, strict=True)) if waits else []
    return {
        "load": load,
        "longest": words.span(load.waits_since, now) if load.waits_since else "",
        "waits": [(day.isoformat(), _waited(each.taken), _waited(each.answered)) for day, each in waits.items()],
        "waits_plot": columns(
            "Time until a person took the chat, the median by day",
            [(day.isoformat(), _seconds(waits[day].taken.median) if day in waits else 0) for day in days],
            brief,
            time_ticks,
        ),
        "waited": waited,
        "waited_plot": bars("Chats by the time until a person took them", [(name, taken) for name, taken, _ in waited]),
        "outcomes": [
            (each.day.isoformat(), words.PAYMENT_STATES.get(each.state, each.state), each) for each in outcomes
        ],
        "payments_plot": columns("Payments begun, by day", [(day.isoformat(), per_day[day]) for day in days]),
        "outcomes_plot": bars("Payments by outcome", by_state.most_common()),
        "ends": [(ENDS[end], number) for end, number in ends.items()],
        "ends_plot": bars("Where conversations end", [(ENDS[end], number) for end, number in ends.items()]),
        "reasons": [(words.reason(name), states) for name, states in numbers.reasons(conn, since).items()],
        "states": [(state, words.STATES[state]) for state in State],
        "stars": [(f"{star} of 5", number) for star, number in stars.items()],
        "stars_plot": bars("Stars of customers", [(f"{star} of 5", number) for star, number in stars.items()]),
        "people": numbers.satisfaction(conn, since),
        "help": numbers.helping(conn, since),
    }


def _waited(waits: Waits) -> tuple[int, int, str, str]:
    """How many, how many still wait, median and 90th percentile in words."""
    return waits.count, waits.open, words.lasted(waits.median), words.lasted(waits.p90)


def _together(waits: Iterable[Waits]) -> list[int]:
    """How many of all days took as long as each span."""
    return [sum(each) for each in zip(*(one.bins for one in waits), strict=True)] or [0] * len(numbers.WAITED.names())


def _seconds(time: timedelta | None) -> int:
    return 0 if time is None else round(time / timedelta(seconds=1))
