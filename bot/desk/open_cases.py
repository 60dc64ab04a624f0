"""Cases that only a person decides, for supervisors: what was seen in words, an answer to the customer, and their end."""

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.copying import DESK
from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import render
from bot.office import close
from dialogs.reading.guard import redact
from services.desk import audit
from services.model import Money
from services.payments import cases
from services.payments.cases import Case, Trouble

if TYPE_CHECKING:
    from bot.app import Remit

LONGEST = 1000  # characters of an answer
MOST = 200  # cases in the list, the oldest
NAMES: dict[str, str] = {
    Trouble.CONTRADICTION: "The gateway contradicts itself",
    Trouble.UNKNOWN_PAYMENT: "A payment that was never begun here",
    Trouble.FORGOTTEN: "A payment that the gateway never heard of",
    Trouble.OVERPAID: "Paid more than was owed",
    Trouble.DISPUTED: "Disputed at the customer's bank",
    Trouble.REFUND_FAILED: "A refund failed",
    Trouble.REFUND_UNSURE: "No word on a refund",
    Trouble.GATEWAY_REFUSES: "The gateway makes no pages",
    Trouble.REFUND_LOST: "Refunded, and sent back by the bank as well",
    Trouble.NOT_POSTED: "Not written to the books",
    Trouble.NOT_TOLD: "News that could not be told",
    Trouble.REFUND_WANTED: "A customer wants money back",
    Trouble.DISPUTE_WANTED: "A customer objects",
}
WISHES = (Trouble.REFUND_WANTED, Trouble.DISPUTE_WANTED)  # whose customers are told the answer in their chat


def routes(remit: "Remit") -> list[Route]:
    """``/desk/cases``, and its button."""
    return [
        Route("/desk/cases", page(remit, "supervisor", _list), methods=["GET"]),
        Route("/desk/cases/{case:int}/close", form(remit, "supervisor", _close), methods=["POST"]),
    ]


async def _list(visit: Visit) -> Response:
    return await _shown(visit)


async def _shown(visit: Visit, status: int = 200, problem: str = "", typed: Fields | None = None) -> Response:
    found = await visit.remit.transact(cases.open_cases)
    return render(
        visit.frame,
        "cases.html",
        status,
        title="Cases",
        here="cases",
        cases=[(each, named(each.reason), evidence(each.evidence)) for each in found[:MOST]],
        more=max(0, len(found) - MOST),
        wishes=WISHES,
        problem=problem,
        typed=typed or {},
        zone=visit.remit.settings.zone,
    )


async def _close(visit: Visit, fields: Fields) -> Response:
    number = visit.request.path_params["case"]
    if not await close_one(visit, number, fields):
        return await _shown(visit, 409, f"Case {number} is closed already. What you wrote was not sent.", fields)
    return visit.to("cases")


async def close_one(visit: Visit, number: int, fields: Fields, chat: str = "") -> bool:
    """Close a case, with the answer in a form where it is a customer's wish. False: there is none such that is open.

    ``chat``: only one of what was asked or paid there.
    """
    answer = redact(fields.get("answer", "").strip()[:LONGEST]).text

    def work(conn: Connection) -> Case | None:
        these = cases.questions_of(conn, chat) if chat else cases.open_cases(conn)
        found = next((each for each in these if each.id == number), None)
        told = answer if found is not None and found.reason in WISHES else ""
        if found is None or not close(conn, number, told, visit.remit.clock()):
            return None
        note = partial(audit.note, conn, visit.agent.id, "closed_case", visit.remit.clock(), found.chat)
        note(found.payment or "", case=number, answered=bool(told))
        return found

    if await visit.remit.transact(work) is None:
        return False
    visit.remit.worker.wake()
    visit.remit.bell.ring(DESK)
    return True


def named(reason: str) -> str:
    """What kind of case it is, in words."""
    return NAMES.get(reason) or words.reason(reason)


def evidence(told: str) -> list[str]:
    """What was seen, a line each: names and values as they were kept, sums as money."""
    if not told:
        return []
    found = msgspec.json.decode(told)
    return [_line(each) for each in (found if isinstance(found, list) else [found])]


def _line(each: Any) -> str:
    if not isinstance(each, dict):
        return str(each)
    if each.keys() == {"minor", "currency"}:
        return str(Money(each["minor"], each["currency"]))
    parts = ((name.replace("_", " "), value) for name, value in each.items() if value not in (None, ""))
    return ", ".join(f"{name}: {_told(value)}" for name, value in parts)


def _told(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else _line(value)
