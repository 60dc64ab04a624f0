"""A customer's question -> the help article that answers it, or none. Pure: articles and words come in as values.

How: the questions in an article's front matter, its title, tags and text are counted into weights (naive Bayes with a
background: how much more often does this article mention a thing than all of them). Questions that no article answers
are one more candidate, and words that nobody here knows speak for it. Nothing is trained elsewhere, so that a business
changes the answers by changing its articles. Measured by ``python -m tests.help``.

Never here: how articles are stored, or how they look.
"""

from collections.abc import Sequence
from math import exp, log

import msgspec

from dialogs.help_words import Features, Reader, Words

# Tuned on the paraphrases of tests/help that are not held out.
_SMOOTHING = 0.1  # mentions that everybody is granted of everything, in shares of how common a thing is
_UNKNOWN = 2.0  # how much a word that is unknown here speaks for "no article"
_TEXT, _SHORT = 0.15, 0.5  # the weight of a text and of a short answer; a question has 1
SURE = 0.48  # the least share of all belief for an answer: it keeps nine in ten stray questions (tuned to) out, and a standard error more
WORTH_SHOWING = 0.05  # ... and to stand in a list of results


class Article(msgspec.Struct, frozen=True):
    """One help article in one language, ``{business}`` and ``{phone}`` still in braces.

    ``short`` is its first paragraph without markup: an answer by itself. ``text`` is what follows, in Markdown. ``task``
    is a button payload such as ``/pay``, ``button`` its title.
    """

    topic: str
    language: str
    title: str
    short: str
    text: str
    group: str
    task: str
    button: str
    questions: tuple[str, ...]
    tags: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


def fill(text: str, business: str, phone: str) -> str:
    """A text of an article with the business's name and phone number in the places of their braces."""
    return text.replace("{business}", business).replace("{phone}", phone)


class Found(msgspec.Struct, frozen=True):
    """An article, and the belief in it between 0 and 1."""

    article: Article
    score: float


class HelpCenter:
    """The articles of one language, ready to be asked. Deterministic; immutable once built."""

    def __init__(self, articles: Sequence[Article], words: Words) -> None:
        self.articles = {article.topic: article for article in articles}
        self._order = tuple(articles)
        self._listed = {_bare(question): article for article in articles for question in article.questions}
        self._reader = Reader(words)
        for article in articles:
            for text in (article.title, *article.questions, *article.tags, article.short, article.text):
                self._reader.learn(text)
        self._reader.learn_elsewhere(" ".join((words.known, *(" ".join(each) for each in words.elsewhere.values()))))
        self._count(articles, words)

    def best(self, question: str) -> Found | None:
        """The article that answers the question, or None when none does. One in which it stands as it is asked does."""
        if (listed := self._listed.get(_bare(question))) is not None:
            return Found(listed, 1.0)
        found = self.search(question, 1)
        return found[0] if found and found[0].score >= SURE else None

    def search(self, question: str, most: int = 5) -> tuple[Found, ...]:
        """The articles that may answer it, best first, also those too doubtful for an answer."""
        mentioned = self._reader.mentions(question)
        beliefs = self._beliefs(mentioned)
        found = [Found(a, round(b, 4)) for a, b in zip(self._order, beliefs, strict=False) if b >= WORTH_SHOWING]
        return tuple(sorted(found, key=lambda each: -each.score)[:most])

    # --- weights ------------------------------------------------------------------------------------------------------

    def _count(self, articles: Sequence[Article], words: Words) -> None:
        """Count what each article mentions, and turn counts into weights."""
        read, counts = self._reader.mentions, [Features() for _ in range(len(articles) + len(words.elsewhere))]
        for place, article in enumerate(articles):
            for question in (article.title, *article.questions, *article.tags):
                _add(counts[place], read(question), 1.0)
            _add(counts[place], read(article.short), _SHORT)
            for paragraph in article.text.split("\n"):
                _add(counts[place], read(paragraph), _TEXT)
        for place, questions in enumerate(words.elsewhere.values(), len(articles)):
            for question in questions:
                _add(counts[place], read(question), 1.0)
        self._weigh(counts)

    def _weigh(self, counts: Sequence[Features]) -> None:
        everything = Features()
        for each in counts:
            _add(everything, each, 1.0)
        whole, kinds = sum(everything.values()), len(everything)
        granted = _SMOOTHING * kinds
        sums = [sum(each.values()) + granted for each in counts]
        self._silence = [log(granted / each) for each in sums]  # of what an article never mentions
        self._weights: dict[str, list[tuple[int, float]]] = {thing: [] for thing in everything}
        for place, each in enumerate(counts):
            for thing, count in each.items():
                # by how much a mention says more than silence
                self._weights[thing].append((place, log(1 + count * whole / (granted * everything[thing]))))

    def _beliefs(self, mentioned: Features) -> list[float]:
        """The belief in each article, then in each theme of elsewhere; their sum is 1."""
        known = [(self._weights[thing], sure) for thing, sure in mentioned.items() if thing in self._weights]
        said = sum(sure for _, sure in known)
        scores = [silence * said for silence in self._silence]
        for weights, sure in known:
            for place, weight in weights:
                scores[place] += weight * sure
        foreign = _UNKNOWN * sum(thing.startswith("?") for thing in mentioned)
        for place in range(len(self._order), len(scores)):
            scores[place] += foreign
        most = max(scores)
        odds = [exp(score - most) for score in scores]
        whole = sum(odds)
        return [each / whole for each in odds]


def _bare(question: str) -> str:
    """A question without its signs, by which it is known again."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in question.casefold()).split())


def _add(to: Features, more: Features, weight: float) -> None:
    for thing, count in more.items():
        to[thing] = to.get(thing, 0.0) + count * weight
