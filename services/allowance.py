"""So many of a thing per day: letters about one invoice, fresh links from one address. Counted in SQL, kept over restarts.

Each use takes one numbered place of the day, and a place is taken once: two that ask at the same time cannot both
have the last one. Only hashes of what is counted are stored.
"""

import hashlib
import ipaddress
from datetime import date, datetime

from sqlalchemy import Connection, delete, select

from services.database import insert_once, micros
from services.schema import tried


def household(address: str) -> str:
    """Whom a network address stands for: itself, or the /64 of an IPv6 address, of which one line has all (RFC 6177)."""
    try:
        told = ipaddress.ip_address(address)
    except ValueError:
        return address  # a front end's own name for a customer
    if told.version == 4:
        return address
    if told.ipv4_mapped is not None:
        return str(told.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(told) >> 64 << 64)}/64"


def take(conn: Connection, subject: str, day: date, most: int, at: datetime) -> str | None:
    """Take a place; answers with it, for `give_back`, or None when all ``most`` of this day are taken."""
    for place in _places(subject, day, most):
        if insert_once(conn, tried, key=place, at=micros(at), answer=b""):
            return place
    return None


def is_free(conn: Connection, subject: str, day: date, most: int) -> bool:
    """Whether `take` would find a place."""
    places = _places(subject, day, most)
    taken = conn.execute(select(tried.c.key).where(tried.c.key.in_(places))).scalars().all()
    return len(taken) < most


def give_back(conn: Connection, place: str) -> None:
    """Nothing came of it: the place is free again."""
    conn.execute(delete(tried).where(tried.c.key == place))


def _places(subject: str, day: date, most: int) -> list[str]:
    hashed = hashlib.sha256(subject.encode(errors="replace")).hexdigest()[:32]
    return [f"day:{day.isoformat()}:{hashed}:{number}" for number in range(most)]
