"""Signing in at the desk and out of it. The answer and its time are the same for every address that does not get in."""

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.desk.doors import Fields, Visit, form, from_here, politely, read_form, remember
from bot.desk.frame import HEADERS, Frame, desk_of, render
from services.allowance import household
from services.desk import agents, audit, sessions
from services.desk.agents import Attempt
from services.desk.passwords import NOBODY, Passwords

if TYPE_CHECKING:
    from bot.app import Remit

_REFUSED = (
    "This e-mail address and password do not fit together. After ten wrong passwords an account rests for 15 minutes."
)


def routes(remit: "Remit") -> list[Route]:
    """``/desk/sign-in`` and ``/desk/sign-out``."""
    door = _SignIn(remit)
    return [
        Route("/desk/sign-in", politely(remit, door.show), methods=["GET"]),
        Route("/desk/sign-in", politely(remit, door.enter), methods=["POST"]),
        Route("/desk/sign-out", form(remit, "agent", _leave), methods=["POST"]),
    ]


class _SignIn:
    def __init__(self, remit: "Remit") -> None:
        self._remit = remit
        self._passwords = Passwords()

    async def show(self, request: Request) -> Response:
        return self._page(200, request.query_params.get("to", ""))

    async def enter(self, request: Request) -> Response:
        fields = await read_form(request)
        email, to = fields.get("email", ""), fields.get("to", "")
        if not from_here(self._remit, request):
            return self._page(403, to, "Please sign in from this page.", email)
        client = household(request.client.host if request.client else "")
        if seconds := await self._remit.begin_limit.wait(f"desk:{client}"):
            return self._page(429, to, f"Please wait {seconds} seconds and try again.", email)
        token = await self._try(email, fields.get("password", ""))
        if token is None:
            return self._page(401, to, _REFUSED, email)
        response = RedirectResponse(f"{desk_of(self._remit)}{_safe(to)}", 303, headers=HEADERS)
        remember(self._remit, response, token)
        return response

    async def _try(self, email: str, password: str) -> str | None:
        """A session's token, or None. A password is tried whoever it is for, and whether or not it may count."""
        now = self._remit.clock()
        attempt = await self._remit.transact(partial(agents.begin_attempt, email=email, now=now))
        fits = await self._passwords.fits(NOBODY if attempt is None else attempt.password, password)
        if attempt is None or not (fits and attempt.counts):
            return None
        return await self._remit.transact(partial(self._begin, attempt=attempt))

    def _begin(self, conn: Connection, attempt: Attempt) -> str:
        now = self._remit.clock()
        agents.unlock(conn, attempt.agent.id)
        audit.note(conn, attempt.agent.id, "signed_in", now)
        return sessions.begin(conn, attempt.agent.id, self._remit.random, now)

    def _page(self, status: int, to: str, problem: str = "", email: str = "") -> Response:
        frame = Frame(None, "", desk_of(self._remit), self._remit.settings.business.name)
        shown = {"to": _safe(to), "problem": problem, "email": email[:254]}
        return render(frame, "sign_in.html", status, title="Sign in", kind="narrow", **shown)


def _safe(to: str) -> str:
    """A page of the desk to go on to; "" for what may lead elsewhere."""
    plain = all(part.replace("-", "").isalnum() and part.isascii() for part in to.split("/"))
    return to if plain and len(to) < 100 else ""


async def _leave(visit: Visit, _fields: Fields) -> Response:
    await visit.remit.transact(partial(sessions.end, token=visit.token))
    response = visit.to("sign-in")
    remember(visit.remit, response, "")
    return response
