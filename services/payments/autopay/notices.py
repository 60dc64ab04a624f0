"""What customers are told of autopay unasked: once per cause, in the chat they last used and by letter; and that it stopped.

Synchronous functions over one connection. What is told, in words, is the dialog's and the letters'.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from services.database import insert_once, micros
from services.model import Enrolment, Notice
from services.payments.autopay import enrolments, letters
from services.schema import autopay as autopays
from services.schema import autopay_notice
from services.schema import payment as payments


class Untold(msgspec.Struct, frozen=True):
    """A notice that its chat was not told of."""

    id: int
    key: str
    customer: str
    chat: str
    notice: Notice


def notify(conn: Connection, key: str, enrolment: Enrolment, notice: Notice, now: datetime) -> bool:
    """Tell a customer something, once per ``key``: in the chat they last used, and by letter."""
    chat = chat_of(conn, enrolment)
    body = msgspec.json.encode(notice)
    told = insert_once(conn, autopay_notice, key=key, customer=enrolment.customer, chat=chat, body=body, at=micros(now))
    if told:
        letters.noticed(conn, key, enrolment.customer, now)
    return told


def chat_of(conn: Connection, enrolment: Enrolment) -> str:
    """The chat in which a customer, signed in, agreed to something last: to a payment, or to autopay itself."""
    mine = payments.c.customer == enrolment.customer, payments.c.enrolment.is_(None), payments.c.vault != ""
    newest = select(payments.c.chat, payments.c.created_at).where(*mine).order_by(payments.c.created_at.desc()).limit(1)
    paid = conn.execute(newest).one_or_none()
    kept = conn.execute(select(autopays.c.chat, autopays.c.changed_at).where(autopays.c.id == enrolment.id)).one()
    return str(paid.chat if paid is not None and paid.created_at > kept.changed_at else kept.chat)


def untold(conn: Connection, n: int) -> list[Untold]:
    """At most ``n`` notices that were not told in their chats, the oldest first."""
    rows = conn.execute(
        select(autopay_notice).where(autopay_notice.c.told_at.is_(None)).order_by(autopay_notice.c.id).limit(n)
    )
    return [_notice(row) for row in rows]


def find(conn: Connection, key: str) -> Untold | None:
    """A notice by its key, for the letter that tells the same, or None."""
    row = conn.execute(select(autopay_notice).where(autopay_notice.c.key == key)).one_or_none()
    return None if row is None else _notice(row)


def _notice(row: Row[Any]) -> Untold:
    return Untold(row.id, row.key, row.customer, row.chat, msgspec.json.decode(row.body, type=Notice))


def told(conn: Connection, notice: int, now: datetime) -> bool:
    """Note that a chat knows it; False when that was noted before."""
    this = autopay_notice.c.id == notice, autopay_notice.c.told_at.is_(None)
    return conn.execute(update(autopay_notice).where(*this).values(told_at=micros(now))).rowcount == 1


def method(enrolment: Enrolment) -> dict[str, Any]:
    """The method of an enrolment, as a notice names it."""
    terms = enrolment.terms
    return {"method": terms.method, "brand": terms.brand, "last4": terms.last4}


def stop(conn: Connection, enrolment: Enrolment, why: str, now: datetime, **about: Any) -> bool:
    """End an enrolment that can charge no more, and tell its customer why; False when it was over already. Let it be last."""
    if not enrolments.stop(conn, enrolment.id, why, now):
        return False
    notice = Notice("stopped", reason=why, **about, **method(enrolment))
    notify(conn, f"autopay:stopped:{enrolment.id}", enrolment, notice, now)
    enrolments.seal_stop(conn, enrolment.id, now)
    return True


def method_gone(conn: Connection, customer: str, method: str, now: datetime) -> bool:
    """A saved method was removed: the autopay that would charge it ends, and its customer hears so."""
    kept = enrolments.latest(conn, customer)
    return kept is not None and kept.terms.saved == method and stop(conn, kept, "method_gone", now)
