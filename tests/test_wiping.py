"""A number that came in pieces: what the dialog forgets, what the log and the outbox say from then on, and what it costs."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import select
from world import NOW

from bot.stores.base import Button, Message
from bot.wiping import MARK, Wiped, taken_out
from dialogs.conversation import Asked, Conversation
from dialogs.flows.autopay import EnrolAutopay
from dialogs.flows.details import ChangeDetails
from dialogs.flows.handoff import CallPerson
from dialogs.flows.invoices import SeeInvoice
from dialogs.flows.methods import ChangeMethod
from dialogs.flows.pay import PayInvoice
from dialogs.flows.requests import AskPerson
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    CallAgent,
    CheckCode,
    EditMethod,
    Known,
    Named,
    NoteGap,
    OneInvoice,
    OpenRequest,
    ProveInvoice,
    SaveDetails,
    Sent,
    Share,
    Slot,
    StartPayment,
)
from dialogs.wiping import harmless
from services.errors import Unavailable
from services.model import (
    Bearer,
    Customer,
    Invoice,
    InvoiceState,
    Line,
    Method,
    Money,
    Quote,
    Revision,
    Stranger,
)
from services.schema import attempt, handoff_case, help_gap, method_note

CARD = "[card number removed]"
PIECE = "4242"
ME = Customer("dana", NOW, "web:home", NOW + timedelta(hours=1))
INVOICE = Invoice(
    "i1", "INV-1042", "dana", "Dana", NOW.date(), None, InvoiceState.OPEN, Money(100, "USD"), Money(100, "USD"), "v"
)
QUOTE = Quote((Line("i1", "INV-1042", "v", Money(424_200, "USD")),), Method.CARD, "Dana", "94107", NOW)


@pytest.mark.parametrize(
    "task",
    [
        PayInvoice(number=PIECE, proof=PIECE, zip=PIECE, name=PIECE, amount=Money(424_200, "USD"), rejected=(PIECE, PIECE)),
        PayInvoice(numbers=(PIECE, "5151"), named=Named("visa", PIECE)),
        AskPerson("dispute", why=PIECE, number=PIECE),
        SeeInvoice(PIECE),
        ChangeMethod("nickname", "key", PIECE),
        EnrolAutopay("key", Money(424_200, "USD"), 42),
        ChangeDetails("address", PIECE),
        ChangeDetails("phone", PIECE, agreed=True),
        ChangeDetails("zip", PIECE, pay=True),
        ChangeDetails("name", PIECE),
        SignIn(email="dana@example.com", sent=True, code=PIECE),
        CallPerson("asked", f"invoice {PIECE}, not started"),
    ],
    ids=lambda task: type(task).__name__,
)  # fmt: skip
def test_a_task_forgets_what_was_told_to_it(task):
    talk = Conversation("rasa:one", "e" * 32, tasks=(task,)).wiped(NOW)
    kept = msgspec.json.encode(talk).decode()
    assert PIECE not in kept
    assert type(talk.task) is type(task)


def test_how_to_pay_and_a_number_of_the_books_are_not_forgotten():
    task = PayInvoice(number="1042", method=Method.CARD, amount=Share.HALF, saved="key", picked=("k1",))
    seen = (Known(OneInvoice(Bearer("i1", "link"), "i1"), INVOICE, NOW - timedelta(seconds=9)),)
    talk = Conversation("rasa:one", "e" * 32, tasks=(task,), known=seen).wiped(NOW)
    assert talk.task == task
    assert talk.known == (), "it is read anew"


def test_the_question_stays_and_the_quote_on_the_screen_counts_no_more():
    asked = Asked(Slot.CONSENT, ("/agree abc", "/cancel"), "abc", Money(424_200, "USD"))
    talk = Conversation("rasa:one", "e" * 32, tasks=(PayInvoice(),), asked=asked).wiped(NOW)
    assert talk.asked == Asked(Slot.CONSENT)


def test_a_payment_under_way_and_what_it_rests_on_stay():
    starting = Sent("e/1/0", StartPayment(Bearer("i1", "link"), QUOTE), NOW)
    talk = Conversation("rasa:one", "e" * 32, tasks=(PayInvoice(method=Method.CARD),), sent=(starting,)).wiped(NOW)
    assert talk.sent == (starting,)


def test_a_proof_whose_answer_is_forgotten_was_a_try_all_the_same():
    proving = Sent("e/1/0", ProveInvoice(PIECE, "42424"), NOW)
    talk = Conversation("rasa:one", "e" * 32, tasks=(PayInvoice(number=PIECE),), sent=(proving,)).wiped(NOW)
    assert (talk.sent, talk.wrong_proofs) == ((), 1)


@pytest.mark.parametrize(
    ("effect", "left"),
    [
        (ProveInvoice(PIECE, PIECE), None),
        (SaveDetails(ME, Revision(street=PIECE)), None),
        (EditMethod(ME, "nickname", "m1", PIECE), None),
        (EditMethod(ME, "remove", "m1"), EditMethod(ME, "remove", "m1")),
        (NoteGap(PIECE, "en"), None),
        (OpenRequest(ME, "dispute", PIECE, invoice="i1"), OpenRequest(ME, "dispute", "", invoice="i1")),
        (CallAgent("asked", PIECE, "i1"), CallAgent("asked", "", "i1")),
        (CheckCode("123456", "", "sign_in", Stranger()), CheckCode("123456", "", "sign_in", Stranger())),
        (StartPayment(ME, QUOTE), StartPayment(ME, QUOTE)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_effect_under_way_becomes_harmless_or_goes(effect, left):
    assert harmless(effect) == left


# --- the log -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "stays", "pieces"),
    [
        ("4242", CARD, ("4242",)),
        ("then 4242, and 42", f"then {CARD}, and {CARD}", ("4242", "42")),
        (f"{CARD} and 4242", f"{CARD} and {CARD}", ("4242",)),
        ("a\n4242\nb", f"a\n{CARD}\nb", ("4242",)),
    ],
)
def test_what_was_taken_out_of_a_line_is_known(said, stays, pieces):
    assert taken_out(said, stays) == pieces


def test_the_assistants_own_words_lose_the_piece_and_the_button_that_shows_it():
    wiped = Wiped({3: "4242", 5: "cuatro dos uno"}, {3: CARD, 5: CARD})
    log = [
        Message(3, "customer", "4242", ()),
        Message(4, "bot", "$4,242.00 for 4242?", (Button("Yes, pay $4,242.00", "/agree a"), Button("Cancel", "/cancel"))),
        Message(5, "customer", "cuatro dos uno", ()),
        Message(6, "bot", "Invoice 421? Call +1 415 555 0142.", (), {"sum": "42421"}),
        Message(7, "bot", "Untouched: 42421.", ()),
    ]  # fmt: skip
    lines = {line.seq: line for line in wiped.lines(log)}
    assert lines[3].text == lines[5].text == CARD
    assert lines[4].text == f"${MARK}.00 for {MARK}?"
    assert [choice.title for choice in lines[4].choices] == ["Cancel"]
    assert lines[6].text == f"Invoice {MARK}? Call +1 415 555 0142."
    assert 7 not in lines


# --- the whole way ------------------------------------------------------------------------------------------------


class Counting:
    """A store that counts how often what the customer said is read."""

    def __init__(self, store):
        self._store, self.reads = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def said(self, chat, most):
        self.reads += 1
        return await self._store.said(chat, most)


@pytest.mark.parametrize(
    "sentence", ["Please check: $31.40 to Shop", "the payment of Mar 40", "$1,242.00", "INV-9.424"]
)
def test_a_sum_that_only_ends_like_a_piece_stays_as_it_was_said(sentence):
    wiped = Wiped({1: "40", 2: "242", 3: "424"}, {1: CARD, 2: CARD, 3: CARD})
    assert wiped.lines([Message(4, "bot", sentence, ())]) == ()


async def test_only_what_may_be_a_last_piece_costs_a_look_at_earlier_messages(world):
    counting = world.remit.runtime._store = Counting(world.store)
    await world.say("rasa:one", f"/start {await world.link('INV-1042')}")
    quote = (await world.say("rasa:one", "card please"))[-1]
    for text in ("is that safe?", "what do i owe?", "hello", "/balance", quote.choices[0].payload):
        await world.say("rasa:one", text)
    assert counting.reads == 0
    await world.say("rasa:one", "50")
    assert counting.reads in (1, 2)  # once more where buttons were pressed between lines that were typed


async def test_pressing_a_button_between_two_pieces_hides_neither(world):
    link = f"/start {await world.link('INV-1042')}"
    for text in (link, "42424242", "/method card", "/status", "/method ach", "/change amount", "42424242"):
        await world.say("rasa:one", text)
    said = [line.text for line in await world.store.since("rasa:one", 0) if line.sender == "customer"]
    assert said == ["/start", CARD, "/method card", "/status", "/method ach", "/change amount", CARD]


async def test_the_last_piece_is_not_taken_in_while_what_was_written_down_cannot_be_emptied(world, monkeypatch):
    await world.say("rasa:one", "42424242")
    forget = world.remit.runtime._hands.forget

    async def away(*_told):
        raise Unavailable("the database takes nothing now")

    monkeypatch.setattr(world.remit.runtime._hands, "forget", away)
    with pytest.raises(Unavailable):
        await world.say("rasa:one", "42424242", id="m2")
    assert len([line for line in await world.store.since("rasa:one", 0) if line.sender == "customer"]) == 1
    monkeypatch.setattr(world.remit.runtime._hands, "forget", forget)
    await world.say("rasa:one", "42424242", id="m2")
    said = [line.text for line in await world.store.since("rasa:one", 0) if line.sender == "customer"]
    assert said == [CARD, CARD]


async def test_an_effect_that_waits_for_its_back_end_loses_the_piece_and_is_still_done(world, monkeypatch):
    perform = world.remit.runtime._hands.perform

    async def away(*_told):
        raise Unavailable("the database takes nothing now")

    monkeypatch.setattr(world.remit.runtime._hands, "perform", away)
    for text in ("pay invoice 42424242", "42424", "talk to a person"):
        await world.say("rasa:one", text)
    talk = (await world.store.load("rasa:one", "")).talk
    assert any("42424242" in repr(each.effect) for each in await world.store.waiting(talk))
    await world.say("rasa:one", "my card is 42424242")
    await world.say("rasa:one", "42424242")
    talk = (await world.store.load("rasa:one", "")).talk
    assert not [each for each in await world.store.waiting(talk) if "4242" in repr(each.effect)]
    monkeypatch.setattr(world.remit.runtime._hands, "perform", perform)
    await world.wait(minutes=5)
    with world.engine.connect() as conn:
        cases = conn.execute(select(handoff_case.c.reason, handoff_case.c.summary)).all()
    assert cases == [("asked", "")], "the person was called"
    assert await world.store.waiting(talk) == []


async def test_what_was_written_down_for_persons_is_emptied_of_the_pieces_and_of_nothing_else(world):
    epoch = {chat: (await _begun(world, chat)).epoch for chat in ("rasa:one", "rasa:two")}
    rows = [
        ("rasa:one", "it was 4242", "invoice 42.42"),
        ("rasa:one", "never came", "x"),
        ("rasa:two", "it was 4242", "x"),
    ]
    with world.engine.begin() as conn:
        for nth, (chat, words, summary) in enumerate(rows):
            conn.execute(
                handoff_case.insert().values(
                    key=f"k{nth}", chat=chat, reason="asked", summary=summary, at=1, words=words
                )
            )
        for chat, text in (("rasa:one", "why 4242"), ("rasa:one", "why not"), ("rasa:two", "why 4242")):
            conn.execute(help_gap.insert().values(key=f"{epoch[chat]}/1/{len(text)}", text=text, language="en", at=1))
        for method, nickname in (("m1", "4242"), ("m2", "Visa 4242")):
            conn.execute(method_note.insert().values(customer="dana", method=method, nickname=nickname, changed_at=1))
    wiped = Wiped({3: "4242"}, {3: CARD})
    await world.remit.runtime._hands.forget(replace(await _begun(world, "rasa:one"), scope=ME), wiped, {})
    with world.engine.connect() as conn:
        assert conn.execute(select(handoff_case.c.words, handoff_case.c.summary).order_by(handoff_case.c.id)).all() == [
            ("", ""), ("never came", "x"), ("it was 4242", "x"),
        ]  # fmt: skip
        assert sorted(conn.execute(select(help_gap.c.text)).scalars()) == ["why 4242", "why not"]
        named = conn.execute(select(method_note.c.method, method_note.c.nickname).order_by(method_note.c.method)).all()
        assert named == [("m1", ""), ("m2", "Visa 4242")]


async def _begun(world, chat):
    await world.say(chat, "hello")
    return (await world.store.load(chat, "")).talk


async def test_a_number_that_was_tried_is_counted_and_not_written_down(world):
    for _ in range(2):
        await world.say("rasa:one", "INV-424242 zip 94107")
    with world.engine.connect() as conn:
        subjects = conn.execute(select(attempt.c.subject)).scalars().all()
    assert any(subject.startswith("invoice:") for subject in subjects)
    assert not [subject for subject in subjects if "424242" in subject]
