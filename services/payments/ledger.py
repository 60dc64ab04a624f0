"""The ledger: payments, their history, who holds them, and what they hold of their invoices.

Plain synchronous functions over one connection, each meant to run inside one transaction of its caller. They never
await, never reach a network and never read a clock: instants are arguments. A payment's row, its event, its journal
lines and its jobs are written together or not at all. How a payment begins is told in `services.payments.starts`, what
the gateway's word makes of it in `services.payments.facts`. Statements that run in every turn or every round of a worker
are built once, above the function that runs them: building one costs more than running it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from services.database import instant, micros, past
from services.model import Invoice, Method, Money, Payment, PaymentState, Reason
from services.payments import outbox, states
from services.payments.banking_days import banking_days_after
from services.payments.cases import Trouble
from services.payments.gateways.base import FactKind, Page
from services.payments.keys import TRIED_FOR
from services.payments.refunds import RefundState
from services.schema import fact, handoff_case, payment_event, payment_invoice
from services.schema import payment as payments
from services.schema import refund as refund_rows

LEASE = timedelta(seconds=45)  # above the longest call to the gateway: three tries of 12 s each, and the pauses between
CLEARS_IN = (
    4  # banking days from the day an ACH debit is handed to the banks: two to settle, and two for its return (NACHA)
)
PATIENCE = 20  # answers without news, one every 15 s, until a doubt is asked about hourly


class Position(msgspec.Struct, frozen=True):
    """What the ledger holds on one invoice: the minor units spoken for, and a count that grows with every move."""

    reserved: int
    moves: int


class Holding(msgspec.Struct, frozen=True):
    """What a reader of one invoice has to know of the ledger beside the books."""

    reserved: int  # minor units that are spoken for and not in the books yet
    disputed: bool  # by a customer's bank, or by the customer in a case that is open


class Listed(msgspec.Struct, frozen=True):
    """A payment in a list, and when it began."""

    payment: Payment
    began_at: datetime


# --- reading ------------------------------------------------------------------------------------------------------


def payment(conn: Connection, reference: str) -> Payment | None:
    """One payment by its reference, or None."""
    return _whole(conn, find_row(conn, reference))


def of_chat(conn: Connection, chat: str, reference: str) -> Payment | None:
    """One payment by its reference, if this chat began it; None for anybody else's."""
    return _one(conn, and_(payments.c.reference == reference, payments.c.chat == chat))


def known(conn: Connection, reference: str) -> Payment:
    """One payment that must be there; raises `LookupError` when it is not."""
    found = payment(conn, reference)
    if found is None:
        raise LookupError(f"no payment {reference}")
    return found


_BY_KEY = select(payments).where(payments.c.start_key == bindparam("start_key"))


def by_key(conn: Connection, start_key: str) -> Payment | None:
    """The payment that this start made, or None."""
    return _whole(conn, conn.execute(_BY_KEY, {"start_key": start_key}).one_or_none())


def live_on(conn: Connection, invoice: str) -> Payment | None:
    """The payment that holds this invoice, so that no other may begin, or None."""
    held = payment_invoice.c.invoice == invoice, payment_invoice.c.live
    return _one(conn, payments.c.reference == select(payment_invoice.c.payment).where(*held).scalar_subquery())


def latest_for_chat(conn: Connection, chat: str) -> Payment | None:
    """The payment that this chat began last, whatever became of it, or None. What autopay began nobody began here."""
    began = and_(payment_event.c.payment == payments.c.reference, payment_event.c.before.is_(None))
    here = payments.c.chat == chat, payments.c.enrolment.is_(None)
    last = select(payments.c.reference).join(payment_event, began).where(*here)
    return _one(conn, payments.c.reference == last.order_by(payment_event.c.id.desc()).limit(1).scalar_subquery())


