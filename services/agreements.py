"""What customers were shown and agreed to, as evidence: append-only rows, each of which seals all before it.

A row carries the hash of the row before it about the same subject, and of the row before it in the whole table; its own
hash is over every column. So a byte that was changed, a row that was taken out or put in, and another order show.
Whoever can write to the database can make the whole chain anew: against that helps only a head that was kept
elsewhere (`remit audit verify` prints it), and is looked for later. Nothing here is ever deleted, also not by age: the
NACHA Operating Rules (2.3.2.5, 2.3.2.7) want an authorization kept for two years after it ended, and a chain whose
beginning is gone proves less. What is agreed to is decided elsewhere.

Synchronous functions over one connection.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from services.database import instant, micros
from services.model import Money, Shown
from services.schema import agreement, agreement_head

HEAD = 1  # the only row of its table
COLUMNS = tuple(column for column in agreement.columns if column.name != "hash")


class Agreement(msgspec.Struct, frozen=True):
    """What is to be kept. ``subject``: `payment:RM-...`, `autopay:ID` or `method:ID`; ``amount`` holds the ``fee_minor`` in it.

    Of a method never more than brand and last four. ``terms`` is what was agreed to, as JSON, and ``digest`` names it; of a
    payment it is the hash of the quote, which stands in its consent.
    """

    subject: str
    act: Literal["agreed", "changed", "paused", "resumed", "revoked"]
    chat: str
    message: str  # id of the customer's message that said so
    shown: Shown
    amount: Money
    customer: str | None = None
    digest: str = ""
    terms: str = ""
    fee_minor: int = 0
    method: str = ""
    brand: str = ""
    last4: str = ""


class Kept(msgspec.Struct, frozen=True):
    """An agreement as it stands in the chain."""

    number: int
    at: datetime
    agreement: Agreement
    hash: str


def beginning(consents_before: int) -> str:
    """The hash before the first row. It holds up to which consent there were no such records yet."""
    return hashlib.sha256(f"agreements of Remit, 1; consents before: {consents_before}".encode()).hexdigest()


def seal(values: Iterable[object]) -> str:
    """SHA-256 over the values of a row's columns in their order (`COLUMNS`), each with its name and its length in bytes.

    Numbers count as their decimal digits, texts in UTF-8; nothing at all is not the same as an empty text.
    """
    digest = hashlib.sha256()
    for column, value in zip(COLUMNS, values, strict=True):
        told = value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
        digest.update(f"{column.name} {'-' if value is None else len(told)}:".encode() + told + b"\n")
    return digest.hexdigest()


_HEAD = select(agreement_head.c.number, agreement_head.c.hash).where(agreement_head.c.id == HEAD).with_for_update()
_OF_SUBJECT = agreement.c.subject == bindparam("of_subject")
_LAST = select(agreement.c.hash).where(_OF_SUBJECT).order_by(agreement.c.number.desc()).limit(1)
_INSERT = insert(agreement)
_ADVANCE = update(agreement_head).where(agreement_head.c.id == HEAD)
_CHAIN = select(agreement).where(_OF_SUBJECT).order_by(agreement.c.number)


def append(conn: Connection, agreed: Agreement, now: datetime) -> Kept:
    """Add one agreement to the chain of its subject, and to that of all of them, in the caller's transaction.

    Let it be the last thing that a transaction does: on PostgreSQL it holds the head until the commit, so that two
    writers never go on from the same row, and whoever holds the head must not wait for anybody. Raises `RuntimeError`
    where the head is gone: then somebody took it away, and nothing may be agreed to until that is looked into.
    """
    head = conn.execute(_HEAD).one_or_none()
    if head is None:
        raise RuntimeError("the head of the agreements is gone: run `remit audit verify`")
    previous = conn.execute(_LAST, {"of_subject": agreed.subject}).scalar_one_or_none() or ""
    row = _row(agreed, head.number + 1, micros(now)) | {"previous": previous, "before": head.hash}
    row["hash"] = seal(row[column.name] for column in COLUMNS)
    conn.execute(_INSERT, row)
    conn.execute(_ADVANCE, {"number": row["number"], "hash": row["hash"]})
    return Kept(row["number"], now, agreed, row["hash"])


def _row(agreed: Agreement, number: int, at: int) -> dict[str, Any]:
    return {
        "number": number,
        "subject": agreed.subject,
        "act": agreed.act,
        "at": at,
        "customer": agreed.customer,
        "chat": agreed.chat,
        "message": agreed.message,
        "language": agreed.shown.language,
        "wording": agreed.shown.wording,
        "words": agreed.shown.words,
        "digest": agreed.digest,
        "terms": agreed.terms,
        "amount_minor": agreed.amount.minor,
        "fee_minor": agreed.fee_minor,
        "currency": agreed.amount.currency,
        "method": agreed.method,
        "brand": agreed.brand,
        "last4": agreed.last4,
    }


def chain(conn: Connection, subject: str) -> tuple[Kept, ...]:
    """Everything that was agreed to about one subject, the oldest first."""
    return tuple(_read(row) for row in conn.execute(_CHAIN, {"of_subject": subject}))


def _read(row: Row[Any]) -> Kept:
    agreed = Agreement(
        row.subject,
        row.act,
        row.chat,
        row.message,
        Shown(row.words, row.wording, row.language),
        Money(row.amount_minor, row.currency),
        row.customer,
        row.digest,
        row.terms,
        row.fee_minor,
        row.method,
        row.brand,
        row.last4,
    )
    return Kept(row.number, instant(row.at), agreed, row.hash)


def terms_of(quote: bytes, standing: str | None) -> str:
    """The terms of a payment: which quote stands in its consent, byte for byte, and under which standing authorisation it
    was begun, if no message said yes. What is in the quote is not kept twice.
    """
    told = {"quote_sha256": hashlib.sha256(quote).hexdigest()}
    return msgspec.json.encode(told if standing is None else {**told, "standing": standing}).decode()


def of_payment(reference: str) -> str:
    """The subject of the agreements about a payment."""
    return f"payment:{reference}"
