"""What a payment rests on: one yes, of somebody who had that very quote on the screen, while payments were taken.

Told from what the people sent and saw. Which consents there are is read from the ledger; whether they are any is not.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from services.model import Money, Quote

from .people import Person

if TYPE_CHECKING:
    from .world import World

EXCUSED = 120.0  # seconds: how old the reading of an invoice may be when a consent rests on it


class Consents:
    """Follows the consents of one world. ``asked`` gives what an invoice asked for at a time of the world."""

    def __init__(self, world: "World", people: list[Person], asked: Callable[[str, float], int]) -> None:
        self._world = world
        self._people = people
        self._asked = asked
        self._at: dict[str, float] = {}  # when a consent was written down, by the world's time
        self._noted = 0  # the last of them, by its id
        self._resumed = 0  # the last event of a start that was taken up again, by its id

    def note(self) -> None:
        """Take note of what was written down since the last time."""
        now, paused = self._world.loop.time(), self._world.paused
        for row in self._world.rows("SELECT * FROM consent WHERE id > :noted", noted=self._noted):
            self._at[row["payment"]], self._noted = now, row["id"]
            self._not_outdated(row["payment"], row["chat"], msgspec.json.decode(row["quote"], type=Quote))
            self._taken_in(row["payment"], row["chat"], row["message"])
            if paused:
                self._world.violate(f"{row['payment']} began while the business had paused new payments")
        again = "SELECT id, payment FROM payment_event WHERE id > :noted AND cause = 'asked again'"
        for row in self._world.rows(again, noted=self._resumed):
            self._resumed = row["id"]
            if paused:
                self._world.violate(f"{row['payment']} was taken up again while the business had paused new payments")

    def since(self, reference: str) -> float:
        """From when on its invoice must have asked for what this payment pays."""
        return self._at.get(reference, self._world.loop.time()) - EXCUSED

    def judge(self) -> None:
        """Each consent is the yes of one message, to what its sender saw."""
        used = Counter[tuple[str, str]]()
        for row in self._world.rows("SELECT chat, message, payment, quote FROM consent"):
            quote = msgspec.json.decode(row["quote"], type=Quote)
            used[row["chat"], row["message"]] += 1
            self._a_yes(row["payment"], row["chat"], row["message"], quote)
            self._as_shown(row["payment"], row["chat"], quote)
        for (chat, message), times in used.items():
            if times > 1:
                self._world.violate(f"{chat} said yes once ({message}) and it began {times} payments")

    def _a_yes(self, reference: str, chat: str, message: str, quote: Quote) -> None:
        agree = f"/agree {quote.digest()}"
        said, seen = "", None
        for person in self._of(chat):
            if message in person.sent:
                said, seen = person.sent[message], person.had_seen.get(message)
        if said.startswith("/agree"):
            if said != agree:
                self._world.violate(f"{reference} rests on a button that approved another quote")
        elif not (said.lower().strip(" .!") in Person.YES or said in Person.PLACES):
            self._world.violate(f"{reference} rests on {said!r}, which is no yes")
        elif seen is not None and agree not in seen:
            self._world.violate(f"{reference} rests on {said!r} of somebody who had not seen its quote")

    def _as_shown(self, reference: str, chat: str, quote: Quote) -> None:
        """The button that agrees stood beside these very sums and numbers, whatever its digest covers."""
        for text in self._showings(chat, quote):
            if not (shows(text, quote) and self._names_the_method(text, reference, quote)):
                lines = ", ".join(f"{line.amount} of {line.number}" for line in quote.lines)
                self._world.violate(f"{reference} is {lines}; its button showed {text[:120]!r}")

    def _names_the_method(self, text: str, reference: str, quote: Quote) -> bool:
        """A saved method by its last four digits, and no other; of any other, that it is typed on the secure page."""
        pages = self._world.sandbox.processor._references.get(reference, [])
        kept = pages[0].saved if pages else None
        if kept is not None:
            return kept.last4 in text and "secure page" not in text
        return bool(quote.saved) or "secure page" in text

    def _taken_in(self, reference: str, chat: str, message: str) -> None:
        """The conversation had taken in the yes before anything was done about it."""
        kept = self._world.stored("SELECT 1 FROM inbox WHERE chat = ? AND id = ?", chat, message)
        if not kept and not self._world.forgotten:
            self._world.violate(f"{reference} began before the conversation had taken in the yes to it")

    def _not_outdated(self, reference: str, chat: str, quote: Quote) -> None:
        """The business had not asked for something else, for a while, when its customer's word was taken for it."""
        shown = max(self._showings(chat, quote).values(), default=None)
        if shown is None:
            return
        now = self._world.loop.time()
        for number in [line.number for line in quote.lines]:
            then, lately, by_now = (self._asked(number, at) for at in (shown, max(shown, now - EXCUSED), now))
            if then != lately == by_now:
                self._world.violate(f"{reference} was agreed to before {number} changed, and began long after")

    def _showings(self, chat: str, quote: Quote) -> dict[str, float]:
        """What stood beside the button of this quote, with when that was seen last."""
        shown: dict[str, float] = defaultdict(float)
        for person in self._of(chat):
            for text, at in person.offered.get(f"/agree {quote.digest()}", {}).items():
                shown[text] = max(shown[text], at)
        return shown

    def _of(self, chat: str) -> list[Person]:
        return [person for person in self._people if person.chat == chat]


def shows(text: str, quote: Quote) -> bool:
    """Whether a sentence says the sum of a quote, and of each of its invoices the part; of one alone, its number."""
    if _spelled(quote.total) not in text:
        return False
    if ("program fee" in text) != bool(quote.fee_minor) or _spelled(quote.fee) not in text + "0.00":
        return False
    if len(quote.lines) == 1:
        return quote.lines[0].number in text
    parts = (rf"{re.escape(line.number)} [$€]{re.escape(_spelled(line.amount))}(?![0-9])" for line in quote.lines)
    return all(re.search(part, text) for part in parts)


def _spelled(money: Money) -> str:
    return f"{money.minor // 100:,}.{money.minor % 100:02}"
