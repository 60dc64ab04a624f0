"""A Bot API of our own: what Telegram does with calls and updates, held against its published description.

Every call is checked: the method and its fields exist and have their types, and the limits that Telegram enforces hold. It
keeps the chats as a phone would show them, floods when told to, and is blocked by whom it is told.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

TOKEN = "123456:test-token-of-a-bot"
LONGEST_TEXT, LONGEST_DATA = 4096, 64


class Refused(Exception):  # noqa: N818  # as Telegram names it: a call is refused
    """A call that Telegram answers with an error."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


@dataclass
class Shown:
    """One message as a phone shows it."""

    id: int
    text: str
    ours: bool = True  # of the bot
    keys: list[dict[str, str]] = field(default_factory=list)


class BotApi:
    """The server. ``described``: Telegram's own description, or None where it is not at hand."""

    def __init__(self, described: dict | None = None) -> None:
        self.described = described
        self.calls: list[tuple[str, dict]] = []
        self.chats: dict[int, list[Shown]] = {}
        self.blocked: set[int] = set()
        self.floods: list[int] = []  # seconds to wait, for the next calls that send
        self.fails: list[str] = []  # methods whose next call meets a server that restarts
        self.updates: list[dict] = []  # for whoever polls
        self.not_ours: set[int] = set()  # groups in which the bot may delete nothing
        self.webhook: dict | None = None
        self.acknowledged: set[str] = set()
        self._numbers = 100

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        _, token, method = request.url.path.split("/")
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        try:
            result = self._do(token, method, self._checked(method, form))
        except Refused as no:
            body = {"ok": False, "error_code": no.status, "description": no.description, "parameters": no.parameters}
            response = JSONResponse(body, no.status)
        else:
            response = JSONResponse({"ok": True, "result": result})
        await response(scope, receive, send)

    # --- what is asked for -------------------------------------------------------------------------------------------

    def _checked(self, method: str, form: dict[str, str]) -> dict:
        """The fields as values. A field that does not exist, or is not of its type, is a bug of the caller's."""
        told = {name: _value(text) for name, text in form.items()}
        if self.described is not None:
            described = self.described["methods"][method]
            fields = {each["name"]: each for each in described.get("fields", ())}
            assert told.keys() <= fields.keys(), f"{method} has no {told.keys() - fields.keys()}"
            missing = {name for name, each in fields.items() if each["required"]} - told.keys()
            assert not missing, f"{method} needs {missing}"
            for name, value in told.items():
                assert self._fits(value, fields[name]["types"]), f"{method}: {name} is {value!r}"
        self.calls.append((method, told))
        return told

    def _fits(self, value: object, types: list[str]) -> bool:
        return any(self._is(value, each) for each in types)

    def _is(self, value: object, kind: str) -> bool:
        match kind:
            case "String":
                return isinstance(value, str | int)  # a text of digits reads as a number here
            case "Integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "Boolean":
                return isinstance(value, bool)
            case "Float":
                return isinstance(value, int | float)
        if kind.startswith("Array of "):
            return isinstance(value, list) and all(self._is(each, kind.removeprefix("Array of ")) for each in value)
        if not isinstance(value, dict):
            return False
        described = self.described["types"][kind]
        fields = {each["name"]: each for each in described.get("fields", ())}
        needed = {name for name, each in fields.items() if each["required"]}
        known = value.keys() <= fields.keys() and needed <= value.keys()
        return known and all(self._fits(each, fields[name]["types"]) for name, each in value.items())

    # --- what happens ------------------------------------------------------------------------------------------------

    def _do(self, token: str, method: str, told: dict) -> object:
        if token != f"bot{TOKEN}":
            raise Refused(401, "Unauthorized")
        if method in self.fails:
            self.fails.remove(method)
            raise Refused(502, "Bad Gateway")
        match method:
            case "sendMessage":
                return self._send(told)
            case "editMessageText":
                return self._edit(told)
            case "answerCallbackQuery":
                self.acknowledged.add(str(told["callback_query_id"]))
                return True
            case "deleteMessages" if told["chat_id"] in self.not_ours:
                raise Refused(400, "Bad Request: message can't be deleted")
            case "deleteMessages":
                self.chats[told["chat_id"]] = [
                    each for each in self.chats.get(told["chat_id"], []) if each.id not in told["message_ids"]
                ]
                return True
            case "getUpdates":
                return [each for each in self.updates if each["update_id"] >= told.get("offset", 0)]
            case "setWebhook":
                self.webhook = told
                return True
            case "deleteWebhook" | "setMyCommands" | "sendChatAction":
                return True
        raise Refused(404, "Not Found")

    def _send(self, told: dict) -> dict:
        chat = told["chat_id"]
        if self.floods:
            seconds = self.floods.pop(0)
            raise Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        text = str(told["text"])
        units = len(text.encode("utf-16-le")) // 2
        if not 1 <= units <= LONGEST_TEXT:
            raise Refused(400, "Bad Request: message is too long")
        shown = Shown(self.number(), text, keys=self._keys(told))
        self.chats.setdefault(chat, []).append(shown)
        return self._message(chat, shown)

    def _keys(self, told: dict) -> list[dict[str, str]]:
        rows = told.get("reply_markup", {}).get("inline_keyboard", [])
        keys = [key for row in rows for key in row]
        for key in keys:
            if not 1 <= len(key.get("callback_data", "x").encode()) <= LONGEST_DATA:
                raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
            if "localhost" in key.get("url", "") or not key.get("url", "https://").startswith("http"):
                raise Refused(400, "Bad Request: inline keyboard button URL is invalid")
        return keys

    def _edit(self, told: dict) -> dict:
        for shown in self.chats.get(told["chat_id"], []):
            if shown.id == told["message_id"]:
                shown.text, shown.keys = str(told["text"]), self._keys(told)
                return self._message(told["chat_id"], shown)
        raise Refused(400, "Bad Request: message to edit not found")

    def number(self) -> int:
        """The next number of a message."""
        self._numbers += 1
        return self._numbers

    def _message(self, chat: int, shown: Shown) -> dict:
        message = {
            "message_id": shown.id,
            "date": 1772465400,
            "chat": {"id": chat, "type": "private", "first_name": "Dana"},
            "from": {"id": 123456, "is_bot": True, "first_name": "Green Lane", "username": "green_lane_bot"},
            "text": shown.text,
        }
        if shown.keys:
            message["reply_markup"] = {"inline_keyboard": [[key] for key in shown.keys]}
        return message


