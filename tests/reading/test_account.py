"""What customers type about their account, misspelled, short and rude: what it is read as, and what it must not be.

A sentence stands under the act that it is; near misses stand under the act that they are instead, or under none.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from dialogs.conversation import Asked, Conversation
from dialogs.flows.pay import PayInvoice
from dialogs.model import Choose, House, Named, New, Pick, See, Show, Simple, Slot, Tell, Want
from dialogs.reading.buttons import to_button
from dialogs.reading.intents import read
from services.model import Bearer, Customer, Filter, InvoiceStatus, Method, Money, Rules, Spread, key_of

TODAY = date(2026, 3, 16)
AT = datetime(2026, 3, 16, 15, 30, tzinfo=UTC)
HOUSE = House("Green Lane", "+1 415 555 0142", Rules())
STRANGER = Conversation("web:one", "0" * 32)
CUSTOMER = replace(STRANGER, scope=Customer("c-1", AT, "web:one", AT + timedelta(hours=12)))
HOLDER = replace(STRANGER, scope=Bearer("i-1", "link"))
PICKS = tuple(to_button(Pick(Slot.INVOICE, key_of(f"i-{n}"))) for n in range(4))
KEYS = tuple(key_of(f"i-{n}") for n in range(4))


def asking(slot: Slot, *options: str, talk: Conversation = CUSTOMER) -> Conversation:
    return replace(talk, tasks=(PayInvoice(),), asked=Asked(slot, options))


def lines(block: str) -> list[str]:
    return [said for line in block.splitlines() for said in line.split("|") if said]


def heard(said: str, talk: Conversation = CUSTOMER):
    return read(said, talk, HOUSE, TODAY)


def only(status: InvoiceStatus) -> Show:
    return Show(Filter((status,)))


WISHES = {
    Want("sign_in"): """sign in|log in|login|Login pls|i want to log in|sign me in|how do i log in|signing in|sign up|register
my account|account|can i sign into my account|LOG IN!!|log in to my account""",
    Want("sign_out"): """sign out|log out|logout|log me out|sign me out please|i want to sign off|log off|signing out now""",
    Want("sign_out_everywhere"): """sign out everywhere|log me out on all devices|log out of all browsers|sign out of all phones
everywhere sign me out""",
    Want("remember"): """remember me|remember this browser|stay signed in|keep me logged in|remember this device please""",
    Want("methods"): """my cards|show my saved cards|what cards do you have on file|my payment methods|list my accounts|see my methods
manage payment methods|cards on file|which cards are saved|remove my card|delete the visa|forget my bank account|remove card|take off my amex""",
    Want("history"): """payment history|history|what did i pay|what have i paid so far|my payments|past payments|show me all my payments
