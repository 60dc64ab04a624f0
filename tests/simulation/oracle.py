"""What must be true, told from the processor's own book and from what the people saw, never from the ledger's own rules.

`watch` holds at every moment, `judge` once everything has come to rest. Each finding is a sentence; none is a fix.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache

import msgspec

from bot.settings import CONFIG
from bot.stores.base import Message
from services.model import Quote
from services.payments.journal import trial_balance
from services.sandbox.payments import Row

from .people import Person
from .world import World

_KEPT = {"succeeded", "processing"}
_AS_LEDGER = {
    "succeeded": "succeeded",
    "processing": "processing",
    "failed": "failed",
    "returned": "returned",
    "expired": "failed",
    "closed": "failed",
}
_WITHOUT_PAGE = {"failed", "canceled"}  # a payment for which the processor never made a page
_EXCUSED = 120.0  # seconds: how old the reading of an invoice may be when a consent rests on it


class Oracle:
    """Follows one world from its start to its rest."""

    def __init__(self, world: World, people: list[Person]) -> None:
        self._world = world
        self._people = people
        self._most: dict[str, int] = {}  # the most that was ever due on an invoice
        self._owed: dict[str, list[tuple[int, float | None]]] = {}  # what was due, and until when, by the world's time
        self._agreed: dict[str, float] = {}  # when a consent was written down, by the world's time
        self._noted = 0  # the last of them, by its id
        self._earlier: dict[str, list[Message]] = defaultdict(list)  # of conversations that were lost
        world.on_page = self.page_made
        self.invoices_changed()

    # --- while it goes on ----------------------------------------------------------------------------------------

    def invoices_changed(self) -> None:
        """Take note of what the business asks for now, apart from what was paid through the assistant."""
        now = self._world.loop.time()
        for number, due in self._world.books.asked().items():
            self._most[number] = max(due, self._most.get(number, 0))
            known = self._owed.setdefault(number, [])
            if not known or known[-1][0] != due:
                self._owed[number] = [*((d, now if until is None else until) for d, until in known), (due, None)]

    def conversations_lost(self) -> None:
        """Everybody begins anew; what they were told they still know. Call it just before."""
        for chat, person in {person.chat: person for person in self._people}.items():
            self._earlier[chat] += self._log(person)
        for person in self._people:
            person.forget()

    def page_made(self, reference: str) -> None:
        """The processor made a page: there is a consent for exactly it, and the invoice owed as much."""
        rows = [row for row in self._book() if row.reference == reference]
        if len(rows) != 1:
            self._world.violate(f"{reference} has {len(rows)} pages: a request went out under another key")
            return
        quotes = self._world.rows("SELECT at, quote FROM consent WHERE payment = :p", p=reference)
        if len(quotes) != 1:
            self._world.violate(f"a page for {reference} with {len(quotes)} consents")
            return
        quote = msgspec.json.decode(quotes[0]["quote"], type=Quote)
        self._same(reference, quote, rows[0])
        agreed_at = self._agreed.get(reference, self._world.loop.time())
        for line in quote.lines:
            recent = [due for due, until in self._owed[line.number] if until is None or until > agreed_at - _EXCUSED]
            taken = self._taken(line.number)
            if line.amount.minor > max(recent) - taken:
                self._world.violate(
                    f"{reference} asks {line.amount} of {line.number}, of which {max(recent)} was due and {taken} paid"
                )

    def watch(self) -> None:
        """What holds at every moment."""
        self._note_consents()
        twice = "SELECT invoice FROM payment_invoice WHERE live GROUP BY invoice HAVING count(*) > 1"
        for row in self._world.rows(twice):
            self._world.violate(f"two live payments of {row['invoice']}")
        for number, most in self._most.items():
            if (taken := self._taken(number)) > most:
                self._world.violate(f"{number} is overpaid: {taken} of at most {most}")

    def _note_consents(self) -> None:
        now = self._world.loop.time()
        for row in self._world.rows("SELECT id, payment FROM consent WHERE id > :noted", noted=self._noted):
            self._agreed[row["payment"]], self._noted = now, row["id"]

    def _same(self, reference: str, quote: Quote, row: Row) -> None:
        agreed = (quote.total.minor, quote.total.currency, [line.number for line in quote.lines])
        if agreed != (row.amount_minor, row.currency, row.invoices):
            self._world.violate(f"the page of {reference} asks for something else than was agreed to")

    # --- at rest -------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """What holds once everything has come to rest. The order is that of how bad it is."""
        self.watch()
        self._book_and_ledger()
        self._consents()
        self._portal()
        self._journal()
        self._nothing_waits()
        for person in self._people:
            self._told(person)
            self._heard_all(person)

    def _book_and_ledger(self) -> None:
        ours = {row["reference"]: row for row in self._world.rows("SELECT * FROM payment")}
        book = {row.reference: row for row in self._book()}
        for reference, row in book.items():
            mine = ours.get(reference)
            if mine is None:
                self._world.violate(f"{reference} is {row.state} at the processor and unknown to the ledger")
            elif (mine["state"], mine["amount_minor"]) != (_AS_LEDGER.get(row.state), row.amount_minor):
                self._world.violate(f"{reference} is {row.state} at the processor and {mine['state']} in the ledger")
        for reference in ours.keys() - book.keys():
            if ours[reference]["state"] not in _WITHOUT_PAGE:
                state = ours[reference]["state"]
                self._world.violate(f"{reference} is {state} in the ledger and unknown to the processor")

    def _consents(self) -> None:
        sent: dict[str, dict[str, str]] = defaultdict(dict)
        for person in self._people:
            sent[person.chat] |= person.sent
        used = Counter[tuple[str, str]]()
        for row in self._world.rows("SELECT chat, message, payment, quote FROM consent"):
            quote = msgspec.json.decode(row["quote"], type=Quote)
            said = sent[row["chat"]].get(row["message"], "")
            used[row["chat"], row["message"]] += 1
            if said.startswith("/agree") and said != f"/agree {quote.digest()}":
                self._world.violate(f"{row['payment']} rests on a button that approved another quote")
            if not (said.startswith("/agree") or said.lower().strip(" .!") in Person.YES or said in Person.PLACES):
                self._world.violate(f"{row['payment']} rests on {said!r}, which is no yes")
        for (chat, message), times in used.items():
            if times > 1:
                self._world.violate(f"{chat} said yes once ({message}) and it began {times} payments")

    def _portal(self) -> None:
        """What the business's books were told is what the processor took and kept, per invoice and payment."""
        kept = Counter[tuple[str, str]]()
        for row in self._book():
            if row.state == "succeeded":
                kept[row.invoices[0], row.reference] += row.amount_minor
        posted = self._world.books.posted()
        for key in sorted(kept.keys() | posted.keys()):
            if kept[key] != posted[key]:
                self._world.violate(f"{key}: the processor kept {kept[key]}, the books were told {posted[key]}")

    def _journal(self) -> None:
        expected = Counter[str]()
        for row in self._book():
            expected[row.currency] += row.amount_minor if row.state == "succeeded" else 0
        with self._world.engine.begin() as conn:
            balance = trial_balance(conn)
        for currency in sorted(balance.keys() | expected.keys()):
            accounts = balance.get(currency, {})
            if sum(accounts.values()) or accounts.get("clearing", 0) != expected[currency]:
                self._world.violate(f"the journal holds {accounts} {currency}, the processor kept {expected[currency]}")

    def _nothing_waits(self) -> None:
        for row in self._world.rows("SELECT key FROM outbox WHERE done_at IS NULL"):
            self._world.violate(f"the job {row['key']} is never done")
        for (key,) in self._world.stored("SELECT key FROM outbox"):
            self._world.violate(f"the effect {key} is never done")
        if self._world.sandbox.webhooks.waiting:
            self._world.violate(f"{self._world.sandbox.webhooks.waiting} webhooks are never taken")
        for chat, state in self._world.stored("SELECT chat, state FROM conversation"):
            if msgspec.json.decode(state).get("sent"):
                self._world.violate(f"{chat} waits for the answer of an effect for ever")

    # --- what the people know ------------------------------------------------------------------------------------

    def _told(self, person: Person) -> None:
        """The last thing said about each payment is how it stands, and no news was told twice."""
        log = [*self._earlier[person.chat], *self._log(person)]
        states = {row.reference: _AS_LEDGER.get(row.state, row.state) for row in self._book()}
        begun = self._world.rows("SELECT reference FROM payment WHERE chat = :chat", chat=person.chat)
        chats = {row["reference"] for row in begun}
        said: dict[str, list[str]] = defaultdict(list)
        notices = Counter[tuple[str, str]]()
        for message in log:
            for reference, state in meant(message):
                said[reference].append(state)
        for message in self._log(person):  # who begins anew is told anew
            notices.update((reference, state) for reference, state in meant(message) if message.sender == "notice")
        for reference in sorted(chats):
            state = states.get(reference, "failed")
            named = [told for told in said[reference] if told]
            if state in ("succeeded", "processing", "returned") and (not named or named[-1] != state):
                self._world.violate(f"{person.name} last heard {named[-1:]} of {reference}, which is {state}")
            if state == "failed" and named and named[-1] in ("succeeded", "processing"):
                self._world.violate(f"{person.name} believes that {reference} is {named[-1]}; it failed")
        for (reference, state), times in notices.items():
            if times > 1:
                self._world.violate(f"{person.name} was told {times} times that {reference} is {state}")
        open_now = [message for message in log if _ABOUT_PAGE.search(message.text)]
        if open_now and not _PAGE_OVER.search(open_now[-1].text):
            self._world.violate(f"{person.name} was last told about a page: {open_now[-1].text!r}; no page is open")

    def _heard_all(self, person: Person) -> None:
        """Every message of the log reached its reader, once, and as it stands in the log."""
        for message in self._log(person):
            seen = person.seen.get(message.seq)
            if seen is None and message.seq <= person.up_to:
                self._world.violate(f"{person.name} never saw message {message.seq}: {message.text[:60]!r}")
            if seen is not None and seen != message:
                self._world.violate(f"{person.name} saw another message {message.seq} than the log has")

    # --- reading -------------------------------------------------------------------------------------------------

    def _book(self) -> list[Row]:
        return self._world.sandbox.processor.book()

    def _taken(self, number: str) -> int:
        return sum(row.amount_minor for row in self._book() if number in row.invoices and row.state in _KEPT)

    def _log(self, person: Person) -> list[Message]:
        log = "SELECT body FROM message WHERE chat = ? ORDER BY seq"
        rows = self._world.stored(log, person.chat)
        return [m for m in (msgspec.json.decode(body, type=Message) for (body,) in rows) if m.sender != "customer"]


