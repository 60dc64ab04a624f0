"""One person's conversations and what belongs to them, handed out or erased: `remit privacy export` and `erase`.

Decides which chats are a person's, what has to end first, and the order in which things go, so that an erasure may be cut
short anywhere and run again. Which rows of the ledger's database are theirs is `services.privacy`, what a conversation leaves
behind for a moment `_bare`; what is printed is `bot.privacy_commands`. docs/privacy.md tells all that to people.
"""

import hmac
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bot.stores.base import Told
from dialogs.conversation import Conversation
from services import privacy
from services.desk import audit
from services.errors import Misconfigured
from services.model import Account, Bearer, Customer, SavedMethod, Stranger
from services.privacy import Holdup, Personal, Whose

if TYPE_CHECKING:
    from bot.app import Remit

LINES = 200  # of a log that are read at once
TRIES = 5  # to erase a conversation in which somebody is just speaking
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, frozen=True):
    """Whose data: a customer's, by id or e-mail address, or those of one chat. ``whole_chats``: chats that others used, too."""

    customer: str = ""
    chat: str = ""
    whole_chats: bool = False


class Chat(msgspec.Struct, frozen=True):
    """A chat that is theirs; ``shared``: others used it as well, and nobody can say who wrote what."""

    name: str
    shared: bool
    epochs: tuple[str, ...]


class Person(msgspec.Struct, frozen=True):
    """Whom it is about, "" for whoever used a chat, and their chats: one that went on in another comes before it."""

    customer: str
    chats: tuple[Chat, ...]
    whole_chats: bool

    @property
    def taken(self) -> tuple[Chat, ...]:
        """The chats that are handed out or erased."""
        return tuple(chat for chat in self.chats if self.whole_chats or not chat.shared)

    @property
    def left(self) -> tuple[str, ...]:
        """The names of the chats that are left as they are: they cannot be taken apart."""
        return tuple(chat.name for chat in self.chats if chat.shared and not self.whole_chats)

    def whose(self, chat: Chat) -> Whose:
        """The rows of one of their chats."""
        return Whose(self.customer, chat.name, chat.epochs, whole=self.whole_chats or not self.customer)


class Erased(msgspec.Struct, frozen=True):
    """What was erased, or would be; ``left``: chats that others used as well."""

    customer: str
    chats: tuple[str, ...]
    left: tuple[str, ...]
    rows: int = 0


class NotYet(Exception):  # noqa: N818  # an outcome that is told, not a fault
    """Something must end first; its text says what, and when to try again."""


# --- finding ----------------------------------------------------------------------------------------------------------


async def find(remit: "Remit", asked: Asked) -> Person:
    """Whom it is about, with their chats. Raises `Misconfigured` for nobody, or for an address that several share."""
    customer = await _customer(remit, asked.customer) if asked.customer else ""
    names = {asked.chat} if asked.chat else await _chats(remit, customer)
    own = {invoice.id for invoice in await remit.books.of_customer(customer)} if customer else set[str]()
    found: dict[str, Chat] = {}
    waiting = sorted(names, reverse=True)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        talk = (await remit.store.load(name, "")).talk
        found[name] = await _chat(remit, name, talk, customer, own)
        if not asked.chat and not found[name].shared:  # where it went on, it is the same person's, unless it was shared
            waiting += await _went(remit, name, talk)
    if asked.chat and not await _is_known(remit, found[asked.chat]):
        raise Misconfigured(f"nothing is kept of a chat {asked.chat}")
    # of one chat that was named, its rows are everybody's; one customer in it makes it theirs, several make it shared
    return Person(customer, tuple(found.values()), asked.whole_chats)


async def _customer(remit: "Remit", told: str) -> str:
    """The id of the one customer that is meant, whom the books may know no more."""
    found: dict[str, Account] = {}
    if "@" in told:
        found = {each.id: each for each in await remit.books.at(told)}
    else:
        for name in (told, *(f"{source}:{told}" for source in remit.settings.invoices.sources)):
            if (known := await remit.books.account(name)) is not None:
                found[known.id] = known
            elif await remit.transact(partial(privacy.knows, customer=name)):
                found[name] = Account(name, "")
    if not found:
        raise Misconfigured("no such customer: name one by id or e-mail address, or a chat with --chat")
    if len(found) > 1:
        raise Misconfigured(f"several customers are called so; name one of them by id: {', '.join(sorted(found))}")
    return next(iter(found))


async def _chats(remit: "Remit", customer: str) -> set[str]:
    """The chats whose rows name the customer, and those whose conversation does: by sign-in, or by a proved invoice of theirs."""
    invoices = {invoice.id for invoice in await remit.books.of_customer(customer)}
    found = set(await remit.transact(partial(privacy.chats_of, customer=customer)))
    async for talk in remit.store.every():
        if customer in _customers(talk) or (isinstance(talk.scope, Bearer) and talk.scope.invoice in invoices):
            found.add(talk.chat)
    return found


