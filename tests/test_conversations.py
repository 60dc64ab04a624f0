"""Plays every transcript of `tests/conversations` through the real runtime, ledger, worker and sandbox.

A transcript is lines:

    # a comment; the first one says what went wrong once, or must never go wrong
    link INV-1042 [expired|revoked|forged]   the customer opens a pay link (of the demo data)
    > some words                             the customer types
    > [Card]                                 ... presses the button with this title, the newest one of it
    > [old: Yes, pay $120.00]                ... presses the oldest button of this title that was ever shown
    < a sentence                             the next thing shown; "..." stands for anything, RM-... for a reference
    ! a sentence                             the same, but nobody asked for it: a notice
    - Card | Bank account (ACH)              the buttons of the last thing shown
    (nothing)                                nothing more was said
    page card 4242424242424242               the customer fills in the hosted page of the newest link
    page bank 000123456789
    page card 4242424242424242 save          ... and ticks that it be saved
    page zip 10001 card 4000000000000036     ... with another zip than the one on the page
    page complete | page fail                ... answers the bank's extra check (3-D Secure)
    quietly card 4242424242424242            ... fills it in, and its webhook is not there yet
    open                                     the newest link leads to a hosted page; `open gone`: it does not
    wait 3 days | 20 minutes | 70 seconds    the clock moves on, and everything due happens
    elsewhere INV-1042 status=paid           the business changes an invoice (due_minor=..., status=...)
    fee 290 30                               the business takes this much for card payments: basis points, and minor units
    exempt dana | exempt dana no             ... and none of this customer
    owes INV-1042 70.00                      what the business's books say is due
    took 120.00                              all the money that the processor's book has taken and kept
    refund 20.00 | refund all                the business gives back this much of the chat's last payment
    pause | resume                           the business stops new payments, and takes them again
    case overpaid                            a person has a case about the chat's last payment
    chat NAME                                from here on another conversation (another tab, another person)
    chat web:NAME                            ... on a web page, where one can sign in
    hop telegram:dana | hop web:dana         the newest link that moves a chat is followed in this one
    code | code dana@example.com             the customer types the newest code from their mailbox
    mailed dana@example.com                  a letter has gone to this address since the last such line
    returns NAME                             a new chat on a web page begins in the browser that this one had remembered
    visits NAME as dana                      a new chat begins on a page that vouches for its signed-in user
    answers Some words.                      a person answers the newest request
    desk take | lend | resolve | withdraw    somebody at the desk (Maria) does this with the chat
    desk propose INV-1042 80.00 half now     ... proposes to pay this much of it, for this reason
    writes Some words.                       ... writes this to the customer
    @ Maria: Some words.                     the next thing shown, said by Maria
    stars 5                                  the customer's rating of the last handoff that is over
    handoff held asked                       the chat's newest handoff is in this state, for this reason; `handoff none`
    proposal confirmed                       the newest proposal is in this state
    unlock dana@example.com                  a person lets this address try codes again
    again                                    the last message arrives a second time: same answer, nothing twice
    crash                                    the assistant dies and is started again
    forget                                   the conversation store is lost
    gateway down | gateway up                the processor does not answer
    kept nothing of 4242424242424242         no file of the assistant holds these digits
    > LONG                                   the customer types 4,500 characters
"""

import re
from decimal import Decimal
from pathlib import Path

import jwt
import pytest
from msgspec.structs import replace
from world import PAGE_SECRET, World

from bot.channels.base import Inbound
from bot.office import read_amount
from bot.settings import FeeSettings
from bot.stores.base import Message
from services.desk import handoffs, proposals
from services.model import exponent
from services.payments import requests
from services.payments.cases import open_cases
from services.payments.giving_back import refund
from services.payments.refunds import Refund, RefundOrder

FOLDER = Path(__file__).parent / "conversations"
FILES = sorted(FOLDER.glob("*/*.chat"))
_WHOLE = {"answers", "receipt", "writes"}  # words that take the rest of their line as it is
KEPT = {"succeeded", "processing", "part_refunded", "refunded", "won"}
LONG = "please pay my invoice " * 205


def shown_as(sentence: str) -> re.Pattern[str]:
    """The sentence as a pattern: RM-... is any reference, ... is anything."""
    exact = re.escape(sentence).replace(re.escape("RM-..."), "RM-[0-9A-Z-]+").replace(re.escape("..."), ".*")
    return re.compile(exact, re.DOTALL)


