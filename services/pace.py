"""So many of a thing within any span of time: codes to one address within an hour. Counted in SQL, kept over restarts.

A day's allowance (`services.allowance`) begins anew at midnight; a pace never does. Each use takes one numbered place,
which is free again when the span is over. So no hour, wherever it begins, sees more than there are places, and two that
ask at the same time cannot both have the last one. Who counts chooses the subject, and hashes in it what is private.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, select, update

from services.database import insert_once, instant, micros, past
from services.schema import tried


class Pace(msgspec.Struct, frozen=True):
    """At most ``most`` within ``span`` for one subject: a name of at most 100 characters in which nothing is readable."""

    subject: str
    most: int
    span: timedelta

    @property
    def places(self) -> list[str]:
        """The keys of its places."""
        return [f"pace:{self.subject}:{number}" for number in range(self.most)]


def take(conn: Connection, paces: Sequence[Pace], at: datetime) -> tuple[str, ...] | datetime:
    """Take one place of each, for `give_back`; or none, and answer when there is one of each.

    Give them in the same order wherever they are taken together, so that no two wait for each other.
    """
    taken: list[str] = []
    for pace in paces:
        place = _take_one(conn, pace, at)
        if place is None:
            give_back(conn, taken)
            return free_at(conn, paces, at)
        taken.append(place)
    return tuple(taken)


def free_at(conn: Connection, paces: Sequence[Pace], at: datetime) -> datetime:
    """When there is a place of each: ``at`` itself, if there is now."""
    return max([at, *(_next(_used(conn, pace, at), pace, at) for pace in paces)])


def give_back(conn: Connection, places: Sequence[str]) -> None:
    """Nothing came of it: the places are free again, as they were before they were taken."""
    conn.execute(delete(tried).where(tried.c.key.in_(places)))


def _take_one(conn: Connection, pace: Pace, at: datetime) -> str | None:
    used = _used(conn, pace, at)
    for place in pace.places:
        if place not in used and _occupy(conn, place, pace, at):
            return place
    return None


def _occupy(conn: Connection, place: str, pace: Pace, at: datetime) -> bool:
    """False when somebody else was quicker."""
    if insert_once(conn, tried, key=place, at=micros(at), answer=b""):
        return True
    free = past(tried.c.at, micros(at - pace.span), micros(at))
    return conn.execute(update(tried).where(tried.c.key == place, free).values(at=micros(at))).rowcount == 1


def _used(conn: Connection, pace: Pace, at: datetime) -> dict[str, int]:
    """The places that are taken, and since when."""
    free = past(tried.c.at, micros(at - pace.span), micros(at))
    rows = conn.execute(select(tried.c.key, tried.c.at).where(tried.c.key.in_(pace.places), ~free))
    return {row.key: row.at for row in rows}


def _next(used: dict[str, int], pace: Pace, at: datetime) -> datetime:
    return at if len(used) < pace.most else instant(min(used.values())) + pace.span
