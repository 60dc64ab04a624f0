"""The processor's JSON routes for merchants: open a page, close it, look a payment up. The rules are in `processor`.

``POST /v1/pages`` (with ``Idempotency-Key``), ``POST /v1/pages/{id}/close``, ``GET /v1/payments/{reference}``.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.answers import answer, holds_key, lost, no_key, read, refusal
from services.sandbox.clock import Faults
from services.sandbox.processor import HostedPage, PageOrder, Processor


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
            Route("/v1/payments/{reference}", self.find, methods=["GET"]),
        ]

    async def open(self, request: Request) -> Response:
        """201 with ``{id, url, expires_at}``; 409 when the key was used for another order."""
        if not holds_key(request, self._api_key):
            return no_key()
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255:
            return refusal(400, "key_missing", "An Idempotency-Key of 1 to 255 characters is needed.")
        order = await read(request, PageOrder)
        if isinstance(order, Response):
            return order
        if order.method == "bank" and order.currency != "USD":
            return refusal(400, "bank_needs_usd", "ACH moves US dollars only (NACHA).")
        return self._carry_out(lambda: self._opened(self._processor.open(key, order)))

    async def close(self, request: Request) -> Response:
        """200 with ``{reference, events}``, whatever happened first; 404 for a page that never was."""
        if not holds_key(request, self._api_key):
            return no_key()
        page_id = request.path_params["page"]
        return self._carry_out(lambda: self._closed(self._processor.close(page_id)))

    async def find(self, request: Request) -> Response:
        """200 with ``{reference, events}``; 404 ``no_such_payment`` when the reference was never heard of."""
        if not holds_key(request, self._api_key):
            return no_key()
        reference = request.path_params["reference"]
        events = self._processor.find(reference)
        if events is None:
            return refusal(404, "no_such_payment", "No payment has this reference.")
        return answer({"reference": reference, "events": events})

    def _carry_out(self, work: Callable[[], Response]) -> Response:
        if self._faults.drop == "before":
            return lost()
        done = work()
        return lost() if self._faults.drop == "after" else done

    def _opened(self, page: HostedPage | None) -> Response:
        if page is None:
            return refusal(409, "key_reused", "This key was used for another request.")
        return answer({"id": page.id, "url": f"{self._url}/pay/{page.id}", "expires_at": page.expires_at}, 201)

    def _closed(self, page: HostedPage | None) -> Response:
        if page is None:
            return refusal(404, "no_such_page", "No page has this id.")
        return answer({"reference": page.order.reference, "events": page.events})
