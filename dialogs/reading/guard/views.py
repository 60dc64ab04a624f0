"""The same text as others would read it: folded to ASCII, decoded, spelled numbers as digits, letters taken for digits.

A view remembers of each of its characters where in the original it stands, so that what is found in the view can be
taken out of the original. Views are made here; what is looked for in them never is.
"""

import re
import unicodedata
from base64 import b32decode, b64decode
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from html import unescape
from itertools import chain, product

import msgspec

from dialogs.reading.guard.numerals import LAST_APART, ROW, digits_of, spoken

_SHORTEST = 12  # digits of a card number
JOIN = "\x1d"  # stands between two messages that are read as one text


class View(msgspec.Struct, frozen=True):
    """ASCII text, and where each character begins and ends in the original; None: at its own place."""

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the characters from ``start`` to ``end`` (not included) stand."""
        if self.starts is None or self.ends is None:
            return start, end
        if self.starts[start] > self.starts[end - 1]:  # this view runs backwards
            return self.starts[end - 1], self.ends[start]
        return self.starts[start], self.ends[end - 1]

    def swapped(
        self,
        pattern: re.Pattern[str],
        into: Callable[[re.Match[str]], str | None],
        within: str = "",
        *,
        aligned: bool = False,
    ) -> "View":
        """The view with every match of ``pattern`` replaced; None leaves a match as it is.

        ``within`` is searched instead of the text, such as its lower case, which has the same places. ``aligned``: what is
        put in has the length of what it replaces, and stands for it sign by sign.
        """
        matches = pattern.finditer(within or self.text)
        first = next(matches, None)
        if first is None:
            return self
        text: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        old_starts = range(len(self.text)) if self.starts is None else self.starts
        old_ends = range(1, len(self.text) + 1) if self.ends is None else self.ends
        done = 0
        for found in chain((first,), matches):
            new = into(found)
            if new is None:
                continue
            begin, end = found.span()
            text += (self.text[done:begin], new)
            starts += old_starts[done:begin]
            ends += old_ends[done:begin]
            if aligned:
                starts += old_starts[begin:end]
                ends += old_ends[begin:end]
            elif new:
                left, right = self.span(begin, end)
                starts += [left] * len(new)
                ends += [right] * len(new)
            done = end
        if not text:
            return self
        return View("".join((*text, self.text[done:])), [*starts, *old_starts[done:]], [*ends, *old_ends[done:]])

    def backwards(self) -> "View":
        """The view from its last character to its first."""
        starts = range(len(self.text)) if self.starts is None else self.starts
        ends = range(1, len(self.text) + 1) if self.ends is None else self.ends
        return View(self.text[::-1], starts[::-1], ends[::-1])

    def after(self, offset: int) -> "View":
        """The view of a text that begins at ``offset`` of a longer one."""
        if self.starts is None or self.ends is None:
            return View(
                self.text, range(offset, offset + len(self.text)), range(offset + 1, offset + len(self.text) + 1)
            )
        return View(self.text, [offset + at for at in self.starts], [offset + at for at in self.ends])


def count(text: str) -> int:
    """How many ASCII digits there are."""
    return sum(map(text.count, "0123456789"))


def joined(views: Sequence[View]) -> View:
    """Views of several messages, all of them views of one original, as one."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for number, view in enumerate(views):
        assert view.starts is not None
        assert view.ends is not None
        if number:
            text.append(JOIN)
            starts.append(ends[-1] if ends else 0)
            ends.append(starts[-1])
        text.append(view.text)
        starts += view.starts
        ends += view.ends
    return View("".join(text), starts, ends)


# --- characters ---------------------------------------------------------------------------------------------------

# Letters of other scripts that look like Latin ones (Unicode TR 39), as far as those look like digits.
_LOOKALIKES = str.maketrans("ОоοΟІіΙιЅѕВЗзбЕеАаТτεΖӀߊօ", "OoOOIiIiSsB33bEeAaTTEZlOo")
_BRAILLE = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚", "1234567890", strict=True)) | {"⠼": ""}
_DOTS = frozenset("·•‧∙⋅")
_MOST_IN_A_SIGN = 50  # the circled numbers go so far


