"""Six-digit codes as they are drawn, sealed, counted and compared: the arithmetic and the SQL under `services.sign_in`.

Which address is meant, and who is there, is not known here. What is written is keyed hashes and counts.

**How likely is a guess.** A code is one of 10**6, drawn anew for every letter and right in one chat only. An address
takes 10 compared guesses between two sign-ins of its owner, whoever makes them, wherever, and whichever codes were sent
meanwhile. Seen from before the first of them, each is right with a chance of 10**-6; so one of them is with at most
10 * 10**-6 = 10**-5. A guess is counted before it is compared, in the transaction that compares it, under the lock of the
address's row: of two hundred at once, ten are compared. After those even the right code is locked out.
"""

import hmac
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Row, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services import pace
from services.database import micros
from services.identity import HOUR, Locked, Wrong, add_tries
from services.pace import Pace
from services.schema import sign_in_code, sign_in_guard

LASTS = timedelta(minutes=10)  # a code
WRONG_PER_ADDRESS = 10  # between two sign-ins of its owner; then a person
_DIGITS = 6
_LONGEST = 40  # characters of a code as it is typed: six digits, and whatever stands between them
_SKEW = timedelta(minutes=1)  # between the clocks of two workers


class Place(msgspec.Struct, frozen=True):
    """Where a code counts: in one chat, for one purpose."""

    chat: str
    purpose: str


class Right(msgspec.Struct, frozen=True):
    """The code fits, and is used up now."""


Verdict: TypeAlias = Right | Wrong | Locked


class Guess(msgspec.Struct, frozen=True):
    """A code that somebody typed, and what it has to fit.

    ``guard`` counts for the address. ``worth`` is False where no code is right: nobody has the address.
    """

    place: Place
    digits: str
    bound: str
    guard: str
    worth: bool
    limits: Mapping[str, int]  # wrong codes in 24 hours, of the chat and of the client


def draw(random: Callable[[int], bytes]) -> str:
    """Six digits, each of the 10**6 codes as likely as every other.

    24 bits are 16 times 10**6 numbers and some more; one of those is thrown away, and another drawn.
    """
    while True:
        number = int.from_bytes(random(3), "big")
        if number < 16 * 10**_DIGITS:
            return f"{number % 10**_DIGITS:0{_DIGITS}}"


def digits_of(typed: str) -> str:
    """The digits of a code as people type it: with spaces or dashes, in the digits of any script."""
    return "".join(str(unicodedata.decimal(ch)) for ch in typed[:_LONGEST] if ch.isdecimal())


