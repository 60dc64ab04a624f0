"""How one sum is laid over several invoices. Integers only; every allocation sums to exactly what was told.

Pure arithmetic over invoices as they stand. Whether the sum may be paid at all is for `rules`; who may pay is nowhere here.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum

from services.model.invoices import Invoice, InvoiceState
from services.model.money import Money
from services.model.payments import Line


class Spread(StrEnum):
    """In which manner a sum is laid over invoices."""

    OLDEST = "oldest"  # the longest due in full first, then the next
    CHOSEN = "chosen"  # in the order in which the customer named them
    EVENLY = "evenly"  # pro rata: each by its share of what can be paid


def in_order(invoices: Iterable[Invoice]) -> tuple[Invoice, ...]:
    """The longest due first; those without a due date last; the same day by number."""
    return tuple(sorted(invoices, key=lambda each: (each.due_date or date.max, each.issued, each.number, each.id)))


def payable_together(invoices: Iterable[Invoice], currency: str) -> tuple[Invoice, ...]:
    """Those that one payment in this currency can be laid over: open, in the currency, and not disputed."""
    return tuple(
        each
        for each in invoices
        if each.state is InvoiceState.OPEN
        and each.payable.minor > 0
        and each.due.currency == currency
        and not each.disputed
    )


def allocate(invoices: Sequence[Invoice], amount: Money, spread: Spread) -> tuple[Line, ...]:
    """``amount`` laid over ``invoices``, which are in the order chosen; an invoice that gets nothing has no line.

    Every line is more than zero and at most what its invoice can take; together they are exactly ``amount``. Raises
    `ValueError` for a sum that is not more than zero, is in another currency, or is more than all of them can take.
    """
    payables = [invoice.payable for invoice in invoices]
    if any(payable.currency != amount.currency for payable in payables):
        raise ValueError("one payment has one currency")
    room = sum(payable.minor for payable in payables)
    if not 0 < amount.minor <= room:
        raise ValueError(f"{amount.minor} cannot be laid over invoices that take {room}")
    if spread is Spread.EVENLY:
        parts = _shares([payable.minor for payable in payables], amount.minor, room)
        return _lines(invoices, parts, amount.currency)
    ordered = in_order(invoices) if spread is Spread.OLDEST else tuple(invoices)
    parts, left = [], amount.minor
    for invoice in ordered:
        parts.append(min(left, invoice.payable.minor))
        left -= parts[-1]
    return _lines(ordered, parts, amount.currency)


def _shares(payables: Sequence[int], amount: int, room: int) -> list[int]:
    """Pro rata by the largest remainder, the earlier one where two are equal: never above what an invoice can take."""
    parts = [payable * amount // room for payable in payables]
    rest = amount - sum(parts)
    by_remainder = sorted(range(len(payables)), key=lambda at: (-(payables[at] * amount % room), at))
    for at in by_remainder[:rest]:
        parts[at] += 1
    return parts


def _lines(invoices: Sequence[Invoice], parts: Sequence[int], currency: str) -> tuple[Line, ...]:
    return tuple(
        Line(invoice.id, invoice.number, invoice.version, Money(part, currency))
        for invoice, part in zip(invoices, parts, strict=True)
        if part
    )
