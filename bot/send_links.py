"""Pay links by e-mail: to every customer with an open invoice (`remit send-links`), and a fresh one when one expired.

Decides who gets a letter and whether it was already sent today; `bot.letters` words it, `services.mail` sends it.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from bot.letters import Letters
from bot.pages.reading import can_be_paid
from services import allowance, mail_refusals
from services.errors import RemitError, Unavailable, Uncertain
from services.link_steps import Step
from services.mail import Mail, Refused, usable
from services.model import Bearer, Invoice

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

MISSES = 3  # letters in a row that the mail server did not take; then it is left alone


class Fate(StrEnum):
    """What became of one invoice's letter."""

    SENT = "sent"
    WOULD_SEND = "would_send"
    SENT_TODAY = "sent_today"
    NO_ADDRESS = "no_address"
    NOT_PAYABLE = "not_payable"
    NO_SUCH_INVOICE = "no_such_invoice"
    REFUSED = "refused"  # this address takes no mail, or a mail server wants no such letter: it is not tried again
    NOT_SENT = "not_sent"  # the mail server did not take it: run it again
    UNCLEAR = "unclear"  # the line dropped at the last moment: it may have been sent


class Sending(msgspec.Struct, frozen=True):
    """One invoice and what became of its letter."""

    number: str
    fate: Fate


class Outcome(msgspec.Struct, frozen=True):
    """What `send_links` did, in the order of the invoices."""

    letters: tuple[Sending, ...]

    @property
    def failed(self) -> bool:
        """Whether something is left to do or to look at."""
        left = {Fate.NOT_SENT, Fate.REFUSED, Fate.UNCLEAR, Fate.NO_SUCH_INVOICE}
        return any(each.fate in left for each in self.letters)


def link_letter(invoice: str) -> str:
    """What is counted by the day of an invoice's letter with its link; see `services.allowance`."""
    return f"letter:{invoice}"


