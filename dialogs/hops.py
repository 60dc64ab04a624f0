"""A conversation that moves to another channel: what leaves with it, what stays, and how it arrives.

Whoever follows the link may not be who asked for it. So what leaves is worth no more than a pay link: a customer's sign-in
stays where it was proved, and so does every payment that the link of the invoice in hand would not show.
"""

from datetime import datetime

from msgspec.structs import replace

from dialogs.conversation import KEPT_HUSHED, AnyTask, Baggage, Conversation, Landed, Went
from dialogs.draft import Draft, down_to_pay, paying
from dialogs.flows.offers import HOP_BACK, PAY, PERSON
from dialogs.flows.pay import PayInvoice
from dialogs.flows.requests import AskPerson
from dialogs.flows.sign_in import SignIn
from dialogs.flows.which import Bill, find
from dialogs.model import HopLink, Left, LookUp, OneInvoice, Reply, Say, Slot, View
from services.model import Bearer, Customer, Invoice, Payment, PaymentState, Stranger

_KEPT_LANDINGS = 5
_NOT_MADE_YET = (PaymentState.CREATED, PaymentState.CONFIRMED, PaymentState.SUBMITTING)


def channel_of(chat: str) -> str:
    """The channel of a chat by its name."""
    return chat.partition(":")[0]


# --- asking for it ----------------------------------------------------------------------------------------------------


def to_telegram(draft: Draft, view: View) -> Draft:
    """The link that moves this chat to Telegram. Nothing is moved before somebody follows it."""
    return _offered(draft, view, "telegram")


def to_web(draft: Draft, view: View) -> Draft:
    """The link that moves this chat to the chat on the web page."""
    return _offered(draft, view, "web")


def come_back(draft: Draft, view: View) -> Draft:
    """How to go on here again. Whoever went on elsewhere is asked there: nobody fetches a chat without its link."""
    if draft.talk.went is None:
        return _offered(draft, view, channel_of(view.chat))
    from_web = channel_of(draft.talk.went.to) == "web"
    return replace(draft.say("hop_back_from_web" if from_web else "hop_back_from_telegram", PAY, PERSON), rest=True)


def _offered(draft: Draft, view: View, channel: str) -> Draft:
    here = channel_of(view.chat)
    if not view.house.hops or here not in ("web", "telegram"):
        told = draft.say("hop_not_here")
    elif channel == here:
        if draft.talk.went is not None:
            return come_back(draft, view)
        told = draft.say("hop_already_here")
    elif problem := held_up(draft.talk):
        told = _held_up(draft, problem)
    elif channel == "telegram":
        told = draft.reply(Reply(Say("hop_to_telegram"), link=HopLink(view.chat, draft.talk.keys, "telegram")))
    else:
        told = draft.reply(Reply(Say("hop_to_web"), link=HopLink(view.chat, draft.talk.keys, "web")))
    return replace(told, rest=True)


def _held_up(draft: Draft, problem: str) -> Draft:
    match problem:
        case "page":
            return draft.say("hop_open_page")
        case "person":
            return draft.say("hop_person")
        case _:
            return draft.say("hop_busy")


def held_up(talk: Conversation) -> str:
    """Why a conversation cannot leave now: "busy" while something is under way, "page" while one is open that has to stay,
    "person" while somebody at the desk looks for its customer here.
    """
    pay = paying(talk)
    payment = None if pay is None else pay.payment
    if talk.held is not None or talk.lent is not None:  # a person looks for the customer here
        return "person"
    if talk.proposal:  # whoever proposed it watches for its answer here
        return "busy"
    if talk.sent or (payment is not None and payment.state in _NOT_MADE_YET):
        return "busy"
    several = payment is not None and len(payment.invoices) > 1
    return "page" if several and talk.owner and pay is not None and pay.running else ""


# --- leaving ------------------------------------------------------------------------------------------------------------


