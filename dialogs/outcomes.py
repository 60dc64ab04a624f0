"""What the answer of an effect makes of a conversation: a payment, a proof, a sign-in, a change that was written.

Whether an answer is still awaited is decided in `engine`; what is said next, by the ladder of the running task.
"""

from datetime import timedelta
from typing import assert_never

from msgspec.structs import replace

from dialogs.conversation import KEPT_HUSHED
from dialogs.draft import Draft, down_to_pay, is_of, paying, side, without_sign_in
from dialogs.flows.autopay import AlterAutopay, EnrolAutopay
from dialogs.flows.details import ChangeDetails
from dialogs.flows.handoff import CallPerson, handed_over
from dialogs.flows.methods import ChangeMethod
from dialogs.flows.offers import AGAIN, PERSON, REMEMBER
from dialogs.flows.pay import HERE, PayInvoice, may_close_left_page, refusal
from dialogs.flows.receipt import TellReceipt
from dialogs.flows.reminding import SetReminders
from dialogs.flows.requests import AskPerson
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn, StayHere
from dialogs.model import (
    AddressProved,
    AutopaySet,
    CallAgent,
    Called,
    Came,
    Carried,
    CarryOver,
    CheckCode,
    Choice,
    CloseCheckout,
    CloseLeftPage,
    CodeSent,
    CodesSpent,
    CodeWrong,
    DetailsSaved,
    EditMethod,
    Effect,
    Locked,
    MethodEdited,
    NotProved,
    NotSaved,
    OpenRequest,
    Outcome,
    PageLeft,
    Proved,
    ProveInvoice,
    ReceiptSent,
    Refused,
    Remember,
    Remembered,
    Reply,
    RequestOpened,
    ResumePayment,
    SaveDetails,
    SendCode,
    SendReceipt,
    SetAutopay,
    SignedIn,
    SignedOut,
    SignOut,
    Slot,
    StartPayment,
    View,
)
from services.model import Account, Bearer, Customer, Objection, Payment, PaymentState

_NOTHING_PAID = (PaymentState.FAILED, PaymentState.CANCELED)


def answered(draft: Draft, effect: Effect, event: Came, view: View) -> Draft:
    """The conversation with this answer. Raises `TypeError` for one that no such effect has: a bug."""
    outcome = event.outcome
    if _is_of_another(effect, view) and isinstance(outcome, Payment):
        hushed = (*draft.talk.hushed, outcome.reference)
        return replace(draft, talk=replace(draft.talk, hushed=hushed[-KEPT_HUSHED:]), rest=True)
    done = _of_payment(draft, effect, outcome, view) or _of_customer(draft, effect, outcome, view)
    if done is None:
        raise TypeError(f"{type(outcome).__name__} does not answer {type(effect).__name__}")
    return done


def _of_payment(draft: Draft, effect: Effect, outcome: Outcome, view: View) -> Draft | None:
    task = paying(draft.talk)
    match effect, outcome:
        case ProveInvoice(), Proved() | NotProved() | Locked():
            return _tried(draft, effect, outcome, view)
        case StartPayment() | ResumePayment(), Payment() as payment:
            talk = draft.talk.telling(payment)
            if task is not None and task.leaving == "change" and payment.state in _NOTHING_PAID:
                draft = draft.say("canceled_start")  # whoever was told that it may be too late hears that it was not
            return replace(draft, talk=talk).only(
                *down_to_pay(talk, replace(task or PayInvoice(), payment=payment).moved(payment))
            )
        case (StartPayment() | ResumePayment()) as start, Refused():
            return _not_started(draft, start, outcome, view)
        case CloseCheckout(), Payment() as payment:
            return closed(draft, payment)
        case CloseLeftPage(), PageLeft(gone):
            # what the books say of the invoice may be another thing now
            draft = replace(draft, talk=draft.talk.forgetting(view.at)).say(
                "left_page_gone" if gone else "left_page_stays"
            )
            return (
                draft.only(*down_to_pay(draft.talk, replace(task, here=False))) if task else replace(draft, rest=True)
            )
        case CarryOver(), Carried():
            went = draft.talk.went
            return replace(draft, talk=replace(draft.talk, went=went and replace(went, baggage=None)), rest=True)
        case CallAgent(reason), Called():
            person = draft.talk.task
            if isinstance(person, CallPerson):
                return draft.task(replace(person, called=True))
            return draft.reply(handed_over(reason, view))  # they went on meanwhile, and so does their task
        case _:
            return None


