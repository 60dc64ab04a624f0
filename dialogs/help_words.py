"""How customers write, seen by the help center: a question -> the things it mentions, however they are spelled.

Words lose their endings, misspelled ones become the nearest word that is known here, and words for one thing share a
name. All of it is data (`Words`, from ``config/help/words``); no rule of any one language stands here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import sqrt

import msgspec

Features = dict[str, float]  # what a text mentions, and how surely

LONGEST = 300  # characters of a question that are read; the rest says nothing new
_WORD = re.compile(r"[a-z0-9]+")
_DRAWN_OUT = re.compile(r"(.)\1\1+")  # pleeease
_SHORTEST = 4  # letters of a word that can be misspelled: shorter ones resemble too many others
_STEM = 3  # letters that stay when an ending is cut off

# How much each kind of mention says, tuned on the paraphrases of tests/help that are not held out.
_NAME, _PHRASE, _PAIR, _SMALL_PAIR, _LIGHT, _CORRECTED = 1.0, 1.8, 0.6, 0.7, 0.5, 0.8


class Words(msgspec.Struct, frozen=True):
    """What is known of one language beside its articles. Each text is words, separated by white space."""

    stop: str  # words that say nothing about a subject
    light: str  # words that ask
    known: str  # common words of other subjects
    endings: str
    short: Mapping[str, str]  # as it is typed -> what is meant
    same: Mapping[str, str]  # name -> words for one thing; after a bar each, phrases
    elsewhere: Mapping[str, tuple[str, ...]]  # theme -> questions that no article answers


def fold(text: str) -> str:
    """Small letters without accents and apostrophes."""
    plain = text.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    if plain.isascii():
        return plain
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))


class Reader:
    """Reads texts of one language. Knows the words it was given, and those of every text it `learn`ed."""

    def __init__(self, words: Words) -> None:
        self._stop = frozenset(fold(words.stop).split())
        self._light = frozenset(fold(words.light).split())
        self._small = self._stop | self._light
        self._endings = tuple(sorted(words.endings.split(), key=len, reverse=True))
        self._short = {fold(typed): tuple(fold(meant).split()) for typed, meant in words.short.items()}
        self._names: dict[str, tuple[str, ...]] = {}  # stem -> the things it may be a word for
        self._phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}  # first word -> phrases, and their thing
        self._spelling = _Spelling()
        self._stems: dict[str, str] = {}
        self._known_stems: set[str] = set()
        self._plain: set[str] = set()  # known words that are read as they stand
        for name, line in words.same.items():
            self._take(f"={name}", *line.split("|"))
        for text in (words.stop, words.light):
            self.learn(text)
        self._foreign = {self.stem(word) for word in fold(words.known).split()} - self._names.keys()

    def _take(self, name: str, singles: str, *phrases: str) -> None:
        for word in fold(singles).split():
            stem = self.stem(word)
            if name not in (names := self._names.get(stem, ())):
                self._names[stem] = (*names, name)
        for phrase in phrases:
            parts = tuple(_WORD.findall(fold(phrase)))
            self._phrases.setdefault(parts[0], []).append((parts, name))
        self.learn(" ".join((singles, *phrases)))

    def learn(self, text: str) -> None:
        """Take the words of this text for rightly spelled."""
        for word in dict.fromkeys(_WORD.findall(fold(text))):
            if word in self._spelling:
                continue
            self._spelling.add(word)
            self._known_stems.add(self.stem(word))
            if word not in self._short and not word.isdigit() and not _DRAWN_OUT.search(word):
                self._plain.add(word)

    def learn_elsewhere(self, text: str) -> None:
        """The same for a text about other subjects; call it when all texts about ours are learned."""
        self._foreign -= self._known_stems
        self.learn(text)

    def stem(self, word: str) -> str:
        """The word without its ending."""
        found = self._stems.get(word)
        return self._cut(word) if found is None else found

    def _cut(self, word: str) -> str:
        for ending in self._endings:
            if word.endswith(ending) and len(word) - len(ending) >= _STEM:
                cut = word[: -len(ending)]
                break
        else:
            cut = word
        if len(cut) > _STEM and cut[-1] == cut[-2]:  # stopp-ed
            cut = cut[:-1]
        self._stems[word] = cut
        return cut

    def mentions(self, text: str) -> Features:
        """What a text mentions.

        Stems (``card``), names of things (``=safe``), neighbours (``card_work``), asking words (``~why``), and words
        that are known nowhere here (``?quux``); each with how surely it is meant.
        """
        words, found = list(self._words(text)), Features()
        plain = [word for word, _ in words]
        before = ""
        for place, (word, sure) in enumerate(words):
            for phrase, name in self._phrases.get(word, ()):
                if plain[place : place + len(phrase)] == list(phrase):
                    found[name] = _PHRASE
            if place and (word in self._small or plain[place - 1] in self._small):
                found[f"{plain[place - 1]}_{word}"] = _SMALL_PAIR
            if word in self._light:
                found[f"~{word}"] = _LIGHT
            elif not sure:
                found[f"?{word}"] = 1.0
            elif word not in self._stop:
                stem = self._mention(word, sure, found)
                if before:
                    found[f"{before}_{stem}"] = _PAIR
                before = stem
        return found

    def _mention(self, word: str, sure: float, found: Features) -> str:
        stem = self.stem(word)
        found[stem] = max(found.get(stem, 0.0), sure)
        if stem in self._foreign:
            found[f"?{stem}"] = 1.0
        names = self._names.get(stem, ())
        for name in names:
            found[name] = max(found.get(name, 0.0), sure * _NAME / sqrt(len(names)))
        return stem

    def _words(self, text: str) -> Iterator[tuple[str, float]]:
        """The words as they are meant, and how surely; 0 for one that is known nowhere."""
        for typed in _WORD.findall(fold(text[:LONGEST])):
            if typed in self._plain:
                yield typed, 1.0
                continue
            word = _number(typed) if typed.isdigit() else _DRAWN_OUT.sub(r"\1", typed)
            if (meant := self._short.get(word)) is not None:
                yield from ((each, 1.0) for each in meant)
            elif word in self._spelling or self.stem(word) in self._known_stems:
                yield word, 1.0
            else:
                right = self._spelling.nearest(word)
                yield (right, _CORRECTED) if right else (word, 0.0)


def _number(digits: str) -> str:
    """A number's size says what it may be (a sum, an invoice), the number itself nothing."""
    return digits if len(digits) == 1 else "100" if len(digits) < 4 else "1000"


