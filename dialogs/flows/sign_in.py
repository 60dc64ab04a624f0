"""Signing in: an e-mail address, a code that was sent there, and, where several customers share it, which of them.

Entered from inside any task, which goes on behind it. Nothing here tells whether an address is on file.
"""

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec.structs import replace

from dialogs.flows.offers import CANCEL, PERSON
from dialogs.flows.side import Side
from dialogs.model import (
    Ask,
    CheckCode,
    Choice,
    CodeSent,
    CodesSpent,
    CodeWrong,
    Done,
    Move,
    Outcome,
    Pick,
    Remember,
    Remembered,
    Reply,
    Say,
    SendCode,
    SignedIn,
    SignOut,
    Slot,
    Telling,
    View,
    Want,
)
from services.model import Account, Bearer, Customer, key_of

Why: TypeAlias = Literal["", "saved", "invoices", "methods", "autopay", "details", "history", "requests"]

SEND_AGAIN = Choice(Say("button_send_again"), Want("send_again"))
OTHER_ADDRESS = Choice(Say("button_other_address"), Pick(Slot.DETAIL, "email"))
ON_FILE = Choice(Say("button_on_file"), Want("send_again"))


class SignIn(Side, frozen=True, omit_defaults=True, tag="sign_in"):
    """``on_file``: the code goes to the address that the books have for the link's invoice, or for the customer."""

    why: Why = ""
    email: str = ""
    on_file: bool = False
    sent: bool = False
    code: str = ""  # told, and not found wrong yet
    wrong: bool = False  # the last one was
    spent: int = 0  # minutes until another code can be sent
    found: SignedIn | None = None  # the code was right, and several customers share the address

    def tell(self, slot: Slot, value: Telling) -> "SignIn | None":
        """With the address or the code; None for what signing in does not ask for."""
        match slot, value:
            case Slot.EMAIL, str(email):
                return SignIn(self.why, email)
            case Slot.CODE, str(code) if self.sent:
                return replace(self, code=code, wrong=False)
            case _:
                return None

    def again(self) -> "SignIn":
        """Another code to the same address; to the one on file, where none was told."""
        return replace(self, sent=False, code="", wrong=False, spent=0, on_file=not self.email)

    def spoken_to(self) -> "SignIn":
        """With what was told of the last code: it is told once."""
        return replace(self, wrong=False)

    def pick(self, slot: Slot, key: str) -> "SignIn | None":
        """Another address is to be told."""
        return SignIn(self.why) if (slot, key) == (Slot.DETAIL, "email") else None

    def chosen(self, key: str) -> Account | None:
        """The customer that a button names, if it is one at the address."""
        accounts = self.found.accounts if self.found is not None else ()
        return next((each for each in accounts if key_of(each.id) == key), None)

    def came(self, outcome: Outcome) -> "SignIn":
        """With what sending or checking a code answered."""
        match outcome:
            case CodeSent():
                return replace(self, sent=True, code="", wrong=False, spent=0)
            case CodesSpent(minutes):
                return replace(self, spent=max(1, minutes), code="")
            case CodeWrong():
                return replace(self, code="", wrong=True)
            case _:
                return self

    def wiped(self, numbers: tuple[str, ...]) -> "SignIn":  # noqa: ARG002  # the number kept here was read, not told
        """Without a code: what was told for one may be a piece."""
        return replace(self, code="")

    def next(self, view: View) -> Move:
        if not view.can_sign_in:
            values = {"business": view.house.name, "phone": view.house.phone}
            return Done(Reply(Say("sign_in_elsewhere", values)), in_vain=True)
        if self.found is not None and view.at < self.found.until:
            choices = tuple(
                Choice(Say("plain", {"text": a.name}), Pick(Slot.ACCOUNT, key_of(a.id))) for a in self.found.accounts
            )
            return Ask(Slot.ACCOUNT, Reply(Say("ask_account"), (*choices, CANCEL)))
        if self.spent:
            key = "codes_spent_known" if self.sent else "codes_spent"
            return Ask(Slot.CODE, Reply(Say(key, {"minutes": self.spent}), (SEND_AGAIN, OTHER_ADDRESS, PERSON, CANCEL)))
        if not (self.email or self.on_file):
            return self._ask_address(view)
        if not self.sent:
            return SendCode(self.email, "sign_in", view.scope)
        if self.code:
            return CheckCode(self.code, self.email, "sign_in", view.scope)
        say = Say("ask_code", {"email": self.email}) if self.email else Say("ask_code_on_file")
        return Ask(Slot.CODE, Reply(Say("code_wrong") if self.wrong else say, (SEND_AGAIN, OTHER_ADDRESS, CANCEL)))

    def _ask_address(self, view: View) -> Ask:
        """Said plainly: what the link alone may do, and what signing in opens."""
        linked = isinstance(view.scope, Bearer)
        because = Say("sign_in_opens_more" if linked else f"sign_in_for_{self.why or 'all'}")
        on_file = (ON_FILE,) if may_use_address_on_file(view) else ()
        key = "ask_email_or_on_file" if on_file else "ask_email"
        return Ask(Slot.EMAIL, Reply(Say(key), (*on_file, CANCEL)), because)


def may_use_address_on_file(view: View) -> bool:
    """Whether the code may go to an address that the visitor has not told: the one that the invoice was sent to."""
    return isinstance(view.scope, Customer) or (isinstance(view.scope, Bearer) and view.scope.proof == "link")


class LeaveAccount(Side, frozen=True, omit_defaults=True, tag="leave_account"):
    """Signing out: here, or in every chat and browser."""

    everywhere: bool = False

    def next(self, view: View) -> Move:
        if isinstance(view.scope, Customer):
            return SignOut(view.scope, self.everywhere)
        return Done(Reply(Say("not_signed_in")))


class StayHere(Side, frozen=True, omit_defaults=True, tag="stay_here"):
    """Being remembered in this browser; ``until`` when, once it is. ``refused``: it may not be, after all."""

    until: datetime | None = None
    refused: bool = False

    def came(self, outcome: Outcome) -> "StayHere":
        """With how long it is remembered, or that it is not."""
        return replace(self, until=outcome.until) if isinstance(outcome, Remembered) else replace(self, refused=True)

    def next(self, view: View) -> Move:
        if self.until is not None:
            return Done(Reply(Say("remembered", {"until": self.until})))
        if not isinstance(view.scope, Customer):
            return Done(Reply(Say("not_signed_in")))
        if not view.can_remember or view.scope.proof == "page" or self.refused:
            return Done(Reply(Say("cannot_remember")))
        return Remember(view.scope)
