"""The saved methods of a signed-in customer: what is kept, which is used first, a name for one, and removing one.

They are saved on the secure page, where the customer ticks it; nothing is typed here.
"""

from typing import Literal

from msgspec.structs import replace

from dialogs.flows.lists import called, method_row
from dialogs.flows.offers import NO, PAY, yes_to
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    Ask,
    Choice,
    Done,
    Edit,
    EditMethod,
    Enter,
    Listed,
    MethodEdited,
    MethodsOf,
    Move,
    Outcome,
    Reply,
    Say,
    Slot,
    Telling,
    View,
)
from services.model import Customer, Methods, SavedMethod

MOST_BUTTONS = 4  # methods with buttons of their own; whoever keeps more says which in words
LONGEST_NICKNAME = 40


class SeeMethods(Side, frozen=True, omit_defaults=True, tag="see_methods"):
    """What is kept, with a button for each thing that can be done to it."""

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="methods"))
        lookup = MethodsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Methods(saved):
                return Done(_listed(saved, view))
            case _:
                return Done(Reply(Say("methods_unreachable")))


def _listed(saved: tuple[SavedMethod, ...], view: View) -> Reply:
    if not saved:
        return Reply(Say("no_methods"), (PAY,))
    rows = tuple(method_row(each, view.at.date()) for each in saved)
    choices: tuple[Choice, ...] = ()
    for each in saved[:MOST_BUTTONS]:
        name = {"method": called(each)}
        if not each.favorite and len(saved) > 1 and each.usable(view.at.date()):
            choices += (Choice(Say("button_favorite", name), Edit("favorite", each.key)),)
        choices += (Choice(Say("button_remove", name), Edit("remove", each.key)),)
    if len(saved) == 1:
        choices += (Choice(Say("button_nickname"), Edit("nickname", saved[0].key)),)
    return Reply(Say("methods", {"count": len(saved), "rows": Listed(rows)}), choices)


class ChangeMethod(Side, frozen=True, omit_defaults=True, tag="change_method"):
    """One thing done to one saved method, by its key."""

    what: Literal["remove", "favorite", "nickname"] = "favorite"
    key: str = ""
    nickname: str = ""
    agreed: bool = False
    done: Methods | None = None

    def tell(self, slot: Slot, value: Telling) -> "ChangeMethod | None":
        """With the name that it gets."""
        told = slot is Slot.NICKNAME and isinstance(value, str)
        return replace(self, nickname=str(value)[:LONGEST_NICKNAME]) if told else None

    def sure(self) -> "ChangeMethod | None":
        """Yes, remove it."""
        return replace(self, agreed=True) if self.what == "remove" else None

    def came(self, outcome: Outcome) -> "ChangeMethod":
        """With the methods as they are now."""
        return replace(self, done=outcome.methods) if isinstance(outcome, MethodEdited) else self

    def wiped(self, numbers: tuple[str, ...]) -> "ChangeMethod":  # noqa: ARG002  # a name is nobody's number
        """Without the name that was told."""
        return replace(self, nickname="")

    def next(self, view: View) -> Move:
        if not isinstance(view.scope, Customer):
            return Enter(SignIn(why="methods"))
        if self.done is not None:
            return Done(_listed(self.done.saved, view))
        lookup = MethodsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Methods(saved):
                found = next((each for each in saved if each.key == self.key), None)
                return Done(Reply(Say("method_gone"))) if found is None else self._do(found, view.scope)
            case _:
                return Done(Reply(Say("methods_unreachable")))

    def _do(self, found: SavedMethod, scope: Customer) -> Move:
        name = {"method": called(found)}
        if self.what == "remove" and not self.agreed:
            return Ask(Slot.SURE, Reply(Say("sure_remove", name), (yes_to(f"remove {found.id}"), NO)))
        if self.what == "nickname" and not self.nickname:
            return Ask(Slot.NICKNAME, Reply(Say("ask_nickname", name)))
        return EditMethod(scope, self.what, found.id, self.nickname)
