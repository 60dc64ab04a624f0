"""`step`: one event in, one `Turn` out.

The shape of a step: the event changes what is known or told (`repair.heard`, `_came`, ...), then the ladder of the
running task says the first thing still missing (`_advance`). A look-up suspends nothing: the same event is stepped again on a
conversation that knows more. So a yes lives exactly as long as one step, and is never stored.
"""

from typing import assert_never

from msgspec.structs import replace

from dialogs import desk
from dialogs.arrivals import arrived, opened, recalled
from dialogs.conversation import TASKS, Asked, Conversation, Landed, Turn
from dialogs.draft import Draft, is_of, paying, without_sign_in
from dialogs.flows.autopay import noticed
from dialogs.flows.offers import PAY, PERSON, SIGN_IN, STATUS
from dialogs.flows.pay import charging
from dialogs.flows.requests import answered as answered_request
from dialogs.flows.status import all_news
from dialogs.hops import landed, leave
from dialogs.model import (
    Absent,
    Answered,
    Arrived,
    Ask,
    AskAgent,
    AutopayOf,
    AutopayTold,
    Await,
    CallAgent,
    Came,
    CarryOver,
    CheckCode,
    Choice,
    CloseCheckout,
    CloseLeftPage,
    Confirm,
    CountHelp,
    DetailsOf,
    Done,
    EditMethod,
    Effect,
    Enter,
    Event,
    FromDesk,
    HandBack,
    Heard,
    House,
    InvoicesOf,
    Left,
    LookUp,
    MethodsOf,
    NoteGap,
    NoteProposal,
    Opened,
    OpenRequest,
    PaymentMoved,
    PaymentsOf,
    Pressed,
    ProveInvoice,
    RateHandoff,
    Recalled,
    Remember,
    Reply,
    ResumePayment,
    SaveDetails,
    Say,
    SendCode,
    SendReceipt,
    Sent,
    SetAutopay,
    SignOut,
    Simple,
    Slot,
    StartPayment,
    View,
    Waited,
)
from dialogs.outcomes import answered, closed
from dialogs.reading.buttons import to_button
from dialogs.repair import heard
from services.model import Customer, Payment, PaymentState, Quote


def step(talk: Conversation, event: Event | Landed, house: House) -> Turn:
    """What this event makes of the conversation: what to say, to look up, and to do. Pure."""
    turn = _step(talk, event, house)
    if not turn.lookups:
        turn = desk.accompanied(talk, event, turn)
    return turn if turn.lookups else replace(turn, talk=turn.talk.lean())


def _step(talk: Conversation, event: Event | Landed, house: House) -> Turn:  # noqa: C901  # one line per event
    over = _is_over(talk, event)
    talk = talk.ran_out() if over else talk
    talk = talk.wiped(event.at) if isinstance(event, Heard) and event.wiped else talk
    view = talk.view(house, event.at)
    draft = Draft(replace(talk, version=talk.version + 1))
    if draft.talk.held is not None and isinstance(event, Heard | Pressed):
        return Turn(desk.listened(draft.talk, event, house.locales))
    draft = draft.say("sign_in_over") if over else draft
    match event:
        case Heard() | Pressed():
            return _advance(_spoken_to(draft, event, view), view)
        case Opened():
            draft = opened(draft, event, view)
            return _advance(draft, draft.talk.view(house, event.at))
        case Arrived():
            draft = arrived(draft, event, view)
            return _advance(draft, draft.talk.view(house, event.at))
        case Landed() | Left():
            return _landed(draft, event, view) if isinstance(event, Landed) else _left(draft, event, view)
        case Came():
            return _came(draft, event, view)
        case PaymentMoved():
            return _moved(draft, event.payment, view)
        case Recalled():
            return _turn(recalled(draft, event.payment))
        case Answered() | AutopayTold():
            return _told_notice(draft, event) if isinstance(event, AutopayTold) else _told_answer(draft, event)
        case Waited():
            return _turn(_still_at_it(draft))
        case FromDesk():
            return Turn(talk) if event.errand <= talk.heeded else _advance_for_desk(draft, event, view)
        case _:
            assert_never(event)


