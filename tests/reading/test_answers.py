"""Short answers: what is plainly a yes, a place, a means, a share or a name, and what is not plain enough."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.reading.values import method, name, ordinal, share, yes_no
from services.model import Method

YES = """yes|Yes!|YES|yep|yeah|yup|ye|y|ok|OK.|okay|k|sure|of course|certainly|correct|that's right|that\u2019s correct|right
confirm|confirmed|I confirm|I agree|approved|go ahead|please go ahead|do it|let's do it|looks good|sounds good|perfect
yes please|yes, thank you so much|ok thanks|yes sir|sure, go ahead please|yes yes yes|yep, that's correct|👍|👍🏽|✅|✔️|ok 🙏"""
NO = """no|No.|NO!|nope|nah|n|no thanks|no, thank you|not now|not yet|don't|do not|never|negative|wrong|incorrect|that's wrong
that's not right|it is not correct|I don't agree|absolutely not|no way|no no no|don't do it|I don't think so|👎|❌ no"""
NEITHER = """yes but change the zip|yes, but not today|ok and what is the fee|yes?|ok?|is that right?|no, 110|yes 50|no the other one
yeah no|ok no|not sure|no problem|thanks|please|hello|why|maybe|yes ❌|no, my name is Dana|yes for INV-1042|1|да|yes да|!|$
i would say yes to that if only the amount was right"""


def lines(block):
    return [said for line in block.splitlines() for said in line.split("|")]


@pytest.mark.parametrize("text", lines(YES))
def test_a_plain_yes(text):
    assert yes_no(text) is True


@pytest.mark.parametrize("text", lines(NO))
def test_a_plain_no(text):
    assert yes_no(text) is False


