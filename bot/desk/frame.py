"""The frame of every page of the desk: navigation, headers, style sheet and scripts. What stands in it is its page's part.

A page is a template of this folder that extends ``frame.html``; whatever is put into one is escaped.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.pages.static import PAGE_POLICY, without_comments
from services.desk.agents import Agent

if TYPE_CHECKING:
    from bot.app import Remit

_HERE = Path(__file__).parent
TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # without any, browsers would not say where a form comes from
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_FILES = {
    file.name: (without_comments(file.read_bytes()), _KINDS[file.suffix])
    for file in sorted(_HERE.iterdir())
    if file.suffix in _KINDS
}
STYLE = _FILES["desk.css"][0].decode()
_VERSION = hashlib.sha256(b"".join(content for content, _ in _FILES.values())).hexdigest()[:12]

# What the navigation leads to: address below the desk, words, whom it is for.
NAVIGATION: list[tuple[str, str, str]] = [
    ("", "Queue", "agent"),
    ("customers", "Customers", "agent"),
    ("answers", "Answers", "agent"),
    ("numbers", "Numbers", "supervisor"),
    ("payments", "Payments", "supervisor"),
    ("autopay", "Autopay", "supervisor"),
    ("cases", "Cases", "supervisor"),
    ("audit", "Audit", "supervisor"),
    ("team", "Team", "supervisor"),
]


class Frame(NamedTuple):
    """What stands around a page."""

    agent: Agent | None  # None: nobody is signed in
    csrf: str
    desk: str  # the path of /desk/: the assistant may live below another site's path
    business: str

    @property
    def token(self) -> Markup:
        """The hidden field that every form of theirs carries."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.csrf)

    @property
    def navigation(self) -> list[tuple[str, str]]:
        """Address and words of what this person may open."""
        role = "" if self.agent is None else self.agent.role
        return [(path, words) for path, words, who in NAVIGATION if role in ("supervisor", who)]


def desk_of(remit: "Remit") -> str:
    """The path of the desk. Parts of a page are put into another one, so it cannot be told relative to a page."""
    return f"{urlsplit(remit.settings.base_url).path}/desk/"


def render(
    frame: Frame, template: str, status: int = 200, *, title: str, here: str | None = None, **values: Any
) -> HTMLResponse:
    """A page from a template of this folder. ``here``: its address in the navigation."""
    html = TEMPLATES.get_template(template).render(frame=frame, title=title, here=here, version=_VERSION, **values)
    return HTMLResponse(html, status, headers=HEADERS)


def framed(frame: Frame, title: str, body: Markup, status: int = 200, *, here: str | None = None) -> HTMLResponse:
    """A page whose body is HTML already. `Markup` says that whoever made it has escaped what is in it."""
    return render(frame, "framed.html", status, title=title, here=here, body=body)


def note(frame: Frame, status: int, title: str, text: str) -> HTMLResponse:
    """A page of one thought."""
    return framed(frame, title, Markup("<p>{}</p>").format(text), status)


def routes() -> list[Route]:
    """Style sheet and scripts: the same for everybody. Their addresses carry no version, so browsers ask after them."""
    return [Route("/desk/assets/{name}", _asset, methods=["GET"])]


async def _asset(request: Request) -> Response:
    found = _FILES.get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    content, kind = found
    headers = {"Cache-Control": "no-cache", "ETag": f'"{_VERSION}"', "X-Content-Type-Options": "nosniff"}
    if f'"{_VERSION}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)
