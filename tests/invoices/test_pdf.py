"""Invoices on paper: what stands on them, in any script and length. The text is read back from the bytes."""

import re
import zlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from services.invoices.pdf import Paper, render
from services.model import Details, Invoice, InvoiceState, Money, SheetLine

MADE = datetime(2026, 2, 14, 12, 30, tzinfo=UTC)
OWED = Invoice(
    "book:1",
    "INV-1042",
    "1",
    "book:c",
    "Dana Whitfield",
    Money(12000, "USD"),
    Money(12000, "USD"),
    date(2026, 2, 14),
    due_date=date(2026, 3, 16),
)
DANA = Details("Dana Whitfield", "218 Larkfield Street", "San Francisco", "CA", "94107", "dana@example.com")
LINES = (SheetLine("Mowing", Money(9000, "USD"), "3 visits"), SheetLine("Hedge trimming", Money(3000, "USD")))
PAPER = Paper("Green Lane Lawn Care", OWED, DANA, LINES, MADE)


def words(pdf):
    """Every piece of text on the pages, in the order in which it was set; glyphs are told by the font's own table."""
    streams = re.findall(rb"<<([^\x00]*?)>>\nstream\n(.*?)\nendstream", pdf, re.DOTALL)
    parts = [zlib.decompress(raw) if b"FlateDecode" in head else raw for head, raw in streams]
    (table,) = [part for part in parts if b"beginbfchar" in part]
    letters = {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for glyph, text in re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>", table)
    }
    said = []
    for part in parts:
        for piece in re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", part, re.DOTALL):
            raw = re.sub(
                rb"\\(.)", lambda found: {b"n": b"\n", b"r": b"\r"}.get(found[1], found[1]), piece, flags=re.DOTALL
            )
            said.append("".join(letters[int.from_bytes(raw[at : at + 2])] for at in range(0, len(raw), 2)))
    return said


def test_an_invoice_says_whose_it_is_what_for_and_what_is_due():
    assert words(render(PAPER)) == [
        "Green Lane Lawn Care",
        "Invoice INV-1042",
        "Dana Whitfield",
        "218 Larkfield Street",
        "San Francisco CA 94107",
        "Number INV-1042",
        "Issued 2026-02-14",
        "Due 2026-03-16",
        "What",
        "How much",
        "Amount",
        "Mowing",
        "3 visits",
        "90.00 USD",
        "Hedge trimming",
        "30.00 USD",
        "Total",
        "120.00 USD",
        "Amount due",
        "120.00 USD",
    ]


def test_the_same_values_make_the_same_bytes_and_no_clock_is_read():
    assert render(PAPER) == render(PAPER)
    assert b"/CreationDate (D:20260214123000" in render(PAPER)
    assert render(replace(PAPER, made=MADE.replace(day=15))) != render(PAPER)


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"due": Money(7000, "USD")}, ["Total", "120.00 USD", "Paid and credited", "-50.00 USD", "Amount due", "70.00 USD"]),
        ({"due": Money(-500, "USD"), "state": InvoiceState.PAID}, ["Paid and credited", "-125.00 USD", "Amount due", "-5.00 USD"]),
        ({"total": Money(14280, "USD"), "due": Money(14280, "USD")}, ["Tax, charges and discounts", "22.80 USD", "Total", "142.80 USD", "Amount due", "142.80 USD"]),
        ({"state": InvoiceState.VOID}, ["Total", "120.00 USD"]),
        ({"state": InvoiceState.CREDIT}, ["Total", "120.00 USD"]),
    ],
)  # fmt: skip
def test_each_sum_follows_from_those_above_it(change, ends):
    assert words(render(replace(PAPER, invoice=replace(OWED, **change))))[-len(ends) :] == ends


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (InvoiceState.PAID, "Invoice, paid"),
        (InvoiceState.VOID, "Invoice, void: nothing is owed on it"),
        (InvoiceState.CREDIT, "Credit note INV-1042"),
    ],
)
def test_what_is_not_owed_is_not_called_owed(state, said):
    assert words(render(replace(PAPER, invoice=replace(OWED, state=state))))[1] == said


def test_what_is_not_known_leaves_no_gap():
    bare = Paper("", replace(OWED, due_date=None), Details("Dana"), (), MADE)
    assert words(render(bare))[:4] == ["Invoice INV-1042", "Dana", "Number INV-1042", "Issued 2026-02-14"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Jörg Müller", "Jörg Müller"),
        ("Ελένη", "Ελένη"),
        ("Жанна", "Жанна"),
        ("Nguyễn Thị Ước", "Nguyễn Thị Ước"),
        ("みどり Teahouse", "\ufffd\ufffd\ufffd Teahouse"),
        ("Dana 🧾", "Dana \ufffd"),
        ("Da\x00na\u202e \ud800", "Dana \ufffd"),
        ("a) Tj (b \\", "a) Tj (b \\"),
        ("%PDF **bold** __x__", "%PDF **bold** __x__"),
    ],
)
def test_a_letter_that_the_font_lacks_is_seen_to_be_missing(name, shown):
    assert shown in words(render(replace(PAPER, customer=replace(DANA, name=name))))


@settings(max_examples=40, deadline=None)
@given(some.text(), some.text(), some.text(max_size=300), some.text(max_size=40), some.integers(-(10**15), 10**15))
def test_no_text_and_no_sum_breaks_a_page(name, number, text, quantity, minor):
    line = SheetLine(text, Money(minor, "JPY"), quantity)
    invoice = replace(OWED, number=number, total=Money(minor, "JPY"), due=Money(minor, "JPY"))
    assert render(Paper(name, invoice, Details(name, city=text), (line,), MADE)).startswith(b"%PDF-")


def test_many_and_long_lines_fill_pages_under_the_same_headings():
    long = SheetLine("w" * 300, Money(1, "USD"), "1234567890 1234567890 1234567890 123456")
    said = words(render(replace(PAPER, lines=(long, *LINES * 60))))
    assert said.count("What") == said.count("How much") > 3
    assert said.count("Mowing") == said.count("Hedge trimming") == 60
    assert sum(piece.count("w") for piece in said if set(piece) == {"w"}) == 300


@pytest.mark.parametrize(("currency", "width"), [("USD", b"612.00"), ("EUR", b"595.28")])
def test_paper_has_the_size_of_its_country(currency, width):
    paper = replace(PAPER, lines=(), invoice=replace(OWED, total=Money(1, currency), due=Money(1, currency)))
    assert b"/MediaBox [0 0 " + width in render(paper)
