"""Who speaks in a chat that people at the desk have to do with: one voice at a time, and nothing lost between two of them.

Told from the logs alone, as customers read them: from the line on that says who is here now, the assistant tells news of payments
and nothing else, until it is said that it speaks again. What SQL makes of the same is judged in `handing`.
"""

import re
from collections import defaultdict
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from bot.stores.base import Message

from .agents import Agents, Word
from .screens import understood
from .sentences import alone, family

if TYPE_CHECKING:
    from .people import Person
    from .world import World

_OPENS, _CLOSES, _ZONE = time(9), time(17), ZoneInfo("America/Los_Angeles")  # as `process.HOURS`

_TOOK = alone("agent_took")
_TAKEN_BACK = alone("agent_back", "proposal_withdrawn")
_GIVEN = alone("agent_returned", "agent_proposes", "agent_resolved")
_NEWS = alone("declined_", "failed_", "bank_asks", "request_answered", "checking", "charging", "too_many_declines")
_IS_OPEN, _IS_CLOSED = alone("person_called_asked"), alone("person_called_closed")
_NAME = re.compile(r"^(\w+) ")


class Voices:
    """Listens to one world."""

    def __init__(self, world: "World", people: "list[Person]", agents: Agents) -> None:
        self._world = world
        self._people = people
        self._agents = agents
        self._earlier: dict[str, list[list[Message]]] = defaultdict(list)  # logs of conversations that were lost
        self._went_on: dict[
            str, tuple[str, int]
        ] = {}  # who had a chat when it was lost, and the last line of the audit

    # --- while it goes on ----------------------------------------------------------------------------------------

    def conversations_lost(self) -> None:
        """Call it just before."""
        self._went_on = {}
        for (chat,) in self._world.stored("SELECT DISTINCT chat FROM message"):
            self._earlier[chat].append(self.log(chat))
        for row in self._world.rows(
            "SELECT chat, name FROM handoff h JOIN agent a ON a.id = agent WHERE state = 'held'"
        ):
            if not self._world.rows("SELECT 1 FROM errand WHERE chat = :c AND done_at IS NULL", c=row["chat"]):
                self._went_on[row["chat"]] = row["name"], self._doings(row["chat"])

    def _doings(self, chat: str) -> int:
        """The last line of the audit that says who has a chat."""
        told = "SELECT coalesce(max(id), 0) AS last FROM audit WHERE chat = :c AND what NOT IN ('wrote', 'noted', 'opened')"
        (row,) = self._world.rows(told, c=chat)
        return int(row["last"])

    def log(self, chat: str) -> list[Message]:
        """What stands in the log of a chat, whoever said it."""
        rows = self._world.stored("SELECT body FROM message WHERE chat = ? ORDER BY seq", chat)
        return [msgspec.json.decode(body, type=Message) for (body,) in rows]

    # --- at rest -------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """All of it."""
        chats = {chat for (chat,) in self._world.stored("SELECT DISTINCT chat FROM message")}
        for chat in sorted(chats | self._earlier.keys()):
            lives = [*self._earlier[chat], self.log(chat)]
            first: str | None = ""
            for nth, life in enumerate(lives):
                if nth:  # whoever begins anew is not told again who is there
                    first = self._goes_on(chat) if nth == self._world.forgotten else None
                voice = self._one_voice(chat, life, first)
                self._at_its_hours(chat, life)
            self._lasts(chat, voice)
        for word in self._agents.words:
            self._said_once(word)
        for person in self._people:
            self._heard_once(person)

    def _goes_on(self, chat: str) -> str | None:
        """Who has this chat since before its conversation was lost, and nobody did anything about that; or None."""
        name, since = self._went_on.get(chat, ("", 0))
        return name if name and self._doings(chat) == since else None

    def _one_voice(self, chat: str, log: list[Message], voice: str | None) -> str | None:
        """Follow a log; answers who speaks in the end: a name, "" for the assistant, None where nobody can know."""
        for message in log:
            if message.sender == "customer":
                continue
            if _TOOK.search(message.text) or _TAKEN_BACK.search(message.text):
                voice = _named(message)
            elif _GIVEN.search(message.text):
                voice = ""
            elif message.sender == "agent":
                voice = message.name if voice is None else voice
                if message.name != voice:
                    who = voice or "the assistant"
                    self._world.violate(f"{message.name} speaks in {chat}, which {who} has: {message.text[:60]!r}")
            elif voice and (message.choices or not _is_news(message)):
                self._world.violate(f"two voices in {chat}, which {voice} has: {message.text[:80]!r}")
        return voice

    def _lasts(self, chat: str, voice: str | None) -> None:
        """Whoever the customer believes to speak to has the chat."""
        rows = self._world.rows(
            "SELECT state, name FROM handoff h LEFT JOIN agent a ON a.id = h.agent WHERE chat = :c AND resolved_at IS NULL",
            c=chat,
        )
        has = next((row["name"] for row in rows if row["state"] == "held"), "")
        if voice is not None and has != voice:
            self._world.violate(f"{chat} believes to speak to {voice or 'the assistant'}; {has or 'nobody'} has it")

    def _at_its_hours(self, chat: str, log: list[Message]) -> None:
        for message in log:
            local = datetime.fromtimestamp(message.at, UTC).astimezone(_ZONE)
            is_open = local.weekday() < 5 and _OPENS <= local.time() < _CLOSES
            if (_IS_CLOSED if is_open else _IS_OPEN).search(message.text):
                self._world.violate(f"at {local:%A %H:%M} {chat} was told {message.text[:60]!r}")

    def _said_once(self, word: Word) -> None:
        """What somebody wrote, and was taken, stands once in the chat it was written to, and in no other."""
        key = f"{word.agent.id}:{word.key}"
        taken = bool(self._world.rows("SELECT 1 FROM errand WHERE key = :key", key=key))
        lives = [*self._earlier[word.chat], self.log(word.chat)]
        times = [sum(word.token in message.text for message in life) for life in lives]
        if True in word.answers and not taken:
            self._world.violate(
                f"{word.agent.name} was told that {word.text!r} is on its way; it was never written down"
            )
        if sum(times) < taken or max(times) > taken or (sum(times) > taken and not self._world.forgotten):
            self._world.violate(f"{word.agent.name} wrote {word.text!r} to {word.chat}, where it stands {times} times")

    def _heard_once(self, person: "Person") -> None:
        """What a customer said and was heard stands once in the log."""
        said = [message for message in person.answered if message in person.sent]
        for message in said:
            rows = self._world.stored("SELECT body FROM message WHERE chat = ? AND cause = ?", person.chat, message)
            lines = [msgspec.json.decode(body, type=Message) for (body,) in rows]
            if (times := sum(line.sender == "customer" for line in lines)) != 1:
                self._world.violate(
                    f"{person.name} said {person.sent[message]!r}, which stands {times} times in the log"
                )

    def answers_again(self) -> None:
        """Once everybody has asked how it went: where nobody has the chat, the assistant answers."""
        for person in self._people:
            held = self._world.rows("SELECT 1 FROM handoff WHERE chat = :c AND state = 'held'", c=person.chat)
            log = [] if held else self.log(person.chat)
            asked = [nth for nth, message in enumerate(log) if message.sender == "customer"][-1:]
            unheard = person.lost or not any(log[nth].text == "/status" for nth in asked)  # shut out of their own chat
            if not unheard and not any(message.sender == "bot" for message in log[asked[0] + 1 :]):
                self._world.violate(f"the assistant is silent in {person.chat}, which nobody has")


def _named(message: Message) -> str:
    found = _NAME.match(message.text)
    assert found is not None
    return found[1]


def _is_news(message: Message) -> bool:
    return bool(list(understood(message)) or _NEWS.search(message.text) or family("overpaid").search(message.text))
