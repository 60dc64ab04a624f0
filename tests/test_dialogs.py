"""`step` as incidents, and under random customers, clocks, look-ups and late answers.

Nothing outside the dialog is here: facts are made up, and effects are answered by the test.
"""

import random
from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dialogs.conversation import Conversation, Turn
from dialogs.engine import step
from dialogs.flows.pay import PayInvoice
from dialogs.model import (
    Absent,
    Agree,
    BillingOf,
    CallAgent,
    Called,
    Came,
    Change,
    CloseCheckout,
    CloseLeftPage,
    Effect,
    Event,
    Fact,
    Heard,
    House,
    Known,
    Locked,
    LookUp,
    NotProved,
    OneInvoice,
    Opened,
    Outcome,
    PageLeft,
    PaymentMoved,
    PaymentNow,
    Pressed,
    Proved,
    ProveInvoice,
    Recalled,
    Refused,
    ResumePayment,
    Simple,
    Slot,
    StartPayment,
    Tell,
    Unreachable,
    Waited,
    Want,
)
from dialogs.reading.buttons import from_button, to_button
from dialogs.reading.intents import read
from services.model import (
    Bearer,
    Billing,
    Invoice,
    InvoiceState,
    Method,
    Money,
    Objection,
    Payment,
    PaymentState,
    Quote,
    Reason,
    Rules,
    Stranger,
)

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
HOUSE = House("Green Lane", "+1 415 555 0142", Rules())
NEW = Conversation("rasa:one", "0" * 32)
GONE = Reason.PAGE_CLOSED


def usd(minor: int) -> Money:
    return Money(minor, "USD")


class Talk:
    """One conversation with everything around it made up: the books, the clock, and whoever performs effects."""

    def __init__(self) -> None:
        self.talk = NEW
        self.at = AT
        self.down = False
        self.due = {"i-1": 12000, "i-2": 8650}
        self.version = 1
        self.payments: dict[str, Payment] = {}
        self.keys: dict[str, Effect] = {}  # of effects that are not answered
        self.buttons = ["/pay", "/status", "/method card", "/change amount"]
        self.read_now: list[LookUp] = []  # in the step that has just been taken
        self.turn = Turn(NEW)

    # --- what the runtime does -----------------------------------------------------------------------------------

    def take(self, event: Event) -> Turn:
        """Step until nothing is left to look up, and remember what was asked for."""
        talk, self.read_now = self.talk, []
        for _ in range(12):
            turn = step(talk, event, HOUSE)
            assert turn == step(talk, event, HOUSE), "the same input, another output"
            if not turn.lookups:
                break
            self.at += timedelta(milliseconds=1)
            self.read_now += turn.lookups
            talk = talk.knowing(tuple(Known(lookup, self.look(lookup), self.at) for lookup in turn.lookups))
        else:
            raise AssertionError(f"the dialog never stops looking up: {turn.lookups}")
        self.talk, self.turn = turn.talk, turn
        self.keys.update(turn.effects)
        self.buttons += [to_button(choice.act) for reply in turn.replies for choice in reply.choices]
        return turn

    def look(self, lookup: LookUp) -> Fact:
        if self.down:
            return Unreachable()
        match lookup:
            case OneInvoice(_, invoice) if invoice in self.due:
                return self.invoice(invoice)
            case BillingOf(scope, _):
                billing = Billing("Dana Whitfield", "94107")
                return billing.mask() if isinstance(scope, Bearer) and scope.proof == "lookup" else billing
            case PaymentNow(_, reference) if reference in self.payments:
                return self.payments[reference]
            case _:
                return Absent()

    def invoice(self, key: str) -> Invoice:
        due = self.due[key]
        state = InvoiceState.OPEN if due else InvoiceState.PAID
        number = {"i-1": "INV-1042", "i-2": "INV-1031"}[key]
        issued, version = date(2026, 2, 1), str(self.version)
        return Invoice(key, number, version, "c", "Dana", usd(12000), usd(due), issued, state)

    # --- what happens --------------------------------------------------------------------------------------------

    def says(self, text: str) -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Heard(read(text, self.talk, HOUSE), self.at))

    def presses(self, button: str) -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Pressed(from_button(button), self.at))

    def opens(self, invoice: str = "i-1") -> Turn:
        self.at += timedelta(seconds=3)
        return self.take(Opened(invoice, "good", self.at))

    def answered(self, key: str, outcome: Outcome) -> Turn:
        self.at += timedelta(milliseconds=50)
        self.keys.pop(key, None)
        return self.take(Came(key, outcome, self.at))

    def started(self, key: str, state: PaymentState = PaymentState.OPEN) -> Payment:
        """The payment that a start makes, as the ledger would answer it."""
        effect = self.keys[key]
        assert isinstance(effect, StartPayment)
        (line,) = effect.quote.lines
        reference = f"RM-{len(self.payments)}"
        payment = Payment(reference, state, line.amount, effect.quote.method, (line.number,), (line.invoice,), self.at)
        self.payments[reference] = payment
        return payment

    def becomes(self, payment: Payment, state: PaymentState, reason: Reason | None = None) -> Payment:
        self.at += timedelta(seconds=1)
        moved = replace(payment, state=state, reason=reason, at=self.at)
        self.payments[payment.reference] = moved
        return moved

    def said(self) -> list[str]:
        return [reply.say.key for reply in self.turn.replies]

    def sends(self) -> str:
        ((key, _),) = self.turn.effects
        return key


