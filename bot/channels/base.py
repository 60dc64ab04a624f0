"""What comes in by a channel. An adapter is one file: `read(body, ...) -> Inbound`, no network and no state."""

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
