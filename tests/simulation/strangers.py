"""Those who come without a pay link and want what is not theirs. What they may see and do, nobody else has to prove.

One guesses: knows the numbers of invoices, and no zip. One has the letter of somebody else: number and zip, and would
have a page closed that another chat left open. One knows an e-mail address, and tries codes; one knew the token of a chat
before somebody signed in there. None ever agrees to anything.
"""

import re
from collections.abc import Coroutine, Sequence

from .life import Gone
from .members import Member
from .people import Bill, Person, Tab
from .screens import Screens
from .sentences import alone, family, wording
from .world import World

_SUM = re.compile(r"[$€]\d")


class Guesser(Person):
    """Nothing of an invoice is ever shown to them."""

    def __init__(self, world: World, bills: list[Bill]) -> None:
        super().__init__(world, "sly", bills)
        self._bills = bills

    def act(self) -> Coroutine[None, None, None]:
        """Another number, with a zip that fits none, or whatever was offered."""
        chance = self._world.chance
        last = self.seen[max(self.seen)] if self.seen else None
        if last is not None and last.choices and chance.random() < 0.3:
            return self.say(chance.choice(last.choices).payload)
        wrong = chance.choice(("00000", "99999", "12345"))
        return self.say(f"pay {chance.choice(self._bills).number} by card, zip {wrong}")

    def judge(self) -> None:
        """Nobody told them anything."""
        for message in self.seen.values():
            if message.link is not None or _SUM.search(message.text):
                self._world.violate(f"{self.name} was shown what they did not prove: {message.text[:60]!r}")


class Neighbour(Person):
    """May pay, which they will not; no page is closed for them."""

    def __init__(self, world: World, bills: list[Bill]) -> None:
        super().__init__(world, "ned", bills)
        self._bills = bills

    def act(self) -> Coroutine[None, None, None]:
        """Look at an invoice, try to pay it, and ask for the other page to be closed."""
        chance = self._world.chance
        last = self.seen[max(self.seen)] if self.seen else None
        offered = [choice.payload for choice in last.choices] if last else []
        if "/here" in offered or (offered and chance.random() < 0.6):
            return self.say("/here")
        pages = self._world.sandbox.processor._payments
        open_now = {number for page in pages if page.payable for number in page.order.invoices}
        bill = chance.choice([bill for bill in self._bills if bill.number in open_now] or self._bills)
        return self.say(f"pay {bill.number} by card, zip {bill.zip}")

    def judge(self) -> None:
        """No page was closed for them."""
        for message in self.seen.values():
            if message.text == wording()["left_page_gone"] or any(
                choice.payload == "/here" for choice in message.choices
            ):
                self._world.violate(f"{self.name} had a page closed, or could have, without its pay link")


MOST_GUESSES = 10  # wrong codes for one address, until a person has looked into it


class Thief(Tab):
    """Has codes sent to somebody else's address, and tries one number after the other."""

    def __init__(self, world: World, bills: list[Bill], address: str) -> None:
        super().__init__(world, "sam", bills, "thief-page")
        self._address = address

    async def act(self) -> None:
        """Whatever leads to the next guesses."""
        for _ in range(8):
            await self._next()

    async def _next(self) -> None:
        chance, last = self._world.chance, self.newest()
        text = last.text if last else ""
        if self.lost:
            message = self.lost.pop(0)
            await self.say(self.sent[message], message)
        elif family("ask_email").search(text):
            await self.say(self._address)
        elif family("ask_code").search(text):
            await self.say(f"{chance.randrange(10**6):06}")
        else:
            await self.say("/sign-in")

    def judge(self, screens: Screens) -> None:
        """No guess was right, and not many were compared."""
        said = [message.text for message in screens.log_of(self)]
        if any(alone("signed_in").search(text) for text in said):
            self._world.violate(f"{self.name} was signed in as somebody else")
        compared = sum(family("code_wrong").search(text) is not None for text in said)
        if compared > MOST_GUESSES + 4:  # some are told twice, when the question is asked again
            self._world.violate(f"{self.name} tried {compared} codes for one address, and was never stopped")


class Planter:
    """Sent somebody the address of a chat, whose first token they know: since the sign-in there, it opens nothing."""

    def __init__(self, world: World, people: Sequence[Person]) -> None:
        self._world = world
        self._people = people

    async def act(self) -> None:
        """Speak in a chat that somebody has signed in to."""
        world = self._world
        theirs = [each for each in self._people if isinstance(each, Member) and each.proved]
        if not theirs or world.forgotten:  # a conversation that was lost begins with its first token again
            return
        for victim in theirs:
            said = {"id": world.chance.randbytes(4).hex(), "choice": "/status"}
            try:
                answered = await world.ask(victim.spoken_with(said, victim.first_token))
            except Gone:
                continue
            if answered.status_code not in (401, 429, 503) and not world.forgotten:
                world.violate(f"the first token of {victim.name} opens their chat although they have signed in")
