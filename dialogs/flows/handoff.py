"""Calling a person: hand the case over with a reason and a summary, once, and say what happens now."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from dialogs.model import CallAgent, Done, House, Move, Reply, Say, View


class CallPerson(msgspec.Struct, frozen=True, omit_defaults=True, tag="call_person"):
    """``reason`` is one of asked, lookup_locked, refund; ``summary`` spares the customer repeating it."""

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
        return Done(handed_over(self.reason, view.house, view.at), rest=True)


def handed_over(reason: str, house: House, at: datetime) -> Reply:
    """What happens now that a person has been given the case; and from when on, where nobody is there."""
    if reason == "asked" and not house.hours.is_open(at):
        opens = house.hours.opens(at)
        when = f"{opens:%H:%M}"
        return Reply(
            Say("person_called_closed", {"business": house.name, "phone": house.phone, "opens": opens, "time": when})
        )
    return Reply(Say(f"person_called_{reason}", {"business": house.name, "phone": house.phone}))
