"""How much there is to do, how long customers wait, what became of payments, and where conversations end. Only reads.

Every answer is about the last days, and its size depends on them and not on how much there is: SQL counts. A day is one of the
business's time zone. Synchronous functions over one connection.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Subquery, and_, case, func, literal, or_, select, union_all

from services.database import instant, micros
from services.desk.days import QUARTER
from services.desk.handoffs import State
from services.desk.times import Bins, spread
from services.model import Money, PaymentState
from services.payments import states
from services.schema import agent as agents
from services.schema import go_link, help_gap, help_rating, transcript
from services.schema import handoff as handoffs
from services.schema import payment as payments

MOST_WAITS = 20_000  # handoffs whose times are looked at: the newest

# spans of waiting, in seconds: whoever is quick is seen to be
WAITED = Bins((10, 30, 60, 120, 300, 900, 3600, 4 * 3600))


class Load(msgspec.Struct, frozen=True):
    """What is open just now. ``unanswered``: chats that are somebody's, whose customer waits for a word."""

    waiting: int
    held: int
    lent: int
    unanswered: int
    waits_since: datetime | None  # who has waited longest to be taken
    agents: tuple[tuple[str, int, int], ...]  # name, chats held, chats lent


class Waits(msgspec.Struct, frozen=True):
    """Times of one kind that began on one day. ``open``: nothing has ended those yet."""

    count: int
    open: int
    median: timedelta | None
    p90: timedelta | None
    bins: tuple[int, ...]  # how many of those that ended took as long as each span of `WAITED`


class DayOfWaits(msgspec.Struct, frozen=True):
    """How long customers waited who asked on this day."""

    day: date
    taken: Waits  # until somebody took the chat
    answered: Waits  # until a person wrote


class Outcome(msgspec.Struct, frozen=True):
    """Payments that began on one day and stand in one state now."""

    day: date
    state: PaymentState
    count: int
    amount: Money
    refunded: Money


class End(StrEnum):
    """How a conversation ended that came to a payment or to a person; the first that holds."""

    PAID = "paid"  # refunds and disputes may have followed
    ON_ITS_WAY = "on_its_way"
    HANDED_OVER = "handed_over"
    WENT_BACK = "went_back"
    DECLINED = "declined"  # and tried nothing else
    NOT_PAID = "not_paid"  # opened the page
    NOT_OPENED = "not_opened"  # never went to the page


class Stars(msgspec.Struct, frozen=True):
    """What customers said of chats that one person resolved."""

    name: str
    resolved: int
    rated: int
    total: int  # of all stars

    @property
    def mean(self) -> str:
        """1.0 to 5.0, to the nearest tenth, or "" while nobody has rated."""
        tenths = (20 * self.total + self.rated) // (2 * self.rated) if self.rated else 0
        return f"{tenths // 10}.{tenths % 10}" if tenths else ""


class Help(msgspec.Struct, frozen=True):
    """Questions without an article, and what was said of articles."""

    gaps: int
    helped: int
    not_helped: int


# --- people -----------------------------------------------------------------------------------------------------------


def load(conn: Connection) -> Load:
    """What is open now, and whose it is."""
    open_ones = handoffs.c.resolved_at.is_(None)
    by_state = select(handoffs.c.state, func.count()).where(open_ones).group_by(handoffs.c.state)
    counts = {State(state): int(count) for state, count in conn.execute(by_state)}
    waiting = open_ones, handoffs.c.state == State.WAITING
    since = conn.execute(select(func.min(handoffs.c.asked_at)).where(*waiting)).scalar_one()
    silent = open_ones, handoffs.c.state == State.HELD, handoffs.c.waits_since.is_not(None)
    unanswered = conn.execute(select(func.count()).select_from(handoffs).where(*silent)).scalar_one()
    held, lent = _count(handoffs.c.state == State.HELD), _count(handoffs.c.state == State.LENT)
    theirs = handoffs.join(agents, and_(agents.c.id == handoffs.c.agent, open_ones))
    each = select(agents.c.name, held, lent).select_from(theirs).group_by(agents.c.id, agents.c.name)
    people = tuple(
        (row[0], int(row[1]), int(row[2])) for row in conn.execute(each.order_by(agents.c.name, agents.c.id))
    )
    return Load(
        waiting=counts.get(State.WAITING, 0),
        held=counts.get(State.HELD, 0),
        lent=counts.get(State.LENT, 0),
        unanswered=int(unanswered),
        waits_since=None if since is None else instant(since),
        agents=people,
    )


