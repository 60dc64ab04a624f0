"""What each test number does: the published test cards and bank accounts of Stripe, and the checks any page makes.

Sources: docs.stripe.com/testing (cards, invalid details, 3-D Secure, what a saved card does, disputes, asynchronous
refunds; how long these take is ours) and docs.stripe.com/payments/ach-direct-debit (account numbers, codes of
micro-deposits), read in 2026; ISO/IEC 7812-1 annex B for the Luhn digit; the ABA's routing number check digit.
Codes are the processor's own words; what they mean for a customer is the client's business. No state, no pages.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

DAY = timedelta(days=1)
DISPUTED_AFTER = DAY
DECIDED_AFTER = 20 * DAY  # counted from the dispute

DEPOSIT_CODE = "SM11AA"  # in the statement text of every micro-deposit
DEPOSIT_OVER = frozenset({"SM33CC", "SM44DD"})  # published as one try too many, and as too late


@dataclass(frozen=True, slots=True)
class RefundCourse:
    """What becomes of a refund, counted from its request: it succeeds, and may fail later all the same."""

    succeeds: timedelta = timedelta(0)
    fails: timedelta | None = None


AT_ONCE = RefundCourse()


@dataclass(frozen=True, slots=True)
class CardOutcome:
    """What the card's bank says. ``code`` is empty for a yes; ``challenge`` asks for 3-D Secure first.

    ``refund`` is what becomes of refunds to it, ``dispute`` how its holder's dispute ends; empty: there is none.
    ``zip`` is the only ZIP code that the bank takes; empty: it takes any.
    """

    code: str = ""
    challenge: bool = False
    refund: RefundCourse = AT_ONCE
    dispute: Literal["", "won", "lost"] = ""
    zip: str = ""

    def once_compared(self, typed: str) -> "CardOutcome":
        """What is left of it when the bank has compared this ZIP code. The four digits after a dash do not matter."""
        if self.zip and typed.strip().partition("-")[0] != self.zip:
            return CardOutcome("incorrect_zip")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a debit, ``after`` it was authorised."""

    after: timedelta
    kind: Literal["succeeded", "failed", "returned"]
    code: str = ""


@dataclass(frozen=True, slots=True)
class BankOutcome:
    """What becomes of a debit: refused at once with a ``code``, or processing with ``steps`` to come.

    ``deposit`` says that the account is proved by a micro-deposit first.
    """

    code: str = ""
    steps: tuple[Step, ...] = ()
    refund: RefundCourse = RefundCourse(3 * DAY)
    deposit: bool = False


_YES = CardOutcome()
_CHALLENGE = CardOutcome(challenge=True)

_CARDS = {
    # declines
    "4000000000000002": CardOutcome("generic_decline"),
    "4000000000009995": CardOutcome("insufficient_funds"),
    "4000000000009987": CardOutcome("lost_card"),
    "4000000000009979": CardOutcome("stolen_card"),
    "4000000000000069": CardOutcome("expired_card"),
    "4000000000000127": CardOutcome("incorrect_cvc"),
    "4000000000000119": CardOutcome("processing_error"),
    "4000000000006975": CardOutcome("card_velocity_exceeded"),
    "4000000000000341": CardOutcome("generic_decline"),  # but see `_SAVING`
    # checks and risk: this account blocks what fails them. …0028 and …0044 are not here: they fail or lack a check
    # of the street, which this page does not ask for, and so they are paid.
    "4000000000000036": CardOutcome(zip="10001"),  # published as failing the check; here it can be put right
    "4000000000000010": CardOutcome("incorrect_zip"),
    "4000000000000101": CardOutcome("incorrect_cvc"),
    "4100000000000019": CardOutcome("fraudulent"),
    "4000000000004954": CardOutcome("fraudulent"),
    # 3-D Secure
    "4000002500003155": _CHALLENGE,
    "4000002760003184": _CHALLENGE,
    "4000003800000446": _CHALLENGE,
    "4000000000003220": _CHALLENGE,
    "4000000000003063": _CHALLENGE,
    "4000008260003178": CardOutcome("insufficient_funds", challenge=True),
    "4000008400001629": CardOutcome("generic_decline", challenge=True),
    "4000008400001280": CardOutcome("processing_error"),  # the check itself breaks
    # paid, and not the end of it
    "4000000000007726": CardOutcome(refund=RefundCourse(timedelta(hours=1))),
    "4000000000005126": CardOutcome(refund=RefundCourse(fails=DAY)),
    "4000000000000259": CardOutcome(dispute="lost"),  # as fraudulent
    "4000000000002685": CardOutcome(dispute="won"),  # as product not received
}

# Published as "attaching succeeds, attempts to charge fail": the payment that saves it is the attaching.
_SAVING = {"4000000000000341": _YES}

# What a saved card does when its holder is not there, if that is something else. …3155 asks no more once it was set
# up, …0446 asks only the holder who is there; the others ask every time.
_LATER = {
    "4000000000000341": CardOutcome("generic_decline"),
    "4000002500003155": _YES,
    "4000003800000446": _YES,
}

