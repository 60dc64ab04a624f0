"""Refunds as they are performed: written down, sent with no transaction open, settled by the gateway's word.

Whoever asks and the worker go the same way, and the refund's own key makes it happen once however often it is sent.
"""

import logging

from services.errors import RemitError
from services.payments import outbox, refunds
from services.payments.checkout import Checkout
from services.payments.gateways.base import NoRefund
from services.payments.keys import Hold
from services.payments.outbox import RefundJob
from services.payments.refunds import NotRefundable, Refund, RefundOrder, RefundState

_log = logging.getLogger(__name__)
_AGAIN_S = 5  # until the worker tries what had no answer


async def refund(checkout: Checkout, order: RefundOrder) -> Refund | NotRefundable:
    """Give money back, once per ``order.key``. The refund that comes back is DONE, FAILED, or still ASKED.

    ASKED: the gateway takes its time, or gave no answer; the worker goes on, and the customer hears of the result.
    """
    now = checkout.clock()
    asked = await checkout.transact(lambda conn: refunds.ask(conn, order, now, checkout.random))
    if isinstance(asked, NotRefundable) or asked.state is not RefundState.ASKED:
        return asked
    for job in await checkout.transact(lambda conn: outbox.claim(conn, 1, checkout.clock(), f"refund:{asked.id}")):
        assert isinstance(job, RefundJob)
        try:
            await give_back(checkout, job)
        except RemitError as error:
            _log.warning("refund %s: %s; the worker goes on with it", asked.id, type(error).__name__)
            await checkout.later(job, _AGAIN_S)
    return await checkout.transact(lambda conn: refunds.known_refund(conn, asked.id))


async def give_back(checkout: Checkout, job: RefundJob) -> bool:
    """Send one refund, and take the gateway's word. Raises `Unavailable` and `Uncertain`: then `later`."""
    made = job.request.refund
    key = await checkout.transact(lambda conn: refunds.key_to_send(conn, made, checkout.clock()))
    if key is Hold.LOOK_UP:
        await checkout.take(await checkout.gateway.find(job.request.reference) or ())
        await checkout.transact(lambda conn: refunds.never_settled(conn, made, checkout.clock()))
    elif key is not None:
        answer = await checkout.gateway.refund(job.request, key)
        if isinstance(answer, NoRefund):
            why = answer.why
            await checkout.transact(lambda conn: refunds.refused(conn, made, why, checkout.clock()))
        else:
            await checkout.take(answer)
    return await checkout.done(job)
