"""`step`: one event in, one `Turn` out. Every flow's repair patterns live here, once.

The shape of a step: the event changes what is known or told (`_hear`, `_came`, ...), then the ladder of the running
task says the first thing still missing (`_advance`). A look-up suspends nothing: the same event is stepped again on a
conversation that knows more. So a yes lives exactly as long as one step, and is never stored.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

import msgspec
from msgspec.structs import replace

from dialogs.conversation import AnyTask, Asked, Conversation, Turn
from dialogs.flows.handoff import CallPerson, handed_over
from dialogs.flows.pay import PayInvoice, refusal
from dialogs.flows.status import PAY, PERSON, TellStatus, news
from dialogs.model import (
    Act,
    Agree,
    Ask,
    Await,
    CallAgent,
    Called,
    Came,
    Change,
    Choice,
    CloseCheckout,
    Confirm,
    Done,
    Effect,
    Enter,
    Event,
    Heard,
    House,
    Locked,
    NotProved,
    Opened,
    PaymentMoved,
    Pressed,
    Proved,
    ProveInvoice,
    Recalled,
    Refused,
    Reply,
    Say,
    Sent,
    Simple,
    Slot,
    StartPayment,
    Tell,
    Telling,
    View,
    Waited,
    Want,
)
from dialogs.reading.buttons import to_button
from services.model import Bearer, Payment, PaymentState, Quote

STATUS = Choice(Say("button_status"), Want("status"))
REFUND = Choice(Say("button_refund"), Want("refund"))
AGAIN = Choice(Say("button_restart"), Simple.RESTART)


class _Draft(msgspec.Struct, frozen=True):
    """A turn in the making."""

    talk: Conversation
    said: tuple[Reply, ...] = ()
    agreed: str = ""
    rest: bool = False  # nothing more is to be said or asked in this turn

    def say(self, key: str, *choices: Choice, **values: str | int) -> "_Draft":
        return self.reply(Reply(Say(key, values), choices))

    def reply(self, *replies: Reply) -> "_Draft":
        return replace(self, said=(*self.said, *replies))

    def task(self, task: AnyTask | None) -> "_Draft":
        return replace(self, talk=self.talk.with_task(task))

    def enter(self, task: AnyTask) -> "_Draft":
        return replace(self, talk=replace(self.talk, tasks=(*self.talk.tasks, task)))

    def only(self, *tasks: AnyTask) -> "_Draft":
        return replace(self, talk=replace(self.talk, tasks=tasks))


def step(talk: Conversation, event: Event, house: House) -> Turn:
    """What this event makes of the conversation: what to say, to look up, and to do. Pure."""
    view = talk.view(house, event.at)
    draft = _Draft(replace(talk, version=talk.version + 1))
    match event:
        case Heard():
            return _advance(_heard(draft, event.acts, view), view)
        case Pressed():
            acts = (event.act if event.act is not None else Simple.UNCLEAR,)
            return _advance(_heard(draft, acts, view), view)
        case Opened():
            return _advance(_opened(draft, event, view), view)
        case Came():
            return _came(draft, event, view)
        case PaymentMoved():
            return _moved(draft, event.payment, view)
        case Recalled():
            return _turn(_recalled(draft, event.payment))
        case Waited():
            return _turn(draft.say("still_working"))
        case _:
            assert_never(event)


# --- hearing --------------------------------------------------------------------------------------------------------


def _heard(draft: _Draft, acts: tuple[Act, ...], view: View) -> _Draft:
    draft = _resumed(draft, view)
    understood = any(act is not Simple.UNCLEAR for act in acts)
    misses = 0 if understood else draft.talk.misses + 1
    draft = replace(draft, talk=replace(draft.talk, misses=misses, heard_at=view.at))
    if len(acts) == 1:
        return _hear(draft, acts[0], view)
    for act in acts:
        # beside anything else, a yes is not consent, and a no only introduces the correction
        if act is not Simple.YES and act is not Simple.NO and not isinstance(act, Agree):
            draft = _hear(draft, act, view)
    return draft


def _resumed(draft: _Draft, view: View) -> _Draft:
    """After a long silence in the middle of something: greet, then the ladder says where we are."""
    last = draft.talk.heard_at
    if last is None or not draft.talk.tasks or view.at - last < timedelta(minutes=view.house.pause_minutes):
        return draft
    talk = replace(draft.talk, asked=replace(draft.talk.asked, quote="") if draft.talk.asked else None)
    return replace(draft, talk=talk).say("welcome_back")


def _hear(draft: _Draft, act: Act, view: View) -> _Draft:
    match act:
        case Tell(slot, value):
            return _told(draft, slot, value, view)
        case Change(slot):
            return _changed(draft, slot, view)
        case Agree(digest):
            return _agreed(draft, digest)
        case Want(task):
            return _wanted(draft, task, view)
        case Simple():
            return _simply(draft, act, view)
        case _:
            assert_never(act)


def _told(draft: _Draft, slot: Slot, value: Telling, view: View) -> _Draft:
    task = _paying(draft.talk) or PayInvoice()
    return draft.only(*_down_to_pay(draft.talk, task.tell(slot, value, view)))


def _changed(draft: _Draft, slot: Slot, view: View) -> _Draft:
    task = _paying(draft.talk)
    if task is None and slot is not Slot.INVOICE:
        return draft.say("nothing_to_change")
    return draft.only(*_down_to_pay(draft.talk, (task or PayInvoice()).change(slot, view)))


def _agreed(draft: _Draft, digest: str) -> _Draft:
    """A yes counts for exactly the quote on the screen, and for this step alone."""
    asked = draft.talk.asked
    if asked is not None and asked.quote == digest:
        return replace(draft, agreed=digest)
    return draft.say("old_button")


def _wanted(draft: _Draft, task: str, view: View) -> _Draft:
    match task:
        case "pay":
            return draft if _paying(draft.talk) else draft.only(PayInvoice())
        case "status" if not draft.talk.payments and isinstance(view.scope, Bearer):
            return _wanted(draft, "balance", view)
        case "status":
            return draft.enter(TellStatus())
        case "balance":
            # the first question about an invoice says what is owed, so asking it is the answer
            asks = draft.talk.asked is not None and draft.talk.asked.slot is Slot.METHOD
            told = not asks and _paying(draft.talk) is not None and isinstance(view.scope, Bearer)
            return draft.enter(TellStatus(of_invoice=True)) if told else _wanted(draft, "pay", view)
        case "refund":
            return draft.enter(CallPerson("refund", *_case(draft.talk)))
        case "link":
            return draft if _paying(draft.talk) else draft.enter(TellStatus())
        case _:
            menu = () if draft.talk.tasks else (PAY, STATUS, PERSON)
            return draft.say("help", *menu, business=view.house.name, phone=view.house.phone)


def _simply(draft: _Draft, act: Simple, view: View) -> _Draft:
    """The acts that carry nothing. Most of them do something; the rest are answered with one line."""
    does = _DOES.get(act)
    if does is not None:
        return does(draft, view)
    idle = not draft.talk.tasks
    match act:
        case Simple.GREET:
            return draft if idle else draft.say("hello", business=view.house.name)
        case Simple.THANK:
            return replace(draft.say("you_are_welcome"), rest=idle)
        case Simple.CARD_TYPED | Simple.TOO_LONG:
            return draft.say(act)
        case _:  # REPEAT: the ladder says it again
            return draft


def _accepted(draft: _Draft, _view: View) -> _Draft:
    """A plain yes: to the quote on the screen, or to an offer to pay. Otherwise it only says that all is well."""
    asked = draft.talk.asked or Asked()
    if asked.quote:
        return _agreed(draft, asked.quote)
    if draft.talk.tasks:
        return draft
    return draft.only(PayInvoice()) if to_button(PAY.act) in asked.options else replace(draft.say("fine"), rest=True)


def _declined(draft: _Draft, _view: View) -> _Draft:
    """A plain no. To a quote it means that something in it is wrong; which, is the customer's to say."""
    asked, task = draft.talk.asked, _paying(draft.talk)
    kept = None if task is None else task.keep(asked.slot if asked else None)
    if kept is not None:
        return draft.only(*_down_to_pay(draft.talk, kept))
    if asked is None or asked.slot is not Slot.CONSENT:
        return draft.say("no_then_what") if draft.talk.tasks else replace(draft.say("fine"), rest=True)
    choices = tuple(
        Choice(Say(f"button_change_{slot}"), Change(slot)) for slot in (Slot.AMOUNT, Slot.METHOD, Slot.NAME, Slot.ZIP)
    )
    options = (*choices, Choice(Say("button_cancel"), Simple.DROP))
    return replace(draft.say("what_is_wrong", *options), rest=True)


