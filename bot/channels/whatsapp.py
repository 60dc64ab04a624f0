"""WhatsApp, as Remit speaks it: what a webhook of Meta's Cloud API says, and how a message of ours looks there.

`read` and `signed` have no network and no state: a recorded webhook is a whole test. `WhatsApp` calls the Graph API. A customer
is known by the id that Meta made for this business, by the phone number only where there is none; neither is in any log.
Limits are Meta's (Cloud API, messages: 4096 characters of text, 3 buttons of 20, 10 rows of 24 with 72 below).
"""

import contextlib
import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.channels.base import Inbound, from_letters, in_letters, short, split
from bot.delivery import Gone, Pieces, Wait
from bot.stores.base import Button, Message, Store
from services.errors import Malformed, Unavailable
from services.http import Remote

log = logging.getLogger(__name__)

PREFIX = "whatsapp:"
LARGEST = 3 * 1024 * 1024  # bytes of one webhook (Cloud API, webhooks)
LONGEST_NAME = 95  # characters of what Meta calls a customer; its longest today have 23
WINDOW = timedelta(hours=24)  # after a customer's message, in which a business may write what it likes
BETWEEN_S = 6.0  # one message in so many seconds to one customer, once a burst is used up (code 131056)
LONGEST_TEXT, LONGEST_BODY, LONGEST_ID = 4096, 1024, 200  # characters
MOST_BUTTONS, LONGEST_BUTTON = 3, 20
MOST_ROWS, LONGEST_ROW, LONGEST_BELOW = 10, 24, 72
_TOO_FAST, _CLOSED = 131056, 131047
_NOBODY = frozenset({131026, 131030})  # not on WhatsApp, or not among those whom a number on trial may write to
AWAY = _NOBODY | {_CLOSED}  # of a message that Meta took at first: nothing goes there until they write
_OURS = frozenset({100, 131008, 131009, 131051})  # a field is wrong or missing: the same again would be refused again
_NO_SUCH_LINE = 33  # subcode of 100: the phone_number_id of the settings is wrong
_SILENT = frozenset({"reaction", "system", "revoke", "ephemeral", "request_welcome"})  # nobody waits for an answer
_encode = msgspec.json.Encoder().encode
_plain = msgspec.json.Decoder(dict[str, Any]).decode
Body = dict[str, Any]


class Unsent(msgspec.Struct, frozen=True):
    """A message of ours that Meta took and could not bring; ``code`` says why."""

    chat: str
    code: int


# --- in -------------------------------------------------------------------------------------------------------------


class _Words(msgspec.Struct, frozen=True):
    """Of a text its ``body``, of a button its ``id``, of a template's button its ``text``."""

    body: str = ""
    id: str = ""
    text: str = ""


class _Said(msgspec.Struct, rename={"number": "from", "user": "from_user_id"}):
    id: str
    type: str
    number: str = ""  # is left out where the customer has a user name instead
    user: str = ""
    text: _Words = _Words()
    button: _Words = _Words()
    interactive: dict[str, _Words | str] = {}
    context: dict[str, Any] = {}


class _Fault(msgspec.Struct):
    code: int = 0
    error_subcode: int = 0


class _Status(msgspec.Struct, rename={"number": "recipient_id", "user": "recipient_user_id"}):
    status: str
    number: str = ""
    user: str = ""
    errors: tuple[_Fault, ...] = ()


class _Value(msgspec.Struct):
    metadata: dict[str, str]
    contacts: tuple[dict[str, Any], ...] = ()  # who the messages are from: one, since they are of one customer
    messages: tuple[_Said, ...] = ()
    statuses: tuple[_Status, ...] = ()


class _Change(msgspec.Struct):
    field: str
    value: msgspec.Raw  # of another field it is of another form


class _Entry(msgspec.Struct):
    changes: tuple[_Change, ...]


class _Webhook(msgspec.Struct):
    entry: tuple[_Entry, ...]


