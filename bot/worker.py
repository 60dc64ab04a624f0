"""What goes on without a message: telling late results, posting to the books, sending letters, finishing what a dead
process left, charging what autopay is due,
asking the gateway about payments that hang, and forgetting what is old. Everything it does is written down
first and may be done twice.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

from bot.desk.actions import Desk
from bot.letterbox import LetterBox
from bot.reminders import Reminders
from bot.runtime import Runtime
from bot.stores.base import Store, Waiting
from services import deliveries, pruning
from services.errors import RemitError
from services.payments import requests
from services.payments.autopay import notices
from services.payments.autopay.orders import StandingOrders
from services.payments.checkout import Checkout, Job, PostJob, RefundJob, TellJob
from services.payments.comparison import compare_daily
from services.payments.giving_back import give_back
from services.payments.reconcile import reconcile

log = logging.getLogger(__name__)

AT_ONCE = 8  # jobs and effects under way
# Four rounds of those. Where back ends let each wait for all its time-outs, the last ones outlive their leases and are
# taken up by somebody else as well: their keys and fences make once of it.
BATCH = 32
LEASE_SECONDS = 60
PAUSE_SECONDS = 1.0
RECONCILE_EVERY = timedelta(seconds=15)
COMPARE_EVERY = timedelta(hours=1)  # how often to see whether today's comparison is still to be made
REMIND_EVERY = timedelta(hours=1)
REMIND_AFTER = timedelta(minutes=1)  # a start: whoever brings in invoices or sends links first has time to
PRUNE_EVERY = timedelta(days=1)
RUN_AUTOPAY_EVERY = timedelta(hours=1)
FOLLOW_AUTOPAY_EVERY = timedelta(seconds=15)


class Worker:
    """One per process. `run` goes on until canceled; `work` is one round of its jobs and questions, to their ends."""

    def __init__(  # noqa: PLR0917  # as they stand in `bot.app`
        self,
        checkout: Checkout,
        store: Store,
        runtime: Runtime,
        desk: Desk,
        letterbox: LetterBox,
        orders: StandingOrders,
        reminders: Reminders,
        clock: Callable[[], datetime],
        kept: timedelta,
        spans: pruning.Spans,
    ) -> None:
        """``kept``: how long a silent conversation is; ``spans``: how long rows of the ledger's database are."""
        self._checkout = checkout
        self._store = store
        self._runtime = runtime
        self._desk = desk
        self._letterbox = letterbox
        self._orders = orders
        self._reminders = reminders
        self._clock = clock
        self._kept = kept
        self._spans = spans
        self._woken = asyncio.Event()
        self._reconciled: datetime | None = None
        self._compared: datetime | None = None
        self._pruned: datetime | None = None
        self._ran: datetime | None = None
        self._caught_up: datetime | None = None
        self._reminded: datetime | None = None

    def wake(self) -> None:
        """There is something to do: do not wait for the next round."""
        self._woken.set()

    async def run(self) -> None:
        """Each at its own pace: a comparison of an hour holds up neither the jobs nor the questions of the minute."""
        self._reminded = self._clock() - REMIND_EVERY + REMIND_AFTER
        errands = (
            self._reconcile,
            self._compare,
            self._prune_daily,
            self._run_autopay,
            self._remind,
            self._tell_answers,
            self._tell_notices,
            self._desk.catch_up,
        )
        async with asyncio.TaskGroup() as group:  # where one breaks, all end, and whoever began them begins again
            group.create_task(self._keep_working())
            group.create_task(self._keep_writing())
            for errand in errands:
                group.create_task(self._keep_looking(errand))

    async def _keep_working(self) -> None:
        while True:
            self._woken.clear()
            if not await _withstood(self._work_off):
                await self._rest()

    async def _keep_writing(self) -> None:
        """Letters have a pace of their own: a mail server that does not answer holds up nothing else."""
        while True:
            if not await _withstood(self._letterbox.work):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _keep_looking(self, errand: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        while True:
            if await _withstood(errand):
                self.wake()  # it made work
            await asyncio.sleep(PAUSE_SECONDS)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):  # not `wait_for`, which may lose a cancellation (Python 3.11)
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._woken.wait()

    async def work(self) -> bool:
        """One round; whether there was anything to do, so that another round is worth it."""
        busy, due = await self._claim()
        # whoever does not answer holds up neither the others nor the questions to the gateway
        *_, left, told, noticed, compared, sent, reminded, ran = await _all(
            (
                *due,
                self._desk.catch_up(),
                self._tell_answers(),
                self._tell_notices(),
                self._ask_the_gateway(),
                self._letterbox.work(),
                self._remind(),
                self._run_autopay(),
            )
        )
        return busy or left or told or noticed or bool(compared) or sent or reminded or ran

    # --- jobs and effects ----------------------------------------------------------------------------------------

    async def _work_off(self) -> bool:
        busy, due = await self._claim()
        await _all(due)
        return busy

    async def _claim(self) -> tuple[bool, list[Coroutine[Any, Any, None]]]:
        """Whether jobs are due, and what is to be done of jobs and effects, `AT_ONCE` of it side by side."""
        jobs = await self._checkout.jobs(BATCH)
        free = asyncio.Semaphore(AT_ONCE)

        async def in_turn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
            async with free:
                await work()

        due = [
            *(partial(self._do, job) for job in jobs),
            *(partial(self._runtime.resume, one) for one in await self._left()),
        ]
        return bool(jobs), [in_turn(work) for work in due]

    async def _left(self) -> list[Waiting]:
        """Effects that somebody left. A conversation store that is away holds up no job: those are the ledger's."""
        try:
            return await self._store.claim(self._clock(), LEASE_SECONDS, BATCH)
        except RemitError as error:
            log.warning("effects that were left have to wait: %s", error)
            return []

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
            await self._put_off(job)
        except Exception:  # a bug, of which the other jobs must not suffer; those behind it wait as long as it does
            log.exception("%s %d broke, attempt %d", type(job).__name__, job.id, job.attempts + 1)
            await self._put_off(job)

    async def _put_off(self, job: Job) -> None:
        """Try it again, ever more rarely; in the end a person hears of it."""
        await self._checkout.later(job, min(3600, 2 ** min(job.attempts + 1, 12)))
        await self._checkout.stuck(job)

    # --- errands -------------------------------------------------------------------------------------------------

    async def _ask_the_gateway(self) -> bool:
        """About what hangs, then about everything, where it is time to; whether that made work."""
        await self._reconcile()
        return await self._compare()

    async def _reconcile(self) -> bool:
        """Ask about what hangs, every 15 s; whether the gateway gave word."""
        now = self._clock()
        if not _is_time(self._reconciled, now, RECONCILE_EVERY):
            return False
        self._reconciled = now
        return bool(await reconcile(self._checkout, now))

    async def _compare(self) -> bool:
        """Hold everything against the gateway's listing, once a day; whether that was done now."""
        now = self._clock()
        if not _is_time(self._compared, now, COMPARE_EVERY):
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

    async def _tell_answers(self) -> bool:
        """What a person answered to requests, into the chats they came from; whether there was any.

        Where the chat is gone, or somebody else's by now, it counts as told: the customer finds it among their requests.
        """
        untold = await self._checkout.transact(lambda conn: requests.untold(conn, BATCH))
        for answered in untold:
            await self._runtime.tell_answer(answered.chat, answered.request, answered.customer or "")
            case = answered.case
            await self._checkout.transact(partial(requests.told, case=case, now=self._clock()))
        return bool(untold)

    async def _run_autopay(self) -> bool:
        """Plan, tell and charge what is due, every hour; in between see what became of it. Whether anything was done."""
        now = self._clock()
        if _is_time(self._ran, now, RUN_AUTOPAY_EVERY):
            self._ran = self._caught_up = now
            return await self._orders.run() is not None
        if _is_time(self._caught_up, now, FOLLOW_AUTOPAY_EVERY):
            self._caught_up = now
            return await self._orders.catch_up() is not None
        return False

    async def _tell_notices(self) -> bool:
        """What autopay has to tell, in the chats that its customers used last; whether there was any.

        Where the chat is gone, or its customer has signed out, it counts as told: the letter says the same.
        """
        untold = await self._checkout.transact(lambda conn: notices.untold(conn, BATCH))
        for each in untold:
            await self._runtime.tell_notice(each.chat, each.id, each.notice, each.customer)
            await self._checkout.transact(partial(notices.told, notice=each.id, now=self._clock()))
        return bool(untold)

    async def _remind(self) -> bool:
        """Put reminders on the list of letters whose day has come; whether there were any."""
        now = self._clock()
        if not _is_time(self._reminded, now, REMIND_EVERY):
            return False
        self._reminded = now
        return await self._reminders.work()

    async def _prune_daily(self) -> bool:
        now = self._clock()
        if _is_time(self._pruned, now, PRUNE_EVERY):
            self._pruned = now
            await self.prune()
        return False

    async def prune(self) -> None:
        """Forget silent conversations, and rows of the ledger's database that nobody can ask for any more.

        In small transactions, so that no customer waits for it.
        """
        now = self._clock()
        talks = await self._store.prune(now - self._kept)
        rows = 0
        await self._checkout.transact(partial(deliveries.stamp, now=now))
        for table in pruning.TABLES:
            after: str | int | None = table.first
            while after is not None:
                piece = partial(pruning.prune, table=table, after=after, now=now, spans=self._spans)
                gone, after = await self._checkout.transact(piece)
                rows += gone
        if talks or rows:
            log.info("forgot %d silent conversations and %d old rows", talks, rows)


def _is_time(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether it is time again. A clock that was set back must not stop anything until it is there once more."""
    return last is None or not last <= now < last + every


async def _withstood(work: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    """What a round answered; False when it was cut short: it must not be the last one."""
    try:
        return await work()
    except RemitError as error:  # a store is away, locked or full: what was to be done is still written there
        log.warning("a round of the worker was cut short: %s", error)
    except Exception:  # the next round finds the same rows
        log.exception("a round of the worker broke")
    return False


async def _all(works: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run them side by side to their ends, then raise the first error, if there was one."""
    answers = await asyncio.gather(*works, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
