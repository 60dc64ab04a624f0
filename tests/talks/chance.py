"""What could happen to a conversation next, likely or not: words, buttons, answers that come late or never, news, clocks."""

import random
from datetime import timedelta

from msgspec.structs import replace

from dialogs.model import (
    AddressProved,
    Answered,
    Arrived,
    AutopaySet,
    CallAgent,
    Called,
    Came,
    Change,
    CheckCode,
    CloseCheckout,
    CloseLeftPage,
    CodeSent,
    CodesSpent,
    CodeWrong,
    DetailsSaved,
    EditMethod,
    Effect,
    Event,
    Heard,
    Locked,
    MethodEdited,
    NotProved,
    NotSaved,
    Opened,
    OpenRequest,
    Outcome,
    PageLeft,
    PaymentMoved,
    Pressed,
    Proved,
    ProveInvoice,
    ReceiptSent,
    Refused,
    Remember,
    Remembered,
    RequestOpened,
    ResumePayment,
    SaveDetails,
    SendCode,
    SendReceipt,
    SetAutopay,
    SignedIn,
    SignedOut,
    SignOut,
    Simple,
    Slot,
    StartPayment,
    Tell,
    Waited,
    Want,
)
from dialogs.reading.buttons import from_button
from dialogs.reading.intents import read
from services.model import (
    Autopay,
    Bearer,
    Customer,
    Enrolment,
    EnrolmentState,
    Methods,
    Objection,
    PaymentState,
    Reason,
    Request,
    Stranger,
    Terms,
)
from tests.talks.talk import DANA, KEPT, OWNERS, RILEY, SHARED, Talk, usd

TEXTS = (
    *("yes", "no", "1", "2", "3", "6", "50", "110", "94107", "10001", "half", "minimum", "all", "card", "bank"),
    *(
        "set up autopay",
        "stop autopay",
        "pause autopay",
        "resume autopay",
        "my autopay",
        "change my autopay limit",
        "200",
        "2 days",
    ),
    *("cancel", "help", "hi", "thanks", "bye", "status", "link", "again", "refund", "pay", "balance", "person", "zzz"),
    *("sign in", "sign out", "both", "1 and 3", "the first two", "123456", "123 456", "new code", SHARED, "evenly"),
    *("my cards", "my invoices", "my details", "history", "new card", "saved card", "oldest first", "my requests"),
)
SENTENCES = (
    "pay INV-1042 by card, $50, zip 94107",
    "INV-1031",
    "no, 110",
    "yes but make it 50",
    "yes, pay $120.00",
    "start over",
    "change amount",
    "change the name",
    "the name is Jordan Blake",
    "another invoice",
    "€50",
    "",
    "👍",
    "don't cancel",
    "talk to a human",
)
ACCOUNT = (
    *("yes", "yes", "1", "2", "sign in", "my cards", "my details", "my invoices", "history", "my requests", "refund"),
    "pay all my invoices",
    "$100 on my account, oldest first",
    "pay 1042 and 1031",
    "what's overdue?",
    "show me invoice INV-1042",
    "use the visa ending 4242",
    "pay with a new bank account",
    "remove my visa",
    "change my e-mail address",
    "new@example.com",
    "1 Main Street, Springfield, IL 62701",
    "change my zip",
    "in Spanish please, change my language",
    "stop the reminders",
    "I was charged twice",
    "you never showed up",
    "yes",
    "sign out everywhere",
    "remember this browser",
    "any news on my refund?",
    "dispute INV-1031",
)
LIVE = (PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.OPEN, PaymentState.SUBMITTING)
AFTER = tuple(state for state in PaymentState if state not in LIVE)
ENDED = (PaymentState.FAILED, PaymentState.SUCCEEDED, PaymentState.PROCESSING, PaymentState.UNKNOWN, PaymentState.OPEN)
GONE = Reason.PAGE_CLOSED


def outcome_of(talk: Talk, effect: Effect, key: str, chance: random.Random) -> Outcome:
    """One of the answers that the service behind this effect can give."""
    match effect:
        case ProveInvoice():
            return chance.choice((Proved("i-1"), Proved("i-2"), NotProved(), Locked()))
        case StartPayment():
            if chance.random() < 0.3:
                return Refused(chance.choice(tuple(Objection)))
            state = chance.choice((PaymentState.OPEN, PaymentState.OPEN, *ENDED))
            declined = state is PaymentState.OPEN and bool(effect.quote.saved) and chance.random() < 0.7
            return talk.started(key, state, chance.choice(tuple(Reason)) if declined else None, int(declined))
        case CloseCheckout(reference):
            state = chance.choice((PaymentState.FAILED, PaymentState.FAILED, *ENDED[1:4]))
            return talk.becomes(talk.payments[reference], state, GONE if state is PaymentState.FAILED else None)
        case ResumePayment(reference):
            return talk.becomes(talk.payments[reference], chance.choice((PaymentState.OPEN, *ENDED)))
        case CloseLeftPage():
            return PageLeft(chance.random() < 0.7)
        case CallAgent():
            return Called(1)
        case _:
            return _of_customer(talk, effect, chance)


