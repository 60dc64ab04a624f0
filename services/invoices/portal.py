"""The client of the business's portal: invoices that live elsewhere, read and posted to over HTTP.

Ids get the prefix ``portal:`` on their way in and lose it on their way out, so that several sources of invoices can
stand side by side. Nothing is kept here: every question goes to the portal.
"""

from datetime import date
from typing import Annotated, Literal, TypeVar

import httpx
import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.http import Pause, Remote
from services.invoices.base import Posting, plain
from services.model import Billing, Invoice, InvoiceState, Money

PREFIX = "portal:"
_MAX_NUMBER = 120


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # input never reaches an exception text


_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
_Minor = Annotated[int, Field(strict=True)]


class _Customer(_Wire):
    id: _Id
    name: str


class _Invoice(_Wire):
    id: _Id
    number: str
    version: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Literal["invoice", "credit_note"]
    status: Literal["open", "paid", "void"]
    customer: _Customer
    total_minor: _Minor
    due_minor: _Minor
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    issued: date
    due_date: date | None


class _Found(_Wire):
    invoices: list[_Invoice]


class _Billing(_Wire):
    name: str = ""
    zip: str = ""
    email: str = ""


class _Error(_Wire):
    class Inner(_Wire):
        code: str

    error: Inner


_Read = TypeVar("_Read", bound=_Wire)


class Portal:
    """`Invoices` over the portal at ``url`` (its ``/portal`` included).

    ``pause`` lets safe calls be tried again; without it each is made once. An answer outside the portal's contract
    raises `Malformed`.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, api_key: str, *, pause: Pause | None = None) -> None:
        self._remote = Remote("the portal", http, url, api_key, pause=pause)

    async def find(self, number: str) -> tuple[Invoice, ...]:
        """See `Invoices.find`. What cannot be a number is not asked for."""
        wanted = plain(number)
        if not wanted or len(wanted) > _MAX_NUMBER:
            return ()
        response = await self._remote.get("/v1/invoices", {"number": wanted})
        return tuple(_invoice(found) for found in self._read(_Found, response).invoices)

    async def get(self, invoice: str) -> Invoice | None:
        """See `Invoices.get`."""
        if (own := _own(invoice)) is None:
            return None
        response = await self._remote.get(f"/v1/invoices/{own}")
        return None if self._absent(response, "no_such_invoice") else _invoice(self._read(_Invoice, response))

    async def list_open(self) -> tuple[Invoice, ...]:
        """See `Invoices.list_open`. A credit note stays open in the portal, but nothing is owed on it."""
        response = await self._remote.get("/v1/invoices", {"status": "open"})
        every = (_invoice(found) for found in self._read(_Found, response).invoices)
        owed = (invoice for invoice in every if invoice.state is InvoiceState.OPEN)
        return tuple(sorted(owed, key=lambda each: (each.due_date or date.max, each.number, each.id)))

    async def billing(self, customer: str) -> Billing | None:
        """See `Invoices.billing`."""
        if (own := _own(customer)) is None:
            return None
        response = await self._remote.get(f"/v1/customers/{own}/billing")
        if self._absent(response, "no_such_customer"):
            return None
        known = self._read(_Billing, response)
        return Billing(known.name, known.zip, known.email)

    async def record(self, posting: Posting) -> None:
        """See `Invoices.record`. Raises `Malformed` when the portal refuses, as for an invoice it does not have."""
        body = msgspec.json.encode(
            {
                "invoice": posting.invoice.removeprefix(PREFIX),
                "reference": posting.reference,
                "kind": posting.kind,
                "amount_minor": posting.amount.minor,
                "currency": posting.amount.currency,
                "at": posting.at,
            }
        )
        response = await self._remote.post("/v1/postings", body, key=posting.key)
        if response.status_code not in {200, 201}:
            raise self._remote.broken(response)

    def _absent(self, response: httpx.Response, code: str) -> bool:
        # Only the portal's own word for "not there" counts: any other 404 may be a wrong address.
        return response.status_code == 404 and self._parsed(_Error, response).error.code == code

    def _read(self, wire: type[_Read], response: httpx.Response) -> _Read:
        if response.status_code != 200:
            raise self._remote.broken(response)
        return self._parsed(wire, response)

    def _parsed(self, wire: type[_Read], response: httpx.Response) -> _Read:
        try:
            return wire.model_validate_json(response.content)
        except ValidationError:
            raise self._remote.broken(response) from None


def _own(prefixed: str) -> str | None:
    """The portal's own id, or None when this cannot be one of its ids."""
    own = prefixed.removeprefix(PREFIX)
    fits = prefixed.startswith(PREFIX) and 0 < len(own) <= 100
    return own if fits and all(ch.isascii() and (ch.isalnum() or ch in "_-") for ch in own) else None


def _invoice(found: _Invoice) -> Invoice:
    states = {"open": InvoiceState.OPEN, "paid": InvoiceState.PAID, "void": InvoiceState.VOID}
    credit = found.kind == "credit_note" and found.status != "void"
    return Invoice(
        id=PREFIX + found.id,
        number=found.number,
        version=found.version,
        customer=PREFIX + found.customer.id,
        customer_name=found.customer.name,
        total=Money(found.total_minor, found.currency),
        due=Money(found.due_minor, found.currency),
        issued=found.issued,
        state=InvoiceState.CREDIT if credit else states[found.status],
        due_date=found.due_date,
    )
