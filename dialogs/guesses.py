"""What the model's intents stand for: the act of each, and what is offered when two of them may be meant.

A guess fills slots and chooses tasks. It never says yes for the customer, so "affirm" stands for nothing here.
"""

from collections.abc import Mapping

from dialogs.model import Act, Change, Choice, Say, Show, Simple, Slot, Tell, Want, Wonder
from services.model import Method

ACTS: Mapping[str, Act] = {
    "pay_invoice": Want("pay"),
    "check_balance": Want("balance"),
    "due_date": Want("balance"),
    "list_invoices": Show(),
    "partial_payment": Change(Slot.AMOUNT),
    "choose_card": Tell(Slot.METHOD, Method.CARD),
    "choose_bank": Tell(Slot.METHOD, Method.BANK),
    "accepted_methods": Wonder("ways-to-pay"),
    "saved_methods": Want("methods"),
    "fees": Wonder("program-fee"),
    "deny": Simple.NO,
    "change": Simple.NO,  # to a quote: what should I change?
    "cancel": Simple.DROP,
    "human": Simple.HUMAN,
    "help": Want("help"),
    "greet": Simple.GREET,
    "goodbye": Simple.GOODBYE,
    "thanks": Simple.THANK,
    "repeat": Simple.REPEAT,
    "payment_status": Want("status"),
    "payment_failed": Want("failed"),
    "refund_dispute": Want("refund"),
    "update_information": Want("details"),
    "receipt": Want("receipt"),
    "security_question": Wonder("card-safety"),
}
# Said with little belief these do harm, or say nothing: they are neither done on a guess nor offered as one.
_NEVER_OFFERED = frozenset({"affirm", "deny", "change", "greet", "goodbye", "thanks", "repeat", "out_of_scope"})


def offered(intents: tuple[str, ...]) -> tuple[Choice, ...]:
    """A button for each of these intents that can be offered as what may be meant."""
    return tuple(Choice(Say(f"mean_{intent}"), ACTS[intent]) for intent in intents if can_be_offered(intent))


def can_be_offered(intent: str) -> bool:
    """Whether "did you mean that?" can be asked about it."""
    return intent in ACTS and intent not in _NEVER_OFFERED
