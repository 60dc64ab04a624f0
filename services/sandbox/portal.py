"""The business portal: customers, their details and invoices, and what was posted on them, with its JSON routes.

A record system like the ones small businesses use. It knows nothing of payments under way; it is told of them by
postings. `PortalApi.routes` names its routes; all want a bearer key, and those that write an ``Idempotency-Key``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.invoices.base import plain
from services.invoices.details import LONGEST, misspelt
from services.invoices.naming import MOST, fits, words_of
from services.invoices.pdf import Paper, render
from services.model import Details, Invoice, InvoiceState, Money, Notices, Revision, SheetLine, same_address
from services.sandbox.answers import answer, carry_out, holds_key, idempotency_key, no_key, read, refusal
from services.sandbox.clock import Faults


class DemoBusiness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The business as its customers know it; ``phone`` and ``email`` are where they revoke an authorisation."""

    name: str
    phone: str
    email: str


class DemoCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer and the details on file."""

    id: str
    name: str
    zip: str
    email: str
    street: str = ""
    city: str = ""
    region: str = ""
    phone: str = ""
    language: str = ""
    notices: Notices = Notices()
    fee_exempt: bool = False

    def details(self) -> Details:
        """All of it but the id."""
        return Details(**{name: getattr(self, name) for name in Details.__struct_fields__})

    def shown(self) -> dict[str, Any]:
        """The same as JSON tells it."""
        return msgspec.structs.asdict(self.details())


class DemoLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one line of an invoice bills."""

    text: str
    amount_minor: int
    quantity: str = ""


class DemoInvoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invoice with its days told from today; ``paid_minor`` is what was paid elsewhere.

    Raises ValueError when it has lines that are not its total together.
    """

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
    lines: tuple[DemoLine, ...] = ()

    def __post_init__(self) -> None:
        if self.lines and sum(line.amount_minor for line in self.lines) != self.total_minor:
            raise ValueError(f"the lines of {self.number} are not its total together")


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


class NoticesOrder(BaseModel):
    """What the customer wants to hear of by e-mail."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    receipts: bool
    reminders: bool


