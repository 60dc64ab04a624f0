"""Say(key, values) -> text in the customer's language. The sentences are in ``config/wording/<locale>.toml``.

Values become words here and nowhere else: money, dates and methods by locale (Babel, CLDR). A key without a sentence,
or a sentence that names a value it is not given, fails when the wording is loaded or tested, never before a customer.
"""

import re
import string
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

from dialogs.model import Listed, Say, Value
from services.errors import Misconfigured
from services.model import Method, Money, exponent

_formatter = string.Formatter()

# CLDR's currency spacing (UTS #35, part 3), which Babel leaves out: NOK 802.00 has a space, $802.00 has none
_CODE_BEFORE_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")


class Wording:
    """The sentences of one language. Immutable."""

    def __init__(self, locale: str, sentences: Mapping[str, str], timezone: tzinfo) -> None:
        self.locale = locale
        self._sentences = {key: _pieces(key, text) for key, text in sentences.items()}
        self._babel = Locale.parse(locale)
        self._timezone = timezone

    @classmethod
    def load(cls, file: Path, timezone: tzinfo) -> "Wording":
        """Read one language's file; its stem is the locale. Raises `Misconfigured` naming the faulty key."""
        return _loaded(file, timezone)

    def keys(self) -> frozenset[str]:
        return frozenset(self._sentences)

    def say(self, say: Say) -> str:
        """The sentence with its values in. Raises KeyError for a key or value that does not exist."""
        pieces = self._sentences[say.key]
        if len(pieces) == 1 and pieces[0][1] is None:
            return pieces[0][0]
        values = say.values
        return "".join(text if name is None else text + self._word(values[name]) for text, name in pieces)

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


@cache  # one installation, one set of files: a process reads each of them once, whoever asks
def _loaded(file: Path, timezone: tzinfo) -> Wording:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"wording {file.name}: {error}") from error
    return Wording(file.stem, found, timezone)


def _pieces(key: str, text: str) -> tuple[tuple[str, str | None], ...]:
    try:
        return tuple((before, name) for before, name, _spec, _conversion in _formatter.parse(text))
    except ValueError as error:
        raise Misconfigured(f"wording {key}: {error}") from error


def money(amount: Money, locale: Locale) -> str:
    """``$1,250.00`` in the locale's own way, with exactly the currency's ISO 4217 decimals."""
    return _money(amount.minor, amount.currency, locale)


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