def leave(draft: Draft, event: Left, view: View, key: str) -> Draft | LookUp:
    """What goes along is packed, and a signpost says where to; unchanged where something is in its way."""
    talk = draft.talk
    if held_up(talk):
        return draft
    invoice = _in_hand(talk, view)
    if not isinstance(invoice, str):
        return invoice
    baggage = _packed(talk, invoice)
    pay = paying(talk)
    going = tuple(each.reference for each in baggage.payments)
    if pay is not None and pay.running and pay.payment is not None and pay.payment.reference not in going:
        return draft
    before = () if talk.went is None else talk.went.payments
    went = Went(event.to, event.message, key, tuple(dict.fromkeys((*before, *going)))[-KEPT_HUSHED:], baggage)
    left = replace(
        talk.forgetting(event.at),
        tasks=(),
        asked=None,
        dropped=None,
        payments=tuple(each for each in talk.payments if each.reference not in going),
        hushed=(*talk.hushed, *going)[-KEPT_HUSHED:],
        went=went,
    )
    to_web = channel_of(event.to) == "web"
    return replace(draft, talk=left).say("hop_gone_web" if to_web else "hop_gone_telegram", HOP_BACK)


def _in_hand(talk: Conversation, view: View) -> str | LookUp:
    """The one invoice that a signed-in customer is about to pay, if it is their own by the books' word; else ""."""
    pay = paying(talk)
    if not isinstance(view.scope, Customer) or pay is None:
        return ""
    # read for this event: whoever signed out everywhere a moment ago takes nothing along
    view = replace(view, known=tuple(each for each in view.known if each.at >= view.at))
    if pay.payment is not None:
        if len(pay.payment.invoices) != 1:
            return ""
        lookup = OneInvoice(view.scope, pay.payment.invoices[0])
        fact = view.get(lookup)
        return lookup if fact is None else fact.id if isinstance(fact, Invoice) else ""
    found = find(pay, view)
    if isinstance(found, Bill):
        return found.first.id if found.single else ""
    return found if isinstance(found, LookUp) else ""


def _packed(talk: Conversation, invoice: str) -> Baggage:
    """What goes along of a chat; ``invoice``: the id of the one in a signed-in customer's hand, or "".

    Where anybody ever signed in, only the payment under way goes along, of the invoice that the arrival may see: the others
    may be those of somebody who has left, and name a card that a link does not show.
    """
    scope = talk.scope
    if isinstance(scope, Customer):
        scope = Bearer(invoice, "link") if invoice else Stranger()
    mine = scope.invoice if isinstance(scope, Bearer) else ""
    under_way = _under_way(talk)
    going = tuple(
        each for each in talk.payments if not talk.owner or (each.reference == under_way and each.invoices == (mine,))
    )
    signed_in = isinstance(talk.scope, Customer)
    return Baggage(
        scope,
        customer=talk.scope.id if isinstance(talk.scope, Customer) else "",
        tasks=_of_customer(talk, invoice, going) if signed_in else _tasks(talk, going),
        payments=going,
        locale=talk.locale,
        wrong_proofs=talk.wrong_proofs,
        wrong_proof_at=talk.wrong_proof_at,
        requests=not talk.owner,
    )


def _under_way(talk: Conversation) -> str:
    pay = paying(talk)
    return pay.payment.reference if pay is not None and pay.payment is not None and pay.running else ""


def _tasks(talk: Conversation, going: tuple[Payment, ...]) -> tuple[AnyTask, ...]:
    """The tasks that can go on elsewhere. A code opens nothing in another chat, so a sign-in begins anew."""
    kept: list[AnyTask] = []
    for task in talk.tasks:
        match task:
            case PayInvoice() if task.payment is None or _goes(task.payment, going):
                kept.append(task)
            case SignIn(why):
                kept.append(SignIn(why))
            case AskPerson(opened=None):
                kept.append(task)
            case _:
                pass  # it shows something, or changes it, and is asked for again in a word
    return tuple(kept)


def _goes(payment: Payment, going: tuple[Payment, ...]) -> bool:
    return any(payment.reference == each.reference for each in going)


