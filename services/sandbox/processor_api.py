"""The processor's JSON routes for merchants: pages, refunds and what happened. The rules are in `processor`.

``POST /v1/pages`` and ``POST /v1/refunds`` (with ``Idempotency-Key``), ``POST /v1/pages/{id}/close``, ``GET
/v1/payments/{reference}``, ``GET /v1/events``.
"""

import re
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.answers import answer, carry_out, holds_key, idempotency_key, no_key, read, refusal
from services.sandbox.clock import Faults
from services.sandbox.payments import Event, HostedPage, PageOrder, RefundOrder
from services.sandbox.processor import Objection, Processor

_STATUS = {"key_reused": 409, "no_such_payment": 404, "not_refundable": 422}


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
            Route("/v1/refunds", self.refund, methods=["POST"]),
            Route("/v1/payments/{reference}", self.find, methods=["GET"]),
            Route("/v1/events", self.events, methods=["GET"]),
        ]

    async def open(self, request: Request) -> Response:
        """201 with ``{id, url, expires_at}``; 409 when the key was used for another order."""
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

    def _opened(self, page: HostedPage | None) -> Response:
        if page is None:
            return refusal(409, "key_reused", "This key was used for another request.")
        return answer({"id": page.id, "url": f"{self._url}/pay/{page.id}", "expires_at": page.expires_at}, 201)


def _closed(page: HostedPage | None) -> Response:
    if page is None:
        return refusal(404, "no_such_page", "No page has this id.")
    return answer({"reference": page.order.reference, "events": page.events})


def _refunded(events: list[Event] | Objection) -> Response:
    if isinstance(events, Objection):
        return refusal(_STATUS[events.code], events.code, events.why)
    return answer({"events": events})


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None


def _limit(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]?|100", text) else None
