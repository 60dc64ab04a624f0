"""Telegram: the phones, the updates on their way to the assistant, and the Bot API with what goes wrong on its line.

A message is looked at as it reaches a phone: it is the next one of the log, or one that a fault may have had repeated. Who
holds a phone is known to `texters`; what must hold at rest is judged in `moves`.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
import msgspec

from bot.app import _webhook_secret
from bot.stores.base import Message

from .letters import asking_from
from .life import Gone, Life
from .line import GIVES_UP_S
from .process import HANDOFF, SECRET

if TYPE_CHECKING:
    from .texters import Texter
    from .world import World

_URL = f"{HANDOFF}/webhooks/telegram"
_BACK_OFF_S = (1.0, 1.0, 5.0, 20.0, 60.0)  # until Telegram sends an update again that was not taken
_LEASE_S = 60.0  # a worker that began before somebody left goes on at most as long
_DATE = 1_772_465_400  # of every message: nobody reads it


@dataclass
class Heard:
    """A message that reached a phone, and how many faults there had been when it did, or when it did again."""

    message: Message
    faults: int


@dataclass
class Phone:
    """One phone with its chat. ``number`` is Telegram's, ``chat`` the name that the assistant has for it."""

    number: int
    chat: str
    texter: "Texter"
    blocked: bool = False
    last: int = 0  # the number of the last message of the log that reached it
    heard: list[Heard] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # texts of a log that is lost, which may be under way all the same
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)  # the message that a button stood under
    deleted: set[int] = field(default_factory=set)
    quiet_until: float = 0.0  # it was asked not to be called before
    quiet_faults: int = -1  # ... and how many faults there had been by then


@dataclass
class Update:
    """One update on its way."""

    number: int
    phone: Phone
    body: bytes
    said: bool  # rather than that somebody blocked the bot, or is back
    due_s: float = 0.0  # when it comes, in seconds of the loop
    tries: int = 0
    lost: int = -1  # how often all was lost when it was first sent: it may have been answered then


