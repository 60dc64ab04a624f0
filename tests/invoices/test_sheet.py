"""Sheets: what headings mean, what a line says, and the place of every refusal."""

from datetime import date

import pytest

from services.invoices import sheet
from services.invoices.document import BilledLine, Document, Refusal
from services.invoices.line import Asked
from services.model import Money

HEAD = "Invoice No.,Customer,E-mail,ZIP code,Total,Balance Due,Currency,Invoice Date,Due Date,Status"
ROW = "GL-1,Dana Whitfield,dana@example.com,94107,120.00,100.00,USD,2026-02-20,2026-03-16,Open"


def read(content, **other):
    content = content.encode() if isinstance(content, str) else content
    return list(sheet.read("a.csv", content, Asked(**({"default_currency": "USD", "supplier": "Green Lane"} | other))))


def one(content, **other):
    (found,) = read(content, **other)
    assert isinstance(found, Document), found
    return found


def refused(content, **other):
    (found,) = read(content, **other)
    assert isinstance(found, Refusal), found
    return found


def test_a_line_says_who_owes_what():
    found = one(f"{HEAD}\n{ROW}\n")
    assert (found.number, found.supplier, found.kind, found.voided) == ("GL-1", "green lane", "invoice", False)
    assert (found.name, found.email, found.zip) == ("Dana Whitfield", "dana@example.com", "94107")
    assert (found.total, found.due) == (Money(12000, "USD"), Money(10000, "USD"))
    assert (found.issued, found.due_date, found.line) == (date(2026, 2, 20), date(2026, 3, 16), 2)


@pytest.mark.parametrize(
    "head",
    [
        "invoice number,customer name,email,zip,amount,open balance,currency,date,due date,status",
        "INVOICE #,Client,Email Address,Postal Code,Grand total,Outstanding,CCY,Issued,Pay by,Payment status",
        "*InvoiceNumber,*ContactName,EmailAddress,POPostalCode,Total,AmountDue,Currency Code,*InvoiceDate,*DueDate,Status",
        "Num,Bill to,Billing email,Postcode,Invoice total,Balance,Cur,Issue date,Due on,Invoice status",
    ],
)
def test_headings_of_other_programs_mean_the_same(head):
    told = one(f"{head}\n{ROW}\n")
    assert told.hash == one(f"{HEAD}\n{ROW}\n").hash


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found_whatever_the_line_ends_with(mark, ending):
    text = ending.join(line.replace(",", mark) for line in (HEAD, ROW)) + ending
    assert one(text).due == Money(10000, "USD")
    assert one(f"sep={mark}{ending}{text}").line == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_name_with_umlauts_survives_the_encoding(encoding):
    assert one(f"{HEAD}\n{ROW.replace('Dana', 'Jörg')}\n".encode(encoding)).name == "Jörg Whitfield"


def test_a_quoted_cell_may_hold_marks_and_line_ends_and_lines_are_still_counted():
    first = ROW.replace("Dana Whitfield", '"Whitfield, Dana\nc/o ""Green"""')
    found = read(f"{HEAD}\n\n{first}\n{ROW.replace('GL-1', 'GL-2')}\n")
    assert [each.line for each in found] == [3, 5]
    assert found[0].name == 'Whitfield, Dana c/o "Green"'


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_a_name_that_looks_like_a_formula_stays_text(name):
    quoted = '"' + name.replace('"', '""') + '"'
    assert one(f"{HEAD}\n{ROW.replace('Dana Whitfield', quoted)}\n").name == name


def test_currency_and_supplier_come_from_outside_where_the_sheet_is_silent():
    head, row = HEAD.replace("Currency", "Supplier"), ROW.replace(",USD,", ",,")
    found = one(f"{head}\n{row}\n", default_currency="EUR", supplier="Blue Lane")
    assert (found.total.currency, found.supplier) == ("EUR", "blue lane")
    assert one(f"{head}\n{ROW.replace(',USD,', ',Red Lane,')}\n").supplier == "red lane"
    assert refused(f"{head}\n{row}\n", default_currency=None).reason.startswith("currency: neither in the sheet nor")


def test_customers_of_one_name_are_one_only_with_one_number():
    assert one(f"{HEAD}\n{ROW}\n").customer != one(f"{HEAD}\n{ROW.replace('94107', '10001')}\n").customer
    head, row = f"{HEAD},Customer ID", f"{ROW},C-7"
    assert one(f"{head}\n{row}\n").customer == one(f"{head}\n{row.replace('94107', '10001')}\n").customer


