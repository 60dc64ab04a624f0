"""Telegram, as Remit speaks it: what an update says, and how a message of ours looks there. The only user of aiogram.

`read` has no network and no state: a recorded update is a whole test. `Telegram` calls the Bot API; texts go out without
any markup, so that an invoice's text stays a text. Order, storage and repetition are `bot/telegram_intake.py`'s.
Limits are Telegram's (Bot API 10: 4096 characters, 64 bytes of callback data).
"""

import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, cast

import httpx
import msgspec
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import GetUpdates, Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import (
    BotCommand,
    CallbackQuery,
    ChatMemberUpdated,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    Update,
    User,
)
from pydantic import ValidationError

from bot.channels.base import digits_from_letters, digits_in_letters, short, split
from bot.delivery import Gone, Pieces, Wait
from bot.stores.base import Message as Told
from services.errors import Malformed, Uncertain

log = logging.getLogger(__name__)

PREFIX = "telegram:"
LONGEST_TEXT = 4096  # UTF-16 units of one message (Bot API, sendMessage)
LONGEST_DATA = 64  # bytes of a button's payload (Bot API, InlineKeyboardButton)
COMMANDS = ("pay", "invoices", "status", "methods", "human", "cancel", "language", "help")
WANTED = ["message", "edited_message", "callback_query", "my_chat_member"]  # the kinds of updates that are asked for
_EDITED, _UNREADABLE = "/edited", "/unreadable"
_NO_WORDS = (_EDITED, _UNREADABLE)
# pydantic forgets a generic type that nobody holds, and takes milliseconds to make it again for each answer
_ANSWERS = (Response[bool], Response[Message], Response[Message | bool])


class Said(msgspec.Struct, frozen=True):
    """What somebody said in their chat with the bot. ``text`` may be the payload of a button or a command."""

    update: int
    chat: int
    message: int  # Telegram's number of the message; of the one that has the button
    text: str
    locale: str = ""
    callback: str = ""  # to be answered, when a button was pressed
    pressed: str = ""  # the button's title
    under: str = ""  # the text that it stood under; or what else stands in the message, which is not answered


class Moved(msgspec.Struct, frozen=True):
    """Somebody blocked the bot or came back, by Telegram's number of the chat."""

    update: int
    chat: int
    gone: bool


class Elsewhere(msgspec.Struct, frozen=True):
    """Somebody spoke where no payments are taken, such as in a group. ``under`` is what stands in the message."""

    update: int
    chat: int
    message: int
    locale: str = ""
    asked: bool = False  # by a command, which is answered
    under: str = ""


class Nothing(msgspec.Struct, frozen=True):
    """An update that nobody waits for an answer to."""

    update: int


def read(body: bytes) -> Said | Moved | Elsewhere | Nothing:
    """What an update says. Raises `Malformed` for what is none."""
    try:
        update = Update.model_validate_json(body)
    except ValidationError as error:
        raise Malformed(f"not an update of the Bot API: {error.error_count()} faults") from None
    if update.callback_query is not None:
        return _pressed(update.update_id, update.callback_query)
    if update.my_chat_member is not None:
        return _moved(update.update_id, update.my_chat_member)
    if update.edited_message is not None:
        return _said(update.update_id, update.edited_message, _EDITED)
    if update.message is not None:
        return _said(update.update_id, update.message, _text_of(update.message))
    return Nothing(update.update_id)


def _said(update: int, message: Message, text: str) -> Said | Elsewhere | Nothing:
    if message.from_user is None or message.from_user.is_bot:
        return Nothing(update)
    if message.chat.type != "private":
        asked = text.startswith("/") and text not in _NO_WORDS
        under = message.text or message.caption or ""
        return Elsewhere(update, message.chat.id, message.message_id, _locale(message.from_user), asked, under)
    # what is not answered may hold a number all the same, and is looked at for it
    under = "" if text == message.text else message.text or message.caption or ""
    return Said(update, message.chat.id, message.message_id, text, _locale(message.from_user), under=under)


def _text_of(message: Message) -> str:
    """The words of a message; what has none, or is somebody else's, is answered as such."""
    if message.text is None or message.forward_origin is not None:
        return _UNREADABLE
    if message.text.startswith("/"):
        command, *rest = message.text.split(maxsplit=1)
        # "/pay@our_bot" is what Telegram makes of a command that is picked from a list
        return " ".join((command.partition("@")[0], *rest))
    return message.text


def _pressed(update: int, query: CallbackQuery) -> Said | Nothing:
    message = query.message
    if message is None or message.chat.type != "private" or query.data is None:
        return Nothing(update)
    pressed = under = ""
    if isinstance(message, Message):
        under = message.text or ""
        rows = message.reply_markup.inline_keyboard if message.reply_markup else []
        pressed = next((key.text for row in rows for key in row if key.callback_data == query.data), "")
    locale = _locale(query.from_user)
    return Said(update, message.chat.id, message.message_id, query.data, locale, query.id, pressed, under)


