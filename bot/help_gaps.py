"""`remit help-gaps`: the questions that no help article answers, alike ones together, for whoever writes the articles.

Grouping is by the words that two questions share; it never reads a question's meaning. They were redacted when kept.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from services.help_notes import Gap, Rating

ALIKE = 0.5  # the share of words that two questions of one group have in common
_WORD = re.compile(r"[^\W\d_]{3,}")
# Words that stand in any question, in English and Spanish, and say nothing of what it is about.
_EMPTY = frozenset(
    [
        "the",
        "and",
        "for",
        "you",
        "your",
        "can",
        "how",
        "what",
        "why",
        "when",
        "where",
        "which",
        "who",
        "does",
        "did",
        "are",
        "was",
        "were",
        "will",
        "would",
        "should",
        "could",
        "this",
        "that",
        "with",
        "have",
        "has",
        "not",
        "get",
        "any",
        "there",
        "please",
        "que",
        "como",
        "por",
        "para",
        "con",
        "una",
        "uno",
        "los",
        "las",
        "del",
        "mis",
        "sus",
        "puedo",
        "puede",
        "cuando",
        "donde",
        "cual",
        "esta",
        "este",
        "eso",
        "hay",
        "tiene",
    ]
)


class Group(msgspec.Struct, frozen=True):
    """Questions that are about the same: how many, the latest of them as it was asked, and when."""

    count: int
    text: str
    language: str
    at: datetime


class Report(msgspec.Struct, frozen=True):
    """What to write next: questions without an answer, and articles that did not help."""

    gaps: Sequence[Group]
    articles: Sequence[Rating]


def grouped(gaps: Iterable[Gap]) -> list[Group]:
    """Alike questions together, the commonest group first. ``gaps`` come with the latest first."""
    groups: list[tuple[frozenset[str], list[Gap]]] = []
    for gap in gaps:
        words = frozenset(word for word in _WORD.findall(gap.text.lower()) if word not in _EMPTY)
        home = next((members for own, members in groups if _alike(own, words)), None)
        if home is None:
            groups.append((words, [gap]))
        else:
            home.append(gap)
    found = [Group(len(members), members[0].text, members[0].language, members[0].at) for _, members in groups]
    return sorted(found, key=lambda group: -group.count)


def _alike(left: frozenset[str], right: frozenset[str]) -> bool:
    both = len(left & right)
    return left == right or (both > 0 and both >= ALIKE * len(left | right))
