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
from functools import reduce
from operator import add
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select

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
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    times: dict[int, array[int]] = defaultdict(lambda: array("q"))
    for nth, mask, sent_at, paid in conn.execute(_of_letters(days), execution_options={"yield_per": PIECE}):
        counts[nth][mask] += 1
        if paid is not None:
            paid_at, by_card = divmod(paid, 2)
            times[by_card].append(max(0, paid_at - sent_at))  # the gateway's clock may be behind ours
    return Funnel(
        None if first is None else instant(first),
        tuple(_letters(days.all[nth], counts[nth]) for nth in sorted(counts)),
        _ways({(Method.CARD if by_card else Method.BANK): each for by_card, each in times.items()}),
    )


def _letters(day: date, counts: Mapping[int, int]) -> Letters:
    """The letters of one day, of which so many have each of these steps on record: a bit for each step."""
    seen, reached = Counter[Reach](), Counter[Reach]()
    for mask, count in counts.items():
        seen.update({step: count for nth, step in enumerate(Reach) if mask >> nth & 1})
        reached.update({step: count for nth, step in enumerate(Reach) if mask >> nth})
    return Letters(day, dict(seen), dict(reached))


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
    paid_by = p.reference == payment_invoice.c.payment
    began = p.created_at >= sent.c.sent_at, or_(sent.c.next_at.is_(None), p.created_at < sent.c.next_at)
    by_card = case((p.method == Method.CARD, 1), else_=0)  # told with the instant: of the first payment, and no other
    gone_to = or_(p.page_seen_at.is_not(None), p.saved != "", p.declines > 0, CAME)
    on_record = (
        literal(1),
        *(_flag(sent.c[column.name].is_not(None)) for column in steps),
        func.max(_flag(p.reference.is_not(None))),
        func.max(_flag(gone_to)),
        func.max(_flag(CAME)),
    )
    asked = select(
        days.number(sent.c.sent_at),
        reduce(add, (flag * 2**nth for nth, flag in enumerate(on_record))),
        sent.c.sent_at,
        func.min(case((CAME, func.coalesce(p.cleared_at, p.happened_at, p.changed_at) * 2 + by_card))),
    ).select_from(sent.outerjoin(payment_invoice, pays).outerjoin(payments, and_(paid_by, *began)))
    asked = asked.where(*within(sent.c.sent_at, days.since, days.until))
    return asked.group_by(sent.c.token_hash, sent.c.sent_at, *(sent.c[column.name] for column in steps))


def _flag(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return case((holds, 1), else_=0)
