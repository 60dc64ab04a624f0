"""What a conversation wants from the world: look-ups (reads, before the commit) and effects (after it).

One `match` each. Everything here is already decided; whether it is allowed is checked by the services.
"""

from typing import assert_never

from dialogs.model import (
    Absent,
    BillingOf,
    CallAgent,
    Called,
    CloseCheckout,
    CloseLeftPage,
    Effect,
    Fact,
    Locked,
    LookUp,
    NotProved,
    OneInvoice,
    Outcome,
    PageLeft,
    PaymentNow,
    Proved,
    ProveInvoice,
    Refused,
    ResumePayment,
    StartPayment,
    Unreachable,
)
from services import identity
from services.errors import Malformed, Unavailable, Uncertain
from services.identity import Identity
from services.invoices.access import Access
from services.model import Payment
from services.payments.checkout import Checkout
from services.payments.checkout import Refused as NotStarted


class Hands:
    """The services behind a conversation."""

    def __init__(self, access: Access, checkout: Checkout, identity: Identity) -> None:
        self._access = access
        self._checkout = checkout
        self._identity = identity

    async def look_up(self, lookup: LookUp) -> Fact:
        """One fact as it is now. What cannot be reached or may not be seen is an answer too."""
        try:
            match lookup:
                case OneInvoice():
                    return await self._access.invoice(lookup.scope, lookup.invoice) or Absent()
                case BillingOf():
                    return await self._access.billing(lookup.scope, lookup.invoice) or Absent()
                case PaymentNow():
                    return await self._checkout.refresh(lookup.chat, lookup.reference) or Absent()
                case _:
                    assert_never(lookup)
        except (Unavailable, Uncertain, Malformed):
            return Unreachable()

    async def perform(self, key: str, chat: str, message: str, client: str, effect: Effect) -> Outcome:
        """Do it, once per ``key`` however often it is called.

        ``message`` is the id of the customer's message that caused it, ``client`` the address it came from.
        Raises `Unavailable`, `Uncertain` or `Malformed`: it is to be called again, later, with the same key.
        """
        match effect:
            case ProveInvoice(number, code):
                return _proof(await self._identity.prove(key, number, code, client, chat))
            case StartPayment(scope, quote):
                return _started(await self._checkout.start(key, chat, message, scope, quote))
            case ResumePayment(reference):
                return _started(await self._checkout.resume(chat, reference))
            case CloseLeftPage(scope, invoice):
                return PageLeft(await self._checkout.close_left(scope, invoice))
            case CloseCheckout(reference):
                return await self._checkout.close(chat, reference)
            case CallAgent(reason, summary, invoice, payment):
                return Called(await self._identity.call_agent(key, chat, reason, invoice, payment, summary))
            case _:
                assert_never(effect)


def _started(answer: Payment | NotStarted) -> Outcome:
    return Refused(answer.objection) if isinstance(answer, NotStarted) else answer


def _proof(answer: identity.Proved | identity.Wrong | identity.Locked) -> Outcome:
    match answer:
        case identity.Proved(invoice):
            return Proved(invoice)
        case identity.Wrong():
            return NotProved()
        case identity.Locked():
            return Locked()
        case _:
            assert_never(answer)
