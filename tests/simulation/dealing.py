"""Deals episodes out to processes of this machine. Which episodes there are depends on seed and steps alone."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from .episode import STEPS, Outcome, play

Job = TypeVar("Job")
Answer = TypeVar("Answer")


def episodes(seed: int, steps: int, jobs: int, *, watched: bool = False) -> Iterator[Outcome]:
    """Episodes from ``seed`` on that take so many steps together, in the order of their seeds."""
    whole, rest = divmod(steps, STEPS)
    deals = [(seed + nth, STEPS) for nth in range(whole)] + ([(seed + whole, rest)] if rest else [])
    return dealt(partial(_played, watched=watched), deals, jobs)


def dealt(work: Callable[[Job], Answer], deals: list[Job], jobs: int) -> Iterator[Answer]:
    """What comes of each deal, in order, worked on by so many processes.

    A process that dies raises `BrokenProcessPool` here. Who stops asking, or presses Ctrl-C, ends the processes.
    """
    if jobs <= 1:
        yield from map(work, deals)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts)
    try:
        yield from pool.map(work, deals, chunksize=4)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the one who deals; it then lets these end after the episode they are at."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _played(deal: tuple[int, int], *, watched: bool) -> Outcome:
    outcome = play(*deal, watched=watched)
    return outcome if outcome.violations else replace(outcome, story=())  # a clean story is not worth its way
