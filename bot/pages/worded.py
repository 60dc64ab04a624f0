"""What the pages behind private links share: their words in every language, their headers, their style sheet.

Plain HTML: nothing here needs a script. Which page there is, and what it says, is for who builds on it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.pages.languages import language_for, page_words
from bot.wording import Wording
from dialogs.model import Say, Value
from services.mail import one_line

if TYPE_CHECKING:
    from bot.app import Remit

_PAGES = Path(__file__).parent
_TEMPLATES = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is the key: it goes nowhere else
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


class StyleSheet:
    """A style sheet of this folder. Its address carries a hash of it, so that it may be kept for ever."""

    def __init__(self, name: str) -> None:
        self._content = (_PAGES / name).read_bytes()
        self._path = f"pages/{name}"
        self.address = f"{self._path}?{hashlib.sha256(self._content).hexdigest()[:12]}"

    def route(self) -> Route:
        """Where it is fetched."""
        return Route(f"/{self._path}", self._serve, methods=["GET"])

    async def _serve(self, _request: Request) -> Response:
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(self._content, media_type="text/css", headers=kept)


class WordedPages:
    """Pages in the languages of the installation, of the one business."""

    def __init__(self, remit: "Remit") -> None:
        """Raises `Misconfigured` when the first language has no page texts."""
        settings = remit.settings
        self._remit = remit
        self._words = page_words(settings)

    def rendered(
        self,
        request: Request,
        template: str,
        sheets: Sequence[StyleSheet],
        status: int,
        headers: dict[str, str] | None,
        **values: Any,
    ) -> HTMLResponse:
        """A page, with what every page is given: ``say``, ``up`` (to the root), the business, and other languages."""
        up = "../" * (request.url.path.count("/") - request.scope.get("root_path", "").count("/") - 1)
        words = self.words_for(request)

        def say(key: str, **more: Value) -> str:
            return words.say(Say(key, more))

        addresses = [sheet.address for sheet in sheets]
        shared = {"up": up, "sheets": addresses, "locale": words.locale, "say": say}
        language = {"languages": self.others(request), "query": self.query(request)}
        business = {"business": self.business, "phone": self.phone}
        html = _TEMPLATES.get_template(template).render(shared | language | business | values)
        language_told = {"Content-Language": words.locale, "Vary": "Accept-Language"}
        return HTMLResponse(html, status, headers=PRIVATE | language_told | (headers or {}))

    def words_for(self, request: Request) -> Wording:
        """The words of this request's language."""
        return self._words[language_for(request, self._words)]

    def query(self, request: Request, **values: str) -> str:
        """What an address carries on: the language that this one named. Without it the browser says it again."""
        asked = request.query_params.get("lang", "")
        named = {"lang": asked} if asked in self._words else {}
        return f"?{query}" if (query := urlencode(values | named)) else ""

    def others(self, request: Request) -> list[dict[str, str]]:
        """The other languages that this page can be read in: code, own name, and address."""
        if request.method != "GET":
            return []
        here = language_for(request, self._words)
        sent = {"sent": "1"} if "sent" in request.query_params else {}
        return [
            {"code": name, "name": words.say(Say("language")), "query": urlencode(sent | {"lang": name})}
            for name, words in self._words.items()
            if name != here
        ]

    @property
    def phone(self) -> str:
        """The business's telephone number, which is not broken over two lines."""
        return one_line(self._remit.settings.business.phone).replace(" ", "\N{NO-BREAK SPACE}")

    @property
    def business(self) -> str:
        """The business's name."""
        return one_line(self._remit.settings.business.name)
