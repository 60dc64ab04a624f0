"""What goes out to spreadsheets and books: every sum once, in the business's days, and no cell that anything works out."""

import csv
import io
from datetime import datetime
from decimal import Decimal

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as some
from world import TOKEN

from bot.importing import ImportOrder, Told
from services import spreadsheets
from services.invoices.workbook import Workbook
from services.model import Line, Method, Money, Quote
from services.payments import journal, register, starts
from services.payments.gateways.base import Fact, FactKind

HEADERS = {"authorization": f"Bearer {TOKEN}"}
EVIL = '=HYPERLINK("http://x","Dana")'


class Payments:
    """Payments that are begun here and paid by the gateway's word."""

    def __init__(self, world):
        self.world = world
        self.nth = 0

    async def say(self, reference, kind, minor, currency="USD", **other):
        self.nth += 1
        told = Fact(f"e{self.nth}", reference, kind, self.world.clock(), Money(minor, currency), Method.CARD, **other)
        await self.world.remit.checkout.take([told])

    async def pay(self, *lines, name="Dana Whitfield", fee=0, currency="USD"):
        """One payment on these ``(number, minor units)``; its reference."""
        self.nth += 1
        quoted = tuple(Line(f"portal:{number}", number, "1", Money(minor, currency)) for number, minor in lines)
        quote = Quote(quoted, Method.CARD, name, "94107", fee_minor=fee)
        checkout, now = self.world.remit.checkout, self.world.clock()
        order = starts.Order(f"k{self.nth}", "web:1", f"m{self.nth}", quote, checkout.gateway.name, "https://x", {})
        begun = await self.world.remit.transact(
            lambda conn: starts.begin(conn, order, now, self.world.chance.randbytes)
        )
        await self.say(begun.reference, FactKind.SUCCEEDED, sum(minor for _, minor in lines) + fee, currency)
        return str(begun.reference)


@pytest.fixture
def payments(world):
    return Payments(world)


