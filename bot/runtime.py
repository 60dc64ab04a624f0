"""`handle`: load, read, look up, step, commit, and only then the effects.

The order of these is the whole file. What is decided is in `dialogs/`, what is done in `effects.py`, what is kept in
`stores/`. A turn is committed before anything of it happens outside; an effect's answer is a turn of its own, which
extends the answer to the same message.
"""

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, tzinfo

import msgspec
from msgspec.structs import replace

from bot.channels.base import Inbound
from bot.effects import Hands
from bot.names import Names
from bot.push import Bell
from bot.render import Renderer
from bot.stores.base import Commit, Loaded, Message, Store, Waiting
from bot.wiping import Wiped
from dialogs.conversation import Conversation, Held, Landed, Turn
from dialogs.engine import step
from dialogs.hops import held_up
from dialogs.model import (
    Act,
    Agree,
    Answered,
    Arrived,
    AutopayTold,
    Came,
    Carried,
    CarryOver,
    DeskWord,
    Effect,
    Event,
    FromDesk,
    Guess,
    Heard,
    House,
    Known,
    Left,
    Opened,
    Outcome,
    PaymentMoved,
    Pressed,
    Recalled,
    Simple,
    Slot,
    Unanswered,
    Waited,
    Wonder,
)
from dialogs.reading.buttons import from_button, to_button
from dialogs.reading.guard import MOST_PIECES, Redacted, may_complete, redact, redact_all
from dialogs.reading.guard import Known as OurNumbers
from dialogs.reading.intents import read
from dialogs.reading.languages import language
from dialogs.wiping import harmless
from services.database import micros
from services.errors import Forged, RemitError, Unavailable
from services.hops import Good, Hops, Over
from services.identity import Identity, LinkExpired, LinkOpened
from services.link_steps import Step
from services.model import Bearer, Customer, Notice, Payment, Request, Stranger, is_one_of
from services.visitors import Visitors

log = logging.getLogger(__name__)

_MARKS = re.compile(r"\[[a-z ]+ removed\]")  # what the guard leaves behind is not the customer's word
LONGEST_PAUSE_S = 15  # between two tries of an effect: a customer waits, and what is away may be back at any moment
_LONG_TRIED = 12  # attempts after which the pause between two is longest
MOST_LOOK_UPS = 20  # rounds in one turn; real ones need three
_IN_NO_LANGUAGE = frozenset({Slot.NAME, Slot.ADDRESS, Slot.EMAIL, Slot.NICKNAME})  # what is told there
LONGEST = 4000  # characters of one message that are read and kept
LONGEST_BYTES = 8 * 1024  # which in some scripts is less
UNGUESSED = 20  # characters that the id of a message has at least, to be answered again with a token that it replaced


def _examine(inbound: Inbound, found: Loaded) -> bool:
    """True for the very message that replaced its own token, sent again with it: its answer was lost on the way.

    Raises `Forged` for every other one with a token that was replaced. Whoever planted a chat's first token with somebody
    must not read along once that person signs in (session fixation), nor guess which message it was.
    """
    if inbound.keys is None or found.talk is None or inbound.keys >= found.talk.keys:
        return False  # a later one than the chat knows of proves that its store was lost, and how far it had come
    repeated = inbound.id == found.talk.rotated_by and inbound.keys == found.talk.keys - 1
    if not repeated or len(inbound.id) < UNGUESSED:
        raise Forged("a chat's token that a sign-in has replaced")
    return True


def _caught_up(talk: Conversation, keys: int) -> Conversation:
    """The conversation in which this token was given, of which a later life or an older copy does not know.

    What it does know may have been another customer's.
    """
    return talk if keys <= talk.keys else replace(talk, keys=keys, scope=Stranger(), name="")


def _is_clear(act: Act) -> bool:
    """Whether this was plainly said. Of what stands around a removed number nothing is guessed, and nobody is asked about it."""
    return act not in {Simple.UNCLEAR, Simple.OFF_TOPIC} and not isinstance(act, Guess | Unanswered | Wonder)


