"""One chat as a person at the desk sees it: what was said, what is known, what was proposed. What is done there is in `doing`."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.doors import Fields, Visit, page
from bot.desk.frame import note, render
from bot.desk.open_cases import WISHES, evidence, named
from bot.wording import money_in
from services.desk import agents, audit, canned, handoffs, notes, proposals, transcripts
from services.desk.agents import Agent
from services.desk.canned import Canned
from services.desk.handoffs import Handoff, State
from services.desk.notes import Note
from services.desk.proposals import Proposal
from services.desk.transcripts import Line
from services.model import Money, Payment
from services.payments import cases, ledger
from services.payments.cases import Case

if TYPE_CHECKING:
    from bot.app import Remit

AGAIN = timedelta(minutes=30)  # somebody who looks at a chat for longer is noted again
_REMEMBERED = 10_000  # views


class Seen(NamedTuple):
    """All of a chat that is shown."""

    handoff: Handoff
    lines: Sequence[Line]
    proposals: Sequence[tuple[Proposal, Payment | None]]
    notes: Sequence[Note]
    canned: Sequence[Canned]
    agents: Sequence[Agent]
    alongside: Sequence[Handoff]
    questions: Sequence[Case]


def routes(remit: "Remit") -> list[Route]:
    """``/desk/chats/{handoff}``, and the same as a script fetches it."""
    chats = ChatPage(remit)
    return [
        Route("/desk/chats/{handoff:int}", page(remit, "agent", chats.open), methods=["GET"]),
        Route("/desk/chats/{handoff:int}/live", page(remit, "agent", chats.look, active=False), methods=["GET"]),
    ]


class ChatPage:
    """One per process: it remembers who is looking, so that a page that keeps itself fresh is noted once."""

    def __init__(self, remit: "Remit") -> None:
        self._remit = remit
        self._looking: OrderedDict[tuple[int, str], datetime] = OrderedDict()

    async def open(self, visit: Visit) -> Response:
        """Somebody opens the chat, which is noted each time."""
        return await self._look(visit, always=True)

    async def look(self, visit: Visit) -> Response:
        """A page that is open looks again."""
        return await self._look(visit, always=False)

    async def _look(self, visit: Visit, *, always: bool) -> Response:
        return await shown(visit, partial(self._noted, always=always))

    def _noted(self, conn: Connection, agent: int, chat: str, *, always: bool) -> None:
        now, key = self._remit.clock(), (agent, chat)
        last = self._looking.get(key)
        if always or last is None or not last <= now < last + AGAIN:
            audit.note(conn, agent, "saw", now, chat)
            self._looking[key] = now
            self._looking.move_to_end(key)
            if len(self._looking) > _REMEMBERED:
                self._looking.popitem(last=False)


def read(conn: Connection, number: int) -> Seen | None:
    """Everything of a handoff's chat, from SQL alone."""
    found = handoffs.find(conn, number)
    if found is None:
        return None
    made = proposals.of_chat(conn, found.chat)
    return Seen(
        found,
        transcripts.of(conn, found.chat),
        [(each, ledger.payment(conn, each.payment) if each.payment else None) for each in made],
        notes.of_chat(conn, found.chat),
        canned.every(conn),
        [each for each, may in agents.everybody(conn) if may],
        handoffs.alongside(conn, found, handoffs.MOST_ALONGSIDE),
        cases.questions_of(conn, found.chat),
    )


async def shown(
    visit: Visit,
    noted: Callable[[Connection, int, str], None] | None,
    status: int = 200,
    problem: str = "",
    typed: Fields | None = None,
) -> Response:
    """The page of the chat in the address. ``noted`` writes down who saw which chat; None where a form was answered, whose
    own line is in the audit. ``problem``: why a form was refused; ``typed``: what stood in it.
    """
    number = visit.request.path_params["handoff"]

    def look(conn: Connection) -> Seen | None:
        seen = read(conn, number)
        if seen is not None and noted is not None:
            noted(conn, visit.agent.id, seen.handoff.chat)
        return seen

    seen = await visit.remit.transact(look)
    if seen is None:
        return note(visit.frame, 404, "There is no such chat", "It may have been erased. Go back to the queue.")
    found, agent, zone = seen.handoff, visit.agent, visit.remit.settings.zone
    mine = found.agent == agent.id
    values = {
        "name": found.brief.name,
        "invoice": found.brief.invoices[0] if found.brief.invoices else "",
        "amount": _amount(found),
        "agent": agent.name,
    }
    said = visit.request.query_params.get("said", "")
    return render(
        visit.frame,
        "chat.html",
        status,
        title=words.who(found.brief),
        kind="chat",
        scripts=("live.js", "forms.js", "keys.js"),
        seen=seen,
        handoff=found,
        brief=found.brief,
        here_now=mine and found.state is State.HELD,
        mine=mine and found.state is not State.RESOLVED,
        over=found.state is State.RESOLVED,
        may_assign=found.state is not State.RESOLVED
        and (agent.role == "supervisor" or found.agent in (None, agent.id)),
        supervisor=agent.role == "supervisor",
        questions=[(each, named(each.reason), evidence(each.evidence)) for each in seen.questions],
        may_close=may_close(agent, found),
        wishes=WISHES,
        answers=[(each.id, each.title, canned.filled(each.text, values)) for each in seen.canned],
        key=visit.remit.random(12).hex(),
        typed=typed or {},
        problem=problem,
        done=words.DONE.get(said, "") if not problem else "",
        now=visit.remit.clock(),
        at=lambda when: _clock(when, visit.remit.clock(), zone),
        words=words,
    )


def may_close(agent: Agent, found: Handoff) -> bool:
    """Whether somebody may close the cases of a chat on its page: whoever has it, and supervisors."""
    return agent.role == "supervisor" or (found.agent == agent.id and found.state is not State.RESOLVED)


def _amount(found: Handoff) -> str:
    brief = found.brief
    return (
        money_in(Money(brief.quote_minor, brief.currency), brief.language or "en")
        if brief.quote_minor and brief.currency
        else ""
    )


def _clock(when: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The time of a line in the business's time zone, with its day unless that is today."""
    local = when.astimezone(zone)
    day = "" if local.date() == now.astimezone(zone).date() else f"{local:%b} {local.day}, "
    return f"{day}{local:%H:%M}"
