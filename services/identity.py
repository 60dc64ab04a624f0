"""Who may see and pay what: pay links, and the proof by invoice number and billing zip, with their limits.

Answers never tell an unknown number from a wrong zip. Nothing about payments is decided here, and no number, zip or
token is ever stored readably: tokens as hashes, tries as counts.
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services import link_steps
from services.allowance import household
from services.database import Transact, insert_once, micros
from services.desk import handoffs
from services.invoices.base import Invoices, plain, same_zip
from services.link_steps import Step
from services.schema import attempt, handoff_case, pay_link, tried
from services.tokens import new_token, token_hash

WRONG_PER_INVOICE = 10  # in 24 hours; then a person
WRONG_PER_CLIENT = 20
_HOURS = 24
HOUR = timedelta(hours=1) // timedelta(microseconds=1)  # as instants are stored


class LinkOpened(msgspec.Struct, frozen=True):
    """A pay link that holds: its bearer may see and pay this invoice."""

    invoice: str


class LinkExpired(msgspec.Struct, frozen=True):
    """A pay link that held once; a fresh one may go to the address on file, and nothing is shown."""

    invoice: str


class Proved(msgspec.Struct, frozen=True, tag="proved"):
    """Number and zip fit: whoever said them may see and pay this invoice."""

    invoice: str


class Wrong(msgspec.Struct, frozen=True, tag="wrong"):
    """They do not fit, or there is no such invoice: nobody is told which."""


class Locked(msgspec.Struct, frozen=True, tag="locked"):
    """Too many wrong tries; even the right answer has to wait, or a person helps."""


Answer: TypeAlias = Proved | Wrong | Locked


class Identity:
    """Pay links, proofs and calls for a person. Look-ups of invoices may raise `Unavailable` or `Uncertain`."""

    def __init__(
        self,
        *,
        transact: Transact,
        invoices: Invoices,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        secret: bytes,
        prefix: str = "",
    ) -> None:
        """``secret`` is this installation's; ``prefix`` of the business's invoice numbers, such as ``INV-``: customers
        leave it out.
        """
        self._key = hmac.digest(secret, b"wrong tries", "sha256")
        self._prefix = prefix
        self._transact = transact
        self._invoices = invoices
        self._clock = clock
        self._random = random

    # --- pay links ------------------------------------------------------------------------------------------------

    async def issue(self, invoice: str, days: int) -> str:
        """A fresh pay link token for one invoice (by id), good for ``days``: 128 bits in 22 characters."""
        token, now = new_token(self._random), self._clock()
        until = micros(now + timedelta(days=days))
        await self._transact(lambda conn: _issue(conn, token, invoice, micros(now), until))
        return token

    async def open(self, token: str, step: Step | None = None) -> LinkOpened | LinkExpired | None:
        """What a token opens; None for one that was never issued. A revoked one counts as expired.

        ``step``: how far its holder comes by that, which is kept the first time, of a link that holds.
        """
        return await self._transact(lambda conn: _open(conn, token, step, self._clock()))

    async def came_so_far(self, token: str, step: Step) -> None:
        """Keep how far a link came, where nobody opens it by that."""
        await self._transact(lambda conn: link_steps.reached(conn, token, step, self._clock()))

    async def chose(self, link: str) -> None:
        """Keep that a method was chosen in a chat that came by this link; a chat knows it as the first digits of its hash."""
        await self._transact(lambda conn: link_steps.chosen(conn, link, self._clock()))

    async def revoke(self, token: str) -> bool:
        """Make one pay link stop; False when there is none such that still counts."""
        this = pay_link.c.token_hash == token_hash(token)
        return await self._transact(lambda conn: _revoke(conn, this, self._clock())) > 0

    async def revoke_all(self, invoice: str) -> int:
        """Make every pay link of an invoice stop; answers how many did."""
        return await self._transact(lambda conn: _revoke(conn, pay_link.c.invoice == invoice, self._clock()))

    # --- proof by number and zip ----------------------------------------------------------------------------------

    async def prove(self, key: str, number: str, zip: str, client: str, chat: str) -> Answer:  # noqa: A002  # the slot's name
        """Whether number and billing zip fit; once per effect ``key``: the same key gets the same answer.

        ``client`` is the address the visitor comes from, "" where a channel has none. After 10 wrong tries for one
        number, or 20 from one client or chat, within 24 hours, even the right zip answers `Locked`.
        """
        before = await self._transact(lambda conn: _answered(conn, key))
        if before is not None:
            return before
        number = await self._in_full(number)
        fitting = await self._fitting(number, zip)
        # a number as it was told may be anything, a piece of a card's too: so it is counted under a keyed hash
        named = hmac.digest(self._key, plain(number).encode(errors="replace"), "sha256").hex()[:32]
        limits = {f"invoice:{named}": WRONG_PER_INVOICE, f"chat:{chat[:180]}": WRONG_PER_CLIENT}
        if client:
            limits[f"client:{household(client)[:180]}"] = WRONG_PER_CLIENT
        answer = Proved(fitting) if fitting is not None else Wrong()
        return await self._transact(lambda conn: _count(conn, key, answer, limits, self._clock()))

    async def _in_full(self, number: str) -> str:
        """The number as it stands on the bill: 1042 is INV-1042, unless there is a 1042."""
        if not self._prefix or not plain(number).isdigit() or await self._invoices.find(number):
            return number
        return self._prefix + plain(number)

    async def _fitting(self, number: str, told: str) -> str | None:
        """The one invoice of this number whose customer's billing zip fits."""
        fitting = []
        for invoice in await self._invoices.find(number):
            billing = await self._invoices.billing(invoice.customer)
            if billing is not None and same_zip(told, billing.zip):
                fitting.append(invoice.id)
        return fitting[0] if len(fitting) == 1 else None  # two that fit: a person tells them apart

    # --- a person -------------------------------------------------------------------------------------------------

    async def call_agent(  # noqa: PLR0917  # an effect's fields, in its order
        self, key: str, chat: str, reason: str, invoice: str | None, payment: str | None, summary: str
    ) -> int:
        """Open a case for a person, and the chat at the desk, once per effect ``key``; answers the number of the case."""
        case = {"chat": chat, "reason": reason, "invoice": invoice or None, "payment": payment or None}

        def write(conn: Connection) -> int:
            insert_once(conn, handoff_case, key=key, at=micros(self._clock()), summary=summary, **case)
            handoffs.ask(conn, chat, reason, self._clock())
            return int(conn.execute(select(handoff_case.c.id).where(handoff_case.c.key == key)).scalar_one())

        return await self._transact(write)


