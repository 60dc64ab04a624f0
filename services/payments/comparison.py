"""The comparison: once a day the whole ledger is held against the gateway's listing and against the books, both ways.

It takes the gateway's word and opens cases for what that cannot decide. It never charges, refunds or opens a page.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection, and_, exists, func, select, update

from services.database import insert_once, instant, micros
from services.errors import RemitError
from services.model import Money
from services.payments import cases, facts, reconcile, states
from services.payments.cases import Trouble
from services.payments.checkout import Checkout
from services.payments.gateways.base import Fact
from services.schema import comparison, fact, payment, payment_invoice

_log = logging.getLogger(__name__)

LOOKS_BACK = timedelta(
    days=62
)  # the first time: unauthorised ACH debits may come back for 60 days (NACHA, 2 settlement days more)
OVERLAP = timedelta(days=3)  # after that, since the last one that ended, and what its clock and ours may differ by
WATCHED = timedelta(days=14)  # how long after a payment its invoice is read again
_LEASE = timedelta(hours=1)


class Report(msgspec.Struct, frozen=True):
    """What one comparison saw. ``unknown``, ``forgotten`` and ``overpaid`` became cases for a person."""

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
    unknown, forgotten = await checkout.transact(lambda conn: _open_cases(conn, checkout.gateway.name, since, now))
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
            await reconcile.look_at(checkout, reference, now)
        except RemitError as error:
            _log.warning("no word about %s in the comparison: %s", reference, type(error).__name__)
            unanswered.append(reference)
    return tuple(unanswered)


_AT_THE_GATEWAY = (states.OPEN, states.UNKNOWN, states.PROCESSING, states.RETURNED, *sorted(states.ARRIVED))


def _ours(conn: Connection, gateway: str, since: datetime) -> list[str]:
    """Payments here that the gateway must know, and that moved since then."""
    moved = payment.c.gateway == gateway, payment.c.changed_at >= micros(since), payment.c.state.in_(_AT_THE_GATEWAY)
    return list(conn.execute(select(payment.c.reference).where(*moved).order_by(payment.c.reference)).scalars())


async def _read_invoices_again(checkout: Checkout, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Payments whose invoices were settled or voided otherwise after them: those found, and those that nobody could read."""
    overpaid, unread = [], []
    for reference, invoice, amount in await checkout.transact(lambda conn: _lately_paid(conn, now)):
        try:
            surplus = await checkout.surplus(invoice, amount)
        except RemitError as error:
            _log.warning("the invoice of %s cannot be read: %s", reference, type(error).__name__)
            unread.append(reference)
            continue
        if surplus is not None:
            overpaid.append(reference)
            owed = partial(facts.owe_back, reference=reference, invoice=invoice, surplus=surplus, now=now)
            await checkout.transact(owed)
    return tuple(overpaid), tuple(unread)


def _lately_paid(conn: Connection, now: datetime) -> list[tuple[str, str, Money]]:
    """Whole payments that are in the books; the last one of an invoice is the one that was too much."""
    rows = conn.execute(
        select(payment.c.reference, payment_invoice.c.invoice, payment_invoice.c.amount_minor, payment.c.currency)
        .join(payment_invoice, payment_invoice.c.payment == payment.c.reference)
        .where(
            payment.c.state == states.SUCCEEDED,
            payment.c.changed_at >= micros(now - WATCHED),
            payment_invoice.c.reserved.is_(False),
        )
        .order_by(payment.c.changed_at.desc(), payment.c.reference)
    )
    last: dict[str, tuple[str, str, Money]] = {}
    for row in rows:
        last.setdefault(row.invoice, (row.reference, row.invoice, Money(row.amount_minor, row.currency)))
    return list(last.values())


def _open_cases(
    conn: Connection, gateway: str, since: datetime, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cases for facts about payments that were never begun here; and which payments the gateway does not know."""
    begun = exists().where(and_(payment.c.reference == fact.c.reference, payment.c.gateway == gateway))
    parked = select(fact.c.reference).where(fact.c.gateway == gateway, ~begun).distinct()
    unknown = tuple(sorted(conn.execute(parked).scalars()))
    for reference in unknown:
        said = facts.of_payment(conn, gateway, reference)
        evidence = [{"id": each.id, "kind": each.kind, "at": each.at, "amount": each.amount} for each in said]
        summary = f"{gateway} has a payment {reference} that was never begun here; is it another till's?"
        cases.open_case(
            conn, f"unknown:{gateway}:{reference}", Trouble.UNKNOWN_PAYMENT, summary, now, evidence=evidence
        )
    forgotten = [
        case.payment
        for case in cases.open_cases(conn)
        if case.reason == Trouble.FORGOTTEN and case.payment and case.at >= since
    ]
    return unknown, tuple(sorted(forgotten))
