"""``python -m tests.simulation --steps N --seed S``: episodes from seed S on, until N steps are done.

Progress and stories go to standard error; the last line of standard output is JSON. Exit 1 on a violation.
"""

import argparse
import json
import sys
import time

from .episode import STEPS, play


def main() -> int:
    """Run; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first violation")
    order = parser.parse_args()
    began, seed = time.perf_counter(), order.seed
    steps = faults = violations = captured = 0
    while steps < order.steps:
        outcome = play(seed, min(STEPS, order.steps))
        steps, faults, captured = steps + outcome.steps, faults + outcome.faults, captured + outcome.captured
        if outcome.violations:
            violations += len(outcome.violations)
            print(outcome.report(), file=sys.stderr)
            if not order.keep_going:
                break
        if (seed - order.seed) % 25 == 24:
            rate = steps / (time.perf_counter() - began)
            print(f"{steps} steps, {faults} faults, {captured} captured, {rate:.0f} steps/s", file=sys.stderr)
        seed += 1
    rate = round(steps / (time.perf_counter() - began), 1)
    report = {"seed": order.seed, "steps": steps, "faults": faults, "violations": violations, "steps_per_s": rate}
    print(json.dumps(report))
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
