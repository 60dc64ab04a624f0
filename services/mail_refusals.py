"""Addresses that take no mail, by the word of a mail server: kept as keyed hashes, and spared from then on.

A new address on file has another hash, so it is written to again. Sign-in codes go out past this: whoever asks for one
now knows best. Synchronous functions over one connection, and `Sparing`, which asks them around every letter.
"""

import hmac
import re
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, delete, select

from services.database import Transact, insert_once, instant, micros
from services.mail import Letter, Mail, Refused
from services.schema import mail_refusal

# RFC 3463, 3.2 to 3.5: the address or mailbox is bad, moved or disabled, or its domain is not there. Not: a full mailbox
# (5.2.2), a letter that is too large or not liked (5.2.3, 5.3.4, 5.6, 5.7), or an address of ours that is wrong (5.1.7, 5.1.8).
_OF_THE_ADDRESS = re.compile(r"5\.(0\.0|1\.(0|1|2|3|4|6|10)|2\.[01]|4\.4)")


class Refusal(msgspec.Struct, frozen=True):
    """That an address takes no mail: since when, and the code by which a mail server said so."""

    at: datetime
    code: str


def is_of_address(code: str) -> bool:
    """Whether this status says that no letter will ever arrive at the address, and not only this one."""
    return _OF_THE_ADDRESS.fullmatch(code) is not None


def hash_of(address: str, secret: bytes) -> str:
    """What is kept of an address; the case of its letters aside."""
    return hmac.digest(secret, b"mail address:" + address.strip().casefold().encode(errors="replace"), "sha256").hex()


def mark(conn: Connection, address_hash: str, code: str, now: datetime) -> bool:
    """Nothing is sent to this address any more; False when that was so already."""
    return insert_once(conn, mail_refusal, address_hash=address_hash, at=micros(now), code=code)


def lift(conn: Connection, address_hash: str) -> bool:
    """Write to this address again: somebody has seen to it. Whether it was marked."""
    return conn.execute(delete(mail_refusal).where(mail_refusal.c.address_hash == address_hash)).rowcount == 1


def of(conn: Connection, address_hash: str) -> Refusal | None:
    """What is known against this address."""
    row = conn.execute(select(mail_refusal).where(mail_refusal.c.address_hash == address_hash)).one_or_none()
    return None if row is None else Refusal(instant(row.at), row.code)


class Sparing:
    """`Mail` that sends nothing to addresses that take none, and learns which those are.

    A letter without an id gets one that names its address under the installation's secret: a report that it did not
    arrive is believed by that alone (`named_by`).
    """

    def __init__(
        self,
        mail: Mail,
        transact: Transact,
        secret: bytes,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._mail, self._transact, self._secret = mail, transact, secret
        self._clock, self._random = clock, random

    async def send(self, letter: Letter) -> None:
        """See `Mail.send`; `Refused` also for an address that refused an earlier letter."""
        address = hash_of(letter.to, self._secret)
        known = await self._transact(lambda conn: of(conn, address))
        if known is not None:
            raise Refused("this address takes no mail: it refused an earlier letter", known.code)
        named = letter if letter.id else replace(letter, id=tagged(self._random(12).hex(), address, self._secret))
        try:
            await self._mail.send(named)
        except Refused as error:
            code = error.code
            if is_of_address(code):
                await self._transact(lambda conn: mark(conn, address, code, self._clock()))
            raise


def tagged(nonce: str, address_hash: str, secret: bytes) -> str:
    """The id of a letter to this address."""
    tag = hmac.digest(secret, f"letter to {address_hash}:{nonce}".encode(), "sha256").hex()[:24]
    return f"{nonce}.{tag}"


def named_by(letter_id: str, address: str, secret: bytes) -> str | None:
    """The hash of this address, if a letter with this id went to it; else None."""
    nonce, dot, _ = letter_id.partition(".")
    address_hash = hash_of(address, secret)
    fits = dot and hmac.compare_digest(letter_id.encode(), tagged(nonce, address_hash, secret).encode())
    return address_hash if fits else None
