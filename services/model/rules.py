"""The rules of a business, and what they say about one invoice or one sum."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from services.model.allocation import Spread
from services.model.fees import Fee
from services.model.invoices import Invoice, InvoiceState
from services.model.money import Money
from services.model.payments import Method


class Rules(msgspec.Struct, frozen=True):
    """What the business allows, from ``[rules]`` in ``config/default.toml``."""

    partial: bool = True
    minimum_minor: int = 500
    overpay: bool = False
    methods: tuple[Method, ...] = (Method.CARD, Method.BANK)
    currencies: tuple[str, ...] = ()  # empty: every invoice is payable in its own currency
    ach_currencies: tuple[str, ...] = ("USD",)
    allocation: Spread = Spread.OLDEST  # of a sum over several invoices, unless the customer says otherwise
    declines: int = 8  # tries that a bank refused, in 24 hours, after which a customer takes no further one here
    fee: Fee = Fee()

    def methods_for(self, currency: str) -> tuple[Method, ...]:
        """The methods offered for an invoice in this currency (NACHA: ACH moves US dollars only)."""
        return tuple(m for m in self.methods if m is not Method.BANK or currency in self.ach_currencies)


class Objection(StrEnum):
    """Why something cannot be paid as asked; each has a sentence of its own in ``config/wording``."""

    ALREADY_PAID = "already_paid"
    VOID = "void"
    CREDIT_NOTE = "credit_note"
    ALL_PROCESSING = "all_processing"
    CURRENCY_NOT_TAKEN = "currency_not_taken"
    WRONG_CURRENCY = "wrong_currency"
    METHOD_NOT_TAKEN = "method_not_taken"
    NOT_POSITIVE = "not_positive"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_DUE = "above_due"
    FULL_ONLY = "full_only"
    INVOICE_CHANGED = "invoice_changed"
    INVOICE_GONE = "invoice_gone"
    NOT_YOURS = "not_yours"
    ALREADY_LIVE = "already_live"  # another payment of this invoice is under way
    PAUSED = "paused"
    FEE_CHANGED = "fee_changed"  # the program fee, or whom it is taken of
    METHOD_GONE = "method_gone"  # the saved method was removed, expired, or was refused by its bank for good
    PROVE_AGAIN = "prove_again"  # a saved method is charged only where the customer proved who they are
    TOO_MANY_DECLINES = "too_many_declines"
    NOT_AUTHORIZED = "not_authorized"  # nobody said yes to it, and no standing authorisation covers it
    NOT_IN_TIME = "not_in_time"  # a saved method is charged soon after the yes, or not at all


def standing(invoice: Invoice, rules: Rules) -> Objection | None:
    """Why this invoice cannot be paid at all, or None."""
    if invoice.state is InvoiceState.VOID:
        return Objection.VOID
    if invoice.state is InvoiceState.CREDIT or invoice.total.minor < 0:
        return Objection.CREDIT_NOTE
    if invoice.state is InvoiceState.PAID or invoice.due.minor <= 0:
        return Objection.ALREADY_PAID
    if invoice.payable.minor == 0:
        return Objection.ALL_PROCESSING
    if rules.currencies and invoice.due.currency not in rules.currencies:
        return Objection.CURRENCY_NOT_TAKEN
    return None


def objection(invoice: Invoice, amount: Money, rules: Rules) -> Objection | None:
    """Why this amount cannot be paid on this invoice under the business's rules, or None."""
    payable = invoice.payable
    if amount.currency != payable.currency:
        return Objection.WRONG_CURRENCY
    if amount.minor <= 0:
        return Objection.NOT_POSITIVE
    if amount.minor > payable.minor:
        return None if rules.overpay else Objection.ABOVE_DUE
    if amount.minor < payable.minor and not rules.partial:
        return Objection.FULL_ONLY
    if amount.minor < min(rules.minimum_minor, payable.minor):
        return Objection.BELOW_MINIMUM
    return None


def objection_to(parts: Sequence[tuple[Invoice, Money]], rules: Rules) -> tuple[Objection, Invoice] | None:
    """Why these amounts cannot be paid on these invoices in one payment, and on which it fails; None if they can.

    The least that may be paid is asked of the payment as a whole: what is left for its last invoice may be a cent.
    """
    if len(parts) == 1:
        ((invoice, amount),) = parts
        problem = standing(invoice, rules) or objection(invoice, amount, rules)
        return None if problem is None else (problem, invoice)
    for invoice, amount in parts:
        problem = standing(invoice, rules) or objection(invoice, amount, _without_minimum(rules))
        if problem is not None:
            return problem, invoice
    room = sum(invoice.payable.minor for invoice, _ in parts)
    if sum(amount.minor for _, amount in parts) < min(rules.minimum_minor, room):
        return Objection.BELOW_MINIMUM, parts[0][0]
    return None


def _without_minimum(rules: Rules) -> Rules:
    return msgspec.structs.replace(rules, minimum_minor=1, overpay=False)
