"""What must still happen because money moved: jobs that `post` to the books, `tell` the customer, and `refund`.

A job is written in the same transaction as its cause, under a key of that cause, so one cause makes one job. Workers
claim jobs with a lease and a fencing token. How a job is performed is not known here, and nothing here leaves the
database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, Select, and_, bindparam, exists, select, update

from services.database import insert_once, micros, past
from services.invoices.base import Kind, Posting
from services.model import Payment
from services.payments.cases import Trouble, open_case
from services.payments.gateways.base import RefundRequest
from services.payments.states import ARRIVED
from services.schema import outbox, payment, payment_invoice

STUCK_AFTER = 20  # tries of one job, the last of them an hour apart: more than half a day
LEASE = timedelta(seconds=60)  # well above the time-outs of one call to the books or to a channel


class PostJob(msgspec.Struct, frozen=True):
    """Write ``posting`` to the books. Recording it twice changes nothing, its own key sees to that."""

    id: int
    fence: int
    attempts: int  # claims before this one
    posting: Posting


class TellJob(msgspec.Struct, frozen=True):
    """Tell the chat how its payment stood at that moment. ``key`` names the cause: tell it once."""

    id: int
    fence: int
    attempts: int
    key: str
    chat: str
    payment: Payment


class RefundJob(msgspec.Struct, frozen=True):
    """Have the gateway give money back, under the refund's own key."""

    id: int
    fence: int
    attempts: int
    request: RefundRequest


Job: TypeAlias = PostJob | TellJob | RefundJob

_KINDS = {Posting: "post", Payment: "tell", RefundRequest: "refund"}


def add(conn: Connection, key: str, reference: str, body: Posting | Payment | RefundRequest, now: datetime) -> bool:
    """Put a job on the list; False when its cause already made one."""
    return insert_once(
        conn,
        outbox,
        kind=_KINDS[type(body)],
        payment=reference,
        key=key,
        body=msgspec.json.encode(body),
        due_at=micros(now),
    )


# built once, here and below: they run for every payment and in every round of a worker
_OF_CAUSE = select(outbox.c.id).where(outbox.c.key == bindparam("key"))
_DONE = _OF_CAUSE.where(outbox.c.done_at.is_not(None))
_OF_PAYMENT = outbox.c.payment == bindparam("payment")
_POSTINGS = select(outbox.c.body).where(_OF_PAYMENT, outbox.c.kind == "post").order_by(outbox.c.id)


def has(conn: Connection, key: str) -> bool:
    """Whether this cause made a job, done or not."""
    return conn.execute(_OF_CAUSE, {"key": key}).first() is not None


def is_done(conn: Connection, key: str) -> bool:
    """Whether the job of this cause was done."""
    return conn.execute(_DONE, {"key": key}).first() is not None


def postings(conn: Connection, reference: str) -> list[Posting]:
    """Everything that was or will be posted to the books because of one payment."""
    bodies = conn.execute(_POSTINGS, {"payment": reference}).scalars()
    return [msgspec.json.decode(body, type=Posting) for body in bodies]


def _due() -> Select[Any]:
    """Jobs of one kind and payment come one after the other, so nobody hears of a success before its processing."""
    earlier = outbox.alias("earlier")
    is_first = ~exists().where(
        and_(
            earlier.c.payment == outbox.c.payment,
            earlier.c.kind == outbox.c.kind,
            earlier.c.done_at.is_(None),
            earlier.c.id < outbox.c.id,
        )
    )
    at = bindparam("at", type_=BigInteger)
    # not a join: it is read for the few rows that are handed out, not for all that wait
    chat = select(payment.c.chat).where(payment.c.reference == outbox.c.payment).scalar_subquery()
    return (
        select(outbox, chat.label("chat"))
        .where(outbox.c.done_at.is_(None), outbox.c.due_at <= at, past(outbox.c.lease_until, at, at), is_first)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(bindparam("n", type_=Integer))
    )


_DUE = _due()
_DUE_OF_CAUSE = _DUE.where(outbox.c.key == bindparam("key"))


