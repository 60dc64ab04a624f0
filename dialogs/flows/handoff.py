"""Calling a person: hand the case over with a reason and a summary, once, and say what happens now."""

import msgspec
from msgspec.structs import replace

from dialogs.model import CallAgent, Done, Move, Reply, Say, Value, View
from services.model import Stranger


class CallPerson(msgspec.Struct, frozen=True, omit_defaults=True, tag="call_person"):
    """``reason`` is one of asked, complaint, lookup_locked, sign_in_locked, refund; ``summary`` spares the customer repeating it."""

    reason: str
    summary: str = ""
    invoice: str = ""
    payment: str = ""
    called: bool = False

    def wiped(self, numbers: tuple[str, ...]) -> "CallPerson":  # noqa: ARG002  # as every task has it
        """Without the summary: it names the invoice as the customer did."""
        return replace(self, summary="")

    def next(self, view: View) -> Move:
        if not self.called:
            return CallAgent(self.reason, self.summary, self.invoice, self.payment)
        return Done(handed_over(self.reason, view), rest=True)


def handed_over(reason: str, view: View) -> Reply:
    """What happens now that a person has been given the case; and from when on, where nobody is there."""
    house, at = view.house, view.at
    if reason == "asked" and not house.hours.is_open(at):
        opens = house.hours.opens(at)
        when = f"{opens:%H:%M}"
        values: dict[str, Value] = {"business": house.name, "phone": house.phone, "opens": opens, "time": when}
        # who is proved has an address on file, as a rule; a messenger brings the answer by itself
        by_mail = house.writes and view.chat.startswith("web:") and not isinstance(view.scope, Stranger)
        return Reply(Say("person_called_closed_mail" if by_mail else "person_called_closed", values), hands_over=True)
    return Reply(Say(f"person_called_{reason}", {"business": house.name, "phone": house.phone}), hands_over=True)
