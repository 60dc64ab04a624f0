"""The bill behind a pay link, and the way back in when the link has expired.

Reads, words and renders, in the language that is asked for; what an invoice means is in `reading`, what may be paid in the chat. Plain HTML: nothing here
needs a script, and a stranger to the invoice sees nothing of it.
"""

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import OperationalError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.pages.qr import picture
from bot.pages.reading import read
from bot.pages.worded import PRIVATE, StyleSheet, WordedPages
from bot.send_links import Fate, LinkSender
from bot.web import Endpoint
from dialogs.model import Say
from services import allowance
from services.errors import RemitError
from services.identity import LinkExpired, LinkOpened
from services.link_steps import Step
from services.mail import Mail
from services.model import Bearer

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

FRESH_PER_INVOICE = 3  # links sent by somebody who pressed the button, per day
FRESH_PER_CLIENT = 20  # presses from one address, per day

_SHEET = StyleSheet("bill.css")


def routes(remit: "Remit", mail: Mail | None) -> list[Route]:
    """``/i/{token}``, its button for a fresh link, and their style sheet.

    ``mail`` None: no fresh link is offered. Raises `Misconfigured` when the first language has no page texts.
    """
    pages = _BillPages(remit, mail)
    return [
        _SHEET.route(),
        Route("/i/{token}", pages.politely(pages.show), methods=["GET"]),
        Route("/i/{token}/fresh", pages.politely(pages.send_fresh), methods=["POST"]),
    ]


class _BillPages(WordedPages):
    def __init__(self, remit: "Remit", mail: Mail | None) -> None:
        super().__init__(remit)
        self._rules = remit.settings.house().rules
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
        looked = Step.OPENED if request.method == "GET" else None  # HEAD: a program asks whether there is a page
        match await self._remit.identity.open(token, looked):
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
            return RedirectResponse(f"../{token}{self.query(request)}", 303, headers=PRIVATE)
        place = await self._room(request, opened.invoice)
        if place is None:
            return self._note(request, 429, "often", chat=token, headers={"Retry-After": "3600"})
        # after the answer, so that its time tells nothing either
        send = BackgroundTask(self._send, self._sender, opened.invoice, place)
        return RedirectResponse(f"../{token}{self.query(request, sent='1')}", 303, headers=PRIVATE, background=send)

    async def _bill(self, request: Request, token: str, invoice: str) -> Response:
        found = await self._access.invoice(Bearer(invoice, "link"), invoice)
        if found is None:
            return self._note(request, 410, "gone", chat="")
        words = self.words_for(request)
        bill = read(found, self._rules, self._remit.today(), words)
        url = f"{self._remit.settings.base_url}/i/{token}"
        title = words.say(Say("title", {"number": bill.number, "business": self.business}))
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
        say = self.words_for(request).say
        note = {"title": say(Say(f"{key}_title")), "text": say(Say(text or key)), "chat": chat, "fresh": fresh}
        return self._page(request, status, headers, title=note["title"], bill=None, note=note)

    def _page(
        self, request: Request, status: int, headers: dict[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        return self.rendered(request, "bill.html", (_SHEET,), status, headers, **values)
