"""The e-mails Remit writes: an invoice, its pay link, and how long the link works. The words are in ``config/letters``.

Composes only; `services.mail` sends. A letter names no card, no account and no zip.
"""

from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.pages.reading import can_be_paid, state_of
from bot.settings import CONFIG, Settings
from bot.wording import Wording
from dialogs.model import Say, Value
from services.mail import Letter, one_line
from services.model import Invoice

_HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
).get_template("letter.html")


class Letters:
    """Writes in one language for one business."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Misconfigured` when the language has no letters."""
        self._words = Wording.load(CONFIG / "letters" / f"{settings.chat.locales[0]}.toml", settings.zone)
        self._business, self._rules = settings.business, settings.house().rules

    def pay_link(
        self, invoice: Invoice, *, to: str, name: str, url: str, until: datetime, today: date, fresh: bool
    ) -> Letter:
        """The invoice (``processing`` filled in) with its pay link. ``fresh``: somebody asked for another link."""
        state = state_of(invoice, self._rules, today)
        payable = can_be_paid(invoice, self._rules)
        values: dict[str, Value] = {
            "number": one_line(invoice.number, 60),
            "business": one_line(self._business.name, 80),
            "phone": one_line(self._business.phone, 40),
            "name": one_line(name, 80),
            "payable": invoice.payable,
            "date": invoice.due_date,
        }

        def say(key: str, **more: Value) -> str:
            return self._words.say(Say(key, values | more))

        overdue = state == "overdue" and payable and not fresh
        intro: tuple[str, ...] = (say("fresh"),) if fresh else ()
        if payable:
            intro += (say(_due_key(invoice, state)), say("see"))
        greeting = say("greeting" if values["name"] else "greeting_unnamed")
        closing = (say("until", date=until), *((say("paid_already"),) if overdue else ()), say("ask"))
        subject = say("subject_overdue" if overdue else "subject")
        html = _HTML.render(
            locale=self._words.locale,
            subject=subject,
            business=values["business"],
            greeting=greeting,
            intro=intro,
            url=url,
            button=say("button" if payable else "look"),
            closing=closing,
        )
        return Letter(to, subject, "\n\n".join([greeting, *intro, url, *closing]) + "\n", html)


def _due_key(invoice: Invoice, state: str) -> str:
    if invoice.due_date is None:
        return "undated"
    return {"overdue": "overdue", "today": "due_today"}.get(state, "due")
