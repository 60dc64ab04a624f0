"""When a customer is reminded of an invoice, and that it happened: the rules as pure functions, and one row per reminder.

Instants are told in the business's time zone, days are its days. Which invoices there are, and what a reminder says, is
known elsewhere.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta

import msgspec
from sqlalchemy import Connection, select

from services import letterbox
from services.database import insert_once, micros
from services.letterbox import Wanted
from services.model import Invoice
from services.schema import reminder

KIND = "reminder"  # of letters
# A stage that was missed by more is not made up for: news of last month helps nobody, and a service that is switched on
# writes about no debt of last year.
STALE_AFTER = timedelta(days=7)
_DAY = timedelta(days=1)


class Stage(msgspec.Struct, frozen=True, order=True):
    """A day on which a customer is reminded, counted from the due date: -3 is three days before it, 0 the day itself."""

    days: int

    @property
    def name(self) -> str:
        """As it is kept and printed: ``before-3``, ``due``, ``overdue-10``."""
        if not self.days:
            return "due"
        return f"before{self.days}" if self.days < 0 else f"overdue-{self.days}"


class Plan(msgspec.Struct, frozen=True):
    """On which days and at which hours a business reminds.

    ``weekdays``: 0 is Monday; at least one. ``quiet``: from when to when nobody is written to, over midnight where it ends
    before it begins; both the same: never quiet.
    """

    stages: tuple[Stage, ...]
    weekdays: frozenset[int]
    at: time
    quiet: tuple[time, time]

    def stage(self, due: date, today: date) -> Stage | None:
        """The newest stage that has come for an invoice due on this day; None before the first, and once it is stale."""
        come = [each for each in self.stages if due + each.days * _DAY <= today]
        newest = max(come, default=None)
        if newest is None or today - (due + newest.days * _DAY) > STALE_AFTER:
            return None
        return newest

    def is_allowed(self, at: datetime) -> bool:
        """Whether somebody may be written to at this instant."""
        begins, ends = self.quiet
        clock = at.time().replace(tzinfo=None)
        quiet = begins <= clock < ends if begins <= ends else clock >= begins or clock < ends
        return at.weekday() in self.weekdays and not quiet

    def next_allowed(self, at: datetime) -> datetime:
        """The first instant from ``at`` on at which somebody may be written to."""
        if self.is_allowed(at):
            return at
        starts = (time(), self.quiet[1])  # allowed spans begin at midnight or when the quiet ends
        days = (at.date() + n * _DAY for n in range(9))
        every = sorted(datetime.combine(day, start, at.tzinfo) for day in days for start in starts)
        return next(each for each in every if each > at and self.is_allowed(each))

    def moment(self, due: date, stage: Stage, now: datetime) -> datetime:
        """When the reminder of a stage goes out: on its day at ``at``, now if that has passed, later if that is not allowed."""
        wanted = datetime.combine(due + stage.days * _DAY, self.at, now.tzinfo)
        return self.next_allowed(max(wanted, now))


class Reminder(msgspec.Struct, frozen=True):
    """What makes one reminder: it is sent once for an invoice, a stage and a due date."""

    invoice: str
    stage: str
    due: date


def of(invoice: Invoice, stage: Stage) -> Reminder:
    """The reminder of this stage. Only for an invoice with a due date."""
    assert invoice.due_date is not None
    return Reminder(invoice.id, stage.name, invoice.due_date)


def made(conn: Connection, invoices: Collection[str]) -> set[Reminder]:
    """The reminders there were of these invoices."""
    rows = conn.execute(select(reminder).where(reminder.c.invoice.in_(list(invoices)))) if invoices else ()
    return {Reminder(row.invoice, row.stage, row.due) for row in rows}


def key_of(customer: str, day: date) -> str:
    """The key of a customer's letter of one day."""
    return f"{KIND}:{customer}:{day.isoformat()}"


def want(  # noqa: PLR0917  # a letter, and what it is about
    conn: Connection, customer: str, reminders: Collection[Reminder], day: date, due: datetime, now: datetime
) -> bool:
    """One letter for all of a customer's reminders of a day, and their rows; False, and nothing, when there was one today.

    False too where another process had the same reminders sent meanwhile.
    """
    if made(conn, [each.invoice for each in reminders]) & set(reminders):
        return False
    about = {"invoices": msgspec.json.encode([each.invoice for each in reminders]).decode()}
    if not letterbox.want(conn, Wanted(key_of(customer, day), KIND, customer, about), now, due):
        return False
    for each in reminders:
        told = {"invoice": each.invoice, "stage": each.stage, "due": each.due}
        insert_once(conn, reminder, customer=customer, letter=key_of(customer, day), at=micros(now), **told)
    return True


def invoices_of(wanted: Wanted) -> list[str]:
    """The invoices that a letter is about, by id."""
    return msgspec.json.decode(wanted.about["invoices"], type=list[str])
