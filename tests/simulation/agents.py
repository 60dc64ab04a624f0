"""The people at the desk: they take chats, talk, write notes, propose payments and take them back, hand chats over and over to
each other, and resolve them; and their customers ask for them, rate them, and type numbers to them.

They do as the desk's pages do, from what stands in SQL, and send a form again when no answer came. All their luck is drawn from
a stream of its own. What they are answered is believed here; whether it was true is judged in `voices` and `handing`.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from bot.app import Remit
from services.desk import agents as accounts
from services.desk.agents import Agent, Role
from services.desk.handoffs import TakenBy
from services.errors import Unavailable, Uncertain
from services.model import Money

from .life import Gone
from .process import LIMIT_MINOR

if TYPE_CHECKING:
    from .people import Person
    from .world import World

Answer = TypeVar("Answer")
Form = Callable[[Remit], Coroutine[Any, Any, Answer]]
Way = tuple[int, Callable[[], Coroutine[Any, Any, None]]]

_CREW: tuple[tuple[str, Role], ...] = (("Maria", "agent"), ("Ben", "agent"), ("Chris", "supervisor"))
_IN_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrtvw")  # digits would be looked at for pieces of a card
_SAYINGS = (
    "One moment please",
    "We mowed twice that week",
    "Your card 4242 4242 4242 4242 is not needed here",
    "Is that right?",
)
_PIECES = ("4000 0566", "5566 5556")  # of a number that nothing asked for
CANARIES = ("4242424242424242", "5555555555554444", "4000002500003155", "4000056655665556")  # typed where none belongs
REFUSALS = frozenset(
    ("not_held", "no_invoice", "not_payable", "other_currency", "several_customers", "not_signed_in", "too_much")
) | {"over_limit", "under_way"}


@dataclass
class Word:
    """Something that somebody wrote to a customer, and what each try to send it was answered; None: no answer came."""

    agent: Agent
    handoff: int
    chat: str
    key: str
    text: str
    token: str  # stands in no other text
    answers: list[bool | None] = field(default_factory=list)


@dataclass(frozen=True)
class Taking:
    """An answer to who wanted a chat, and the numbers of the audit's last lines before and after."""

    agent: Agent
    handoff: int
    chat: str
    quicker: str | None  # who was, by the answer; None: they have it themselves
    since: int
    until: int


