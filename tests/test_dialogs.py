"""`step` as incidents: paying one invoice by a link, or by its number and zip.

Nothing outside the dialog is here: facts are made up, and effects are answered by the test. Customers who sign in, and
random ones, are in `talks/`.
"""

from datetime import timedelta

from msgspec.structs import replace

from dialogs.flows.pay import PayInvoice
from dialogs.model import (
    Agree,
    CallAgent,
    Called,
    Came,
    CloseCheckout,
    Heard,
    Locked,
    NotProved,
    OneInvoice,
    PaymentMoved,
    Pressed,
    Proved,
    ProveInvoice,
    Recalled,
    Refused,
    Simple,
)
from services.model import Method, Objection, Payment, PaymentState, Reason
from tests.talks.talk import AT, HOUSE, NEW, Talk, usd

GONE = Reason.PAGE_CLOSED


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


# --- consent --------------------------------------------------------------------------------------------------------


def test_a_yes_reads_the_invoice_again_before_it_counts():
    talk = at_the_quote()
    talk.says("yes")
    assert any(isinstance(lookup, OneInvoice) for lookup in talk.read_now)
    assert len(talk.starts()) == 1


def test_a_yes_to_an_invoice_that_changed_starts_nothing_and_shows_the_new_one():
    talk = at_the_quote()
    talk.due["i-1"], talk.version = 9000, 2
    talk.says("yes")
    assert talk.said() == ["changed_meanwhile", "confirm_card"]
    assert not talk.turn.effects
    talk.says("yes")
    assert talk.starts()[0].quote.total == usd(9000)


def test_a_second_yes_while_the_page_is_made_starts_nothing():
    talk = at_the_quote()
    talk.says("yes")
    talk.says("yes")
    assert talk.said() == ["preparing"]
    assert not talk.turn.effects


def test_what_a_late_fact_adds_to_the_record_of_a_payment_is_no_news():
    talk = at_the_quote()
    told = Payment("RM-9", PaymentState.DISPUTED, usd(100), Method.CARD, ("INV-7",), ("i-7",), talk.at)
    talk.take(Recalled(told, talk.at))
    assert "disputed" in talk.said()
    talk.take(PaymentMoved(replace(told, cleared_at=talk.at, happened_at=talk.at), talk.at))
    assert talk.said() == []
    talk.take(PaymentMoved(replace(told, state=PaymentState.LOST), talk.at))
    assert talk.said() == ["lost"]


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
        assert not talk.starts(), text


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
    assert talk.said() == ["earlier_page_closed", "confirm_card"]


def test_the_answer_of_a_close_after_its_news_does_not_end_the_new_quote():
    talk, payment = on_the_page()
    talk.says("make it 50")
    key, closed = talk.sends(), talk.becomes(payment, PaymentState.FAILED, GONE)
    talk.take(PaymentMoved(closed, talk.at))
    assert talk.said() == ["earlier_page_closed", "confirm_card"]
    talk.answered(key, closed)
    assert talk.said() == []
    talk.says("yes")
    assert talk.starts()[0].quote.total == usd(5000)


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
