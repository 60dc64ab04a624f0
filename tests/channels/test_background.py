"""What goes on beside the requests: a bug in it is told without words, and it begins again."""

import asyncio
import gc

import pytest
from world import World, settings

import bot.background
from bot.app import prepared, production
from bot.background import kept_going
from bot.delivery import Deliverer
from bot.worker import Worker


class Breaks:
    """Breaks so many times, then ends well."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)


async def test_what_broke_begins_again_after_a_pause_and_is_told_without_its_words(caplog):
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    grouped = ExceptionGroup("Dana", [ValueError("Dana said 4242"), KeyError("Dana")])
    run = Breaks(KeyError("my name is Dana"), grouped)
    await kept_going("the bell", run, pause)
    assert run.runs == 3
    assert pauses == [bot.background.REST_S] * 2
    assert caplog.text.count("the bell broke, and begins again in 5 s") == 2
    assert "in __call__" in caplog.text  # the lines that led to it
    assert {"KeyError", "ValueError"} <= set(caplog.text.replace("'", " ").replace(",", " ").replace(")", " ").split())
    assert "Dana" not in caplog.text.replace("raise self.errors.pop(0)", "")


async def test_a_cause_with_words_stays_out_of_the_log_too(caplog):
    said = ("4242 4242 4242 4242", "for Dana")

    async def run() -> None:
        if caplog.records:
            return
        try:
            int(said[0])
        except ValueError as error:
            raise RuntimeError(said[1]) from error

    await kept_going("the worker", run, lambda _s: asyncio.sleep(0))
    assert "ValueError" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "4242 4242" not in caplog.text
    assert "for Dana" not in caplog.text


async def test_whoever_cancels_it_ends_it():
    task = asyncio.create_task(kept_going("the bell", asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_worker_and_a_deliverer_that_broke_in_a_loop_of_theirs_end_whole(world: World, monkeypatch):
    """None of their other loops goes on alone, to run twice once they begin again."""
    for owner, loop in ((world.remit.worker, "_rest"), (world.remit.deliverer, "_keep_carrying")):

        async def breaks() -> None:
            raise KeyError("a bug")

        monkeypatch.setattr(owner, loop, breaks)
        if owner is world.remit.deliverer:
            owner._lines = (object(),)
            monkeypatch.setattr(owner, "_keep_sweeping", asyncio.Event().wait)
        before = asyncio.all_tasks()
        async with asyncio.timeout(5):
            with pytest.raises(ExceptionGroup):
                await owner.run()
        assert asyncio.all_tasks() == before


@pytest.mark.parametrize("broken", [Worker, Deliverer])
async def test_a_server_begins_what_broke_again_and_shuts_down_in_order(tmp_path, monkeypatch, caplog, broken):
    monkeypatch.setattr(bot.background, "REST_S", 0.01)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    again, real, runs = asyncio.Event(), broken.run, []

    async def breaks(self) -> None:
        runs.append(self)
        if len(runs) == 1:
            raise KeyError("a bug")
        again.set()
        await real(self)

    monkeypatch.setattr(broken, "run", breaks)
    chosen = settings(server={"data": str(tmp_path), "base_url": "http://remit"})
    with prepared(chosen):
        app = production(chosen)._app
        async with asyncio.timeout(20), app.router.lifespan_context(app):
            await again.wait()
    assert len(runs) == 2
    assert "broke, and begins again" in caplog.text