def at_the_quote() -> Talk:
    talk = Talk()
    talk.opens()
    talk.says("card")
    assert talk.said() == ["confirm_card"]
    return talk


def on_the_page() -> tuple[Talk, Payment]:
    talk = at_the_quote()
    talk.says("yes")
    key = talk.sends()
    payment = talk.started(key)
    talk.answered(key, payment)
    assert talk.said() == ["page_open"]
    return talk, payment


def starts(talk: Talk) -> list[StartPayment]:
    return [effect for _, effect in talk.turn.effects if isinstance(effect, StartPayment)]


# --- consent --------------------------------------------------------------------------------------------------------


def test_a_yes_reads_the_invoice_again_before_it_counts():
    talk = at_the_quote()
    talk.says("yes")
    assert any(isinstance(lookup, OneInvoice) for lookup in talk.read_now)
    assert len(starts(talk)) == 1


def test_a_yes_to_an_invoice_that_changed_starts_nothing_and_shows_the_new_one():
    talk = at_the_quote()
    talk.due["i-1"], talk.version = 9000, 2
    talk.says("yes")
    assert talk.said() == ["changed_meanwhile", "confirm_card"]
    assert not talk.turn.effects
    talk.says("yes")
    assert starts(talk)[0].quote.total == usd(9000)


def test_a_second_yes_while_the_page_is_made_starts_nothing():
    talk = at_the_quote()
    talk.says("yes")
    talk.says("yes")
    assert talk.said() == ["preparing"]
    assert not talk.turn.effects


def test_news_between_the_quote_and_the_yes_needs_the_quote_shown_again():
    talk = at_the_quote()
    button = talk.talk.asked.options[0]
    old = Payment("RM-9", PaymentState.RETURNED, usd(100), Method.BANK, ("INV-7",), ("i-7",), talk.at)
    talk.take(PaymentMoved(old, talk.at))
    shown = talk.talk
    talk.says("yes")
    assert not talk.turn.effects
    assert talk.said() == ["confirm_card"]
    talk.talk = shown
    talk.presses(button)
    assert not talk.turn.effects
    assert talk.said() == ["old_button", "confirm_card"]


def test_a_yes_beside_anything_else_is_no_consent():
    for text in ("yes but make it 50", "yes, by bank", "ok cancel", "yes? no", "no 1", "pay 1", "yes pay $119", "1 2"):
        talk = at_the_quote()
        talk.says(text)
        assert not starts(talk), text


def test_a_yes_in_the_same_breath_as_a_card_number_is_no_consent():
    talk = at_the_quote()
    talk.take(Heard((Simple.CARD_TYPED, Simple.YES), talk.at))
    assert talk.said() == ["card_typed", "confirm_card"]
    assert not talk.turn.effects


def test_a_forged_button_approves_nothing():
    talk = at_the_quote()
    for digest in ("", "0" * 16, "card"):
        talk.take(Pressed(Agree(digest), talk.at))
        assert talk.said()[0] == "old_button"
        assert not talk.turn.effects


# --- a page that is open --------------------------------------------------------------------------------------------


def test_a_change_closes_the_page_before_a_new_quote_is_shown():
    talk, payment = on_the_page()
    talk.says("make it 50")
    key = talk.sends()
    assert talk.keys[key] == CloseCheckout(payment.reference)
    assert talk.said() == []
    talk.answered(key, talk.becomes(payment, PaymentState.FAILED, GONE))
    assert talk.said() == ["failed_page_closed", "confirm_card"]


