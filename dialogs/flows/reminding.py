"""Turning reminders of open invoices on and off by one word or tap: nothing is asked, since either is undone as easily.

It is the same setting on file that the link in a reminder and "E-mails to me" change. Receipts stay as they are.
"""

from msgspec.structs import replace

from dialogs.flows.offers import PERSON
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    Choice,
    DetailsOf,
    DetailsSaved,
    Done,
    Enter,
    Move,
    NotSaved,
    Outcome,
    Reply,
    SaveDetails,
    Say,
    View,
    Want,
)
from services.model import Customer, Details, Revision

REMIND = Choice(Say("button_remind"), Want("remind"))
STOP_REMINDERS = Choice(Say("button_stop_reminders"), Want("stop_reminders"))


class SetReminders(Side, frozen=True, omit_defaults=True, tag="set_reminders"):
    """``on``: whether they are wanted from now on."""

    on: bool
    saved: bool = False
    refused: bool = False

    def came(self, outcome: Outcome) -> "SetReminders":
        """With what the books answered."""
        match outcome:
            case DetailsSaved():
                return replace(self, saved=True)
            case NotSaved():
                return replace(self, refused=True)
            case _:
                return self

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="details"))
        if self.refused:
            return Done(Reply(Say("not_saved", {"business": view.house.name}), (PERSON,)))
        if self.saved:
            return Done(self._told())
        lookup = DetailsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Details() as details if details.notices.reminders == self.on:
                return Done(self._told())
            case Details() as details:
                return SaveDetails(view.scope, Revision(notices=replace(details.notices, reminders=self.on)))
            case _:
                return Done(Reply(Say("books_unreachable")))

    def _told(self) -> Reply:
        """How it is now, with the button that takes it back."""
        return Reply(Say("reminders_on"), (STOP_REMINDERS,)) if self.on else Reply(Say("reminders_off"), (REMIND,))
