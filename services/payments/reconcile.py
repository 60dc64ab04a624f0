"""The reconciler: asks the gateway about every payment that may hang, and takes its word.

It looks up and never pays: no charge, no page, no refund, no request under any payment's key will ever be sent from here.
What it may do is close the page of a charge that must not follow any more.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from services.errors import RemitError, Unavailable
from services.payments import ledger
from services.payments.checkout import Checkout

_log = logging.getLogger(__name__)
_AT_ONCE = 8  # questions under way; a gateway that was away for hours may owe hundreds of answers


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
            return await checkout.look_at(reference, now)
        except RemitError as error:
            _log.warning("no usable answer about %s (%s); its turn comes again", reference, type(error).__name__)
            return error

    if len(references) == 1:
        return [await ask(references[0])]
    return await asyncio.gather(*(ask(reference) for reference in references))