def listed(conn: Connection, state: PaymentState | None, reference: str, most: int) -> list[Listed]:
    """At most so many payments, the newest first; only those in ``state``, only the one of ``reference``, if given."""
    query = select(payments).order_by(payments.c.created_at.desc(), payments.c.reference).limit(most)
    if state is not None:
        query = query.where(payments.c.state == state)
    if reference:
        query = query.where(payments.c.reference == reference)
    rows = conn.execute(query).all()
    return [Listed(read(row, lines_of(conn, row.reference)), instant(row.created_at)) for row in rows]


def of_customer(conn: Connection, customer: str, most: int) -> tuple[list[Payment], int]:
    """At most so many payments on this customer's invoices, whoever began them, the newest first; and how many there are."""
    theirs = payments.c.customer == customer
    count = conn.execute(select(func.count()).select_from(payments).where(theirs)).scalar_one()
    newest = select(payments).where(theirs).order_by(payments.c.created_at.desc(), payments.c.reference).limit(most)
    return [read(row, lines_of(conn, row.reference)) for row in conn.execute(newest).all()], int(count)


def _declined_lately() -> Select[Any]:
    # apart, each by its own index: together they would read every payment there ever was
    tried = union(
        select(payments.c.reference).where(payments.c.chat == bindparam("chat")),
        select(payments.c.reference).where(payments.c.customer == bindparam("customer")),
        select(payment_invoice.c.payment).where(payment_invoice.c.invoice.in_(bindparam("invoices", expanding=True))),
    )
    said_no = fact.c.kind == FactKind.DECLINED, fact.c.at > bindparam("since", type_=BigInteger)
    ours = and_(fact.c.reference == payments.c.reference, fact.c.gateway == payments.c.gateway)
    these = payments.c.reference.in_(tried)
    return select(func.count()).select_from(payments.join(fact, ours)).where(these, *said_no)


_DECLINED_LATELY = _declined_lately()


def declined_since(
    conn: Connection, chat: str, customer: str | None, invoices: Collection[str], since: datetime
) -> int:
    """How many tries banks refused since then, of this chat, for this customer, or on one of these invoices."""
    who = {"chat": chat, "customer": customer, "invoices": sorted(invoices), "since": micros(since)}
    return int(conn.execute(_DECLINED_LATELY, who).scalar_one())


def _held() -> Select[Any]:
    these: BindParameter[str] = bindparam("invoices", expanding=True)
    spoken_for = case((payment_invoice.c.reserved, payment_invoice.c.amount_minor), else_=0)
    by_bank = case((payments.c.state == states.DISPUTED, 1), else_=0)
    paid = (
        select(payment_invoice.c.invoice.label("invoice"), spoken_for.label("reserved"), by_bank.label("disputed"))
        .select_from(payment_invoice.join(payments))
        .where(payment_invoice.c.invoice.in_(these))
    )
    objected = handoff_case.c.reason == Trouble.DISPUTE_WANTED, handoff_case.c.closed_at.is_(None)
    asked = select(handoff_case.c.invoice, literal(0), literal(1)).where(handoff_case.c.invoice.in_(these), *objected)
    either = union_all(paid, asked).subquery()
    sums = func.sum(either.c.reserved), func.max(either.c.disputed)
    return select(either.c.invoice, *sums).group_by(either.c.invoice)


_HELD = _held()


def holdings(conn: Connection, invoices: Collection[str]) -> Mapping[str, Holding]:
    """What is held on these invoices, by id, in one question for all; one of which nothing is to be said is left out."""
    rows = conn.execute(_HELD, {"invoices": sorted(invoices)}) if invoices else ()
    return {invoice: Holding(int(minor), bool(disputed)) for invoice, minor, disputed in rows}


def as_held(conn: Connection, invoices: Sequence[Invoice]) -> list[Invoice]:
    """The invoices with what is held on them, in one question for all.

    What moved since the books were read may show as owed still; it is judged again before anything is paid.
    """
    held = holdings(conn, [each.id for each in invoices])
    return [
        replace(each, processing=held[each.id].reserved, disputed=held[each.id].disputed) if each.id in held else each
        for each in invoices
    ]


