"""How the sandbox's pages are made and guarded: templates, headers, sums for reading. No rules, no books."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from services.model import exponent

PAGES = Path(__file__).parent / "pages"

# Nothing is loaded but our own sheet, and the one script of the card form; nobody frames us, forms go nowhere else.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Look:
    """Renders the templates in ``pages/`` for the app mounted at ``root``; every value is escaped."""

    def __init__(self, root: str) -> None:
        self._templates = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)
        self._templates.globals["root"] = root

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page under the strict policy; never cached, since it may show a name."""
        text = self._templates.get_template(template).render(values)
        return HTMLResponse(text, status, headers=HEADERS)


def readable(minor: int, currency: str) -> str:
    """A sum for people: ``12000`` of ``USD`` is ``$120.00``."""
    amount = Decimal(minor).scaleb(-exponent(currency))
    shown = str(format_currency(amount, currency, locale="en_US"))
    return re.sub(r"(?<=[A-Z])(?=\d)", "\N{NO-BREAK SPACE}", shown)  # CLDR's currency spacing, which Babel leaves out