previous payments|recent payments""",
    Want("details"): """my details|show my info|what's my information on file|my profile|my account details|show my contact data""",
    Want("requests"): """any news on my refund|status of my dispute|what happened to my refund|my requests|where is my refund?|my cases
update on my complaint|what about my refund request""",
    Want("refund"): """refund|i want a refund|give me my money back|refund me|MONEY BACK NOW|chargeback|please reimburse me""",
    Want("dispute"): """i was charged twice|you charged me twice!!|i want to dispute this|double charged|you overcharged me|wrong amount
this is not my invoice|they never showed up|you never came|i contest this bill|didn't do the work|wrong charge|charged double""",
    Show(): """my invoices|invoices|show my invoices|list all my bills|bills|what invoices are there|show me all invoices|see my bills pls
my statements|how many invoices do i have|view invoices""",
    only(InvoiceStatus.OVERDUE): """what's overdue?|show overdue invoices|any overdue bills?|which invoices are past due|what is late|overdue invoices""",
    only(InvoiceStatus.PAID): """show paid invoices|which invoices are paid|all settled bills|list my paid invoices""",
    only(InvoiceStatus.PROCESSING): """any processing invoices|which invoices are pending""",
    only(InvoiceStatus.DISPUTED): """show disputed invoices|which bills are in dispute""",
    only(InvoiceStatus.PARTLY_PAID): """which invoices are partly paid|show partially paid bills""",
    only(InvoiceStatus.VOID): """show voided invoices|any void bills""",
    Show(Filter(payable=True)): """unpaid invoices|show open invoices|what is unpaid|which invoices are not paid|outstanding bills|what's outstanding
show me what invoices i owe|which bills are still to be paid""",
    Show(Filter((), date(2026, 2, 1), date(2026, 2, 28))): """invoices from february|show bills from last month|the one from february
the invoice from last month|last month's bills|all invoices of Feb 2026""",
    Show(Filter((), date(2025, 12, 1), date(2025, 12, 31))): """bills from december|the bill of december|show invoices from dec""",
    Show(Filter((), date(2026, 3, 1), date(2026, 3, 31))): """this month's invoices|invoices from this month|the one from march""",
    Show(Filter((), date(2025, 1, 1), date(2025, 12, 31))): """show all invoices from last year""",
    Choose(): """pay all of them|pay them all|pay everything i owe|all my invoices|pay all open invoices|pay both|settle all of them
clear everything i owe|pay my full balance|pay the whole balance|pay my entire account balance|pay all my bills pls""",
    Named(): """use my saved card|pay with the card on file|same card|the usual|use the card you have|charge the card i used|the default one
pay with saved card|the one on file|same as last time with the card from last time""",
    Named(last4="4242"): """the one ending 4242|card ending in 4242|use the card ending with 4242|last four 4242|last 4 digits are 4242|•••• 4242
account ending in 4242|card 4242""",
    Named("visa", "4242"): """visa 4242|use my Visa 4242|charge VISA 4242""",
    New(Method.CARD): """pay with a new card|use another card|i want to pay with a different card""",
    New(Method.BANK): """use a new bank account|pay from another bank account""",
    See(): """what was it for?|what was that for|can i get a pdf|pdf|itemized|show me a breakdown|line items|copy of the invoice|details of this invoice
what was this bill for""",
    See(number="INV-1042"): """show invoice INV-1042|open invoice inv-1042|what was invoice INV-1042 for|details of invoice INV-1042
copy of the invoice INV-1042|pdf of INV-1042""",
    Pick(Slot.DETAIL, "email"): """change my e-mail|update my email address|i have a new email|my e-mail is wrong|set a new e-mail address""",
    Pick(Slot.DETAIL, "phone"): """change my phone|update my phone number|i have a new phone number|my mobile changed, update it|fix my cell number""",
    Pick(Slot.DETAIL, "address"): """change my address|i moved|we moved to a new house|update address|my address is wrong|new street address""",
    Pick(Slot.DETAIL, "language"): """change my language|set my language to spanish""",
    Pick(Slot.DETAIL, "notices"): """turn off notifications|change my notices|stop the reminder e-mails""",
    Want("stop_reminders"): """stop the reminders|stop sending me reminders|stop reminding me|no more reminders|don't remind me again""",
    Want("remind"): """remind me|please remind me here|remind me when the bill is due|turn reminders back on|remind me again""",
    Tell(Slot.SPREAD, Spread.OLDEST): """oldest first|the oldest|oldest ones first""",
    Tell(Slot.SPREAD, Spread.EVENLY): """evenly|split it evenly|spread it equally|pro rata|split it between them""",
    Tell(Slot.SPREAD, Spread.CHOSEN): """in that order|in this order""",
}  # fmt: skip


@pytest.mark.parametrize(("said", "act"), [(said, act) for act, block in WISHES.items() for said in lines(block)])
def test_a_signed_in_customer_is_understood(said, act):
    talk = asking(Slot.CONSENT) if isinstance(act, Tell) else CUSTOMER  # how a sum is spread is told of a quote
    assert heard(said, talk) == (act,)


@pytest.mark.parametrize("said", ["new card", "another card", "different card please", "a new card"])
def test_another_card_is_not_the_saved_one_on_the_screen(said):
    assert heard(said, asking(Slot.CONSENT)) == (New(Method.CARD),)
    assert heard(said, asking(Slot.METHOD)) == (New(Method.CARD),)
    assert heard(said, asking(Slot.METHOD, talk=HOLDER)) == (Tell(Slot.METHOD, Method.CARD),)


@pytest.mark.parametrize("said", ["new bank account", "another bank account", "by another bank"])
def test_another_account_is_not_the_saved_one_on_the_screen(said):
    assert heard(said, asking(Slot.CONSENT)) == (New(Method.BANK),)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("pay all overdue invoices", Filter((InvoiceStatus.OVERDUE,))),
        ("pay all my invoices from february", Filter((), date(2026, 2, 1), date(2026, 2, 28))),
        ("settle all of them from last month", Filter((), date(2026, 2, 1), date(2026, 2, 28))),
    ],
)
def test_all_of_some_are_not_all(said, asked):
    assert heard(said) == (Show(asked),)


