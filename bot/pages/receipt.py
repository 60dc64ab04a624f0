"""The receipt behind its link, as a page and as a PDF: ``/r/TOKEN`` and ``/r/TOKEN.pdf``. Whoever holds one may open it.

It says how the payment stands now, whatever was printed before. Nothing of the customer stands on it (`services.payments.receipts`);
what every wrong link is answered is the same, and costs one look at the ledger.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.pages.qr import picture, rows
from bot.pages.receipt_paper import Printed, receipt_pdf
from bot.pages.receipt_words import receipt_words
from bot.pages.worded import PRIVATE, StyleSheet, WordedPages
from bot.web import Endpoint
from dialogs.model import Say
from services.allowance import household
from services.errors import RemitError
from services.payments import receipt_links, receipts
from services.payments.receipts import Receipt

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

_SHEETS = (StyleSheet("bill.css"), StyleSheet("receipt.css"))
_PDF = PRIVATE | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}  # of the browser's viewer


def routes(remit: "Remit") -> list[Route]:
    """``/r/{token}``, ``/r/{token}.pdf`` and the style sheet; that of the bill is routed there.

    Raises `Misconfigured` when the first language has no page texts.
    """
    pages = _ReceiptPages(remit)
    return [
        _SHEETS[1].route(),
        Route("/r/{token}.pdf", pages.politely(pages.paper), methods=["GET"]),
        Route("/r/{token}", pages.politely(pages.page), methods=["GET"]),
    ]


class _ReceiptPages(WordedPages):
    def politely(self, work: Endpoint) -> Endpoint:
        """The route, at a bearable pace, with a page that says so when the ledger is away. Bugs still raise."""

        async def endpoint(request: Request) -> Response:
            caller = household(request.client.host if request.client else "")
            if wait := await self._remit.receipt_limit.wait(caller):
                return self._note(request, 429, "often", {"Retry-After": str(wait)})
            try:
                return await work(request)
            except (RemitError, OperationalError) as error:
                log.warning("a receipt could not be shown: %s", type(error).__name__)
                return self._note(request, 503, "away", {"Retry-After": "30"})

        return endpoint

    async def page(self, request: Request) -> Response:
        """The receipt as it stands now, or 404."""
        token = request.path_params["token"]
        found = await self._found(token)
        if found is None:
            return self._note(request, 404, "unknown")
        shown = receipt_words(found, self.business, self.words_for(request), self._remit.clock())
        url = self._url(token)
        pdf = f"{token}.pdf{self.query(request)}"
        values: dict[str, Any] = {"receipt": shown, "number": found.number, "url": url, "qr": picture(url), "pdf": pdf}
        return self._page(request, 200, title=shown.title, **values)

    async def paper(self, request: Request) -> Response:
        """The same on paper, or 404."""
        token = request.path_params["token"]
        found = await self._found(token)
        if found is None:
            return self._note(request, 404, "unknown")
        words, now = self.words_for(request), self._remit.clock()
        settings = self._remit.settings.business
        printed = Printed.of(found, words, now, settings.name, settings.phone, self._url(token), rows(self._url(token)))
        # in a thread: it takes as long as many turns of chats
        body = await asyncio.to_thread(receipt_pdf, printed)
        named = {"Content-Disposition": f'inline; filename="receipt-{found.number}.pdf"'}
        told = {"Content-Language": words.locale, "Vary": "Accept-Language"}
        return Response(body, media_type="application/pdf", headers=_PDF | named | told)

    async def _found(self, token: str) -> Receipt | None:
        def look(conn: Connection) -> Receipt | None:
            reference = receipt_links.opened(conn, token)
            return None if reference is None else receipts.read(conn, reference)

        return await self._remit.transact(look)

    def _url(self, token: str) -> str:
        return f"{self._remit.settings.base_url}/r/{token}"

    def _note(self, request: Request, status: int, key: str, headers: dict[str, str] | None = None) -> HTMLResponse:
        """A page of one thought."""
        words = self.words_for(request)
        title, text = (words.say(Say(f"receipt_{key}{part}")) for part in ("_title", ""))
        return self._page(request, status, headers, title=title, text=text, receipt=None)

    def _page(
        self, request: Request, status: int, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        return self.rendered(request, "receipt.html", _SHEETS, status, headers, **values)
