"""What people at the desk do: each in one transaction with its line in the audit, and as an errand that the conversation heeds.

The pages change nothing but by this. Who may do what is checked here, not where a button is shown. An errand is done at once by
whoever wrote it down, or by the worker, if that process dies first.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from bot.desk.away import Away
from bot.desk.copying import DESK
from bot.desk.proposable import problem, under_way
from bot.push import Bell
from bot.runtime import Runtime
from dialogs.model import (
    AgentProposed,
    AgentResolved,
    AgentReturned,
    AgentSpoke,
    AgentTook,
    AgentWithdrew,
    DeskWord,
)
from dialogs.reading.guard import redact
from services.database import Transact
from services.desk import audit, errands, handoffs, notes, proposals
from services.desk.agents import Agent
from services.desk.handoffs import Handoff, State, TakenBy
from services.errors import RemitError
from services.invoices.base import Books
from services.model import Money, Rules
from services.payments import cases

log = logging.getLogger(__name__)

LONGEST = 2000  # characters of what an agent writes at once, to the customer or as a note
BATCH = 50  # chats whose errands are looked at in one round

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DeskWord).decode


class Desk:
    """One per process."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        transact: Transact,
        books: Books,
        bell: Bell,
        rules: Rules,
        clock: Callable[[], datetime],
        away: Away,
        agent_limit_minor: int | None = None,
    ) -> None:
        """``agent_limit_minor``: the most that somebody may propose who is no supervisor; None: whatever is owed."""
        self._runtime = runtime
        self._transact = transact
        self._books = books
        self._bell = bell
        self._rules = rules
        self._clock = clock
        self._away = away
        self._limit = agent_limit_minor

    # --- whose chat it is ----------------------------------------------------------------------------------------------

    async def take(self, agent: Agent, handoff: int) -> TakenBy | None:
        """The chat is this person's; None, or who was quicker."""

        def work(conn: Connection) -> TakenBy | str:
            taken = handoffs.take(conn, handoff, agent.id, self._clock())
            if taken is not None:
                return taken
            chat = _chat(conn, handoff)
            self.order(conn, agent, chat, "took", AgentTook(handoff, agent.name))
            return chat

        done = await self._transact(work)
        if isinstance(done, TakenBy):
            return done
        await self.now(done)
        return None

    async def open_chat(self, agent: Agent, chat: str, reason: str) -> int:
        """A person looks into a chat that nobody asked them into; answers its handoff, which nobody has yet."""

        def work(conn: Connection) -> int:
            audit.note(conn, agent.id, "opened", self._clock(), chat, reason=reason)
            return handoffs.ask(conn, chat, reason, self._clock())

        opened = await self._transact(work)
        self._bell.ring(chat)  # so that its log is copied
        return opened

    async def assign(self, agent: Agent, handoff: int, to: Agent) -> bool:
        """Give it to somebody: what is one's own, or nobody's; a supervisor any. False: it is not this person's to give."""

        def work(conn: Connection) -> str:
            found = handoffs.find(conn, handoff)
            may = found is not None and (agent.role == "supervisor" or found.agent in (None, agent.id))
            if found is None or not may or not handoffs.assign(conn, handoff, to.id, self._clock()):
                return ""
            audit.note(conn, agent.id, "assigned", self._clock(), found.chat, to=to.id)
            self.order(conn, agent, found.chat, "", AgentTook(handoff, to.name))
            return found.chat

        return await self._done(await self._transact(work))

    async def lend(self, agent: Agent, handoff: int) -> bool:
        """The assistant speaks there again, in a chat that stays this person's. False: they do not hold it."""

        def work(conn: Connection) -> str:
            if not handoffs.lend(conn, handoff, agent.id, self._clock()):
                return ""
            chat = _chat(conn, handoff)
            self.order(conn, agent, chat, "returned", AgentReturned())
            return chat

        return await self._done(await self._transact(work))

    async def resolve(self, agent: Agent, handoff: int) -> bool:
        """It is over; the customer is asked how it was. False: it is not this person's, or was over before."""

        def work(conn: Connection) -> str:
            if not handoffs.resolve(conn, handoff, agent.id, self._clock()):
                return ""
            chat = _chat(conn, handoff)
            cases.answer_calls(conn, chat, self._clock())
            self.order(conn, agent, chat, "resolved", AgentResolved(handoff))
            return chat

        return await self._done(await self._transact(work))

    # --- what is said and proposed -------------------------------------------------------------------------------------

    async def say(self, agent: Agent, handoff: int, text: str, key: str) -> bool:
        """Write to the customer, once per ``key``. Numbers of cards and accounts are taken out. False: not theirs to speak."""
        words = redact(text.strip()[:LONGEST]).text
        customer = await self._away.customer(await self._transact(partial(handoffs.find, handoff=handoff)))

        def work(conn: Connection) -> str:
            found = self._held(conn, agent, handoff)
            if found is None or not words:
                return ""
            body = _encode(AgentSpoke(words, agent.name)).decode()
            if errands.add(conn, found.chat, body, self._clock(), f"{agent.id}:{key}"[:120]):
                audit.note(conn, agent.id, "wrote", self._clock(), found.chat)
                handoffs.answered(conn, found.chat)
                self._away.announce(conn, found, customer)
            return found.chat

        return await self._done(await self._transact(work))

    async def note(self, agent: Agent, chat: str, text: str) -> bool:
        """Write a private note on a chat, whoever has it. Numbers of cards and accounts are taken out. False: it was empty."""
        words = redact(text.strip()[:LONGEST]).text
        if not words:
            return False

        def work(conn: Connection) -> None:
            notes.add(conn, chat, agent.id, words, self._clock())
            audit.note(conn, agent.id, "noted", self._clock(), chat)

        await self._transact(work)
        self._bell.ring(DESK + chat)
        return True

    async def propose(
        self, agent: Agent, handoff: int, invoices: Sequence[str], amount: Money, reason: str
    ) -> int | str:
        """Propose a payment of these invoices (ids), which hands the chat to the assistant until the customer has decided.

        Answers the proposal's number, or why there is none: not_held, no_invoice, not_payable, other_currency, several_customers,
        not_signed_in, too_much, over_limit, under_way. Raises `Unavailable` where the books do not answer.
        """
        found = [await self._books.get(invoice) for invoice in invoices]
        whole = [each for each in found if each is not None]
        limit = None if agent.role == "supervisor" else self._limit
        if why := problem(whole, amount, self._rules, limit) if len(whole) == len(found) else "no_invoice":
            return why
        numbers, words = tuple(each.number for each in whole), redact(reason.strip()[:200]).text
        ids = tuple(each.id for each in whole)

        def work(conn: Connection) -> tuple[str, int] | str:
            held = self._held(conn, agent, handoff)
            if held is None:
                return "not_held"
            if len(whole) > 1 and held.brief.customer != whole[0].customer:
                return "not_signed_in"
            if under_way(conn, ids):
                return "under_way"
            handoffs.lend(conn, handoff, agent.id, self._clock())
            made = proposals.make(conn, held.chat, handoff, agent.id, ids, numbers, amount, words, self._clock())
            word = AgentProposed(made, agent.name, ids, numbers, amount, words)
            self.order(conn, agent, held.chat, "proposed", word, proposal=made, amount_minor=amount.minor)
            return held.chat, made

        done = await self._transact(work)
        if isinstance(done, str):
            return done
        await self.now(done[0])
        return done[1]

    async def withdraw(self, agent: Agent, handoff: int, proposal: int) -> bool:
        """Take a proposal back; the customer may be quicker. False: it is not this person's, or was decided before."""

        def work(conn: Connection) -> str:
            made, found = proposals.find(conn, proposal), handoffs.find(conn, handoff)
            mine = found is not None and found.agent == agent.id and made is not None and made.handoff == handoff
            if found is None or made is None or not mine or made.state != "offered":
                return ""
            self.order(conn, agent, found.chat, "withdrew", AgentWithdrew(proposal), proposal=proposal)
            return found.chat

        return await self._done(await self._transact(work))

    # --- errands -------------------------------------------------------------------------------------------------------

    async def catch_up(self) -> bool:
        """Do the errands that a process left; whether there were any."""
        left = await self._transact(partial(errands.chats, most=BATCH))
        for chat in left:
            await self.do(chat)
        return bool(left)

    async def do(self, chat: str) -> None:
        """Do every errand of a chat, in order. Raises `RemitError`: the rest stays to be done."""
        # who else does them at the same time changes nothing: a conversation heeds each once
        while (errand := await self._transact(partial(errands.next_of, chat=chat))) is not None:
            await self._runtime.heed(chat, errand.id, _decode(errand.body))
            await self._transact(partial(errands.done, number=errand.id, now=self._clock()))

    def order(  # who wants what where
        self, conn: Connection, agent: Agent | None, chat: str, what: str, word: DeskWord, **detail: Any
    ) -> None:
        """An errand, and its line in the audit; ``agent`` None: an outside system, which ``detail`` names by its ``key``."""
        errands.add(conn, chat, _encode(word).decode(), self._clock())
        if what:
            audit.note(conn, None if agent is None else agent.id, what, self._clock(), chat, **detail)

    async def _done(self, chat: str) -> bool:
        if chat:
            await self.now(chat)
        return bool(chat)

    async def now(self, chat: str) -> None:
        """At once, as far as the conversation's store is there; what is not done here the worker does."""
        try:
            await self.do(chat)
        except RemitError as error:
            log.warning("an errand of the desk waits: %s", error)
        self._bell.ring(DESK)

    def _held(self, conn: Connection, agent: Agent, handoff: int) -> Handoff | None:
        found = handoffs.find(conn, handoff)
        mine = found is not None and found.agent == agent.id and found.state is State.HELD
        return found if mine else None


def _chat(conn: Connection, handoff: int) -> str:
    found = handoffs.find(conn, handoff)
    assert found is not None
    return found.chat
