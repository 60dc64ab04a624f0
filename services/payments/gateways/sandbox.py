"""The gateway client of the sandbox's processor: its wire, and what its words mean in ours. No rules of payments.

The shape it follows is any processor's with hosted pages, so that another gateway is another file like this one.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

import httpx
import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.errors import Forged, Malformed
from services.http import Pause, Remote
from services.model import Method, Money, Reason, SavedMethod
from services.payments.gateways.base import Batch, Fact, FactKind, NoRefund, Page, PageRequest, RefundRequest

HEADER = "remit-sandbox-signature"
TOLERANCE_S = 300
_MAX_BODY = 64 * 1024

_KINDS = {
    "payment.declined": FactKind.DECLINED,
    "payment.verifying": FactKind.VERIFYING,
    "payment.processing": FactKind.PROCESSING,
    "payment.succeeded": FactKind.SUCCEEDED,
    "payment.failed": FactKind.FAILED,
    "payment.returned": FactKind.RETURNED,
    "page.expired": FactKind.EXPIRED,
    "page.closed": FactKind.CLOSED,
    "refund.succeeded": FactKind.REFUNDED,
    "refund.failed": FactKind.REFUND_FAILED,
    "payment.disputed": FactKind.DISPUTED,
    "dispute.won": FactKind.WON,
    "dispute.lost": FactKind.LOST,
}

# lost_card, stolen_card, fraudulent and generic_decline are left out on purpose: to the customer they are one
# "declined", so that whoever holds a stolen card learns nothing from us.
_REASONS = {
    "insufficient_funds": Reason.INSUFFICIENT_FUNDS,  # ACH R01
    "uncollected_funds": Reason.INSUFFICIENT_FUNDS,  # ACH R09: there, and not yet to be had
    "expired_card": Reason.EXPIRED_CARD,
    "incorrect_number": Reason.WRONG_NUMBER,
    "incorrect_cvc": Reason.WRONG_CVC,
    "invalid_cvc": Reason.WRONG_CVC,
    "invalid_expiry_month": Reason.WRONG_EXPIRY,
    "invalid_expiry_year": Reason.WRONG_EXPIRY,
    "incorrect_zip": Reason.WRONG_ZIP,
    "card_velocity_exceeded": Reason.LIMIT,
    "charge_exceeds_weekly_limit": Reason.LIMIT,
    "test_mode_live_card": Reason.NOT_SUPPORTED,
    "invalid_currency": Reason.NOT_SUPPORTED,
    "authentication_failed": Reason.AUTHENTICATION,
    "processing_error": Reason.TRY_AGAIN,
    "account_closed": Reason.ACCOUNT_CLOSED,
    "no_account": Reason.NO_ACCOUNT,
    "debit_not_authorized": Reason.NOT_AUTHORIZED,
}
_OTHERWISE = {
    FactKind.DECLINED: Reason.DECLINED,
    FactKind.VERIFYING: Reason.MICRO_DEPOSITS,
    FactKind.FAILED: Reason.RETURNED_OTHER,
    FactKind.RETURNED: Reason.RETURNED_OTHER,
    FactKind.EXPIRED: Reason.PAGE_EXPIRED,
    FactKind.CLOSED: Reason.PAGE_CLOSED,
}


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # input never reaches an exception text


_Read = TypeVar("_Read", bound=_Wire)


_PLAIN = r"^[^\x00-\x1f]*$"  # no database keeps a NUL, and no id of anybody's has a control character


class _Event(_Wire):
    id: Annotated[str, Field(min_length=1, max_length=200, pattern=_PLAIN)]
    type: Annotated[str, Field(max_length=64)]
    at: AwareDatetime
    reference: Annotated[str, Field(min_length=1, max_length=64, pattern=_PLAIN)]
    amount_minor: Annotated[int, Field(strict=True, gt=0, lt=10**15)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    method: Method
    brand: Annotated[str, Field(max_length=24, pattern=_PLAIN)] = ""
    last4: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")] = ""
    code: Annotated[str, Field(max_length=64)] = ""
    refund: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""


class _Kind(_Wire):
    type: str


class _Events(_Wire):
    events: list[_Event]


class _Listing(_Events):
    next: Annotated[str, Field(min_length=1, max_length=500)] | None


class _Opened(_Wire):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(pattern=r"^https?://", max_length=2000)]
    expires_at: AwareDatetime


class _Kept(_Wire):
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")]
    method: Method
    brand: Annotated[str, Field(max_length=24, pattern=_PLAIN)]
    last4: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")]
    expires: Annotated[str, Field(pattern=r"^([0-9]{4}-(0[1-9]|1[0-2]))?$")] = ""


class _Methods(_Wire):
    methods: list[_Kept]


class _Error(_Wire):
    class Inner(_Wire):
        code: str

    error: Inner


class SandboxGateway:
    """`Till` over the processor of `services.sandbox`, reached at ``url`` (its ``/processor`` included).

    ``pause`` lets safe calls be tried again; without it each is made once.
    """

    name = "sandbox"

    def __init__(
        self, http: httpx.AsyncClient, url: str, api_key: str, webhook_secret: str, *, pause: Pause | None = None
    ) -> None:
        self._remote = Remote("the payment processor", http, url, api_key, pause=pause)
        self._secret = webhook_secret.encode()

    async def open_page(self, request: PageRequest, key: str) -> Page:
        """See `Gateway.open_page`. Raises `Malformed` when ``key`` was used for another request before."""
        response = await self._remote.post("/v1/pages", _order(request), key=key)
        if response.is_client_error and response.status_code != HTTPStatus.CONFLICT:  # 409: the key has made a page
            raise self._remote.rejected(response)
        if response.status_code != 201:
            raise self._remote.broken(response)
        opened = self._parsed(_Opened, response)
        return Page(opened.id, opened.url, opened.expires_at.astimezone(UTC))

    async def close_page(self, page: str) -> tuple[Fact, ...]:
        """See `Gateway.close_page`. Closing twice is closing once, so its own path is the key of a retry."""
        response = await self._remote.post(f"/v1/pages/{_segment(page)}/close", b"{}", key=f"close-{page}")
        return self._facts(response)

    async def charge(self, page: str) -> tuple[Fact, ...]:
        """See `Vault.charge`. A page is charged once, so its own path is the key of a retry.

        Raises `Rejected` for a page that was opened for no saved method.
        """
        response = await self._remote.post(f"/v1/pages/{_segment(page)}/charge", b"{}", key=f"charge-{page}")
        if response.is_client_error:
            raise self._remote.rejected(response)
        return self._facts(response)

    async def methods(self, customer: str) -> tuple[SavedMethod, ...]:
        """See `Vault.methods`."""
        response = await self._remote.get(f"/v1/customers/{_segment(customer)}/methods")
        if response.status_code != 200:
            raise self._remote.broken(response)
        kept = self._parsed(_Methods, response).methods
        return tuple(SavedMethod(each.id, each.method, each.brand, each.last4, each.expires) for each in kept)

    async def forget(self, customer: str, method: str) -> None:
        """See `Vault.forget`."""
        response = await self._remote.delete(f"/v1/customers/{_segment(customer)}/methods/{_segment(method)}")
        if response.status_code != 200:
            raise self._remote.broken(response)

    async def find(self, reference: str) -> tuple[Fact, ...] | None:
        """See `Gateway.find`. Only the processor's own "no such payment" is None: any other 404 is `Malformed`."""
        response = await self._remote.get(f"/v1/payments/{_segment(reference)}")
        if response.status_code == 404 and self._parsed(_Error, response).error.code == "no_such_payment":
            return None
        return self._facts(response)

    async def refund(self, request: RefundRequest, key: str) -> tuple[Fact, ...] | NoRefund:
        """See `Gateway.refund`. Raises `Malformed` when ``key`` was used for another refund before."""
        response = await self._remote.post("/v1/refunds", _refund_order(request), key=key)
        if response.status_code == 422:
            return NoRefund(self._parsed(_Error, response).error.code)
        return self._facts(response)

    async def since(self, at: datetime, after: str) -> Batch:
        """See `Gateway.since`."""
        query = {"since": at.astimezone(UTC).isoformat()} | ({"after": after} if after else {})
        response = await self._remote.get("/v1/events", query)
        if response.status_code != 200:
            raise self._remote.broken(response)
        listing = self._parsed(_Listing, response)
        return Batch(tuple(_fact(event) for event in listing.events if event.type in _KINDS), listing.next)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Fact, ...]:
        """See `Gateway.read_webhook`. One webhook carries one event."""
        given = next((value for name, value in headers.items() if name.lower() == HEADER), "")
        self._check(given, body, now)
        if len(body) > _MAX_BODY:
            raise Malformed("a signed webhook is larger than any event")
        try:
            if _Kind.model_validate_json(body).type not in _KINDS:
                return ()
            return (_fact(_Event.model_validate_json(body)),)
        except ValidationError as error:
            raise Malformed(f"a signed webhook breaks its contract in {error.error_count()} places") from None

    def _check(self, given: str, body: bytes, now: datetime) -> None:
        parts = [part.strip().partition("=") for part in given.split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        signatures = [value for name, _, value in parts if name == "v1"]
        if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 12):
            raise Forged("a webhook without a readable signature")
        expected = hmac.digest(self._secret, stamps[0].encode() + b"." + body, "sha256").hex()
        if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures):
            raise Forged("a webhook whose signature does not fit")
        if abs(int(now.timestamp()) - int(stamps[0])) > TOLERANCE_S:
            raise Forged("a webhook whose stamp is too far from now")

    def _facts(self, response: httpx.Response) -> tuple[Fact, ...]:
        if response.status_code != 200:
            raise self._remote.broken(response)
        events = self._parsed(_Events, response).events
        return tuple(_fact(event) for event in events if event.type in _KINDS)

    def _parsed(self, wire: type[_Read], response: httpx.Response) -> _Read:
        try:
            return wire.model_validate_json(response.content)
        except ValidationError:
            raise self._remote.broken(response) from None