def _spoken_to(draft: Draft, event: Heard | Pressed, view: View) -> Draft:
    """The customer wrote or pressed something; the chat goes on in the language it was plainly written in."""
    acts = event.acts if isinstance(event, Heard) else (event.act,)
    if desk.calls_back(draft, acts):
        return desk.asked_back(draft, view)
    if isinstance(event, Pressed):
        return heard(draft, (event.act if event.act is not None else Simple.UNCLEAR,), view)
    if event.language in view.house.locales:
        draft = replace(draft, talk=replace(draft.talk, locale=event.language))
    return heard(draft, event.acts, view)


def _is_over(talk: Conversation, event: Event | Landed) -> bool:
    """Whether the sign-in is over: by its time, when the customer speaks next; or since the services take it no longer,
    because the customer signed out elsewhere, or changed their address.
    """
    if isinstance(event, Heard | Pressed | Opened | Left | Landed) and talk.scope_at(event.at) != talk.scope:
        return True
    asked = (known.lookup for known in talk.known if isinstance(known.fact, Absent))
    mine = (each for each in asked if isinstance(each, InvoicesOf | DetailsOf | MethodsOf | AutopayOf | PaymentsOf))
    return any(lookup.scope == talk.scope for lookup in mine)


def _advance_for_desk(draft: Draft, event: FromDesk, view: View) -> Turn:
    draft = desk.heed(draft, event, view)
    return _advance(draft, draft.talk.view(view.house, view.at))


# --- events other than words and buttons -----------------------------------------------------------------------------


def _came(draft: Draft, event: Came, view: View) -> Turn:
    """The answer of an effect. One that is not awaited any more answers another question, and is ignored."""
    sent = next((s for s in draft.talk.sent if s.key == event.key), None)
    if sent is None:
        return Turn(draft.talk)
    talk = replace(draft.talk, sent=tuple(s for s in draft.talk.sent if s.key != event.key))
    draft = answered(replace(draft, talk=talk), sent.effect, event, view)
    return _advance(draft, draft.talk.view(view.house, view.at))


def _moved(draft: Draft, payment: Payment, view: View) -> Turn:
    """News of a payment. Told once; a quote that was on the screen has to be shown again before it counts."""
    if draft.talk.told(payment) or payment.reference in draft.talk.hushed:
        return Turn(draft.talk)
    if payment.autopay and not _is_here(draft, payment.autopay):
        return Turn(draft.talk)  # nobody began it here, and whoever sits here may be anybody: a letter tells it
    task = paying(draft.talk)
    if task is not None and task.leaving and payment.state is PaymentState.OPEN and _is_starting(draft.talk, payment):
        return Turn(
            draft.talk
        )  # declined, and its customer has left it: the start's own answer leads to what they want
    if task is not None and is_of(task.payment, payment) and task.leaving:
        # it is being closed for a reason, and that goes on; a decline on the way there is no news
        draft = replace(draft, talk=draft.talk.telling(payment).forgetting(view.at))
        return Turn(draft.talk) if payment.state is PaymentState.OPEN else _advance(closed(draft, payment), view)
    if task is not None and _tried_enough(payment, view) and is_of(task.payment, payment):
        draft = draft.reply(Reply(Say("too_many_declines"))).only(replace(task, payment=payment, leaving="drop"))
        return _advance(replace(draft, talk=draft.talk.telling(payment).forgetting(view.at)), view)
    before = next((each for each in draft.talk.payments if each.reference == payment.reference), None)
    draft = _learned(draft, payment, view)
    replies = all_news(payment, before)
    options = tuple(to_button(choice.act) for choice in replies[-1].choices)
    asked = draft.talk.asked or Asked()
    # the question stays: "50" still answers it; only a yes needs to see its quote again
    asked = Asked(asked.slot if draft.talk.tasks else None, options or asked.options)
    return Turn(replace(draft.talk, asked=asked, known=()), replies)


def _is_starting(talk: Conversation, payment: Payment) -> bool:
    """Whether this can be news of the payment that is being started, whose reference is not known here yet."""
    begun = any(each.reference == payment.reference for each in talk.payments)
    return not begun and any(isinstance(sent.effect, StartPayment) for sent in talk.sent)


def _tried_enough(payment: Payment, view: View) -> bool:
    """Whether a bank has said no so often that the page is closed: somebody may be trying out cards."""
    return payment.state is PaymentState.OPEN and payment.declines >= view.house.rules.declines


