"""Reminders of open invoices: who gets one, when, and why not (`remit remind`, and the worker every hour).

Decides; `services.reminders` has the rules, `bot.letters` the words, the letter box sends. What is true of an invoice is
asked twice: when its reminder is put on the list, and when it goes out.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import groupby

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from bot.letterbox import NotYet
from bot.letters import Letters
from bot.send_links import link_letter
from bot.settings import Settings
from bot.unsubscribe import stop_url
from services import allowance, mail_refusals, reminders
from services.database import Transact
from services.errors import RemitError
from services.identity import Identity
from services.invoices.base import Books
from services.letterbox import Wanted
from services.mail import Letter, usable
from services.model import Details, Invoice, InvoiceState, standing
from services.payments import ledger
from services.reminders import Plan, Reminder, Stage

log = logging.getLogger(__name__)

MOST_LISTED = 20  # invoices in one letter; the chat shows them all


class Fate(StrEnum):
    """What becomes of the reminder of one invoice whose stage has come."""

    WANTED = "wanted"  # it is on the list of letters
    WOULD_SEND = "would_send"
    REMINDED = "reminded"  # of this stage and due date, before
    SENT_TODAY = "sent_today"  # the customer had a letter today; tomorrow, if it is still open
    PROCESSING = "processing"
    DISPUTED = "disputed"
    NOT_PAYABLE = "not_payable"
    TOO_SMALL = "too_small"
    AUTOPAY = "autopay"
    STOPPED = "stopped"  # the customer wants none
    NO_ADDRESS = "no_address"
    REFUSED = "refused"  # the address takes no mail


class Judged(msgspec.Struct, frozen=True):
    """One invoice whose stage has come. ``at``: when its reminder goes out, in the business's time zone."""

    customer: str
    invoice: str
    number: str
    stage: str
    fate: Fate
    at: datetime | None = None


# Which of these invoices are charged by themselves when they are due, so that nobody has to be reminded.
Covered = Callable[[Connection, Sequence[str]], Collection[str]]