class _Spelling:
    """Known words, and the nearest of them to a misspelled one: a letter too many, missing, wrong, or two swapped."""

    def __init__(self) -> None:
        self._words: dict[str, None] = {}  # in the order they came, so that nothing depends on a hash
        self._less: dict[str, list[str]] = {}  # a known word, whole and less one letter -> the word

    def add(self, word: str) -> None:
        self._words[word] = None
        self._less.clear()

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def nearest(self, word: str) -> str | None:
        """The known word that was meant, or None when none is near."""
        if len(word) < _SHORTEST:
            return None
        near = dict.fromkeys(self._near(word))
        best = min(near, key=lambda known: _difference(word, known), default=None)
        if best is None or _difference(word, best)[0] > (1 if len(word) < 7 else 2):
            return None
        return best

    def _near(self, word: str) -> Iterable[str]:
        if not self._less:
            for known in self._words:
                if len(known) >= _SHORTEST:
                    for less in _with_less(known):
                        self._less.setdefault(less, []).append(known)
        for less in _with_less(word):
            yield from self._less.get(less, ())


def _with_less(word: str) -> list[str]:
    return [word, *(word[:place] + word[place + 1 :] for place in range(len(word)))]


@lru_cache(maxsize=4096)
def _difference(typed: str, known: str) -> tuple[int, bool, int, str]:
    """By how much two words differ: edits (Damerau, swapped neighbours count once), then another first letter, length."""
    two, one = list[int](), list(range(len(known) + 1))
    for row, left in enumerate(typed, 1):
        now = [row]
        for column, right in enumerate(known, 1):
            edits = min(one[column] + 1, now[-1] + 1, one[column - 1] + (left != right))
            if two and column > 1 and typed[row - 2] == right and known[column - 2] == left:
                edits = min(edits, two[column - 2] + 1)
            now.append(edits)
        two, one = one, now
    return one[-1], typed[0] != known[0], abs(len(typed) - len(known)), known