def _told_answer(draft: Draft, event: Answered) -> Turn:
    """A person answered what was asked of them here. Told once, and to nobody who came after whoever asked it signed in;
    the question on the screen stays as it is.
    """
    request = event.request
    mine = isinstance(draft.talk.scope, Customer) and draft.talk.scope.id == event.customer
    if request.case in draft.talk.answered or (event.customer and not mine):
        return Turn(draft.talk)
    reply = answered_request(request)
    options = tuple(to_button(choice.act) for choice in reply.choices)
    asked = draft.talk.asked or Asked()
    talk = replace(draft.talk, answered=(*draft.talk.answered, request.case)[-20:], asked=Asked(asked.slot, options))
    return Turn(talk, (reply,))


def _told_notice(draft: Draft, event: AutopayTold) -> Turn:
    """News of autopay, told once, and to nobody who came after its customer; the question on the screen stays as it is."""
    if event.notice_id in draft.talk.noticed or not _is_here(draft, event.customer):
        return Turn(draft.talk)
    reply = noticed(event.notice)
    options = tuple(to_button(choice.act) for choice in reply.choices)
    asked = draft.talk.asked or Asked()
    noted = (*draft.talk.noticed, event.notice_id)[-20:]
    return Turn(replace(draft.talk, noticed=noted, asked=Asked(asked.slot, options or asked.options)), (reply,))


def _is_here(draft: Draft, customer: str) -> bool:
    """Whether this customer was the last to sign in here, and did not sign out."""
    return isinstance(draft.talk.scope, Customer) and draft.talk.scope.id == customer


def _learned(draft: Draft, payment: Payment, view: View) -> Draft:
    """A payment as it now stands, told in this turn. What the books said before may no longer be true."""
    talk = draft.talk.telling(payment).forgetting(view.at)
    task = paying(talk)
    if task is None or not is_of(task.payment, payment):
        return replace(draft, talk=talk)
    moved = task.moved(payment)
    tasks = talk.tasks if moved.payment is None or moved.running or task.leaving else ()
    return replace(draft, talk=replace(talk, tasks=tuple(moved if other is task else other for other in tasks)))


def _landed(draft: Draft, event: Landed, view: View) -> Turn:
    draft = landed(draft, event, view)
    return _advance(draft, draft.talk.view(view.house, event.at))


def _left(draft: Draft, event: Left, view: View) -> Turn:
    """It goes on elsewhere: what goes along is taken there by an effect, so that it arrives whatever breaks meanwhile."""
    key = f"{draft.talk.epoch}/{draft.talk.version}/0"
    left = leave(draft, event, view, key)
    if isinstance(left, LookUp):
        return Turn(draft.talk, draft.said, lookups=(left,))
    if left is draft:
        return Turn(draft.talk)
    turn = _turn(left)
    effect = CarryOver(event.to)
    return replace(turn, talk=replace(turn.talk, sent=(Sent(key, effect, event.at),)), effects=((key, effect),))


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
                return _turn(_asked(draft, move), move.slot)
            case Confirm():
                # agreed to another one: something changed in between, and that is said first
                told = draft.say("changed_meanwhile") if draft.agreed else draft
                return _turn(told.reply(move.reply), Slot.CONSENT, move.quote)
            case Await():
                return _turn(draft.reply(move.reply))
            case Done():
                draft = without_sign_in(draft) if move.in_vain else draft.task(None)
                draft = draft.reply(*(() if move.reply is None else (move.reply,)))
                draft = draft if move.payment is None else _learned(draft, move.payment, view)
                draft = replace(draft, rest=move.rest or not draft.talk.tasks)
            case Enter():
                assert isinstance(move.task, TASKS)
                draft = (draft if move.back else draft.task(None)).enter(move.task)
            case (
                CountHelp() | NoteGap() | AskAgent() | NoteProposal() | HandBack() | RateHandoff()
            ):  # noted beside what is said, and awaited by nobody
                draft = replace(draft.task(None), notes=(*draft.notes, move))
            case (
                ProveInvoice()
                | StartPayment()
                | ResumePayment()
                | CloseCheckout()
                | CloseLeftPage()
                | CallAgent()
                | SendCode()
                | CheckCode()
                | SignOut()
                | Remember()
                | SaveDetails()
                | EditMethod()
                | SetAutopay()
                | OpenRequest()
                | SendReceipt()
                | CarryOver()
            ):
                return _send(draft, move, view)
            case _:
                return Turn(draft.talk, draft.said, lookups=(move,))
    return _turn(draft)


