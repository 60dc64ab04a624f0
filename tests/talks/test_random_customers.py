"""`step` under random customers, clocks, look-ups and late answers: what must hold whatever happens."""

import random
import signal
from contextlib import contextmanager

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.conversation import Conversation
from dialogs.model import (
    Agree,
    Arrived,
    Came,
    Event,
    Heard,
    InvoicesOf,
    MethodsOf,
    OneInvoice,
    Opened,
    OwnInvoice,
    Pressed,
    SignedOut,
    Simple,
    StartPayment,
)
from dialogs.reading.buttons import from_button, to_button
from dialogs.reading.guard import redact
from services.model import Bearer, Customer, Quote, Stranger
from tests.talks.chance import LIVE, happens
from tests.talks.talk import DANA, OWNERS, PRIVATE, RILEY, Talk, at_the_web, words_of

STEPS = 50
LARGEST = 16_384  # bytes of a stored conversation
LONGEST_BUTTON = 64  # bytes, on Telegram


def consents(event: Event, shown: str) -> bool:
    """Whether this is a plain yes, or the very button, to the quote on the screen."""
    if not shown:
        return False
    return (isinstance(event, Heard) and event.acts in ((Simple.YES,), (Agree(shown),))) or (
        isinstance(event, Pressed) and event.act == Agree(shown)
    )


def check_starts(talk: Talk, before: Conversation, event: Event) -> None:
    began = talk.starts()
    shown = before.asked.quote if before.asked else ""
    for start in began:
        quote = start.quote
        assert isinstance(quote, Quote)
        assert consents(event, shown), f"{event} started a payment"
        assert quote.digest() == shown, "another quote than the one on the screen"
        assert {line.version for line in quote.lines} == {str(talk.version)}, "an old version of an invoice"
        assert any(isinstance(lookup, OneInvoice | OwnInvoice | InvoicesOf) for lookup in talk.read_now), "read before"
        assert not any(isinstance(sent.effect, StartPayment) for sent in before.sent), "beside another start"
        assert not any(payment.state in LIVE for payment in before.payments), "beside an open page"
        assert start.scope == before.scope_at(event.at) == talk.talk.scope, "in another's name"
        assert all(talk.may_see(start.scope, line.invoice) for line in quote.lines), "of another's invoice"
        assert len({line.invoice for line in quote.lines}) == len(quote.lines)
        if quote.saved:
            assert isinstance(start.scope, Customer)
            assert start.scope.may_charge(talk.talk.chat), "a saved method, and nobody proved an address here"
            assert quote.saved in {each.id for each in talk.methods[start.scope.id]}, "a method that is gone"
            assert MethodsOf(start.scope) in talk.read_now
    assert len(began) <= 1


def check_effects(talk: Talk, before: Conversation, event: Event) -> None:
    """What is under way is not sent again, and nobody acts in a name that is not theirs any more."""
    answered = event.key if isinstance(event, Came) else ""
    under_way = [sent.effect for sent in before.sent if sent.key != answered]
    assert len(talk.turn.effects) <= 1
    for key, effect in talk.turn.effects:
        assert effect not in under_way, "sent twice"
        assert key not in {sent.key for sent in before.sent}
        scope = getattr(effect, "scope", None)
        assert not isinstance(scope, Customer) or scope == talk.talk.scope_at(event.at), "in the name of who left"


def check_buttons(talk: Talk) -> None:
    for reply in talk.turn.replies:
        for choice in reply.choices:
            button = to_button(choice.act)
            assert from_button(button) == choice.act, button
            assert len(button.encode()) <= LONGEST_BUTTON, button
            assert redact(button).text == button, "the guard would take something out of this button"


def check_privacy(talk: Talk, event: Event) -> None:
    """Nobody reads what belongs to a customer who is not the one speaking."""
    replies = tuple(reply for reply in talk.turn.replies if reply.say.key != "ask_account")  # after the code was right
    told = words_of(replies)
    scope = talk.talk.scope_at(event.at)
    mine = scope.id if isinstance(scope, Customer) else ""
    for customer, secrets in PRIVATE.items():
        for secret in secrets:
            assert customer == mine or secret not in told, f"{secret} of {customer} is told to {scope}: {told}"
    for account in (DANA, RILEY):
        holds = isinstance(scope, Bearer) and OWNERS[scope.invoice] == account.id
        assert account.id == mine or holds or account.name not in told, f"{account.name} is told to {scope}"


def check_sign_out(talk: Talk, before: Conversation, event: Event) -> None:
    """Whoever comes after finds nothing of who left."""
    if not (isinstance(event, Came) and isinstance(event.outcome, SignedOut)):
        return
    if event.key not in {sent.key for sent in before.sent}:
        return
    now = talk.talk
    assert (now.scope, now.name) == (Stranger(), "")
    assert now.keys > before.keys, "the chat's token stayed the same"
    assert not [known for known in now.known if isinstance(getattr(known.lookup, "scope", None), Customer)]
    assert all(task.running for task in now.tasks if task in before.tasks)
    options = set(talk.options())
    mine = [button for button in options if button.startswith(("/agree", "/pick", "/sure", "/see", "/remove"))]
    assert not mine, "buttons of who left"


@contextmanager
def at_most(seconds: int):
    """Ends what does not end by itself: a ladder that goes round for ever hangs no build."""

    def late(_signal: int, _frame: object) -> None:
        raise AssertionError(f"not done after {seconds} s: a ladder that has no end")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def walk(talk: Talk, seed: int) -> int:
    """One random customer; how many payments were started."""
    chance, began = random.Random(seed), 0
    with at_most(seconds=60):
        for _ in range(STEPS):
            before, event = talk.talk, happens(talk, chance)
            talk.take(event)
            check_starts(talk, before, event)
            check_effects(talk, before, event)
            check_buttons(talk)
            check_privacy(talk, event)
            check_sign_out(talk, before, event)
            began += len(talk.starts())
            kept = msgspec.json.encode(talk.talk)
            assert msgspec.json.decode(kept, type=Conversation) == talk.talk
            assert len(kept) < LARGEST, f"{len(kept)} bytes"
            assert talk.talk.version in (before.version, before.version + 1)
            if isinstance(event, Heard | Pressed | Opened | Arrived):
                assert talk.turn.replies or talk.turn.effects, f"deaf to {event}"
    return began


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_nothing_starts_without_a_yes_to_what_is_on_the_screen(seed):
    walk(Talk(), seed)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_nobody_pays_or_reads_in_the_name_of_another_customer(seed):
    talk = at_the_web(i_1=12000, i_2=8650, i_3=3000, i_4=900, j_1=5000, j_2=7500)
    talk.disputed = {"i-4"}
    walk(talk, seed)


def test_random_customers_do_pay_now_and_then():
    assert sum(walk(Talk(), seed) for seed in range(40)) > 20
    signed_in = [walk(at_the_web(i_1=12000, i_2=8650, i_3=3000, j_1=5000), seed) for seed in range(40)]
    assert sum(signed_in) > 20
