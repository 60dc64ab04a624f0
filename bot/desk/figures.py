"""The numbers page for supervisors: load, waiting times, payments by outcome, where conversations end, satisfaction.

What is counted, and how, is `services.desk.numbers`; here it becomes tables, each with a small plot of the same numbers.
"""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.doors import Visit, page
from bot.desk.frame import render
from bot.desk.plots import bars, columns
from services.desk import numbers
from services.desk.handoffs import State
from services.desk.numbers import End, Waits

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
    days = numbers.days(remit.today(), count)
    since = numbers.begin(days[0], zone)
    load, waits = numbers.load(conn), {each.day: each for each in numbers.waits(conn, since, zone)}
    outcomes, ends = numbers.outcomes(conn, since, zone), numbers.ends(conn, since)
    per_day = Counter[Any]()
    by_state = Counter[str]()
    for each in outcomes:
        per_day[each.day] += each.count
        by_state[words.PAYMENT_STATES.get(each.state, each.state)] += each.count
    stars = numbers.stars(conn, since)
    return {
        "load": load,
        "longest": words.span(load.waits_since, now) if load.waits_since else "",
        "waits": [(day.isoformat(), _waited(each.taken), _waited(each.answered)) for day, each in waits.items()],
        "waits_plot": columns(
            "Median minutes until a person took the chat, by day",
            [(day.isoformat(), _minutes(waits[day].taken.median) if day in waits else 0) for day in days],
        ),
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
    return waits.count, waits.open, _words(waits.median), _words(waits.p90)


def _words(time: timedelta | None) -> str:
    if time is None:
        return "none"
    seconds = round(time.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _minutes(time: timedelta | None) -> int:
    return 0 if time is None else round(time / timedelta(minutes=1))
