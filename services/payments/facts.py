"""What the gateway's word makes of a payment: facts are stored as a set, folded, and everything follows from that.

Synchronous functions over one connection, like `services.payments.ledger`. Whatever follows (journal, books, message,
case) follows once per cause, in any order of arrival. What a set of facts means is `services.payments.states`.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from services.database import insert_once, micros
from services.model import Method, Money, Payment, Reason
from services.model.fees import gone_of_fee
from services.payments import cases, journal, ledger, notes, outbox, receipt_letters, refunds, rulings, states, surplus
from services.payments.cases import Trouble, open_case, short
from services.payments.gateways.base import AFTERWARDS, Fact, FactKind
from services.payments.journal import Part
from services.payments.refunds import RefundState
from services.payments.rulings import Ruling
from services.payments.states import GivenBack, Standing
from services.schema import fact, payment_event
from services.schema import payment as payments

# What a bank says of an account that can be debited no more unless its owner authorises it anew (NACHA: R02, R03, R04,
# R05, R07, R08, R10, R11, R29), and of a card that is charged no more at all.
_ENDS_A_BANK_METHOD = frozenset({Reason.NOT_AUTHORIZED, Reason.ACCOUNT_CLOSED, Reason.NO_ACCOUNT, Reason.STOPPED})
_ENDS_A_CARD = frozenset({Reason.EXPIRED_CARD})


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
_ROW_LOCKED = select(payments).where(payments.c.reference == bindparam("reference")).with_for_update()
_LOCKED = select(payments).where(*_OURS).with_for_update()


def apply(conn: Connection, gateway: str, reference: str, now: datetime, fresh: AbstractSet[str] = frozenset()) -> None:
    """Bring a payment to where all its facts say it stands. ``fresh`` names the facts that were not known before."""
    # locked: two deliveries at once must each see the other's facts (SQLite has one writer anyway)
    row = conn.execute(_LOCKED, {"gateway": gateway, "reference": reference}).one_or_none()
    facts = of_payment(conn, gateway, reference)
    if row is None or not facts:
        return
    standing = states.fold(facts, Money(row.amount_minor, row.currency))
    ruled = rulings.in_force(conn, reference, len(facts)) if standing.state is states.UNKNOWN else None
    if ruled is not None:
        standing = rulings.standing(standing, ruled[1])
    columns = {
        "ruling": None if ruled is None else ruled[0],
        "method": standing.method,
        "brand": standing.brand,
        "last4": standing.last4,
        "reason": standing.reason,
        "refunded_minor": standing.refunded_minor,
        "happened_at": micros(standing.at),
    }
    marks = _marks(facts)
    # declined once more, or micro-deposits follow: the page waits, and that is news
    news_of_the_page = standing.state is states.OPEN and standing.fact in fresh
    if news_of_the_page or standing.state != row.state or any(getattr(row, name) != columns[name] for name in columns):
        ledger.move(conn, row, standing.state, f"fact {standing.fact}", now, **columns, **marks)
        _follow(conn, row, standing, now)
        _block_method(conn, row, standing, now)
        if standing.state is states.UNKNOWN and row.state != states.UNKNOWN:
            _call_for_a_person(conn, row, facts, now)
    elif any(told.id in fresh and told.kind in AFTERWARDS for told in facts):
        _follow(conn, row, standing, now)  # a refund that failed before it went through leaves the payment as it was
    elif standing.state in states.LIVE:
        ledger.hold(conn, reference, standing.state)  # an invoice that another payment held may be free by now
    if any(getattr(row, name) != marks[name] for name in marks):  # a decline heard of late is counted, and no news
        conn.execute(update(payments).where(payments.c.reference == reference).values(marks))
    if news_of_the_page:
        ledger.tell(conn, reference, now)


def _marks(facts: Sequence[Fact]) -> dict[str, int | None]:
    """What happened on the way, whatever the payment came to: tries refused, handed to the banks, arrived."""
    at: dict[FactKind, int] = {}
    for told in facts:
        at[told.kind] = max(micros(told.at), at.get(told.kind, 0))
    return {
        "declines": sum(told.kind is FactKind.DECLINED for told in facts),
        "submitted_at": at.get(FactKind.PROCESSING),
        "cleared_at": at.get(FactKind.SUCCEEDED),
    }


def _block_method(conn: Connection, before: Row[Any], standing: Standing, now: datetime) -> None:
    """A bank refused the saved method of this payment for good: it is charged no more.

    Only while nothing else can have been used: once the customer was on the page, the words may be about another card.
    """
    if not before.saved or before.customer is None or standing.reason is None:
        return
    refused = standing.state is states.OPEN and standing.reason in _ENDS_A_CARD and standing.method is Method.CARD
    went_back = standing.state in (states.RETURNED, states.FAILED) and standing.reason in _ENDS_A_BANK_METHOD
    if refused and before.state != states.SUBMITTING:
        return
    if refused or (went_back and standing.method is Method.BANK and not _was_open(conn, before.reference)):
        notes.block(conn, before.customer, before.saved, standing.reason, now)


def _was_open(conn: Connection, reference: str) -> bool:
    """Whether the customer could ever type another method on the page."""
    there = select(payment_event.c.id).where(payment_event.c.payment == reference, payment_event.c.after == states.OPEN)
    return conn.execute(there.limit(1)).first() is not None


def settle(conn: Connection, made: Ruling, now: datetime) -> bool:
    """Let a payment stand where a person says, as long as no other fact comes; False for one that is not in doubt.

    The invoice is released or paid by it, the customer hears of it, and the case of the contradiction is closed.
    """
    row = conn.execute(_ROW_LOCKED, {"reference": made.payment}).one_or_none()
    if row is None or row.state != states.UNKNOWN:
        return False
    rulings.write(conn, made, len(of_payment(conn, row.gateway, made.payment)), now)
    apply(conn, row.gateway, made.payment, now)
    cases.settle(conn, made.payment, Trouble.CONTRADICTION, now)
    return True


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
    """What the gateway's word brings about: journal, books, who may pay the invoice now, the customer's letter and message.

    Everything here happens once per cause, whichever fact came first.
    """
    lines = ledger.lines_of(conn, before.reference)
    row = ledger.row_of(conn, before.reference)
    moved = ledger.read(row, lines)
    posted = [(line.invoice, line.amount_minor) for line in lines]
    if before.ruling is not None and before.ruling != row.ruling:
        rulings.lift(conn, moved, before.ruling, now)
    if row.ruling is not None:
        rulings.enforce(conn, row, moved, dict(posted), now)
    elif moved.state in states.ARRIVED:
        journal.enter_success(conn, moved.reference, moved.amount, before.fee_minor, now)
        outbox.add_payment(conn, moved, posted, now)
        for refund in standing.refunds:
            _give_back(conn, moved, before, refund, now)
        if standing.disputed_minor:
            _dispute(conn, moved, before, standing.disputed_minor, now)
    elif moved.state is states.RETURNED:
        for refund in standing.refunds:  # the bank took all of it: each of them failed, or is lost
            _give_back(conn, moved, before, refund, now)
        journal.enter_return(conn, moved.reference, now)
        outbox.add_return(conn, moved, posted, now)
    ledger.hold(conn, moved.reference, moved.state)
    receipt_letters.follow(conn, row, standing.refunds, now)
    more_went_back = 0 if row.ruling else _news_of_refunds(before, moved)
    if moved.state in states.TOLD and (moved.state != before.state or more_went_back):
        # what was refunded before the dispute says the state again; that it was won, nothing else says
        won = before.state == states.DISPUTED and moved.state in (states.PART_REFUNDED, states.REFUNDED)
        ledger.tell(conn, moved.reference, now, refund_failed=more_went_back < 0, dispute_won=won)


def _news_of_refunds(before: Row[Any], moved: Payment) -> int:
    """Minor units that went back to the customer (negative: that came back) and of which nothing else tells."""
    more = moved.refunded_minor - int(before.refunded_minor)
    if moved.state is states.RETURNED:
        return 0  # the bank took all of it, and that is told
    if moved.state in (states.DISPUTED, states.LOST):
        return min(0, more)  # word of an earlier refund that came late: the dispute is told already
    return more


def _give_back(conn: Connection, paid: Payment, row: Row[Any], refund: GivenBack, now: datetime) -> None:
    """One refund went through, or turned out not to: the journal, the books, and whoever asked for it."""
    name = short(refund.refund)
    if not refund.failed:
        part = _part(conn, paid, row, refund.minor)
        if journal.enter_refund(conn, paid.reference, name, part, now):
            claims = surplus.claims(conn, paid.reference, paid.invoices)
            outbox.add_given_back(conn, paid, f"refund:{name}", part.owed_again, now, claims)
        refunds.settle(conn, refund.refund, RefundState.DONE, now)
        if paid.state is states.RETURNED:
            _claim(conn, paid, row, refund, now)
        return
    if journal.enter_no_claim(conn, paid.reference, name, now):
        cases.settle(conn, paid.reference, Trouble.REFUND_LOST, now)
    if journal.enter_refund_failed(conn, paid.reference, name, now):
        outbox.add_again(conn, paid, f"refund:{name}", now)
    refunds.settle(conn, refund.refund, RefundState.FAILED, now)
    if paid.state is states.RETURNED:
        return  # the customer has the money all the same, by the bank
    sum_of_it = Money(refund.minor, paid.amount.currency)
    summary = f"a refund of {sum_of_it} of {paid.reference} did not reach the customer; the money is here again"
    open_case(conn, f"refund:{name}", Trouble.REFUND_FAILED, summary, now, chat=row.chat, payment=paid.reference)


def _claim(conn: Connection, paid: Payment, row: Row[Any], refund: GivenBack, now: datetime) -> None:
    """The bank sent back all of a payment, also what was refunded: the customer has that twice, and owes it apart."""
    name = short(refund.refund)
    if not journal.enter_claim(conn, paid.reference, name, now):
        return
    outbox.add_again(conn, paid, f"refund:{name}", now)  # the return takes all of it from the books, not the rest
    twice = Money(refund.minor, paid.amount.currency)
    summary = f"{paid.reference} was returned in full after a refund of {twice}: the customer got that twice, claim it"
    key = f"lost:{paid.reference}:{name}"
    open_case(conn, key, Trouble.REFUND_LOST, summary, now, chat=row.chat, payment=paid.reference, evidence=twice)


def _dispute(conn: Connection, paid: Payment, row: Row[Any], minor: int, now: datetime) -> None:
    amount = Money(minor, paid.amount.currency)
    if journal.enter_dispute(conn, paid.reference, amount, now):
        summary = f"the customer's bank disputes {amount} of {paid.reference}; answer it at the gateway"
        key = f"dispute:{paid.reference}"
        open_case(conn, key, Trouble.DISPUTED, summary, now, chat=row.chat, payment=paid.reference)
    if paid.state is states.LOST:
        part = _part(conn, paid, row, minor)
        if journal.enter_lost(conn, paid.reference, part, now):
            outbox.add_given_back(conn, paid, outbox.LOST, part.owed_again, now, {})
    elif paid.state is not states.DISPUTED:
        journal.enter_won(conn, paid.reference, now)


def _part(conn: Connection, paid: Payment, row: Row[Any], minor: int) -> Part:
    """A sum that goes back, and the part of the program fee in it: in proportion, exact when all went back."""
    total, fee = int(row.amount_minor), int(row.fee_minor)
    before = fee + journal.held(conn, paid.reference, journal.FEES)  # a fee is a credit: what is left of it is negative
    gone = total - sum(journal.held(conn, paid.reference, account) for account in journal.KEPT) + minor
    return Part(Money(minor, paid.amount.currency), min(minor, max(0, gone_of_fee(total, fee, gone) - before)))
