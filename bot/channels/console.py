"""A conversation in the terminal: ``remit chat``. Pure wording of messages here; the line to the server is a `Line`."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.channels.base import Inbound
from bot.stores.base import Message

POLL_SECONDS = 1.0


class Line(Protocol):
    """The way to a running conversation."""

    async def say(self, inbound: Inbound) -> list[Message]: ...

    async def since(self, chat: str, seq: int) -> list[Message]: ...


def show(message: Message) -> str:
    """A message as lines of text; its buttons numbered, since the number is the button."""
    lines = [f"  {message.text}" if message.sender != "notice" else f"! {message.text}"]
    if message.link is not None:
        lines.append(f"  -> {message.link.url}")
    return "\n".join(lines)


def show_all(messages: list[Message]) -> str:
    """Several messages, with the numbers that the conversation will understand."""
    texts = [show(message) for message in messages]
    choices = [choice for message in messages for choice in message.choices]
    return "\n".join([*texts, *(f"    {n}. {choice.title}" for n, choice in enumerate(choices, start=1))])


async def converse(line: Line, pay_link: str, read: Callable[[], Awaitable[str | None]] | None = None) -> None:
    """Talk until the input ends. Late news is shown as soon as it comes, also while nobody types."""
    chat, seen = f"console:{secrets.token_hex(8)}", 0

    async def send(text: str, token: str = "") -> None:
        nonlocal seen
        messages = await line.say(Inbound(chat, secrets.token_hex(8), text, token))
        fresh = [message for message in messages if message.seq > seen]
        seen = max([seen, *(message.seq for message in messages)])
        print(show_all(fresh), flush=True)  # noqa: T201  # a terminal is what this channel is

    await send("/start", pay_link)
    typed = asyncio.ensure_future((read or _typed)())
    while True:
        done, _ = await asyncio.wait([typed], timeout=POLL_SECONDS)
        if not done:
            news = [message for message in await line.since(chat, seen) if message.sender != "customer"]
            if news:
                seen = news[-1].seq
                print("\n" + show_all(news), flush=True)  # noqa: T201  # as above
            continue
        if (text := typed.result()) is None:
            return
        await send(text.strip())
        typed = asyncio.ensure_future((read or _typed)())


async def _typed() -> str | None:
    """The next line of standard input; None at its end."""
    line = await asyncio.to_thread(sys.stdin.readline)
    return line or None