def test_the_answer_of_a_close_after_its_news_does_not_end_the_new_quote():
    talk, payment = on_the_page()
    talk.says("make it 50")
    key, closed = talk.sends(), talk.becomes(payment, PaymentState.FAILED, GONE)
    talk.take(PaymentMoved(closed, talk.at))
    assert talk.said() == ["failed_page_closed", "confirm_card"]
    talk.answered(key, closed)
    assert talk.said() == []
    talk.says("yes")
    assert starts(talk)[0].quote.total == usd(5000)


def test_a_decline_on_a_page_that_is_being_closed_is_no_news():
    talk, payment = on_the_page()
    talk.says("make it 50")
    talk.take(PaymentMoved(talk.becomes(payment, PaymentState.OPEN, Reason.DECLINED), talk.at))
    assert talk.said() == []


def test_a_page_paid_before_it_could_be_closed_is_told_as_paid():
    talk, payment = on_the_page()
    talk.says("cancel")
    talk.answered(talk.sends(), talk.becomes(payment, PaymentState.SUCCEEDED))
    assert talk.said() == ["paid_before_closed", "paid_card"]
    assert talk.talk.tasks == ()


def test_a_double_tap_does_not_close_the_page():
    talk, _ = on_the_page()
    for button in ("/method card", "/pay"):
        talk.presses(button)
        assert talk.said() == ["page_open"]
        assert not talk.turn.effects


def test_a_start_that_was_refused_does_not_look_up_for_ever():
    talk = at_the_quote()
    talk.says("yes")
    talk.answered(talk.sends(), Refused(Objection.ALREADY_LIVE))
    assert talk.said() == ["refused_already_live", "confirm_card"]


def test_restart_while_a_start_is_refused_begins_anew():
    talk = at_the_quote()
    talk.says("yes")
    key = talk.sends()
    talk.says("start over")
    assert talk.said() == ["stopping_restart"]
    talk.answered(key, Refused(Objection.PAUSED))
    assert talk.said() == ["refused_paused", "ask_method"]


# --- proofs ---------------------------------------------------------------------------------------------------------


def test_a_proof_that_comes_after_cancel_says_nothing_but_counts():
    talk = Talk()
    talk.says("INV-1042, zip 10001")
    key = talk.sends()
    talk.says("cancel")
    talk.answered(key, NotProved())
    assert talk.said() == []
    assert talk.talk.tasks == ()
    assert talk.talk.wrong_proofs == 1


def test_a_proof_that_nobody_waits_for_is_a_try_all_the_same():
    talk = Talk()
    talk.says("INV-1042, zip 10001")
    for code in ("10002", "10003"):
        talk.says(f"zip {code}")
        assert isinstance(talk.keys[talk.sends()], ProveInvoice)
    talk.says("zip 94107")
    talk.says("zip 94107")
    assert not any(isinstance(effect, ProveInvoice) for _, effect in talk.turn.effects)


def test_a_right_proof_does_not_take_the_wrong_ones_back_but_a_day_does():
    talk = Talk()
    talk.says("INV-1042, zip 10001")
    talk.answered(talk.sends(), NotProved())
    talk.says("94107")
    talk.answered(talk.sends(), Proved("i-1"))
    assert talk.talk.view(HOUSE, talk.at).wrong_proofs == 1
    assert talk.talk.view(HOUSE, talk.at + timedelta(days=1)).wrong_proofs == 0


def test_a_locked_proof_calls_a_person():
    talk = Talk()
    talk.says("INV-1042, zip 94107")
    talk.answered(talk.sends(), Locked())
    key = talk.sends()
    assert isinstance(talk.keys[key], CallAgent)
    talk.answered(key, Called(1))
    assert talk.said() == ["person_called_lookup_locked"]


# --- facts ----------------------------------------------------------------------------------------------------------


def test_books_that_were_out_of_reach_are_asked_again_at_once():
    talk = Talk()
    talk.down = True
    talk.opens()
    assert talk.said()[-1] == "books_unreachable"
    talk.down = False
    talk.presses("/pay")
    assert talk.said() == ["ask_method"]


def test_whoever_asks_about_a_payment_hears_how_it_is_now():
    talk, payment = on_the_page()
    talk.says("status")
    assert talk.said() == ["not_paid_yet"]
    talk.becomes(payment, PaymentState.SUCCEEDED)
    talk.says("status")
    assert talk.said() == ["paid_card"]


