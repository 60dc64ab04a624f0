"""The business portal: customers, invoices, billing details and what was posted on them, with its JSON routes.

A record system like the ones small businesses use. It knows nothing of payments under way; it is told of them by
postings. ``GET /v1/invoices?number=`` or ``?status=``, ``GET /v1/invoices/{id}``, ``GET /v1/customers/{id}/billing``, ``POST
/v1/postings`` (with ``Idempotency-Key``), all with a bearer key.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.invoices.base import plain
from services.sandbox.answers import answer, carry_out, holds_key, idempotency_key, no_key, read, refusal
from services.sandbox.clock import Faults


class DemoBusiness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The business as its customers know it; ``phone`` and ``email`` are where they revoke an authorisation."""

    name: str
    phone: str
    email: str


class DemoCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer and the billing details on file."""

    id: str
    name: str
    zip: str
    email: str


class DemoInvoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invoice with its days told from today; ``paid_minor`` is what was paid elsewhere."""

    id: str
    number: str
    customer: str
    total_minor: int
    currency: str
    issued_in_days: int
    due_in_days: int | None = None
    paid_minor: int = 0
    void: bool = False
    kind: Literal["invoice", "credit_note"] = "invoice"


class Demo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``config/demo.toml`` says."""

    business: DemoBusiness
    customers: list[DemoCustomer]
    invoices: list[DemoInvoice]


class PostingOrder(BaseModel):
    """A payment (positive), or what a return, refund or dispute took of it (negative), to be written to one invoice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invoice: Annotated[str, Field(min_length=1, max_length=120)]
    reference: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Literal["payment", "return", "refund", "dispute"]
    amount_minor: Annotated[int, Field(strict=True)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    at: AwareDatetime


class Posted(msgspec.Struct, frozen=True):
    """A posting as it stands in the books."""

    key: str
    reference: str
    kind: str
    amount_minor: int
    currency: str
    at: datetime


@dataclass(slots=True)
class PortalInvoice:
    """One invoice. What is due follows from its total, what was paid elsewhere and what was posted."""

    id: str
    number: str
    customer: DemoCustomer
    total_minor: int
    currency: str
    issued: date
    due_date: date | None
    kind: str
    elsewhere_minor: int = 0
    void: bool = False
    postings: list[Posted] = field(default_factory=list)

    @property
    def due_minor(self) -> int:
        """What is still asked for, in minor units; below zero when overpaid."""
        return self.total_minor - self.elsewhere_minor - sum(posted.amount_minor for posted in self.postings)

    @property
    def status(self) -> Literal["open", "paid", "void"]:
        """Void, else paid once nothing is due. A credit note asks for nothing and stays open until it is used."""
        if self.void:
            return "void"
        return "paid" if self.kind == "invoice" and self.due_minor <= 0 else "open"

    def shown(self) -> dict[str, Any]:
        """The invoice as JSON tells it."""
        seen: dict[str, Any] = {
            "id": self.id,
            "number": self.number,
            "kind": self.kind,
            "status": self.status,
            "total_minor": self.total_minor,
            "due_minor": self.due_minor,
            "currency": self.currency,
            "issued": self.issued,
            "due_date": self.due_date,
            "customer": {"id": self.customer.id, "name": self.customer.name},
            "postings": self.postings,
        }
        return seen | {"version": hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:16]}


class PortalBooks:
    """Customers and invoices in memory, seeded from demo data as of ``today``."""

    def __init__(self, demo: Demo, today: date) -> None:
        self.customers = {customer.id: customer for customer in demo.customers}
        self.invoices = {each.id: self._invoice(each, today) for each in demo.invoices}
        self._recorded: dict[str, PostingOrder] = {}

    def numbered(self, number: str) -> list[PortalInvoice]:
        """All invoices with this number, case, spaces and dashes aside."""
        wanted = plain(number)
        return [each for each in self.invoices.values() if wanted and plain(each.number) == wanted]

    def listed(self, status: str) -> list[PortalInvoice]:
        """All invoices in this status."""
        return [each for each in self.invoices.values() if each.status == status]

    def record(self, key: str, order: PostingOrder) -> Response:
        """Write the posting, once per key; the invoice as it stands then, or a refusal."""
        if key in self._recorded:
            if self._recorded[key] != order:
                return refusal(409, "key_reused", "This key was used for another posting.")
            return answer(self.invoices[order.invoice].shown())
        invoice = self.invoices.get(order.invoice)
        if invoice is None:
            return refusal(404, "no_such_invoice", "No invoice has this id.")
        if invoice.currency != order.currency:
            return refusal(400, "wrong_currency", "The invoice is in another currency.")
        self._recorded[key] = order
        invoice.postings.append(Posted(key, order.reference, order.kind, order.amount_minor, order.currency, order.at))
        return answer(invoice.shown(), 201)

    def _invoice(self, each: DemoInvoice, today: date) -> PortalInvoice:
        return PortalInvoice(
            id=each.id,
            number=each.number,
            customer=self.customers[each.customer],
            total_minor=each.total_minor,
            currency=each.currency,
            issued=today + timedelta(days=each.issued_in_days),
            due_date=None if each.due_in_days is None else today + timedelta(days=each.due_in_days),
            kind=each.kind,
            elsewhere_minor=each.paid_minor,
            void=each.void,
        )


class PortalApi:
    """Routes over the portal's books."""

    def __init__(self, books: PortalBooks, *, api_key: str, faults: Faults) -> None:
        self._books = books
        self._api_key = api_key
        self._faults = faults

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/v1/invoices", self.find, methods=["GET"]),
            Route("/v1/invoices/{invoice}", self.get, methods=["GET"]),
            Route("/v1/customers/{customer}/billing", self.billing, methods=["GET"]),
            Route("/v1/postings", self.record, methods=["POST"]),
        ]

    async def find(self, request: Request) -> Response:
        """200 with ``{invoices}``, which may be empty: those in ``status``, else those with ``number``."""
        if not holds_key(request, self._api_key):
            return no_key()
        asked = request.query_params
        found = (
            self._books.listed(asked["status"]) if "status" in asked else self._books.numbered(asked.get("number", ""))
        )
        return answer({"invoices": [invoice.shown() for invoice in found]})

    async def get(self, request: Request) -> Response:
        """200 with the invoice; 404 ``no_such_invoice``."""
        if not holds_key(request, self._api_key):
            return no_key()
        invoice = self._books.invoices.get(request.path_params["invoice"])
        return answer(invoice.shown()) if invoice else refusal(404, "no_such_invoice", "No invoice has this id.")

    async def billing(self, request: Request) -> Response:
        """200 with ``{name, zip, email}``; 404 ``no_such_customer``."""
        if not holds_key(request, self._api_key):
            return no_key()
        customer = self._books.customers.get(request.path_params["customer"])
        if customer is None:
            return refusal(404, "no_such_customer", "No customer has this id.")
        return answer({"name": customer.name, "zip": customer.zip, "email": customer.email})

    async def record(self, request: Request) -> Response:
        """201 when written, 200 when it was written before; 404, 400 or 409 when it cannot be."""
        if not holds_key(request, self._api_key):
            return no_key()
        key = idempotency_key(request)
        if isinstance(key, Response):
            return key
        order = await read(request, PostingOrder)
        if isinstance(order, Response):
            return order
        return carry_out(self._faults.portal, lambda: self._books.record(key, order))
