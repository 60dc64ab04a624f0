"""The e-mails Remit writes: an invoice with its pay link, a code, an invitation. The words are in ``config/letters``.

Composes only; `services.mail` sends. A letter names no card, no account and no zip.
"""

from datetime import date, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.pages.qr import rows
from bot.pages.reading import can_be_paid, state_of
from bot.settings import CONFIG, Settings
from bot.wording import Wording
from dialogs.model import Say, Value
from services.codes import LASTS
from services.mail import Letter, one_line
from services.model import Invoice
from services.sign_in import Code

_HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
).get_template("letter.html")


class Letters:
    """Writes for one business, in the customer's language on file if there are letters in it, else in the first one."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Misconfigured` when the first language of ``[chat] locales`` has no letters."""
        first, *others = settings.chat.locales
        files = {name: CONFIG / "letters" / f"{name}.toml" for name in others}
        self._words = Wording.load(CONFIG / "letters" / f"{first}.toml", settings.zone)
        self._others = {name: Wording.load(file, settings.zone) for name, file in files.items() if file.is_file()}
        self._business, self._rules = settings.business, settings.house().rules

    def pay_link(
        self,
        invoice: Invoice,
        *,
        to: str,
        name: str,
        url: str,
        telegram: str = "",
        until: datetime,
        today: date,
        fresh: bool,
        language: str = "",
    ) -> Letter:
        """The invoice (``processing`` filled in) with its pay link. ``fresh``: somebody asked for another link.

        ``telegram``: the address that opens the invoice there; "": it cannot be paid there.
        """
        state = state_of(invoice, self._rules, today)
        payable = can_be_paid(invoice, self._rules)
        sheet = _Sheet(self._in(language), self._common(name) | _of(invoice) | {"until": until})
        overdue = state == "overdue" and payable and not fresh
        intro: tuple[str, ...] = ("fresh",) if fresh else ()
        if payable:
            intro += (_due_key(invoice, state), "see")
        closing = ("until", *(("paid_already",) if overdue else ()), "ask")
        subject = "subject_overdue" if overdue else "subject"
        return sheet.letter(
            to,
            subject,
            intro,
            closing,
            url=url,
            button="button" if payable else "look",
            telegram=telegram if payable else "",
        )

    def code(self, code: Code) -> Letter:
        """A code, on a line of its own; what it is for, how long it works, and that nobody else may have it."""
        minutes = LASTS // timedelta(minutes=1)
        sheet = _Sheet(self._in(code.language), self._common(code.name) | {"minutes": minutes})
        not_you = "code_not_you_change" if code.purpose == "old_address" else "code_not_you"
        closing = ("code_once", "code_secret", not_you)
        return sheet.letter(code.to, "code_subject", (f"code_{code.purpose}",), closing, code=code.digits)

    def address_changed(self, *, to: str, name: str, at: datetime, language: str = "") -> Letter:
        """To the address that was on file until ``at``. It does not name the new one: who reads this may be anybody."""
        sheet = _Sheet(self._in(language), self._common(name) | {"date": at})
        return sheet.letter(to, "changed_subject", ("changed",), ("changed_not_you",))

    def invitation(self, *, to: str, name: str, url: str, language: str = "") -> Letter:
        """To a customer who never signed in, with the address of the page to do it on."""
        sheet = _Sheet(self._in(language), self._common(name))
        intro, closing = ("invitation", "invitation_how"), ("invitation_why", "ask")
        return sheet.letter(to, "invitation_subject", intro, closing, url=url, button="invitation_button")

    def desk_reply(self, *, to: str, name: str, url: str, language: str = "") -> Letter:
        """That a person answered in the chat at this address; not what they said: who reads this may be anybody."""
        sheet = _Sheet(self._in(language), self._common(name))
        closing = ("desk_reply_where", "ask")
        return sheet.letter(to, "desk_reply_subject", ("desk_reply",), closing, url=url, button="desk_reply_button")

    def _in(self, language: str) -> Wording:
        return self._others.get(language, self._words)

    def _common(self, name: str) -> dict[str, Value]:
        return {
            "business": one_line(self._business.name, 80),
            "phone": one_line(self._business.phone, 40),
            "name": one_line(name, 80),
        }


class _Sheet:
    """The sentences of one letter, as text and as HTML."""

    def __init__(self, words: Wording, values: dict[str, Value]) -> None:
        self._words, self._values = words, values

    def letter(
        self,
        to: str,
        subject: str,
        intro: tuple[str, ...],
        closing: tuple[str, ...],
        *,
        code: str = "",
        url: str = "",
        button: str = "",
        telegram: str = "",
    ) -> Letter:
        """Sentences by their keys. ``code`` or ``url`` stands on a line of its own between ``intro`` and ``closing``."""
        greeting = self._say("greeting" if self._values["name"] else "greeting_unnamed")
        parts = {"intro": tuple(map(self._say, intro)), "closing": tuple(map(self._say, closing))}
        html = _HTML.render(
            **parts,
            locale=self._words.locale,
            subject=self._say(subject),
            business=self._values["business"],
            greeting=greeting,
            code=code,
            url=url,
            button=self._say(button) if button else "",
            telegram=telegram,
            telegram_words=self._say("telegram"),
            telegram_scan=self._say("telegram_scan"),
            telegram_rows=rows(telegram) if telegram else [],
        )
        middle = [each for each in (code, url) if each]
        middle += [f"{self._say('telegram_text')}\n{telegram}"] if telegram else []
        text = "\n\n".join([greeting, *parts["intro"], *middle, *parts["closing"]]) + "\n"
        return Letter(to, self._say(subject), text, html)

    def _say(self, key: str) -> str:
        return self._words.say(Say(key, self._values))


def _of(invoice: Invoice) -> dict[str, Value]:
    return {"number": one_line(invoice.number, 60), "payable": invoice.payable, "date": invoice.due_date}


def _due_key(invoice: Invoice, state: str) -> str:
    if invoice.due_date is None:
        return "undated"
    return {"overdue": "overdue", "today": "due_today"}.get(state, "due")