def test_late_news_of_an_old_payment_does_not_make_it_the_newest():
    old = Payment("RM-1", PaymentState.PROCESSING, usd(100), Method.BANK, ("INV-7",), ("i-7",), AT)
    newer = replace(old, reference="RM-2")
    later = AT + timedelta(days=1)
    talk = NEW.telling(old).telling(newer).telling(replace(old, state=PaymentState.SUCCEEDED, at=later))
    assert [payment.reference for payment in talk.payments] == ["RM-1", "RM-2"]


def test_news_is_told_once_and_older_news_never():
    talk, payment = on_the_page()
    paid = talk.becomes(payment, PaymentState.SUCCEEDED)
    talk.take(PaymentMoved(paid, talk.at))
    assert talk.said() == ["paid_card"]
    for old in (paid, payment):
        talk.take(PaymentMoved(old, talk.at))
        assert talk.said() == []


def test_an_answer_that_nobody_waits_for_changes_nothing():
    talk = at_the_quote()
    before = talk.talk
    talk.take(Came("another/life/0", Proved("i-2"), talk.at))
    assert talk.talk == replace(before, version=before.version + 1)
    assert talk.said() == []


def test_a_lost_conversation_can_cancel_its_open_page():
    talk, payment = on_the_page()
    talk.talk = NEW
    talk.take(Recalled(payment, talk.at))
    talk.says("cancel")
    assert talk.keys[talk.sends()] == CloseCheckout(payment.reference)


def test_an_invoice_named_anew_does_not_take_the_old_amount_along():
    talk = Talk()
    talk.opens()
    talk.says("$50")
    talk.says("INV-1031")
    task = talk.talk.task
    assert isinstance(task, PayInvoice)
    assert (task.number, task.amount) == ("INV-1031", None)


# --- random customers -----------------------------------------------------------------------------------------------

