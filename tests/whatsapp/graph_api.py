"""A Graph API of our own: what Meta does with the messages of a business, held against its published limits.

Every call is checked: its address, its token, its fields and their lengths (Cloud API reference, messages: text, interactive reply
buttons, interactive lists, call-to-action URL buttons, templates). It keeps the screens of its customers' phones, limits rates
when told to, and closes the window of 24 hours.
"""

import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

TOKEN, LINE, APP_SECRET, VERIFY = "a-token-of-a-system-user", "106540352242922", "an-app-secret", "a-verify-token"
SETTINGS: dict[str, object] = {
    "token": TOKEN,
    "phone_number_id": LINE,
    "app_secret": APP_SECRET,
    "verify_token": VERIFY,
    "template": "news_of_a_payment",
    "api": "http://graph/v25.0",
}
Json = dict[str, Any]


@dataclass
class Shown:
    """One message as a phone shows it; ``keys`` are buttons and rows, by what the phone shows of them."""

    id: str
    text: str
    ours: bool = True  # of the business
    kind: str = "text"
    keys: list[Json] = field(default_factory=list)
    url: str = ""


class GraphApi:
    """The server of Meta's."""

    def __init__(self) -> None:
        self.calls: list[Json] = []
        self.screens: dict[str, list[Shown]] = {}
        self.faults: list[tuple[int, Json]] = []  # for the next calls
        self.closed = False  # nobody has written for a day: only templates are taken
        self._numbers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        assert (request.method, request.url.path) == ("POST", f"/v25.0/{LINE}/messages")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["content-type"] == "application/json"
        told = json.loads(await request.body())
        to = _checked(told)
        self.calls.append(told)
        if self.faults:
            status, fault = self.faults.pop(0)
            await JSONResponse({"error": fault}, status)(scope, receive, send)
            return
        if self.closed and told["type"] != "template":
            await JSONResponse({"error": no(131047)}, 400)(scope, receive, send)
            return
        shown = _shown(self.number(), told)
        self.screens.setdefault(to, []).append(shown)
        who = [{"input": to, "wa_id": to} if "to" in told else {"input": to, "user_id": to}]
        body = {"messaging_product": "whatsapp", "contacts": who, "messages": [{"id": shown.id}]}
        await JSONResponse(body)(scope, receive, send)

    def number(self) -> str:
        """The name of the next message."""
        self._numbers += 1
        return f"wamid.HBgLMTU1NTU1NTQ0NDQVAgASGBQz{self._numbers:04}="


def no(code: int, **more: object) -> Json:
    """A refusal as Meta words it."""
    data = {"messaging_product": "whatsapp", "details": "details that repeat 15555554444"}
    return {"message": f"(#{code}) No", "type": "OAuthException", "code": code, "error_data": data} | more


# --- what Meta takes --------------------------------------------------------------------------------------------------


def _checked(told: Json) -> str:
    """The address it goes to. What the published limits do not allow is a bug of the caller's."""
    kind = told["type"]
    assert told["messaging_product"] == "whatsapp"
    assert told["recipient_type"] == "individual"
    assert ("to" in told) != ("recipient" in told), "a phone number, or an id that Meta made"
    assert told.keys() - {"to", "recipient"} == {"messaging_product", "recipient_type", "type", kind}
    {"text": _text, "interactive": _interactive, "template": _template}[kind](told[kind])
    if "to" in told:
        assert told["to"].isdigit()
        return str(told["to"])
    country, dot, rest = told["recipient"].partition(".")
    assert dot
    assert len(country) == 2
    assert rest.isalnum()
    return str(told["recipient"])


def _text(text: Json) -> None:
    assert text.keys() == {"body", "preview_url"}
    assert text["preview_url"] is False
    _is_long(text["body"], 4096)


def _is_long(text: str, most: int) -> None:
    assert 1 <= len(text.encode("utf-16-le")) // 2 <= most, f"{len(text)} characters, of {most}: {text}"
    assert text == text.strip()


def _interactive(told: Json) -> None:
    assert told.keys() == {"type", "body", "action"}
    kind, action = told["type"], told["action"]
    assert told["body"].keys() == {"text"}
    _is_long(told["body"]["text"], 1024)
    {"button": _buttons, "list": _list, "cta_url": _url}[kind](action)


def _buttons(action: Json) -> None:
    assert action.keys() == {"buttons"}
    assert 1 <= len(action["buttons"]) <= 3
    for button in action["buttons"]:
        assert button.keys() == {"type", "reply"}
        assert button["type"] == "reply"
        assert button["reply"].keys() == {"id", "title"}
        _is_long(button["reply"]["id"], 256)
        _is_long(button["reply"]["title"], 20)
    assert len({button["reply"]["id"] for button in action["buttons"]}) == len(action["buttons"])
    assert len({button["reply"]["title"] for button in action["buttons"]}) == len(action["buttons"])


