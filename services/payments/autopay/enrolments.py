"""Standing authorisations: agreed to, changed, paused, left or stopped, and whether one covers a charge.

Synchronous functions over one connection, like `services.payments.ledger`. Every change is an event that stays, and is
sealed with the words that were shown among the agreements (NACHA 2.3.2: a copy is kept for two years after the end; 12 CFR
1005.10(b)). Never here: what is
charged when, which is `planning` and `charging`, and no call to anybody.
"""

import hashlib
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, select, update

from services import agreements
from services.agreements import Agreement, Kept
from services.database import insert_once, instant, micros
from services.model import AutopayChange, Enrolment, EnrolmentState, Method, Money, Quote, Shown, Standing, Terms
from services.model.autopay import MOST_REPRESENTMENTS
from services.model.invoices import LETTERS
from services.payments import pauses
from services.payments.autopay import letters
from services.schema import autopay, autopay_charge, autopay_event

ON, PAUSED, STOPPED, LEFT = (str(state) for state in EnrolmentState)
_RUNNING = (ON, PAUSED)


class Wish(msgspec.Struct, frozen=True):
    """What a customer wants of their autopay. ``key`` makes it happen once; ``shown`` are the words that were agreed to."""

    key: str
    customer: str
    chat: str
    message: str  # id of the one that said so
    what: AutopayChange
    terms: Terms | None = None  # that are agreed to
    shown: Shown = Shown()


def read(row: Row[Any]) -> Enrolment:
    """A row as the value that others see."""
    terms = Terms(
        row.saved, Method(row.method), row.brand, row.last4, Money(row.limit_minor, row.currency), int(row.days)
    )
    return Enrolment(row.id, row.customer, EnrolmentState(row.state), terms, instant(row.agreed_at), row.why)


def latest(conn: Connection, customer: str) -> Enrolment | None:
    """The enrolment that a customer made last, whatever became of it, or None."""
    newest = select(autopay).where(autopay.c.customer == customer).order_by(autopay.c.id.desc()).limit(1)
    row = conn.execute(newest).one_or_none()
    return None if row is None else read(row)


def of_id(conn: Connection, enrolment: int) -> Enrolment:
    """One that must be there."""
    return read(conn.execute(select(autopay).where(autopay.c.id == enrolment)).one())


def running(conn: Connection, after: int, n: int) -> list[Enrolment]:
    """At most ``n`` enrolments that charge, in the order of their ids, beyond ``after``."""
    these = autopay.c.id > after, autopay.c.state == ON
    return [read(row) for row in conn.execute(select(autopay).where(*these).order_by(autopay.c.id).limit(n))]


# --- changing -----------------------------------------------------------------------------------------------------


def change(conn: Connection, wish: Wish, now: datetime) -> Enrolment | None:
    """Do what a customer wants, once per ``wish.key``; the enrolment as it stands then, or None when there is none.

    Agreeing to terms begins an enrolment, or changes the one that there is, paused or not. What is over stays over. Let it be
    the last thing that a transaction does, as `agreements.append` says.
    """
    if not _is_done(conn, wish.key):
        row = _locked(conn, wish.customer)
        act = _ACTS["change" if row is not None and wish.what == "agree" else wish.what]
        if row is None and wish.what == "agree":
            row = _begin(conn, wish, now)
        elif row is not None:
            _write(conn, row, wish, now)
        if row is not None:
            _note(conn, of_id(conn, row.id), wish, now)
            if wish.what == "agree":
                letters.agreed(conn, wish.key, wish.customer, now)
            _seal(conn, of_id(conn, row.id), act, wish, now)
    return latest(conn, wish.customer)


Act: TypeAlias = Literal["agreed", "changed", "paused", "resumed", "revoked"]
_ACTS: dict[str, Act] = {
    "agree": "agreed",
    "change": "changed",
    "pause": "paused",
    "resume": "resumed",
    "leave": "revoked",
}


def subject(enrolment: int) -> str:
    """What an authorisation is called among the agreements."""
    return f"autopay:{enrolment}"


def _seal(conn: Connection, kept: Enrolment, act: Act, wish: Wish, now: datetime) -> None:
    terms, body = kept.terms, msgspec.json.encode(kept.terms)
    digest = hashlib.sha256(body).hexdigest()[:16].translate(LETTERS)
    agreed = Agreement(subject(kept.id), act, wish.chat, wish.message, wish.shown, terms.limit, kept.customer, digest)
    how = {"method": str(terms.method), "brand": terms.brand, "last4": terms.last4, "terms": body.decode()}
    agreements.append(conn, msgspec.structs.replace(agreed, **how), now)


def _is_done(conn: Connection, key: str) -> bool:
    return conn.execute(select(autopay_event.c.id).where(autopay_event.c.key == key)).first() is not None


def _locked(conn: Connection, customer: str) -> Row[Any] | None:
    mine = autopay.c.customer == customer, autopay.c.state.in_(_RUNNING)
    return conn.execute(select(autopay).where(*mine).with_for_update()).one_or_none()


def _begin(conn: Connection, wish: Wish, now: datetime) -> Row[Any] | None:
    at = micros(now)
    columns = {**_columns(wish), "agreed_at": at, "changed_at": at, "state": ON, "customer": wish.customer}
    begun = insert_once(conn, autopay, chat=wish.chat, **columns)
    row = _locked(conn, wish.customer)
    if row is not None and not begun:  # agreed to in another chat in this instant: what was said last counts
        _write(conn, row, wish, now)
    return row


