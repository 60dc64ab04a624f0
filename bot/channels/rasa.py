"""Rasa's REST channel, as Remit speaks it: whoever has a front end for Rasa points it here.

`read` and `replies` only: no network, no state. The sender id is chosen by the caller and proves nothing about who it
is; the runtime treats it as the name of a conversation.
"""

import re
from typing import Annotated

import msgspec

from bot.channels.base import NO_NUL, Inbound
from bot.stores.base import Message
from dialogs.conversation import Conversation
from services.errors import Malformed

LARGEST = 64 * 1024  # bytes of one request
LONGEST_ID = 120  # characters of a sender or message id
_Name = Annotated[str, msgspec.Meta(pattern=NO_NUL)]


class _Metadata(msgspec.Struct):
    message_id: _Name = ""
    pay_link: str = ""
    client_address: _Name = ""  # the customer's, told by the front end


class _Body(msgspec.Struct):
    sender: _Name | None = None
    message: str | None = None
    metadata: _Metadata | None = None


_decode = msgspec.json.Decoder(_Body, strict=False).decode
_BLANK = re.compile(r"\n\s*\n")


def read(body: bytes, client: str, fresh_id: str) -> Inbound:
    """The message in one request. ``fresh_id`` names one that has no id of its own: then nothing is deduplicated.

    Raises `Malformed` with what is wrong, in words that may be shown.
    """
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"not a message of the Rasa REST channel: {error}") from error
    except RecursionError as error:
        raise Malformed("not a message of the Rasa REST channel: nested too deeply") from error
    metadata = said.metadata or _Metadata()
    sender = said.sender or "default"
    if len(sender) > LONGEST_ID or len(metadata.message_id) > LONGEST_ID:
        raise Malformed(f"sender and message_id have at most {LONGEST_ID} characters")
    return Inbound(
        chat=f"rasa:{sender}",
        id=metadata.message_id or fresh_id,
        text=said.message or "",
        pay_link=metadata.pay_link,
        client=metadata.client_address or client,
    )


def replies(sender: str, messages: list[Message]) -> list[dict[str, object]]:
    """The messages as Rasa's front ends expect them: texts with buttons, and cards and links as ``custom``.

    A text of several paragraphs is as many replies, as in Rasa (rasa.core.channels.channel, CollectingOutputChannel).
    """
    shown: list[dict[str, object]] = []
    for message in messages:
        text = message.text if message.link is None else f"{message.text}\n{message.link.url}"
        shown += [{"recipient_id": sender, "text": part} for part in _BLANK.split(text.strip())]
        if message.choices:
            shown[-1]["buttons"] = [{"title": choice.title, "payload": choice.payload} for choice in message.choices]
        custom: dict[str, object] = {}
        if message.card is not None:
            custom["card"] = message.card
        if message.link is not None:
            custom["link"] = {"kind": message.link.kind, "url": message.link.url}
        if custom:
            shown.append({"recipient_id": sender, "custom": custom})
    return shown


def state(sender: str, talk: Conversation | None) -> dict[str, object]:
    """What comes last where ``?state=true`` asks for it: whether Remit is still at work here, and the newest payment.

    For whoever delegates a task and has to know when it is over. ``talk`` is None where it was lost in this instant.
    """
    active = talk is not None and bool(talk.tasks or talk.sent)
    newest = talk.payments[-1] if talk is not None and talk.payments else None
    payment = None if newest is None else {"reference": newest.reference, "state": newest.state}
    return {"recipient_id": sender, "custom": {"remit": {"active": active, "payment": payment}}}
