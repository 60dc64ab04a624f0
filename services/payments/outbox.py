"""What must still happen because money moved: jobs that `post` to the books and `tell` the customer.

A job is written in the same transaction as its cause, under a key of that cause, so one cause makes one job. Workers
claim jobs with a lease and a fencing token. How a job is performed is not known here, and nothing here leaves the
database.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, and_, exists, select, update

from services.database import insert_once, micros
from services.invoices.base import Posting
from services.model import Payment, PaymentState
from services.schema import outbox, payment, payment_invoice

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


Job: TypeAlias = PostJob | TellJob


def add(conn: Connection, key: str, reference: str, body: Posting | Payment, now: datetime) -> None:
    """Put a job on the list, unless its cause already made one."""
    insert_once(
        conn,
        outbox,
        kind="post" if isinstance(body, Posting) else "tell",
        payment=reference,
        key=key,
        body=msgspec.json.encode(body),
        due_at=micros(now),
    )


def has(conn: Connection, key: str) -> bool:
    """Whether this cause made a job, done or not."""
    return conn.execute(select(outbox.c.id).where(outbox.c.key == key)).first() is not None


def claim(conn: Connection, n: int, now: datetime) -> list[Job]:
    """At most ``n`` due jobs, leased to the caller for `LEASE`.

    Jobs of one kind and payment come one after the other, so nobody hears of a success before its processing.
    """
    earlier = outbox.alias("earlier")
    is_first = ~exists().where(
        and_(
            earlier.c.payment == outbox.c.payment,
            earlier.c.kind == outbox.c.kind,
            earlier.c.done_at.is_(None),
            earlier.c.id < outbox.c.id,
        )
    )
    at = micros(now)
    due = (
        select(outbox, payment.c.chat)
        .join(payment)
        .where(outbox.c.done_at.is_(None), outbox.c.due_at <= at, outbox.c.lease_until <= at, is_first)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(n)
    )
    jobs: list[Job] = []
    for row in conn.execute(due).all():
        fence = _lease(conn, row.id, row.fence, now)
        if fence is None:
            continue  # another worker was quicker
        common = (row.id, fence, row.attempts)
        if row.kind == "post":
            jobs.append(PostJob(*common, msgspec.json.decode(row.body, type=Posting)))
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


def finish(conn: Connection, job: Job, now: datetime) -> bool:
    """Mark a job as done; False when the lease was lost and somebody else answers for it (or already did).

    A posting that is in the books no longer needs its amount reserved: their `due` says it now.
    """
    if not _write(conn, job, done_at=micros(now)):
        return False
    if isinstance(job, PostJob) and job.posting.kind == "payment":
        succeeded = select(payment.c.reference).where(payment.c.state == PaymentState.SUCCEEDED)
        conn.execute(
            update(payment_invoice)
            .where(
                payment_invoice.c.payment == job.posting.reference,
                payment_invoice.c.invoice == job.posting.invoice,
                payment_invoice.c.payment.in_(succeeded),
            )
            .values(reserved=False)
        )
    return True


def postpone(conn: Connection, job: Job, until: datetime) -> bool:
    """Give a job back, due again at ``until``; False when the lease was lost."""
    return _write(conn, job, due_at=micros(until), lease_until=0)


def _write(conn: Connection, job: Job, **columns: int) -> bool:
    mine = outbox.c.id == job.id, outbox.c.fence == job.fence, outbox.c.done_at.is_(None)
    return conn.execute(update(outbox).where(*mine).values(**columns)).rowcount == 1


def add_postings(
    conn: Connection, paid: Payment, lines: Sequence[tuple[str, int]], kind: Literal["payment", "return"], now: datetime
) -> None:
    """A posting job for each ``(invoice, minor units)`` of a payment; a return takes back only what was posted."""
    for nth, (invoice, minor) in enumerate(lines):
        key = f"post:{paid.reference}:{nth}"
        if kind == "return" and not has(conn, f"{key}:payment"):
            continue
        amount = msgspec.structs.replace(paid.amount, minor=minor if kind == "payment" else -minor)
        posting = Posting(f"{key}:{kind}", invoice, paid.reference, kind, amount, now)
        add(conn, posting.key, paid.reference, posting, now)
