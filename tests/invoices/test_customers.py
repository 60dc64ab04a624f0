"""Customers of Remit's own book whose details change from two sides at once, on the database that allows it."""

import asyncio

import pytest
from sqlalchemy import event, func, insert, select

from services.database import inline, open_engine, threaded
from services.invoices.book import Book, _save, customer_id
from services.invoices.importing import import_files
from services.model import Account, Details, Revision
from services.schema import book_customer, book_saved, schema
from tests.databases import on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

WHO = customer_id("green lane", "c1")
HEAD = "Number,Customer ID,Customer,Zip,Phone,Total,Date,Due date"


def sheet(turn):
    return [("a.csv", f"{HEAD}\nGL-1,c1,Dana,94107,555 {turn},120.00,2026-02-20,2026-03-{turn + 10}".encode())]


async def test_two_changes_and_an_import_at_once_lose_nothing(on_postgres):  # noqa: F811  # the fixture
    transact = threaded(on_postgres)
    book = Book(transact)
    await import_files(transact, sheet(0), default_currency="USD", supplier="Green Lane")
    for turn in range(1, 9):
        city, zip_code = Revision(city=f"City {turn}"), Revision(zip=f"1000{turn}")
        await asyncio.gather(
            book.save(WHO, city, f"{turn}/city"),
            import_files(transact, sheet(turn), default_currency="USD", supplier="Green Lane"),
            book.save(WHO, zip_code, f"{turn}/zip"),
            book.save(WHO, city, f"{turn}/city"),
        )
        known = await book.details(WHO)
        assert known == Details(name="Dana", city=f"City {turn}", zip=f"1000{turn}", phone=f"555 {turn}")
    saved = await transact(lambda conn: conn.execute(select(func.count()).select_from(book_saved)).scalar_one())
    assert saved == 16
    transact._threads.shutdown()


async def test_a_change_that_comes_while_another_is_written_waits_and_both_stay_the_customers(on_postgres):  # noqa: F811
    transact = threaded(on_postgres)
    book = Book(transact)
    await import_files(transact, sheet(0), default_currency="USD", supplier="Green Lane")
    with on_postgres.begin() as connection:
        _save(connection, customer=WHO, revision=Revision(city="Oakland"), key="1", at=0)
        other = asyncio.create_task(book.save(WHO, Revision(zip="10001"), "2"))
        done, _ = await asyncio.wait([other], timeout=0.5)
        assert not done
    assert (await other).city == "Oakland"
    own = await transact(lambda conn: conn.execute(select(book_customer.c.own_fields)).scalar_one())
    assert own == "city zip"
    transact._threads.shutdown()


@pytest.fixture
def engine():
    engine = open_engine("sqlite://")
    schema.create_all(engine)
    yield engine
    engine.dispose()


async def test_people_at_one_address_are_all_found_by_name(engine):
    with engine.begin() as connection:
        rows = [("book:" + str(n) * 32, name, email) for n, (name, email) in enumerate(PEOPLE)]
        connection.execute(
            insert(book_customer), [dict(zip(("id", "name", "email"), row, strict=True)) for row in rows]
        )
    book = Book(inline(engine))
    assert await book.at("HOME@example.com") == (
        Account("book:" + "1" * 32, "Alex"),
        Account("book:" + "0" * 32, "Dana"),
    )
    assert [each.name for each in await book.at("émile@EXAMPLE.com")] == ["Émile"]
    assert [each.name for each in await book.at("Émile@example.com")] == ["Émile"]


PEOPLE = [("Dana", "home@example.com"), ("Alex", "Home@Example.com"), ("Émile", "ÉMILE@example.com"), ("Nobody", "")]


async def test_an_address_is_found_by_its_index_and_not_by_reading_everybody(engine):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    await Book(inline(engine)).at("home@example.com")
    ((query, values),) = [each for each in asked if each[0].startswith("SELECT")]
    with engine.begin() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
    assert "USING INDEX book_customer_by_email" in " ".join(str(row) for row in plan)
