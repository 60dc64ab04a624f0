"""What goes on without a message: telling late results, posting to the books, finishing what a dead process left,
and asking the gateway about payments that hang. Everything it does is written down first and may be done twice.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

from bot.runtime import Runtime
from bot.stores.base import Store
from services.errors import RemitError
from services.payments.checkout import Checkout, Job, PostJob, RefundJob, TellJob
from services.payments.comparison import compare_daily
from services.payments.giving_back import give_back
from services.payments.reconcile import reconcile

log = logging.getLogger(__name__)

AT_ONCE = 8  # jobs and effects under way
BATCH = 32  # four rounds of those, each of one call's time-outs, end within the lease
LEASE_SECONDS = 60
PAUSE_SECONDS = 1.0
RECONCILE_EVERY = timedelta(seconds=15)
COMPARE_EVERY = timedelta(hours=1)  # how often to see whether today's comparison is still to be made


class Worker:
    """One per process. `run` goes on until canceled; `work` is one round of it."""

    def __init__(self, checkout: Checkout, store: Store, runtime: Runtime, clock: Callable[[], datetime]) -> None:
        self._checkout = checkout
        self._store = store
        self._runtime = runtime
        self._clock = clock
        self._woken = asyncio.Event()
        self._reconciled: datetime | None = None
        self._compared: datetime | None = None

    def wake(self) -> None:
        """There is something to do: do not wait for the next round."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                busy = await self.work()
            except RemitError as error:  # a store is away, locked or full: what was to be done is still written there
                log.warning("a round of the worker was cut short: %s", error)
                busy = False
            except Exception:  # one broken round must not end the worker; the next one finds the same rows
                log.exception("a round of the worker broke")
                busy = False
            if not busy:
                await self._rest()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), PAUSE_SECONDS)
        except TimeoutError:
            return

    async def work(self) -> bool:
        """One round; whether there was anything to do, so that another round is worth it."""
        jobs = await self._checkout.jobs(BATCH)
        waiting = await self._store.claim(self._clock(), LEASE_SECONDS, BATCH)
        free = asyncio.Semaphore(AT_ONCE)

        async def in_turn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
            async with free:
                await work()

        due = (*(partial(self._do, job) for job in jobs), *(partial(self._runtime.resume, one) for one in waiting))
        # whoever does not answer holds up neither the others nor the questions to the gateway
        *_, compared = await _all((*(in_turn(work) for work in due), self._ask_the_gateway()))
        return bool(jobs) or bool(compared)

    async def _ask_the_gateway(self) -> bool:
        """About what hangs, every 15 s, and about everything, once a day; whether that made work."""
        now = self._clock()
        if self._reconciled is None or now - self._reconciled >= RECONCILE_EVERY:
            self._reconciled = now
            await reconcile(self._checkout, now)
        if self._compared is not None and now - self._compared < COMPARE_EVERY:
            return False
        self._compared = now
        try:
            report = await compare_daily(self._checkout, now)
        except RemitError as error:
            log.warning("the daily comparison was cut short (%s); it is made anew", type(error).__name__)
            return False
        if report is not None and (report.unknown or report.forgotten or report.overpaid):
            log.warning("the daily comparison opened cases: see `remit cases`")
        return report is not None

    async def _do(self, job: Job) -> None:
        try:
            match job:
                case PostJob():
                    await self._checkout.post(job)
                case TellJob():
                    await self._runtime.tell(job.payment, job.chat)
                    await self._checkout.done(job)
                case RefundJob():
                    await give_back(self._checkout, job)
                case _:
                    assert_never(job)
        except RemitError as error:
            log.warning("%s %d: %s, attempt %d", type(job).__name__, job.id, type(error).__name__, job.attempts + 1)
            await self._checkout.later(job, min(3600, 2 ** min(job.attempts + 1, 12)))


async def _all(works: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run them side by side to their ends, then raise the first error, if there was one."""
    answers = await asyncio.gather(*works, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