@pytest.mark.parametrize("text", [*lines(NEITHER), "", "yes " * 50, "yes\u200b but", "y\u200bes"])
def test_a_yes_with_anything_else_in_it_agrees_to_nothing(text):
    assert yes_no(text) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("2", 2),
        ("2.", 2),
        ("(2)", 2),
        ("#2", 2),
        ("2nd", 2),
        ("second", 2),
        ("the second one", 2),
        ("The 2nd one please", 2),
        ("option 2", 2),
        ("number two", 2),
        ("two", 2),
        ("it's the third", 3),
        ("first", 1),
        ("the first one, please", 1),
        ("last", -1),
        ("the last one", -1),
        ("the top one", 1),
        ("pay the second invoice please", 2),
        ("I'll take the third option, thanks", 3),
        ("10", 10),
        ("0", None),
        ("2 dollars", None),
        ("$2", None),
        ("just a second", None),
        ("hold on one second", None),
        ("first name", None),
        ("last four 4242", None),
        ("last month", None),
        ("the first one or the second one", None),
        ("1042", None),
        ("", None),
        ("yes", None),
    ],
)
def test_which_one_of_several(text, place):
    assert ordinal(text) == place


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("card", Method.CARD),
        ("by credit card please", Method.CARD),
        ("debit card", Method.CARD),
        ("Visa", Method.CARD),
        ("with my amex", Method.CARD),
        ("master card", Method.CARD),
        ("bank card", Method.CARD),
        ("no, card", Method.CARD),
        ("the card, not the bank", Method.CARD),
        ("card ending in 4242", Method.CARD),
        ("bank", Method.BANK),
        ("ACH", Method.BANK),
        ("bank transfer", Method.BANK),
        ("from my checking account", Method.BANK),
        ("e-check", Method.BANK),
        ("direct debit", Method.BANK),
        ("online banking", Method.BANK),
        ("not the card, the bank", Method.BANK),
        ("instead of card use bank", Method.BANK),
        ("bank instead of the card", Method.BANK),
        ("don't want to use the card. use my bank", Method.BANK),
        ("switch from card to bank", Method.BANK),
        ("change my card to ACH", Method.BANK),
        ("change from bank to a card", Method.CARD),
        ("card or bank", None),
        ("bank and card", None),
        ("I prefer card to bank", None),
        ("not the card", None),
        ("I can't use my card", None),
        ("no card", None),
        ("discard it", None),
        ("embankment", None),
        ("vi\u017fa", None),
        ("cash", None),
        ("", None),
    ],
)
def test_the_means_that_is_named_and_not_denied(text, means):
    assert method(text) is means


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("everything", "all"),
        ("all", "all"),
        ("the full amount", "all"),
        ("Full amount please.", "all"),
        ("all of it", "all"),
        ("pay it all", "all"),
        ("in full", "all"),
        ("pay it off", "all"),
        ("what I owe", "all"),
        ("the whole thing", "all"),
        ("half", "half"),
        ("pay half now", "half"),
        ("half of the total", "half"),
        ("50%", "half"),
        ("the minimum", "minimum"),
        ("just the minimum payment please", "minimum"),
        ("the lowest amount", "minimum"),
        ("the minimum of the full amount", "minimum"),
        ("that's all", None),
        ("not at all", None),
        ("at least 50", None),
        ("not the full amount", None),
        ("I can't pay in full", None),
        ("everything is correct", None),
        ("half or all of it", None),
        ("half past six", None),
        ("in 5 min", None),
        ("behalf", None),
        ("", None),
    ],
)
def test_how_much_of_what_is_due(text, part):
    assert share(text) == part


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("Dana Whitfield", "Dana Whitfield"),
        ("it's Dana Whitfield", "Dana Whitfield"),
        ("It’s Dana Whitfield.", "Dana Whitfield"),  # noqa: RUF001  # as pasted
        ("Dana Whitfield please", "Dana Whitfield"),
        ("my name is Dana Whitfield, thanks!", "Dana Whitfield"),
        ("the name on the account is Jo Li", "Jo Li"),
        ("put it under Dana Whitfield", "Dana Whitfield"),
        ("change it to Dana Whitfield", "Dana Whitfield"),
        ("No, it's Dana", "Dana"),
        ("  Dana \t\n Whitfield ", "Dana Whitfield"),
        ("José Muñoz-Ruiz", "José Muñoz-Ruiz"),
        ("Sinéad O’Brien", "Sinéad O’Brien"),  # noqa: RUF001  # as pasted
        ("Acme & Co., Inc.", "Acme & Co., Inc."),
        ("Martin King Jr.", "Martin King Jr."),
        ("Bill Gates", "Bill Gates"),
        ("Will Smith", "Will Smith"),
        ("李小龍", "李小龍"),
        ("अनिल कुमार", "अनिल कुमार"),
        ("\u202eanaD\u202c", "anaD"),
        ("x" * 100, "x" * 100),
        ("x" * 101, None),
        ("yes", None),
        ("no thanks", None),
        ("110", None),
        ("123 Main", None),
        ("d@example.com", None),
        ("why do you need that?", None),
        ("what do you mean", None),
        ("i want to pay", None),
        ("card", None),
        ("cancel", None),
        ("Dana\x07", None),
        ("<b>Dana</b>", None),
        ("[card number removed]", None),
        ("...", None),
        ("", None),
    ],
)
def test_the_name_on_the_account(text, called):
    assert name(text) == called


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(alphabet=st.characters(categories=["Lu", "Ll"]), min_size=3, max_size=40))
def test_a_word_of_letters_is_kept_as_it_was_typed(word):
    assert name(word) in (word, None)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("yesnokcardvihlfbßſKİ '’.,!1"), st.characters()), max_size=60))  # noqa: RUF001  # letters that fold
def test_any_text_is_answered_without_complaint(text):
    called = name(text)
    assert yes_no(text) in (True, False, None)
    assert method(text) in (Method.CARD, Method.BANK, None)
    assert share(text) in ("all", "half", "minimum", None)
    assert (ordinal(text) or 1) in range(-1, 100)
    assert called is None or (1 <= len(called) <= 100 and not any(ch.isdigit() for ch in called))
