"""What somebody said once about the headings of a kind of sheet, kept in the ledger's database beside the book it fills.

Synchronous functions over one connection. How a mapping is used is `headings`'; nobody's personal data is here. Few
rows, one for each kind of sheet, kept until they are forgotten by command.
"""

import json
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select

from services.database import instant, micros
from services.invoices.headings import CALLED, Headings, plain
from services.schema import import_mapping


class Remembered(msgspec.Struct, frozen=True):
    """One remembered mapping, as people read it."""

    signature: str
    headings: tuple[str, ...]
    mapped: dict[str, str]  # heading as it stands in the file -> field, in the words of the documentation
    at: datetime


def remembered(conn: Connection) -> dict[str, dict[str, str]]:
    """Every mapping: signature of the headings -> plain heading -> field."""
    rows = conn.execute(select(import_mapping.c.signature, import_mapping.c.fields))
    return {row.signature: json.loads(row.fields) for row in rows}


def remember(conn: Connection, headings: Headings, now: datetime) -> None:
    """Keep what was told of these headings, in the place of what was told before."""
    forget(conn, headings.signature)
    values = {
        "signature": headings.signature,
        "headings": json.dumps(headings.texts, ensure_ascii=False),
        "fields": json.dumps(headings.mapping, ensure_ascii=False),
        "at": micros(now),
    }
    conn.execute(insert(import_mapping), values)


def forget(conn: Connection, signature: str) -> bool:
    """Forget one; False when there is none of this signature."""
    return conn.execute(delete(import_mapping).where(import_mapping.c.signature == signature)).rowcount == 1


def listed(conn: Connection) -> list[Remembered]:
    """All that are remembered, the newest first."""
    newest = import_mapping.c.at.desc(), import_mapping.c.signature
    found = []
    for row in conn.execute(select(import_mapping).order_by(*newest)):
        headings = json.loads(row.headings)
        texts = {plain(text): text for text in headings}
        mapped = {texts[heading]: CALLED[field] for heading, field in json.loads(row.fields).items()}
        found.append(Remembered(row.signature, tuple(headings), mapped, instant(row.at)))
    return found
