"""Letters that go out because something happened: rows that are written in the transaction of their cause, once per cause.

Workers claim them with a lease and a fencing token, as jobs of `services/payments/outbox.py`. What a letter says, and
whose address it goes to, is found when it is sent: a row holds ids and numbers only. Nothing here leaves the database.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, Row, Select, bindparam, select, update

from services.database import insert_once, instant, micros, past
from services.schema import letter

LEASE = timedelta(minutes=5)  # above all time-outs of one talk with a mail server, and of what a composer reads
GIVEN_UP_AFTER = timedelta(days=5)  # RFC 5321, 4.5.4.1: at least 4 to 5 days
DOUBTS = 2  # so often a letter is handed over without an answer: once, and once more
# RFC 5321, 4.5.4.1: twice in the first hour, then every two or three hours. It asks for 30 minutes between two tries of
# a receiver's server; the first ones are shorter, since it is the business's own server that was away for a moment.
_PAUSES = tuple(timedelta(minutes=n) for n in (2, 15, 30, 60, 120, 180))


class Wanted(msgspec.Struct, frozen=True):
    """A letter to one customer, because of one thing that happened."""

    key: str  # of the cause, unique, at most 200 characters: "receipt:RM-...", "reminder:INVOICE:STAGE:DUE"
    kind: str  # which composer writes it
    customer: str  # to whose address on file it goes
    about: dict[str, str] = {}  # ids and numbers the composer needs; never words, names or addresses


class State(StrEnum):
    """How a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # by a mail server, for good
    MOOT = "moot"  # not true any more when it was to be sent, or nowhere to send it to
    UNSURE = "unsure"  # handed over twice, and no answer either time: it may have arrived
    EXPIRED = "expired"  # no mail server took it for `GIVEN_UP_AFTER`


class Held(msgspec.Struct, frozen=True):
    """A letter that is the caller's to send for `LEASE`."""

    id: int
    fence: int
    attempts: int  # claims before this one
    wanted: Wanted


class Standing(msgspec.Struct, frozen=True):
    """A letter as a list shows it. ``code``: what a mail server said last, such as "450" or "5.1.1"; "": nothing."""

    key: str
    kind: str
    customer: str
    state: State
    due_at: datetime
    sent_at: datetime | None
    attempts: int
    code: str


def want(conn: Connection, wanted: Wanted, now: datetime, due: datetime | None = None) -> bool:
    """Have a letter sent, at ``due`` or at once; False when its cause has one already, whatever became of it."""
    first = due or now
    return insert_once(
        conn,
        letter,
        key=wanted.key,
        kind=wanted.kind,
        customer=wanted.customer,
        about=msgspec.json.encode(wanted.about).decode(),
        state=State.WAITING,
        due_at=micros(first),
        until_at=micros(first + GIVEN_UP_AFTER),
        changed_at=micros(now),
    )


def _due() -> Select[Any]:
    at = bindparam("at", type_=BigInteger)
    return (
        select(letter)
        .where(letter.c.state == State.WAITING, letter.c.due_at <= at, past(letter.c.lease_until, at, at))
        .order_by(letter.c.due_at, letter.c.id)
        .limit(bindparam("n", type_=Integer))
    )


_DUE = _due()  # built once: it is asked in every round of a worker


def claim(conn: Connection, n: int, now: datetime) -> list[Held]:
    """At most ``n`` letters that are due, leased to the caller for `LEASE`.

    Those whose time is over, or that were handed over in doubt often enough, are settled here and not handed out.
    """
    held: list[Held] = []
    for row in conn.execute(_DUE, {"at": micros(now), "n": n}).all():
        fence = _lease(conn, row, now)
        if fence is None:
            continue  # another worker was quicker
        one = Held(row.id, fence, row.attempts, _wanted(row))
        if row.doubts >= DOUBTS:
            _write(conn, one, now, state=State.UNSURE)
        elif row.until_at < micros(now):
            _write(conn, one, now, state=State.UNSURE if row.doubts else State.EXPIRED)
        else:
            held.append(one)
    return held


