"""The comparison: once a day the whole ledger is held against the gateway's listing and against the books, both ways.

It takes the gateway's word and opens cases for what that cannot decide. It never charges, refunds or opens a page.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection, and_, exists, func, literal, select, update

from services.database import insert_once, instant, micros
from services.errors import RemitError
from services.payments import cases, facts, refunds, states
from services.payments.cases import Trouble
from services.payments.checkout import Checkout
from services.payments.gateways.base import Fact
from services.schema import comparison, fact, handoff_case, payment, payment_invoice

_log = logging.getLogger(__name__)

LOOKS_BACK = timedelta(
    days=62
)  # the first time: unauthorised ACH debits may come back for 60 days (NACHA, 2 settlement days more)
OVERLAP = timedelta(days=3)  # after that, since the last one that ended, and what its clock and ours may differ by
WATCHED = timedelta(days=14)  # how long after a payment its invoice is read again
_LEASE = timedelta(hours=1)
_PIECE = 200  # cases opened in one transaction


class Report(msgspec.Struct, frozen=True):
    """What one comparison saw. ``unknown`` and ``overpaid`` became cases for a person just now, ``forgotten`` by now."""

    listed: int  # facts in the gateway's listing
    news: int  # of these, the ones that no webhook had brought
    unknown: tuple[str, ...]  # references at the gateway that this ledger never began
    forgotten: tuple[str, ...]  # references here that the gateway does not know
    overpaid: tuple[str, ...]  # payments whose invoices did not owe them in the end
    unanswered: tuple[str, ...]  # where gateway or books gave no answer; the next comparison asks again


async def compare_daily(checkout: Checkout, now: datetime) -> Report | None:
    """The comparison of this UTC day, unless it was made or somebody is at it. Raises `Unavailable`: it is tried again."""
    gateway = checkout.gateway.name
    since = await checkout.transact(lambda conn: _claim(conn, gateway, now))
    if since is None:
        return None
    report = await compare(checkout, since, now)
    await checkout.transact(lambda conn: _end(conn, gateway, now, report))
    return report


async def compare(checkout: Checkout, since: datetime, now: datetime) -> Report:
    """Hold everything that moved ``since`` then against the gateway and the books."""
    listed, news, seen = 0, 0, set[str]()
    after: str | None = ""
    while after is not None:
        batch = await checkout.gateway.since(since, after)
        news += await checkout.transact(partial(_take, gateway=checkout.gateway.name, told=batch.facts, now=now))
        listed, after = listed + len(batch.facts), batch.next
        seen |= {told.reference for told in batch.facts}
    unanswered = await _ask_about_the_missing(checkout, seen, since, now)
    overpaid, unread = await _read_invoices_again(checkout, now)
    unknown = await _call_about_unknown(checkout, now)
    await checkout.transact(lambda conn: _call_about_refunds(conn, now))
    forgotten = await checkout.transact(lambda conn: _forgotten(conn, since))
    return Report(listed, news, unknown, forgotten, overpaid, (*unanswered, *unread))


def _claim(conn: Connection, gateway: str, now: datetime) -> datetime | None:
    """Since when to compare, if it is ours to do."""
    day, lease = now.date(), micros(now + _LEASE)
    this = comparison.c.gateway == gateway, comparison.c.day == day
    if not insert_once(conn, comparison, gateway=gateway, day=day, began_at=micros(now), lease_until=lease):
        free = comparison.c.ended_at.is_(None), comparison.c.lease_until <= micros(now)
        if conn.execute(update(comparison).where(*this, *free).values(lease_until=lease)).rowcount != 1:
            return None
    ended = select(comparison.c.began_at).where(comparison.c.gateway == gateway, comparison.c.ended_at.is_not(None))
    last = conn.execute(ended.order_by(comparison.c.began_at.desc()).limit(1)).scalar_one_or_none()
    if last is not None:
        return instant(last) - OVERLAP
    first = conn.execute(select(func.min(payment.c.created_at)).where(payment.c.gateway == gateway)).scalar_one()
    # what the account did before this ledger began is none of its business
    return max(now - LOOKS_BACK, (now if first is None else instant(first)) - OVERLAP)


def _end(conn: Connection, gateway: str, now: datetime, report: Report) -> None:
    this = comparison.c.gateway == gateway, comparison.c.day == now.date()
    written = msgspec.json.encode(report).decode()
    conn.execute(update(comparison).where(*this).values(ended_at=micros(now), report=written))


def _take(conn: Connection, gateway: str, told: Sequence[Fact], now: datetime) -> int:
    known = select(fact.c.id).where(fact.c.gateway == gateway, fact.c.id.in_([each.id for each in told]))
    before = len(conn.execute(known).all())
    facts.take(conn, gateway, told, now)
    return len({each.id for each in told}) - before


async def _ask_about_the_missing(checkout: Checkout, seen: set[str], since: datetime, now: datetime) -> tuple[str, ...]:
    """The reverse: what moved here and does not stand in the listing is asked about one by one."""
    missing = [
        each
        for each in await checkout.transact(lambda conn: _ours(conn, checkout.gateway.name, since))
        if each not in seen
    ]
    unanswered = []
    for reference in missing:
        try:
            await checkout.look_at(reference, now)
        except RemitError as error:
            _log.warning("no word about %s in the comparison: %s", reference, type(error).__name__)
            unanswered.append(reference)
    return tuple(unanswered)


_AT_THE_GATEWAY = (
    states.OPEN,
    states.SUBMITTING,
    states.UNKNOWN,
    states.PROCESSING,
    states.RETURNED,
    *sorted(states.ARRIVED),
)


def _ours(conn: Connection, gateway: str, since: datetime) -> list[str]:
    """Payments here that the gateway must know, and that moved since then."""
    moved = payment.c.gateway == gateway, payment.c.changed_at >= micros(since), payment.c.state.in_(_AT_THE_GATEWAY)
    return list(conn.execute(select(payment.c.reference).where(*moved).order_by(payment.c.reference)).scalars())


async def _read_invoices_again(checkout: Checkout, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Payments whose invoices were settled or voided otherwise after them: those found, and those that nobody could read."""
    overpaid, unread = list[str](), list[str]()
    for invoice, references in (await checkout.transact(lambda conn: _lately_paid(conn, now))).items():
        try:
            overpaid += await checkout.owe_back(invoice)
        except RemitError as error:
            _log.warning("an invoice that was paid lately cannot be read: %s", type(error).__name__)
            unread += references
    return tuple(overpaid), tuple(unread)


