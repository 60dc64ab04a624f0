"""What a front end calls a chat, a message, a customer's address and its page, as it may be kept.

Such names are stored, and nobody reads them; so a card number may stand in one as well as in a text. One customer in
twenty-five of a channel that names people by 16 digits has a name that looks like a card's, and must be served: so a name
is neither refused nor cut, but replaced by a hash of itself, under a key that no database holds. The same name is the
same hash, so that a conversation goes on and a repeated message is known. Texts are `bot/runtime.py`'s.
"""

import hmac
import re
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec.structs import replace

from bot.channels.base import Inbound
from dialogs.reading.guard import redact

_OURS = ("web:", "console:")  # chats that we named: their routes know them by nothing else
_SHORTEST = 12  # signs of a card number
_HEX = re.compile(r"[0-9A-Fa-f-]+\Z")
_PARTS = re.compile(r"[/?&=#:;@]+")  # of an address: something encoded reads as itself only between them
_ROW = re.compile(r"(?:[0-9]-?){12}")


class Names:
    """Built once, with the installation's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"names", "sha256")

    def kept(self, inbound: Inbound) -> Inbound:
        """The message with names that may be kept. A page loses its query and fragment, and a pay link is none."""
        channel, colon, address = inbound.chat.partition(":")
        own = inbound.chat.startswith(_OURS)
        chat = inbound.chat if own else f"{channel}{colon}{self._kept(address)}"
        name, client = self._kept(inbound.id), self._kept(inbound.client)
        home, pay_link = _page(inbound.home), "" if _holds(inbound.pay_link) else inbound.pay_link
        kept = (chat, name, client, home, pay_link)
        if kept == (inbound.chat, inbound.id, inbound.client, inbound.home, inbound.pay_link):
            return inbound
        return replace(inbound, chat=chat, id=name, client=client, home=home, pay_link=pay_link)

    def _kept(self, name: str) -> str:
        """The name; or as many signs of a hash: what may not be guessed is as hard to guess, and no easier."""
        if not _holds(name):
            return name
        return hmac.digest(self._key, name.encode(errors="replace"), "sha256").hex()[: max(_SHORTEST, len(name))]


@lru_cache(maxsize=4096)
def _holds(name: str) -> bool:
    """Whether this holds a card or bank number. A random name in hex, which most are, is seen at a glance to hold none."""
    if len(name) < _SHORTEST or (_HEX.match(name) and not _ROW.search(name)):
        return False
    return bool(redact(name).found or redact(_PARTS.sub(" ", name)).found)


def _page(address: str) -> str:
    """The address of a page without what could hold a number: its query and fragment, or everything behind the host."""
    if not _holds(address):
        return address
    try:
        parts = urlsplit(address)
    except ValueError:  # a host that is none
        return ""
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}"
    origin = f"{parts.scheme}://{parts.netloc}/"
    return next((shorter for shorter in (bare, origin) if not _holds(shorter)), "")
