"""The checkout: what the assistant asks of payments, from an agreed quote to the last late result.

Here the ledger's transactions and the gateway's calls are put in order: commit, call with no transaction open, commit.
No state is kept in this object, and nothing here decides what a fact means.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

import msgspec
from sqlalchemy import Connection

from services.database import Transact
from services.errors import Malformed, RemitError, Unavailable, Uncertain
from services.invoices.base import Invoices
from services.model import (
    Bearer,
    Customer,
    Invoice,
    Money,
    Objection,
    Payment,
    Quote,
    Rules,
    SavedMethod,
    Scope,
    Shown,
    Standing,
    Stranger,
    objection_to,
)
from services.payments import facts as word
from services.payments import ledger, links, outbox, pauses, starts, states, surplus
from services.payments.gateways.base import Fact, Till
from services.payments.keys import TRIED_FOR, Hold
from services.payments.ledger import Holding, Position
from services.payments.links import Refusal
from services.payments.notes import vault_name
from services.payments.outbox import Job, PostJob, RefundJob, TellJob
from services.payments.starts import Charging, Obstacle, Order, Sending
from services.payments.wallet import Wallet

__all__ = ["Checkout", "Job", "PostJob", "RefundJob", "Refusal", "Refused", "TellJob"]

_log = logging.getLogger(__name__)
_MAY_HAVE_MOVED = frozenset({states.CONFIRMED, states.SUBMITTING, states.OPEN, states.PROCESSING, states.UNKNOWN})
_JUDGE_AT_MOST = 3  # times in a row that the ledger may move under a judgement before the customer is shown it anew
_LAST_PLACE_ON_EARTH = timedelta(hours=12)  # behind UTC: where a day ends last, and with it a card


class Refused(msgspec.Struct, frozen=True):
    """A start that began nothing. ``invoice`` is the one objected to as it stands now, unless it is not theirs to see."""

    objection: Objection
    invoice: Invoice | None = None


class _Judged(msgspec.Struct, frozen=True):
    """A quote that is payable: whose invoices they are, and the positions on which that rests."""

    customer: str
    positions: Mapping[str, Position]
    charged: SavedMethod | None = None


class Checkout:
    """Payments by hosted page, and by saved methods on one. Every method may raise what the database raises; `Unavailable` and `Uncertain` as said."""

    def __init__(
        self,
        *,
        transact: Transact,
        invoices: Invoices,
        gateway: Till,
        wallet: Wallet,
        rules: Rules,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        return_url: Callable[[str], str],
        holds: Callable[[Customer], Awaitable[bool]],
    ) -> None:
        """``return_url`` gives the way back from the hosted page to a chat; ``holds`` tells whether a sign-in still counts."""
        self.transact = transact
        self.gateway = gateway
        self.clock = clock
        self.random = random
        self.invoices = invoices
        self._rules = rules
        self._return_url = return_url
        self._wallet = wallet
        self._holds = holds

    # --- starting -------------------------------------------------------------------------------------------------

    async def start(
        self,
        key: str,
        chat: str,
        message: str,
        scope: Scope,
        quote: Quote,
        *,
        agreed_at: datetime | None = None,
        shown: Shown | None = None,
    ) -> Payment | Refused:
        """Begin the payment of an agreed quote, once per ``key``; the same key resumes it.

        Its page is opened; a saved method that the quote names is charged on that page at once. ``message`` is the id of
        the message in which the customer agreed, at ``agreed_at`` (None: just now), to the words that were ``shown``. The payment that comes back is OPEN, or whatever has become of it
        since: OPEN with ``saved`` is one whose bank wants to see the customer, or said no (``declines``), and its page
        takes another card. `Unavailable`: nothing was made, the same key may be tried again, and if no request before it
        was uncertain the invoice is free for another start. `Uncertain`: start with the same key again (soon: ten minutes
        after the yes a saved method is charged no more), or let the reconciler find out. `Malformed`: the gateway
        refuses, and a person was called; after ten minutes of that the payment comes back as it ended.
        """
        _check_form(quote)
        begun = await self.transact(lambda conn: ledger.by_key(conn, key))
        if begun is not None and _what(begun) != (quote.total, {i.invoice for i in quote.lines}, bool(quote.saved)):
            raise ValueError("one key, one quote: this key began another payment")
        late = agreed_at is not None and self.clock() - agreed_at > TRIED_FOR
        if (
            begun is None and quote.saved and late
        ):  # the ledger was away for so long: its customer may have paid elsewhere
            return Refused(Objection.NOT_IN_TIME)
        if begun is None or begun.state is states.CANCELED:
            order = Order(
                key, chat, message, quote, self.gateway.name, self._return_url(chat), {}, shown=shown or Shown()
            )
            taken = await self._begin(scope, order, begun)
            return taken if isinstance(taken, Refused) else await self._carry_out(taken.reference)
        return await self._go_on(chat, begun.reference)

    async def start_standing(self, key: str, chat: str, standing: Standing, quote: Quote) -> Payment | Refused:
        """Begin a payment that no message says yes to, but a standing authorisation; once per ``key``, as `start` does.

        Whether that covers it is asked in the transaction that writes it down, and once more in the one that lets its saved
        method be charged. ``chat``: where its results are told. Raises what `start` raises.
        """
        _check_form(quote)
        if not quote.saved:
            raise ValueError("nobody is there to type a method")
        begun = await self.transact(lambda conn: ledger.by_key(conn, key))
        if begun is None or begun.state is states.CANCELED:
            order = Order(key, chat, "", quote, self.gateway.name, self._return_url(chat), {}, standing=standing)
            taken = await self._begin(standing, order, begun)
            return taken if isinstance(taken, Refused) else await self._carry_out(taken.reference)
        return await self._go_on(chat, begun.reference)

    async def _begin(self, scope: Scope | Standing, order: Order, canceled: Payment | None) -> Payment | Refused:
        if (problem := await self._unproved(scope, order.chat, order.quote)) is not None:
            return Refused(problem)
        own = "" if canceled is None else canceled.reference
        for _ in range(_JUDGE_AT_MOST):
            begun = await self._judge_and_write(scope, order, own)
            if not (isinstance(begun, Obstacle) and begun.objection is Objection.INVOICE_CHANGED):
                break
        if isinstance(begun, Obstacle):
            return Refused(begun.objection, await self._seen(begun.invoice))
        return begun

    async def _unproved(self, scope: Scope | Standing, chat: str, quote: Quote) -> Objection | None:
        """Whose invoices they are is judged with them; here, whether who asks is still who they proved to be."""
        if isinstance(scope, Standing):
            return None  # proved when it was agreed to; that it is in force is `starts.begin`'s to see
        if isinstance(scope, Customer) and not await self._holds(scope):
            return Objection.PROVE_AGAIN
        if quote.saved and not (isinstance(scope, Customer) and scope.may_charge(chat)):
            return Objection.PROVE_AGAIN
        return None

    async def _judge_and_write(self, scope: Scope | Standing, order: Order, own: str) -> Payment | Refused | Obstacle:
        judged = await self._judge(scope, order.quote, own)
        if isinstance(judged, Refused):
            return judged
        # nobody else may put a card among the customer's own: whoever holds a forwarded letter pays, and keeps nothing
        at_home = isinstance(scope, Standing) or (isinstance(scope, Customer) and scope.may_charge(order.chat))
        order = msgspec.structs.replace(
            order,
            positions=judged.positions,
            customer=judged.customer,
            vault=vault_name(judged.customer) if at_home else "",
            declines=self._rules.declines,
            charged=judged.charged,
        )
        now = self.clock()
        if own:
            return await self.transact(lambda conn: starts.begin_again(conn, own, order, now))
        return await self.transact(lambda conn: starts.begin(conn, order, now, self.random))

    async def _judge(
        self, scope: Scope | Standing | None, quote: Quote, own: str, *, standing: bool = False
    ) -> _Judged | Refused:
        """Whether the quote is payable for this scope (None: whose it is was judged before), or an objection."""
        ids = [line.invoice for line in quote.lines]
        if isinstance(scope, Stranger) or (isinstance(scope, Bearer) and ids != [scope.invoice]):
            return Refused(Objection.NOT_YOURS)
        # before the books are read: whatever moves from here to the commit shows as another position
        positions = await self.transact(lambda conn: {invoice: ledger.position(conn, invoice, own) for invoice in ids})
        invoices = list[Invoice]()
        for one in ids:
            found = await self.invoices.get(one)
            if found is None:  # which to a customer reads as another's does: nobody learns which invoices there are
                return Refused(Objection.NOT_YOURS if isinstance(scope, Customer) else Objection.INVOICE_GONE)
            invoices.append(msgspec.structs.replace(found, processing=positions[one].reserved))
        customer = _whose(scope) or invoices[0].customer
        if any(invoice.customer != customer for invoice in invoices):
            return Refused(Objection.NOT_YOURS)
        standing = standing or isinstance(scope, Standing)
        if (problem := self._problem(quote, invoices, standing=standing)) is not None:
            return Refused(*problem)
        charged = await self._chargeable(customer, quote) if quote.saved else None
        if quote.saved and charged is None:
            return Refused(Objection.METHOD_GONE, invoices[0])
        return _Judged(customer, positions, charged)

    def _problem(
        self, quote: Quote, invoices: Sequence[Invoice], *, standing: bool
    ) -> tuple[Objection, Invoice] | None:
        for line, invoice in zip(quote.lines, invoices, strict=True):
            if invoice.version != line.version:
                return Objection.INVOICE_CHANGED, invoice
            if quote.total.currency != invoice.due.currency:
                return Objection.WRONG_CURRENCY, invoice
            if quote.method not in self._rules.methods_for(invoice.due.currency):
                return Objection.METHOD_NOT_TAKEN, invoice
        parts = [(invoice, line.amount) for line, invoice in zip(quote.lines, invoices, strict=True)]
        return objection_to(parts, self._rules) or self._fee_problem(quote, invoices[0], standing=standing)

    def _fee_problem(self, quote: Quote, first: Invoice, *, standing: bool) -> tuple[Objection, Invoice] | None:
        """A fee is charged exactly as the rules have it now, to the cent, or nothing is: the quote is shown anew.

        Never by autopay: no authorisation names one, and Visa has none on recurring payments (`services.model.fees`).
        """
        exempt = standing or first.fee_exempt
        fee = self._rules.fee.of(quote.due, quote.method, exempt=exempt)
        return None if quote.fee_minor == fee else (Objection.FEE_CHANGED, first)

    async def _chargeable(self, customer: str, quote: Quote) -> SavedMethod | None:
        """The saved method of a quote, if it is this customer's, of the kind that was agreed to, and still good."""
        today = (self.clock() - _LAST_PLACE_ON_EARTH).date()
        kept = (await self._wallet.methods(customer)).saved
        fitting = (each for each in kept if each.id == quote.saved and each.method is quote.method)
        return next((each for each in fitting if each.usable(today)), None)

    async def _seen(self, invoice: str) -> Invoice | None:
        found = await self.invoices.get(invoice)
        processing = await self.reserved(invoice)
        return None if found is None else msgspec.structs.replace(found, processing=processing)

    async def _go_on(self, chat: str, reference: str) -> Payment | Refused:
        """Go on with a start that was begun before. What was payable then may not be so any more:

        last request             judged now  the gateway        what happens
        a moment ago             not         not asked          sent again: the judgement is as young
        surely none made a page  payable     not asked          sent
        surely none made a page  objection   not asked          CANCELED, and refused
        minutes ago              payable     not asked          sent again, as long as the payment is young
        minutes ago              any         never heard of it  FAILED: a page that comes late has an address nobody knows;
                                                                refused, if there is an objection
        minutes ago              payable     has heard of it    sent again, to learn the page
        minutes ago              objection   has heard of it    sent again to learn the page, which is closed; refused,
                                                                or paid if the customer was quicker
        minutes ago              any         gives no word      raised: try again later

        The charge of a saved method, on a page that is made, is such a request too: "sent again" is that the gateway is
        asked to charge once more what it charges once, and after `TRIED_FOR` the page is closed instead.
        """
        stale = await self.transact(lambda conn: starts.stale(conn, reference, self.clock()))
        if stale is None:
            return await self._carry_out(reference)
        if (problem := await self._judge_again(stale, reference)) is not None:
            ended = await self.close(chat, reference)
            return problem if ended.state in (states.CANCELED, states.FAILED) else ended
        if stale.given_up:
            asked = await self._asked(reference)
            if asked.state not in (states.CONFIRMED, states.SUBMITTING):
                return asked
        return await self._carry_out(reference)

    async def _judge_again(self, stale: starts.Stale, reference: str) -> Refused | None:
        if await self.paused():
            return Refused(Objection.PAUSED, await self._seen(stale.quote.lines[0].invoice))
        judged = await self._judge(None, stale.quote, reference, standing=stale.standing)
        return judged if isinstance(judged, Refused) else None

    async def _carry_out(self, reference: str) -> Payment:
        """Open the page of a payment, and charge the saved method that is to be charged on it; see `start`."""
        opened = await self._open(reference)
        return await self._charge(reference) if opened.state is states.SUBMITTING else opened

    async def _open(self, reference: str) -> Payment:
        """Send the request for a page that is still to be sent. Nothing is charged by it."""
        sending = await self.transact(lambda conn: starts.send(conn, reference, self._return_url, self.clock()))
        match sending:
            case Payment():
                return sending
            case Hold.BUSY:
                raise Uncertain(f"{reference} is being sent or looked up elsewhere")
            case Hold.LOOK_UP:
                found = await self._asked(reference)
                if found.state is states.CONFIRMED:
                    raise Uncertain(f"{reference} cannot be sent again safely, and the gateway has no word on it yet")
                return found
            case Sending():
                return await self._send(sending)
            case _:
                assert_never(sending)

    async def _send(self, sending: Sending) -> Payment:
        reference = sending.request.reference
        try:
            page = await self.gateway.open_page(sending.request, sending.key)
        except Unavailable:
            await self.transact(lambda conn: starts.not_made(conn, sending, self.clock()))
            raise
        except Malformed as error:
            return await self._refused(sending, error)
        except RemitError:  # sent, and no answer that can be used: the same request may follow, under the same key
            await self.transact(lambda conn: ledger.release(conn, reference, sending.fence))
            raise
        opened = await self.transact(lambda conn: starts.opened(conn, sending, page, self.clock()))
        if opened is None:
            raise Uncertain(f"{reference} took longer than its lease; somebody else answers for it")
        return opened

    async def _charge(self, reference: str) -> Payment:
        charging = await self.transact(lambda conn: starts.charge(conn, reference, self.clock()))
        match charging:
            case Payment():
                return charging
            case Hold.BUSY:
                raise Uncertain(f"{reference} is being charged or looked up elsewhere")
            case Hold.LOOK_UP:
                return await self._close_page(reference)
            case Charging(page, fence):
                try:
                    told = await self.gateway.charge(page)
                except RemitError:  # it may have been charged: asking once more charges nothing twice
                    await self.transact(lambda conn: ledger.release(conn, reference, fence))
                    raise
                return await self.transact(lambda conn: starts.charged(conn, reference, fence, told, self.clock()))
            case _:
                assert_never(charging)

    async def _refused(self, sending: Sending, why: Malformed) -> Payment:
        """The payment as it ended, when it was tried for long enough; else ``why`` is raised, and it is tried again."""
        reference = sending.request.reference
        enough = await self.transact(lambda conn: starts.refused(conn, sending, why, self.clock()))
        payment = await self.transact(lambda conn: ledger.known(conn, reference))
        if enough and payment.state is states.CONFIRMED:
            payment = await self._asked(reference)
        if not enough or payment.state is states.CONFIRMED:
            raise why
        return payment

    async def _asked(self, reference: str) -> Payment:
        """A payment after the gateway's word, which may be that it never heard of it: that can end it."""
        await self.look_at(reference, self.clock())
        return await self.transact(lambda conn: ledger.known(conn, reference))

    async def look_at(self, reference: str, now: datetime) -> bool:
        """Ask the gateway about one payment and take its word; False when somebody else holds its lease.

        Nothing is charged. A saved method that was to be charged long ago, and of which the gateway has no word, is not
        going to be: its page is closed.
        """
        fence = await self.transact(lambda conn: ledger.look(conn, reference, now))
        if fence is None:
            return False
        try:
            facts = await self.gateway.find(reference)
            if facts == ():
                late = await self.transact(lambda conn: starts.never_charged(conn, reference, now))
                facts = facts if late is None else await self.gateway.close_page(late)
        except RemitError:
            await self.transact(lambda conn: ledger.release(conn, reference, fence))
            raise

        def settle(conn: Connection) -> None:
            before = ledger.row_of(conn, reference)
            if facts is None:
                starts.never_heard(conn, reference, fence, now)
            else:
                word.take(conn, self.gateway.name, facts, now)
            ledger.unmoved(conn, reference, before.version)
            ledger.release(conn, reference, fence)

        await self.transact(settle)
        return True

    async def _look_up(self, reference: str) -> Payment:
        facts = await self.gateway.find(reference)
        await self.take(facts or ())
        return await self.transact(lambda conn: ledger.known(conn, reference))

    # --- while it is under way ------------------------------------------------------------------------------------

    async def resume(self, chat: str, reference: str) -> Payment | Refused:
        """Go on with the start of a payment that this chat agreed to, under its own key; see `start` for what comes out."""
        payment = await self.transact(lambda conn: ledger.of_chat(conn, chat, reference))
        if payment is None:
            raise LookupError(f"no payment {reference} of this chat")
        return await self._go_on(chat, reference)

    async def close(self, chat: str, reference: str) -> Payment:
        """Ask the gateway to close the page of a payment that this chat began, and say how it stands by its answer.

        FAILED with `PAGE_CLOSED`, or SUCCEEDED or PROCESSING if the customer was quicker; still OPEN when the gateway
        gave no word. CANCELED when surely no page was made. A start whose answer was lost is sent again under its own key
        first, to learn the page, unless the gateway never heard of it; a saved method is not charged by that. Raises `Unavailable`, `Uncertain`, `Malformed`,
        and `LookupError` for a payment that is not this chat's.
        """
        payment = await self.transact(lambda conn: ledger.of_chat(conn, chat, reference))
        if payment is None:
            raise LookupError(f"no payment {reference} of this chat")
        if payment.state is states.CONFIRMED:
            payment = await self._learn_page(reference)
        if payment.state not in (states.OPEN, states.SUBMITTING, states.UNKNOWN):
            return payment
        return await self._close_page(reference)

    async def _close_page(self, reference: str) -> Payment:
        page = await self.transact(lambda conn: ledger.page_of(conn, reference))
        if page is None:
            return await self._look_up(reference)
        await self.take(await self.gateway.close_page(page.id))
        return await self.transact(lambda conn: ledger.known(conn, reference))

    async def _learn_page(self, reference: str) -> Payment:
        """A start that is to end: ended if nothing was made, by the gateway's word or surely; else with its page known."""
        if not await self.transact(lambda conn: starts.withdraw(conn, reference, self.clock())):
            payment = await self._asked(reference)
            if payment.state is states.CONFIRMED:
                return await self._open(reference)
        return await self.transact(lambda conn: ledger.known(conn, reference))

    async def close_left(self, scope: Scope, invoice: str) -> bool:
        """Close the page that somebody left open on this invoice; whether none holds it now, by the gateway's word.

        Only for who holds the invoice's own pay link (the same person on another phone, or one the letter was sent on to)
        and for the customer whose invoice it is. Anybody else, and a payment whose fate is open, changes nothing.
        Raises `Unavailable` and `Uncertain`.
        """
        if not await self._may_close(scope, invoice):
            return False
        held = await self.transact(lambda conn: ledger.live_on(conn, invoice))
        if held is None:
            return True
        page = await self.transact(lambda conn: ledger.page_of(conn, held.reference))
        if held.state is not states.OPEN or page is None:
            return False
        await self.take(await self.gateway.close_page(page.id))
        return await self.transact(lambda conn: ledger.live_on(conn, invoice)) is None

    async def _may_close(self, scope: Scope, invoice: str) -> bool:
        match scope:
            case Stranger():
                return False
            case Bearer():
                return scope.proof == "link" and scope.invoice == invoice
            case Customer():
                found = await self.invoices.get(invoice) if await self._holds(scope) else None
                return found is not None and found.customer == scope.id
            case _:
                assert_never(scope)

    async def take(self, facts: Sequence[Fact]) -> None:
        """Take in what the gateway reports, from a webhook or a look-up, in one transaction. Duplicates change nothing."""
        if facts:
            await self.transact(lambda conn: word.take(conn, self.gateway.name, facts, self.clock()))

    async def view(self, reference: str) -> Payment | None:
        """One payment by its reference, or None."""
        return await self.transact(lambda conn: ledger.payment(conn, reference))

    async def refresh(self, chat: str, reference: str) -> Payment | None:
        """A payment of this chat as it stands by the gateway's latest word; by the ledger's when the gateway gives none.

        For a customer who comes back from the page before its webhook does. Only what can still move is asked about.
        None for a payment that is not this chat's.
        """
        payment = await self.transact(lambda conn: ledger.of_chat(conn, chat, reference))
        if payment is None or payment.state not in _MAY_HAVE_MOVED:
            return payment
        try:
            return await self._look_up(reference)
        except (Unavailable, Uncertain):
            _log.warning("no word from the gateway about %s; its last known state is told", reference)
            return payment

    async def latest(self, chat: str) -> Payment | None:
        """The payment that this chat began last, or None."""
        return await self.transact(lambda conn: ledger.latest_for_chat(conn, chat))

    async def reserved(self, invoice: str) -> int:
        """Minor units of an invoice that are spoken for and not in the books yet: `Invoice.processing`."""
        return await self.transact(lambda conn: ledger.reserved(conn, invoice))

    async def holdings(self, invoices: Collection[str]) -> Mapping[str, Holding]:
        """What payments and open cases hold on these invoices, by id; one of which there is nothing to say is left out."""
        return await self.transact(lambda conn: ledger.holdings(conn, invoices))

    # --- hand-off links -------------------------------------------------------------------------------------------

    async def share(self, reference: str) -> str:
        """A fresh token for ``/go/TOKEN``, good for 15 minutes until it is first opened. Only its hash is stored."""
        return await self.transact(lambda conn: links.share(conn, reference, self.clock(), self.random))

    async def follow(self, token: str) -> str | Refusal:
        """The address of the hosted page that a token leads to, or why it leads nowhere. Opening burns nothing."""
        return await self.transact(lambda conn: links.follow(conn, token, self.clock()))

    # --- what must still happen -----------------------------------------------------------------------------------

    async def jobs(self, n: int) -> list[Job]:
        """At most ``n`` due jobs, each leased for 60 s to the caller alone."""
        return await self.transact(lambda conn: outbox.claim(conn, n, self.clock()))

    async def done(self, job: Job) -> bool:
        """Mark a job as done; False when its lease was lost or it was done already."""
        return await self.transact(lambda conn: outbox.finish(conn, job, self.clock()))

    async def later(self, job: Job, seconds: int) -> bool:
        """Give a job back for another try after ``seconds``; False when its lease was lost."""
        return await self.transact(lambda conn: outbox.postpone(conn, job, self.clock() + timedelta(seconds=seconds)))

    async def stuck(self, job: Job, after: int = outbox.STUCK_AFTER) -> None:
        """Call a person for a job that was tried so often and went through on no try; before that, nothing happens."""
        if job.attempts + 1 >= after:
            await self.transact(lambda conn: outbox.stuck(conn, job, self.clock()))

    async def post(self, job: PostJob) -> bool:
        """Write a posting to the books, then mark its job as done.

        What the books say is owed by then decides whether the payment was too much: that opens a case for a refund.
        Raises `Unavailable` and `Uncertain`, and `Malformed` when the books refuse it, which a person hears: then `later`.
        """
        try:
            return await self._post(job)
        except Malformed:
            await self.stuck(job, after=1)
            raise

    async def _post(self, job: PostJob) -> bool:
        posting = job.posting
        await self.invoices.record(posting)
        found = await self.invoices.get(posting.invoice) if posting.kind == "payment" else None

        def finish(conn: Connection) -> bool:
            if found is not None:
                surplus.owe_back(conn, found, self._rules.overpay, self.clock(), posting.reference)
            return outbox.finish(conn, job, self.clock())

        return await self.transact(finish)

    async def owe_back(self, invoice: str) -> list[str]:
        """Read an invoice again, and open a case for what payments paid on it and it does not owe; of which payments."""
        found = await self.invoices.get(invoice)
        if found is None:
            return []
        return await self.transact(lambda conn: surplus.owe_back(conn, found, self._rules.overpay, self.clock()))

    # --- the business's switch --------------------------------------------------------------------------------------

    async def pause(self, paused: bool, asked_by: str, why: str = "", *, autopay: bool = False) -> bool:
        """Stop new payments at once, or resume them; False when that was so already. ``autopay``: only what that begins."""
        return await self.transact(
            lambda conn: pauses.set_paused(conn, paused, asked_by, why, self.clock(), autopay=autopay)
        )

    async def paused(self) -> bool:
        """Whether new payments are refused just now."""
        return await self.transact(pauses.is_paused)


def _what(begun: Payment) -> tuple[Money, set[str], bool]:
    return begun.amount, set(begun.invoices), begun.saved


def _whose(scope: Scope | Standing | None) -> str:
    """The customer that a scope names, or ""."""
    if isinstance(scope, Standing):
        return scope.customer
    return scope.id if isinstance(scope, Customer) else ""


def _check_form(quote: Quote) -> None:
    """Refuse, as bugs of the caller, quotes that no dialog under these rules can have shown."""
    ids = {line.invoice for line in quote.lines}
    if not ids or len(ids) != len(quote.lines):
        raise ValueError("a quote names each of its invoices once, and at least one")
    if quote.fee_minor < 0:
        raise ValueError("a fee is never given to whoever pays")
