"""What the desk says in words: reasons, states, where a payment is, and why something was refused. Pure."""

import re
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from bot.wording import money_in
from services.desk.handoffs import Brief, Handoff, State, Tried
from services.desk.proposals import Proposal
from services.model import Money, Payment, exponent

REASONS = {
    "asked": "Asked for a person",
    "misses": "Was not understood twice",
    "lookup_locked": "Invoice look-up is locked",
    "sign_in_locked": "Sign-in is locked",
    "refund": "Wants a refund",
    "dispute": "Disputes a payment",
    "complaint": "Complains",
    "open_question": "A question about a payment is open",
    "same_invoice": "Came to another chat about the same invoice",
    "found": "Opened from the search",
}
STATES = {
    State.WAITING: "Waiting",
    State.HELD: "With a person",
    State.LENT: "With the assistant for a while",
    State.RESOLVED: "Resolved",
}
PROOFS = {
    "code": "signed in by a code sent by e-mail",
    "browser": "signed in from a browser that is remembered",
    "page": "vouched for by the page that the chat sits on",
    "link": "came by a pay link; not signed in",
    "lookup": "told an invoice number and its zip code; not signed in",
    "": "nobody is proved",
}
CHANNELS = {
    "web": "Web chat",
    "rasa": "Rasa",
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "callback": "Rasa (callback)",
    "console": "Terminal",
    "chatwoot": "Chatwoot",
}
LANGUAGES = {"en": "English", "es": "Spanish"}
METHODS = {"card": "Card", "bank": "Bank account"}
STEPS = {
    "invoice": "is choosing an invoice",
    "proof": "is asked for the billing zip code",
    "method": "is choosing how to pay",
    "amount": "is asked how much to pay",
    "name": "is asked for the name on the bill",
    "zip": "is asked for a zip code",
    "consent": "is asked to confirm the sum",
    "spread": "is choosing how a sum is laid over invoices",
    "email": "is asked for an e-mail address",
    "code": "is asked for the code sent by e-mail",
    "account": "is choosing an account",
    "payment": "is choosing a payment",
    "why": "is asked for the reason",
    "sure": "is asked whether that is right",
}
CHOSEN = {
    "card": "A card, chosen and not confirmed yet",
    "bank": "A bank account (ACH), chosen and not confirmed yet",
    "saved": "A saved card or account, chosen and not confirmed yet",
}
STAGES = {  # of a payment that was agreed to and has no result
    "created": "has agreed; the payment is being begun",
    "confirmed": "has agreed; the secure page is being made",
    "submitting": "has agreed; the saved method is being charged",
    "open": "has the secure page open, and nothing is paid there yet",
    "unknown": "has paid or not: it is being looked up",
}
PAYMENT_STATES = {
    "created": "not begun yet",
    "confirmed": "confirmed, the page is being made",
    "submitting": "being sent",
    "open": "the payment page is open",
    "processing": "on its way",
    "succeeded": "paid",
    "failed": "failed",
    "unknown": "being looked up",
    "canceled": "canceled",
    "part_refunded": "refunded in part",
    "refunded": "refunded",
    "returned": "returned by the bank",
    "disputed": "disputed",
    "won": "paid (dispute won)",
    "lost": "lost in a dispute",
}
PROPOSAL_STATES = {
    "offered": "The customer has not decided yet",
    "confirmed": "Confirmed by the customer",
    "declined": "Declined by the customer",
    "withdrawn": "Withdrawn",
    "blocked": "Not payable: a payment is under way, or nothing is due any more",
}
REFUSALS = {
    "not_held": "Take the chat first: a payment is proposed by whoever speaks there.",
    "no_invoice": "There is no such invoice, or the amount is not more than zero.",
    "ambiguous": "Several invoices have this number, and the chat does not say whose. Send a pay link instead.",
    "amount": "Write the amount as a number, such as 120 or 120.50.",
    "not_payable": "This invoice cannot be paid: it is paid, canceled, or not offered for payment here.",
    "other_currency": "The invoice is in another currency.",
    "several_customers": "These invoices belong to different customers.",
    "not_signed_in": "Several invoices at once need a customer who is signed in here, and whose they are.",
    "too_much": "That is more than is owed on the invoice.",
    "over_limit": "That is more than you may propose. Ask a supervisor.",
    "under_way": "A payment of this invoice is under way. Wait until it is through.",
}
LINK_FATES = {
    "sent": "The pay link was sent to the address on file.",
    "sent_today": "A pay link for this invoice was sent today already.",
    "no_address": "There is no e-mail address on file, so no link was sent.",
    "not_payable": "This invoice cannot be paid, so no link was sent.",
    "no_such_invoice": "There is no invoice with this number.",
    "refused": "This address takes no mail: a mail server said so. Ask the customer for another one.",
    "not_sent": "The mail server did not take the letter. Try again later.",
    "unclear": "The line to the mail server dropped at the last moment: the letter may have been sent.",
    "no_mail": "No mail server is set up, so no links can be sent.",
}
RECEIPT_FATES = {
    "sent": "The receipt goes to the address on file now.",
    "often": "This receipt was sent several times today already, so it was not sent again.",
    "no_address": "There is no receipt of it, or no e-mail address on file, so nothing was sent.",
    "no_mail": "No mail server is set up, so no receipts can be sent.",
    "old_form": "This form is too old. Send it again.",
}
DONE = (
    {
        "took": "The chat is yours. The assistant is silent now.",
        "replied": "Sent.",
        "returned": "The assistant speaks again. The chat stays yours.",
        "proposed": "Proposed. The assistant asks the customer; you get the chat back after.",
        "withdrew": "Withdrawal asked for. If the customer was quicker, the proposal stays confirmed.",
        "assigned": "Assigned.",
        "resolved": "Resolved. The customer is asked how it was.",
        "noted": "Note kept.",
        "case_closed": "The case is closed.",
    }
    | {f"link_{fate}": words for fate, words in LINK_FATES.items()}
    | {"receipt_sent": RECEIPT_FATES["sent"]}
)