def _order(request: PageRequest) -> bytes:
    optional = {"customer": request.customer, "saved": request.saved, "fee_minor": request.fee_minor}
    return msgspec.json.encode(
        {
            "reference": request.reference,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
            "method": request.method,
            "name": request.name,
            "zip": request.zip,
            "invoices": request.numbers,
            "return_url": request.return_url,
        }
        | {name: value for name, value in optional.items() if value}
    )


def _refund_order(request: RefundRequest) -> bytes:
    return msgspec.json.encode(
        {
            "reference": request.reference,
            "refund": request.refund,
            "amount_minor": request.amount.minor,
            "currency": request.amount.currency,
        }
    )


def _segment(part: str) -> str:
    """One segment of a path. Ours and the processor's ids need no escaping; anything else is a bug, not a request."""
    if not part or not all(ch.isascii() and (ch.isalnum() or ch in "._:-") for ch in part) or part in {".", ".."}:
        raise ValueError("not an id that can stand in a path")
    return part


def _fact(event: _Event) -> Fact:
    kind = _KINDS[event.type]
    return Fact(
        id=event.id,
        reference=event.reference,
        kind=kind,
        at=event.at.astimezone(UTC),
        amount=Money(event.amount_minor, event.currency),
        method=event.method,
        brand=event.brand,
        last4=event.last4,
        reason=_REASONS.get(event.code, _OTHERWISE.get(kind)) if kind in _OTHERWISE else None,
        refund=event.refund,
    )
