"""The reconciler: asks the gateway about every payment that may hang, and takes its word.

It looks up and never acts: no charge, no page, no refund, no request under any payment's key will ever be sent from here.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.errors import RemitError, Unavailable
from services.payments import facts as word
from services.payments import ledger, starts
from services.payments.checkout import Checkout
from services.payments.gateways.base import Fact

_log = logging.getLogger(__name__)
_AT_ONCE = 8  # questions under way; a gateway that was away for hours may owe hundreds of answers


class Found(msgspec.Struct, frozen=True):
    """What the gateway answered about one payment, to whoever holds ``fence``; no facts at all: it never heard of it."""

    reference: str
    fence: int
    facts: tuple[Fact, ...] | None


async def reconcile(checkout: Checkout, now: datetime) -> int:
    """Look up every payment that is due for it at ``now``; answers how many the gateway gave word on.

    Leased one by one, so that two workers never look at the same. A gateway that is down ends the pass: the next one,
    15 s later, goes on with those that waited longest.
    """
    due = await checkout.transact(lambda conn: ledger.to_look_up(conn, checkout.gateway.name, now))
    looked = 0
    for first in range(0, len(due), _AT_ONCE):
        answers = await _ask_several(checkout, due[first : first + _AT_ONCE], now)
        looked += sum(answer is True for answer in answers)
        if any(isinstance(answer, Unavailable) for answer in answers):
            _log.warning("the gateway is not there; %d payments wait for its word", len(due) - looked)
            break
    return looked


async def _ask_several(checkout: Checkout, references: Sequence[str], now: datetime) -> list[bool | RemitError]:
    async def ask(reference: str) -> bool | RemitError:
        try:
            return await look_at(checkout, reference, now)
        except RemitError as error:
            _log.warning("no usable answer about %s (%s); its turn comes again", reference, type(error).__name__)
            return error

    if len(references) == 1:
        return [await ask(references[0])]
    return await asyncio.gather(*(ask(reference) for reference in references))


async def look_at(checkout: Checkout, reference: str, now: datetime) -> bool:
    """Ask the gateway about one payment and take its word; False when somebody else holds its lease."""
    fence = await checkout.transact(lambda conn: ledger.look(conn, reference, now))
    if fence is None:
        return False
    try:
        facts = await checkout.gateway.find(reference)
    except RemitError:
        await checkout.transact(lambda conn: ledger.release(conn, reference, fence))
        raise
    await checkout.transact(lambda conn: _settle(conn, checkout.gateway.name, Found(reference, fence, facts), now))
    return True


def _settle(conn: Connection, gateway: str, found: Found, now: datetime) -> None:
    before = ledger.row_of(conn, found.reference)
    if found.facts is None:
        starts.never_heard(conn, found.reference, found.fence, now)
    else:
        word.take(conn, gateway, found.facts, now)
    ledger.unmoved(conn, found.reference, before.version)
    ledger.release(conn, found.reference, found.fence)
