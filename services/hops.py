"""Moving a chat to another channel: the tokens that do it, and the addresses that go along.

A token names one chat, works once, in one channel, for ten minutes; only its hash is stored. What of a conversation goes
along is decided in `dialogs/hops.py`. Which payments do is handed in, and never guessed here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, insert, select, update

from services.database import Transact, micros
from services.payments import requests
from services.schema import hop, payment
from services.tokens import new_token, token_hash

LASTS = timedelta(minutes=10)
_SKEW = timedelta(seconds=60)  # further ahead than this it stems from before a clock was set back


class Good(msgspec.Struct, frozen=True):
    """A token that moves ``chat``, as it stood when its own token had been changed ``keys`` times."""

    chat: str
    keys: int
    ours: bool = False  # the message that asks has used it before: it may go on with what it began


class Over(msgspec.Struct, frozen=True):
    """A token that moves nothing any more, or not there; ``used``: because it has, or a later one of its chat."""

    used: bool


Found: TypeAlias = Good | Over


class Hops:
    """Built once. Every method may raise what the database raises."""

    def __init__(self, *, transact: Transact, clock: Callable[[], datetime], random: Callable[[int], bytes]) -> None:
        self._transact, self._clock, self._random = transact, clock, random

    async def issue(self, chat: str, keys: int, channel: str) -> str:
        """A fresh token that moves this chat to a chat of ``channel``, within ten minutes and once."""
        token = new_token(self._random)
        now = self._clock()
        row = {"chat": chat, "keys": keys, "channel": channel, "made_at": micros(now)}
        row |= {"token_hash": token_hash(token), "expires_at": micros(now + LASTS)}
        await self._transact(lambda conn: conn.execute(insert(hop), row))
        return token

    async def look(self, token: str, chat: str, message: str) -> Found | None:
        """What a token is worth to this message of this chat; None for one that never was any. Nothing is used up."""
        now = self._clock()
        return await self._transact(lambda conn: _look(conn, token, chat, message, now))

    async def use(self, token: str, chat: str, message: str) -> bool:
        """Use a token up, and with it all others of its chat; False when another message was quicker, or it is too late."""
        now = self._clock()
        return await self._transact(lambda conn: _use(conn, token, chat, message, now))

    async def forward(self, payments: Sequence[str], old: str, new: str, *, requests_too: bool) -> None:
        """From now on, what comes of these payments of ``old`` is told in ``new``; with ``requests_too``, what a person
        answers to its requests as well, but for those of a customer who signed in. Twice is as good as once.
        """
        await self._transact(lambda conn: _forward(conn, payments, old, new, requests_too=requests_too))

    async def address(self, reference: str) -> str:
        """The chat in which the results of a payment are told now; "" for one that nobody knows."""
        query = select(payment.c.chat).where(payment.c.reference == reference)
        return await self._transact(lambda conn: conn.execute(query).scalar_one_or_none() or "")


def _look(conn: Connection, token: str, chat: str, message: str, now: datetime) -> Found | None:
    row = conn.execute(select(hop).where(hop.c.token_hash == token_hash(token))).one_or_none()
    if row is None:
        return None
    if row.used_at is not None:
        ours = (row.used_in, row.used_by) == (chat, message)
        return Good(row.chat, row.keys, ours=True) if ours else Over(used=True)
    in_time = micros(now) < row.expires_at <= micros(now + LASTS + _SKEW)
    right = chat.partition(":")[0] == row.channel
    return Good(row.chat, row.keys) if in_time and right else Over(used=False)


def _use(conn: Connection, token: str, chat: str, message: str, now: datetime) -> bool:
    found = _look(conn, token, chat, message, now)
    if not isinstance(found, Good):
        return False
    if found.ours:
        return True
    used: dict[str, Any] = {"used_at": micros(now), "used_in": chat, "used_by": message}
    this = hop.c.token_hash == token_hash(token), hop.c.used_at.is_(None)
    if conn.execute(update(hop).where(*this).values(used)).rowcount != 1:
        return False
    # of the others nobody may say that they used them
    others = hop.c.chat == found.chat, hop.c.used_at.is_(None)
    conn.execute(update(hop).where(*others).values(used_at=micros(now)))
    return True


def _forward(conn: Connection, payments: Sequence[str], old: str, new: str, *, requests_too: bool) -> None:
    these = payment.c.chat == old, payment.c.reference.in_(sorted(payments))
    conn.execute(update(payment).where(*these).values(chat=new))
    if requests_too:
        requests.forward(conn, old, new)