def _of_customer(draft: Draft, effect: Effect, outcome: Outcome, view: View) -> Draft | None:
    if _left(effect, view):
        return replace(draft, rest=True)
    match effect, outcome:
        case CheckCode(purpose="sign_in"), SignedIn() as found:
            return _code_was_right(draft, found, view)
        case SignOut(everywhere=everywhere), SignedOut():
            # a page that is still open is not left behind for whoever sits down here next
            open_pages = (each for each in draft.talk.tasks if isinstance(each, PayInvoice) and each.running)
            left = tuple(replace(each, leaving="drop") for each in open_pages)
            out = replace(draft, talk=replace(draft.talk.signed_out(), tasks=left))
            return out.say("signed_out_everywhere" if everywhere else "signed_out")
        case Remember(), Remembered(until) if isinstance(draft.talk.scope, Customer):
            remembered = replace(draft.talk.scope, until=until)
            return _beside(replace(draft, talk=replace(draft.talk, scope=remembered)), outcome)
        case SaveDetails(), DetailsSaved() as saved:
            return _written(draft, saved, view)
        case ((SendCode() | CheckCode()), (CodeSent() | CodesSpent() | CodeWrong() | Locked() | AddressProved())):
            return _beside(draft, outcome)
        case ((SaveDetails() | OpenRequest() | Remember() | SetAutopay() | SendReceipt()), NotSaved()):
            return _beside(draft, outcome)
        case (EditMethod(), MethodEdited()) | (SetAutopay(), AutopaySet()):
            return _beside(replace(draft, talk=draft.talk.forgetting(view.at)), outcome)
        case (OpenRequest(), RequestOpened()) | (SendReceipt(), ReceiptSent()):
            return _beside(draft, outcome)
        case _:
            return None


def _left(effect: Effect, view: View) -> bool:
    """Whether the customer in whose name this was done does not speak here any more: then its answer is for nobody."""
    who = getattr(effect, "scope", None)
    if not isinstance(who, Customer) or isinstance(effect, SignOut):
        return False
    return not isinstance(view.scope, Customer) or view.scope.id != who.id


def _is_of_another(effect: Effect, view: View) -> bool:
    """Whether this was done for a customer in whose chat another one speaks by now."""
    return _left(effect, view) and isinstance(view.scope, Customer)


def _not_started(draft: Draft, start: StartPayment | ResumePayment, refused: Refused, view: View) -> Draft:
    """A start that began nothing: why, and what was told stays as far as it is still good for something."""
    task, problem = paying(draft.talk), refused.objection
    number = start.quote.lines[0].number if isinstance(start, StartPayment) else _number(draft, start)
    left = task.refused() if task else None
    draft = replace(draft, talk=draft.talk.forgetting(view.at))
    if problem is Objection.PROVE_AGAIN and left is not None and view.can_sign_in:
        return draft.only(left, SignIn(why="saved", on_file=True))
    paused = problem is Objection.PAUSED and task is not None and not task.leaving
    choices: tuple[Choice, ...] = (AGAIN, PERSON) if paused else ()
    if problem is Objection.ALREADY_LIVE and may_close_left_page(view.scope):
        choices = (HERE,)
    if problem is Objection.TOO_MANY_DECLINES:
        left, choices = None, (PERSON,)
    draft = draft.reply(Reply(refusal(problem, number, view.house), choices))
    # shown again it would only be refused again: what was told stays, for when the pause is over
    draft = replace(draft, rest=paused)
    return draft.only(left) if left else draft.only()


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


def closed(draft: Draft, payment: Payment) -> Draft:
    """The page was asked to be closed: it is, or it was paid a moment before, or nobody knows yet."""
    task = paying(draft.talk)
    if task is None or not is_of(task.payment, payment):
        return replace(draft, rest=True)  # nobody waits for this answer; whatever is news in it comes by itself
    draft = replace(draft, talk=draft.talk.telling(payment))
    match payment.state:
        case PaymentState.FAILED | PaymentState.CANCELED if task.leaving != "drop":
            draft = draft.say("earlier_page_closed")
        case PaymentState.PROCESSING | PaymentState.SUCCEEDED:
            draft = draft.say("paid_before_closed")
        case _:
            pass
    return draft.only(*down_to_pay(draft.talk, task.moved(payment)))