@pytest.mark.parametrize(
    ("old", "new", "kind", "due", "voided"),
    [
        ("Open", "Void", "invoice", 10000, True),
        ("Open", "Cancelled", "invoice", 10000, True),
        ("100.00,USD,2026-02-20,2026-03-16,Open", ",USD,2026-02-20,,Paid", "invoice", 0, False),
        ("100.00,USD,2026-02-20,2026-03-16,Open", "0,USD,2026-02-20,,Paid", "invoice", 0, False),
        ("Open", "Partially Paid", "invoice", 10000, False),
        (",100.00,", ",,", "invoice", 12000, False),
        (",120.00,", ",,", "invoice", 10000, False),
        ("120.00,100.00", "(120.00),(120.00)", "credit", -12000, False),
        ("120.00,100.00", "120.00,-5.00", "invoice", -500, False),
    ],
)
def test_status_and_signs_say_what_can_be_paid(old, new, kind, due, voided):
    found = one(f"{HEAD}\n{ROW.replace(old, new)}\n")
    assert (found.kind, found.due.minor, found.voided) == (kind, due, voided)


def test_columns_for_void_and_type_are_understood():
    assert one(f"{HEAD},Void\n{ROW},YES\n").voided is True
    assert one(f"{HEAD},Void\n{ROW},no\n").voided is False
    assert one(f"{HEAD},Type\n{ROW},Credit Memo\n").kind == "credit"


