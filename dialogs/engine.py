"""`step`: one event in, one `Turn` out.

The shape of a step: the event changes what is known or told (`repair.heard`, `_came`, ...), then the ladder of the
running task says the first thing still missing (`_advance`). A look-up suspends nothing: the same event is stepped again on a
conversation that knows more. So a yes lives exactly as long as one step, and is never stored.
"""

from typing import assert_never

from msgspec.structs import replace

from dialogs.conversation import Asked, Conversation, Turn
from dialogs.draft import Draft, down_to_pay, paying
from dialogs.flows.handoff import CallPerson, handed_over
from dialogs.flows.pay import HERE, PayInvoice, may_close_left_page, refusal
from dialogs.flows.status import AGAIN, PAY, PERSON, TellStatus, news
from dialogs.model import (
    Ask,
    Await,
    CallAgent,
    Called,
    Came,
    Choice,
    CloseCheckout,
    CloseLeftPage,
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
    PageLeft,
    PaymentMoved,
    Pressed,
    Proved,
    ProveInvoice,
    Recalled,
    Refused,
    Reply,
    ResumePayment,
    Sent,
    Simple,
    Slot,
    StartPayment,
    View,
    Waited,
)
from dialogs.reading.buttons import to_button
from dialogs.repair import STATUS, heard
from services.model import Bearer, Objection, Payment, PaymentState, Quote


def step(talk: Conversation, event: Event, house: House) -> Turn:
    """What this event makes of the conversation: what to say, to look up, and to do. Pure."""
    view = talk.view(house, event.at)
    draft = Draft(replace(talk, version=talk.version + 1))
    match event:
        case Heard():
            return _advance(heard(draft, event.acts, view), view)
        case Pressed():
            acts = (event.act if event.act is not None else Simple.UNCLEAR,)
            return _advance(heard(draft, acts, view), view)
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


# --- events other than words and buttons -----------------------------------------------------------------------------


def _opened(draft: Draft, event: Opened, view: View) -> Draft:
    """Someone came by a pay link."""
    draft = replace(draft, talk=replace(draft.talk, heard_at=view.at, misses=0, came_by=event.link))
    if event.standing != "good":
        return draft.only(*draft.talk.tasks or (PayInvoice(revise=Slot.INVOICE),)).say(f"link_{event.standing}")
    task, open_for = paying(draft.talk), None
    if task is not None and (open_for := task.under_way(view)) is not None and open_for.invoice != event.invoice:
        # two invoices at once would make every "change" and "cancel" a riddle
        return draft.say("link_waits", number=open_for.number)
    known = isinstance(view.scope, Bearer) and view.scope.invoice == event.invoice
    draft = replace(draft, talk=replace(draft.talk, scope=Bearer(event.invoice, "link")))
    if task is not None and (open_for is not None or (known and not task.number)):
        return draft
    return draft.only(PayInvoice()).say("hello", business=view.house.name)


def _recalled(draft: Draft, payment: Payment) -> Draft:
    """A lost conversation begins again. What is still open is taken up, so that it can be finished or canceled."""
    draft = replace(draft, talk=draft.talk.telling(payment)).say("recalled")
    task = PayInvoice(number=payment.numbers[0], method=payment.method, payment=payment)
    # the message that found it gone is stepped next, and the ladder says where an open payment is
    return draft.only(task) if task.running else draft.reply(news(payment))


def _came(draft: Draft, event: Came, view: View) -> Turn:
    """The answer of an effect. One that is not awaited any more answers another question, and is ignored."""
    sent = next((s for s in draft.talk.sent if s.key == event.key), None)
    if sent is None:
        return Turn(draft.talk)
    talk = replace(draft.talk, sent=tuple(s for s in draft.talk.sent if s.key != event.key))
    return _advance(_answered(replace(draft, talk=talk), sent.effect, event, view), talk.view(view.house, view.at))


