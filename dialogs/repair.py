"""What a customer's words and buttons do to a conversation. Every flow's repair patterns live here, once.

Correct, cancel, start over, repeat, digress, a stale button, a yes or a no to what is on the screen, two misses, coming
back after a pause: an act changes what is told or which task runs, and the ladder of `engine.py` goes on from there.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from dialogs.conversation import Asked
from dialogs.draft import Draft, case_of, down_to_pay, paying
from dialogs.flows.handoff import CallPerson
from dialogs.flows.pay import PayInvoice, may_close_left_page
from dialogs.flows.status import PAY, PERSON, TellStatus
from dialogs.model import (
    Act,
    Agree,
    Change,
    Choice,
    Say,
    Simple,
    Slot,
    Tell,
    Telling,
    View,
    Want,
)
from dialogs.reading.buttons import to_button
from services.model import Bearer, PaymentState

STATUS = Choice(Say("button_status"), Want("status"))
REFUND = Choice(Say("button_refund"), Want("refund"))
AGAIN = Choice(Say("button_restart"), Simple.RESTART)


def heard(draft: Draft, acts: tuple[Act, ...], view: View) -> Draft:
    """What these acts, said in one breath, make of the conversation. A yes counts only when it stands alone."""
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


def _resumed(draft: Draft, view: View) -> Draft:
    """After a long silence in the middle of something: greet, then the ladder says where we are."""
    last = draft.talk.heard_at
    if last is None or not draft.talk.tasks or view.at - last < timedelta(minutes=view.house.pause_minutes):
        return draft
    talk = replace(draft.talk, asked=replace(draft.talk.asked, quote="") if draft.talk.asked else None)
    return replace(draft, talk=talk).say("welcome_back")


def _hear(draft: Draft, act: Act, view: View) -> Draft:
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


def _told(draft: Draft, slot: Slot, value: Telling, view: View) -> Draft:
    task = paying(draft.talk) or PayInvoice()
    return draft.only(*down_to_pay(draft.talk, task.tell(slot, value, view)))


def _changed(draft: Draft, slot: Slot, view: View) -> Draft:
    task = paying(draft.talk)
    if task is None and slot is not Slot.INVOICE:
        return draft.say("nothing_to_change")
    return draft.only(*down_to_pay(draft.talk, (task or PayInvoice()).change(slot, view)))


def _agreed(draft: Draft, digest: str) -> Draft:
    """A yes counts for exactly the quote on the screen, and for this step alone."""
    asked = draft.talk.asked
    if asked is not None and asked.quote == digest:
        return replace(draft, agreed=digest)
    return draft.say("old_button")


def _wanted(draft: Draft, task: str, view: View) -> Draft:
    match task:
        case "pay":
            return draft if paying(draft.talk) else draft.only(PayInvoice())
        case "status" if not draft.talk.payments and isinstance(view.scope, Bearer):
            return _wanted(draft, "balance", view)
        case "status":
            return draft.enter(TellStatus())
        case "balance":
            # the first question about an invoice says what is owed, so asking it is the answer
            asks = draft.talk.asked is not None and draft.talk.asked.slot is Slot.METHOD
            told = not asks and paying(draft.talk) is not None and isinstance(view.scope, Bearer)
            return draft.enter(TellStatus(of_invoice=True)) if told else _wanted(draft, "pay", view)
        case "refund":
            return draft.enter(CallPerson("refund", *case_of(draft.talk)))
        case "here":
            return _here(draft, view)
        case "link":
            return draft if paying(draft.talk) else draft.enter(TellStatus())
        case _:
            menu = () if draft.talk.tasks else (PAY, STATUS, PERSON)
            return draft.say("help", *menu, business=view.house.name, phone=view.house.phone)


def _here(draft: Draft, view: View) -> Draft:
    """Pay here, and not on the page that was left open elsewhere. An old button of this kind changes nothing."""
    task = paying(draft.talk)
    if task is None or task.payment is not None or not may_close_left_page(view.scope):
        return draft.say("old_button")
    return draft.only(*down_to_pay(draft.talk, replace(task, here=True)))


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
        case _:  # REPEAT: the ladder says it again
            return draft


def _accepted(draft: Draft, _view: View) -> Draft:
    """A plain yes: to the quote on the screen, or to an offer to pay. Otherwise it only says that all is well."""
    asked = draft.talk.asked or Asked()
    if asked.quote:
        return _agreed(draft, asked.quote)
    if draft.talk.tasks:
        return draft
    return draft.only(PayInvoice()) if to_button(PAY.act) in asked.options else replace(draft.say("fine"), rest=True)


def _declined(draft: Draft, _view: View) -> Draft:
    """A plain no. To a quote it means that something in it is wrong; which, is the customer's to say."""
    asked, task = draft.talk.asked, paying(draft.talk)
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


def _dropped(draft: Draft, view: View) -> Draft:
    task = paying(draft.talk)
    if task is None:
        last = draft.talk.payments[-1] if draft.talk.payments else None
        if last is not None and last.state in (PaymentState.PROCESSING, PaymentState.SUCCEEDED):
            return replace(draft.say("too_late_to_cancel", REFUND, reference=last.reference), rest=True)
        return replace(draft.only().say("nothing_to_cancel", PAY, STATUS), rest=True)
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
    menu = () if draft.talk.tasks else (PAY, STATUS, PERSON)
    if draft.talk.misses < 2:
        return draft.say("not_understood", *menu)
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
