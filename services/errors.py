"""What can go wrong beyond what is expected. Expected outcomes are returned, not raised.

    RemitError
    ├── Unavailable      it surely did not happen; the same call may be made again
    ├── Uncertain        it may have happened; look it up before anything else
    ├── Forged           a signature or secret does not fit; nothing of the message was used
    ├── Malformed        foreign bytes that are not what their sender's contract says
    │   └── Rejected     a plain no to this very request, which therefore did nothing
    └── Misconfigured    the settings cannot work; says which one and what to write instead

A message is safe to log: it never holds a card or bank number, a name, an address or a secret.
"""


class RemitError(Exception):
    """The root. Catch it only where a whole turn or job is given up."""


class Unavailable(RemitError):
    """It surely did not happen: refused, not connected, or answered with a plain no for now.

    ``retry_after`` is what the other side said about when to ask again, as it stood in that header; "" for nothing.
    """

    def __init__(self, *why: object, retry_after: str = "") -> None:
        super().__init__(*why)
        self.retry_after = retry_after


class Uncertain(RemitError):
    """No usable answer after the request may have arrived: a time-out, a dropped line, a 5xx."""


class Forged(RemitError):
    """A webhook or token whose signature, secret or time stamp does not fit."""


class Malformed(RemitError):
    """An answer or message that breaks its own contract."""


class Rejected(Malformed):
    """A service says no to a request that its contract allows: it did nothing, and a person has to see why."""


class Misconfigured(RemitError):
    """A setting that cannot work, found at start and never in the middle of a payment."""
