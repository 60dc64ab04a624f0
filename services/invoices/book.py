"""Remit's own invoice book: the `Books` of a business without a portal, over the ``book_`` tables of `services.schema`.

Here: reading what is owed and by whom, posting what was paid, and what customers change about themselves. How documents
get into the book is `services.invoices.importing`; nothing here ever changes an imported sum.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from services.database import Transact, insert_once, micros
from services.errors import Malformed
from services.invoices.base import Posting, owed_first, plain, sheet_of
from services.invoices.details import misspelt
from services.invoices.document import is_address
from services.invoices.naming import MOST, words_of
from services.invoices.pdf import Paper, render
from services.model import (
    Account,
    Billing,
    Details,
    Invoice,
    InvoiceState,
    Money,
    Notices,
    Revision,
    Sheet,
    SheetLine,
    same_address,
)
from services.schema import book_customer, book_invoice, book_line, book_posting, book_saved

PREFIX = "book"
LONGEST_NUMBER = 120  # of ``plain_number``
_ID = re.compile(r"book:[0-9a-f]{32}")


def invoice_id(supplier: str, number: str) -> str:
    """The opaque id of a document, always the same for one supplier and number; 37 characters."""
    return _opaque("invoice", supplier, number)


def customer_id(supplier: str, customer: str) -> str:
    """The opaque id of a supplier's customer. Suppliers number their customers themselves, so it is theirs alone."""
    return _opaque("customer", supplier, customer)


def _opaque(*parts: str) -> str:
    spelled = "".join(f"{len(part)}:{part}" for part in parts)  # lengths: no two lists of parts spell the same
    return f"{PREFIX}:{hashlib.sha256(spelled.encode()).hexdigest()[:32]}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Book:
    """`services.invoices.base.Books` over one database.

    ``business`` is the name that stands on the PDF of an invoice; ``clock`` gives aware instants, and dates what
    customers change.
    """

    def __init__(self, transact: Transact, *, business: str = "", clock: Callable[[], datetime] = _utc_now) -> None:
        self._transact = transact
        self._business = business
        self._clock = clock

    async def find(self, number: str) -> tuple[Invoice, ...]:
        """All invoices with this number, case, spaces and punctuation aside; ordered by supplier."""
        compared = plain(number)
        if not compared or len(compared) > LONGEST_NUMBER:  # nothing but punctuation names no invoice
            return ()
        query = _INVOICES.where(book_invoice.c.plain_number == compared)
        return await self._transact(partial(_invoices, query=query.order_by(book_invoice.c.supplier)))

    async def get(self, invoice: str) -> Invoice | None:
        """One invoice by its id as it stands now, or None."""
        if not _ID.fullmatch(invoice):  # hostile text never reaches SQL
            return None
        query = _INVOICES.where(book_invoice.c.id == invoice)
        found = await self._transact(partial(_invoices, query=query))
        return found[0] if found else None

    async def of_customer(self, customer: str) -> tuple[Invoice, ...]:
        """Every invoice of one customer, by id: what is owed first, the longest due of it first; then the newest first."""
        if not _ID.fullmatch(customer):
            return ()
        query = _INVOICES.where(book_invoice.c.customer == customer)
        return owed_first(await self._transact(partial(_invoices, query=query)))

    async def billing(self, customer: str) -> Billing | None:
        """The billing details on file of one customer, by id, or None."""
        known = await self.details(customer)
        return None if known is None else Billing(name=known.name, zip=known.zip, email=known.email)

    async def at(self, email: str) -> tuple[Account, ...]:
        """The customers with this e-mail address, the case of its letters aside, ordered by name.

        SQLite knows upper case in ASCII alone: there other letters have to be told as they are on file, or all in one
        case.
        """
        told = email.strip()
        if not is_address(told):  # hostile text never reaches SQL
            return ()
        return await self._transact(partial(_at, email=told))

    async def named(self, told: str, most: int) -> tuple[Account, ...]:
        """At most so many customers whose name holds every word of this, by name; none for a single letter.

        SQLite knows upper case in ASCII alone: there other letters are found as they are on file, or told in one of the
        usual cases.
        """
        if not (words := words_of(told)):
            return ()
        return await self._transact(partial(_named, words=words, most=min(most, MOST)))

    async def account(self, customer: str) -> Account | None:
        """One customer by id, or None."""
        known = await self.details(customer)
        return None if known is None else Account(customer, known.name)

    async def details(self, customer: str) -> Details | None:
        """All that is on file of one customer, by id, or None."""
        if not _ID.fullmatch(customer):
            return None
        return await self._transact(partial(_details, customer=customer))

    async def save(self, customer: str, revision: Revision, key: str) -> Details | None:
        """Write changed details, once per key; the details as they stand then, or None without such a customer.

        What differs from what was on file is the customer's own from then on: imports leave it alone. Raises
        `Malformed` when a detail cannot be kept as it is told, or the key was used for another customer; nothing was
        written then.
        """
        if not _ID.fullmatch(customer):
            return None
        if wrong := misspelt(revision):
            raise Malformed(f"the book cannot hold this {wrong}; nothing was saved")
        at = micros(self._clock())
        return await self._transact(partial(_save, customer=customer, revision=revision, key=key, at=at))

    async def sheet(self, invoice: str) -> Sheet | None:
        """The lines of one invoice by its id, or None when there is no such invoice."""
        if not _ID.fullmatch(invoice):
            return None
        lines = await self._transact(partial(_lines, invoice=invoice))
        return None if lines is None else sheet_of(invoice, lines)

    async def pdf(self, invoice: str) -> bytes | None:
        """The invoice as a PDF that says what the book holds of it now, or None when there is no such invoice."""
        if not _ID.fullmatch(invoice):
            return None
        paper = await self._transact(partial(_paper, invoice=invoice, business=self._business))
        # in a thread: a long invoice takes as long as a hundred turns of other chats
        return None if paper is None else await asyncio.to_thread(render, paper)

    async def record(self, posting: Posting) -> None:
        """Write a payment or its reversal, once per key.

        Raises `Malformed` when the book holds no such invoice, the currency is not the invoice's, or the key was used
        for another posting: nothing was written, and trying again will not help.
        """
        await self._transact(partial(_record, posting=posting))

    async def list_open(self) -> tuple[Invoice, ...]:
        """Every invoice on which something is owed, the longest due first, those without a due date last."""
        order = (book_invoice.c.due_date.is_(None), book_invoice.c.due_date, book_invoice.c.number, book_invoice.c.id)
        every = await self._transact(partial(_invoices, query=_INVOICES.order_by(*order)))
        return tuple(invoice for invoice in every if invoice.state is InvoiceState.OPEN)


