"""What the people know: the last word about each payment, whether any news came twice, and whether all of it arrived.

Read from the messages alone. What is true is told by the processor's own book.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from bot.stores.base import Message
from services.sandbox.payments import HostedPage

from .moves import Moves
from .parts import Parts
from .sentences import alone, pattern, wording
from .till import ARRIVED, Till, state_of

if TYPE_CHECKING:
    from .people import Person
    from .world import World

_NEWS = ARRIVED | {"processing", "returned"}
_STAYS_PAID = {"succeeded", "part_refunded", "won"}  # what a payment may be whose refund failed
_SAID_NO = ("payment.declined", "payment.verifying")  # what leaves the page open for another try
_OF_REFUNDS = {"part_refunded", "refunded", "refund failed"}


@dataclass(frozen=True)
class Said:
    """What a message says of one payment. ``sum`` is what it says was given back, ``amount`` what was paid, as digits."""

    reference: str
    state: str
    sum: str = ""
    amount: str = ""
    what: str = ""  # for which invoices, in words


class Screens:
    """The screens of everybody in one world."""

    def __init__(self, world: "World", people: "list[Person]", till: Till, parts: Parts, moves: Moves) -> None:
        self._world = world
        self._moves = moves
        self._parts = parts
        self._people = people
        self._till = till
        self._earlier: dict[str, list[Message]] = defaultdict(list)  # of conversations that were lost
        self._lost: set[str] = set()  # chats whose payments somebody has to be reminded of
        self._shown: dict[str, list[Message]] = defaultdict(list)  # of these, what reached somebody's screen

    def conversations_lost(self) -> None:
        """Everybody begins anew; what they were told they still know. Call it just before."""
        for chat, person in {person.chat: person for person in self._people}.items():
            log = self._log(person)
            seen = {seq for other in self._people if other.chat == chat for seq in other.seen}
            self._earlier[chat] += log
            self._shown[chat] += [message for message in log if message.seq in seen]
        self._lost = {row["chat"] for row in self._world.rows("SELECT DISTINCT chat FROM payment")}
        for person in self._people:
            person.forget()

    def judge(self) -> None:
        """What everybody knows is so, and everything they were told reached them."""
        for person in self._people:
            self._told(person)
            self._right_sums(person)
            self._answers(person)
            self._declines(person)
            self._about_pages(person)
            self._reminded(person)
            self._heard_all(person)

    def heard_of_surplus(self, reference: str) -> bool:
        """Whether somebody was told that this payment was too much, or it was another customer's than is there now."""
        hushed = any(reference in self._world.talk(person.chat).get("hushed", ()) for person in self._people)
        return hushed or any(
            said.reference == reference and said.state == "overpaid"
            for person in self._people
            for message in [*self._earlier[person.chat], *self._log(person)]
            for said in understood(message)
        )

    def log_of(self, person: "Person") -> list[Message]:
        """Everything that was said in a chat, also before its conversation was lost."""
        return [*self._earlier[person.chat], *self._log(person)]

    def _told(self, person: "Person") -> None:
        """The last thing said about each payment is how it stands, and no news was told twice."""
        said: dict[str, list[Said]] = defaultdict(list)
        for message in self._whole_talk(person):
            for each in understood(message):
                said[each.reference].append(each)
        begun = self._world.rows("SELECT reference FROM payment WHERE chat = :chat", chat=person.chat)
        hushed = set(self._world.talk(person.chat).get("hushed", ()))  # of another customer who was in this chat before
        for reference in sorted({row["reference"] for row in begun} - hushed):
            named = [each for each in said[reference] if each.state not in ("", "overpaid")]
            self._last_word(person, reference, named)
        notices = Counter(  # who begins anew is told anew
            each for message in self._log(person) if message.sender == "notice" for each in understood(message)
        )
        for each, times in notices.items():
            if times > self._may_be_told(each):
                self._world.violate(f"{person.name} was told {times} times that {each.reference} is {each.state}")

    def _whole_talk(self, person: "Person") -> list[Message]:
        """Everything that was said in this chat and, in the order of time, in those that it may have come from."""
        chats = self._moves.family(person.chat)
        if len(chats) == 1:
            return self.log_of(person)
        rows = self._world.stored("SELECT chat, body FROM message ORDER BY rowid")
        every = [msgspec.json.decode(body, type=Message) for chat, body in rows if chat in chats]
        earlier = [message for chat in chats for message in self._earlier[chat]]
        return [*earlier, *(message for message in every if message.sender != "customer")]

    def _right_sums(self, person: "Person") -> None:
        """Whatever is said of a payment names its sum, its invoices, and what each of several gets of it."""
        for message in self.log_of(person):
            for said in understood(message):
                for page in self._till.of_reference(said.reference):
                    parts = self._parts.of(page)
                    if said.amount not in ("", str(page.order.amount_minor)) or not _names(said.what, parts):
                        paid = f"{page.order.amount_minor} on {parts}"
                        self._world.violate(
                            f"{person.name} was told {message.text[:120]!r} of {said.reference}: {paid}"
                        )

    def _answers(self, person: "Person") -> None:
        """What a person answered to a request is told once, and to the chat that asked."""
        told = Counter(m.text for m in self._log(person) if m.sender == "notice" and _ANSWERED.search(m.text))
        for text, times in told.items():
            if times > 1:
                self._world.violate(f"{person.name} was told {times} times: {text[:60]!r}")
        chats = self._moves.family(person.chat)
        cases = "SELECT answer FROM handoff_case WHERE chat = :chat AND answer != '' AND told_at IS NULL"
        for row in self._world.rows(cases, chat=person.chat):
            self._world.violate(f"{person.name} was never told {row['answer'][:60]!r}")
        asked = "SELECT 1 FROM handoff_case WHERE chat = :chat AND answer = :answer"
        for answer in (match[1] for text in told if (match := _WORDS.search(text))):
            if not any(self._world.rows(asked, chat=chat, answer=answer) for chat in chats):
                self._world.violate(f"{person.name} was told the answer to a request of somebody else")

    def _declines(self, person: "Person") -> None:
        """Of each decline somebody hears once."""
        own = {
            row["reference"]
            for chat in self._moves.family(person.chat)
            for row in self._world.rows("SELECT reference FROM payment WHERE chat = :c", c=chat)
        }
        happened = sum(e.type in _SAID_NO and e.reference in own for e in self._world.sandbox.processor._log)
        notices = [message for message in self._log(person) if message.sender == "notice"]
        told = sum(_DECLINED.search(message.text) is not None for message in notices)
        if told > happened:
            self._world.violate(f"{person.name} was told of {told} declines; {happened} happened")

    def _last_word(self, person: "Person", reference: str, named: list[Said]) -> None:
        pages = self._till.of_reference(reference)
        state = state_of(pages[0]) if pages else "failed"
        last = named[-1] if named else Said(reference, "")
        fits = last.state == state or (last.state == "refund failed" and state in _STAYS_PAID)
        if last.state == "won" and state in _OF_REFUNDS:  # of what went back before the dispute, they had heard by then
            turns = [each.type for each in pages[0].events if each.type in ("refund.succeeded", "dispute.won")]
            heard_before = any(each.state == state for each in named)  # word of the refund was quicker
            fits = turns[-1:] == ["dispute.won"] or heard_before
        if state in _NEWS and not fits:
            heard = last.state or "nothing"
            self._world.violate(f"{person.name} last heard {heard!r} of {reference}, which is {state}")
        elif state == "failed" and last.state in _NEWS:
            self._world.violate(f"{person.name} believes that {reference} is {last.state}; it failed")
        elif last.state == "part_refunded" == state and last.sum != _digits(pages[0]):
            what = f"{last.sum} of {reference} was refunded; it is {_digits(pages[0])}"
            self._world.violate(f"{person.name} last heard that {what}")

    def _may_be_told(self, said: Said) -> int:
        """How often the same can be news: a refund may fail and be made again, a dispute lead back to what was."""
        if said.state == "overpaid":  # of each case once: what went back may be paid again
            cases = "SELECT 1 FROM handoff_case WHERE reason = 'overpaid' AND payment = :reference"
            return len(self._world.rows(cases, reference=said.reference))
        if said.state not in _OF_REFUNDS:
            return 1
        events = [event for page in self._till.of_reference(said.reference) for event in page.events]
        return max(1, sum(event.type.startswith("refund.") or event.type == "dispute.won" for event in events))

    def _about_pages(self, person: "Person") -> None:
        log = self._log(person)
        # news that waited in a lost conversation can only be told again to who comes back
        log = [*self._shown[person.chat], *log] if log else self._earlier[person.chat]
        open_now = [message for message in log if _ABOUT_PAGE.search(message.text)]
        paid_here = self._world.rows("SELECT amount_minor FROM payment WHERE chat = :chat", chat=person.chat)
        sums = {row["amount_minor"] for row in paid_here}
        while open_now and not _PAGE_OVER.search(open_now[-1].text) and not _names_one(open_now[-1].text, sums):
            open_now.pop()  # the answer to "how does it stand?", about a payment of the same customer in another chat
        if open_now and open_now[-1] not in self._log(person) and _BEGINNING.search(open_now[-1].text):
            return  # lost with the yes itself: nothing began, and nobody knows of it but who said it
        if open_now and not _PAGE_OVER.search(open_now[-1].text):
            self._world.violate(f"{person.name} was last told about a page: {open_now[-1].text!r}; no page is open")

    def _reminded(self, person: "Person") -> None:
        """Whoever comes back after their conversation was lost hears that their payment was not."""
        if (
            (log := self._log(person))
            and person.chat in self._lost
            and all(m.text != wording()["recalled"] for m in log)
            and not self._with_a_person(person.chat)
        ):
            self._world.violate(f"{person.name} came back after their conversation was lost, and heard of no payment")

    def _with_a_person(self, chat: str) -> bool:
        """Whether somebody at the desk has had this chat: while they do, of payments news alone is told."""
        return bool(self._world.rows("SELECT 1 FROM audit WHERE chat = :c AND what IN ('took', 'assigned')", c=chat))

    def _heard_all(self, person: "Person") -> None:
        """Every message of the log reached its reader, once, and as it stands in the log."""
        for message in self._log(person):
            seen = person.seen.get(message.seq)
            if seen is None and message.seq <= person.up_to:
                self._world.violate(f"{person.name} never saw message {message.seq}: {message.text[:60]!r}")
            if seen is not None and seen != message and "[removed]" not in message.text:  # a number, found in pieces
                self._world.violate(f"{person.name} saw another message {message.seq} than the log has")

    def _log(self, person: "Person") -> list[Message]:
        log = "SELECT body FROM message WHERE chat = ? ORDER BY seq"
        rows = self._world.stored(log, person.chat)
        return [m for m in (msgspec.json.decode(body, type=Message) for (body,) in rows) if m.sender != "customer"]