class Reminders:
    """One per process; several at once remind once."""

    def __init__(
        self,
        *,
        settings: Settings,
        letters: Letters,
        transact: Transact,
        books: Books,
        identity: Identity,
        clock: Callable[[], datetime],
        secret: bytes,
        covered: Covered,
    ) -> None:
        self._settings = settings
        self._plan: Plan = settings.reminders.plan
        self._least = settings.reminders.least_minor
        self._rules = settings.house().rules
        self._transact = transact
        self._books = books
        self._identity = identity
        self._clock = clock
        self._secret = secret
        self._covered = covered
        self._letters = letters

    # --- putting them on the list -----------------------------------------------------------------------------------

    async def run(self, *, dry_run: bool = False) -> list[Judged]:
        """Have every reminder sent whose stage has come; what became of each, by customer.

        Raises `Unavailable` or `Uncertain` when the books cannot be read: what was put on the list before stays there.
        """
        now = self._now()
        listed = [each for each in await self._books.list_open() if self._stage(each, now) is not None]
        held = await self._transact(partial(ledger.as_held, invoices=listed))
        held.sort(key=lambda each: (each.customer, each.due_date, each.number))
        done: list[Judged] = []
        for customer, theirs in groupby(held, key=lambda each: each.customer):
            done += await self._customer(customer, list(theirs), now, dry_run=dry_run)
        return done

    async def work(self) -> bool:
        """The worker's hourly round; whether it made work."""
        if not self._settings.reminders.on:
            return False
        try:
            done = await self.run()
        except RemitError as error:
            log.warning("reminders have to wait: %s", type(error).__name__)
            return False
        wanted = sum(each.fate is Fate.WANTED for each in done)
        if wanted:
            log.info("%d invoices are reminded of", wanted)
        return bool(wanted)

    async def _customer(self, customer: str, invoices: list[Invoice], now: datetime, *, dry_run: bool) -> list[Judged]:
        ids = [each.id for each in invoices]

        def look(conn: Connection) -> tuple[set[Reminder], Collection[str], set[str]]:
            free = partial(allowance.is_free, conn, day=now.date(), most=1)
            linked = {each for each in ids if not free(link_letter(each))}
            return reminders.made(conn, ids), self._covered(conn, ids), linked

        before, covered, linked = await self._transact(look)
        judged = [self._judge(each, before, covered, now) for each in invoices]
        # who was sent the same invoice with its link today is not reminded of it in the same breath
        judged = [
            replace(each, fate=Fate.SENT_TODAY, at=None)
            if each.fate is Fate.WOULD_SEND and each.invoice in linked
            else each
            for each in judged
        ]
        left = [each for each in judged if each.fate is Fate.WOULD_SEND]
        if not left:
            return judged
        why_not = await self._why_not(customer)
        if why_not is not None:
            return [replace(each, fate=why_not, at=None) if each in left else each for each in judged]
        due = max(each.at for each in left if each.at is not None)
        if not dry_run:
            return await self._want(customer, invoices, judged, due, now)
        return [replace(each, at=due) if each in left else each for each in judged]

    async def _want(
        self, customer: str, invoices: list[Invoice], judged: list[Judged], due: datetime, now: datetime
    ) -> list[Judged]:
        """All of a customer's in one letter, in one transaction."""
        named = {each.invoice: each.stage for each in judged if each.fate is Fate.WOULD_SEND}
        made = [
            Reminder(each.id, named[each.id], each.due_date) for each in invoices if each.id in named and each.due_date
        ]
        day = due.date()
        wanted = await self._transact(lambda conn: reminders.want(conn, customer, made, day, due, now))
        fate, at = (Fate.WANTED, due) if wanted else (Fate.SENT_TODAY, None)
        return [replace(each, fate=fate, at=at) if each.invoice in named else each for each in judged]

    def _judge(self, invoice: Invoice, before: set[Reminder], covered: Collection[str], now: datetime) -> Judged:
        stage = self._stage(invoice, now)
        assert stage is not None, "only invoices whose stage has come are judged"
        assert invoice.due_date is not None
        fate = self._against(invoice) or (Fate.AUTOPAY if invoice.id in covered else Fate.WOULD_SEND)
        if reminders.of(invoice, stage) in before:
            fate = Fate.REMINDED
        at = self._plan.moment(invoice.due_date, stage, now) if fate is Fate.WOULD_SEND else None
        return Judged(invoice.customer, invoice.id, invoice.number, stage.name, fate, at)

    # --- what is true of an invoice, and of its customer ----------------------------------------------------------------

    def _stage(self, invoice: Invoice, now: datetime) -> Stage | None:
        due = invoice.due_date
        return None if due is None else self._plan.stage(due, now.date())

    def _against(self, invoice: Invoice) -> Fate | None:
        """Why nobody is reminded of this invoice; None: nothing is against it."""
        if invoice.disputed:
            return Fate.DISPUTED
        if invoice.processing:
            return Fate.PROCESSING
        if invoice.state is not InvoiceState.OPEN or standing(invoice, self._rules) is not None:
            return Fate.NOT_PAYABLE
        return Fate.TOO_SMALL if invoice.payable.minor < self._least else None

    async def _why_not(self, customer: str) -> Fate | None:
        details = await self._books.details(customer)
        if details is None or not usable(details.email):
            return Fate.NO_ADDRESS
        if not details.notices.reminders:
            return Fate.STOPPED
        address = mail_refusals.hash_of(details.email, self._secret)
        known = await self._transact(lambda conn: mail_refusals.of(conn, address))
        return None if known is None else Fate.REFUSED

    # --- writing one -------------------------------------------------------------------------------------------------

    async def compose(self, wanted: Wanted) -> Letter | NotYet | None:
        """A customer's reminder as things stand now; None when nothing of it is true any more. See `bot.letterbox`."""
        now = self._now()
        if not self._plan.is_allowed(now):
            return NotYet(self._plan.next_allowed(now))  # a mail server was away until the quiet began
        details = await self._books.details(wanted.customer)
        if details is None or not details.notices.reminders:
            return None
        invoices = await self._still_open(wanted)
        return await self._letter(wanted.customer, details, invoices[:MOST_LISTED], now) if invoices else None

    async def _still_open(self, wanted: Wanted) -> list[Invoice]:
        found = [await self._books.get(each) for each in reminders.invoices_of(wanted)]
        theirs = [each for each in found if each is not None and each.customer == wanted.customer]
        ids = [each.id for each in theirs]
        covered = await self._transact(lambda conn: self._covered(conn, ids))
        held = await self._transact(partial(ledger.as_held, invoices=theirs))
        return [each for each in held if self._against(each) is None and each.id not in covered]

    async def _letter(self, customer: str, details: Details, invoices: list[Invoice], now: datetime) -> Letter:
        days, base = self._settings.links.days, self._settings.base_url
        links = [f"{base}/i/{await self._identity.issue(each.id, days)}" for each in invoices]
        return self._letters.reminder(
            list(zip(invoices, links, strict=True)),
            to=details.email,
            name=details.name,
            until=now + timedelta(days=days),
            today=now.date(),
            stop=stop_url(base, customer, self._secret),
            language=details.language,
        )

    def _now(self) -> datetime:
        return self._clock().astimezone(self._settings.zone)
