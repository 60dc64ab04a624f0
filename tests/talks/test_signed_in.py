"""`step` as incidents: customers who sign in, and what they can reach then. What others must not reach is at the end."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from dialogs.conversation import Conversation
from dialogs.flows.pay import PayInvoice
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    AddressProved,
    Called,
    CheckCode,
    CloseCheckout,
    CodeSent,
    CodesSpent,
    CodeWrong,
    DetailsSaved,
    EditMethod,
    Locked,
    MethodEdited,
    NotSaved,
    OpenRequest,
    PaymentMoved,
    Refused,
    Remembered,
    RequestOpened,
    SaveDetails,
    SendCode,
    SignedIn,
    SignedOut,
    SignOut,
    Sure,
)
from dialogs.reading.buttons import to_button
from services.model import (
    Customer,
    Methods,
    Notices,
    Objection,
    PaymentState,
    Reason,
    Request,
    Revision,
    Spread,
    Stranger,
    key_of,
)
from tests.talks.talk import (
    DANA,
    DETAILS,
    KEPT,
    PRIVATE,
    RILEY,
    SHARED,
    SIGNING,
    Talk,
    at_the_web,
    card,
    signing_in,
    usd,
    words_of,
)


def home(proof: str = "browser", **due: int) -> Talk:
    """Dana, known from the start, with the question which of her invoices to pay."""
    talk = at_the_web(**due)
    talk.arrives("c-1", proof)
    return talk


def sent(talk: Talk, kind: type) -> object:
    effect = talk.effect()
    assert isinstance(effect, kind), effect
    return effect


def quoted(talk: Talk) -> dict[str, int]:
    """What a start pays on each invoice."""
    (start,) = talk.starts()
    return {line.number: line.amount.minor for line in start.quote.lines}


# --- signing in -----------------------------------------------------------------------------------------------------


def test_a_code_signs_in_and_what_was_asked_for_is_shown():
    talk = at_the_web()
    talk.says("what's overdue?")
    assert talk.said() == ["sign_in_for_invoices", "ask_email"]
    talk.says("dana@example.com")
    assert sent(talk, SendCode) == SendCode("dana@example.com", "sign_in", Stranger())
    talk.answered(talk.sends(), CodeSent())
    assert talk.said() == ["ask_code"]
    talk.says("123 456")
    assert sent(talk, CheckCode) == CheckCode("123456", "dana@example.com", "sign_in", Stranger())
    talk.signed_in()
    assert talk.said() == ["signed_in", "no_invoices_overdue"]
    assert talk.talk.keys == 1, "the token of the chat is another one now"


def test_a_wrong_code_is_asked_for_again_and_not_sent_again():
    talk = signing_in(at_the_web())
    talk.answered(talk.sends(), CodeWrong())
    assert talk.said() == ["code_wrong"]
    assert not talk.turn.effects
    talk.says("654321")
    assert sent(talk, CheckCode).code == "654321"


def test_too_many_wrong_codes_call_a_person_and_the_link_still_pays():
    talk = at_the_web()
    talk.opens()
    signing_in(talk)
    talk.answered(talk.sends(), Locked())
    assert "sign_in_locked" in repr(talk.effect())
    talk.answered(talk.sends(), Called(1))
    talk.says("card")
    assert talk.said() == ["confirm_card"]


def test_no_other_code_goes_out_before_its_time():
    talk = at_the_web()
    talk.says("sign in")
    talk.says(SHARED)
    talk.answered(talk.sends(), CodesSpent(14))
    assert talk.said() == ["codes_spent"]
    talk.says("123456")
    assert not [effect for _, effect in talk.turn.effects if isinstance(effect, SendCode)]


def test_cancel_inside_signing_in_does_not_ask_again_for_ever():
    for wish in ("my cards", "show my invoices", "pay all my invoices", "my details", "payment history"):
        talk = at_the_web()
        talk.says(wish)
        assert isinstance(talk.talk.task, SignIn), wish
        talk.says("cancel")
        assert not any(isinstance(task, SignIn) for task in talk.talk.tasks), wish
        assert "ask_email" not in talk.said(), wish


def test_cancel_inside_signing_in_goes_back_to_the_payment_of_the_link():
    talk = at_the_web()
    talk.opens()
    talk.says("use my saved card")
    assert isinstance(talk.talk.task, SignIn)
    talk.says("cancel")
    assert talk.said() == ["not_signed_in_then", "ask_method"]


def test_where_nobody_can_sign_in_a_wish_for_the_account_ends_with_one_answer():
    for wish in ("sign in", "my cards", "show my invoices", "pay all my invoices", "my details", "payment history"):
        talk = Talk()
        talk.says(wish)
        assert not any(isinstance(task, SignIn) for task in talk.talk.tasks), wish
        assert not talk.turn.effects


def test_two_customers_at_one_address_are_asked_who_they_are():
    talk = signing_in(at_the_web(i_1=12000, j_1=5000))
    talk.signed_in(DANA, RILEY)
    assert talk.said() == ["ask_account"]
    assert isinstance(talk.talk.scope, Stranger)
    talk.says("the second one")
    assert talk.said()[0] == "signed_in"
    assert talk.talk.scope.id == RILEY.id
    assert "INV-2001" in words_of(talk.turn.replies)


def test_the_button_of_an_account_opens_nothing_before_the_code_was_right():
    button = f"/pick account {key_of(DANA.id)}"
    for talk in (at_the_web(), signing_in(at_the_web())):
        talk.presses(button)
        assert isinstance(talk.talk.scope, Stranger)
        assert talk.said()[0] == "old_button"


def test_an_account_that_is_chosen_when_its_time_is_over_needs_another_code():
    talk = signing_in(at_the_web(i_1=12000, j_1=5000))
    talk.signed_in(DANA, RILEY, hours=1)
    talk.at += timedelta(hours=2)
    talk.says("1")
    assert isinstance(talk.talk.scope, Stranger)
    assert "sign_in_over" in talk.said()
    assert talk.options() == ("/cancel",)


def test_whoever_signs_in_from_a_link_goes_on_with_its_invoice():
    talk = at_the_web()
    talk.opens("i-2")
    talk.says("card")
    signing_in(talk)
    talk.signed_in(number="INV-1031")
    assert talk.said() == ["signed_in", "confirm_saved_card"], "a card, and one is saved"
    assert isinstance(talk.talk.scope, Customer)
    talk.says("yes")
    assert quoted(talk) == {"INV-1031": 8650}


def test_the_invoice_of_anothers_link_is_not_paid_in_the_name_of_who_signed_in():
    talk = at_the_web(i_1=12000, j_1=5000)
    talk.opens("i-1")
    talk.says("card")
    signing_in(talk)
    talk.signed_in(RILEY)
    assert "link_of_another" in talk.said()
    talk.says("yes")
    assert all(start.scope.id == RILEY.id for start in talk.starts())
    assert "INV-1042" not in words_of(talk.turn.replies)


def test_a_sign_in_that_ends_in_the_middle_of_a_quote_starts_nothing():
    talk = home(i_1=12000)
    assert talk.said()[-1] == "confirm_saved_card"
    talk.talk = replace(talk.talk, scope=replace(talk.talk.scope, until=talk.at))
    for yes in ("yes", talk.options()[0]):
        before = talk.talk
        talk.presses(yes) if yes.startswith("/") else talk.says(yes)
        assert not talk.starts()
        assert talk.said()[0] == "sign_in_over"
        assert not any(secret in words_of(talk.turn.replies) for secret in PRIVATE["c-1"])
        talk.talk = before


def test_that_a_sign_in_is_over_is_said_once():
    for look in ("my cards", "my details", "show my invoices", "payment history"):
        talk = home()
        talk.revoked = True
        talk.says(look)
        assert talk.said()[0] == "sign_in_over", look
        assert isinstance(talk.talk.scope, Stranger)
        talk.revoked = False
        talk.says("hello")
        assert "sign_in_over" not in talk.said(), look


def test_a_page_vouched_customer_is_asked_for_a_code_before_a_saved_method():
    talk = home("page", i_1=12000)
    assert "confirm_saved_card" not in talk.said(), "not offered unasked"
    talk.says("use my visa")
    talk.says("use the card ending 4242")
    assert talk.said() == []
    assert talk.effect() == SendCode("", "sign_in", talk.talk.scope)
    talk.answered(talk.sends(), CodeSent())
    talk.says("123456")
    talk.signed_in(DANA)
    assert talk.said() == ["signed_in", "confirm_saved_card"]
    talk.says("yes")
    (start,) = talk.starts()
    assert start.scope.may_charge(talk.talk.chat)


def test_a_customer_of_another_chat_is_asked_for_a_code_before_a_saved_method():
    talk = home(i_1=12000)
    talk.talk = replace(talk.talk, scope=replace(talk.talk.scope, channel="web:another"))
    talk.says("yes")
    assert not talk.starts()
    talk.says("saved card")
    assert isinstance(talk.effect(), SendCode)


def test_the_service_that_asks_for_another_proof_gets_one():
    talk = home(i_1=12000)
    talk.says("yes")
    talk.answered(talk.sends(), Refused(Objection.PROVE_AGAIN))
    assert talk.effect() == SendCode("", "sign_in", talk.talk.scope)


# --- which invoices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("1 and 3", ["INV-1042", "INV-1055"]),
        ("1, 2 and 3", ["INV-1042", "INV-1031", "INV-1055"]),
        ("the first two", ["INV-1042", "INV-1031"]),
        ("the last two", ["INV-1031", "INV-1055"]),
        ("the first and the third", ["INV-1042", "INV-1055"]),
        ("INV-1042 and INV-1055", ["INV-1042", "INV-1055"]),
        ("1042 and 1055", ["INV-1042", "INV-1055"]),
        ("all of them", ["INV-1042", "INV-1031", "INV-1055"]),
        ("all", ["INV-1042", "INV-1031", "INV-1055"]),
        ("pay everything i owe", ["INV-1042", "INV-1031", "INV-1055"]),
        ("2", ["INV-1031"]),
    ],
)
def test_invoices_are_chosen_by_their_places_and_numbers(said, numbers):
    talk = home()
    assert talk.said()[-1] == "ask_which"
    talk.says(said)
    assert talk.said() == ["confirm_saved_card"], talk.said()
    talk.says("yes")
    assert sorted(quoted(talk)) == sorted(numbers)


def test_both_means_the_two_that_are_shown():
    talk = home(i_1=12000, i_2=8650)
    talk.says("both")
    talk.says("yes")
    assert quoted(talk) == {"INV-1042": 12000, "INV-1031": 8650}


def test_one_invoice_is_offered_in_one_tap():
    talk = home(i_2=8650)
    assert talk.said() == ["hello_name", "confirm_saved_card"]
    talk.presses(talk.options()[0])
    assert quoted(talk) == {"INV-1031": 8650}


def test_a_disputed_invoice_is_left_out_of_all_and_said_so():
    talk = at_the_web()
    talk.disputed = {"i-2"}
    talk.arrives()
    talk.says("all of them")
    assert "INV-1031" in words_of(talk.turn.replies), "what is left out is named"
    talk.says("yes")
    assert quoted(talk) == {"INV-1042": 12000, "INV-1055": 3000}


def test_a_disputed_invoice_is_paid_when_it_is_the_one_chosen():
    talk = at_the_web()
    talk.disputed = {"i-2"}
    talk.arrives()
    talk.says("INV-1031")
    talk.says("yes")
    assert quoted(talk) == {"INV-1031": 8650}


def test_a_sum_on_account_goes_to_the_oldest_and_can_be_spread():
    talk = home()
    talk.says("$150 on my account")
    assert talk.said() == ["confirm_saved_card"]
    evenly = next(button for button in talk.options() if button == "/spread evenly")
    talk.presses(evenly)
    talk.says("yes")
    paid = quoted(talk)
    assert sum(paid.values()) == 15000
    assert len(paid) == 3


def test_a_sum_and_its_spread_told_in_one_breath():
    talk = home()
    talk.says("$150 on my account, evenly")
    task = talk.talk.task
    assert isinstance(task, PayInvoice)
    assert (task.whole, task.amount, task.spread) == (True, usd(15000), Spread.EVENLY)


def test_an_invoice_that_is_chosen_and_paid_meanwhile_is_not_quietly_left_out():
    talk = home()
    talk.says("1 and 3")
    talk.due["i-3"], talk.version = 0, 2
    talk.says("yes")
    assert not talk.starts()
    assert "not_all_there" in talk.said()


def test_another_customers_invoice_is_as_good_as_none():
    talk = home(i_1=12000, i_2=8650, j_1=5000)
    for said in ("INV-2001", "show me invoice INV-2001", "dispute INV-2001", "1042 and 2001"):
        talk.says(said)
        assert not talk.turn.effects
        told = words_of(talk.turn.replies)
        assert "50.00" not in told
        assert RILEY.name not in told


def test_picking_one_by_one_keeps_what_was_picked():
    talk = home()
    talk.presses("/several")
    talk.says("1")
    assert "INV-1042" in words_of(talk.turn.replies)
    third = next(button for button in talk.options() if button.startswith("/pick invoice"))
    talk.presses(third)
    talk.presses("/enough")
    talk.says("yes")
    assert quoted(talk) == {"INV-1042": 12000, "INV-1031": 8650}


# --- saved methods --------------------------------------------------------------------------------------------------


def test_a_saved_method_that_was_removed_between_the_quote_and_the_yes_charges_nothing():
    talk = home(i_1=12000)
    assert talk.said()[-1] == "confirm_saved_card"
    talk.methods["c-1"] = KEPT[1:]
    talk.says("yes")
    assert not talk.starts()
    assert talk.said() == ["changed_meanwhile", "confirm_saved_bank"]


def test_a_saved_method_that_expired_between_the_quote_and_the_yes_charges_nothing():
    talk = home(i_1=12000)
    talk.methods["c-1"] = (replace(KEPT[0], expires="2026-02"),)
    talk.says("yes")
    assert not talk.starts()
    assert talk.said() == ["ask_method"]


def test_a_method_that_nobody_saved_is_asked_about_and_not_guessed():
    talk = home(i_1=12000)
    talk.says("use the card ending 1111")
    assert talk.said() == ["no_such_saved", "ask_method"]
    assert not talk.talk.quote_shown


def test_two_cards_of_one_brand_are_not_told_apart_by_the_brand():
    talk = at_the_web(i_1=12000)
    talk.methods["c-1"] = (KEPT[0], card("m-9", "visa", "1881"))
    talk.arrives()
    talk.says("use the visa 1881")
    assert talk.said() == ["confirm_saved_card"]
    talk.says("yes")
    (start,) = talk.starts()
    assert start.quote.saved == "m-9"


def test_a_new_card_is_typed_on_the_page_although_one_is_saved():
    talk = home(i_1=12000)
    talk.says("pay with a new card")
    assert talk.said() == ["confirm_card"]
    talk.says("yes")
    (start,) = talk.starts()
    assert start.quote.saved == ""


def test_removing_a_method_takes_a_yes_to_just_that():
    talk = home()
    talk.says("my cards")
    remove = [button for button in talk.options() if button.startswith("/remove")]
    talk.presses(remove[0])
    assert talk.said() == ["sure_remove"]
    yes = talk.options()[0]
    talk.says("no")
    assert talk.said()[0] == "left_as_it_is"
    talk.presses(remove[1])
    talk.presses(yes)
    assert talk.said()[0] == "old_button", "the yes to another question"
    assert not talk.turn.effects
    talk.says("yes")
    assert sent(talk, EditMethod) == EditMethod(talk.talk.scope, "remove", "m-2")
    talk.answered(talk.sends(), MethodEdited(Methods(KEPT[:1])))
    assert talk.said()[0] == "methods"


def test_declines_up_to_the_limit_close_the_page():
    talk = home(i_1=12000)
    talk.says("yes")
    key = talk.sends()
    payment = talk.started(key, PaymentState.OPEN, Reason.INSUFFICIENT_FUNDS, declines=1)
    talk.answered(key, payment)
    assert talk.said() == ["declined_insufficient_funds"]
    limit = SIGNING.rules.declines
    for declines in range(2, limit):
        talk.take(PaymentMoved(talk.becomes(payment, PaymentState.OPEN, Reason.DECLINED, declines), talk.at))
        assert talk.said() == ["declined_declined"]
        assert not talk.turn.effects
    talk.take(PaymentMoved(talk.becomes(payment, PaymentState.OPEN, Reason.DECLINED, limit), talk.at))
    assert talk.said() == ["too_many_declines"]
    assert isinstance(talk.effect(), CloseCheckout)


def test_after_a_wrong_zip_it_is_put_on_file_and_the_payment_goes_on():
    talk = home(i_1=12000)
    talk.says("new card")
    talk.says("yes")
    key = talk.sends()
    payment = talk.started(key)
    talk.answered(key, payment)
    talk.take(PaymentMoved(talk.becomes(payment, PaymentState.OPEN, Reason.WRONG_ZIP, 1), talk.at))
    assert talk.said() == ["declined_wrong_zip"]
    assert talk.options()[0] == "/fix-zip"
    talk.says("1")
    assert talk.said() == ["ask_zip_to_fix"]
    talk.says("97521")
    assert talk.said() == ["sure_zip"]
    talk.says("yes")
    assert sent(talk, SaveDetails).revision == Revision(zip="97521")
    saved = replace(DETAILS["c-1"], zip="97521")
    talk.answered(talk.sends(), DetailsSaved(saved))
    assert talk.said()[0] == "saved_zip"
    assert isinstance(talk.effect(), CloseCheckout), "the page was made with the old zip"
    talk.answered(talk.sends(), talk.becomes(payment, PaymentState.FAILED, Reason.PAGE_CLOSED))
    assert talk.said()[-1] == "confirm_card"
    assert "97521" in words_of(talk.turn.replies)


# --- details --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "told", "revision"),
    [
        ("change my phone number", "415 555 0100", Revision(phone="415 555 0100")),
        ("I moved", "1 Elm St, Springfield, IL 62701", Revision(
            street="1 Elm St", city="Springfield", region="IL", zip="62701")),
        ("update my address", "1 Elm St", Revision(street="1 Elm St", city="", region="")),
        ("change my notices", "2", Revision(notices=Notices(reminders=False))),
        ("/pick detail name", "Dana Whitfield-Cole", Revision(name="Dana Whitfield-Cole")),
        ("/pick detail zip", "62701", Revision(zip="62701")),
    ],
)  # fmt: skip
def test_a_detail_is_told_confirmed_and_written(wish, told, revision):
    talk = home()
    talk.presses(wish) if wish.startswith("/") else talk.says(wish)
    talk.says(told)
    assert talk.said()[0].startswith("sure_"), talk.said()
    assert not talk.turn.effects
    talk.says("yes")
    assert sent(talk, SaveDetails) == SaveDetails(talk.talk.scope, revision)
    talk.answered(talk.sends(), NotSaved())
    assert talk.said()[0] == "not_saved"


def test_a_language_that_is_not_offered_is_not_written():
    talk = home()
    talk.says("change my language")
    assert talk.said() == ["ask_new_language"]
    talk.says("Spanish please")
    assert talk.said() == ["language_not_spoken", "ask_new_language"]
    assert not talk.turn.effects
    talk.says("yes")
    assert not talk.turn.effects


def test_an_address_changes_after_a_code_at_the_old_one_and_one_at_the_new():
    talk = home()
    talk.says("change my e-mail address")
    talk.says("dana.new@example.com")
    assert talk.said() == ["sure_email"]
    talk.says("yes")
    assert sent(talk, SendCode) == SendCode("", "old_address", talk.talk.scope)
    talk.answered(talk.sends(), CodeSent())
    talk.says("111111")
    assert sent(talk, CheckCode).purpose == "old_address"
    talk.answered(talk.sends(), AddressProved())
    assert sent(talk, SendCode) == SendCode("dana.new@example.com", "new_address", talk.talk.scope)
    talk.answered(talk.sends(), CodeSent())
    talk.says("222222")
    talk.answered(talk.sends(), AddressProved())
    assert sent(talk, SaveDetails).revision == Revision(email="dana.new@example.com")
    talk.answered(talk.sends(), DetailsSaved(replace(DETAILS["c-1"], email="dana.new@example.com")))
    assert talk.said()[0] == "saved_email"
    assert isinstance(talk.talk.scope, Customer)


def test_no_code_of_one_step_counts_for_the_other():
    talk = home()
    talk.says("change my e-mail address")
    talk.says("dana.new@example.com")
    talk.says("yes")
    talk.answered(talk.sends(), CodeSent())
    talk.says("111111")
    talk.answered(talk.sends(), AddressProved())
    assert not any(isinstance(effect, SaveDetails) for _, effect in talk.turn.effects)


# --- requests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "why", ["no", "yes", "no, the work was never done", "yes it was charged twice", "it is wrong", "ok but too much", "1st visit"]
)  # fmt: skip
def test_a_reason_that_sounds_like_an_answer_is_a_reason_when_it_says_more(why):
    talk = home()
    talk.says("dispute INV-1042")
    assert talk.said() == ["ask_why_dispute"]
    talk.says(why)
    if len(why.split()) == 1:
        assert not talk.turn.effects, "too little for a reason"
    else:
        assert sent(talk, OpenRequest).why == why


def test_a_request_is_told_once_and_its_answer_once():
    talk = home()
    talk.says("dispute INV-1042")
    talk.presses("/why twice")
    assert sent(talk, OpenRequest) == OpenRequest(talk.talk.scope, "dispute", "twice", invoice="i-1", number="INV-1042")
    request = Request(7, "dispute", talk.at, "INV-1042")
    talk.answered(talk.sends(), RequestOpened(request))
    assert talk.said() == ["request_opened_dispute"]
    answer = replace(request, answer="We took it off.", closed_at=talk.at)
    talk.hears(answer)
    assert talk.said() == ["request_answered"]
    talk.hears(answer)
    assert talk.said() == []


def test_an_answer_of_a_person_leaves_the_quote_to_be_shown_again():
    talk = home(i_1=12000)
    talk.hears(Request(7, "refund", talk.at, "INV-7", answer="Yes.", closed_at=talk.at))
    talk.says("yes")
    assert not talk.starts(), "a yes that may be meant for the news"


# --- buttons of other questions -------------------------------------------------------------------------------------


def test_a_yes_button_of_another_question_does_nothing():
    talk = home()
    talk.says("change my phone number")
    talk.says("415 555 0100")
    old = talk.options()[0]
    assert old.startswith("/sure")
    talk.says("cancel")
    talk.says("change my phone number")
    talk.says("415 555 0199")
    talk.presses(old)
    assert talk.said() == ["old_button", "sure_phone"]
    assert not talk.turn.effects


def test_a_yes_button_made_up_answers_nothing():
    talk = home()
    talk.says("change my phone number")
    talk.says("415 555 0100")
    for key in ("a", "abcdefghijkl", key_of("phone 415 555 0199")):
        talk.presses(to_button(Sure(key)))
        assert talk.said()[0] == "old_button"
        assert not talk.turn.effects


def test_a_question_stands_again_after_a_digression_and_a_yes_answers_it():
    talk = home()
    talk.says("change my phone number")
    talk.says("415 555 0100")
    talk.says("payment history")
    assert talk.said() == ["no_payment_of_yours", "sure_phone"]
    talk.says("yes")
    assert sent(talk, SaveDetails).revision == Revision(phone="415 555 0100")


# --- leaving --------------------------------------------------------------------------------------------------------


def test_after_signing_out_nothing_of_before_is_left():
    talk = home()
    talk.says("my cards")
    talk.says("my details")
    buttons = talk.options()
    talk.says("sign out")
    assert sent(talk, SignOut) == SignOut(talk.talk.scope)
    talk.answered(talk.sends(), SignedOut())
    assert talk.said()[0] == "signed_out"
    now = talk.talk
    assert (now.scope, now.name, now.tasks, now.known) == (Stranger(), "", (), ())
    assert now.keys == 1
    assert not set(talk.options()) & set(buttons)
    for said in ("my cards", "show my invoices", "my details", "payment history", "1", "2", "yes"):
        talk.says(said)
        assert not any(secret in words_of(talk.turn.replies) for secret in (*PRIVATE["c-1"], DANA.name)), said


def under_way(talk: Talk, *said: str) -> str:
    """The key of an effect that was sent by these words, and is not answered yet."""
    for each in said:
        talk.presses(each) if each.startswith("/") else talk.says(each)
    return talk.sends()


def leave(talk: Talk) -> None:
    talk.says("sign out")
    talk.answered(talk.sends(), SignedOut())


def as_riley(talk: Talk) -> None:
    signing_in(talk, "riley@example.com")
    talk.signed_in(RILEY)


LATE = [
    (("change my notices", "4", "yes"), DetailsSaved(DETAILS["c-1"])),
    (("stop the reminders",), DetailsSaved(DETAILS["c-1"])),
    (("remember this browser",), Remembered(at_the_web().at.replace(year=2027))),
    (("/nickname KEY", "household"), MethodEdited(Methods(KEPT))),
    (("dispute INV-1042", "/why twice"), RequestOpened(Request(7, "dispute", at_the_web().at, "INV-1042"))),
]


@pytest.mark.parametrize(("said", "answer"), LATE, ids=lambda each: str(each)[:24])
@pytest.mark.parametrize("how", ["signed out", "ran out", "ran out unnoticed", "another came"])
def test_an_answer_that_comes_after_its_customer_left_is_told_to_nobody(said, answer, how):
    talk = home()
    key = under_way(talk, *(each.replace("KEY", KEPT[0].key) for each in said))
    if how.startswith("ran out"):
        talk.talk = replace(talk.talk, scope=replace(talk.talk.scope, until=talk.at))
        if how == "ran out":
            talk.says("hello")
            assert isinstance(talk.talk.scope, Stranger)
    else:
        leave(talk)
    if how == "another came":
        as_riley(talk)
    talk.answered(key, answer)
    told = words_of(talk.turn.replies)
    assert not any(secret in told for secret in (*PRIVATE["c-1"], DANA.name))
    assert not isinstance(talk.talk.scope_at(talk.at), Customer) or talk.talk.scope.id == RILEY.id
    if how.startswith("ran out"):
        as_riley(talk)
        told = words_of(talk.turn.replies)
        assert not any(secret in told for secret in (*PRIVATE["c-1"], DANA.name)), "told to who came next"
        assert not talk.turn.effects, "done in the name of who came next"


def test_a_code_that_proves_right_after_signing_out_signs_nobody_in():
    talk = home("page", i_1=12000)
    talk.says("use the card ending 4242")
    talk.answered(talk.sends(), CodeSent())
    talk.says("123456")
    checking = talk.sends()
    leave(talk)
    talk.answered(checking, SignedIn((DANA,), talk.at, talk.at.replace(year=2027)))
    assert isinstance(talk.talk.scope, Stranger)


def test_a_new_address_that_is_written_after_the_sign_in_ran_out_is_no_fault():
    talk = home()
    talk.says("change my e-mail address")
    talk.says("dana.new@example.com")
    talk.says("yes")
    for code in ("111111", "222222"):
        talk.answered(talk.sends(), CodeSent())
        talk.says(code)
        talk.answered(talk.sends(), AddressProved())
    key = talk.sends()
    talk.talk = replace(talk.talk, scope=Stranger())
    talk.answered(key, DetailsSaved(replace(DETAILS["c-1"], email="dana.new@example.com")))
    assert "dana.new" not in words_of(talk.turn.replies)


def test_asking_for_a_hundred_things_before_signing_in_keeps_the_conversation_small():
    talk = at_the_web()
    for _ in range(25):
        for said in ("my cards", "show my invoices", "my details", "payment history"):
            talk.says(said)
    assert len(msgspec.json.encode(talk.talk)) < 4096
    as_riley_would = signing_in(talk)
    as_riley_would.signed_in(DANA)
    assert len(talk.turn.replies) < 10, "everything that was ever asked for, at once"


def test_a_conversation_with_everything_under_way_is_read_back_as_it_was():
    talk = home()
    talk.says("1 and 3")
    talk.says("$50, evenly")
    talk.says("my cards")
    talk.says("what's overdue?")
    assert msgspec.json.decode(msgspec.json.encode(talk.talk), type=Conversation) == talk.talk
