"""A signed-in customer's invoices: the list, as far as it was asked for; the balance; one of them with its lines and PDF."""

from msgspec.structs import replace

from dialogs.flows.lists import rows
from dialogs.flows.offers import ALL_OF_THEM, HISTORY, OTHER_INVOICE, PAY, PERSON, SHOW_ALL, SHOW_OPEN
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.flows.status import of_invoice
from dialogs.model import (
    Absent,
    Choice,
    DocumentLink,
    Done,
    Enter,
    InvoiceCard,
    InvoicesCard,
    InvoicesOf,
    Listed,
    LookUp,
    Move,
    OneInvoice,
    OwnInvoice,
    Pick,
    Reply,
    Say,
    See,
    SheetOf,
    Slot,
    Value,
    View,
)
from services.model import (
    Bearer,
    Customer,
    Filter,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    Listing,
    Money,
    Sheet,
    Sum,
    is_one_of,
    payable_together,
)

MOST_BUTTONS = 5
MOST_NAMED = 4  # keys that one button can carry (Telegram allows 64 bytes)
_ALL, _PAYABLE = Filter(), Filter(payable=True)


class SeeInvoices(Side, frozen=True, omit_defaults=True, tag="see_invoices"):
    """Those that ``filter`` lets through; ``balance``: what all of them come to, and no rows."""

    filter: Filter = _ALL
    balance: bool = False

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="invoices"))
        lookup = InvoicesOf(view.scope, _PAYABLE if self.balance else self.filter)
        match view.get(lookup):
            case None:
                return lookup
            case Listing() as listing:
                return Done(self._balance(listing, view) if self.balance else self._listed(listing, view))
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _listed(self, listing: Listing, view: View) -> Reply:
        kind = _kind(self.filter)
        if not listing.shown:
            return Reply(Say(f"no_invoices_{kind}"), (SHOW_ALL,) if self.filter != _ALL else (PERSON,))
        say = Say(f"invoices_{kind}", {"count": listing.count, "rows": rows(listing.shown, view.at.date())})
        sees = tuple(
            Choice(Say("plain", {"text": each.number}), See(each.key)) for each in listing.shown[:MOST_BUTTONS]
        )
        return Reply(say, (*_paying(listing, self.filter), *sees), InvoicesCard(listing))

    def _balance(self, listing: Listing, view: View) -> Reply:
        sums = tuple(_balance_of(each) for each in listing.sums) or (Say("balance_nothing"),)
        choices = (*_paying(listing, _PAYABLE), SHOW_OPEN) if listing.shown else (SHOW_ALL,)
        return Reply(Say("balance", {"sums": Listed(sums, " ", ""), "business": view.house.name}), (*choices, HISTORY))


def _paying(listing: Listing, asked: Filter) -> tuple[Choice, ...]:
    """The button that pays what is listed, where that is all there is to pay, or few enough to be named by it."""
    payable = tuple(each for each in listing.shown if each.state is InvoiceState.OPEN and each.payable.minor)
    together = payable_together(payable, payable[0].due.currency) if payable else ()
    if not together:
        return ()
    total = Money(sum(each.payable.minor for each in together), together[0].due.currency)
    key = "button_pay_all" if len(together) > 1 else "button_pay_one"
    if asked in (_ALL, _PAYABLE):
        return (Choice(Say(key, {"amount": total}), ALL_OF_THEM),)
    named = replace(ALL_OF_THEM, keys=tuple(each.key for each in together))
    return (Choice(Say(key, {"amount": total}), named),) if len(together) <= MOST_NAMED else ()


def _balance_of(each: Sum) -> Say:
    """What is owed in one currency; what is on its way is said apart, since it is not paid yet."""
    values: dict[str, Value] = {
        "payable": Money(each.payable, each.currency),
        "overdue": Money(each.overdue, each.currency),
        "processing": Money(each.processing, each.currency),
        "paid": Money(each.paid, each.currency),
    }
    parts = [Say("balance_owed" if each.payable else "balance_owed_nothing", values)]
    parts += [Say("balance_overdue", values)] if each.overdue else []
    parts += [Say("balance_processing", values)] if each.processing else []
    parts += [Say("balance_paid", values)] if each.paid else []
    return Say("joined", {"parts": Listed(tuple(parts), " ", "")})