_webhook, _value = msgspec.json.Decoder(_Webhook).decode, msgspec.json.Decoder(_Value).decode
_no = msgspec.json.Decoder(dict[str, _Fault]).decode


def signed(body: bytes, told: str, secret: bytes) -> bool:
    """Whether Meta sent this: ``told`` is its X-Hub-Signature-256, compared in constant time."""
    return hmac.compare_digest(told.encode(), b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode())


def read(body: bytes, line: str) -> list[Inbound | Unsent]:
    """What was said to our phone number (``line`` is Meta's id of it), and what did not arrive, in order. Raises `Malformed`."""
    try:
        changes = [change for entry in _webhook(body).entry for change in entry.changes if change.field == "messages"]
        values = [_value(change.value) for change in changes]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a webhook of WhatsApp: {type(error).__name__}") from None  # its text may hold a name
    found: list[Inbound | Unsent] = []
    for value in values:
        if value.metadata.get("phone_number_id") == line:
            user = next((str(who.get("user_id", "")) for who in value.contacts), "")
            said = ((each, text) for each in value.messages if (text := _text_of(each)))
            found += [Inbound(_chat(each.user, user, each.number), _name(each.id), text) for each, text in said]
            failed = (each for each in value.statuses if each.status == "failed" and (each.user or each.number))
            found += [Unsent(_chat(each.user, each.number), fault.code) for each in failed for fault in each.errors[:1]]
    return found


def _name(message: str) -> str:
    """A message's name without the customer's phone number, which is in Meta's own one."""
    return hashlib.sha256(message.encode()).hexdigest()[:32]


def _chat(*addresses: str) -> str:
    address = next(filter(None, addresses), "")
    if not 0 < len(address) <= LONGEST_NAME:
        raise Malformed("not a webhook of WhatsApp: it names nobody")
    return PREFIX + in_letters(address)


def _text_of(said: _Said) -> str:
    """The words of a message, or a button's payload; "" for what needs no answer."""
    if said.type in _SILENT:
        return ""
    if said.type == "edit":
        return "/edited"
    if said.context.get("forwarded") or said.context.get("frequently_forwarded"):
        return "/unreadable"  # somebody else's words
    chosen = next((reply.id for reply in said.interactive.values() if isinstance(reply, _Words)), "")
    return chosen or said.text.body or said.button.text or "/unreadable"


# --- out ------------------------------------------------------------------------------------------------------------


