"""Whole imports: everything or nothing, what is new, newer or in conflict, and what never happens twice."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import func, select

from services.database import inline, open_engine, threaded, upgrade
from services.errors import Misconfigured, Unavailable
from services.invoices.base import Posting
from services.invoices.book import Book, invoice_id
from services.invoices.importing import import_files
from services.model import Billing, Details, InvoiceState, Money, Revision
from services.schema import book_customer, book_invoice, book_line, schema

HEAD = "Number,Customer ID,Customer,Email,Zip,Total,Balance,Date,Due date,Status"
ROW = "GL-1,c1,Dana Whitfield,dana@example.com,94107,120.00,120.00,2026-02-20,2026-03-16,"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def sheet(*rows):
    return ("a.csv", "\n".join([HEAD, *rows]).encode())


@pytest.fixture
def bring(transact):
    async def bring(*files, **other):
        settings = {"default_currency": "USD", "supplier": "Green Lane"} | other
        return await import_files(transact, files, **settings)

    return bring


def counts(outcome):
    assert outcome.refused == ()
    return outcome.imported, outcome.updated, outcome.unchanged


def reasons(outcome):
    assert (outcome.imported, outcome.updated, outcome.unchanged) == (0, 0, 0)
    return [refusal.reason for refusal in outcome.refused]


async def post(book, minor, key="1"):
    (invoice,) = await book.find("GL-1")
    at = NOON + timedelta(days=int(key))
    await book.record(Posting(key, invoice.id, "R-1", "payment", Money(minor, "USD"), at))


async def test_the_same_file_again_changes_nothing(bring, book, ubl):
    files = sheet(ROW, ROW.replace("GL-1", "GL-2")), ("b.xml", ubl())
    assert counts(await bring(*files)) == (3, 0, 0)
    before = await book.list_open()
    assert counts(await bring(*files)) == (0, 0, 3)
    assert counts(await bring(*files, *files)) == (0, 0, 6)
    assert await book.list_open() == before


async def test_one_bad_line_keeps_everything_else_out(bring, book, ubl):
    outcome = await bring(("b.xml", ubl()), sheet(ROW, ROW.replace("GL-1", "GL-2").replace("2026-02-20", "soon")))
    assert [(each.file, each.line, each.column) for each in outcome.refused] == [("a.csv", 3, 8)]
    assert reasons(outcome)
    assert await book.list_open() == ()


async def test_a_dry_run_counts_and_writes_nothing(bring, book):
    assert counts(await bring(sheet(ROW), dry_run=True)) == (1, 0, 0)
    assert await book.list_open() == ()


async def test_the_outcome_is_told_as_the_command_line_prints_it(bring):
    assert (await bring(sheet(ROW))).as_json() == {"imported": 1, "updated": 0, "unchanged": 0, "refused": []}
    told = (await bring(("x.pdf", b"%PDF-1.7"))).as_json()
    place = {"file": "x.pdf", "line": None, "column": None}
    assert told["refused"] == [place | {"reason": "a PDF: a UBL document, a CSV sheet or an Excel workbook is needed"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"PK\x03\x04rest", "a damaged workbook"),
        (b"\xef\xbb\xbf  <html/>", "this is html of the namespace (none)"),
        (b"\x00\x01\x02", "not a text file"),
        (b"\xff\xfe", "nothing is in it"),
    ],
)
async def test_what_a_file_is_shows_in_its_content_and_not_in_its_name(bring, content, reason):
    for name in ("a.csv", "a.xml", "a"):
        (told,) = reasons(await bring((name, content)))
        assert reason in told


async def test_a_ubl_document_may_be_called_csv(bring, ubl):
    assert counts(await bring(("a.csv", b"\xef\xbb\xbf" + ubl()))) == (1, 0, 0)


async def test_folders_pipes_and_missing_files_are_refused_with_a_reason(bring, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good.csv").write_bytes(sheet(ROW)[1])
    paths = [tmp_path, tmp_path / "pipe", tmp_path / "none.csv", tmp_path / "a\0b", tmp_path / "good.csv"]
    assert reasons(await bring(*paths)) == [
        "a folder: name the files in it",
        "not a regular file",
        "cannot be read: No such file or directory",
        "cannot be read: not a file name",
    ]
    assert counts(await bring(tmp_path / "good.csv")) == (1, 0, 0)


@pytest.mark.parametrize(
    "change", [("120.00,120.00", "130.00,130.00"), ("2026-02-20", "2026-02-21"), ("120.00,120.00", "-120.00,-120.00")]
)
async def test_another_document_under_a_known_number_is_a_conflict(bring, book, change):
    await bring(sheet(ROW))
    before = await book.list_open()
    (reason,) = reasons(await bring(sheet(ROW.replace(*change))))
    assert reason == (
        "number GL-1: conflict: the book holds a different document with this supplier and number "
        "(invoice of 120.00 USD, issued 2026-02-20)"
    )
    assert await book.list_open() == before


async def test_the_same_number_in_another_currency_is_a_conflict(bring):
    await bring(sheet(ROW))
    assert "conflict" in reasons(await bring(sheet(ROW), default_currency="CAD"))[0]


async def test_the_same_number_of_another_supplier_is_another_invoice(bring, book):
    await bring(sheet(ROW))
    assert counts(await bring(sheet(ROW), supplier="Blue Lane")) == (1, 0, 0)
    assert len({(each.id, each.customer) for each in await book.find("GL-1")}) == 2


async def test_conflicts_inside_one_import_name_the_other_place(bring, book, ubl):
    other = ("c.xml", ubl((">100.00<", ">90.00<")))
    rows = sheet(ROW, ROW.replace("94107", "10001"), ROW.replace("GL-1", "GL-2"))
    outcome = await bring(("b.xml", ubl()), other, rows)
    told = {(each.file, each.line): each.reason.rpartition(" is in ")[2] for each in outcome.refused}
    assert told == {
        ("b.xml", None): "c.xml",
        ("c.xml", None): "b.xml",
        ("a.csv", 2): "a.csv line 3",
        ("a.csv", 3): "a.csv line 2",
    }
    assert await book.list_open() == ()


async def test_a_changed_ubl_document_is_a_conflict_even_when_its_sums_are_the_same(bring, ubl):
    await bring(("b.xml", ubl()))
    assert "conflict" in reasons(await bring(("b.xml", ubl(("2026-03-16", "2026-03-17")))))[0]


async def test_a_sheet_never_replaces_a_ubl_document(bring, ubl):
    await bring(("b.xml", ubl()))
    row = "GL-77,c1,Hofgarten GmbH,,80539,120.00,90.00,2026-02-20,2026-03-16,"
    outcome = await bring(sheet(row), default_currency="EUR", supplier="9930:DE123456789")
    assert "conflict" in reasons(outcome)[0]


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (("2026-03-16", "2026-04-01"), "due_date", date(2026, 4, 1)),
        (("2026-03-16", ""), "due_date", None),
        (("120.00,120.00", "120.00,70.00"), "due", Money(7000, "USD")),
        (("120.00,120.00", "120.00,0"), "state", InvoiceState.PAID),
        (("2026-03-16,", "2026-03-16,void"), "state", InvoiceState.VOID),
    ],
)
async def test_newer_news_of_an_invoice_updates_it_and_its_version(bring, book, change, field, value):
    await bring(sheet(ROW))
    (before,) = await book.find("GL-1")
    assert counts(await bring(sheet(ROW.replace(*change)))) == (0, 1, 0)
    (after,) = await book.find("GL-1")
    assert getattr(after, field) == value
    assert (after.id, after.version != before.version) == (before.id, True)
    assert counts(await bring(sheet(ROW.replace(*change)))) == (0, 0, 1)


async def test_new_contact_details_reach_the_customer_and_change_no_version(bring, book):
    await bring(sheet(ROW))
    (before,) = await book.find("GL-1")
    assert counts(await bring(sheet(ROW.replace("94107", "10001").replace("dana@example.com", "")))) == (0, 1, 0)
    (after,) = await book.find("GL-1")
    assert after == before
    assert await book.billing(after.customer) == Billing("Dana Whitfield", "10001", "dana@example.com")


async def test_an_old_file_brought_again_does_not_bring_old_details_back(bring, book):
    await bring(sheet(ROW))
    await bring(sheet(ROW.replace("GL-1", "GL-2").replace("94107", "10001")))
    assert counts(await bring(sheet(ROW))) == (0, 0, 1)
    (invoice,) = await book.find("GL-1")
    assert (await book.billing(invoice.customer)).zip == "10001"


async def test_a_customer_without_a_number_whose_zip_changes_is_nobody_elses(bring, book):
    rows = [ROW.replace("c1", ""), ROW.replace("GL-1", "GL-2").replace("c1", "").replace("94107", "10001")]
    await bring(sheet(*rows))
    (first,), (second,) = await book.find("GL-1"), await book.find("GL-2")
    assert first.customer != second.customer
    assert counts(await bring(sheet(rows[0].replace("94107", "60601")))) == (0, 1, 0)
    (moved,) = await book.find("GL-1")
    assert (await book.billing(moved.customer)).zip == "60601"
    assert (await book.billing(second.customer)).zip == "10001"


async def test_a_balance_that_counts_our_payment_already_is_not_counted_twice(bring, book):
    await bring(sheet(ROW))
    await post(book, 5000)
    assert counts(await bring(sheet(ROW.replace("120.00,120.00", "120.00,70.00")))) == (0, 0, 1)
    (invoice,) = await book.find("GL-1")
    assert invoice.due == Money(7000, "USD")


async def test_a_balance_from_before_our_payment_does_not_undo_it(bring, book):
    await bring(sheet(ROW))
    await post(book, 12000)
    assert counts(await bring(sheet(ROW.replace("2026-03-16", "2026-04-01")))) == (0, 1, 0)
    (invoice,) = await book.find("GL-1")
    assert (invoice.due, invoice.state) == (Money(0, "USD"), InvoiceState.PAID)


async def test_a_balance_from_before_a_return_leaves_the_invoice_open(bring, book):
    await bring(sheet(ROW))
    await post(book, 12000)
    await post(book, -12000, key="2")
    assert counts(await bring(sheet(ROW.replace("120.00,120.00", "120.00,0.00")))) == (0, 0, 1)
    (invoice,) = await book.find("GL-1")
    assert (invoice.due, invoice.state) == (Money(12000, "USD"), InvoiceState.OPEN)


async def test_a_balance_that_fits_no_moment_since_our_payment_is_refused(bring, book):
    await bring(sheet(ROW))
    await post(book, 5000)
    (reason,) = reasons(await bring(sheet(ROW.replace("120.00,120.00", "120.00,30.00"))))
    assert "unclear which of them it counts" in reason
    (invoice,) = await book.find("GL-1")
    assert invoice.due == Money(7000, "USD")


async def test_settings_that_cannot_work_are_named(bring):
    with pytest.raises(Misconfigured, match="default currency"):
        await bring(sheet(ROW), default_currency="usd")
    with pytest.raises(Misconfigured, match="supplier"):
        await bring(sheet(ROW), supplier=" ")


async def test_an_import_that_meets_another_one_writes_nothing(transact, bring, book):
    def with_a_rival(connection):
        connection.exec_driver_sql(
            "CREATE TRIGGER rival BEFORE INSERT ON book_invoice BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed'); END"
        )

    await transact(with_a_rival)
    with pytest.raises(Unavailable, match="nothing was written"):
        await bring(sheet(ROW))
    assert (
        await transact(lambda connection: connection.execute(select(func.count()).select_from(book_customer)).scalar())
        == 0
    )


async def test_an_import_into_a_file_through_threads_and_migrations(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    transact = threaded(engine)
    rows = [ROW.replace("GL-1", f"GL-{n}").replace("c1", f"c{n % 7}") for n in range(1200)]
    first = await import_files(transact, [sheet(*rows)], default_currency="USD", supplier="Green Lane")
    again = await import_files(
        transact,
        [sheet(*(row.replace("2026-03-16", "2026-03-17") for row in rows))],
        default_currency="USD",
        supplier="Green Lane",
    )
    assert (first.imported, again.updated) == (1200, 1200)
    assert (
        await transact(lambda connection: connection.execute(select(func.count()).select_from(book_invoice)).scalar())
        == 1200
    )
    assert {each.version for each in await Book(transact).list_open()} == {"2.0"}
    transact.close()


def test_ids_are_stable_opaque_and_never_run_together():
    assert invoice_id("green lane", "GL-1") == invoice_id("green lane", "GL-1")
    assert invoice_id("a", "bc") != invoice_id("ab", "c")
    assert "GL" not in invoice_id("green lane", "GL-1")


async def test_open_invoices_are_listed_the_longest_due_first(bring, book):
    rows = [
        ROW.replace("GL-1", "GL-2").replace("2026-03-16", ""),
        ROW.replace("GL-1", "GL-3").replace("2026-03-16", "2026-03-01"),
        ROW.replace("GL-1", "GL-4") + "void",
        ROW.replace("GL-1", "GL-5").replace("120.00,120.00", "120.00,0"),
        ROW.replace("GL-1", "GL-6").replace("120.00,120.00", "-120.00,-120.00"),
    ]
    await bring(sheet(ROW, *rows))
    assert [each.number for each in await book.list_open()] == ["GL-3", "GL-1", "GL-2"]


_LINES = some.lists(
    some.builds(
        lambda number, who, zip_code, minor, part, day: (
            f"N{number},{who},Someone,,{zip_code},{Money(minor, 'USD')},{Money(minor * part // 4, 'USD')},2026-02-{day},,"
        ).replace(" USD", ""),
        some.integers(1, 4),
        some.sampled_from(["", "c1", "c2"]),
        some.sampled_from(["", "10001", "94107"]),
        some.integers(-500, 5000),
        some.integers(0, 4),
        some.integers(10, 12),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(some.lists(_LINES, min_size=1, max_size=4))
async def test_what_was_imported_is_unchanged_when_imported_again_and_what_was_refused_left_no_trace(files):
    engine = open_engine("sqlite://")
    schema.create_all(engine)
    transact = inline(engine)

    def everything(connection):
        return [connection.execute(select(table).order_by(table.c.id)).all() for table in (book_customer, book_invoice)]

    for rows in files:
        before = await transact(everything)
        rehearsed = await import_files(transact, [sheet(*rows)], default_currency="USD", supplier="s", dry_run=True)
        assert await transact(everything) == before
        outcome = await import_files(transact, [sheet(*rows)], default_currency="USD", supplier="s")
        after = await transact(everything)
        assert outcome == rehearsed
        if outcome.refused:
            assert after == before
            continue
        assert outcome.imported + outcome.updated + outcome.unchanged == len(rows)
        again = await import_files(transact, [sheet(*rows)], default_currency="USD", supplier="s")
        assert (again.imported, again.updated, again.unchanged) == (0, 0, len(rows))
        assert await transact(everything) == after
    engine.dispose()


# --- lines ------------------------------------------------------------------------------------------------------------


def lined(*ends):
    rows = "\n".join([HEAD + ",Description,Line amount", *(f"{ROW},{end}" for end in ends)])
    return ("a.csv", rows.encode())


async def lines_of(book, number="GL-1"):
    (invoice,) = await book.find(number)
    return [(line.text, line.amount.minor) for line in (await book.sheet(invoice.id)).lines], invoice.version


async def test_the_lines_of_a_sheet_get_into_the_book_and_stay_there(bring, book):
    files = lined("Mowing,90.00", "Edging,30.00")
    assert counts(await bring(files)) == (1, 0, 0)
    before = await lines_of(book)
    assert before[0] == [("Mowing", 9000), ("Edging", 3000)]
    assert counts(await bring(files)) == (0, 0, 1)
    assert await lines_of(book) == before


@pytest.mark.parametrize(
    "ends", [("Mowing,90.00",), ("Edging,30.00", "Mowing,90.00"), ("Mowing,60.00", "Edging,60.00"), ("Mow,90.00",) * 3]
)
async def test_other_lines_replace_those_in_the_book_and_make_another_version(bring, book, ends):
    await bring(lined("Mowing,90.00", "Edging,30.00"))
    _, version = await lines_of(book)
    assert counts(await bring(lined(*ends))) == (0, 1, 0)
    lines, after = await lines_of(book)
    assert [text for text, _ in lines] == [end.partition(",")[0] for end in ends]
    assert after != version
    assert counts(await bring(lined(*ends))) == (0, 0, 1)


async def test_a_sheet_that_tells_no_lines_takes_none_away(bring, book):
    await bring(lined("Mowing,90.00", "Edging,30.00"))
    before = await lines_of(book)
    assert counts(await bring(sheet(ROW))) == (0, 0, 1)
    assert await lines_of(book) == before


async def test_changed_lines_of_a_ubl_document_are_a_conflict_and_leave_the_old_ones(bring, book, ubl):
    line = (
        '<cac:InvoiceLine><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>'
        "<cac:Item><cbc:Name>Mowing</cbc:Name></cac:Item></cac:InvoiceLine></Invoice>"
    )
    await bring(("b.xml", ubl(("</Invoice>", line))))
    outcome = await bring(("b.xml", ubl(("</Invoice>", line.replace("Mowing", "Edging")))))
    assert "conflict" in reasons(outcome)[0]
    assert (await lines_of(book, "GL-77"))[0] == [("Mowing", 10000)]


async def test_a_document_from_before_the_book_kept_lines_brings_them_when_it_comes_again(transact, bring, book, ubl):
    line = (
        '<cac:InvoiceLine><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>'
        "<cac:Item><cbc:Name>Mowing</cbc:Name></cac:Item></cac:InvoiceLine></Invoice>"
    )
    files = ("b.xml", ubl(("</Invoice>", line)))
    await bring(files)
    _, version = await lines_of(book, "GL-77")
    await transact(lambda connection: connection.execute(book_line.delete()))
    assert counts(await bring(files)) == (0, 1, 0)
    assert await lines_of(book, "GL-77") == ([("Mowing", 10000)], version)
    assert counts(await bring(files)) == (0, 0, 1)


async def test_a_dry_run_and_a_refused_import_write_no_lines(bring, transact):
    await bring(lined("Mowing,90.00"), dry_run=True)
    await bring(lined("Mowing,90.00", "Edging,soon"))
    found = await transact(lambda connection: connection.execute(select(func.count()).select_from(book_line)).scalar())
    assert found == 0


# --- what a customer changed ------------------------------------------------------------------------------------------


async def test_an_import_leaves_alone_what_the_customer_changed_and_brings_the_rest(bring, book):
    await bring(sheet(ROW))
    (invoice,) = await book.find("GL-1")
    await book.save(invoice.customer, Revision(zip="10001", phone="+1 415 555 0117"), "1")
    newer = ROW.replace("94107", "60601").replace("dana@example.com", "d@example.com").replace("03-16", "03-17")
    assert counts(await bring(sheet(newer))) == (0, 1, 0)
    assert await book.details(invoice.customer) == Details(
        name="Dana Whitfield", zip="10001", email="d@example.com", phone="+1 415 555 0117"
    )


async def test_each_of_several_changes_stays_the_customers_own(bring, book):
    await bring(sheet(ROW))
    (invoice,) = await book.find("GL-1")
    await book.save(invoice.customer, Revision(zip="10001"), "1")
    await book.save(invoice.customer, Revision(email="new@example.com", zip="10001"), "2")
    await bring(sheet(ROW.replace("2026-03-16", "2026-03-17")))
    assert await book.billing(invoice.customer) == Billing("Dana Whitfield", "10001", "new@example.com")


async def test_what_the_customer_only_confirmed_stays_the_businesss(bring, book):
    await bring(sheet(ROW))
    (invoice,) = await book.find("GL-1")
    await book.save(invoice.customer, Revision(zip="94107", name="Dana Whitfield"), "1")
    await bring(sheet(ROW.replace("94107", "60601")))
    assert (await book.billing(invoice.customer)).zip == "60601"


async def test_an_address_and_telephone_of_a_sheet_reach_the_customer(bring, book):
    head, row = HEAD + ",Street,City,Phone", ROW + ",9 Elm Road,Oakland,+1 415 555 0117"
    await bring(("a.csv", f"{head}\n{row}".encode()))
    (invoice,) = await book.find("GL-1")
    await bring(sheet(ROW.replace("2026-03-16", "")))  # a sheet without these columns erases nothing
    found = await book.details(invoice.customer)
    assert (found.street, found.city, found.phone) == ("9 Elm Road", "Oakland", "+1 415 555 0117")


# --- who pays no program fee -------------------------------------------------------------------------------------------


def free(*rows):
    return ("a.csv", "\n".join([f"{HEAD},Fee exempt", *rows]).encode())


async def exempt(book, number="GL-1"):
    (found,) = await book.find(number)
    return found.fee_exempt


async def test_a_sheet_says_who_pays_no_fee_and_an_empty_cell_leaves_it_as_it_is(bring, book):
    assert counts(await bring(sheet(ROW))) == (1, 0, 0)
    assert await exempt(book) is False
    assert counts(await bring(free(f"{ROW},yes"))) == (0, 1, 0)
    assert await exempt(book) is True
    assert counts(await bring(free(f"{ROW},"))) == (0, 0, 1)
    assert await exempt(book) is True
    other = ROW.replace("GL-1", "GL-2")
    assert counts(await bring(free(f"{other},no"))) == (1, 0, 0)
    assert (await exempt(book), await exempt(book, "GL-2")) == (False, False), "it is the customer's, not the invoice's"


async def test_a_newcomer_may_be_exempt_from_the_first_invoice_on(bring, book):
    assert counts(await bring(free(f"{ROW},x"))) == (1, 0, 0)
    assert await exempt(book) is True


async def test_whoever_is_exempt_perhaps_is_refused_with_the_cell(bring, book):
    outcome = await bring(free(f"{ROW},perhaps"))
    assert [(each.line, each.column, each.reason) for each in outcome.refused] == [
        (2, 11, "fee exempt: neither yes nor no")
    ]
    assert await book.list_open() == ()
