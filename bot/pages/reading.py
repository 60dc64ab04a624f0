"""How an invoice reads as a bill: which sum stands on top, which rows follow, and its state in words. Pure.

Says everything through a wording; knows no route and no HTML.
"""

from collections.abc import Iterator
from datetime import date

import msgspec

from bot.wording import Wording
from dialogs.model import Say, Value
from services.mail import one_line
from services.model import Invoice, Method, Money, Objection, Rules, standing

_LONGEST_NAME = 120
_STATES = {
    Objection.VOID: "void",
    Objection.CREDIT_NOTE: "credit",
    Objection.ALREADY_PAID: "paid",
    Objection.ALL_PROCESSING: "processing",
}


class Row(msgspec.Struct, frozen=True):
    """One line of the bill."""

    name: str
    value: str


class Bill(msgspec.Struct, frozen=True):
    """A bill in words. ``state`` is one of open, today, overdue, part, processing, paid, void, credit."""

    number: str
    customer: str
    state: str
    state_word: str
    sentences: tuple[str, ...]
    hero: Row
    rows: tuple[Row, ...]
    payable: bool
    methods: tuple[Method, ...]  # to choose from; none where there is no choice


def state_of(invoice: Invoice, rules: Rules, today: date) -> str:
    """The state of a bill on this day (in the business's time zone), as `Bill.state` names it."""
    why = standing(invoice, rules)
    if why in _STATES:
        return _STATES[why]
    if invoice.due_date is not None and invoice.due_date <= today:
        return "today" if invoice.due_date == today else "overdue"
    return "part" if invoice.due < invoice.total else "open"


def can_be_paid(invoice: Invoice, rules: Rules) -> bool:
    """Whether anything of it can be paid here, now, by any method."""
    return standing(invoice, rules) is None and bool(rules.methods_for(invoice.due.currency))


def read(invoice: Invoice, rules: Rules, today: date, words: Wording) -> Bill:
    """The invoice, ``processing`` filled in, as its bill reads on this day."""
    state = state_of(invoice, rules, today)
    methods = rules.methods_for(invoice.due.currency) if can_be_paid(invoice, rules) else ()
    return Bill(
        number=one_line(invoice.number, _LONGEST_NAME),
        customer=one_line(invoice.customer_name, _LONGEST_NAME),
        state=state,
        state_word=words.say(Say(f"state_{state}")),
        sentences=tuple(words.say(say) for say in _sentences(invoice, rules, state)),
        hero=_hero(invoice, rules, state, words),
        rows=tuple(_row(words, key, value) for key, value in _rows(invoice, state)),
        payable=can_be_paid(invoice, rules),
        methods=methods if len(methods) > 1 else (),
    )


def _paid(invoice: Invoice) -> Money:
    return invoice.total - invoice.due


def _processing(invoice: Invoice) -> Money:
    return Money(invoice.processing, invoice.due.currency)


def _row(words: Wording, key: str, value: Value) -> Row:
    return Row(words.say(Say(key)), words.say(Say("value", {"value": value})))


def _hero(invoice: Invoice, rules: Rules, state: str, words: Wording) -> Row:
    match state:
        case "void" | "paid":
            return _row(words, f"hero_{state}", invoice.total)
        case "credit":
            return _row(words, "hero_credit", -invoice.total if invoice.total.minor < 0 else invoice.total)
        case "processing":
            return _row(words, "hero_processing", _processing(invoice))
        case _:
            return _row(words, "hero_payable" if can_be_paid(invoice, rules) else "hero_due", invoice.payable)


def _rows(invoice: Invoice, state: str) -> Iterator[tuple[str, Value]]:
    """Paid and processing are two rows: what is on its way has not arrived."""
    if state not in {"void", "credit"}:
        yield "total", invoice.total
        if _paid(invoice).minor > 0:
            yield "paid", _paid(invoice)
        if state != "paid" and invoice.due != invoice.total:
            yield "balance", invoice.due
        if invoice.processing:
            yield "processing", _processing(invoice)
            yield "payable", invoice.payable
        if invoice.due_date is not None:
            yield "due_date", invoice.due_date
    yield "issued", invoice.issued


def _sentences(invoice: Invoice, rules: Rules, state: str) -> Iterator[Say]:
    due = invoice.due_date
    match state:
        case "open":
            yield Say("says_undated") if due is None else Say("says_open", {"date": due})
        case "part":
            key = "says_part_undated" if due is None else "says_part"
            yield Say(key, {"paid": _paid(invoice), "total": invoice.total, "date": due})
        case "overdue":
            yield Say("says_overdue", {"date": due})
        case "processing":
            yield Say("says_processing", {"processing": _processing(invoice)})
        case _:
            yield Say(f"says_{state}")
    yield from _fee(invoice, rules)
    if invoice.processing and invoice.payable.minor > 0:
        yield Say("says_part_processing", {"processing": _processing(invoice)})
    if standing(invoice, rules) in {None, Objection.CURRENCY_NOT_TAKEN} and not can_be_paid(invoice, rules):
        yield Say("says_elsewhere")


def _fee(invoice: Invoice, rules: Rules) -> Iterator[Say]:
    """What it costs beside the bill to pay all of it by card, and that it does not by bank account."""
    methods = rules.methods_for(invoice.due.currency) if can_be_paid(invoice, rules) else ()
    fee = rules.fee.of(invoice.payable, Method.CARD, exempt=invoice.fee_exempt)
    if fee and Method.CARD in methods:
        key = "says_fee_or_bank" if Method.BANK in methods else "says_fee"
        yield Say(key, {"fee": Money(fee, invoice.due.currency)})
