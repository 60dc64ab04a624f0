"""What a customer asks for by its name: paying, a list, the state of things, a person. Each wish enters its task.

Most are digressions: what was going on goes on behind them.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from dialogs.draft import Draft, case_of, down_to_pay, paying, side
from dialogs.flows.articles import TellArticle
from dialogs.flows.autopay import AlterAutopay, EnrolAutopay, SeeAutopay
from dialogs.flows.details import ChangeDetails, SeeDetails
from dialogs.flows.handoff import CallPerson
from dialogs.flows.invoices import SeeInvoices
from dialogs.flows.methods import SeeMethods
from dialogs.flows.offers import PAY, PERSON, SIGN_IN, SIGN_OUT, STATUS
from dialogs.flows.pay import PayInvoice, may_close_left_page
from dialogs.flows.receipt import TellReceipt
from dialogs.flows.reminding import SetReminders
from dialogs.flows.requests import AskPerson, SeeRequests
from dialogs.flows.sign_in import LeaveAccount, SignIn, StayHere, may_use_address_on_file
from dialogs.flows.status import TellHistory, TellStatus
from dialogs.hops import come_back, to_telegram, to_web
from dialogs.model import Choice, Say, Slot, View, Want
from services.model import Bearer, Customer, PaymentState

_CAME = (PaymentState.SUCCEEDED, PaymentState.PROCESSING, PaymentState.PART_REFUNDED, PaymentState.WON)


def wanted(draft: Draft, task: str, view: View) -> Draft:
    """The conversation with this wish taken up."""
    return _WISHES.get(task, _help)(draft, view)


def menu_of(view: View) -> tuple[Choice, ...]:
    """What is offered while nothing is going on."""
    signing = (SIGN_IN,) if view.can_sign_in and not isinstance(view.scope, Customer) else ()
    return (PAY, STATUS, *signing, PERSON)


def _help(draft: Draft, view: View) -> Draft:
    menu = () if draft.talk.tasks else menu_of(view)
    return draft.say("help", *menu, business=view.house.name, phone=view.house.phone)


def _pay(draft: Draft, _view: View) -> Draft:
    return draft if paying(draft.talk) else draft.only(PayInvoice())


def _status(draft: Draft, view: View) -> Draft:
    of_invoice = not draft.talk.payments and isinstance(view.scope, Bearer)
    return draft.enter(TellStatus(of_invoice=of_invoice, paid=of_invoice))


def _balance(draft: Draft, view: View) -> Draft:
    if isinstance(view.scope, Customer):
        return draft.enter(SeeInvoices(balance=True))
    # the first question about an invoice says what is owed, so asking it is the answer
    asks = draft.talk.asked is not None and draft.talk.asked.slot is Slot.METHOD
    told = not asks and paying(draft.talk) is not None and isinstance(view.scope, Bearer)
    return draft.enter(TellStatus(of_invoice=True)) if told else _pay(draft, view)


def _refund(draft: Draft, view: View) -> Draft:
    paid_here = any(payment.state in _CAME for payment in draft.talk.payments)
    if isinstance(view.scope, Customer) or paid_here:
        return draft.enter(AskPerson("refund"))
    return draft.enter(CallPerson("refund", *case_of(draft.talk)))


def _dispute(draft: Draft, _view: View) -> Draft:
    return draft.enter(AskPerson("dispute"))


def _here(draft: Draft, view: View) -> Draft:
    """Pay here, and not on the page that was left open elsewhere. An old button of this kind changes nothing."""
    task = paying(draft.talk)
    if task is None or task.payment is not None or not may_close_left_page(view.scope):
        return draft.say("old_button")
    return draft.only(*down_to_pay(draft.talk, replace(task, here=True)))


def _link(draft: Draft, _view: View) -> Draft:
    return draft if paying(draft.talk) else draft.enter(TellStatus())


def _one_by_one(draft: Draft, view: View, *, more: bool) -> Draft:
    task = paying(draft.talk) or PayInvoice()
    return draft.only(*down_to_pay(draft.talk, task.one_by_one(view, more=more)))


def _several(draft: Draft, view: View) -> Draft:
    return _one_by_one(draft, view, more=True)


def _enough(draft: Draft, view: View) -> Draft:
    return _one_by_one(draft, view, more=False)


def _sign_in(draft: Draft, view: View) -> Draft:
    if isinstance(view.scope, Customer) and view.scope.may_charge(view.chat):
        return draft.say("already_signed_in", SIGN_OUT, name=draft.talk.name)
    if side(draft.talk, SignIn) is not None:
        return draft
    return draft.enter(SignIn(on_file=isinstance(view.scope, Customer)))


def _send_again(draft: Draft, view: View) -> Draft:
    """Another code, where one was asked for; the first one to the address on file, where that may be."""
    task = side(draft.talk, SignIn) or side(draft.talk, ChangeDetails)
    if task is None or (isinstance(task, SignIn) and not (task.email or may_use_address_on_file(view))):
        return draft.say("old_button")
    return draft.task(task.again())


def _sign_out(draft: Draft, _view: View) -> Draft:
    return draft.enter(LeaveAccount())


def _sign_out_everywhere(draft: Draft, _view: View) -> Draft:
    return draft.enter(LeaveAccount(everywhere=True))


def _remember(draft: Draft, _view: View) -> Draft:
    return draft.enter(StayHere())


def _invoices(draft: Draft, _view: View) -> Draft:
    return draft.enter(SeeInvoices())


def _methods(draft: Draft, _view: View) -> Draft:
    return draft.enter(SeeMethods())


def _autopay(draft: Draft, _view: View) -> Draft:
    return draft.enter(SeeAutopay())


def _autopay_change(draft: Draft, _view: View) -> Draft:
    return draft.enter(EnrolAutopay(kept=True))


def _autopay_pause(draft: Draft, _view: View) -> Draft:
    return draft.enter(AlterAutopay("pause"))


def _autopay_resume(draft: Draft, _view: View) -> Draft:
    return draft.enter(AlterAutopay("resume"))


def _autopay_leave(draft: Draft, _view: View) -> Draft:
    return draft.enter(AlterAutopay("leave"))


def _details(draft: Draft, _view: View) -> Draft:
    return draft.enter(SeeDetails())


def _history(draft: Draft, _view: View) -> Draft:
    return draft.enter(TellHistory())


def _requests(draft: Draft, _view: View) -> Draft:
    return draft.enter(SeeRequests())


def _fix_zip(draft: Draft, view: View) -> Draft:
    """The zip was wrong: on file it is changed for good, where the customer is signed in; else for this payment."""
    task = paying(draft.talk)
    if isinstance(view.scope, Customer):
        return draft.enter(ChangeDetails("zip", pay=task is not None))
    return (
        draft.say("nothing_to_change")
        if task is None
        else draft.only(*down_to_pay(draft.talk, task.change(Slot.ZIP, view)))
    )


_NEEDED = {slot: slot for slot in (Slot.INVOICE, Slot.PROOF, Slot.ZIP, Slot.NAME, Slot.EMAIL, Slot.CODE, Slot.WHY)}


def _why(draft: Draft, view: View) -> Draft:
    """Why it is asked for, and that nobody has to: a person can do it, too."""
    asked = draft.talk.asked.slot if draft.talk.asked is not None else None
    key = f"needed_{asked}" if asked in _NEEDED else "needed_else"
    told = draft.say(key, PERSON, business=view.house.name, phone=view.house.phone)
    return told if told.talk.tasks else replace(told, rest=True)


def _unknown(draft: Draft, view: View) -> Draft:
    """What is asked for is not at hand: where it stands, and the ways around it."""
    asked = draft.talk.asked.slot if draft.talk.asked is not None else None
    if asked is not Slot.INVOICE:
        return draft.say("find_zip", PERSON, phone=view.house.phone)
    if view.can_sign_in and not isinstance(view.scope, Customer):
        return draft.say("find_number_sign_in", SIGN_IN, PERSON, phone=view.house.phone)
    return draft.say("find_number", PERSON, phone=view.house.phone)


def _moment(draft: Draft, _view: View) -> Draft:
    told = draft.say("take_your_time")
    return told if told.talk.tasks else replace(told, rest=True)


def _small_talk(draft: Draft, view: View) -> Draft:
    told = draft.say("small_talk", *(() if draft.talk.tasks else menu_of(view)), business=view.house.name)
    return told if told.talk.tasks else replace(told, rest=True)


def _complained(draft: Draft, _view: View) -> Draft:
    return draft.enter(CallPerson("complaint", *case_of(draft.talk)))


def _rude(draft: Draft, view: View) -> Draft:
    """Anger has a reason; one line, no lecture, and a way to a person."""
    told = draft.say("rude", PERSON, phone=view.house.phone)
    return told if told.talk.tasks else replace(told, rest=True)


def _undo(draft: Draft, view: View) -> Draft:
    """What was canceled last is taken up as it was told; its page is gone, so that a new one is agreed to."""
    dropped = draft.talk.dropped
    if dropped is None or paying(draft.talk) is not None:
        told = draft.say("nothing_to_undo", *(() if draft.talk.tasks else menu_of(view)))
        return told if told.talk.tasks else replace(told, rest=True)
    return replace(draft, talk=replace(draft.talk, dropped=None)).only(dropped).say("undone")


def _remind(draft: Draft, _view: View) -> Draft:
    return draft.enter(SetReminders(on=True))


def _stop_reminders(draft: Draft, _view: View) -> Draft:
    return draft.enter(SetReminders(on=False))


def _later(draft: Draft, view: View) -> Draft:
    """Nothing is charged by itself on another day: whoever wants to pay then comes back then."""
    return replace(draft.say("pay_later", *(() if draft.talk.tasks else menu_of(view))), rest=True)


def _receipt(draft: Draft, _view: View) -> Draft:
    return draft.enter(TellReceipt())


def _failed(draft: Draft, view: View) -> Draft:
    """Something did not go through: how it stands says why, and what to do; where no payment is known, the article does."""
    if draft.talk.payments or isinstance(view.scope, Customer):
        return draft.enter(TellStatus())
    return draft.enter(TellArticle("declined", draft.talk.locale))


def _spoken(draft: Draft, view: View, locale: str) -> Draft:
    """The language of this chat from now on."""
    if locale not in view.house.locales:
        return draft.say("language_not_spoken")
    draft = replace(draft, talk=replace(draft.talk, locale=locale)).say("spoken")
    return draft if draft.talk.tasks else replace(draft, rest=True)


def _english(draft: Draft, view: View) -> Draft:
    return _spoken(draft, view, "en")


def _spanish(draft: Draft, view: View) -> Draft:
    return _spoken(draft, view, "es")


_LANGUAGES = {
    "en": Choice(Say("button_english"), Want("english")),
    "es": Choice(Say("button_spanish"), Want("spanish")),
}


def _language(draft: Draft, view: View) -> Draft:
    """Which languages there are; whoever writes in one of them is answered in it without asking."""
    return replace(
        draft.say("which_language", *(_LANGUAGES[each] for each in view.house.locales if each in _LANGUAGES)), rest=True
    )


def _unreadable(draft: Draft, _view: View) -> Draft:
    """A picture, a voice message, a forwarded one: only what the customer writes can be read, or agreed to."""
    told = draft.say("only_text")
    return told if told.talk.tasks else replace(told, rest=True)


def _edited(draft: Draft, _view: View) -> Draft:
    told = draft.say("write_it_again")
    return told if told.talk.tasks else replace(told, rest=True)


def _verify(draft: Draft, _view: View) -> Draft:
    return draft.say("verify_how", PERSON)


_WISHES: Mapping[str, Callable[[Draft, View], Draft]] = {
    "pay": _pay,
    "status": _status,
    "balance": _balance,
    "refund": _refund,
    "dispute": _dispute,
    "requests": _requests,
    "here": _here,
    "link": _link,
    "several": _several,
    "enough": _enough,
    "sign_in": _sign_in,
    "send_again": _send_again,
    "sign_out": _sign_out,
    "sign_out_everywhere": _sign_out_everywhere,
    "remember": _remember,
    "invoices": _invoices,
    "methods": _methods,
    "autopay": _autopay,
    "autopay_change": _autopay_change,
    "autopay_pause": _autopay_pause,
    "autopay_resume": _autopay_resume,
    "autopay_leave": _autopay_leave,
    "details": _details,
    "history": _history,
    "fix_zip": _fix_zip,
    "verify": _verify,
    "receipt": _receipt,
    "why": _why,
    "unknown": _unknown,
    "moment": _moment,
    "small_talk": _small_talk,
    "rude": _rude,
    "complain": _complained,
    "undo": _undo,
    "remind": _remind,
    "stop_reminders": _stop_reminders,
    "later": _later,
    "failed": _failed,
    "english": _english,
    "spanish": _spanish,
    "language": _language,
    "unreadable": _unreadable,
    "edited": _edited,
    "to_telegram": to_telegram,
    "to_web": to_web,
    "back": come_back,
}