def claim(conn: Connection, n: int, now: datetime, key: str | None = None) -> list[Job]:
    """At most ``n`` due jobs, or the one of this cause if it is due, leased to the caller for `LEASE`."""
    asked = {"at": micros(now), "n": n}
    due = conn.execute(_DUE, asked) if key is None else conn.execute(_DUE_OF_CAUSE, {**asked, "key": key})
    jobs: list[Job] = []
    for row in due.all():
        fence = _lease(conn, row.id, row.fence, now)
        if fence is None:
            continue  # another worker was quicker
        common = (row.id, fence, row.attempts)
        if row.kind == "post":
            jobs.append(PostJob(*common, msgspec.json.decode(row.body, type=Posting)))
        elif row.kind == "refund":
            jobs.append(RefundJob(*common, msgspec.json.decode(row.body, type=RefundRequest)))
        else:
            jobs.append(TellJob(*common, row.key, row.chat, msgspec.json.decode(row.body, type=Payment)))
    return jobs


def _lease(conn: Connection, job: int, fence: int, now: datetime) -> int | None:
    taken = conn.execute(
        update(outbox)
        .where(outbox.c.id == job, outbox.c.fence == fence, outbox.c.done_at.is_(None))
        .values(fence=fence + 1, lease_until=micros(now + LEASE), attempts=outbox.c.attempts + 1)
    )
    return fence + 1 if taken.rowcount == 1 else None


def release_all(conn: Connection) -> None:
    """Give back every lease; see `ledger.release_all`."""
    conn.execute(update(outbox).where(outbox.c.lease_until > 0, outbox.c.done_at.is_(None)).values(lease_until=0))


def finish(conn: Connection, job: Job, now: datetime) -> bool:
    """Mark a job as done; False when the lease was lost and somebody else answers for it (or already did).

    A posting that is in the books no longer needs its amount reserved: their `due` says it now.
    """
    if not _write(conn, job, done_at=micros(now)):
        return False
    if isinstance(job, PostJob) and job.posting.kind == "payment":
        arrived = select(payment.c.reference).where(payment.c.state.in_(ARRIVED))
        conn.execute(
            update(payment_invoice)
            .where(
                payment_invoice.c.payment == job.posting.reference,
                payment_invoice.c.invoice == job.posting.invoice,
                payment_invoice.c.payment.in_(arrived),
            )
            .values(reserved=False)
        )
    return True


def postpone(conn: Connection, job: Job, until: datetime) -> bool:
    """Give a job back, due again at ``until``; False when the lease was lost."""
    return _write(conn, job, due_at=micros(until), lease_until=0)


def stuck(conn: Connection, job: Job, now: datetime) -> None:
    """A person hears of a job that goes through on no try, once; whoever performs it goes on trying."""
    tries = f"{job.attempts + 1} tries"
    match job:
        case PostJob(posting=made):
            summary = (
                f"the books do not take {made.amount} of {made.reference} ({made.kind}, {tries}): see to the invoice"
            )
            open_case(
                conn, f"stuck:{job.id}", Trouble.NOT_POSTED, summary, now, invoice=made.invoice, payment=made.reference
            )
        case TellJob(chat=chat, payment=told):
            summary = f"{told.reference} is {told.state}, and its customer cannot be told in the chat ({tries})"
            open_case(conn, f"stuck:{job.id}", Trouble.NOT_TOLD, summary, now, chat=chat, payment=told.reference)
        case RefundJob(request=asked):
            summary = f"no usable word on the refund {asked.refund} of {asked.amount} ({tries}): look at the gateway"
            open_case(conn, f"unsure:{asked.refund}", Trouble.REFUND_UNSURE, summary, now, payment=asked.reference)


def _write(conn: Connection, job: Job, **columns: int) -> bool:
    mine = outbox.c.id == job.id, outbox.c.fence == job.fence, outbox.c.done_at.is_(None)
    return conn.execute(update(outbox).where(*mine).values(**columns)).rowcount == 1


LOST = "lost"  # the cause of what a lost dispute takes back; every other cause is a refund's


def add_payment(conn: Connection, paid: Payment, lines: Sequence[tuple[str, int]], now: datetime) -> None:
    """A posting job for each ``(invoice, minor units)`` of a payment."""
    for nth, (invoice, minor) in enumerate(lines):
        _post(conn, paid, _Line(f"post:{paid.reference}:{nth}:payment", "payment", invoice, minor), now)


