"""The bill behind a pay link, and the way back in when the link has expired.

Reads, words and renders, in the language that is asked for; what an invoice means is in `reading`, what may be paid in the chat. Plain HTML: nothing here
needs a script, and a stranger to the invoice sees nothing of it.
"""

import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import OperationalError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.pages.languages import language_for, page_words
from bot.pages.qr import picture
from bot.pages.reading import read
from bot.send_links import Fate, LinkSender
from bot.web import Endpoint
from bot.wording import Wording
from dialogs.model import Say, Value
from services import allowance
from services.errors import RemitError
from services.identity import LinkExpired, LinkOpened
from services.mail import Mail, one_line
from services.model import Bearer

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

FRESH_PER_INVOICE = 3  # links sent by somebody who pressed the button, per day
FRESH_PER_CLIENT = 20  # presses from one address, per day

_PAGES = Path(__file__).parent
_SHEET = (_PAGES / "bill.css").read_bytes()
_VERSION = hashlib.sha256(_SHEET).hexdigest()[:12]
_TEMPLATES = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is the key: it goes nowhere else
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


def routes(remit: "Remit", mail: Mail | None) -> list[Route]:
    """``/i/{token}``, its button for a fresh link, and their style sheet.

    ``mail`` None: no fresh link is offered. Raises `Misconfigured` when the first language has no page texts.
    """
    pages = _BillPages(remit, mail)
    return [
        Route("/pages/bill.css", _sheet, methods=["GET"]),
        Route("/i/{token}", pages.politely(pages.show), methods=["GET"]),
        Route("/i/{token}/fresh", pages.politely(pages.send_fresh), methods=["POST"]),
    ]


