"""What a conversation wants from the world: look-ups (reads, before the commit) and effects (after it).

One `match` each. Everything here is already decided; whether it is allowed is checked by the services.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import assert_never

from sqlalchemy import Connection

from bot.postman import Postman
from bot.wiping import Wiped
from dialogs.conversation import Conversation
from dialogs.model import (
    Absent,
    AddressProved,
    AskAgent,
    AutopayOf,
    AutopaySet,
    BillingOf,
    CallAgent,
    Called,
    CarryOver,
    CheckCode,
    CloseCheckout,
    CloseLeftPage,
    CodeSent,
    CodesSpent,
    CodeWrong,
    CountHelp,
    DetailsOf,
    DetailsSaved,
    EditMethod,
    Effect,
    Fact,
    HandBack,
    InvoicesOf,
    Locked,
    LookUp,
    MethodEdited,
    MethodsOf,
    Noted,
    NoteGap,
    NoteProposal,
    NotProved,
    NotSaved,
    OneInvoice,
    OpenRequest,
    Outcome,
    OwnInvoice,
    PageLeft,
    PaymentNow,
    PaymentsOf,
    Proved,
    ProveInvoice,
    RateHandoff,
    ReceiptSent,
    Refused,
    Remember,
    Remembered,
    RequestOpened,
    RequestsOf,
    ResumePayment,
    SaveDetails,
    SendCode,
    SendReceipt,
    SetAutopay,
    SheetOf,
    SignedIn,
    SignedOut,
    SignOut,
    StartPayment,
    Unreachable,
)
from services import help_notes, identity
from services.database import Transact
from services.desk import handoffs, proposals, transcripts
from services.errors import Malformed, Unavailable, Uncertain
from services.forgetting import forget
from services.identity import Identity
from services.invoices.access import Access
from services.invoices.base import Customers
from services.model import Bearer, Customer, Methods, Payment, Scope
from services.payments.autopay.enrolments import Wish
from services.payments.autopay.orders import StandingOrders
from services.payments.checkout import Checkout
from services.payments.checkout import Refused as NotStarted
from services.payments.receipt_requests import ReceiptRequests
from services.payments.wallet import Wallet
from services.payments.wishes import Wishes
from services.sign_in import Good, Sent, SignIn, Spent, Wrong
from services.visitors import Visitors


class Hands:
    """The services behind a conversation."""

    def __init__(
        self,
        *,
        transact: Transact,
        access: Access,
        checkout: Checkout,
        identity: Identity,
        sign_in: SignIn,
        visitors: Visitors,
        customers: Customers,
        wallet: Wallet,
        wishes: Wishes,
        orders: StandingOrders,
        receipts: ReceiptRequests,
        postman: Postman,
        now: Callable[[], datetime],
    ) -> None:
        """``now`` is told in the business's time zone: its date is the business's today."""
        self._transact = transact
        self._access = access
        self._checkout = checkout
        self._identity = identity
        self._sign_in = sign_in
        self._visitors = visitors
        self._customers = customers
        self._wallet = wallet
        self._wishes = wishes
        self._orders = orders
        self._receipts = receipts
        self._postman = postman
        self._now = now

    async def look_up(self, lookup: LookUp) -> Fact:
        """One fact as it is now. What cannot be reached or may not be seen is an answer too."""
        try:
            return await self._found(lookup) or Absent()
        except (Unavailable, Uncertain, Malformed):
            return Unreachable()

    async def _found(self, lookup: LookUp) -> Fact | None:  # noqa: C901  # one line per look-up
        access = self._access
        match lookup:
            case OneInvoice(scope, invoice):
                return await access.invoice(scope, invoice)
            case BillingOf(scope, invoice):
                return await access.billing(scope, invoice)
            case PaymentNow(chat, reference):
                return await self._checkout.refresh(chat, reference)
            case OwnInvoice(customer, number):
                return await access.own(customer, number)
            case InvoicesOf(customer, which):
                return await access.listing(customer, which, self._now().date())
            case SheetOf(scope, invoice):
                return await access.sheet(scope, invoice)
            case DetailsOf(customer):
                return await access.details(customer)
            case MethodsOf(customer):
                return await access.methods(customer)
            case AutopayOf(customer):
                return await self._orders.of(customer)
            case PaymentsOf(customer):
                return await access.payments(customer)
            case RequestsOf(scope, chat):
                return await access.requests(scope, chat)
            case _:
                assert_never(lookup)

    async def number_of(self, scope: Customer, invoice: str) -> str:
        """The number of an invoice that is this customer's own, or ""; "" too while the books do not answer."""
        found = await self.look_up(OneInvoice(scope, invoice))
        return "" if isinstance(found, Absent | Unreachable) or not hasattr(found, "number") else str(found.number)

    async def forget(self, talk: Conversation, wiped: Wiped, lines: Mapping[int, str]) -> None:
        """Take the pieces of a number out of what was written down for persons. Raises `Unavailable` or `Uncertain`.

        ``lines``: those of the log that change, as they read from now on.
        """
        customer = talk.scope.id if isinstance(talk.scope, Customer) else ""

        def work(conn: Connection) -> None:
            forget(conn, talk.chat, talk.epoch, customer, holds=wiped.holds, is_one=wiped.is_one)
            transcripts.overwrite(conn, talk.chat, lines)

        await self._transact(work)

    async def perform(self, key: str, chat: str, message: str, client: str, effect: Effect) -> Outcome:  # noqa: C901  # one line per effect
        """Do it, once per ``key`` however often it is called.

        ``message`` is the id of the customer's message that caused it, ``client`` the address it came from.
        Raises `Unavailable`, `Uncertain` or `Malformed`: it is to be called again, later, with the same key.
        """
        match effect:
            case ProveInvoice(number, code):
                return _proof(await self._identity.prove(key, number, code, client, chat))
            case StartPayment(scope, quote, at, shown):
                start = self._checkout.start
                return _started(await start(key, chat, message, scope, quote, agreed_at=at, shown=shown))
            case ResumePayment(reference):
                return _started(await self._checkout.resume(chat, reference))
            case CloseLeftPage(scope, invoice):
                return PageLeft(await self._checkout.close_left(scope, invoice))
            case CloseCheckout(reference):
                return await self._checkout.close(chat, reference)
            case CallAgent(reason, summary, invoice, payment):
                return Called(await self._identity.call_agent(key, chat, reason, invoice, payment, summary))
            case CarryOver():
                raise TypeError("a conversation is carried over by the runtime: services know of none")
            case CountHelp(topic, helped):
                await self._transact(lambda conn: help_notes.rate(conn, key, topic, helped, self._now()))
                return Noted()
            case AskAgent() | NoteProposal() | HandBack() | RateHandoff():
                return await self._for_desk(chat, effect)
            case NoteGap(text, language):
                await self._transact(lambda conn: help_notes.note_gap(conn, key, text, language, self._now()))
                return Noted()
            case _:
                return await self._for_customer(key, chat, message, client, effect)

    async def _for_desk(self, chat: str, effect: AskAgent | NoteProposal | HandBack | RateHandoff) -> Outcome:
        now = self._now()
        match effect:
            case AskAgent(reason):
                await self._transact(lambda conn: handoffs.ask(conn, chat, reason, now))
            case NoteProposal(proposal, state, payment):
                await self._transact(lambda conn: proposals.moved(conn, proposal, chat, state, payment or None, now))
            case HandBack():
                await self._transact(lambda conn: handoffs.give_back(conn, chat, now))
            case RateHandoff(handoff, stars):
                await self._transact(lambda conn: handoffs.rate(conn, handoff, chat, stars))
            case _:
                assert_never(effect)
        return Noted()

    async def _for_customer(  # noqa: C901  # one line per effect
        self,
        key: str,
        chat: str,
        message: str,
        client: str,
        effect: SendCode
        | CheckCode
        | SignOut
        | Remember
        | SaveDetails
        | EditMethod
        | SetAutopay
        | OpenRequest
        | SendReceipt,
    ) -> Outcome:
        match effect:
            case SendCode(email, purpose, scope):
                return _sent(await self._sign_in.send_code(key, chat, client, email, purpose, scope))
            case CheckCode():
                return await self._check(key, chat, client, effect)
            case SignOut(scope, everywhere):
                await self._visitors.sign_out(scope, chat, everywhere=everywhere)
                return SignedOut()
            case Remember(scope):
                until = await self._visitors.remember(scope, chat)
                return NotSaved() if until is None else Remembered(until)
            case SaveDetails():
                return await self._save(key, chat, effect)
            case EditMethod(scope, what, method, nickname):
                if not await self._access.may(scope):
                    return MethodEdited(Methods(()))
                return MethodEdited(await self._wallet.edit(scope.id, what, method, nickname))
            case SetAutopay(scope, what, terms, shown):
                wish = Wish(key, scope.id, chat, message, what, terms, shown)
                found = await self._orders.change(scope, wish)
                return NotSaved() if found is None else AutopaySet(found)
            case OpenRequest(scope, kind, why, payment, invoice):
                opened = await self._wishes.open(key, chat, scope, kind, why, payment, invoice)
                return NotSaved() if opened is None else RequestOpened(opened)
            case SendReceipt(scope, reference):
                return ReceiptSent() if await self._receipts.mail(key, scope, reference) else NotSaved()
            case _:
                assert_never(effect)

    async def _check(self, key: str, chat: str, client: str, effect: CheckCode) -> Outcome:
        """A code: for signing in, with how long it counts and whether the link's invoice is the customer's."""
        found = await self._sign_in.check_code(
            key, chat, client, effect.email, effect.code, effect.purpose, effect.scope
        )
        match found:
            case Good(accounts, at) if effect.purpose == "sign_in" and accounts:
                first = self._visitors.scope(accounts[0].id, chat, "code", at)
                return SignedIn(accounts, at, first.until, await self._linked(effect.scope, first))
            case Good():  # of a customer who has left the books meanwhile, a code for signing in opens nothing
                return CodeWrong() if effect.purpose == "sign_in" else AddressProved()
            case Wrong():
                return CodeWrong()
            case identity.Locked():
                return Locked()
            case _:
                assert_never(found)

    async def _linked(self, scope: Scope, customer: Customer) -> str:
        return await self.number_of(customer, scope.invoice) if isinstance(scope, Bearer) else ""

    async def _save(self, key: str, chat: str, effect: SaveDetails) -> Outcome:
        """Write details. A new address only after a code at the old one and one at the new; then all others are signed out."""
        scope, revision = effect.scope, effect.revision
        before = await self._access.details(scope)
        if before is None:
            return NotSaved()
        moves = revision.email is not None and revision.email != before.email
        if moves and not await self._sign_in.may_change_address(chat, scope.id, before.email, revision.email or ""):
            return NotSaved()
        try:
            saved = await self._customers.save(scope.id, revision, key)
        except Malformed:  # the books say no to just this, and would say it again
            return NotSaved()
        if saved is None:
            return NotSaved()
        if revision.email is not None:
            await self._visitors.sign_out(scope, chat, everywhere=True)
        if moves:
            self._postman.tell_old_address(before.email, before.name, before.language, self._now())
        return DetailsSaved(saved)


def _sent(answer: Sent | Spent) -> Outcome:
    match answer:
        case Sent():
            return CodeSent()
        case Spent(minutes):
            return CodesSpent(minutes)
        case _:
            assert_never(answer)


def _started(answer: Payment | NotStarted) -> Outcome:
    return Refused(answer.objection) if isinstance(answer, NotStarted) else answer


def _proof(answer: identity.Proved | identity.Wrong | identity.Locked) -> Outcome:
    match answer:
        case identity.Proved(invoice):
            return Proved(invoice)
        case identity.Wrong():
            return NotProved()
        case identity.Locked():
            return Locked()
        case _:
            assert_never(answer)
