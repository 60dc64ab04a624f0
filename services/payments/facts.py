"""What the gateway's word makes of a payment: facts are stored as a set, folded, and everything follows from that.

Synchronous functions over one connection, like `services.payments.ledger`. Whatever follows (journal, books, message,
case) follows once per cause, in any order of arrival. What a set of facts means is `services.payments.states`.
"""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select

from services.database import insert_once, micros
from services.model import Money, Payment
from services.payments import journal, ledger, outbox, refunds, states
from services.payments.cases import Trouble, open_case
from services.payments.gateways.base import AFTERWARDS, Fact
from services.payments.journal import Part
from services.payments.refunds import RefundState
from services.payments.states import GivenBack, Standing
from services.schema import fact
from services.schema import payment as payments


def take(conn: Connection, gateway: str, facts: Sequence[Fact], now: datetime) -> None:
    """Store facts from a gateway and let them move their payments. Duplicates change nothing.

    A fact about a payment that we do not know is kept, and counts once the payment is known.
    """
    # in one order everywhere, so that two deliveries of the same facts never wait for each other crosswise
    by_id = sorted(facts, key=lambda told: told.id)
    fresh = {told.id for told in by_id if _store(conn, gateway, told, now)}
    for reference in sorted({told.reference for told in facts}):
        apply(conn, gateway, reference, now, fresh)


def _store(conn: Connection, gateway: str, told: Fact, now: datetime) -> bool:
    return insert_once(
        conn,
        fact,
        gateway=gateway,
        id=told.id,
        reference=told.reference[:64],  # none of ours is as long: a foreign one is evidence all the same
        kind=told.kind,
        at=micros(told.at),
        received_at=micros(now),
        body=msgspec.json.encode(told),
    )


_OF_PAYMENT = fact.c.gateway == bindparam("gateway"), fact.c.reference == bindparam("reference")
_SAID = select(fact.c.body).where(*_OF_PAYMENT)
_fact = msgspec.json.Decoder(Fact).decode


def of_payment(conn: Connection, gateway: str, reference: str) -> list[Fact]:
    """Everything that this gateway ever said about one reference."""
    bodies = conn.execute(_SAID, {"gateway": gateway, "reference": reference}).scalars()
    return [_fact(body) for body in bodies]


_OURS = payments.c.gateway == bindparam("gateway"), payments.c.reference == bindparam("reference")
_LOCKED = select(payments).where(*_OURS).with_for_update()


def apply(conn: Connection, gateway: str, reference: str, now: datetime, fresh: AbstractSet[str] = frozenset()) -> None:
    """Bring a payment to where all its facts say it stands. ``fresh`` names the facts that were not known before."""
    # locked: two deliveries at once must each see the other's facts (SQLite has one writer anyway)
    row = conn.execute(_LOCKED, {"gateway": gateway, "reference": reference}).one_or_none()
    facts = of_payment(conn, gateway, reference)
    if row is None or not facts:
        return
    standing = states.fold(facts, Money(row.amount_minor, row.currency))
    columns = {
        "method": standing.method,
        "brand": standing.brand,
        "last4": standing.last4,
        "reason": standing.reason,
        "refunded_minor": standing.refunded_minor,
        "happened_at": micros(standing.at),
    }
    declined_again = standing.state is states.OPEN and standing.fact in fresh
    if declined_again or standing.state != row.state or any(getattr(row, name) != columns[name] for name in columns):
        ledger.move(conn, row, standing.state, f"fact {standing.fact}", now, **columns)
        _follow(conn, row, standing, now)
        if standing.state is states.UNKNOWN and row.state != states.UNKNOWN:
            _call_for_a_person(conn, row, facts, now)
    elif any(told.id in fresh and told.kind in AFTERWARDS for told in facts):
        _follow(conn, row, standing, now)  # a refund that failed before it went through leaves the payment as it was
    elif standing.state in states.LIVE:
        ledger.hold(conn, reference, standing.state)  # an invoice that another payment held may be free by now
    if declined_again:
        ledger.tell(conn, reference, now)


def _call_for_a_person(conn: Connection, row: Row[Any], facts: Sequence[Fact], now: datetime) -> None:
    evidence = [{"id": f.id, "kind": f.kind, "at": f.at, "amount": f.amount, "refund": f.refund} for f in facts]
    summary = f"what {row.gateway} says about {row.reference} cannot all be true; nobody can pay its invoice meanwhile"
    key = f"contradiction:{row.reference}:{len(facts)}"
    open_case(
        conn,
        key,
        Trouble.CONTRADICTION,
        summary,
        now,
        chat=row.chat,
        payment=row.reference,
        evidence=sorted(evidence, key=lambda each: str(each["id"])),
    )


