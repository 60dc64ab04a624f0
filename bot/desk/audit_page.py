"""Who did what at the desk, for supervisors: newest first, by person, chat and kind, and as CSV. Taking it out is itself noted."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import HEADERS, render
from bot.sheets import KIND, sheet
from services.desk import agents, audit
from services.desk.audit import Entry

if TYPE_CHECKING:
    from bot.app import Remit

MOST = 100  # rows of a page
MOST_EXPORTED = 50_000


def routes(remit: "Remit") -> list[Route]:
    """``/desk/audit``, and its export: a form, because it writes a line."""
    return [
        Route("/desk/audit", page(remit, "supervisor", _list), methods=["GET"]),
        Route("/desk/audit/export", form(remit, "supervisor", _export), methods=["POST"]),
    ]


def _wanted(told: Any) -> dict[str, Any]:
    """What is looked for: ``agent`` by number, ``chat``, ``what``."""
    agent = told.get("agent", "")
    number = int(agent) if agent.isdecimal() and len(agent) < 10 else None
    return {"agent": number, "chat": told.get("chat", "")[:200], "what": told.get("what", "")[:40]}


async def _list(visit: Visit) -> Response:
    query = visit.request.query_params
    wanted, before = _wanted(query), _before(visit.request)

    def look(conn: Connection) -> tuple[list[Entry], dict[int, str], list[str]]:
        return audit.newest(conn, MOST, before=before, **wanted), _names(conn), audit.kinds(conn)

    found, names, kinds = await visit.remit.transact(look)
    told = {name: value for name, value in wanted.items() if value not in ("", None)}
    older = f"audit?{urlencode({**told, 'before': found[-1].id})}" if len(found) == MOST else ""
    values: dict[str, Any] = {
        "who": _who,
        "found": found,
        "names": names,
        "kinds": kinds,
        "wanted": wanted,
        "older": older,
    }
    return render(visit.frame, "audit.html", title="Audit", here="audit", zone=visit.remit.settings.zone, **values)


def _before(request: Request) -> int:
    told = request.query_params.get("before", "")
    return int(told) if told.isdecimal() and len(told) < 16 else 0


def _names(conn: Connection) -> dict[int, str]:
    return {agent.id: agent.name for agent, _ in agents.everybody(conn)}


async def _export(visit: Visit, fields: Fields) -> Response:
    wanted = _wanted(fields)

    def look(conn: Connection) -> tuple[list[Entry], dict[int, str]]:
        found = audit.newest(conn, MOST_EXPORTED, **wanted)
        audit.note(conn, visit.agent.id, "exported_audit", visit.remit.clock(), wanted["chat"], rows=len(found))
        return found, _names(conn)

    found, names = await visit.remit.transact(look)
    rows = ((each.id, each.at.isoformat(), _who(each, names, ""), *_rest(each)) for each in found)
    written = sheet(("id", "at", "agent", "what", "chat", "payment", "detail"), rows)
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(written, media_type=KIND, headers=headers)


def _who(entry: Entry, names: dict[int, str], shell: str = "the shell") -> str:
    """Who did it: somebody at the desk, an outside system by the name of its key, or whoever has the shell."""
    if entry.agent is not None:
        return names.get(entry.agent, str(entry.agent))
    key = msgspec.json.decode(entry.detail).get("key") if entry.detail else None
    return f"{key} (API)" if key else shell


def _rest(entry: Entry) -> tuple[str, ...]:
    return entry.what, entry.chat, entry.payment, entry.detail
