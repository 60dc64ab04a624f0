"""The mail between the assistant and its customers: letters with codes, as they arrived, and for which chat.

A letter may be refused, lost, or arrive although nobody says so. Who reads which mailbox is known to `members`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.errors import Unavailable, Uncertain
from services.mail import Letter

if TYPE_CHECKING:
    from .life import Life
    from .world import World

CODE = re.compile(r"\b[0-9]{6}\b")
_LASTS_S = 10 * 60.0  # a code
_ASKED_FROM: ContextVar[str] = ContextVar("asked_from", default="")


@contextmanager
def asking_from(chat: str) -> Iterator[None]:
    """Whatever is caused meanwhile, in whichever task, was caused by this chat."""
    before = _ASKED_FROM.set(chat)
    try:
        yield
    finally:
        _ASKED_FROM.reset(before)


@dataclass(frozen=True)
class Arrived:
    """A letter with a code. ``chat`` is where it was asked for, or "" when somebody else finished the asking."""

    to: str
    digits: str
    chat: str
    at: float

    def fits(self, text: str, chat: str, now: float, slack: float) -> bool:
        """Whether this text is its code, in the chat it was sent for, and in time. ``slack``: seconds that clocks are off."""
        return self.digits in CODE.findall(text) and self.chat in ("", chat) and now - self.at <= _LASTS_S + slack


class Letters:
    """Every letter that arrived, in its order; of those with a code, what they say."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.named: list[str] = []  # every letter that has a name of its own, as often as it arrived

    def to(self, address: str) -> list[Arrived]:
        """What lies in one mailbox."""
        return [each for each in self.arrived if each.to == address]


class MortalMail:
    """`Mail` in a process that may die before and after each letter, over a line that may be bad."""

    def __init__(self, world: "World", life: "Life") -> None:
        self._world = world
        self._life = life

    async def send(self, letter: Letter) -> None:
        """See `services.mail.Mail.send`."""
        world = self._world
        await self._life.give_way("before a letter")
        weather, trouble = world.weather, ""
        if weather.line and weather.to in "/mail" and world.chance.random() < weather.line:
            trouble = world.chance.choice(("refused", "lost", "no answer"))
            world.fault(f"a letter to {letter.to} is {trouble}")
        if trouble in ("", "no answer"):
            world.letters.named += [letter.id] if letter.id else []
            for digits in CODE.findall(letter.text)[:1]:
                world.letters.arrived.append(Arrived(letter.to, digits, _ASKED_FROM.get(), world.loop.time()))
                world.tell(f"a letter to {letter.to}: {digits}")
        await self._life.give_way("after a letter")
        if trouble == "refused":
            raise Unavailable("the mail server took no letter")
        if trouble:
            raise Uncertain("the mail server gave no answer")
