"""Brings files of invoices into Remit's own book: all of them in one transaction, or none.

Here: who may replace what, and the writing. What stands in a file is read by `files`. A document's identity is its
supplier and number. The rules are told to users in ``docs/importing.md``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BindParameter, Column, Connection, Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.database import Transact
from services.errors import Misconfigured, Unavailable
from services.invoices import mappings
from services.invoices.base import plain
from services.invoices.book import customer_id, invoice_id
from services.invoices.details import IMPORTED
from services.invoices.document import CURRENCIES, BilledLine, Document, Refusal
from services.invoices.files import Read, Source, read_all
from services.invoices.headings import Mappings
from services.invoices.line import Asked
from services.invoices.sheet import Progress, deaf
from services.model import Details, Money
from services.schema import book_customer, book_invoice, book_line, book_posting

Columns: TypeAlias = dict[str, Any]  # of one row
Lines: TypeAlias = tuple[BilledLine, ...]  # of one invoice

_CHUNK = 500  # ids in one query: SQLite takes at most 999 parameters in old builds


class Outcome(msgspec.Struct, frozen=True):
    """What one import did, or on a dry run would do. Where anything is refused, nothing was written and counts are 0."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()  # how the files were read, where that is not plain

    def as_json(self) -> dict[str, Any]:
        """The object that ``remit import --json`` prints: ``{imported, updated, unchanged, refused: [...]}``, and
        ``notes`` where there are any.
        """
        told = {"imported": self.imported, "updated": self.updated, "unchanged": self.unchanged}
        refused = [msgspec.structs.asdict(refusal) for refusal in self.refused]
        return {**told, "refused": refused, **({"notes": list(self.notes)} if self.notes else {})}


async def import_files(
    transact: Transact,
    files: Sequence[Source],
    *,
    default_currency: str | None,
    supplier: str,
    dry_run: bool = False,
    sheet: str = "",
    mapping: Mapping[str, str] | None = None,
    now: datetime | None = None,
    progress: Progress = deaf,
) -> Outcome:
    """Import UBL documents, CSV sheets and XLSX workbooks, given as paths or as (name, content).

    ``default_currency`` (ISO 4217) and ``supplier`` are for sheets that name none; ``sheet`` names one of a workbook;
    ``mapping`` says what headings mean (heading -> field), is remembered with ``now`` once everything is written, and
    counts before what was remembered. ``progress`` is called from whatever thread does the work. Raises `Misconfigured`
    when these cannot work and `Unavailable` when another import ran at the same time; nothing was written then.
    """
    if default_currency is not None and default_currency not in CURRENCIES:
        raise Misconfigured("the default currency of an import must be a code of ISO 4217, such as USD")
    if not supplier.strip() or len(supplier) > 200:
        raise Misconfigured("the supplier of an import must be a name of at most 200 characters")
    if mapping and now is None:
        raise Misconfigured("what is to be remembered needs an instant")
    remembered = await transact(mappings.remembered)
    asked = Asked(default_currency, supplier, sheet, Mappings(dict(mapping or {}), remembered))
    # In a thread: 20 MB of sheet would hold up every chat of this process.
    read = await asyncio.to_thread(read_all, files, asked, progress)
    work = partial(_settle, read=read, dry_run=dry_run, now=now, progress=progress)
    try:
        return await transact(work)
    except IntegrityError:
        raise Unavailable("another import ran at the same time; nothing was written, import again") from None


# --- judging: imported, updated, unchanged or refused -------------------------------------------------------------


class _Plan(msgspec.Struct):
    """What is to be written when everything has been judged and nothing was refused."""

    stored: dict[str, Row[Any]]  # invoices that the book has already
    posted: dict[str, list[int]]  # on those of them that may change: what Remit posted, in order, in minor units
    lines: dict[str, Lines]  # of those of them whose new document says what was billed
    on_file: dict[str, Details]
    own: dict[str, frozenset[str]]  # by customer: the details that they changed themselves
    customers: dict[str, Details]  # those on file and the new ones, as they will be
    exempt: dict[str, bool]  # of them: who pays no program fee, as it will be
    exempted: dict[str, bool] = {}  # for whom that changes
    new: list[Columns] = []
    changed: list[Columns] = []
    billed: dict[str, Lines] = {}  # the lines of an invoice as they will be
    refused: list[Refusal] = []
    updated: int = 0
    unchanged: int = 0


def _settle(connection: Connection, *, read: Read, dry_run: bool, now: datetime | None, progress: Progress) -> Outcome:
    clashes, single = _clashes(read.documents)
    plan = _plan(connection, single)
    plan.refused += [*read.refused, *clashes]
    for done, document in enumerate(single):
        if done % _CHUNK == 0:
            progress("comparing", done, len(single))
        _judge(plan, document)
    notes = tuple(read.notes)
    if plan.refused:
        return Outcome(refused=tuple(plan.refused), notes=notes)
    if not dry_run:
        progress("writing", 0, len(single))
        _write(connection, plan)
        if now is not None:
            for headings in read.told:
                mappings.remember(connection, headings, now)
        progress("writing", len(single), len(single))
    again = len(read.documents) - len(single)  # the same document twice in one import
    return Outcome(len(plan.new), plan.updated, plan.unchanged + again, notes=notes)


