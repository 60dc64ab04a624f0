"""The letters of autopay: a copy of what was agreed to, what is told before a charge and after, and that it stopped.

What happened is said in the very sentence that the chat says it in; here it gets an address, and a pay link where one helps.
Nothing is decided here: that a letter is wanted is `services.payments.autopay.letters`.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.letterbox import Composer
from bot.letters import Letters, Told
from dialogs.flows.autopay import noticed
from dialogs.flows.status import news
from dialogs.model import Say
from services.database import Transact
from services.invoices.base import Books
from services.letterbox import Wanted
from services.mail import Letter
from services.model import Details, Payment
from services.payments import ledger
from services.payments.autopay import enrolments, letters, notices, planning

_TO_BE_PAID: Final = frozenset({"again", "stopped", "gave_up", "above_limit", "needs_you"})


class AutopayLetters:
    """One per process. Composers raise what the books and the database raise: then they are asked again later."""

    def __init__(
        self,
        *,
        transact: Transact,
        books: Books,
        letters: Letters,
        words: Callable[[Say, str], str],
        issue: Callable[[str, int], Awaitable[str]],
        clock: Callable[[], datetime],
        base_url: str,
        link_days: int,
    ) -> None:
        """``words`` says a sentence of the chat in a language; ``issue`` makes a pay link of an invoice, for so many days."""
        self._transact = transact
        self._books = books
        self._letters = letters
        self._words = words
        self._issue = issue
        self._clock = clock
        self._base_url = base_url
        self._link_days = link_days

    def composers(self) -> Mapping[str, Composer]:
        """By the kinds of letters."""
        return {letters.AGREED: self._agreed, letters.NOTICED: self._noticed, letters.CHARGED: self._charged}

    async def _agreed(self, wanted: Wanted) -> Letter | None:
        """The words as they were shown, whatever the words are by now."""
        kept = await self._transact(partial(enrolments.agreed_in, key=wanted.about["event"]))
        details = await self._books.details(wanted.customer)
        if kept is None or details is None:
            return None
        shown = kept.agreement.shown
        words = shown.words.partition("\n[")[0]
        return self._letter("agreed", details, words, language=shown.language, at=kept.at)

    async def _noticed(self, wanted: Wanted) -> Letter | None:
        """None where a charge that was planned is off by now."""
        found = await self._transact(partial(notices.find, key=wanted.about["notice"]))
        details = await self._books.details(wanted.customer)
        if found is None or details is None:
            return None
        told = found.notice
        covered = await self._transact(partial(planning.covered, invoices=[told.invoice]))
        if told.kind == "planned" and not covered:
            return None
        link = await self._link(told.invoice) if told.kind in _TO_BE_PAID and told.invoice else ""
        words = self._words(noticed(told).say, details.language)
        return self._letter(told.kind, details, words, url=link)

    async def _charged(self, wanted: Wanted) -> Letter | None:
        """How the payment stands when the letter is written. None where the receipt says it: one letter per cause."""
        paid: Payment | None = await self._transact(partial(ledger.payment, reference=wanted.about["payment"]))
        details = await self._books.details(wanted.customer)
        if paid is None or details is None or details.notices.receipts:
            return None
        return self._letter("charged", details, self._words(news(paid).say, details.language))

    async def _link(self, invoice: str) -> str:
        return f"{self._base_url}/i/{await self._issue(invoice, self._link_days)}"

    def _letter(  # what a letter is made of
        self, kind: str, to: Details, words: str, *, url: str = "", language: str = "", at: datetime | None = None
    ) -> Letter:
        until = self._clock() + timedelta(days=self._link_days)
        told = Told(to.email, to.name, language or to.language, words, url, at or self._clock(), until)
        return self._letters.autopay(kind, told)