class Phones:
    """Telegram's side of one world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._queue: list[Update] = []
        self._numbers = 1_000
        self._accepted: dict[int, tuple[Phone, int]] = {}  # updates that were taken, with `Update.lost`
        self._by_number: dict[int, Phone] = {}

    def add(self, number: int, chat: str, texter: "Texter") -> Phone:
        """Somebody has a phone."""
        return self._by_number.setdefault(number, Phone(number, chat, texter))

    @property
    def every(self) -> list[Phone]:
        """All phones, in the order in which they came."""
        return list(self._by_number.values())

    @property
    def waiting(self) -> int:
        """How many updates are on their way."""
        return len(self._queue)

    def accepted(self, phone: Phone) -> list[int]:
        """The updates of this phone that were sent and taken since the last time that everything was lost."""
        now = self._world.forgotten
        return [number for number, (whose, lost) in self._accepted.items() if whose is phone and lost == now]

    def conversations_lost(self) -> None:
        """Call it just before: what is in the logs may be under way, and never comes if it is not."""
        for phone in self.every:
            phone.lost += [shown_as(message) for _, message in self._to_come(phone)]

    # --- to the assistant --------------------------------------------------------------------------------------------

    def number(self) -> int:
        """The next number, of an update or of a message."""
        self._numbers += 1
        return self._numbers

    def post(self, phone: Phone, number: int, update: dict[str, Any], *, said: bool = True) -> None:
        """Something happened on a phone."""
        body = msgspec.json.encode({"update_id": number, **update})
        self._queue.append(Update(number, phone, body, said, self._world.loop.time()))

    async def hand_over(self) -> bool:
        """Updates that are due go to the assistant, and what it has to say to the phones; whether there was anything."""
        shown = sum(len(phone.heard) for phone in self.every)
        took = await self._pump()
        if self._anything():  # a round that finds nothing costs as much as any other
            await self._world.someone().carry()
        return took or shown != sum(len(phone.heard) for phone in self.every)

    def _anything(self) -> bool:
        """Whether an update waits for its answer, or anything said for its way to a phone."""
        waiting = "SELECT 1 FROM telegram_update WHERE done_at IS NULL"
        return bool(self._world.rows(waiting)) or any(
            self._to_come(phone) and not (phone.blocked and self.gone(phone)) for phone in self.every
        )

    def gone(self, phone: Phone) -> bool:
        """Whether the assistant knows that nobody is there."""
        return bool(self._world.rows("SELECT 1 FROM delivery WHERE chat = :c AND gone_at IS NOT NULL", c=phone.chat))

    async def _pump(self) -> bool:
        world, now = self._world, self._world.loop.time()
        due = [update for update in self._queue if update.due_s <= now]
        self._queue = [update for update in self._queue if update.due_s > now]
        if len(due) > 1 and world.chance.random() < world.weather.webhook:
            world.fault("updates of Telegram overtake one another")
            world.chance.shuffle(due)
        for update in due:
            await self._send(update)
        return bool(due)

    async def _send(self, update: Update) -> None:
        world = self._world
        lost = (
            world.chance.choice(("before", "after", "twice")) if world.chance.random() < world.weather.webhook else ""
        )
        if lost:
            world.fault(
                f"update {update.number} is lost {lost} it arrived" if lost != "twice" else "an update comes twice"
            )
        taken = lost != "before" and await self._taken(update)
        if lost == "twice":
            taken = await self._taken(update) or taken
        if not taken or lost == "after":
            update.due_s = world.loop.time() + _BACK_OFF_S[min(update.tries, len(_BACK_OFF_S) - 1)]
            update.tries += 1
            self._queue.append(update)

    async def _taken(self, update: Update) -> bool:
        world = self._world
        update.lost = world.forgotten if update.lost < 0 else update.lost
        headers = {"X-Telegram-Bot-Api-Secret-Token": _webhook_secret(SECRET.encode())}
        try:
            with asking_from(update.phone.chat):
                answered = await world.ask(httpx.Request("POST", _URL, content=update.body, headers=headers))
        except Gone:
            return False
        except Exception as error:  # noqa: BLE001  # a server answers 500 to what its framework caught
            world.tell(f"update {update.number} -> {type(error).__name__}")
            return False
        if answered.is_success and update.said:
            self._accepted.setdefault(update.number, (update.phone, update.lost))
        if answered.status_code not in (200, 429, 503):
            world.violate(f"update {update.number} is answered {answered.status_code}: {answered.text}")
        return answered.is_success

    # --- from the assistant ------------------------------------------------------------------------------------------

    def serve(self, request: httpx.Request, *, troubled: bool = False) -> httpx.Response:
        """One call of the Bot API, carried out at once. ``troubled``: its answer will not be as it should."""
        method = request.url.path.rpartition("/")[2]
        told = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        phone = self._by_number[int(told["chat_id"])] if "chat_id" in told else None
        if method == "sendMessage" and phone is not None:
            return self._send_message(request, phone, told, self._world.story.faults - troubled)
        if method == "deleteMessages" and phone is not None:
            phone.deleted.update(msgspec.json.decode(told["message_ids"], type=list[int]))
        elif method == "editMessageText" and phone is not None:
            return _answer(request, _message(phone, int(told["message_id"]), told["text"]))
        return _answer(request, True)

    def _send_message(self, request: httpx.Request, phone: Phone, told: dict[str, str], faults: int) -> httpx.Response:
        world = self._world
        self._called(phone)
        if world.weather.flood and world.chance.random() < world.weather.flood:
            seconds = world.chance.choice((1, 3, 30, 400))
            world.fault(f"Telegram asks to wait for {seconds} s with {phone.texter.name}")
            phone.quiet_until, phone.quiet_faults = world.loop.time() + seconds, world.story.faults
            return _refusal(request, 429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if phone.blocked:
            return _refusal(request, 403, "Forbidden: bot was blocked by the user")
        number = self.number()
        if (message := self._which(phone, told["text"], faults)) is not None:
            for choice in message.choices:
                phone.keys[choice.payload] = (number, told["text"])
            phone.texter.shown(message)
        return _answer(request, _message(phone, number, told["text"]))

    def _called(self, phone: Phone) -> None:
        """Nobody is called who asked not to be, nor one who is known to be gone."""
        world, name = self._world, phone.texter.name
        early = phone.quiet_until - world.loop.time()
        undisturbed = world.story.faults == phone.quiet_faults and not (world.leaps or world.skewed)
        if early > 0.01 and undisturbed:
            world.violate(f"{name} was called {early:.0f} s before Telegram said that one may")
        rows = world.rows("SELECT gone_at FROM delivery WHERE chat = :c AND gone_at IS NOT NULL", c=phone.chat)
        for row in rows:
            since = (world.clock() - world.began).total_seconds() - (row["gone_at"] / 1e6 - world.began.timestamp())
            if since > _LEASE_S + 2 * GIVES_UP_S and not (world.leaps or world.skewed):
                world.violate(f"{name} was called {since:.0f} s after they were found to be gone")

    def _heard(self, phone: Phone, coming: tuple[int, Message], faults: int) -> Message:
        phone.last, message = coming
        phone.heard.append(Heard(message, faults))
        return message

    def _which(self, phone: Phone, text: str, faults: int) -> Message | None:
        """The message of the log that this is; None for one that the phone has, or whose log is lost."""
        world = self._world
        coming = self._to_come(phone)
        if coming and text == shown_as(coming[0][1]):
            return self._heard(phone, coming[0], faults)
        for before in reversed(phone.heard):
            if shown_as(before.message) == text and (world.story.faults > before.faults or world.skewed):
                before.faults += 1
                return None
        if text in phone.lost:
            phone.lost.remove(text)
            return None
        if coming and "removed]" in coming[0][1].text:  # a number was taken out meanwhile: the text is the one before
            return self._heard(phone, coming[0], faults)
        instead = f"the log goes on with {coming[0][1].text[:60]!r}" if coming else "the log has nothing more"
        world.violate(f"{phone.texter.name} was sent {text[:60]!r}, and {instead}")
        return None

    def _to_come(self, phone: Phone) -> list[tuple[int, Message]]:
        """What the log has for this phone that has not reached it."""
        log = "SELECT seq, body FROM message WHERE chat = ? AND seq > ? ORDER BY seq"
        rows = self._world.stored(log, phone.chat, phone.last)
        told = [(seq, msgspec.json.decode(body, type=Message)) for seq, body in rows]
        return [(seq, message) for seq, message in told if message.sender != "customer"]

    def missing(self, phone: Phone) -> list[Message]:
        """As `_to_come`, for whoever judges."""
        return [message for _, message in self._to_come(phone)]


def shown_as(message: Message) -> str:
    """How a message of the log looks on a phone."""
    return message.text if message.link is None else f"{message.text}\n{message.link.url}"


def _message(phone: Phone, number: int, text: str) -> dict[str, Any]:
    chat = {"id": phone.number, "type": "private", "first_name": "Dana"}
    return {"message_id": number, "date": _DATE, "chat": chat, "text": text}


def _answer(request: httpx.Request, result: object) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode({"ok": True, "result": result}), request=request)


def _refusal(request: httpx.Request, status: int, why: str, **parameters: int) -> httpx.Response:
    body = {"ok": False, "error_code": status, "description": why, "parameters": parameters}
    return httpx.Response(status, content=msgspec.json.encode(body), request=request)


class BotLine(httpx.AsyncBaseTransport):
    """The way from one life of the assistant to the Bot API."""

    def __init__(self, world: "World", life: Life) -> None:
        self._world = world
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        world, life = self._world, self._life
        await life.give_way("before a call to Telegram")
        if world.weather.to in request.url.path and world.chance.random() < world.weather.line:
            answered = await self._disturbed(request)
        else:
            answered = self._serve(request)
        await life.give_way("after a call to Telegram")
        return answered

    def _serve(self, request: httpx.Request, *, troubled: bool = False) -> httpx.Response:
        phones = self._world.phones
        assert phones is not None
        return phones.serve(request, troubled=troubled)

    async def _disturbed(self, request: httpx.Request) -> httpx.Response:
        world = self._world
        trouble = world.chance.choice(("refused", "busy", "lost before", "lost after", "502 after", "late", "slow"))
        world.fault(f"{trouble}: {request.url.path.rpartition('/')[2]}")
        match trouble:
            case "refused":
                raise httpx.ConnectError("nobody there", request=request)
            case "busy":
                return _refusal(request, 502, "Bad Gateway")
            case "502 after":
                self._serve(request, troubled=True)
                return httpx.Response(502, content=b"<html>Bad Gateway</html>", request=request)
            case "slow":
                await asyncio.sleep(world.chance.uniform(0.5, 9.0))
                return self._serve(request)
            case "lost after":
                self._serve(request, troubled=True)
            case "late":
                late = partial(self._serve, request, troubled=True)
                world.loop.call_later(world.chance.choice((1.0, 12.0)), late)
            case _:
                pass
        await asyncio.sleep(GIVES_UP_S)
        raise httpx.ReadTimeout("no answer", request=request)
