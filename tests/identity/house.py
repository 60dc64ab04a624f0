"""A small world for tests of sign-in: customers in memory, letters in a list, a clock that is set by hand."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random

from msgspec.structs import replace
from sqlalchemy import Engine, text

from services.database import Transact
from services.model import Account, Bearer, Customer, Details, Invoice, Money, Stranger, same_address
from services.sign_in import Good, SignIn
from services.visitors import Visitors

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DANA, ROY = "portal:dana", "portal:roy"
DANAS, ROYS, NOBODYS = "dana@example.com", "roy@example.com", "nobody@example.com"
PAGE_SECRET = b"a secret of the page, 32 bytes +"
LINK = Bearer("portal:INV-1042", "link")


class Books:
    """`Customers`, and the one invoice of each. `asked` is every question, in order, without its words."""

    def __init__(self):
        self.customers = {}
        self.asked = []
        self.fails = None

    def add(self, customer, email, name="Dana Whitfield", **more):
        self.customers[customer] = Details(name, email=email, **more)

    def _ask(self, what):
        self.asked.append(what)
        if self.fails:
            raise self.fails

    async def at(self, email):
        self._ask("at")
        return tuple(Account(i, one.name) for i, one in self.customers.items() if same_address(email, one.email))

    async def account(self, customer):
        self._ask("account")
        known = self.customers.get(customer)
        return None if known is None else Account(customer, known.name)

    async def details(self, customer):
        self._ask("details")
        return self.customers.get(customer)

    async def get(self, invoice):
        self._ask("get")
        owners = {"portal:INV-1042": DANA, "portal:INV-7": ROY, "portal:INV-8": "portal:gone"}
        if invoice not in owners:
            return None
        due = Money(12000, "USD")
        return Invoice(invoice, invoice[7:], "1", owners[invoice], "", due, due, date(2026, 3, 1))


@dataclass
class House:
    engine: Engine
    transact: Transact
    at: datetime = NOON
    chance: Random = field(default_factory=lambda: Random(7))

    def __post_init__(self):
        self.books = Books()
        self.books.add(DANA, DANAS)
        self.books.add(ROY, ROYS, "Roy Okafor", language="es")
        self.mailed = []
        self.keys = count(1)
        self.again()

    def again(self, **other):
        """Build the services anew over the same database, as after a restart or in another worker."""
        parts = {"transact": self.transact, "customers": self.books, "clock": self.now, "random": self.chance.randbytes}
        page = {"page_secret": PAGE_SECRET, "sources": ("book", "portal")}
        self.visitors = Visitors(**parts, **(page | other))
        self.sign_in = SignIn(
            **parts,
            invoices=self.books,
            visitors=self.visitors,
            deliver=self.mailed.append,
            secret=b"of this installation",
        )

    def now(self) -> datetime:
        return self.at

    def passes(self, **time):
        self.at += timedelta(**time)

    async def ask(self, email=DANAS, chat="chat", *, client="192.0.2.1", purpose="sign_in", scope=None, key=""):
        """Ask for a code; what is answered."""
        key = key or f"k{next(self.keys)}"
        return await self.sign_in.send_code(key, chat, client, email, purpose, scope or Stranger())

    async def code(self, email=DANAS, chat="chat", **how):
        """Ask for a code; the digits that come by mail."""
        before = len(self.mailed)
        answer = await self.ask(email, chat, **how)
        assert len(self.mailed) == before + 1, answer
        return self.mailed[-1].digits

    async def enter(
        self, digits, email=DANAS, chat="chat", *, client="192.0.2.1", purpose="sign_in", scope=None, key=""
    ):
        """Enter a code; what is answered."""
        key = key or f"k{next(self.keys)}"
        return await self.sign_in.check_code(key, chat, client, email, digits, purpose, scope or Stranger())

    async def signs_in(self, email=DANAS, chat="chat", **how) -> Customer:
        """A customer signs in by code."""
        good = await self.enter(await self.code(email, chat, **how), email, chat, **how)
        assert isinstance(good, Good), good
        return self.visitors.scope(good.accounts[0].id, chat, "code", good.at)

    async def rows(self, sql, **values):
        return await self.transact(lambda conn: [tuple(row) for row in conn.execute(text(sql), values)])

    def moves(self, customer, email):
        """The address on file changes."""
        self.books.customers[customer] = replace(self.books.customers[customer], email=email)


def wrong(digits: str, nth: int = 1) -> str:
    """A code that is not this one."""
    return f"{(int(digits) + nth) % 1_000_000:06}"
