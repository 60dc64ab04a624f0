"""Autopay at work: what customers ask of it, and the run that plans, tells and charges, in the order of its transactions.

Like `services.payments.checkout`: commit, call with no transaction open, commit. No state is kept in this object; whatever
a dead process left is found in its rows, and two that run at once meet the same keys. Nothing is decided here about money.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial

from msgspec.structs import replace

from services.database import Transact
from services.errors import RemitError
from services.invoices.access import Access
from services.invoices.base import Invoices
from services.model import (
    Autopay,
    AutopayRules,
    Customer,
    Enrolment,
    EnrolmentState,
    Invoice,
    InvoiceState,
    Line,
    Method,
    Money,
    Objection,
    Quote,
    SavedMethod,
    Standing,
    Terms,
)
from services.payments.autopay import charging, enrolments, following, notices, planning, runs
from services.payments.autopay.charging import Due
from services.payments.autopay.enrolments import Wish
from services.payments.autopay.following import Left
from services.payments.autopay.planning import Calendar
from services.payments.autopay.runs import Line as Done
from services.payments.checkout import Checkout, Refused
from services.payments.wallet import Wallet

log = logging.getLogger(__name__)

BATCH = 50  # enrolments that are read at once, and charges that are looked at
_TOMORROW = timedelta(days=1)
_LATER = {
    Objection.PAUSED,
    Objection.ALREADY_LIVE,
    Objection.INVOICE_CHANGED,
    Objection.ALL_PROCESSING,
    Objection.NOT_AUTHORIZED,
}


class StandingOrders:
    """One per process. Every method may raise what the books, the gateway and the database raise."""

    def __init__(
        self,
        *,
        transact: Transact,
        invoices: Invoices,
        checkout: Checkout,
        wallet: Wallet,
        access: Access,
        rules: AutopayRules,
        methods_for: Callable[[str], Sequence[Method]],
        clock: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        """``methods_for`` gives the methods that are taken in a currency; ``zone`` is the business's."""
        self._transact = transact
        self._invoices = invoices
        self._checkout = checkout
        self._wallet = wallet
        self._access = access
        self._rules = rules
        self._methods_for = methods_for
        self._clock = clock
        self._zone = zone
        self._calendar = Calendar(zone, timedelta(days=rules.notice_days))

    # --- for a customer ---------------------------------------------------------------------------------------------

    async def of(self, scope: Customer) -> Autopay | None:
        """What there is of a customer's autopay; None for a sign-in that counts no more."""
        if not await self._access.may(scope):
            return None
        found = await self._transact(lambda conn: enrolments.latest(conn, scope.id))
        return Autopay(found, await self._transact(lambda conn: planning.planned(conn, scope.id, self._zone)))

    async def change(self, scope: Customer, wish: Wish) -> Autopay | None:
        """Do what a customer wants, once per key; their autopay as it stands then, or None: it may not be, and is not.

        Agreed to is only what was proved here (`Customer.may_charge`), within what the business allows, and with a method
        that is theirs and good; to stop something any sign-in of theirs will do.
        """
        if wish.customer != scope.id or not await self._access.may(scope):
            return None
        if wish.what in ("agree", "resume") and not (self._rules.offered and scope.may_charge(wish.chat)):
            return None
        if wish.what == "agree" and (wish.terms is None or not await self._may_agree(scope, wish.terms)):
            return None
        await self._transact(lambda conn: enrolments.change(conn, wish, self._clock()))
        return await self.of(scope)

    async def _may_agree(self, scope: Customer, terms: Terms) -> bool:
        allowed = 0 < terms.limit.minor <= self._rules.most_minor and 0 <= terms.days <= self._rules.most_days
        if not allowed or terms.method not in self._methods_for(terms.limit.currency):
            return False
        kept = await self._method(scope.id, terms.saved)
        return kept is not None and (kept.method, kept.last4) == (terms.method, terms.last4)

    async def _method(self, customer: str, saved: str) -> SavedMethod | None:
        """A saved method that can be charged, or None."""
        today = self._clock().astimezone(self._zone).date()
        kept = (await self._wallet.methods(customer)).saved
        return next((each for each in kept if each.id == saved and each.usable(today)), None)

    # --- the run ----------------------------------------------------------------------------------------------------

    async def catch_up(self) -> int | None:
        """Follow what was charged, and go on with what a dead process left; the number of the run, if anything was done."""
        run = await self._keep(None, await self.follow(), "")
        for charge in await self._transact(lambda conn: charging.lost(conn, self._clock(), BATCH)):
            run = await self._keep(run, await self._withstood(partial(self._charge, charge)), "")
        return await self._keep(run, await self.follow(), "")

    async def run(self, asked_by: str = "") -> int | None:
        """Follow, plan, tell and charge all that is due; the number of the run, or None when there was nothing to do.

        What cannot be reached is left for the next run; the others do not wait for it.
        """
        run = await self.catch_up()
        if not self._rules.offered:
            return run
        after = 0
        while batch := await self._transact(partial(enrolments.running, after=after, n=BATCH)):
            for each in batch:
                run = await self._keep(run, await self._withstood(partial(self._plan, each)), asked_by)
            after = batch[-1].id
        for charge in await self._transact(lambda conn: charging.due(conn, self._clock(), BATCH)):
            run = await self._keep(run, await self._withstood(partial(self._charge, charge)), asked_by)
        return await self._keep(run, await self.follow(), asked_by)

    async def _keep(self, run: int | None, lines: Sequence[Done], asked_by: str) -> int | None:
        if not lines:
            return run
        return await self._transact(lambda conn: runs.write(conn, run, lines, asked_by, self._clock()))

    async def _withstood(self, work: Callable[[], Awaitable[list[Done]]]) -> list[Done]:
        """What was done; nothing while the books, the gateway or the database give no word."""
        try:
            return await work()
        except RemitError as error:
            log.warning("autopay: %s; the next run goes on with it", type(error).__name__)
            return []

    async def preview(self) -> list[Done]:
        """What a run would do now. Nothing is written, told or charged."""
        found: list[Done] = []
        after = 0
        while batch := await self._transact(partial(enrolments.running, after=after, n=BATCH)):
            for each in batch:
                found += await self._would_plan(each)
            after = batch[-1].id
        for charge in await self._transact(lambda conn: charging.due(conn, self._clock(), BATCH)):
            found.append(Done(charge.customer, charge.invoice, charge.number, "charged", amount=charge.amount))
        return found

    async def _would_plan(self, enrolment: Enrolment) -> list[Done]:
        invoices = await self._considered(enrolment)
        return await self._transact(lambda conn: planning.would_plan(conn, enrolment, invoices))

    async def _considered(self, enrolment: Enrolment) -> list[Invoice]:
        now = self._clock()
        every = await self._invoices.of_customer(enrolment.customer)
        found = planning.considered(every, enrolment, self._calendar, now)
        held = await self._checkout.holdings([each.id for each in found])
        return [
            replace(each, processing=held[each.id].reserved, disputed=held[each.id].disputed or each.disputed)
            if each.id in held
            else each
            for each in found
        ]

    async def _plan(self, enrolment: Enrolment) -> list[Done]:
        if await self._method(enrolment.customer, enrolment.terms.saved) is None:
            return await self._stop_without_method(enrolment)
        invoices = await self._considered(enrolment)
        return await self._transact(
            lambda conn: planning.plan(conn, enrolment, invoices, self._calendar, self._clock())
        )

    async def _stop_without_method(self, enrolment: Enrolment) -> list[Done]:
        """Its method was removed, has expired, or was refused for good elsewhere."""
        stopped = await self._transact(lambda conn: notices.stop(conn, enrolment, "method_gone", self._clock()))
        return [Done(enrolment.customer, "", "", "ended", "method_gone")] if stopped else []

    # --- charging ---------------------------------------------------------------------------------------------------

    async def _charge(self, charge: Due) -> list[Done]:
        """Begin what is due, or go on with what somebody began; its payment is the same by its key."""
        enrolment = await self._transact(lambda conn: enrolments.of_id(conn, charge.enrolment))
        begun = await self._transact(lambda conn: charging.quote_begun(conn, charge))
        quote = begun or await self._quote(charge, enrolment)
        if not isinstance(quote, Quote):
            return quote
        if begun is None and not await self._transact(lambda conn: charging.claim(conn, charge, self._clock())):
            return []
        chat = await self._transact(lambda conn: notices.chat_of(conn, enrolment))
        standing = Standing(enrolment.id, enrolment.customer, charge.invoice, charge.cycle, charge.tries)
        started = await self._checkout.start_standing(charge.key, chat, standing, quote)
        if isinstance(started, Refused):
            return await self._not_begun(charge, enrolment, started.objection)
        await self._transact(lambda conn: charging.begun(conn, charge, started.reference, self._clock()))
        return [Done(charge.customer, charge.invoice, charge.number, "charged", "", quote.total, started.reference)]

    async def _quote(self, charge: Due, enrolment: Enrolment) -> Quote | list[Done]:
        """What is owed now, as it is charged; or why nothing is."""
        if enrolment.state is not EnrolmentState.ON:
            return []
        invoice = await self._invoices.get(charge.invoice)
        if invoice is None or invoice.state is not InvoiceState.OPEN or invoice.due_date != charge.cycle:
            return await self._drop(charge, "settled" if invoice is None or invoice.due.minor <= 0 else "moved")
        held = (await self._checkout.holdings([invoice.id])).get(invoice.id)
        if held is not None:
            invoice = replace(invoice, processing=held.reserved, disputed=held.disputed or invoice.disputed)
        if why := self._unfit(charge, enrolment, invoice):
            return await self._pass_over(charge, why, invoice.payable)
        line = Line(invoice.id, invoice.number, invoice.version, invoice.payable)
        terms = enrolment.terms
        return Quote((line,), terms.method, "", "", saved=terms.saved)

    def _unfit(self, charge: Due, enrolment: Enrolment, invoice: Invoice) -> str:
        if why := planning.passed_over(invoice, enrolment):
            return why
        if invoice.payable.minor > charge.amount.minor:
            return "more_owed"  # than its customer was told of: the next plan tells it first
        again = charge.presentments and enrolment.terms.method is Method.BANK
        # a returned debit is sent again as it was, or not at all (NACHA 2.12.4)
        return "changed" if again and invoice.payable != charge.amount else ""

    async def _pass_over(self, charge: Due, why: str, payable: Money) -> list[Done]:
        """Not now: what ends by itself is looked at again; what does not is for its customer."""
        now = self._clock()
        if why == "changed":
            return await self._drop(charge, why)
        until = now + charging.NEXT_RUN
        await self._transact(lambda conn: charging.put_off(conn, charge, until, now))
        return [Done(charge.customer, charge.invoice, charge.number, "skipped", why, payable)]

    async def _drop(self, charge: Due, why: str) -> list[Done]:
        await self._transact(lambda conn: charging.drop(conn, charge, why, self._clock()))
        return [Done(charge.customer, charge.invoice, charge.number, "ended", why)]

    async def _not_begun(self, charge: Due, enrolment: Enrolment, why: Objection) -> list[Done]:
        now = self._clock()
        if why is Objection.METHOD_GONE:
            await self._transact(lambda conn: charging.put_off(conn, charge, now, now))
            return await self._stop_without_method(enrolment)
        if why is Objection.TOO_MANY_DECLINES:
            await self._transact(lambda conn: charging.put_off(conn, charge, now + _TOMORROW, now))
        elif why in _LATER:
            await self._transact(lambda conn: charging.put_off(conn, charge, now + charging.NEXT_RUN, now))
        else:
            return await self._drop(charge, str(why))
        return [Done(charge.customer, charge.invoice, charge.number, "skipped", str(why), charge.amount)]

    # --- following --------------------------------------------------------------------------------------------------

    async def follow(self) -> list[Done]:
        """Bring charges to where their payments stand; the pages that a refusal left open are closed first."""
        found: list[Done] = []
        for charge in await self._transact(lambda conn: following.moved(conn, BATCH)):
            found += await self._withstood(partial(self._follow, charge))
        return found

    async def _follow(self, charge: int) -> list[Done]:
        told = await self._transact(lambda conn: following.follow(conn, charge, self._clock()))
        if isinstance(told, Left):
            await self._checkout.close(told.chat, told.reference)
            told = await self._transact(lambda conn: following.follow(conn, charge, self._clock()))
        return [told] if isinstance(told, Done) else []
