"""What a customer's words and buttons do to a conversation. Every flow's repair patterns live here, once.

Correct, cancel, start over, repeat, digress, a stale button, a yes or a no to what is on the screen, two misses, coming
back after a pause: an act changes what is told or which task runs, and the ladder of `engine.py` goes on from there.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from dialogs.conversation import Asked
from dialogs.draft import Draft, asking, case_of, down_to_pay, paying, side, without_sign_in
from dialogs.flows.articles import TellArticle
from dialogs.flows.details import FIELDS, ChangeDetails
from dialogs.flows.handoff import CallPerson
from dialogs.flows.invoices import SeeInvoice, SeeInvoices
from dialogs.flows.methods import ChangeMethod
from dialogs.flows.offers import ASK_REFUND, PAY, PERSON, STATUS
from dialogs.flows.pay import PayInvoice
from dialogs.flows.receipt import TellReceipt
from dialogs.flows.requests import AskPerson
from dialogs.flows.sign_in import SignIn
from dialogs.guesses import offered
from dialogs.model import (
    Act,
    Agree,
    AskAgent,
    Change,
    Choice,
    Choose,
    CountHelp,
    Edit,
    GetReceipt,
    Guess,
    Named,
    New,
    NoteGap,
    Pick,
    Rate,
    RateHandoff,
    Say,
    See,
    Show,
    Simple,
    Slot,
    Stars,
    Sure,
    Tell,
    Telling,
    Unanswered,
    View,
    Want,
    Wonder,
)
from dialogs.outcomes import sign_in
from dialogs.reading.buttons import to_button
from dialogs.wishes import menu_of, wanted
from services.model import Customer, PaymentState

AGAIN = Choice(Say("button_restart"), Simple.RESTART)


def heard(draft: Draft, acts: tuple[Act, ...], view: View) -> Draft:
    """What these acts, said in one breath, make of the conversation. A yes counts only when it stands alone."""
    draft = _resumed(draft, view)
    if isinstance(beside := asking(draft.talk), SignIn | ChangeDetails):
        draft = draft.task(beside.spoken_to())
    understood = not all(act is Simple.UNCLEAR or isinstance(act, Guess | Unanswered) for act in acts)
    misses = 0 if understood else draft.talk.misses + 1
    draft = replace(draft, talk=replace(draft.talk, misses=misses, heard_at=view.at))
    if len(acts) == 1:
        return _hear(draft, acts[0], view)
    for act in acts:
        # beside anything else, a yes is not consent, and a no only introduces the correction
        if act is not Simple.YES and act is not Simple.NO and not isinstance(act, Agree | Sure):
            draft = _hear(draft, act, view)
    return draft


def _resumed(draft: Draft, view: View) -> Draft:
    """After a long silence in the middle of something: greet, then the ladder says where we are."""
    last = draft.talk.heard_at
    if last is None or not draft.talk.tasks or view.at - last < timedelta(minutes=view.house.pause_minutes):
        return draft
    talk = replace(draft.talk, asked=replace(draft.talk.asked, quote="") if draft.talk.asked else None)
    return replace(draft, talk=talk).say("welcome_back")


def _hear(draft: Draft, act: Act, view: View) -> Draft:  # noqa: C901  # one line per act
    match act:
        case Tell(slot, value):
            return _told(draft, slot, value, view)
        case Change(slot):
            return _changed(draft, slot, view)
        case Agree() | Sure():
            return _agreed(draft, act.digest) if isinstance(act, Agree) else _sure(draft, act.key)
        case Want(task):
            return wanted(draft, task, view)
        case Pick(slot, key):
            return _picked(draft, slot, key, view)
        case Show() | See() | Edit() | Wonder() | GetReceipt():
            return _seen(draft, act)
        case Choose() | Named() | New():
            return _paid_with(draft, act, view)
        case Rate() | Guess() | Unanswered():
            return _unsure(draft, act, view)
        case Stars(handoff, stars):
            rated = replace(draft, notes=(*draft.notes, RateHandoff(handoff, stars)))
            return replace(rated.say("thanks_for_stars"), rest=not draft.talk.tasks)
        case Simple():
            return _simply(draft, act, view)
        case _:
            assert_never(act)


def _told(draft: Draft, slot: Slot, value: Telling, view: View) -> Draft:
    """Whoever asked for it takes it: a task beside the payment first, and the payment whatever that has no use for."""
    beside = asking(draft.talk)
    if beside is not None and (told := beside.tell(slot, value)) is not None:
        return draft.task(told)
    task = paying(draft.talk) or PayInvoice()
    return draft.only(*down_to_pay(draft.talk, task.tell(slot, value, view)))


def _changed(draft: Draft, slot: Slot, view: View) -> Draft:
    beside, task = asking(draft.talk), paying(draft.talk)
    if beside is not None and (changed := beside.change(slot)) is not None:
        return draft.task(changed)
    if task is None and slot in (Slot.NAME, Slot.ZIP):
        return draft.enter(ChangeDetails("name" if slot is Slot.NAME else "zip"))
    if task is None and slot is not Slot.INVOICE:
        return draft.say("nothing_to_change")
    return draft.only(*down_to_pay(draft.talk, (task or PayInvoice()).change(slot, view)))


def _picked(draft: Draft, slot: Slot, key: str, view: View) -> Draft:
    """A button of one thing among several. It may belong to a list that is long gone: then it does nothing."""
    beside, task = asking(draft.talk), paying(draft.talk) or PayInvoice()
    if beside is not None and (picked := beside.pick(slot, key)) is not None:
        return draft.task(picked)
    match slot:
        case Slot.ACCOUNT:
            return _account(draft, key, view)
        case Slot.INVOICE if isinstance(view.scope, Customer):
            return draft.only(*down_to_pay(draft.talk, task.pick(key, view)))
        case Slot.METHOD:
            return draft.only(*down_to_pay(draft.talk, task.use(key, view)))
        case Slot.WHY:
            return draft.enter(AskPerson("dispute", invoice=key))
        case Slot.DETAIL if key in FIELDS:
            return draft.enter(ChangeDetails(key))
        case _:
            return draft.say("old_button")


def _account(draft: Draft, key: str, view: View) -> Draft:
    """Which of the customers at one address, after the code was right."""
    task = side(draft.talk, SignIn)
    account = None if task is None else task.chosen(key)
    if task is None or account is None or task.found is None:
        return draft.say("old_button")
    if view.at >= task.found.until:
        return draft.task(SignIn(task.why)).say("sign_in_over")
    return sign_in(draft, account, task.found, view)


def _sure(draft: Draft, key: str) -> Draft:
    """A yes by its button: it answers the question that is on the screen, and no other."""
    beside, asked = asking(draft.talk), draft.talk.asked
    shown = asked is not None and to_button(Sure(key)) in asked.options
    sure = beside.sure() if beside is not None and shown else None
    return draft.say("old_button") if sure is None else draft.task(sure)


def _unsure(draft: Draft, act: Rate | Guess | Unanswered, view: View) -> Draft:
    """Whether an article helped, what may be meant, and what nobody here can answer."""
    match act:
        case Rate(topic, helped):
            noted = replace(draft, notes=(*draft.notes, CountHelp(topic, helped)))
            told = noted.say("glad_it_helped") if helped else noted.say("not_helped", PERSON, phone=view.house.phone)
            return told if told.talk.tasks else replace(told, rest=True)
        case Guess(intents):
            if draft.talk.misses > 1:
                return _missed(draft, view)
            asked = draft.talk.asked
            # no quote beside it: a yes would be one to what was asked here
            quoted = asked is not None and asked.slot is Slot.CONSENT
            return replace(draft.say("did_you_mean", *offered(intents), PERSON), rest=quoted or not draft.talk.tasks)
        case Unanswered(text, language):
            noted = replace(draft, notes=(*draft.notes, NoteGap(text, language)))
            return _missed(noted, view)


def _seen(draft: Draft, act: Show | See | Edit | Wonder | GetReceipt) -> Draft:
    """Something is to be shown or edited; what was going on goes on behind it, unless it only asked which invoice."""
    asked = draft.talk.asked
    if isinstance(act, Show) and asked is not None and asked.slot is Slot.INVOICE:
        draft = draft.only()
    match act:
        case Show(asked_for):
            return draft.enter(SeeInvoices(asked_for))
        case See(key, number):
            return draft.enter(SeeInvoice(number, key))
        case Edit(what, key):
            return draft.enter(ChangeMethod(what, key))
        case GetReceipt(key, number, mail):
            return draft.enter(TellReceipt(key, number, mail))
        case Wonder(topic):
            return draft.enter(TellArticle(topic, draft.talk.locale))


def _paid_with(draft: Draft, act: Choose | Named | New, view: View) -> Draft:
    """Which invoices together, or by which method: both belong to the payment, which begins with them if there is none."""
    task = paying(draft.talk) or PayInvoice()
    told = task.choose(act, view) if isinstance(act, Choose) else task.use(act, view)
    return draft.only(*down_to_pay(draft.talk, told))


def _agreed(draft: Draft, digest: str) -> Draft:
    """A yes counts for exactly the quote on the screen, and for this step alone."""
    asked = draft.talk.asked
    if asked is not None and asked.quote == digest:
        return replace(draft, agreed=digest)
    if not (draft.talk.tasks or draft.talk.payments or draft.talk.hushed or draft.talk.went):
        # a conversation that was lost with the yes before it: whoever waits for a result hears that there is none
        return draft.say("old_yes", PAY, PERSON)
    return draft.say("old_button")


def _simply(draft: Draft, act: Simple, view: View) -> Draft:
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
        case Simple.OFF_TOPIC:
            told = draft.say("off_topic", *(() if draft.talk.tasks else menu_of(view)), business=view.house.name)
            return told if told.talk.tasks else replace(told, rest=True)
        case _:  # REPEAT: the ladder says it again, in full
            return replace(draft, talk=replace(draft.talk, asked=None))


def _accepted(draft: Draft, _view: View) -> Draft:
    """A plain yes: to the quote on the screen, or to an offer to pay. Otherwise it only says that all is well."""
    asked, beside = draft.talk.asked or Asked(), asking(draft.talk)
    if asked.quote:
        return _agreed(draft, asked.quote)
    if asked.slot is Slot.SURE and beside is not None and (sure := beside.sure()) is not None:
        return draft.task(sure)
    if draft.talk.tasks:
        return draft
    return draft.only(PayInvoice()) if to_button(PAY.act) in asked.options else replace(draft.say("fine"), rest=True)


def _declined(draft: Draft, view: View) -> Draft:
    """A plain no. To a quote it means that something in it is wrong; which, is the customer's to say."""
    asked, task = draft.talk.asked, paying(draft.talk)
    if asked is not None and asked.slot is Slot.SURE:
        return _left(draft, view)
    kept = None if task is None else task.keep(asked.slot if asked else None)
    if kept is not None:
        return draft.only(*down_to_pay(draft.talk, kept))
    if asked is None or asked.slot is not Slot.CONSENT:
        return draft.say("no_then_what") if draft.talk.tasks else replace(draft.say("fine"), rest=True)
    choices = tuple(
        Choice(Say(f"button_change_{slot}"), Change(slot)) for slot in (Slot.AMOUNT, Slot.METHOD, Slot.NAME, Slot.ZIP)
    )
    options = (*choices, Choice(Say("button_cancel"), Simple.DROP))
    return replace(draft.say("what_is_wrong", *options), rest=True)