# --- sentences ------------------------------------------------------------------------------------------------------

_REFERENCE = re.compile(r"RM-[0-9A-Z]{4}-[0-9A-Z]{4}")
_STATES = {
    "processing": "processing",
    "paid_": "succeeded",
    "returned_": "returned",
    "failed_": "failed",
    "checking": "",
}


def meant(message: Message) -> Iterable[tuple[str, str]]:
    """The payments that a message names, each with the state it says it is in; empty for one of none."""
    for reference in _REFERENCE.findall(message.text):
        for pattern, state in _sentences():
            if pattern.fullmatch(message.text):
                yield reference, state
                break


@cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every sentence of the wording that names a payment's reference, as a pattern, with the state it tells."""
    wording = tomllib.loads((CONFIG / "wording" / "en.toml").read_text(encoding="utf-8"))
    return tuple(
        (_pattern(sentence), next((state for start, state in _STATES.items() if key.startswith(start)), ""))
        for key, sentence in wording.items()
        if "{reference}" in sentence
    )


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(
        "".join(".*" if part[:1] == "{" else re.escape(part) for part in re.split(r"(\{\w+\})", sentence))
    )


@cache
def _family(*starts: str) -> str:
    wording = tomllib.loads((CONFIG / "wording" / "en.toml").read_text(encoding="utf-8"))
    return "|".join(_pattern(text).pattern for key, text in wording.items() if key.startswith(starts))


_OVER = (
    "processing",
    "paid_",
    "returned_",
    "failed_",
    "canceled",
    "refused_",
    "restarted",
    "confirm_",
    "ask_",
    "already_paid",
)
_ABOUT_PAGE = re.compile(f"^(?:{_family('page_open', 'preparing', 'declined_', 'checking', *_OVER)})$")
_PAGE_OVER = re.compile(f"^(?:{_family(*_OVER)})$")
