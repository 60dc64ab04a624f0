"""Whether the chain of agreements is whole, row by row: `remit audit verify`. Nothing is written here.

Read in pieces, each in a transaction of its own, so that payments go on meanwhile and memory stays small. What stands in
consents and payments is held against their agreements, too. What this cannot show, the docstring of
`services.agreements` says.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, LargeBinary, ScalarSelect, Select, String, cast, func, literal, select
from sqlalchemy.orm import aliased

from services.agreements import COLUMNS, HEAD, beginning, seal, terms_of
from services.schema import agreement, agreement_head, consent
from services.schema import payment as payments

PIECE = 500  # rows of one transaction: SQLite's only writer is busy for some milliseconds
NAMED = 20  # broken rows that a report names; it counts all
_BEFORE_ALL = -(2**63)
_PAYMENT = b"payment:"

_Values: TypeAlias = dict[str, Any]  # of one row: numbers, and texts as bytes


class Broken(msgspec.Struct, frozen=True):
    """Something that is not as it was written. ``number``: of the row; 0 where there is none."""

    number: int
    subject: str
    what: str


class Check(msgspec.Struct, frozen=True):
    """How far the chain was followed and what was found; in the end, ``over``, the report.

    ``before_records``: consents that are older than these records, of which they say nothing. ``had_head``: whether the head
    that was looked for is in the chain; None when none was.
    """

    rows: int = 0
    head: str = ""  # hash of the last row that was followed: keep it elsewhere
    before_records: int = 0
    broken: int = 0
    first: tuple[Broken, ...] = ()
    had_head: bool | None = None
    over: bool = False
    at: int = _BEFORE_ALL  # number of the last row that was followed
    consent: int | None = None  # id of the last consent that was looked at; None while the chain is followed
    wanted: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is against it."""
        return not self.broken and self.had_head is not False

    @property
    def last(self) -> int:
        """The number of the last row that was followed, 0 before the first."""
        return self.at if self.rows else 0

    def finding(self, *found: Broken) -> "Check":
        """With these findings more."""
        return replace(self, broken=self.broken + len(found), first=(*self.first, *found)[:NAMED]) if found else self


def verify(conn: Connection, head: str = "") -> Check:
    """Follow the whole chain in one transaction; ``head`` is one that was printed earlier and must still be in it."""
    check = begin(conn, head)
    while not check.over:
        check = go_on(conn, check)
    return check


def begin(conn: Connection, head: str = "") -> Check:
    """A check that has not looked at any row yet."""
    before = _consents_before(conn)
    begins = beginning(before or 0)
    check = Check(head=begins, wanted=head, had_head=(head == begins) if head else None)
    if before is None:
        return check.finding(Broken(0, "", "the head is gone"))
    older = select(func.count()).select_from(consent).where(consent.c.id <= before)
    return replace(check, before_records=conn.execute(older).scalar_one())


def go_on(conn: Connection, check: Check) -> Check:
    """The check after the next piece: first the chain, then the consents that ought to be in it."""
    if check.consent is not None:
        return _look_at_consents(conn, check, check.consent)
    rows = [dict(row) for row in conn.execute(_piece(conn, check.at)).mappings()]
    check = check.finding(*_against_payments(conn, rows))
    for row in rows:
        if not isinstance(row["number"], int):  # SQLite keeps anything anywhere
            broken = Broken(0, _readable(row["subject"]), "its number is none, and nothing after it can be followed")
            return replace(check.finding(broken), consent=_consents_before(conn) or 0)
        check = _follow(check, row)
    return check if len(rows) == PIECE else _at_its_end(conn, check)


def _consents_before(conn: Connection) -> int | None:
    return conn.execute(select(agreement_head.c.consents_before)).scalar_one_or_none()


# --- the chain --------------------------------------------------------------------------------------------------------


def _piece(conn: Connection, after: int) -> Select[Any]:
    """The next rows, and of each the hash of the row before it about the same subject."""
    earlier = aliased(agreement)
    same = earlier.c.subject == agreement.c.subject, earlier.c.number < agreement.c.number
    last = select(earlier.c.hash).where(*same).order_by(earlier.c.number.desc()).limit(1).scalar_subquery()
    columns = [_raw(conn, column).label(column.name) for column in agreement.columns]
    shown = (*columns, _raw(conn, last).label("earlier"))
    return select(*shown).where(agreement.c.number > after).order_by(agreement.c.number).limit(PIECE)


def _raw(conn: Connection, column: ColumnElement[Any] | ScalarSelect[Any]) -> ColumnElement[Any]:
    """A text as its bytes: one that was tampered with may be no text any more, which SQLite finds out too late."""
    if not isinstance(column.type, String):
        return column
    as_utf8 = func.convert_to(column, "UTF8")
    return cast(column, LargeBinary) if conn.dialect.name == "sqlite" else as_utf8.cast(LargeBinary)


