"""Takes codes to their people in the background, so that no answer in a chat waits for a mail server, or tells of one.

A letter is composed a second or two later, at a random moment: an answer that competed with it for the processor would be
slower for addresses that exist, and so tell which they are.

A code that cannot be sent is lost: the customer asks for another. It is never written down readably.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.letters import Letters
from services.errors import RemitError, Unavailable
from services.mail import Letter, Mail, Refused
from services.sign_in import Code

log = logging.getLogger(__name__)

TRIES = 3
PAUSE_SECONDS = 2.0  # before the second try, and twice that before the third


class Postman:
    """One per process. What is under way ends with `drain`."""

    def __init__(self, mail: Mail | None, letters: Letters, random: Callable[[int], bytes], after: float) -> None:
        """A letter is composed between ``after`` seconds and twice as many from now."""
        self._mail = mail
        self._letters = letters
        self._random = random
        self._after = after
        self._running: set[asyncio.Task[None]] = set()

    def deliver(self, code: Code, addressed: Callable[[Code], Awaitable[Code | None]]) -> None:
        """Send a code, if ``addressed`` finds whom it is for. Returns at once."""

        async def compose() -> Letter | None:
            found = await addressed(code)
            return None if found is None else self._letters.code(found)

        self._start(compose)

    def tell_old_address(self, to: str, name: str, language: str, at: datetime) -> None:
        """Tell the old address that it was changed. Returns at once."""

        async def compose() -> Letter | None:
            return self._letters.address_changed(to=to, name=name, language=language, at=at)

        self._start(compose)

    def _start(self, compose: Callable[[], Awaitable[Letter | None]]) -> None:
        task = asyncio.create_task(self._send(compose))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, compose: Callable[[], Awaitable[Letter | None]]) -> None:
        await asyncio.sleep(self._after * (1 + int.from_bytes(self._random(2)) / 65_536))
        for attempt in range(1, TRIES + 1):
            try:
                letter = await compose()
                if letter is not None and self._mail is not None:
                    await self._mail.send(letter)
            except Refused as error:
                log.warning("a letter was refused for good: %s", error)
                return
            except Unavailable as error:
                log.warning("a letter was not sent, attempt %d: %s", attempt, error)
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            except RemitError as error:  # it may have been sent: a second one would only confuse
                log.warning("a letter may not have been sent: %s", type(error).__name__)
                return
            else:
                return

    async def drain(self) -> None:
        """Before the end: let what is under way finish."""
        while self._running:
            await asyncio.wait(self._running)
