"""Rulings: what a person says of a payment whose facts cannot all be true, once the gateway has told them by other ways.

Append-only. A ruling is made about exactly the facts that were there, so it ends by itself when another one comes. It
brings journal and books to where it says the payment stands by corrections of its own, which are taken back when it
ends: what the facts brought about stays as it was. Who may rule, and when, is `services.payments.facts`.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select

from services.database import micros
from services.model import Payment, PaymentState
from services.payments import journal, outbox, states
from services.payments.states import Standing
from services.schema import ruling


class Ruling(msgspec.Struct, frozen=True):
    """Where a payment stands by a person's word: SUCCEEDED (all of it is here), FAILED or RETURNED (nothing is)."""

    payment: str
    state: PaymentState
    asked_by: str
    why: str


RULINGS = (states.SUCCEEDED, states.FAILED, states.RETURNED)


def write(conn: Connection, made: Ruling, facts: int, now: datetime) -> None:
    """Keep a ruling about so many facts."""
    conn.execute(insert(ruling).values(at=micros(now), facts=facts, **msgspec.structs.asdict(made)))


_IN_FORCE = (
    select(ruling.c.id, ruling.c.state)
    .where(ruling.c.payment == bindparam("payment"), ruling.c.facts == bindparam("facts"))
    .order_by(ruling.c.id.desc())
    .limit(1)
)


def in_force(conn: Connection, reference: str, facts: int) -> tuple[int, PaymentState] | None:
    """The ruling about just these facts: they are only ever added, so their number names them. None: there is none."""
    found = conn.execute(_IN_FORCE, {"payment": reference, "facts": facts}).one_or_none()
    return None if found is None else (int(found.id), PaymentState(found.state))


def standing(doubtful: Standing, state: PaymentState) -> Standing:
    """Facts that contradict each other, as a person read them: nothing of their refunds and disputes counts."""
    return msgspec.structs.replace(doubtful, state=state, reason=None, refunds=(), disputed_minor=0)


def enforce(
    conn: Connection, row: Row[tuple[object, ...]], paid: Payment, lines: dict[str, int], now: datetime
) -> None:
    """Journal and books as the ruling of this ``row`` says; ``lines``: what the payment pays, by invoice."""
    cause, total, fee = f"ruling:{row.ruling}", paid.amount.minor, int(row.fee_minor)
    here = paid.state is states.SUCCEEDED
    accounts = {journal.CLEARING: total, journal.RECEIVABLE: fee - total, journal.FEES: -fee} if here else {}
    entry = f"{paid.reference}:{cause}"
    journal.bring_to(conn, entry, (paid.reference, paid.amount.currency), accounts, now)
    outbox.add_ruling(conn, paid, cause, lines if here else {}, now)


def lift(conn: Connection, paid: Payment, ended: int, now: datetime) -> None:
    """Take back what a ruling brought about: another fact came, or another ruling."""
    entry = f"{paid.reference}:ruling:{ended}"
    journal.reverse(conn, entry, f"{entry}:lifted", now)
    outbox.lift_ruling(conn, paid, f"ruling:{ended}", now)
