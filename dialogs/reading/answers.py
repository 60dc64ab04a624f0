"""Short answers to a question just asked: yes or no, which one, by which means, how much of it, in whose name.

A reader here judges the whole message and returns one value or None; None means that it is not plainly that. Which
question was asked, and what a yes agrees to, never enters here. The words are in `words`.
"""

import re
import unicodedata
from typing import Literal, TypeAlias

from dialogs.reading import words
from services.model import Method

Share: TypeAlias = Literal["all", "half", "minimum"]

_TOKEN = re.compile(r"[^\W_]+|[👍👌✅✔🙏👎❌]")
_APOSTROPHES = str.maketrans("", "", "'’`´")  # noqa: RUF001  # typed and pasted ones
_MOST_WORDS = 12  # a longer message says more than yes or no
_FIRST_WORDS = frozenset(phrase.split()[0] for phrase in (*words.YES, *words.NO, *words.POLITE))
_LONGEST_PHRASE = 4  # words, in the tables of whole answers
_LONGEST_ANSWER = 200  # characters; no short answer is longer
_LONGEST_SENTENCE = 1000  # characters; what is longer is a letter, and may name anything


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.translate(_APOSTROPHES).lower())


def _plain(text: str) -> str:
    return " ".join(text.translate(_APOSTROPHES).lower().split())


def yes_no(text: str) -> bool | None:
    """True for a plain yes, False for a plain no, None for everything else.

    Plain means that nothing but yes (or no) and politeness is said: a yes with a but, a question or another word in it
    agrees to nothing.
    """
    if len(text) > _LONGEST_ANSWER or "?" in text:
        return None
    tokens = _tokens(text)
    if not tokens or len(tokens) > _MOST_WORDS or tokens[0] not in _FIRST_WORDS:
        return None
    said: set[bool] = set()
    at = 0
    while at < len(tokens):
        for size in range(_LONGEST_PHRASE, 0, -1):
            phrase = " ".join(tokens[at : at + size])
            if phrase in words.YES or phrase in words.NO:
                said.add(phrase in words.YES)
                break
            if phrase in words.POLITE:
                break
        else:
            return None
        at += size
    return said.pop() if len(said) == 1 else None


# --- which one ----------------------------------------------------------------------------------------------------

_PLACES = {**words.ONES, **words.ONES_ES, **words.ORDINALS}
del _PLACES["un"]  # the article
_PLACE = re.compile(
    rf"(?:(?:the|my|number|no|option|choice|it is|its|pay|use|take|i want|el|la|mi|número|numero|opción|opcion|es|esa|ese"
    rf"|quiero|quisiera|pagar|usar|con|con la|factura)\b[\s.]*|#)*(?:([0-9]{{1,2}})|({'|'.join(_PLACES)}))"
    rf"(?:\s(?:{'|'.join(words.COUNTED)}))?(?:,?\s(?:please|pls|thanks|thank you|por favor|porfa|gracias))*"
)
_PLACE_WITHIN = re.compile(rf"(?<!\ba )\b({'|'.join(words.ORDINALS)})\s(?:{'|'.join(words.COUNTED)})\b")


def ordinal(text: str) -> int | None:
    """Which of several things is meant: 1 for the first, -1 for the last. "2", "2nd", "the second one", "option 2"."""
    if len(text) > _LONGEST_ANSWER:
        return None
    plain = _plain(text).strip(" .,!()")
    if whole := _PLACE.fullmatch(plain):
        if whole[1]:
            return int(whole[1]) or None
        return _PLACES[whole[2]]
    within = {words.ORDINALS[place] for place in _PLACE_WITHIN.findall(plain)}
    return within.pop() if len(within) == 1 else None


# --- by which means, and how much of it ---------------------------------------------------------------------------

_METHOD = re.compile(rf"(?<![^\W_])(?:{'|'.join(sorted(words.METHODS, key=len, reverse=True))})(?![^\W_])")
_DENIED = re.compile(
    rf"(?:\b(?:{'|'.join(words.DENIALS)})(?:\s\w{{1,10}}){{0,4}}|\bno(?:\s(?:con|desde|de))?(?:\s(?:el|la|mi|una?))?)\s$"
)
_DENIED_AFTER = re.compile(r"\s(?:no|not)(?=[\s,.;!]*$|[,.;]|\s(?:sino|mejor)\b)")  # "tarjeta no, banco"
_FROM_TO = re.compile(r"\b(?:from|change|switch|move)\s.{1,40}\bto\s(?:(?:my|a|the|an)\s)?$")
_SHARES: tuple[tuple[Share, re.Pattern[str]], ...] = tuple(
    (share, re.compile(rf"(?<![^\W_])(?:{'|'.join(phrases)})(?![^\W_])")) for share, phrases in words.SHARES.items()
)
_ANY_SHARE = re.compile("|".join(phrase.pattern for _, phrase in _SHARES))
_NEAR = 48  # characters: how far back a "not" may stand


