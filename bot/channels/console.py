"""A conversation in the terminal: ``remit chat``. Pure wording of messages here; the line to the server is a `Line`."""

import asyncio
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.channels.base import Inbound
from bot.stores.base import Message
from services.errors import Unavailable

POLL_SECONDS = 1.0
NO_ANSWER = "  (The assistant does not answer just now. Please send that again in a moment; Ctrl-C ends the chat.)"

Read = Callable[[], Awaitable[str | None]]


class Line(Protocol):
    """The way to a running conversation. Both calls raise `Unavailable` while nobody is at the other end."""

    async def say(self, inbound: Inbound) -> list[Message]: ...

    async def since(self, chat: str, seq: int) -> list[Message]: ...


def show(message: Message) -> str:
    """A message as lines of text, with its link below it."""
    lines = [f"  {message.text}" if message.sender != "notice" else f"! {message.text}"]
    if message.link is not None:
        lines.append(f"  -> {message.link.url}")
    return "\n".join(lines)


def show_all(messages: list[Message]) -> str:
    """Several messages, and their buttons with the numbers that the conversation will understand."""
    texts = [show(message) for message in messages]
    choices = [choice for message in messages for choice in message.choices]
    return "\n".join([*texts, *(f"    {n}. {choice.title}" for n, choice in enumerate(choices, start=1))])


async def converse(line: Line, pay_link: str, read: Read | None = None) -> None:
    """Talk until the input ends. Late news is shown as soon as it comes, also while nobody types.

    ``read`` gives the next line typed, or None at the end; by default from standard input. Raises `Unavailable` when
    nobody answers the first message.
    """
    talk = _Talk(line)
    await talk.begin(pay_link)
    read = read or _Keyboard().read
    typed = asyncio.ensure_future(read())
    try:
        while True:
            done, _ = await asyncio.wait([typed], timeout=POLL_SECONDS)
            if not done:
                await talk.listen()
                continue
            if (text := typed.result()) is None:
                return
            if text.strip():
                await talk.say(text.strip())
            typed = asyncio.ensure_future(read())
    finally:
        typed.cancel()


class _Talk:
    """One conversation, and how much of it was shown."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._chat = f"console:{secrets.token_hex(8)}"
        self._seen = 0

    async def begin(self, pay_link: str) -> None:
        self._show(await self._line.say(Inbound(self._chat, secrets.token_hex(8), "/start", pay_link)))

    async def say(self, text: str) -> None:
        try:
            self._show(await self._line.say(Inbound(self._chat, secrets.token_hex(8), text)))
        except Unavailable:
            print(NO_ANSWER, flush=True)  # noqa: T201  # a terminal is what this channel is

    async def listen(self) -> None:
        """What came without being asked for."""
        try:
            self._show(await self._line.since(self._chat, self._seen), before="\n")
        except Unavailable:
            return  # whoever types next is told; what came meanwhile is shown when the line is back

    def _show(self, messages: list[Message], before: str = "") -> None:
        fresh = [message for message in messages if message.seq > self._seen and message.sender != "customer"]
        self._seen = max([self._seen, *(message.seq for message in messages)])
        if fresh:
            print(before + show_all(fresh), flush=True)  # noqa: T201  # as above


class _Keyboard:
    """Standard input, line by line, read in a thread that nobody waits for: Ctrl-C must end a chat at once."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_on, name="remit-keyboard", daemon=True).start()

    async def read(self) -> str | None:
        return await self._lines.get()

    def _read_on(self) -> None:
        ended = False
        while not ended:
            text = sys.stdin.readline()
            ended = not text
            self._loop.call_soon_threadsafe(self._lines.put_nowait, text or None)
