"""How a payment begins: what was agreed is written down, the request is sent under its own key, the page is known.

Synchronous functions over one connection, like `services.payments.ledger`, whose steps they take. The calls to the
gateway happen between them, with no transaction open, in `services.payments.checkout`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from services import agreements
from services.agreements import Agreement
from services.database import insert_once, instant, micros
from services.errors import Rejected, RemitError
from services.model import Method, Money, Objection, Payment, Quote, Reason, SavedMethod, Shown, Standing
from services.payments import cases, facts, ledger, pauses, states
from services.payments.autopay import enrolments
from services.payments.cases import Trouble
from services.payments.gateways.base import Fact, Page, PageRequest
from services.payments.keys import RESEND_UNTIL, TRIED_FOR, Hold, new_reference
from services.payments.ledger import Position
from services.schema import consent, payment_event, payment_invoice
from services.schema import payment as payments

GIVE_UP_AFTER = timedelta(
    minutes=2
)  # since the last doubtful request; a page that appears later has an address nobody knows

DECLINES_COUNT_FOR = timedelta(hours=24)

_SENT, _NOT_MADE = "sent", "not made"


class Order(msgspec.Struct, frozen=True):
    """A start that was judged payable: what was agreed, where, and the positions on which the judgement rests."""

    key: str  # of the effect that asked for it
    chat: str
    message: str  # id of the customer's message that said yes; empty where ``standing`` is what it rests on
    quote: Quote
    gateway: str
    return_url: str
    positions: Mapping[str, Position]  # by invoice
    customer: str | None = None  # whose invoices they are, whoever pays
    vault: str = ""  # the gateway's name for whose methods are kept or charged; empty: for nobody's
    declines: int | None = None  # tries that banks may refuse in 24 hours before no other is taken; None: any number
    standing: Standing | None = None  # no message said yes: this authorisation was agreed to before
    shown: Shown = Shown()  # the words that the yes was said to
    charged: SavedMethod | None = None  # which the quote names


class Obstacle(msgspec.Struct, frozen=True):
    """Why a payment was not begun, and on which of its invoices it failed."""

    objection: Objection
    invoice: str


class Sending(msgspec.Struct, frozen=True):
    """A request that is to be sent now, by whoever holds ``fence``, under ``key`` and no other."""

    request: PageRequest
    key: str
    fence: int


# --- beginning ----------------------------------------------------------------------------------------------------


def begin(conn: Connection, order: Order, now: datetime, random: Callable[[int], bytes]) -> Payment | Obstacle:
    """Write down a payment that a customer agreed to, once per ``order.key``, before anything is sent.

    Answers `PAUSED` while the business takes no new payments, `TOO_MANY_DECLINES` when banks refused too many tries
    lately, `ALREADY_LIVE` when another payment of one of the invoices is under way, and `INVOICE_CHANGED` when the ledger
    moved on one of them since it was judged (judge again); `NOT_AUTHORIZED` where no message said yes to it and no
    authorisation covers it. The same key gives the payment it made before.
    """
    if (known := ledger.by_key(conn, order.key)) is not None:
        return known
    if (problem := _closed_to(conn, order, now)) is not None:
        return problem
    with conn.begin_nested() as attempt:
        reference = _insert(conn, order, now, random)
        if isinstance(reference, Payment):  # another worker began this very start a moment ago
            return reference
        problem = _attach(conn, reference, order) or _moved(conn, reference, order.positions)
        if problem is None and not _record_consent(conn, reference, order, now):
            problem = Obstacle(Objection.INVOICE_CHANGED, order.quote.lines[0].invoice)
        if problem is not None:
            attempt.rollback()
            return problem
        ledger.note(conn, reference, (None, states.CREATED), "started", now)
        ledger.step(conn, reference, states.CONFIRMED, "agreed", now)
    facts.apply(conn, order.gateway, reference, now)  # of a gateway that knew our reference before we did
    agreements.append(conn, _agreement(reference, order), now)  # last: nobody waits for others with the head in hand
    return ledger.known(conn, reference)


def begin_again(conn: Connection, reference: str, order: Order, now: datetime) -> Payment | Obstacle:
    """Take up a start that was CANCELED because nothing was made; objections as in `begin`.

    A saved method is not charged upon a yes that was said long ago: such a start stays CANCELED.
    """
    row = ledger.row_of(conn, reference)
    if row.state != states.CANCELED or (row.saved and now - instant(row.created_at) > TRIED_FOR):
        return ledger.known(conn, reference)
    if (problem := _closed_to(conn, order, now)) is not None:
        return problem
    with conn.begin_nested() as attempt:
        ledger.step(conn, reference, states.CONFIRMED, "asked again", now)
        problem = _not_held(conn, reference) or _moved(conn, reference, order.positions)
        if problem is not None:
            attempt.rollback()
            return problem
    return ledger.known(conn, reference)


def _closed_to(conn: Connection, order: Order, now: datetime) -> Obstacle | None:
    first = order.quote.lines[0].invoice
    if pauses.is_paused(conn):
        return Obstacle(Objection.PAUSED, first)
    if order.standing is not None and not enrolments.covers(conn, order.standing, order.quote, now):
        return Obstacle(Objection.NOT_AUTHORIZED, first)
    if order.declines is None:
        return None
    invoices = [line.invoice for line in order.quote.lines]
    declined = ledger.declined_since(conn, order.chat, order.customer, invoices, now - DECLINES_COUNT_FOR)
    return Obstacle(Objection.TOO_MANY_DECLINES, first) if declined >= order.declines else None


def _not_held(conn: Connection, reference: str) -> Obstacle | None:
    taken = next((line.invoice for line in ledger.lines_of(conn, reference) if not line.live), None)
    return None if taken is None else Obstacle(Objection.ALREADY_LIVE, taken)


def _insert(conn: Connection, order: Order, now: datetime, random: Callable[[int], bytes]) -> str | Payment:
    quote, at = order.quote, micros(now)
    for _ in range(5):  # 38 bits: references may meet, one time in a great many
        reference = new_reference(random)
        if insert_once(
            conn,
            payments,
            reference=reference,
            start_key=order.key,
            chat=order.chat,
            state=states.CREATED,
            version=1,
            amount_minor=quote.total.minor,
            fee_minor=quote.fee_minor,
            currency=quote.total.currency,
            method=quote.method,
            billing_name=quote.name,
            billing_zip=quote.zip,
            gateway=order.gateway,
            gateway_key=random(16).hex(),
            request_hash=_hash(_request_for(reference, order)),
            customer=order.customer,
            saved=quote.saved,
            vault=order.vault,
            enrolment=None if order.standing is None else order.standing.enrolment,
            created_at=at,
            changed_at=at,
        ):
            return reference
        if (known := ledger.by_key(conn, order.key)) is not None:
            return known
    raise RuntimeError("five references in a row were taken: the source of chance is not random")


def _request_for(reference: str, order: Order) -> PageRequest:
    # by invoice id, as `ledger.lines_of` has them: a later re-send is built from rows and must be the same request
    lines = sorted(order.quote.lines, key=lambda line: line.invoice)
    return PageRequest(
        reference=reference,
        amount=order.quote.total,
        method=order.quote.method,
        name=order.quote.name,
        zip=order.quote.zip,
        numbers=tuple(line.number for line in lines),
        return_url=order.return_url,
        customer=order.vault,
        saved=order.quote.saved,
        fee_minor=order.quote.fee_minor,
    )


def _hash(request: PageRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()


def _attach(conn: Connection, reference: str, order: Order) -> Obstacle | None:
    for line in sorted(order.quote.lines, key=lambda line: line.invoice):
        if not insert_once(
            conn,
            payment_invoice,
            payment=reference,
            invoice=line.invoice,
            number=line.number,
            version=line.version,
            amount_minor=line.amount.minor,
            live=True,
            reserved=False,
        ):
            return Obstacle(Objection.ALREADY_LIVE, line.invoice)
    return None


def _moved(conn: Connection, reference: str, positions: Mapping[str, Position]) -> Obstacle | None:
    # after the live rows are ours: from here on no other payment can begin to move on these invoices
    for invoice, seen in positions.items():
        if ledger.position(conn, invoice, reference) != seen:
            return Obstacle(Objection.INVOICE_CHANGED, invoice)
    return None


def _record_consent(conn: Connection, reference: str, order: Order, now: datetime) -> bool:
    """Keep the evidence; False when this very message agreed to another payment before.

    One yes begins one payment, also when the conversation was lost in between and the message arrives once more. One
    authorisation begins one for each presentment of an invoice's cycle, and its evidence names no message.
    """
    return insert_once(
        conn,
        consent,
        payment=reference,
        at=micros(now),
        chat=order.chat,
        message=order.message,
        digest=order.quote.digest(),
        quote=msgspec.json.encode(order.quote),
        standing=None if order.standing is None else order.standing.name,
    )


def _agreement(reference: str, order: Order) -> Agreement:
    """What was shown, sealed in the chain together with the consent, whose quote it names by the hash of all its bytes.

    Of a method that is typed later only its kind is known.
    """
    quote, charged = order.quote, order.charged
    return Agreement(
        agreements.of_payment(reference),
        "agreed",
        order.chat,
        order.message,
        order.shown,
        quote.total,
        order.customer,
        quote.digest(),
        agreements.terms_of(msgspec.json.encode(quote), order.standing.name if order.standing else None),
        quote.fee_minor,
        quote.method,
        charged.brand if charged else "",
        charged.last4 if charged else "",
    )


# --- sending ------------------------------------------------------------------------------------------------------


def send(conn: Connection, reference: str, return_url: Callable[[str], str], now: datetime) -> Sending | Payment | Hold:
    """What to send for this payment now, leased to the caller; or the payment itself when nothing is to be sent."""
    row = ledger.find_row(conn, reference)
    if row is None:
        raise LookupError(f"no payment {reference}")
    if row.page is not None or row.state not in (states.CONFIRMED, states.OPEN):
        return ledger.known(conn, reference)
    request = _request_of(row, ledger.lines_of(conn, reference), return_url(row.chat))
    age = now - instant(row.created_at)
    if age > RESEND_UNTIL or _hash(request) != row.request_hash:
        return Hold.LOOK_UP
    if age > TRIED_FOR and _is_fresh(_doubtful(conn, reference), now):
        return Hold.LOOK_UP  # or the request that follows would for ever keep the one before it in doubt
    fence = ledger.claim(conn, reference, now)
    if fence is None:
        return Hold.BUSY
    if row.state == states.CONFIRMED:
        ledger.step(conn, reference, states.CONFIRMED, _SENT, now)
    return Sending(request, row.gateway_key, fence)


def _doubtful(conn: Connection, reference: str) -> datetime | None:
    """When the last request was sent of which nobody knows what it made; None when surely none made anything."""
    ours = payment_event.c.payment == reference, payment_event.c.cause.in_((_SENT, _NOT_MADE))
    sent: list[int] = []
    for at, cause in conn.execute(
        select(payment_event.c.at, payment_event.c.cause).where(*ours).order_by(payment_event.c.id)
    ):
        if cause == _SENT:
            sent.append(at)
        elif sent:
            sent.pop()  # the one before it: a lease lets nobody send in between
    return instant(sent[-1]) if sent else None


def _is_fresh(doubtful: datetime | None, now: datetime) -> bool:
    """Whether a request is so young that the gateway may not have heard of it yet."""
    return doubtful is not None and now - doubtful < GIVE_UP_AFTER


class Stale(msgspec.Struct, frozen=True):
    """A start whose judgement is as old as its last request.

    ``given_up``: doubtful, and tried for long enough. ``standing``: begun by autopay.
    """

    quote: Quote
    given_up: bool
    standing: bool


def stale(conn: Connection, reference: str, now: datetime) -> Stale | None:
    """The start, if it has to be judged again before another request follows.

    None when its page is there for the customer, when it ended, and while its last request is a moment old: so was the
    judgement then. The charge of a saved method is such a request: nobody knows whether it arrived.
    """
    row, doubtful = ledger.row_of(conn, reference), _doubtful(conn, reference)
    if row.state == states.SUBMITTING:
        doubtful = instant(row.changed_at)
    if row.state not in (states.CONFIRMED, states.SUBMITTING) or _is_fresh(doubtful, now):
        return None
    kept = conn.execute(select(consent.c.quote).where(consent.c.payment == reference)).scalar_one()
    given_up = doubtful is not None and now - instant(row.created_at) > TRIED_FOR
    return Stale(msgspec.json.decode(kept, type=Quote), given_up, row.enrolment is not None)


def withdraw(conn: Connection, reference: str, now: datetime) -> bool:
    """End a start of which surely nothing was made; False when a request may have made a page, or it is under way."""
    row = ledger.row_of(conn, reference)
    if row.state != states.CONFIRMED or _doubtful(conn, reference) is not None:
        return False
    return ledger.step(conn, reference, states.CANCELED, "called off before anything was made", now)


def _request_of(row: Row[Any], lines: Sequence[Row[Any]], return_url: str) -> PageRequest:
    return PageRequest(
        reference=row.reference,
        amount=Money(row.amount_minor, row.currency),
        method=Method(row.method),
        name=row.billing_name,
        zip=row.billing_zip,
        numbers=tuple(line.number for line in lines),
        return_url=return_url,
        customer=row.vault,
        saved=row.saved,
        fee_minor=row.fee_minor,
    )


def opened(conn: Connection, sending: Sending, page: Page, now: datetime) -> Payment | None:
    """The gateway made the page: OPEN, with its address, or SUBMITTING where a saved method is to be charged on it.

    None when the lease was lost: another answer counts.
    """
    reference = sending.request.reference
    row = ledger.find_row(conn, reference)
    if row is None or row.fence != sending.fence:
        return None
    if row.state == states.SUBMITTING:  # somebody else learned of this page a moment ago: its charge still follows
        ledger.release(conn, reference, sending.fence)
        return ledger.known(conn, reference)
    ledger.step(
        conn,
        reference,
        states.SUBMITTING if row.saved and row.state == states.CONFIRMED else states.OPEN,
        "page made",
        now,
        page=page.id,
        page_url=page.url,
        page_expires_at=micros(page.expires_at),
        lease_until=0,
    )
    return ledger.known(conn, reference)


# --- charging a saved method --------------------------------------------------------------------------------------


class Charging(msgspec.Struct, frozen=True):
    """The saved method of a page is to be charged now, by whoever holds ``fence``."""

    page: str
    fence: int


def charge(conn: Connection, reference: str, now: datetime) -> Charging | Payment | Hold:
    """What to charge for this payment now, leased to the caller; or the payment itself when nothing is to be charged.

    `LOOK_UP`: the yes is too old to be charged upon, or the authorisation was taken back, so its page is to be closed.
    """
    row = ledger.row_of(conn, reference)
    if row.state != states.SUBMITTING:
        return ledger.known(conn, reference)
    if _too_old_to_charge(row, now) or not _is_still_wanted(conn, row):
        return Hold.LOOK_UP
    fence = ledger.claim(conn, reference, now)
    return Hold.BUSY if fence is None else Charging(row.page, fence)


def charged(conn: Connection, reference: str, fence: int, told: Sequence[Fact], now: datetime) -> Payment:
    """The gateway answered a charge with all its facts. None that says more: the page waits for the customer."""
    facts.take(conn, ledger.row_of(conn, reference).gateway, told, now)
    row = ledger.row_of(conn, reference)
    if row.state == states.SUBMITTING and row.fence == fence:
        ledger.step(conn, reference, states.OPEN, "the bank wants to see the customer", now)
    ledger.release(conn, reference, fence)
    return ledger.known(conn, reference)


def never_charged(conn: Connection, reference: str, now: datetime) -> str | None:
    """The page of a charge that was agreed to so long ago that it must not follow any more, or None."""
    row = ledger.row_of(conn, reference)
    return row.page if row.state == states.SUBMITTING and _too_old_to_charge(row, now) else None


def _is_still_wanted(conn: Connection, row: Row[Any]) -> bool:
    """Whether nobody took back the authorisation that it rests on, if it rests on one."""
    total = Money(row.amount_minor, row.currency)
    return row.enrolment is None or enrolments.still_covers(conn, row.enrolment, total, row.saved)


def _too_old_to_charge(row: Row[Any], now: datetime) -> bool:
    return now - instant(row.created_at) > TRIED_FOR


# --- starts that come to nothing ----------------------------------------------------------------------------------


def not_made(conn: Connection, sending: Sending, now: datetime) -> None:
    """A request surely made nothing. When that is true of every request so far, the payment is CANCELED."""
    reference = sending.request.reference
    if not ledger.release(conn, reference, sending.fence):
        return
    history = select(payment_event.c.cause).where(payment_event.c.payment == reference)
    causes = list(conn.execute(history).scalars())
    surely = causes.count(_SENT) == causes.count(_NOT_MADE) + 1
    ledger.step(conn, reference, states.CANCELED if surely else states.CONFIRMED, _NOT_MADE, now)


def refused(conn: Connection, sending: Sending, why: RemitError, now: datetime) -> bool:
    """The gateway refuses to make the page, or answers what nobody can read. Whether to stop trying.

    A person hears of it once a day, whatever the number of payments: it is one trouble, such as a revoked key. A plain
    no made nothing (`not_made`); anything else may have. Tries end after `TRIED_FOR`.
    """
    row = ledger.row_of(conn, sending.request.reference)
    summary = f"{row.gateway} refuses to make payment pages: {why}"
    cases.open_case(
        conn, f"refuses:{row.gateway}:{now.date()}", Trouble.GATEWAY_REFUSES, summary, now, payment=row.reference
    )
    if isinstance(why, Rejected):
        not_made(conn, sending, now)
    else:
        ledger.release(conn, row.reference, sending.fence)
    return now - instant(row.created_at) >= TRIED_FOR


def never_heard(conn: Connection, reference: str, fence: int, now: datetime) -> bool:
    """The gateway says that it never heard of this payment. Whether that ended it: then it is FAILED.

    A start ends long after its last request. Such a request may still be on its way and make a page; but its address
    came in an answer that nobody waits for any more, and no request follows from here, so nobody can pay on it.
    A page ends after its own end, also one whose saved method was to be charged. Any other payment of which the gateway knew before is a person's case.
    """
    row = ledger.find_row(conn, reference)
    if row is None or row.fence != fence:
        return False
    if row.state == states.CONFIRMED:
        waited = now - (_doubtful(conn, reference) or instant(row.changed_at)) >= GIVE_UP_AFTER
        return waited and ledger.step(conn, reference, states.FAILED, "never opened", now, reason=Reason.NEVER_OPENED)
    over = row.page_expires_at is not None and now - instant(row.page_expires_at) >= GIVE_UP_AFTER
    ended = row.state in (states.FAILED, states.CANCELED)  # by another look-up, a moment ago: nothing to wonder about
    on_a_page = row.state in (states.OPEN, states.SUBMITTING)
    if ended or (on_a_page and not over):
        return False
    summary = f"the gateway says that it never heard of {reference}, which is {row.state} here"
    cases.open_case(conn, f"forgotten:{reference}", Trouble.FORGOTTEN, summary, now, chat=row.chat, payment=reference)
    return on_a_page and ledger.step(
        conn, reference, states.FAILED, "unknown to the gateway after its end", now, reason=Reason.PAGE_EXPIRED
    )
