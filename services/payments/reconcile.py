"""The reconciler: asks the gateway about every payment that may hang, and takes its word.

It looks up and never acts: no charge, no page, no request under a start's key will ever be sent from here.
"""

import logging
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.errors import RemitError, Unavailable
from services.payments import ledger, starts
from services.payments.checkout import Checkout
from services.payments.gateways.base import Fact

_log = logging.getLogger(__name__)


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
    looked = 0
    for reference in await checkout.transact(lambda conn: ledger.to_look_up(conn, checkout.gateway.name, now)):
        try:
            looked += await _ask(checkout, reference, now)
        except Unavailable:
            _log.warning("the gateway is not there; %s and the rest wait", reference)
            break
        except RemitError:
            _log.warning("no usable answer about %s; its turn comes again", reference)
    return looked


async def _ask(checkout: Checkout, reference: str, now: datetime) -> bool:
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
    if found.facts is None:
        starts.never_heard(conn, found.reference, found.fence, now)
    else:
        ledger.take(conn, gateway, found.facts, now)
    ledger.release(conn, found.reference, found.fence)
