"""People: their billing details, and who is asking. What a scope may see is checked by the services, never here."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from services.model.invoices import plain


class Billing(msgspec.Struct, frozen=True, omit_defaults=True, tag="billing"):
    """Billing details on file. Empty strings where the books have none.

    ``masked`` details may be shown to a visitor who proved only a look-up, and are never used for anything else.
    """

    name: str = ""
    zip: str = ""
    email: str = ""
    masked: bool = False

    def mask(self) -> "Billing":
        """What is left to see of these details: initials, and nothing to write to."""
        name = " ".join(word[0] + "•••" for word in self.name.split())
        return Billing(name=name, zip="•••" + self.zip[-2:] if self.zip else "", masked=True)


class Notices(msgspec.Struct, frozen=True):
    """What a customer wants to hear of by e-mail."""

    receipts: bool = True
    reminders: bool = True


class Details(msgspec.Struct, frozen=True, omit_defaults=True, tag="details"):
    """All that the books know of a customer, for the customer alone. Empty strings where they know nothing."""

    name: str = ""
    street: str = ""
    city: str = ""
    region: str = ""  # a state or province
    zip: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""  # such as en or es; empty: not said
    notices: Notices = Notices()

    @property
    def address(self) -> str:
        """Street, city and region in one line, as far as they are known."""
        return ", ".join(part for part in (self.street, self.city, self.region) if part)


class Revision(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of details: what is None stays as it is."""

    name: str | None = None
    street: str | None = None
    city: str | None = None
    region: str | None = None
    zip: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    notices: Notices | None = None

    def of(self, details: Details) -> Details:
        """The details after this change."""
        told = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(details, **told)


class Account(msgspec.Struct, frozen=True):
    """A customer who can sign in, and the name to tell it from another one at the same address."""

    id: str
    name: str


def same_address(told: str, known: str) -> bool:
    """Whether two e-mail addresses are one: case aside, as every provider treats it (RFC 5321 2.4 allows more)."""
    return bool(known) and told.strip().casefold() == known.strip().casefold()


def same_zip(told: str, known: str) -> bool:
    """Whether a told zip fits the one on file: case, spaces and dashes aside; ZIP+4 fits its ZIP (USPS)."""
    left, right = plain(told), plain(known)
    if len(left) == 9 and left.isdigit():
        left = left[:5]
    if len(right) == 9 and right.isdigit():
        right = right[:5]
    return bool(right) and left == right


# --- who is asking ------------------------------------------------------------------------------------------------


class Stranger(msgspec.Struct, frozen=True, tag="stranger"):
    """Nobody we know anything about."""


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """Whoever holds a pay link of one invoice, or proved it by number and billing zip: may see it and pay it."""

    invoice: str
    proof: Literal["link", "lookup"]


class Customer(msgspec.Struct, frozen=True, omit_defaults=True, tag="customer"):
    """A customer who signed in: when, in which chat, by what, and until when it counts.

    ``channel`` is the whole name of the chat in which it was proved; elsewhere it charges no saved method. ``proof``:
    a code by e-mail, a browser remembered from one, or the word of the page that embeds the widget.
    """

    id: str
    proved_at: datetime
    channel: str
    until: datetime
    proof: Literal["code", "browser", "page"] = "code"

    def may_charge(self, chat: str) -> bool:
        """Whether saved methods may be charged in this chat: only where the customer proved an e-mail address here."""
        return self.proof != "page" and self.channel == chat


Scope: TypeAlias = Stranger | Bearer | Customer