# Said by nobody in particular: by whoever holds a link, or came without one.
@pytest.mark.parametrize(
    ("said", "acts"),
    [
        ("dana@example.com", (Want("sign_in"), Tell(Slot.EMAIL, "dana@example.com"))),
        ("dana@example.com.", (Want("sign_in"), Tell(Slot.EMAIL, "dana@example.com"))),
        ("sign in", (Want("sign_in"),)),
        ("show me my invoices", (Show(),)),
        ("pay all my invoices", (Choose(),)),
        ("my cards", (Want("methods"),)),
        ("use my saved card", (Named(),)),
        ("dispute INV-1042", (Want("dispute"), Tell(Slot.INVOICE, "INV-1042"))),
        ("refund for INV-1042", (Want("refund"), Tell(Slot.INVOICE, "INV-1042"))),
    ],
)
def test_a_stranger_is_understood(said, acts):
    assert heard(said, STRANGER) == acts
    assert heard(said, HOLDER) == acts


@pytest.mark.parametrize(
    ("said", "acts"),
    [
        ("pay 1042 and 1031", (Choose(numbers=("1042", "1031")),)),
        ("1042, 1031", (Choose(numbers=("1042", "1031")),)),
        ("1042 + 1031 & 1055", (Choose(numbers=("1042", "1031", "1055")),)),
        ("#1042 and #1031", (Choose(numbers=("1042", "1031")),)),
        ("INV-1042 and INV-1031", (Choose(numbers=("INV-1042", "INV-1031")),)),
        ("pay INV-1042, INV-1031 and INV-1055 please", (Choose(numbers=("INV-1042", "INV-1031", "INV-1055")),)),
        ("$500 on my account", (Choose(), Tell(Slot.AMOUNT, Money(50000, "USD")))),
        ("put $120.50 toward the balance", (Choose(), Tell(Slot.AMOUNT, Money(12050, "USD")))),
        (
            "pay $500 evenly",
            (Choose(), Tell(Slot.AMOUNT, Money(50000, "USD")), Tell(Slot.SPREAD, Spread.EVENLY)),
        ),
        (
            "$100 to the oldest",
            (Choose(), Tell(Slot.AMOUNT, Money(10000, "USD")), Tell(Slot.SPREAD, Spread.OLDEST)),
        ),
    ],
)
def test_several_invoices_and_sums_over_them(said, acts):
    assert heard(said) == acts


# --- near misses: what sounds like one of those wishes, and is another, or none ---------------------------------------


@pytest.mark.parametrize(
    ("said", "not_to_be"),
    [
        ("I want to pay with card", (Named, New, Show)),
        ("can I pay all by card", (Named, New, Show)),
        ("pay by bank account", (Named, New, Show)),
        ("pay with my visa", (New, Show)),
        ("pay with my bank account", (Named, New, Show)),
        ("my address is on the bill", (Pick, Show, See)),
        ("the street is on it", (Pick, Show)),
        ("is my invoice late?", (Show, Pick)),
        ("what is my phone number on file", (Pick,)),
        ("send the receipt to my email", (Pick,)),
        ("I lost the email with the link", (Pick,)),
        ("I can't find the email", (Pick,)),
        ("did you get my payment?", (Show, Named)),
        ("did my last payment go through", (Show,)),
        ("I paid this last month", (Show,)),
        ("paid last month", (Show,)),
        ("how much do i owe", (Show, Choose)),
        ("what's my balance", (Show, Choose)),
        ("pay invoice INV-1042", (Show, See, Choose)),
        ("pay my invoice", (Show, See, Choose)),
        ("pay 1042", (Choose, Show)),
        ("show me all my invoices", (Choose,)),
        ("which of them are mine", (Choose,)),
        ("pay all of it", (Named, Show)),
        ("charge me", (Named, New)),
        ("I have an account with you", (Named, New)),
        ("open an account", (Named, New, See, Show)),
        ("bank 94107", (Named,)),
        ("zip 94107", (Named,)),
        ("the work was done in march", (Show,)),
        ("may i pay later", (Show,)),
        ("may I have an invoice", (Choose, See)),
        ("the total on account of tax is wrong", (Choose,)),
        ("another invoice", (New, Show)),
        ("a different invoice", (New, Show)),
        ("can i pay another way", (Show,)),
        ("what cards do you take", (Named, New)),
        ("do you take amex", (Named, New)),
    ],
)
def test_what_only_sounds_like_it_is_not_read_so(said, not_to_be):
    assert not isinstance(heard(said)[0], not_to_be), heard(said)


@pytest.mark.parametrize(
    "said",
    [
        "sign here",
        "a good sign",
        "I'm in",
        "is there a catalog in print",
        "which accounts do you take",
        "remember to send the receipt",
        "the history of this house",
        "my old account at the bank was closed",
        "what is your refund policy's name",
        "the email said so",
    ],
)
def test_nobody_is_signed_in_or_out_by_a_word(said):
    assert not {Want("sign_in"), Want("sign_out"), Want("sign_out_everywhere"), Want("remember")} & set(heard(said))


