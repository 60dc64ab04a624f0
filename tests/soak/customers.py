"""Customers over real HTTP: they chat by the API, listen by server-sent events, and type cards and accounts on the
hosted page. They repeat what got no answer, click twice, change their minds and give up. They know only what they see.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import msgspec

from bot.stores.base import Message
from services.sandbox.rehearsal import BANK, CARD
from tests.process.running import ZIP

from .house import House

FOREVER = 180.0  # seconds: whoever waits longer for an answer, or for what it promised, waits for ever
CARDS = (
    *("4242424242424242",) * 6,
    "5555555555554444",
    *("4000000000000002", "4000000000009995", "4000000000000127"),  # declined
)
ACCOUNTS = (
    *("000123456789",) * 4,  # settles after three days
    *("000111111113", "000222222227"),  # fails after two
    *("000555555559",) * 2,  # settles, and is returned two days later
    *("000000000009", "000777777771"),  # stays on its way; is refused at once
)
_SETTLED = ("Paid: ", "is on its way", "is already paid", "nothing left to", "already being processed")
_WAITING = ("I'm preparing your secure page", "Still working on it", "I'm stopping this payment", "I'm closing the")
_decode = msgspec.json.Decoder(Message).decode


class _Answer(msgspec.Struct):
    messages: list[Message]
    id: str = ""
    token: str = ""


@dataclass
class Measured:
    """What all customers waited for, in seconds, and what they found wrong."""

    answers: list[float] = field(default_factory=list)  # from the first try of a message to its answer
    outcomes: list[float] = field(default_factory=list)  # from "I'm preparing your page" to the page, or why not
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Nature:
    """What makes one customer differ from another."""

    chance: random.Random
    thought: float  # seconds, on average, before each act


class Customer:
    """Somebody in one chat, with a few bills."""

    def __init__(self, name: str, house: House, http: httpx.AsyncClient, nature: Nature, measured: Measured) -> None:
        self.name = name
        self.chat = ""
        self.sent: dict[str, str] = {}
        self.seen: dict[int, Message] = {}
        self.done = False
        self._house = house
        self._http = http
        self._chance = nature.chance
        self._thought = nature.thought
        self._measured = measured
        self._url = ""
        self._bearer: dict[str, str] = {}
        self._up_to = 0
        self._lost = house.lost
        self._news = asyncio.Event()

    async def live(self, bills: list[tuple[str, str]]) -> None:
        """Come with these bills (number, pay link or none), see to each, and stay to hear what becomes of them."""
        try:
            await self._begin(bills[0][1])
            for nth, (number, token) in enumerate(bills):
                if nth and self._house.closing:
                    return
                await self._see_to(number, token if nth else "")
        finally:
            self.done = True

    async def ask(self) -> None:
        """How do my payments stand?"""
        if self.chat:
            await self.say("/status")

    # --- talking -------------------------------------------------------------------------------------------------

    async def _begin(self, token: str) -> None:
        """A chat that was begun and not heard of is begun again: nobody knows its name."""
        answer = await self._until_answered("", f"{self._house.chat}/api/v1/conversations", {"pay_link": token})
        self.chat = f"web:{answer.id}"
        self._url = f"{self._house.chat}/api/v1/conversations/{answer.id}"
        self._bearer = {"Authorization": f"Bearer {answer.token}"}
        self.sent["begin"] = "/start"
        self._hear(answer.messages)

    async def say(self, text: str) -> None:
        """Say it until it is answered, always under the same id; sometimes twice, sometimes once more afterwards."""
        message = self._chance.randbytes(8).hex()
        self.sent[message] = text
        luck, tries = self._chance.random(), 2 if self._chance.random() < 0.15 else 1
        lost = self._house.lost
        answers = await asyncio.gather(*(self._say(message, text) for _ in range(tries)))
        if luck < 0.1:
            again = {each.seq for each in await self._say(message, text)}
            before = {each.seq for each in answers[0]}
            if not before <= again and lost == self._house.lost:
                self.found(f"got {sorted(before)} for {message}, and {sorted(again)} when it was sent again")

    async def _say(self, message: str, text: str) -> list[Message]:
        word = "choice" if text.startswith("/") else "text"
        answer = await self._until_answered(message, f"{self._url}/messages", {"id": message, word: text})
        self._hear(answer.messages)
        return answer.messages

    async def _until_answered(self, message: str, url: str, said: dict[str, str]) -> _Answer:
        started = time.monotonic()
        while (waited := time.monotonic() - started) < FOREVER:
            pause = self._chance.uniform(0.1, 0.6)
            with suppress(httpx.TransportError):
                answer = await self._http.post(url, json=said, headers=self._bearer)
                if answer.status_code in (200, 201):
                    self._measured.answers.append(time.monotonic() - started)
                    return msgspec.json.decode(answer.content, type=_Answer)
                if answer.status_code == 429:
                    pause = float(answer.headers["retry-after"])
                elif answer.status_code != 503:
                    self.found(f"was answered {answer.status_code}: {answer.text[:200]}")
            await asyncio.sleep(pause)
        self.found(f"waited {waited:.0f} s for an answer to {message or 'a new chat'}")
        raise TimeoutError

    def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            known = self.seen.get(message.seq)
            if known is not None and known != message and self._lost == self._house.lost:
                self.found(f"saw two messages {message.seq}: {known.text[:60]!r} and {message.text[:60]!r}")
            self.seen[message.seq] = message
        self._lost = max(self._lost, self._house.lost) if messages and self._house.lost else self._lost
        self._news.set()

    async def listen(self) -> None:
        """Read what is pushed, from the last message seen, over and over, until canceled."""
        while True:
            if self._url:
                with suppress(httpx.TransportError):
                    await self._read_events()
            await asyncio.sleep(self._chance.uniform(0.1, 0.5))

    async def _read_events(self) -> None:
        headers = self._bearer | {"Last-Event-ID": str(self._up_to)}
        async with self._http.stream("GET", f"{self._url}/events", headers=headers) as answer:
            if answer.status_code != 200:
                return
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    message = _decode(line.removeprefix("data: "))
                    if message.seq != self._up_to + 1 and not self._house.lost:
                        self.found(f"was pushed message {message.seq} after {self._up_to}")
                    self._up_to = message.seq
                    self._hear([message])

    def _story(self) -> str:
        """The last lines of this chat, as its customer has them, and what was said into it."""
        heard = [f"{seq} {each.sender}: {each.text[:60]}" for seq, each in sorted(self.seen.items())[-6:]]
        return " | ".join([*heard, "sent:", *list(self.sent.values())[-6:]])

    def found(self, what: str) -> None:
        """Something that must not be."""
        self._measured.violations.append(f"{self.name} ({self.chat or 'no chat yet'}) {what}")

    # --- deciding ------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Message | None:
        """The newest thing that was said to this customer."""
        return next((each for _, each in sorted(self.seen.items(), reverse=True) if each.sender != "customer"), None)

    async def _see_to(self, number: str, token: str) -> None:
        await self.say(f"/start {token}" if token else f"pay {number}")
        for _ in range(12):
            await asyncio.sleep(self._chance.expovariate(1 / self._thought))
            last = self.last
            if last is None or any(word in last.text for word in _SETTLED) or self._chance.random() < 0.02:
                return
            if last.text.startswith(_WAITING):
                await self._wait_for_the_outcome()
            elif last.link is not None and self._chance.random() < 0.85:
                await self._pay(last.link.url)
            else:
                await self.say(self._reply(last))

    def _reply(self, last: Message) -> str:
        """What this customer would say to that."""
        offered = [choice.payload for choice in last.choices]
        luck = self._chance.random()
        for payload in offered:
            if payload.startswith("/agree"):
                change = self._chance.choice(("/cancel", f"${self._chance.randint(6, 30)}", "/change method"))
                return payload if luck < 0.75 else "yes" if luck < 0.85 else change
        if offered:
            return self._chance.choice([each for each in offered if "method" in each] or offered)
        return next((word for start, word in _asked() if start in last.text), "/status")

    async def _wait_for_the_outcome(self) -> None:
        """Until what was promised is said; the customer asks now and then, as people do."""
        started = time.monotonic()
        while (last := self.last) is not None and last.text.startswith(_WAITING):
            if time.monotonic() - started > FOREVER:
                self.found(f"waits for ever after {last.text[:50]!r}: {self._story()}")
                raise TimeoutError
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 4)
                continue
            # a lost conversation may have lost its start as well: then it is the customer who gets out of it
            given_up = self._house.lost and time.monotonic() - started > FOREVER / 4
            await self.say("/cancel" if given_up else "/status")
        self._measured.outcomes.append(time.monotonic() - started)

    # --- the hosted page -----------------------------------------------------------------------------------------

    async def _pay(self, link: str) -> None:
        for _ in range(20):
            with suppress(httpx.TransportError):
                shown = await self._http.get(link)
                if shown.status_code == 303:
                    await self._fill(shown.headers["location"])
                    break
                if shown.status_code != 503:
                    break  # it leads nowhere any more
            await asyncio.sleep(0.3)
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))
        await self.say("/status")

    async def _fill(self, page: str) -> None:
        form = await self._http.get(page)
        if 'name="account"' in form.text:
            typed = BANK | {"account": self._chance.choice(ACCOUNTS)}
        else:
            typed = CARD | {"number": self._chance.choice(CARDS)}
        clicks = 2 if self._chance.random() < 0.15 else 1
        await asyncio.gather(*(self._http.post(page, data=typed) for _ in range(clicks)))


def _asked() -> Iterator[tuple[str, str]]:
    yield "zip", ZIP
    yield "name on the", "Dana Lee"
    yield "How much", "the full amount"
    yield "Which invoice", "/status"
