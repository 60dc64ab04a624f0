"""``python -m tests.year --customers N --days D --seed S``: a year of autopay and letters in virtual time, judged at its end.

A word now and then on standard error; the last line of standard output is JSON. Exit 1 on a violation.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.episode import alarmed
from tests.simulation.loop import run
from tests.simulation.world import World

from .judge import Judge
from .life import DAYS, Year
from .town import bills, residents

_WORD_EVERY = 30  # days
SETTINGS = {"autopay": {"offered": True}}


async def live(seed: int, customers: int, days: int, folder: Path) -> tuple[dict[str, int], list[str]]:
    """A year of so many customers: what there was, counted, and what was violated."""
    town = residents(seed, customers)
    world = World(seed, folder, bills(seed, town), [], processes=2, chosen=SETTINGS)

    def word(day: int) -> None:
        if day % _WORD_EVERY == 0:
            print(f"day {day}, {world.story.faults} faults, {world.deaths} deaths", file=sys.stderr, flush=True)
        world.story.lines.clear()

    with alarmed(world):
        await Year(world, town).run(days, word)
        counted = await Judge(world).judge()
        await world.close()
    return counted | {"faults": world.story.faults, "deaths": world.deaths}, world.violations


def play(seed: int, customers: int, days: int = DAYS) -> tuple[dict[str, int], list[str]]:
    """See `live`; the same seed and size give the same year."""
    with tempfile.TemporaryDirectory(prefix="remit-year-") as folder:
        return run(live(seed, customers, days, Path(folder)))


def main() -> int:
    """Run; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    order = parser.parse_args()
    began = time.perf_counter()
    counted, violations = play(order.seed, order.customers, order.days)
    for each in violations[:40]:
        print(f"VIOLATION {each}", file=sys.stderr)
    took = round(time.perf_counter() - began, 1)
    print(json.dumps({"seed": order.seed, **counted, "violations": len(violations), "seconds": took}))
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
