"""`python -m tests.reading.guard --cases 1000000`: recall per family and brand, what escapes, what is wrongly taken.

The last line is JSON: {cases, families, brands, recall, ordinary, wrong, wrong_share, seconds}.
"""

import argparse
import json
import sys
import time

from tests.reading.guard import families, measure

RECALL, WRONG = 0.999, 0.001


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20, help="examples of what went wrong")
    options = parser.parse_args()
    began = time.monotonic()
    outcome = measure.run(options.cases, options.seed, most_shown=10_000)
    print(f"{'family':<34}{'cases':>9}{'missed':>8}{'recall':>9}")
    for family, tried in sorted(outcome.tried.items()):
        print(f"{family:<34}{tried:>9}{outcome.missed[family]:>8}{1 - outcome.missed[family] / tried:>9.4f}")
    print(f"\n{'brand':<34}{'cases':>9}{'missed':>8}{'recall':>9}")
    for brand, tried in sorted(outcome.brands.items()):
        missed = outcome.missed_brands[brand]
        print(f"{brand:<34}{tried:>9}{missed:>8}{1 - missed / tried:>9.4f}")
    for each in outcome.escaped[: options.show]:
        print(f"\nescaped: {each.family}, {each.brand}\n  {each.text!r}\n  {each.left!r}")
    for line in outcome.taken[: options.show]:
        print(f"\nwrongly taken: {line!r}")
    share = len(outcome.taken) / max(1, outcome.ordinary)
    summary = {
        "cases": options.cases,
        "families": len(families.FAMILIES) + 1,
        "brands": len(families.BRANDS),
        "recall": round(outcome.recall, 6),
        "ordinary": outcome.ordinary,
        "wrong": len(outcome.taken),
        "wrong_share": round(share, 6),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(summary))
    return 0 if outcome.recall >= RECALL and share <= WRONG else 1


if __name__ == "__main__":
    sys.exit(main())