_POSTED = book_posting.c.invoice == book_invoice.c.id
_INVOICES = select(
    book_invoice,
    book_customer.c.name.label("customer_name"),
    book_customer.c.fee_exempt,
    select(func.coalesce(func.sum(book_posting.c.amount_minor), 0)).where(_POSTED).scalar_subquery().label("posted"),
    select(func.count()).select_from(book_posting).where(_POSTED).scalar_subquery().label("postings"),
).join(book_customer, book_customer.c.id == book_invoice.c.customer)


def _invoices(connection: Connection, *, query: Select[Any]) -> tuple[Invoice, ...]:
    return tuple(_invoice(row) for row in connection.execute(query))


def _sign(row: Row[Any]) -> int:
    """Documents state what they credit as a plain sum."""
    return -1 if row.kind == "credit" and row.due_minor > 0 else 1


def _invoice(row: Row[Any]) -> Invoice:
    sign = _sign(row)
    due = Money(sign * row.due_minor - int(row.posted), row.currency)  # int: PostgreSQL sums to NUMERIC
    return Invoice(
        id=row.id,
        number=row.number,
        version=f"{row.revision}.{row.postings}",  # both only ever grow
        customer=row.customer,
        customer_name=row.customer_name,
        total=Money(sign * row.total_minor, row.currency),
        due=due,
        issued=row.issued,
        state=_state(row, due),
        due_date=row.due_date,
        fee_exempt=row.fee_exempt,
    )


def _state(row: Row[Any], due: Money) -> InvoiceState:
    if row.voided:
        return InvoiceState.VOID
    if row.kind == "credit":
        return InvoiceState.CREDIT
    return InvoiceState.OPEN if due.minor > 0 else InvoiceState.PAID


# --- customers ----------------------------------------------------------------------------------------------------


def _at(connection: Connection, *, email: str) -> tuple[Account, ...]:
    spelled = [func.lower(each) for each in (email, email.lower(), email.upper())]
    query = select(book_customer).where(func.lower(book_customer.c.email).in_(spelled))
    rows = connection.execute(query.order_by(book_customer.c.name, book_customer.c.id))
    return tuple(Account(row.id, row.name) for row in rows if same_address(email, row.email))


