"""What customers ask a person for: money back, or that an invoice or payment is looked at. Kept as cases, answered, told.

Synchronous functions over one connection, like `services.payments.ledger`. Who may ask about what is checked before, in
`services.payments.wishes`; nothing here gives money back, which is a person's to do, by `services.payments.refunds`.
"""

from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, Row, or_, select, update

from services.database import insert_once, instant, micros
from services.desk import handoffs
from services.model import Request, Requests
from services.payments.cases import Trouble, open_case, short
from services.schema import handoff_case as cases
from services.schema import tried

Kind: TypeAlias = Literal["refund", "dispute"]

MOST_SHOWN = 10
_REASONS: dict[Kind, Trouble] = {"refund": Trouble.REFUND_WANTED, "dispute": Trouble.DISPUTE_WANTED}
_WISHES = tuple(_REASONS.values())


class Wish(msgspec.Struct, frozen=True):
    """What a customer wants looked at. Whoever made it was found to be allowed to ask about that."""

    kind: Kind
    chat: str
    words: str  # the customer's own, redacted by whoever heard them
    customer: str | None  # whose payment or invoice it is about
    signed_in: bool  # whether that customer asked, or somebody who holds a link or began the payment
    payment: str | None = None
    invoice: str | None = None
    number: str = ""  # of the invoice


class Answered(msgspec.Struct, frozen=True):
    """A request that a person answered, and whose chat does not know it yet.

    ``customer`` is who asked, signed in: the answer is theirs, and not for whoever else is in the chat by now.
    """

    case: int
    chat: str
    request: Request
    customer: str | None


def open_request(conn: Connection, key: str, wish: Wish, now: datetime) -> Request:
    """The case of a wish: once per ``key``, and the one that is open if the same was wished before."""
    answered = conn.execute(select(tried.c.answer).where(tried.c.key == key)).scalar_one_or_none()
    if answered is not None:
        return _read(_row(conn, cases.c.id == msgspec.json.decode(answered, type=int)))
    row = _open(conn, wish, now)
    insert_once(conn, tried, key=key, at=micros(now), answer=msgspec.json.encode(row.id))
    return _read(row)


def _open(conn: Connection, wish: Wish, now: datetime) -> Row[Any]:
    # read in one statement, and counted in the key: of two wishes at the same time, one makes the case of both
    before = _alike(conn, wish)
    waiting = next((row for row in before if row.closed_at is None), None)
    if waiting is not None:
        return waiting
    who = short(f"customer {wish.customer}" if wish.signed_in else f"chat {wish.chat}")
    about = short(f"{wish.payment or ''} {wish.invoice or ''}")
    key = f"wish:{wish.kind}:{who}:{about}:{len(before)}"
    what = wish.payment or wish.number
    summary = f"money back for {what} is wanted" if wish.kind == "refund" else f"{what} is said not to be right"
    open_case(
        conn,
        key,
        _REASONS[wish.kind],
        summary,
        now,
        chat=wish.chat,
        invoice=wish.invoice,
        payment=wish.payment,
        evidence={"number": wish.number, "signed_in": wish.signed_in},
        customer=wish.customer,
        words=wish.words,
    )
    handoffs.ask(conn, wish.chat, _REASONS[wish.kind], now)
    return _row(conn, cases.c.key == key)


def _alike(conn: Connection, wish: Wish) -> list[Row[Any]]:
    """The cases of the same wish of the same customer, or of the same chat: a link's holder joins nobody else's."""
    who = cases.c.customer == wish.customer if wish.signed_in else cases.c.chat == wish.chat
    about = cases.c.payment.is_not_distinct_from(wish.payment), cases.c.invoice.is_not_distinct_from(wish.invoice)
    rows = conn.execute(select(cases).where(cases.c.reason == _REASONS[wish.kind], who, *about)).all()
    return [row for row in rows if _evidence(row).signed_in == wish.signed_in]


def _row(conn: Connection, which: Any) -> Row[Any]:
    return conn.execute(select(cases).where(which)).one()


def of(conn: Connection, customer: str | None, chat: str) -> Requests:
    """What this customer asked for, or somebody about what is theirs, and what this chat did; the newest first.

    What a customer who signed in asked for is nobody else's, also in the same chat.
    """
    theirs = or_(cases.c.customer == customer, cases.c.chat == chat) if customer is not None else cases.c.chat == chat
    newest = select(cases).where(theirs, cases.c.reason.in_(_WISHES)).order_by(cases.c.id.desc())
    rows = [row for row in conn.execute(newest) if not _evidence(row).signed_in or row.customer == customer]
    return Requests(tuple(_read(row) for row in rows[:MOST_SHOWN]))


def answer(conn: Connection, case: int, words: str, now: datetime) -> bool:
    """Close a case with an answer to its customer; False when there is none such that is open."""
    this = cases.c.id == case, cases.c.closed_at.is_(None)
    if conn.execute(update(cases).where(*this).values(closed_at=micros(now), answer=words)).rowcount != 1:
        return False
    handoffs.settled(conn, conn.execute(select(cases.c.chat).where(cases.c.id == case)).scalar_one(), now)
    return True


def forward(conn: Connection, old: str, new: str) -> None:
    """What persons answer to the requests of a chat is told in another one, but for those of a customer who signed in."""
    rows = conn.execute(select(cases).where(cases.c.chat == old, cases.c.reason.in_(_WISHES))).all()
    theirs = [row.id for row in rows if not _evidence(row).signed_in]
    conn.execute(update(cases).where(cases.c.id.in_(theirs)).values(chat=new))


def untold(conn: Connection, n: int) -> list[Answered]:
    """At most ``n`` answered requests that their chats were not told of, the oldest first."""
    waiting = cases.c.answer != "", cases.c.told_at.is_(None), cases.c.chat != "", cases.c.reason.in_(_WISHES)
    rows = conn.execute(select(cases).where(*waiting).order_by(cases.c.id).limit(n))
    return [Answered(row.id, row.chat, _read(row), row.customer if _evidence(row).signed_in else None) for row in rows]


def told(conn: Connection, case: int, now: datetime) -> bool:
    """Note that a chat knows the answer; False when that was noted before."""
    this = cases.c.id == case, cases.c.told_at.is_(None)
    return conn.execute(update(cases).where(*this).values(told_at=micros(now))).rowcount == 1


class _Evidence(msgspec.Struct, frozen=True):
    number: str = ""
    signed_in: bool = False


def _evidence(row: Row[Any]) -> _Evidence:
    # a case that `call_agent` made has none
    return msgspec.json.decode(row.evidence, type=_Evidence) if row.evidence else _Evidence()


def _read(row: Row[Any]) -> Request:
    return Request(
        case=row.id,
        kind="refund" if row.reason == Trouble.REFUND_WANTED else "dispute",
        at=instant(row.at),
        number=_evidence(row).number,
        reference=row.payment or "",
        answer=row.answer,
        closed_at=None if row.closed_at is None else instant(row.closed_at),
    )
