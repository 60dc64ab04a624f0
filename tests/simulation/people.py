"""Customers by chance: they type, press, repeat themselves, change their minds, and fill in the hosted page.

A person knows only what was shown: messages, buttons, links. What they believe is judged in `oracle`.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

import httpx
import msgspec

from bot.channels import widget
from bot.channels.base import Inbound
from bot.stores.base import Message
from services.errors import Unavailable, Uncertain
from services.sandbox.payments import HostedPage

from .letters import asking_from
from .life import Gone
from .process import HANDOFF, SECRET
from .world import World

_CARDS = (
    *("4242424242424242",) * 8,
    *("5555555555554444",) * 3,
    *("4000002500003155",) * 2,  # 3-D Secure
    *("4000000000000259", "4000000000002685") * 2,  # disputed the next day, lost and won
    *("4000000000007726", "4000000000005126"),  # refunds come late, and fail later
    *("4000000000000002", "4000000000009995", "4000000000000127", "4000008260003178", "1234"),
)
_ACCOUNTS = (
    *("000123456789",) * 4,  # settles after three days
    *("000111111113", "000222222227"),  # fails after two
    *("000555555559", "000666666661"),  # settles, and is returned two days later; is proved by a micro-deposit first
    *("000000000009", "000777777771"),  # stays on its way; is refused at once
)
_DEPOSIT_CODES = (*("SM11AA",) * 3, "SM00ZZ", "SM44DD")  # right; wrong; one try too late
_SETTLED = re.compile("already paid|^Paid|is on its way|nothing left to (?:do|pay)|voided")
_WORDS = (
    "hello",
    "how much do I owe?",
    "/status",
    "did my payment arrive?",
    "cancel",
    "/cancel",
    "no",
    "no, $20",
    "start over",
    "half of it",
    "$31.50",
    "20",
    "0",
    "999999",
    "the full amount",
    "card",
    "not the card, the bank",
    "bank account",
    "the second one",
    "change the amount",
    "zip 94110",
    "94107",
    "the name is Ann Lee",
    "asdf qwer",
    "help",
    "say that again",
    "thanks",
    "send me the link again",
    "my card is 4242 4242 4242 4242",
    "",
    "yes, but only $20",
    "ok, change the zip",
    "can I talk to a human?",
    "where's my refund?",
    "I want my money back",
    "/refund",
    "/here",
    "/pay all",
    "/sign-in",
    "/invoices",
    "/requests",
    "bye",
    "new link",
    "\u202e\u0000",
)


@dataclass(frozen=True)
class Bill:
    """An invoice as it came in the mail: its number, its pay link, and the zip of whoever owes it."""

    number: str
    token: str
    zip: str


class Person:
    """Somebody with bills, in one chat; several may share an invoice."""

    YES = frozenset({"yes", "yes please", "ok", "y", "sure"})
    PLACES = frozenset({"1", "the first one"})  # the button that agrees is always the first of its message
    _cards: tuple[str, ...] = _CARDS
    _accounts: tuple[str, ...] = _ACCOUNTS

    def __init__(self, world: World, name: str, bills: list[Bill]) -> None:
        self.name = name
        self.chat = f"rasa:{name}"
        self.bill, *self._later = bills
        self.sent: dict[str, str] = {}  # by message id
        self.said_at: dict[str, float] = {}  # when a message was sent first, by its id
        self.had_seen: dict[
            str, frozenset[str]
        ] = {}  # by message id: the buttons seen by then, if that was said with it
        self.offered: dict[str, dict[str, float]] = {}  # buttons that agree: what stood beside them, and when last
        self.seen: dict[int, Message] = {}
        self.up_to = 0  # what was said up to here was handed over, by the assistant's account
        self.lost: list[str] = []  # ids of messages that got no answer
        self.twin: Person | None = None  # the same human in another channel
        self.asked_back = "/telegram"  # what brings the link to go on there
        self._answers: dict[str, list[Message]] = {}
        self._era = 0  # grows when the assistant loses all conversations
        self._buttons: list[str] = []  # ever shown
        self._links: list[str] = []
        self._ways: list[str] = []  # tokens that move this chat
        self._pages: list[str] = []
        self._world = world

    @property
    def answered(self) -> tuple[str, ...]:
        """The ids of messages that were taken in, as far as this conversation is not lost."""
        return tuple(self._answers)

    # --- talking -------------------------------------------------------------------------------------------------

    async def say(self, text: str, message: str = "") -> None:
        """Send a message, or one of before again, and take in its answer."""
        world = self._world
        message = message or world.chance.randbytes(4).hex()
        again = " again" if message in self.sent else ""
        self.sent[message] = text
        world.tell(f"{self.name} says{again} {text!r} ({message})")
        era = self._era
        self.said_at.setdefault(message, world.loop.time())
        try:
            with asking_from(self.chat):
                answer = await self._send(message, text)
        except (Gone, Unavailable, Uncertain):
            world.tell(f"{self.name} gets no answer to {message}")
            self.lost.append(message)
        else:
            if era == self._era:
                self._hear(message, answer)
            else:  # of the conversation that is no more, or of the next one already: its numbers do not say
                self.lost.append(message)

    async def _send(self, message: str, text: str) -> list[Message]:
        inbound = Inbound(self.chat, message, text, client=self.name)
        return await self._world.inside(lambda remit: remit.runtime.handle(inbound))

    async def listen(self) -> None:
        """Take in what was said without being asked. Nothing on this channel: it comes with the next answer."""

    def newest(self) -> Message | None:
        """What stands last on the screen."""
        return self.seen[max(self.seen)] if self.seen else None

    def forget(self) -> None:
        """The assistant has lost the conversation: its numbers begin anew."""
        self._era += 1
        self.seen, self.up_to, self._answers = {}, 0, {}

    def _hear(self, message: str, answer: list[Message], *, whole: bool = True) -> None:
        before = self._answers.get(message, []) if whole else []
        if before and [each.seq for each in answer[: len(before)]] != [each.seq for each in before]:
            hidden = self._world.talk(self.chat).get("read_from", 0)  # what was said before a sign-out is told no more
            before = [each for each in before if each.seq > hidden]
        now = answer[: len(before)]
        taken_out = any("[removed]" in each.text for each in now)  # a number, found in pieces meanwhile
        if now != before and not (taken_out and [each.seq for each in now] == [each.seq for each in before]):
            self._world.violate(f"{self.name} got another answer to {message}: {_texts(before)}, then {_texts(answer)}")
        if whole:
            self._answers[message] = answer
        for shown in answer:
            if shown.seq not in self.seen:
                self._world.tell(f"    {self.name} < {shown.seq} {shown.text} {[c.payload for c in shown.choices]}")
            self.seen[shown.seq] = shown
            for choice in shown.choices:
                if choice.payload.startswith("/agree "):
                    self.offered.setdefault(choice.payload, {})[shown.text] = self._world.loop.time()
            self._buttons += [choice.payload for choice in shown.choices if choice.payload not in self._buttons]
            if shown.link is not None and shown.link.kind == "hop":
                self._ways.append(shown.link.url.rpartition("=")[2])
                self._world.hop_links.setdefault(self._ways[-1], self._world.loop.time())
            elif shown.link is not None:
                self._links.append(shown.link.url)
            self._handed(shown.seq)

    def _handed(self, seq: int) -> None:
        self.up_to = max(self.up_to, seq)

    def act(self) -> Coroutine[None, None, None]:
        """The next thing this person does."""
        chance = self._world.chance
        if not self.sent:
            return self._begin()
        if self.lost and chance.random() < 0.6:
            message = self.lost.pop(0)
            return self.say(self.sent[message], message)
        last = self.newest()
        offered = [choice.payload for choice in last.choices] if last else []
        agree = next((payload for payload in offered if payload.startswith("/agree")), "")
        luck = chance.random()
        if self._later and luck < (0.4 if last and _SETTLED.search(last.text) else 0.01):
            self.bill = self._later.pop(0)
            return self._begin()
        if agree and luck < 0.7:
            return self.say(chance.choice((agree, agree, agree, "yes", "1", "ok")))
        if "/here" in offered and luck < 0.7:
            return self.say("/here")
        if last is not None and last.link and luck < 0.8:
            return self._pay(self._links[-1]) if last.link.kind != "hop" else self._follow()
        if self.twin is not None and chance.random() < 0.1:
            return self._follow() if self._ways and chance.random() < 0.5 else self.say(self.asked_back)
        return self._wander(offered)

    def _begin(self) -> Coroutine[None, None, None]:
        if self._world.chance.random() < 0.7:
            return self.say(f"/start {self.bill.token}")
        return self.say(
            self._world.chance.choice((f"pay {self.bill.number} by card, zip {self.bill.zip}", self.bill.number, "hi"))
        )

    def _wander(self, offered: list[str]) -> Coroutine[None, None, None]:
        chance = self._world.chance
        ways: list[tuple[int, Callable[[], Coroutine[None, None, None]]]] = [
            (16, lambda: self.say(chance.choice(offered or ["/pay"]))),
            (2, lambda: self.say(chance.choice(("1", "2", "yes", "yes please")))),
            (3, lambda: self.say(chance.choice(_WORDS))),
            (2, lambda: self.say(f"/start {self.bill.token}")),
            (1, lambda: self.say(f"pay {self.bill.number}, ${chance.randint(5, 60)}, zip {self.bill.zip}")),
            (2, lambda: self.say(chance.choice(self._buttons or ["/status"]))),
            (2, self._again),
            (1, self._twice),
            (2, self._back_to_page),
        ]
        (way,) = chance.choices([way for _, way in ways], [weight for weight, _ in ways])
        return way()

    async def _again(self) -> None:
        message = self._world.chance.choice(list(self.sent))
        self._world.story.faults += 1
        await self.say(self.sent[message], message)

    async def _follow(self) -> None:
        """Go on in the other channel, by the last link or an old one; or somebody else does, who was shown it."""
        world = self._world
        token = self._ways[-1] if world.chance.random() < 0.8 else world.chance.choice(self._ways)
        followers = [self.twin] if self.twin is not None else []
        if world.phones is not None and world.chance.random() < 0.2:
            followers.append(world.chance.choice(world.phones.every).texter)
        for follower in followers:
            world.joined.append((self.chat, follower.chat))
            await follower.say(f"/start {token}")

    async def _twice(self) -> None:
        """The same button pressed twice, in two tabs or by a nervous finger."""
        word = self._buttons[-1] if self._buttons else "yes"
        await self.say(word)
        await self.say(word)

    # --- the hosted page -----------------------------------------------------------------------------------------

    async def _back_to_page(self) -> None:
        if self._pages:
            await self._fill(self._world.chance.choice(self._pages))
        elif self._links:
            await self._pay(self._world.chance.choice(self._links))

    async def _pay(self, link: str) -> None:
        try:
            shown = await self._world.ask(httpx.Request("GET", link))
        except Gone:
            return
        if shown.status_code == 303:
            page = shown.headers["location"].rpartition("/")[2]
            self._pages.append(page)
            await self._fill(page)

    async def _fill(self, page_id: str) -> None:
        world, processor = self._world, self._world.sandbox.processor
        page = processor.page(page_id)
        if page is None or not page.payable:
            return
        number, save = "what is there", self._keeps(page)
        if page.state == "verifying" and world.chance.random() < 0.8:
            number = world.chance.choice(_DEPOSIT_CODES)
            processor.prove(page, number)
        elif page.state == "challenge" and world.chance.random() < 0.7:
            pass  # a check that the bank asked for when a saved card was charged
        elif page.order.method == "bank":
            number = world.chance.choice(self._accounts)
            processor.pay_bank(page, number, "I authorize this.", standing="And later ones." if save else "")
        else:
            number = world.chance.choice(self._cards)
            processor.pay_card(page, number, "04/42", "123", save=save)
        if page.state == "challenge" and world.chance.random() < 0.8:
            processor.answer_challenge(page, page.attempt, world.chance.random() < 0.8)
        kept = " and keeps it" if save else ""
        world.tell(
            f"{self.name} pays {page.order.amount_minor} on {page.order.reference}: {number}{kept} -> {page.state}"
        )

    def _keeps(self, page: HostedPage) -> bool:
        """Whether the tick that saves it is set, where there is one."""
        return bool(page.order.customer) and self._world.chance.random() < 0.8


class Tab(Person):
    """A tab of a browser, which speaks through the API. Two tabs of one conversation share its id."""

    def __init__(self, world: World, name: str, bills: list[Bill], conversation: str) -> None:
        super().__init__(world, name, bills)
        self.chat = widget.chat_of(conversation)
        self._last: dict[str, int] = {}  # the last number on the screen when a message was sent first, by its id
        self._client = f"198.51.{len(name)}.{sum(map(ord, name)) % 250}"  # a limit of one's own
        self._url = f"{HANDOFF}/api/v1/conversations/{conversation}/messages"
        self.token = widget.token_of(conversation, SECRET.encode())

    async def _send(self, message: str, text: str) -> list[Message]:
        if message not in self.had_seen:
            self.had_seen[message] = frozenset(self.offered)
            self._last[message] = max(self.seen, default=0)
        said = {"id": message, "choice" if text.startswith("/") else "text": text, "seen": self._last[message]}
        answered = await self._world.ask(self._request(self._url, said, self.token))
        if answered.status_code in (429, 503):
            raise Unavailable
        if answered.status_code != 200:
            self._turned_away(answered)
        told = msgspec.json.decode(answered.content, type=_Answer)
        self.token = told.token or self.token
        return told.messages

    def spoken_with(self, said: dict[str, str], token: str) -> httpx.Request:
        """A message to this conversation, by whoever holds this token."""
        return self._request(self._url, said, token)

    def _request(self, url: str, said: Mapping[str, object], token: str) -> httpx.Request:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Request("POST", url, json=said, headers=headers, extensions={"client": self._client})

    def _turned_away(self, answered: httpx.Response) -> None:
        self._world.violate(f"{self.name} is answered {answered.status_code}: {answered.text}")
        raise Unavailable

    async def listen(self) -> None:
        """What the event stream would bring: everything after the last number that this tab has."""
        era = self._era
        try:
            told = await self._world.inside(lambda remit: remit.store.since(self.chat, self.up_to))
        except (Gone, Unavailable, Uncertain):
            return
        if era == self._era and told:
            self._hear("", [message for message in told if message.sender != "customer"], whole=False)
            self.up_to = max(self.up_to, told[-1].seq)

    def _handed(self, seq: int) -> None:
        """Nothing: answers may overtake what the stream brings, which alone is counted on."""

    def act(self) -> Coroutine[None, None, None]:
        if self._world.chance.random() < 0.15:
            return self.listen()
        return super().act()


class _Answer(msgspec.Struct):
    messages: list[Message]
    token: str = ""  # which opens the conversation from now on, after a sign-in


def _texts(messages: list[Message]) -> list[str]:
    return [re.sub(r"\s+", " ", message.text)[:40] for message in messages]
