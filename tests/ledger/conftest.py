"""A small world for tests of the ledger: a scripted gateway, books in memory, a clock that is set by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random

import msgspec
import pytest
from sqlalchemy import Engine, text

from services.database import Transact, inline, open_engine, upgrade
from services.identity import Identity
from services.invoices.access import Access
from services.invoices.base import Posting, plain
from services.model import (
    Bearer,
    Billing,
    Customer,
    Details,
    Invoice,
    InvoiceState,
    Line,
    Method,
    Money,
    Payment,
    PaymentState,
    Quote,
    Reason,
    Rules,
    SavedMethod,
    Sheet,
    SheetLine,
)
from services.payments import journal, outbox, starts, states
from services.payments.cases import open_cases
from services.payments.checkout import Checkout, PostJob, RefundJob
from services.payments.gateways.base import Batch, Fact, FactKind, NoRefund, Page, PageRequest, RefundRequest
from services.payments.giving_back import give_back, refund
from services.payments.notes import vault_name
from services.payments.refunds import RefundOrder
from services.payments.wallet import Wallet
from tests.databases import in_files, on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class ScriptedGateway:
    """Makes pages, remembers keys, and fails as told: `before` a request arrives, or `after` it was carried out.

    None among its failures lets one request pass.
    """

    name = "scripted"

    def __init__(self, now):
        self.now = now
        self.pages = {}
        self.requests = {}
        self.facts = {}
        self.before = []
        self.after = []
        self.sent = 0
        self.asked = []
        self.refunds = {}
        self.refuses = ""
        self.slow = False
        self.vault = {}
        self.will = [(FactKind.SUCCEEDED, None)]  # what becomes of the next charge: kinds and reasons
        self.charges = {}  # what became of each, by page
        self.charged = 0  # how often one was asked for
        self._ids = count(1)

    async def open_page(self, request: PageRequest, key: str) -> Page:
        self.sent += 1
        self._fail(self.before)
        assert self.requests.setdefault(key, request) == request, "one key, one request"
        page = Page(f"page-{request.reference}", f"https://pay.example/{key}", self.now() + timedelta(minutes=30))
        page = self.pages.setdefault(key, page)
        self.facts.setdefault(request.reference, [])
        self._fail(self.after)
        return page

    async def close_page(self, page: str) -> tuple[Fact, ...]:
        self._fail(self.before)
        reference = page.removeprefix("page-")
        if not any(fact.kind not in states.ON_THE_PAGE for fact in self.facts[reference]):
            self.happens(reference, FactKind.CLOSED)
        self._fail(self.after)
        return tuple(self.facts[reference])

    async def find(self, reference: str) -> tuple[Fact, ...] | None:
        self.asked.append(reference)
        self._fail(self.before)
        facts = self.facts.get(reference)
        return None if facts is None else tuple(facts)

    async def refund(self, request: RefundRequest, key: str) -> tuple[Fact, ...] | NoRefund:
        self._fail(self.before)
        if self.refuses:
            return NoRefund(self.refuses)
        if key not in self.refunds:
            self.refunds[key] = request
            if not self.slow:
                self.happens(request.reference, FactKind.REFUNDED, amount=request.amount, refund=request.refund)
        assert self.refunds[key] == request, "one key, one refund"
        self._fail(self.after)
        return tuple(self.facts[request.reference])

    async def methods(self, customer: str) -> tuple[SavedMethod, ...]:
        self._fail(self.before)
        return tuple(self.vault.get(customer, ()))

    async def charge(self, page: str) -> tuple[Fact, ...]:
        """Once per page, as `will` says; nothing of it: the bank wants to see the customer."""
        self.charged += 1
        self._fail(self.before)
        reference = page.removeprefix("page-")
        request = next(each for each in self.requests.values() if each.reference == reference)
        assert any(each.id == request.saved for each in self.vault[request.customer]), "a customer's own method"
        if page not in self.charges and not self.facts[reference]:
            self.charges[page] = self.will
            for kind, reason in self.will:
                self.happens(reference, kind, reason=reason, brand="visa", last4="4242")
        self._fail(self.after)
        return tuple(self.facts[reference])

    async def forget(self, customer: str, method: str) -> None:
        self._fail(self.before)
        self.vault[customer] = [each for each in self.vault.get(customer, ()) if each.id != method]
        self._fail(self.after)

    async def since(self, at: datetime, after: str) -> Batch:
        self._fail(self.before)
        every = sorted((f for facts in self.facts.values() for f in facts if f.at >= at), key=lambda f: f.at)
        begin = int(after or 0)
        return Batch(tuple(every[begin : begin + 2]), str(begin + 2) if len(every) > begin + 2 else None)

    def read_webhook(self, headers, body, now):
        raise NotImplementedError

    def happens(self, reference: str, kind: FactKind, **more) -> Fact:
        """Something happens at the gateway; it is not reported yet."""
        request = next((r for r in self.requests.values() if r.reference == reference), None)
        details = {"amount": request and request.amount, "method": request and request.method, **more}
        fact = Fact(f"evt_{next(self._ids)}", reference, kind, self.now(), **details)
        self.facts.setdefault(reference, []).append(fact)
        return fact

    @staticmethod
    def _fail(errors):
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error


class Books:
    """`Books` in memory. `due` follows the postings, and the version follows everything."""

    def __init__(self):
        self.invoices = {}
        self.customers = {}
        self.postings = {}
        self.failures = []
        self.while_read = None

    def add(
        self, number: str, minor: int = 12000, currency: str = "USD", customer: str = "dana", zip_code: str = "94107"
    ):
        money = Money(minor, currency)
        invoice = Invoice(f"book:{number}", number, "1", customer, "Dana", money, money, date(2026, 3, 1))
        self.invoices[invoice.id] = invoice
        self.customers[customer] = Billing("Dana", zip_code, "dana@example.com")
        return invoice

    async def find(self, number: str) -> tuple[Invoice, ...]:
        found = [i for i, invoice in self.invoices.items() if plain(invoice.number) == plain(number)]
        return tuple([await self.get(i) for i in found])

    async def get(self, invoice: str) -> Invoice | None:
        found = self.invoices.get(invoice)
        if found is None:
            return None
        paid = [posting.amount.minor for posting in self.postings.values() if posting.invoice == invoice]
        due = Money(found.total.minor - sum(paid), found.total.currency)
        state = InvoiceState.PAID if due.minor <= 0 and found.state is InvoiceState.OPEN else found.state
        version = f"{found.version}.{len(paid)}"
        seen = msgspec.structs.replace(found, due=due, state=state, version=version)
        if self.while_read is not None:
            hook, self.while_read = self.while_read, None
            await hook()
        return seen

    async def billing(self, customer: str) -> Billing | None:
        return self.customers.get(customer)

    async def of_customer(self, customer: str) -> tuple[Invoice, ...]:
        return tuple([await self.get(i) for i, invoice in self.invoices.items() if invoice.customer == customer])

    async def details(self, customer: str) -> Details | None:
        known = self.customers.get(customer)
        return None if known is None else Details(name=known.name, zip=known.zip, email=known.email)

    async def sheet(self, invoice: str) -> Sheet | None:
        found = self.invoices.get(invoice)
        return None if found is None else Sheet(invoice, (SheetLine("Mowing", found.total),))

    async def pdf(self, invoice: str) -> bytes | None:
        return b"%PDF" if invoice in self.invoices else None

    async def record(self, posting: Posting) -> None:
        if self.failures:
            raise self.failures.pop(0)
        assert self.postings.setdefault(posting.key, posting) == posting


@dataclass
class World:
    engine: Engine
    transact: Transact
    at: datetime = NOON
    rules: Rules = field(default_factory=Rules)
    chance: Random = field(default_factory=lambda: Random(7))
    signed_out: set[str] = field(default_factory=set)

    def __post_init__(self):
        self.books = Books()
        self.gateway = ScriptedGateway(self.now)
        self.again()

    def again(self, **other):
        """Build the services anew over the same database, as after a restart."""
        parts = {"transact": self.transact, "invoices": self.books, "clock": self.now, "random": self.chance.randbytes}
        self.identity = Identity(**parts, secret=b"test-secret")
        gateway = other.get("gateway", self.gateway)
        self.wallet = Wallet(self.transact, gateway, self.now)
        self.access = Access(books=self.books, transact=self.transact, wallet=self.wallet, holds=self.holds)
        settings = {
            "gateway": gateway,
            "wallet": self.wallet,
            "holds": self.holds,
            "rules": self.rules,
            "return_url": lambda _chat: "https://chat.example/back",
            **other,
        }
        self.checkout = Checkout(**parts, **settings)

    async def holds(self, customer: Customer) -> bool:
        return customer.id not in self.signed_out and self.at < customer.until

    def signs_in(self, customer: str = "dana", chat: str = "chat", **how) -> Customer:
        return Customer(customer, self.at, chat, self.at + timedelta(hours=1), **how)

    def saves(self, method: str = "pm_1", customer: str = "dana", kind: Method = Method.CARD, **more) -> SavedMethod:
        """A method that the gateway keeps from now on, as the newest."""
        kept = SavedMethod(method, kind, "visa", "4242", **more)
        self.gateway.vault.setdefault(vault_name(customer), []).insert(0, kept)
        return kept

    async def charges(self, key: str = "k1", *ids: str, saved: str = "pm_1", chat: str = "chat", **how):
        """What becomes of a yes to a quote that names a saved method."""
        quote = await self.quote(*(ids or ("book:INV-1042",)), method=how.pop("method", Method.CARD))
        quote = msgspec.structs.replace(quote, saved=saved)
        scope = how.pop("scope", None) or self.signs_in(chat=chat)
        return await self.checkout.start(key, chat, f"says {key}", scope, quote, agreed_at=how.pop("agreed_at", None))

    def now(self) -> datetime:
        return self.at

    def passes(self, **time):
        self.at += timedelta(**time)

    async def quote(self, *ids: str, minor: int | None = None, method: Method = Method.CARD) -> Quote:
        lines = []
        for i in ids:
            invoice = await self.books.get(i)
            amount = invoice.due if minor is None else Money(minor, invoice.due.currency)
            lines.append(Line(i, invoice.number, invoice.version, amount))
        return Quote(tuple(lines), method, "Dana Whitfield", "94107")

    async def start(self, key: str = "k1", invoice: str = "book:INV-1042", chat: str = "chat", **how):
        quote = how.pop("quote", None) or await self.quote(invoice, **how)
        return await self.checkout.start(key, chat, f"says {key}", Bearer(invoice, "link"), quote)

    async def reports(self, reference: str, kind: FactKind, **more) -> Payment:
        """It happens at the gateway, and its webhook arrives."""
        await self.checkout.take([self.gateway.happens(reference, kind, **more)])
        return await self.checkout.view(reference)

    async def paid(self, key: str = "k1", *, fee: int = 0, quote: Quote | None = None, **how) -> Payment:
        """A payment that went through and is in the books; with a fee, one that was agreed to."""
        quote = quote or await self.quote(how.pop("invoice", "book:INV-1042"), **how)
        quote = msgspec.structs.replace(quote, fee_minor=fee)
        order = starts.Order(key, "chat", f"says {key}", quote, self.gateway.name, "https://chat.example/back", {})
        begun = await self.transact(lambda conn: starts.begin(conn, order, self.at, self.chance.randbytes))
        assert isinstance(begun, Payment), begun
        self.gateway.requests[key] = starts._request_for(begun.reference, order)
        self.passes(minutes=1)
        await self.reports(begun.reference, FactKind.SUCCEEDED)
        await self.work()
        return await self.checkout.view(begun.reference)

    async def refund(self, reference: str, minor: int | None = None, key: str = "r1", currency: str = "USD"):
        """What an agent gets who asks for it; None: all that is left."""
        amount = None if minor is None else Money(minor, currency)
        self.passes(minutes=1)
        return await refund(self.checkout, RefundOrder(key, reference, amount, "agent", "asked for"))

    async def cases(self) -> list[tuple[str, str | None]]:
        return [(case.reason, case.payment) for case in await self.transact(open_cases)]

    async def work(self):
        """Perform every job that is due, as a worker does; answers what was told."""
        told = []
        while jobs := await self.checkout.jobs(10):
            for job in jobs:
                if isinstance(job, PostJob):
                    await self.checkout.post(job)
                elif isinstance(job, RefundJob):
                    await give_back(self.checkout, job)
                else:
                    told.append((job.payment.state, job.payment.reason))
                    await self.checkout.done(job)
        return told

    async def rows(self, sql: str, **values):
        return await self.transact(lambda conn: [tuple(row) for row in conn.execute(text(sql), values)])


def fact(
    kind: FactKind,
    number: int = 1,
    *,
    minor: int = 12000,
    currency: str = "USD",
    minute: int = 0,
    reason: Reason | None = None,
) -> Fact:
    at = NOON + timedelta(minutes=minute)
    return Fact(f"evt_{number}", "RM-AAAA-BBBB", kind, at, Money(minor, currency), Method.CARD, "visa", "4242", reason)


@pytest.fixture(name="fact")
def fact_fixture():
    return fact


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request) -> Iterator[Engine]:
    """An empty database with every table, of either kind."""
    if request.param == "postgresql":
        yield request.getfixturevalue("on_postgres")
        return
    engine = open_engine("sqlite://")
    upgrade(engine)
    yield engine
    engine.dispose()


def _kept(facts: list[Fact], payment: Payment) -> int:
    """What the gateway still has of one payment, counted from its own facts and not as the ledger does."""
    if payment.state not in (*states.ARRIVED, PaymentState.RETURNED):
        return 0
    failed = {told.refund for told in facts if told.kind is FactKind.REFUND_FAILED}
    back = {told.refund or told.id: told.amount.minor for told in facts if told.kind is FactKind.REFUNDED}
    lost = sum(told.amount.minor for told in facts if told.kind is FactKind.LOST)
    came = 0 if payment.state is PaymentState.RETURNED else payment.amount.minor
    return came - sum(minor for one, minor in back.items() if one not in failed) - lost


@pytest.fixture
async def audited(world):
    """After the test, once the gateway has told everything: journal, books and gateway must agree to the cent."""
    yield world
    await world.checkout.take([told for facts in world.gateway.facts.values() for told in facts])
    totals = await world.transact(journal.trial_balance)
    assert all(sum(accounts.values()) == 0 for accounts in totals.values()), totals
    for reference, facts in world.gateway.facts.items():
        payment = await world.checkout.view(reference)
        if payment is None or payment.state is PaymentState.UNKNOWN:
            continue
        sums = await world.transact(
            lambda conn, reference=reference: {
                account: journal.held(conn, reference, account) for account in (*journal.KEPT, journal.RECEIVABLE)
            }
        )
        assert sum(sums[account] for account in journal.KEPT) == _kept(facts, payment), (payment, sums)
        posted = await world.transact(lambda conn, reference=reference: outbox.postings(conn, reference))
        assert sum(posting.amount.minor for posting in posted) == -sums[journal.RECEIVABLE], (payment, posted)


@pytest.fixture
def world(engine) -> World:
    world = World(engine, inline(engine))
    world.books.add("INV-1042")
    return world
