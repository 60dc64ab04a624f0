"""Several books asked as one: nothing gets lost between them."""

from datetime import UTC, date, datetime

import pytest

from services.errors import Malformed, Unavailable
from services.invoices.base import Posting
from services.invoices.several import Several
from services.model import Account, Billing, Details, Invoice, Money, Revision, Sheet


class Shelf:
    """`Books` that hold one invoice of one customer, and remember what was posted and saved."""

    def __init__(self, name):
        usd = Money(100, "USD")
        self.invoice = Invoice(f"{name}:1", "A-1", "1", f"{name}:c", "Dana", usd, usd, date(2026, 1, 1))
        self.posted = []
        self.saved = []

    async def find(self, number):
        return (self.invoice,) if number == "A-1" else ()

    async def get(self, invoice):
        return self.invoice if invoice == self.invoice.id else None

    async def billing(self, customer):
        return Billing(name=customer)

    async def record(self, posting):
        self.posted.append(posting)

    async def of_customer(self, customer):
        return (self.invoice,) if customer == self.invoice.customer else ()

    async def at(self, email):
        return (Account(self.invoice.customer, "Dana"),) if email == "dana@example.com" else ()

    async def named(self, told, most):
        return (
            tuple(Account(f"{self.invoice.customer}{nth}", f"Dana {nth}") for nth in range(3))[:most]
            if told == "dana"
            else ()
        )

    async def account(self, customer):
        return Account(customer, "Dana")

    async def details(self, customer):
        return Details(name=customer)

    async def save(self, customer, revision, key):
        self.saved.append((customer, revision, key))
        return revision.of(Details(name=customer))

    async def sheet(self, invoice):
        return Sheet(invoice, ())

    async def pdf(self, invoice):
        return invoice.encode()


class Away(Shelf):
    async def find(self, number):
        raise Unavailable("away")

    async def at(self, email):
        raise Unavailable("away")

    async def named(self, told, most):
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
    assert await both.of_customer("portal:c") == ()
    assert await both.account("portal:c") is None
    assert await both.details("portal:c") is None
    assert await both.save("portal:c", Revision(zip="1"), "k") is None
    assert await both.sheet("portal:1") is None
    assert await both.pdf("portal:1") is None


async def test_one_address_in_two_books_is_two_customers_and_each_leads_to_its_own():
    book, portal = Shelf("book"), Shelf("portal")
    both = Several({"book": book, "portal": portal})
    assert await both.at("dana@example.com") == (Account("book:c", "Dana"), Account("portal:c", "Dana"))
    assert await both.at("nobody@example.com") == ()
    assert await both.of_customer("portal:c") == (portal.invoice,)
    assert await both.account("portal:c") == Account("portal:c", "Dana")
    assert await both.details("book:c") == Details(name="book:c")
    assert await both.sheet("portal:1") == Sheet("portal:1", ())
    assert await both.pdf("book:1") == b"book:1"


async def test_an_address_is_not_unknown_while_one_of_the_books_is_away():
    with pytest.raises(Unavailable):
        await Several({"book": Shelf("book"), "portal": Away("portal")}).at("dana@example.com")


async def test_changed_details_go_to_the_book_that_the_customer_is_from():
    book, portal = Shelf("book"), Shelf("portal")
    both = Several({"book": book, "portal": portal})
    change = Revision(zip="10001")
    assert await both.save("portal:c", change, "k") == Details(name="portal:c", zip="10001")
    assert (book.saved, portal.saved) == ([], [("portal:c", change, "k")])


async def test_a_name_is_looked_for_in_every_book_and_no_more_are_told_than_asked_for():
    book, portal = Shelf("book"), Shelf("portal")
    both = Several({"book": book, "portal": portal})
    every = await both.named("dana", 10)
    assert every == (*await book.named("dana", 10), *await portal.named("dana", 10))
    assert await both.named("dana", 4) == every[:4]
    assert await both.named("nobody", 4) == ()
    with pytest.raises(Unavailable):  # else somebody would seem to have no such customer
        await Several({"book": book, "portal": Away("portal")}).named("dana", 4)
