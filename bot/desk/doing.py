"""What a person does in a chat, as forms: take, reply, note, propose, withdraw, assign, give back, resolve, send a pay link.

Who may do what is `bot.desk.actions`'s to say; here a form is read, and a refusal is worded.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.chat import may_close, shown
from bot.desk.copying import DESK
from bot.desk.doors import Fields, Visit, form, whole
from bot.desk.frame import note
from bot.desk.open_cases import close_one
from bot.office import read_amount
from bot.send_links import LinkSender
from services.desk import agents, audit, canned, handoffs
from services.desk.handoffs import Handoff, TakenBy
from services.errors import Misconfigured
from services.model import Invoice

if TYPE_CHECKING:
    from bot.app import Remit

_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_NOT_YOURS = "This chat is not yours any more, or the assistant speaks there just now. Nothing was done."

# What is told when it was done: a name in `words.DONE`; or why it was not.
Told = tuple[bool, str]
Doing = Callable[[Visit, Handoff, Fields], Awaitable[Told]]


def routes(remit: "Remit") -> list[Route]:
    """``/desk/chats/{handoff}/...``: one for each button."""
    sender = None if remit.mail is None else LinkSender(remit, remit.mail)
    doings: dict[str, Doing] = {
        "take": _take,
        "reply": _reply,
        "note": _note,
        "propose": _propose,
        "withdraw": _withdraw,
        "assign": _assign,
        "give": _give,
        "resolve": _resolve,
        "close-case": _close_case,
        "send-link": partial(_send_link, sender),
    }
    return [
        Route(f"/desk/chats/{{handoff:int}}/{name}", form(remit, "agent", partial(_do, work)), methods=["POST"])
        for name, work in doings.items()
    ]


async def _do(work: Doing, visit: Visit, fields: Fields) -> Response:
    number = visit.request.path_params["handoff"]
    found = await visit.remit.transact(partial(handoffs.find, handoff=number))
    if found is None:
        return note(visit.frame, 404, "There is no such chat", "It may have been erased. Go back to the queue.")
    done, told = await work(visit, found, fields)
    if done:
        return visit.to(f"chats/{number}?said={told}")
    return await shown(visit, None, 409, told, fields)


async def _take(visit: Visit, found: Handoff, _fields: Fields) -> Told:
    taken = await visit.remit.desk.take(visit.agent, found.id)
    if isinstance(taken, TakenBy):
        return False, f"{taken.name} was quicker and has this chat." if taken.name else "This chat is resolved already."
    return True, "took"


async def _reply(visit: Visit, found: Handoff, fields: Fields) -> Told:
    text = fields.get("text", "")
    if not text.strip():
        return False, "Write something first."
    if left := next((name for name in canned.VARIABLES if f"{{{name}}}" in text), ""):
        return False, f"Write something in place of {{{left}}} first."
    if not fields.get("key"):
        return False, "This form is too old. Send it again."
    said = await visit.remit.desk.say(visit.agent, found.id, text, fields["key"])
    return (True, "replied") if said else (False, _NOT_YOURS)


async def _note(visit: Visit, found: Handoff, fields: Fields) -> Told:
    noted = await visit.remit.desk.note(visit.agent, found.chat, fields.get("note", ""))
    return (True, "noted") if noted else (False, "Write something first.")


async def _propose(visit: Visit, found: Handoff, fields: Fields) -> Told:
    chosen: list[Invoice] = []
    for number in dict.fromkeys(each.strip() for each in fields.get("invoice", "").split(",")):
        those = [] if not number else list(await visit.remit.invoices.find(number))
        if len(those) > 1:
            those = [each for each in those if each.customer == found.brief.customer]
            if len(those) != 1:
                return False, words.REFUSALS["ambiguous"]
        if not those:
            return False, words.REFUSALS["no_invoice"]
        chosen += those
    try:
        amount = read_amount(_plain(fields.get("amount", "")), chosen[0].due.currency)
    except Misconfigured:
        return False, words.REFUSALS["amount"]
    ids = [each.id for each in chosen]
    made = await visit.remit.desk.propose(visit.agent, found.id, ids, amount, fields.get("reason", ""))
    return (True, "proposed") if isinstance(made, int) else (False, words.REFUSALS[made])


def _plain(told: str) -> str:
    """``$1,200.50`` as ``1200.50``; nothing else is guessed at."""
    told = told.strip().removeprefix("$").strip()
    return told.replace(",", "") if _GROUPED.fullmatch(told) else told


async def _withdraw(visit: Visit, found: Handoff, fields: Fields) -> Told:
    gone = await visit.remit.desk.withdraw(visit.agent, found.id, whole(fields.get("proposal", "")))
    return (True, "withdrew") if gone else (False, "It was decided already, or is not yours to withdraw.")


async def _assign(visit: Visit, found: Handoff, fields: Fields) -> Told:
    to = await visit.remit.transact(partial(agents.find, number=whole(fields.get("agent", ""))))
    if to is None:
        return False, "Choose who is to have it."
    given = await visit.remit.desk.assign(visit.agent, found.id, to)
    return (True, "assigned") if given else (False, "This chat is not yours to give, or it is resolved.")


async def _give(visit: Visit, found: Handoff, _fields: Fields) -> Told:
    lent = await visit.remit.desk.lend(visit.agent, found.id)
    return (True, "returned") if lent else (False, _NOT_YOURS)


async def _resolve(visit: Visit, found: Handoff, _fields: Fields) -> Told:
    over = await visit.remit.desk.resolve(visit.agent, found.id)
    return (True, "resolved") if over else (False, "This chat is not yours, or it was resolved before.")


async def _close_case(visit: Visit, found: Handoff, fields: Fields) -> Told:
    number = whole(fields.get("case", ""))
    if not may_close(visit.agent, found):
        return False, "Take the chat first: its cases are closed by whoever has it, or by a supervisor."
    if not await close_one(visit, number, fields, found.chat):
        return False, "This case is closed already, or not one of this chat. What you wrote was not sent."
    visit.remit.bell.ring(DESK + found.chat)
    return True, "case_closed"


async def _send_link(sender: LinkSender | None, visit: Visit, found: Handoff, fields: Fields) -> Told:
    """To the address on file, whoever the customer in the chat is: so anybody at the desk may."""
    number = fields.get("invoice", "").strip()
    if not number:
        return False, words.LINK_FATES["no_such_invoice"]
    if sender is None:
        return False, words.LINK_FATES["no_mail"]
    outcome = await sender.send_links([number])
    fates = [each.fate for each in outcome.letters]

    def write(conn: Connection) -> None:
        audit.note(conn, visit.agent.id, "sent_link", visit.remit.clock(), found.chat, fates=list(fates))

    await visit.remit.transact(write)
    bad = next((fate for fate in fates if fate != "sent"), None)
    return (True, "link_sent") if bad is None else (False, words.LINK_FATES[bad])