def _of_customer(talk: Talk, effect: Effect, chance: random.Random) -> Outcome:
    likely = chance.random() < 0.85
    match effect:
        case SendCode():
            return CodeSent() if likely else CodesSpent(chance.choice((0, 1, 14)))
        case CheckCode(purpose="sign_in", email=email, scope=scope):
            accounts = (DANA, RILEY) if email == SHARED else (chance.choice((DANA, RILEY)),)
            until = talk.at + timedelta(minutes=chance.choice((1, 720, 720, 720)))
            linked = isinstance(scope, Bearer) and OWNERS[scope.invoice] == accounts[0].id
            good = SignedIn(accounts, talk.at, until, "INV-1042" if linked else "")
            return good if likely else chance.choice((CodeWrong(), Locked()))
        case CheckCode():
            return AddressProved() if likely else chance.choice((CodeWrong(), Locked()))
        case SignOut():
            return SignedOut()
        case Remember():
            return Remembered(talk.at + timedelta(days=30))
        case SaveDetails(scope, revision) if likely:
            talk.details[scope.id] = revision.of(talk.details[scope.id])
            return DetailsSaved(talk.details[scope.id])
        case EditMethod(scope, what, method, nickname):
            return MethodEdited(Methods(_edited(talk, scope, what, method, nickname)))
        case SetAutopay(scope, what, terms) if likely:
            return AutopaySet(_authorised(talk, scope.id, what, terms))
        case OpenRequest(kind=kind) if likely:
            talk.requests += (Request(len(talk.requests) + 1, kind, talk.at, "INV-1042"),)
            return RequestOpened(talk.requests[-1])
        case SendReceipt() if likely:
            return ReceiptSent()
        case SaveDetails() | OpenRequest() | SetAutopay() | SendReceipt():
            return NotSaved()
    raise AssertionError(f"an effect that nobody here answers: {effect}")


def _authorised(talk: Talk, customer: str, what: str, terms: Terms | None) -> Autopay:
    """What there is then; as the services see to it, nothing that is over goes on."""
    kept = talk.autopay.get(customer, Autopay()).running
    states = {"pause": EnrolmentState.PAUSED, "resume": EnrolmentState.ON, "leave": EnrolmentState.LEFT}
    if what == "agree":
        assert terms is not None, "an authorisation has terms"
        assert terms.saved in {each.id for each in talk.methods[customer]}, "of a method that was theirs a moment ago"
        kept = Enrolment(1, customer, EnrolmentState.ON, terms, talk.at)
    elif kept is not None:
        kept = replace(kept, state=states[what])
    talk.autopay[customer] = Autopay(kept)
    return talk.autopay[customer]


def _edited(talk: Talk, scope: Customer, what: str, method: str, nickname: str):
    saved = talk.methods[scope.id]
    if what == "remove":
        saved = tuple(each for each in saved if each.id != method)
    elif what == "nickname":
        saved = tuple(replace(each, nickname=nickname) if each.id == method else each for each in saved)
    talk.methods[scope.id] = saved
    return saved


def happens(talk: Talk, chance: random.Random) -> Event:
    """Something that could happen now, likely or not."""
    talk.at += timedelta(milliseconds=chance.choice((1, 1, 5, 61, 1801)) * chance.choice((1, 1000)))
    if talk.house.sign_in and not talk.talk.version and chance.random() < 0.6:
        return _arrives(talk, chance)  # a chat begins so, or never
    talk.down = chance.random() < 0.05
    _elsewhere(talk, chance)
    if talk.keys and chance.random() < 0.6:
        key = chance.choice(sorted(talk.keys))
        talk.answers.append(Came(key, outcome_of(talk, talk.keys[key], key, chance), talk.at))
        del talk.keys[key]
        return talk.answers[-1]
    if talk.answers and chance.random() < 0.05:
        return replace(chance.choice(talk.answers), at=talk.at)  # once more
    if talk.payments and chance.random() < 0.15:
        payment = talk.payments[chance.choice(sorted(talk.payments))]
        states = AFTER if payment.state not in LIVE else (*AFTER, PaymentState.OPEN)  # no page opens again
        reason, declines = chance.choice((None, *Reason)), chance.randrange(10)
        return PaymentMoved(talk.becomes(payment, chance.choice(states), reason, declines), talk.at)
    if talk.requests and chance.random() < 0.1:
        answer = replace(chance.choice(talk.requests), answer="It is on its way.", closed_at=talk.at)
        return Answered(answer, talk.at)
    return _goes_on(talk, chance) if chance.random() < 0.6 else _says_or_presses(talk, chance)