def _named(connection: Connection, *, words: Sequence[str], most: int) -> tuple[Account, ...]:
    name = book_customer.c.name
    holds = [
        or_(
            func.lower(name).contains(word.lower(), autoescape=True),
            *(name.contains(each, autoescape=True) for each in {word, word.lower(), word.upper(), word.capitalize()}),
        )
        for word in words
    ]
    query = select(book_customer.c.id, name).where(*holds).order_by(func.lower(name), book_customer.c.id).limit(most)
    return tuple(Account(row.id, row.name) for row in connection.execute(query))


def _details(connection: Connection, *, customer: str) -> Details | None:
    row = connection.execute(select(book_customer).where(book_customer.c.id == customer)).first()
    return None if row is None else _known(row)


def _known(row: Row[Any]) -> Details:
    return Details(
        name=row.name,
        street=row.street,
        city=row.city,
        region=row.region,
        zip=row.zip,
        email=row.email,
        phone=row.phone,
        language=row.language,
        notices=Notices(receipts=row.receipts, reminders=row.reminders),
    )


def _save(connection: Connection, *, customer: str, revision: Revision, key: str, at: int) -> Details | None:
    this = book_customer.c.id == customer
    # locked before the key is written: two changes at once wait for each other here, and each sees the other's
    row = connection.execute(select(book_customer).where(this).with_for_update(key_share=True)).first()
    if row is None:
        return None
    before = _known(row)
    if not insert_once(connection, book_saved, key=key, customer=customer, at=at):
        used = connection.execute(select(book_saved.c.customer).where(book_saved.c.key == key)).scalar_one()
        if used != customer:
            raise Malformed("this key was used for another customer; nothing was saved")
        return before
    after = revision.of(before)
    changed = {name for name in Details.__struct_fields__ if getattr(after, name) != getattr(before, name)}
    if changed:
        columns = {name: getattr(after, name) for name in changed - {"notices"}}
        columns |= {"receipts": after.notices.receipts, "reminders": after.notices.reminders}
        own = " ".join(sorted(changed | set(row.own_fields.split())))
        connection.execute(update(book_customer).where(this).values(own_fields=own, **columns))
    return after


# --- documents ----------------------------------------------------------------------------------------------------


def _lines(connection: Connection, *, invoice: str) -> tuple[SheetLine, ...] | None:
    row = connection.execute(select(book_invoice).where(book_invoice.c.id == invoice)).first()
    if row is None:
        return None
    query = select(book_line).where(book_line.c.invoice == invoice).order_by(book_line.c.nth)
    sign = _sign(row)
    return tuple(
        SheetLine(line.text, Money(sign * line.amount_minor, row.currency), line.quantity)
        for line in connection.execute(query)
    )


def _paper(connection: Connection, *, invoice: str, business: str) -> Paper | None:
    found = _invoices(connection, query=_INVOICES.where(book_invoice.c.id == invoice))
    if not found:
        return None
    (stands,) = found
    lines = _lines(connection, invoice=invoice)
    customer = _details(connection, customer=stands.customer)
    assert lines is not None, "an invoice that was read a moment ago, in this transaction"
    assert customer is not None, "every invoice has its customer"
    return Paper(business, stands, customer, lines, made=datetime.combine(stands.issued, time(), UTC))


# --- postings -----------------------------------------------------------------------------------------------------


def _record(connection: Connection, *, posting: Posting) -> None:
    query = select(book_invoice.c.currency).where(book_invoice.c.id == posting.invoice)
    currency = connection.execute(query).scalar()
    if currency != posting.amount.currency:
        raise Malformed("the book has no such invoice, or not in this currency; nothing was posted")
    written = {
        "key": posting.key,
        "invoice": posting.invoice,
        "reference": posting.reference,
        "kind": posting.kind,
        "amount_minor": posting.amount.minor,
        "at": micros(posting.at),
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(book_posting).values(written))
    except IntegrityError:  # the key is taken: by this posting, or this is a bug
        known = connection.execute(select(book_posting).where(book_posting.c.key == posting.key)).one()
        if (known.invoice, known.amount_minor) != (posting.invoice, posting.amount.minor):
            raise Malformed("this key was used for another posting; nothing was posted") from None
