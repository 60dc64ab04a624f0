"""Chatwoot, as Remit speaks it as an agent bot: what an event says, and how a message of ours looks there.

`read` has no network and no state: a recorded event is a whole test. `Chatwoot` calls Chatwoot's API with the bot's own
token. Signatures, order and repetition are `bot/chatwoot_intake.py`'s.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec

from bot.channels.base import digits_from_letters, digits_in_letters
from bot.delivery import Gone, Pieces, Wait
from bot.stores.base import Message
from services import chatwoot_conversations
from services.database import Transact
from services.errors import Malformed, Unavailable
from services.http import Remote
from services.payments import cases

log = logging.getLogger(__name__)

PREFIX = "chatwoot:"
SPOKEN = ("message_created", "message_updated")
_encode = msgspec.json.Encoder().encode
_Number = Annotated[int, msgspec.Meta(ge=1, lt=10**12)]
_LONG = 12  # signs from which on a name in digits may look like a card's


class Told(msgspec.Struct, frozen=True):
    """An event of one conversation: in which state it is, and what its customer said, if ``id`` says that they did."""

    account: int  # 0: not told
    conversation: int  # its number in the account, which Chatwoot calls its display id
    pending: bool  # the assistant leads it
    at: datetime | None  # when the conversation came to be as it is told here
    id: str = ""  # names what was said, so that a repetition is known
    text: str = ""  # typed, or a button's payload
    locale: str = ""


class _Account(msgspec.Struct):
    id: _Number


class _Conversation(msgspec.Struct):
    id: _Number
    status: str
    updated_at: float | str | None = None
    additional_attributes: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    event: str
    id: int | None = None
    content: str | None = None
    message_type: str | int | None = None
    private: bool | None = None
    content_attributes: Any = None
    account: _Account | None = None
    conversation: _Conversation | None = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_conversation = msgspec.json.Decoder(_Conversation).decode


def read(body: bytes) -> Told | None:
    """What an event says; None where it is about no conversation. Raises `Malformed` for what is no event."""
    try:
        event = _decode(body)
        conversation = event.conversation
        if event.event.startswith("conversation_"):  # then the event is the conversation itself
            conversation = _decode_conversation(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"not an event of an agent bot: {error}") from error
    except RecursionError as error:
        raise Malformed("not an event of an agent bot: nested too deeply") from error
    if conversation is None:
        if event.event in SPOKEN:
            raise Malformed(f"a {event.event} without its conversation")
        return None
    name, text = _said(event)
    return Told(
        account=event.account.id if event.account else 0,
        conversation=conversation.id,
        pending=conversation.status == "pending",
        at=_instant(conversation.updated_at),
        id=name,
        text=text,
        locale=_locale(conversation.additional_attributes or {}),
    )


def _said(event: _Event) -> tuple[str, str]:
    """The name and the text of what a customer said; two empty ones for what the bot or a person said, or noted."""
    if event.event not in SPOKEN or event.private:
        return "", ""
    if event.id is None:
        raise Malformed(f"a {event.event} without an id")
    if event.event == "message_created" and event.message_type == "incoming":
        return f"message-{event.id}", event.content or "/unreadable"  # a file, a voice
    if event.event == "message_updated" and (chosen := _chosen(event.content_attributes)):
        return f"choice-{event.id}", chosen  # a message's buttons are there for one answer
    return "", ""


def _chosen(attributes: Any) -> str:
    """The value of the button that was pressed under a message of ours, or ""."""
    values = attributes.get("submitted_values") if isinstance(attributes, dict) else None
    first = values[0] if isinstance(values, list) and values else None
    value = first.get("value") if isinstance(first, dict) else None
    return value if isinstance(value, str) else ""


def _instant(told: float | str | None) -> datetime | None:
    """Chatwoot tells seconds since 1970; an older one tells none."""
    try:
        return datetime.fromtimestamp(told, UTC) if isinstance(told, float | int) else None
    except (ValueError, OverflowError, OSError):
        return None


def _locale(attributes: dict[str, Any]) -> str:
    told = attributes.get("browser_language")
    return told[:16] if isinstance(told, str) else ""


def name_of(account: int, conversation: int) -> str:
    """What a conversation is called here: by its numbers; in letters where those may look like a card's and would be hashed."""
    numbers = f"{account}/{conversation}"
    return PREFIX + (numbers if len(numbers) < _LONG else digits_in_letters(numbers))