def folded(text: str) -> View:
    """The text in ASCII: digits of every script as digits, invisible characters gone, other letters as an ``x``."""
    if JOIN in text:
        text = text.replace(JOIN, " ")  # it is ours, and means nothing in what somebody types
    if text.isascii():
        return View(text)
    table = {char: as_ascii(char) for char in set(text)}
    if all(len(plain) == 1 for plain in table.values()):
        return View(text.translate({ord(char): plain for char, plain in table.items()}))
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for at, char in enumerate(text):
        plain = table[char]
        if plain:
            out.append(plain)
            starts += [at] * len(plain)
            ends += [at + 1] * len(plain)
        elif ends:
            ends[-1] = at + 1  # the rim of a keycap goes with its digit
    return View("".join(out), starts, ends)


@lru_cache(maxsize=8192)
def as_ascii(char: str) -> str:
    """What stands for this character in ASCII; nothing for an invisible one."""
    if char.isascii():
        return char
    if char in _BRAILLE:
        return _BRAILLE[char]
    number = unicodedata.numeric(char, -1)
    if 0 <= number <= _MOST_IN_A_SIGN and number == int(number):
        return str(int(number))
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me", "Cc", "Cn", "Co", "Cs"):  # zero-width and direction marks, accents, keycap rims
        return ""
    if category[0] == "Z":
        return " "
    if category == "Pd" or char == "−":  # noqa: RUF001  # a minus sign is typed as a dash
        return "-"
    if char in _DOTS:
        return "."
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if part.isascii()).strip("()., ")
    if len(plain) == 1:
        return plain
    if category[0] == "L":
        return char.translate(_LOOKALIKES) if ord(char) in _LOOKALIKES else "x"
    return "|"


# --- what stands for a character ------------------------------------------------------------------------------------

_ESCAPED = re.compile(
    r"&#x?[0-9a-f]{1,6};?|&[a-z]{2,10};|%u?[0-9a-f]{2}(?:(?<=%u..)[0-9a-f]{2})?|\\u\{?[0-9a-f]{2,6}\}?|\\x[0-9a-f]{2}"
    r"|u\+[0-9a-f]{4,5}|\\[0-7]{2,3}|\\[nrt](?![a-z])|</?[a-z][^<>]{0,40}>"
    r"|(?<![a-z0-9])0x[0-9a-f]{2}(?![0-9a-f])|(?:=[23][0-9a-f]){4,}",
    re.IGNORECASE,
)
_MAY_ESCAPE = re.compile(r"[&%\\=<]|u\+|0x", re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-zA-Z])[23][0-9a-fA-F](?:[\s:,-]?[23][0-9a-fA-F]){12,}(?![0-9a-zA-Z])")
_BITS = re.compile(r"(?<![01])001[01]{5}(?:[\s,-]?001[01]{5}){12,}(?![01])")
_CODES = re.compile(r"(?<![0-9])(?:(?:3[2-9]|4[0-9]|5[0-7])[\s,;-]++){12,}(?:4[89]|5[0-7])(?![0-9])")
# A few digits in base64 begin with one of these letters; each of several groups may be encoded by itself.
_BASE64_DIGITS = re.compile(r"(?<![A-Za-z0-9+/])[MNO][A-Za-z0-9+/]{1,30}={0,2}(?![A-Za-z0-9+/=])")


def _unescape(found: re.Match[str]) -> str | None:
    escape = found[0].lower()
    if escape[0] == "<" or escape[1:] in ("n", "r", "t"):
        return " "
    if escape[0] == "&":
        plain = unescape(found[0] if escape[-1] == ";" else f"{found[0]};")
        return "".join(map(as_ascii, plain)) if len(plain) <= 2 else None
    if escape[0] == "=":
        return bytes.fromhex(escape.replace("=", "")).decode("ascii")
    if escape[0] == "\\" and escape[1].isdigit():
        return as_ascii(chr(int(escape[1:], 8)))
    code = int(escape.lstrip("%\\ux+{0").rstrip("}") or "0", 16)
    return as_ascii(chr(code)) if code < 0x110000 and not 0xD800 <= code < 0xE000 else None


def _typed(found: re.Match[str]) -> str | None:
    plain = _unescape(found)
    return plain.replace(JOIN, " ") if plain else plain


def _hex(found: re.Match[str]) -> str:
    return bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "", found[0])).decode("ascii")


