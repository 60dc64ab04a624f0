"""Customers who sign in: by a code from their mailbox, by a browser that knows them, or by the word of the page around
the chat. They pay several invoices at once, keep cards and accounts, charge them later, and sign out.

They err as people do: a wrong code, an old one, one from another letter; they come back in another chat, or with a
browser that was signed out. What a sign-in is worth is judged in `sessions`, what is charged in `wallets`.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import jwt
import msgspec

from bot.channels import widget
from bot.channels.base import Inbound
from bot.stores.base import Message
from services.errors import Unavailable, Uncertain

from .life import Gone
from .people import Bill, Tab
from .process import HANDOFF, PAGE_SECRET, SECRET
from .sentences import alone, family
from .world import World

_CARDS = (
    *("4242424242424242",) * 4,
    *("5555555555554444",) * 2,
    *("4000002760003184",) * 3,  # asks for 3-D Secure every time
    *("4000000000000341",) * 3,  # is kept, and declined when it is charged later
    *("4000002500003155", "4000000000000259", "4000000000002685", "4000000000005126"),
    *("4000000000000002", "4000008260003178"),
)
_ACCOUNTS = (
    *("000123456789",) * 4,
    *("000222222227", "000111111113", "000333333335", "000333333335"),  # fail after two days, the last ones for good
    *("000555555559", "000666666661", "000777777771"),
)
_SEVERAL = (
    *("/pay all",) * 4,
    "pay all my invoices",
    "/several",
    "/enough",
    "/spread evenly",
    "/spread oldest",
    "/spread chosen",
    "/change amount",
    "$120",
    "$55.55",
    "half of it",
)
_ABOUT_ME = ("/methods", "/methods", "/invoices", "/history", "/refund", "/dispute", "/requests", "/balance")
_ON_THE_WAY = ("/pay all", "/pick invoice", "/method", "/pick method", "/new", "/amount", "/sure")  # to a quote
_NAMES = ("my card", "household")


_IN_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # an id that looks like a card number would be kept as a hash


@dataclass
class Remembered:
    """One sign-in that a browser was remembered for, and the tokens it was given for it, the newest last."""

    tokens: list[str] = field(default_factory=list)
    out: bool = False  # it was signed out


@dataclass
class Browser:
    """What one browser keeps between two chats."""

    kept: list[Remembered] = field(default_factory=list)

    def tokens(self) -> list[str]:
        """Every token it was ever given."""
        return [token for each in self.kept for token in each.tokens]

    def by(self, token: str) -> Remembered:
        """What it was remembered for by this token."""
        return next(each for each in self.kept if token in each.tokens)


@dataclass(frozen=True)
class Arrival:
    """How a chat began: by a browser's token or by the word of a page, and whether that may count."""

    how: str
    token: str
    counts: bool = True
    kept: Remembered | None = None


