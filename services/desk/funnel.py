"""From the letter with a pay link to the payment: how far each came, and how long it took to be paid. Only reads.

A letter is one pay link that the mail server took. A payment of its invoice belongs to the last letter before it, whoever paid and by
whatever way, so that none counts twice. What is recorded only since some day is not guessed for the days before: see `since`.
Letters are read in pieces; of each that was paid, eight bytes are kept. Synchronous functions over one connection.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, case, func, or_, select

from services.database import instant
from services.desk.days import Days, within
from services.desk.income import CAME
from services.desk.times import Bins, Spread, spread
from services.model import Method
from services.schema import pay_link, payment_invoice
from services.schema import payment as payments

PIECE = 1000  # rows that are read at once

# spans until a letter is paid, in seconds
PAID_IN = Bins((300, 900, 3600, 4 * 3600, 86_400, 2 * 86_400, 4 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400))


class Reach(StrEnum):
    """How far a letter came, in order."""

    SENT = "sent"
    OPENED = "opened"  # the bill was looked at
    BEGUN = "begun"  # a chat was begun from it
    CHOSEN = "chosen"  # a method was chosen
    AGREED = "agreed"  # a quote was confirmed
    PAGE = "page"  # the payment page was gone to; of a saved method: it was charged
    PAID = "paid"


class Letters(msgspec.Struct, frozen=True):
    """Letters of one day. ``seen``: for how many each step is on record; ``reached``: how many came so far, or farther.

    Whoever pays without opening the letter, signed in for instance, is among those who came farther.
    """

    day: date
    seen: Mapping[Reach, int]
    reached: Mapping[Reach, int]


class Way(msgspec.Struct, frozen=True):
    """How long letters took to be paid, by method, or "" for all of them: from the letter until the money arrived."""

    method: str
    times: Spread


class Funnel(msgspec.Struct, frozen=True):
    """Letters by day, the oldest first, and how long it took. ``since``: before it nothing of this was recorded."""

    since: datetime | None
    letters: tuple[Letters, ...]
    ways: tuple[Way, ...]


def funnel(conn: Connection, days: Days) -> Funnel:
    """What became of the letters that were sent within these days."""
    first = conn.execute(select(func.min(pay_link.c.sent_at))).scalar_one()
    seen: dict[date, Counter[Reach]] = defaultdict(Counter)
    reached: dict[date, Counter[Reach]] = defaultdict(Counter)
    times: dict[str, array[int]] = defaultdict(lambda: array("q"))
    for row in conn.execute(_of_letters(days), execution_options={"yield_per": PIECE}):
        day, steps = days.of(row.sent_at), _steps(row)
        seen[day].update(steps)
        farthest = max(steps, key=_ORDER.index)
        reached[day].update(_ORDER[: _ORDER.index(farthest) + 1])
        if row.first is not None:
            paid_at, by_card = divmod(row.first, 2)
            method = Method.CARD if by_card else Method.BANK
            times[method].append(max(0, paid_at - row.sent_at))  # the gateway's clock may be behind ours
    return Funnel(
        None if first is None else instant(first),
        tuple(Letters(day, dict(seen[day]), dict(reached[day])) for day in sorted(seen)),
        _ways(times),
    )


_ORDER = tuple(Reach)


def _steps(row: Row[Any]) -> list[Reach]:
    """What is on record of one letter."""
    on_record = (
        (Reach.SENT, True),
        (Reach.OPENED, row.opened_at is not None),
        (Reach.BEGUN, row.begun_at is not None),
        (Reach.CHOSEN, row.chosen_at is not None),
        (Reach.AGREED, row.agreed),
        (Reach.PAGE, row.page),
        (Reach.PAID, row.first is not None),
    )
    return [step for step, is_so in on_record if is_so]


def _ways(times: Mapping[str, "array[int]"]) -> tuple[Way, ...]:
    every = array("q")
    for each in times.values():
        every.extend(each)
    by_method = [Way(method, spread(times[method], PAID_IN)) for method in sorted(times)]
    return (Way("", spread(every, PAID_IN)), *by_method)


def _of_letters(days: Days) -> Select[Any]:
    """One row for each letter, with what came of it until the next letter about the same invoice."""
    following = func.lead(pay_link.c.sent_at).over(
        partition_by=pay_link.c.invoice, order_by=(pay_link.c.sent_at, pay_link.c.token_hash)
    )
    own = pay_link.c.token_hash, pay_link.c.invoice, pay_link.c.sent_at
    steps = pay_link.c.opened_at, pay_link.c.begun_at, pay_link.c.chosen_at
    sent = select(*own, *steps, following.label("next_at")).where(pay_link.c.sent_at >= days.since).subquery()
    p, pays = payments.c, payment_invoice.c.invoice == sent.c.invoice
    began = p.created_at >= sent.c.sent_at, or_(sent.c.next_at.is_(None), p.created_at < sent.c.next_at)
    paying = payment_invoice.join(payments, p.reference == payment_invoice.c.payment)
    arrived = func.coalesce(p.cleared_at, p.happened_at, p.changed_at)
    by_card = case((p.method == Method.CARD, 1), else_=0)  # told with the instant: of the first payment, and no other
    gone_to = or_(p.page_seen_at.is_not(None), p.saved != "", p.declines > 0, CAME)
    asked = select(
        sent.c.sent_at,
        *(sent.c[column.name] for column in steps),
        func.count(p.reference).label("agreed"),
        func.max(case((gone_to, 1), else_=0)).label("page"),
        func.min(case((CAME, arrived * 2 + by_card))).label("first"),
    ).select_from(sent.outerjoin(paying, and_(pays, *began)))
    asked = asked.where(*within(sent.c.sent_at, days.since, days.until))
    return asked.group_by(sent.c.token_hash, sent.c.sent_at, *(sent.c[column.name] for column in steps))
