"""Messages of channels that are called, as they come in: answered in the order of each chat, before whoever brought them is told so.

What they say goes out by `bot/delivery.py`. Nothing is written down before: a message that could not be taken in is refused, and
whoever brought it brings it again. A channel whose other side may not be kept waiting writes down first, as
`bot/telegram_intake.py` does.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from weakref import WeakValueDictionary

from bot.channels.base import Inbound
from bot.push import Bell
from bot.runtime import Runtime
from services import deliveries
from services.database import Transact
from services.errors import RemitError

log = logging.getLogger(__name__)


class Intake:
    """One per process."""

    def __init__(self, runtime: Runtime, transact: Transact, bell: Bell) -> None:
        self._runtime = runtime
        self._transact = transact
        self._bell = bell
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # as long as somebody holds one

    async def hear(self, said: Sequence[Inbound]) -> None:
        """Answer these, each once however often it comes; one chat's trouble holds up no other.

        Raises `RemitError` when one could be neither read nor written: bring all of them again.
        """
        chats: dict[str, list[Inbound]] = {}
        for each in said:
            chats.setdefault(each.chat, []).append(each)
        work = (self._hear_in_turn(chat, mine) for chat, mine in chats.items())
        for trouble in await asyncio.gather(*work, return_exceptions=True):
            if trouble is not None:
                raise trouble

    async def _hear_in_turn(self, chat: str, said: Sequence[Inbound]) -> None:
        async with self._turns.setdefault(chat, asyncio.Lock()):
            await self._transact(partial(deliveries.begin, chat=chat))  # before the answer rings for it
            for each in said:
                try:
                    await self._runtime.handle(each)
                except RemitError:
                    raise
                except Exception:  # a bug: told, and the chat goes on; for ever again it would hold up what follows
                    log.exception("a message could not be answered, and is passed over")
            # whoever writes is there; only now, since a way out may ask when they wrote last
            await self._transact(partial(deliveries.back, chat=chat))
            self._bell.ring(chat)