def _follow(check: Check, row: _Values) -> Check:
    number, expected = row["number"], check.last + 1
    told = list[str]()
    if number != expected:
        told.append(f"rows {expected} to {number - 1} are missing" if number > expected else "no row has such a number")
    sealed, kept = seal(row[column.name] for column in COLUMNS), _plain(row["hash"])
    if sealed != kept:
        told.append("it is not as it was sealed")
    if _plain(row["before"]) != check.head:
        told.append("it does not follow the row before it")
    if _plain(row["previous"]) != _plain(row["earlier"]):
        told.append("it does not follow the row before it about the same subject")
    had = check.had_head or (check.wanted == sealed == kept) if check.wanted else None
    followed = replace(check, rows=check.rows + 1, at=number, head=kept, had_head=had)
    return followed.finding(*(Broken(number, _readable(row["subject"]), what) for what in told))


def _at_its_end(conn: Connection, check: Check) -> Check:
    """The last row was followed, unless another one was appended meanwhile: then it goes on."""
    # in one statement: an append moves both
    ends = select(
        agreement_head.c.number, agreement_head.c.hash, select(func.max(agreement.c.number)).scalar_subquery()
    )
    head = conn.execute(ends.where(agreement_head.c.id == HEAD)).one_or_none()
    if head is not None and check.last < head[0] <= (head[2] or 0):
        return check
    if head is not None and (head[0], head[1]) != (check.last, check.head):
        told = f"the head names row {head[0]}, and the last one that can be followed is {check.last}"
        check = check.finding(Broken(check.last, "", told))
    return replace(check, consent=_consents_before(conn) or 0)


def _plain(told: Any) -> str:
    return "" if told is None else bytes(told).decode(errors="replace")


def _readable(subject: Any) -> str:
    """A subject as it may be printed, whatever somebody made of it."""
    return re.sub(r"[^A-Za-z0-9:_.-]", "?", _plain(subject))[:80]


# --- consents and payments ------------------------------------------------------------------------------------------------


def _against_payments(conn: Connection, rows: Sequence[_Values]) -> list[Broken]:
    """What the consents and payments of these agreements say otherwise."""
    agreed = {bytes(row["subject"] or b"")[len(_PAYMENT) :]: row for row in rows if _begins(row["subject"])}
    names = [name.decode(errors="replace") for name in agreed]
    consents = _by_name(
        conn, consent.c.payment, (consent.c.at, consent.c.chat, consent.c.message, consent.c.digest), names
    )
    quotes = _by_name(conn, consent.c.payment, (consent.c.quote, consent.c.standing), names)
    sums = _by_name(
        conn, payments.c.reference, (payments.c.amount_minor, payments.c.fee_minor, payments.c.currency), names
    )
    found = list[Broken]()
    for name, row in agreed.items():
        subject, quote = _readable(row["subject"]), quotes.get(name)
        terms = None if quote is None else _terms(*quote).encode()
        if consents.get(name) != _some(row, "at", "chat", "message", "digest") or terms != row["terms"]:
            found.append(Broken(row["number"], subject, "the consent of the payment is not as it was, or gone"))
        if sums.get(name) != _some(row, "amount_minor", "fee_minor", "currency"):
            found.append(Broken(row["number"], subject, "the sums of the payment are not as they were"))
    return found


def _terms(quote: Any, standing: Any) -> str:
    return terms_of(bytes(quote or b""), None if standing is None else _plain(standing))


def _begins(subject: Any) -> bool:
    return subject is not None and bytes(subject).startswith(_PAYMENT)


def _some(row: _Values, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _by_name(
    conn: Connection, key: ColumnElement[str], columns: Sequence[ColumnElement[Any]], names: Sequence[str]
) -> Mapping[bytes, tuple[Any, ...]]:
    found = conn.execute(select(_raw(conn, key), *(_raw(conn, column) for column in columns)).where(key.in_(names)))
    return {bytes(row[0]): tuple(row[1:]) for row in found}


def _look_at_consents(conn: Connection, check: Check, after: int) -> Check:
    """Consents that were given since there are such records, and have none."""
    subject = literal("payment:") + consent.c.payment
    sealed = select(agreement.c.number).where(agreement.c.subject == subject).exists()
    query = select(consent.c.id, _raw(conn, consent.c.payment), sealed).where(consent.c.id > after)
    rows = conn.execute(query.order_by(consent.c.id).limit(PIECE)).all()
    bare = [_readable(_PAYMENT + bytes(name)) for _, name, there in rows if not there]
    check = check.finding(*(Broken(0, name, "there is a consent, and no agreement") for name in bare))
    return replace(check, consent=rows[-1][0]) if len(rows) == PIECE else replace(check, over=True)
