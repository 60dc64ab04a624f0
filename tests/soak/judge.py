"""What must hold once everything has come to rest, told from the processor's own book, the files, and what customers saw.

Read-only, beside the running server, and never by the ledger's own rules. Each finding is a sentence.
"""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, text

from services.model import Quote
from services.payments.journal import trial_balance
from tests.simulation.oracle import meant

from .customers import Customer
from .house import House

_AS_LEDGER = {"expired": "failed", "closed": "failed"}  # the rest has one name on both sides
_WITHOUT_PAGE = {"failed", "canceled"}
_KEPT = {"succeeded", "processing"}
_UNSETTLED = ("created", "confirmed", "submitting", "unknown")
_YES = {"yes"}
Row = dict[str, Any]


class Judge:
    """Over one house. `open_matters` says what still moves, `judge` what is wrong when nothing does."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._engine: Engine | None = None

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _rows(self, sql: str) -> list[Row]:
        if self._engine is None:
            self._engine = create_engine(self._house.ledger)
        with self._engine.connect() as conn:
            return [dict(row) for row in conn.execute(text(sql)).mappings()]

    # --- while it goes on ----------------------------------------------------------------------------------------

    async def overpaid(self) -> list[str]:
        """What holds at every moment: nobody is taken more from than is due."""
        taken = Counter[str]()
        for row in await self._book():
            taken[row["invoices"][0]] += row["amount_minor"] if row["state"] in _KEPT else 0
        owed = self._house.owed
        return [
            f"{number} is overpaid: {sum_} of {owed[number]}" for number, sum_ in taken.items() if sum_ > owed[number]
        ]

    def unsettled(self) -> list[str]:
        """Payments of which the ledger does not know yet whether there is a page."""
        rows = self._rows("SELECT reference, state FROM payment")
        return [f"{row['reference']} is {row['state']}" for row in rows if row["state"] in _UNSETTLED]

    def waiting(self) -> list[str]:
        """What is still to be done, in either outbox."""
        jobs = [f"the job {row['key']}" for row in self._rows("SELECT key FROM outbox WHERE done_at IS NULL")]
        return [*jobs, *(f"the effect {key}" for key in self._effects())]

    def _effects(self) -> list[str]:
        if self._house.redis is not None:
            with self._house.redis.client() as redis:
                return [key.decode() for shard in redis.scan_iter("remit:*:due") for key in redis.zrange(shard, 0, -1)]
        with contextlib.closing(sqlite3.connect(f"file:{self._house.conversations}?mode=ro", uri=True)) as db:
            return [key for (key,) in db.execute("SELECT key FROM outbox")]

    async def disagreements(self) -> list[str]:
        """Payments that stand otherwise at the processor than in the ledger."""
        return [*self._differences(await self._book())]

    # --- at rest -------------------------------------------------------------------------------------------------

    async def judge(self, customers: list[Customer]) -> list[str]:
        """Everything that is wrong, the worst first."""
        book = await self._book()
        found = [*await self.overpaid(), *self._differences(book), *self._consents(customers)]
        found += [*await self._portal(book), *self._journal(book)]
        found += [f"{each} is never done" for each in self.waiting()]
        for customer in customers:
            found += self._told(customer, book)
        return found

    async def _book(self) -> list[Row]:
        found: list[Row] = await self._house.look("book")
        return found

    def _differences(self, book: list[Row]) -> Iterator[str]:
        ours = {row["reference"]: row for row in self._rows("SELECT reference, state, amount_minor FROM payment")}
        for reference, times in Counter(row["reference"] for row in book).items():
            if times > 1:
                yield f"{reference} has {times} pages"
        for row in book:
            mine, state = ours.get(row["reference"]), _AS_LEDGER.get(row["state"], row["state"])
            if mine is None:
                yield f"{row['reference']} is {row['state']} at the processor and unknown to the ledger"
            elif (mine["state"], mine["amount_minor"]) != (state, row["amount_minor"]):
                yield f"{row['reference']} is {row['state']} at the processor and {mine['state']} in the ledger"
        for reference in ours.keys() - {row["reference"] for row in book}:
            if ours[reference]["state"] not in _WITHOUT_PAGE:
                yield f"{reference} is {ours[reference]['state']} in the ledger and unknown to the processor"

    def _consents(self, customers: list[Customer]) -> Iterator[str]:
        """Each payment rests on one yes, and each yes carries one payment: the one that was shown."""
        sent = {customer.chat: customer.sent for customer in customers}
        consents = self._rows("SELECT payment, chat, message, digest, quote FROM consent")
        used = Counter((row["chat"], row["message"]) for row in consents)
        yield from (
            f"{chat} said yes once ({message}) for {n} payments" for (chat, message), n in used.items() if n > 1
        )
        for row in consents:
            said = sent.get(row["chat"], {}).get(row["message"], "")
            digest = msgspec.json.decode(bytes(row["quote"]), type=Quote).digest()
            if digest != row["digest"] or said not in (f"/agree {digest}", *_YES):
                yield f"{row['payment']} rests on {said!r} to the quote {digest}"
        without = {row["reference"] for row in self._rows("SELECT reference FROM payment")}
        yield from (f"{each} has no consent" for each in without - {row["payment"] for row in consents})

    async def _portal(self, book: list[Row]) -> list[str]:
        kept = Counter[str]()
        for row in book:
            kept[row["invoices"][0]] += row["amount_minor"] if row["state"] == "succeeded" else 0
        found = []
        for number in {row["invoices"][0] for row in book}:
            told = self._house.owed[number] - (await self._house.look(f"invoices/{number}"))["due_minor"]
            if told != kept[number]:
                found.append(f"{number}: the processor kept {kept[number]}, the business's books were told {told}")
        return found

    def _journal(self, book: list[Row]) -> Iterator[str]:
        kept = sum(row["amount_minor"] for row in book if row["state"] == "succeeded")
        self._rows("SELECT 1")  # opens the engine
        assert self._engine is not None
        with self._engine.connect() as conn:
            accounts = trial_balance(conn).get("USD", {})
        if sum(accounts.values()) or -accounts.get("receivable", 0) != kept:
            yield f"the journal holds {accounts}, the processor kept {kept}"

    def _told(self, customer: Customer, book: list[Row]) -> Iterator[str]:
        """The last thing that this customer heard of each of their payments is how it stands."""
        states = {row["reference"]: _AS_LEDGER.get(row["state"], row["state"]) for row in book}
        mine = self._rows(f"SELECT reference FROM payment WHERE chat = '{customer.chat}' ORDER BY created_at")
        said: dict[str, list[str]] = defaultdict(list)
        for _, message in sorted(customer.seen.items()):
            for reference, state in meant(message) if message.sender != "customer" else ():
                said[reference] += [state] if state else []
        for reference in [row["reference"] for row in mine]:
            state, last = states.get(reference, "failed"), (said[reference] or [""])[-1]
            if state in ("succeeded", "processing", "returned") and last != state:
                yield f"{customer.name} ({customer.chat}) last heard {last or 'nothing'!r} of {reference}, which is {state}"
            if state == "failed" and last in ("succeeded", "processing"):
                yield f"{customer.name} ({customer.chat}) believes that {reference} is {last}; it failed"