# --- beside a payment -----------------------------------------------------------------------------------------------


def _beside(draft: Draft, outcome: Outcome) -> Draft:
    """The answer goes to the task that sent it; when something else is going on by now, nobody waits for it."""
    task = side(draft.talk, Side)
    mine = (
        SignIn
        | ChangeDetails
        | SetReminders
        | ChangeMethod
        | EnrolAutopay
        | AlterAutopay
        | AskPerson
        | StayHere
        | TellReceipt
    )
    if not isinstance(task, mine):
        return replace(draft, rest=True)
    if isinstance(task, SignIn) and isinstance(outcome, Locked):
        return without_sign_in(draft).enter(CallPerson("sign_in_locked", "too many wrong sign-in codes"))
    return draft.task(task.came(outcome))


def _code_was_right(draft: Draft, found: SignedIn, view: View) -> Draft:
    """Signed in; or, where several customers share the address, nearly."""
    mine = view.scope.id if isinstance(view.scope, Customer) else ""
    accounts = tuple(each for each in found.accounts if each.id == mine) or found.accounts
    task = side(draft.talk, SignIn)
    if len(accounts) > 1:
        # whoever planted this chat must not be the one who chooses
        draft = replace(draft, talk=replace(draft.talk, keys=draft.talk.keys + 1))
        return draft.task(replace(task, found=replace(found, accounts=accounts))) if task else draft
    return sign_in(draft, accounts[0], found, view)


def sign_in(draft: Draft, account: Account, found: SignedIn, view: View) -> Draft:
    """The conversation as this customer's; what was going on goes on, and otherwise what is to be paid is shown."""
    linked = isinstance(draft.talk.scope, Bearer)
    scope = Customer(account.id, found.at, draft.talk.chat, found.until)
    number = found.number if account == found.accounts[0] else ""
    draft = replace(draft, talk=draft.talk.signed_in(scope, account.name, view.at))
    draft = draft.only(*(each for each in draft.talk.tasks if not isinstance(each, SignIn)))
    remember = (REMEMBER,) if view.can_remember else ()
    draft = draft.say("signed_in", *remember, name=account.name)
    task = paying(draft.talk)
    if task is not None and not task.running and linked:
        if not number and not (task.number or task.whole):
            draft = draft.say("link_of_another")  # another customer's invoice: its link opens it, this sign-in does not
        return draft.only(*down_to_pay(draft.talk, task.mine(number)))
    return draft if draft.talk.tasks else draft.only(PayInvoice())


def _written(draft: Draft, saved: DetailsSaved, view: View) -> Draft:
    """The books took the change. A payment that waited for the zip goes on with it; a language is spoken from now on."""
    draft = replace(draft, talk=draft.talk.forgetting(view.at))
    if side(draft.talk, SetReminders) is not None:
        return _beside(draft, saved)
    task = side(draft.talk, ChangeDetails)
    if task is None:
        return draft.say("saved_meanwhile")
    language = saved.details.language
    if task.field == "language" and language in view.house.locales:
        draft = replace(draft, talk=replace(draft.talk, locale=language))
    if task.field == "email":
        # whoever holds the account elsewhere has to prove the new address; here both were proved just now
        scope = draft.talk.scope
        assert isinstance(scope, Customer)
        proof = "code" if scope.proof == "browser" else scope.proof  # every browser was forgotten with the address
        proved = replace(scope, proved_at=view.at + timedelta(microseconds=1), proof=proof)
        draft = replace(draft, talk=replace(draft.talk, scope=proved))
    payment = paying(draft.talk)
    if task.pay and payment is not None:
        tasks = tuple(
            payment.tell(Slot.ZIP, saved.details.zip, view) if each is payment else each for each in draft.talk.tasks
        )
        draft = draft.only(*tasks)
    return _beside(draft, saved)