class DetailsOrder(BaseModel):
    """Details as they shall be; what is not named stays."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(max_length=LONGEST["name"])] | None = None
    street: Annotated[str, Field(max_length=LONGEST["street"])] | None = None
    city: Annotated[str, Field(max_length=LONGEST["city"])] | None = None
    region: Annotated[str, Field(max_length=LONGEST["region"])] | None = None
    zip: Annotated[str, Field(max_length=LONGEST["zip"])] | None = None
    email: Annotated[str, Field(max_length=LONGEST["email"])] | None = None
    phone: Annotated[str, Field(max_length=LONGEST["phone"])] | None = None
    language: Annotated[str, Field(max_length=LONGEST["language"])] | None = None
    notices: NoticesOrder | None = None

    @model_validator(mode="after")
    def _can_be_kept(self) -> "DetailsOrder":
        if wrong := misspelt(self.revision()):
            raise ValueError(f"{wrong} cannot be kept like this")
        return self

    def revision(self) -> Revision:
        """The same as a value of the model."""
        told = self.model_dump(exclude={"notices"}, exclude_none=True)
        wanted = None if self.notices is None else Notices(self.notices.receipts, self.notices.reminders)
        return Revision(**told, notices=wanted)


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
    lines: tuple[DemoLine, ...] = ()

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
            "customer": {"id": self.customer.id, "name": self.customer.name}
            | ({"fee_exempt": True} if self.customer.fee_exempt else {}),
            "postings": self.postings,
            "lines": self.lines,
        }
        agreed = seen | {"customer": self.customer.id}  # another spelling of a name is no other invoice
        return seen | {"version": hashlib.sha256(msgspec.json.encode(agreed)).hexdigest()[:16]}

    def pdf(self, business: str) -> bytes:
        """The invoice on paper, as it stands."""
        states = {"open": InvoiceState.OPEN, "paid": InvoiceState.PAID, "void": InvoiceState.VOID}
        invoice = Invoice(
            id=self.id,
            number=self.number,
            version="",
            customer=self.customer.id,
            customer_name=self.customer.name,
            total=Money(self.total_minor, self.currency),
            due=Money(self.due_minor, self.currency),
            issued=self.issued,
            state=states[self.status] if self.kind == "invoice" or self.void else InvoiceState.CREDIT,
            due_date=self.due_date,
        )
        lines = tuple(
            SheetLine(each.text, Money(each.amount_minor, self.currency), each.quantity) for each in self.lines
        )
        made = datetime.combine(self.issued, time(), UTC)
        return render(Paper(business, invoice, self.customer.details(), lines, made))


class PortalBooks:
    """Customers and invoices in memory, seeded from demo data as of ``today``."""

    def __init__(self, demo: Demo, today: date) -> None:
        self.customers = {customer.id: customer for customer in demo.customers}
        self.invoices = {each.id: self._invoice(each, today) for each in demo.invoices}
        self.business = demo.business.name
        self._recorded: dict[str, PostingOrder] = {}
        self._saved: dict[str, tuple[str, DetailsOrder]] = {}

    def numbered(self, number: str) -> list[PortalInvoice]:
        """All invoices with this number, case, spaces and dashes aside."""
        wanted = plain(number)
        return [each for each in self.invoices.values() if wanted and plain(each.number) == wanted]

    def listed(self, status: str) -> list[PortalInvoice]:
        """All invoices in this status."""
        return [each for each in self.invoices.values() if each.status == status]

    def at(self, email: str) -> list[DemoCustomer]:
        """The customers with this e-mail address, case aside."""
        return [each for each in self.customers.values() if same_address(email, each.email)]

    def named(self, told: str, most: int) -> list[DemoCustomer]:
        """At most so many customers whose name holds every word of this, case aside, by name; none without a word."""
        words = words_of(told)
        found = [each for each in self.customers.values() if words and fits(each.name, words)]
        return sorted(found, key=lambda each: (each.name.casefold(), each.id))[:most]

    def of_customer(self, customer: str) -> list[PortalInvoice]:
        """All invoices of one customer."""
        return [each for each in self.invoices.values() if each.customer.id == customer]

    def save(self, customer: str, key: str, order: DetailsOrder) -> Response:
        """Change a customer's details, once per key; the details as they stand then, or a refusal."""
        if customer not in self.customers:
            return refusal(404, "no_such_customer", "No customer has this id.")
        if self._saved.get(key, (customer, order)) != (customer, order):
            return refusal(409, "key_reused", "This key was used for another change.")
        if key not in self._saved:
            self._saved[key] = (customer, order)
            self._change(customer, order.revision())
        return answer(self.customers[customer].shown())

    def _change(self, customer: str, revision: Revision) -> None:
        before = self.customers[customer]
        after = msgspec.structs.asdict(revision.of(before.details()))
        self.customers[customer] = msgspec.structs.replace(before, **after)
        for invoice in self.of_customer(customer):
            invoice.customer = self.customers[customer]

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
            lines=each.lines,
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
            Route("/v1/invoices/{invoice}/pdf", self.pdf, methods=["GET"]),
            Route("/v1/customers", self.at, methods=["GET"]),
            Route("/v1/customers/{customer}", self.customer, methods=["GET"]),
            Route("/v1/customers/{customer}/billing", self.billing, methods=["GET"]),
            Route("/v1/customers/{customer}/invoices", self.of_customer, methods=["GET"]),
            Route("/v1/customers/{customer}/details", self.details, methods=["GET"]),
            Route("/v1/customers/{customer}/details", self.save, methods=["PATCH"]),
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

    async def pdf(self, request: Request) -> Response:
        """200 with the invoice as ``application/pdf``; 404 ``no_such_invoice``."""
        if not holds_key(request, self._api_key):
            return no_key()
        invoice = self._books.invoices.get(request.path_params["invoice"])
        if invoice is None:
            return refusal(404, "no_such_invoice", "No invoice has this id.")
        return Response(invoice.pdf(self._books.business), media_type="application/pdf")

    async def at(self, request: Request) -> Response:
        """200 with ``{customers: [{id, name}]}`` at the address ``?email=``, or whose names hold every word of ``?name=``, case aside.

        By name there are at most ``limit`` of them, 1 to 100; 400 ``malformed`` for another limit. There may be none.
        """
        if not holds_key(request, self._api_key):
            return no_key()
        asked = request.query_params
        limit = asked.get("limit", str(MOST))
        if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:4]) <= MOST):
            return refusal(400, "malformed", f"limit is a number from 1 to {MOST}")
        found = (
            self._books.named(asked["name"], int(limit)) if "name" in asked else self._books.at(asked.get("email", ""))
        )
        return answer({"customers": [{"id": each.id, "name": each.name} for each in found]})

    async def customer(self, request: Request) -> Response:
        """200 with ``{id, name}``; 404 ``no_such_customer``."""
        return self._of_customer(request, lambda found: {"id": found.id, "name": found.name})

    async def billing(self, request: Request) -> Response:
        """200 with ``{name, zip, email}``; 404 ``no_such_customer``."""
        return self._of_customer(request, lambda found: {"name": found.name, "zip": found.zip, "email": found.email})

    async def of_customer(self, request: Request) -> Response:
        """200 with ``{invoices}``, in no order that means anything; 404 ``no_such_customer``."""
        every = self._books.of_customer
        return self._of_customer(request, lambda found: {"invoices": [each.shown() for each in every(found.id)]})

    async def details(self, request: Request) -> Response:
        """200 with everything on file but the id; 404 ``no_such_customer``."""
        return self._of_customer(request, DemoCustomer.shown)

    async def save(self, request: Request) -> Response:
        """200 with the details as they stand after the change, or stood when it was written before; 404, 400 or 409."""
        if not holds_key(request, self._api_key):
            return no_key()
        key = idempotency_key(request)
        if isinstance(key, Response):
            return key
        order = await read(request, DetailsOrder)
        if isinstance(order, Response):
            return order
        customer = request.path_params["customer"]
        return carry_out(self._faults.portal, lambda: self._books.save(customer, key, order))

    def _of_customer(self, request: Request, told: Callable[[DemoCustomer], Any]) -> Response:
        if not holds_key(request, self._api_key):
            return no_key()
        customer = self._books.customers.get(request.path_params["customer"])
        if customer is None:
            return refusal(404, "no_such_customer", "No customer has this id.")
        return answer(told(customer))

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