_PAID = frozenset(
    {
        "4242424242424242", "4012888888881881", "4111111111111111",  # Visa
        "5555555555554444", "2223003122003222", "5200828282828210", "5105105105105100",  # Mastercard
        "378282246310005", "371449635398431",  # American Express
        "6011111111111117", "6011000990139424", "6011981111111113",  # Discover
        "3056930009020004", "36227206271667", "30569309025904", "38520000023237",  # Diners Club
        "3566002020360505", "3530111333300000",  # JCB
        "6200000000000005", "6200000000000047", "6205500000000000004",  # UnionPay
        "6555900000604105",  # BCcard and DinaCard
    }
)  # fmt: skip  # one brand a line reads better

_SETTLED = Step(3 * DAY, "succeeded")


def _fails(code: str) -> BankOutcome:
    return BankOutcome(steps=(Step(2 * DAY, "failed", code),))


_RETURNED_LATER = BankOutcome(steps=(_SETTLED, Step(5 * DAY, "returned", "debit_not_authorized")))

_ACCOUNTS = {
    "000111111113": _fails("account_closed"),
    "000111111116": _fails("no_account"),
    "000222222227": _fails("insufficient_funds"),
    "000333333335": _fails("debit_not_authorized"),
    "000444444440": _fails("invalid_currency"),
    "000555555559": _RETURNED_LATER,  # published as "triggers a dispute": for ACH that is a return after success
    "000666666661": BankOutcome(steps=(_SETTLED,), deposit=True),  # published as one to which no deposit can be sent
    "000000000009": BankOutcome(),  # stays in processing
    "000777777771": BankOutcome("charge_exceeds_weekly_limit"),
    "000000004954": BankOutcome("fraudulent"),
}

_BRANDS = (
    ("visa", re.compile(r"4")),
    ("mastercard", re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720")),
    ("amex", re.compile(r"3[47]")),
    ("discover", re.compile(r"6011|64[4-9]|65")),
    ("diners", re.compile(r"30[0-5]|3[689]")),
    ("jcb", re.compile(r"35")),
    ("unionpay", re.compile(r"62")),
)

_EXPIRY = re.compile(r"\s*([0-9]{1,2})\s*[/ -]?\s*([0-9]{4}|[0-9]{2})\s*")


def digits(typed: str) -> str | None:
    """A number as typed, without spaces and dashes; None when anything but ASCII digits is left."""
    bare = re.sub(r"[ \-]", "", typed)
    return bare if bare.isascii() and bare.isdigit() else None


def passes_luhn(number: str) -> bool:
    """Whether the last digit fits the others (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def passes_aba(routing: str) -> bool:
    """Whether nine digits can be a routing number: weights 3, 7, 1 sum to a multiple of ten (ABA)."""
    weights = (3, 7, 1) * 3
    return len(routing) == 9 and sum(w * int(d) for w, d in zip(weights, routing, strict=True)) % 10 == 0


def brand(number: str) -> str:
    """The card's brand by its first digits, ``card`` when none is known."""
    return next((name for name, prefix in _BRANDS if prefix.match(number)), "card")


def expiry_problem(typed: str, now: datetime) -> str | None:
    """The processor's code for an expiry that cannot be, ``unreadable``, or None when the card is still good.

    A card is good to the end of its month. Two digits of a year mean this century, unless that is 50 years ahead.
    """
    if (read := _expiry(typed, now)) is None:
        return "unreadable"
    year, month = read
    if not 1 <= month <= 12:
        return "invalid_expiry_month"
    return "invalid_expiry_year" if (year, month) < (now.year, now.month) or year >= now.year + 50 else None


def expiry_month(typed: str, now: datetime) -> str:
    """A readable expiry as ``2042-04``; empty when it cannot be read."""
    read = _expiry(typed, now)
    return f"{read[0]:04}-{read[1]:02}" if read else ""


def _expiry(typed: str, now: datetime) -> tuple[int, int] | None:
    match = _EXPIRY.fullmatch(typed)
    if match is None:
        return None
    month, year = int(match[1]), int(match[2])
    if len(match[2]) == 2:
        year += 2000 if 2000 + year < now.year + 50 else 1900
    return year, month


def card_outcome(number: str, cvc: str, *, saving: bool = False) -> CardOutcome:
    """What the bank of this card says to a charge. A number nobody published is a live one, and refused.

    ``saving`` when the card is to be kept once it has paid.
    """
    if not passes_luhn(number):
        return CardOutcome("incorrect_number")
    if len(cvc) != 3 and not (brand(number) == "amex" and len(cvc) == 4):
        return CardOutcome("invalid_cvc")
    if saving and number in _SAVING:
        return _SAVING[number]
    if number in _CARDS:
        return _CARDS[number]
    published = number in _PAID or (number.startswith("40000") and len(number) == 16)  # 40000…: the country cards
    return _YES if published else CardOutcome("test_mode_live_card")


def saved_card_outcome(number: str) -> CardOutcome:
    """What the bank of a card that has paid once says when it is charged later, without its holder there."""
    return _LATER.get(number, _CARDS.get(number, _YES))


def bank_outcome(account: str) -> BankOutcome:
    """What becomes of a debit from this account; one that is not published settles."""
    return _ACCOUNTS.get(account, BankOutcome(steps=(_SETTLED,)))


def saved_bank_outcome(account: str) -> BankOutcome:
    """What becomes of later debits from an account that has paid once: it is proved by then."""
    return replace(bank_outcome(account), deposit=False)