def _lease(conn: Connection, row: Row[Any], now: datetime) -> int | None:
    mine = letter.c.id == row.id, letter.c.fence == row.fence, letter.c.state == State.WAITING
    leased = {"fence": row.fence + 1, "lease_until": micros(now + LEASE), "attempts": letter.c.attempts + 1}
    return row.fence + 1 if conn.execute(update(letter).where(*mine).values(leased)).rowcount == 1 else None


def release_all(conn: Connection) -> None:
    """Give back every lease, where one process opens the database; see `ledger.release_all`."""
    conn.execute(update(letter).where(letter.c.lease_until > 0, letter.c.state == State.WAITING).values(lease_until=0))


def hand_over(conn: Connection, held: Held, message_id: str, now: datetime) -> datetime | None:
    """Write down, before it leaves, that a letter may be out from now on; None when the lease was lost.

    Answers with the date that it bears: after a try without an answer that of the first one, so that a mail reader that
    gets both sees one message.
    """
    row = conn.execute(select(letter.c.dated_at, letter.c.doubts).where(letter.c.id == held.id)).one()
    dated = row.dated_at if row.doubts and row.dated_at is not None else micros(now)
    ours = _write(conn, held, now, message_id=message_id, dated_at=dated, doubts=row.doubts + 1, free=False)
    return instant(dated) if ours else None


def sent(conn: Connection, held: Held, now: datetime) -> bool:
    """A mail server took it. False here and below: the lease was lost, and somebody else answers for it."""
    return _write(conn, held, now, state=State.SENT, sent_at=micros(now))


def refused(conn: Connection, held: Held, code: str, now: datetime) -> bool:
    """A mail server said no for good, with this code."""
    return _write(conn, held, now, state=State.REFUSED, code=code)


def moot(conn: Connection, held: Held, why: str, now: datetime) -> bool:
    """There is nothing to send any more, or nowhere to send it to; ``why`` in a word of at most 16 letters."""
    return _write(conn, held, now, state=State.MOOT, code=why)


def later(conn: Connection, held: Held, now: datetime, code: str = "", *, handed: bool = False) -> bool:
    """Surely not sent: again after a pause that grows. ``handed``: `hand_over` said that it might leave; it did not."""
    pause = _PAUSES[min(held.attempts, len(_PAUSES) - 1)]
    doubts = letter.c.doubts - 1 if handed else letter.c.doubts
    return _write(conn, held, now, due_at=micros(now + pause), code=code, doubts=doubts)


def unsure(conn: Connection, held: Held, now: datetime) -> bool:
    """No answer after it was handed over: it is repeated once, as the same message. Whether it will be."""
    doubts = conn.execute(select(letter.c.doubts).where(letter.c.id == held.id)).scalar_one()
    if doubts >= DOUBTS:
        _write(conn, held, now, state=State.UNSURE)
        return False
    return _write(conn, held, now, due_at=micros(now + _PAUSES[1]))


def _write(conn: Connection, held: Held, now: datetime, *, free: bool = True, **columns: Any) -> bool:
    mine = letter.c.id == held.id, letter.c.fence == held.fence, letter.c.state == State.WAITING
    values = columns | {"changed_at": micros(now)} | ({"lease_until": 0} if free else {})
    return conn.execute(update(letter).where(*mine).values(values)).rowcount == 1


def drop(conn: Connection, customer: str, now: datetime) -> int:
    """Nothing is sent to this customer of what waits; how many letters that was."""
    theirs = letter.c.customer == customer, letter.c.state == State.WAITING
    gone = {"state": State.MOOT, "code": "erased", "changed_at": micros(now)}
    return conn.execute(update(letter).where(*theirs).values(gone)).rowcount


def listed(conn: Connection, states: Sequence[State], most: int) -> list[Standing]:
    """At most ``most`` letters in these states, the newest first."""
    asked = select(letter).where(letter.c.state.in_(states)).order_by(letter.c.id.desc()).limit(most)
    return [
        Standing(
            row.key,
            row.kind,
            row.customer,
            State(row.state),
            instant(row.due_at),
            None if row.sent_at is None else instant(row.sent_at),
            row.attempts,
            row.code,
        )
        for row in conn.execute(asked)
    ]


def _wanted(row: Row[Any]) -> Wanted:
    return Wanted(row.key, row.kind, row.customer, msgspec.json.decode(row.about, type=dict[str, str]))