def _moved(update: int, change: ChatMemberUpdated) -> Moved | Nothing:
    if change.chat.type != "private":
        return Nothing(update)
    return Moved(update, change.chat.id, gone=change.new_chat_member.status in ("kicked", "left"))


def _locale(user: User) -> str:
    return (user.language_code or "")[:16]


def name_of(chat: int) -> str:
    """What a chat is called here: its number in letters, since one in digits may look like a card's and would be hashed."""
    return f"{PREFIX}{digits_in_letters(str(chat))}"


def number_of(name: str) -> int:
    """Telegram's number of a chat, by its name here."""
    return int(digits_from_letters(name.removeprefix(PREFIX)))


def is_private(name: str) -> bool:
    """Whether a chat is one with the bot alone: groups have numbers below zero (core.telegram.org/api/bots/ids)."""
    return number_of(name) > 0


# --- out ------------------------------------------------------------------------------------------------------------


class _Line(BaseSession):
    """Calls the Bot API by the client that all of the house's calls go by."""

    def __init__(self, http: httpx.AsyncClient, api: TelegramAPIServer) -> None:
        super().__init__(api=api)
        self._http = http

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  # aiogram's signature
    ) -> TelegramType:
        answer = await self._asked(bot, method, timeout)
        try:
            return cast(TelegramType, self.check_response(bot, method, answer.status_code, answer.text).result)
        except ClientDecodeError:  # its own text repeats what came, which may be a customer's words
            if answer.is_success and isinstance(_result(answer), dict | bool):
                return cast(TelegramType, None)  # done, and told in words that are too new for the library
            raise TelegramServerError(method=method, message="no answer of the Bot API") from None

    async def updates(self, bot: Bot, method: GetUpdates, within_s: int) -> list[Any]:
        """The updates as they came: one that the library cannot read hides none of the others."""
        answer = await self._asked(bot, method, within_s)
        found = _result(answer)
        if answer.is_success and isinstance(found, list):
            return found
        with contextlib.suppress(ClientDecodeError):  # told by the last line, without what came
            self.check_response(bot, method, answer.status_code, answer.text)
        raise TelegramServerError(method=method, message="no answer of the Bot API")

    async def _asked(self, bot: Bot, method: TelegramMethod[Any], within_s: int | None) -> httpx.Response:
        files: dict[str, Any] = {}
        told = {
            name: self.prepare_value(value, bot, files) for name, value in method.model_dump(warnings=False).items()
        }
        body = {name: value for name, value in told.items() if value is not None}
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        try:
            return await self._http.post(url, data=body, timeout=within_s or self._http.timeout)
        except httpx.HTTPError as error:  # its own text names the address, which holds the token
            raise TelegramNetworkError(method=method, message=type(error).__name__) from None

    async def stream_content(
        self,
        url: str,  # noqa: ARG002  # as above
        headers: dict[str, Any] | None = None,  # noqa: ARG002  # as above
        timeout: int = 30,  # noqa: ARG002, ASYNC109  # as above
        chunk_size: int = 65536,  # noqa: ARG002  # as above
        raise_for_status: bool = True,  # noqa: ARG002  # as above
    ) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError("no files are fetched")
        yield b""

    async def close(self) -> None:
        """The client is the house's, and outlives this."""


