"""What the books know of the customer, and changing it: told, confirmed, written, and read back.

A change of the e-mail address takes a code at the old address and one at the new: whoever holds an open chat for a
minute must not be able to take the account with them. That both came is checked by the service, not here.
"""

import re
from collections.abc import Collection
from typing import Literal, TypeAlias, assert_never

from msgspec.structs import replace

from dialogs.flows.offers import CANCEL, NO, PERSON, yes_to
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    AddressProved,
    Ask,
    CheckCode,
    Choice,
    CodeSent,
    CodesSpent,
    CodeWrong,
    DetailsOf,
    DetailsSaved,
    Done,
    Enter,
    Locked,
    Move,
    NotSaved,
    Outcome,
    Pick,
    Reply,
    SaveDetails,
    Say,
    SendCode,
    Slot,
    Telling,
    Value,
    View,
    Want,
)
from services.model import Customer, Details, Notices, Revision

Field: TypeAlias = Literal["name", "address", "zip", "email", "phone", "language", "notices"]
FIELDS: tuple[Field, ...] = ("name", "address", "zip", "email", "phone", "language", "notices")
_SLOTS: dict[Field, Slot] = {
    "name": Slot.NAME,
    "address": Slot.ADDRESS,
    "zip": Slot.ZIP,
    "email": Slot.EMAIL,
    "phone": Slot.PHONE,
    "language": Slot.LANGUAGE,
    "notices": Slot.NOTICES,
}
_NOTICES = {
    "all": Notices(),
    "receipts": Notices(reminders=False),
    "reminders": Notices(receipts=False),
    "none": Notices(receipts=False, reminders=False),
}
SEND_AGAIN = Choice(Say("button_send_again"), Want("send_again"))


class SeeDetails(Side, frozen=True, omit_defaults=True, tag="see_details"):
    """What is on file, with a button for each part of it."""

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="details"))
        lookup = DetailsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Details() as details:
                choices = tuple(Choice(Say(f"button_detail_{each}"), Pick(Slot.DETAIL, each)) for each in FIELDS)
                return Done(Reply(Say("details", shown(details, view.house.locales)), choices))
            case _:
                return Done(Reply(Say("books_unreachable")))


def shown(details: Details, locales: Collection[str]) -> dict[str, Value]:
    """Details as values of sentences; what is missing is said to be so."""
    missing = Say("not_on_file")
    told: dict[str, str] = {
        "name": details.name,
        "address": details.address,
        "zip": details.zip,
        "email": details.email,
        "phone": details.phone,
    }
    values: dict[str, Value] = {name: value or missing for name, value in told.items()}
    values["language"] = Say(f"language_{details.language}") if details.language in locales else missing
    values["notices"] = Say(f"notices_{notices_word(details.notices)}")
    return values


def notices_word(notices: Notices) -> str:
    """The word for what a customer wants to hear of."""
    return next(word for word, each in _NOTICES.items() if each == notices)


