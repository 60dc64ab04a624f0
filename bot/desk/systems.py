"""What outside systems propose through the API: under the rules of `bot.desk.proposable`, in chats that are nobody's.

A proposal is one errand in the chat, as a person's is, with its line in the audit under the key's name. Where no chat is, none is
made: whoever asked gets pay links. What HTTP has to do with it is in `bot/proposals_api.py`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot.desk.actions import Desk
from bot.desk.proposable import problem, under_way
from bot.stores.base import Store
from dialogs.conversation import Conversation
from dialogs.model import AgentProposed, AgentWithdrew
from dialogs.reading.guard import redact
from services import chatwoot_conversations
from services.api_keys import ApiKey
from services.database import Transact
from services.desk import finding, handoffs, proposals
from services.desk.proposals import Proposal, Request
from services.invoices.base import Books
from services.model import Bearer, Customer, Invoice, Money, Rules, Stranger

MOST_HOPS = 5  # signposts that are followed to where a chat has gone on
MOST_CHATS = 25  # of a customer that are looked at
MOST_INVOICES = 50
# Since the customer last wrote: who has left a page sees nothing that is said there, a messenger brings it to them.
ON_A_PAGE, IN_A_MESSENGER = timedelta(days=1), timedelta(days=30)
MESSENGERS = ("telegram", "whatsapp", "chatwoot")


class Asked(msgspec.Struct, frozen=True):
    """What a system wants to propose: to whoever is in ``chat``, or to ``customer`` (an id), wherever they are."""

    chat: str
    customer: str
    numbers: tuple[str, ...]
    amount: Money
    reason: str = ""


class NotProposed(msgspec.Struct, frozen=True):
    """Why nothing was proposed; the invoices (ids and numbers), where a pay link to them helps."""

    code: str
    invoices: tuple[tuple[str, str], ...] = ()


class Systems:
    """One per process."""

    def __init__(
        self,
        *,
        desk: Desk,
        transact: Transact,
        store: Store,
        books: Books,
        rules: Rules,
        clock: Callable[[], datetime],
        limit_minor: int | None,
    ) -> None:
        """``limit_minor``: the most that a key may propose; None: whatever is owed."""
        self._desk = desk
        self._transact = transact
        self._store = store
        self._books = books
        self._rules = rules
        self._clock = clock
        self._limit = limit_minor

    async def propose(self, key: ApiKey, request: Request, asked: Asked) -> Proposal | NotProposed:
        """Once per ``request``: what was made of it before is answered again, as it stands now.

        Codes: same_key_other_request, no_conversation, no_chat, no_invoice, ambiguous, other_customer, with_a_person, and
        those of `bot.desk.proposable`. Raises `Unavailable` where books or stores do not answer.
        """
        before = await self._transact(partial(proposals.of_request, request=request))
        if before is not None:
            return before if before.request_hash == request.hash else NotProposed("same_key_other_request")
        talk = await self._talk(asked.chat) if asked.chat else None
        if asked.chat and talk is None:
            return NotProposed("no_conversation")
        customer = asked.customer or await self._customer_of(talk)
        invoices = await self._invoices(asked.numbers, customer)
        if isinstance(invoices, str):
            return NotProposed(invoices)
        if customer and any(each.customer != customer for each in invoices):
            return NotProposed("other_customer")
        if why := problem(invoices, asked.amount, self._rules, self._limit):
            return NotProposed(why)
        if talk is None and (talk := await self._latest(customer)) is None:
            return NotProposed("no_chat", tuple((each.id, each.number) for each in invoices))
        if len(invoices) > 1 and not isinstance(talk.scope_at(self._clock()), Customer):
            return NotProposed("not_signed_in")
        return await self._made(key, request, talk.chat, invoices, asked)

    async def withdraw(self, key: ApiKey, proposal: Proposal) -> Proposal:
        """Take one of the system's own back, unless the customer was quicker; answers how it stands then."""
        if proposal.state == "offered":
            word = AgentWithdrew(proposal.id, key.name)

            def work(conn: Connection) -> None:
                self._desk.order(conn, None, proposal.chat, "withdrew", word, key=key.name, proposal=proposal.id)

            await self._transact(work)
            await self._desk.now(proposal.chat)
        found = await self._transact(partial(proposals.find, number=proposal.id))
        assert found is not None  # no row of a proposal is ever deleted
        return found

    async def _made(
        self, key: ApiKey, request: Request, chat: str, invoices: Sequence[Invoice], asked: Asked
    ) -> Proposal | NotProposed:
        ids, numbers = tuple(each.id for each in invoices), tuple(each.number for each in invoices)
        why, now = redact(asked.reason.strip()).text, self._clock()

        def work(conn: Connection) -> int | str:
            if handoffs.holder(conn, chat) is not None or chatwoot_conversations.lead(conn, chat).person:
                return "with_a_person"
            if under_way(conn, ids):
                return "under_way"
            made = proposals.make(conn, chat, None, None, ids, numbers, asked.amount, why, now, request)
            word = AgentProposed(made, key.name, ids, numbers, asked.amount, why, system=True)
            told = {"key": key.name, "proposal": made, "amount_minor": asked.amount.minor}
            self._desk.order(conn, None, chat, "proposed", word, **told)
            return made

        try:
            made = await self._transact(work)
        except IntegrityError:  # the same request, at the same instant
            made = 0
        if isinstance(made, str):
            return NotProposed(made)
        await self._desk.now(chat)
        found = await self._transact(partial(proposals.of_request, request=request))
        assert found is not None
        return found

    # --- who and where -------------------------------------------------------------------------------------------------

    async def _talk(self, chat: str) -> Conversation | None:
        """The conversation of this name, or where it has gone on."""
        for _ in range(MOST_HOPS):
            talk = (await self._store.load(chat, "")).talk
            if talk is None or talk.went is None:
                return talk
            chat = talk.went.to
        return None

    async def _customer_of(self, talk: Conversation | None) -> str:
        """Whose the chat is, as far as it is proved; "" for a stranger's."""
        match talk.scope_at(self._clock()) if talk is not None else Stranger():
            case Customer(id):
                return id
            case Bearer(invoice):
                found = await self._books.get(invoice)
                return "" if found is None else found.customer
            case _:
                return ""

    async def _invoices(self, numbers: Sequence[str], customer: str) -> list[Invoice] | str:
        found: list[Invoice] = []
        for number in dict.fromkeys(numbers):
            those = list(await self._books.find(number))
            if len(those) > 1:
                those = [each for each in those if each.customer == customer]
                if len(those) != 1:
                    return "ambiguous"
            if not those:
                return "no_invoice"
            found += those
        return found

    async def _latest(self, customer: str) -> Conversation | None:
        """The chat in which this customer wrote last, if they still read what is said there."""
        theirs = (await self._books.of_customer(customer))[:MOST_INVOICES]
        numbers = [each.number for each in theirs]
        chats = await self._transact(lambda conn: finding.chats_of(conn, customer, numbers, MOST_CHATS))
        found: dict[str, Conversation] = {}
        for chat in chats:
            talk = await self._talk(chat)
            if talk is not None and self._reads(talk) and await self._customer_of(talk) == customer:
                found[talk.chat] = talk
        return max(found.values(), key=lambda talk: talk.heard_at or self._clock(), default=None)

    def _reads(self, talk: Conversation) -> bool:
        kept = IN_A_MESSENGER if talk.chat.partition(":")[0] in MESSENGERS else ON_A_PAGE
        return talk.heard_at is not None and self._clock() - talk.heard_at < kept