def _kind(asked: Filter) -> str:
    """The word for what was asked for."""
    if asked.payable:
        return "payable"
    if asked.since or asked.until:
        return "dated"
    if len(asked.statuses) == 1:
        return str(asked.statuses[0])
    return "some" if asked.statuses else "all"


class SeeInvoice(Side, frozen=True, omit_defaults=True, tag="see_invoice"):
    """One invoice with its lines: the pay link's, or one of the customer's own by its number or its button's key."""

    number: str = ""
    key: str = ""

    def wiped(self, numbers: tuple[str, ...]) -> "SeeInvoice":
        """Without a number that is no invoice's."""
        return self if is_one_of(self.number, numbers) else replace(self, number="")

    def next(self, view: View) -> Move:
        found = self._found(view)
        if not isinstance(found, Invoice):
            return found
        lookup = SheetOf(view.scope, found.id)
        fact = view.get(lookup)
        if fact is None:
            return lookup
        return Done(self._told(found, fact if isinstance(fact, Sheet) else None, view))

    def _found(self, view: View) -> Invoice | Move:
        lookup = self._lookup(view)
        if lookup is None:
            return Enter(SignIn(why="invoices"))
        fact = view.get(lookup)
        match fact:
            case None:
                return lookup
            case Invoice():
                return fact
            case Listing(shown):
                found = next((each for each in shown if each.key == self.key), None)
                return found or Done(Reply(Say("invoice_gone"), (SHOW_ALL,)))
            case Absent():
                return Done(Reply(Say("not_on_account", {"number": self.number}), (SHOW_ALL, PERSON)))
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _lookup(self, view: View) -> LookUp | None:
        match view.scope:
            case Bearer(invoice) if not self.key:
                return OneInvoice(view.scope, invoice)
            case Customer() if self.number:
                return OwnInvoice(view.scope, self.number)
            case Customer():
                return InvoicesOf(view.scope)
            case _:
                return None

    def _told(self, invoice: Invoice, sheet: Sheet | None, view: View) -> Reply:
        status = invoice.status(view.at.date())
        values: dict[str, Value] = {
            **of_invoice(invoice, view.at.date()),
            "issued": invoice.issued,
            "status": Say(f"status_{status}"),
            "lines": _lines(sheet),
        }
        can_pay = invoice.payable.minor > 0 and invoice.state is InvoiceState.OPEN
        own = isinstance(view.scope, Customer)
        pay = (
            Choice(Say("button_pay_one", {"amount": invoice.payable}), Pick(Slot.INVOICE, invoice.key)) if own else PAY
        )
        more = (SHOW_ALL,) if own else (OTHER_INVOICE,)
        objectionable = status not in (InvoiceStatus.VOID, InvoiceStatus.DISPUTED)
        dispute = (Choice(Say("button_dispute"), Pick(Slot.WHY, invoice.key)),) if objectionable else ()
        choices = (*((pay,) if can_pay else ()), *more, *dispute)
        key = "invoice_detail" if can_pay else "invoice_detail_closed"
        looked_up = isinstance(view.scope, Bearer) and view.scope.proof == "lookup"
        # name and address stand on paper, and number and zip prove too little for that
        return Reply(Say(key, values), choices, InvoiceCard(invoice), None if looked_up else DocumentLink(invoice.id))


def _lines(sheet: Sheet | None) -> Listed:
    if sheet is None:
        return Listed(())
    shown = tuple(
        Say("sheet_line_of" if line.quantity else "sheet_line", _line(line.text, line.quantity, line.amount))
        for line in sheet.lines
    )
    return Listed((*shown, Say("sheet_more", {"count": sheet.more})) if sheet.more else shown)


def _line(text: str, quantity: str, amount: Money) -> dict[str, Value]:
    return {"text": text, "quantity": quantity, "amount": amount}
