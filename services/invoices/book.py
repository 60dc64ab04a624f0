"""Remit's own invoice book: the `Invoices` of a business without a portal, over the ``book_`` tables of `services.schema`.

Here: reading what is owed, and posting what was paid. How documents get into the book is `services.invoices.importing`;
nothing here ever changes an imported sum.
"""

import hashlib
import re
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from services.database import Transact, micros
from services.errors import Malformed
from services.invoices.base import Posting, plain
from services.model import Billing, Invoice, InvoiceState, Money
from services.schema import book_customer, book_invoice, book_posting

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


class Book:
    """`services.invoices.base.Invoices` over one database."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact

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

    async def billing(self, customer: str) -> Billing | None:
        """The billing details on file of one customer, by id, or None."""
        if not _ID.fullmatch(customer):
            return None
        return await self._transact(partial(_billing, customer=customer))

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
    select(func.coalesce(func.sum(book_posting.c.amount_minor), 0)).where(_POSTED).scalar_subquery().label("posted"),
    select(func.count()).select_from(book_posting).where(_POSTED).scalar_subquery().label("postings"),
).join(book_customer, book_customer.c.id == book_invoice.c.customer)


def _invoices(connection: Connection, *, query: Select[Any]) -> tuple[Invoice, ...]:
    return tuple(_invoice(row) for row in connection.execute(query))


def _invoice(row: Row[Any]) -> Invoice:
    sign = -1 if row.kind == "credit" and row.due_minor > 0 else 1  # documents state what they credit as a plain sum
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
    )


def _state(row: Row[Any], due: Money) -> InvoiceState:
    if row.voided:
        return InvoiceState.VOID
    if row.kind == "credit":
        return InvoiceState.CREDIT
    return InvoiceState.OPEN if due.minor > 0 else InvoiceState.PAID


def _billing(connection: Connection, *, customer: str) -> Billing | None:
    row = connection.execute(select(book_customer).where(book_customer.c.id == customer)).first()
    return None if row is None else Billing(name=row.name, zip=row.zip, email=row.email)


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
