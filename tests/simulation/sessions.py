"""Who is signed in where, told from what the people typed, what letters they got, and what they were shown.

A sign-in is one code, from a letter that was sent for this very chat, typed in time and not used before; or a browser
that was remembered; or the word of the page around the chat, with which nothing is charged.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bot.stores.base import Message
from services.model.invoices import key_of

from .letters import Arrived
from .members import Member
from .people import Person
from .sentences import alone, family

if TYPE_CHECKING:
    from .screens import Screens
    from .world import World

SIGNED_IN_S, REMEMBERED_S = 12 * 3600.0, 30 * 86_400.0
_SLACK_S = 60.0
_PICK = re.compile(r"/pick account ([a-z]+)")


@dataclass(frozen=True)
class SignedIn:
    """As whom somebody was signed in, since when, and for how long. Several customers: at least as one of them."""

    customers: frozenset[str]
    since: float
    until: float
    how: str  # code, browser or page


class Sessions:
    """Follows the sign-ins of one world."""

    def __init__(self, world: "World", people: list[Person], screens: "Screens") -> None:
        self._world = world
        self._people = people
        self._screens = screens

    def at(self, chat: str, message: str) -> SignedIn | str | None:
        """Who was signed in when this message came; a sentence when nobody was; None when the log is gone."""
        log = [(cause, seq, msgspec.json.decode(body, type=Message)) for cause, seq, body in self._log(chat)]
        own = next((seq for cause, seq, each in log if cause == message and each.sender == "customer"), None)
        if own is None:
            return None
        found: SignedIn | str = "nobody had signed in there"
        for cause, seq, each in log:
            if seq >= own:
                break
            found = self._after(chat, cause, each, found)
        return self._in_time(found, chat, message) if isinstance(found, SignedIn) else found

    def _after(self, chat: str, cause: str, shown: Message, before: SignedIn | str) -> SignedIn | str:
        if shown.sender == "customer":
            return before
        if family("signed_out", "sign_in_over").search(shown.text):
            return "the customer had signed out there"
        if alone("signed_in").search(shown.text):
            return self._by_code(chat, cause)
        if cause == "begin" and family("hello_name").search(shown.text):
            return self._by_arrival(chat)
        if isinstance(before, SignedIn) and before.how == "code" and family("remembered").search(shown.text):
            return SignedIn(before.customers, before.since, before.since + REMEMBERED_S, "code")
        return before

    def _by_code(self, chat: str, cause: str) -> SignedIn | str:
        """The code that was typed last, and the customer picked since, if one was."""
        picked, latest = "", None
        for person in self._of(chat):
            for message, text in person.sent.items():
                told = self._letter(chat, text, person.said_at[message])
                if told is not None and (latest is None or person.said_at[message] > latest[1]):
                    latest = (told, person.said_at[message])
            if found := _PICK.fullmatch(person.sent.get(cause, "")):
                picked = found[1]
        if latest is None:
            return "the code was none of this chat"
        at_address = self._world.customers_at(latest[0].to)
        named = frozenset(each for each in at_address if key_of(self._world.customer_ids[each]) == picked)
        return SignedIn(named or at_address, latest[1], latest[1] + SIGNED_IN_S, "code")

    def _by_arrival(self, chat: str) -> SignedIn | str:
        for person in self._of(chat):
            if isinstance(person, Member) and person.arrival is not None:
                now = person.said_at.get("begin", self._world.loop.time())
                at_address = self._world.customers_at(
                    person.address
                )  # whichever of them the browser was remembered for
                known = frozenset({person.who}) if person.arrival.how == "page" else at_address
                return SignedIn(known, now, now + REMEMBERED_S, person.arrival.how)
        return "nobody is known to have come there"

    def _in_time(self, found: SignedIn, chat: str, message: str) -> SignedIn | str:
        at = min(person.said_at[message] for person in self._of(chat) if message in person.said_at)
        if at > found.until + _SLACK_S and not (self._world.leaps or self._world.skewed):
            return f"the sign-in there was over for {at - found.until:.0f} s"
        return found

    def _letter(self, chat: str, text: str, at: float) -> Arrived | None:
        """The letter whose code this text is."""
        slack = 3600.0 * (1 + self._world.leaps) if self._world.leaps else _SLACK_S
        return next((each for each in self._world.letters.arrived if each.fits(text, chat, at, slack)), None)

    def judge(self) -> None:
        """Each sign-in has a code of its own, which its customer had from a letter."""
        for chat in {person.chat for person in self._people}:
            people = self._of(chat)
            told = sum(alone("signed_in").search(each.text) is not None for each in self._screens.log_of(people[0]))
            texts = [(text, person.said_at[message]) for person in people for message, text in person.sent.items()]
            codes = {letter for text, at in texts if (letter := self._letter(chat, text, at)) is not None}
            if told > len(codes):
                name = people[0].name
                self._world.violate(f"{name} was signed in {told} times, with {len(codes)} codes of this chat")

    def _log(self, chat: str) -> list[tuple[str, int, bytes]]:
        log = "SELECT cause, seq, body FROM message WHERE chat = ? ORDER BY seq"
        return [(cause, seq, body) for cause, seq, body in self._world.stored(log, chat)]

    def _of(self, chat: str) -> list[Person]:
        return [person for person in self._people if person.chat == chat]