def number_of(name: str) -> int:
    """The number of a conversation in its account, by its name here."""
    return int(digits_from_letters(name.rpartition("/")[2]))


# --- out ------------------------------------------------------------------------------------------------------------

_REASONS = {
    "asked": "the customer asks for a person",
    "complaint": "the customer complains",
    "refund": "the customer wants money back",
    "dispute": "the customer says that an invoice or a payment is not right",
    "lookup_locked": "too many wrong invoice numbers or zips",
    "sign_in_locked": "too many wrong sign-in codes",
}


class _Deleted(Exception):  # noqa: N818  # it stands for an answer, and goes no further than this file
    """There is no such conversation any more."""


class Chatwoot:
    """An `Outlet`: what a chat was told goes out by `send`, and a conversation that calls a person is given to one."""

    prefix = PREFIX

    def __init__(self, remote: Remote, transact: Transact, clock: Callable[[], datetime]) -> None:
        """``remote`` is Chatwoot, with the token of the bot."""
        self._remote = remote
        self._transact = transact
        self._clock = clock
        self._pieces = Pieces()

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:
        """One message of the log. While a person leads, late news go out without buttons, and nothing else does.

        Raises `Unavailable` or `Uncertain` for a call that got no answer below 500, for too many of them, and for a
        token that is not taken: nothing is dropped.
        """
        lead = await self._transact(partial(chatwoot_conversations.lead, chat=chat))
        if lead.person and message.sender != "notice":
            return None
        calls = [("messages", _encode(_shown(message, pressable=not lead.person)))]
        if message.hands_over:
            opened = "toggle_status", _encode({"status": "open"})
            calls = [("messages", _encode(await self._note(chat, locale))), *calls, opened]

        async def call(_nth: int, piece: tuple[str, bytes]) -> None:
            await self._post(chat, *piece)

        try:
            await self._pieces.send(chat, message.seq, calls, call)
        except _Deleted:
            return Gone()
        if message.hands_over:
            await self._transact(partial(chatwoot_conversations.note, chat=chat, at=self._clock(), person=True))
        elif lead.quiet:
            await self._transact(partial(chatwoot_conversations.spoke, chat=chat))
        return None

    async def _post(self, chat: str, path: str, body: bytes) -> None:
        answer = await self._remote.post(f"/conversations/{number_of(chat)}/{path}", body)
        match answer.status_code:
            case status if answer.is_success:
                return
            case 404:
                raise _Deleted
            case 401 | 403 as status:
                log.error("Chatwoot does not take [chatwoot] token: status %d. Nobody there gets answers", status)
                raise Unavailable(f"Chatwoot does not take our token: status {status}")
            case status:  # the same again would be refused again
                log.error("Chatwoot refused a call of %s: status %d", path, status)

    async def _note(self, chat: str, locale: str) -> dict[str, object]:
        """What the person who takes over reads, and no customer does."""
        case = await self._transact(partial(cases.newest_of, chat=chat))
        lines = ["Remit gives this conversation to a person."]
        if case is not None:
            lines += [
                f"Why: {_REASONS.get(case.reason, case.reason)}",
                *([f"Where it stands: {case.summary}"] if case.summary else []),
                *([f"Last payment here: {case.payment}"] if case.payment else []),
                f"Case {case.id} (`remit cases`)",
            ]
        lines.append(f"Language: {locale}")
        return {"content": "\n".join(lines), "message_type": "outgoing", "private": True}


def _shown(message: Message, *, pressable: bool) -> dict[str, object]:
    """A message in Chatwoot's words: its link in the text, its buttons as a list to select from."""
    text = message.text
    if message.link is not None:
        # a message is taken for Markdown, in which underscores set text in italics: also those of a link
        text = f"{text}\n{message.link.url.replace('_', '%5F')}"
    shown: dict[str, object] = {"content": text, "message_type": "outgoing", "private": False}
    if message.choices and pressable:
        items = [{"title": choice.title, "value": choice.payload} for choice in message.choices]
        shown |= {"content_type": "input_select", "content_attributes": {"items": items}}
    return shown
