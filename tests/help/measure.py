"""How well the help center answers: counts over samples, and nothing printed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from time import process_time
from typing import NamedTuple

from dialogs.help_center import HelpCenter

from .samples import Sample


class Figures(NamedTuple):
    """``recall``: the right article first, and shown. ``silence``: nothing shown where there is no answer."""

    questions: int
    recall: float
    ranked: float  # the right article first, shown or not
    precision: float  # of what was shown
    without: int
    silence: float


def measure(centers: Mapping[str, HelpCenter], samples: Iterable[Sample]) -> Figures:
    asked, shown_right, ranked, shown, without, silent = 0, 0, 0, 0, 0, 0
    for sample in samples:
        center = centers[sample.language]
        best = center.best(sample.text)
        shown += best is not None
        if not sample.right:
            without += 1
            silent += best is None
            continue
        asked += 1
        first = center.search(sample.text, 1)
        ranked += bool(first) and first[0].article.topic in sample.right
        shown_right += best is not None and best.article.topic in sample.right
    return Figures(
        asked,
        shown_right / max(asked, 1),
        ranked / max(asked, 1),
        shown_right / max(shown, 1),
        without,
        silent / max(without, 1),
    )


def confusion(centers: Mapping[str, HelpCenter], samples: Iterable[Sample]) -> list[tuple[str, str, int]]:
    """(right, shown instead, how often), the most frequent first. ``-`` for nothing."""
    taken: Counter[tuple[str, str]] = Counter()
    for sample in samples:
        best = centers[sample.language].best(sample.text)
        shown = best.article.topic if best else "-"
        right = "/".join(sorted(sample.right)) or "-"
        if (shown not in sample.right) if sample.right else best is not None:
            taken[right, shown] += 1
    return [(right, shown, count) for (right, shown), count in taken.most_common()]


def microseconds(center: HelpCenter, questions: list[str]) -> float:
    """CPU per question."""
    begin = process_time()
    for question in questions:
        center.best(question)
    return (process_time() - begin) * 1e6 / len(questions)
