"""Finds card and bank numbers in what a customer typed, however they are written, and takes them out.

Only detection and removal live here. What is said to the customer about it, and where the text is stored, never will.
A card number that arrives unasked is removed at once, and a security code is never kept (PCI DSS 3.3.1, 3.5.1).

A text is read in several ways (`views.py`): as it stands, decoded, with spelled numbers as digits, with letters that look
like digits as digits. In each, `cards.py` looks for card numbers, `labels.py` for what carries a label. What is found in
any of them is taken out of the original. A number that was sent in pieces is found when its last piece comes
(`redact_all`); then the earlier pieces go too.

One order number of 16 digits in twenty-five looks exactly like a card. It stays when it is called an order's, or is one
that the business knows, and no card words stand beside it; else it is removed: that error is the cheaper one.

Every search is linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from dialogs.reading.guard.cards import CODE_AFTER_EXPIRY, Known, Look, cards
from dialogs.reading.guard.labels import LABELS, Kind, Span, labelled
from dialogs.reading.guard.numerals import ROW
from dialogs.reading.guard.pieces import across, forget
from dialogs.reading.guard.views import (
    View,
    contents,
    count,
    decoded,
    folded,
    has_words,
    in_letters,
    in_single_letters,
    in_words,
)

__all__ = ["LONGEST", "MOST_PIECES", "Kind", "Known", "Redacted", "may_complete", "redact", "redact_all"]

MOST_PIECES = 6  # messages over which one number may be spread, the completing one included


class Redacted(msgspec.Struct, frozen=True):
    """A text without its numbers, and which kinds were removed, one per mark, in the order of the text."""

    text: str
    found: tuple[Kind, ...] = ()


_NOBODY = Known()
_LETTERS = "0-9OoQDlIiLjJZzEeAaSsGbTtBgqh"
_DIGIT = re.compile(r"[0-9]")
# What has no digit, and may be a number nevertheless: letters like digits in groups, something encoded.
_NO_WORDS = re.compile(
    rf"[{_LETTERS}]{{4}}[ ./_-][{_LETTERS}]{{4,6}}+[\s./_-]{{1,3}}+[{_LETTERS}]{{4}}|[{_LETTERS}]{{12}}|[A-Za-z+/]{{18}}|[A-Za-z]="
)
_MARK = re.compile(rf"\[(?:{'|'.join(Kind)}) removed\]")
_FEW, _SOME, _SHORTEST = 3, 6, 12
LONGEST = 8000  # characters of a text that are read, twice as many as a message may have; the rest is dropped
_DEEPEST = 2  # encoded texts in encoded texts
_CUT = re.compile(r"[0-9][^A-Za-z]{0,40}\Z")
_BESIDE_A_WORD = re.compile(rf"[0-9]\W{{0,3}}{ROW.pattern}")
# Digits with a word between them that may be no more than "then" is.
_INTERRUPTED = re.compile(
    r"[0-9][^0-9A-Za-z]{1,3}[A-Za-z][^0-9]{1,60}[0-9]|(?:first|part|parte)\s[0-9]|(?<![0-9])1\s?[).:]\s*[0-9]{2}"
)
_BACKWARDS = re.compile(r"backward|revers|mirror|flipped|al\W?reves|inverti|de atras|\u202e", re.IGNORECASE)


def redact(text: str, known: Known = _NOBODY) -> Redacted:
    """The text with every card, bank and social security number, and every security code, replaced by a mark.

    A mark reads ``[card number removed]``; redacting a redacted text changes nothing. Never raises. ``known`` holds the
    business's own numbers, which stay. Of a text longer than `LONGEST` the rest is dropped, and a number that would be cut.
    """
    if len(text) > LONGEST:
        text = _CUT.sub("", text[:LONGEST])
    if not _worth_a_look(text):
        return Redacted(text)
    spans = list(_spans(text, known))
    return _cut(text, spans) if spans else Redacted(text)


def may_complete(text: str) -> bool:
    """Whether this message can be the last piece of a number: if not, the earlier ones need not be read."""
    text = text if text.isascii() else folded(text).text
    return _worth_a_look(text) or ROW.search(text.lower()) is not None


def redact_all(messages: Sequence[str], known: Known = _NOBODY) -> tuple[Redacted, ...]:
    """The last messages of one customer, oldest first and the new one last, as they may be kept.

    The earlier ones come as they were kept so far, so each was redacted when it was new.
    Of more than `MOST_PIECES` only the last are read together. Every message whose text comes back changed is to be
    overwritten wherever it was kept: it holds a piece of a number that the new one completes. ``found`` names the kinds
    of each message's own marks. ``known.asked`` is what the new message answers.
    """
    alone = [*map(Redacted, messages[:-1]), *(redact(message, known) for message in messages[-1:])]
    if len(messages) < 2 or not may_complete(messages[-1]) or _answers(alone[-1].text, known.asked):
        return tuple(alone)
    first = max(0, len(messages) - MOST_PIECES)
    texts = [each.text for each in alone[first:]]
    spans: list[list[Span]] = [[] for _ in texts]
    for message, start, end, kind in across(texts, known):
        spans[message].append((start, end, kind))
    for at, found in enumerate(spans):
        if found:
            forget()
            whole = _cut(texts[at], found)
            kinds = (*alone[first + at].found, *whole.found)
            alone[first + at] = Redacted(whole.text, kinds)
    return tuple(alone)


# What the answer to a question looks like, where it could pass for a piece of a number.
_ANSWERS = {
    "zip": re.compile(r"[0-9]{5}(?:-[0-9]{4})?"),
    "proof": re.compile(r"[0-9]{5}(?:-[0-9]{4})?"),
    "amount": re.compile(r"\$?[0-9]{1,3}(?:,?[0-9]{3}){0,2}(?:\.[0-9]{1,2})?"),
    "code": re.compile(r"[0-9]{3} ?[0-9]{3}"),
}


def _answers(text: str, asked: str) -> bool:
    shape = _ANSWERS.get(asked)
    return shape is not None and shape.fullmatch(text.strip()) is not None


def _worth_a_look(text: str) -> bool:
    """Whether this can hold a number at all. Most messages cannot, and cost no more than this."""
    if not text.isascii() or _DIGIT.search(text) or _NO_WORDS.search(text):
        return True
    return has_words(text.lower())


def _masked(text: str) -> str:
    """The text with letters instead of marks, which neither hold anything nor say anything."""
    return _MARK.sub(lambda mark: "w" * len(mark[0]), text) if "removed]" in text else text


def _cut(text: str, spans: list[Span]) -> Redacted:
    kept: list[str] = []
    found: list[Kind] = []
    done = 0
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= done:  # else inside what is already gone, such as an account number that is also a card's
            kept += (text[done:start], f"[{kind} removed]")
            found.append(kind)
        done = max(done, end)
    return Redacted("".join((*kept, text[done:])), tuple(found))


# --- one text -----------------------------------------------------------------------------------------------------


def _spans(text: str, known: Known, depth: int = 0) -> Iterator[Span]:
    whole = folded(_masked(text))
    if not text.isascii() and not _worth_a_look(whole.text):
        return
    views = (whole, *decoded(whole))
    for view in views:
        yield from _in_every_way(view, known)
        if depth < _DEEPEST:
            for start, end, content in contents(view):
                for _, _, kind in islice(_spans(content, known, depth + 1), 1):
                    yield (*view.span(start, end), kind)
    if count(whole.text) < _SOME and not any(_spelled(view.text.lower()) for view in views):
        return
    if _BACKWARDS.search(text) or _BACKWARDS.search(whole.text):
        yield from _cards(whole.backwards(), Look(known))
    if _INTERRUPTED.search(whole.text):
        for _, start, end, kind in across([text], known):
            yield start, end, kind


def _in_every_way(view: View, known: Known) -> Iterator[Span]:
    yield from _as_it_stands(view, Look(known))
    if _spelled(view.text.lower()):
        for told in in_words(view):
            yield from _as_it_stands(told, Look(known, told=True))
    for lettered in in_letters(view):
        yield from _cards(lettered, Look(known, even=True))


def _spelled(lower: str) -> bool:
    return has_words(lower) or _BESIDE_A_WORD.search(lower) is not None


def _as_it_stands(view: View, look: Look) -> Iterator[Span]:
    digits = count(view.text)
    if digits >= _SHORTEST:
        yield from _cards(view, look)
    if not digits:
        return
    lower = view.text.lower()
    if digits >= _FEW:
        for start, end, kind in labelled(lower):
            yield (*view.span(start, end), kind)
    if LABELS.search(lower) and (lettered := in_single_letters(view)) is not view:
        for start, end, kind in labelled(lettered.text.lower()):
            yield (*lettered.span(start, end), kind)


def _cards(view: View, look: Look) -> Iterator[Span]:
    for start, end in cards(view.text, look):
        yield (*view.span(start, end), Kind.CARD)
        if code := CODE_AFTER_EXPIRY.match(view.text, end):
            yield (*view.span(*code.span(1)), Kind.CODE)