class Seals:
    """What is stored in the place of addresses, chats and codes: hashes under a key that the database does not hold."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"sign-in by code", "sha256")  # for this use alone

    def subject(self, what: str, who: str) -> str:
        """What a limit counts, such as the codes of one chat."""
        return self._mac(what, who).hex()

    def address(self, address: str) -> str:
        """An e-mail address, case aside. A plain hash would be tried against every address there is."""
        return self._mac("address", _folded(address)).hex()

    def bound(self, address: str, owner: str) -> str:
        """An address as one customer proves it: another customer in the same chat has not proved it by that."""
        return self._mac("bound", _folded(address), owner).hex()

    def code(self, salt: bytes, place: Place, digits: str) -> bytes:
        """A code. A salt alone would not do: whoever steals the database tries all 10**6 within a second.

        Nothing slower is needed: without the key there is nothing to try, and with it a code is good for 10 minutes.
        """
        return self._mac("code", salt.hex(), place.chat, place.purpose, digits)

    def _mac(self, *words: str) -> bytes:
        spelled = "".join(f"{len(word)}:{word}" for word in words)  # lengths: no two lists of words spell the same
        return hmac.digest(self._key, spelled.encode(errors="replace"), "sha256")


def keep(
    conn: Connection, place: Place, sealed: Mapping[str, Any], paces: list[Pace], now: datetime
) -> datetime | None:
    """Write a new code in the place of the one before, unless too many were asked for: then when there may be another."""
    wait = pace.take(conn, paces, now)
    if isinstance(wait, datetime):
        return wait
    row = {**sealed, "sent_at": micros(now), "expires_at": micros(now + LASTS), "used_at": None}
    _put(conn, sign_in_code, {"chat": place.chat, "purpose": place.purpose}, row, row)
    return None


def compare(conn: Connection, guess: Guess, seals: Seals, now: datetime) -> Verdict:
    """Count a guess as wrong, everywhere it counts, and only then look whether it is right.

    The count locks the row of the address, so no guess at the same time slips past it. What is right, or locked out and so
    not looked at, is taken back: whoever is locked out by a limit of its own cannot lock the addresses of others.
    """
    hour = micros(now) // HOUR
    over = _add_wrong(conn, guess.guard, 1, now) > WRONG_PER_ADDRESS
    for subject in sorted(guess.limits):
        over = (add_tries(conn, subject, hour, 1) > guess.limits[subject]) | over
    found = conn.execute(select(sign_in_code).where(*_at(guess.place))).one_or_none()
    right = not over and _fits(guess, found, seals, now) and _use_up(conn, guess.place, found, now)
    if not over and not right:
        return Wrong()
    _add_wrong(conn, guess.guard, -1, now)
    for subject in sorted(guess.limits):
        add_tries(conn, subject, hour, -1)
    return Right() if right else Locked()


def forgive(conn: Connection, guard: str, now: datetime) -> bool:
    """Begin another interval for an address: its owner signed in, or a person has looked into it. Whether any was counted."""
    this = sign_in_guard.c.address_hash == guard, sign_in_guard.c.wrong > 0
    return conn.execute(update(sign_in_guard).where(*this).values(wrong=0, changed_at=micros(now))).rowcount == 1


def proofs(conn: Connection, chat: str, span: timedelta, now: datetime) -> dict[str, str]:
    """The codes of a chat that were right within ``span``: by purpose, the bound address that each has proved."""
    lately = sign_in_code.c.used_at > micros(now - span), sign_in_code.c.used_at <= micros(now)
    rows = conn.execute(select(sign_in_code).where(sign_in_code.c.chat == chat, *lately))
    return {row.purpose: row.address_hash for row in rows}


def was_used(conn: Connection, place: Place) -> bool:
    """Whether the last code that was sent there was right."""
    used = select(sign_in_code.c.chat).where(*_at(place), sign_in_code.c.used_at.is_not(None))
    return conn.execute(used).first() is not None


def _fits(guess: Guess, found: Row[Any] | None, seals: Seals, now: datetime) -> bool:
    """Every guess is sealed and compared, also where no code was sent: time tells nothing."""
    salt, code, bound = (found.salt, found.code_hash, found.address_hash) if found else (b"", bytes(32), "")
    same = hmac.compare_digest(code, seals.code(salt, guess.place, guess.digits))
    same = hmac.compare_digest(bound, guess.bound) & same
    return same and guess.worth and found is not None and _lasts(found.expires_at, now)


def _use_up(conn: Connection, place: Place, found: Row[Any] | None, now: datetime) -> bool:
    """False when a newer code was sent in this instant: only that one counts."""
    this = *_at(place), sign_in_code.c.salt == (found.salt if found else b""), sign_in_code.c.used_at.is_(None)
    return conn.execute(update(sign_in_code).where(*this).values(used_at=micros(now))).rowcount == 1


def _lasts(until: int, now: datetime) -> bool:
    """Not over; nor so far ahead that it stems from before a clock was set back."""
    return micros(now) < until <= micros(now + LASTS + _SKEW)


def _at(place: Place) -> tuple[Any, ...]:
    return sign_in_code.c.chat == place.chat, sign_in_code.c.purpose == place.purpose


def _add_wrong(conn: Connection, guard: str, wrong: int, now: datetime) -> int:
    """Add to the wrong codes of an address, which locks its row, and answer how many there are."""
    more = {"wrong": sign_in_guard.c.wrong + wrong, "changed_at": micros(now)}
    _put(conn, sign_in_guard, {"address_hash": guard}, {"wrong": wrong, "changed_at": micros(now)}, more)
    query = select(sign_in_guard.c.wrong).where(sign_in_guard.c.address_hash == guard)
    return int(conn.execute(query).scalar_one())


def _put(
    conn: Connection, table: Table, keys: Mapping[str, str], first: Mapping[str, Any], then: Mapping[str, Any]
) -> None:
    build = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    row = build(table).values({**keys, **first})
    conn.execute(row.on_conflict_do_update(index_elements=list(keys), set_=dict(then)))


def _folded(address: str) -> str:
    return address.strip().casefold()
