"""Payments that people at the desk and outside systems propose: what was proposed, and what became of it.

A proposal moves no money: the customer's own yes to a quote does, and the ledger alone knows what came of that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, Select, insert, select, update

from services.database import instant, micros
from services.model import Money
from services.schema import api_key as keys
from services.schema import proposal as proposals

State = Literal["offered", "confirmed", "declined", "withdrawn", "blocked"]  # blocked: by a payment under way


class Proposal(msgspec.Struct, frozen=True):
    """One proposal. ``payment`` is the reference of what it led to."""

    id: int
    chat: str
    handoff: int | None
    agent: int | None
    invoices: tuple[str, ...]  # ids
    numbers: tuple[str, ...]
    amount: Money
    reason: str
    state: State
    payment: str | None
    made_at: datetime
    changed_at: datetime
    api_key: int | None = None  # of the outside system that proposed it
    system: str = ""  # its name
    request_hash: str = ""  # of what was asked


class Request(msgspec.Struct, frozen=True):
    """What an outside system sent: ``api_key`` is its key's number, ``key`` tells this request from its others."""

    api_key: int
    key: str
    hash: str

    @property
    def name(self) -> str:
        """Under which it is kept: another system may use the same key."""
        return f"{self.api_key}:{self.key}"


def make(  # noqa: PLR0917  # a row's columns
    conn: Connection,
    chat: str,
    handoff: int | None,
    agent: int | None,
    invoices: Sequence[str],
    numbers: Sequence[str],
    amount: Money,
    reason: str,
    now: datetime,
    request: Request | None = None,
) -> int:
    """Write one down; answers its number. ``reason`` is redacted by whoever heard it.

    A ``request`` makes one once: it was looked for before in the same transaction, and of two at the same instant the
    database refuses the second.
    """
    values = {
        "chat": chat,
        "handoff": handoff,
        "agent": agent,
        "invoices": msgspec.json.encode(list(invoices)).decode(),
        "numbers": msgspec.json.encode(list(numbers)).decode(),
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "reason": reason,
        "state": "offered",
        "made_at": micros(now),
        "changed_at": micros(now),
    }
    if request is not None:
        values |= {"api_key": request.api_key, "request_key": request.name, "request_hash": request.hash}
    row = conn.execute(insert(proposals).values(**values))
    assert row.inserted_primary_key is not None
    return int(row.inserted_primary_key[0])


def moved(conn: Connection, number: int, chat: str, state: State, payment: str | None, now: datetime) -> bool:  # noqa: PLR0917  # what is noted
    """What became of one of this chat's. What was confirmed stays confirmed, and follows its newest payment; a payment that
    began as proposed confirms it also where word of another one came first.
    """
    this = proposals.c.id == number, proposals.c.chat == chat
    before = (
        proposals.c.state == "offered"
        if state != "confirmed"
        else proposals.c.state.in_(("offered", "confirmed", "declined"))
    )
    values = {"state": state, "changed_at": micros(now)} | ({"payment": payment} if payment else {})
    return conn.execute(update(proposals).where(*this, before).values(**values)).rowcount == 1


def find(conn: Connection, number: int) -> Proposal | None:
    """One proposal."""
    row = conn.execute(_whole().where(proposals.c.id == number)).one_or_none()
    return None if row is None else _read(row)


def of_request(conn: Connection, request: Request) -> Proposal | None:
    """What was made of the same request before."""
    row = conn.execute(_whole().where(proposals.c.request_key == request.name)).one_or_none()
    return None if row is None else _read(row)


def of_chat(conn: Connection, chat: str) -> list[Proposal]:
    """Those of a chat, the newest first."""
    rows = conn.execute(_whole().where(proposals.c.chat == chat).order_by(proposals.c.id.desc()))
    return [_read(row) for row in rows]


def _whole() -> Select[Any]:
    whole = proposals.outerjoin(keys, keys.c.id == proposals.c.api_key)
    return select(*proposals.c, keys.c.name.label("system")).select_from(whole)


def _read(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        chat=row.chat,
        handoff=row.handoff,
        agent=row.agent,
        invoices=tuple(msgspec.json.decode(row.invoices, type=list[str])),
        numbers=tuple(msgspec.json.decode(row.numbers, type=list[str])),
        amount=Money(row.amount_minor, row.currency),
        reason=row.reason,
        state=row.state,
        payment=row.payment,
        made_at=instant(row.made_at),
        changed_at=instant(row.changed_at),
        api_key=row.api_key,
        system=row.system or "",
        request_hash=row.request_hash or "",
    )