class Agents:
    """Everybody at one business's desk."""

    def __init__(self, world: "World", people: "list[Person]") -> None:
        self._world = world
        self._people = people
        self.owed: Callable[[str, float], int] = lambda _number, _since: 0  # the most asked for since; the oracle knows
        self._chance = Random(f"{world.seed}/desk")
        self.crew = tuple(self._hired(name, role) for name, role in _CREW)
        self.words: list[Word] = []
        self.takings: list[Taking] = []
        self.notes: dict[str, bool] = {}  # by their tokens: whether it is known to be written
        self.read: dict[str, dict[int, str]] = {}  # what somebody here has read of each chat, by the number of the line
        self._sums = set[int]()  # that were ever proposed: each once, so that a payment tells what it came of

    def _hired(self, name: str, role: Role) -> Agent:
        address = f"{name.lower()}@desk.example.com"
        with self._world.engine.begin() as conn:
            accounts.add(conn, address, name, role, "no password: nobody signs in here", self._world.clock())
            found = accounts.by_email(conn, address)
        assert found is not None
        return found

    def likes(self, share: float) -> bool:
        """Whether something happens that does so in this share of all cases."""
        return self._chance.random() < share

    def act(self) -> Coroutine[Any, Any, None]:
        """The next thing that somebody at the desk does, or that a customer does because of them."""
        chance = self._chance
        me, every = chance.choice(self.crew), self._open()
        free = [each for each in every if each["agent"] is None]
        mine = [each for each in every if each["agent"] == me.id]
        ways: list[Way] = [
            (3, self._customer_calls),
            (2, self._customer_types),
            (2, self._customer_rates),
            (1, lambda: self._look_into(me)),
            (2, self._again),
            *((each for each in self._with_free(me, chance.choice(free))) if free else ()),
            *((each for each in self._with_mine(me, chance.choice(mine))) if mine else ()),
            *((each for each in self._with_any(me, chance.choice(every))) if every else ()),
        ]
        (way,) = chance.choices([way for _, way in ways], [weight for weight, _ in ways])
        return way()

    def _open(self) -> list[sqlite3.Row]:
        return self._world.rows("SELECT id, chat, state, agent FROM handoff WHERE resolved_at IS NULL ORDER BY id")

    def _with_free(self, me: Agent, found: sqlite3.Row) -> tuple[Way, ...]:
        others = [each for each in self.crew if each is not me]
        return (
            (6, lambda: self._take(me, found)),
            (4, lambda: self._both_take(me, self._chance.choice(others), found)),
            (1, lambda: self._assign(me, found)),
        )

    def _with_mine(self, me: Agent, found: sqlite3.Row) -> tuple[Way, ...]:
        held = found["state"] == "held"
        return (
            (10 if held else 1, lambda: self._say(me, found)),
            (6 if held else 1, lambda: self._propose(me, found)),
            (2 if held else 1, lambda: self._lend(me, found)),
            (1 if held else 2, lambda: self._take(me, found)),
            (3, lambda: self._withdraw(me, found)),
            (2, lambda: self._resolve(me, found)),
            (1, lambda: self._assign(me, found)),
            (1, lambda: self._several_at_once(me, found)),
        )

    def _with_any(self, me: Agent, found: sqlite3.Row) -> tuple[Way, ...]:
        """What anybody may try in any chat; most of it is refused."""
        return (
            (4, lambda: self._read(found["chat"])),
            (2, lambda: self._note(me, found["chat"])),
            (1, lambda: self._say(me, found)),
            (1, lambda: self._take(me, found)),
            (1, lambda: self._assign(me, found)),
            (1, lambda: self._resolve(me, found)),
        )

    # --- whose chat it is ----------------------------------------------------------------------------------------

    async def _take(self, me: Agent, found: sqlite3.Row) -> None:
        since = self._audited()
        answered = await self._ask(f"{me.name} takes {found['chat']}", lambda r: _taken(r, me, found["id"]))
        if answered is not None:
            quicker = answered[0].name if answered[0] is not None else None
            self.takings.append(Taking(me, found["id"], found["chat"], quicker, since, self._audited()))

    async def _both_take(self, me: Agent, other: Agent, found: sqlite3.Row) -> None:
        """Two press the button in the same instant."""
        await asyncio.gather(self._take(me, found), self._take(other, found))

    async def _assign(self, me: Agent, found: sqlite3.Row) -> None:
        to = self._chance.choice(self.crew)
        what = f"{me.name} gives {found['chat']} to {to.name}"
        await self._ask(what, lambda r: r.desk.assign(me, found["id"], to))

    async def _lend(self, me: Agent, found: sqlite3.Row) -> None:
        await self._ask(f"{me.name} returns {found['chat']}", lambda r: r.desk.lend(me, found["id"]))

    async def _resolve(self, me: Agent, found: sqlite3.Row) -> None:
        await self._ask(f"{me.name} resolves {found['chat']}", lambda r: r.desk.resolve(me, found["id"]))

    async def _look_into(self, me: Agent) -> None:
        """A chat that nobody was asked into."""
        chat = self._chance.choice(self._people).chat
        if self._world.stored("SELECT 1 FROM conversation WHERE chat = ?", chat):
            await self._ask(f"{me.name} looks into {chat}", lambda r: r.desk.open_chat(me, chat, "opened"))

    async def go_home(self, *, leave: bool) -> None:
        """The end of the day: most chats are resolved or returned. ``leave``: some stay somebody's."""
        for found in self._open():
            me = next((each for each in self.crew if each.id == found["agent"]), None)
            if me is None or (leave and self.likes(0.2)):
                continue
            if found["state"] == "held" and self.likes(0.3):
                await self._lend(me, found)
            else:
                await self._resolve(me, found)

    # --- what is written -----------------------------------------------------------------------------------------

    async def _say(self, me: Agent, found: sqlite3.Row) -> None:
        token = self._token()
        text = f"{self._chance.choice(_SAYINGS)} {token}"
        self.words.append(Word(me, found["id"], found["chat"], token, text, token))
        await self._send(self.words[-1])

    async def _send(self, word: Word) -> None:
        what = f"{word.agent.name} writes to {word.chat}: {word.text!r}"
        word.answers.append(await self._ask(what, lambda r: r.desk.say(word.agent, word.handoff, word.text, word.key)))

    async def _again(self) -> None:
        """A form that is sent again: its answer was lost, or somebody pressed twice."""
        if self.words:
            unsure = [each for each in self.words if each.answers[-1:] == [None]]
            word = self._chance.choice(unsure or self.words[-5:])
            self._world.story.faults += 1
            await asyncio.gather(*(self._send(word) for _ in range(self._chance.choice((1, 2)))))

    async def _several_at_once(self, me: Agent, found: sqlite3.Row) -> None:
        """Two lines and one thing more, in two tabs."""
        last = self._chance.choice((self._lend, self._resolve, self._propose, self._withdraw))
        await asyncio.gather(self._say(me, found), self._say(me, found), last(me, found))

    async def _note(self, me: Agent, chat: str) -> None:
        token = self._token()
        text = f"{self._chance.choice(_SAYINGS)} {token}"
        written = await self._ask(f"{me.name} notes of {chat}: {text!r}", lambda r: r.desk.note(me, chat, text))
        self.notes[token] = written is True

    async def _read(self, chat: str) -> None:
        """Look at the transcript: what is there that was not there the last time."""
        known = self.read.setdefault(chat, {})
        after = max(known, default=0)
        lines = "SELECT seq, text FROM transcript WHERE chat = :chat AND seq > :after ORDER BY seq"
        known.update({row["seq"]: row["text"] for row in self._world.rows(lines, chat=chat, after=after)})

    # --- what is proposed ----------------------------------------------------------------------------------------

    async def _propose(self, me: Agent, found: sqlite3.Row) -> None:
        chosen = self._invoices(found["chat"])
        if not chosen:
            return
        asked = self._world.books.asked()
        currency = "EUR" if self._world.owner_of(chosen[0][1]) == "eva" else "USD"
        amount = Money(self._sum(sum(asked[number] for _, number in chosen)), currency)
        began, ids = self._world.loop.time(), [invoice for invoice, _ in chosen]
        what = f"{me.name} proposes {amount} of {', '.join(number for _, number in chosen)} in {found['chat']}"
        reason = self._chance.choice(("", "half of it now", "not by 4242 4242 4242 4242"))
        made = await self._ask(what, lambda r: r.desk.propose(me, found["id"], ids, amount, reason))
        if isinstance(made, int):
            self._within_limits(me, amount, sum(self.owed(number, began) for _, number in chosen))
        elif made is not None and made not in REFUSALS:
            self._world.violate(f"{me.name} was told {made!r} of a proposal")

    def _invoices(self, chat: str) -> list[tuple[str, str]]:
        """Ids and numbers of what its customer has before them; now and then of several, or of somebody else."""
        chance = self._chance
        known = {number: invoice for invoice, number, _ in self._world.books.known()}
        theirs = [person.bill.number for person in self._people if person.chat == chat]
        if not theirs:
            return []
        number = chance.choice(theirs) if chance.random() < 0.9 else chance.choice(list(known))
        owner = self._world.owner_of(number)
        others = [each for each in known if each != number and self._world.owner_of(each) == owner]
        numbers = [number, chance.choice(others)] if chance.random() < 0.2 else [number]
        return [(known[each], each) for each in numbers]

    def _sum(self, asked: int) -> int:
        """Most likely one that may be proposed. Each once, and none that a customer would name."""
        luck = self._chance.random()
        most = LIMIT_MINOR + 5_000 if luck < 0.1 else asked + 2_000 if luck < 0.2 else min(asked, LIMIT_MINOR)
        least = asked + 1 if 0.1 <= luck < 0.2 else LIMIT_MINOR + 1 if luck < 0.1 else 101
        minor = self._chance.randint(least, max(least, most))
        while minor in self._sums or minor % 10 in (0, 5) or minor in (asked, (asked + 1) // 2):
            minor += 1
        self._sums.add(minor)
        return minor

    def _within_limits(self, me: Agent, amount: Money, owed: int) -> None:
        if me.role != "supervisor" and amount.minor > LIMIT_MINOR:
            self._world.violate(f"{me.name} proposed {amount}, above the limit of agents")
        if amount.minor > owed:
            self._world.violate(f"{me.name} proposed {amount}, of which {owed} was owed")

    async def _withdraw(self, me: Agent, found: sqlite3.Row) -> None:
        offered = "SELECT id FROM proposal WHERE chat = :chat AND state = 'offered' ORDER BY id DESC"
        if rows := self._world.rows(offered, chat=found["chat"]):
            number: int = rows[0]["id"]
            what = f"{me.name} withdraws proposal {number} in {found['chat']}"
            await self._ask(what, lambda r: r.desk.withdraw(me, found["id"], number))

    # --- what customers do because of them -----------------------------------------------------------------------

    async def _customer_calls(self) -> None:
        person = self._chance.choice(self._people)
        if person.sent:
            await person.say("/human")

    async def _customer_types(self) -> None:
        """Something that is for the person at the desk, or a number that is for nobody."""
        with_somebody = {each["chat"] for each in self._open() if each["agent"] is not None}
        there = [each for each in self._people if each.sent and each.chat in with_somebody]
        if not there:
            return
        person = self._chance.choice(there)
        words = ("what do you mean?", "yes", "my card is 4242 4242 4242 4242", "$20", "no", "/human", *_PIECES)
        for text in _PIECES if self._chance.random() < 0.15 else (self._chance.choice(words),):
            await person.say(text)

    async def _customer_rates(self) -> None:
        """By the buttons, once more or late as well; or a chat that was another's."""
        over = self._world.rows("SELECT id, chat FROM handoff WHERE agent IS NOT NULL ORDER BY id DESC LIMIT 6")
        if not over:
            return
        found, stars = self._chance.choice(over), self._chance.randint(1, 5)
        there = [each for each in self._people if each.sent and (each.chat == found["chat"] or self.likes(0.03))]
        if there:
            await self._chance.choice(there).say(f"/stars {found['id']} {stars}")

    # --- asking --------------------------------------------------------------------------------------------------

    async def _ask(self, what: str, form: Form[Answer]) -> Answer | None:
        """Send a form; None: no answer came."""
        world = self._world
        world.tell(f"desk: {what}")
        try:
            answered = await world.inside(form)
        except (Gone, Unavailable, Uncertain):
            world.tell(f"desk: no answer to {what}")
            return None
        world.tell(f"    desk < {answered}")
        return answered

    def _token(self) -> str:
        return self._chance.randbytes(5).hex().translate(_IN_LETTERS)

    def _audited(self) -> int:
        (row,) = self._world.rows("SELECT coalesce(max(id), 0) AS last FROM audit")
        return int(row["last"])


async def _taken(remit: Remit, me: Agent, handoff: int) -> tuple[TakenBy | None]:
    return (await remit.desk.take(me, handoff),)