def _plan(connection: Connection, documents: Sequence[Document]) -> _Plan:
    stored = {row.id: row for row in _rows(connection, book_invoice.c.id, map(_invoice, documents))}
    people = _rows(connection, book_customer.c.id, map(_customer, documents), locked=True)
    rows = {row.id: row for row in people}
    on_file = {key: Details(**{name: getattr(row, name) for name in IMPORTED}) for key, row in rows.items()}
    own = {key: frozenset(row.own_fields.split()) for key, row in rows.items()}
    hashes = {_invoice(document): document.hash for document in documents}
    changing = [key for key, row in stored.items() if row.content_hash != hashes[key]]
    posted: dict[str, list[int]] = defaultdict(list)
    for row in sorted(_rows(connection, book_posting.c.invoice, changing), key=lambda row: (row.at, row.key)):
        posted[row.invoice].append(row.amount_minor)
    told = {_invoice(document) for document in documents if document.lines} & stored.keys()
    exempt = {key: bool(row.fee_exempt) for key, row in rows.items()}
    return _Plan(stored, posted, _lines(connection, told), on_file, own, dict(on_file), exempt)


def _lines(connection: Connection, invoices: Iterable[str]) -> dict[str, Lines]:
    """What the book has as the lines of these invoices."""
    found: dict[str, list[BilledLine]] = defaultdict(list)
    for row in sorted(_rows(connection, book_line.c.invoice, invoices), key=lambda row: (row.invoice, row.nth)):
        found[row.invoice].append(BilledLine(row.text, row.quantity, row.amount_minor))
    return {invoice: tuple(lines) for invoice, lines in found.items()}


def _clashes(documents: Sequence[Document]) -> tuple[list[Refusal], list[Document]]:
    """Refusals of different documents with one identity; and all others, each once."""
    alike: dict[tuple[str, str], dict[str, Document]] = defaultdict(dict)
    for document in documents:
        alike[document.supplier, document.number].setdefault(document.hash, document)
    refused = [_clash(one, same.values()) for same in alike.values() if len(same) > 1 for one in same.values()]
    return refused, [one for same in alike.values() if len(same) == 1 for one in same.values()]


def _clash(document: Document, same: Iterable[Document]) -> Refusal:
    others = [_place(other) for other in same if other is not document]
    listed = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    return _refusal(document, f"conflict: a different document with this supplier and number is in {listed}")


def _place(document: Document) -> str:
    return document.file if document.line is None else f"{document.file} line {document.line}"


def _refusal(document: Document, reason: str) -> Refusal:
    return Refusal(document.file, document.line, None, f"number {document.number}: {reason}")


def _judge(plan: _Plan, document: Document) -> None:
    stored = plan.stored.get(_invoice(document))
    if stored is None:
        _meet(plan, document)
        plan.new.append(_columns(document))
        plan.billed[_invoice(document)] = document.lines
    elif stored.content_hash == document.hash:
        _fill_in(plan, document)  # its customer stays: a newer document may have brought newer details
    elif reason := _conflict(document, stored):
        plan.refused.append(_refusal(document, reason))
    elif (due_minor := _due_minor(document, stored, plan.posted.get(stored.id, []))) is None:
        reason = "the balance fits no moment since Remit posted payments, so it is unclear which of them it counts"
        plan.refused.append(_refusal(document, reason))
    else:
        _replace(plan, document, stored, due_minor)


def _fill_in(plan: _Plan, document: Document) -> None:
    """The same document again. Where it was imported before the book kept lines, it brings them now."""
    key = _invoice(document)
    if document.lines and not plan.lines.get(key):
        plan.billed[key] = document.lines
        plan.updated += 1
    else:
        plan.unchanged += 1


def _conflict(document: Document, stored: Row[Any]) -> str | None:
    """Why this is another document than the stored one; None for newer news of the same invoice in a sheet."""
    now = (document.kind, _total_minor(document, stored), document.total.currency, document.issued)
    before = (stored.kind, stored.total_minor, stored.currency, stored.issued)
    if now == before and document.hash.startswith("csv:") and stored.content_hash.startswith("csv:"):
        return None
    known = f"{stored.kind} of {Money(stored.total_minor, stored.currency)}, issued {stored.issued}"
    return f"conflict: the book holds a different document with this supplier and number ({known})"


def _total_minor(document: Document, stored: Row[Any]) -> int:
    """A report of what is open does not say of how much: the total of the book holds, as far as the balance fits into it."""
    fits = abs(document.due.minor) <= abs(stored.total_minor)
    return int(stored.total_minor) if fits and not document.is_total_told else document.total.minor


