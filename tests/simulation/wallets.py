"""Saved methods: who keeps them, and what every charge of one rests on.

A charge is the yes of the very customer whose method it is, signed in by a code or a remembered browser in the very chat,
to a quote that names that method; soon after it, and never after anybody was told that nothing was charged.
"""

from typing import TYPE_CHECKING

import msgspec

from bot.stores.base import Message
from services.sandbox.payments import HostedPage

from .people import Person
from .sentences import family
from .sessions import Sessions, SignedIn
from .till import Till

if TYPE_CHECKING:
    from .world import World

_CHARGED_WITHIN_S = 600.0  # of the yes
_CAPTURES = ("payment.processing", "payment.succeeded")
_ENDS_IT = ("debit_not_authorized", "account_closed", "no_account")  # an account needs a new authorisation after it
_NOT_CHARGED = ("refused_", "canceled", "failed_page_closed", "failed_never_opened", "failed_page_expired")


class Wallets:
    """Watches the saved methods of one world."""

    def __init__(self, world: "World", people: list[Person], till: Till, sessions: Sessions) -> None:
        self._world = world
        self._people = people
        self._till = till
        self._sessions = sessions
        self._owners: dict[str, str] = {}  # of the processor's names for customers

    def page_made(self, page: HostedPage) -> None:
        """The processor made a page: where it offers to save, or is there for a charge, its customer was signed in."""
        order = page.order
        owners = {self._world.owner_of(number) for number in order.invoices}
        if len(owners) != 1:
            self._world.violate(f"{order.reference} pays invoices of {', '.join(sorted(owners))} together")
        if not order.customer:
            return
        (owner,) = owners or {""}
        if self._owners.setdefault(order.customer, owner) != owner:
            known = self._owners[order.customer]
            self._world.violate(f"{order.reference} of {owner} is about what is kept for {known}")
        if (why := self._not_signed_in(order.reference, owner)) and not self._world.forgotten:
            what = "charges a saved method" if order.saved else "offers to save a method"
            self._world.violate(f"{order.reference} {what} of {owner}: {why}")

    def _not_signed_in(self, reference: str, owner: str) -> str:
        """Why the yes of this payment was not of its customer, or ""."""
        for row in self._consents(reference):
            found = self._sessions.at(row["chat"], row["message"])
            if isinstance(found, str):
                return found
            if isinstance(found, SignedIn):
                if owner not in found.customers:
                    return f"{', '.join(sorted(found.customers))} had signed in there"
                if found.how == "page":
                    return "it was the page that said who was there"
        return ""

    def charged(self, page: HostedPage, sent_at: float) -> None:
        """The processor charged a saved method just now, upon a request of ``sent_at``."""
        world, order = self._world, page.order
        for row in world.rows("SELECT state FROM payment WHERE reference = :r", r=order.reference):
            if row["state"] in ("failed", "canceled"):
                world.violate(f"{order.reference} was charged although the ledger has it as {row['state']}")
        kept = page.saved.id if page.saved else ""
        said = self._consents(order.reference)
        if not said or kept != order.saved:
            world.violate(f"{order.reference} charges {kept or 'what nobody keeps'} upon {len(said)} consents")
        for yes in said:
            self._soon(page, yes["chat"], yes["message"], sent_at)
            self._told_otherwise(page, yes["chat"], yes["message"])
        self._not_blocked(page)

    def _soon(self, page: HostedPage, chat: str, message: str, sent_at: float) -> None:
        if self._world.leaps or self._world.skewed:
            return
        agreed = [person.said_at[message] for person in self._of(chat) if message in person.said_at]
        if (waited := sent_at - min(agreed, default=sent_at)) > _CHARGED_WITHIN_S + 120:
            self._world.violate(f"{page.order.reference} was charged {waited:.0f} s after the yes")

    def _told_otherwise(self, page: HostedPage, chat: str, message: str) -> None:
        """Nobody had been told by then, in answer to this yes, that nothing was charged."""
        rows = self._world.stored("SELECT body FROM message WHERE chat = ? AND cause = ? ORDER BY seq", chat, message)
        for (body,) in rows:
            told = msgspec.json.decode(body, type=Message)
            if told.sender != "customer" and family(*_NOT_CHARGED).search(told.text):
                what = f"was charged after its customer had been told {told.text[:60]!r}"
                self._world.violate(f"{page.order.reference} {what}")

    def _not_blocked(self, page: HostedPage) -> None:
        """A bank had refused this account for good, and we knew it when the customer agreed."""
        if self._world.leaps or self._world.skewed:
            return
        known = "SELECT min(received_at) AS at FROM fact WHERE id = :id"
        agreed = "SELECT coalesce(max(at), 0) AS at FROM consent WHERE payment = :r"
        (said,) = self._world.rows(agreed, r=page.order.reference)
        for other in self._till.ours():
            if other is page or not other.charged or other.order.saved != page.order.saved:
                continue
            for event in other.events:
                heard = self._world.rows(known, id=event.id)[0]["at"] if event.code in _ENDS_IT else None
                if heard is not None and heard < said["at"] and event.type != "payment.declined":
                    what = f"of which {other.order.reference} had {event.code}"
                    self._world.violate(f"{page.order.reference} charges an account {what}")

    def judge(self) -> None:
        """Of each yes the processor took money once at most."""
        for page in self._till.ours():
            begun = sum(each.type == _CAPTURES[0] for each in page.events)
            took = sum(each.type == _CAPTURES[1] for each in page.events)
            if begun > 1 or took > 1:
                self._world.violate(f"{page.order.reference} was taken {max(begun, took)} times")

    def _consents(self, reference: str) -> list[dict[str, str]]:
        rows = self._world.rows("SELECT chat, message FROM consent WHERE payment = :r", r=reference)
        return [{"chat": row["chat"], "message": row["message"]} for row in rows]

    def _of(self, chat: str) -> list[Person]:
        return [person for person in self._people if person.chat == chat]