class Member(Tab):
    """A customer in a browser of their own. ``arrival``: the chat begins with somebody who is known, if it counts."""

    _cards, _accounts = _CARDS, _ACCOUNTS

    def __init__(  # noqa: PLR0917  # who, with what, and how they come
        self,
        world: World,
        name: str,
        bills: list[Bill],
        who: str,
        address: str,
        browser: Browser | None = None,
        arrival: Arrival | None = None,
    ) -> None:
        self._bills = list(bills)
        super().__init__(world, name, bills, world.chance.randbytes(8).hex())
        self.who = who  # the customer that they are, by the business's own id
        self.address = address
        self.browser = browser or Browser()
        self._kept = arrival.kept if arrival else None  # what this browser is remembered for in this chat
        self._wanted = False  # ... which it was asked to be, and no token has come yet
        self.arrival = arrival
        self.first_token = self.token
        self.proved = False  # by a code, in this chat
        self.shut_out = False
        self._refused = False  # the last message, for its token
        self._arrived, self._arriving = arrival is None, False
        self._last_ones: list[str] = []  # ids of messages: the answer to one of them brought the newest token
        self._returned = 0

    # --- coming --------------------------------------------------------------------------------------------------

    async def _arrive(self) -> None:
        """The first message of a chat, as the page sends it. Without an answer, another chat is begun."""
        world, arrival = self._world, self.arrival
        assert arrival is not None
        self._arriving = True
        conversation = world.chance.randbytes(8).hex()
        self.chat = widget.chat_of(conversation)
        self._url = f"{HANDOFF}/api/v1/conversations/{conversation}/messages"
        self.token = self.first_token = widget.token_of(conversation, SECRET.encode())
        browser, visitor = (arrival.token, "") if arrival.how == "browser" else ("", arrival.token)
        inbound = Inbound(
            self.chat, "begin", "/start", client=self._client, fresh=True, browser=browser, visitor=visitor
        )
        world.tell(f"{self.name} comes by {arrival.how}{'' if arrival.counts else ', which must not count'}")
        try:
            answered = await world.inside(lambda remit: remit.runtime.answer(inbound))
        except (Gone, Unavailable, Uncertain):
            return
        finally:
            self._arriving = False
        self._arrived = True
        self.sent["begin"], self.said_at["begin"] = "/start", world.loop.time()
        self._hear("begin", answered.messages)
        if not arrival.counts and family("hello_name").search(" ".join(m.text for m in answered.messages)):
            world.violate(f"{self.name} came by a browser's token that had ended, and was known by it")

    async def _come_back(self) -> None:
        """Another chat of the same browser, perhaps with a token that counts no more; or one that a page vouches for."""
        world, chance, browser = self._world, self._world.chance, self.browser
        if not (tokens := browser.tokens()) or chance.random() < 0.2:
            arrival = Arrival("page", self._word_of_the_page())
        else:
            token = chance.choice(tokens) if chance.random() < 0.2 else tokens[-1]
            kept = browser.by(token)
            arrival = Arrival("browser", token, not kept.out and token == kept.tokens[-1], kept)
        self._returned += 1
        name = f"{self.name}'{self._returned}"
        world.newcomers.append(Member(world, name, self._bills, self.who, self.address, browser, arrival))

    def _word_of_the_page(self) -> str:
        ends = self._world.clock() + timedelta(minutes=40)
        return jwt.encode({"aud": "remit", "sub": self.who, "exp": int(ends.timestamp())}, PAGE_SECRET, "HS256")

    # --- signing in ----------------------------------------------------------------------------------------------

    async def _tell_code(self) -> None:
        """The code from the newest letter, most likely; or what somebody types in its place."""
        world, chance = self._world, self._world.chance
        mailbox = world.letters.to(self.address)
        luck = chance.random()
        if luck < 0.06 or not mailbox:
            digits = f"{chance.randrange(10**6):06}"
        elif luck < 0.16:
            digits = chance.choice(mailbox).digits  # an old one, or one for another chat of the household
        else:
            own = [each for each in mailbox if each.chat == self.chat and chance.random() < 0.9]
            digits = (own or mailbox)[-1].digits
        await self.say(digits)

    async def _renew(self) -> None:
        """The token was refused: the answer that brought another one was lost, so it is asked for again."""
        before = self.token
        for message in reversed(self._last_ones):
            said: dict[str, object] = {"id": message, "choice": "/start"}
            try:
                answered = await self._world.ask(self._request(self._url, said, self.token))
            except Gone:
                return
            if answered.status_code == 200:
                self.token = msgspec.json.decode(answered.content, type=_Token).token or self.token
            elif answered.status_code != 401:
                return
        if self.token == before and not self.shut_out:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """No token opens this chat any more: the page begins another. It may, where the answer was missed for too long."""
        self.shut_out, world = True, self._world
        world.tell(f"{self.name} cannot get into this chat any more")
        if world.talk(self.chat).get("rotated_by") in self._last_ones and not world.forgotten:
            world.violate(f"{self.name} is shut out of their own chat")
        name = f"{self.name}*"
        world.newcomers.append(Member(world, name, self._bills, self.who, self.address, self.browser))

    def _turned_away(self, answered: httpx.Response) -> None:
        if answered.status_code != 401:
            super()._turned_away(answered)
        self._refused = True
        raise Unavailable

    async def say(self, text: str, message: str = "") -> None:
        """As `Person.say`; a token that is refused is renewed first."""
        message = message or self._world.chance.randbytes(12).hex().translate(_IN_LETTERS)  # nobody guesses it
        self._last_ones = [*self._last_ones[-2:], message]  # as many as the widget keeps
        await super().say(text, message)
        if self.lost and self._refused:
            self._refused = False
            await self._renew()

    async def _send(self, message: str, text: str) -> list[Message]:
        if self.shut_out:
            raise Unavailable
        used = self.token
        try:
            return await super()._send(message, text)
        finally:
            self._refused = self._refused and used == self.token  # else another answer has brought a newer one

    def _hear(self, message: str, answer: list[Message], *, whole: bool = True) -> None:
        fresh = [each for each in answer if each.seq not in self.seen]
        super()._hear(message, answer, whole=whole)
        for each in fresh:
            if family("remembered").search(each.text):
                self._remembered()
            if alone("signed_in").search(each.text):
                self._kept, self.proved = None, True
            if family("signed_out").search(each.text):
                self._signed_out()

    def _remembered(self) -> None:
        self._wanted = True
        if self._kept is None:
            self._kept = Remembered()
            self.browser.kept.append(self._kept)

    def _signed_out(self) -> None:
        self._wanted = False
        if self._kept is not None:
            self._kept.out, self._kept = True, None

    async def _fetch_token(self) -> None:
        """The token for this browser, which was asked to be remembered."""
        kept = self._kept
        try:
            answered = await self._world.ask(self._request(self._url.replace("/messages", "/browser"), {}, self.token))
        except Gone:
            return
        if answered.status_code == 201 and kept is not None:
            kept.tokens.append(msgspec.json.decode(answered.content, type=_Token).token)
        if answered.status_code in (201, 404):
            self._wanted = False

    # --- what they do --------------------------------------------------------------------------------------------

    def act(self) -> Coroutine[None, None, None]:
        """The next thing this customer does."""
        chance = self._world.chance
        if not (self._arrived or self._arriving):
            return self._arrive()
        if self.shut_out or not self._arrived:
            return self.listen()
        if self._wanted and chance.random() < 0.5:
            return self._fetch_token()
        if not self.sent and chance.random() < 0.7:
            return self.say("/sign-in")
        last = self.newest()
        ready = last is not None and not self.lost and chance.random() < 0.85
        answer = self._answer(last) if ready and last is not None else None
        return answer or super().act()

    def _answer(self, last: Message) -> Coroutine[None, None, None] | None:
        """What is asked in signing in, or what may be wanted once one is."""
        chance, offered = self._world.chance, [choice.payload for choice in last.choices]
        if family("ask_code").search(last.text) and "/send-again" in offered:
            return self._tell_code()
        if family("ask_email").search(last.text):
            on_file = "/send-again" in offered and chance.random() < 0.5
            return self.say("/send-again" if on_file else self.address)
        if family("ask_account").search(last.text) and offered:
            return self.say(chance.choice(offered[:2]))
        if family("ask_nickname").search(last.text):
            return self.say(chance.choice(_NAMES))
        if "/remember" in offered and chance.random() < 0.4:
            return self.say("/remember")
        if chance.random() < 0.8 and (ways := [each for each in offered if each.startswith(_ON_THE_WAY)]):
            return self.say(chance.choice(ways))
        return None

    def _wander(self, offered: list[str]) -> Coroutine[None, None, None]:
        chance = self._world.chance
        ways: list[tuple[int, Callable[[], Coroutine[None, None, None]]]] = [
            (14, lambda: super(Member, self)._wander(offered)),
            (8, lambda: self.say(chance.choice(_SEVERAL))),
            (4, lambda: self.say(self._some_of_them())),
            (3, lambda: self.say("/sign-in")),
            (2, lambda: self.say(chance.choice(_ABOUT_ME))),
            (1, lambda: self.say(chance.choice(("/sign-out", "/sign-out", "/sign-out everywhere")))),
            (1 if self._returned < 2 else 0, self._come_back),
        ]
        (way,) = chance.choices([way for _, way in ways], [weight for weight, _ in ways])
        return way()

    def _some_of_them(self) -> str:
        chance = self._world.chance
        if chance.random() < 0.4:  # of somebody else, most likely
            return f"pay {chance.choice(self._world.books.known())[1]} by card"
        some = chance.sample(self._bills, chance.randint(2, 3))
        return "pay " + " and ".join(bill.number for bill in some)


class _Token(msgspec.Struct):
    token: str = ""