def _together(typed: Sequence[Message], text: str, known: OurNumbers) -> tuple[Redacted, Wiped | None]:
    """A text after the lines that were typed before it: how it may be kept, and which of them it completes."""
    *before, whole = redact_all([*(line.text for line in typed), text], known)
    pairs = [(line, kept.text) for line, kept in zip(typed, before, strict=True) if kept.text != line.text]
    if not pairs:
        return whole, None
    return whole, Wiped({line.seq: line.text for line, _ in pairs}, {line.seq: kept for line, kept in pairs})


def name_of(token: str) -> str:
    """What a pay link may be called in a conversation's state, where the token itself must not stand."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()[:16]


class _Awaited:
    """A caller that waits for the answer to one message, and what it has been given so far."""

    def __init__(self, messages: list[Message], keys: int) -> None:
        self.messages = messages
        self.keys = keys
        self.waiting = True
        self.writing = asyncio.Lock()  # held while an answer is committed: it is given, or left for later
        self.over = asyncio.Event()


class _Said(msgspec.Struct, frozen=True):
    """A message as it was read: its event, its text as it may be kept, and what it proves earlier ones to hold."""

    event: Event | Landed
    text: str
    wiped: Wiped | None = None


class Answer(msgspec.Struct, frozen=True):
    """What is shown in answer to one message; ``keys`` names the chat's token from now on."""

    messages: list[Message]
    keys: int = 0


class AtTheDesk(msgspec.Struct, frozen=True):
    """What SQL remembers of a chat whose conversation is gone: which person holds it, or has lent it to the assistant, and the
    number of the last line that people at the desk have of it, or that went out to its front end; 0 for none.
    """

    held: Held | None = None
    lent: Held | None = None
    line: int = 0