def _value(text: str) -> object:
    """What a field of a form says: Telegram takes JSON where a field is not a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, float) or value is None else value


class Phone:
    """A customer's phone: what they write and press becomes updates, and the screen is what the server keeps."""

    def __init__(self, api: BotApi, chat: int = 777001, language: str = "en") -> None:
        self.api, self.chat, self.language = api, chat, language
        self._update = 1000

    @property
    def screen(self) -> list[Shown]:
        return self.api.chats.get(self.chat, [])

    @property
    def texts(self) -> list[str]:
        """What the bot said, in order."""
        return [shown.text for shown in self.screen if shown.ours]

    def _numbered(self, **update: object) -> dict:
        self._update += 1
        return {"update_id": self._update, **update}

    def _me(self) -> dict:
        return {"id": self.chat, "is_bot": False, "first_name": "Dana", "language_code": self.language}

    def message(self, **what: object) -> dict:
        """An update with a message, which shows on the screen at once."""
        number = self.api.number()
        text = str(what.get("text", "(something)"))
        self.api.chats.setdefault(self.chat, []).append(Shown(number, text, ours=False))
        chat = {"id": self.chat, "type": "private", "first_name": "Dana"}
        return self._numbered(
            message={"message_id": number, "date": 1772465400, "chat": chat, "from": self._me()} | what
        )

    def says(self, text: str) -> dict:
        entities = (
            [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
            if text[:1] == "/"
            else None
        )
        return self.message(text=text, **({"entities": entities} if entities else {}))

    def presses(self, title: str) -> dict:
        """The newest button with this title."""
        for shown in reversed(self.screen):
            for key in shown.keys:
                if key["text"] == title:
                    return self.presses_again(shown, key)
        raise AssertionError(f"no button {title!r} among {[key['text'] for s in self.screen for key in s.keys]}")

    def presses_again(self, shown: Shown, key: dict[str, str]) -> dict:
        query = {
            "id": str(4_382_000_000 + self._update),
            "from": self._me(),
            "chat_instance": "-3141592653589793",
            "data": key["callback_data"],
            "message": self.api._message(self.chat, shown),
        }
        return self._numbered(callback_query=query)


def encoded(update: dict) -> bytes:
    return msgspec.json.encode(update)
