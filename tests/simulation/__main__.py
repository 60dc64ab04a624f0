"""``python -m tests.simulation --steps N --seed S``: episodes from seed S on, until N steps are done, on all cores.

Progress and stories go to standard error; the last line of standard output is JSON. Exit 1 on a violation. ``--replay S``
tells the whole story of one episode, ``--recovery N`` measures how soon what hangs is settled after an outage.
"""

import argparse
import json
import os
import sys
import time

from . import recovery
from .dealing import episodes
from .episode import STEPS, Outcome, play

_WORD_EVERY_S = 15


def main() -> int:
    """Run; answers the exit code."""
    order = _order()
    if order.replay is not None:
        return _replay(order.replay, min(STEPS, order.steps))
    if order.recovery is not None:
        return recovery.main(order.seed, order.recovery, order.jobs)
    began = time.perf_counter()
    total = _Total(began)
    for outcome in episodes(order.seed, order.steps, order.jobs, watched=order.places):
        total.add(outcome)
        if outcome.violations and not order.keep_going:
            break
    if order.places:
        _print_places(total)
    rate = round(total.steps / (time.perf_counter() - began), 1)
    counts = {"steps": total.steps, "faults": total.faults, "violations": total.violations, "steps_per_s": rate}
    print(json.dumps({"seed": order.seed, **counts}))
    return 1 if total.violations else 0


def _order() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; changes nothing but the time")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first violation")
    parser.add_argument("--places", action="store_true", help="count the lines of the product where a crash struck")
    parser.add_argument(
        "--replay", type=int, metavar="SEED", help="tell the story of this one episode, and nothing else"
    )
    parser.add_argument("--recovery", type=int, metavar="N", nargs="?", const=200, help="measure N outages")
    return parser.parse_args()


def _replay(seed: int, steps: int) -> int:
    outcome = play(seed, steps)
    print("\n".join(outcome.story))
    print(json.dumps({"seed": seed, "steps": outcome.steps, "violations": list(outcome.violations)}))
    return 1 if outcome.violations else 0


class _Total:
    """The sum of the episodes so far, with a word about it now and then."""

    def __init__(self, began: float) -> None:
        self.steps = self.faults = self.violations = self.captured = 0
        self.struck: set[str] = set()
        self.reached: set[str] = set()
        self._began = self._said = began

    def add(self, outcome: Outcome) -> None:
        self.steps += outcome.steps
        self.faults += outcome.faults
        self.captured += outcome.captured
        self.violations += len(outcome.violations)
        self.struck |= outcome.struck
        self.reached |= outcome.reached
        if outcome.violations:
            print(outcome.report(), file=sys.stderr)
        if (now := time.perf_counter()) - self._said > _WORD_EVERY_S:
            self._said = now
            rate = self.steps / (now - self._began)
            words = f"{self.steps} steps, {self.faults} faults, {self.captured} captured, {rate:.0f} steps/s"
            print(words, file=sys.stderr, flush=True)


def _print_places(total: _Total) -> None:
    no_line = {""}  # a task that died before its first step
    struck, reached = total.struck - no_line, (total.reached | total.struck) - no_line
    print(f"crashes struck at {len(struck)} places, of {len(reached)} that were reached", file=sys.stderr)
    for place in sorted(reached - struck):
        print(f"  never at {place}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
