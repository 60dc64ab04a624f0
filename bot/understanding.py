"""`remit understand`: what Remit makes of a message, as JSON lines, for whoever measures or tries it.

It shows the model's best guess and every value, one message at a time and without a conversation. The chat itself reads
more: the rules and the question on the screen come first (`dialogs.reading.intents`).
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any

from bot.settings import CONFIG, Settings
from dialogs.reading import values
from dialogs.reading.amounts import Found, spoken
from dialogs.reading.classifier import Classifier
from dialogs.reading.dates import Days, Role, dates
from dialogs.reading.words import ACCOUNT, NUMBERS
from services.errors import Misconfigured
from services.model import Money

MODEL = CONFIG / "intents" / "model.bin"
LANGUAGE = "en"  # of a message that could be of any
_NO_CURRENCY = "XXX"  # ISO 4217: no currency is involved; so it is seen that the text names none
_MOST = 64

Value = dict[str, Any]

_ASKED_FOR = {"amount": "amount", "how_much": "amount", "consent": "amount", "invoice": "invoice", "number": "number"}


@cache
def model() -> Classifier:
    """The model that comes with Remit, read once. Raises Misconfigured when it is not there or damaged."""
    try:
        return Classifier(MODEL.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"the model of intents cannot be read: {error}") from error


def understand(text: str, today: date, asked: str = "") -> dict[str, Any]:
    """What a message says: the likeliest intent with its score (0 to 1), the language, and the values in order.

    ``asked`` is the slot that was asked for, if any: it lets a bare number be its answer. Offsets are in characters, the
    end exclusive; types and values are those of the data that they are measured on.
    """
    reading = model().read(text)
    best = reading.guesses[0]
    language = reading.language or LANGUAGE
    return {
        "text": text,
        "intent": best.intent,
        "score": round(best.score, 4),
        "language": language,
        "values": _values(text, today, _ASKED_FOR.get(asked, ""), day_first=language != LANGUAGE),
    }


# --- values -------------------------------------------------------------------------------------------------------


def _values(text: str, today: date, asked: str, *, day_first: bool) -> list[Value]:
    """All values; where two readers claim the same characters, the more particular one wins."""
    found: list[Value] = []
    readers: tuple[Callable[[], Iterable[Value]], ...] = (
        lambda: (_invoice(text, number) for number in values.invoice_numbers(text, bare=asked == "invoice")),
        lambda: (_day(text, day) for day in dates(text, today, day_first=day_first)),
        lambda: _accounts(text),
        lambda: (_amount(text, each) for each in _sums(text, asked)),
        lambda: _means(text),
        lambda: _numbers(text),
    )
    for read in readers:
        for value in read():
            if not any(value["start"] < other["end"] and other["start"] < value["end"] for other in found):
                found.append(value)
    return sorted(found, key=lambda value: (value["start"], value["end"]))


def _value(kind: str, text: str, start: int, end: int, value: Any) -> Value:
    return {"type": kind, "text": text[start:end], "start": start, "end": end, "value": value}


def _sums(text: str, asked: str) -> Iterable[Found[Money]]:
    return values.amounts(text, _NO_CURRENCY, bare=True) if asked == "amount" else spoken(text, _NO_CURRENCY)


def _amount(text: str, found: Found[Money]) -> Value:
    currency = None if found.value.currency == _NO_CURRENCY else found.value.currency
    return _value("amount", text, found.start, found.end, {"minor": found.value.minor, "currency": currency})


_OF_DAYS = {Role.ON: "date", Role.FROM: "date_from", Role.TO: "date_to", Role.DURING: "date_period"}


def _day(text: str, found: Found[Days]) -> Value:
    first, last = found.value.first.isoformat(), found.value.last.isoformat()
    stretch = found.value.role is Role.DURING
    return _value(
        _OF_DAYS[found.value.role], text, found.start, found.end, {"from": first, "to": last} if stretch else first
    )


_INVOICE_LABEL = re.compile(
    r"(?:invoice|bill|factura)\W*(?:number|num|no|nr|is|id|called|número)?\W*?(?=#?\w*[0-9])", re.IGNORECASE
)


def _invoice(text: str, found: Found[str]) -> Value:
    label = _INVOICE_LABEL.match(text, found.start, found.end)
    return _value("invoice_number", text, label.end() if label else found.start, found.end, found.value)


_ACCOUNT = re.compile(
    rf"\b(?:{'|'.join(ACCOUNT)})[\s#:.]{{1,2}}(?P<number>[0-9]{{4,17}})\b(?![.,]?[0-9])", re.IGNORECASE
)
_NAMED_BEHIND = re.compile(
    r"\b(?P<number>[0-9]{4,17}) (?:is )?(?:the |my )?(?:account|acct|checking|savings?)\b", re.IGNORECASE
)
_ANOTHER = re.compile(
    r"\b(?:account|acct|acc|ac) (?:no |number )?[0-9]{4,17} (?:and |other )+(?P<number>[0-9]{4,17})\b", re.IGNORECASE
)
_BETWEEN = re.compile(r"\b(?:from )?(?P<one>[0-9]{4,17}) (?:to|into) (?P<two>[0-9]{4,17})\b", re.IGNORECASE)


def _accounts(text: str) -> Iterator[Value]:
    for match in islice(_BETWEEN.finditer(text), _MOST):
        for group in ("one", "two"):
            yield _value("account_number", text, *match.span(group), match[group])
    for pattern in (_ACCOUNT, _NAMED_BEHIND, _ANOTHER):
        for match in islice(pattern.finditer(text), _MOST):
            yield _value("account_number", text, *match.span("number"), match["number"])


_BRANDS = {
    "visa": "visa",
    "mastercard": "mastercard",
    "master card": "mastercard",
    "amex": "amex",
    "american express": "amex",
    "discover": "discover",
    "jcb": "jcb",
}
_BRAND = re.compile(rf"\b(?:{'|'.join(_BRANDS)})\b", re.IGNORECASE)
# A bank account is "debit card" in the data that this is measured on.
_METHODS = {
    "credit card": re.compile(r"\bcredit cards?\b|\btarjeta de crédito\b", re.IGNORECASE),
    "debit card": re.compile(
        r"\b(?:debit|check) cards?\b|\btarjeta de débito\b|\b(?:my |the )?(?:bank|checking|savings?|current) account\b"
        r"|\b(?:mi |la )?cuenta (?:bancaria|corriente|de (?:ahorros?|cheques|banco))\b",
        re.IGNORECASE,
    ),
    "app balance": re.compile(r"\b(?:in[ -])?app balance\b", re.IGNORECASE),
}


def _means(text: str) -> Iterator[Value]:
    for brand in _BRAND.finditer(text):
        yield _value("card_brand", text, *brand.span(), _BRANDS[brand[0].lower()])
    for method, pattern in _METHODS.items():
        for named in islice(pattern.finditer(text), _MOST):
            yield _value("payment_method", text, *named.span(), method)


_ALONE = re.compile(
    rf"\W*(?:(?:it'?s|it (?:is|will be)|make it|around|about|maybe|for|the|just|only|no|yes|ok|actually|son|solo)\W+)*"
    rf"(?P<number>[0-9]{{1,6}}|{'|'.join(word for word in NUMBERS if len(word) > 2)})"
    rf"(?: (?:it is|maybe|please|por favor))*\W*",
    re.IGNORECASE,
)


def _numbers(text: str) -> Iterator[Value]:
    """A number that is all that is said."""
    if alone := _ALONE.fullmatch(text):
        number = alone["number"]
        yield _value(
            "number", text, *alone.span("number"), int(number) if number.isdigit() else NUMBERS[number.lower()]
        )


# --- the command --------------------------------------------------------------------------------------------------


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Answer each line of standard input with one line; a line that is no JSON object with a text ends it with an error."""
    today: date = options.today or datetime.now(settings.zone).date()
    model()
    for place, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            text, slot, day = asked["text"], asked.get("asked") or "", asked.get("reference_date")
            answer = understand(str(text), date.fromisoformat(day) if day else today, str(slot))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(f"line {place}: expected a JSON object with a text: {error}") from error
        print(json.dumps(answer, ensure_ascii=False))
    return 0
