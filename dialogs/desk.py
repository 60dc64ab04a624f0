"""A person in the chat: who speaks, what is kept unsaid meanwhile, and payments that a person proposes.

While a person holds a conversation the assistant is silent: what the customer writes is heard by that person alone, and of what
was under way only the news of payments is told. A person hands the chat to the assistant with a proposal, which the customer
confirms or declines like any quote, and gets it back after that. An outside system proposes in chats that are nobody's, and gets nothing.
"""

from typing import TypeAlias, assert_never

from msgspec.structs import replace

from dialogs.conversation import AnyTask, Conversation, Held, Landed, Proposed, Turn
from dialogs.draft import Draft
from dialogs.flows.pay import PayInvoice, starting
from dialogs.flows.status import NOT_PAID_YET, all_news
from dialogs.model import (
    AgentProposed,
    AgentResolved,
    AgentReturned,
    AgentSpoke,
    AgentTook,
    AgentWithdrew,
    Answered,
    AutopayTold,
    Came,
    Choice,
    Effect,
    Event,
    FromDesk,
    HandBack,
    Heard,
    NoteProposal,
    PaymentMoved,
    Pressed,
    Recalled,
    Reply,
    Say,
    Simple,
    Stars,
    View,
)
from services.model import Bearer, Customer, Payment

MOST_STARS = 5

Happened: TypeAlias = Event | Landed


def heed(draft: Draft, event: FromDesk, view: View) -> Draft:
    """What somebody at the desk wants of this conversation. What was heeded before changes nothing."""
    talk = replace(draft.talk, heeded=event.errand)
    draft = replace(draft, talk=talk)
    match event.word:
        case AgentTook(handoff, agent):
            return _taken(draft, Held(handoff, agent), view)
        case AgentSpoke(text, agent):
            return replace(draft.reply(Reply(Say("agent_says", {"text": text}), agent=agent)), rest=True)
        case AgentReturned():
            return _lent(draft, 0).say("agent_returned")
        case AgentProposed():
            return _proposed(draft, event.word, view)
        case AgentWithdrew(proposal, system):
            return _withdrawn(draft, proposal, system, view)
        case AgentResolved(handoff):
            draft = _called_off(draft, view)
            bare = replace(draft.talk, held=None, lent=None, proposal=0)
            stars = tuple(
                Choice(Say("button_stars", {"count": n}), Stars(handoff, n)) for n in range(1, MOST_STARS + 1)
            )
            return replace(replace(draft, talk=bare).say("agent_resolved", *stars, business=view.house.name), rest=True)
        case _:
            assert_never(event.word)


def listened(talk: Conversation, event: Heard | Pressed, locales: tuple[str, ...]) -> Conversation:
    """The customer speaks to the person who holds the chat: nothing is answered, agreed to or begun."""
    language = event.language if isinstance(event, Heard) else ""
    return replace(talk, heard_at=event.at, locale=language if language in locales else talk.locale)


def asked_back(draft: Draft, view: View) -> Draft:
    """The customer asks for a person while one has only lent the chat: that one has it back. An open page stays open."""
    assert draft.talk.lent is not None
    tasks = _without(draft.talk, view)
    talk = replace(draft.talk, tasks=tasks, held=draft.talk.lent, lent=None, asked=None)
    return replace(replace(draft, talk=talk).say("agent_back", agent=draft.talk.lent.agent), rest=True)


def accompanied(before: Conversation, event: Happened, turn: Turn) -> Turn:
    """The turn as it is in a conversation that somebody at the desk has to do with: silent while they hold it, and theirs
    again once what they lent it for is over.
    """
    if isinstance(event, FromDesk):
        return _without_questions(_still_payable(turn))
    if before.held is not None:
        return _without_questions(replace(turn, replies=_news_alone(before, event, turn)))
    if before.lent is not None or before.proposal:
        return _without_questions(_followed(before, event, turn, before.lent))
    return turn


# --- what a person does ------------------------------------------------------------------------------------------------


def _taken(draft: Draft, holder: Held, view: View) -> Draft:
    """From this turn on a person speaks. What was asked is asked no more, and a proposal that nobody agreed to is over."""
    before, draft = draft.talk.held, _called_off(draft, view)
    talk = replace(draft.talk, held=holder, lent=None, proposal=0, asked=None)
    draft = replace(draft, talk=talk, rest=True)
    return draft if before == holder else draft.say("agent_took", agent=holder.agent, business=view.house.name)