def waits(conn: Connection, since: datetime, zone: tzinfo) -> list[DayOfWaits]:
    """Waiting times by the day on which a person was asked for, the oldest first; days without any are left out.

    A chat that its transcript is gone of counts as one that was never answered.
    """
    # by its chat: that is how transcripts are kept
    said = transcript.c.chat == handoffs.c.chat, transcript.c.sender == "agent"
    inside = transcript.c.at >= handoffs.c.asked_at, transcript.c.at <= func.coalesce(handoffs.c.resolved_at, 2**62)
    first = select(func.min(transcript.c.at)).where(*said, *inside).scalar_subquery()
    asked = select(handoffs.c.asked_at, handoffs.c.taken_at, first).where(handoffs.c.asked_at >= micros(since))
    found: dict[date, list[tuple[int, int | None, int | None]]] = defaultdict(list)
    for at, taken, answered in conn.execute(
        asked.order_by(handoffs.c.asked_at.desc(), handoffs.c.id.desc()).limit(MOST_WAITS)
    ):
        found[instant(at).astimezone(zone).date()].append((at, taken, answered))
    return [
        DayOfWaits(day, _waits((at, end) for at, end, _ in rows), _waits((at, end) for at, _, end in rows))
        for day, rows in sorted(found.items())
    ]


def _waits(spans: Iterable[tuple[int, int | None]]) -> Waits:
    every = list(spans)
    ended = spread((end - at for at, end in every if end is not None), WAITED)
    return Waits(len(every), len(every) - ended.count, ended.median, ended.p90, ended.bins)


def reasons(conn: Connection, since: datetime) -> dict[str, dict[State, int]]:
    """Handoffs that were asked for since then, by reason and by how they stand; the most frequent reason first."""
    asked = select(handoffs.c.reason, handoffs.c.state, func.count()).where(handoffs.c.asked_at >= micros(since))
    found: dict[str, dict[State, int]] = defaultdict(dict)
    for reason, state, count in conn.execute(asked.group_by(handoffs.c.reason, handoffs.c.state)):
        found[reason][State(state)] = int(count)
    return dict(sorted(found.items(), key=lambda each: (-sum(each[1].values()), each[0])))


