"""The owner's report at the desk, for supervisors: pictures of any days, and sheets to take out. Taking one out is noted."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import HEADERS, render
from bot.desk.pictures import sections
from bot.desk.report_sheets import SHEETS, written
from bot.sheets import KIND
from services.desk import audit, report
from services.desk.days import Days
from services.desk.report import LONGEST, Report

if TYPE_CHECKING:
    from bot.app import Remit

USUAL = 30  # days


def routes(remit: "Remit") -> list[Route]:
    """``/desk/report``, and its sheets: a form, because it writes a line."""
    return [
        Route("/desk/report", page(remit, "supervisor", _show), methods=["GET"]),
        Route("/desk/report/export", form(remit, "supervisor", _export), methods=["POST"]),
    ]


def days_of(remit: "Remit", first: str, last: str) -> Days | str:
    """The days that somebody asks for, by default the last `USUAL` ones; or what is wrong with them, in a sentence."""
    try:
        until = date.fromisoformat(last) if last else remit.today()
        since = date.fromisoformat(first) if first else until - timedelta(days=USUAL - 1)
        if (until - since).days >= LONGEST or not 1970 < since.year <= until.year < 3000:
            return f"A report is of at most {LONGEST} days."
        return Days(since, until, remit.settings.zone)
    except (ValueError, OverflowError):
        return "Write the days as 2026-03-31, the first one first."


async def read(remit: "Remit", days: Days) -> Report:
    """The report of these days, as of now."""
    return await report.read(remit.transact, days, remit.settings.business.name, remit.clock())


async def _show(visit: Visit) -> Response:
    query = visit.request.query_params
    first, last = query.get("from", "")[:10], query.get("to", "")[:10]
    days = days_of(visit.remit, first, last)
    if isinstance(days, str):
        return _page(visit, 400, days, first=first, last=last, sections=[])
    shown = sections(await read(visit.remit, days))
    return _page(visit, first=days.all[0], last=days.all[-1], sections=shown)


def _page(visit: Visit, status: int = 200, problem: str = "", **values: Any) -> Response:
    sheets = {name: each.words for name, each in SHEETS.items()}
    return render(
        visit.frame, "report.html", status, title="Report", here="numbers", problem=problem, sheets=sheets, **values
    )


async def _export(visit: Visit, fields: Fields) -> Response:
    first, last, name = (fields.get(each, "") for each in ("from", "to", "sheet"))
    days = days_of(visit.remit, first, last)
    if isinstance(days, str) or name not in SHEETS:
        problem = days if isinstance(days, str) else "There is no such sheet."
        return _page(visit, 400, problem, first=first[:10], last=last[:10], sections=[])
    found = await read(visit.remit, days)
    told = {"sheet": name, "first": str(found.first), "last": str(found.last)}
    agent, now = visit.agent.id, visit.remit.clock()
    await visit.remit.transact(lambda conn: audit.note(conn, agent, "exported_report", now, **told))
    file = f"{name}-{found.first}-{found.last}.csv"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(written(found, name), media_type=KIND, headers=headers)
