"""Who is signed in at the desk. Only the hash of a session's token is kept."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from services.database import micros
from services.desk.agents import Agent
from services.schema import agent as agents
from services.schema import desk_session
from services.tokens import new_token, token_hash

LASTS = timedelta(hours=12)
IDLE = timedelta(hours=2)
_NOTICE = timedelta(minutes=1)  # a session that was seen within it is not written to again


def begin(conn: Connection, agent: int, random: Callable[[int], bytes], now: datetime) -> str:
    """Sign somebody in; answers the token, which is kept by their browser alone. Sessions that are over go."""
    at = micros(now)
    over = or_(desk_session.c.expires_at <= at, desk_session.c.seen_at <= micros(now - IDLE))
    conn.execute(delete(desk_session).where(over))
    token = new_token(random)
    values = {"token_hash": token_hash(token), "agent": agent, "made_at": at, "seen_at": at}
    conn.execute(insert(desk_session).values(**values, expires_at=micros(now + LASTS)))
    return token


def find(conn: Connection, token: str, now: datetime, *, active: bool = True) -> Agent | None:
    """Whose session this is, if it holds. ``active``: somebody is at the keyboard, so it goes on."""
    hashed = token_hash(token)
    holds = desk_session.c.expires_at > micros(now), desk_session.c.seen_at > micros(now - IDLE)
    asked = select(agents, desk_session.c.seen_at).join(desk_session, desk_session.c.agent == agents.c.id)
    row = conn.execute(
        asked.where(desk_session.c.token_hash == hashed, agents.c.disabled_at.is_(None), *holds)
    ).one_or_none()
    if row is None:
        return None
    if active and row.seen_at <= micros(now - _NOTICE):
        conn.execute(update(desk_session).where(desk_session.c.token_hash == hashed).values(seen_at=micros(now)))
    return Agent(row.id, row.email, row.name, row.role)


def end(conn: Connection, token: str) -> None:
    """Sign out of this browser."""
    conn.execute(delete(desk_session).where(desk_session.c.token_hash == token_hash(token)))


def end_all(conn: Connection, agent: int) -> None:
    """Sign somebody out everywhere."""
    conn.execute(delete(desk_session).where(desk_session.c.agent == agent))