def add_return(conn: Connection, paid: Payment, lines: Sequence[tuple[str, int]], now: datetime) -> None:
    """Jobs that take back what was posted, and nothing else."""
    for nth, (invoice, minor) in enumerate(lines):
        if has(conn, f"post:{paid.reference}:{nth}:payment"):
            _post(conn, paid, _Line(f"post:{paid.reference}:{nth}:return", "return", invoice, -minor), now)


def add_given_back(  # noqa: PLR0917  # what a refund is made of
    conn: Connection, paid: Payment, cause: str, minor: int, now: datetime, claims: Mapping[str, int]
) -> None:
    """Jobs that take ``minor`` units of what was posted back. ``cause`` is theirs alone.

    First what ``claims`` say was too much on an invoice, as far as they go; then from the last invoice on.
    """
    posted: dict[str, int] = {}
    for posting in postings(conn, paid.reference):
        posted[posting.invoice] = posted.get(posting.invoice, 0) + posting.amount.minor
    for nth, part in _given_back(paid.invoices, posted, claims, minor).items():
        kind: Kind = "dispute" if cause == LOST else "refund"
        invoice = paid.invoices[nth]
        _post(conn, paid, _Line(f"post:{paid.reference}:{nth}:{cause}", kind, invoice, -part), now)


def _given_back(
    invoices: Sequence[str], posted: Mapping[str, int], claims: Mapping[str, int], minor: int
) -> dict[int, int]:
    """How much goes back from which invoice, by its place: never more than was posted there."""
    parts: dict[int, int] = {}
    last_first = list(reversed(list(enumerate(invoices))))
    for most in (claims, posted):
        for nth, invoice in last_first:
            left = posted.get(invoice, 0) - parts.get(nth, 0)
            part = min(minor, left, most.get(invoice, 0))
            if part > 0:
                parts[nth] = parts.get(nth, 0) + part
                minor -= part
    return parts


def add_again(conn: Connection, paid: Payment, cause: str, now: datetime) -> None:
    """Jobs that post again what jobs of this ``cause`` took back: it stayed with the business after all."""
    keys = {f"post:{paid.reference}:{nth}:{cause}" for nth in range(len(paid.invoices))}
    for taken in postings(conn, paid.reference):
        if taken.key in keys:
            _post(conn, paid, _Line(f"{taken.key}:failed", taken.kind, taken.invoice, -taken.amount.minor), now)


def add_ruling(conn: Connection, paid: Payment, cause: str, wanted: Mapping[str, int], now: datetime) -> None:
    """Jobs after which the books have ``wanted`` of a payment on each of its invoices, whatever was posted before."""
    posted = postings(conn, paid.reference)
    for nth, invoice in enumerate(paid.invoices):
        before = sum(each.amount.minor for each in posted if each.invoice == invoice)
        _correct(conn, paid, (f"post:{paid.reference}:{nth}:{cause}", invoice), wanted.get(invoice, 0) - before, now)


def lift_ruling(conn: Connection, paid: Payment, cause: str, now: datetime) -> None:
    """Jobs that take back what `add_ruling` of this ``cause`` did."""
    keys = {f"post:{paid.reference}:{nth}:{cause}" for nth in range(len(paid.invoices))}
    for made in postings(conn, paid.reference):
        if made.key in keys:
            _correct(conn, paid, (f"{made.key}:lifted", made.invoice), -made.amount.minor, now)


def _correct(conn: Connection, paid: Payment, what: tuple[str, str], minor: int, now: datetime) -> None:
    key, invoice = what
    if minor:
        _post(conn, paid, _Line(key, "payment" if minor > 0 else "return", invoice, minor), now)


class _Line(msgspec.Struct, frozen=True):
    key: str
    kind: Kind
    invoice: str
    minor: int


def _post(conn: Connection, paid: Payment, line: _Line, now: datetime) -> None:
    amount = msgspec.structs.replace(paid.amount, minor=line.minor)
    posting = Posting(line.key, line.invoice, paid.reference, line.kind, amount, now)
    add(conn, posting.key, paid.reference, posting, now)