def _follow(conn: Connection, before: Row[Any], standing: Standing, now: datetime) -> None:
    """What the gateway's word brings about: the journal, the books, who may pay the invoice now, the customer's message.

    Everything here happens once per cause, whichever fact came first.
    """
    lines = ledger.lines_of(conn, before.reference)
    moved = ledger.read(ledger.row_of(conn, before.reference), lines)
    posted = [(line.invoice, line.amount_minor) for line in lines]
    if moved.state in states.ARRIVED:
        journal.enter_success(conn, moved.reference, moved.amount, before.fee_minor, now)
        outbox.add_payment(conn, moved, posted, now)
        for refund in standing.refunds:
            _give_back(conn, moved, before, refund, now)
        if standing.disputed_minor:
            _dispute(conn, moved, before, standing.disputed_minor, now)
    if moved.state is states.RETURNED:
        for refund in standing.refunds:  # the bank took all of it, so each of them failed
            _give_back(conn, moved, before, refund, now)
        journal.enter_return(conn, moved.reference, now)
        outbox.add_return(conn, moved, posted, now)
    ledger.hold(conn, moved.reference, moved.state)
    more_went_back = moved.refunded_minor - before.refunded_minor
    if moved.state in (states.DISPUTED, states.LOST):
        more_went_back = min(0, more_went_back)  # word of an earlier refund that came late: the dispute is told already
    if moved.state in states.TOLD and (moved.state != before.state or more_went_back):
        # what was refunded before the dispute says the state again; that it was won, nothing else says
        won = before.state == states.DISPUTED and moved.state in (states.PART_REFUNDED, states.REFUNDED)
        ledger.tell(conn, moved.reference, now, refund_failed=more_went_back < 0, dispute_won=won)


def _give_back(conn: Connection, paid: Payment, row: Row[Any], refund: GivenBack, now: datetime) -> None:
    """One refund went through, or turned out not to: the journal, the books, and whoever asked for it."""
    name = _short(refund.refund)
    if not refund.failed:
        part = _part(conn, paid, row, refund.minor)
        if journal.enter_refund(conn, paid.reference, name, part, now):
            outbox.add_given_back(conn, paid, f"refund:{name}", part.owed_again, now)
        refunds.settle(conn, refund.refund, RefundState.DONE, now)
        return
    if journal.enter_refund_failed(conn, paid.reference, name, now):
        outbox.add_again(conn, paid, f"refund:{name}", now)
    refunds.settle(conn, refund.refund, RefundState.FAILED, now)
    if paid.state is states.RETURNED:
        return  # the customer has the money all the same, by the bank
    sum_of_it = Money(refund.minor, paid.amount.currency)
    summary = f"a refund of {sum_of_it} of {paid.reference} did not reach the customer; the money is here again"
    open_case(conn, f"refund:{name}", Trouble.REFUND_FAILED, summary, now, chat=row.chat, payment=paid.reference)


def _dispute(conn: Connection, paid: Payment, row: Row[Any], minor: int, now: datetime) -> None:
    amount = Money(minor, paid.amount.currency)
    if journal.enter_dispute(conn, paid.reference, amount, now):
        summary = f"the customer's bank disputes {amount} of {paid.reference}; answer it at the gateway"
        key = f"dispute:{paid.reference}"
        open_case(conn, key, Trouble.DISPUTED, summary, now, chat=row.chat, payment=paid.reference)
    if paid.state is states.LOST:
        part = _part(conn, paid, row, minor)
        if journal.enter_lost(conn, paid.reference, part, now):
            outbox.add_given_back(conn, paid, outbox.LOST, part.owed_again, now)
    elif paid.state is not states.DISPUTED:
        journal.enter_won(conn, paid.reference, now)


def _part(conn: Connection, paid: Payment, row: Row[Any], minor: int) -> Part:
    """A sum that goes back, and the part of the program fee in it: in proportion, exact when all went back."""
    total, fee = int(row.amount_minor), int(row.fee_minor)
    before = fee + journal.held(conn, paid.reference, journal.FEES)  # a fee is a credit: what is left of it is negative
    gone = total - sum(journal.held(conn, paid.reference, account) for account in journal.KEPT) + minor
    return Part(Money(minor, paid.amount.currency), min(minor, max(0, gone * fee // total - before)))


def _short(name: str) -> str:
    """What stands for a foreign name in keys, whose length is limited."""
    return name if len(name) <= 32 else hashlib.sha256(name.encode()).hexdigest()[:32]


def owe_back(conn: Connection, reference: str, invoice: str, surplus: Money, now: datetime) -> None:
    """A payment went through, and its invoice did not owe it any more: a person refunds, and the customer is told."""
    row = ledger.row_of(conn, reference)
    key = f"overpaid:{reference}:{_short(invoice)}"
    summary = f"{reference} paid {surplus} more than was owed by then: refund it, or agree otherwise"
    if open_case(
        conn, key, Trouble.OVERPAID, summary, now, chat=row.chat, invoice=invoice, payment=reference, evidence=surplus
    ):
        paid = msgspec.structs.replace(ledger.read(row, ledger.lines_of(conn, reference)), surplus_minor=surplus.minor)
        outbox.add(conn, f"tell:{key}", reference, paid, now)
