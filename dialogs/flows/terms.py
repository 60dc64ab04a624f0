"""On what terms a bill is paid: how much, by which method, in whose name; and the quote, to which alone a yes agrees.

Which invoices are meant is known by then (`which`). A signed-in customer's saved method is offered unasked, so that one
tap pays; any other way is one tap further.
"""

from typing import TYPE_CHECKING

import msgspec

from dialogs.flows.lists import called, titled
from dialogs.flows.offers import AGAIN, CANCEL
from dialogs.flows.sign_in import SignIn
from dialogs.flows.status import of_invoice
from dialogs.flows.which import Bill
from dialogs.model import (
    Agree,
    Ask,
    Await,
    BillingOf,
    Change,
    Choice,
    Confirm,
    Enter,
    InvoiceCard,
    Listed,
    MethodsOf,
    Move,
    New,
    Pick,
    Reply,
    Say,
    Share,
    Slot,
    StartPayment,
    Tell,
    Unreachable,
    Value,
    View,
)
from services.model import (
    Billing,
    Customer,
    Invoice,
    Line,
    Method,
    Methods,
    Money,
    Objection,
    Quote,
    SavedMethod,
    Spread,
    allocate,
    objection,
    objection_to,
)

if TYPE_CHECKING:
    from dialogs.flows.pay import PayInvoice

_IN_FULL = 10  # invoices that a quote lists one by one


class _How(msgspec.Struct, frozen=True):
    """The method chosen: a saved one, or a kind whose number is typed on the secure page."""

    method: Method
    saved: SavedMethod | None = None


def offer(task: "PayInvoice", bill: Bill, view: View) -> Move:
    """The first of amount, method, name and zip that is missing; then the quote, and its start once it is agreed to."""
    lines = _lines(task, bill, view)
    if not isinstance(lines, tuple):
        return lines
    how = _how(task, bill, lines, view)
    if not isinstance(how, _How):
        return how
    billing = _billing(task, bill, view)
    if not isinstance(billing, Billing):
        return billing
    quote = Quote(
        lines,
        how.method,
        task.name or ("" if billing.masked else billing.name),
        task.zip or _zip(task, billing),
        fee_minor=_fee(bill, lines, how.method, view).minor,
        saved=how.saved.id if how.saved else "",
    )
    if view.agreed and view.agreed == quote.digest():
        return StartPayment(view.scope, quote, view.at, view.shown)
    return Confirm(quote, _shown(task, bill, quote, how, billing, view))


# --- how much -------------------------------------------------------------------------------------------------------


def _lines(task: "PayInvoice", bill: Bill, view: View) -> tuple[Line, ...] | Move:
    rules, payable = view.house.rules, bill.payable
    least = Money(min(rules.minimum_minor, payable.minor), payable.currency)
    amount = _amount(task, payable, least, partial=rules.partial)
    problem = _objection(bill, amount, view)
    if problem is None and task.revise is not Slot.AMOUNT:
        spread = task.spread or rules.allocation
        if bill.single:
            return (_line(bill.first, amount),)
        return allocate(bill.invoices, amount, spread)
    values = {**of_invoice(bill.first, view.at.date()), "amount": amount, "minimum": least, "payable": payable}
    choices = (Choice(Say("button_full", {"amount": payable}), Tell(Slot.AMOUNT, Share.ALL)),)
    key = "ask_amount" if rules.partial else "ask_amount_full"
    return Ask(Slot.AMOUNT, Reply(Say(key, values), choices), Say(problem, values) if problem else None)


