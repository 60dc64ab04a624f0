"""Sign-in by a six-digit code that is sent by e-mail, and the proof of two addresses by which one is changed.

Decides which address is meant, who is there, and what a right code opens; how codes are counted and compared, and why 10
guesses leave a chance of 10**-5, is in `services.codes`, what a sign-in is worth afterwards in `services.visitors`.
Letters are composed and sent by whoever is handed the `Code`. No address and no code is stored readably; neither an answer,
nor the statements run for it, nor its time tells which addresses exist.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, select, update

from services import codes
from services.allowance import household
from services.codes import Guess, Place, Right, Seals
from services.database import Transact, insert_once, micros
from services.identity import Locked, Wrong
from services.invoices.base import Customers, Invoices
from services.mail import usable
from services.model import Account, Bearer, Customer, Scope, same_address
from services.pace import Pace
from services.schema import tried
from services.visitors import Visitors, signed_in

__all__ = ["Code", "Good", "Locked", "Purpose", "Sent", "SignIn", "Spent", "Wrong"]

Purpose: TypeAlias = Literal["sign_in", "old_address", "new_address"]

CODES_PER_ADDRESS = 5  # in any hour
CODES_PER_CHAT = 5
CODES_PER_CLIENT = 20
BETWEEN_CODES = timedelta(seconds=20)  # in one chat, for one purpose
WRONG_PER_CHAT = 20  # in 24 hours
WRONG_PER_CLIENT = 20
PROVED = timedelta(minutes=15)  # an address, for the change of it
_HOUR = timedelta(hours=1)
_LONGEST_ADDRESS = 254


class Code(msgspec.Struct, frozen=True):
    """A code to be mailed; never to be logged or stored. Where it goes, `SignIn.addressed` says."""

    to: str
    digits: str
    purpose: Purpose
    name: str = ""
    language: str = ""  # such as es; empty: not known
    customer: str = ""  # whose address on file is meant; empty: ``to`` stands as it is

    def __repr__(self) -> str:
        """Without what it holds: a value ends in a log sooner or later."""
        return f"Code({self.purpose})"


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A code is on its way, if anybody we know has this address: nobody is told whether."""


class Spent(msgspec.Struct, frozen=True, tag="spent"):
    """None was sent: too many were asked for. ``minutes`` until there may be another."""

    minutes: int


class Good(msgspec.Struct, frozen=True, tag="good"):
    """The code was right: who signed in (nobody, for a change of address), and from when it counts.

    Of several customers at the address, the one whose pay link was held is first.
    """

    accounts: tuple[Account, ...]
    at: datetime


_Answer: TypeAlias = Sent | Spent | Good | Wrong | Locked


class _Target(msgspec.Struct, frozen=True):
    """The address that is meant, and what a code is worth there. ``reached``: somebody gets it, to whom it is of use."""

    address: str
    reached: bool = False
    accounts: tuple[Account, ...] = ()
    owner: str = ""  # the customer who proves it, where that is known before
    name: str = ""
    language: str = ""
    typed: bool = False  # by the visitor, who may have written it in another case than the books