@pytest.mark.parametrize(
    ("old", "new", "column", "reason"),
    [
        ("GL-1", "", 1, "number: an invoice number needs a letter or a digit"),
        ("GL-1", "GL\x07-1", 1, "number: holds control characters or hidden changes of direction"),
        ("Dana Whitfield", " ", 2, "name: empty"),
        ("dana@", "dana ", 3, "email: not an e-mail address"),
        ("94107", "9" * 33, 4, "zip: longer than 32 characters"),
        ("120.00", "soon", 5, "total: not an amount"),
        ("120.00,100.00", ",", 5, "total: empty"),
        ("100.00", "€100.00", 6, "due: the amount says €, the currency is USD"),
        ("100.00", "100.005", 6, "due: an amount in USD has at most 2 decimals"),
        ("USD", "EUX", 7, "currency: “EUX” is not a currency code of ISO 4217"),
        ("2026-02-20", "", 8, "issued: not a date that Remit can read: write 2026-12-31"),
        ("2026-03-16", "2026-02-30", 9, "due date: no such day in the calendar"),
        ("2026-03-16", "03/04/2026", 9, "due date: “03/04/2026” could be two days, and no other date of the file settles it: write 2026-12-31"),
        ("Open", "Draft", 10, "status: not one that Remit knows: open, paid, partly paid, void (leave drafts out)"),
        ("Open", "Paid", 10, "status: paid, yet a balance is open"),
        ("100.00,USD,2026-02-20,2026-03-16,Open", ",USD,2026-02-20,,Partial", 10, "status: partly paid, but no column says what is still open"),
        ("Open", "Open,surplus", 11, "more cells than headings (an unquoted mark inside a cell?)"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_refused_with_line_column_and_reason(old, new, column, reason):
    found = refused(f"{HEAD}\n{ROW.replace(old, new)}\n")
    assert (found.line, found.column, found.reason) == (2, column, reason)


def test_a_refusal_never_repeats_a_name_an_address_or_a_card_number():
    for cell in ("Dana Whitfield", "dana@example.com", "94107", "120.00", "USD", "2026-02-20", "Open"):
        row = ROW.replace(cell, "4242424242424242\x07")
        for found in read(f"{HEAD}\n{row}\n"):
            assert isinstance(found, Refusal)
            assert not any(secret in found.reason for secret in ("4242", "Dana", "dana", "94107"))


def test_the_bad_lines_are_told_beside_the_good_ones():
    found = read(f"{HEAD}\n{ROW}\n{ROW.replace('120.00', 'x')}\n{ROW.replace('GL-1', 'GL-3')}\n")
    assert [(type(each), each.line) for each in found] == [(Document, 2), (Refusal, 3), (Document, 4)]


def test_a_sheet_with_a_wrong_column_stops_after_a_hundred_reasons():
    found = read(HEAD + "\n" + (ROW.replace("120.00", "x") + "\n") * 5000)
    assert len(found) == 101
    assert found[-1].reason == "100 lines were refused; the rest was not read"


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("hello\n", 1, "neither XML nor a sheet of invoices: no heading means number, name, issued, total or balance"),
        (
            "Invoice,Customer,Date\n1,2,3\n",
            1,
            'neither XML nor a sheet of invoices: no heading means total or balance; say which does with --map "HEADING=number", of “Invoice”, “Customer”, “Date”',
        ),
        (f"{HEAD}\n", None, "no invoices below the headings"),
        (f"{HEAD},Amount\n{ROW},1\n", 1, "columns 5 and 11 could both be the total: leave one out"),
        (f"{HEAD},Customer\n{ROW},x\n", 1, "columns 2 and 11 could both be the name: leave one out"),
        (f"{HEAD},Due\n{ROW},x\n", 1, "“Due” could be a day or a sum: call it Due date or Balance due"),
        (f'{HEAD}\n"{ROW}\n', 2, "quotation marks that do not match, or a cell of more than 128 kB"),
        (f"{HEAD}\n{ROW}{'x' * 200_000}\n", 2, "quotation marks that do not match, or a cell of more than 128 kB"),
        (b"a\0b", None, "not a text file"),
        (b"caf\xe9 \x81", None, "neither UTF-8 nor Windows-1252 text"),
        (b"\xff\xfe\x00", None, "neither UTF-8 nor Windows-1252 text"),
        (b"," * (sheet.LARGEST + 1), None, "larger than 20 MB"),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_sheet_says_why(content, line, reason):
    found = refused(content)
    assert (found.reason, found.line) == (reason, line)


def test_too_many_lines_are_refused(monkeypatch):
    monkeypatch.setattr(sheet, "MOST_ROWS", 2)
    found = read(f"{HEAD}\n" + "".join(ROW.replace("GL-1", f"GL-{n}") + "\n" for n in range(5)))
    assert [type(each) for each in found] == [Document, Document, Refusal]
    assert (found[-1].line, found[-1].reason) == (4, "more than 2 lines: split the file")


LINES = f"{HEAD},Description,Qty,Unit,Line amount"


def lined(*ends):
    return "\n".join([LINES, *(f"{ROW},{end}" for end in ends)]) + "\n"


def test_lines_of_the_sheet_that_stand_together_are_lines_of_one_invoice():
    found = one(lined("Mowing,3,visits,90.00", "Hedge trimming,,,30.00"))
    assert found.lines == (BilledLine("Mowing", "3 visits", 9000), BilledLine("Hedge trimming", "", 3000))
    assert (found.total, found.due, found.line) == (Money(12000, "USD"), Money(10000, "USD"), 2)
    assert found.hash not in (one(lined("Mowing,3,visits,90.00")).hash, one(lined(",,,")).hash)


def test_two_lines_that_are_alike_are_two():
    found = one(lined("Mowing,1,,60.00", "Mowing,1,,60.00"))
    assert found.lines == (BilledLine("Mowing", "1", 6000),) * 2


def test_lines_that_say_another_thing_of_the_invoice_are_another_document():
    text = lined("Mowing,,,90.00", "Hedge trimming,,,30.00").splitlines()
    for other in (text[2].replace("100.00", "90.00"), text[2].replace("GL-1", "GL-2"), text[2].replace("Dana", "D.")):
        found = read("\n".join([*text[:2], other]))
        assert [len(each.lines) for each in found] == [1, 1]
    apart = read("\n".join([*text[:2], text[1].replace("GL-1", "GL-2"), text[2]]))
    assert [each.number for each in apart] == ["GL-1", "GL-2", "GL-1"]


def test_a_refused_line_breaks_no_invoice_in_two():
    first, second = read(lined("Mowing,,,90.00", "Edging,,,soon", "Hedge trimming,,,30.00"))
    assert (first.line, first.column, first.reason) == (3, 14, "line amount: not an amount")
    assert len(second.lines) == 2


def test_a_description_without_a_sum_of_its_own_is_no_line():
    found = one(f"{HEAD},Description\n{ROW},Mowing\n")
    assert found.lines == ()
    assert found.hash == one(f"{HEAD}\n{ROW}\n").hash  # what was imported before Remit kept lines is unchanged


@pytest.mark.parametrize(
    ("end", "column", "reason"),
    [
        ("Mowing,,,", 14, "line amount: empty, and the line says what it bills"),
        (",,,90.00", 11, "line: empty, and the line has a sum"),
        ("Mowing,,,90.005", 14, "line amount: an amount in USD has at most 2 decimals"),
        ("Mowing,,,€90.00", 14, "line amount: the amount says €, the currency is USD"),
        (f"Mowing,{'9' * 25},,90.00", 12, "quantity: longer than 24 characters"),
        ("Mowing,1,a long word for it,90.00", 13, "unit: longer than 12 characters"),
        ("Mow\x07ing,,,90.00", 11, "line: holds control characters or hidden changes of direction"),
    ],
)
def test_what_is_wrong_with_a_line_has_its_place(end, column, reason):
    found = refused(lined(end))
    assert (found.reason, found.line, found.column) == (reason, 2, column)


def test_two_columns_that_could_both_be_a_lines_sum_are_refused():
    assert "could both be the line_amount" in refused(f"{LINES},Line total\n{ROW},Mowing,,,1.00,2.00\n").reason


def test_a_lines_sum_settles_how_the_sums_of_the_file_are_written():
    head = LINES.replace(",", ";")
    row = ROW.replace("120.00", "1.200").replace("100.00", "1.200").replace(",", ";")
    assert one(f"{head}\n{row};Mowing;;;12,50\n").total == Money(120000, "USD")


def test_the_whole_address_and_telephone_are_read():
    found = one(f'{HEAD},Street,City,State/Province,Phone\n{ROW},"9 Elm Road\nApt 4",Oakland,CA,+1 415 555 0117\n')
    assert (found.street, found.city, found.region, found.phone) == (
        "9 Elm Road Apt 4",
        "Oakland",
        "CA",
        "+1 415 555 0117",
    )
    assert refused(f"{HEAD},Phone\n{ROW},{'5' * 41}\n").reason == "phone: longer than 40 characters"
