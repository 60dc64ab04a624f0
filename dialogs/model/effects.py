"""What changes the world or counts a try: committed with the turn, performed after it."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from services.model import AutopayChange, Customer, Quote, Revision, Scope, Shown, Terms


class ProveInvoice(msgspec.Struct, frozen=True, tag="prove_invoice"):
    number: str
    zip: str


class StartPayment(msgspec.Struct, frozen=True, tag="start_payment"):
    scope: Scope
    quote: Quote
    agreed_at: datetime | None = None  # when the customer said yes
    shown: Shown = Shown()  # the words that the yes was said to


class ResumePayment(msgspec.Struct, frozen=True, tag="resume_payment"):
    """Go on with a payment of this chat that was agreed to, and whose page nobody has seen yet."""

    reference: str


class CloseCheckout(msgspec.Struct, frozen=True, tag="close_checkout"):
    reference: str


class CloseLeftPage(msgspec.Struct, frozen=True, tag="close_left_page"):
    """Close the page that another chat left open on this invoice: only for who holds the invoice's own pay link."""

    scope: Scope
    invoice: str


class CallAgent(msgspec.Struct, frozen=True, tag="call_agent"):
    reason: str
    summary: str
    invoice: str = ""
    payment: str = ""


Purpose: TypeAlias = Literal["sign_in", "old_address", "new_address"]


class SendCode(msgspec.Struct, frozen=True, tag="send_code"):
    """Send a six-digit code. An empty ``email``: to the address on file of the invoice whose link ``scope`` holds, or of
    the customer that ``scope`` is.
    """

    email: str
    purpose: Purpose
    scope: Scope


class CheckCode(msgspec.Struct, frozen=True, tag="check_code"):
    """Check a code that was sent with the same ``email``, ``purpose`` and ``scope``. It counts as a try."""

    code: str
    email: str
    purpose: Purpose
    scope: Scope


class SignOut(msgspec.Struct, frozen=True, tag="sign_out"):
    scope: Customer
    everywhere: bool = False


class Remember(msgspec.Struct, frozen=True, tag="remember"):
    """Remember the browser of this chat, so that nothing has to be proved in it for a while."""

    scope: Customer


class SaveDetails(msgspec.Struct, frozen=True, tag="save_details"):
    scope: Customer
    revision: Revision


class EditMethod(msgspec.Struct, frozen=True, tag="edit_method"):
    scope: Customer
    what: Literal["remove", "favorite", "nickname"]
    method: str
    nickname: str = ""


class SetAutopay(msgspec.Struct, frozen=True, tag="set_autopay"):
    """Agree to the terms of autopay, as they were shown; or pause, resume or leave it."""

    scope: Customer
    what: AutopayChange
    terms: Terms | None = None
    shown: Shown = Shown()


class OpenRequest(msgspec.Struct, frozen=True, tag="open_request"):
    """Hand a wish for money back, or an objection, to a person. ``why``: the customer's words, redacted."""

    scope: Scope
    kind: Literal["refund", "dispute"]
    why: str
    payment: str = ""
    invoice: str = ""
    number: str = ""


class SendReceipt(msgspec.Struct, frozen=True, tag="send_receipt"):
    """Send the receipt of one of the customer's payments to the address on file."""

    scope: Customer
    reference: str


class CountHelp(msgspec.Struct, frozen=True, tag="count_help"):
    """Note for the business whether an article answered a question."""

    topic: str
    helped: bool


class NoteGap(msgspec.Struct, frozen=True, tag="note_gap"):
    """Note for the business a question that no article answers. ``text`` is redacted."""

    text: str
    language: str


class AskAgent(msgspec.Struct, frozen=True, tag="ask_agent"):
    """Somebody should look into this chat, though its customer did not ask for it."""

    reason: Literal["misses"]


class NoteProposal(msgspec.Struct, frozen=True, tag="note_proposal"):
    """What became of a payment that a person proposed. ``payment``: the reference of the one it led to."""

    proposal: int
    state: Literal["confirmed", "declined", "withdrawn", "blocked"]
    payment: str = ""


class HandBack(msgspec.Struct, frozen=True, tag="hand_back"):
    """Whoever lent this chat to the assistant has it again."""


class RateHandoff(msgspec.Struct, frozen=True, tag="rate_handoff"):
    handoff: int
    stars: int  # 1 to 5


class CarryOver(msgspec.Struct, frozen=True, tag="carry_over"):
    """Take what has left this conversation to the chat it goes on in. What that is stands in the conversation."""

    to: str


Effect: TypeAlias = (
    ProveInvoice
    | StartPayment
    | ResumePayment
    | CloseCheckout
    | CloseLeftPage
    | CallAgent
    | SendCode
    | CheckCode
    | SignOut
    | Remember
    | SaveDetails
    | EditMethod
    | SetAutopay
    | OpenRequest
    | SendReceipt
    | CountHelp
    | NoteGap
    | CarryOver
    | AskAgent
    | NoteProposal
    | HandBack
    | RateHandoff
)


class Sent(msgspec.Struct, frozen=True):
    """An effect that is under way: committed, and not answered yet."""

    key: str  # epoch/turn/n
    effect: Effect
    at: datetime
