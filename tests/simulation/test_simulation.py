"""The simulation runs clean on a few seeds, repeats itself exactly, and notices when something is broken on purpose."""

from collections.abc import Callable
from typing import Any

import pytest

import bot.stores.sqlite
from bot.worker import Worker
from dialogs.conversation import Conversation
from services.payments import starts
from services.payments.checkout import Checkout, Job, PostJob, TellJob
from services.payments.starts import Sending

from . import world
from .episode import play
from .world import Weather

SEEDS = (1, 2, 3, 4, 5, 6)
UNTIL_CAUGHT = range(100, 130)  # seeds that a sabotage is given


@pytest.mark.parametrize("seed", SEEDS)
def test_crashes_and_lost_answers_double_nothing_and_leave_nobody_waiting(seed: int) -> None:
    outcome = play(seed)
    assert not outcome.violations, outcome.report()
    assert outcome.faults > 20, "a run without trouble proves nothing"


def test_the_runs_that_prove_something_take_money() -> None:
    assert sum(play(seed, 250).captured for seed in SEEDS) > 5


def test_the_same_seed_tells_the_same_story() -> None:
    first, again = play(7, 150), play(7, 150)
    assert first.story == again.story
    assert len(first.story) > 150
    assert first.story != play(8, 150).story


# --- sabotage: each of these is a bug that somebody could write ------------------------------------------------------


def caught(*expected: str, sky: Weather) -> None:
    """One of the seeds ends with a violation of one of these kinds."""
    seen: list[str] = []
    for seed in UNTIL_CAUGHT:
        found = play(seed, 250, (sky,)).violations
        if any(kind in each for kind in expected for each in found):
            return
        seen += found
    raise AssertionError(f"not noticed: {expected}; what was: {seen}")


def test_a_dropped_live_index_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = world._fresh_ledger

    def without_index() -> Any:
        engine = fresh()
        world._driver(engine).execute("DROP INDEX one_live_payment_per_invoice")
        return engine

    monkeypatch.setattr(world, "_fresh_ledger", without_index)
    caught("two live payments", sky=Weather(slow=0.3))


def test_a_retry_under_another_key_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    send: Callable[..., Any] = starts.send

    def rekeyed(*args: Any) -> Any:
        sending = send(*args)
        if not isinstance(sending, Sending):
            return sending
        return Sending(sending.request, f"{sending.key}-{sending.fence}", sending.fence)

    monkeypatch.setattr(starts, "send", rekeyed)
    caught("went out under another key", sky=Weather(slow=0.1, crash=0.1, where="after a call"))


def test_a_turn_committed_over_another_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = bot.stores.sqlite._SAVE
    monkeypatch.setattr(bot.stores.sqlite, "_SAVE", checked.replace("AND version=?", "AND version>=0*?"))
    caught("a bug", sky=Weather(slow=0.5))


def test_news_told_without_a_record_is_told_twice_and_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversation, "told", lambda _talk, _payment: False)
    caught("was told 2 times", sky=Weather(slow=0.1, crash=0.1, where="after a turn's commit"))


def test_news_marked_as_told_before_it_is_told_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    do = Worker._do

    async def too_early(self: Worker, job: Job) -> None:
        if isinstance(job, TellJob):
            await self._checkout.done(job)
        await do(self, job)

    monkeypatch.setattr(Worker, "_do", too_early)
    caught("last heard", sky=Weather(slow=0.1, crash=0.1, where="before a load"))


def test_a_posting_marked_as_done_before_it_is_made_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def too_early(self: Checkout, job: PostJob) -> bool:
        done = await self.done(job)
        await self._invoices.record(job.posting)
        return done

    monkeypatch.setattr(Checkout, "post", too_early)
    caught("the portal was told", "was due and", sky=Weather(slow=0.1, crash=0.1, where="before a call"))
