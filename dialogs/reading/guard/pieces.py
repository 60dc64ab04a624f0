"""Finds numbers that come in pieces: over several messages of one customer, or with words between the pieces.

Pieces count when nothing but them is said ("4242", "then 4242", "and the last four are 4242"), or when card words were
said in one of the messages. What a piece looks like is in `views.py`, what the whole must be in `cards.py`.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from dialogs.reading.guard.cards import CARD_WORDS, Known, Look, cards
from dialogs.reading.guard.labels import LABELS, Kind, labelled
from dialogs.reading.guard.numerals import ROW, words
from dialogs.reading.guard.views import JOIN, View, count, decoded, folded, in_letters, in_words, joined

Piece = tuple[int, int, int, Kind]  # of which message, from where to where in it, of what

_ORDER = "first|second|third|fourth|fifth|sixth|next|last|final|other|remaining|primer[oa]s?|segund[oa]s?|tercer[oa]s?|"
_ORDER += "siguientes?|ultim[oa]s?|otr[oa]s?"
# What people say around the pieces of a number. What says anything else is no piece.
_FILLERS = re.compile(
    rf"(?<![a-z])(?:{_ORDER}|then|followed|by|after|that|starts?|starting|begins?|with|ends?|ending|digits?|ones|nums?|numbers?"
    r"|is|are|its?|s|the|rest|of|my|in|card|here|comes?|ok|okay|so|more|now|plus|continues?|sorry|wait|this|part|group"
    r"|block|chunk|bit|uh|um|er|hmm|please|hi|visa|mastercard|amex|mc|discover|cc|(?:credit|debit)\s(?:card|visa|mastercard)|no|for|also|finally|lastly|got|it"
    r"|luego|despues|l[oa]s|el|la|digitos?|numeros?|de|mi|es|son|tarjeta|empieza|termina|con|por|sigue|resto|bloque|parte"
    r"|aqui|va|van|ahora|de\s(?:credito|debito)|y|and|finalmente|en|que|thanks|thank|gracias|piece|half|quarter|you|go|there|to|start|i|have|begin)(?![a-z])"
)
# "The first 4 are", "the last four are" and "part 2:" count; "1) 4242" numbers a line.
_COUNTS = re.compile(
    rf"(?<![a-z])(?:{_ORDER}|part|parte|piece|group|grupo|block|bloque|chunk|half)\s{{1,2}}[0-9]{{1,2}}(?![0-9])"
    rf"(?=\s*[a-z:=)]|\s-\s)|(?<![a-z])(?:{_ORDER})\s{{1,2}}(?:two|three|four|five|six|eight|dos|tres|cuatro|cinco|seis|ocho)(?=\s(?:are|is|digits?|ones|numbers?|son|digitos?|numeros?)(?![a-z]))"
    r"|(?<![0-9])[0-9]\s?[/(]\s?(?:of\s)?[0-9]\s?[:)](?=\s)|(?<![0-9.,$])[1-6]\s?[).:]\s*(?=[0-9]{2})|(?<=\n)[2-6]\s?[).:]\s*(?=[0-9])"
)
_LISTING = ("and", "y")
_LETTERED = re.compile(
    r"(?<![A-Za-z0-9])(?:(?=[A-Za-z]*[0-9])[0-9OoQDlIiLjJZzEeAaSsGbTtBgqh]+|[OoQIlSsZzB]{3,6})(?![A-Za-z0-9])"
)
_SAYING = re.compile(r"[A-Za-z]")
_DIGIT = re.compile(r"[0-9]")
_DICTATED = re.compile(
    r"(?<![a-z])(?:starts?|begins?|ends?)\s(?:with|in)(?![a-z])|(?<![a-z])(?:first|last|next|then|empieza|termina|luego|despues"
    r"|primer[oa]s|ultim[oa]s|siguientes)(?![a-z])|(?<![0-9])1\s?[).:]\s*[0-9]{2}[^a-z]{1,20}2\s?[).:]"
)
_ODD = re.compile(r"[^\x00-\x7f]|[&%\\=]|(?<![A-Za-z0-9])(?=[A-Za-z]{0,8}[0-9])(?=[0-9]{0,8}[A-Za-z])[0-9A-Za-z]+")
_CODED = re.compile(r"[&%\\=<]|[uU]\+|0x|[MNO][A-Za-z0-9+/]{3}")
_SPACES = re.compile(r"[ \t,.:;]{2,}(?<![,;]) |\s{2,}")
_CHATTER = 80  # characters of a message without digits that may come between two pieces
_CARD_SAID = re.compile(CARD_WORDS)
_FEW = 7  # digits: an account number that came alone after its label; fewer may be a zip or a sum
_SHORTEST, _LEAST = 12, 3


def across(texts: Sequence[str], known: Known) -> Iterator[Piece]:
    """The pieces of every number that these messages, oldest first, hold together."""
    if not _enough(texts):
        return
    # a text that was not looked at by itself before is not remembered: it may hold all of a number
    lines = [_line(text) for text in texts] if len(texts) > 1 else [_looked_at(*texts)]
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    bases = [base.after(start) for (base, _), start in zip(lines, starts, strict=False)]
    lower = "\n".join(base.text for base, _ in lines).lower()
    said = _CARD_SAID.search(lower) is not None or _DICTATED.search(lower) is not None
    for reading in _readings(texts, bases, lower):
        as_typed = reading is bases
        bare = [bare.after(start) for (_, bare), start in zip(lines, starts, strict=False)] if as_typed else None
        whole = _gated(bare or [_bare(view) for view in reading], said)
        if count(whole.text) >= _SHORTEST:
            for start, end in cards(whole.text, Look(known, words=said, pieces=True)):
                yield from _places(texts, whole, start, end, Kind.CARD)
        for lettered in in_letters(whole):
            for start, end in cards(lettered.text, Look(known, even=len(texts) == 1, words=said, pieces=True)):
                yield from _places(texts, lettered, start, end, Kind.CARD)
        if len(texts) > 1:
            yield from _labelled(texts, joined(reading))


def _looked_at(text: str) -> tuple[View, View]:
    """A line as it stands in ASCII, and without what people say around pieces."""
    base = folded(text)
    return base, _bare(base)


_line = lru_cache(maxsize=1024)(_looked_at)  # each is looked at again with every line that follows it


def forget() -> None:
    """Let go of the lines that are remembered: a piece of a number was in one of them."""
    _line.cache_clear()


def _readings(texts: Sequence[str], bases: list[View], lower: str) -> Iterator[list[View]]:
    """The messages as they stand, and, where that makes a difference, decoded and with spelled numbers as digits."""
    yield bases
    if _CODED.search("\n".join(texts)):
        yield [_decoded(base) for base in bases]
    if ROW.search(lower):
        yield [next(in_words(base)) for base in bases]


def _enough(texts: Sequence[str]) -> bool:
    """Whether these messages hold signs enough for a number, or a label and what it speaks of."""
    whole = "\n".join(texts)
    if _ODD.search(whole):
        return True
    lower = whole.lower()
    signs = count(whole)
    if signs + 2 * words(lower) >= _SHORTEST:
        return True
    return len(texts) > 1 and signs >= _LEAST and LABELS.search(lower) is not None


def _decoded(view: View) -> View:
    *_, last = (view, *decoded(view))
    return last


def _bare(view: View) -> View:
    """The view without what people say around pieces; a list stays one."""
    counted = view.swapped(_COUNTS, lambda _: " ", view.text.lower())
    silent = counted.swapped(_FILLERS, lambda found: "," if found[0] in _LISTING else " ", counted.text.lower())
    return silent.swapped(_SPACES, lambda _: " ")


def _gated(views: Sequence[View], said: bool) -> View:
    """The messages as one text in which only those lie side by side that may be pieces of one number."""
    kept = [
        view for view in views if len(view.text) > _CHATTER or _DIGIT.search(view.text) or _LETTERED.search(view.text)
    ]
    silent = [said or not _SAYING.search(_LETTERED.sub("", view.text)) for view in kept]
    if len(kept) == 1 and not silent[0]:
        return View("")
    whole = joined(kept)
    shut = [not (before and after) for before, after in pairwise(silent)]
    parts = whole.text.split(JOIN)
    gaps = ["w" if closed else JOIN for closed in shut]
    text = "".join(part + gap for part, gap in zip(parts, [*gaps, ""], strict=True))
    return View(text, whole.starts, whole.ends)


def _places(texts: Sequence[str], view: View, start: int, end: int, kind: Kind) -> Iterator[Piece]:
    """Where in which messages the digits from ``start`` to ``end`` of this view stand."""
    at = start
    for part in view.text[start:end].split(JOIN):
        digits = [place for place, sign in enumerate(part, start=at) if sign.isdigit()]
        at += len(part) + 1
        if digits:
            left, right = view.span(digits[0], digits[-1] + 1)
            offset = 0
            for message, text in enumerate(texts):
                if offset <= left <= offset + len(text):
                    yield message, left - offset, min(right - offset, len(text)), kind
                    break
                offset += len(text) + 1


def _labelled(texts: Sequence[str], whole: View) -> Iterator[Piece]:
    """What carries its label in an earlier message."""
    for start, stop, kind in labelled(whole.text.lower()):
        end = stop
        if kind is Kind.ACCOUNT:  # of any length, so it is not put together from what two messages say
            end = start + len(whole.text[start:end].partition(JOIN)[0])
            if count(whole.text[start:end]) < _FEW:
                continue
        yield from _places(texts, whole, start, end, kind)