def _left(draft: Draft, view: View) -> Draft:
    """What ran beside the payment is given up, and nothing of it happened."""
    signing = side(draft.talk, SignIn) is not None
    left = without_sign_in(draft) if signing else draft.task(None)
    left = left.say("not_signed_in_then" if signing else "left_as_it_is", *(() if left.talk.tasks else menu_of(view)))
    return left if left.talk.tasks else replace(left, rest=True)


def _dropped(draft: Draft, view: View) -> Draft:
    if asking(draft.talk) is not None:
        return _left(draft, view)
    task = paying(draft.talk)
    if task is None:
        last = draft.talk.payments[-1] if draft.talk.payments else None
        if last is not None and last.state in (PaymentState.PROCESSING, PaymentState.SUCCEEDED):
            return replace(draft.say("too_late_to_cancel", ASK_REFUND, reference=last.reference), rest=True)
        return replace(draft.only().say("nothing_to_cancel", PAY, STATUS), rest=True)
    kept = replace(task, payment=None, leaving="", here=False)
    draft = replace(draft, talk=replace(draft.talk, dropped=kept))
    if (dropped := task.drop(view)) is not None:
        return draft.only(dropped)
    return replace(draft.only().say("canceled", PAY), rest=True)


def _restarted(draft: Draft, view: View) -> Draft:
    task = paying(draft.talk)
    left = task.drop(view) if task else None
    if left is not None:  # the open page first; nothing starts beside it
        return draft.only(replace(left, leaving="restart"))
    return draft.only(PayInvoice()).say("restarted")


def _missed(draft: Draft, view: View) -> Draft:
    """First miss: ask again. From the second on: what can be done here, and a person."""
    menu = () if draft.talk.tasks else menu_of(view)
    if draft.talk.misses < 2:
        return draft.say("not_understood", *menu)
    if draft.talk.misses == 2:  # somebody may look in, also where the customer does not ask for it
        draft = replace(draft, notes=(*draft.notes, AskAgent("misses")))
    if menu:
        return draft.say("two_misses_idle", *menu, phone=view.house.phone)
    return draft.say("two_misses", AGAIN, PERSON, phone=view.house.phone)


def _goodbye(draft: Draft, _view: View) -> Draft:
    return replace(draft.say("goodbye_paying" if paying(draft.talk) else "goodbye"), rest=True)


def _call_person(draft: Draft, _view: View) -> Draft:
    return draft.enter(CallPerson("asked", *case_of(draft.talk)))


_DOES: dict[Simple, Callable[[Draft, View], Draft]] = {
    Simple.YES: _accepted,
    Simple.NO: _declined,
    Simple.DROP: _dropped,
    Simple.RESTART: _restarted,
    Simple.HUMAN: _call_person,
    Simple.GOODBYE: _goodbye,
    Simple.UNCLEAR: _missed,
}
