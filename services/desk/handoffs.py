"""Handoffs: chats that a person is asked to look into, who looks into them, and how that ended.

A chat has one open handoff at most. Two who take one at the same instant are told apart by the database.

    waiting --take--> held <--back-- lent        lent: with the assistant for a while, and still somebody's
                       |  --lend-->   |
                       +---resolve----+--> resolved
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, not_, or_, select, update

from services.database import insert_once, instant, micros
from services.schema import agent as agents
from services.schema import handoff as handoffs
from services.schema import handoff_case, payment

ELSEWHERE = "chatwoot:"  # chats of a channel with people of its own
# Reasons of which the customer knows nothing, so that they wait for nobody: an open question of the reconciler; and somebody
# who comes by the link of an invoice that a person talks about with them in another chat.
QUIET = ("open_question", "same_invoice")

MOST_ALONGSIDE = 5  # other chats about the same invoice that are shown beside one


class State(StrEnum):
    """Who speaks in the chat."""

    WAITING = "waiting"  # the assistant, until somebody takes it
    HELD = "held"  # a person, and nobody else
    LENT = "lent"  # the assistant, in a chat that is somebody's
    RESOLVED = "resolved"


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One payment of the chat, as it was last told there."""

    reference: str
    method: str
    amount_minor: int
    currency: str
    state: str
    reason: str = ""
    declines: int = 0


