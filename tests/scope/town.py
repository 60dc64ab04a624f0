"""Two customers, a holder of a pay link, one who looked an invoice up, and a stranger: each in a chat of their own.

Both customers have all there is to have: an invoice paid with a card that is kept, a request, a remembered browser, a quote
on the screen. `Goods` names it, `Town.secrets` is what nobody else may be shown, `Town.dump` what nobody else may change.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import select
from world import World

from bot.stores.base import Message
from dialogs.conversation import Conversation
from services.model import Bearer, Customer, Line, Method, Money, Quote, Scope, Stranger
from services.payments import requests
from services.payments.notes import vault_name
from services.schema import schema

DANA, MARCO = "portal:dana", "portal:marco"
NAMES = ("dana", "marco", "link", "lookup", "stranger")
CARDS = {"dana": "4242424242424242", "marco": "5555555555554444"}
OPEN = {"dana": "INV-1042", "marco": "INV-1044"}
FIFTY = Money(5000, "USD")
LIMITS = {"dana": "271.13", "marco": "382.17"}  # of autopay; as the sums below
PAID = {"dana": "31.07", "marco": "32.09"}  # sums that nothing else here comes to
MAILS = {"dana": "dana.whitfield@example.com", "marco": "marco.reyes@example.com"}

# What may move although nothing came of it: tries are counted and codes kept, under hashes of who asked; and what people say
# of the help articles is noted for the business.
COUNTERS = frozenset({"attempt", "tried", "sign_in_guard", "sign_in_code", "help_rating", "help_gap", "agreement_head"})

# how far the holder of a pay link came by it
STEPS = frozenset({"pay_link.opened_at", "pay_link.begun_at", "pay_link.chosen_at"})


@dataclass(frozen=True)
class Goods:
    """The names of what is one customer's, as somebody else may have come by them."""

    customer: str
    email: str
    chat: str
    invoice: str
    number: str
    version: str
    payment: str
    method: str
    digest: str  # of the quote on the customer's screen
    browser: str  # token
    amount: Money = FIFTY

    def quote(self, method: str = "") -> Quote:
        """A quote on the invoice, as its customer would be shown it."""
        line = Line(self.invoice, self.number, self.version, self.amount)
        return Quote((line,), Method.CARD, "Somebody", "94000", saved=method)


# The same names, of nothing that there is.
NOTHING = Goods(
    "portal:nobody",
    "nobody@example.com",
    "web:nowhere",
    "portal:inv-9",
    "INV-9",
    "1",
    "RM-2222-2222",
    "pm_nothing",
    "d" * 32,
    "A" * 22,
)


