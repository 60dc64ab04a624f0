"""``python -m tests.help``: how often the help center finds the right article, and keeps silent where it has none.

A table for each language, round and part (tuned to, or held out), what was mistaken for what, then a last line of JSON.
The utterances of strangers are measured where ``REMIT_SAMPLES`` names the folder of samples. ``--held-out`` adds which
articles are confused on held-out lines; whoever tunes leaves it away.
"""

import argparse
import json
from time import process_time
from typing import Any

from bot.help_articles import articles, help_centers, words
from dialogs.help_center import HelpCenter

from .measure import confusion, measure, microseconds
from .samples import LANGUAGES, paraphrases, shared, strangers

ROUNDS = ("first", "second", "third", "fourth", "strangers")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.help", description=__doc__)
    options.add_argument("--held-out", action="store_true", help="confusions on held-out lines too")
    chosen = options.parse_args()
    samples = paraphrases()
    if (file := shared()) is not None:
        samples += strangers(file)
    centers = help_centers()
    found: dict[str, Any] = {}
    print(f"{'':28} {'questions':>9} {'recall':>7} {'ranked':>7} {'precision':>9} {'no answer':>10} {'silent':>7}")
    for language in LANGUAGES:
        for name in ROUNDS:
            for held_out in (False, True):
                lines = [s for s in samples if (s.language, s.round, s.held_out) == (language, name, held_out)]
                if not lines:
                    continue
                figures = measure(centers, lines)
                label = f"{language} {name} {'held out' if held_out else 'tuned to'}"
                print(
                    f"{label:28} {figures.questions:9} {figures.recall:7.3f} {figures.ranked:7.3f} {figures.precision:9.3f} "
                    f"{figures.without:10} {figures.silence:7.3f}"
                )
                found[label.replace(" ", "_")] = {k: round(v, 4) for k, v in figures._asdict().items()}
    ours = [s for s in samples if s.round != "strangers" and (chosen.held_out or not s.held_out)]
    print("\nmistaken (asked -> shown):")
    for right, shown, count in confusion(centers, ours):
        print(f"{count:4}  {right} -> {shown}")
    for language in LANGUAGES:
        known = articles(language), words(language)
        begin = process_time()
        HelpCenter(*known)
        found[f"{language}_built_ms"] = round((process_time() - begin) * 1000, 1)
        texts = [s.text for s in samples if s.language == language][:500]
        found[f"{language}_question_us"] = round(microseconds(centers[language], texts), 1)
    print()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