class SignIn:
    """Codes out and codes in. What asks the books may raise `Unavailable` or `Uncertain`: then nothing was counted."""

    def __init__(
        self,
        *,
        transact: Transact,
        customers: Customers,
        invoices: Invoices,
        visitors: Visitors,
        deliver: Callable[[Code], None],
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        secret: bytes,
    ) -> None:
        """``deliver`` takes a code to be mailed and returns at once, whatever becomes of it: it is called for addresses on
        file alone, so neither mailing nor composing may hold up the answer. ``secret`` is this installation's.
        """
        self._transact, self._customers, self._invoices = transact, customers, invoices
        self._visitors, self._deliver = visitors, deliver
        self._clock, self._random, self._seals = clock, random, Seals(secret)

    async def send_code(  # noqa: PLR0917  # an effect's fields, in its order
        self, key: str, chat: str, client: str, email: str, purpose: Purpose, scope: Scope
    ) -> Sent | Spent:
        """Send a code, once per effect ``key``: the same key gets the same answer, and no second letter.

        ``email`` "" means the address on file: of the invoice whose link the scope holds, or of the customer that it is.
        Only the newest code of a chat and ``purpose`` counts. ``client`` is the address the visitor comes from, "" where
        a channel has none. A process that dies after the commit leaves the letter unsent; the customer asks for another.
        """
        before = await self._before(key)
        if isinstance(before, Sent | Spent):
            return before
        target = await self._target(email, purpose, scope)
        digits, salt, now = codes.draw(self._random), self._random(16), self._clock()
        place = Place(chat, purpose)
        sealed = {
            "address_hash": self._seals.bound(target.address, target.owner),
            "salt": salt,
            "code_hash": self._seals.code(salt, place, digits),
        }
        paces = self._paces(target.address, place, client)

        def write(conn: Connection) -> _Answer:
            wait = codes.keep(conn, place, sealed, paces, now)
            return Sent() if wait is None else Spent(max(1, -((now - wait) // timedelta(minutes=1))))

        answer, fresh = await self._once(key, now, write)
        if fresh and target.reached and isinstance(answer, Sent):
            customer = target.accounts[0].id if target.typed else ""
            self._deliver(Code(target.address, digits, purpose, target.name, target.language, customer))
        assert isinstance(answer, Sent | Spent), "a key belongs to one effect"
        return answer

    async def addressed(self, code: Code) -> Code | None:
        """The code as it goes out, with the address and language on file: to be asked when nobody waits for it.

        A mailbox may differ from another one by case alone (RFC 5321, 2.4), so what a visitor typed gets no letter. None:
        the address has left the books meanwhile.
        """
        if not code.customer:
            return code
        known = await self._customers.details(code.customer)
        if known is None or not same_address(code.to, known.email):
            return None
        return msgspec.structs.replace(code, to=known.email.strip(), language=known.language)

    async def check_code(  # noqa: PLR0917  # an effect's fields, in its order
        self, key: str, chat: str, client: str, email: str, code: str, purpose: Purpose, scope: Scope
    ) -> Good | Wrong | Locked:
        """Whether this is the code that was sent with the same ``email``, ``purpose`` and ``scope``; once per effect ``key``.

        Wrong codes count for the address, whether or not anybody has it, for the chat and for the client. After 10 for one
        address since it was last signed in with, or 20 from one chat or client within 24 hours, even the right one
        answers `Locked`. A right code signs in every customer at the address, and is used up.
        """
        before = await self._before(key)
        if isinstance(before, Good | Wrong | Locked):
            return before
        target, now = await self._target(email, purpose, scope), self._clock()
        guess = Guess(
            Place(chat, purpose),
            codes.digits_of(code),
            self._seals.bound(target.address, target.owner),
            self._seals.address(target.address),
            target.reached,
            self._limits(chat, client),
        )

        def write(conn: Connection) -> _Answer:
            verdict = codes.compare(conn, guess, self._seals, now)
            if not isinstance(verdict, Right):
                return verdict
            if purpose != "sign_in":
                return Good((), now)
            codes.forgive(conn, guess.guard, now)
            return Good(target.accounts, signed_in(conn, [each.id for each in target.accounts], now))

        answer, _ = await self._once(key, now, write)
        assert isinstance(answer, Good | Wrong | Locked), "a key belongs to one effect"
        return answer

    async def was_used_in(self, chat: str) -> bool:
        """Whether somebody signed in to this chat by a code, as far back as codes are kept."""
        return await self._transact(lambda conn: codes.was_used(conn, Place(chat, "sign_in")))

    async def may_change_address(self, chat: str, customer: str, old: str, new: str) -> bool:
        """Whether this customer proved both addresses in this chat within the last 15 minutes.

        ``old`` has to be the address on file. Where there is none, only the new one can be proved.
        """
        known = await self._customers.details(customer)
        if known is None or not usable(new.strip()) or (known.email.strip() and not same_address(old, known.email)):
            return False
        wanted = {"new_address": self._seals.bound(new, customer)}
        if known.email.strip():
            wanted["old_address"] = self._seals.bound(known.email, customer)
        now = self._clock()
        proved = await self._transact(lambda conn: codes.proofs(conn, chat, PROVED, now))
        return wanted.items() <= proved.items()

    async def unlock(self, email: str) -> bool:
        """Let an address be signed in with again: a person has made sure who asks. False when no wrong code was counted.

        Limits of chats and clients stay; they pass by themselves.
        """
        guard, now = self._seals.address(email), self._clock()
        return await self._transact(lambda conn: codes.forgive(conn, guard, now))

    # --- which address ------------------------------------------------------------------------------------------------

    async def _target(self, email: str, purpose: Purpose, scope: Scope) -> _Target:
        told, nobody = email.strip(), _Target(f"nobody: {scope!r}")
        if purpose == "sign_in":
            return await self._typed(told, scope) if told else await self._by_link(scope, nobody)
        if not isinstance(scope, Customer) or not await self._visitors.holds(scope):
            return nobody
        on_file = await self._on_file(scope.id, nobody)
        if purpose == "old_address":
            return on_file if not told or same_address(told, on_file.address) else nobody
        return msgspec.structs.replace(
            on_file, address=told or nobody.address, reached=usable(told), owner=scope.id, name=""
        )

    async def _typed(self, email: str, scope: Scope) -> _Target:
        """An address that a visitor wrote is looked up in the same way whether or not anybody has it."""
        if not usable(email):  # everybody can see that no letter goes there
            return _Target(email[:_LONGEST_ADDRESS])
        accounts = await self._customers.at(email)
        if _by_link(scope):
            accounts = _first(accounts, await self._payer(scope))
        name = accounts[0].name if len(accounts) == 1 else ""
        return _Target(email, bool(accounts), accounts, name=name, typed=True)

    async def _by_link(self, scope: Scope, nobody: _Target) -> _Target:
        """The address on file of the customer whose invoice's link is held, or for whom the page spoke.

        Number and zip are not enough for a letter.
        """
        vouched = isinstance(scope, Customer) and await self._visitors.holds(scope)
        customer = scope.id if isinstance(scope, Customer) and vouched else await self._payer(scope)
        found = await self._on_file(customer, nobody) if customer else nobody
        accounts = _first(await self._customers.at(found.address), customer) if found.reached else ()
        return msgspec.structs.replace(found, reached=bool(accounts), accounts=accounts, owner="")

    async def _payer(self, scope: Scope) -> str:
        invoice = await self._invoices.get(scope.invoice) if isinstance(scope, Bearer) and _by_link(scope) else None
        return "" if invoice is None else invoice.customer

    async def _on_file(self, customer: str, nobody: _Target) -> _Target:
        known = await self._customers.details(customer)
        if known is None:
            return nobody
        address, reached = known.email.strip(), usable(known.email.strip())
        return _Target(address if reached else nobody.address, reached, (), customer, known.name, known.language)

    # --- what is counted ----------------------------------------------------------------------------------------------

    def _paces(self, address: str, place: Place, client: str) -> list[Pace]:
        told = self._seals.subject("codes in a chat", place.chat)
        # a change of address takes a code at the old one and at once another at the new
        paces = [Pace(f"{told}:{place.purpose}", 1, BETWEEN_CODES), Pace(told, CODES_PER_CHAT, _HOUR)]
        if client:
            paces.append(Pace(self._seals.subject("codes of a client", household(client)), CODES_PER_CLIENT, _HOUR))
        return [*paces, Pace(self._seals.address(address), CODES_PER_ADDRESS, _HOUR)]

    def _limits(self, chat: str, client: str) -> dict[str, int]:
        limits = {self._seals.subject("wrong codes in a chat", chat): WRONG_PER_CHAT}
        if client:
            limits[self._seals.subject("wrong codes of a client", household(client))] = WRONG_PER_CLIENT
        return limits

    # --- once per key -------------------------------------------------------------------------------------------------

    async def _before(self, key: str) -> _Answer | None:
        return await self._transact(lambda conn: _answered(conn, key))

    async def _once(self, key: str, now: datetime, work: Callable[[Connection], _Answer]) -> tuple[_Answer, bool]:
        """The answer of ``work``, done once per key, and whether it was done by this very call."""

        def write(conn: Connection) -> tuple[_Answer, bool]:
            if not insert_once(conn, tried, key=key, at=micros(now), answer=b""):
                before = _answered(conn, key)
                assert before is not None, "a key that is taken has its answer"
                return before, False
            answer = work(conn)
            conn.execute(update(tried).where(tried.c.key == key).values(answer=msgspec.json.encode(answer)))
            return answer, True

        return await self._transact(write)


def _answered(conn: Connection, key: str) -> _Answer | None:
    stored = conn.execute(select(tried.c.answer).where(tried.c.key == key)).scalar_one_or_none()
    return None if stored is None else msgspec.json.decode(stored, type=_Answer)


def _by_link(scope: Scope) -> bool:
    return isinstance(scope, Bearer) and scope.proof == "link"


def _first(accounts: tuple[Account, ...], customer: str) -> tuple[Account, ...]:
    """The accounts, this customer's before the others."""
    return tuple(sorted(accounts, key=lambda each: each.id != customer))
