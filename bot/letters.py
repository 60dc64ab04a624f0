"""The e-mails Remit writes: an invoice with its pay link, a reminder, a code, an invitation, a receipt. ``config/letters`` has the words.

Composes only; `services.mail` sends. A letter names no zip, and of a card or account the last four at most, on a receipt.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.pages.qr import rows
from bot.pages.reading import can_be_paid, state_of
from bot.settings import CONFIG, Settings
from bot.wording import Wording
from dialogs.model import Say, Value
from services.codes import LASTS
from services.mail import Attachment, Letter, one_line
from services.model import Invoice, Method, Money
from services.payments.receipts import Back, Receipt
from services.sign_in import Code

_HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined
).get_template("letter.html")


class Told(msgspec.Struct, frozen=True):
    """What a letter tells that the chat tells too: to whom, in ``words`` that are ready, with a pay link if there is one."""

    to: str
    name: str
    language: str
    words: str
    url: str
    at: datetime
    until: datetime  # when the link ends


class ToldReceipt(msgspec.Struct, frozen=True):
    """A letter about a receipt, before it is worded: ``subject``, ``says``, ``attached`` and ``button`` are keys.

    ``paper``: the PDF, or empty for none. ``asked``: somebody asked for it just now.
    """

    receipt: Receipt
    to: str
    name: str
    language: str
    url: str
    subject: str
    says: str
    button: str = "receipt_button"
    attached: str = "receipt_attached"
    paper: bytes = b""
    refund: Back | None = None
    asked: bool = False


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

    def reminder(
        self,
        invoices: Sequence[tuple[Invoice, str]],
        *,
        to: str,
        name: str,
        until: datetime,
        today: date,
        stop: str,
        language: str = "",
    ) -> Letter:
        """Open invoices (``processing`` filled in), each with the address of its bill, in one letter.

        ``stop``: the address that stops such letters.
        """
        words, rules = self._in(language), self._rules
        first, url = invoices[0]
        values = self._common(name) | _of(first) | {"until": until, "count": len(invoices)}
        sheet = _Sheet(words, values)
        keys = [_due_key(each, state_of(each, rules, today)) for each, _ in invoices]
        closing = ("until_each" if len(invoices) > 1 else "until", "paid_already", "ask")
        if len(invoices) == 1:
            intro = ("reminder", keys[0], "see")
            subject = {"overdue": "subject_overdue", "due_today": "reminder_today"}.get(keys[0], "reminder_subject")
            return sheet.letter(to, subject, intro, closing, url=url, button="button", stop=stop)
        items = [
            (words.say(Say(key, values | _of(each))), link) for key, (each, link) in zip(keys, invoices, strict=True)
        ]
        return sheet.letter(to, "reminder_several", ("reminder_all",), closing, button="button", items=items, stop=stop)

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

    def autopay(self, kind: str, told: Told) -> Letter:
        """A letter of autopay of this kind; `config/letters` has a subject for each, and how to stop it in all of them."""
        values = self._common(told.name) | {"told": told.words, "date": told.at, "until": told.until}
        sheet = _Sheet(self._in(told.language), values)
        intro = ("autopay_copy", "autopay_told") if kind == "agreed" else ("autopay_told",)
        closing = (*(("until",) if told.url else ()), "autopay_stop")
        button = "button" if told.url else ""
        return sheet.letter(told.to, f"autopay_{kind}_subject", intro, closing, url=told.url, button=button)

    def about_receipt(self, told: ToldReceipt) -> Letter:
        """The receipt of a payment, that it is on its way, a refund, or that it is void: with the PDF, and the link to the page."""
        words = self._in(told.language)
        sheet = _Sheet(words, self._common(told.name) | _of_receipt(told))
        intro = (told.says, *((told.attached,) if told.paper else ()))
        closing = (*(() if told.asked else ("receipt_why",)), "ask")
        made = sheet.letter(told.to, told.subject, intro, closing, url=told.url, button=told.button)
        named = f"receipt-{told.receipt.number}.pdf"
        paper = (Attachment(named, "application/pdf", told.paper),) if told.paper else ()
        return msgspec.structs.replace(made, attachments=paper)

    def language_for(self, *wished: str) -> str:
        """The first of these languages in which there are letters, or else the usual one."""
        return next((each for each in wished if each in self._others), self._words.locale)

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
        items: Sequence[tuple[str, str]] = (),
        stop: str = "",
    ) -> Letter:
        """Sentences by their keys. ``code`` or ``url`` stands on a line of its own between ``intro`` and ``closing``, and so
        do ``items``, each a sentence with an address. ``stop``: the address that stops such letters.
        """
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
            items=items,
            stop=stop,
            stop_words=self._say("stop") if stop else "",
            telegram=telegram,
            telegram_words=self._say("telegram"),
            telegram_scan=self._say("telegram_scan"),
            telegram_rows=rows(telegram) if telegram else [],
        )
        middle = [each for each in (code, url) if each]
        middle += [f"{self._say('telegram_text')}\n{telegram}"] if telegram else []
        middle += [f"{words}\n{link}" for words, link in items]
        end = [f"{self._say('stop')}\n{stop}"] if stop else []
        text = "\n\n".join([greeting, *parts["intro"], *middle, *parts["closing"], *end]) + "\n"
        return Letter(to, self._say(subject), text, html, stop=stop)

    def _say(self, key: str) -> str:
        return self._words.say(Say(key, self._values))


def _of(invoice: Invoice) -> dict[str, Value]:
    return {"number": one_line(invoice.number, 60), "payable": invoice.payable, "date": invoice.due_date}


def _of_receipt(told: ToldReceipt) -> dict[str, Value]:
    receipt = told.receipt
    numbers = ", ".join(one_line(each.number, 60) for each in receipt.parts)
    named = "" if receipt.last4 and (receipt.brand or receipt.method is Method.BANK) else "_plain"
    method = Say(f"by_{receipt.method}{named}", {"brand": receipt.brand_name, "last4": receipt.last4})
    back: dict[str, Value] = (
        {} if told.refund is None else {"refund": told.refund.amount, "refund_date": told.refund.at}
    )
    return back | {
        "number": receipt.number,
        "amount": receipt.amount,
        "refunded": Money(receipt.refunded, receipt.amount.currency),
        "method": method,
        "what": Say("receipt_what", {"count": len(receipt.parts), "numbers": numbers}),
        "date": receipt.paid_at,
        "changed": receipt.changed_at,
    }


def _due_key(invoice: Invoice, state: str) -> str:
    if invoice.due_date is None:
        return "undated"
    return {"overdue": "overdue", "today": "due_today"}.get(state, "due")
