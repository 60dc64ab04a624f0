"""``python -m tests.mutants``: every mutant is played until the oracle notices it, at most 10,000 steps.

A table, then a last line of JSON. Exit 1 when one survives, when one no longer fits the code, or when the violation that
caught one is there without it too. ``--only NAME ...`` plays a few, ``--seed N`` begins elsewhere. Those that no search
has found yet are shown as open and are not counted; ``--only`` plays them as well.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue

import msgspec

from .catalogue import Mutant, every, misfits
from .house import Copy
from .trial import Game, Played, Task, Verdict

MOST_STEPS = 10_000
STEPS = 400  # of one episode
_SECONDS = 180.0  # for one mutant; those that are caught take three


class Trial(msgspec.Struct, frozen=True):
    """How one mutant fared. ``noticed`` is the violation that caught it; empty: it lives."""

    mutant: Mutant
    noticed: str
    last: Played | None
    steps: int
    seconds: float
    otherwise: str = ""  # what was found instead


def main() -> int:
    """Play them all; answers the exit code."""
    order = _order()
    chosen = tuple(each for each in every() if not order.only or each.name in order.only)
    if gone := misfits(chosen):
        print("\n".join(gone), file=sys.stderr)
        return 1
    tried = [each for each in chosen if each.counts or (each.open and each.name in order.only)]
    others = [each for each in chosen if each not in tried]
    trials = list(_played(tried, order.jobs, order.seed))
    unproved = _without(trials)
    for line in _table(trials, unproved, others):
        print(line)
    caught = sum(bool(each.noticed) for each in trials) - len(unproved)
    absorbed, still_open = sum(bool(each.absorbed) for each in others), sum(bool(each.open) for each in others)
    print(json.dumps({"mutants": len(tried), "caught": caught, "absorbed": absorbed, "open": still_open}))
    return 0 if caught == len(tried) else 1


def _order() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at a time")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME")
    parser.add_argument("--seed", type=int, help="begin with this seed instead of each mutant's own")
    return parser.parse_args()


def _played(mutants: Sequence[Mutant], jobs: int, seed: int | None) -> Iterator[Trial]:
    """The trials, in the order of the mutants, so many at a time and each worker in a copy of its own."""
    copies = SimpleQueue[Copy]()
    owned = [Copy() for _ in range(jobs)]
    for copy in owned:
        copies.put(copy)

    def work(mutant: Mutant) -> Trial:
        copy = copies.get()
        try:
            return _tried(copy, mutant, seed or mutant.seed)
        finally:
            copies.put(copy)

    try:
        with ThreadPoolExecutor(jobs) as pool:
            for trial in pool.map(work, mutants):
                print(_line(trial), file=sys.stderr, flush=True)
                yield trial
    finally:
        for copy in owned:
            copy.close()


def _tried(copy: Copy, mutant: Mutant, seed: int) -> Trial:
    began = time.monotonic()
    games = tuple(Game(seed + nth, STEPS, mutant.sky, mutant.game) for nth in range(MOST_STEPS // STEPS))
    with copy.broken_by(mutant):
        verdict = copy.play(Task(games, mutant.expects), _SECONDS)
    return _trial(mutant, verdict, time.monotonic() - began)


def _trial(mutant: Mutant, verdict: Verdict, seconds: float) -> Trial:
    steps = sum(played.steps for played in verdict.played)
    last = verdict.played[-1] if verdict.played else None
    noticed = last.shows(mutant.expects) if last else ""
    others = [each for played in verdict.played for each in played.violations]
    return Trial(mutant, noticed, last, steps, seconds, verdict.broke or (others[0] if others else ""))


def _without(trials: Sequence[Trial]) -> set[str]:
    """Mutants whose violation is there without them: the same games, played in a house that is whole."""
    caught = [trial for trial in trials if trial.noticed and trial.last is not None]
    games = tuple({repr(each.last.game): each.last.game for each in caught if each.last is not None}.values())
    if not games:
        return set()
    with closing(Copy()) as copy:
        verdict = copy.play(Task(games), _SECONDS + 10 * len(games))
    if verdict.broke:
        raise RuntimeError(f"the whole house could not be played: {verdict.broke}")
    whole = {repr(played.game): played for played in verdict.played}
    return {
        trial.mutant.name
        for trial in caught
        if trial.last is not None and whole[repr(trial.last.game)].shows(trial.mutant.expects)
    }


def _table(trials: Sequence[Trial], unproved: set[str], others: Sequence[Mutant]) -> Iterator[str]:
    for trial in trials:
        yield _line(trial) + ("  (but that is there WITHOUT it too)" if trial.mutant.name in unproved else "")
    for mutant in others:
        yield f"{'absorbed' if mutant.absorbed else 'open':8} {mutant.name:44} {mutant.absorbed or mutant.open}"


def _line(trial: Trial) -> str:
    head = f"{'caught' if trial.noticed else 'SURVIVES':8} {trial.mutant.name:44} {trial.steps:6} steps {trial.seconds:5.1f} s"
    if trial.noticed and trial.last is not None:
        return f"{head}  seed {trial.last.game.seed}: {trial.noticed[:110]}"
    return f"{head}  {trial.otherwise and 'found instead: '}{trial.otherwise[:160]}"


if __name__ == "__main__":
    raise SystemExit(main())
