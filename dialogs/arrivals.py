"""How somebody comes into a conversation: by a pay link, known from before, or back to one that was lost."""

from msgspec.structs import replace

from dialogs.draft import Draft, down_to_pay, paying
from dialogs.flows.pay import PayInvoice
from dialogs.flows.status import news
from dialogs.model import Arrived, Opened, Slot, View
from services.model import Bearer, Customer, Payment


def opened(draft: Draft, event: Opened, view: View) -> Draft:
    """Someone came by a pay link. Whoever is signed in stays so, where the invoice is their own."""
    draft = replace(draft, talk=replace(draft.talk, heard_at=view.at, misses=0, came_by=event.link))
    if event.standing != "good":
        return draft.only(*draft.talk.tasks or (PayInvoice(revise=Slot.INVOICE),)).say(f"link_{event.standing}")
    task, open_for = paying(draft.talk), None
    if task is not None and (open_for := task.under_way(view)) is not None and open_for.invoice != event.invoice:
        # two invoices at once would make every "change" and "cancel" a riddle
        return draft.say("link_waits", number=open_for.number)
    if isinstance(view.scope, Customer) and event.number:
        return _own(draft, task, event, view, waits=open_for is not None)
    known = isinstance(view.scope, Bearer) and view.scope.invoice == event.invoice
    draft = replace(draft, talk=replace(draft.talk, scope=Bearer(event.invoice, "link"), name="", dropped=None))
    if task is not None and (open_for is not None or (known and not task.number)):
        return draft
    return draft.only(PayInvoice()).say("hello", business=view.house.name)


def _own(draft: Draft, task: PayInvoice | None, event: Opened, view: View, *, waits: bool) -> Draft:
    if task is not None and waits:
        return draft.only(*down_to_pay(draft.talk, task))
    hello = draft.say("hello_name", business=view.house.name, name=draft.talk.name)
    return hello.only(PayInvoice(number=event.number))


def arrived(draft: Draft, event: Arrived, view: View) -> Draft:
    """A chat begins with a customer who is known: what is to be paid comes first."""
    talk = replace(draft.talk, heard_at=view.at, scope=event.scope, name=event.name, owner=event.scope.id)
    return replace(draft, talk=talk).only(PayInvoice()).say("hello_name", business=view.house.name, name=event.name)


def recalled(draft: Draft, payment: Payment) -> Draft:
    """A lost conversation begins again. What is still open is taken up, so that it can be finished or canceled."""
    draft = replace(draft, talk=draft.talk.telling(payment)).say("recalled")
    task = PayInvoice(number=payment.numbers[0], method=payment.method, payment=payment)
    # the message that found it gone is stepped next, and the ladder says where an open payment is
    return draft.only(task) if task.running else draft.reply(news(payment))
