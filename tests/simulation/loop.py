"""Virtual time: an event loop that never waits. When nobody can run, time jumps to the next timer.

No sockets, no threads, no signals; what runs next follows from what ran before and from nothing else. What happens in
that time is not known here.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class StuckError(RuntimeError):
    """Everybody waits for something that will never happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop over its own clock, which starts at zero and is moved by timers alone."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._selector = self  # what the base class asks for events; there are none, so the wait itself is time
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._seconds

    def select(self, timeout: float | None) -> list[object]:
        """Let ``timeout`` seconds pass at once. Raises `StuckError` when there is no timer left to wait for."""
        if timeout is None:
            raise StuckError("nobody can run, and no timer is set")
        self._seconds += timeout
        return []

    def run_in_executor(  # type: ignore[override]  # the base class promises a future, this one has it at once
        self, _executor: Any, work: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Do at once what would go to a thread: there are none."""
        done = self.create_future()
        try:
            done.set_result(work(*args))
        except Exception as error:  # noqa: BLE001  # it belongs to whoever waits
            done.set_exception(error)
        return done

    def _process_events(self, _events: list[object]) -> None:
        """Nothing: no event ever comes from outside."""

    def _write_to_self(self) -> None:
        """Nothing: no other thread wakes this loop."""


def run(main: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end in virtual time, on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