def reserved(conn: Connection, invoice: str) -> int:
    """Minor units of this invoice that payments have spoken for and the books do not show yet."""
    return position(conn, invoice).reserved


_SPOKEN_FOR = func.sum(payment_invoice.c.amount_minor).filter(payment_invoice.c.reserved)
_POSITION = (
    select(func.coalesce(_SPOKEN_FOR, 0), func.coalesce(func.sum(payments.c.version), 0))
    .select_from(payment_invoice.join(payments))
    .where(payment_invoice.c.invoice == bindparam("invoice"), payments.c.reference != bindparam("apart_from"))
)


def position(conn: Connection, invoice: str, apart_from: str = "") -> Position:
    """What is held on an invoice, and how much moved, by all payments but the one named in ``apart_from``."""
    row = conn.execute(_POSITION, {"invoice": invoice, "apart_from": apart_from}).one()
    return Position(int(row[0]), int(row[1]))


def page_of(conn: Connection, reference: str) -> Page | None:
    """The hosted page of a payment, or None while we know of none."""
    row = find_row(conn, reference)
    return None if row is None or row.page is None else Page(row.page, row.page_url, instant(row.page_expires_at))


_ROW = select(payments).where(payments.c.reference == bindparam("reference"))


def find_row(conn: Connection, reference: str) -> Row[Any] | None:
    """The row of one payment, with what no customer sees, or None."""
    return conn.execute(_ROW, {"reference": reference}).one_or_none()


def row_of(conn: Connection, reference: str) -> Row[Any]:
    """The row of a payment that must be there."""
    return conn.execute(_ROW, {"reference": reference}).one()


def _one(conn: Connection, which: ColumnElement[bool]) -> Payment | None:
    return _whole(conn, conn.execute(select(payments).where(which)).one_or_none())


def _whole(conn: Connection, row: Row[Any] | None) -> Payment | None:
    return None if row is None else read(row, lines_of(conn, row.reference))


# in one order everywhere, so that two transactions on the same invoices never wait for each other crosswise
_OF_PAYMENT = payment_invoice.c.payment == bindparam("payment")
_LINES = select(payment_invoice).where(_OF_PAYMENT).order_by(payment_invoice.c.invoice)


def lines_of(conn: Connection, reference: str) -> Sequence[Row[Any]]:
    """What a payment pays on each of its invoices."""
    return conn.execute(_LINES, {"payment": reference}).all()


def read(row: Row[Any], lines: Sequence[Row[Any]]) -> Payment:
    """A row and its lines as the value that others see."""
    return Payment(
        reference=row.reference,
        state=PaymentState(row.state),
        amount=Money(row.amount_minor, row.currency),
        method=Method(row.method),
        numbers=tuple(line.number for line in lines),
        invoices=tuple(line.invoice for line in lines),
        at=instant(row.changed_at),
        brand=row.brand,
        last4=row.last4,
        reason=None if row.reason is None else Reason(row.reason),
        refunded_minor=row.refunded_minor,
        happened_at=_instant(row.happened_at),
        parts=tuple(line.amount_minor for line in lines),
        saved=bool(row.saved),
        declines=row.declines,
        submitted_at=_instant(row.submitted_at),
        expected=_expected(row),
        cleared_at=_instant(row.cleared_at),
        autopay=(row.customer or "") if row.enrolment is not None else "",
        fee_minor=row.fee_minor,
    )


