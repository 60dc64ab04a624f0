"""Writes the letters about receipts when they are sent: as the payment stands then, to the address on file then.

What is no longer true is not sent, and nothing goes to a customer who turned receipts off, unless somebody asked for it just
now. Who wants which letter is `services.payments.receipt_letters`' to say, what it says is in ``config/letters``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection

from bot.letterbox import Composer
from bot.letters import Letters, ToldReceipt
from bot.pages.languages import page_words
from bot.pages.qr import rows
from bot.pages.receipt_paper import Printed, receipt_pdf
from bot.settings import Settings
from services.database import Transact
from services.errors import Unavailable
from services.invoices.base import Customers
from services.letterbox import Wanted
from services.mail import Letter
from services.model import Details
from services.payments import receipt_letters, receipt_links, receipts
from services.payments.receipts import VOID, Receipt, Standing

# Writes what one kind of letter says of a receipt; None: it is not true any more.
_Says = Callable[[Receipt, Wanted, ToldReceipt], ToldReceipt | None]


class ReceiptLetters:
    """Composers of every kind of letter about receipts. They raise what books and ledger raise when they are away."""

    def __init__(
        self,
        *,
        settings: Settings,
        letters: Letters,
        transact: Transact,
        customers: Customers,
        language_of: Callable[[str], Awaitable[str]],
        secret: bytes,
        clock: Callable[[], datetime],
        paper: Callable[[Printed], bytes] = receipt_pdf,
    ) -> None:
        """``language_of`` tells that of a chat, where none is on file for the customer; ``paper`` prints a receipt."""
        self._settings = settings
        self._letters = letters
        self._transact = transact
        self._customers = customers
        self._language_of = language_of
        self._secret = secret
        self._clock = clock
        self._paper = paper
        self._words = page_words(settings)

    def composers(self) -> Mapping[str, Composer]:
        """One for each kind."""
        return {
            receipt_letters.RECEIPT: self._writes(_receipt),
            receipt_letters.ON_ITS_WAY: self._writes(_on_its_way),
            receipt_letters.REFUNDED: self._writes(_refunded),
            receipt_letters.VOIDED: self._writes(_void),
        }

    def _writes(self, says: _Says) -> Composer:
        async def compose(wanted: Wanted) -> Letter | None:
            asked = "asked" in wanted.about
            token, receipt = await self._transact(lambda conn: self._read(conn, wanted.about["payment"]))
            if receipt is None or receipt.customer != wanted.customer:
                return None
            if receipt.standing is Standing.CHECKING:
                raise Unavailable(
                    "it is not known yet how the payment stands"
                )  # a letter now might have to be taken back
            details = await self._customers.details(receipt.customer)
            if details is None or not details.email or not (details.notices.receipts or asked):
                return None
            told = says(receipt, wanted, await self._begun(receipt, details, token, asked=asked))
            return None if told is None else self._letters.about_receipt(await self._with_paper(told))

        return compose

    def _read(self, conn: Connection, reference: str) -> tuple[str, Receipt | None]:
        found = receipts.read(conn, reference)
        return ("" if found is None else receipt_links.share(conn, reference, self._secret, self._clock())), found

    async def _begun(self, receipt: Receipt, details: Details, token: str, *, asked: bool) -> ToldReceipt:
        language = details.language or await self._language_of(receipt.chat)
        return ToldReceipt(
            receipt=receipt,
            to=details.email,
            name=details.name,
            language=self._letters.language_for(language),
            url=f"{self._settings.base_url}/r/{token}",
            subject="receipt_subject",
            says=f"receipt_{receipt.standing}",
            asked=asked,
        )

    async def _with_paper(self, told: ToldReceipt) -> ToldReceipt:
        """With the PDF, where there is a receipt; and with the link in the letter's language."""
        linked = replace(told, url=f"{told.url}?lang={told.language}")
        if told.receipt.standing in VOID | {Standing.ON_ITS_WAY}:
            return linked
        words = self._words[told.language]
        business = self._settings.business
        code = rows(told.url)
        printed = Printed.of(told.receipt, words, self._clock(), business.name, business.phone, told.url, code)
        # in a thread: it takes as long as many turns of chats
        return replace(linked, paper=await asyncio.to_thread(self._paper, printed))


def _receipt(receipt: Receipt, wanted: Wanted, told: ToldReceipt) -> ToldReceipt | None:
    if receipt.standing not in VOID | {Standing.ON_ITS_WAY}:
        return told
    if "asked" not in wanted.about:
        return None  # it is void by now, which has a letter of its own
    return _void(receipt, wanted, told) or _on_its_way(receipt, wanted, told)


def _on_its_way(receipt: Receipt, _wanted: Wanted, told: ToldReceipt) -> ToldReceipt | None:
    if receipt.standing is not Standing.ON_ITS_WAY:
        return None
    return replace(told, subject="on_its_way_subject", says="on_its_way", button="on_its_way_button")


def _refunded(receipt: Receipt, wanted: Wanted, told: ToldReceipt) -> ToldReceipt | None:
    back = receipt.refund(wanted.about["refund"])
    if back is None or receipt.void:
        return None
    return replace(told, subject="refunded_subject", says="refunded", attached="refunded_attached", refund=back)


def _void(receipt: Receipt, _wanted: Wanted, told: ToldReceipt) -> ToldReceipt | None:
    if not receipt.void:
        return None
    return replace(told, subject=f"{receipt.standing}_subject", says=str(receipt.standing))