def _issue(conn: Connection, token: str, invoice: str, now: int, until: int) -> None:
    hashed = token_hash(token)
    if insert_once(conn, pay_link, token_hash=hashed, invoice=invoice, created_at=now, expires_at=until):
        return
    # a demo draws its tokens from a fixed seed: after a restart the same link goes on
    same = pay_link.c.token_hash == hashed, pay_link.c.invoice == invoice
    if conn.execute(update(pay_link).where(*same).values(expires_at=until)).rowcount != 1:
        raise ValueError("a new token is that of another invoice: the source of chance is not random")


def _open(conn: Connection, token: str, step: Step | None, now: datetime) -> LinkOpened | LinkExpired | None:
    row = conn.execute(select(pay_link).where(pay_link.c.token_hash == token_hash(token))).one_or_none()
    if row is None:
        return None
    if row.revoked_at is not None or row.expires_at <= micros(now):
        return LinkExpired(row.invoice)
    if step is not None and row._mapping[f"{step}_at"] is None:  # noqa: SLF001  # how SQLAlchemy names a column by a string
        link_steps.reached(conn, token, step, now)
    return LinkOpened(row.invoice)


def _revoke(conn: Connection, which: ColumnElement[bool], now: datetime) -> int:
    counts = pay_link.c.revoked_at.is_(None), pay_link.c.expires_at > micros(now)
    return conn.execute(update(pay_link).where(which, *counts).values(revoked_at=micros(now))).rowcount


def _answered(conn: Connection, key: str) -> Answer | None:
    stored = conn.execute(select(tried.c.answer).where(tried.c.key == key)).scalar_one_or_none()
    return None if stored is None else msgspec.json.decode(stored, type=Answer)


def _count(conn: Connection, key: str, found: Answer, limits: Mapping[str, int], now: datetime) -> Answer:
    """Count a try as wrong first and look at the sums then, so that tries at the same time cannot slip past a limit.

    A right try, and one that is locked out, is taken back: whoever is locked out cannot lock others' invoices.
    """
    if not insert_once(conn, tried, key=key, at=micros(now), answer=b""):
        before = _answered(conn, key)
        assert before is not None, "a key that is taken has its answer"
        return before
    hour = micros(now) // HOUR
    over = [subject for subject in sorted(limits) if add_tries(conn, subject, hour, 1) > limits[subject]]
    answer = Locked() if over else found
    if not isinstance(answer, Wrong):
        for subject in sorted(limits):
            add_tries(conn, subject, hour, -1)
    conn.execute(update(tried).where(tried.c.key == key).values(answer=msgspec.json.encode(answer)))
    return answer


def add_tries(conn: Connection, subject: str, hour: int, wrong: int) -> int:
    """Add to the count of this hour since 1970, which locks it, and answer the sum of the last 24 hours and this one."""
    build = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    row = build(attempt).values(subject=subject, window=hour, wrong=wrong)
    more = {"wrong": attempt.c.wrong + wrong}
    conn.execute(row.on_conflict_do_update(index_elements=["subject", "window"], set_=more))
    recent = attempt.c.subject == subject, attempt.c.window >= hour - _HOURS
    return int(conn.execute(select(func.sum(attempt.c.wrong)).where(*recent)).scalar_one())
