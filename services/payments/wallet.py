"""The wallet: a customer's saved methods, read and edited. Who the customer is was proved before; nothing is charged here.

The gateway keeps the methods, `services.payments.notes` what we know beside that. No state is kept in this object.
"""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

from services.database import Transact
from services.model import Methods
from services.payments import notes
from services.payments.autopay import notices
from services.payments.gateways.base import Vault
from services.payments.notes import vault_name

Edit: TypeAlias = Literal["remove", "favorite", "nickname"]

LONGEST = 40  # characters of a nickname


class Wallet:
    """Every method may raise `Unavailable`, `Uncertain` or `Malformed`: the gateway or the database gave no usable answer."""

    def __init__(self, transact: Transact, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._transact = transact
        self._vault = vault
        self._clock = clock

    async def methods(self, customer: str) -> Methods:
        """What is kept for this customer: the favorite first, then the newest."""
        kept = await self._vault.methods(vault_name(customer))
        return Methods(await self._transact(lambda conn: notes.merged(conn, customer, kept)))

    async def edit(self, customer: str, what: Edit, method: str, nickname: str = "") -> Methods:
        """Remove a method (which ends the autopay that would charge it), let it come first, or name it (at most `LONGEST` characters; empty: by no name).

        Doing it twice changes nothing, and a method that is not this customer's stays as it is. The methods as they
        stand then.
        """
        if (
            what == "remove"
        ):  # also of one that is gone: the answer to an earlier try may have been lost before the note went
            await self._vault.forget(vault_name(customer), method)
            now = self._clock()
            await self._transact(lambda conn: notes.forget(conn, customer, method))
            await self._transact(lambda conn: notices.method_gone(conn, customer, method, now))
        elif any(each.id == method for each in (await self.methods(customer)).saved):
            now = self._clock()
            if what == "favorite":
                await self._transact(lambda conn: notes.prefer(conn, customer, method, now))
            else:
                await self._transact(lambda conn: notes.name(conn, customer, method, _clean(nickname), now))
        return await self.methods(customer)


def _clean(nickname: str) -> str:
    """One line without controls and other characters that nobody sees, at most `LONGEST` characters."""
    seen = "".join(" " if unicodedata.category(ch)[0] in "CZ" else ch for ch in nickname[: LONGEST * 4])
    return " ".join(seen.split())[:LONGEST].rstrip()