def _amount(task: "PayInvoice", payable: Money, least: Money, *, partial: bool) -> Money:
    match task.amount:
        case Money() as amount:
            return amount
        case Share.HALF:
            return Money((payable.minor + 1) // 2, payable.currency)
        case Share.MINIMUM:
            return least if partial else payable
        case _:
            return payable


def _objection(bill: Bill, amount: Money, view: View) -> Objection | None:
    rules, payable = view.house.rules, bill.payable
    if bill.single:
        return objection(bill.first, amount, rules)
    if amount.currency != payable.currency:
        return Objection.WRONG_CURRENCY
    if amount.minor <= 0:
        return Objection.NOT_POSITIVE
    if amount.minor > payable.minor:
        return Objection.ABOVE_DUE
    # the lines as they would be: what is asked of them may depend on where the sum ends
    lines = {line.invoice: line.amount for line in allocate(bill.invoices, amount, Spread.OLDEST)}
    found = objection_to([(each, lines[each.id]) for each in bill.invoices if each.id in lines], rules)
    return found[0] if found else None


def _line(invoice: Invoice, amount: Money) -> Line:
    return Line(invoice.id, invoice.number, invoice.version, amount)


# --- by which method ------------------------------------------------------------------------------------------------


def _how(task: "PayInvoice", bill: Bill, lines: tuple[Line, ...], view: View) -> _How | Move:
    offered = view.house.rules.methods_for(bill.first.due.currency)
    saved = _saved_methods(task, view)
    if not isinstance(saved, tuple):
        return saved
    usable = tuple(each for each in saved if each.method in offered and each.usable(view.at.date()))
    if task.revise is not Slot.METHOD:
        chosen = _chosen(task, usable, view)
        if chosen is not None:
            proved = isinstance(view.scope, Customer) and view.scope.may_charge(view.chat)
            return _How(chosen.method, chosen) if proved else Enter(SignIn(why="saved", on_file=True))
        method = offered[0] if task.method is None and len(offered) == 1 and not usable else task.method
        if method is not None and method in offered and not _unmatched(task):
            return _How(method)
    return _ask_method(task, bill, lines, usable, view)


def _saved_methods(task: "PayInvoice", view: View) -> tuple[SavedMethod, ...] | Move:
    """What is kept for the customer; nothing for anybody else, and nothing while the gateway does not answer."""
    if not isinstance(view.scope, Customer):
        # a stranger who speaks of a saved method has to say who they are first
        return Enter(SignIn(why="saved")) if _unmatched(task) and view.can_sign_in else ()
    lookup = MethodsOf(view.scope)
    fact = view.get(lookup)
    if fact is None:
        return lookup
    if isinstance(fact, Unreachable) and _unmatched(task):
        return Await(Reply(Say("books_unreachable"), choices=(AGAIN,)))
    return fact.saved if isinstance(fact, Methods) else ()


def _unmatched(task: "PayInvoice") -> bool:
    return task.named is not None or bool(task.saved)


def _chosen(task: "PayInvoice", usable: tuple[SavedMethod, ...], view: View) -> SavedMethod | None:
    """The saved method that is meant; the first that can be charged, when nothing else was said and it may be charged."""
    if task.saved:
        return next((each for each in usable if each.key == task.saved), None)
    if task.named is not None:
        fitting = [each for each in usable if _fits(task.named.words, task.named.last4, each)]
        return fitting[0] if len(fitting) == 1 or (fitting and not (task.named.words or task.named.last4)) else None
    unasked = isinstance(view.scope, Customer) and view.scope.may_charge(view.chat)
    if task.typed or not unasked:
        return None
    return next((each for each in usable if task.method in (None, each.method)), None)


def _fits(words: str, last4: str, saved: SavedMethod) -> bool:
    if last4 and last4 != saved.last4:
        return False
    named = {saved.brand, saved.brand_name.lower(), saved.nickname.lower(), str(saved.method)} - {""}
    return not words or words.lower() in named


def _ask_method(
    task: "PayInvoice", bill: Bill, lines: tuple[Line, ...], usable: tuple[SavedMethod, ...], view: View
) -> Ask:
    offered, invoice = view.house.rules.methods_for(bill.first.due.currency), bill.first
    total = Money(sum(line.amount.minor for line in lines), invoice.due.currency)
    values = {**of_invoice(invoice, view.at.date()), "amount": total, "what": _what(bill, lines)}
    because = Say(f"method_not_taken_{task.method}", values) if task.method and task.method not in offered else None
    because = Say("no_such_saved") if _unmatched(task) else because
    choices = tuple(
        Choice(Say("button_saved", {"method": titled(each)}), Pick(Slot.METHOD, each.key)) for each in usable
    )
    if usable:
        choices += tuple(Choice(Say(f"button_new_{method}"), New(method)) for method in offered)
    else:
        choices += tuple(_by_kind(method, _fee(bill, lines, method, view)) for method in offered)
    if in_parts(bill, view) and task.amount is None and task.revise is None:
        choices += (Choice(Say("button_other_amount"), Change(Slot.AMOUNT)),)
    key = "ask_method" if bill.single and task.amount is None else "ask_method_only"
    return Ask(Slot.METHOD, Reply(Say(key, values), choices, InvoiceCard(invoice) if bill.single else None), because)


def _by_kind(method: Method, fee: Money) -> Choice:
    key = "button_card_fee" if fee.minor else f"button_{method}"
    return Choice(Say(key, {"fee": fee}), Tell(Slot.METHOD, method))


def _fee(bill: Bill, lines: tuple[Line, ...], method: Method, view: View) -> Money:
    """What it costs beside the invoices to pay them by this method: the same whoever pays, saved or typed."""
    due = Money(sum(line.amount.minor for line in lines), bill.first.due.currency)
    return Money(view.house.rules.fee.of(due, method, exempt=bill.first.fee_exempt), due.currency)


# --- in whose name --------------------------------------------------------------------------------------------------


def _billing(task: "PayInvoice", bill: Bill, view: View) -> Billing | Move:
    lookup = BillingOf(view.scope, bill.first.id)
    fact = view.get(lookup)
    if fact is None:
        return lookup
    billing = fact if isinstance(fact, Billing) else Billing()
    if task.revise is Slot.NAME or not (task.name or billing.name):
        return Ask(Slot.NAME, Reply(Say("ask_name")))
    if task.revise is Slot.ZIP or not (task.zip or _zip(task, billing)):
        return Ask(Slot.ZIP, Reply(Say("ask_zip")))
    return billing


def _zip(task: "PayInvoice", billing: Billing) -> str:
    """The zip on file; a masked one only as far as the visitor proved to know it."""
    return task.proof if billing.masked else billing.zip


# --- the quote ------------------------------------------------------------------------------------------------------


def _shown(task: "PayInvoice", bill: Bill, quote: Quote, how: _How, billing: Billing, view: View) -> Reply:  # noqa: PLR0917
    values: dict[str, Value] = {
        "amount": quote.total,
        "what": _what(bill, quote.lines),
        "name": quote.name or billing.name,
        "zip": quote.zip or billing.zip,
        "business": view.house.name,
        "phone": view.house.phone,
        "saved": called(how.saved) if how.saved else "",
        "on": view.at.date(),
        "left_out": _left_out(bill),
        "due": quote.due,
        "fee": quote.fee,
        "free": Say("fee_not_by_bank") if Method.BANK in _offered(bill, view) else "",
    }
    if quote.fee_minor:
        key = "confirm_saved_card_fee" if how.saved else "confirm_card_fee"
    else:
        key = f"confirm_saved_{how.method}" if how.saved else f"confirm_{how.method}"
    return Reply(Say(key, values), _choices(task, bill, quote, how, view))


def _choices(task: "PayInvoice", bill: Bill, quote: Quote, how: _How, view: View) -> tuple[Choice, ...]:
    choices = [Choice(Say("button_agree", {"amount": quote.total}), Agree(quote.digest()))]
    if in_parts(bill, view):
        choices.append(Choice(Say("button_change_amount"), Change(Slot.AMOUNT)))
    if len(quote.lines) > 1 and quote.due < bill.payable:
        other = Spread.OLDEST if task.spread is Spread.EVENLY else Spread.EVENLY
        choices.append(Choice(Say(f"button_spread_{other}"), Tell(Slot.SPREAD, other)))
    if isinstance(view.scope, Customer) and not task.number:
        choices.append(Choice(Say("button_other_invoices"), Change(Slot.INVOICE)))
    if how.saved:  # name and zip are those of the saved method; whoever wants others types another one
        return (*choices, Choice(Say("button_change_method"), Change(Slot.METHOD)), CANCEL)
    choices += [
        Choice(Say("button_change_name"), Change(Slot.NAME)),
        Choice(Say("button_change_zip"), Change(Slot.ZIP)),
    ]
    others = [each for each in _offered(bill, view) if each is not quote.method]
    choices += [
        Choice(Say("button_bank_free" if quote.fee_minor else f"button_{m}_instead"), Tell(Slot.METHOD, m))
        for m in others
    ]
    return (*choices, CANCEL)


def _offered(bill: Bill, view: View) -> tuple[Method, ...]:
    return view.house.rules.methods_for(bill.first.due.currency)


def _what(bill: Bill, lines: tuple[Line, ...]) -> Say:
    """What is paid: the one invoice, or each of several with its part."""
    if bill.single:
        return Say("what_one", {"number": bill.first.number})
    payable = {invoice.id: invoice.payable for invoice in bill.invoices}
    parts = tuple(
        Say("part_full" if line.amount == payable[line.invoice] else "part_some", _part(line, payable[line.invoice]))
        for line in lines[:_IN_FULL]
    )
    rest = lines[_IN_FULL:]
    if rest:
        more = Money(sum(line.amount.minor for line in rest), rest[0].amount.currency)
        parts += (Say("part_more", {"count": len(rest), "amount": more}),)
    return Say("what_several", {"count": len(lines), "parts": Listed(parts, ", ", "")})


def _part(line: Line, payable: Money) -> dict[str, Value]:
    return {"number": line.number, "amount": line.amount, "payable": payable}


def _left_out(bill: Bill) -> Say | str:
    """Which invoices a choice of several does not hold: disputed ones, and those in another currency."""
    if not bill.left_out:
        return ""
    return Say("left_out", {"numbers": ", ".join(invoice.number for invoice in bill.left_out)})


def in_parts(bill: Bill, view: View) -> bool:
    """Whether there is any amount to choose."""
    return view.house.rules.partial and bill.payable.minor > view.house.rules.minimum_minor