def _of_customer(talk: Conversation, invoice: str, going: tuple[Payment, ...]) -> tuple[AnyTask, ...]:
    """The payment in the making, as somebody may go on with it who has not proved who they are."""
    pay = paying(talk)
    if pay is None or (pay.payment is not None and not _goes(pay.payment, going)):
        return ()
    if invoice:
        return (replace(pay, number="", proof="", picked=(), numbers=(), whole=False, choosing=False),)
    bare = replace(pay, number="", proof="", name="", zip="", revise=None)
    several = bare.picked or bare.numbers or bare.whole or bare.choosing
    # which invoices were chosen is kept by keys, and shows once their owner has proved to be that
    return (bare, SignIn("invoices")) if several else (PayInvoice(),)


# --- arriving -----------------------------------------------------------------------------------------------------------


def landed(draft: Draft, event: Landed, view: View) -> Draft:
    """The conversation goes on here, instead of what was going on; a payment of this chat that is open stays one of its own."""
    draft = replace(
        draft, talk=replace(draft.talk, heard_at=view.at, misses=0, came_by=event.link or draft.talk.came_by)
    )
    if event.fault:
        return _not_moved(draft, event.fault)
    baggage = event.baggage
    if baggage is None or event.key in draft.talk.landed:
        return draft if draft.talk.tasks else draft.say("hop_here")
    draft = replace(draft, talk=_unpacked(draft.talk, event, baggage, view))
    signed_out = bool(baggage.customer) and not isinstance(draft.talk.scope, Customer)
    draft = draft.say("hop_here_not_signed_in" if signed_out and view.can_sign_in else "hop_here")
    return draft if draft.talk.tasks else draft.only(PayInvoice())


def _not_moved(draft: Draft, fault: str) -> Draft:
    match fault:
        case "same":
            return draft if draft.talk.tasks else draft.say("hop_same")
        case "busy" | "page" | "person":
            return replace(_held_up(draft, fault), rest=True)
        case "used":
            told = draft.say("hop_used")
        case _:
            told = draft.say("hop_expired")
    return told.only(*told.talk.tasks or (PayInvoice(revise=Slot.INVOICE),))


def _unpacked(talk: Conversation, event: Landed, baggage: Baggage, view: View) -> Conversation:
    for payment in baggage.payments:
        if not talk.told(payment):
            talk = talk.telling(payment)
    arrived = {each.reference for each in baggage.payments}
    talk = replace(
        talk,
        locale=baggage.locale if baggage.locale in view.house.locales else talk.locale,
        tasks=baggage.tasks or talk.tasks,
        asked=None,  # the quote is shown anew: consent goes nowhere
        known=tuple(each for each in talk.known if each.at >= event.at),
        dropped=None,
        hushed=tuple(each for each in talk.hushed if each not in arrived),
        went=None,
        landed=(*talk.landed, event.key)[-_KEPT_LANDINGS:],
        wrong_proofs=max(talk.wrong_proofs, baggage.wrong_proofs),
        wrong_proof_at=_later(talk.wrong_proof_at, baggage.wrong_proof_at),
    )
    return _scoped(talk, event, baggage, view)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _scoped(talk: Conversation, event: Landed, baggage: Baggage, view: View) -> Conversation:
    """Who speaks here: whoever signed in here stays that, where the invoice is their own; else whoever the other chat was."""
    if isinstance(view.scope, Customer) and (event.number or not isinstance(baggage.scope, Bearer)):
        tasks: tuple[AnyTask, ...] = tuple(each for each in talk.tasks if not isinstance(each, SignIn))
        pay = paying(talk)
        if event.number and pay is not None:
            tasks = down_to_pay(replace(talk, tasks=tasks), pay.mine(event.number))
        return replace(talk, tasks=tasks)
    if not baggage.tasks and isinstance(baggage.scope, Stranger):
        return talk  # nothing was going on there, so nothing here ends with it
    return replace(talk, scope=baggage.scope, name="")
