"""The help center as pages: all topics, a search, and each article, in every language there are articles for.

Plain HTML for everybody: no script, no sign-in, nothing about a customer. What an article says is in ``config/help``;
which one answers a question, `dialogs.help_center` knows. A question is shown back redacted and kept nowhere.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.help_articles import FOLDER, GROUPS, help_centers
from bot.wording import Wording
from dialogs.help_center import SURE, Article, HelpCenter, fill
from dialogs.help_words import LONGEST, fold
from dialogs.model import Say
from dialogs.reading.guard import redact
from services.mail import one_line

if TYPE_CHECKING:
    from bot.app import Remit

MOST_RESULTS = 5

_PAGES = Path(__file__).parent
_SHEET = (_PAGES / "help.css").read_bytes()
_VERSION = hashlib.sha256(_SHEET).hexdigest()[:12]
_TEMPLATES = Environment(
    loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Vary": "Accept-Language",
    "Referrer-Policy": "no-referrer",  # a search stands in the address
    "X-Content-Type-Options": "nosniff",
    # the structured data is a data block, which no policy runs or blocks (HTML, 4.12.1)
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
# articles may hold no HTML of their own and no pictures; links with a script in them are refused by the library
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


def routes(remit: "Remit", folder: Path | None = None) -> list[Route]:
    """``/help``, ``/help/{topic}`` and their style sheet. ``folder``: the business's own articles.

    Raises `Misconfigured` for an article, or a text of the pages, that cannot be used.
    """
    pages = _HelpPages(remit, help_centers(folder))
    return [
        Route("/pages/help.css", _sheet, methods=["GET"]),
        Route("/help", pages.overview, methods=["GET"]),
        Route("/help/{topic}", pages.article, methods=["GET"]),
    ]


async def _sheet(_request: Request) -> Response:
    # its address carries a hash of it, so that it may be kept for ever
    return Response(_SHEET, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"})


class _HelpPages:
    def __init__(self, remit: "Remit", centers: Mapping[str, HelpCenter]) -> None:
        settings = remit.settings
        self._base = settings.base_url
        self._centers = centers
        self._words = {
            language: Wording.load(FOLDER / "pages" / f"{language}.toml", settings.zone) for language in centers
        }
        self._business = one_line(settings.business.name)
        self._phone = one_line(settings.business.phone).replace(" ", "\N{NO-BREAK SPACE}")

    async def overview(self, request: Request) -> Response:
        """All topics; with ``?q=``, what answers that question."""
        language = self._language(request)
        asked = " ".join(redact(request.query_params.get("q", "")).text[:LONGEST].split())
        if asked:
            return self._results(request, language, asked)
        title = self._say(language, "title")
        return self._page(request, 200, language, kind="overview", title=title, description=self._say(language, "lead"))

    async def article(self, request: Request) -> Response:
        """One article; where this language has none of that name, the language that has; 404 where none has."""
        language, topic = self._language(request), request.path_params["topic"]
        found = self._centers[language].articles.get(topic)
        if found is None:
            elsewhere = next((other for other, center in self._centers.items() if topic in center.articles), None)
            if elsewhere is not None:
                return RedirectResponse(f"?lang={elsewhere}", 303, headers=_HEADERS)
            title = self._say(language, "unknown_title")
            return self._page(request, 404, language, kind="unknown", title=title, description="")
        html = self._html(found)
        related = [self._centers[language].articles[each] for each in found.related]
        return self._page(
            request,
            200,
            language,
            kind="article",
            title=self._fill(found.title),
            description=self._fill(found.short),
            article=found,
            body=html,
            related=related,
            data=_structured(self._fill(found.title), self._fill(found.short), html),
        )

    def _results(self, request: Request, language: str, asked: str) -> Response:
        """The answer and what comes near it, or that there is none: a wrong answer is worse than that."""
        found = self._centers[language].search(asked, MOST_RESULTS)
        answered = bool(found) and found[0].score >= SURE
        return self._page(
            request,
            200,
            language,
            {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"},
            kind="results",
            title=self._say(language, "results_title" if answered else "nothing_title"),
            description="",
            asked=asked,
            results=[each.article for each in found] if answered else [],
        )

    # --- rendering ----------------------------------------------------------------------------------------------------

    def _page(
        self,
        request: Request,
        status: int,
        language: str,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        up = "../" * (request.url.path.count("/") - request.scope.get("root_path", "").count("/") - 1)
        topic = values["article"].topic if "article" in values else ""
        place = f"/help/{topic}" if topic else "/help"
        told = {"q": values["asked"]} if "asked" in values else {}
        shared = {
            "up": up,
            "sheet": f"{up}pages/help.css?{_VERSION}",
            "language": language,
            "languages": [
                {"code": each, "name": self._say(each, "language"), "query": urlencode({**told, "lang": each})}
                for each in self._centers
                if not topic or topic in self._centers[each].articles
            ],
            "canonical": f"{self._base}{place}",
            "groups": self._groups(language),
            "business": self._business,
            "fill": self._fill,
            "say": lambda key, **more: self._say(language, key, **more),
            "asked": "",
        }
        html = _TEMPLATES.get_template("help.html").render(shared | values)
        return HTMLResponse(html, status, headers=_HEADERS | {"Content-Language": language} | (headers or {}))

    def _groups(self, language: str) -> list[tuple[str, str, list[Article]]]:
        """The topics by groups: name, title, articles; no empty ones."""
        every = self._centers[language].articles.values()
        groups = [(name, [article for article in every if article.group == name]) for name in GROUPS]
        return [(name, self._say(language, f"group_{name}"), found) for name, found in groups if found]

    def _html(self, article: Article) -> Markup:
        return Markup(fill(_rendered(article.text), escape(self._business), escape(self._phone)))  # noqa: S704  # made by the renderer without raw HTML; values are escaped

    def _fill(self, text: str) -> str:
        return fill(text, self._business, self._phone)

    def _say(self, language: str, key: str, **values: str) -> str:
        known = {"business": self._business, "phone": self._phone}
        return self._words[language].say(Say(key, known | values))

    def _language(self, request: Request) -> str:
        """The language asked for; else the first that the browser names and there are articles for (RFC 9110)."""
        asked = request.query_params.get("lang", "")
        if asked in self._centers:
            return asked
        preferred = [
            each.split(";")[0].strip()[:2].lower() for each in request.headers.get("accept-language", "").split(",")
        ]
        return next((each for each in preferred if each in self._centers), next(iter(self._centers)))


@lru_cache(maxsize=512)
def _rendered(text: str) -> str:
    """Markdown -> HTML, its headings with an id of their own to link to."""
    tokens = _MARKDOWN.parse(text)
    for opened, content in pairwise(tokens):
        if opened.type == "heading_open":
            opened.attrSet("id", "-".join(re.findall(r"[a-z0-9]+", fold(content.content))))
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return html


def _structured(title: str, short: str, html: str) -> Markup:
    """The article as schema.org's FAQPage, for search engines: JSON in which no tag can end the element."""
    plain = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    data = {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "mainEntity": [
            {
                "@type": "Question",
                "name": title,
                "acceptedAnswer": {"@type": "Answer", "text": f"{short} {plain}"},
            }
        ],
    }
    safe = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704  # JSON without a character that HTML reads