def _called_off(draft: Draft, view: View) -> Draft:
    """Without a proposal that nobody agreed to yet: who does something else with the chat has taken it back."""
    talk = draft.talk
    if not talk.proposal or (_task(talk, talk.proposal) is not None and not _is_open(talk, view)):
        return draft
    notes = (*draft.notes, NoteProposal(talk.proposal, "withdrawn"))
    return replace(draft, talk=replace(talk, tasks=_without(talk, view)), notes=notes)


def _lent(draft: Draft, proposal: int, proposed: Proposed | None = None) -> Draft:
    """The assistant speaks again, and says where we are; the chat stays that person's."""
    talk = replace(draft.talk, held=None, lent=draft.talk.held or draft.talk.lent, asked=None)
    return replace(draft, talk=replace(talk, proposal=proposal, proposed=proposed))


def _proposed(draft: Draft, word: AgentProposed, view: View) -> Draft:
    """A payment is proposed. One that is under way is not touched: then the proposal is over before it began."""
    if word.system and _is_taken(draft.talk, view):
        return replace(draft, notes=(*draft.notes, NoteProposal(word.proposal, "blocked")), rest=True)
    running = any(isinstance(task, PayInvoice) and task.running for task in draft.talk.tasks)
    if running or starting(view):
        return replace(draft, notes=(*draft.notes, NoteProposal(word.proposal, "blocked"), HandBack()), rest=True)
    tasks = tuple(task for task in draft.talk.tasks if not isinstance(task, PayInvoice))
    if isinstance(view.scope, Customer):
        pay = PayInvoice(numbers=word.numbers, amount=word.amount, proposal=word.proposal)
        if len(word.numbers) == 1:
            pay = PayInvoice(number=word.numbers[0], amount=word.amount, proposal=word.proposal)
        scope = draft.talk.scope
    else:
        # whoever at the desk proposes it vouches for the customer as far as a look-up would: to see it, and to pay it
        pay = PayInvoice(amount=word.amount, proposal=word.proposal)
        scope = draft.talk.scope if _holds(draft.talk.scope, word) else Bearer(word.invoices[0], "lookup")
    lent = _lent(draft, word.proposal, Proposed(word.amount, word.invoices))
    lent = replace(lent, talk=replace(lent.talk, tasks=(*tasks, pay), scope=scope))
    numbers = ", ".join(word.numbers)
    if word.reason:
        return lent.say(
            "agent_proposes_because", agent=word.agent, amount=word.amount, numbers=numbers, reason=word.reason
        )
    return lent.say("agent_proposes", agent=word.agent, amount=word.amount, numbers=numbers)


def _is_taken(talk: Conversation, view: View) -> bool:
    """Whether an outside system may not speak here: a person does, or something that was proposed waits for its answer."""
    return talk.held is not None or talk.lent is not None or (talk.proposal != 0 and _is_open(talk, view))


def _holds(scope: object, word: AgentProposed) -> bool:
    return isinstance(scope, Bearer) and scope.invoice == word.invoices[0]


def _withdrawn(draft: Draft, proposal: int, system: str, view: View) -> Draft:
    """Taken back, unless the customer was quicker to agree."""
    talk, lender = draft.talk, draft.talk.lent
    if talk.proposal != proposal or not _is_open(talk, view):
        return replace(draft, rest=True)
    back: tuple[Effect, ...] = () if lender is None else (HandBack(),)
    notes = (*draft.notes, NoteProposal(proposal, "withdrawn"), *back)
    talk = replace(talk, tasks=_without(talk, view), held=lender, lent=None, proposal=0, asked=None)
    name = system if lender is None else lender.agent
    return replace(replace(draft, talk=talk, notes=notes).say("proposal_withdrawn", agent=name), rest=True)


def _task(talk: Conversation, proposal: int) -> PayInvoice | None:
    found = (task for task in talk.tasks if isinstance(task, PayInvoice) and task.proposal == proposal)
    return next(found, None) if proposal else None


