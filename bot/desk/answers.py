"""Answers that are kept ready: everybody at the desk reads them, supervisors word them."""

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from bot.desk.doors import Fields, Visit, form, page, whole
from bot.desk.frame import render
from dialogs.reading.guard import redact
from services.desk import canned

if TYPE_CHECKING:
    from bot.app import Remit

PROBLEMS = {
    "empty": "Write a title and a text.",
    "too_long": f"A title has at most {canned.LONGEST_TITLE} characters, a text {canned.LONGEST}.",
    "unknown_variable": "Only {name}, {invoice}, {amount} and {agent} are filled in; another one would stay as it is.",
    "taken": "Another answer has this title, or this one is gone, or there are too many.",
}


def routes(remit: "Remit") -> list[Route]:
    """``/desk/answers``, and what changes them."""
    return [
        Route("/desk/answers", page(remit, "agent", _list), methods=["GET"]),
        Route("/desk/answers/save", form(remit, "supervisor", _save), methods=["POST"]),
        Route("/desk/answers/remove", form(remit, "supervisor", _remove), methods=["POST"]),
    ]


async def _list(visit: Visit) -> Response:
    return await _shown(visit)


async def _shown(visit: Visit, status: int = 200, problem: str = "", typed: Fields | None = None) -> Response:
    return render(
        visit.frame,
        "answers.html",
        status,
        title="Answers kept ready",
        here="answers",
        answers=await visit.remit.transact(canned.every),
        variables=canned.VARIABLES,
        may=visit.agent.role == "supervisor",
        problem=problem,
        typed=typed or {},
    )


async def _save(visit: Visit, fields: Fields) -> Response:
    title, text = (redact(fields.get(name, "")).text for name in ("title", "text"))
    if problem := canned.problem(title, text):
        return await _shown(visit, 409, PROBLEMS[problem], fields)
    told = fields.get("answer", "")
    who: dict[str, Any] = {"agent": visit.agent.id, "title": title, "text": text, "now": visit.remit.clock()}
    work = partial(canned.change, number=whole(told), **who) if told else partial(canned.add, **who)
    if not await visit.remit.transact(work):
        return await _shown(visit, 409, PROBLEMS["taken"], fields)
    return visit.to("answers")


async def _remove(visit: Visit, fields: Fields) -> Response:
    number, now = whole(fields.get("answer", "")), visit.remit.clock()
    await visit.remit.transact(partial(canned.remove, agent=visit.agent.id, number=number, now=now))
    return visit.to("answers")  # gone either way