def _bits(found: re.Match[str]) -> str:
    bits = re.sub(r"[^01]", "", found[0])
    return "".join(chr(int(bits[at : at + 8], 2)) for at in range(0, len(bits), 8))


def _codes(found: re.Match[str]) -> str:
    return "".join(chr(int(code)) for code in re.findall(r"[0-9]{2}", found[0]))


def _base64_digits(found: re.Match[str]) -> str | None:
    try:
        plain = b64decode(_padded(found[0].rstrip("="), 4)).decode("ascii")
    except ValueError:
        return None
    return plain if plain.isdigit() else None


def decoded(view: View) -> Iterator[View]:
    """The views in which escapes are what they stand for (HTML, URLs, JSON, quoted-printable, codes of characters)."""
    now = view
    for _ in range(3):  # what was escaped twice, and once more
        if not _MAY_ESCAPE.search(now.text):
            break
        after = now.swapped(_ESCAPED, _typed)
        if after is now:
            break
        yield (now := after)
    codes = ((_HEX, _hex), (_BITS, _bits), (_CODES, _codes)) if count(view.text) >= 2 * _SHORTEST else ()
    for pattern, read in ((_BASE64_DIGITS, _base64_digits), *codes):
        after = view.swapped(pattern, read)
        if after is not view:
            yield after


# --- words and letters ----------------------------------------------------------------------------------------------

_COUNTING = re.compile(
    r"(?:first|next|last|final|other|remaining|primer[oa]s|siguientes|ultim[oa]s|otr[oa]s|the|los)\s+[a-z]+\Z"
)
_COUNTED_NEXT = re.compile(r"\s*(?:digits?|numbers?|nums?|ones|are|is|of|digitos|numeros|son|es)\b|\s*[:=]")


_ALSO_WORDS = frozenset(("one", "un", "una", "uno", "once", "oh"))
_GOES_ON = re.compile(r"\s{1,2}[a-z]{2}")  # "one sec", "un momento"
_DIGIT_BEFORE = re.compile(r"[0-9][^a-z]{0,3}\Z")
_MEANT = re.compile(r"(?<![a-z])(?:this|that|the|which|what|any|some|no|each|every|new|old|other|another)\s\Z")


def in_words(view: View) -> Iterator[View]:
    """The views in which spelled numbers are digits. "The first four are" counts digits, and tells none.

    "Seventy eight" at the end may be 78, or the last two numbers of a row: both are tried.
    """
    lower = view.text.lower()

    def read(found: re.Match[str]) -> str | None:
        if (
            found[0].isalpha()
            and _COUNTED_NEXT.match(lower, found.end())
            and _COUNTING.search(lower[max(0, found.start() - 12) : found.end()])
        ):
            return None
        if found[0] in _ALSO_WORDS and (
            (
                _GOES_ON.match(lower, found.end())
                and not _DIGIT_BEFORE.search(lower[max(0, found.start() - 4) : found.start()])
            )
            or _MEANT.search(lower[max(0, found.start() - 12) : found.start()])
        ):
            return None
        return digits_of(found[0])

    yield view.swapped(ROW, read, lower)
    if any(LAST_APART.search(row[0]) for row in ROW.finditer(lower)):
        yield view.swapped(ROW, lambda row: digits_of(row[0], last_apart=True), lower)


def has_words(lower: str) -> bool:
    """Whether spelled numbers may stand here that matter."""
    return spoken(lower)


_LIKE = "0-9OoQDlIiLjJZzEeAaSsGbTtBgqh"
_TOKEN = rf"[{_LIKE}]++(?![A-Za-z0-9])"
_LETTERED = re.compile(rf"(?<![A-Za-z0-9])(?:{_TOKEN})(?:[\s./_\\\x1d-]{{1,5}}+{_TOKEN})*+")
_SIGN = re.compile(
    r"(?<=[0-9A-Za-z])[$!](?=[0-9A-Za-z$!])|(?<![^\s])\$(?=[0-9]{11}|[$!])|(?<=[0-9A-Za-z$!][0-9A-Za-z$!])!(?=[0-9!])|(?<!\S)!(?=[0-9!]{3})"
)
_SOLID = re.compile(r"[A-Za-z0-9]+")
_CERTAIN = {
    **dict.fromkeys("OoQD", "0"),
    **dict.fromkeys("lIiLjJ", "1"),
    **dict.fromkeys("Zz", "2"),
    **dict.fromkeys("Ee", "3"),
    **dict.fromkeys("Aah", "4"),
    **dict.fromkeys("Ss", "5"),
    **dict.fromkeys("Tt", "7"),
    "B": "8",
    "q": "9",
}
_DOUBTFUL = {"b": "68", "g": "96", "G": "69"}
_HEX_ONLY = re.compile(r"[0-9a-f]+")
_ALONE = 8


