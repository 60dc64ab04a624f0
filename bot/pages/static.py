"""The widget's script, the full-page chat, and their style sheet: files, the same for everybody, kept in memory.

Comments are for who reads the source; they are left out of what is sent, a fifth of it. Nothing here knows a customer; whose chat it is, the browser learns from the API. The full-page chat may be opened with a
pay link (``/chat?i=TOKEN``), which only the script reads.
"""

import gzip
import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.web import Endpoint

if TYPE_CHECKING:
    from bot.app import Remit

_PAGES = Path(__file__).parent
_TEMPLATES = Environment(loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined)
_LANGUAGES = ("en", "es")  # of the widget's own words
_COMMENT = re.compile(rb"^ *(?://[^\n]*|/\*[\s\S]*?\*/) *$", re.MULTILINE)  # on lines of its own

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",  # the address may hold a pay link
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-cache",
}


def routes(remit: "Remit") -> list[Route]:
    """``/widget.js`` for pages anywhere, ``/chat`` (``/`` leads there), and ``/assets/chat.css`` for it."""
    anywhere = {"Cross-Origin-Resource-Policy": "cross-origin"}
    edit = partial(with_telegram, offered=bool(remit.settings.telegram.bot))
    script = _file("widget.js", "text/javascript; charset=utf-8", anywhere, edit)
    return [
        Route("/widget.js", script, methods=["GET"]),
        Route("/", _to_chat, methods=["GET"]),
        Route("/chat", _chat(remit.settings.business.name, remit.settings.business.phone), methods=["GET"]),
        Route("/assets/chat.css", _file("chat.css", "text/css; charset=utf-8", {}), methods=["GET"]),
    ]


async def _to_chat(_request: Request) -> Response:
    return RedirectResponse("chat")  # relative: the assistant may live below another site's path


def _chat(business: str, phone: str) -> Endpoint:
    template = _TEMPLATES.get_template("chat.html")
    texts = {lang: template.render(business=business, phone=phone, lang=lang) for lang in _LANGUAGES}

    async def chat(request: Request) -> Response:
        asked = request.query_params.get("lang") or _preferred(request.headers.get("accept-language", ""))
        text = texts.get(asked, texts["en"])
        return HTMLResponse(text, headers=_PAGE_HEADERS | {"Vary": "Accept-Language"})

    return chat


def _preferred(accepted: str) -> str:
    """The first language of an Accept-Language header (RFC 9110): browsers name the best one first."""
    return accepted.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip()[:2].lower()


def without_comments(source: bytes) -> bytes:
    """A script or style sheet as it is sent: lines of comment are empty, so every line keeps its number."""
    return _COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), source)


def with_telegram(script: bytes, *, offered: bool) -> bytes:
    """The widget's script, which offers to go on in Telegram where there is a bot."""
    return script.replace(b"const TELEGRAM = false;", b"const TELEGRAM = true;", 1) if offered else script


def _file(
    name: str, media_type: str, headers: dict[str, str], edit: Callable[[bytes], bytes] = lambda content: content
) -> Endpoint:
    """One file of this folder, read and edited at start: fresh for five minutes, then asked after by its ETag (RFC 9110)."""
    content = edit(without_comments((_PAGES / name).read_bytes()))
    small = gzip.compress(content, 9, mtime=0)
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:20]}"'  # weak: the same for both encodings
    shared = headers | {
        "ETag": tag,
        "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }

    async def serve(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=shared)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(small, headers=shared | {"Content-Encoding": "gzip"}, media_type=media_type)
        return Response(content, headers=shared, media_type=media_type)

    return serve