async def export(world, **order):
    answer = await world.browser.post("http://remit/internal/export/payments", json=order, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return answer.content


async def table(world, **order):
    return list(csv.DictReader(io.StringIO((await export(world, **order)).decode(), newline="")))


def sums(row):
    return tuple(row[name] for name in ("Paid on invoice", "Fee", "Given back", "Fee given back", "Kept"))


async def test_a_payment_has_a_line_for_each_of_its_invoices_and_the_lines_add_up(world, payments):
    reference = await payments.pay(("INV-1", 10000), ("INV-2", 2050), fee=250)
    first, second = await table(world)
    assert (first["Payment"], first["Invoice"], second["Invoice"]) == (reference, "INV-1", "INV-2")
    assert (first["Customer"], first["Method"], first["Status"], first["Currency"]) == (
        "Dana Whitfield",
        "card",
        "succeeded",
        "USD",
    )
    assert (sums(first), sums(second)) == (
        ("100.00", "2.50", "0.00", "0.00", "102.50"),
        ("20.50", "0.00", "0.00", "0.00", "20.50"),
    )


async def test_what_went_back_stands_beside_what_was_paid_and_both_come_to_what_the_journal_holds(world, payments):
    one = await payments.pay(("INV-1", 10000), ("INV-2", 2000), fee=1200)
    await payments.say(one, FactKind.REFUNDED, 3300, refund="r1")
    two = await payments.pay(("INV-3", 700))
    await payments.say(two, FactKind.RETURNED, 700)
    three = await payments.pay(("INV-4", 900))
    await payments.say(three, FactKind.REFUNDED, 900, refund="r2")
    await payments.say(three, FactKind.REFUND_FAILED, 900, refund="r2")
    rows = await table(world)
    assert [sums(row) for row in rows if row["Payment"] == one] == [
        ("100.00", "12.00", "10.00", "3.00", "99.00"),
        ("20.00", "0.00", "20.00", "0.00", "0.00"),
    ]
    assert [sums(row)[-1] for row in rows if row["Payment"] in (two, three)] == ["0.00", "9.00"]
    balance = (await world.remit.transact(journal.trial_balance))["USD"]
    kept = sum(Decimal(row["Kept"]) for row in rows)
    assert kept * 100 == sum(balance.get(account, 0) for account in journal.KEPT)
    moved = await table(world, format="quickbooks")
    assert sum(Decimal(row["Amount"]) for row in moved) == kept


async def test_days_are_the_businesss_own_and_both_ends_are_in(world, payments):
    zone = world.settings.zone
    late = datetime(2026, 3, 31, 23, 30, tzinfo=zone)
    world.clock.advance(seconds=(late - world.clock()).total_seconds())
    await payments.pay(("INV-1", 100))
    world.clock.advance(hours=1)
    await payments.pay(("INV-2", 200))
    assert [row["Date"] for row in await table(world)] == ["2026-03-31", "2026-04-01"]

    async def of(**days):
        return [row["Invoice"] for row in await table(world, **days)]

    assert await of(since="2026-03-31", until="2026-03-31") == ["INV-1"]
    assert await of(since="2026-04-01") == ["INV-2"]
    assert await of(until="2026-03-30") == []
    crossed = await world.browser.post(
        "http://remit/internal/export/payments", json={"since": "2026-04-02", "until": "2026-04-01"}, headers=HEADERS
    )
    assert (crossed.status_code, crossed.json()["error"]["message"]) == (400, "--from is after --to")


async def test_no_name_is_a_formula_in_any_format(world, payments):
    await payments.pay(("INV-1", 100), name=EVIL)
    (row,) = await table(world)
    assert row["Customer"] == f"'{EVIL}"
    (line,) = await table(world, format="quickbooks")
    assert line["Description"].endswith("HYPERLINK http x Dana")


async def test_quickbooks_gets_three_columns_and_a_line_for_each_movement(world, payments):
    reference = await payments.pay(("INV-1", 10000), ("INV-2", 2050))
    await payments.say(reference, FactKind.REFUNDED, 500, refund="r1")
    other = await payments.pay(("INV-3", 900))
    await payments.say(other, FactKind.DISPUTED, 900)
    await payments.say(other, FactKind.WON, 900)
    document = (await export(world, format="quickbooks", bom=True)).decode("utf-8-sig").split("\r\n")
    day = world.clock().astimezone(world.settings.zone).strftime("%m/%d/%Y")
    assert document[0] == '"Date","Description","Amount"'
    assert sorted(document[1:-1]) == sorted(
        [
            f'"{day}","Payment {reference} invoice INV-1 INV-2 Dana Whitfield",120.50',
            f'"{day}","Refund {reference} invoice INV-1 INV-2 Dana Whitfield",-5.00',
            f'"{day}","Payment {other} invoice INV-3 Dana Whitfield",9.00',
            f'"{day}","Dispute {other} invoice INV-3 Dana Whitfield",-9.00',
            f'"{day}","Dispute won {other} invoice INV-3 Dana Whitfield",9.00',
        ]
    )
    month, of_month, year = day.split("/")
    assert (await table(world, format="quickbooks", days="dmy"))[0]["Date"] == f"{of_month}/{month}/{year}"


async def test_one_file_for_quickbooks_has_one_currency(world, payments):
    await payments.pay(("INV-1", 100))
    await payments.pay(("INV-2", 200), currency="EUR")
    answer = await world.browser.post(
        "http://remit/internal/export/payments", json={"format": "quickbooks"}, headers=HEADERS
    )
    assert answer.status_code == 400
    assert "payments in EUR too, and QuickBooks takes one currency in a file" in answer.json()["error"]["message"]
    (line,) = await table(world, format="quickbooks", currency="eur")
    assert line["Amount"] == "2.00"
    assert sorted(row["Currency"] for row in await table(world)) == ["EUR", "USD"]


async def test_nothing_paid_is_a_table_of_headings_and_pieces_make_no_difference(world, payments, monkeypatch):
    assert await table(world) == []
    for nth in range(7):
        await payments.pay((f"INV-{nth}", 100 + nth))
        world.clock.advance(minutes=1)
    whole = await export(world), await export(world, format="quickbooks")
    monkeypatch.setattr(register, "PIECE", 2)
    assert (await export(world), await export(world, format="quickbooks")) == whole
    assert whole[0].count(b"\r\n") == 8


async def test_a_spreadsheet_takes_the_table_back_to_the_cent(world, payments):
    await payments.pay(("INV-1", 123456789), name='Jörg "J" Weiß, GmbH\n& Co', fee=7)
    (row,) = await table(world)
    book = openpyxl.Workbook()
    book.active.append(list(row))
    book.active.append(
        [float(cell) if name in ("Paid on invoice", "Fee", "Kept") else cell for name, cell in row.items()]
    )
    saved = io.BytesIO()
    book.save(saved)
    _, (_, cells) = Workbook(saved.getvalue()).sheet("Sheet").rows()
    back = dict(zip(row, cells, strict=True))
    assert (back["Paid on invoice"], back["Kept"], back["Customer"]) == (
        Decimal("1234567.89"),
        Decimal("1234567.96"),
        row["Customer"],
    )


async def test_nobody_else_gets_an_export(world):
    for route in ("export/payments", "mappings"):
        assert (await world.browser.post(f"http://remit/internal/{route}", json={})).status_code == 401


@given(some.text())
def test_no_text_begins_as_a_formula_once_it_is_written(text):
    (cell,) = next(csv.reader(io.StringIO(spreadsheets.lines([[text]]).decode(), newline="")))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.removeprefix("'") == text.removeprefix("'") if cell != text else True


@given(some.integers(-(10**15), 10**15), some.sampled_from(("USD", "JPY", "KWD")))
def test_every_sum_is_written_with_its_decimals(minor, currency):
    written = spreadsheets.lines([[spreadsheets.decimal(Money(minor, currency))]]).decode().strip()
    places = {"USD": 2, "JPY": 0, "KWD": 3}[currency]
    assert Decimal(written).scaleb(places) == minor
    assert len(written.partition(".")[2]) == places


# --- an import that is watched ----------------------------------------------------------------------------------------


async def test_a_watched_import_says_how_far_it_is_and_what_came_of_it(world):
    lines = ["Number,Customer,Date,Total", *(f"GL-{nth},Dana,2026-02-20,5.00" for nth in range(4000))]
    order = ImportOrder([("a.csv", "\n".join(lines).encode())], dry_run=False, is_watched=True)
    answer = await world.browser.post(
        "http://remit/internal/import", content=msgspec.msgpack.encode(order), headers=HEADERS
    )
    told = [msgspec.json.decode(line, type=Told) for line in answer.text.splitlines()]
    assert told[-1].outcome == {"imported": 4000, "updated": 0, "unchanged": 0, "refused": []}
    assert all(each.stage and each.done <= each.of for each in told[:-1])


async def test_a_watched_import_that_cannot_be_says_why(world):
    order = ImportOrder([], dry_run=False, currency="XXX", is_watched=True)
    answer = await world.browser.post(
        "http://remit/internal/import", content=msgspec.msgpack.encode(order), headers=HEADERS
    )
    (told,) = [msgspec.json.decode(line, type=Told) for line in answer.text.splitlines()]
    assert "must be a code of ISO 4217" in told.trouble


async def test_mappings_are_listed_and_forgotten_over_the_wire(world):
    text = b"Beleg,Wer,Wann,Wieviel\nR-1,Dana,2026-02-20,5.00\n"
    mapping = {"Beleg": "number", "Wer": "name", "Wann": "issued", "Wieviel": "total"}
    order = ImportOrder([("a.csv", text)], dry_run=False, mapping=mapping)
    await world.browser.post("http://remit/internal/import", content=msgspec.msgpack.encode(order), headers=HEADERS)
    (kept,) = (await world.browser.post("http://remit/internal/mappings", json={}, headers=HEADERS)).json()
    assert kept["mapped"]["Wer"] == "customer"
    forget = {"forget": kept["signature"]}
    assert (await world.browser.post("http://remit/internal/mappings", json=forget, headers=HEADERS)).json() == []
    again = await world.browser.post("http://remit/internal/mappings", json=forget, headers=HEADERS)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "no_mapping")
