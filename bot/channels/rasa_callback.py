"""Rasa's callback channel, as Remit speaks it: a front end posts what was said, and is called with what is answered.

Messages come in by `POST /webhooks/callback/webhook` in the form of the REST channel; every answer and every late result
goes out by one call each to `[rasa] callback_url`, in order, by `bot/delivery.py`.
"""

import msgspec

from bot.channels import rasa
from bot.channels.base import Inbound
from bot.delivery import Gone, Wait
from bot.stores.base import Message
from services.errors import Unavailable
from services.http import Remote

PREFIX = "callback:"
_encode = msgspec.json.Encoder().encode


def read(body: bytes, client: str, fresh_id: str) -> Inbound:
    """The message in one request, as `rasa.read` has it, in a chat of this channel. Raises `Malformed`."""
    inbound = rasa.read(body, client, fresh_id)
    return msgspec.structs.replace(inbound, chat=PREFIX + inbound.chat.removeprefix("rasa:"))


class RasaCallback:
    """An `Outlet`: the front end's own route for what it is to show."""

    prefix = PREFIX

    def __init__(self, remote: Remote) -> None:
        """``remote`` is the callback URL; what it is asked for follows nothing."""
        self._remote = remote

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:  # noqa: ARG002  # all in words
        """One call for each reply that the message makes: its text, and what goes as ``custom``.

        Raises `Unavailable` or `Uncertain` for a call that got no answer below 500, and for a refusal, which may be
        a key that is being changed: nothing is dropped.
        """
        for reply in rasa.replies(chat.removeprefix(PREFIX), [message]):
            answer = await self._remote.post("", _encode(reply))
            if not answer.is_success:
                raise Unavailable(f"the callback says no: status {answer.status_code}")
        return None