def _is_open(talk: Conversation, view: View) -> bool:
    """Whether nobody agreed yet to what is proposed."""
    task = _task(talk, talk.proposal)
    return task is not None and task.payment is None and not starting(view)


def _without(talk: Conversation, view: View) -> tuple[AnyTask, ...]:
    """The tasks without a proposal that nobody agreed to."""
    proposed = _task(talk, talk.proposal)
    return tuple(task for task in talk.tasks if task is not proposed) if _is_open(talk, view) else talk.tasks


# --- what is said meanwhile --------------------------------------------------------------------------------------------


def _news_alone(before: Conversation, event: Happened, turn: Turn) -> tuple[Reply, ...]:
    """Of what the assistant would say, the news of payments and of autopay, and what another person answered."""
    if isinstance(event, Answered | AutopayTold):
        return turn.replies
    payment = _payment_of(event)
    if payment is None or not turn.replies or (payment.state in NOT_PAID_YET and payment.reason is None):
        return ()
    told = next((each for each in before.payments if each.reference == payment.reference), None)
    return all_news(payment, told)


def _payment_of(event: Happened) -> Payment | None:
    match event:
        case PaymentMoved(payment) | Recalled(payment):
            return payment
        case Came(_, Payment() as payment):
            return payment
        case _:
            return None


def _without_questions(turn: Turn) -> Turn:
    """While a person holds it, nothing on the screen is for the assistant to hear."""
    if turn.talk.held is None:
        return turn
    bare = tuple(replace(reply, choices=()) for reply in turn.replies)
    return replace(turn, talk=replace(turn.talk, asked=None), replies=bare)


def _still_payable(turn: Turn) -> Turn:
    """A proposal that was over as soon as it was shown, since there is nothing to pay by now: its person has the chat again."""
    talk = turn.talk
    if not talk.proposal or _task(talk, talk.proposal) is not None:
        return turn
    notes, replies = list[Effect]([NoteProposal(talk.proposal, "blocked")]), turn.replies
    if talk.lent is not None:
        notes.append(HandBack())
        replies = (*replies, Reply(Say("agent_back", {"agent": talk.lent.agent})))
    talk = replace(talk, held=talk.lent or talk.held, lent=None, proposal=0)
    return replace(turn, talk=talk, replies=replies, effects=(*turn.effects, *_keyed(turn, notes)))


def _followed(before: Conversation, event: Happened, turn: Turn, lender: Held | None) -> Turn:
    """What became of a proposal is noted; once it is over, or a person is asked for, the chat is its lender's again."""
    talk, notes = turn.talk, list[Effect]()
    was, now = _task(before, before.proposal), _task(talk, talk.proposal)
    begun = None if was is None else was.payment
    found = _begun_by(event, begun) if now is None else now.payment
    paid = found if before.proposed is None or before.proposed.fits(found) else None  # else it is the customer's own
    if before.proposal and paid is not None and (begun is None or begun.reference != paid.reference):
        notes.append(NoteProposal(before.proposal, "confirmed", paid.reference))
    replies = turn.replies
    if before.proposal and (now is None or talk.held is not None):
        if paid is None:
            notes.append(NoteProposal(before.proposal, "declined"))
        if talk.held is None and lender is not None:
            replies = (*replies, Reply(Say("agent_back", {"agent": lender.agent})))
        talk = replace(talk, held=lender, lent=None, proposal=0)
    if talk.held is not None:
        notes.append(HandBack())
    return replace(turn, talk=talk, replies=replies, effects=(*turn.effects, *_keyed(turn, notes)))


def _begun_by(event: Happened, begun: Payment | None) -> Payment | None:
    """The payment that this event ended a proposal with."""
    payment = _payment_of(event)
    return payment if isinstance(event, Came) and payment is not None else begun


def _keyed(turn: Turn, notes: list[Effect]) -> tuple[tuple[str, Effect], ...]:
    """Under keys of their own, above those that the turn has given away."""
    first = len(turn.effects) + 1
    return tuple((f"{turn.talk.epoch}/{turn.talk.version}/{nth}", note) for nth, note in enumerate(notes, first))


def calls_back(draft: Draft, acts: tuple[object, ...]) -> bool:
    """Whether a person is asked for who has lent this chat to the assistant."""
    return draft.talk.lent is not None and Simple.HUMAN in acts