TEXTS = (
    *("yes", "no", "1", "2", "3", "6", "50", "110", "94107", "10001", "half", "minimum", "all", "card", "bank"),
    *("cancel", "help", "hi", "thanks", "bye", "status", "link", "again", "refund", "pay", "balance", "person", "zzz"),
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
LIVE = (PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.OPEN, PaymentState.SUBMITTING)
AFTER = tuple(state for state in PaymentState if state not in LIVE)
ENDED = (PaymentState.FAILED, PaymentState.SUCCEEDED, PaymentState.PROCESSING, PaymentState.UNKNOWN, PaymentState.OPEN)


def outcome_of(talk: Talk, key: str, chance: random.Random) -> Outcome:
    match talk.keys[key]:
        case ProveInvoice():
            return chance.choice((Proved("i-1"), Proved("i-2"), NotProved(), Locked()))
        case StartPayment():
            if chance.random() < 0.3:
                return Refused(chance.choice(tuple(Objection)))
            return talk.started(key, chance.choice((PaymentState.OPEN, PaymentState.OPEN, *ENDED)))
        case CloseCheckout(reference):
            state = chance.choice((PaymentState.FAILED, PaymentState.FAILED, *ENDED[1:4]))
            return talk.becomes(talk.payments[reference], state, GONE if state is PaymentState.FAILED else None)
        case ResumePayment(reference):
            return talk.becomes(talk.payments[reference], chance.choice((PaymentState.OPEN, *ENDED)))
        case CloseLeftPage():
            return PageLeft(chance.random() < 0.7)
        case CallAgent():
            return Called(1)
    raise AssertionError(f"an effect that nobody here answers: {talk.keys[key]}")


def happens(talk: Talk, chance: random.Random) -> Event:
    """Something that could happen now, likely or not."""
    talk.at += timedelta(milliseconds=chance.choice((1, 1, 5, 61, 1801)) * chance.choice((1, 1000)))
    talk.down = chance.random() < 0.05
    if chance.random() < 0.1:
        talk.due["i-1"], talk.version = chance.choice((0, 300, 7000, 12000)), talk.version + 1
    if talk.keys and chance.random() < 0.6:
        key = chance.choice(sorted(talk.keys))
        outcome = outcome_of(talk, key, chance)
        del talk.keys[key]
        return Came(key, outcome, talk.at)
    if talk.payments and chance.random() < 0.2:
        payment = talk.payments[chance.choice(sorted(talk.payments))]
        states = AFTER if payment.state not in LIVE else (*AFTER, PaymentState.OPEN)  # no page opens again
        moved = talk.becomes(payment, chance.choice(states), chance.choice((None, *Reason)))
        return PaymentMoved(moved, talk.at)
    if chance.random() < 0.3:
        return _goes_on(talk, chance)
    match chance.randrange(12):
        case 0 | 1 | 2:
            return Pressed(from_button(chance.choice(talk.buttons)), talk.at)
        case 3:
            return Opened(chance.choice(("i-1", "i-2")), chance.choice(("good", "good", "expired", "unknown")), talk.at)
        case 4:
            return Waited(talk.at)
        case 5:
            slots = (Change(slot) for slot in Slot)
            acts = (Simple.YES, Simple.NO, Tell(Slot.AMOUNT, usd(5000)), Want("balance"), Simple.CARD_TYPED, *slots)
            return Heard(tuple(chance.choices(acts, k=2)), talk.at)
        case 6 | 7 | 8:
            return Heard((Simple.YES,), talk.at)
        case _:
            return Heard(read(chance.choice((*TEXTS, *SENTENCES)), talk.talk, HOUSE), talk.at)


def _goes_on(talk: Talk, chance: random.Random) -> Event:
    """What somebody who wants to pay does next, so that random customers get somewhere."""
    if talk.talk.task is None or isinstance(talk.talk.scope, Stranger):
        return Opened(chance.choice(("i-1", "i-2")), "good", talk.at)
    slot = talk.talk.asked.slot if talk.talk.asked else None
    answers = {Slot.METHOD: "card", Slot.AMOUNT: "50", Slot.NAME: "Jordan Blake", Slot.ZIP: "94107"}
    return Heard(read(answers.get(slot, "yes"), talk.talk, HOUSE), talk.at)


def consents(event: Event, shown: str) -> bool:
    """Whether this is a plain yes, or the very button, to the quote on the screen."""
    if not shown:
        return False
    return (isinstance(event, Heard) and event.acts in ((Simple.YES,), (Agree(shown),))) or (
        isinstance(event, Pressed) and event.act == Agree(shown)
    )


def check_starts(talk: Talk, before: Conversation, event: Event) -> None:
    began = [effect.quote for _, effect in talk.turn.effects if isinstance(effect, StartPayment)]
    shown = before.asked.quote if before.asked else ""
    for quote in began:
        assert isinstance(quote, Quote)
        assert consents(event, shown), f"{event} started a payment"
        assert quote.digest() == shown, "another quote than the one on the screen"
        assert quote.lines[0].version == str(talk.version), "an old version of the invoice"
        assert any(isinstance(lookup, OneInvoice) for lookup in talk.read_now), "the invoice was not read again"
        assert not any(isinstance(sent.effect, StartPayment) for sent in before.sent), "beside another start"
        assert not any(payment.state in LIVE for payment in before.payments), "beside an open page"
    assert len(began) <= 1


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_nothing_starts_without_a_yes_to_what_is_on_the_screen(seed):
    chance, talk = random.Random(seed), Talk()
    began = 0
    for _ in range(40):
        before, event = talk.talk, happens(talk, chance)
        talk.take(event)
        check_starts(talk, before, event)
        began += len(starts(talk))
        assert msgspec.json.decode(msgspec.json.encode(talk.talk), type=Conversation) == talk.talk
        assert talk.talk.version in (before.version, before.version + 1)
        if isinstance(event, Heard | Pressed | Opened):
            assert talk.turn.replies or talk.turn.effects, f"deaf to {event}"


def test_random_customers_do_pay_now_and_then():
    began = 0
    for seed in range(40):
        chance, talk = random.Random(seed), Talk()
        for _ in range(40):
            talk.take(happens(talk, chance))
            began += len(starts(talk))
    assert began > 20


def test_news_in_an_answer_that_nobody_waits_for_are_still_told_when_they_come():
    talk, payment = on_the_page()
    talk.says("cancel")
    closing = talk.sends()
    paid = talk.becomes(payment, PaymentState.SUCCEEDED)
    talk.take(PaymentMoved(paid, talk.at))  # its webhook was quicker, so nothing is being closed any more
    refunded = talk.becomes(paid, PaymentState.REFUNDED)
    talk.answered(closing, refunded)
    talk.take(PaymentMoved(refunded, talk.at))
    assert talk.said() == ["refunded"]
