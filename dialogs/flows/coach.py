"""What to do when money did not move: one reason in words, and the one thing that is most likely to help, as the first button.

Fraud-related reasons are one "declined" by the time they are here, so that whoever holds a stolen card learns nothing. How
often somebody may try is the ledger's to say.
"""

from collections.abc import Mapping

from dialogs.flows.offers import CANCEL, FIX_ZIP, LINK, METHODS, OTHER_METHOD, PAY_AGAIN, PERSON, VERIFY
from dialogs.model import CheckoutLink, Choice, ReceiptCard, Reply, Say, Value
from services.model import Payment, PaymentState, Reason

_RETURNS = (
    Reason.INSUFFICIENT_FUNDS,
    Reason.ACCOUNT_CLOSED,
    Reason.NO_ACCOUNT,
    Reason.STOPPED,
    Reason.NOT_AUTHORIZED,
)
_PAGES = (Reason.PAGE_EXPIRED, Reason.PAGE_CLOSED, Reason.NEVER_OPENED)  # ends of a page, never declines on one
_UNSAID = {PaymentState.FAILED: Reason.DECLINED, PaymentState.CANCELED: Reason.NEVER_OPENED}  # it never had a page

# What is offered before the usual buttons; for every other reason, the page itself is the thing to do next.
_FIRST: Mapping[Reason, tuple[Choice, ...]] = {
    Reason.WRONG_ZIP: (FIX_ZIP,),
    Reason.MICRO_DEPOSITS: (VERIFY,),
    Reason.LIMIT: (OTHER_METHOD,),
    Reason.NOT_SUPPORTED: (OTHER_METHOD,),
    Reason.ACCOUNT_CLOSED: (OTHER_METHOD,),
    Reason.NOT_AUTHORIZED: (OTHER_METHOD,),
}


def declined(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """A try that did not pay, while the page waits for another: what the reason is, and what to do next."""
    reason = Reason.DECLINED if payment.reason is None or payment.reason in _PAGES else payment.reason
    first = _FIRST.get(reason, ())
    if payment.saved and reason is not Reason.MICRO_DEPOSITS:
        # nothing was typed: another saved method, or a new one, is nearer than the page
        first = (*first, OTHER_METHOD) if OTHER_METHOD not in first else first
    there = Say("there_saved" if payment.saved else "there_same")
    return Reply(
        Say(f"declined_{reason}", {**values, "there": there}),
        (*first, LINK, CANCEL, PERSON),
        link=CheckoutLink(payment.reference),
    )


def failed(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """Nothing was paid, and this payment is over."""
    say = Say(f"failed_{payment.reason or _UNSAID[payment.state]}", values)
    return Reply(say, (PAY_AGAIN, PERSON), closes=True)


def returned(payment: Payment, values: Mapping[str, Value]) -> Reply:
    """The bank sent the money back: whether the same account can be tried again, or needs a new authorisation.

    NACHA lets a debit be presented again for want of funds (R01, R09); after a revocation (R05, R07, R10, R29) or for an
    account that is gone (R02, R03, R04) the same account must not be debited without a new authorisation.
    """
    reason = payment.reason if payment.reason in _RETURNS else Reason.RETURNED_OTHER
    again = payment.saved and reason in (Reason.NOT_AUTHORIZED, Reason.ACCOUNT_CLOSED, Reason.NO_ACCOUNT)
    choices = (PAY_AGAIN, METHODS, PERSON) if again else (PAY_AGAIN, PERSON)
    return Reply(Say(f"returned_{reason}", values), choices, ReceiptCard(payment))