def in_letters(view: View) -> Iterator[View]:
    """The views in which letters that look like digits are digits, where enough of them stand in a row."""
    signs = view.swapped(_SIGN, lambda sign: "5" if sign[0] == "$" else "1", aligned=True)
    if signs is not view:
        yield (view := signs)
    found = [run for run in _LETTERED.finditer(view.text) if _worth_reading(run[0])]
    if not found:
        return
    doubtful = [letter for letter in _DOUBTFUL if any(letter in run[0] for run in found)]
    for choice in product(*(_DOUBTFUL[letter] for letter in doubtful)):
        table = str.maketrans(_CERTAIN | dict(zip(doubtful, choice, strict=True)))
        reader = _Reader(table)
        yield view.swapped(_LETTERED, reader.read, aligned=True)


_LETTERED_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9])(?=[A-Za-z]{{0,8}}[0-9])(?=[0-9]{{0,16}}[A-Za-z])[{_LIKE}]{{3,17}}(?![A-Za-z0-9])"
)
_USUAL = str.maketrans(_CERTAIN | {"b": "8", "g": "9", "G": "6"})


def in_single_letters(view: View) -> View:
    """The view in which each number with letters for some of its digits is a number; for what is named beside it."""
    return view.swapped(_LETTERED_NUMBER, lambda found: found[0].translate(_USUAL), aligned=True)


def _worth_reading(run: str) -> bool:
    if len(run) < _SHORTEST:
        return False
    tokens = _SOLID.findall(run)
    return sum(map(len, tokens)) >= _SHORTEST and not run.replace(" ", "").isdigit() and any(c.isalpha() for c in run)


class _Reader:
    """Reads letters as digits, by one table."""

    def __init__(self, table: dict[int, str]) -> None:
        self._table = table

    def read(self, found: re.Match[str]) -> str | None:
        """A row of words with its letters read as digits; None when it is not worth reading."""
        if not _worth_reading(found[0]):
            return None
        singles = sum(len(token) == 1 for token in _SOLID.findall(found[0])) >= _ALONE
        fours = 0  # words of four that stand before: what is left of a number of 17 to 19 digits may follow

        def word(token: re.Match[str]) -> str:
            nonlocal fours
            last, fours = fours >= 4, fours + 1 if len(token[0]) == 4 else 0
            return token[0].translate(self._table) if last else self._word(token[0], singles=singles)

        return _SOLID.sub(word, found[0])

    def _word(self, word: str, *, singles: bool) -> str:
        if word.isalpha() and len(word) < 4 and not (singles and len(word) == 1):
            return word  # "so", "is", "GL": a word, or the prefix of a number
        if len(word) >= _SHORTEST and _HEX_ONLY.fullmatch(word):
            return word  # a hash or an id
        return word.translate(self._table)


# --- encoded words --------------------------------------------------------------------------------------------------

_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}(?![A-Za-z0-9+/_-])={0,6}")


def contents(view: View) -> Iterator[tuple[int, int, str]]:
    """The words of this view that say something in base64 or base32 (RFC 4648): where they stand, and what they say."""
    for found in _ENCODED.finditer(view.text):
        token = found[0].rstrip("=")
        if token.isdigit():
            continue
        for decode, text in ((b64decode, _padded(token.translate(_URL_SAFE), 4)), (b32decode, _padded(token, 8))):
            try:
                content = decode(text).decode("ascii")
            except ValueError:
                continue  # it is something else
            if content.replace("\r\n", "").replace("\n", "").isprintable():
                yield (*found.span(), content)
                break


_URL_SAFE = str.maketrans("-_", "+/")


def _padded(token: str, block: int) -> str:
    return token + "=" * (-len(token) % block)