def _list(action: Json) -> None:
    assert action.keys() == {"button", "sections"}
    _is_long(action["button"], 20)
    assert 1 <= len(action["sections"]) <= 10
    rows = [row for section in action["sections"] for row in section["rows"]]
    assert 1 <= len(rows) <= 10
    for section in action["sections"]:
        _is_long(section["title"], 24)
    for row in rows:
        assert {"id", "title"} <= row.keys() <= {"id", "title", "description"}
        _is_long(row["id"], 200)
        _is_long(row["title"], 24)
        _is_long(row.get("description", "none"), 72)
    assert len({row["id"] for row in rows}) == len(rows)


def _url(action: Json) -> None:
    assert action.keys() == {"name", "parameters"}
    assert action["name"] == "cta_url"
    assert action["parameters"].keys() == {"display_text", "url"}
    _is_long(action["parameters"]["display_text"], 20)
    assert action["parameters"]["url"].startswith("https://")


def _template(told: Json) -> None:
    assert told.keys() == {"name", "language"}
    assert told["name"] == "news_of_a_payment"
    assert told["language"]["code"] in ("en", "es")


def _shown(number: str, told: Json) -> Shown:
    if told["type"] == "text":
        return Shown(number, told["text"]["body"])
    if told["type"] == "template":
        return Shown(number, "(template)", kind="template")
    interactive = told["interactive"]
    text, kind, action = interactive["body"]["text"], interactive["type"], interactive["action"]
    if kind == "cta_url":
        return Shown(number, text, kind=kind, url=action["parameters"]["url"])
    if kind == "button":
        return Shown(number, text, kind=kind, keys=[button["reply"] for button in action["buttons"]])
    return Shown(number, text, kind=kind, keys=[row for each in action["sections"] for row in each["rows"]])


# --- what Meta sends --------------------------------------------------------------------------------------------------


class Phone:
    """A customer's phone: what they write and press becomes webhooks; the screen is what the server keeps.

    ``user`` is the id that Meta made of them for this business; "": webhooks of a time before there were any.
    """

    def __init__(self, api: GraphApi, number: str = "15555554444", user: str = "US.5555555555554444918") -> None:
        self.api, self.wa_id, self.user = api, number, user

    @property
    def address(self) -> str:
        return self.user or self.wa_id

    @property
    def screen(self) -> list[Shown]:
        return self.api.screens.setdefault(self.address, [])

    @property
    def texts(self) -> list[str]:
        """What the business said, in order."""
        return [shown.text for shown in self.screen if shown.ours]

    def message(self, kind: str, **what: object) -> Json:
        """A webhook with one message, which shows on the screen at once."""
        number = self.api.number()
        self.screen.append(Shown(number, str(what.get("text", f"({kind})")), ours=False))
        who = {"profile": {"name": "Dana Whitfield"}, "wa_id": self.wa_id}
        said = {"from": self.wa_id, "id": number, "timestamp": "1772465400", "type": kind} | what
        if self.user:
            who, said = who | {"user_id": self.user}, said | {"from_user_id": self.user}
        return webhook(contacts=[who], messages=[said])

    def says(self, text: str) -> Json:
        return self.message("text", text={"body": text})

    def presses(self, title: str) -> Json:
        """The newest button or row with this title, or with this text below it."""
        for shown in reversed(self.screen):
            for key in shown.keys:
                if title in (key["title"], key.get("description")):
                    return self.presses_again(shown, key)
        raise AssertionError(f"no button {title!r} among {[each for shown in self.screen for each in shown.keys]}")

    def presses_again(self, shown: Shown, key: Json) -> Json:
        kind = "button_reply" if shown.kind == "button" else "list_reply"
        context = {"from": "15550783881", "id": shown.id}
        return self.message("interactive", context=context, interactive={"type": kind, kind: key})

    def fails(self, code: int) -> Json:
        """A webhook that says that a message of ours could not be brought."""
        to = {"recipient_id": self.wa_id} | ({"recipient_user_id": self.user} if self.user else {})
        fault = {"code": code, "title": "No", "message": "No", "error_data": {"details": "No"}}
        status = {"id": self.api.number(), "status": "failed", "timestamp": "1772465400", "errors": [fault]}
        return webhook(statuses=[status | to])


def webhook(**value: object) -> Json:
    line = {"display_phone_number": "15550783881", "phone_number_id": LINE}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": line} | value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}


def signature(body: bytes, secret: str = APP_SECRET) -> str:
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