def method(text: str) -> Method | None:
    """The one means of payment that is named and not denied; None when there is none, or two.

    "Not the card, the bank" and "from card to bank" are BANK; "card or bank" is None.
    """
    if len(text) > _LONGEST_SENTENCE:
        return None
    plain = _plain(text)
    named, done = [], 0
    for found in _METHOD.finditer(plain):
        denied = _DENIED.search(plain, max(done, found.start() - _NEAR), found.start())
        if not denied and not _DENIED_AFTER.match(plain, found.end()):
            named.append(found)
        done = found.end()  # a "not" denies only the next means
    if named and _FROM_TO.search(plain, 0, named[-1].start()):
        named = named[-1:]
    meant = {words.METHODS[found[0]] for found in named}
    return meant.pop() if len(meant) == 1 else None


def share(text: str) -> Share | None:
    """How much of what is due: all of it, half, or the least that may be paid; None when not just one is named."""
    if len(text) > _LONGEST_SENTENCE:
        return None
    plain = _plain(text).strip(" .,!")
    if plain in words.WHOLE_ALL:
        return "all"
    if " or " in plain or not _ANY_SHARE.search(plain):
        return None
    named = [share for share, phrase in _SHARES if _is_said(plain, phrase)]
    if len(named) == 2 and "all" in named:  # half of the full amount is half
        named.remove("all")
    return named[0] if len(named) == 1 else None


def _is_said(plain: str, phrase: re.Pattern[str]) -> bool:
    return any(not _DENIED.search(plain, max(0, said.start() - _NEAR), said.start()) for said in phrase.finditer(plain))


# --- in whose name ------------------------------------------------------------------------------------------------

_LEAD = re.compile(
    r"\s*(?:(?:no|yes|ok|okay|oh|actually|sorry|well|hi|hello)[\s,.!]+)*"
    r"(?:(?:it['’]?s|it is|that['’]?s|that is|that would be|this is|i['’]?m|i am|call me"  # noqa: RUF001  # as pasted
    r"|(?:(?:my|the|billing|account)\s)*name(?:\son\s(?:it|the\s\w{1,12}))?(?:\sis|\sshould be)?"
    r"|me llamo|soy|se llama|(?:está |esta )?a nombre de|(?:(?:mi|el|su|con el)\s)?nombre\s(?:es|sería|seria|de)"
    r"|(?:put|use|make|change|set)(?:\s(?:it|that|the name|my name))?(?:\s(?:to|under|as))?|under)[\s:,]+)*",
    re.IGNORECASE,
)
_TRAIL = re.compile(r"(?:[\s,.!]+(?:please|pls|thanks|thank you|thx|por favor|porfa|gracias))*[\s,!;]*$", re.IGNORECASE)
_IN_NAMES = frozenset(" '’.-,&/()+·\u200c\u200d")  # noqa: RUF001  # joiners are spelling in Persian and Hindi
_LONGEST_NAME = 100  # characters
_MOST_NAMES = 12  # words


def name(text: str) -> str | None:
    """The name of a person or business that a message gives, tidied, of 1 to 100 characters; None if it gives none."""
    if len(text) > _LONGEST_ANSWER or yes_no(text) is not None:
        return None
    tidy = " ".join("".join(char for char in text if char not in words.DIRECTIONS).split())
    tidy = _TRAIL.sub("", _LEAD.sub("", tidy, count=1))
    tokens = _tokens(tidy)
    if tidy.endswith(".") and tokens and tokens[-1] not in words.ABBREVIATED:
        tidy = tidy.rstrip(".")
    if not tokens or len(tokens) > _MOST_NAMES or len(tidy) > _LONGEST_NAME:
        return None
    if tokens[0] in words.NOT_FIRST_IN_NAMES or not words.NOT_IN_NAMES.isdisjoint(tokens):
        return None
    return tidy if all(char in _IN_NAMES or unicodedata.category(char)[0] in "LM" for char in tidy) else None
