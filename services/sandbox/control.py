"""The knobs and windows of the sandbox, for tests and demonstrations: its clock, its faults, its books.

No key guards these routes: the sandbox listens on loopback and holds no real money. What others do can be done here: the
business changes an invoice, a bank decides a dispute, another till of the same account takes a payment.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.answers import answer, read, refusal
from services.sandbox.clock import Faults, SandboxClock
from services.sandbox.payments import Currency, Decision, Minor
from services.sandbox.portal import PortalBooks, PortalInvoice
from services.sandbox.processor import Objection, Processor

TEN_YEARS_S = 10 * 366 * 24 * 3600


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Advance(_Order):
    """How many seconds the sandbox's clock jumps ahead."""

    advance_s: Annotated[int, Field(ge=0, le=TEN_YEARS_S)]


class FaultOrder(_Order):
    """All faults as they shall be from now on: what is not named is off."""

    delay_s: Annotated[int, Field(ge=0, le=TEN_YEARS_S)] = 0
    drop: Literal["before", "after"] | None = None
    portal: Literal["before", "after"] | None = None
    duplicate: bool = False
    reorder: bool = False


class Verdict(_Order):
    """How a dispute ends."""

    outcome: Decision


class Till(_Order):
    """A sum that another till takes."""

    amount_minor: Minor
    currency: Currency


class Change(BaseModel):
    """What the business changes about an invoice; what is not named stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total_minor: Annotated[int, Field(strict=True, ge=0, lt=10**15)] | None = None
    due_minor: Annotated[int, Field(strict=True, gt=-(10**15), lt=10**15)] | None = None
    due_date: date | None = None
    status: Literal["open", "paid", "void"] | None = None


class Control:
    """Routes over the whole sandbox. ``pump`` lets everything that became due happen, webhooks included."""

    def __init__(
        self,
        *,
        clock: SandboxClock,
        faults: Faults,
        processor: Processor,
        portal: PortalBooks,
        pump: Callable[[], Awaitable[int]],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._processor = processor
        self._portal = portal
        self._pump = pump

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/clock", self.advance, methods=["POST"]),
            Route("/faults", self.set_faults, methods=["POST"]),
            Route("/book", self.book, methods=["GET"]),
            Route("/disputes/{reference}", self.end_dispute, methods=["POST"]),
            Route("/foreign", self.foreign, methods=["POST"]),
            Route("/invoices/{number}", self.invoice, methods=["GET"]),
            Route("/invoices/{number}", self.change, methods=["POST"]),
        ]

    async def advance(self, request: Request) -> Response:
        """Jump ahead and deliver what became due; 200 with ``{now}``, the sandbox's time."""
        order = await read(request, Advance)
        if isinstance(order, Response):
            return order
        now = self._clock.advance(order.advance_s)
        await self._pump()
        return answer({"now": now})

    async def set_faults(self, request: Request) -> Response:
        """Switch faults; they stay until changed. 200 with all of them as they are now."""
        order = await read(request, FaultOrder)
        if isinstance(order, Response):
            return order
        self._faults.delay_s, self._faults.drop, self._faults.portal = order.delay_s, order.drop, order.portal
        self._faults.duplicate, self._faults.reorder = order.duplicate, order.reorder
        return answer(order.model_dump())

    async def book(self, _request: Request) -> Response:
        """The processor's own book: ``[{reference, invoices, amount_minor, currency, state, refunded_minor}]``."""
        return answer(self._processor.book())

    async def end_dispute(self, request: Request) -> Response:
        """Decide a dispute now. 200 with ``{reference, events}``; 404 ``no_such_payment``, 409 ``not_disputed``."""
        order = await read(request, Verdict)
        if isinstance(order, Response):
            return order
        reference = request.path_params["reference"]
        events = self._processor.end_dispute(reference, order.outcome)
        if isinstance(events, Objection):
            return refusal(404 if events.code == "no_such_payment" else 409, events.code, events.why)
        return answer({"reference": reference, "events": events})

    async def foreign(self, request: Request) -> Response:
        """A payment that the assistant never asked for, at another till. 200 with its ``{reference}``."""
        order = await read(request, Till)
        if isinstance(order, Response):
            return order
        return answer({"reference": self._processor.foreign(order.amount_minor, order.currency)})

    async def invoice(self, request: Request) -> Response:
        """One invoice of the portal as it stands."""
        invoice = self._invoice(request)
        return invoice if isinstance(invoice, Response) else answer(invoice.shown())

    async def change(self, request: Request) -> Response:
        """Change an invoice as the business would: paid elsewhere, void, another amount. 200 with the invoice."""
        invoice = self._invoice(request)
        if isinstance(invoice, Response):
            return invoice
        order = await read(request, Change)
        if isinstance(order, Response):
            return order
        _apply(order, invoice)
        return answer(invoice.shown())

    def _invoice(self, request: Request) -> PortalInvoice | Response:
        found = self._portal.numbered(request.path_params["number"])
        return found[0] if found else refusal(404, "no_such_invoice", "No invoice has this number.")


def _apply(order: Change, invoice: PortalInvoice) -> None:
    if order.total_minor is not None:
        invoice.total_minor = order.total_minor
    if order.due_minor is not None:
        invoice.elsewhere_minor += invoice.due_minor - order.due_minor
    if order.due_date is not None:
        invoice.due_date = order.due_date
    if order.status is not None:
        invoice.void = order.status == "void"
    if order.status == "paid":
        invoice.elsewhere_minor += max(0, invoice.due_minor)
    if order.status == "open" and invoice.due_minor <= 0:
        invoice.elsewhere_minor = 0  # what was paid elsewhere bounced