class _Refused(Exception):  # noqa: N818  # it stands for an answer, and goes no further than this file
    """Meta says no to one call."""

    def __init__(self, fault: _Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


class WhatsApp:
    """One phone number of a business. An `Outlet`."""

    prefix = PREFIX

    def __init__(
        self, remote: Remote, store: Store, clock: Callable[[], datetime], say: Callable[[str, str], str], template: str
    ) -> None:
        """``remote`` is the phone number in the Graph API; ``say`` puts one of the wording's sentences (key, locale) in words.

        ``template`` names what may be sent to whoever has not written for a day; "": nothing is.
        """
        self._remote = remote
        self._store = store
        self._clock = clock
        self._say = say
        self._template = template
        self._pieces = Pieces()

    async def send(self, chat: str, message: Message, locale: str) -> Wait | Gone | None:
        """One message of the log, in as many of WhatsApp's as it takes; what is chosen from is under the last.

        To whoever has not written for a day it is not sent: they are told by the template that there is news, and hear it
        once they write. Raises `Unavailable` or `Uncertain` also where the account, not the message, is at fault.
        """
        heard = talk.heard_at if (talk := (await self._store.load(chat, "")).talk) else None
        if heard is not None and self._clock() - heard >= WINDOW:
            return await self._knock(chat, locale)
        bodies = [_encode(body) for body in self._bodies(message, locale)]

        async def call(_nth: int, body: bytes) -> None:
            if (fault := await self._call(chat, _plain(body))).code:
                raise _Refused(fault)

        try:
            await self._pieces.send(chat, message.seq, bodies, call)
        except _Refused as refused:
            return await self._answered(chat, locale, refused.fault)
        return None

    async def _answered(self, chat: str, locale: str, fault: _Fault) -> Wait | Gone | None:
        """What follows from Meta's no to one call of a message."""
        if fault.code == _TOO_FAST:
            return Wait(BETWEEN_S)
        if fault.code == _CLOSED:
            return await self._knock(chat, locale)
        if fault.code in _NOBODY:
            return Gone()
        if fault.code in _OURS and fault.error_subcode != _NO_SUCH_LINE:
            log.error("WhatsApp refused a message for good: code %d", fault.code)
            return None
        raise Unavailable(f"WhatsApp takes no message now: code {fault.code}")

    async def _knock(self, chat: str, locale: str) -> Gone:
        if self._template:
            body = {"type": "template", "template": {"name": self._template, "language": {"code": locale}}}
            if fault := (await self._call(chat, body)).code:
                log.warning("WhatsApp did not take the template: code %d", fault)
        return Gone()

    async def _call(self, chat: str, body: Body) -> _Fault:
        address = from_letters(chat.removeprefix(PREFIX))
        to = {"to" if address.isdigit() else "recipient": address}
        told = {"messaging_product": "whatsapp", "recipient_type": "individual"} | to | body
        answer = await self._remote.post("/messages", _encode(told))
        if answer.is_success:
            return _Fault()
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # a proxy's page says nothing of the message
            if (fault := _no(answer.content).get("error", _Fault())).code:
                return fault
        raise Unavailable(f"WhatsApp says no: status {answer.status_code}")

    def _bodies(self, message: Message, locale: str) -> Iterator[Body]:
        choices = [choice for choice in message.choices if len(choice.payload) <= LONGEST_ID]
        link, text = message.link, message.text
        is_button = link is not None and not choices and link.url.startswith("https://")
        if link is not None and not is_button:
            text = f"{text}\n{link.url}"
        if any(len(choice.title) > LONGEST_BELOW for choice in choices):
            text = "\n".join([text, *(choice.title for choice in choices)])
        *before, last = split(text, LONGEST_BODY if choices or is_button else LONGEST_TEXT)
        for part in before:
            yield _text(part)
        if link is not None and is_button:
            shown = {"display_text": short(self._say(f"open_{link.kind}", locale), LONGEST_BUTTON), "url": link.url}
            yield _interactive("cta_url", last, {"name": "cta_url", "parameters": shown})
        elif not choices:
            yield _text(last)
        elif len(choices) <= MOST_BUTTONS and all(len(choice.title) <= LONGEST_BUTTON for choice in choices):
            keys = [{"type": "reply", "reply": {"id": each.payload, "title": each.title}} for each in choices]
            yield _interactive("button", last, {"buttons": keys})
        else:
            yield from self._lists(last, choices, locale)

    def _lists(self, text: str, choices: Sequence[Button], locale: str) -> Iterator[Body]:
        choose = self._say("choose", locale)
        for first in range(0, len(choices), MOST_ROWS):
            rows = [_row(choice) for choice in choices[first : first + MOST_ROWS]]
            action = {"button": choose, "sections": [{"title": choose, "rows": rows}]}
            yield _interactive("list", choose if first else text, action)


def _text(text: str) -> Body:
    return {"type": "text", "text": {"body": text, "preview_url": False}}  # a preview would open the links of a payment


def _interactive(kind: str, text: str, action: Body) -> Body:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _row(choice: Button) -> Body:
    """A line of a list; the whole title stands below one that had to be cut."""
    below = {"description": short(choice.title, LONGEST_BELOW)} if len(choice.title) > LONGEST_ROW else {}
    return {"id": choice.payload, "title": short(choice.title, LONGEST_ROW)} | below
