"""The e-mails Remit writes: an invoice, its pay link, and how long the link works. The words are in ``config/letters``.

Composes only; `services.mail` sends. A letter names no card, no account and no zip.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.pages.reading import can_be_paid, state_of
from bot.settings import CONFIG, Settings
from bot.wording import Wording
from dialogs.model import Say, Value
from services.mail import Letter, Mail, Smtp, one_line
from services.model import Invoice

_HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
).get_template("letter.html")


def open_mail(settings: Settings, clock: Callable[[], datetime], random: Callable[[int], bytes]) -> Mail | None:
    """The mail server of ``[mail]``, or None when none is set. Raises `Misconfigured`."""
    mail = settings.mail
    if not mail.host:
        return None
    return Smtp(
        host=mail.host,
        port=mail.port,
        sender=mail.sender,
        name=settings.business.name,
        username=mail.username,
        password=mail.password.get_secret_value(),
        starttls=mail.starttls,
        clock=clock,
        random=random,
    )


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
        intro = (say("fresh"),) if fresh else ()
        parts = {
            "greeting": say("greeting" if values["name"] else "greeting_unnamed"),
            "intro": (*intro, say(_due_key(invoice, state)), say("see")) if payable else intro,
            "button": say("button" if payable else "look"),
            "url": url,
            "closing": (say("until", date=until), *((say("paid_already"),) if overdue else ()), say("ask")),
        }
        subject = say("subject_overdue" if overdue else "subject")
        html = _HTML.render(parts, locale=self._words.locale, subject=subject, business=values["business"])
        return Letter(to, subject, _plain(parts["greeting"], parts["intro"], url, parts["closing"]), html)


def _due_key(invoice: Invoice, state: str) -> str:
    if invoice.due_date is None:
        return "undated"
    return {"overdue": "overdue", "today": "due_today"}.get(state, "due")


def _plain(greeting: object, intro: object, url: str, closing: object) -> str:
    assert isinstance(intro, tuple)
    assert isinstance(closing, tuple)
    return "\n\n".join([str(greeting), *intro, url, *closing]) + "\n"
