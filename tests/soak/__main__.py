"""``python -m tests.soak --kills 200 --seed 1 [--kind embedded|workers|crowd|all]``: a table, then one line of JSON."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from .house import EMBEDDED, MANY
from .storm import Outcome, Plan, soak

CROWD = "crowd"  # 500 at once, while one worker or the other is killed
KINDS = {EMBEDDED: (EMBEDDED,), MANY: (MANY,), CROWD: (CROWD,), "all": (EMBEDDED, MANY, CROWD)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="in all, shared among the kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, default="all")
    options = parser.parse_args()
    kinds = KINDS[options.kind]
    share = -(-options.kills // len([kind for kind in kinds if kind != CROWD] or kinds))
    outcomes = [_one(_plan(kind, options.seed, share)) for kind in kinds]
    found = sum(len(each.violations) for each in outcomes)
    sums = {name: sum(getattr(each, name) for each in outcomes) for name in ("kills", "customers", "payments")}
    print(msgspec.json.encode({"seed": options.seed, **sums, "violations": found}).decode())
    return 1 if found else 0


def _plan(kind: str, seed: int, kills: int) -> Plan:
    if kind == CROWD:
        return Plan(MANY, seed, 12, at_once=500, most=500, singles=True, each=1, thought=3.0, longest=10.0, tell=_say)
    return Plan(kind, seed, kills, losses=3 if kind == MANY else 0, tell=_say)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _one(plan: Plan) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="remit-soak-", dir="/tmp") as folder:
        outcome = soak(plan, Path(folder))
        if outcome.violations:
            kept = Path(tempfile.mkdtemp(prefix="remit-soak-kept-")) / "stderr.log"
            kept.write_bytes((Path(folder) / "stderr.log").read_bytes())
            print(f"the assistant's log: {kept}")
    print(f"{plan.kind}, {plan.at_once} at a time: seed {outcome.seed}, {outcome.seconds} s")
    for name in ("kills", "customers", "payments"):
        print(f"  {name:24} {getattr(outcome, name):8}")
    for name, figure in outcome.told.items():
        print(f"  {name:24} {figure:8}")
    print(f"  {'violations':24} {len(outcome.violations):8}", flush=True)
    for violation in outcome.violations[:40]:
        print(f"    * {violation}")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