async def _sheet(_request: Request) -> Response:
    # its address carries a hash of it, so that it may be kept for ever
    return Response(_SHEET, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"})


class _BillPages:
    def __init__(self, remit: "Remit", mail: Mail | None) -> None:
        settings = remit.settings
        self._remit = remit
        self._words = page_words(settings)
        self._rules = settings.house().rules
        self._access = remit.access
        self._sender = LinkSender(remit, mail) if mail is not None else None

    def politely(self, work: Endpoint) -> Endpoint:
        """The route, with a page that says so when books or ledger are away. Bugs still raise."""

        async def endpoint(request: Request) -> Response:
            try:
                return await work(request)
            except (RemitError, OperationalError) as error:
                log.warning("a bill could not be shown: %s", type(error).__name__)
                return self._note(request, 503, "away", headers={"Retry-After": "30"})

        return endpoint

    async def show(self, request: Request) -> Response:
        """The bill; 410 with the rescue for a link that held once, 404 for one that never was."""
        token = request.path_params["token"]
        match await self._remit.identity.open(token):
            case LinkOpened(invoice):
                return await self._bill(request, token, invoice)
            case LinkExpired() if "sent" in request.query_params:
                return self._note(request, 200, "sent", chat=token)
            case LinkExpired() if self._sender is not None:
                return self._note(request, 410, "expired", chat=token, fresh=token)
            case LinkExpired():
                return self._note(request, 410, "expired", "expired_no_mail", chat=token)
            case None:
                return self._note(request, 404, "unknown", chat="")

    async def send_fresh(self, request: Request) -> Response:
        """Mail another link to the address on file. The answer is the same whether or not there is one."""
        token = request.path_params["token"]
        opened = await self._remit.identity.open(token)
        if opened is None:
            return self._note(request, 404, "unknown", chat="")
        if isinstance(opened, LinkOpened) or self._sender is None:
            return RedirectResponse(f"../{token}{self._query(request)}", 303, headers=_PRIVATE)
        place = await self._room(request, opened.invoice)
        if place is None:
            return self._note(request, 429, "often", chat=token, headers={"Retry-After": "3600"})
        # after the answer, so that its time tells nothing either
        send = BackgroundTask(self._send, self._sender, opened.invoice, place)
        return RedirectResponse(f"../{token}{self._query(request, sent='1')}", 303, headers=_PRIVATE, background=send)

    async def _bill(self, request: Request, token: str, invoice: str) -> Response:
        found = await self._access.invoice(Bearer(invoice, "link"), invoice)
        if found is None:
            return self._note(request, 410, "gone", chat="")
        words = self._words_for(request)
        bill = read(found, self._rules, self._remit.today(), words)
        url = f"{self._remit.settings.base_url}/i/{token}"
        title = words.say(Say("title", {"number": bill.number, "business": self._business}))
        telegram = self._remit.settings.telegram_link(token)
        codes: dict[str, Any] = {"qr": picture(url), "telegram_qr": picture(telegram) if telegram else ""}
        shown: dict[str, Any] = {"bill": bill, "token": token, "url": url, "telegram": telegram}
        return self._page(request, 200, title=title, **shown, **codes)

    async def _room(self, request: Request, invoice: str) -> str | None:
        """A place among today's fresh links of this invoice, or None when it or the caller had enough."""
        client = request.client.host if request.client else ""
        day, now = self._remit.today(), self._remit.clock()
        take = partial(allowance.take, day=day, at=now)
        caller = partial(take, subject=f"fresh-client:{allowance.household(client)}", most=FRESH_PER_CLIENT)
        if await self._remit.transact(caller) is None:
            return None
        return await self._remit.transact(partial(take, subject=f"fresh:{invoice}", most=FRESH_PER_INVOICE))

    async def _send(self, sender: LinkSender, invoice: str, place: str) -> None:
        try:
            fate = await sender.send_fresh(invoice)
        except RemitError as error:
            log.warning("a fresh link was not sent: %s", error)
            fate = Fate.NOT_SENT
        if fate is Fate.NOT_SENT:
            await self._remit.transact(partial(allowance.give_back, place=place))

    # --- rendering ------------------------------------------------------------------------------------------------

    def _note(
        self,
        request: Request,
        status: int,
        key: str,
        text: str = "",
        *,
        chat: str | None = None,
        fresh: str = "",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """A page of one thought. ``chat``: the pay link the chat is told, None for no way there."""
        say = self._words_for(request).say
        note = {"title": say(Say(f"{key}_title")), "text": say(Say(text or key)), "chat": chat, "fresh": fresh}
        return self._page(request, status, headers, title=note["title"], bill=None, note=note)

    def _page(
        self, request: Request, status: int, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        up = "../" * (request.url.path.count("/") - request.scope.get("root_path", "").count("/") - 1)
        words = self._words_for(request)

        def say(key: str, **more: Value) -> str:
            return words.say(Say(key, more))

        shared = {"up": up, "sheet": f"{up}pages/bill.css?{_VERSION}", "locale": words.locale, "say": say}
        language = {"languages": self._others(request), "query": self._query(request)}
        business = {"business": self._business, "phone": self._phone}
        html = _TEMPLATES.get_template("bill.html").render(shared | language | business | values)
        language_told = {"Content-Language": words.locale, "Vary": "Accept-Language"}
        return HTMLResponse(html, status, headers=_PRIVATE | language_told | (headers or {}))

    # --- languages ------------------------------------------------------------------------------------------------

    def _words_for(self, request: Request) -> Wording:
        return self._words[language_for(request, self._words)]

    def _query(self, request: Request, **values: str) -> str:
        """What an address carries on: the language that this one named. Without it the browser says it again."""
        asked = request.query_params.get("lang", "")
        named = {"lang": asked} if asked in self._words else {}
        return f"?{query}" if (query := urlencode(values | named)) else ""

    def _others(self, request: Request) -> list[dict[str, str]]:
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
    def _phone(self) -> str:
        return one_line(self._remit.settings.business.phone).replace(" ", "\N{NO-BREAK SPACE}")

    @property
    def _business(self) -> str:
        return one_line(self._remit.settings.business.name)
