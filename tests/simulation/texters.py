"""Customers who write in Telegram: what they say becomes updates, and what they know is what their phone shows.

Nobody waits for an answer here; it is shown whenever it comes. They block the bot and come back, and go on with what they
began on the web page by the link that is shown there, and the other way round.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from bot.channels.telegram import name_of
from bot.stores.base import Message

from .people import Bill, Person
from .phones import _DATE
from .sentences import family

if TYPE_CHECKING:
    from .world import World

_NUMBERS = ("my card is 4242 4242 4242 4242", "5555 5555 5555 4444", "4000 0025 0000 3155 12/29")
_FIRST = 770_001  # Telegram's number of the first chat


class Texter(Person):
    """Somebody with a phone. ``address``: where their codes go, if they can sign in."""

    def __init__(self, world: "World", name: str, bills: list[Bill], address: str = "") -> None:
        super().__init__(world, name, bills)
        assert world.phones is not None
        self._phones = world.phones
        number = _FIRST + len(self._phones.every)
        self.chat = name_of(number)
        self.phone = self._phones.add(number, self.chat, self)
        self.asked_back = "/web"
        self._address = address
        self._posted: dict[str, dict[str, Any]] = {}  # updates, by the ids that their messages have in the log
        self.written: dict[str, int] = {}  # Telegram's numbers of what they wrote, likewise

    # --- talking -------------------------------------------------------------------------------------------------

    async def say(self, text: str, message: str = "") -> None:
        """Write something or press a button, or have an update of before come again."""
        if self.phone.blocked:
            await self.come_back()
        self._post(text, message)
        await asyncio.sleep(self._world.chance.choice((0.0, 0.0, 0.3, 2.0)))
        await self._phones.hand_over()

    def _post(self, text: str, message: str = "") -> None:
        world = self._world
        again = " again" if message in self._posted else ""
        if not again:
            message = f"update-{self._phones.number()}"
            self._posted[message] = self._pressed(text) if text in self.phone.keys else self._wrote(text, message)
        self.sent[message] = text or "/unreadable"
        self.said_at.setdefault(message, world.loop.time())
        world.tell(f"{self.name} writes{again} {text!r} ({message})")
        self._phones.post(self.phone, int(message.removeprefix("update-")), self._posted[message])

    def _me(self) -> dict[str, Any]:
        return {"id": self.phone.number, "is_bot": False, "first_name": "Dana", "language_code": "en"}

    def _chat(self) -> dict[str, Any]:
        return {"id": self.phone.number, "type": "private", "first_name": "Dana"}

    def _wrote(self, text: str, message: str) -> dict[str, Any]:
        number = self.written[message] = self._phones.number()
        words = {"text": text} if text else {"location": {"latitude": 1.5, "longitude": 2.5}}
        return {"message": {"message_id": number, "date": _DATE, "chat": self._chat(), "from": self._me(), **words}}

    def _pressed(self, payload: str) -> dict[str, Any]:
        number, text = self.phone.keys[payload]
        under = {"message_id": number, "date": _DATE, "chat": self._chat(), "text": text}
        query = {"id": str(self._phones.number()), "from": self._me(), "chat_instance": "-31", "data": payload}
        return {"callback_query": {**query, "message": under}}

    def shown(self, message: Message) -> None:
        """A message of the log reached the phone."""
        self._hear("", [message], whole=False)

    # --- what they do --------------------------------------------------------------------------------------------

    def act(self) -> Coroutine[None, None, None]:
        """The next thing this person does."""
        chance = self._world.chance
        if self.phone.blocked:
            return self.come_back() if chance.random() < 0.3 else self.listen()
        if self.sent and (luck := chance.random()) < 0.06:
            return self._block() if luck < 0.03 else self.say(chance.choice(_NUMBERS))
        last = self.newest()
        if self._address and last is not None and chance.random() < 0.85:
            offered = [choice.payload for choice in last.choices]
            if family("ask_code").search(last.text) and "/send-again" in offered:
                return self._tell_code()
            if family("ask_email").search(last.text):
                return self.say(self._address)
            if family("ask_account").search(last.text) and offered:
                return self.say(chance.choice(offered[:2]))
        return super().act()

    async def _tell_code(self) -> None:
        letters = self._world.letters.to(self._address)
        own = [each for each in letters if each.chat == self.chat]
        digits = (own or letters)[-1].digits if letters else "000000"
        await self.say(digits)

    # --- away and back -------------------------------------------------------------------------------------------

    async def _block(self) -> None:
        """Go away, perhaps before the answer to the last question comes."""
        if self._world.chance.random() < 0.7:
            self._post("/status")
        self.phone.blocked = True
        self._world.fault(f"{self.name} blocks the bot")
        self._moved("member", "kicked")
        await self._phones.hand_over()

    async def come_back(self) -> None:
        """Let the bot speak again; what was said meanwhile comes now."""
        self.phone.blocked = False
        self._world.fault(f"{self.name} lets the bot speak again")
        self._moved("kicked", "member")
        await self._phones.hand_over()

    def _moved(self, before: str, after: str) -> None:
        bot = {"id": 123_456, "is_bot": True, "first_name": "Simulated"}
        change = {
            "chat": self._chat(),
            "from": self._me(),
            "date": _DATE,
            "old_chat_member": {"user": bot, "status": before, "until_date": 0},
            "new_chat_member": {"user": bot, "status": after, "until_date": 0},
        }
        self._phones.post(self.phone, self._phones.number(), {"my_chat_member": change}, said=False)