def _due_minor(document: Document, stored: Row[Any], posted: Sequence[int]) -> int | None:
    """What is due before postings, when the sheet says what is open now; None when that cannot be known.

    A balance that the invoice had after one of Remit's postings counts them already: taking it over would count them
    twice.
    """
    if not posted:
        return document.due.minor
    had = [stored.due_minor - earlier for earlier in accumulate(posted, initial=0)]
    return int(stored.due_minor) if document.due.minor in had else None


def _replace(plan: _Plan, document: Document, stored: Row[Any], due_minor: int) -> None:
    columns = {**_columns(document), "due_minor": due_minor, "total_minor": stored.total_minor}  # `_conflict`: the same
    told = ("due_minor", "due_date", "voided", "customer")
    moved = any(columns[name] != getattr(stored, name) for name in told)
    if document.lines and document.lines != plan.lines.get(stored.id):  # a sheet without lines takes none away
        plan.billed[stored.id] = document.lines
        moved = True
    columns["revision"] = stored.revision + moved
    plan.changed.append(columns)
    if _meet(plan, document) or moved:
        plan.updated += 1
    else:
        plan.unchanged += 1


def _meet(plan: _Plan, document: Document) -> bool:
    """Whether the document brings a customer, or newer details of one.

    An empty detail erases nothing, and what a customer changed by themselves is theirs: no document changes it back.
    """
    key = _customer(document)
    before, own = plan.customers.get(key, Details()), plan.own.get(key, frozenset())
    told = {name: value for name in IMPORTED if name not in own and (value := getattr(document, name))}
    now = msgspec.structs.replace(before, **told)
    plan.customers[key] = now
    return _exempts(plan, key, document.fee_exempt) or now != before


def _exempts(plan: _Plan, customer: str, told: bool | None) -> bool:
    """Whether the document changes who pays a program fee. It is the business's word, which no customer changes."""
    if told is None or told == plan.exempt.get(customer, False):
        return False
    plan.exempt[customer] = plan.exempted[customer] = told
    return True


# --- rows ---------------------------------------------------------------------------------------------------------


def _invoice(document: Document) -> str:
    return invoice_id(document.supplier, document.number)


def _customer(document: Document) -> str:
    return customer_id(document.supplier, document.customer)


def _columns(document: Document) -> Columns:
    return {
        "id": _invoice(document),
        "supplier": document.supplier,
        "number": document.number,
        "plain_number": plain(document.number),
        "customer": _customer(document),
        "kind": document.kind,
        "total_minor": document.total.minor,
        "due_minor": document.due.minor,
        "currency": document.total.currency,
        "issued": document.issued,
        "due_date": document.due_date,
        "voided": document.voided,
        "content_hash": document.hash,
        "revision": 1,
    }


def _rows(
    connection: Connection, column: Column[str], wanted: Iterable[str], *, locked: bool = False
) -> Iterator[Row[Any]]:
    """All rows of the column's table whose value is wanted; ``locked`` ones change in nobody else's hands meanwhile."""
    ids = sorted(set(wanted))
    for start in range(0, len(ids), _CHUNK):
        query = select(column.table).where(column.in_(ids[start : start + _CHUNK]))
        # in one order, so that no two imports wait for each other; rows may be referred to all the while
        yield from connection.execute(query.order_by(column).with_for_update(key_share=True) if locked else query)


def _write(connection: Connection, plan: _Plan) -> None:
    people = [{"id": key, **{name: getattr(at, name) for name in IMPORTED}} for key, at in plan.customers.items()]
    newcomers = [one for one in people if one["id"] not in plan.on_file]
    moved = [
        one for one in people if one["id"] in plan.on_file and plan.on_file[one["id"]] != plan.customers[one["id"]]
    ]
    for table, new, changed in ((book_customer, newcomers, moved), (book_invoice, plan.new, plan.changed)):
        if new:
            connection.execute(insert(table), new)
        if changed:
            _update(connection, table, changed)
    if plan.exempted:
        _update(connection, book_customer, [{"id": key, "fee_exempt": told} for key, told in plan.exempted.items()])
    _write_lines(connection, plan)


def _write_lines(connection: Connection, plan: _Plan) -> None:
    before = [{"the_id": key} for key in plan.billed if plan.lines.get(key)]
    if before:
        connection.execute(delete(book_line).where(book_line.c.invoice == bindparam("the_id")), before)
    rows = [
        {"invoice": key, "nth": nth, "text": line.text, "quantity": line.quantity, "amount_minor": line.amount_minor}
        for key, lines in plan.billed.items()
        for nth, line in enumerate(lines, start=1)
    ]
    if rows:
        connection.execute(insert(book_line), rows)


def _update(connection: Connection, table: Table, rows: Sequence[Columns]) -> None:
    named: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
    query = update(table).where(table.c.id == bindparam("the_id")).values(named)
    connection.execute(
        query, [{"the_id" if name == "id" else f"new_{name}": value for name, value in row.items()} for row in rows]
    )
