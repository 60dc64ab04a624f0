"""Several books asked as one: nothing gets lost between them."""

from datetime import UTC, date, datetime

import pytest

from services.errors import Malformed, Unavailable
from services.invoices.base import Posting
from services.invoices.several import Several
from services.model import Billing, Invoice, Money


class Shelf:
    """`Invoices` that holds one invoice and remembers what was posted."""

    def __init__(self, name):
        usd = Money(100, "USD")
        self.invoice = Invoice(f"{name}:1", "A-1", "1", f"{name}:c", "Dana", usd, usd, date(2026, 1, 1))
        self.posted = []

    async def find(self, number):
        return (self.invoice,) if number == "A-1" else ()

    async def get(self, invoice):
        return self.invoice if invoice == self.invoice.id else None

    async def billing(self, customer):
        return Billing(name=customer)

    async def record(self, posting):
        self.posted.append(posting)


class Away(Shelf):
    async def find(self, number):
        raise Unavailable("away")


def posting(invoice):
    return Posting("k", invoice, "R-1", "payment", Money(100, "USD"), datetime(2026, 1, 1, tzinfo=UTC))


async def test_one_number_in_two_books_is_found_in_both():
    book, portal = Shelf("book"), Shelf("portal")
    both = Several({"book": book, "portal": portal})
    assert await both.find("A-1") == (book.invoice, portal.invoice)
    assert await both.find("B-1") == ()


async def test_a_book_that_is_away_is_not_taken_for_one_without_the_invoice():
    with pytest.raises(Unavailable):
        await Several({"book": Shelf("book"), "portal": Away("portal")}).find("A-1")


async def test_every_question_goes_to_the_book_that_the_id_is_from():
    book, portal = Shelf("book"), Shelf("portal")
    both = Several({"book": book, "portal": portal})
    assert await both.get("portal:1") == portal.invoice
    assert await both.get("book:2") is None
    assert await both.billing("book:c") == Billing(name="book:c")
    await both.record(posting("portal:1"))
    assert (book.posted, portal.posted) == ([], [posting("portal:1")])


async def test_an_id_from_nowhere_is_nobody_and_takes_no_posting():
    both = Several({"book": Shelf("book")})
    assert await both.get("portal:1") is None
    assert await both.billing("") is None
    with pytest.raises(Malformed):
        await both.record(posting("portal:1"))
