"""The processor's JSON routes for merchants: pages, refunds and what happened. The rules are in `processor`.

``POST /v1/pages`` and ``POST /v1/refunds`` (with ``Idempotency-Key``), ``POST /v1/pages/{id}/close`` and ``/charge``, ``GET
/v1/payments/{reference}``, ``GET /v1/events``, ``GET /v1/customers/{customer}/methods``, ``DELETE`` of one of them.
"""

import re
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.answers import answer, carry_out, holds_key, idempotency_key, no_key, read, refusal
from services.sandbox.clock import Faults
from services.sandbox.payments import CUSTOMER, Event, HostedPage, PageOrder, RefundOrder
from services.sandbox.processor import Objection, Processor
from services.sandbox.vault import Kept

_STATUS = {
    "key_reused": 409,
    "no_such_payment": 404,
    "no_such_page": 404,
    "no_such_method": 422,
    "not_refundable": 422,
}


class ProcessorApi:
    """Routes over one processor. ``url`` is where its pages are reached from outside."""

    def __init__(self, processor: Processor, *, api_key: str, url: str, faults: Faults) -> None:
        self._processor = processor
        self._api_key = api_key
        self._url = url
        self._faults = faults

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/v1/pages", self.open, methods=["POST"]),
            Route("/v1/pages/{page}/close", self.close, methods=["POST"]),
            Route("/v1/pages/{page}/charge", self.charge, methods=["POST"]),
            Route("/v1/customers/{customer}/methods", self.methods, methods=["GET"]),
            Route("/v1/customers/{customer}/methods/{method}", self.forget, methods=["DELETE"]),
            Route("/v1/refunds", self.refund, methods=["POST"]),
            Route("/v1/payments/{reference}", self.find, methods=["GET"]),
            Route("/v1/events", self.events, methods=["GET"]),
        ]

    async def open(self, request: Request) -> Response:
        """201 with ``{id, url, expires_at}``; 409 when the key was used for another order, 422 ``no_such_method``."""
        if not holds_key(request, self._api_key):
            return no_key()
        key = idempotency_key(request)
        if isinstance(key, Response):
            return key
        order = await read(request, PageOrder)
        if isinstance(order, Response):
            return order
        if order.method == "bank" and order.currency != "USD":
            return refusal(400, "bank_needs_usd", "ACH moves US dollars only (NACHA).")
        return carry_out(self._faults.drop, lambda: self._opened(self._processor.open(key, order)))

    async def close(self, request: Request) -> Response:
        """200 with ``{reference, events}``, whatever happened first; 404 for a page that never was."""
        if not holds_key(request, self._api_key):
            return no_key()
        page_id = request.path_params["page"]
        return carry_out(self._faults.drop, lambda: _closed(self._processor.close(page_id)))

    async def charge(self, request: Request) -> Response:
        """200 with ``{reference, events}``, the same however often; 404 for no page, 422 for one without a saved method."""
        if not holds_key(request, self._api_key):
            return no_key()
        page_id = request.path_params["page"]
        return carry_out(self._faults.drop, lambda: _charged(self._processor.charge(page_id)))

    async def methods(self, request: Request) -> Response:
        """200 with ``{methods: [{id, method, brand, last4, expires}]}``, the newest first."""
        if not holds_key(request, self._api_key):
            return no_key()
        customer = request.path_params["customer"]
        if not re.fullmatch(CUSTOMER, customer):
            return _no_name()
        return answer({"methods": [_shown(each) for each in self._processor.methods(customer)]})

    async def forget(self, request: Request) -> Response:
        """200 with ``{}``, whether or not this customer had this method."""
        if not holds_key(request, self._api_key):
            return no_key()
        customer, method = request.path_params["customer"], request.path_params["method"]
        if not re.fullmatch(CUSTOMER, customer):
            return _no_name()
        return carry_out(self._faults.drop, lambda: self._forgotten(customer, method))

    async def refund(self, request: Request) -> Response:
        """200 with ``{events}`` of the payment; 409 ``key_reused``, 404 ``no_such_payment``, 422 ``not_refundable``."""
        if not holds_key(request, self._api_key):
            return no_key()
        key = idempotency_key(request)
        if isinstance(key, Response):
            return key
        order = await read(request, RefundOrder)
        if isinstance(order, Response):
            return order
        return carry_out(self._faults.drop, lambda: _refunded(self._processor.refund(key, order)))

    async def find(self, request: Request) -> Response:
        """200 with ``{reference, events}``; 404 ``no_such_payment`` when the reference was never heard of."""
        if not holds_key(request, self._api_key):
            return no_key()
        reference = request.path_params["reference"]
        events = self._processor.find(reference)
        if events is None:
            return refusal(404, "no_such_payment", "No payment has this reference.")
        return answer({"reference": reference, "events": events})

    async def events(self, request: Request) -> Response:
        """200 with ``{events, next}``: of all payments, from ``since`` on, after the cursor ``after``; else 400."""
        if not holds_key(request, self._api_key):
            return no_key()
        asked = request.query_params
        since, limit = _instant(asked.get("since", "")), _limit(asked.get("limit", "100"))
        if since is None:
            return refusal(400, "bad_request", "since is not an instant with its offset from UTC (ISO 8601).")
        if limit is None:
            return refusal(400, "bad_request", "limit is not a number from 1 to 100.")
        found = self._processor.events(since, asked.get("after", ""), limit)
        if found is None:
            return refusal(400, "bad_request", "after is no cursor that was given out here.")
        return answer({"events": found[0], "next": found[1]})

    def _opened(self, page: HostedPage | Objection) -> Response:
        if isinstance(page, Objection):
            return _refused(page)
        return answer({"id": page.id, "url": f"{self._url}/pay/{page.id}", "expires_at": page.expires_at}, 201)

    def _forgotten(self, customer: str, method: str) -> Response:
        self._processor.forget(customer, method)
        return answer({})


def _closed(page: HostedPage | None) -> Response:
    if page is None:
        return refusal(404, "no_such_page", "No page has this id.")
    return answer({"reference": page.order.reference, "events": page.events})


def _charged(page: HostedPage | Objection) -> Response:
    return _refused(page) if isinstance(page, Objection) else _closed(page)


def _refunded(events: list[Event] | Objection) -> Response:
    return _refused(events) if isinstance(events, Objection) else answer({"events": events})


def _refused(objection: Objection) -> Response:
    return refusal(_STATUS[objection.code], objection.code, objection.why)


def _no_name() -> Response:
    return refusal(400, "bad_request", "That is no name of a customer.")


def _shown(kept: Kept) -> dict[str, str]:
    return {
        "id": kept.id,
        "method": kept.method,
        "brand": kept.brand,
        "last4": kept.last4,
        "expires": kept.expires,
    }


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


def _limit(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]?|100", text) else None
