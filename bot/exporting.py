"""The server's side of `remit export`: what is ordered, behind the token of ``server.json``, and the lines that go out.

Two formats: a table of payments for spreadsheets, and the three columns that QuickBooks Online takes for a bank account
(docs/exporting.md names its page). What is in the ledger is read by `services.payments.register`, a piece at a time.
"""

import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.web import Endpoint, read_body
from services import spreadsheets
from services.errors import Misconfigured
from services.payments import register
from services.payments.register import Movement, Part, Span
from services.spreadsheets import decimal

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST = 64 * 1024
Guard = Callable[[Endpoint], Endpoint]

DAYS = {"ymd": "%Y-%m-%d", "mdy": "%m/%d/%Y", "dmy": "%d/%m/%Y"}
HEADINGS = (
    "Date",
    "Payment",
    "Invoice",
    "Customer",
    "Customer ID",
    "Method",
    "Status",
    "Currency",
    "Paid on invoice",
    "Fee",
    "Given back",
    "Fee given back",
    "Kept",
)
_FOR_QUICKBOOKS = ("Date", "Description", "Amount")
_LONGEST = 200  # characters of a description


class ExportOrder(msgspec.Struct):
    since: date | None = None  # both days are in, in the business's time zone
    until: date | None = None
    format: Literal["csv", "quickbooks"] = "csv"
    days: Literal["", "ymd", "mdy", "dmy"] = ""  # how days are written; empty: as the format wants them
    currency: str = ""  # for QuickBooks; empty: the business's
    bom: bool = False

    def span(self, remit: "Remit") -> Span:
        """From the first instant of the first day to the last of the last. Raises `Misconfigured` when they are crossed."""
        if self.since and self.until and self.since > self.until:
            raise Misconfigured("--from is after --to")

        def begin(day: date) -> datetime:
            return datetime.combine(day, time(), remit.settings.zone)

        try:
            until = begin(self.until + timedelta(days=1)) if self.until else None
            return Span(begin(self.since) if self.since else None, until)
        except OverflowError:
            raise Misconfigured("--to is too far away") from None


def export_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The route; ``guarded`` lets nobody in but the command line."""

    async def export(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=ExportOrder)
        pieces = await _pieces(remit, order)
        return StreamingResponse(pieces, media_type="text/csv")

    return [Route("/internal/export/payments", guarded(export), methods=["POST"])]


async def _pieces(remit: "Remit", order: ExportOrder) -> AsyncIterator[bytes]:
    """The document in pieces. What is against it is raised before the first one."""
    span = order.span(remit)
    if order.format == "csv":
        return _payments(remit, order, span)
    currency = order.currency.upper() or remit.settings.business.currency
    others = [each for each in await remit.transact(lambda conn: register.currencies(conn, span)) if each != currency]
    if others and not order.currency:
        raise Misconfigured(
            f"there are payments in {', '.join(others)} too, and QuickBooks takes one currency in a file:"
            f" export each with --currency, such as --currency {currency}"
        )
    return _movements(remit, order, span, currency)


async def _payments(remit: "Remit", order: ExportOrder, span: Span) -> AsyncIterator[bytes]:
    yield (spreadsheets.BOM if order.bom else b"") + spreadsheets.lines([HEADINGS])
    found = await remit.transact(lambda conn: register.references(conn, span))
    for start in range(0, len(found), register.PIECE):
        these = found[start : start + register.PIECE]
        parts = await remit.transact(partial(register.parts, these=these))
        yield spreadsheets.lines(_row(part, _day(remit, order, part.at)) for part in parts)


def _row(part: Part, day: str) -> tuple[str | Decimal, ...]:
    told = (part.reference, part.invoice, part.customer, part.customer_id, part.method, part.state, part.paid.currency)
    sums = (part.paid, part.fee, part.given_back, part.fee_given_back, part.kept)
    return day, *told, *map(decimal, sums)


async def _movements(remit: "Remit", order: ExportOrder, span: Span, currency: str) -> AsyncIterator[bytes]:
    yield (spreadsheets.BOM if order.bom else b"") + spreadsheets.lines([_FOR_QUICKBOOKS])
    found = await remit.transact(lambda conn: register.entries(conn, span, currency))
    for start in range(0, len(found), register.PIECE):
        these = found[start : start + register.PIECE]
        moved = await remit.transact(partial(register.movements, these=these))
        yield spreadsheets.lines(
            (_day(remit, order, each.at), _description(each), decimal(each.amount)) for each in moved
        )


def _description(moved: Movement) -> str:
    """What QuickBooks shows of a line: letters, digits, spaces and dashes only, as its page asks."""
    words = f"{moved.kind.capitalize()} {moved.reference} invoice {' '.join(moved.invoices)} {moved.customer}"
    kept = "".join(ch if unicodedata.category(ch)[0] in "LN" or ch == "-" else " " for ch in words)
    return re.sub(r"\s+", " ", kept).strip()[:_LONGEST]


def _day(remit: "Remit", order: ExportOrder, at: datetime) -> str:
    written = order.days or ("mdy" if order.format == "quickbooks" else "ymd")
    return at.astimezone(remit.settings.zone).strftime(DAYS[written])