@dataclass
class Town:
    world: World
    goods: dict[str, Goods] = field(default_factory=dict)

    async def build(self) -> "Town":
        """Everybody does what they may; from here on they try what they may not."""
        for name in ("dana", "marco"):
            self.goods[name] = await self._customer(name)
        await self.world.say("web:link", "", pay_link=await self.world.link("INV-1042"))
        for text in ("pay INV-1042", "94107"):
            await self.world.say("web:lookup", text)
        await self.world.say("web:stranger", "hello")
        for name, kind in (("link", Bearer), ("lookup", Bearer), ("stranger", Stranger), ("dana", Customer)):
            assert isinstance(await self.scope(name), kind), name
        return self

    async def talk(self, name: str) -> Conversation:
        talk = (await self.world.store.load(f"web:{name}", "")).talk
        assert talk is not None
        return talk

    async def scope(self, name: str) -> Scope:
        return (await self.talk(name)).scope

    async def _customer(self, name: str) -> Goods:
        say, chat, remit = self.world.say, f"web:{name}", self.world.remit
        for text in ("/sign-in", MAILS[name]):
            await say(chat, text)
        await say(chat, self.world.mail.code(MAILS[name]))
        await say(chat, "/remember")
        shown = await self._all_of(chat, f"pay ${PAID[name]} of {OPEN[name]}", "/new card", "yes")
        page = await self.world.page(next(m.link.url for m in reversed(shown) if m.link))
        await self.world.pay_by_card(page, CARDS[name], save="yes")
        await self.world.work()
        await self._all_of(chat, "/autopay", f"${LIMITS[name]}", "0", "yes")
        await self._all_of(chat, "/refund", "because it was too much")
        scope = (await self.talk(name)).scope
        assert isinstance(scope, Customer)
        (saved,) = (await remit.access.methods(scope)).saved
        await self.world.remit.runtime._hands._wallet.edit(scope.id, "nickname", saved.id, f"Household of {name}")
        await self._all_of(chat, f"pay $50 of {OPEN[name]}")
        found, paid = await remit.access.own(scope, OPEN[name]), await remit.checkout.latest(chat)
        token = await remit.visitors.browser_token(scope, chat)
        talk = await self.talk(name)
        assert found, paid
        assert token, "the browser is remembered"
        assert talk.quote_shown, "a quote is on the screen"
        (asked,) = await self._cases(scope.id)
        assert asked.signed_in
        return Goods(
            scope.id,
            MAILS[name],
            chat,
            found.id,
            found.number,
            found.version,
            paid.reference,
            saved.id,
            talk.quote_shown,
            token,
        )

    async def _all_of(self, chat: str, *texts: str) -> list[Message]:
        return [message for text in texts for message in await self.world.say(chat, text)]

    async def _cases(self, customer: str) -> list[requests._Evidence]:
        cases = schema.tables["handoff_case"]
        this = select(cases).where(cases.c.customer == customer)
        return await self.world.remit.transact(lambda c: [requests._evidence(row) for row in c.execute(this)])

    # --- what nobody else may be shown ------------------------------------------------------------------------------

    def secrets(self, owner: str, asker: str) -> set[str]:
        """What is known of a customer, less what this asker may see of it by the link or the proof that they hold."""
        details = self.world.sandbox.portal.customers[owner].details()
        goods = self.goods[owner]
        (kept,) = self.world.sandbox.processor.methods(vault_name(goods.customer))
        secret = {details.name, details.email, details.phone, details.street, details.zip, f"Household of {owner}"}
        secret |= {goods.payment, goods.customer, goods.method, goods.browser, kept.last4, PAID[owner], LIMITS[owner]}
        for invoice in self.world.sandbox.portal.of_customer(owner):
            secret |= {invoice.number, invoice.id, f"{invoice.total_minor / 100:.2f}", f"{invoice.due_minor / 100:.2f}"}
        if owner == "dana" and asker in ("link", "lookup"):
            own = self.world.sandbox.portal.invoices["inv-1042"]
            secret -= {own.number, own.id, f"{own.total_minor / 100:.2f}", f"{own.due_minor / 100:.2f}", details.zip}
            secret -= {PAID[owner]}  # the bill says what was paid on it
            secret -= {details.name} if asker == "link" else set()
        return secret - {"0.00"}

    # --- what nobody else may change --------------------------------------------------------------------------------

    async def dump(self, apart_from: str = "") -> dict[str, list[str]]:
        """All there is, row by row; without the counters, and without the rows of the one who tries."""
        own = {f"web:{apart_from}", f"portal:{apart_from}", vault_name(f"portal:{apart_from}")}

        def rows(conn: Any) -> dict[str, list[str]]:
            found = {}
            for name, table in schema.tables.items():
                kept = [column for column in table.columns if f"{name}.{column.name}" not in STEPS]
                every = [tuple(row) for row in conn.execute(select(*kept))]
                found[name] = sorted(repr(row) for row in every if not own & {each for each in row if each})
            return found

        told = await self.world.remit.transact(rows)
        books, processor = self.world.sandbox.portal, self.world.sandbox.processor
        told["portal customers"] = [repr(each) for each in books.customers.values() if f"portal:{each.id}" not in own]
        told["portal invoices"] = [repr((each.shown(), each.due_minor)) for each in books.invoices.values()]
        told["vault"] = [repr(kept) for kept in processor._vault._kept.items() if kept[0] not in own]
        told["processor's book"] = [repr(row) for row in processor.book()]
        return {name: kept for name, kept in told.items() if name not in COUNTERS}


def shown(messages: list[Message]) -> str:
    """All that a reader is shown. The tokens of links are noise, in which anything may stand by chance."""
    told = msgspec.to_builtins([message for message in messages if message.sender != "customer"])
    return re.sub(r"/(go|d)/[A-Za-z0-9_-]+", "", json.dumps(told, ensure_ascii=False))