def _names_one(text: str, sums: set[int]) -> bool:
    """Whether the sum that a message names is one of these; also where it names none."""
    named = re.search(r"[$€]([0-9][0-9.,]*[0-9])", text)
    return named is None or int(re.sub(r"\D", "", named[1])) in sums


def _names(what: str, parts: dict[str, int]) -> bool:
    """Whether words such as ``2 invoices (INV-1 $3.00, INV-2 $4.00)`` are about these invoices and parts."""
    if not what:
        return True
    if len(parts) < 2:
        return all(number in what for number in parts)
    shown = dict(re.findall(r"([A-Z]+-[0-9]+) [$€]([0-9.,]*[0-9])", what))
    return {number: int(re.sub(r"\D", "", minor)) for number, minor in shown.items()} == parts


def _digits(page: HostedPage) -> str:
    return str(page.refunded_minor)


# --- sentences ------------------------------------------------------------------------------------------------------

_REFERENCE = re.compile(r"RM-[0-9A-Z]{4}-[0-9A-Z]{4}")
_STATES = {  # by how the key of the sentence begins
    "processing": "processing",
    "paid_": "succeeded",
    "returned_": "returned",
    "failed_": "failed",
    "checking": "",
    "overpaid": "overpaid",
    "part_refunded": "part_refunded",
    "refunded": "refunded",
    "refund_failed": "refund failed",
    "disputed": "disputed",
    "won": "won",
    "lost": "lost",
}
_ASIDE = {"overpaid", "refund failed"}  # what is said beside the state


