"""The people at the desk: their accounts, and how wrong passwords are counted. Sessions are in `services.desk.sessions`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, case, func, select, update

from services.database import insert_once, instant, micros
from services.schema import agent as agents
from services.schema import handoff, tried

Role = Literal["agent", "supervisor"]
MOST_WRONG = 10  # passwords in a row
REST = timedelta(minutes=15)  # of an account after those
_NOBODY = "desk:nobody"  # what is written where there is no account, so that the time tells nothing


class Agent(msgspec.Struct, frozen=True):
    """One person. ``name`` is what customers read."""

    id: int
    email: str
    name: str
    role: Role


class Attempt(msgspec.Struct, frozen=True):
    """A password is about to be tried: for whom, against what, and whether it may count."""

    agent: Agent
    password: str
    counts: bool


def folded(email: str) -> str:
    """An address as it is kept and looked for."""
    return email.strip().lower()


def add(conn: Connection, email: str, name: str, role: Role, password: str, now: datetime) -> bool:  # noqa: PLR0917  # a row's columns
    """A new account; False when there is one of this address. ``password`` is hashed."""
    values = {"email": folded(email), "name": name, "role": role, "password": password}
    return insert_once(conn, agents, **values, made_at=micros(now))


def everybody(conn: Connection) -> Sequence[tuple[Agent, bool]]:
    """Every account by name, and whether it may sign in."""
    rows = conn.execute(select(agents).order_by(agents.c.name, agents.c.id))
    return [(_read(row), row.disabled_at is None) for row in rows]


def find(conn: Connection, number: int) -> Agent | None:
    """One that may sign in."""
    row = conn.execute(select(agents).where(agents.c.id == number, agents.c.disabled_at.is_(None))).one_or_none()
    return None if row is None else _read(row)


class Standing(msgspec.Struct, frozen=True):
    """How an account stands. ``rests_until``: too many wrong passwords; ``chats``: open ones that are theirs."""

    agent: Agent
    disabled: bool
    rests_until: datetime | None
    chats: int


def standings(conn: Connection, now: datetime) -> Sequence[Standing]:
    """Every account by name, those that may sign in first."""
    theirs = select(func.count()).where(handoff.c.agent == agents.c.id, handoff.c.resolved_at.is_(None))
    asked = select(agents, theirs.scalar_subquery().label("chats"))
    rows = conn.execute(asked.order_by(agents.c.disabled_at.is_not(None), agents.c.name, agents.c.id))
    return [
        Standing(
            _read(row),
            row.disabled_at is not None,
            instant(row.locked_until) if row.locked_until > micros(now) else None,
            row.chats,
        )
        for row in rows
    ]


def any_of(conn: Connection, number: int) -> Agent | None:
    """One account by number, also one that is disabled."""
    row = conn.execute(select(agents).where(agents.c.id == number)).one_or_none()
    return None if row is None else _read(row)


def is_last_supervisor(conn: Connection, number: int) -> bool:
    """Whether nobody else could do what supervisors do. Whoever asks holds all of them until the transaction ends, so that
    two who take each other's role at one instant cannot both have it.
    """
    may = agents.c.role == "supervisor", agents.c.disabled_at.is_(None)
    held = select(agents.c.id).where(*may).order_by(agents.c.id).with_for_update()
    return list(conn.execute(held).scalars()) == [number]


def set_role(conn: Connection, number: int, role: Role) -> None:
    """What they may do from their next page on."""
    conn.execute(update(agents).where(agents.c.id == number).values(role=role))


def unlock(conn: Connection, number: int) -> None:
    """Wrong passwords that were counted are over: the right one was told, or a supervisor says so. The account rests no longer."""
    conn.execute(update(agents).where(agents.c.id == number).values(wrong=0, locked_until=0))


def by_email(conn: Connection, email: str) -> Agent | None:
    """One account, also one that is disabled."""
    row = conn.execute(select(agents).where(agents.c.email == folded(email))).one_or_none()
    return None if row is None else _read(row)


def disable(conn: Connection, number: int, now: datetime) -> None:
    """They sign in no more. The account stays: its name stands under what they wrote."""
    conn.execute(update(agents).where(agents.c.id == number).values(disabled_at=micros(now)))


def set_password(conn: Connection, number: int, password: str) -> None:
    """A new one, hashed; the account rests no longer, and may sign in again if it was disabled."""
    values = {"password": password, "wrong": 0, "locked_until": 0, "disabled_at": None}
    conn.execute(update(agents).where(agents.c.id == number).values(**values))


def begin_attempt(conn: Connection, email: str, now: datetime) -> Attempt | None:
    """Count a password before it is tried, so that no number of tries at the same instant gets round the count.

    A row is written whoever it is for, and whether or not it counts: by the time it takes, nobody tells which.
    """
    this = agents.c.email == folded(email)
    row = conn.execute(select(agents).where(this)).one_or_none()
    if row is None:
        if not insert_once(conn, tried, key=_NOBODY, at=micros(now), answer=b""):
            conn.execute(update(tried).where(tried.c.key == _NOBODY).values(at=micros(now)))
        return None
    free = row.locked_until <= micros(now)
    wrong = agents.c.wrong + 1
    full = wrong >= MOST_WRONG
    values = {
        "wrong": case((full, 0), else_=wrong),
        "locked_until": case((full, micros(now + REST)), else_=agents.c.locked_until),
    }
    conn.execute(update(agents).where(this).values(**values if free else {"wrong": agents.c.wrong}))
    return Attempt(_read(row), row.password, free and row.disabled_at is None)


def _read(row: Row[Any]) -> Agent:
    return Agent(row.id, row.email, row.name, row.role)