_MARK = re.compile(r"\[[a-z ]{1,40} removed\]")  # what the guard puts in place of a number


def money(amount: Money) -> str:
    """A sum as the people at the desk read it."""
    return money_in(amount, "en")


def reason(told: str) -> str:
    """Why a person was asked for, in words; a reason that is not known here reads as it is."""
    return REASONS.get(told, told.replace("_", " ").capitalize())


def span(since: datetime, now: datetime) -> str:
    """How long ago, roughly: ``4 min``, ``1 h 12 min``, ``2 d``."""
    minutes = max(now - since, timedelta()) // timedelta(minutes=1)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d"


def who(brief: Brief) -> str:
    """The customer, as far as they are known."""
    return brief.name or "Somebody"


def step(brief: Brief) -> str:
    """Where the customer is in a payment, or ""."""
    if brief.stage in STAGES:
        return STAGES[brief.stage]
    if not brief.step:
        return ""
    quote = f" of {money(Money(brief.quote_minor, brief.currency))}" if brief.quote_minor and brief.currency else ""
    return f"{STEPS.get(brief.step, f'is asked for {brief.step}')}{quote if brief.step == 'consent' else ''}"


def tried(each: Tried) -> str:
    """A payment that was tried here, and what became of it."""
    words = f"{money(Money(each.amount_minor, each.currency))} by {each.method}: {PAYMENT_STATES.get(each.state, each.state)}"
    why = f" ({each.reason.replace('_', ' ')})" if each.reason else ""
    times = f", declined {each.declines} times" if each.declines > 1 else ""
    return f"{words}{why}{times}"


def proposal(each: Proposal, paid: Payment | None) -> str:
    """How a proposal stands: the ledger's word, where a payment came of it."""
    if paid is None:
        return PROPOSAL_STATES[each.state]
    why = f" ({paid.reason.replace('_', ' ')})" if paid.reason else ""
    return f"{PROPOSAL_STATES[each.state]}: {PAYMENT_STATES.get(paid.state, paid.state)}{why}"


def marked(text: str) -> Markup:
    """A text as HTML, in which what was taken out is shown as such."""
    if text == "[/start]":  # what a page says in a customer's name when it opens a chat
        return Markup("[opened the chat]")
    parts, at = [], 0
    for found in _MARK.finditer(text):
        parts += [escape(text[at : found.start()]), Markup("<mark>{}</mark>").format(found[0])]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def state(handoff: Handoff) -> str:
    """Who speaks there, in words."""
    words = STATES[handoff.state]
    return f"With {handoff.agent_name}" if handoff.state is State.HELD else words


def whole_money(amount: Money) -> str:
    """The same without decimals that are nothing, for the axis of a plot."""
    places = exponent(amount.currency)
    return money(amount).removesuffix("." + "0" * places) if places else money(amount)


def lasted(time: timedelta | None) -> str:
    """How long something took, in its two largest units: ``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``4 d 3 h``."""
    if time is None:
        return "none"
    seconds = round(time.total_seconds())
    for unit, name, smaller, its_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            rest = seconds % unit // smaller
            return f"{seconds // unit} {name}" + (f" {rest} {its_name}" if rest else "")
    return f"{seconds} s"