def _dropped(draft: _Draft, view: View) -> _Draft:
    task = _paying(draft.talk)
    if task is None:
        last = draft.talk.payments[-1] if draft.talk.payments else None
        if last is not None and last.state in (PaymentState.PROCESSING, PaymentState.SUCCEEDED):
            return replace(draft.say("too_late_to_cancel", REFUND, reference=last.reference), rest=True)
        return replace(draft.only().say("nothing_to_cancel", PAY, STATUS), rest=True)
    if (dropped := task.drop(view)) is not None:
        return draft.only(dropped)
    return replace(draft.only().say("canceled", PAY), rest=True)


def _restarted(draft: _Draft, view: View) -> _Draft:
    task = _paying(draft.talk)
    left = task.drop(view) if task else None
    if left is not None:  # the open page first; nothing starts beside it
        return draft.only(replace(left, leaving="restart"))
    return draft.only(PayInvoice()).say("restarted")


def _missed(draft: _Draft, view: View) -> _Draft:
    """First miss: ask again. From the second on: what can be done here, and a person."""
    menu = () if draft.talk.tasks else (PAY, STATUS, PERSON)
    if draft.talk.misses < 2:
        return draft.say("not_understood", *menu)
    if menu:
        return draft.say("two_misses_idle", *menu, phone=view.house.phone)
    return draft.say("two_misses", AGAIN, PERSON, phone=view.house.phone)