def _still_at_it(draft: Draft) -> Draft:
    """The answer takes its time: whether anything is charged meanwhile depends on what is waited for."""
    waiting = [sent.effect for sent in draft.talk.sent]
    if charging(waiting):
        return draft.say("charging")
    page = any(isinstance(effect, StartPayment | ResumePayment | CloseCheckout) for effect in waiting)
    return draft.say("still_working" if page else "one_moment")


def _asked(draft: Draft, ask: Ask) -> Draft:
    """The question; in few words when it is the one that stood there before."""
    asked = draft.talk.asked
    if ask.again is not None and ask.because is None and asked is not None and asked.slot is ask.slot:
        return draft.reply(replace(ask.reply, say=ask.again))
    reason = () if ask.because is None else (Reply(ask.because),)
    return draft.reply(*reason, ask.reply)


def _turn(draft: Draft, slot: Slot | None = None, quote: Quote | None = None) -> Turn:
    """The finished turn. Whatever it shows can be answered by button, number or word until something else is shown."""
    notes = _notes(draft)
    if not draft.said:
        return Turn(draft.talk, effects=notes)
    said, choices = _gathered(draft.said, paying=slot is not None and paying(draft.talk) is not None)
    options = tuple(to_button(choice.act) for choice in choices)
    asked = Asked(slot, options) if quote is None else Asked(slot, options, quote.digest(), quote.total)
    return Turn(replace(draft.talk, asked=asked), said, effects=notes)


def _notes(draft: Draft) -> tuple[tuple[str, Effect], ...]:
    """What is noted for the business, under keys of its own. It is not among what the conversation waits for."""
    key = f"{draft.talk.epoch}/{draft.talk.version}/"
    return tuple((f"{key}{nth}", note) for nth, note in enumerate(draft.notes, start=1))


def _gathered(said: tuple[Reply, ...], *, paying: bool) -> tuple[tuple[Reply, ...], tuple[Choice, ...]]:
    """All buttons of a turn under its last question, that one's own first: so "2" can only mean one of them.

    ``paying``: it is a question about a payment, so that no button has to offer one.
    """
    offering = [at for at, reply in enumerate(said) if reply.choices]
    if not offering:
        return said, ()
    last = offering[-1]
    every = (said[last].choices, *(reply.choices for reply in said[:last]))
    found = {choice.act: choice for some in every for choice in some}
    choices = tuple(choice for choice in found.values() if not (paying and choice.act == PAY.act))
    bare = tuple(replace(reply, choices=()) for reply in said[:last])
    return (*bare, replace(said[last], choices=choices), *said[last + 1 :]), choices


def _send(draft: Draft, effect: Effect, view: View) -> Turn:
    """Send an effect, unless the very same one is already under way. An older one of its kind is no longer awaited."""
    if effect in (sent.effect for sent in draft.talk.sent):
        return _turn(_still_at_it(draft))
    key = f"{draft.talk.epoch}/{draft.talk.version}/0"
    others = tuple(sent for sent in draft.talk.sent if type(sent.effect) is not type(effect))
    # a proof whose answer nobody waits for was a try all the same
    unheard = len(draft.talk.sent) - len(others) if isinstance(effect, ProveInvoice) else 0
    talk = draft.talk.failed_to_prove(unheard, view.at)
    talk = replace(talk, sent=(*others, Sent(key, effect, view.at)), asked=None)
    return Turn(talk, draft.said, effects=((key, effect), *_notes(draft)))


def _idle(draft: Draft, view: View) -> Turn:
    """Nothing is going on: whatever was said stands, or the menu."""
    signing = (SIGN_IN,) if view.can_sign_in and not isinstance(view.scope, Customer) else ()
    menu = (PAY, STATUS, *signing, PERSON)
    return _turn(draft if draft.said else draft.say("hello_menu", *menu, business=view.house.name))
