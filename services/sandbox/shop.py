"""A demo merchant: the web site of a small business that has put the chat's script tag on its page, and nothing else.

The page knows one thing of the assistant, its address; no invoice, no customer and no rule is here.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.look import HEADERS, Look
from services.sandbox.portal import DemoBusiness


class ShopPages:
    """One page. ``assistant`` is the assistant's base URL, or "" for a site without the chat."""

    def __init__(self, business: DemoBusiness, look: Look, assistant: str) -> None:
        self._business = business
        self._look = look
        self._assistant = assistant.rstrip("/")
        parts = urlsplit(self._assistant)
        origin = f"{parts.scheme}://{parts.netloc}" if assistant else "'none'"
        # as strict as a merchant's page can be: the chat has to work under it
        self._policy = (
            f"default-src 'none'; script-src {origin}; connect-src {origin}; style-src 'self'; img-src 'self' data:; "
            "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [Route("/", self.home, methods=["GET"])]

    async def home(self, request: Request) -> Response:
        """The site. ``?lang=``, ``?theme=``, ``?dir=`` and ``?pay_link=`` show how the chat follows its page."""
        asked = request.query_params
        page = self._look.page(
            "shop.html",
            business=self._business,
            assistant=self._assistant,
            lang=asked.get("lang", "en"),
            theme=asked.get("theme", ""),
            dir=asked.get("dir", "ltr"),
            pay_link=asked.get("pay_link", ""),
        )
        page.headers.update(HEADERS | {"Content-Security-Policy": self._policy, "Referrer-Policy": "origin"})
        return page
