"""Calling a person: hand the case over with a reason and a summary, once, and say what happens now."""

import msgspec

from dialogs.model import CallAgent, Done, Move, Reply, Say, View


class CallPerson(msgspec.Struct, frozen=True, omit_defaults=True, tag="call_person"):
    """``reason`` is one of asked, misses, lookup_locked, refund; ``summary`` spares the customer repeating it."""

    reason: str
    summary: str = ""
    invoice: str = ""
    payment: str = ""
    called: bool = False

    def next(self, view: View) -> Move:
        if not self.called:
            return CallAgent(self.reason, self.summary, self.invoice, self.payment)
        values = {"business": view.house.name, "phone": view.house.phone}
        return Done(Reply(Say(f"person_called_{self.reason}", values)), rest=True)
