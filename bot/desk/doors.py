"""Who may come to which page of the desk: session, role, and for forms the token of the session and the page's origin.

A route is made of `page` or `form`, and of nothing else, so that none is open by mistake.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from bot.desk.frame import HEADERS, Frame, desk_of, note
from bot.web import Endpoint, read_body
from services.desk import sessions
from services.desk.agents import Agent, Role
from services.errors import RemitError

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

LARGEST = 64 * 1024  # bytes of a form
Fields = Mapping[str, str]


class Visit(NamedTuple):
    """Somebody who may be here, and what they ask for."""

    remit: "Remit"
    request: Request
    agent: Agent
    token: str  # of their session
    csrf: str  # which each of their forms carries

    @property
    def frame(self) -> Frame:
        """What the frame of a page shows of them."""
        return Frame(self.agent, self.csrf, desk_of(self.remit), self.remit.settings.business.name)

    def to(self, path: str) -> RedirectResponse:
        """Go on to another page of the desk, such as ``chats/3``, after a form was done."""
        return RedirectResponse(f"{desk_of(self.remit)}{path}", 303, headers=HEADERS)


Work = Callable[[Visit], Awaitable[Response]]
FormWork = Callable[[Visit, Fields], Awaitable[Response]]


def page(remit: "Remit", role: Role, work: Work, *, active: bool = True) -> Endpoint:
    """A page (GET) for agents (supervisors are such, too) or for supervisors alone.

    ``active`` False: it is fetched by a script and not by somebody at the keyboard, so a session ends all the same.
    """

    async def endpoint(request: Request) -> Response:
        found = await _visit(remit, request, role, active=active)
        return await work(found) if isinstance(found, Visit) else found

    return politely(remit, endpoint)


def form(remit: "Remit", role: Role, work: FormWork) -> Endpoint:
    """A form (POST, urlencoded) for agents or for supervisors alone; fields that are not there read as ""."""

    async def endpoint(request: Request) -> Response:
        found = await _visit(remit, request, role, active=True)
        if not isinstance(found, Visit):
            return found
        fields = await read_form(request)
        if not (
            from_here(remit, request) and hmac.compare_digest(fields.get("csrf", "").encode(), found.csrf.encode())
        ):
            text = "Nothing was done: this form was not sent from a page of your own session. Open the page again."
            return note(found.frame, 403, "This form is too old", text)
        return await work(found, fields)

    return politely(remit, endpoint)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name. Raises HTTPException 413."""
    body = await read_body(request, LARGEST)
    told = parse_qs(body.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=100)
    return {name: values[0].replace("\r\n", "\n").replace("\0", "") for name, values in told.items()}


def whole(told: str) -> int:
    """The number of something, as an address or a field tells it; 0, which nothing has, for what is no number."""
    return int(told) if told.isdecimal() and len(told) < 10 else 0


def from_here(remit: "Remit", request: Request) -> bool:
    """Whether a page of this very site sends it: browsers say so with every form (Fetch, section 3.2)."""
    host = urlsplit(request.headers.get("origin", "")).netloc
    return host != "" and host in (request.headers.get("host", ""), urlsplit(remit.settings.base_url).netloc)


def csrf_of(remit: "Remit", token: str) -> str:
    """What the forms of a session carry: made from its token, so that it is nowhere stored."""
    return hmac.digest(remit.secret, b"desk form:" + token.encode(), "sha256").hex()


# --- the cookie -------------------------------------------------------------------------------------------------------

COOKIE = "remit_desk"


def remember(remit: "Remit", response: Response, token: str) -> None:
    """Give the browser its session; "" takes it away."""
    base = urlsplit(remit.settings.base_url)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(sessions.LASTS.total_seconds()) if token else 0,
        path=f"{base.path}/desk",
        secure=base.scheme == "https",
        httponly=True,
        samesite="lax",
    )


async def _visit(remit: "Remit", request: Request, role: Role, *, active: bool) -> Visit | Response:
    token = request.cookies.get(COOKIE, "")
    look = partial(sessions.find, token=token, now=remit.clock(), active=active)
    agent = await remit.transact(look) if token else None
    if agent is None:
        after = request.url.path.partition("/desk/")[2] if request.method == "GET" else ""
        query = f"?to={quote(after)}" if after else ""
        return RedirectResponse(f"{desk_of(remit)}sign-in{query}", 303, headers=HEADERS)
    visit = Visit(remit, request, agent, token, csrf_of(remit, token))
    if role == "supervisor" and agent.role != "supervisor":
        return note(visit.frame, 403, "For supervisors", "This page is for supervisors.")
    return visit


def politely(remit: "Remit", work: Endpoint) -> Endpoint:
    """The page, or a sentence where a store is away."""

    async def endpoint(request: Request) -> Response:
        try:
            return await work(request)
        except RemitError:
            log.exception("a page of the desk could not be made")
            text = (
                "Something that is needed does not answer just now. What you sent may not have been done: look again."
            )
            return note(Frame(None, "", desk_of(remit), ""), 503, "Please try again in a moment", text)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it

    return endpoint
