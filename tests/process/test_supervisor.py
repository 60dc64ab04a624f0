"""The parent of several workers, over processes that do as they are told."""

import asyncio
import signal
import socket
import sys
from contextlib import closing

import pytest

from bot import workers
from bot.workers import _Workers

STAYS = "import time; time.sleep(60)"
REFUSES = "raise SystemExit(1)"


class Scripted(_Workers):
    """Its nth process runs the nth script, and the last one from then on."""

    def __init__(self, many: int, listening: socket.socket, *scripts: str) -> None:
        super().__init__(many, listening, ())
        self._scripts = scripts
        self.begun: list[asyncio.subprocess.Process] = []
        self.five = asyncio.Event()

    async def _spawn(self) -> asyncio.subprocess.Process:
        script = self._scripts[min(len(self.begun), len(self._scripts) - 1)]
        process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", script)
        self.begun.append(process)
        if len(self.begun) == 5:
            self.five.set()
        return process


async def stopped(running: "asyncio.Task[int]") -> None:
    signal.raise_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running, 10) == 0


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(workers, "TOO_SOON_SECONDS", 0.5)
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.02)


@pytest.fixture
def listening():
    with closing(socket.socket()) as made:
        yield made


async def test_a_restart_that_fails_does_not_end_the_workers_that_serve(listening):
    fleet = Scripted(2, listening, STAYS, STAYS, REFUSES, REFUSES, STAYS)
    running = asyncio.create_task(fleet.run())
    await asyncio.sleep(0.8)
    fleet.begun[0].kill()
    await asyncio.wait_for(fleet.five.wait(), 10)
    assert not running.done()
    assert [process.returncode for process in fleet.begun[1:]] == [None, 1, 1, None]
    await stopped(running)
    assert all(process.returncode is not None for process in fleet.begun)


async def test_workers_of_which_none_ever_came_up_are_given_up_with_their_code(listening):
    assert await asyncio.wait_for(Scripted(2, listening, REFUSES).run(), 10) == 1


async def test_a_worker_that_cannot_start_is_tried_ever_more_rarely(listening, caplog):
    fleet = Scripted(1, listening, STAYS, REFUSES)
    running = asyncio.create_task(fleet.run())
    await asyncio.sleep(0.8)
    fleet.begun[0].kill()
    await asyncio.wait_for(fleet.five.wait(), 10)
    await stopped(running)
    assert [line.split()[-2] for line in caplog.messages[:4]] == ["0.0", "0.0", "0.1", "0.2"]
