"""Say(key, values) -> text in the customer's language. The sentences are in ``config/wording/<locale>.toml``.

Values become words here and nowhere else: money, dates and methods by locale (Babel, CLDR). A sentence that reads
otherwise for one thing than for several is a table of its plural forms (``{one = "...", other = "..."}``, UTS #35), of
which the value ``count`` chooses. A key without a sentence, or a sentence that names a value it is not given, fails
when the wording is loaded or tested, never before a customer.
"""

import hashlib
import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias

import msgspec
from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

from dialogs.model import Listed, Say, Value
from services.errors import Misconfigured
from services.model import Method, Money, exponent

_formatter = string.Formatter()

# CLDR's currency spacing (UTS #35, part 3), which Babel leaves out: NOK 802.00 has a space, $802.00 has none
_CODE_BEFORE_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")

# The country whose way to write sums a language takes, where it is not the one that CLDR assumes: the same bill must
# not say $1,250.00 in English and 1.250,00 US$ in Spanish
_WRITTEN_AS = {"es": "es_US"}
_OTHER = "other"  # the plural form that every language has, and that stands for those a table leaves out

_Pieces: TypeAlias = tuple[tuple[str, str | None], ...]


class Wording:
    """The sentences of one language. Immutable."""

    def __init__(self, locale: str, sentences: Mapping[str, str | Mapping[str, str]], timezone: tzinfo) -> None:
        """Raises `Misconfigured` naming the faulty key."""
        self.locale = locale
        self._babel = Locale.parse(_WRITTEN_AS.get(locale, locale))
        self._sentences = {key: _pieces(key, text) for key, text in sentences.items() if isinstance(text, str)}
        self._counted = {
            key: _forms(key, forms, self._babel.plural_form.tags)
            for key, forms in sentences.items()
            if not isinstance(forms, str)
        }
        self._timezone = timezone
        self._texts = dict(sentences)
        self._versions: dict[tuple[str, ...], str] = {}

    @classmethod
    def load(cls, file: Path, timezone: tzinfo) -> "Wording":
        """Read one language's file; its stem is the locale. Raises `Misconfigured` naming the faulty key."""
        return _loaded(file, timezone)

    def keys(self) -> frozenset[str]:
        return frozenset((*self._sentences, *self._counted))

    def say(self, say: Say) -> str:
        """The sentence with its values in. Raises KeyError for a key or value that does not exist."""
        pieces = self._sentences.get(say.key) or self._form(say)
        if len(pieces) == 1 and pieces[0][1] is None:
            return pieces[0][0]
        values = say.values
        return "".join(text if name is None else text + self._word(values[name]) for text, name in pieces)

    def version(self, *said: Say) -> str:
        """Names the sentences behind these words: SHA-256 over them, whatever values stood in them."""
        keys = tuple(sorted({key for say in said for key in _keys(say)}))
        if keys not in self._versions:
            texts = [self.locale, [(key, self._texts[key]) for key in keys]]
            self._versions[keys] = hashlib.sha256(msgspec.json.encode(texts, order="deterministic")).hexdigest()
        return self._versions[keys]

    def _form(self, say: Say) -> _Pieces:
        """The plural form of a sentence that its ``count`` asks for."""
        forms, count = self._counted[say.key], say.values["count"]
        assert isinstance(count, int), f"{say.key}: {count!r} is no count"
        return forms.get(self._babel.plural_form(count)) or forms[_OTHER]

    def _word(self, value: Value) -> str:
        if isinstance(value, Money):
            return money(value, self._babel)
        if isinstance(value, Say):
            return self.say(value)
        if isinstance(value, Listed):
            return value.lead + value.between.join(map(self.say, value.items)) if value.items else ""
        if isinstance(value, Method):
            return self.say(Say(f"method_{value}"))
        if isinstance(value, datetime):
            return _day(value.astimezone(self._timezone).date(), self._babel)
        if isinstance(value, date):
            return _day(value, self._babel)
        return "" if value is None else str(value)


def _keys(value: Value) -> Iterator[str]:
    """The keys of all sentences that a value brings along."""
    match value:
        case Say(key, values):
            yield key
            for each in values.values():
                yield from _keys(each)
        case Listed(items):
            for each in items:
                yield from _keys(each)
        case Method():
            yield f"method_{value}"


@cache  # one installation, one set of files: a process reads each of them once, whoever asks
def _loaded(file: Path, timezone: tzinfo) -> Wording:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"wording {file.name}: {error}") from error
    return Wording(file.stem, found, timezone)


def _forms(key: str, forms: object, known: frozenset[str]) -> dict[str, _Pieces]:
    """The plural forms of a sentence. Those that a table leaves out read like ``other``, which it must have."""
    allowed = known | {_OTHER}
    if not isinstance(forms, Mapping) or _OTHER not in forms or not forms.keys() <= allowed:
        raise Misconfigured(
            f"wording {key}: expected a sentence, or a table of {', '.join(sorted(allowed))} with {_OTHER}"
        )
    return {form: _pieces(f"{key}.{form}", text) for form, text in forms.items()}


def _pieces(key: str, text: object) -> _Pieces:
    if not isinstance(text, str) or not text:
        raise Misconfigured(f"wording {key}: expected a sentence, got {text!r}")
    try:
        return tuple((before, name) for before, name, _spec, _conversion in _formatter.parse(text))
    except ValueError as error:
        raise Misconfigured(f"wording {key}: {error}") from error


def money(amount: Money, locale: Locale) -> str:
    """``$1,250.00`` in the locale's own way, with exactly the currency's ISO 4217 decimals."""
    return _money(amount.minor, amount.currency, locale)


def money_in(amount: Money, language: str) -> str:
    """The same, in a language by its name in the settings."""
    return money(amount, Locale.parse(_WRITTEN_AS.get(language, language)))


@lru_cache(maxsize=4096)
def _money(minor: int, currency: str, locale: Locale) -> str:
    # Decimal from an exact integer: no float ever touches the sum
    exact = Decimal(minor).scaleb(-exponent(currency))
    shown: str = _pattern(locale, exponent(currency)).apply(exact, locale, currency=currency, currency_digits=False)
    return _CODE_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", shown)


@lru_cache(maxsize=64)
def _pattern(locale: Locale, places: int) -> NumberPattern:
    """The locale's way to write a sum, with exactly so many decimals: CLDR's own tables differ from ISO 4217."""
    decimals = "." + "0" * places if places else ""
    return parse_pattern(re.sub(r"\.0+", decimals, locale.currency_formats["standard"].pattern))


@lru_cache(maxsize=1024)
def _day(day: date, locale: Locale) -> str:
    return format_date(day, "medium", locale)
