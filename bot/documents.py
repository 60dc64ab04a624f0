"""Private links to an invoice on paper: ``/d/TOKEN``, signed, for a short time. Whoever was shown one may open it.

The token says which invoice and until when; nothing is stored. A link is made only of what its chat could see.
"""

import base64
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import Endpoint, plain_page, safely

if TYPE_CHECKING:
    from bot.app import Remit

OPENS_FOR = timedelta(minutes=30)
_LONGEST = 400  # characters of a token


def token_of(invoice: str, now: datetime, secret: bytes) -> str:
    """A token that opens this invoice's PDF until `OPENS_FOR` from now."""
    until = int((now + OPENS_FOR).timestamp())
    said = f"{until}:{invoice}".encode()
    return base64.urlsafe_b64encode(_signed(said, secret) + said).decode().rstrip("=")


def opened(token: str, now: datetime, secret: bytes) -> str | None:
    """The invoice that a token opens now, by its id, or None."""
    try:
        whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) <= _LONGEST else b""
    except ValueError:
        return None
    signature, said = whole[:16], whole[16:]
    if len(signature) < 16 or not hmac.compare_digest(signature, _signed(said, secret)):
        return None
    until, _, invoice = said.decode().partition(":")
    return invoice if now.timestamp() < int(until) else None


def _signed(said: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"document:" + said, "sha256")[:16]


def routes(remit: "Remit") -> list[Route]:
    """The route that gives out documents."""
    return [Route("/d/{token}", safely(_document(remit)), methods=["GET"])]


def _document(remit: "Remit") -> Endpoint:
    async def document(request: Request) -> Response:
        invoice = opened(request.path_params["token"], remit.clock(), remit.secret)
        if invoice is None:
            return plain_page(410, "This link has expired", "Please go back to the chat and ask for the invoice again.")
        pdf = await remit.books.pdf(invoice)
        if pdf is None:
            return plain_page(404, "There is no document", "The business has no document of this invoice.")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'inline; filename="invoice.pdf"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",  # of the browser's own viewer
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
        }
        return Response(pdf, media_type="application/pdf", headers=headers)

    return document