class LinkSender:
    """Writes to the address on file and to no other."""

    def __init__(self, remit: "Remit", mail: Mail) -> None:
        """Raises `Misconfigured` when the first language of ``[chat] locales`` has no letters."""
        self._remit = remit
        self._mail = mail
        self._letters = Letters(remit.settings)
        self._rules = remit.settings.house().rules
        self._access = remit.access

    async def send_links(self, numbers: Sequence[str] = (), *, dry_run: bool = False, again: bool = False) -> Outcome:
        """A fresh pay link for each open invoice, or for those with these numbers; one letter per invoice and day.

        ``again`` sends another one on the same day; ``dry_run`` sends and writes nothing. Raises `Unavailable` or
        `Uncertain` when the books cannot be read: what was sent before stays sent, and is not sent again.
        """
        done: list[Sending] = []
        misses = 0
        for number, invoice in await self._wanted(numbers):
            if invoice is None:
                fate = Fate.NO_SUCH_INVOICE
            elif misses >= MISSES:
                fate = Fate.NOT_SENT
            else:
                fate = await self._once_a_day(invoice, dry_run=dry_run, again=again)
                misses = misses + 1 if fate in {Fate.NOT_SENT, Fate.UNCLEAR} else 0
            done.append(Sending(number, fate))
        return Outcome(tuple(done))

    async def send_one(self, invoice: str) -> Fate:
        """A fresh pay link for the open invoice with this id, once a day. Raises what `send_links` raises."""
        found = await self._remit.invoices.get(invoice)
        return Fate.NO_SUCH_INVOICE if found is None else await self._once_a_day(found, dry_run=False, again=False)

    async def send_fresh(self, invoice: str) -> Fate:
        """Another link for the invoice with this id, whatever its state, to the address on file."""
        found = await self._access.invoice(Bearer(invoice, "link"), invoice)
        return Fate.NO_SUCH_INVOICE if found is None else await self._write(found, fresh=True)

    async def _wanted(self, numbers: Sequence[str]) -> list[tuple[str, Invoice | None]]:
        if not numbers:
            return [(invoice.number, invoice) for invoice in await self._remit.invoices.list_open()]
        wanted: list[tuple[str, Invoice | None]] = []
        for number in dict.fromkeys(numbers):
            found = await self._remit.invoices.find(number)
            wanted += [(invoice.number, invoice) for invoice in found] or [(number, None)]
        return wanted

    async def _once_a_day(self, listed: Invoice, *, dry_run: bool, again: bool) -> Fate:
        invoice = await self._access.invoice(Bearer(listed.id, "link"), listed.id)
        if invoice is None or not can_be_paid(invoice, self._rules):
            return Fate.NOT_PAYABLE
        subject = link_letter(invoice.id)
        if dry_run:
            look = partial(allowance.is_free, subject=subject, day=self._remit.today(), most=1)
            return await self._would(invoice) if again or await self._remit.transact(look) else Fate.SENT_TODAY
        take = partial(allowance.take, subject=subject, day=self._remit.today(), most=1, at=self._remit.clock())
        place = await self._remit.transact(take)
        if place is None and not again:
            return Fate.SENT_TODAY
        try:
            fate = await self._write(invoice, fresh=False)
        except RemitError:  # the books failed us half-way: nothing was sent
            await self._give_back(place)
            raise
        if fate in {Fate.NOT_SENT, Fate.NO_ADDRESS, Fate.REFUSED}:
            await self._give_back(place)
        return fate

    async def _give_back(self, place: str | None) -> None:
        if place is not None:
            await self._remit.transact(partial(allowance.give_back, place=place))

    async def _would(self, invoice: Invoice) -> Fate:
        billing = await self._remit.invoices.billing(invoice.customer)
        if billing is None or not usable(billing.email):
            return Fate.NO_ADDRESS
        address = mail_refusals.hash_of(billing.email, self._remit.secret)
        known = await self._remit.transact(lambda conn: mail_refusals.of(conn, address))
        return Fate.WOULD_SEND if known is None else Fate.REFUSED

    async def _write(self, invoice: Invoice, *, fresh: bool) -> Fate:
        billing = await self._remit.invoices.billing(invoice.customer)
        if billing is None or not usable(billing.email):
            return Fate.NO_ADDRESS
        days = self._remit.settings.links.days
        token = await self._remit.identity.issue(invoice.id, days)
        letter = self._letters.pay_link(
            invoice,
            to=billing.email,
            name=billing.name,
            url=f"{self._remit.settings.base_url}/i/{token}",
            telegram=self._remit.settings.telegram_link(token),
            until=self._remit.clock() + timedelta(days=days),
            today=self._remit.today(),
            fresh=fresh,
            language=await self._language(invoice.customer),
        )
        try:
            await self._mail.send(letter)
        except Refused as error:
            log.warning("a letter was refused: %s", error)
            await self._remit.identity.revoke(token)
            return Fate.REFUSED
        except Unavailable as error:
            log.warning("a letter was not sent: %s", error)
            await self._remit.identity.revoke(token)  # nobody has it
            return Fate.NOT_SENT
        except Uncertain as error:
            log.warning("a letter may have been sent: %s", error)
            return Fate.UNCLEAR
        await self._note_sent(token)
        return Fate.SENT

    async def _note_sent(self, token: str) -> None:
        """For the figures; that the letter is out stays true where it cannot be written down."""
        try:
            await self._remit.identity.came_so_far(token, Step.SENT)
        except RemitError as error:
            log.warning("figures will miss a letter: %s", error)

    async def _language(self, customer: str) -> str:
        """On file, or "". A letter in the usual language is better than none."""
        try:
            details = await self._remit.invoices.details(customer)
        except RemitError as error:
            log.warning("a language on file could not be read: %s", error)
            return ""
        return details.language if details is not None else ""


async def send_links(
    remit: "Remit", mail: Mail, numbers: Sequence[str] = (), *, dry_run: bool = False, again: bool = False
) -> Outcome:
    """See `LinkSender.send_links`."""
    return await LinkSender(remit, mail).send_links(numbers, dry_run=dry_run, again=again)