class ChangeDetails(Side, frozen=True, omit_defaults=True, tag="change_details"):
    """One part of the details; ``value`` as it was told. ``pay``: the payment below waits for just this zip."""

    field: Field | None = None
    value: str = ""
    pay: bool = False
    agreed: bool = False
    step: Literal["old", "new", "proved"] = "old"  # of a change of address: whose code is next
    sent: bool = False
    code: str = ""
    wrong: bool = False
    spent: int = 0
    locked: bool = False
    saved: Details | None = None
    refused: bool = False

    def tell(self, slot: Slot, value: Telling) -> "ChangeDetails | None":
        """With the new value, or a code."""
        if slot is Slot.CODE and isinstance(value, str):
            return replace(self, code=value, wrong=False)
        if self.field is None or slot is not _SLOTS[self.field] or not isinstance(value, str) or self.agreed:
            return None
        return replace(self, value=value)

    def pick(self, slot: Slot, key: str) -> "ChangeDetails | None":
        """With the part that is to be changed, or one of few values, by its button."""
        if slot is not Slot.DETAIL:
            return None
        if key in FIELDS:
            return ChangeDetails(key)
        one_of_few = self.field == "language" or (self.field == "notices" and key in _NOTICES)
        return replace(self, value=key) if one_of_few else None

    def change(self, slot: Slot) -> "ChangeDetails | None":
        """With its value to be told again."""
        mine = self.field is not None and slot is _SLOTS[self.field]
        return ChangeDetails(self.field, pay=self.pay) if mine else None

    def spoken_to(self) -> "ChangeDetails":
        """With what was told of the last code: it is told once."""
        return replace(self, wrong=False)

    def again(self) -> "ChangeDetails":
        """Another code."""
        return replace(self, sent=False, code="", wrong=False, spent=0)

    def sure(self) -> "ChangeDetails | None":
        """Yes, this is right."""
        return replace(self, agreed=True) if self.value else None

    def came(self, outcome: Outcome) -> "ChangeDetails":
        """With what a code or the books answered."""
        match outcome:
            case CodeSent():
                return replace(self, sent=True, code="", wrong=False, spent=0)
            case CodesSpent(minutes):
                return replace(self, spent=max(1, minutes), code="")
            case CodeWrong():
                return replace(self, code="", wrong=True)
            case Locked():
                return replace(self, code="", locked=True)
            case AddressProved():
                fresh = replace(self, sent=False, code="", wrong=False)
                return replace(fresh, step="new" if self.step == "old" else "proved")
            case DetailsSaved(details):
                return replace(self, saved=details)
            case NotSaved():
                return replace(self, refused=True)
            case _:
                return self

    def wiped(self, numbers: tuple[str, ...]) -> "ChangeDetails":  # noqa: ARG002  # no detail is an invoice's number
        """Without the new value, where it is free text, and without a code. What was written is written."""
        if self.saved is not None or self.field in ("email", "language", "notices"):
            return replace(self, code="")
        return ChangeDetails(self.field, pay=self.pay)

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="details"))
        if self.saved is not None:
            return Done(Reply(Say(f"saved_{self.field}", shown(self.saved, view.house.locales))))
        if self.refused:
            return Done(Reply(Say("not_saved", {"business": view.house.name}), (PERSON,)))
        if self.field is None:
            return Enter(SeeDetails(), back=False)
        if not self.value or (problem := self._problem(view)) is not None:
            return self._ask(None if not self.value else problem, view)
        if not self.agreed:
            return Ask(
                Slot.SURE,
                Reply(
                    Say(f"sure_{self.field}", {"value": self._in_words()}), (yes_to(f"{self.field} {self.value}"), NO)
                ),
            )
        if self.field == "email" and self.step != "proved":
            return self._prove(view.scope)
        return SaveDetails(view.scope, self.revision())

    def _problem(self, view: View) -> Say | None:
        if self.field == "language" and self.value not in view.house.locales:
            return Say("language_not_spoken")
        if self.field == "email" and not _ADDRESS.fullmatch(self.value):
            return Say("not_an_email")
        if self.field == "phone" and not _PHONE.fullmatch(self.value):
            return Say("not_a_phone")
        return None

    def _ask(self, because: Say | None, view: View) -> Ask:
        assert self.field is not None
        choices: tuple[Choice, ...] = ()
        if self.field == "language":
            choices = tuple(Choice(Say(f"language_{each}"), Pick(Slot.DETAIL, each)) for each in view.house.locales)
        if self.field == "notices":
            choices = tuple(Choice(Say(f"button_notices_{word}"), Pick(Slot.DETAIL, word)) for word in _NOTICES)
        key = "ask_zip_to_fix" if self.pay else f"ask_new_{self.field}"
        return Ask(_SLOTS[self.field], Reply(Say(key), (*choices, CANCEL)), because)

    def _in_words(self) -> Value:
        if self.field == "language":
            return Say(f"language_{self.value}")
        return Say(f"notices_{self.value}") if self.field == "notices" else self.value

    def _prove(self, scope: Customer) -> Move:
        """A code at the old address, then one at the new."""
        if self.locked:
            return Done(Reply(Say("codes_locked"), (PERSON,)))
        if self.spent:
            key = "codes_spent_known" if self.sent else "codes_spent"
            return Ask(Slot.CODE, Reply(Say(key, {"minutes": self.spent}), (SEND_AGAIN, PERSON, CANCEL)))
        email, purpose = ("", "old_address") if self.step == "old" else (self.value, "new_address")
        if not self.sent:
            return SendCode(email, "old_address" if purpose == "old_address" else "new_address", scope)
        if self.code:
            return CheckCode(self.code, email, "old_address" if purpose == "old_address" else "new_address", scope)
        say = Say("ask_code_old_address") if self.step == "old" else Say("ask_code_new_address", {"email": self.value})
        return Ask(Slot.CODE, Reply(Say("code_wrong") if self.wrong else say, (SEND_AGAIN, CANCEL)))

    def revision(self) -> Revision:
        """What is to be written."""
        match self.field:
            case "address":
                return address(self.value)
            case "notices":
                return Revision(notices=_NOTICES[self.value])
            case "name":
                return Revision(name=self.value)
            case "zip":
                return Revision(zip=self.value)
            case "email":
                return Revision(email=self.value)
            case "phone":
                return Revision(phone=self.value)
            case "language":
                return Revision(language=self.value)
            case None:
                return Revision()
            case _:
                assert_never(self.field)


_ADDRESS = re.compile(r"[^\s@,;<>()]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_PHONE = re.compile(r"\+?[0-9](?:[\s().-]{0,2}[0-9]){5,18}")
_REGION_AND_ZIP = re.compile(r"(?P<region>[A-Za-z .]{2,30}?)\s+(?P<zip>[0-9]{5}(?:-[0-9]{4})?)")


def address(told: str) -> Revision:
    """An address told in one line: street, city, region, and the zip if it stands there. What has no place stays in the street."""
    parts = [part.strip() for part in told.split(",") if part.strip()]
    code = None
    if parts and (tail := _REGION_AND_ZIP.fullmatch(parts[-1])):
        code, parts[-1] = tail["zip"], tail["region"]
    elif len(parts) > 1 and re.fullmatch(r"[0-9]{5}(?:-[0-9]{4})?", parts[-1]):
        code = parts.pop()
    region = parts.pop() if len(parts) > 2 else ""
    city = parts.pop() if len(parts) > 1 else ""
    return Revision(street=", ".join(parts), city=city, region=region, zip=code)