def satisfaction(conn: Connection, since: datetime) -> list[Stars]:
    """Chats that were resolved since then, and the stars they got, by who resolved them."""
    theirs = handoffs.join(agents, agents.c.id == handoffs.c.agent)
    rated, total = func.count(handoffs.c.stars), func.coalesce(func.sum(handoffs.c.stars), 0)
    each = select(agents.c.name, func.count(), rated, total).select_from(theirs)
    each = each.where(handoffs.c.resolved_at >= micros(since)).group_by(agents.c.id, agents.c.name)
    rows = conn.execute(each.order_by(agents.c.name, agents.c.id))
    return [Stars(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


def stars(conn: Connection, since: datetime) -> Mapping[int, int]:
    """How many customers gave 1 to 5 stars to chats that were resolved since then."""
    these = handoffs.c.resolved_at >= micros(since), handoffs.c.stars.is_not(None)
    given = select(handoffs.c.stars, func.count()).where(*these).group_by(handoffs.c.stars)
    return dict.fromkeys(range(1, 6), 0) | {int(row[0]): int(row[1]) for row in conn.execute(given)}


# --- payments ---------------------------------------------------------------------------------------------------------


def outcomes(conn: Connection, since: datetime, zone: tzinfo) -> list[Outcome]:
    """Payments that began since then, by day, state and currency; the oldest day first."""
    quarter = (payments.c.created_at // QUARTER).label("quarter")
    sums = func.count(), func.sum(payments.c.amount_minor), func.sum(payments.c.refunded_minor)
    asked = select(quarter, payments.c.state, payments.c.currency, *sums).where(payments.c.created_at >= micros(since))
    found: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for at, state, currency, *more in conn.execute(asked.group_by(quarter, payments.c.state, payments.c.currency)):
        key = instant(int(at) * QUARTER).astimezone(zone).date(), state, currency
        found[key] = [before + int(now) for before, now in zip(found[key], more, strict=True)]
    order = {state: place for place, state in enumerate(PaymentState)}
    return [
        Outcome(day, PaymentState(state), count, Money(amount, currency), Money(refunded, currency))
        for (day, state, currency), (count, amount, refunded) in sorted(
            found.items(), key=lambda each: (each[0][0], order[PaymentState(each[0][1])], each[0][2])
        )
    ]


def ends(conn: Connection, since: datetime) -> dict[End, int]:
    """Where chats ended that began a payment or asked for a person since then: each counts once."""
    chats = _chats(micros(since))
    which: tuple[tuple[ColumnElement[bool], End], ...] = (
        (chats.c.paid == 1, End.PAID),
        (chats.c.going == 1, End.ON_ITS_WAY),
        (chats.c.handed == 1, End.HANDED_OVER),
        (chats.c.back == 1, End.WENT_BACK),
        (chats.c.declined == 1, End.DECLINED),
        (chats.c.opened == 1, End.NOT_PAID),
    )
    end = case(*((holds, literal(str(name))) for holds, name in which), else_=literal(str(End.NOT_OPENED))).label("end")
    found = {End(name): int(count) for name, count in conn.execute(select(end, func.count()).group_by(end))}
    return {name: found.get(name, 0) for name in End}


def _chats(since: int) -> Subquery:
    """One row per chat, and what happened in it."""
    opened = select(go_link.c.payment).where(
        go_link.c.payment == payments.c.reference, go_link.c.opened_at.is_not(None)
    )
    going = (states.SUBMITTING, states.PROCESSING, states.UNKNOWN)
    failed = and_(
        payments.c.state == states.FAILED, payments.c.submitted_at.is_not(None)
    )  # a debit that did not settle
    paying = select(
        payments.c.chat,
        _flag(payments.c.state.in_(sorted(states.ARRIVED))).label("paid"),
        _flag(payments.c.state.in_(going)).label("going"),
        literal(0).label("handed"),
        _flag(or_(payments.c.state == states.RETURNED, failed)).label("back"),
        _flag(payments.c.declines > 0).label("declined"),
        _flag(opened.exists()).label("opened"),
    ).where(payments.c.created_at >= since)
    asking = select(handoffs.c.chat, *(literal(flag) for flag in (0, 0, 1, 0, 0, 0)))
    each = union_all(paying, asking.where(handoffs.c.asked_at >= since)).subquery()
    flags = (func.max(column).label(column.name) for column in each.c if column.name != "chat")
    return select(each.c.chat, *flags).group_by(each.c.chat).subquery()


def helping(conn: Connection, since: datetime) -> Help:
    """What the help center could not answer since then, and whether its articles helped."""
    gaps = conn.execute(select(func.count()).select_from(help_gap).where(help_gap.c.at >= micros(since))).scalar_one()
    asked = select(_count(help_rating.c.helped), _count(~help_rating.c.helped)).where(help_rating.c.at >= micros(since))
    helped, not_helped = conn.execute(asked).one()
    return Help(int(gaps), int(helped), int(not_helped))


def _flag(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return case((holds, 1), else_=0)


_COUNT: Callable[..., ColumnElement[Any]] = func.sum


def _count(holds: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(_COUNT(_flag(holds)), 0)
