"""What must hold of Telegram and of chats that move, once everything has come to rest.

Every update is in its log once and every message of a log on its phone; a link moves a chat once and in time; where a chat
was, nothing more of it is told; and nobody is signed in where they never proved who they are.
"""

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from bot.stores.base import Message

from .people import Person
from .phones import Phone, Phones
from .sentences import alone, family

if TYPE_CHECKING:
    from .world import World

_LASTS_S = 600.0  # a link
_CARD = re.compile(r"(?:[0-9]{4} ){3}[0-9]{4}")
_REFERENCE = re.compile(r"RM-[0-9A-Z]{4}-[0-9A-Z]{4}")


class Moves:
    """Judges one world."""

    def __init__(self, world: "World", people: list[Person]) -> None:
        self._world = world
        self._people = people

    def family(self, chat: str) -> tuple[str, ...]:
        """The chats that one conversation may have been in, this one among them."""
        near: dict[str, set[str]] = defaultdict(set)
        for one, other in self._world.joined:
            near[one].add(other)
            near[other].add(one)
        found, new = {chat}, {chat}
        while new := {each for known in new for each in near[known]} - found:
            found |= new
        return tuple(sorted(found))

    def judge(self) -> None:
        """All of it."""
        if (phones := self._world.phones) is None:
            return
        if phones.waiting:
            self._world.violate(f"{phones.waiting} updates of Telegram are never taken")
        for row in self._world.rows("SELECT update_id FROM telegram_update WHERE done_at IS NULL"):
            self._world.violate(f"update {row['update_id']} is never done with")
        for phone in phones.every:
            self._arrived(phones, phone)
            self._taken_once(phones, phone)
            self._cleared(phones, phone)
            self._proved(phone)
        self._links()
        self._left_alone()

    def _arrived(self, phones: Phones, phone: Phone) -> None:
        """Everything that was said is on the phone; where nobody is, that is known."""
        missing = phones.missing(phone)
        if missing and not phone.blocked:
            first = missing[0].text[:60]
            self._world.violate(f"{phone.texter.name} never got {len(missing)} messages, the first of them {first!r}")
        elif missing and not phones.gone(phone):
            self._world.violate(f"{phone.texter.name} has blocked the bot, which goes on calling")

    def _taken_once(self, phones: Phones, phone: Phone) -> None:
        times: dict[str, int] = defaultdict(int)
        rows = self._world.stored("SELECT cause, body FROM message WHERE chat = ?", phone.chat)
        for cause, body in rows:
            times[cause] += msgspec.json.decode(body, type=Message).sender == "customer"
        for number in phones.accepted(phone):
            if (found := times[f"update-{number}"]) != 1:
                self._world.violate(f"update {number} of {phone.texter.name} stands {found} times in the log")

    def _cleared(self, phones: Phones, phone: Phone) -> None:
        """A card's number does not stay in a chat."""
        taken = set(phones.accepted(phone))
        for message, text in phone.texter.sent.items():
            number = phone.texter.written.get(message)
            if _CARD.search(text) and int(message.removeprefix("update-")) in taken and number not in phone.deleted:
                self._world.violate(f"a card's number stays in the chat of {phone.texter.name}")

    def _proved(self, phone: Phone) -> None:
        """Who is a customer there, has typed a code there."""
        scope = self._world.talk(phone.chat).get("scope", {})
        if scope.get("type") == "customer" and not any(
            alone("signed_in").search(m.text) for m in self._log(phone.chat)
        ):
            self._world.violate(
                f"{phone.texter.name} is signed in as {scope.get('id')}, and never proved to be that there"
            )

    # --- links -----------------------------------------------------------------------------------------------------

    def _links(self) -> None:
        """A link moves one chat, once, within ten minutes."""
        for token, at in self._world.hop_links.items():
            moved = [
                (person.chat, message)
                for person in self._people
                for message, text in person.sent.items()
                if text == f"/start {token}" and self._brought(person.chat, message)
            ]
            if len(set(moved)) > 1:
                self._world.violate(f"one link moved a chat {len(set(moved))} times")
            for person in self._people:
                late = [person.said_at[m] - at for chat, m in moved if chat == person.chat and m in person.said_at]
                if late and min(late) > _LASTS_S and not (self._world.leaps or self._world.skewed):
                    self._world.violate(f"{person.name} moved a chat by a link {min(late):.0f} s old")

    def _brought(self, chat: str, message: str) -> bool:
        rows = self._world.stored("SELECT body FROM message WHERE chat = ? AND cause = ?", chat, message)
        told = [msgspec.json.decode(body, type=Message) for (body,) in rows]
        return any(each.sender != "customer" and family("hop_here").search(each.text) for each in told)

    def _left_alone(self) -> None:
        """Where a chat was, no news of what it took along is told."""
        for row in self._world.rows("SELECT reference, chat FROM payment"):
            for chat in self.family(row["chat"]):
                log = self._log(chat) if chat != row["chat"] else []
                left = [message.seq for message in log if family("hop_gone").search(message.text)]
                for message in log if left else []:
                    about = message.sender == "notice" and row["reference"] in _REFERENCE.findall(message.text)
                    if about and message.seq > left[-1]:
                        self._world.violate(f"{chat} was told of {row['reference']} after its chat had moved away")

    def _log(self, chat: str) -> list[Message]:
        rows = self._world.stored("SELECT body FROM message WHERE chat = ? ORDER BY seq", chat)
        return [m for m in (msgspec.json.decode(body, type=Message) for (body,) in rows) if m.sender != "customer"]