def _goodbye(draft: _Draft, _view: View) -> _Draft:
    return replace(draft.say("goodbye_paying" if _paying(draft.talk) else "goodbye"), rest=True)


def _call_person(draft: _Draft, _view: View) -> _Draft:
    return draft.enter(CallPerson("asked", *_case(draft.talk)))


_DOES: dict[Simple, Callable[[_Draft, View], _Draft]] = {
    Simple.YES: _accepted,
    Simple.NO: _declined,
    Simple.DROP: _dropped,
    Simple.RESTART: _restarted,
    Simple.HUMAN: _call_person,
    Simple.GOODBYE: _goodbye,
    Simple.UNCLEAR: _missed,
}

# --- other events ---------------------------------------------------------------------------------------------------


def _opened(draft: _Draft, event: Opened, view: View) -> _Draft:
    """Someone came by a pay link."""
    draft = replace(draft, talk=replace(draft.talk, heard_at=view.at, misses=0, came_by=event.link))
    if event.standing != "good":
        return draft.only(*draft.talk.tasks or (PayInvoice(revise=Slot.INVOICE),)).say(f"link_{event.standing}")
    task, open_for = _paying(draft.talk), None
    if task is not None and (open_for := task.under_way(view)) is not None and open_for.invoice != event.invoice:
        # two invoices at once would make every "change" and "cancel" a riddle
        return draft.say("link_waits", number=open_for.number)
    known = isinstance(view.scope, Bearer) and view.scope.invoice == event.invoice
    draft = replace(draft, talk=replace(draft.talk, scope=Bearer(event.invoice, "link")))
    if task is not None and (open_for is not None or (known and not task.number)):
        return draft
    return draft.only(PayInvoice()).say("hello", business=view.house.name)


def _recalled(draft: _Draft, payment: Payment) -> _Draft:
    """A lost conversation begins again. What is still open is taken up, so that it can be finished or canceled."""
    draft = replace(draft, talk=draft.talk.telling(payment)).say("recalled")
    task = PayInvoice(number=payment.numbers[0], method=payment.method, payment=payment)
    # the message that found it gone is stepped next, and the ladder says where an open payment is
    return draft.only(task) if task.running else draft.reply(news(payment))


def _came(draft: _Draft, event: Came, view: View) -> Turn:
    """The answer of an effect. One that is not awaited any more answers another question, and is ignored."""
    sent = next((s for s in draft.talk.sent if s.key == event.key), None)
    if sent is None:
        return Turn(draft.talk)
    talk = replace(draft.talk, sent=tuple(s for s in draft.talk.sent if s.key != event.key))
    return _advance(_answered(replace(draft, talk=talk), sent.effect, event, view), talk.view(view.house, view.at))


