"""Invitations to sign in: to customers who owe something and never did (`remit invite`).

Decides who gets one and whether it is too soon; `bot.letters` words it, `services.mail` sends it.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, select

from bot.letters import Letters
from bot.send_links import MISSES
from services import pace
from services.errors import Unavailable, Uncertain
from services.mail import Mail, Refused, usable
from services.model import Details, same_address
from services.pace import Pace
from services.schema import account

if TYPE_CHECKING:
    from bot.app import Remit

log = logging.getLogger(__name__)

APART = timedelta(days=30)  # two invitations to one customer, or to one address


class Fate(StrEnum):
    """What became of one customer's invitation."""

    SENT = "sent"
    WOULD_SEND = "would_send"
    SENT_LATELY = "sent_lately"
    SIGNED_IN = "signed_in"  # at least once: there is nothing to invite to
    NO_ADDRESS = "no_address"
    NO_SUCH_CUSTOMER = "no_such_customer"  # none with an open invoice
    REFUSED = "refused"  # this address takes no mail
    NOT_SENT = "not_sent"  # the mail server did not take it: run it again
    UNCLEAR = "unclear"  # the line dropped at the last moment: it may have been sent


class Inviting(msgspec.Struct, frozen=True):
    """One customer, by id or as it was named, and what became of the invitation."""

    customer: str
    fate: Fate


class Outcome(msgspec.Struct, frozen=True):
    """What `invite` did, in the order of the customers."""

    letters: tuple[Inviting, ...]

    @property
    def failed(self) -> bool:
        """Whether something is left to do or to look at."""
        left = {Fate.NOT_SENT, Fate.UNCLEAR, Fate.NO_SUCH_CUSTOMER}
        return any(each.fate in left for each in self.letters)


async def invite(
    remit: "Remit", mail: Mail, customers: Sequence[str] = (), *, dry_run: bool = False, again: bool = False
) -> Outcome:
    """Invite all customers with an open invoice who never signed in, or those of them with these ids or addresses.

    One letter per customer and address in 30 days; ``again`` sends another one all the same, ``dry_run`` sends and writes
    nothing. Raises `Unavailable` or `Uncertain` when the books cannot be read: what was sent before stays sent, and is
    not sent again.
    """
    return await _Inviter(remit, mail).invite(customers, dry_run=dry_run, again=again)


class _Inviter:
    def __init__(self, remit: "Remit", mail: Mail) -> None:
        self._remit, self._mail = remit, mail
        self._letters = Letters(remit.settings)

    async def invite(self, named: Sequence[str], *, dry_run: bool, again: bool) -> Outcome:
        done: list[Inviting] = []
        misses = 0
        for customer, details in await self._wanted(named):
            if details is None:
                fate = Fate.NO_SUCH_CUSTOMER
            elif misses >= MISSES:
                fate = Fate.NOT_SENT
            else:
                fate = await self._one(customer, details, dry_run=dry_run, again=again)
                misses = misses + 1 if fate in {Fate.NOT_SENT, Fate.UNCLEAR} else 0
            done.append(Inviting(customer, fate))
        return Outcome(tuple(done))

    async def _wanted(self, named: Sequence[str]) -> list[tuple[str, Details | None]]:
        ids = dict.fromkeys(invoice.customer for invoice in await self._remit.books.list_open())
        owing = [(each, await self._remit.books.details(each) or Details()) for each in ids]
        if not named:
            return list(owing)
        wanted: dict[str, Details | None] = {}
        for name in named:
            found: dict[str, Details | None] = {each: details for each, details in owing if _is(each, details, name)}
            wanted |= found or {name: None}
        return list(wanted.items())

    async def _one(self, customer: str, details: Details, *, dry_run: bool, again: bool) -> Fate:
        if await self._remit.transact(lambda conn: _signed_in(conn, customer)):
            return Fate.SIGNED_IN
        if not usable(details.email.strip()):
            return Fate.NO_ADDRESS
        paces, now = _paces(customer, details.email), self._remit.clock()
        if dry_run:
            free = await self._remit.transact(lambda conn: pace.free_at(conn, paces, now)) <= now
            return Fate.WOULD_SEND if free or again else Fate.SENT_LATELY

        def take(conn: Connection) -> tuple[str, ...] | datetime:
            if again:
                pace.give_back(conn, [place for each in paces for place in each.places])
            return pace.take(conn, paces, now)

        places = await self._remit.transact(take)
        return await self._write(details, places) if isinstance(places, tuple) else Fate.SENT_LATELY

    async def _write(self, details: Details, places: tuple[str, ...]) -> Fate:
        letter = self._letters.invitation(
            to=details.email.strip(),
            name=details.name,
            url=f"{self._remit.settings.base_url}/chat#sign-in",
            language=details.language,
        )
        try:
            await self._mail.send(letter)
        except Refused as error:
            log.warning("an invitation was refused: %s", error)
            return Fate.REFUSED
        except Unavailable as error:
            log.warning("an invitation was not sent: %s", error)
            await self._remit.transact(lambda conn: pace.give_back(conn, places))
            return Fate.NOT_SENT
        except Uncertain as error:
            log.warning("an invitation may have been sent: %s", error)
            return Fate.UNCLEAR
        return Fate.SENT


def _is(customer: str, details: Details, name: str) -> bool:
    return customer == name or same_address(name, details.email)


def _signed_in(conn: Connection, customer: str) -> bool:
    return conn.execute(select(account.c.customer).where(account.c.customer == customer)).first() is not None


def _paces(customer: str, email: str) -> list[Pace]:
    """One address may stand for several customers, and one customer may change the address."""
    subjects = (f"invite customer:{customer}", f"invite address:{email.strip().casefold()}")
    return [Pace(hashlib.sha256(each.encode(errors="replace")).hexdigest(), 1, APART) for each in subjects]
