"""Those who come without a pay link and want what is not theirs. What they may see and do, nobody else has to prove.

One guesses: knows the numbers of invoices, and no zip. One has the letter of somebody else: number and zip, and would
have a page closed that another chat left open. Neither ever agrees to anything.
"""

import re
import tomllib
from collections.abc import Coroutine
from functools import cache

from bot.settings import CONFIG

from .people import Bill, Person
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
            if message.text == _gone() or any(choice.payload == "/here" for choice in message.choices):
                self._world.violate(f"{self.name} had a page closed, or could have, without its pay link")


@cache
def _gone() -> str:
    wording = tomllib.loads((CONFIG / "wording" / "en.toml").read_text(encoding="utf-8"))
    return str(wording["left_page_gone"])
