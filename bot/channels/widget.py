"""The chat on a web page: what its JSON says, and the token that opens one conversation.

Pure reading and signing; the routes are in `bot/api.py`. A token is derived from the conversation's id and a secret of
this installation, so nothing has to be looked up to refuse a wrong one.
"""

import base64
import hmac
from typing import Annotated

import msgspec

from bot.channels.base import NO_NUL, Inbound
from services.errors import Malformed

LARGEST = 64 * 1024  # bytes of one request
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=NO_NUL)]


class _Said(msgspec.Struct):
    id: _Id
    text: str = ""
    choice: str = ""
    page: Annotated[str, msgspec.Meta(max_length=2000)] = ""  # where the chat sits now
    seen: Annotated[int, msgspec.Meta(ge=0)] | None = None  # number of the last message on the screen


_decode = msgspec.json.Decoder(_Said).decode


def chat_of(conversation: str) -> str:
    """The name under which a conversation of a web page is kept."""
    return f"web:{conversation}"


def token_of(conversation: str, secret: bytes, keys: int = 0) -> str:
    """The token that opens this conversation: an HMAC, so that only we can make it. Every sign-in changes it (``keys``)."""
    named = f"conversation:{conversation}" + (f":{keys}" if keys else "")
    signed = base64.urlsafe_b64encode(hmac.digest(secret, named.encode(), "sha256")).rstrip(b"=").decode()
    return f"{keys}.{signed}" if keys else signed


def keys_of(conversation: str, token: str, secret: bytes) -> int | None:
    """Which token of this conversation it is, in constant time; None for one that never was its own."""
    told, dot, _ = token.partition(".")
    if dot and not (told.isascii() and told.isdigit() and len(told) <= 9):
        return None
    keys = int(told) if dot else 0
    own = hmac.compare_digest(token.encode(), token_of(conversation, secret, keys).encode())
    return keys if own else None


def read(body: bytes, conversation: str, client: str, keys: int | None = None) -> Inbound:
    """One message: ``{id, text}`` or ``{id, choice}``, and the ``page`` it was sent from. Raises `Malformed` with what is wrong."""
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"not a message: {error}") from error
    except RecursionError as error:
        raise Malformed("not a message: nested too deeply") from error
    text = said.choice or said.text
    return Inbound(chat_of(conversation), said.id, text, home=said.page, client=client, seen=said.seen, keys=keys)