class Brief(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person needs to know, so that the customer repeats nothing. Kept up to date; holds no card data."""

    name: str = ""  # as on file; "" where nobody is proved
    proof: str = ""  # code, browser, page, link, lookup; "" for a stranger
    customer: str = ""  # id, where one is signed in
    language: str = ""
    channel: str = ""
    invoices: tuple[str, ...] = ()  # numbers
    ids: tuple[str, ...] = ()  # ... and ids, of what was read here
    method: str = ""  # card, bank or saved, as it was chosen and not confirmed yet
    stage: str = ""  # of the payment that was begun and has no result: its state
    step: str = ""  # what is asked for just now: a slot's name, or ""
    quote_minor: int = 0  # the sum on the screen, waiting for a yes
    currency: str = ""
    tried: tuple[Tried, ...] = ()  # the newest last
    wrong_proofs: int = 0
    misses: int = 0  # messages in a row that were not understood


class Handoff(msgspec.Struct, frozen=True):
    """One handoff. ``waits_since``: the customer's first message that no agent has answered."""

    id: int
    chat: str
    state: State
    reason: str
    asked_at: datetime
    agent: int | None
    agent_name: str
    taken_at: datetime | None
    resolved_at: datetime | None
    brief: Brief
    waits_since: datetime | None
    stars: int | None
    changed_at: datetime


class TakenBy(msgspec.Struct, frozen=True):
    """Somebody else was quicker, or holds it already."""

    name: str


def ask(conn: Connection, chat: str, reason: str, now: datetime) -> int:
    """A person is asked to look into a chat; where one was asked already, that one stands. Answers its number; 0 where the
    people are elsewhere, in Chatwoot, and called there. A reason that the customer knows of takes the place of a quiet one.
    """
    if chat.startswith(ELSEWHERE):
        return 0
    at = micros(now)
    waits = None if reason in QUIET else at
    told = {"reason": reason, "asked_at": at, "waits_since": waits, "changed_at": at}
    if not insert_once(conn, handoffs, chat=chat, state=State.WAITING, **told) and reason not in QUIET:
        quiet = *_open(chat), handoffs.c.state == State.WAITING, handoffs.c.reason.in_(QUIET)
        conn.execute(update(handoffs).where(*quiet).values(told))
    return int(conn.execute(select(handoffs.c.id).where(*_open(chat))).scalar_one())


def meet(conn: Connection, chat: str, invoice: str, now: datetime) -> bool:
    """Somebody came to this chat by the link of an invoice (id). Where a person talks about it with somebody in another chat,
    they are to see this one as well; whether they do.
    """
    others = handoffs.c.chat != chat, handoffs.c.state.in_((State.HELD, State.LENT))
    named = handoffs.c.brief.contains(_json(invoice), autoescape=True)
    if conn.execute(select(handoffs.c.id).where(*others, named).limit(1)).first() is None:
        return False
    return ask(conn, chat, "same_invoice", now) != 0


def take(conn: Connection, handoff: int, agent: int, now: datetime) -> TakenBy | None:
    """The chat is this person's from now on, unless somebody else has it; None when it is."""
    mine = handoffs.c.id == handoff, handoffs.c.resolved_at.is_(None)
    free = or_(handoffs.c.agent.is_(None), handoffs.c.agent == agent)
    took = conn.execute(
        update(handoffs)
        .where(*mine, free)
        .values(
            state=State.HELD,
            agent=agent,
            taken_at=func.coalesce(handoffs.c.taken_at, micros(now)),
            changed_at=micros(now),
        )
    )
    if took.rowcount == 1:
        return None
    row = conn.execute(_whole().where(handoffs.c.id == handoff)).one_or_none()
    return TakenBy("" if row is None or row.resolved_at is not None else row.agent_name or "")


def assign(conn: Connection, handoff: int, agent: int, now: datetime) -> bool:
    """It is given to somebody, whoever had it; False when it is over."""
    this = handoffs.c.id == handoff, handoffs.c.resolved_at.is_(None)
    taken = func.coalesce(handoffs.c.taken_at, micros(now))
    values = {"state": State.HELD, "agent": agent, "taken_at": taken, "changed_at": micros(now)}
    return conn.execute(update(handoffs).where(*this).values(**values)).rowcount == 1


def lend(conn: Connection, handoff: int, agent: int, now: datetime) -> bool:
    """The assistant speaks there for a while; False when this person does not hold it."""
    return _moved(conn, handoff, agent, (State.HELD,), state=State.LENT, changed_at=micros(now))


def resolve(conn: Connection, handoff: int, agent: int, now: datetime) -> bool:
    """It is over; False when it is not this person's, or was over before."""
    at = micros(now)
    values = {"state": State.RESOLVED, "resolved_at": at, "waits_since": None, "changed_at": at}
    return _moved(conn, handoff, agent, (State.HELD, State.LENT), **values)


def give_back(conn: Connection, chat: str, now: datetime) -> bool:
    """The assistant is through with what it was lent for: whoever lent the chat holds it again."""
    this = *_open(chat), handoffs.c.state == State.LENT
    return conn.execute(update(handoffs).where(*this).values(state=State.HELD, changed_at=micros(now))).rowcount == 1


def settled(conn: Connection, chat: str, now: datetime) -> bool:
    """A case of this chat was closed: where it was the last one, and nobody has taken the chat, nobody needs to."""
    mine = or_(handoff_case.c.chat == chat, handoff_case.c.payment.in_(_payments(chat)))
    open_ = select(handoff_case.c.id).where(mine, handoff_case.c.closed_at.is_(None)).exists()
    at = micros(now)
    over = {"state": State.RESOLVED, "resolved_at": at, "waits_since": None, "changed_at": at}
    this = *_open(chat), handoffs.c.state == State.WAITING, not_(open_)
    return conn.execute(update(handoffs).where(*this).values(**over)).rowcount == 1


def rate(conn: Connection, handoff: int, chat: str, stars: int) -> bool:
    """The customer's word on how it was, 1 to 5; False when there is no such handoff of this chat."""
    this = handoffs.c.id == handoff, handoffs.c.chat == chat, handoffs.c.resolved_at.is_not(None)
    return conn.execute(update(handoffs).where(*this).values(stars=stars)).rowcount == 1


def holder(conn: Connection, chat: str) -> Handoff | None:
    """The open handoff of a chat that is somebody's."""
    found = of_chat(conn, chat)
    return found if found is not None and found.state in (State.HELD, State.LENT) else None


def heard(conn: Connection, chat: str, at: datetime) -> None:
    """The customer spoke, and waits from now on if they did not before; not where the assistant answers and they know of nobody."""
    unknown = and_(handoffs.c.state == State.WAITING, handoffs.c.reason.in_(QUIET))
    this = *_open(chat), handoffs.c.waits_since.is_(None), not_(unknown)
    conn.execute(update(handoffs).where(*this).values(waits_since=micros(at)))


def answered(conn: Connection, chat: str) -> None:
    """An agent spoke: nobody waits."""
    conn.execute(update(handoffs).where(*_open(chat)).values(waits_since=None))


def note(conn: Connection, chat: str, brief: Brief) -> None:
    """What is known of the chat now."""
    told = msgspec.json.encode(brief).decode()
    conn.execute(update(handoffs).where(*_open(chat)).values(brief=told))


# --- reading ----------------------------------------------------------------------------------------------------------


def find(conn: Connection, handoff: int) -> Handoff | None:
    """One handoff."""
    row = conn.execute(_whole().where(handoffs.c.id == handoff)).one_or_none()
    return None if row is None else _read(row)


def of_chat(conn: Connection, chat: str) -> Handoff | None:
    """The open handoff of a chat."""
    row = conn.execute(_whole().where(*_open(chat))).one_or_none()
    return None if row is None else _read(row)


def queue(conn: Connection) -> Sequence[Handoff]:
    """Every open handoff; who has waited longest comes first."""
    waits = func.coalesce(handoffs.c.waits_since, handoffs.c.changed_at)
    order = handoffs.c.waits_since.is_(None), waits, handoffs.c.id
    return [_read(row) for row in conn.execute(_whole().where(handoffs.c.resolved_at.is_(None)).order_by(*order))]


def alongside(conn: Connection, this: Handoff, most: int) -> Sequence[Handoff]:
    """Other open handoffs in which the same invoices are talked about, the newest first."""
    told = [_json(each) for each in (*this.brief.invoices, *this.brief.ids)]
    if not told:
        return []
    same = or_(*(handoffs.c.brief.contains(each, autoescape=True) for each in told))
    others = handoffs.c.chat != this.chat, handoffs.c.resolved_at.is_(None)
    return [
        _read(row) for row in conn.execute(_whole().where(*others, same).order_by(handoffs.c.id.desc()).limit(most))
    ]


def earlier(conn: Connection, chat: str, most: int) -> Sequence[Handoff]:
    """The last handoffs of a chat that are over, the newest first."""
    over = handoffs.c.chat == chat, handoffs.c.resolved_at.is_not(None)
    return [_read(row) for row in conn.execute(_whole().where(*over).order_by(handoffs.c.id.desc()).limit(most))]


def resolved(conn: Connection, since: datetime, most: int) -> Sequence[Handoff]:
    """The handoffs that were over no longer ago than this, the newest first."""
    over = handoffs.c.resolved_at >= micros(since)
    return [
        _read(row) for row in conn.execute(_whole().where(over).order_by(handoffs.c.resolved_at.desc()).limit(most))
    ]


def watched(conn: Connection, chats: Sequence[str], since: datetime) -> set[str]:
    """Which of these chats have an open handoff, or one that was over no longer ago than this."""
    asked = select(handoffs.c.chat).where(handoffs.c.chat.in_(chats), _followed(since))
    return set(conn.execute(asked).scalars())


def open_chats(conn: Connection, since: datetime) -> Sequence[str]:
    """The chats with an open handoff, and those whose last one was over no longer ago than this."""
    return conn.execute(select(handoffs.c.chat).where(_followed(since)).distinct()).scalars().all()


def _payments(chat: str) -> Select[Any]:
    return select(payment.c.reference).where(payment.c.chat == chat)


def _json(text: str) -> str:
    """As it stands in a brief, between quotes."""
    return msgspec.json.encode(text).decode()


def _open(chat: str) -> tuple[Any, ...]:
    return handoffs.c.chat == chat, handoffs.c.resolved_at.is_(None)


def _followed(since: datetime) -> ColumnElement[bool]:
    return or_(handoffs.c.resolved_at.is_(None), handoffs.c.resolved_at >= micros(since))


def _moved(conn: Connection, handoff: int, agent: int, before: tuple[State, ...], **values: Any) -> bool:
    this = handoffs.c.id == handoff, handoffs.c.agent == agent, handoffs.c.state.in_(before)
    return conn.execute(update(handoffs).where(*this).values(**values)).rowcount == 1


def _whole() -> Select[Any]:
    whole = handoffs.outerjoin(agents, and_(agents.c.id == handoffs.c.agent))
    return select(*handoffs.c, agents.c.name.label("agent_name")).select_from(whole)


def _read(row: Row[Any]) -> Handoff:
    return Handoff(
        id=row.id,
        chat=row.chat,
        state=State(row.state),
        reason=row.reason,
        asked_at=instant(row.asked_at),
        agent=row.agent,
        agent_name=row.agent_name or "",
        taken_at=None if row.taken_at is None else instant(row.taken_at),
        resolved_at=None if row.resolved_at is None else instant(row.resolved_at),
        brief=msgspec.json.decode(row.brief, type=Brief) if row.brief else Brief(),
        waits_since=None if row.waits_since is None else instant(row.waits_since),
        stars=row.stars,
        changed_at=instant(row.changed_at),
    )
