"""What SQL keeps of the desk, held against the logs, the processor's book and what people did: who had which chat, what became of
proposals, transcripts, ratings, and that no number of a card is among it.

Judged at rest, and the errands that wait at every step. Who speaks in a chat is judged in `voices`.
"""

import re
import sqlite3
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from bot.stores.base import Message
from services.desk import numbers

from .agents import CANARIES, Agents, Taking
from .till import Till
from .voices import Voices

if TYPE_CHECKING:
    from .people import Person
    from .world import World

_HELD_BY = ("wrote", "proposed", "withdrew", "returned", "resolved")  # what only who has the chat may do
_DESK = (  # what is written down for people at the desk, as one text for each table
    "SELECT group_concat(text, ' | ') FROM transcript",
    "SELECT group_concat(text, ' | ') FROM desk_note",
    "SELECT group_concat(reason, ' | ') FROM proposal",
    "SELECT group_concat(brief, ' | ') FROM handoff",
    "SELECT group_concat(detail, ' | ') FROM audit",
)
_WORDS = "SELECT group_concat(body, ' | ') FROM errand WHERE done_at IS NULL"
_CLOCKS_ARE_OFF = timedelta(days=1)  # at most
_STARS = re.compile(r"^/stars (\d+) ([1-5])$")


class Handing:
    """Judges one world."""

    def __init__(self, world: "World", people: "list[Person]", agents: Agents, till: Till, voices: Voices) -> None:
        self._world = world
        self._people = people
        self._agents = agents
        self._till = till
        self._voices = voices

    def watch(self) -> None:
        """No number waits among the words of the desk."""
        self._bare(_WORDS)

    def judge(self) -> None:
        """All of it."""
        self._nothing_waits()
        holders = self._holders()
        self._two_takers(holders)
        self._proposals()
        self._transcripts()
        self._ratings()
        self._notes()
        for table in (_WORDS, *_DESK):
            self._bare(table)

    def _bare(self, table: str) -> None:
        for row in self._world.rows(table):
            digits = re.sub(r"[^0-9|]", "", row[0] or "")
            for number in CANARIES:
                if number in digits:
                    self._world.violate(f"the number {number} is read at the desk: {table}")

    def _nothing_waits(self) -> None:
        for row in self._world.rows("SELECT id, chat FROM errand WHERE done_at IS NULL"):
            self._world.violate(f"errand {row['id']} of {row['chat']} is never done")

    # --- who had which chat --------------------------------------------------------------------------------------

    def _holders(self) -> dict[str, list[tuple[int, int | None]]]:
        """Who had each chat, and since which line of the audit; nobody acts in a chat that is somebody else's."""
        holders: dict[str, list[tuple[int, int | None]]] = defaultdict(lambda: [(0, None)])
        for row in self._world.rows("SELECT id, agent, what, chat, detail FROM audit ORDER BY id"):
            had, has = holders[row["chat"]][-1][1], row["agent"]
            if row["what"] == "took":
                if had not in (None, has):
                    self._world.violate(f"{has} took {row['chat']}, which {had} has")
            elif row["what"] == "assigned":
                has = msgspec.json.decode(row["detail"])["to"]
            elif row["what"] in _HELD_BY:
                if had != has:
                    self._world.violate(f"{has} {row['what']} in {row['chat']}, which {had} has")
                has = None if row["what"] == "resolved" else has
            else:
                has = had
            holders[row["chat"]].append((row["id"], has))
        for row in self._world.rows("SELECT chat, agent FROM handoff WHERE resolved_at IS NULL"):
            if holders[row["chat"]][-1][1] != row["agent"]:
                self._world.violate(
                    f"{row['chat']} is {row['agent']}'s; by the audit it is {holders[row['chat']][-1][1]}'s"
                )
        return holders

    def _two_takers(self, holders: dict[str, list[tuple[int, int | None]]]) -> None:
        """Who came too late was told who has it, or that it is over."""
        for taking in self._agents.takings:
            found = holders[taking.chat]
            before = [who for line, who in found if line <= taking.since][-1:]
            meanwhile = {who for line, who in found if taking.since < line <= taking.until} | set(before)
            names = {each.name for each in self._agents.crew if each.id in meanwhile}
            self._told_who(taking, names, over=self._was_over(taking.handoff))

    def _told_who(self, taking: Taking, names: set[str], *, over: bool) -> None:
        told = f"{taking.agent.name} wanted {taking.chat}"
        if taking.quicker == "" and not over:
            self._world.violate(f"{told} and was told that it is over")
        elif taking.quicker and (taking.quicker not in names or taking.quicker == taking.agent.name):
            self._world.violate(f"{told} and was told that {taking.quicker} has it; it was {sorted(names)}")
        elif taking.quicker is None and taking.agent.name not in names:
            self._world.violate(f"{told} and was told that it is theirs; it was {sorted(names)}")

    def _was_over(self, handoff: int) -> bool:
        return bool(self._world.rows("SELECT 1 FROM handoff WHERE id = :h AND resolved_at IS NOT NULL", h=handoff))

    # --- proposals -----------------------------------------------------------------------------------------------

    def _proposals(self) -> None:
        """What was confirmed is paid as it was proposed; of what was not, nothing ever began."""
        for row in self._world.rows("SELECT * FROM proposal"):
            what = f"proposal {row['id']} of {row['amount_minor']} in {row['chat']}"
            begun = self._begun_with(row)
            if row["state"] == "confirmed":
                self._as_proposed(what, row)
            elif row["payment"] is not None or begun:
                self._world.violate(f"{what} is {row['state']}, and {row['payment'] or begun} began with it")
            if row["state"] == "offered" and not self._world.forgotten and self._was_over(row["handoff"]):
                self._world.violate(f"{what} is offered, and its chat was resolved")

    def _begun_with(self, row: sqlite3.Row) -> str:
        """A payment of just this sum, which nobody else names, that began in this chat."""
        same = "SELECT reference FROM payment WHERE chat = :c AND amount_minor = :m"
        begun = self._world.rows(same, c=row["chat"], m=row["amount_minor"])
        return begun[0]["reference"] if begun else ""

    def _as_proposed(self, what: str, row: sqlite3.Row) -> None:
        pages = self._till.of_reference(row["payment"] or "")
        ours = self._world.rows(
            "SELECT amount_minor, currency FROM payment WHERE reference = :r", r=row["payment"] or ""
        )
        if not ours:
            self._world.violate(f"{what} is confirmed, and no payment began with it")
        sums = [tuple(each) for each in ours] + [(page.order.amount_minor, page.order.currency) for page in pages]
        if any(each != (row["amount_minor"], row["currency"]) for each in sums):
            self._world.violate(f"{what} is confirmed, and {row['payment']} is of {sums}")
        proposed = sorted(msgspec.json.decode(row["numbers"]))
        if any(sorted(page.order.invoices) != proposed for page in pages):
            self._world.violate(f"{what} is of {proposed}; {row['payment']} pays {pages[0].order.invoices}")

    # --- transcripts ---------------------------------------------------------------------------------------------

    def _transcripts(self) -> None:
        """As far as a log was copied, all of it is there as it reads now; and whoever read along missed no line."""
        for row in self._world.rows("SELECT DISTINCT chat FROM handoff"):
            chat, log = row["chat"], self._voices.log(row["chat"])
            rows = self._world.rows(
                "SELECT seq, sender, name, text FROM transcript WHERE chat = :c ORDER BY seq", c=chat
            )
            copied = {each["seq"]: each for each in rows}
            self._as_in_log(chat, log, copied)
            self._read_along(chat, copied)

    def _as_in_log(self, chat: str, log: list[Message], copied: dict[int, sqlite3.Row]) -> None:
        is_open = self._world.rows("SELECT 1 FROM handoff WHERE chat = :c AND resolved_at IS NULL", c=chat)
        last = max(copied, default=0)
        for message in log:
            line = copied.get(message.seq)
            if line is None:
                if is_open or message.seq < last:
                    self._world.violate(f"line {message.seq} of {chat} is not in its transcript: {message.text[:60]!r}")
                continue
            fits = line["text"].startswith(message.text) or (message.sender == "customer" and line["text"][:1] == "[")
            if (line["sender"], line["name"]) != (message.sender, message.name) or not fits:
                read, said = line["text"][:60], message.text[:60]
                self._world.violate(
                    f"line {message.seq} of {chat} reads {read!r} in its transcript, and {said!r} in the log"
                )

    def _read_along(self, chat: str, copied: dict[int, sqlite3.Row]) -> None:
        known = self._agents.read.get(chat, {})
        missed = [seq for seq in copied if seq not in known and seq < max(known, default=0)]
        if missed and not (self._world.forgotten and (self._world.leaps or self._world.skewed)):
            self._world.violate(f"line {missed[0]} of {chat} came into its transcript behind the back of who read it")

    # --- ratings and notes ---------------------------------------------------------------------------------------

    def _ratings(self) -> None:
        """Each chat that was resolved is rated once at most, by a customer of it, and counted as often."""
        rated = self._world.rows("SELECT id, chat, stars, resolved_at FROM handoff WHERE stars IS NOT NULL")
        for row in rated:
            given = {stars for handoff, stars in self._given(row["chat"]) if handoff == row["id"]}
            if row["resolved_at"] is None or row["stars"] not in given:
                self._world.violate(f"{row['chat']} gave {sorted(given)} stars, and {row['stars']} are written down")
        with self._world.engine.begin() as conn:
            before = self._world.began - _CLOCKS_ARE_OFF
            counted, resolved = numbers.stars(conn, before), numbers.satisfaction(conn, before)
        times = sum(counted.values())
        if times != len(rated) or sum(each.rated for each in resolved) != times:
            self._world.violate(f"{len(rated)} chats were rated, and {times} ratings are counted")

    def _given(self, chat: str) -> list[tuple[int, int]]:
        """Which handoffs a chat rated, with how many stars: by a button, or by its number among those on the screen."""
        said = [text for person in self._people if person.chat == chat for text in person.sent.values()]
        pressed = [(int(found[1]), int(found[2])) for text in said if (found := _STARS.match(text))]
        numbered = {int(text) for text in said if text in ("1", "2")} | ({2} if "the second one" in said else set())
        asked = {row["id"] for row in self._world.rows("SELECT id FROM handoff WHERE chat = :c", c=chat)}
        return [*pressed, *((handoff, stars) for handoff in asked for stars in numbered | {1})]

    def _notes(self) -> None:
        for token, written in self._agents.notes.items():
            rows = self._world.rows("SELECT 1 FROM desk_note WHERE text LIKE :t", t=f"%{token}")
            if written and len(rows) != 1:
                self._world.violate(f"a note was written once, and stands {len(rows)} times")