def _answered(draft: _Draft, effect: Effect, event: Came, view: View) -> _Draft:
    task = _paying(draft.talk)
    match effect, event.outcome:
        case ProveInvoice(), Proved() | NotProved() | Locked():
            return _tried(draft, effect, event.outcome, view)
        case StartPayment(), Payment() as payment:
            talk = draft.talk.telling(payment)
            return replace(draft, talk=talk).only(*_down_to_pay(talk, replace(task or PayInvoice(), payment=payment)))
        case StartPayment(_, quote), Refused(problem):
            left = task.refused() if task else None
            draft = draft.reply(Reply(refusal(problem, quote.lines[0].number)))
            draft = replace(draft, talk=draft.talk.forgetting(view.at))
            return draft.only(left) if left else draft.only()
        case CloseCheckout(), Payment() as payment:
            return _closed(replace(draft, talk=draft.talk.telling(payment)), payment)
        case CallAgent(reason), Called():
            person = draft.talk.task
            if isinstance(person, CallPerson):
                return draft.task(replace(person, called=True))
            return draft.reply(handed_over(reason, view.house))  # they went on meanwhile, and so does their task
        case _:
            raise TypeError(f"{type(event.outcome).__name__} does not answer {type(effect).__name__}")


def _tried(draft: _Draft, proof: ProveInvoice, outcome: Proved | NotProved | Locked, view: View) -> _Draft:
    """The answer of a proof. It counts in any case; it is spoken about only if its invoice is still the one meant."""
    task, talk = _paying(draft.talk), draft.talk
    if not isinstance(outcome, Proved):
        tries = 1 if isinstance(outcome, NotProved) else max(0, view.house.proofs - view.wrong_proofs)
        draft = replace(draft, talk=talk.failed_to_prove(tries, view.at))
    if task is None or task.number != proof.number:
        return replace(draft, rest=True)
    match outcome:
        case Proved(invoice):
            scoped = replace(draft, talk=replace(talk, scope=Bearer(invoice, "lookup")))
            return scoped.only(*_down_to_pay(talk, task.proved()))
        case NotProved():
            return draft.only(*_down_to_pay(talk, task.not_proved(proof.number, proof.zip)))
        case Locked():
            return draft
        case _:
            assert_never(outcome)


def _closed(draft: _Draft, payment: Payment) -> _Draft:
    """The page was asked to be closed: it is, or it was paid a moment before, or nobody knows yet."""
    task = _paying(draft.talk)
    if task is None or not _is(task.payment, payment):
        return replace(draft, rest=True)
    match payment.state:
        case PaymentState.FAILED | PaymentState.CANCELED if task.leaving != "drop":
            draft = draft.say("failed_page_closed")
        case PaymentState.PROCESSING | PaymentState.SUCCEEDED:
            draft = draft.say("paid_before_closed")
        case _:
            pass
    return draft.only(*_down_to_pay(draft.talk, task.moved(payment)))


def _moved(draft: _Draft, payment: Payment, view: View) -> Turn:
    """News of a payment. Told once; a quote that was on the screen has to be shown again before it counts."""
    if draft.talk.told(payment):
        return Turn(draft.talk)
    task = _paying(draft.talk)
    if task is not None and _is(task.payment, payment) and task.leaving:
        # it is being closed for a reason, and that goes on; a decline on the way there is no news
        draft = replace(draft, talk=draft.talk.telling(payment).forgetting(view.at))
        return Turn(draft.talk) if payment.state is PaymentState.OPEN else _advance(_closed(draft, payment), view)
    draft = _learned(draft, payment, view)
    reply = news(payment)
    options = tuple(to_button(choice.act) for choice in reply.choices)
    asked = draft.talk.asked or Asked()
    # the question stays: "50" still answers it; only a yes needs to see its quote again
    asked = Asked(asked.slot if draft.talk.tasks else None, options or asked.options)
    return Turn(replace(draft.talk, asked=asked, known=()), (reply,))


def _learned(draft: _Draft, payment: Payment, view: View) -> _Draft:
    """A payment as it now stands, told in this turn. What the books said before may no longer be true."""
    talk = draft.talk.telling(payment).forgetting(view.at)
    task = _paying(talk)
    if task is None or not _is(task.payment, payment):
        return replace(draft, talk=talk)
    moved = task.moved(payment)
    tasks = talk.tasks if moved.payment is None or moved.running or task.leaving else ()
    return replace(draft, talk=replace(talk, tasks=tuple(moved if other is task else other for other in tasks)))


def _is(mine: Payment | None, payment: Payment) -> bool:
    return mine is not None and mine.reference == payment.reference


# --- the ladder -----------------------------------------------------------------------------------------------------


