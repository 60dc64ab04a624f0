"""What the runtime asks of a conversation store: one atomic commit per turn, and nothing about money.

A store keeps the running talk: state, inbox, message log and outbox. It can be lost without losing a payment.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from dialogs.conversation import Conversation
from dialogs.model import Effect

# A turn's own process works on its effects at once; another may look at them when this lease is over.
FIRST_LEASE_SECONDS = 30
# Messages of one conversation that are kept, and at times some more: nobody reads further up, and nobody may fill the store.
LOG_KEPT = 500


class Button(msgspec.Struct, frozen=True):
    title: str
    payload: str


class Link(msgspec.Struct, frozen=True):
    kind: str  # checkout, document, receipt, help, hop
    url: str


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message as it was shown, in the customer's language. ``seq`` counts per conversation, without gaps.

    It begins at 1, or, where an earlier life of the conversation may have been lost, above whatever that one reached.
    """

    seq: int
    sender: Literal["bot", "agent", "customer", "notice"] = msgspec.field(name="from")
    text: str
    choices: tuple[Button, ...]  # stands in the JSON even when empty: front ends need no case for its absence
    card: dict[str, Any] | None = None  # plain JSON
    link: Link | None = None
    name: str = ""  # of the agent who wrote it
    at: int = 0  # seconds since 1970 UTC
    hands_over: bool = False  # a person has the case from here on: a channel that has persons calls one
    closes: bool = False  # the secure page of an earlier message is closed: its link leads nowhere any more


class Loaded(msgspec.Struct, frozen=True):
    """A conversation as it was found. ``given`` is the last message that a waiting caller has been handed."""

    talk: Conversation | None
    seq: int = 0
    given: int = 0
    answered: bool = False  # the message in question was answered before


class Waiting(msgspec.Struct, frozen=True):
    """An effect in the outbox as it was left there."""

    key: str
    chat: str
    cause: str
    effect: Effect
    attempts: int


class Told(msgspec.Struct, frozen=True):
    """A line of the log, and when it was written, where the store keeps that."""

    message: Message
    at: datetime | None = None  # UTC


class Commit(msgspec.Struct, frozen=True):
    """Everything one turn changes. ``before`` is the version it was made on; 0 begins a conversation."""

    talk: Conversation
    before: int
    seq: int
    given: int
    at: datetime
    cause: str = ""  # id of the customer's message that this turn answers or goes on answering; "" for a notice
    first: bool = False  # this turn takes the message in: once only
    from_seq: int = 0  # with ``first``: the answer begins here, with what was said since the last answer
    messages: tuple[Message, ...] = ()
    effects: tuple[tuple[str, Effect], ...] = ()
    done: str = ""  # key of the effect whose answer this turn is
    overwritten: tuple[
        Message, ...
    ] = ()  # earlier lines of the log as they read from now on, in place of what they said
    harmless: tuple[tuple[Waiting, Effect | None], ...] = ()  # what becomes of effects in the outbox; None: they go


class Store(Protocol):
    """Raises `services.errors.Unavailable` when it cannot be read or written; then nothing was written.

    A store on a line may raise `Uncertain` from `commit`: all of the turn was written, or nothing. The same message again
    finds out.
    """

    async def load(self, chat: str, message: str) -> Loaded:
        """The conversation, and whether this message of it was answered."""

    async def commit(self, turn: Commit) -> bool:
        """All of the turn or nothing. False when the version moved on or the message was taken in meanwhile.

        Of what is overwritten nothing is left in any file of this store that it can rewrite itself.
        """

    async def answer(self, chat: str, message: str) -> list[Message]:
        """What a message was answered with so far: follow-up turns, and the notices that came among them, included."""

    async def since(self, chat: str, seq: int, most: int | None = None) -> list[Message]:
        """The messages after this number, in order: all of them, or the first ``most``."""

    async def said(self, chat: str, most: int) -> list[Message]:
        """The last ``most`` messages of the customer, the oldest first."""

    async def waiting(self, talk: Conversation) -> list[Waiting]:
        """The effects of a conversation that are still in the outbox, whoever works on them."""

    async def pending(self, chat: str, message: str) -> bool:
        """Whether an effect that this message caused is still in the outbox, so that its answer may still grow."""

    async def claim(self, now: datetime, lease_seconds: int, most: int) -> list[Waiting]:
        """Effects that are due and on nobody's lease, now on the caller's."""

    async def postpone(self, key: str, due: datetime) -> None:
        """Try this effect again at ``due``; the lease is given back."""

    def every(self) -> AsyncIterator[Conversation]:
        """All conversations, in no order; one that begins meanwhile may be missing."""

    async def told(self, chat: str, seq: int, most: int) -> list[Told]:
        """The first ``most`` lines of the log after this number, in order, whoever said them."""

    async def erase(self, chat: str, version: int, left: Conversation | None) -> bool:
        """Forget everything that was said in a conversation: state, inbox and log, in place of which ``left`` stands then, if anything.

        False when the version moved on, or an effect is in the outbox: then nothing was forgotten. Of what was, nothing is
        left in any file of this store that it can rewrite itself.
        """

    async def prune(self, before: datetime) -> int:
        """Forget the conversations that have been silent since ``before`` and wait for no effect; how many that were."""