def understood(message: Message) -> Iterable[Said]:
    """The payments that a message names, each with what it says of it."""
    for reference in _REFERENCE.findall(message.text):
        for sentence, state in _sentences():
            if (match := sentence.fullmatch(message.text)) is not None:
                told = match.groupdict()
                yield Said(
                    reference, state, _minor(told.get("refunded")), _minor(told.get("amount")), told.get("what") or ""
                )
                break


def _minor(shown: str | None) -> str:
    return re.sub(r"\D", "", shown or "").lstrip("0")


def meant(message: Message) -> Iterable[tuple[str, str]]:
    """The payments that a message names, each with the state it says it is in; empty for one of none."""
    for said in understood(message):
        yield said.reference, "" if said.state in _ASIDE else said.state


@cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every sentence of the wording that names a payment's reference, as a pattern, with the state it tells."""
    return tuple(
        (re.compile(pattern(sentence)), next((state for start, state in _STATES.items() if key.startswith(start)), ""))
        for key, sentence in wording().items()
        if "{reference}" in sentence
    )


_OVER = (
    "processing",
    "paid_",
    "returned_",
    "failed_",
    "canceled",
    "refused_",
    "restarted",
    "earlier_page_closed",
    "confirm_",
    "ask_",
    "already_paid",
    "overpaid",
    "part_refunded",
    "refunded",
    "refund_failed",
    "disputed",
    "won",
    "lost",
    "old_yes",
    "hop_gone",
)
_ANSWERED = alone("request_answered")
_WORDS = re.compile(r"(We looked into it, [0-9a-f]+\.)")  # as the office answers
_DECLINED = alone("declined_")
_ABOUT_PAGE = alone("page_open", "bank_asks", "preparing", "charging", "declined_", "checking", *_OVER)
_BEGINNING = alone("preparing", "charging", "perhaps_too_late")
_PAGE_OVER = alone(*_OVER)
