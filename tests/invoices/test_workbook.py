"""Excel workbooks: values as the spreadsheet shows them, the places of refusals, and files that mean harm or are damaged."""

import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from services.invoices import package, sheet
from services.invoices.document import Document, Refusal
from services.invoices.line import Asked
from services.invoices.workbook import number
from services.model import Money

HEAD = ["Number", "Customer", "Zip", "Total", "Date", "Due date"]
ROW = ["GL-1", "Dana Whitfield", "94107", 120.5, date(2026, 2, 20), date(2026, 3, 16)]


def read(content, **other):
    return list(sheet.read("a.xlsx", content, Asked(**({"default_currency": "USD", "supplier": "Green Lane"} | other))))


def one(content, **other):
    (found,) = read(content, **other)
    assert isinstance(found, Document), found
    return found


def refused(content, **other):
    (found,) = read(content, **other)
    assert isinstance(found, Refusal), found
    return found


def changed(content, part, old, new):
    """The same package with some bytes of one part replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            text = before.read(name)
            if name == part:
                assert old in text
                text = text.replace(old, new)
            after.writestr(name, text)
    return made.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_a_line_of_a_workbook_says_what_a_line_of_text_says(workbook):
    found = one(workbook(HEAD, ROW))
    assert (found.number, found.name, found.zip, found.line) == ("GL-1", "Dana Whitfield", "94107", 2)
    assert (found.total, found.issued, found.due_date) == (Money(12050, "USD"), date(2026, 2, 20), date(2026, 3, 16))
    text = "Number,Customer,Zip,Total,Date,Due date\nGL-1,Dana Whitfield,94107,120.50,2026-02-20,2026-03-16\n"
    assert found.hash == one(text.encode()).hash  # so either may follow the other


@given(minor=some.integers(-(10**13), 10**13), noise=some.sampled_from((0.0, 1e-13, -1e-13)))
def test_a_sum_is_its_decimal_text_and_never_what_it_is_in_binary(minor, noise):
    told = float(Decimal(minor) / 100) * (1 + noise * 1e-3)
    assert number(told) == Decimal(minor) / 100


@pytest.mark.parametrize(
    ("told", "shown"),
    [(1234.5600000000001, "1234.56"), (0.1 + 0.2, "0.3"), (120.1 - 100 - 20.1, "0"), (100.005, "100.005"), (7, "7")],
)
def test_what_binary_leaves_behind_is_not_there(told, shown):
    assert str(number(told)) == shown


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minor=some.integers(1, 10**11))
def test_every_sum_survives_the_workbook(workbook, minor):
    row = [*ROW[:3], minor / 100, *ROW[4:]]
    assert one(workbook(HEAD, row)).total == Money(minor, "USD")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=some.dates(date(1904, 3, 2), date(9999, 12, 31)), mac=some.booleans())
def test_every_day_survives_both_calendars(workbook, day, mac):
    def change(book):
        book.epoch = CALENDAR_MAC_1904 if mac else book.epoch

    assert one(workbook(HEAD, [*ROW[:4], day, None], change=change)).issued == day


def test_a_day_with_an_hour_is_that_day_and_a_number_is_none(workbook):
    half_past_two = datetime(2026, 2, 20, 14, 30)  # noqa: DTZ001  # a cell has no zone
    assert one(workbook(HEAD, [*ROW[:4], half_past_two, None])).issued == date(2026, 2, 20)
    found = refused(workbook(HEAD, [*ROW[:4], 46073, None]))
    assert found.reason == "issued in E2: 46073 is a number, not a day: format the column as dates"
    found = refused(workbook(HEAD, [*ROW[:3], date(2026, 1, 1), *ROW[4:]]))
    assert found.reason.startswith("total in D2: a day, where a sum is needed")


def test_numbers_stand_for_themselves_beside_text_in_another_notation(workbook):
    rows = [[*ROW[:3], "1.250,00", *ROW[4:]], ["GL-2", *ROW[1:3], 1.25, *ROW[4:]]]
    assert [each.total.minor for each in read(workbook(HEAD, *rows))] == [125000, 125]


def test_an_invoice_number_that_is_a_number_has_no_point(workbook):
    assert one(workbook(HEAD, [1041, "Dana", 94107, *ROW[3:]])).number == "1041"


def test_a_bad_cell_is_named_as_the_spreadsheet_names_it(workbook):
    rows = [[], HEAD, [], [*ROW[:3], 100.005, *ROW[4:]]]
    found = refused(workbook(*rows))
    assert (found.line, found.column) == (4, 4)
    assert found.reason == "total in D4: an amount in USD has at most 2 decimals"


@pytest.mark.parametrize("at", [(1, 1), (3, 1), (1, 3), (7, 5)])
def test_a_sheet_may_begin_anywhere(workbook, at):
    def change(book):
        page = book.create_sheet("Far")
        for down, cells in enumerate((HEAD, ROW)):
            for right, cell in enumerate(cells):
                page.cell(at[0] + down, at[1] + right, cell)

    assert one(workbook([], change=change)).line == at[0] + 1


def test_the_first_sheet_with_invoices_is_read_or_the_one_that_is_named(workbook):
    other = ["GL-2", *ROW[1:]]
    sheets = {"Notes": [["call Dana"]], "May": [HEAD, ROW], "June": [HEAD, other]}
    assert one(workbook(**sheets)).number == "GL-1"
    assert one(workbook(**sheets), sheet="June").number == "GL-2"
    assert (
        "no sheet is called “July”: there are “Notes”, “May”, “June”"
        in refused(workbook(**sheets), sheet="July").reason
    )
    assert "leave --sheet out" in refused(b"Number,Customer\n", sheet="June").reason

    def hide(book):
        book["May"].sheet_state = "hidden"

    assert one(workbook(**sheets, change=hide)).number == "GL-2"


def test_a_name_merged_over_its_invoices_is_the_name_of_each_and_a_sum_of_none(workbook):
    rows = [ROW, ["GL-2", None, *ROW[2:]], ["GL-3", None, *ROW[2:]]]
    found = read(workbook(HEAD, *rows, change=lambda book: book.active.merge_cells("B2:B4")))
    assert [each.name for each in found] == ["Dana Whitfield"] * 3
    found = read(workbook(HEAD, *rows, change=lambda book: book.active.merge_cells("D2:D3")))
    assert "total in D2: one number in cells merged over several lines" in found[0].reason


# --- formulas ------------------------------------------------------------------------------------------------------


def test_the_saved_result_of_a_formula_counts(workbook):
    content = workbook(HEAD, [*ROW[:3], "=60+60.5", *ROW[4:]])
    assert one(changed(content, SHEET, b"<f>60+60.5</f><v></v>", b"<f>60+60.5</f><v>120.5</v>")).total.minor == 12050


def test_a_formula_without_a_saved_result_is_refused_where_it_is_needed_and_only_there(workbook):
    found = refused(workbook(HEAD, [*ROW[:3], "=60+60.5", *ROW[4:]]))
    assert (found.line, found.column) == (2, 4)
    assert (
        "a formula without a saved result: open the workbook in the spreadsheet program and save it again"
        in found.reason
    )
    assert one(workbook([*HEAD, "Margin"], [*ROW, "=D2*2"])).total.minor == 12050


def test_an_error_in_a_balance_is_never_taken_for_an_empty_cell(workbook):
    def change(book):
        book.active["G2"].value = "#REF!"
        book.active["G2"].data_type = "e"

    found = refused(workbook([*HEAD, "Balance"], [*ROW, None], change=change))
    assert found.reason == "due in G2: the formula came to #REF!"


def test_a_text_that_looks_like_a_formula_or_a_script_stays_text(workbook):
    for name in ("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "+1", "@SUM(A1)"):

        def change(book, name=name):
            book.active["B2"].value = name
            book.active["B2"].data_type = "s"

        assert one(workbook(HEAD, ROW, change=change)).name == name


# --- files that mean harm, or are damaged --------------------------------------------------------------------------


def test_a_cell_at_the_end_of_the_world_is_refused_before_room_is_made_for_it(workbook):
    def change(book):
        book.active.cell(1_048_576, 16_384, "x")

    found = refused(workbook(HEAD, ROW, change=change))
    assert found.reason.startswith("cells far away from the others")
    assert (found.line, found.column) == (1_048_576, 16_384)


def test_a_doctype_is_refused_before_anything_expands(workbook):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><worksheet '
    found = refused(changed(workbook(HEAD, ROW), SHEET, b"<worksheet ", bomb))
    assert found.reason == "a DOCTYPE in a part of the workbook: no spreadsheet program writes one"


def test_what_is_small_and_becomes_large_is_refused(workbook, monkeypatch):
    monkeypatch.setattr(package, "LARGEST_UNPACKED", 2 * 1024 * 1024)
    content = changed(workbook(HEAD, ROW), "docProps/app.xml", b"<Properties", b" " * 3_000_000 + b"<Properties")
    assert len(content) < 20_000
    assert refused(content).reason == "larger than 2 MB once it is unpacked"


def test_a_broken_archive_is_refused_wherever_it_breaks(workbook):
    content = workbook(HEAD, ROW)
    for end in range(4, len(content) - 1, 97):
        found = refused(content[:end])
        assert found.reason == "a damaged workbook: open it in the spreadsheet program and save it again"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_a_workbook_with_wrong_bytes_is_read_or_refused_and_never_more(workbook, data):
    content = bytearray(workbook(HEAD, ROW))
    for _ in range(data.draw(some.integers(1, 6))):
        content[data.draw(some.integers(4, len(content) - 1))] = data.draw(some.integers(0, 255))
    assert all(isinstance(each, Document | Refusal) for each in read(bytes(content)))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_a_sheet_with_wrong_xml_is_read_or_refused_and_never_more(workbook, data):
    content = workbook(HEAD, ROW)
    xml = bytearray(zipfile.ZipFile(io.BytesIO(content)).read(SHEET))
    whole = bytes(xml)
    for _ in range(data.draw(some.integers(1, 6))):
        xml[data.draw(some.integers(0, len(xml) - 1))] = data.draw(some.integers(0, 255))
    assert all(isinstance(each, Document | Refusal) for each in read(changed(content, SHEET, whole, bytes(xml))))


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def archive(**parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package_:
        for name, text in parts.items():
            package_.writestr(name.replace("__", "/").replace("_", "."), text)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (OLE, "an old Excel file (.xls): in the spreadsheet program choose File, Save as, Excel workbook (.xlsx)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "locked with a password: save it without one"),
        (archive(xl__workbook_bin=b""), "a binary workbook (XLSB): save it as an Excel workbook (.xlsx)"),
        (archive(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "an OpenDocument sheet: save it as"),
        (archive(a_csv=b"Number"), "an archive that is no Excel workbook: name the files in it"),
        (b"PK\x03\x04" + b"\0" * package.LARGEST, "larger than 20 MB"),
    ],
    ids=range(6),
)
def test_what_is_no_workbook_says_what_to_do(content, reason):
    assert refused(content).reason.startswith(reason)


def test_a_workbook_without_invoices_says_what_its_headings_are(workbook):
    found = refused(workbook(["Beleg", "Wer", "Wann"], [1, 2, 3]))
    assert 'say which does with --map "HEADING=number", of “Beleg”, “Wer”, “Wann”' in found.reason
    assert refused(workbook([])).reason == "empty"


def test_macros_are_neither_run_nor_an_obstacle(workbook):
    content = io.BytesIO(workbook(HEAD, ROW))
    with zipfile.ZipFile(content, "a") as with_macros:
        with_macros.writestr("xl/vbaProject.bin", OLE)
    assert one(content.getvalue()).number == "GL-1"


def test_what_openpyxl_reads_is_what_is_read_here(workbook):
    content = workbook([], HEAD, ROW, [], ["GL-2", *ROW[1:]])
    lines = [
        row[0].row for row in openpyxl.load_workbook(io.BytesIO(content)).active if row[0].value and row[0].row > 2
    ]
    assert [each.line for each in read(content)] == lines