def _customers(talk: Conversation) -> set[str]:
    """The customers whom a conversation itself names."""
    scope = {talk.scope.id} if isinstance(talk.scope, Customer) else set[str]()
    return (scope | {talk.owner}) - {""}


async def _chat(remit: "Remit", name: str, talk: Conversation | None, customer: str, own: set[str]) -> Chat:
    users = await remit.transact(partial(privacy.customers_of, chat=name))
    epochs = await remit.transact(partial(privacy.epochs_of, chat=name))
    stranger = False
    if talk is not None:
        users |= _customers(talk)
        epochs.add(talk.epoch)
        # of payments that are hushed, somebody else than the last one signed in; a proved invoice is its customer's
        stranger = bool(talk.hushed) or (
            bool(customer) and isinstance(talk.scope, Bearer) and talk.scope.invoice not in own
        )
    others = users - {customer} if customer else set(sorted(users)[1:])
    return Chat(name, stranger or bool(others), tuple(sorted(epochs)))


async def _went(remit: "Remit", name: str, talk: Conversation | None) -> list[str]:
    moved = await remit.transact(partial(privacy.moved_to, chat=name))
    return [*moved, *([talk.went.to] if talk is not None and talk.went is not None else [])]


async def _is_known(remit: "Remit", chat: Chat) -> bool:
    """Whether anything is kept of a chat that was named: a slip of the pen must not read as an erasure."""
    if chat.epochs or (await remit.store.load(chat.name, "")).talk is not None:
        return True
    whose = Whose(chat=chat.name, whole=True)
    return any([await remit.transact(partial(privacy.has, table=table, whose=whose)) for table in privacy.TABLES])


# --- erasing ------------------------------------------------------------------------------------------------------------


async def erase(remit: "Remit", asked: Asked, *, dry_run: bool) -> Erased:
    """Erase what is theirs. Raises `NotYet` before anything is, where something under way has to end first.

    Each chat: what was said goes and a bare conversation stays, so that whoever runs this again finds the chat; its rows go;
    then the rest of it. A chat goes before the one from which it was reached, and rows that name the customer at the end.
    """
    person = await find(remit, asked)
    await _examine(remit, person)
    told = Erased(person.customer, tuple(chat.name for chat in person.taken), person.left)
    if dry_run:
        return told
    await _note(remit, "erased", person)
    rows = 0
    for chat in reversed(person.taken):
        await _say_nothing_more(remit, chat.name, person.customer)
        rows += await _erase_rows(remit, person.whose(chat))
        await _remove(remit, chat.name, person.customer)
    if person.customer:
        rows += await _erase_rows(remit, Whose(person.customer))
    return replace(told, rows=rows)


async def _examine(remit: "Remit", person: Person) -> None:
    """Raise `NotYet` for whatever is under way, all of it in one text."""
    asked = [person.whose(chat) for chat in person.taken] + ([Whose(person.customer)] if person.customer else [])
    found: list[str] = []
    for whose in asked:
        found += [_sentence(each) for each in await remit.transact(partial(privacy.holdups, whose=whose))]
    for chat in person.taken:
        talk = (await remit.store.load(chat.name, "")).talk
        if talk is not None and await remit.store.waiting(talk):
            found.append(f"something is under way in {chat.name}; try again in a minute")
    if found:
        raise NotYet("nothing was erased: " + "; ".join(dict.fromkeys(found)))


def _sentence(holdup: Holdup) -> str:
    match holdup.kind:
        case "payment":
            when = f"at {holdup.until:%Y-%m-%d %H:%M} UTC, when its page ends" if holdup.until else "once it is settled"
            return f"payment {holdup.name} is {holdup.state}; try again {when} (remit payments {holdup.name})"
        case "refund":
            return f"refund {holdup.name} is still asked for; try again once the gateway has made it"
        case "handoff":
            return f"handoff {holdup.name} is open: resolve it at the desk"
        case "case":
            return f"case {holdup.name} is open; close it first (remit cases --close {holdup.name})"
        case "news":
            return "something is about to be told in a chat; try again in a minute"
        case "message":
            return "a message is still being answered; try again in a minute"


async def _say_nothing_more(remit: "Remit", chat: str, customer: str) -> None:
    """Take everything out of a conversation, if there is one, but for what names it."""
    for _ in range(TRIES):
        talk = (await remit.store.load(chat, "")).talk
        if talk is None or await remit.store.erase(chat, talk.version, _bare(talk, customer)):
            return
    raise NotYet(f"somebody is just speaking in {chat}; what was not erased yet is, when you try again in a minute")


