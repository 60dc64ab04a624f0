"""Rasa's callback channel, as Remit speaks it: a front end posts what was said, and is called with what is answered.

Messages come in by `POST /webhooks/callback/webhook` in the form of the REST channel; every answer and every late result
goes out by one call each to `[rasa] callback_url`, in order, by `bot/delivery.py`.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

import msgspec

from bot.channels import rasa
from bot.channels.base import Inbound
from bot.delivery import Gone, Pieces, Wait
from bot.stores.base import Message
from services.errors import Unavailable
from services.http import Remote, seconds_asked

PREFIX = "callback:"
_REFUSALS = frozenset({400, 413, 415, 422})  # of this very message: the same again would be refused again
_encode = msgspec.json.Encoder().encode


def read(body: bytes, client: str, fresh_id: str) -> Inbound:
    """The message in one request, as `rasa.read` has it, in a chat of this channel. Raises `Malformed`."""
    inbound = rasa.read(body, client, fresh_id)
    return msgspec.structs.replace(inbound, chat=PREFIX + inbound.chat.removeprefix("rasa:"))


class RasaCallback:
    """An `Outlet`: the front end's own route for what it is to show."""

    prefix = PREFIX

    def __init__(self, remote: Remote, clock: Callable[[], datetime]) -> None:
        """``remote`` is the callback URL; what it is asked for follows nothing. It tries once: `bot/delivery.py` tries again."""
        self._remote = remote
        self._clock = clock
        self._pieces = Pieces()

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:  # noqa: ARG002  # all in words
        """One call for each reply that the message makes: its text, and what goes as ``custom``.

        Each has an ``Idempotency-Key``, the same for the same reply again. A ``Retry-After`` of a 429 or 503 is a `Wait`, a
        410 is `Gone`. Raises `Rejected` for a plain no to this message, and `Unavailable` or `Uncertain` for every other
        call that did not go well: a 401, 403 or 404 may be a key or a route that is being changed.
        """
        replies = [_encode(reply) for reply in rasa.replies(chat.removeprefix(PREFIX), [message])]
        name = hashlib.sha256(chat.encode()).hexdigest()[:32]  # a sender may hold signs that no header takes
        try:
            await self._pieces.send(
                chat, message.seq, replies, lambda nth, body: self._call(body, f"{name}-{message.seq}-{nth}")
            )
        except Unavailable as error:
            seconds = seconds_asked(error.retry_after, self._clock())
            if seconds is None:
                raise
            return Wait(seconds)
        except _IsGoneError:
            return Gone()
        return None

    async def _call(self, body: bytes, key: str) -> None:
        answer = await self._remote.post("", body, key=key)
        if answer.status_code == 410:
            raise _IsGoneError
        if answer.status_code in _REFUSALS:
            raise self._remote.rejected(answer)
        if not answer.is_success:
            raise Unavailable(f"the callback says no: status {answer.status_code}")


class _IsGoneError(Exception):
    """The front end says that this chat is no more."""
