"""The buttons that more than one task shows. What they do is told in `dialogs/repair.py`."""

from collections.abc import Mapping

from dialogs.model import Change, Choice, Choose, GetReceipt, Say, Show, Simple, Slot, Sure, Value, Want
from services.model import Filter, Payment, PaymentState, key_of

PAY = Choice(Say("button_pay"), Want("pay"))
PAY_AGAIN = Choice(Say("button_pay_again"), Want("pay"))
PERSON = Choice(Say("button_person"), Simple.HUMAN)
AGAIN = Choice(Say("button_again"), Want("pay"))
CANCEL = Choice(Say("button_cancel"), Simple.DROP)
LINK = Choice(Say("button_link"), Want("link"))  # first: a "1" sent twice must not cancel anything
OTHER_INVOICE = Choice(Say("button_other_invoice"), Change(Slot.INVOICE))
SIGN_IN = Choice(Say("button_sign_in"), Want("sign_in"))
SIGN_OUT = Choice(Say("button_sign_out"), Want("sign_out"))
REMEMBER = Choice(Say("button_remember"), Want("remember"))
ALL_OF_THEM = Choose()
SEVERAL = Choice(Say("button_several"), Want("several"))
ENOUGH = Choice(Say("button_enough"), Want("enough"))
SHOW_ALL = Choice(Say("button_invoices"), Show())
SHOW_OPEN = Choice(Say("button_open_invoices"), Show(Filter(payable=True)))
OTHER_METHOD = Choice(Say("button_change_method"), Change(Slot.METHOD))
METHODS = Choice(Say("button_methods"), Want("methods"))
HISTORY = Choice(Say("button_history"), Want("history"))
DETAILS = Choice(Say("button_details"), Want("details"))
FIX_ZIP = Choice(Say("button_fix_zip"), Want("fix_zip"))
VERIFY = Choice(Say("button_verify"), Want("verify"))
REQUESTS = Choice(Say("button_requests"), Want("requests"))
ASK_REFUND = Choice(Say("button_refund"), Want("refund"))
DISPUTE = Choice(Say("button_dispute"), Want("dispute"))
STATUS = Choice(Say("button_status"), Want("status"))
HOP_BACK = Choice(Say("button_hop_back"), Want("back"))
NO = Choice(Say("button_no"), Simple.DROP)

# Whose money came, or is on its way: until it has arrived the receipt is a notice of that.
HAVE_RECEIPT = (
    PaymentState.PROCESSING,
    PaymentState.SUCCEEDED,
    PaymentState.PART_REFUNDED,
    PaymentState.REFUNDED,
    PaymentState.DISPUTED,
    PaymentState.WON,
    PaymentState.LOST,
    PaymentState.RETURNED,
)


def yes_to(question: str) -> Choice:
    """The yes to one question, which is named by all that it is about."""
    return Choice(Say("button_yes"), Sure(key_of(question)))


def receipt_button(payment: Payment) -> Choice:
    """Shows the receipt of one payment."""
    values: Mapping[str, Value] = {"amount": payment.amount, "number": ", ".join(payment.numbers)}
    return Choice(Say("button_receipt_of", values), GetReceipt(payment.key))
