"""One conversation with everything around it made up: the books, the clock, and whoever performs effects.

Two customers share one e-mail address. What belongs to whom is answered as the services would answer it, and every button
that was ever shown is kept, so that old ones can be pressed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from dialogs.conversation import Conversation, Turn
from dialogs.engine import step
from dialogs.model import (
    Absent,
    Answered,
    Arrived,
    AskAgent,
    AutopayOf,
    BillingOf,
    Came,
    CodeSent,
    CountHelp,
    DetailsOf,
    Effect,
    Event,
    Fact,
    HandBack,
    Heard,
    House,
    InvoicesOf,
    Known,
    Listed,
    LookUp,
    MethodsOf,
    NoteGap,
    NoteProposal,
    OneInvoice,
    Opened,
    Outcome,
    OwnInvoice,
    PaymentNow,
    PaymentsOf,
    Pressed,
    RateHandoff,
    Reply,
    RequestsOf,
    Say,
    SheetOf,
    SignedIn,
    StartPayment,
    Unreachable,
)
from dialogs.reading.buttons import from_button, to_button
from dialogs.reading.intents import read
from services.model import (
    Account,
    Autopay,
    AutopayRules,
    Bearer,
    Billing,
    Customer,
    Details,
    Invoice,
    InvoiceState,
    Listing,
    Method,
    Methods,
    Money,
    Payment,
    Payments,
    PaymentState,
    Reason,
    Request,
    Requests,
    Rules,
    SavedMethod,
    Scope,
    Sheet,
    SheetLine,
    Sum,
    same_number,
)

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
HOUSE = House("Green Lane", "+1 415 555 0142", Rules())
NEW = Conversation("rasa:one", "0" * 32)
SIGNING = replace(
    HOUSE, sign_in=("web",), remember=("web",), autopay=AutopayRules(offered=True)
)  # a house whose customers can sign in
DANA, RILEY = Account("c-1", "Dana Whitfield"), Account("c-2", "Riley Okafor")
SHARED = "home@example.com"  # the address of both
OWNERS = {"i-1": "c-1", "i-2": "c-1", "i-3": "c-1", "i-4": "c-1", "j-1": "c-2", "j-2": "c-2"}
NUMBERS = {
    "i-1": "INV-1042",
    "i-2": "INV-1031",
    "i-3": "INV-1055",
    "i-4": "INV-1060",
    "j-1": "INV-2001",
    "j-2": "INV-2002",
}
DETAILS = {
    "c-1": Details(
        DANA.name, "17 Birch Court", "Ashford", "OR", "97520", "dana.kept@example.com", "541 555 0117", "en"
    ),
    "c-2": Details(RILEY.name, "9 Quarry Road", "Millbrae", "CA", "94030", "riley.kept@example.com", "650 555 0109"),
}
# What nobody but its customer may read. The name also stands on the invoice, for whoever holds its link.
PRIVATE = {
    "c-1": ("17 Birch", "dana.kept", "541 555", "97520", "4242", "6789"),
    "c-2": ("9 Quarry", "riley.kept", "650 555", "94030", "5454"),
}

NOTES = AskAgent | CountHelp | HandBack | NoteGap | NoteProposal | RateHandoff  # written down, and awaited by nobody


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def card(key: str, brand: str, last4: str, expires: str = "2031-01") -> SavedMethod:
    return SavedMethod(key, Method.CARD, brand, last4, expires)


KEPT = (card("m-1", "visa", "4242"), SavedMethod("m-2", Method.BANK, "", "6789"))  # of Dana


class Talk:
    """A conversation, and all that it is told from outside."""

    def __init__(self, talk: Conversation = NEW, house: House = HOUSE) -> None:
        self.talk, self.house = talk, house
        self.at = AT
        self.down = False
        self.revoked = False  # the services take no sign-in of this chat any more
        self.hidden: set[str] = set()  # invoices that the books have just lost
        self.due = {"i-1": 12000, "i-2": 8650}
        self.disputed: set[str] = set()
        self.version = 1
        self.autopay: dict[str, Autopay] = {}
        self.methods = {"c-1": KEPT, "c-2": (card("m-3", "mastercard", "5454"),)}
        self.details = dict(DETAILS)
        self.payments: dict[str, Payment] = {}
        self.requests: tuple[Request, ...] = ()
        self.keys: dict[str, Effect] = {}  # of effects that are not answered
        self.answers: list[Came] = []  # so far
        self.buttons = ["/pay", "/status", "/method card", "/change amount"]
        self.read_now: list[LookUp] = []  # in the step that has just been taken
        self.turn = Turn(talk)

    # --- what the runtime does -----------------------------------------------------------------------------------

    def take(self, event: Event) -> Turn:
        """Step until nothing is left to look up, and remember what was asked for."""
        talk, self.read_now = self.talk, []
        for _ in range(12):
            turn = step(talk, event, self.house)
            assert turn == step(talk, event, self.house), "the same input, another output"
            if not turn.lookups:
                break
            self.at += timedelta(milliseconds=1)
            self.read_now += turn.lookups
            talk = talk.knowing(tuple(Known(lookup, self.look(lookup), self.at) for lookup in turn.lookups))
        else:
            raise AssertionError(f"the dialog never stops looking up: {turn.lookups}")
        self.talk = turn.talk
        awaited = tuple((key, effect) for key, effect in turn.effects if not isinstance(effect, NOTES))
        self.turn = replace(turn, effects=awaited)  # what is only noted is awaited by nobody
        self.keys.update(awaited)
        self.buttons += [to_button(choice.act) for reply in turn.replies for choice in reply.choices]
        return turn

    def look(self, lookup: LookUp) -> Fact:
        if self.down:
            return Unreachable()
        scope = getattr(lookup, "scope", None)
        if self.revoked and isinstance(scope, Customer):
            return Absent()
        match lookup:
            case OneInvoice(_, invoice) if invoice in self.due and self.may_see(scope, invoice):
                return Absent() if invoice in self.hidden else self.invoice(invoice)
            case BillingOf(_, invoice) if self.may_see(scope, invoice):
                billing = Billing(DANA.name if OWNERS[invoice] == "c-1" else RILEY.name, "94107")
                return billing.mask() if isinstance(scope, Bearer) and scope.proof == "lookup" else billing
            case SheetOf(_, invoice) if self.may_see(scope, invoice):
                return Sheet(invoice, (SheetLine("Mowing", usd(8000), "2 h"), SheetLine("Hedges", usd(4000))), 1)
            case PaymentNow(_, reference) if reference in self.payments:
                return self.payments[reference]
            case RequestsOf():
                return Requests(self.requests)
            case OneInvoice() | BillingOf() | SheetOf() | PaymentNow():
                return Absent()
            case _:
                return self._of_customer(lookup)

    def may_see(self, scope: Scope | None, invoice: str) -> bool:
        match scope:
            case Bearer(own):
                return own == invoice
            case Customer(id=customer):
                return OWNERS[invoice] == customer
            case _:
                return False

    def _of_customer(self, lookup: OwnInvoice | InvoicesOf | DetailsOf | MethodsOf | AutopayOf | PaymentsOf) -> Fact:
        customer = lookup.scope.id
        own = [self.invoice(key) for key in self.due if OWNERS[key] == customer and key not in self.hidden]
        match lookup:
            case OwnInvoice(_, number):
                return next((each for each in own if same_number(number, each.number)), Absent())
            case InvoicesOf(_, asked):
                shown = tuple(each for each in own if asked.fits(each, self.at.date()))
                return Listing(shown, len(shown), (Sum("USD", sum(each.payable.minor for each in own)),))
            case DetailsOf():
                return self.details[customer]
            case AutopayOf():
                return self.autopay.get(customer, Autopay())
            case MethodsOf():
                return Methods(self.methods[customer])
            case PaymentsOf():
                paid = tuple(
                    replace(each, brand="visa", last4=PRIVATE[customer][-1])
                    for each in reversed(self.payments.values())
                    if OWNERS[each.invoices[0]] == customer
                )
                return Payments(paid, len(paid))
            case _:
                assert_never(lookup)

    def invoice(self, key: str) -> Invoice:
        due = self.due[key]
        state = InvoiceState.OPEN if due else InvoiceState.PAID
        issued, version, owner = date(2026, 2, 1), str(self.version), OWNERS[key]
        name, total = DANA.name if owner == "c-1" else RILEY.name, usd(max(due, 12000))
        return Invoice(
            key, NUMBERS[key], version, owner, name, total, usd(due), issued, state, disputed=key in self.disputed
        )

    # --- what happens --------------------------------------------------------------------------------------------

    def says(self, text: str) -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Heard(read(text, self.talk, self.house, self.at.date()), self.at))

    def presses(self, button: str) -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Pressed(from_button(button), self.at))

    def opens(self, invoice: str = "i-1") -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Opened(invoice, "good", self.at, number=self.number_for(invoice)))

    def number_for(self, invoice: str) -> str:
        """The number that the runtime tells of a link's invoice: only where it is the customer's own."""
        own = isinstance(self.talk.scope_at(self.at), Customer) and OWNERS[invoice] == self.talk.scope.id
        return NUMBERS[invoice] if own else ""

    def arrives(self, customer: str = "c-1", proof: str = "browser", hours: int = 12) -> Turn:
        self.at += timedelta(seconds=3)
        until = self.at + timedelta(hours=hours)
        scope = Customer(customer, self.at, self.talk.chat, until, proof)
        return self.take(Arrived(scope, self.details[customer].name, self.at))

    def hears(self, request: Request) -> Turn:
        self.at += timedelta(seconds=1)
        return self.take(Answered(request, self.at))

    def answered(self, key: str, outcome: Outcome) -> Turn:
        self.at += timedelta(milliseconds=50)
        self.keys.pop(key, None)
        return self.take(Came(key, outcome, self.at))

    def signed_in(self, *accounts: Account, hours: int = 12, number: str = "") -> Turn:
        """The code that is being checked was right."""
        return self.answered(
            self.sends(), SignedIn(accounts or (DANA,), self.at, self.at + timedelta(hours=hours), number)
        )

    def started(
        self, key: str, state: PaymentState = PaymentState.OPEN, reason: Reason | None = None, declines: int = 0
    ) -> Payment:
        """The payment that a start makes, as the ledger would answer it."""
        effect = self.keys[key]
        assert isinstance(effect, StartPayment)
        lines, reference = effect.quote.lines, f"RM-{len(self.payments)}"
        payment = Payment(
            reference,
            state,
            effect.quote.total,
            effect.quote.method,
            tuple(line.number for line in lines),
            tuple(line.invoice for line in lines),
            self.at,
            reason=reason,
            parts=tuple(line.amount.minor for line in lines),
            saved=bool(effect.quote.saved),
            declines=declines,
        )
        self.payments[reference] = payment
        return payment

    def becomes(
        self, payment: Payment, state: PaymentState, reason: Reason | None = None, declines: int = 0
    ) -> Payment:
        self.at += timedelta(seconds=1)
        moved = replace(payment, state=state, reason=reason, at=self.at, declines=declines)
        self.payments[payment.reference] = moved
        return moved

    # --- what was said -------------------------------------------------------------------------------------------

    def said(self) -> list[str]:
        return [reply.say.key for reply in self.turn.replies]

    def options(self) -> tuple[str, ...]:
        return self.talk.asked.options if self.talk.asked else ()

    def sends(self) -> str:
        ((key, _),) = self.turn.effects
        return key

    def effect(self) -> Effect:
        ((_, effect),) = self.turn.effects
        return effect

    def starts(self) -> list[StartPayment]:
        return [effect for _, effect in self.turn.effects if isinstance(effect, StartPayment)]


def at_the_web(**due: int) -> Talk:
    """A chat on a web page, where customers sign in. ``due`` on invoices, by their keys with ``_`` for ``-``."""
    talk = Talk(replace(NEW, chat="web:one"), SIGNING)
    talk.due = {key.replace("_", "-"): minor for key, minor in due.items()} or {"i-1": 12000, "i-2": 8650, "i-3": 3000}
    return talk


def signing_in(talk: Talk, address: str = SHARED) -> Talk:
    """Up to the code that is being checked."""
    talk.says("sign in")
    talk.says(address)
    assert talk.said() == []
    talk.answered(talk.sends(), CodeSent())
    talk.says("123456")
    return talk


def words_of(replies: tuple[Reply, ...]) -> str:
    """All that a customer could read in these replies, before it is put into words."""
    return "\n".join(word for reply in replies for word in _words(reply))


def _words(reply: Reply) -> Iterator[str]:
    yield from _values(reply.say)
    for choice in reply.choices:
        yield from _values(choice.title)
    if reply.card is not None:
        yield repr(reply.card)


def _values(said: object) -> Iterator[str]:
    match said:
        case Say(_, values):
            for value in values.values():
                yield from _values(value)
        case Listed(items):
            for item in items:
                yield from _values(item)
        case _:
            yield str(said)
