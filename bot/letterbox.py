"""The worker's side of the letter box: claims letters that are due, has each composed as things stand now, and sends it.

Who writes a kind of letter is registered in `bot/app.py`; whether it may go out still, and to which address, is the
composer's to say. Nothing here knows what a letter says.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from services import letterbox
from services.database import Transact
from services.errors import RemitError, Unavailable, Uncertain
from services.letterbox import Held, Wanted
from services.mail import Letter, Mail, Refused, usable

log = logging.getLogger(__name__)

# Writes a letter as things stand when it is sent; None: not true any more, or the customer has no address on file.
# Raises what the books raise when they are away: then it is asked again later.
Composer: TypeAlias = Callable[[Wanted], Awaitable[Letter | None]]

AT_ONCE = 8  # talks with the mail server side by side
NOT_TO_SEND = "nothing to send"
NO_ADDRESS = "no address"


class LetterBox:
    """One per process. Everything it does is written down first, and survives being killed anywhere."""

    def __init__(
        self,
        *,
        transact: Transact,
        mail: Mail | None,
        composers: Mapping[str, Composer],
        clock: Callable[[], datetime],
        secret: bytes,
    ) -> None:
        """``composers`` by the kind of letter. Without ``mail`` letters wait, and are given up when their time is over."""
        self._transact = transact
        self._mail = mail
        self._composers = composers
        self._clock = clock
        self._secret = secret

    async def work(self) -> bool:
        """Send what is due, `AT_ONCE` at most; whether there was anything to send."""
        if self._mail is None:
            return False
        held = await self._transact(lambda conn: letterbox.claim(conn, AT_ONCE, self._clock()))
        await asyncio.gather(*(self._see_to(each, self._mail) for each in held))
        return bool(held)

    async def _see_to(self, held: Held, mail: Mail) -> None:
        composer = self._composers.get(held.wanted.kind)
        if composer is None:  # written by a newer process than this one, which takes it up then
            log.warning("letter %d has to wait: nobody here writes a %r", held.id, held.wanted.kind)
            await self._later(held)
            return
        try:
            letter = await composer(held.wanted)
        except RemitError as error:
            log.warning("letter %d was not composed: %s, attempt %d", held.id, type(error).__name__, held.attempts + 1)
            await self._later(held)
        except Exception:  # a bug in one kind of letter, of which the others must not suffer
            log.exception("letter %d broke while it was composed, attempt %d", held.id, held.attempts + 1)
            await self._later(held)
        else:
            await self._send(held, letter, mail)

    async def _send(self, held: Held, letter: Letter | None, mail: Mail) -> None:
        """With no transaction open; before it, what is about to happen is written down, and after it, what did."""
        if letter is None or not usable(letter.to):
            why = NOT_TO_SEND if letter is None else NO_ADDRESS
            await self._settle(partial(letterbox.moot, held=held, why=why))
            return
        name = self.name_of(held.wanted.key)
        dated = await self._transact(lambda conn: letterbox.hand_over(conn, held, name, self._clock()))
        if dated is None:
            return  # somebody else is at it, or it was dropped meanwhile
        try:
            await mail.send(replace(letter, id=name, dated=dated))
        except Refused as error:
            log.warning("letter %d was refused: %s", held.id, error)
            await self._settle(partial(letterbox.refused, held=held, code=error.code))
        except Unavailable as error:
            log.warning("letter %d was not sent, attempt %d: %s", held.id, held.attempts + 1, error)
            await self._later(held, handed=True)
        except Uncertain as error:
            log.warning("letter %d may have been sent: %s", held.id, error)
            await self._settle(partial(letterbox.unsure, held=held))
        else:
            await self._settle(partial(letterbox.sent, held=held))

    def name_of(self, key: str) -> str:
        """The part before the @ of the Message-ID of this cause: the same each time, and nobody else can guess it.

        A report that a letter did not arrive is believed because it names it.
        """
        return hmac.digest(self._secret, f"letter:{key}".encode(), "sha256").hex()[:40]

    async def _later(self, held: Held, *, handed: bool = False) -> None:
        await self._settle(partial(letterbox.later, held=held, handed=handed))

    async def _settle(self, write: Callable[..., bool]) -> None:
        await self._transact(lambda conn: write(conn, now=self._clock()))
