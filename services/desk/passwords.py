"""How passwords of the desk are kept: argon2id, computed beside the event loop, a few at a time."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 4  # each takes 19 MiB
LEAST = 12  # characters of one that somebody chooses
LONGEST = 200

# of a password that nobody knows: it is tried where there is no account, so that the time tells nothing
NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


class Passwords:
    """One per process."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        """What is stored, with its parameters and salt."""
        async with self._room:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, stored: str, password: str) -> bool:
        """Whether this is the password that was stored; the time is the same for a wrong one."""
        async with self._room:
            return await asyncio.to_thread(_fits, stored, password[:LONGEST])


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):  # the second: an account without one, which nobody signs in to
        return False