class Runtime:
    """Conversations, kept in order. One per process; built in `app.py`."""

    def __init__(
        self,
        *,
        store: Store,
        bell: Bell,
        hands: Hands,
        identity: Identity,
        visitors: Visitors,
        names: Names,
        hops: Hops,
        latest: Callable[[str], Awaitable[Payment | None]],
        signed_in: Callable[[str], Awaitable[bool]],
        remembered: Callable[[str], Awaitable[AtTheDesk]],
        meet: Callable[[str, str], Awaitable[None]],
        renderer: Renderer,
        house: House,
        clock: Callable[[], datetime],
        timezone: tzinfo,
        random: Callable[[int], bytes],
        patience: float = 2.0,
    ) -> None:
        """``bell`` rings for every chat that changed; ``latest`` finds the last payment of a chat in the ledger.

        ``signed_in`` says whether somebody ever signed in to a chat by a code; ``remembered`` what the desk knows of it;
        ``meet`` hears of a chat that somebody came to by the link of an invoice (id). ``patience`` is in seconds.
        """
        self._store = store
        self._bell = bell
        self._hands = hands
        self._identity = identity
        self._visitors = visitors
        self._names = names
        self._hops = hops
        self._latest = latest
        self._signed_in = signed_in
        self._remembered = remembered
        self._meet = meet
        self._renderer = renderer
        self._house = house
        self._clock = clock
        self._timezone = timezone
        self._random = random
        self._patience = patience
        self._awaited: dict[tuple[str, str], _Awaited] = {}
        self._running: set[asyncio.Task[bool]] = set()
        self._noting: set[asyncio.Task[None]] = set()

    # --- a customer's message ------------------------------------------------------------------------------------

    async def handle(self, inbound: Inbound) -> list[Message]:
        """Everything to be shown in answer to one message, in order. See `answer`."""
        return (await self.answer(inbound)).messages

    async def answer(self, inbound: Inbound) -> Answer:
        """Everything to be shown in answer to one message, in order, and which token opens the chat now.

        The same message id again gets the same answer and does nothing twice. Raises `Unavailable` when the
        conversation can be neither read nor written; then nothing was taken in, and the message may be sent again.
        Raises `Forged` for a token that a sign-in has replaced.
        """
        inbound = self._names.kept(inbound)
        shown: str | None = None  # the quote on the screen when this message came
        known: Arrived | None = None
        while True:
            found = await self._store.load(inbound.chat, inbound.id)
            repeated = _examine(inbound, found)  # what is in memory does not know of it
            if found.answered or repeated:
                return await self._answered(inbound)
            if found.talk is None and (found := await self._begin(inbound)).talk is None:
                continue  # somebody else began it in this instant
            assert found.talk is not None
            found = replace(found, talk=_caught_up(found.talk, inbound.keys or 0))
            talk = found.talk
            assert talk is not None
            talk = replace(talk, home=inbound.home) if inbound.home else talk
            if not talk.version and (known := await self._known(inbound)) is not None:
                talk = replace(talk, scope=known.scope, name=known.name)
            if shown is None:
                shown = "" if await self._unseen(talk, found, inbound) else talk.quote_shown
            if talk.quote_shown != shown:
                talk = talk.unseen()  # another message was quicker, and its customer has not read what it brought
            said = await self._read(inbound, talk)
            event = known if known is not None and not (talk.version or inbound.pay_link) else said.event
            turn = await self._settle(talk, event)
            commit = await self._compose(found, turn, event.at, inbound.id, said.text)
            if said.wiped is not None:
                commit = await self._wiping(commit, said.wiped)
            if await self._commit(commit):
                await self._came_in(event, inbound.chat)
                return await self._perform(inbound, found, commit)

    async def _came_in(self, event: Event | Landed, chat: str) -> None:
        """Who wants to know that somebody is in this chat now: the one that it moved from, and the desk."""
        if isinstance(event, Landed) and event.key:
            await self._tell_arrived(event)
        elif isinstance(event, Opened) and event.standing == "good":
            await self._meet(chat, event.invoice)

    async def _unseen(self, talk: Conversation, found: Loaded, inbound: Inbound) -> bool:
        """Whether the quote on the screen came after the last message that the customer says to have seen.

        One of which the words were not kept, by an earlier version, is shown again: a yes is evidence of what was read.
        """
        if talk.quote_shown and talk.asked is not None and talk.asked.shown is None:
            return True
        if inbound.seen is None or inbound.seen >= found.seq or not talk.quote_shown:
            return False
        button = to_button(Agree(talk.quote_shown))
        later = await self._store.since(inbound.chat, inbound.seen)
        return any(choice.payload == button for message in later for choice in message.choices)

    async def _known(self, inbound: Inbound) -> Arrived | None:
        """Who begins a chat, where a remembered browser or the embedding page says so. A remembered browser is worth more."""
        found = None
        if inbound.browser:
            found = await self._visitors.by_browser(inbound.browser, inbound.chat)
        if found is None and inbound.visitor:
            found = await self._visitors.by_page(inbound.visitor, inbound.chat)
        return None if found is None else Arrived(found[0], found[1].name, self._now())

    async def _answered(self, inbound: Inbound) -> Answer:
        """A message that was taken in before: wait for what still belongs to its answer."""
        awaited = self._awaited.get((inbound.chat, inbound.id))
        if awaited is not None:
            await awaited.over.wait()
        else:
            await self._elsewhere(inbound.chat, inbound.id)
        messages = await self._store.answer(inbound.chat, inbound.id)
        talk = (found := await self._store.load(inbound.chat, "")).talk
        _examine(inbound, found)  # once more: somebody may have signed in meanwhile
        if talk is None:
            return Answer(messages)
        return Answer([message for message in messages if message.seq > talk.read_from], talk.keys)

    async def _elsewhere(self, chat: str, message: str) -> None:
        """Another worker may be at what a message caused: wait for it, as patiently as who sent it first."""
        with self._bell.listen(chat) as woken, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while await self._store.pending(chat, message):
                    await woken.wait()
                    woken.clear()

    async def _begin(self, inbound: Inbound) -> Loaded:
        """A conversation that is not in the store: new, or lost. A lost one is told where its payment is."""
        locale = inbound.locale.partition("-")[0].lower()
        spoken = locale if self._renderer.speaks(locale) else self._renderer.default
        # a token that a sign-in once brought proves that the chat had come so far, in a life that was lost
        keys = max(inbound.keys or 0, 0 if inbound.fresh else await self._fewest_keys(inbound.chat))
        if inbound.keys is not None and inbound.keys < keys:
            raise Forged("the first token of a chat that somebody signed in to")
        talk = Conversation(inbound.chat, self._random(16).hex(), locale=spoken, home=inbound.home, keys=keys)
        if inbound.fresh:
            return Loaded(talk)
        known = await self._remembered(inbound.chat)  # a person goes on, whatever became of the conversation
        found = self._above(talk, known)
        payment = await self._latest(inbound.chat)
        if payment is None:
            return found
        return await self._store.load(inbound.chat, "") if await self._recall(found, payment) else Loaded(None)

    async def _fewest_keys(self, chat: str) -> int:
        """How often the token of a lost conversation was changed at least: whoever planted its first one stays out."""
        return int(await self._signed_in(chat))

    def _above(self, talk: Conversation, known: AtTheDesk) -> Loaded:
        """A conversation that may have had an earlier life: it counts its messages from above whatever was shown then.

        By the millisecond, which no talk keeps up with, and where a clock was set back from the last line that is elsewhere.
        Who listens from the last number seen misses nothing.
        """
        base = max(micros(self._clock()) // 1000, known.line)
        return Loaded(replace(talk, held=known.held, lent=known.lent), base, base)

    async def recall(self, chat: str) -> bool:
        """For whoever listens to a conversation that was lost: begin it again with how its last payment stands.

        False when the ledger knows none: then nothing began.
        """
        payment = await self._latest(chat)
        if payment is None:
            return False
        keys = await self._fewest_keys(chat)
        known = await self._remembered(chat)
        talk = Conversation(chat, self._random(16).hex(), locale=self._renderer.default, keys=keys)
        await self._recall(self._above(talk, known), payment)
        return True  # if not by us, then by somebody else in this instant

    async def _recall(self, found: Loaded, payment: Payment) -> bool:
        assert found.talk is not None
        recalled = Recalled(payment, self._now())
        return await self._commit(await self._compose(found, await self._settle(found.talk, recalled), recalled.at))

    async def _read(self, inbound: Inbound, talk: Conversation) -> _Said:
        """The event of a message, and its text as it may be kept: redacted before anything else sees it."""
        typed = inbound.text.removeprefix("/start ").strip() if inbound.text.startswith("/start ") else ""
        if redact(typed).found:
            typed = ""  # a card number: not even its hash is kept
        token = typed or inbound.pay_link
        if token and (typed or not inbound.text or talk.came_by != name_of(token)):
            return _Said(await self._opened(token, talk, inbound), "/start")
        whole, wiped = await self._guarded(
            inbound, talk
        )  # before the cut, which could go through a number and so hide it
        guarded = replace(whole, text=whole.text[:LONGEST].encode()[:LONGEST_BYTES].decode(errors="ignore"))
        if wiped is not None:  # what stands around a piece is no answer to anything
            return _Said(Heard((Simple.CARD_TYPED,), self._now(), wiped=True), guarded.text, wiped)
        if guarded.found or _MARKS.search(guarded.text):  # found here, or by the channel before it wrote it down
            beside = _MARKS.sub(" ", guarded.text).strip()
            clear = tuple(act for act in read(beside, talk, self._house, self._now().date()) if _is_clear(act))
            return _Said(Heard((Simple.CARD_TYPED, *clear), self._now(), self._language(beside, talk)), guarded.text)
        if len(inbound.text) > LONGEST or guarded.text != whole.text:
            return _Said(Heard((Simple.TOO_LONG,), self._now(), self._language(guarded.text, talk)), guarded.text)
        now = self._now()
        if guarded.text.startswith("/"):
            return _Said(Pressed(from_button(guarded.text), now), guarded.text)
        acts = read(guarded.text, talk, self._house, now.date())
        return _Said(Heard(acts, now, self._language(guarded.text, talk)), guarded.text)

    async def _guarded(self, inbound: Inbound, talk: Conversation) -> tuple[Redacted, Wiped | None]:
        """The text without its numbers; and the earlier lines with pieces of one that it completes, if it does.

        Only what may be a last piece costs a look at the earlier messages. What was asked for excuses an answer only where
        everything before it is explained too: to its first piece, taken for a sum or a number, a dialog asks for another.
        """
        known = OurNumbers(talk.numbers, self._house.number_patterns)
        if not (talk.version and may_complete(inbound.text)) or from_button(inbound.text) is not None:
            return redact(inbound.text, known), None
        typed = await self._typed(inbound.chat)
        whole, wiped = _together(typed, inbound.text, known)
        asked = "" if talk.asked is None or talk.asked.slot is None else talk.asked.slot
        if wiped is not None and asked and all(self._is_explained(piece, talk) for piece in wiped.taken):
            return _together(typed, inbound.text, replace(known, asked=asked))
        return whole, wiped

    async def _typed(self, chat: str) -> list[Message]:
        """The last lines that could hold pieces of a number. Buttons in between hide none of them."""
        last = await self._store.said(chat, MOST_PIECES - 1)
        typed = [line for line in last if from_button(line.text) is None]
        if len(typed) < len(last):
            pressed_too = await self._store.said(chat, 2 * MOST_PIECES)
            typed = [line for line in pressed_too if from_button(line.text) is None][1 - MOST_PIECES :]
        return typed

    def _is_explained(self, piece: str, talk: Conversation) -> bool:
        """Whether what looks like a piece of a card number is an invoice's number, or a zip that fitted one."""
        if is_one_of(piece, talk.numbers) or piece in talk.proofs:
            return True
        return any(re.fullmatch(pattern, piece, re.IGNORECASE) for pattern in self._house.number_patterns)

    def _language(self, text: str, talk: Conversation) -> str:
        """The language that a message is plainly written in, where the chat could go on in it; a name is in none."""
        asked = talk.asked.slot if talk.asked is not None else None
        if len(self._house.locales) < 2 or asked in _IN_NO_LANGUAGE:
            return ""
        return language(text, talk.locale) or ""

    async def _wiping(self, commit: Commit, wiped: Wiped) -> Commit:
        """The turn, which also takes the pieces out of the log and the outbox.

        What was written down for persons is emptied first: while that cannot be done, the last piece is not taken in.
        """
        talk = commit.talk
        lines = wiped.lines(await self._store.since(talk.chat, wiped.first - 1))
        await self._hands.forget(talk, wiped, {line.seq: line.text for line in lines})
        waiting = await self._store.waiting(talk)
        left = tuple((each, harmless(each.effect)) for each in waiting)
        changed = tuple((each, effect) for each, effect in left if effect != each.effect)
        return replace(commit, overwritten=lines, harmless=changed)

    async def _opened(self, token: str, talk: Conversation, inbound: Inbound) -> Event | Landed:
        match await self._identity.open(token, Step.BEGUN):
            case LinkOpened(invoice):
                scope = talk.scope_at(self._now())
                own = await self._hands.number_of(scope, invoice) if isinstance(scope, Customer) else ""
                return Opened(invoice, "good", self._now(), name_of(token), own)
            case LinkExpired(invoice):
                return Opened(invoice, "expired", self._now(), name_of(token))
            case None:
                moved = await self._moved_here(token, talk, inbound)
                return moved or Opened("", "unknown", self._now(), name_of(token))

    # --- a chat that moves here -----------------------------------------------------------------------------------

    async def _moved_here(self, token: str, talk: Conversation, inbound: Inbound) -> Landed | None:
        """The conversation that this token moves here, which has left its own chat then; None for no such token.

        It leaves in one commit, with the signpost and an effect that takes it here whatever breaks in between. The same
        message again finds what it began.
        """
        link, found = name_of(token), await self._hops.look(token, inbound.chat, inbound.id)
        match found:
            case None:
                return None
            case Over(used):
                return Landed(self._now(), link, fault="used" if used else "expired")
            case Good(chat) if chat == inbound.chat:
                return Landed(self._now(), link, fault="same")
            case Good(chat):
                if (talk.sent or talk.held) and not found.ours:  # its answer would be taken for one to what arrives
                    return Landed(self._now(), link, fault="busy")
                return await self._leave(found, token, talk, inbound)

    async def _leave(self, moving: Good, token: str, talk: Conversation, inbound: Inbound) -> Landed:
        link = name_of(token)
        while True:
            old = await self._store.load(moving.chat, "")
            if old.talk is None or old.talk.keys != moving.keys:
                # lost; or somebody signed in or out there since, so that it is not the chat that the link was made for
                return Landed(self._now(), link, fault="expired")
            went = old.talk.went
            if moving.ours and went is not None and (went.to, went.message) == (inbound.chat, inbound.id):
                return await self._landing(old.talk, talk, link)
            event = Left(inbound.chat, inbound.id, self._now())
            turn = await self._settle(old.talk, event)
            if not turn.effects:
                return Landed(self._now(), link, fault=held_up(old.talk) or "page")
            if not await self._hops.use(token, inbound.chat, inbound.id):
                return Landed(self._now(), link, fault="used")
            if await self._commit(await self._compose(old, turn, event.at)):
                return await self._landing(turn.talk, talk, link)

    async def _landing(self, old: Conversation, talk: Conversation, link: str = "") -> Landed:
        """What left ``old``, as it arrives in ``talk``; its payments are this chat's from here on."""
        went = old.went
        assert went is not None
        if went.baggage is None:
            return Landed(self._now(), link, old.chat, went.key)
        baggage = went.baggage
        references = [payment.reference for payment in baggage.payments]
        await self._hops.forward(references, old.chat, went.to, requests_too=baggage.requests)
        scope, invoice = talk.scope_at(self._now()), ""
        if isinstance(scope, Customer) and isinstance(baggage.scope, Bearer):
            invoice = await self._hands.number_of(scope, baggage.scope.invoice)
        return Landed(self._now(), link, old.chat, went.key, baggage, invoice)

    async def _tell_arrived(self, landed: Landed) -> None:
        """The chat that it came from need not take it here any more."""
        try:
            await self._follow_up(landed.source, "", Came(landed.key, Carried(), self._now()), done=landed.key)
        except RemitError as error:
            log.warning("%s has arrived, which the worker finds out: %s", landed.key, type(error).__name__)

    async def _carry_over(self, key: str, chat: str, to: str) -> Carried:
        """What left a chat and has not arrived, because a process died in between. Raises `Unavailable` to be tried later."""
        while True:
            old = (await self._store.load(chat, "")).talk
            if old is None or old.went is None or old.went.key != key or old.went.baggage is None:
                return Carried()
            found = await self._store.load(to, "")
            if found.talk is None and (found := await self._begin(Inbound(to, "", locale=old.locale))).talk is None:
                continue  # somebody else began it in this instant
            assert found.talk is not None
            if key in found.talk.landed:
                return Carried()
            if found.talk.sent or found.talk.held:
                raise Unavailable("the chat that another one moves to is busy")
            landed = await self._landing(old, found.talk)
            commit = await self._compose(found, await self._settle(found.talk, landed), landed.at)
            if await self._commit(commit):
                for next_key, effect in commit.effects:
                    self._start(next_key, to, "", effect)
                return Carried()

    # --- one turn ------------------------------------------------------------------------------------------------

    async def _commit(self, turn: Commit) -> bool:
        kept = await self._store.commit(turn)
        if kept and (turn.messages or turn.done):
            self._bell.ring(turn.talk.chat)
        return kept

    async def _settle(self, talk: Conversation, event: Event | Landed) -> Turn:
        """Step; look up what is missing; step the same event again on a talk that knows it."""
        known = talk
        for _ in range(MOST_LOOK_UPS):
            turn = step(known, event, self._house)
            if not turn.lookups:
                return turn
            facts = await asyncio.gather(*(self._hands.look_up(lookup) for lookup in turn.lookups))
            now = max(event.at, self._now())  # a clock that was set back must not make a fresh fact look old
            known = known.knowing(tuple(Known(*pair, now) for pair in zip(turn.lookups, facts, strict=True)))
        raise RuntimeError(f"a {type(event).__name__} asks for look-ups without end")

    async def _compose(
        self,
        found: Loaded,
        turn: Turn,
        at: datetime,
        cause: str = "",
        heard: str | None = None,
        *,
        done: str = "",
        given: bool = False,
    ) -> Commit:
        """The turn as it will be written: its replies in words, numbered. ``given``: its caller still waits."""
        seq, messages, when = found.seq, [], int(at.timestamp())
        if heard is not None:
            seq += 1
            messages.append(Message(seq, "customer", heard, (), at=when))
        for reply in turn.replies:
            seq += 1
            messages.append(await self._renderer.render(seq, reply, turn.talk.locale, when, notice=not cause))
        assert found.talk is not None
        talk = turn.talk
        if talk.asked is not None and (shown := self._renderer.shown(turn.replies, talk.locale)) is not None:
            talk = replace(talk, asked=replace(talk.asked, shown=shown))
        if talk.keys > found.talk.keys:
            talk = replace(talk, rotated_by=cause)
            # who signed out, or was followed by somebody else, leaves nothing to read to whoever holds the new token
            if found.talk.owner and not (isinstance(talk.scope, Customer) and talk.scope.id == found.talk.owner):
                talk = replace(talk, read_from=found.seq)
        return Commit(
            talk,
            before=found.talk.version,
            seq=seq,
            given=seq if given or heard is not None else found.given,
            at=at,
            cause=cause,
            first=heard is not None,
            from_seq=found.given + 1,
            messages=tuple(messages),
            effects=turn.effects,
            done=done,
        )

    # --- after the commit ----------------------------------------------------------------------------------------

    async def _perform(self, inbound: Inbound, found: Loaded, commit: Commit) -> Answer:
        """The effects of a turn, and the answer to its message as far as it comes within the channel's patience."""
        messages = [message for message in commit.messages if message.sender != "customer"]
        messages = [*await self._missed(found), *messages]
        if commit.talk.quote_shown and found.talk is not None and not found.talk.quote_shown:
            self._note_choice(commit.talk)
        if not commit.effects:
            return Answer(messages, commit.talk.keys)
        key = (inbound.chat, inbound.id)
        awaited = self._awaited[key] = _Awaited(messages, commit.talk.keys)
        try:
            work = [self._start(e, inbound.chat, inbound.id, effect, inbound.client) for e, effect in commit.effects]
            done, late = await asyncio.wait(work, timeout=self._patience)
            if late or not all(task.exception() is None and task.result() for task in done):
                await self._follow_up(inbound.chat, inbound.id, Waited(self._now()), awaited=awaited)
            async with awaited.writing:
                awaited.waiting = False
            return Answer(awaited.messages, awaited.keys)
        finally:
            del self._awaited[key]
            awaited.over.set()

    async def _missed(self, found: Loaded) -> list[Message]:
        """What was told while nobody was listening: it comes first."""
        if found.talk is None or found.given >= found.seq:
            return []
        since = await self._store.since(found.talk.chat, found.given)
        return [message for message in since if message.seq <= found.seq and message.sender != "customer"]

    def _note_choice(self, talk: Conversation) -> None:
        """For the figures: who came by a pay link has chosen a method. Whoever knows more than its invoice may pay another."""
        if talk.came_by and isinstance(talk.scope, Bearer) and talk.scope.proof == "link":
            task = asyncio.create_task(self._write_choice(talk.came_by))
            self._noting.add(task)
            task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        self._noting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a note for the figures broke: %s", type(error).__name__, exc_info=error)

    async def _write_choice(self, link: str) -> None:
        try:
            await self._identity.chose(link)
        except RemitError as error:
            log.warning("figures will miss a choice: %s", type(error).__name__)

    def _start(self, key: str, chat: str, cause: str, effect: Effect, client: str = "") -> asyncio.Task[bool]:
        task = asyncio.create_task(self._carry_out(key, chat, cause, effect, client=client))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # a bug: the effect stays in the outbox, and its lease lets the worker try again
            log.error("an effect broke: %s", type(error).__name__, exc_info=error)

    async def _carry_out(
        self, key: str, chat: str, cause: str, effect: Effect, *, client: str = "", attempts: int = 1
    ) -> bool:
        """Perform one effect and step its answer; False without one: it stays in the outbox, for the worker."""
        try:
            if isinstance(effect, CarryOver):
                outcome: Outcome = await self._carry_over(key, chat, effect.to)
            else:
                outcome = await self._hands.perform(key, chat, cause, client, effect)
            commit = await self._follow_up(chat, cause, Came(key, outcome, self._now()), done=key)
        except RemitError as error:
            log.warning("effect %s of %s: %s, attempt %d", type(effect).__name__, key, type(error).__name__, attempts)
            await self._postpone(key, attempts)
            return False
        answered = True
        for next_key, following in commit.effects if commit else ():
            if following == effect:  # its answer changed nothing: at once, it would be asked for ever
                await self._postpone(next_key, attempts=_LONG_TRIED)
                answered = False
                continue
            answered = await self._carry_out(next_key, chat, cause, following, client=client) and answered
        return answered

    async def _postpone(self, key: str, attempts: int) -> None:
        pause = timedelta(seconds=min(LONGEST_PAUSE_S, 2 ** min(attempts, _LONG_TRIED)))
        try:
            await self._store.postpone(key, self._clock() + pause)
        except Unavailable:
            log.warning("the store is away: effect %s waits for its lease to end", key)

    async def _follow_up(
        self, chat: str, cause: str, event: Event, *, done: str = "", awaited: _Awaited | None = None
    ) -> Commit | None:
        """A turn that no message of the customer began. None when its conversation is gone."""
        awaited = awaited or self._awaited.get((chat, cause))
        while True:
            found = await self._store.load(chat, "")
            if found.talk is None:
                return None
            turn = await self._settle(found.talk, event)
            if awaited is None:
                commit = await self._compose(found, turn, event.at, cause, done=done)
                if await self._commit(commit):
                    return commit
                continue
            async with awaited.writing:
                # a token that another message brought, and what is said since, is for whoever sent that one
                own = found.talk.keys == awaited.keys
                # without words of its own it hands nothing over: a repetition of the message could not know of it
                given = awaited.waiting and bool(turn.replies) and own
                commit = await self._compose(found, turn, event.at, cause, done=done, given=given)
                if await self._commit(commit):
                    awaited.keys = commit.talk.keys if own else awaited.keys
                    if given:
                        awaited.messages.extend([*await self._missed(found), *commit.messages])
                    return commit

    # --- what happens without the customer -----------------------------------------------------------------------

    async def tell(self, payment: Payment, chat: str) -> None:
        """News of a payment, into its conversation, once. One that was lost begins again, and hears it then."""
        moved = PaymentMoved(payment, self._now())
        commit = await self._follow_up(chat, "", moved)
        while commit is None and await self.recall(chat):  # with its latest payment, which may be another one
            commit = await self._follow_up(chat, "", moved)
        if commit is not None and commit.talk.went is not None and payment.reference in commit.talk.went.payments:
            await self._tell_elsewhere(payment, chat)  # its news were on their way when the conversation left
        for key, effect in commit.effects if commit else ():
            self._start(key, chat, "", effect)

    async def _tell_elsewhere(self, payment: Payment, left: str) -> None:
        address = await self._hops.address(payment.reference)
        if address in ("", left):
            raise Unavailable("a conversation is on its way to another chat, and its payment with it")
        await self.tell(payment, address)

    async def tell_answer(self, chat: str, request: Request, customer: str) -> None:
        """A person's answer to a request, into the chat it was asked in, once.

        ``customer``: who was signed in then; whoever uses the chat now may be somebody else, and is not told.
        """
        await self._follow_up(chat, "", Answered(request, self._now(), customer))

    async def tell_notice(self, chat: str, notice_id: int, notice: Notice, customer: str) -> None:
        """News of a customer's autopay, into the chat they last used, once. Whoever uses it by now in another name is told nothing."""
        await self._follow_up(chat, "", AutopayTold(notice_id, notice, customer, self._now()))

    async def heed(self, chat: str, errand: int, word: DeskWord) -> None:
        """What somebody at the desk wants of a conversation, once. One that is gone begins again: people write to it."""
        while True:
            found = await self._store.load(chat, "")
            if found.talk is None and (found := await self._begin(Inbound(chat, ""))).talk is None:
                continue  # somebody else began it in this instant
            assert found.talk is not None
            event = FromDesk(errand, word, self._now())
            turn = await self._settle(found.talk, event)
            if turn.talk == found.talk:
                return  # heeded before
            commit = await self._compose(found, turn, event.at)
            if await self._commit(commit):
                work = [self._start(key, chat, "", effect) for key, effect in commit.effects]
                if work:  # notes of the desk's own, as a rule: what somebody does there next may rest on them
                    await asyncio.wait(work, timeout=self._patience)
                return

    async def resume(self, waiting: Waiting) -> None:
        """Go on with an effect that a dead process, or a silent back end, left in the outbox."""
        await self._carry_out(waiting.key, waiting.chat, waiting.cause, waiting.effect, attempts=waiting.attempts)

    async def drain(self) -> None:
        """Before the end: let the effects under way finish."""
        while under_way := self._running | self._noting:
            await asyncio.wait(under_way)

    def _now(self) -> datetime:
        """Now, in the business's time zone: its date is the business's today."""
        return self._clock().astimezone(self._timezone)
