"""Who is there: a customer who signed in, a browser that is remembered, a visitor for whom the embedding page speaks.

Decides what such a proof is worth and when it ends. How an e-mail address is proved is `services.sign_in`; what a
customer may see is checked where it is read. Of a browser's token only the hash is stored.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import jwt
import msgspec
from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database import Transact, instant, micros
from services.errors import Misconfigured
from services.invoices.base import Customers
from services.mail import usable
from services.model import Account, Customer
from services.schema import account, browser
from services.tokens import new_token, token_hash

Proof: TypeAlias = Literal["code", "browser", "page"]

AUDIENCE = "remit"  # whom a page's token must be meant for
SHORTEST_SECRET = 32  # bytes: as many as HS256 has (RFC 7518, 3.2)
_LONGEST_TOKEN = 4096  # characters; ours would be a tenth of it
_LONGEST_ID = 120
_LATEST = 1 << 37  # seconds since 1970: some four thousand years on
_SKEW = timedelta(seconds=60)  # by which the clock of the embedding page may be ahead of ours
_TICK = timedelta(microseconds=1)


class Spans(msgspec.Struct, frozen=True):
    """How long a proof counts."""

    signed_in: timedelta = timedelta(hours=12)
    remembered: timedelta = timedelta(days=30)
    page: timedelta = timedelta(hours=1)  # at most; less where the token says so


class Visitors:
    """Customers who proved who they are. What asks the books may raise `Unavailable` or `Uncertain`."""

    def __init__(
        self,
        *,
        transact: Transact,
        customers: Customers,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        spans: Spans | None = None,
        page_secret: bytes = b"",
        sources: Sequence[str] = (),
    ) -> None:
        """``page_secret`` signs the tokens of the embedding page; without one they open nothing. ``sources`` of invoices: the
        names that a customer's id in the books may begin with. Raises `Misconfigured` for a secret that can be guessed.
        """
        if page_secret:
            _examine(page_secret)
        self._transact, self._customers = transact, customers
        self._clock, self._random = clock, random
        self._spans = spans or Spans()
        self._page_secret, self._sources = page_secret, tuple(sources)

    def scope(self, customer: str, chat: str, proof: Proof, proved_at: datetime) -> Customer:
        """The scope of a customer who proved it in this chat at ``proved_at``, for as long as that proof counts at most."""
        spans = {"code": self._spans.signed_in, "browser": self._spans.remembered, "page": self._spans.page}
        return Customer(customer, proved_at, chat, proved_at + spans[proof], proof)

    async def holds(self, scope: Customer) -> bool:
        """Whether the customer is still signed in: not for too long, and not signed out everywhere since, nor in the browser
        that the proof was remembered in, whichever chat used it.
        """
        now = self._clock()
        return now < scope.until and await self._transact(lambda conn: _holds(conn, scope, now))

    # --- remembered browsers --------------------------------------------------------------------------------------

    async def remember(self, scope: Customer, chat: str) -> datetime | None:
        """Remember the browser of this chat, counted from the proof; answers until when. None: this scope may not.

        Only a code that was entered in this very chat, or a browser that is remembered already, is worth so much: what
        a page says of its visitor ends with the page.
        """
        if scope.proof == "page" or scope.channel != chat or not await self.holds(scope):
            return None
        until = scope.proved_at + self._spans.remembered
        unseen = token_hash(new_token(self._random))
        await self._transact(lambda conn: _remember(conn, scope, unseen, until))
        return until

    async def browser_token(self, scope: Customer, chat: str) -> str | None:
        """A token for the browser of this chat, to be kept there; None when it was not asked to be remembered.

        There is one at a time: the token that was given out before stops.
        """
        if scope.channel != chat or not await self.holds(scope):
            return None
        token = new_token(self._random)
        hashed = token_hash(token)
        return token if await self._transact(lambda conn: _hand_out(conn, scope, hashed, self._clock())) else None

    async def by_browser(self, token: str, chat: str) -> tuple[Customer, Account] | None:
        """Who a remembered browser belongs to, from now on in this chat; None for a token that does not count."""
        hashed = token_hash(token)
        if hashed is None:
            return None
        found = await self._transact(lambda conn: _use(conn, hashed, chat, self._clock()))
        known = None if found is None else await self._customers.account(found[0])
        if found is None or known is None:
            return None
        customer, proved_at, until = found
        return Customer(customer, proved_at, chat, until, "browser"), known

    async def sign_out(self, scope: Customer, chat: str, *, everywhere: bool = False) -> None:
        """Forget the browser of this chat; with ``everywhere``, every browser and every proof of the customer up to now.

        Whose own sign-in is over ends nobody else's.
        """
        everywhere = everywhere and await self.holds(scope)
        now = self._clock()
        # a browser is known by its proof as well: another tab may have used it since
        here = or_(browser.c.chat == chat, browser.c.proved_at == micros(scope.proved_at))
        these = and_(browser.c.customer == scope.id, browser.c.revoked_at.is_(None))
        forget = update(browser).where(these if everywhere else and_(these, here)).values(revoked_at=micros(now))

        def write(conn: Connection) -> None:
            conn.execute(forget)
            if everywhere:
                _put(conn, scope.id, now, not_before=micros(now + _TICK))  # a proof of this instant ends, too

        await self._transact(write)

    # --- the word of the embedding page ---------------------------------------------------------------------------

    async def by_page(self, token: str, chat: str) -> tuple[Customer, Account] | None:
        """Whom the embedding page vouches for by a signed token, in this chat; None for every token that does not count.

        The token is a JWT (RFC 7519) signed with HS256: ``aud`` is ``remit``; ``sub`` the customer's id in the books, with or
        without its source, or instead of it ``email``; ``exp`` at most an hour ahead; ``iat`` and ``nbf`` as usual. An
        address that several customers share names none of them.
        """
        now = self._clock()
        claims = _claims(token, self._page_secret)
        window = _window(claims, now, self._spans.page)
        if window is None:
            return None
        known = await self._named(claims)
        if known is None:
            return None
        scope = Customer(known.id, window[0], chat, window[1], "page")
        return (scope, known) if await self.holds(scope) else None

    async def _named(self, claims: dict[str, Any]) -> Account | None:
        """The one customer that a token names. An id that is not known is never made good by an address."""
        told, email = claims.get("sub"), claims.get("email")
        if isinstance(told, str) and len(told) <= _LONGEST_ID:
            ids = dict.fromkeys([told, *(f"{source}:{told}" for source in self._sources)])
            found = [known for each in ids if (known := await self._customers.account(each)) is not None]
        elif told is None and isinstance(email, str) and usable(email):
            found = list(await self._customers.at(email))
        else:
            found = []
        return found[0] if len(found) == 1 else None


def signed_in(conn: Connection, customers: Sequence[str], now: datetime) -> datetime:
    """Write down that these customers signed in; the instant from which their proof counts.

    That is ``now``, unless one of them signed out everywhere in this very instant, or before a clock was set back.
    """
    for customer in sorted(customers):
        _put(conn, customer, now, last_at=micros(now))
    return max([now, *(instant(_not_before(conn, customer)) for customer in customers)])


def end_proofs(conn: Connection, customer: str, now: datetime) -> None:
    """Let every proof of a customer up to now count no more: signed out everywhere. Of whom nothing is written down, nothing is."""
    known = account.c.customer == customer, account.c.not_before <= micros(now)
    conn.execute(update(account).where(*known).values(not_before=micros(now + _TICK)))


def _put(conn: Connection, customer: str, now: datetime, **values: int) -> None:
    build = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    first = {"first_at": micros(now), "last_at": micros(now), **values}
    row = build(account).values(customer=customer, **first)
    conn.execute(row.on_conflict_do_update(index_elements=["customer"], set_=values))


def _not_before(conn: Connection, customer: str) -> int:
    found = conn.execute(select(account.c.not_before).where(account.c.customer == customer)).scalar_one_or_none()
    return found or 0


def _holds(conn: Connection, scope: Customer, now: datetime) -> bool:
    if micros(scope.proved_at) < _not_before(conn, scope.id):
        return False
    if scope.proof != "browser":
        return True
    this = browser.c.customer == scope.id, browser.c.proved_at == micros(scope.proved_at), *_live(now)
    return conn.execute(select(browser.c.token_hash).where(*this).limit(1)).first() is not None


def _live(now: datetime) -> tuple[Any, ...]:
    return browser.c.revoked_at.is_(None), browser.c.expires_at > micros(now)


def _remember(conn: Connection, scope: Customer, unseen: str | None, until: datetime) -> None:
    """Write the browser down, or the new proof of one that was. ``unseen``: the hash of a token that nobody gets."""
    times = {"proved_at": micros(scope.proved_at), "expires_at": micros(until)}
    these = browser.c.chat == scope.channel, browser.c.customer == scope.id, browser.c.revoked_at.is_(None)
    if not conn.execute(update(browser).where(*these).values(times)).rowcount:
        conn.execute(insert(browser).values(token_hash=unseen, customer=scope.id, chat=scope.channel, **times))


def _hand_out(conn: Connection, scope: Customer, hashed: str | None, now: datetime) -> bool:
    these = browser.c.chat == scope.channel, browser.c.customer == scope.id, *_live(now)
    last = select(browser.c.token_hash).where(*these).order_by(browser.c.proved_at.desc()).limit(1)
    before = conn.execute(last).scalar_one_or_none()
    return conn.execute(update(browser).where(browser.c.token_hash == before).values(token_hash=hashed)).rowcount == 1


def _use(conn: Connection, hashed: str, chat: str, now: datetime) -> tuple[str, datetime, datetime] | None:
    """Customer, proof and end of the browser with this token, which is in this chat from now on."""
    row = conn.execute(select(browser).where(browser.c.token_hash == hashed, *_live(now))).one_or_none()
    if row is None or row.proved_at < _not_before(conn, row.customer):
        return None
    conn.execute(update(browser).where(browser.c.token_hash == hashed).values(chat=chat))
    return row.customer, instant(row.proved_at), instant(row.expires_at)


# --- what a page's token says -----------------------------------------------------------------------------------------

# Its times are judged by our own clock, not by the library's.
_CHECKS: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["aud", "exp"]}


def _examine(secret: bytes) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise Misconfigured(f"the secret of page tokens: write at least {SHORTEST_SECRET} random bytes")
    try:
        jwt.encode({}, secret, "HS256")
    except jwt.InvalidKeyError:
        raise Misconfigured("the secret of page tokens: write random bytes, not a public key") from None


def _claims(token: str, secret: bytes) -> dict[str, Any]:
    """What a token says that is signed with our secret, for us; nothing of any other."""
    if not secret or len(token) > _LONGEST_TOKEN:
        return {}
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], audience=AUDIENCE, options=_CHECKS)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}  # the last two are of half a surrogate pair, and of brackets without end


def _window(claims: dict[str, Any], now: datetime, longest: timedelta) -> tuple[datetime, datetime] | None:
    """From when to when a token counts; None for one that does not count now, or would for too long."""
    told = {name: _second(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
    ends = told.pop("exp", None)
    if ends is None or not now < ends <= now + longest + _SKEW:
        return None
    if any(begins is None or begins > now + _SKEW for begins in told.values()):
        return None
    return min(told.get("iat") or now, now), min(ends, now + longest)


def _second(told: object) -> datetime | None:
    """A NumericDate (RFC 7519, 2) as an instant; None for what is none, or in no calendar of ours."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= _LATEST:
        return None
    return instant(int(told) * 1_000_000)