class Player:
    """One transcript on its way through a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chat = "rasa:one"
        self.unread: list[Message] = []
        self.seen: dict[str, int] = {}
        self.buttons: dict[str, list[tuple[str, str]]] = {}
        self.last: Message | None = None
        self.link = ""
        self.hop = ""  # the newest link that moves a chat
        self.page = ""
        self.receipt = ""  # the newest link to one
        self.sent = ("", "")
        self.followed = ""
        self.letters = 0

    async def play(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case ">":
                await self._say(self._press(rest) if rest.startswith("[") else LONG if rest == "LONG" else rest)
            case "<" | "!" | "@":
                self._expect(rest, {"<": "bot", "!": "notice", "@": "agent"}[word])
            case "-":
                assert self.last is not None
                assert [c.title for c in self.last.choices] == [title.strip() for title in rest.split("|")]
            case "(nothing)":
                await self._catch_up()
                assert not self.unread, f"also said: {[m.text for m in self.unread]}"
            case _:
                await getattr(self, f"_{word}")(*([rest] if word in _WHOLE else rest.split()))

    # --- the customer --------------------------------------------------------------------------------------------

    async def _say(self, text: str) -> None:
        assert not self.unread, f"said before, and not in the transcript: {[m.text for m in self.unread]}"
        self.world.clock.advance(seconds=1)  # as for anybody who has to type: no two messages share an instant
        self.sent = (text, self.world.chance.randbytes(6).hex())
        self._hear(await self.world.say(self.chat, text, id=self.sent[1]))

    def _press(self, rest: str) -> str:
        title = rest.strip("[]")
        old = title.startswith("old: ")
        title = title.removeprefix("old: ")
        found = [payload for shown, payload in self.buttons.get(self.chat, []) if shown == title]
        assert found, f"no button {title!r} among {[shown for shown, _ in self.buttons.get(self.chat, [])]}"
        return found[0 if old else -1]

    def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            if message.seq <= self.seen.get(self.chat, 0):
                continue
            self.seen[self.chat] = message.seq
            self.unread.append(message)
            self.buttons.setdefault(self.chat, []).extend((c.title, c.payload) for c in message.choices)
            if message.link is not None and message.link.kind == "hop":
                self.hop = message.link.url
            elif message.link is not None and message.link.kind == "receipt":
                self.receipt = message.link.url
            elif message.link is not None:
                self.link = message.link.url

    async def _catch_up(self) -> None:
        """What was pushed while nobody typed."""
        messages = await self.world.store.since(self.chat, self.seen.get(self.chat, 0))
        self._hear([message for message in messages if message.sender != "customer"])

    def _expect(self, sentence: str, sender: str) -> None:
        assert self.unread, f"nothing more was said; expected: {sentence}"
        self.last = self.unread.pop(0)
        said = f"{self.last.name}: {self.last.text}" if sender == "agent" else self.last.text
        assert shown_as(sentence).fullmatch(said), f"\nexpected: {sentence}\n    said: {said}"
        assert self.last.sender == sender, f"{self.last.sender}: {self.last.text}"

    async def _link(self, number: str, how: str = "") -> None:
        token = await self.world.link(number)
        if how == "expired":
            self.world.clock.advance(days=61)
        if how == "revoked":
            await self.world.remit.identity.revoke(token)
        if how == "forged":
            token = token[:-1] + ("A" if token[-1] != "A" else "B")
        await self._say(f"/start {token}")

    async def _chat(self, name: str) -> None:
        await self._catch_up()
        assert not self.unread, f"also said: {[m.text for m in self.unread]}"
        self.chat = name if ":" in name else f"rasa:{name}"

    async def _hop(self, chat: str) -> None:
        """Whoever moves sees no signpost at once: it is read when they look there again."""
        assert not self.unread, f"also said: {[m.text for m in self.unread]}"
        self.chat = chat
        await self._say(f"/start {self.hop.partition('=')[2]}")

    async def _code(self, address: str = "") -> None:
        await self._say(self.world.mail.code(address))

    async def _mailed(self, address: str) -> None:
        fresh = self.world.mail.letters[self.letters :]
        self.letters = len(self.world.mail.letters)
        assert address in {letter.to for letter in fresh}, f"letters went to {[letter.to for letter in fresh]}"

    async def _returns(self, name: str) -> None:
        talk = (await self.world.store.load(self.chat, "")).talk
        assert talk is not None
        token = await self.world.remit.visitors.browser_token(talk.scope, self.chat)
        assert token is not None, "this browser was not remembered"
        await self._chat(f"web:{name}")
        await self._begin(browser=token)

    async def _visits(self, name: str, _as: str, customer: str) -> None:
        now = int(self.world.clock().timestamp())
        claims = {"aud": "remit", "sub": customer, "exp": now + 600}
        await self._chat(f"web:{name}")
        await self._begin(visitor=jwt.encode(claims, PAGE_SECRET, "HS256"))

    async def _begin(self, **tokens: str) -> None:
        inbound = Inbound(self.chat, self.world.chance.randbytes(6).hex(), "/start", **tokens)
        self._hear(await self.world.remit.runtime.handle(inbound))

    async def _unlock(self, address: str) -> None:
        assert await self.world.remit.sign_in.unlock(address)

    async def _answers(self, words: str) -> None:
        newest = max(case.id for case in await self.world.remit.transact(open_cases))
        now = self.world.clock()
        assert await self.world.remit.transact(lambda conn: requests.answer(conn, newest, words, now))
        await self.world.work()
        await self._catch_up()

    # --- the desk ------------------------------------------------------------------------------------------------

    async def _desk(self, what: str, number: str = "", amount: str = "", *why: str) -> None:
        desk, maria = self.world.remit.desk, await self.world.agent()
        found = await self._handoff_of_chat()
        assert found is not None, "nobody was asked to look into this chat"
        match what:
            case "take":
                done: object = await desk.take(maria, found.id) is None
            case "lend":
                done = await desk.lend(maria, found.id)
            case "resolve":
                done = await desk.resolve(maria, found.id)
            case "withdraw":
                (newest, *_) = await self._proposals()
                done = await desk.withdraw(maria, found.id, newest.id)
            case _:
                assert what == "propose"
                (invoice,) = await self.world.remit.invoices.find(number)
                total = read_amount(amount, invoice.due.currency)
                made = await desk.propose(maria, found.id, [invoice.id], total, " ".join(why))
                assert isinstance(made, int), made
                done = True
        assert done, f"the desk does not {what} here"
        await self.world.work()
        await self._catch_up()

    async def _writes(self, words: str) -> None:
        found = await self._handoff_of_chat()
        key = self.world.chance.randbytes(4).hex()
        assert found is not None
        assert await self.world.remit.desk.say(await self.world.agent(), found.id, words, key)
        await self._catch_up()

    async def _handoff(self, state: str, reason: str = "") -> None:
        await self.world.work()
        found = await self._handoff_of_chat()
        if found is None:
            over = await self.world.remit.transact(lambda conn: handoffs.earlier(conn, self.chat, 1))
            found = over[0] if over else None
        told = "none" if found is None else f"{found.state} {found.reason if reason else ''}".strip()
        assert told == f"{state} {reason}".strip()

    async def _stars(self, count: str) -> None:
        (newest,) = await self.world.remit.transact(lambda conn: handoffs.earlier(conn, self.chat, 1))
        assert newest.stars == int(count)

    async def _proposal(self, state: str) -> None:
        await self.world.work()
        (newest, *_) = await self._proposals()
        assert newest.state == state
        paid = await self.world.remit.checkout.latest(self.chat)
        assert (newest.payment is not None) is (state == "confirmed")
        assert newest.payment is None or (paid is not None and newest.payment == paid.reference)

    async def _handoff_of_chat(self) -> handoffs.Handoff | None:
        return await self.world.remit.transact(lambda conn: handoffs.of_chat(conn, self.chat))

    async def _proposals(self) -> list[proposals.Proposal]:
        return await self.world.remit.transact(lambda conn: proposals.of_chat(conn, self.chat))

    async def _again(self) -> None:
        text, message = self.sent
        before = await self.world.store.answer(self.chat, message)
        assert await self.world.say(self.chat, text, id=message) == before

    # --- the hosted page -----------------------------------------------------------------------------------------

    async def _open(self, how: str = "") -> None:
        answer = await self.world.browser.get(self.link)
        assert (answer.status_code == 303) is (how != "gone"), answer.text

    async def _page(self, kind: str, number: str = "", *more: str) -> None:
        self.world.clock.advance(seconds=1)
        other = {"save": "yes"} if "save" in more else {}
        if kind == "zip":
            other, kind, number = {"zip": number} | other, more[0], more[1]
        if kind in ("complete", "fail"):
            if self.link != self.followed:  # of a saved method: nothing was typed before
                self.followed, self.page = self.link, await self.world.page(self.link)
            html = (await self.world.browser.get(self.page)).text
            attempt = re.search(r'name="attempt" value="([^"]+)"', html)
            assert attempt, "the page asks for no extra check"
            await self.world.submit(f"{self.page}/challenge", attempt=attempt[1], answer=kind)
        else:
            self.followed, self.page = self.link, await self.world.page(self.link)
            pay = self.world.pay_by_card if kind == "card" else self.world.pay_by_bank
            answer = await pay(self.page, number, **other)
            assert answer.status_code < 500, answer.text
        await self.world.work()
        await self._catch_up()

    async def _quietly(self, kind: str, number: str) -> None:
        pay = self.world.pay_by_card if kind == "card" else self.world.pay_by_bank
        assert (await pay(await self.world.page(self.link), number)).status_code < 500

    async def _receipt(self, words: str) -> None:
        """The receipt that was linked last says so, on its page."""
        answer = await self.world.browser.get(self.receipt)
        assert answer.status_code == 200, answer.text
        page = " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", answer.text).split())
        assert words in page, page

    # --- the world -----------------------------------------------------------------------------------------------

    async def _wait(self, count: str, unit: str) -> None:
        plural = unit if unit.endswith("s") else unit + "s"
        await self.world.wait(**{plural: int(count)})
        await self._catch_up()

    async def _elsewhere(self, number: str, *changes: str) -> None:
        pairs = (change.split("=") for change in changes)
        await self.world.change(
            number, **{key: int(value) if value.lstrip("-").isdigit() else value for key, value in pairs}
        )

    async def _fee(self, points: str, fixed: str = "0", most: str = "0") -> None:
        fee = FeeSettings(basis_points=int(points), fixed_minor=int(fixed), most_minor=int(most))
        self.world.settings = self.world.settings.model_copy(update={"fee": fee})
        self.world.crash()

    async def _exempt(self, customer: str, but: str = "") -> None:
        books = self.world.sandbox.portal
        free = replace(books.customers[customer], fee_exempt=but != "no")
        books.customers[customer] = free
        for invoice in books.of_customer(customer):
            invoice.customer = free

    async def _owes(self, number: str, amount: str) -> None:
        invoice = await self.world.invoice(number)
        assert invoice["due_minor"] == int(Decimal(amount).scaleb(exponent(str(invoice["currency"]))))

    async def _took(self, amount: str) -> None:
        rows = await self.world.book()
        took = sum(
            Decimal(row["amount_minor"] - row["refunded_minor"]).scaleb(-exponent(str(row["currency"])))
            for row in rows
            if row["state"] in KEPT
        )
        assert took == Decimal(amount), rows

    async def _refund(self, amount: str) -> None:
        checkout = self.world.remit.checkout
        paid = await checkout.latest(self.chat)
        assert paid is not None
        order = RefundOrder(
            self.world.chance.randbytes(8).hex(),
            paid.reference,
            None if amount == "all" else read_amount(amount, paid.amount.currency),
            "test",
        )
        assert isinstance(await refund(checkout, order), Refund)
        await self.world.work()
        await self._catch_up()

    async def _pause(self) -> None:
        assert await self.world.remit.checkout.pause(True, "test")

    async def _resume(self) -> None:
        assert await self.world.remit.checkout.pause(False, "test")

    async def _case(self, reason: str) -> None:
        paid = await self.world.remit.checkout.latest(self.chat)
        found = await self.world.remit.transact(open_cases)
        assert (reason, paid and paid.reference) in {(case.reason, case.payment) for case in found}, found

    async def _crash(self) -> None:
        self.world.crash()
        await self.world.work()
        await self._catch_up()

    async def _forget(self) -> None:
        self.world.forget(self.chat)
        self.seen[self.chat] = 0

    async def _kept(self, _nothing: str, _of: str, digits: str) -> None:
        for file in self.world.folder.iterdir():
            assert digits.encode() not in file.read_bytes(), f"{file.name} holds what was removed"

    async def _gateway(self, how: str) -> None:
        answer = await self.world.browser.post(
            "http://sandbox/control/faults", json={"drop": "before" if how == "down" else None}
        )
        assert answer.status_code == 200


@pytest.fixture
async def world(tmp_path, file):
    """A business with a bot in Telegram only where a chat moves there: without one nothing of it is offered."""
    sections = {"telegram": {"bot": "green_lane_bot"}} if file.parent.name == "hop" else {}
    async with World(tmp_path, **sections) as made:
        yield made


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_conversation_goes_as_written(file, world):
    player = Player(world)
    for at, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                await player.play(line.strip())
            except (AssertionError, AttributeError) as error:
                raise AssertionError(f"{file.parent.name}/{file.name}:{at}: {line}\n{error}") from error
    await player._catch_up()
    assert not player.unread, f"also said: {[m.text for m in player.unread]}"


def test_there_are_conversations_of_every_kind_of_trouble():
    kinds = {file.parent.name for file in FILES}
    assert kinds == {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}
    assert len(FILES) >= 30