def _bare(talk: Conversation, customer: str) -> Conversation:
    """What finds a conversation again, and keeps whoever may not read it out: none of it was ever said."""
    scope = talk.scope if isinstance(talk.scope, Bearer) else Stranger()
    owner = customer if customer in _customers(talk) else talk.owner
    return Conversation(talk.chat, talk.epoch, talk.version + 1, scope=scope, keys=talk.keys, owner=owner)


async def _erase_rows(remit: "Remit", whose: Whose) -> int:
    return await remit.transact(lambda conn: privacy.erase(conn, whose, remit.clock()))


async def _remove(remit: "Remit", chat: str, customer: str) -> None:
    """The bare conversation goes; where somebody has begun to speak in it, that is a new one."""
    talk = (await remit.store.load(chat, "")).talk
    if talk is not None and talk == replace(_bare(talk, customer), version=talk.version):
        await remit.store.erase(chat, talk.version, None)


# --- handing out -----------------------------------------------------------------------------------------------------------


async def document(remit: "Remit", asked: Asked) -> AsyncIterator[bytes]:
    """Everything that is theirs as one JSON document, in pieces: neither it nor one long chat is ever in memory whole.

    Raises before the first piece what `find`, the books or the gateway raise.
    """
    person = await find(remit, asked)
    head = await _head(remit, person)
    await _note(remit, "exported", person)
    return _pieces(remit, person, head)


async def _head(remit: "Remit", person: Person) -> dict[str, object]:
    """What is read from elsewhere: the details on file, and of saved methods how they are called."""
    details, saved = None, tuple[SavedMethod, ...]()
    if person.customer:
        details = await remit.books.details(person.customer)
        saved = (await remit.wallet.methods(person.customer)).saved
    methods = [{name: getattr(each, name) for name in _LABEL} for each in saved]
    head = {"customer": person.customer, "made_at": remit.clock(), "left_out": person.left}
    return {**head, "details": details, "saved_methods": methods}


_LABEL = ("method", "brand", "last4", "expires", "nickname")


async def _pieces(remit: "Remit", person: Person, head: dict[str, object]) -> AsyncIterator[bytes]:
    yield _encode(head)[:-1]
    if person.customer:
        async for piece in _rows(remit, Whose(person.customer)):
            yield piece
    yield b',"chats":['
    for nth, chat in enumerate(person.taken):
        yield (b"," if nth else b"") + _encode({"chat": chat.name, "shared": chat.shared})[:-1]
        async for piece in _rows(remit, person.whose(chat)):
            yield piece
        yield b',"messages":['
        async for piece in _messages(remit, chat.name):
            yield piece
        yield b"]}"
    yield b"]}\n"


async def _rows(remit: "Remit", whose: Whose) -> AsyncIterator[bytes]:
    """The rows of each table, as members of an object that is begun."""
    for table in privacy.TABLES:
        if not table.shown:
            continue
        yield b',"%s":[' % table.name.encode()
        after = 0
        while some := await _some_rows(remit, table, whose, after):
            yield (b"," if after else b"") + _encode(some)[1:-1]
            after += len(some)
        yield b"]"


async def _some_rows(remit: "Remit", table: Personal, whose: Whose, after: int) -> list[dict[str, object]]:
    return await remit.transact(partial(privacy.rows, table=table, whose=whose, after=after))


async def _messages(remit: "Remit", chat: str) -> AsyncIterator[bytes]:
    after, first = 0, True
    while some := await remit.store.told(chat, after, LINES):
        yield (b"" if first else b",") + _encode([_line(each) for each in some])[1:-1]
        after, first = some[-1].message.seq, False


def _line(told: Told) -> dict[str, Any]:
    """A line as it was read. A link is named, and its address left out: it holds a token."""
    message = told.message
    line: dict[str, Any] = {"seq": message.seq, "at": told.at, "from": message.sender, "text": message.text}
    if message.choices:
        line["choices"] = [choice.title for choice in message.choices]
    if message.card is not None:
        line["card"] = message.card
    if message.link is not None:
        line["link"] = message.link.kind
    return line


async def _note(remit: "Remit", what: str, person: Person) -> None:
    """Who was exported or erased, for the audit. A customer's id stands there as a keyed hash."""
    name = person.customer or person.chats[0].name
    hashed = hmac.digest(remit.secret, f"privacy:{name}".encode(), "sha256").hex()[:16]
    taken, left = len(person.taken), len(person.left)
    await remit.transact(
        lambda conn: audit.note(conn, None, what, remit.clock(), customer=hashed, chats=taken, left=left)
    )
