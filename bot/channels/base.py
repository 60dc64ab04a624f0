"""What comes in by a channel, and what channels share. An adapter is one file: `read(body, ...) -> Inbound`, no network and no state."""

import msgspec

NO_NUL = r"^[^\x00]*\Z"  # of whatever names something: PostgreSQL keeps no text with one


class Inbound(msgspec.Struct, frozen=True):
    """One message of a customer, as the channel gave it. ``text`` may be a button's payload."""

    chat: str  # channel and address, such as rasa:u1
    id: str  # the channel's own message id: the same id again gets the same answer, and does nothing twice
    text: str = ""
    pay_link: str = ""  # token of a pay link this message came with
    locale: str = ""  # as the customer's page says
    home: str = ""  # address of the page that the chat sits on
    client: str = ""  # network address of the customer, if the channel knows it
    seen: int | None = None  # the last message that was on the screen when it was sent, if the channel knows it
    fresh: bool = False  # the chat's address was made for this message: nobody has used it before
    browser: str = ""  # token of a remembered browser, where a chat begins
    visitor: str = ""  # signed token of the page that embeds the chat, for its signed-in user
    keys: int | None = None  # which of the chat's tokens it came with, where the chat has tokens


_HEX, _LETTERS = "0123456789abcdef", "cdfkmnprvwbghjlq"  # letters that nobody takes for digits, nor for words
_TO_LETTERS, _TO_HEX = str.maketrans(_HEX, _LETTERS), str.maketrans(_LETTERS, _HEX)


def digits_in_letters(number: str) -> str:
    """A number, a letter for each digit; other signs stay."""
    return number.translate(_TO_LETTERS)


def digits_from_letters(name: str) -> str:
    """The number that `digits_in_letters` wrote."""
    return name.translate(_TO_HEX)


def in_letters(address: str) -> str:
    """What a channel calls a customer, in two letters for each byte: written in digits, it may look like a card number."""
    return address.encode().hex().translate(_TO_LETTERS)


def from_letters(name: str) -> str:
    """The address that `in_letters` wrote."""
    return bytes.fromhex(name.translate(_TO_HEX)).decode()


def split(text: str, most: int) -> list[str]:
    """The text in pieces of at most ``most`` UTF-16 units, cut where a line or a word ends; an empty one is "…"."""
    pieces: list[str] = []
    while _units(text) > most:
        cut = text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", errors="ignore")
        ends = (cut.rfind("\n"), cut.rfind(" "), len(cut))
        at = next(end for end in ends if end > len(cut) // 2)
        pieces.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*pieces, text or "…"]


def short(title: str, most: int) -> str:
    """At most so many characters, cut where a word ends."""
    if len(title) <= most:
        return title
    at = title[:most].rfind(" ")
    return f"{title[: at if at > most // 2 else most - 1]}…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
