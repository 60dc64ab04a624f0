"""Autopay for supervisors: its runs, what each did and why, and the switch that stops what autopay would charge.

What is shown is read from the rows that the runs left; nothing is decided here. Customers are named by their ids.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import note, render
from bot.desk.money import asked_by, confirm
from dialogs.reading.guard import redact
from services.desk import audit
from services.payments import pauses
from services.payments.autopay import runs
from services.payments.autopay.runs import Line, Run

if TYPE_CHECKING:
    from bot.app import Remit

MOST = 100  # runs in one list
LONGEST_WHY = 500


def routes(remit: "Remit") -> list[Route]:
    """``/desk/autopay`` and below."""
    return [
        Route("/desk/autopay", page(remit, "supervisor", _list), methods=["GET"]),
        Route("/desk/autopay/pause", form(remit, "supervisor", _pause), methods=["POST"]),
        Route("/desk/autopay/{run:int}", page(remit, "supervisor", _open), methods=["GET"]),
    ]


async def _list(visit: Visit) -> Response:
    def look(conn: Connection) -> tuple[list[Run], bool]:
        return runs.runs(conn, MOST), pauses.is_autopay_paused(conn)

    found, paused = await visit.remit.transact(look)
    offered = visit.remit.settings.autopay.offered
    values: dict[str, Any] = {
        "found": found,
        "most": MOST,
        "paused": paused,
        "offered": offered,
        "zone": visit.remit.settings.zone,
    }
    return render(visit.frame, "autopay.html", title="Autopay", here="autopay", **values)


async def _open(visit: Visit) -> Response:
    number = int(visit.request.path_params["run"])

    def look(conn: Connection) -> list[Line] | None:
        found = runs.lines_of(conn, number) if number < 2**31 else None
        if found is not None:
            audit.note(conn, visit.agent.id, "saw_autopay_run", visit.remit.clock(), run=number)
        return found

    lines = await visit.remit.transact(look)
    if lines is None:
        return note(visit.frame, 404, "No such run", "There is no run of autopay with this number that did anything.")
    return render(visit.frame, "autopay_run.html", title=f"Run {number} of autopay", here="autopay", lines=lines)


async def _pause(visit: Visit, fields: Fields) -> Response:
    paused, why = fields.get("paused") == "yes", redact(fields.get("why", "").strip()[:LONGEST_WHY]).text
    if fields.get("sure") != "yes":
        title = "Pause autopay?" if paused else "Let autopay charge again?"
        text = (
            "Autopay charges nothing until you resume it. Customers can pay as usual, and what has begun goes on."
            if paused
            else "What is due is charged with the next run, within the hour."
        )
        kept = {"paused": fields.get("paused", ""), "why": why}
        return confirm(visit, title, text, "Pause autopay" if paused else "Resume autopay", "autopay/pause", kept)
    await visit.remit.transact(partial(_switch, visit, paused, why))
    return visit.to("autopay")


def _switch(visit: Visit, paused: bool, why: str, conn: Connection) -> None:
    now = visit.remit.clock()
    if pauses.set_paused(conn, paused, asked_by(visit.agent), why, now, autopay=True):
        audit.note(conn, visit.agent.id, "paused_autopay" if paused else "resumed_autopay", now)