def _answered(draft: Draft, effect: Effect, event: Came, view: View) -> Draft:
    task = paying(draft.talk)
    match effect, event.outcome:
        case ProveInvoice(), Proved() | NotProved() | Locked():
            return _tried(draft, effect, event.outcome, view)
        case StartPayment() | ResumePayment(), Payment() as payment:
            talk = draft.talk.telling(payment)
            return replace(draft, talk=talk).only(
                *down_to_pay(talk, replace(task or PayInvoice(), payment=payment).moved(payment))
            )
        case (StartPayment() | ResumePayment()) as start, Refused(problem):
            number = start.quote.lines[0].number if isinstance(start, StartPayment) else _number(draft, start)
            left = task.refused() if task else None
            paused = problem is Objection.PAUSED and task is not None and not task.leaving
            choices: tuple[Choice, ...] = (AGAIN, PERSON) if paused else ()
            if problem is Objection.ALREADY_LIVE and may_close_left_page(view.scope):
                choices = (HERE,)
            draft = draft.reply(Reply(refusal(problem, number, view.house), choices))
            # shown again it would only be refused again: what was told stays, for when the pause is over
            draft = replace(draft, rest=paused)
            draft = replace(draft, talk=draft.talk.forgetting(view.at))
            return draft.only(left) if left else draft.only()
        case CloseCheckout(), Payment() as payment:
            return _closed(draft, payment)
        case CloseLeftPage(), PageLeft(gone):
            # what the books say of the invoice may be another thing now
            draft = replace(draft, talk=draft.talk.forgetting(view.at)).say(
                "left_page_gone" if gone else "left_page_stays"
            )
            return (
                draft.only(*down_to_pay(draft.talk, replace(task, here=False))) if task else replace(draft, rest=True)
            )
        case CallAgent(reason), Called():
            person = draft.talk.task
            if isinstance(person, CallPerson):
                return draft.task(replace(person, called=True))
            return draft.reply(handed_over(reason, view.house))  # they went on meanwhile, and so does their task
        case _:
            raise TypeError(f"{type(event.outcome).__name__} does not answer {type(effect).__name__}")


def _number(draft: Draft, start: ResumePayment) -> str:
    """The invoice of a payment that this chat began before."""
    return next((p.numbers[0] for p in draft.talk.payments if p.reference == start.reference), "")


def _tried(draft: Draft, proof: ProveInvoice, outcome: Proved | NotProved | Locked, view: View) -> Draft:
    """The answer of a proof. It counts in any case; it is spoken about only if its invoice is still the one meant."""
    task, talk = paying(draft.talk), draft.talk
    if not isinstance(outcome, Proved):
        tries = 1 if isinstance(outcome, NotProved) else max(0, view.house.proofs - view.wrong_proofs)
        draft = replace(draft, talk=talk.failed_to_prove(tries, view.at))
    if task is None or task.number != proof.number:
        return replace(draft, rest=True)
    match outcome:
        case Proved(invoice):
            scoped = replace(draft, talk=replace(talk, scope=Bearer(invoice, "lookup")))
            return scoped.only(*down_to_pay(talk, task.proved()))
        case NotProved():
            return draft.only(*down_to_pay(talk, task.not_proved(proof.number, proof.zip)))
        case Locked():
            return draft
        case _:
            assert_never(outcome)


def _closed(draft: Draft, payment: Payment) -> Draft:
    """The page was asked to be closed: it is, or it was paid a moment before, or nobody knows yet."""
    task = paying(draft.talk)
    if task is None or not _is(task.payment, payment):
        return replace(draft, rest=True)  # nobody waits for this answer; whatever is news in it comes by itself
    draft = replace(draft, talk=draft.talk.telling(payment))
    match payment.state:
        case PaymentState.FAILED | PaymentState.CANCELED if task.leaving != "drop":
            draft = draft.say("failed_page_closed")
        case PaymentState.PROCESSING | PaymentState.SUCCEEDED:
            draft = draft.say("paid_before_closed")
        case _:
            pass
    return draft.only(*down_to_pay(draft.talk, task.moved(payment)))


def _moved(draft: Draft, payment: Payment, view: View) -> Turn:
    """News of a payment. Told once; a quote that was on the screen has to be shown again before it counts."""
    if draft.talk.told(payment):
        return Turn(draft.talk)
    task = paying(draft.talk)
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


def _learned(draft: Draft, payment: Payment, view: View) -> Draft:
    """A payment as it now stands, told in this turn. What the books said before may no longer be true."""
    talk = draft.talk.telling(payment).forgetting(view.at)
    task = paying(talk)
    if task is None or not _is(task.payment, payment):
        return replace(draft, talk=talk)
    moved = task.moved(payment)
    tasks = talk.tasks if moved.payment is None or moved.running or task.leaving else ()
    return replace(draft, talk=replace(talk, tasks=tuple(moved if other is task else other for other in tasks)))


def _is(mine: Payment | None, payment: Payment) -> bool:
    return mine is not None and mine.reference == payment.reference


# --- the ladder -----------------------------------------------------------------------------------------------------


def _advance(draft: Draft, view: View) -> Turn:
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
            case ProveInvoice() | StartPayment() | ResumePayment() | CloseCheckout() | CloseLeftPage() | CallAgent():
                return _send(draft, move, view)
            case _:
                return Turn(draft.talk, draft.said, lookups=(move,))
    return _turn(draft)


def _turn(draft: Draft, slot: Slot | None = None, quote: Quote | None = None) -> Turn:
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


def _send(draft: Draft, effect: Effect, view: View) -> Turn:
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


def _idle(draft: Draft, view: View) -> Turn:
    """Nothing is going on: whatever was said stands, or the menu."""
    return _turn(draft if draft.said else draft.say("hello_menu", PAY, STATUS, PERSON, business=view.house.name))