class Telegram:
    """The bot. An `Outlet`: what a chat was told goes out by `send`."""

    prefix = PREFIX

    def __init__(self, http: httpx.AsyncClient, token: str, api: str, say: Callable[[str, str], str]) -> None:
        """``api`` is the address of the Bot API; ``say`` puts one of the wording's sentences (key, locale) in words."""
        self._line = _Line(http, TelegramAPIServer.from_base(api))
        self._bot = Bot(token, session=self._line)
        self._say = say
        self._pieces = Pieces()

    async def send(self, chat: str, message: Told, locale: str) -> Wait | Gone | None:
        """One message of the log, in as many of Telegram's as it takes; the buttons are under the last."""
        keys, text = self._keys(message, locale), message.text
        if message.link is not None and not any(key.url for row in keys for key in row):
            text = f"{text}\n{message.link.url}"
        markup = InlineKeyboardMarkup(inline_keyboard=keys) if keys else None
        parts = split(text, LONGEST_TEXT)

        async def one(nth: int, part: str) -> None:
            under = markup if nth == len(parts) - 1 else None
            await self._bot.send_message(number_of(chat), part, reply_markup=under, link_preview_options=_NO_PREVIEW)

        try:
            await self._pieces.send(chat, message.seq, parts, one)
        except TelegramRetryAfter as error:
            return Wait(error.retry_after)
        except TelegramForbiddenError:
            return Gone()
        except TelegramBadRequest as error:
            if _is_nobody(error):
                return Gone()
            log.exception("Telegram refused a message")  # the same again would be refused again
            return None
        except TelegramAPIError as error:
            raise Uncertain(f"Telegram did not take a message: {type(error).__name__}") from None
        return None

    def _keys(self, message: Told, locale: str) -> list[list[InlineKeyboardButton]]:
        keys = [
            [InlineKeyboardButton(text=short(choice.title, 64), callback_data=choice.payload)]
            for choice in message.choices
            if len(choice.payload.encode()) <= LONGEST_DATA
        ]
        if message.link is not None and message.link.url.startswith("https://"):
            title = self._say(f"open_{message.link.kind}", locale)
            keys.insert(0, [InlineKeyboardButton(text=title, url=message.link.url)])
        return keys

    async def answered(self, said: Said) -> None:
        """The press of a button is acknowledged; its keyboard goes, and what was chosen shows in its place."""
        await self._try(self._bot.answer_callback_query(said.callback))
        if said.under:
            chosen = f"{said.under}\n\n✓ {said.pressed}" if said.pressed else said.under
            await self._try(
                self._bot.edit_message_text(
                    chosen[:LONGEST_TEXT],
                    chat_id=said.chat,
                    message_id=said.message,
                    link_preview_options=_NO_PREVIEW,
                )
            )

    async def typing(self, chat: int) -> None:
        """Shows that an answer is on its way; Telegram takes it down after five seconds, or with the answer."""
        await self._try(self._bot.send_chat_action(chat, "typing"))

    async def delete(self, chat: int, messages: Sequence[int]) -> bool:
        """Takes messages out of the chat, where Telegram allows it: for 48 hours, and in a group to its administrators.

        False when Telegram was away or asked to wait: then it is to be tried again. A refusal is final.
        """
        try:
            await self._bot.delete_messages(chat, list(messages))
        except (TelegramNetworkError, TelegramServerError, TelegramRetryAfter) as error:
            log.warning("messages could not be taken out of a chat yet: %s", type(error).__name__)
            return False
        except TelegramAPIError as error:
            log.info("Telegram takes messages out of a chat no more: %s", type(error).__name__)
        return True

    async def say_elsewhere(self, chat: int, locale: str) -> None:
        """In a group: that payments are taken in private."""
        await self._try(self._bot.send_message(chat, self._say("only_private", locale)))

    async def set_up(self, webhook: str, secret: str, locales: Sequence[str]) -> None:
        """Name the commands in each language, and where updates go; "" for `updates`. Raises `Uncertain`."""
        try:
            for nth, locale in enumerate(locales):
                names = [
                    BotCommand(command=each, description=self._say(f"command_{each}", locale)) for each in COMMANDS
                ]
                # the first language is for whoever speaks none of the others
                await self._bot.set_my_commands(names, language_code=locale if nth else None)
            if webhook:
                await self._bot.set_webhook(webhook, secret_token=secret, allowed_updates=WANTED)
            else:
                await self._bot.delete_webhook()
        except TelegramAPIError as error:
            raise Uncertain(f"Telegram could not be set up: {type(error).__name__}") from None

    async def updates(self, after: int, wait_s: int) -> list[tuple[int, bytes]]:
        """The updates that follow this one, each with its number, waiting for the first of them. Raises `Uncertain`."""
        asked = GetUpdates(offset=after + 1, timeout=wait_s, allowed_updates=WANTED)
        try:
            found = await self._line.updates(self._bot, asked, wait_s + 10)
        except TelegramAPIError as error:
            raise Uncertain(f"Telegram gave no updates: {type(error).__name__}") from None
        return [(int(each["update_id"]), msgspec.json.encode(each)) for each in found]

    async def _try(self, call: Any) -> None:
        """A courtesy: one that fails is noted, and nothing depends on it."""
        try:
            await call
        except TelegramAPIError as error:
            log.info("a courtesy to Telegram failed: %s", type(error).__name__)


def _result(answer: httpx.Response) -> Any:
    """What a call that went well brought, as plain JSON; None where it did not."""
    try:
        told = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None
    return told.get("result") if isinstance(told, dict) and told.get("ok") is True else None


_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)  # a preview would open the links of a payment
_NOBODY = ("chat not found", "user is deactivated", "bot was blocked", "bot can't initiate")


def _is_nobody(error: TelegramBadRequest) -> bool:
    return any(sign in error.message.lower() for sign in _NOBODY)
