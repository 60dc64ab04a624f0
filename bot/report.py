"""The owner's report for the command line: the numbers, behind the token of ``server.json``, and the files that show them.

Where files are written is `bot.report_commands`.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.desk.frame import STYLE, TEMPLATES
from bot.desk.pictures import sections
from bot.desk.report_page import days_of, read
from bot.desk.report_sheets import SHEETS, written
from bot.web import Endpoint, answer, read_body, refusal
from services.desk.report import Report

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST = 1024  # bytes of an order


class ReportOrder(msgspec.Struct):
    """Days as ``2026-03-31``; "" for the usual ones."""

    first: str = ""
    last: str = ""


def report_routes(remit: "Remit", guarded: Callable[[Endpoint], Endpoint]) -> list[Route]:
    """``/internal/report``; ``guarded`` lets nobody in but the command line."""

    async def endpoint(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=ReportOrder)
        days = days_of(remit, order.first, order.last)
        return refusal(400, "malformed", days) if isinstance(days, str) else answer(await read(remit, days))

    return [Route("/internal/report", guarded(endpoint), methods=["POST"])]


def files(report: Report) -> Mapping[str, str]:
    """The files of a report: name -> what stands in it."""
    sheets = {f"{name}.csv": written(report, name) for name in SHEETS}
    return {"report.html": page(report, list(sheets)), **sheets}


def page(report: Report, names: list[str]) -> str:
    """The report as one HTML file: its style and its pictures stand in it, no script does, and none would run."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return TEMPLATES.get_template("report_file.html").render(
        report=report,
        title=f"{report.business}: {report.first} to {report.last}",
        sections=sections(report),
        files=names,
        style=Markup(STYLE),  # noqa: S704  # the desk's own sheet, which no data are in
        style_hash=f"sha256-{digest}",
    )
