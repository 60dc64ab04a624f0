"""The client of the business's portal: invoices and customers that live elsewhere, read and written to over HTTP.

Ids get the prefix ``portal:`` on their way in and lose it on their way out, so that several sources of invoices can
stand side by side. Nothing is kept here: every question goes to the portal.
"""

from datetime import date
from typing import Annotated, Literal, TypeVar

import httpx
import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from services.errors import Malformed
from services.http import Pause, Remote
from services.invoices.base import Posting, owed_first, plain, sheet_of
from services.invoices.details import LONGEST, misspelt
from services.invoices.document import hides_something, is_address
from services.invoices.naming import MOST, words_of
from services.model import (
    Account,
    Billing,
    Details,
    Invoice,
    InvoiceState,
    Money,
    Notices,
    Revision,
    Sheet,
    SheetLine,
)

PREFIX = "portal:"
LARGEST_PDF = 20 * 1024 * 1024  # bytes
_MAX_NUMBER = 120
_REFUSED = frozenset((400, 409, 422))  # a plain no to what was asked for


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # input never reaches an exception text


def _plainly(text: str) -> str:
    if hides_something(text):
        raise ValueError("hidden characters")
    return text


_Line = AfterValidator(_plainly)  # text that is shown to a customer as it is
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
_Minor = Annotated[int, Field(strict=True)]


class _Customer(_Wire):
    id: _Id
    name: str
    fee_exempt: bool = False  # a portal that knows of no fee leaves it out


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


class _BilledLine(_Wire):
    text: Annotated[str, Field(max_length=300), _Line]
    quantity: Annotated[str, Field(max_length=40), _Line] = ""
    amount_minor: _Minor


class _Billed(_Invoice):
    lines: list[_BilledLine] = []  # a portal that keeps none leaves them out


class _Account(_Wire):
    id: _Id
    name: Annotated[str, Field(max_length=LONGEST["name"]), _Line]


class _Accounts(_Wire):
    customers: list[_Account]


class _Billing(_Wire):
    name: str = ""
    zip: str = ""
    email: str = ""


class _Notices(_Wire):
    receipts: bool = True
    reminders: bool = True


class _Details(_Wire):
    name: Annotated[str, Field(max_length=LONGEST["name"]), _Line] = ""
    street: Annotated[str, Field(max_length=LONGEST["street"]), _Line] = ""
    city: Annotated[str, Field(max_length=LONGEST["city"]), _Line] = ""
    region: Annotated[str, Field(max_length=LONGEST["region"]), _Line] = ""
    zip: Annotated[str, Field(max_length=LONGEST["zip"]), _Line] = ""
    email: Annotated[str, Field(max_length=LONGEST["email"]), _Line] = ""
    phone: Annotated[str, Field(max_length=LONGEST["phone"]), _Line] = ""
    language: Annotated[str, Field(max_length=LONGEST["language"]), _Line] = ""
    notices: _Notices = _Notices()


class _Error(_Wire):
    class Inner(_Wire):
        code: str

    error: Inner


_Read = TypeVar("_Read", bound=_Wire)


class Portal:
    """`Books` over the portal at ``url`` (its ``/portal`` included).

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
        return owed_first(owed)

    async def of_customer(self, customer: str) -> tuple[Invoice, ...]:
        """See `Invoices.of_customer`; none for a customer whom the portal does not have.

        Raises `Malformed` when the portal answers with an invoice of somebody else: it would be shown to this one.
        """
        if (own := _own(customer)) is None:
            return ()
        response = await self._remote.get(f"/v1/customers/{own}/invoices")
        if self._absent(response, "no_such_customer"):
            return ()
        found = tuple(_invoice(each) for each in self._read(_Found, response).invoices)
        if any(each.customer != customer for each in found):
            raise self._remote.broken(response)
        return owed_first(found)

    async def at(self, email: str) -> tuple[Account, ...]:
        """See `Customers.at`. What cannot be an address is not asked for."""
        told = email.strip()
        if not is_address(told):
            return ()
        response = await self._remote.get("/v1/customers", {"email": told})
        return tuple(Account(PREFIX + found.id, found.name) for found in self._read(_Accounts, response).customers)

    async def named(self, told: str, most: int) -> tuple[Account, ...]:
        """See `Customers.named`. What cannot be a name is not asked for."""
        if not (words := words_of(told)):
            return ()
        asked = {"name": " ".join(words), "limit": str(min(most, MOST))}
        response = await self._remote.get("/v1/customers", asked)
        found = self._read(_Accounts, response).customers
        return tuple(Account(PREFIX + each.id, each.name) for each in found)[:most]

    async def account(self, customer: str) -> Account | None:
        """See `Customers.account`."""
        if (own := _own(customer)) is None:
            return None
        response = await self._remote.get(f"/v1/customers/{own}")
        if self._absent(response, "no_such_customer"):
            return None
        return Account(customer, self._read(_Account, response).name)

    async def details(self, customer: str) -> Details | None:
        """See `Customers.details`."""
        if (own := _own(customer)) is None:
            return None
        response = await self._remote.get(f"/v1/customers/{own}/details")
        return None if self._absent(response, "no_such_customer") else _details(self._read(_Details, response))

    async def save(self, customer: str, revision: Revision, key: str) -> Details | None:
        """See `Customers.save`. Raises `Malformed` for what the portal refuses, or no portal could keep."""
        if (own := _own(customer)) is None:
            return None
        if wrong := misspelt(revision):
            raise Malformed(f"the portal cannot hold this {wrong}; nothing was saved")
        body = msgspec.json.encode(revision)
        response = await self._remote.patch(f"/v1/customers/{own}/details", body, key=key)
        if response.status_code in _REFUSED:
            raise self._remote.rejected(response)
        return None if self._absent(response, "no_such_customer") else _details(self._read(_Details, response))

    async def sheet(self, invoice: str) -> Sheet | None:
        """See `Documents.sheet`."""
        if (own := _own(invoice)) is None:
            return None
        response = await self._remote.get(f"/v1/invoices/{own}")
        if self._absent(response, "no_such_invoice"):
            return None
        found = self._read(_Billed, response)
        return sheet_of(
            invoice,
            [SheetLine(line.text, Money(line.amount_minor, found.currency), line.quantity) for line in found.lines],
        )

    async def pdf(self, invoice: str) -> bytes | None:
        """See `Documents.pdf`. Raises `Malformed` for what is no PDF, or larger than `LARGEST_PDF`."""
        if (own := _own(invoice)) is None:
            return None
        response = await self._remote.get(f"/v1/invoices/{own}/pdf", accept="application/pdf")
        if response.status_code == 404 and self._parsed(_Error, response).error.code in ("no_such_invoice", "no_pdf"):
            return None
        content = response.content
        if response.status_code != 200 or not content.startswith(b"%PDF-") or len(content) > LARGEST_PDF:
            raise self._remote.broken(response)
        return content

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


def _details(found: _Details) -> Details:
    return Details(
        name=found.name,
        street=found.street,
        city=found.city,
        region=found.region,
        zip=found.zip,
        email=found.email,
        phone=found.phone,
        language=found.language,
        notices=Notices(receipts=found.notices.receipts, reminders=found.notices.reminders),
    )


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
        fee_exempt=found.customer.fee_exempt,
    )
