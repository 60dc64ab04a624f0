"""Wakes whoever watches a conversation. It carries no message: those are read from the store, by number.

One process: the embedded store has no other writer. Many workers ring each other through the store they share
(`bot/stores/redis.py`); a ring that is lost there delays, and loses nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Bell:
    """Rings for a chat whenever something was committed to it."""

    def __init__(self) -> None:
        self._listening: dict[str, set[asyncio.Event]] = {}
        self._taps: list[Callable[[str], None]] = []

    def tap(self, heard: Callable[[str], None]) -> None:
        """Call this with every chat that rings in this process; with what another process commits, it is not called."""
        self._taps.append(heard)

    @contextmanager
    def listen(self, chat: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the chat rings, for as long as it is listened to."""
        woken = asyncio.Event()
        self._listening.setdefault(chat, set()).add(woken)
        try:
            yield woken
        finally:
            listening = self._listening[chat]
            listening.discard(woken)
            if not listening:
                del self._listening[chat]

    def listeners(self, chat: str) -> int:
        """How many listen to this chat just now."""
        return len(self._listening.get(chat, ()))

    def ring(self, chat: str) -> None:
        for woken in self._listening.get(chat, ()):
            woken.set()
        for heard in self._taps:
            heard(chat)

    def ring_all(self) -> None:
        """Rings for every chat: what was committed meanwhile is not known."""
        for chat in self._listening:
            self.ring(chat)
