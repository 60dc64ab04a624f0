"""How a receipt reads: which sum stands on top, what was paid for what, what went back, and how it stands in words. Pure.

Page, PDF and letter say it through this one. Knows no route, no HTML and no paper.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from bot.pages.reading import Row
from bot.wording import Wording
from dialogs.model import Say, Value
from services.mail import one_line
from services.model import Method, Money
from services.payments.receipts import Receipt, Standing

_LONGEST_NUMBER = 120
_NO_RECEIPT = frozenset({Standing.ON_ITS_WAY, Standing.NOT_PAID})


class ReceiptShown(msgspec.Struct, frozen=True):
    """A receipt in words. ``state`` is that of `Standing`; ``made`` says on which day all of this was so."""

    title: str
    heading: str
    state: str
    state_word: str
    void: bool
    hero: Row
    sentence: str
    facts: tuple[Row, ...]  # number, date, method
    parts_heading: str
    parts: tuple[Row, ...]  # an invoice each, the fee, and the total last
    refunds_heading: str
    refunds: tuple[Row, ...]  # each with its date, and what is left last; none: nothing went back
    made: str


def receipt_words(receipt: Receipt, business: str, words: Wording, at: datetime) -> ReceiptShown:
    """The receipt, in the language of ``words``, whose days are the business's. ``at``: when it is looked at."""
    notice = "notice_" if receipt.standing in _NO_RECEIPT else ""
    state = receipt.standing.value

    def say(key: str, **values: Value) -> str:
        return words.say(Say(f"receipt_{key}", values))

    refunded = Money(receipt.refunded, receipt.amount.currency)
    return ReceiptShown(
        title=say(f"{notice}title", number=receipt.number, business=business),
        heading=say(f"{notice}heading"),
        state=state,
        state_word=say(f"state_{state}"),
        void=receipt.void,
        hero=Row(say(f"hero_{_hero(receipt)}"), _sum(words, receipt.amount)),
        sentence=say(f"says_{state}", refunded=refunded, changed=receipt.changed_at),
        facts=(
            Row(say(f"{notice}number"), receipt.number),
            Row(say("begun" if notice else "date"), _value(words, receipt.paid_at)),
            Row(say("method"), method_words(receipt, words)),
        ),
        parts_heading=say(f"{notice}parts"),
        parts=tuple(_parts(receipt, words)),
        refunds_heading=say("refunds"),
        refunds=tuple(_refunds(receipt, words)),
        made=say("made", made=at),
    )


def method_words(receipt: Receipt, words: Wording) -> str:
    """By what it was paid: brand and last four, as far as they are known."""
    kind = "card" if receipt.method is Method.CARD else "bank"
    named = receipt.last4 and (receipt.brand or kind == "bank")
    values: dict[str, Value] = {"brand": receipt.brand_name, "last4": receipt.last4}
    return words.say(Say(f"receipt_{kind}" if named else f"receipt_{kind}_plain", values))


def _hero(receipt: Receipt) -> str:
    if receipt.void:
        return "void"
    return "on_its_way" if receipt.standing in (Standing.ON_ITS_WAY, Standing.CHECKING) else "paid"


def _parts(receipt: Receipt, words: Wording) -> Iterator[Row]:
    for part in receipt.parts:
        number = one_line(part.number, _LONGEST_NUMBER)
        yield Row(words.say(Say("receipt_invoice", {"number": number})), _sum(words, part.amount))
    if receipt.fee.minor:
        yield Row(words.say(Say("receipt_fee")), _sum(words, receipt.fee))
    yield Row(words.say(Say("receipt_total")), _sum(words, receipt.amount))


def _refunds(receipt: Receipt, words: Wording) -> Iterator[Row]:
    """Each refund by its day; where they do not make up what went back by the gateway's word, that sum as well."""
    for each in receipt.refunds:
        yield Row(words.say(Say("receipt_refund", {"date": each.at})), _sum(words, -each.amount))
    told = sum(each.amount.minor for each in receipt.refunds)
    if receipt.refunded and (told != receipt.refunded or len(receipt.refunds) > 1):
        yield Row(words.say(Say("receipt_refunded")), _sum(words, Money(-receipt.refunded, receipt.amount.currency)))
    if receipt.refunded and not receipt.void:
        left = Money(receipt.amount.minor - receipt.refunded, receipt.amount.currency)
        yield Row(words.say(Say("receipt_left")), _sum(words, left))


def _sum(words: Wording, amount: Money) -> str:
    return _value(words, amount)


def _value(words: Wording, value: Value) -> str:
    return words.say(Say("value", {"value": value}))