def _instant(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


def _expected(row: Row[Any]) -> date | None:
    """The day by which a bank payment on its way should have arrived."""
    if row.state != states.PROCESSING or row.method != Method.BANK or row.submitted_at is None:
        return None
    return banking_days_after(instant(row.submitted_at).date(), CLEARS_IN)


# --- leases -------------------------------------------------------------------------------------------------------


def claim(conn: Connection, reference: str, now: datetime) -> int | None:
    """A lease on one payment for `LEASE`: its fencing token, or None while somebody else holds one."""
    free = and_(payments.c.reference == reference, past(payments.c.lease_until, micros(now), micros(now)))
    taken = conn.execute(
        update(payments).where(free).values(fence=payments.c.fence + 1, lease_until=micros(now + LEASE))
    )
    if taken.rowcount != 1:
        return None
    return int(conn.execute(select(payments.c.fence).where(payments.c.reference == reference)).scalar_one())


def release(conn: Connection, reference: str, fence: int) -> bool:
    """Give a lease back; False when it had been lost."""
    mine = and_(payments.c.reference == reference, payments.c.fence == fence)
    return conn.execute(update(payments).where(mine).values(lease_until=0)).rowcount == 1


def release_all(conn: Connection) -> None:
    """For the one process of an embedded ledger, at its start: whatever a dead one was working on is nobody's now."""
    conn.execute(update(payments).where(payments.c.lease_until > 0).values(lease_until=0))
    outbox.release_all(conn)


def look(conn: Connection, reference: str, now: datetime) -> int | None:
    """Claim a payment in order to look it up at the gateway, and note the time."""
    fence = claim(conn, reference, now)
    if fence is not None:
        conn.execute(update(payments).where(payments.c.reference == reference).values(looked_at=micros(now)))
    return fence


def _worth_a_question() -> Select[Any]:
    soon, late, now, given_up = (bindparam(name, type_=BigInteger) for name in ("soon", "late", "now", "given_up"))
    state, looked, changed = payments.c.state, payments.c.looked_at, payments.c.changed_at
    hanging = state.in_((states.UNKNOWN, states.CONFIRMED, states.SUBMITTING))
    waiting = state.in_((states.OPEN, states.PROCESSING))
    looked_soon, looked_late, changed_soon, changed_late = (
        past(column, at, now) for column in (looked, changed) for at in (soon, late)
    )
    # for days, and longer than the page was to be open: there is no hurry to ask
    waits_for_deposits = func.coalesce(payments.c.reason, "") == Reason.MICRO_DEPOSITS
    due = or_(
        and_(hanging, looked_soon, changed_soon, or_(payments.c.unmoved < PATIENCE, looked_late)),
        and_(waiting, looked_late, changed_late),
        and_(state == states.OPEN, looked_soon, payments.c.page_expires_at <= now, ~waits_for_deposits),
        and_(state == states.SUBMITTING, looked_soon, payments.c.created_at < given_up),
    )
    mine = payments.c.gateway == bindparam("gateway"), past(payments.c.lease_until, now, now)
    refunding = select(refund_rows.c.payment).where(refund_rows.c.state == RefundState.ASKED)
    # apart, and each with its few rows named first: together they would read every payment there ever was
    moving = select(payments.c.reference, looked).where(or_(hanging, waiting), due, *mine)
    given_back = select(payments.c.reference, looked).where(
        payments.c.reference.in_(refunding), looked_late, changed_late, *mine
    )
    either = union(moving, given_back).subquery()
    query = select(either.c.reference).order_by(either.c.looked_at, either.c.reference)
    return query.limit(bindparam("n", type_=Integer))


_WORTH_A_QUESTION = _worth_a_question()


def to_look_up(conn: Connection, gateway: str, now: datetime, n: int = 200) -> list[str]:
    """References whose state is worth a question to the gateway now, longest unasked first.

    Whatever may hang is asked about every 15 s, and hourly once the gateway has had no news for a while; what merely
    takes time, every hour; a page past its end, and a charge that must not follow any more, at once.
    """
    soon, late = micros(now - timedelta(seconds=15)), micros(now - timedelta(hours=1))
    given_up = micros(now - TRIED_FOR)
    asked = {"gateway": gateway, "soon": soon, "late": late, "now": micros(now), "given_up": given_up, "n": n}
    return list(conn.execute(_WORTH_A_QUESTION, asked).scalars())


def unmoved(conn: Connection, reference: str, version: int) -> None:
    """Note that the gateway was asked and had nothing new to say."""
    this = payments.c.reference == reference, payments.c.version == version
    conn.execute(update(payments).where(*this).values(unmoved=payments.c.unmoved + 1))


# --- steps and what follows from them -----------------------------------------------------------------------------


def step(conn: Connection, reference: str, after: PaymentState, cause: str, now: datetime, **columns: object) -> bool:
    """One step of ours, with everything that follows from it; False when the table has no such step from here."""
    row = find_row(conn, reference)
    if row is None or row.state not in states.sources(after):
        return False
    if not move(conn, row, after, cause, now, **columns):
        return False
    if row.state != after:
        hold(conn, reference, after)
        if after in states.TOLD:
            tell(conn, reference, now)
    return True


def move(conn: Connection, row: Row[Any], after: PaymentState, cause: str, now: datetime, **columns: object) -> bool:
    """Write a new state, and the event of it, unless the payment moved since ``row`` was read: then False."""
    unchanged = and_(
        payments.c.reference == row.reference, payments.c.version == row.version, payments.c.state == row.state
    )
    # each move is younger than the one before, also by a clock that stands or was set back: old news is told by its age
    changed_at = max(micros(now), row.changed_at + 1)
    values = {"state": after, "version": row.version + 1, "changed_at": changed_at, "unmoved": 0, **columns}
    if conn.execute(update(payments).where(unchanged).values(values)).rowcount != 1:
        return False
    note(conn, row.reference, (PaymentState(row.state), after), cause, now)
    return True


def note(
    conn: Connection, reference: str, move: tuple[PaymentState | None, PaymentState], cause: str, now: datetime
) -> None:
    """Add to the history of a payment: from where to where, and because of what (never anything personal)."""
    before, after = move
    noted = {"payment": reference, "at": micros(now), "before": before, "after": after, "cause": cause}
    conn.execute(insert(payment_event), noted)


def tell(conn: Connection, reference: str, now: datetime, **because: bool) -> None:
    """A job that tells the customer how this payment stands as of now, once per move.

    ``because`` names what its state alone does not say: ``refund_failed``, ``dispute_won``. Of an autopay payment that came
    to nothing autopay tells itself, with what it does next.
    """
    row = row_of(conn, reference)
    if row.enrolment is not None and row.state in (states.OPEN, states.FAILED):
        return
    told = msgspec.structs.replace(read(row, lines_of(conn, reference)), **because)
    outbox.add(conn, f"tell:{reference}:{row.version}", reference, told, now)


def hold(conn: Connection, reference: str, state: PaymentState) -> None:
    """Set what a payment in this state holds of its invoices.

    A live one that finds its invoice held by another payment (a page that came back from the dead) reserves its amount
    instead: the evidence must be recorded either way.
    """
    for nth, line in enumerate(lines_of(conn, reference)):
        live = state in states.LIVE and (line.live or _take_live(conn, reference, line.invoice))
        spoken_for = state in states.RESERVING or (state in states.LIVE and not live)
        if state in states.ARRIVED:  # until the books' own `due` says it
            spoken_for = not outbox.is_done(conn, f"post:{reference}:{nth}:payment")
        this = and_(payment_invoice.c.payment == reference, payment_invoice.c.invoice == line.invoice)
        if (line.live, line.reserved) != (live, spoken_for):
            conn.execute(update(payment_invoice).where(this).values(live=live, reserved=spoken_for))


def _take_live(conn: Connection, reference: str, invoice: str) -> bool:
    this = and_(payment_invoice.c.payment == reference, payment_invoice.c.invoice == invoice)
    attempt = conn.begin_nested()
    try:
        conn.execute(update(payment_invoice).where(this).values(live=True))
    except IntegrityError:  # the only rule such an update can break: one live payment per invoice
        attempt.rollback()
        return False
    attempt.commit()
    return True