@pytest.mark.parametrize("said", ["pay 50", "50 and zip 94107", "94107", "$50", "half", "10:30 and 11:45"])
def test_sums_and_zips_are_no_invoice_numbers(said):
    assert not any(isinstance(act, Choose) for act in heard(said, asking(Slot.CONSENT)))


# --- answers to questions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["123456", "123 456", "123-456", "the code is 123456", "code: 123456", "my code is 123 456", "it's 123456"])  # fmt: skip
def test_a_code_is_read_as_it_is_typed(said):
    assert heard(said, asking(Slot.CODE, talk=STRANGER)) == (Tell(Slot.CODE, "123456"),)


@pytest.mark.parametrize("said", ["12345", "1234567", "123456 or 654321", "yes", "what code", "$123456"])
def test_what_is_no_code_is_not_tried_as_one(said):
    assert not any(isinstance(act, Tell) and act.slot is Slot.CODE for act in heard(said, asking(Slot.CODE)))


@pytest.mark.parametrize(
    "said", ["no code", "I didn't get a code", "send a new code", "another code please", "resend", "send the code again"]
)  # fmt: skip
def test_another_code_is_asked_for(said):
    assert heard(said, asking(Slot.CODE, talk=STRANGER)) == (Want("send_again"),)


@pytest.mark.parametrize("said", ["dana@example.com", "it is dana@example.com", "my email's dana@example.com.", "no, dana@example.com"])  # fmt: skip
@pytest.mark.parametrize("slot", [Slot.EMAIL, Slot.CODE])
def test_an_address_is_found_in_an_answer(said, slot):
    assert heard(said, asking(slot, talk=STRANGER)) == (Tell(Slot.EMAIL, "dana@example.com"),)


@pytest.mark.parametrize("said", ["cancel", "never mind", "stop", "talk to a human", "help", "sign out"])
@pytest.mark.parametrize("slot", [Slot.EMAIL, Slot.CODE, Slot.ADDRESS, Slot.PHONE, Slot.LANGUAGE, Slot.NICKNAME])
def test_no_question_keeps_a_customer_from_leaving(said, slot):
    (act,) = heard(said, asking(slot))
    assert act in {Simple.DROP, Simple.HUMAN, Want("help"), Want("sign_out")}, act


@pytest.mark.parametrize("said", ["cancel", "never mind", "help", "let me talk to a human", "talk to a person please"])
def test_a_reason_is_not_asked_for_of_who_leaves(said):
    assert heard(said, asking(Slot.WHY))[0] in {Simple.DROP, Simple.HUMAN, Want("help")}


@pytest.mark.parametrize(
    "said",
    [
        "it was the wrong amount",
        "a human being broke my fence",
        "no, nobody came",
        "yes I was charged twice",
        "you people are thieves",
        "the lawn was not mowed",
        "I want a human to look at my lawn",
        "never came and refund me",
    ],
)
def test_a_reason_is_taken_in_the_customers_own_words(said):
    assert heard(said, asking(Slot.WHY)) == (Tell(Slot.WHY, said),)


@pytest.mark.parametrize("said", ["1 Elm St, Springfield, IL 62701", "17 Birch Court", "PO Box 5, Ashford"])  # fmt: skip
def test_an_address_is_taken_as_it_is_told(said):
    assert heard(said, asking(Slot.ADDRESS)) == (Tell(Slot.ADDRESS, said),)


@pytest.mark.parametrize(("said", "key"), [("English", "en"), ("in spanish please", "es"), ("español", "es"), ("inglés", "en")])  # fmt: skip
def test_a_language_is_named_in_either(said, key):
    assert heard(said, asking(Slot.LANGUAGE)) == (Pick(Slot.DETAIL, key),)


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("1 and 3", (0, 2)),
        ("1, 2 and 4", (0, 1, 3)),
        ("1 & 2", (0, 1)),
        ("1+4", (0, 3)),
        ("the first and the third", (0, 2)),
        ("first and last", (0, 3)),
        ("the first two", (0, 1)),
        ("first 3", (0, 1, 2)),
        ("pay the first two", (0, 1)),
        ("the last two", (2, 3)),
        ("oldest two", (0, 1)),
        ("both", ()),
        ("all", ()),
        ("all of them", ()),
        ("all of these please", ()),
    ],
)
def test_places_of_a_list_are_invoices(said, places):
    assert heard(said, asking(Slot.INVOICE, *PICKS)) == (Choose(tuple(KEYS[at] for at in places)),)


@pytest.mark.parametrize("said", ["1 and 9", "the first and the ninth", "1 and yes", "0 and 1"])
def test_a_place_that_is_not_there_chooses_nothing_by_half(said):
    acts = heard(said, asking(Slot.INVOICE, *PICKS))
    assert not any(isinstance(act, Choose) for act in acts)
