"""How somebody who looks for a customer by name is understood: the words that every name which fits must hold. Pure."""

from collections.abc import Sequence

SHORTEST = 2  # letters in all
LONGEST = 120  # characters that are looked at
MOST = 100  # customers in one answer


def words_of(told: str) -> Sequence[str]:
    """The words to look for; none for what is too short to be a name. What cannot be printed separates words."""
    spaced = "".join(ch if ch.isprintable() else " " for ch in told[:LONGEST])
    words = spaced.split()
    return words if len("".join(words)) >= SHORTEST else ()


def fits(name: str, words: Sequence[str]) -> bool:
    """Whether a name holds each of these words, case aside."""
    folded = name.casefold()
    return all(word.casefold() in folded for word in words)