def _lately_paid(conn: Connection, now: datetime) -> dict[str, list[str]]:
    """Invoices that payments still pay by the books, and which payments: the last first."""
    rows = conn.execute(
        select(payment_invoice.c.invoice, payment.c.reference)
        .join(payment, payment.c.reference == payment_invoice.c.payment)
        .where(
            payment.c.state.in_(states.REFUNDABLE),
            payment.c.changed_at >= micros(now - WATCHED),
            payment_invoice.c.reserved.is_(False),
        )
        .order_by(payment.c.changed_at.desc(), payment.c.reference)
    )
    paid: dict[str, list[str]] = {}
    for row in rows:
        paid.setdefault(row.invoice, []).append(row.reference)
    return paid


async def _call_about_unknown(checkout: Checkout, now: datetime) -> tuple[str, ...]:
    """Cases for facts about payments that were never begun here, in pieces: nobody waits behind all of them."""
    called = list[str]()
    while True:
        some = await checkout.transact(lambda conn: _call_about_some(conn, checkout.gateway.name, now))
        called += some
        if len(some) < _PIECE:
            return tuple(called)


def _call_about_some(conn: Connection, gateway: str, now: datetime) -> list[str]:
    begun = exists().where(and_(payment.c.reference == fact.c.reference, payment.c.gateway == gateway))
    key = literal(_unknown(gateway, "")) + fact.c.reference
    called = exists().where(handoff_case.c.key == key)
    parked = select(fact.c.reference).where(fact.c.gateway == gateway, ~begun, ~called).distinct()
    unknown = list(conn.execute(parked.order_by(fact.c.reference).limit(_PIECE)).scalars())
    for reference in unknown:
        said = facts.of_payment(conn, gateway, reference)
        evidence = [{"id": each.id, "kind": each.kind, "at": each.at, "amount": each.amount} for each in said]
        summary = f"{gateway} has a payment {reference} that was never begun here; is it another till's?"
        cases.open_case(conn, _unknown(gateway, reference), Trouble.UNKNOWN_PAYMENT, summary, now, evidence=evidence)
    return unknown


def _unknown(gateway: str, reference: str) -> str:
    return f"unknown:{gateway}:{reference}"


def _call_about_refunds(conn: Connection, now: datetime) -> None:
    for refund in refunds.overdue(conn, now):
        refunds.never_settled(conn, refund, now)


def _forgotten(conn: Connection, since: datetime) -> tuple[str, ...]:
    """Payments that the gateway does not know."""
    forgotten = [
        case.payment
        for case in cases.open_cases(conn)
        if case.reason == Trouble.FORGOTTEN and case.payment and case.at >= since
    ]
    return tuple(sorted(forgotten))
