"""Prints how well messages are understood, as tables, and one line of JSON last. It trains, so it takes a minute or more.

It needs the published utterances (`REMIT_SAMPLES`) and scikit-learn (the extra "train").
"""

import json
import os
import sys
from pathlib import Path

from bot import train, understanding
from services.errors import RemitError
from tests.understanding import measure
from tests.understanding.measure import Intents, Score


def main() -> int:
    folder = Path(os.environ.get("REMIT_SAMPLES", "nowhere"))
    if not (folder / "nlu" / "dev.jsonl").is_file():
        print("The published utterances are not here: name their folder in REMIT_SAMPLES.", file=sys.stderr)
        return 2
    try:
        print(json.dumps(report(folder)))
    except RemitError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def report(folder: Path) -> dict[str, float]:
    kept = measure.kept_back(folder)
    seen = measure.judged(measure.learned(folder), kept)
    print(f"Intents, on {len(kept)} published lines that the judged model never saw (their last third)\n")
    table(seen)
    print("\n  taken for something else most often:")
    for (meant, told), count in seen.taken_for.most_common(8):
        print(f"    {count:4} {meant} -> {told}")

    together, by_source = measure.strangers(folder)
    print("\nEach source judged by a model that learned nothing of it, on its lines of the last third\n")
    for source, each in by_source.items():
        print(f"  {source:12} in scope {each.in_scope!s:20} out of scope {each.out_of_scope}")
    print(f"  {'together':12} in scope {together.in_scope!s:20} out of scope {together.out_of_scope}")

    model = understanding.model()
    print("\nThe model that comes with Remit, on the share-alike files, of which no model learns\n")
    for file in measure.SHARE_ALIKE:
        each = measure.judged(model, measure.unknown(measure.lines(folder, file)))
        print(f"  {file:26} in scope {each.in_scope!s:20} out of scope {each.out_of_scope}")

    values = measure.values(folder)
    print("\nValues\n")
    for kind, found in values.items():
        print(f"  {kind:16} recall {found.recall!s:20} precision {found.precision}")

    cost = measure.microseconds(model, kept)
    size = train.MODEL.stat().st_size
    print(f"\n{cost:.0f} us for a text (median), {size} bytes\n")
    return {
        "in_scope": rounded(seen.in_scope),
        "out_of_scope": rounded(seen.out_of_scope),
        "near_misses": rounded(seen.near_misses),
        "pay_invoice": rounded(seen.by_intent["pay_invoice"]),
        "stranger_in_scope": rounded(together.in_scope),
        "stranger_out_of_scope": rounded(together.out_of_scope),
        "amount_recall": rounded(values["amount"].recall),
        "amount_precision": rounded(values["amount"].precision),
        "date_recall": rounded(values["date"].recall),
        "median_us": round(cost, 1),
        "bytes": size,
    }


def table(seen: Intents) -> None:
    print(f"  in scope      {seen.in_scope}")
    print(f"  out of scope  {seen.out_of_scope}")
    print(f"  near misses   {seen.near_misses}\n")
    for intent, each in seen.by_intent.items():
        print(f"  {intent:20} {each}")


def rounded(each: Score) -> float:
    return round(each.share, 4)


if __name__ == "__main__":
    sys.exit(main())
