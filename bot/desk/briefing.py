"""What a person at the desk needs to know of a conversation, and its log as they read it. Pure.

From the conversation's own state, so that the customer repeats nothing; nothing of a card or account is in there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.stores.base import Message
from dialogs.conversation import Conversation
from dialogs.flows.pay import PayInvoice
from dialogs.reading.buttons import from_button
from services.desk.handoffs import Brief, Tried
from services.desk.transcripts import Line
from services.model import Bearer, Billing, Customer, Payment, Stranger


def briefed(talk: Conversation, at: datetime) -> Brief:
    """Who this is, as far as it is proved; what is being done, and what was tried."""
    scope, asked = talk.scope_at(at), talk.asked
    total = None if asked is None else asked.total
    return Brief(
        name=talk.name if isinstance(scope, Customer) else _on_file(talk),
        proof="" if isinstance(scope, Stranger) else scope.proof,
        customer=scope.id if isinstance(scope, Customer) else "",
        language=talk.locale,
        channel=talk.chat.partition(":")[0],
        invoices=_invoices(talk),
        ids=_ids(talk),
        method=_method(talk),
        stage=_stage(talk),
        step="" if asked is None or asked.slot is None else str(asked.slot),
        quote_minor=0 if total is None else total.minor,
        currency="" if total is None else total.currency,
        tried=tuple(_tried(payment) for payment in talk.payments),
        wrong_proofs=talk.wrong_proofs,
        misses=talk.misses,
    )


def lines(messages: Sequence[Message], copied_at: datetime) -> list[Line]:
    """The log as people read it: a pressed button by its title, a link by its kind and never by its address."""
    titles: dict[str, str] = {}
    found = []
    for message in messages:
        titles |= {choice.payload: choice.title for choice in message.choices}
        at = datetime.fromtimestamp(message.at, UTC) if message.at else copied_at
        found.append(Line(message.seq, message.sender, message.name, _text(message, titles), at))
    return found


def _text(message: Message, titles: Mapping[str, str]) -> str:
    if message.sender == "customer":
        pressed = titles.get(message.text)
        if pressed is None and from_button(message.text) is None:
            return message.text
        return f"[{pressed or message.text}]"
    offered = " | ".join(choice.title for choice in message.choices)
    link = f"[{message.link.kind}]" if message.link is not None else ""
    return "\n".join(part for part in (message.text, link, f"[{offered}]" if offered else "") if part)


def _on_file(talk: Conversation) -> str:
    """The billing name that a link or a look-up shows; a look-up shows initials."""
    if not isinstance(talk.scope, Bearer):
        return ""
    return next((known.fact.name for known in talk.known if isinstance(known.fact, Billing)), "")


def _invoices(talk: Conversation) -> tuple[str, ...]:
    """Those that are being paid, or else those that were read here."""
    for task in reversed(talk.tasks):
        if isinstance(task, PayInvoice):
            if task.payment is not None:
                return task.payment.numbers
            if named := (task.number,) if task.number else task.numbers:
                return named
    return talk.numbers


def _ids(talk: Conversation) -> tuple[str, ...]:
    """The invoices that a link, a look-up or a payment of this chat names."""
    held = (talk.scope.invoice,) if isinstance(talk.scope, Bearer) else ()
    pay = _pay(talk)
    paid = pay.payment.invoices if pay is not None and pay.payment is not None else ()
    return tuple(dict.fromkeys((*held, *paid)))


def _method(talk: Conversation) -> str:
    """How the customer wants to pay, where they said so and agreed to nothing yet."""
    pay = _pay(talk)
    if pay is None or pay.payment is not None:
        return ""
    return "saved" if pay.saved or pay.named is not None else str(pay.method or "")


def _stage(talk: Conversation) -> str:
    """Where a payment is that was begun and has no result yet."""
    pay = _pay(talk)
    return str(pay.payment.state) if pay is not None and pay.payment is not None and pay.running else ""


def _pay(talk: Conversation) -> PayInvoice | None:
    return next((task for task in reversed(talk.tasks) if isinstance(task, PayInvoice)), None)


def _tried(payment: Payment) -> Tried:
    return Tried(
        payment.reference,
        payment.method,
        payment.amount.minor,
        payment.amount.currency,
        payment.state,
        payment.reason or "",
        payment.declines,
    )
