"""Cases for a person: what the ledger and the reconciler cannot decide, with what they saw.

A case is opened in the transaction that met the trouble, once per key, and never closed but by a person, or by the word
that ends the trouble. Who works on it, and how, is told elsewhere; nothing here moves money.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select, update

from services.database import insert_once, instant, micros
from services.desk import handoffs
from services.schema import handoff_case
from services.schema import payment as payments


class Trouble(StrEnum):
    """Why a person has to look; each of them is about money. The last two are a customer's wish, not a trouble of ours."""

    CONTRADICTION = "contradiction"  # the gateway's facts about one payment cannot all be true
    UNKNOWN_PAYMENT = "unknown_payment"  # the gateway has a payment that this ledger never began
    FORGOTTEN = "forgotten"  # the ledger has one of which the gateway says that it never heard
    OVERPAID = "overpaid"  # paid, while the invoice was settled or changed otherwise: a refund is due
    DISPUTED = "disputed"  # the customer's bank wants to hear the business
    REFUND_FAILED = "refund_failed"  # the money is the business's again; the customer waits for it
    REFUND_UNSURE = "refund_unsure"  # asked for so long ago that asking again could refund twice
    GATEWAY_REFUSES = "gateway_refuses"  # it makes no pages: a revoked key, or a request it cannot read
    REFUND_LOST = "refund_lost"  # the bank sent back all of a payment that was refunded: the customer got that twice
    NOT_POSTED = "not_posted"  # the books refuse a payment that was made, or are away for half a day
    NOT_TOLD = "not_told"  # news of a payment that cannot be told to its chat
    REFUND_WANTED = "refund"  # a customer asks for money back
    DISPUTE_WANTED = "dispute"  # a customer says that an invoice or a payment is not right


# What must be decided about a payment, and whoever decides it may want to ask its customer. The customer knows nothing of it.
_QUESTIONS = (
    Trouble.CONTRADICTION,
    Trouble.FORGOTTEN,
    Trouble.OVERPAID,
    Trouble.DISPUTED,
    Trouble.REFUND_FAILED,
    Trouble.REFUND_UNSURE,
    Trouble.REFUND_LOST,
    Trouble.NOT_TOLD,
)

# a customer's call for a person, or what calls one for them
_CALLS = ("asked", "complaint", "lookup_locked", "sign_in_locked")


class Case(msgspec.Struct, frozen=True):
    """One open case. ``evidence`` is what was seen, as JSON; ``words`` are the customer's, redacted."""

    id: int
    reason: str
    summary: str
    at: datetime
    chat: str
    invoice: str | None
    payment: str | None
    evidence: str
    customer: str | None = None
    words: str = ""


def short(name: str) -> str:
    """What stands for a foreign name in keys, whose length is limited."""
    return name if len(name) <= 32 else hashlib.sha256(name.encode()).hexdigest()[:32]


def open_case(
    conn: Connection,
    key: str,
    reason: Trouble,
    summary: str,
    now: datetime,
    *,
    chat: str = "",
    invoice: str | None = None,
    payment: str | None = None,
    evidence: Any = None,
    customer: str | None = None,
    words: str = "",
) -> bool:
    """Open a case, once per ``key``; False when it was opened before. One that concerns a payment puts its chat into the desk's queue.

    ``evidence`` holds nothing personal; ``words`` may, and were redacted by whoever heard them.
    """
    opened = insert_once(
        conn,
        handoff_case,
        key=key,
        reason=reason,
        summary=summary,
        at=micros(now),
        chat=chat,
        invoice=invoice,
        payment=payment,
        evidence="" if evidence is None else msgspec.json.encode(evidence).decode(),
        customer=customer,
        words=words,
    )
    if opened and payment is not None and reason in _QUESTIONS and (told := _chat_of(conn, payment)):
        handoffs.ask(conn, told, "open_question", now)
    return opened


def open_cases(conn: Connection) -> Sequence[Case]:
    """Every case that nobody closed yet, the oldest first."""
    waiting = select(handoff_case).where(handoff_case.c.closed_at.is_(None)).order_by(handoff_case.c.id)
    return [_case(row) for row in conn.execute(waiting)]


def questions_of(conn: Connection, chat: str) -> Sequence[Case]:
    """The open cases about what was asked or paid in this chat, the oldest first; not the calls that brought a person here."""
    paid = select(payments.c.reference).where(payments.c.chat == chat)
    mine = or_(handoff_case.c.chat == chat, handoff_case.c.payment.in_(paid)), handoff_case.c.reason.not_in(_CALLS)
    waiting = select(handoff_case).where(*mine, handoff_case.c.closed_at.is_(None)).order_by(handoff_case.c.id)
    return [_case(row) for row in conn.execute(waiting)]


def newest_of(conn: Connection, chat: str) -> Case | None:
    """The case that was opened last in this chat, closed or not."""
    mine = select(handoff_case).where(handoff_case.c.chat == chat).order_by(handoff_case.c.id.desc()).limit(1)
    row = conn.execute(mine).one_or_none()
    return None if row is None else _case(row)


def close_case(conn: Connection, case: int, now: datetime) -> bool:
    """Close a case; False when there is none such that is open."""
    this = handoff_case.c.id == case, handoff_case.c.closed_at.is_(None)
    if conn.execute(update(handoff_case).where(*this).values(closed_at=micros(now))).rowcount != 1:
        return False
    _settled(conn, [case], now)
    return True


def answer_calls(conn: Connection, chat: str, now: datetime) -> None:
    """A person has spoken with the customer of this chat: what they were called for is done. Wishes wait for their answers."""
    this = handoff_case.c.chat == chat, handoff_case.c.reason.in_(_CALLS), handoff_case.c.closed_at.is_(None)
    conn.execute(update(handoff_case).where(*this).values(closed_at=micros(now)))


def settle(conn: Connection, payment: str, reason: Trouble, now: datetime) -> None:
    """The trouble of this kind with a payment is over: its cases are closed."""
    this = handoff_case.c.payment == payment, handoff_case.c.reason == reason, handoff_case.c.closed_at.is_(None)
    closed = conn.execute(select(handoff_case.c.id).where(*this)).scalars().all()
    conn.execute(update(handoff_case).where(*this).values(closed_at=micros(now)))
    _settled(conn, closed, now)


def _settled(conn: Connection, closed: Sequence[int], now: datetime) -> None:
    """Where these were the last ones of a chat that nobody has taken, nobody needs to."""
    rows = conn.execute(select(handoff_case.c.chat, handoff_case.c.payment).where(handoff_case.c.id.in_(closed))).all()
    chats = {row.chat for row in rows} | {_chat_of(conn, row.payment) for row in rows if row.payment}
    for chat in sorted(chats - {""}):
        handoffs.settled(conn, chat, now)


def _chat_of(conn: Connection, payment: str) -> str:
    return conn.execute(select(payments.c.chat).where(payments.c.reference == payment)).scalar_one_or_none() or ""


def _case(row: Row[Any]) -> Case:
    return Case(
        id=row.id,
        reason=row.reason,
        summary=row.summary,
        at=instant(row.at),
        chat=row.chat,
        invoice=row.invoice,
        payment=row.payment,
        evidence=row.evidence,
        customer=row.customer,
        words=row.words,
    )