def _columns(wish: Wish) -> dict[str, object]:
    terms = wish.terms
    if terms is None:
        raise ValueError("an authorisation is agreed to with its terms")
    how = {"saved": terms.saved, "method": terms.method, "brand": terms.brand, "last4": terms.last4}
    return {**how, "limit_minor": terms.limit.minor, "currency": terms.limit.currency, "days": terms.days}


_AFTER: dict[AutopayChange, str] = {"pause": PAUSED, "resume": ON, "leave": LEFT}


def _write(conn: Connection, row: Row[Any], wish: Wish, now: datetime) -> None:
    at = micros(now)
    new = {**_columns(wish), "agreed_at": at} if wish.what == "agree" else {"state": _AFTER[wish.what]}
    conn.execute(update(autopay).where(autopay.c.id == row.id).values(chat=wish.chat, changed_at=at, **new))
    if wish.what == "leave":
        _call_off(conn, row.id, LEFT, now)
    if wish.what == "resume":  # whose day has passed meanwhile is planned anew, and told first
        _call_off(conn, row.id, PAUSED, now, autopay_charge.c.due_at <= at)


def _note(conn: Connection, kept: Enrolment, wish: Wish, now: datetime) -> None:
    about = {"enrolment": kept.id, "at": micros(now), "chat": wish.chat, "message": wish.message}
    what = wish.what if wish.chat else "stop"  # by us, in nobody's chat
    insert_once(conn, autopay_event, key=wish.key, what=what, terms=msgspec.json.encode(kept.terms), **about)


def agreed_in(conn: Connection, key: str) -> Kept | None:
    """What was agreed to in the event of this key, with the words that were shown; None: there was no such event."""
    event = conn.execute(select(autopay_event).where(autopay_event.c.key == key)).one_or_none()
    if event is None:
        return None
    chain = agreements.chain(conn, subject(event.enrolment))
    return next((each for each in chain if micros(each.at) == event.at and each.agreement.shown.words), None)


def stop(conn: Connection, enrolment: int, why: str, now: datetime) -> bool:
    """End an enrolment that can charge no more; False when it was over already. Its customer is told by whoever asks."""
    this = autopay.c.id == enrolment, autopay.c.state.in_(_RUNNING)
    ended = conn.execute(update(autopay).where(*this).values(state=STOPPED, why=why, changed_at=micros(now)))
    if ended.rowcount != 1:
        return False
    kept = of_id(conn, enrolment)
    _note(conn, kept, _by_us(kept), now)
    _call_off(conn, enrolment, STOPPED, now)
    return True


def seal_stop(conn: Connection, enrolment: int, now: datetime) -> None:
    """Keep that it was stopped, in no customer's words: the last thing of the transaction that stopped it."""
    kept = of_id(conn, enrolment)
    _seal(conn, kept, "revoked", _by_us(kept), now)


def _by_us(kept: Enrolment) -> Wish:
    return Wish(f"stop:{kept.id}", kept.customer, "", "", "leave")


def _call_off(conn: Connection, enrolment: int, why: str, now: datetime, *only: ColumnElement[bool]) -> None:
    """What was planned under it does not happen. What has begun is the ledger's."""
    this = autopay_charge.c.enrolment == enrolment, autopay_charge.c.state.in_(("planned", "waiting")), *only
    conn.execute(update(autopay_charge).where(*this).values(state="over", why=why, changed_at=micros(now)))


# --- covering -----------------------------------------------------------------------------------------------------


def covers(conn: Connection, standing: Standing, quote: Quote, now: datetime) -> bool:
    """Whether this authorisation is one to this very charge, now and until the transaction ends: who leaves waits for it.

    It is on; its customer, method and limit are those of the quote; its one invoice was planned for this cycle, its day has
    come, no less was told, and it was not presented so often that no other may follow.
    """
    row = conn.execute(select(autopay).where(autopay.c.id == standing.enrolment).with_for_update()).one_or_none()
    if row is None or row.customer != standing.customer or not _allows(conn, row, quote.total, quote.saved):
        return False
    this = autopay_charge.c.invoice == standing.invoice, autopay_charge.c.cycle == standing.cycle
    planned = conn.execute(select(autopay_charge).where(*this)).one_or_none()
    if planned is None or [line.invoice for line in quote.lines] != [standing.invoice]:
        return False
    told = quote.total.minor <= planned.amount_minor and planned.due_at <= micros(now) and planned.enrolment == row.id
    return bool(told and planned.tries == standing.presentment and planned.presentments <= MOST_REPRESENTMENTS)


def still_covers(conn: Connection, enrolment: int, total: Money, saved: str) -> bool:
    """Whether a payment that was begun under an authorisation may be charged now."""
    row = conn.execute(select(autopay).where(autopay.c.id == enrolment).with_for_update()).one()
    return _allows(conn, row, total, saved)


def _allows(conn: Connection, row: Row[Any], total: Money, saved: str) -> bool:
    within = row.currency == total.currency and 0 < total.minor <= row.limit_minor
    return bool(within) and row.state == ON and row.saved == saved and not pauses.is_autopay_paused(conn)