def _elsewhere(talk: Talk, chance: random.Random) -> None:
    """What changes in the world while nobody speaks: the books, a saved method, another chat's sign-out."""
    if chance.random() < 0.1:
        key = chance.choice(sorted(talk.due))
        talk.due[key], talk.version = chance.choice((0, 300, 7000, 12000)), talk.version + 1
    if chance.random() < 0.03:
        talk.disputed ^= {chance.choice(sorted(talk.due))}
        talk.version += 1
    if chance.random() < 0.03:
        talk.methods["c-1"] = chance.choice((talk.methods["c-1"][1:], KEPT[:1], KEPT))
    talk.hidden = {chance.choice(sorted(talk.due))} if chance.random() < 0.03 else set()
    talk.revoked = chance.random() < 0.01


def _goes_on(talk: Talk, chance: random.Random) -> Event:
    """What somebody who wants to get somewhere does next: come in, or answer the question on the screen."""
    signing, stranger = bool(talk.house.sign_in), isinstance(talk.talk.scope, Stranger)
    if (talk.talk.task is None and (stranger or chance.random() < 0.3)) or (stranger and not signing):
        return Opened(key := chance.choice(("i-1", "i-2")), "good", talk.at, number=talk.number_for(key))
    if talk.talk.task is None and not stranger:
        return Heard(read(chance.choice(ACCOUNT), talk.talk, talk.house, talk.at.date()), talk.at)
    asked = talk.talk.asked
    slot, options = (asked.slot, asked.options) if asked else (None, ())
    answers = {
        Slot.METHOD: ("card", "1"),
        Slot.AMOUNT: ("50",),
        Slot.NAME: ("Jordan Blake",),
        Slot.ZIP: ("94107",),
        Slot.EMAIL: (SHARED, "dana@example.com"),
        Slot.CODE: ("123456",),
        Slot.WHY: ("I was charged twice",),
        Slot.ADDRESS: ("1 Main Street, Springfield, IL 62701",),
        Slot.PHONE: ("415 555 0100",),
        Slot.NICKNAME: ("household",),
        Slot.INVOICE: ("both", "1 and 2", "all of them", "INV-1042"),
        Slot.SURE: ("yes", "yes", "no"),
    }
    if options and (slot not in answers or chance.random() < 0.3):
        return Pressed(from_button(chance.choice(options[:4])), talk.at)
    return Heard(read(chance.choice(answers.get(slot, ("yes",))), talk.talk, talk.house, talk.at.date()), talk.at)


def _arrives(talk: Talk, chance: random.Random) -> Event:
    customer = chance.choice(("c-1", "c-1", "c-2"))
    channel = chance.choice((talk.talk.chat, talk.talk.chat, talk.talk.chat, "web:another"))
    until = talk.at + timedelta(minutes=chance.choice((1, 30, 720, 720, 720)))
    scope = Customer(customer, talk.at, channel, until, chance.choice(("code", "browser", "browser", "page")))
    return Arrived(scope, talk.details[customer].name, talk.at)


def _says_or_presses(talk: Talk, chance: random.Random) -> Event:
    match chance.randrange(12):
        case 0 | 1 | 2:
            return Pressed(from_button(chance.choice(talk.buttons)), talk.at)
        case 3:
            invoice = chance.choice(("i-1", "i-2"))
            standing = chance.choice(("good", "good", "expired", "unknown"))
            return Opened(invoice, standing, talk.at, number=talk.number_for(invoice))
        case 4:
            return Waited(talk.at)
        case 5:
            slots = (Change(slot) for slot in Slot)
            acts = (Simple.YES, Simple.NO, Tell(Slot.AMOUNT, usd(5000)), Want("balance"), Simple.CARD_TYPED, *slots)
            return Heard(tuple(chance.choices(acts, k=2)), talk.at)
        case 6 | 7:
            return Heard((Simple.YES,), talk.at)
        case _:
            said = chance.choice(ACCOUNT if talk.house.sign_in and chance.random() < 0.7 else (*TEXTS, *SENTENCES))
            return Heard(read(said, talk.talk, talk.house, talk.at.date()), talk.at)
