"""One tap to stop reminders: ``/mail/stop/TOKEN``, which stands in every reminder and in its List-Unsubscribe header.

A GET shows a page with one button, since scanners and previews follow links; a POST stops them, by that button or by the
mail program itself (RFC 8058). The token is signed and names a customer; it can do nothing else, and has no end: an old
letter must be able to stop new ones.
"""

import base64
import hmac
from typing import TYPE_CHECKING

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.pages.worded import StyleSheet, WordedPages
from bot.web import safely
from dialogs.model import Say
from services.invoices.base import Customers
from services.model import Revision
from services.tokens import new_token

if TYPE_CHECKING:
    from bot.app import Remit

_LONGEST = 400  # characters of a token
_SHEET = StyleSheet("bill.css")


def token_of(customer: str, secret: bytes) -> str:
    """The token that stops this customer's reminders."""
    said = customer.encode()
    return base64.urlsafe_b64encode(_signed(said, secret) + said).decode().rstrip("=")


def customer_of(token: str, secret: bytes) -> str | None:
    """Whose reminders a token stops, by id, or None for what is none."""
    try:
        whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) <= _LONGEST else b""
        signature, said = whole[:16], whole[16:]
        genuine = len(signature) == 16 and hmac.compare_digest(signature, _signed(said, secret))
        return said.decode() if genuine else None
    except ValueError:
        return None


def _signed(said: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"stop reminders:" + said, "sha256")[:16]


async def set_reminders(customers: Customers, customer: str, *, on: bool, key: str) -> bool:
    """Write to the customer's file whether reminders are wanted; False when there is no such customer.

    Raises what the books raise: then nothing was written, or it may be done again with the same ``key``.
    """
    details = await customers.details(customer)
    if details is None:
        return False
    if details.notices.reminders == on:
        return True
    wanted = Revision(notices=replace(details.notices, reminders=on))
    return await customers.save(customer, wanted, key) is not None


def routes(remit: "Remit") -> list[Route]:
    """The page and its button."""
    pages = _Pages(remit)
    path = "/mail/stop/{token}"
    return [
        Route(path, safely(pages.show), methods=["GET"]),
        Route(path, safely(pages.stop), methods=["POST"]),
    ]


class _Pages(WordedPages):
    async def show(self, request: Request) -> Response:
        """One question, and one button that answers it. Nothing changes."""
        known = customer_of(request.path_params["token"], self._remit.secret) is not None
        return self._page(request, "stop", asks=True) if known else self._page(request, "stop_unknown", 404)

    async def stop(self, request: Request) -> Response:
        """No reminders from now on. The body is not looked at: a mail program's and the button's mean the same."""
        customer = customer_of(request.path_params["token"], self._remit.secret)
        if customer is None:
            return self._page(request, "stop_unknown", 404)
        # a new key each time: who turned them on again may stop them again by the same letter
        key = f"stop:{new_token(self._remit.random)}"
        found = await set_reminders(self._remit.books, customer, on=False, key=key)
        return self._page(request, "stopped") if found else self._page(request, "stop_unknown", 404)

    def _page(self, request: Request, key: str, status: int = 200, *, asks: bool = False) -> Response:
        words, named = self.words_for(request), {"business": self.business}
        title, text = (words.say(Say(each, named)) for each in (f"{key}_title", key))
        button = words.say(Say("stop_button")) if asks else ""
        return self.rendered(request, "stop.html", (_SHEET,), status, None, title=title, text=text, button=button)


def stop_url(base_url: str, customer: str, secret: bytes) -> str:
    """The address that stops this customer's reminders."""
    return f"{base_url}/mail/stop/{token_of(customer, secret)}"