def _advance(draft: _Draft, view: View) -> Turn:
    """Ask the running task what it wants until it wants an answer from outside."""
    while not draft.rest:
        task = draft.talk.task
        if task is None:
            return _idle(draft, view)
        move = task.next(draft.talk.view(view.house, view.at, draft.agreed))
        match move:
            case Ask():
                reason = () if move.because is None else (Reply(move.because),)
                return _turn(draft.reply(*reason, move.reply), move.slot)
            case Confirm():
                # agreed to another one: something changed in between, and that is said first
                told = draft.say("changed_meanwhile") if draft.agreed else draft
                return _turn(told.reply(move.reply), Slot.CONSENT, move.quote)
            case Await():
                return _turn(draft.reply(move.reply))
            case Done():
                draft = draft.task(None).reply(*(() if move.reply is None else (move.reply,)))
                draft = draft if move.payment is None else _learned(draft, move.payment, view)
                draft = replace(draft, rest=move.rest or not draft.talk.tasks)
            case Enter():
                assert isinstance(move.task, PayInvoice | TellStatus | CallPerson)
                draft = (draft if move.back else draft.task(None)).enter(move.task)
            case ProveInvoice() | StartPayment() | CloseCheckout() | CallAgent():
                return _send(draft, move, view)
            case _:
                return Turn(draft.talk, draft.said, lookups=(move,))
    return _turn(draft)


def _turn(draft: _Draft, slot: Slot | None = None, quote: Quote | None = None) -> Turn:
    """The finished turn. Whatever it shows can be answered by button, number or word until something else is shown."""
    if not draft.said:
        return Turn(draft.talk)
    said, choices = _gathered(draft.said)
    options = tuple(to_button(choice.act) for choice in choices)
    asked = Asked(slot, options) if quote is None else Asked(slot, options, quote.digest(), quote.total)
    return Turn(replace(draft.talk, asked=asked), said)


def _gathered(said: tuple[Reply, ...]) -> tuple[tuple[Reply, ...], tuple[Choice, ...]]:
    """All buttons of a turn under its last question, that one's own first: so "2" can only mean one of them."""
    offering = [at for at, reply in enumerate(said) if reply.choices]
    if not offering:
        return said, ()
    last = offering[-1]
    every = (said[last].choices, *(reply.choices for reply in said[:last]))
    choices = tuple({choice.act: choice for some in every for choice in some}.values())
    bare = tuple(replace(reply, choices=()) for reply in said[:last])
    return (*bare, replace(said[last], choices=choices), *said[last + 1 :]), choices


def _send(draft: _Draft, effect: Effect, view: View) -> Turn:
    """Send an effect, unless the very same one is already under way. An older one of its kind is no longer awaited."""
    if effect in (sent.effect for sent in draft.talk.sent):
        return _turn(draft.say("still_working"))
    key = f"{draft.talk.epoch}/{draft.talk.version}/0"
    others = tuple(sent for sent in draft.talk.sent if type(sent.effect) is not type(effect))
    # a proof whose answer nobody waits for was a try all the same
    unheard = len(draft.talk.sent) - len(others) if isinstance(effect, ProveInvoice) else 0
    talk = draft.talk.failed_to_prove(unheard, view.at)
    talk = replace(talk, sent=(*others, Sent(key, effect, view.at)), asked=None)
    return Turn(talk, draft.said, effects=((key, effect),))


def _idle(draft: _Draft, view: View) -> Turn:
    """Nothing is going on: whatever was said stands, or the menu."""
    return _turn(draft if draft.said else draft.say("hello_menu", PAY, STATUS, PERSON, business=view.house.name))


# --- small things ---------------------------------------------------------------------------------------------------


def _paying(talk: Conversation) -> PayInvoice | None:
    """The payment in the making, running or waiting below a digression."""
    return next((task for task in reversed(talk.tasks) if isinstance(task, PayInvoice)), None)


def _down_to_pay(talk: Conversation, task: PayInvoice) -> tuple[AnyTask, ...]:
    """The tasks with this one in its place, and nothing above it: who speaks about the payment is back at it."""
    paying = [i for i, other in enumerate(talk.tasks) if isinstance(other, PayInvoice)]
    return (*talk.tasks[: paying[-1]], task) if paying else (*talk.tasks, task)


def _case(talk: Conversation) -> tuple[str, str, str]:
    """Summary, invoice and payment for the person who takes over."""
    task = _paying(talk)
    invoice = talk.scope.invoice if isinstance(talk.scope, Bearer) else ""
    doing = (
        "nothing yet"
        if task is None
        else ", ".join(
            part
            for part in (
                f"invoice {task.number or invoice or 'not named'}",
                f"by {task.method}" if task.method else "",
                f"payment {task.payment.reference} {task.payment.state}" if task.payment else "not started",
            )
            if part
        )
    )
    return doing, invoice, talk.payments[-1].reference if talk.payments else ""
