"""What the business asks for, in both of its books: the portal, and Remit's own book with what was imported into it.

Told as the business would tell it: what an invoice asks for apart from anything paid through the assistant, and what the
assistant says it posted. Changes come as they do in life: by hand in the portal, by another sheet in the book.
"""

import sqlite3
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import msgspec

from services.database import inline
from services.invoices.base import plain
from services.invoices.importing import Outcome, import_files
from services.sandbox.portal import DemoCustomer

from .line import at_once

if TYPE_CHECKING:
    from .world import World

_HEADINGS = "Invoice number,Customer,Customer ID,Zip,Email,Invoice date,Total,Balance due,Currency,Status"


class Row(msgspec.Struct):
    """One line of the sheet that the business keeps and imports again and again."""

    number: str
    customer: DemoCustomer
    total_minor: int
    balance_minor: int
    status: str = "open"

    def line(self) -> str:
        """The row as CSV."""
        who = self.customer
        sums = ",".join(f"{minor // 100}.{minor % 100:02}" for minor in (self.total_minor, self.balance_minor))
        return f"{self.number},{who.name},{who.id},{who.zip},{who.email},2026-01-31,{sums},USD,{self.status}"


class Books:
    """Both books of one business. ``rows`` are what stands in its sheet at the beginning."""

    def __init__(self, world: "World", rows: list[Row]) -> None:
        self._world = world
        self._sheet = {row.number: row for row in rows}
        self._bring()

    # --- reading -------------------------------------------------------------------------------------------------

    def asked(self) -> dict[str, int]:
        """Minor units that each invoice asks for now, apart from what was paid through the assistant."""
        portal = self._world.sandbox.portal.invoices.values()
        asked = {i.number: 0 if i.void else i.total_minor - i.elsewhere_minor for i in portal}
        for row in self._rows("SELECT number, due_minor, voided FROM book_invoice"):
            asked[row["number"]] = 0 if row["voided"] else row["due_minor"]
        return asked

    def posted(self) -> Counter[tuple[str, str]]:
        """What either book was told, by invoice and payment."""
        posted = Counter[tuple[str, str]]()
        for invoice in self._world.sandbox.portal.invoices.values():
            for posting in invoice.postings:
                posted[invoice.number, posting.reference] += posting.amount_minor
        written = "SELECT number, reference, amount_minor FROM book_posting p JOIN book_invoice i ON i.id = p.invoice"
        for row in self._rows(written):
            posted[row["number"], row["reference"]] += row["amount_minor"]
        return posted

    def known(self) -> list[tuple[str, str, str]]:
        """``(id, number, customer)`` of every invoice, the customer by the business's own id."""
        portal = [(f"portal:{i.id}", i.number, i.customer.id) for i in self._world.sandbox.portal.invoices.values()]
        ids = {row["number"]: row["id"] for row in self._rows("SELECT id, number FROM book_invoice")}
        return portal + [(ids[number], number, row.customer.id) for number, row in self._sheet.items()]

    # --- changing ------------------------------------------------------------------------------------------------

    def change(self, number: str, chance: Random) -> None:
        """The business does something to an invoice, most likely nothing bad."""
        if number in self._sheet:
            self._change_sheet(number, chance)
        else:
            self._change_portal(number, chance)

    def _change_portal(self, number: str, chance: Random) -> None:
        invoice = next(i for i in self._world.sandbox.portal.invoices.values() if i.number == number)
        changes: list[dict[str, object]] = [
            {"status": "open"},
            {"due_minor": max(0, invoice.due_minor) // 2},
            {"total_minor": invoice.total_minor + 1_000},
            {"status": "void"},
            {"status": "paid"},
        ]
        (change,) = chance.choices(changes, (12, 4, 6, 1, 2))
        self._world.fault(f"the business changes {number}: {change}")
        self._world.change(number, **change)

    def _change_sheet(self, number: str, chance: Random) -> None:
        row = self._sheet[number]
        before = row.balance_minor, row.status
        (what,) = chance.choices(("same", "halve", "raise", "void", "paid", "open"), (4, 4, 4, 1, 2, 8))
        match what:
            case "halve":
                row.balance_minor //= 2
            case "raise":
                row.balance_minor = min(row.total_minor, row.balance_minor + 1_000)
            case "paid":
                row.balance_minor = 0
            case "void" | "open":
                row.status = what
                row.balance_minor = row.balance_minor or row.total_minor
            case _:
                pass
        outcome = self._bring()
        self._world.fault(f"the business imports {plain(number)} again ({what}): {outcome.updated} updated")
        if outcome.refused:  # a sheet that may or may not count what was posted: it stays as it was
            row.balance_minor, row.status = before

    def _bring(self) -> Outcome:
        sheet = "\n".join((_HEADINGS, *(row.line() for row in self._sheet.values())))
        files = (("sheet.csv", sheet.encode()),)
        work = import_files(inline(self._world.engine), files, default_currency="USD", supplier="Simulated")
        return at_once(work)

    def _rows(self, sql: str) -> list[sqlite3.Row]:
        return self._world.rows(sql)
