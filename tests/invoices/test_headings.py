"""Headings in several languages, reports with lines around their invoices, and what somebody said of headings."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.errors import Misconfigured
from services.invoices import mappings, sheet
from services.invoices.document import Document, Refusal, Refused
from services.invoices.headings import FIELDS, signature, told_mapping
from services.invoices.importing import import_files
from services.invoices.line import Asked
from services.model import Money

PAYLOADS = Path(__file__).parent.parent / "payloads" / "quickbooks"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def read(content, found=None):
    content = content.encode() if isinstance(content, str) else content
    return list(sheet.read("a.csv", content, Asked("USD", "Green Lane"), found))


def one(content):
    (found,) = read(content)
    assert isinstance(found, Document), found
    return found


# --- other languages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Rechnungsnr.;Kunde;PLZ;Rechnungsdatum;Fällig am;Gesamtbetrag;Offener Betrag\nR-1;Jörg;80539;20.02.2026;16.03.2026;1.250,00;1.000,50\n",
        "N.º de factura;Cliente;Código postal;Fecha;Vencimiento;Importe;Saldo pendiente\nR-1;Jörg;80539;20/02/2026;16/03/2026;1.250,00;1.000,50\n",
        "FACTURA;NOMBRE DEL CLIENTE;CP;FECHA DE EMISION;FECHA DE VENCIMIENTO;TOTAL;PENDIENTE\nR-1;Jörg;80539;20/02/2026;16/03/2026;1250,00;1000,50\n",
        "Invoice;Customer;ZIP;Date;Due date;Total;Balance\nR-1;Jörg;80539;2026-02-20;2026-03-16;1250.00;1000.50\n",
    ],
    ids=("de", "es", "ES", "en"),
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_sheet_of_seven_columns_means_the_same_in_every_language(text, encoding):
    found = one(text.encode(encoding))
    assert (found.number, found.name, found.zip) == ("R-1", "Jörg", "80539")
    assert (found.total, found.due) == (Money(125000, "USD"), Money(100050, "USD"))
    assert (found.issued, found.due_date) == (date(2026, 2, 20), date(2026, 3, 16))


@pytest.mark.parametrize(
    ("status", "due", "voided"),
    [("bezahlt", 0, False), ("offen", 500, False), ("überfällig", 500, False), ("storniert", 500, True), ("pagada", 0, False), ("anulada", 500, True)],
)  # fmt: skip
def test_the_status_is_understood_in_every_language(status, due, voided):
    found = one(f"Nummer,Kunde,Datum,Betrag,Status\nR-1,Jörg,2026-02-20,5.00,{status}\n")
    assert (found.due.minor, found.voided) == (due, voided)


# --- QuickBooks -----------------------------------------------------------------------------------------------------


def as_workbook(workbook, text):
    import csv  # noqa: PLC0415  # here alone

    return workbook(*csv.reader(text.splitlines()))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_report_of_open_invoices_is_read_by_customer(workbook, kind):
    text = (PAYLOADS / "open_invoices.csv").read_text(encoding="utf-8")
    found = sheet.Reading()
    read_ = read(text if kind == "csv" else as_workbook(workbook, text), found)
    assert [(each.number, each.name, each.kind, each.due.minor) for each in read_] == [
        ("1041", "Dana Whitfield", "invoice", 125000),
        ("1037", "Reyes & Sons", "invoice", 8850),
        ("CM-3", "Reyes & Sons:Workshop", "credit", -2000),
    ]
    assert [each.line for each in read_] == [7, 11, 13]
    assert (read_[0].issued, read_[0].due_date) == (date(2026, 11, 1), date(2026, 12, 1))
    assert found.left_out == {"Payment": 1}


def test_a_report_with_the_customer_in_each_line_is_read_without_its_totals():
    text = (PAYLOADS / "invoice_list.csv").read_text(encoding="utf-8")
    assert [(each.number, each.name, each.total.minor, each.due.minor) for each in read(text)] == [
        ("1041", "Dana Whitfield", 130000, 125000),
        ("1037", "Reyes & Sons:Workshop", 8850, 8850),
    ]


def test_no_line_of_a_report_that_says_a_sum_is_lost_in_silence():
    text = (PAYLOADS / "open_invoices.csv").read_text(encoding="utf-8")
    for old, new in (
        (",11/01/2026,Invoice,1041,", ",,Invoice,,"),  # neither a number nor a day, yet a sum
        ("Total for Dana Whitfield", "Total for Somebody"),  # of nobody who stands above
        (",10/15/2026,Invoice,1037,", ",10/15/2026,Estimate,1037,"),
    ):
        assert any(isinstance(each, Refusal) for each in read(text.replace(old, new))), old
    assert isinstance(read(text.replace("Dana Whitfield,,,,,,\n", ""))[0], Refusal)


def test_a_customer_who_is_called_total_is_no_total():
    found = read(
        "Number,Customer,Date,Total\nGL-1,Total Fitness,2026-02-20,5.00\n,Total Fitness,,6.00\nTotal,,,11.00\n"
    )
    assert found[0].name == "Total Fitness"
    assert found[1].reason == "number: an invoice number needs a letter or a digit"
    assert len(found) == 2


async def test_a_report_without_totals_brings_a_lower_balance_and_no_conflict(transact):
    text = (PAYLOADS / "open_invoices.csv").read_bytes()
    settings = {"default_currency": "USD", "supplier": "Green Lane"}
    first = await import_files(transact, [("a.csv", text)], **settings)
    assert (first.imported, first.refused) == (3, ())
    assert first.notes == ("a.csv: lines that are no invoices were left out: Payment 1",)
    later = text.replace(b'"1,250.00"', b"250.00")
    again = await import_files(transact, [("a.csv", later)], **settings)
    assert (again.updated, again.unchanged, again.refused) == (1, 2, ())
    higher = await import_files(transact, [("a.csv", text.replace(b"1,250.00", b"9,250.00"))], **settings)
    assert "conflict" in higher.refused[0].reason  # more than the whole invoice


# --- what somebody said -----------------------------------------------------------------------------------------------

STRANGE = "Beleg;Wer;Wann;Wieviel\nR-1;Dana;31.12.2026;1.250,00\n"
TOLD = told_mapping(["Beleg=number", "Wer=customer", "Wann=issued", "Wieviel=total"])


async def bring(transact, text=STRANGE, **other):
    settings = {"default_currency": "USD", "supplier": "Green Lane", "now": NOON} | other
    return await import_files(transact, [("a.csv", text.encode())], **settings)


async def test_what_was_said_once_of_headings_is_known_from_then_on(transact):
    assert (await bring(transact)).refused
    first = await bring(transact, mapping=TOLD)
    assert first.imported == 1
    assert first.notes == (
        "a.csv: “Beleg” is number, “Wer” is customer, “Wann” is issued, “Wieviel” is total (as told)",
    )
    again = await bring(transact)
    assert (again.unchanged, again.refused) == (1, ())
    assert again.notes[0].endswith("(as remembered)")
    (kept,) = await transact(mappings.listed)
    assert (kept.headings, kept.mapped["Wieviel"]) == (("Beleg", "Wer", "Wann", "Wieviel"), "total")
    assert await transact(lambda conn: mappings.forget(conn, kept.signature)) is True
    assert await transact(lambda conn: mappings.forget(conn, kept.signature)) is False
    assert (await bring(transact)).refused


async def test_nothing_is_remembered_of_what_was_not_written(transact):
    await bring(transact, mapping=TOLD, dry_run=True)
    await bring(transact, STRANGE.replace("1.250,00", "soon"), mapping=TOLD)
    assert await transact(mappings.listed) == []


async def test_what_is_said_counts_before_what_headings_mean_and_before_what_was_said_earlier(transact):
    text = "Number,Customer,Date,Total,Net total\nGL-1,Dana,2026-02-20,5.00,4.00\n"
    assert (await bring(transact, text)).imported == 1
    (told,) = read(text)
    mapped = sheet.read("a", text.encode(), Asked("USD", "s", mappings=sheet_mappings({"Net total": "total"})))
    assert (told.total.minor, next(mapped).total.minor) == (500, 400)
    ignored = sheet.read(
        "a", text.encode(), Asked("USD", "s", mappings=sheet_mappings({"Total": "", "Net total": "due"}))
    )
    assert next(ignored).due.minor == 400


def sheet_mappings(told):
    from services.invoices.headings import Mappings  # noqa: PLC0415  # here alone

    return Mappings(told)


async def test_a_heading_that_is_not_there_is_refused_and_the_headings_are_named(transact):
    (refused,) = (await bring(transact, mapping={"Nummer": "number"})).refused
    assert refused.reason == "no column is headed “Nummer”: these are “Beleg”, “Wer”, “Wann”, “Wieviel”"


async def test_to_remember_needs_an_instant(transact):
    with pytest.raises(Misconfigured):
        await bring(transact, mapping=TOLD, now=None)


@pytest.mark.parametrize(
    "pair", ["Beleg", "=number", "Beleg=nonsense", "Beleg=", "#=", "Beleg=number;", "Beleg=number=x"]
)
def test_what_is_no_mapping_is_refused_with_the_fields_that_there_are(pair):
    with pytest.raises(Refused, match=r"is no mapping: write HEADING=FIELD, where FIELD is one of number, customer"):
        told_mapping([pair])


def test_a_field_or_heading_is_mapped_once():
    for pairs in (["A=number", "B=number"], ["A=number", "a =total"]):
        with pytest.raises(Refused, match="mapped twice"):
            told_mapping(pairs)
    assert told_mapping(["A=B=ignore", "c=ignore", "d=due_date"]) == {"A=B": "", "c": "", "d": "due_date"}
    assert set(FIELDS.values()) >= {"number", "name", "issued", "total", "due"}


@given(some.lists(some.text(max_size=8), max_size=6))
def test_the_signature_is_of_the_headings_alone(texts):
    assert signature(texts) == signature(
        [*(text.upper().lower() for text in map(str.casefold, texts)), "", " "]
    ) or any(not text.isascii() for text in texts)
    assert len(signature(texts)) == 12
