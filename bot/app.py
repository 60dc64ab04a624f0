"""The composition root: every object is built once, here, by hand, from the settings.

To add a gateway or a source of invoices: its file, and its line below; so too a channel that is called. Every channel has its
route in `web.py`, a language its name in the settings.
"""

import asyncio
import contextlib
import fcntl
import gc
import hmac
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import httpx
import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import ArgumentError, OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import asked_links, documents
from bot.api import api_router, conversation_routes
from bot.autopay_letters import AutopayLetters
from bot.background import kept_going
from bot.channels.chatwoot import Chatwoot
from bot.channels.rasa_callback import RasaCallback
from bot.channels.whatsapp import WhatsApp
from bot.chatwoot_intake import ChatwootIntake
from bot.delivery import Deliverer, Outlet
from bot.demo_clock import DemoClock
from bot.desk import routes as desk_pages
from bot.desk.actions import Desk
from bot.desk.away import KIND as AWAY
from bot.desk.away import Away
from bot.desk.copying import Copying
from bot.desk.systems import Systems
from bot.effects import Hands
from bot.help_articles import help_centers
from bot.internal import internal_routes, read_address, write_address
from bot.letterbox import Composer, LetterBox
from bot.letters import Letters
from bot.limits import Knock, Limit
from bot.names import Names
from bot.openapi import describe
from bot.pages import bill, receipt, static
from bot.pages import help as help_pages
from bot.pages.receipt_paper import Printed, receipt_pdf
from bot.postman import Postman
from bot.proposals_api import proposals_router
from bot.push import Bell
from bot.receipt_letters import ReceiptLetters
from bot.reminders import Reminders
from bot.render import Renderer
from bot.runtime import AtTheDesk, Runtime
from bot.settings import CONFIG, Settings
from bot.stores.base import Store
from bot.stores.redis import RedisStore, examine
from bot.stores.sqlite import SqliteStore
from bot.understanding import model
from bot.unsubscribe import routes as stop_routes
from bot.web import Endpoint, hot_routes, public_routes, refusal
from bot.wording import Wording
from bot.worker import Worker
from dialogs.conversation import Held
from dialogs.model import HopLink
from services import deliveries
from services import reminders as reminding
from services.database import Transact, open_engine, threaded, upgrade
from services.desk import handoffs, transcripts
from services.errors import Misconfigured, RemitError, Unavailable
from services.hops import Hops
from services.http import Remote, open_http
from services.identity import Identity
from services.invoices.access import Access
from services.invoices.base import Books
from services.invoices.book import Book
from services.invoices.portal import Portal
from services.invoices.several import Several
from services.letterbox import release_all as release_letters
from services.mail import Mail, Smtp
from services.mail_refusals import Sparing
from services.payments import ledger, receipt_links
from services.payments.autopay import planning
from services.payments.autopay.orders import StandingOrders
from services.payments.checkout import Checkout
from services.payments.gateways.base import Till
from services.payments.gateways.sandbox import SandboxGateway
from services.payments.receipt_requests import ReceiptRequests
from services.payments.wallet import Wallet
from services.payments.wishes import Wishes
from services.sign_in import SignIn
from services.visitors import Spans, Visitors

if TYPE_CHECKING:
    from bot.channels.telegram import Telegram
    from bot.telegram_intake import TelegramIntake

log = logging.getLogger(__name__)

Lifespan = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Remit:
    """The assistant, put together."""

    settings: Settings
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    transact: Transact
    store: Store
    books: Books
    gateway: Till
    checkout: Checkout
    access: Access
    identity: Identity
    sign_in: SignIn
    visitors: Visitors
    wallet: Wallet
    orders: StandingOrders
    postman: Postman
    runtime: Runtime
    worker: Worker
    letterbox: LetterBox
    reminders: Reminders
    mail: Mail | None  # None: no mail server is configured, so none is sent
    bell: Bell
    desk: Desk
    systems: Systems
    copying: Copying
    deliverer: Deliverer
    telegram: "TelegramIntake | None"  # None: no bot is configured
    chatwoot: ChatwootIntake | None  # None: the assistant is in no Chatwoot
    secret: bytes
    begin_limit: Limit
    say_limit: Limit
    household_limit: Limit
    receipt_limit: Limit
    key_limit: Limit

    @property
    def invoices(self) -> Books:
        """The books, where only invoices are asked for."""
        return self.books

    def today(self) -> date:
        """Today in the business's time zone."""
        return self.clock().astimezone(self.settings.zone).date()


def build(
    settings: Settings,
    *,
    transact: Transact,
    store: Store,
    http: httpx.AsyncClient,
    clock: Callable[[], datetime],
    random: Callable[[int], bytes],
    secret: bytes,
    monotonic: Callable[[], float] = time.monotonic,
    knock: Knock | None = None,
    mail: Mail | None = None,
    mail_after: float = 1.0,
    telegram_http: httpx.AsyncClient | None = None,
    paper: Callable[[Printed], bytes] = receipt_pdf,
) -> Remit:
    """Everything that has no file or socket of its own, over the seams given. Raises `Misconfigured`.

    ``secret`` signs the tokens of conversations; ``knock`` counts requests for all workers, where there are several;
    ``mail`` takes letters, by default to the server that the settings name, ``mail_after`` seconds or a little more;
    ``telegram_http`` calls Telegram, by default ``http`` does; ``paper`` prints the receipts in letters.
    """
    books = Several({name: _source(name, settings, transact, http, clock) for name in settings.invoices.sources})
    gateway = _gateway(settings, http)
    house = msgspec.structs.replace(settings.house(), mind=model(), help=help_centers(settings.help.folder))
    straight = mail or _mail(settings, clock, random)
    letters = Letters(settings)
    postman = Postman(straight, letters, random, mail_after)
    mail = None if straight is None else Sparing(straight, transact, secret, clock, random)  # all but codes
    visitors = _visitors(settings, transact, books, clock, random)
    sign_in = SignIn(
        transact=transact,
        customers=books,
        invoices=books,
        visitors=visitors,
        deliver=lambda code: postman.deliver(code, sign_in.addressed),
        clock=clock,
        random=random,
        secret=secret,
    )
    wallet = Wallet(transact, gateway, clock)
    access = Access(books=books, transact=transact, wallet=wallet, holds=visitors.holds)
    checkout = Checkout(
        transact=transact,
        invoices=books,
        gateway=gateway,
        wallet=wallet,
        rules=house.rules,
        clock=clock,
        random=random,
        holds=visitors.holds,
        return_url=lambda chat: (
            f"{settings.base_url}/back/{chat}" if chat.startswith("web:") else f"{settings.base_url}/back"
        ),
    )
    orders = StandingOrders(
        transact=transact,
        invoices=books,
        checkout=checkout,
        wallet=wallet,
        access=access,
        rules=house.autopay,
        methods_for=house.rules.methods_for,
        clock=clock,
        zone=settings.zone,
    )
    identity = Identity(
        transact=transact,
        invoices=books,
        clock=clock,
        random=random,
        secret=secret,
        prefix=settings.invoices.number_prefix,
    )
    hands = Hands(
        transact=transact,
        access=access,
        checkout=checkout,
        identity=identity,
        sign_in=sign_in,
        visitors=visitors,
        customers=books,
        wallet=wallet,
        wishes=Wishes(transact, access, clock),
        orders=orders,
        receipts=ReceiptRequests(transact, access, clock),
        postman=postman,
        now=lambda: clock().astimezone(settings.zone),
    )
    wordings = {
        name: Wording.load(CONFIG / "wording" / f"{name}.toml", settings.zone) for name in settings.chat.locales
    }
    bell = Bell()
    hops = Hops(transact=transact, clock=clock, random=random)

    async def remembered(chat: str) -> AtTheDesk:
        def look(conn: Connection) -> tuple[handoffs.Handoff | None, int]:
            return handoffs.holder(conn, chat), max(transcripts.last(conn, chat), deliveries.last(conn, chat))

        found, line = await transact(look)
        person = None if found is None else Held(found.id, found.agent_name)
        held = found is not None and found.state is handoffs.State.HELD
        return AtTheDesk(person if held else None, None if held else person, line)

    async def meet(chat: str, invoice: str) -> None:
        try:
            if await transact(lambda conn: handoffs.meet(conn, chat, invoice, clock())):
                bell.ring(chat)  # so that its log is copied
        except RemitError as error:  # the customer has their answer; the desk misses a hint
            log.warning("whether a person talks about this invoice elsewhere is not known: %s", type(error).__name__)

    async def hop_link(link: HopLink) -> str:
        token = await hops.issue(link.chat, link.keys, link.channel)
        return settings.telegram_link(token) if link.channel == "telegram" else f"{settings.base_url}/chat?i={token}"

    async def receipt_token(reference: str) -> str:
        return await transact(lambda conn: receipt_links.share(conn, reference, secret, clock()))

    renderer = Renderer(
        wordings,
        checkout.share,
        lambda invoice: documents.token_of(invoice, clock(), secret),
        receipt_token,
        hop_link,
        settings.base_url,
    )
    runtime = Runtime(
        store=store,
        bell=bell,
        hands=hands,
        identity=identity,
        visitors=visitors,
        names=Names(secret),
        hops=hops,
        latest=checkout.latest,
        signed_in=sign_in.was_used_in,
        remembered=remembered,
        meet=meet,
        renderer=renderer,
        house=house,
        clock=clock,
        timezone=settings.zone,
        random=random,
        patience=settings.chat.patience_seconds,
    )
    minutes = settings.desk.letter_minutes
    away = Away(
        transact=transact,
        books=books,
        store=store,
        bell=bell,
        letters=letters,
        clock=clock,
        page=f"{settings.base_url}/chat",
        after=timedelta(minutes=minutes) if minutes and mail is not None else None,
    )
    desk = Desk(
        runtime=runtime,
        transact=transact,
        books=books,
        bell=bell,
        rules=house.rules,
        clock=clock,
        away=away,
        agent_limit_minor=settings.desk.agent_limit_minor,
    )
    telegram = _telegram(settings, telegram_http or http, renderer)
    outlets = _outlets(settings, http, telegram, renderer, store, transact, clock)
    kept = timedelta(days=settings.privacy.conversations_days)
    reminders = Reminders(
        settings=settings,
        letters=letters,
        transact=transact,
        books=books,
        identity=identity,
        clock=clock,
        secret=secret,
        covered=planning.covered,
    )
    of_autopay = AutopayLetters(
        transact=transact,
        books=books,
        letters=letters,
        words=renderer.words,
        issue=identity.issue,
        clock=clock,
        base_url=settings.base_url,
        link_days=settings.links.days,
    )
    receipts = ReceiptLetters(
        settings=settings,
        letters=letters,
        transact=transact,
        customers=books,
        language_of=lambda chat: _language_of(store, chat),
        secret=secret,
        clock=clock,
        paper=paper,
    )
    composers: dict[str, Composer] = {  # by the kind of letter
        reminding.KIND: reminders.compose,
        AWAY: away.compose,
        **of_autopay.composers(),
        **receipts.composers(),
    }
    letterbox = LetterBox(transact=transact, mail=mail, composers=composers, clock=clock, secret=secret)
    worker = Worker(checkout, store, runtime, desk, letterbox, orders, reminders, clock, kept, settings.spans)
    return Remit(
        settings=settings,
        clock=clock,
        random=random,
        transact=transact,
        store=store,
        books=books,
        gateway=gateway,
        checkout=checkout,
        access=access,
        identity=identity,
        sign_in=sign_in,
        visitors=visitors,
        wallet=wallet,
        orders=orders,
        postman=postman,
        runtime=runtime,
        worker=worker,
        letterbox=letterbox,
        reminders=reminders,
        mail=mail,
        bell=bell,
        desk=desk,
        systems=Systems(
            desk=desk,
            transact=transact,
            store=store,
            books=books,
            rules=house.rules,
            clock=clock,
            limit_minor=settings.desk.key_limit_minor,
        ),
        copying=Copying(store, transact, bell, clock),
        deliverer=Deliverer(store, transact, bell, outlets, clock),
        telegram=None
        if telegram is None
        else _intake(
            telegram, runtime, bell, store, transact, clock, secret, timedelta(days=settings.privacy.telegram_days)
        ),
        chatwoot=_chatwoot_intake(settings, runtime, store, transact, clock) if settings.chatwoot.url else None,
        secret=secret,
        begin_limit=Limit("begin", 300, 10.0, monotonic, knock),  # conversations of one address
        say_limit=Limit("say", 60, 5.0, monotonic, knock),  # messages of one conversation
        household_limit=Limit("household", 600, 20.0, monotonic, knock),  # of one address: a whole office may share it
        receipt_limit=Limit("receipt", 60, 1.0, monotonic, knock),  # receipts to one address; a PDF is work
        key_limit=Limit("key", 60, 2.0, monotonic, knock),  # requests of one outside system
    )


async def _language_of(store: Store, chat: str) -> str:
    """The language that a chat goes on in, or "" for one that is gone."""
    talk = (await store.load(chat, "")).talk
    return "" if talk is None else talk.locale


def _gateway_set(settings: Settings) -> tuple[str, str]:
    """Its key and the secret that signs its webhooks."""
    key, signing = settings.gateway.key.get_secret_value(), settings.gateway.webhook_secret.get_secret_value()
    if not (settings.gateway.url and key and signing):
        raise Misconfigured("set [gateway] url, key and webhook_secret; `make demo` runs a sandbox that has them")
    return key, signing


def _visitors(
    settings: Settings,
    transact: Transact,
    books: Books,
    clock: Callable[[], datetime],
    random: Callable[[int], bytes],
) -> Visitors:
    chosen = settings.sign_in
    return Visitors(
        transact=transact,
        customers=books,
        clock=clock,
        random=random,
        spans=Spans(timedelta(hours=chosen.hours), timedelta(days=chosen.browser_days)),
        page_secret=chosen.page_secret.get_secret_value().encode(),
        sources=settings.invoices.sources,
    )


def _gateway(settings: Settings, http: httpx.AsyncClient) -> Till:
    key, signing = _gateway_set(settings)
    return SandboxGateway(http, settings.gateway.url, key, signing, pause=asyncio.sleep)


def _mail(settings: Settings, clock: Callable[[], datetime], random: Callable[[int], bytes]) -> Mail | None:
    chosen = settings.mail
    if not chosen.host:
        return None
    return Smtp(
        host=chosen.host,
        port=chosen.port,
        sender=chosen.sender,
        name=settings.business.name,
        username=chosen.username,
        password=chosen.password.get_secret_value(),
        starttls=chosen.starttls,
        clock=clock,
        random=random,
    )


def _telegram(settings: Settings, http: httpx.AsyncClient, renderer: Renderer) -> "Telegram | None":
    chosen = settings.telegram
    token = chosen.token.get_secret_value()
    if not token:
        return None
    if chosen.mode == "webhook" and not settings.base_url.startswith("https://"):
        raise Misconfigured(
            '[telegram] mode "webhook" needs a [server] base_url that begins with https://, which Telegram can reach; '
            'write mode = "polling" without one'
        )
    from bot.channels.telegram import Telegram  # noqa: PLC0415  # aiogram takes two seconds: for those who have a bot

    try:
        return Telegram(http, token, chosen.api, renderer.sentence)
    except ValueError:  # its own text repeats the token
        raise Misconfigured("[telegram] token is none; @BotFather gives one like 123456:ABC...") from None


def _outlets(  # noqa: PLR0917  # as they stand in `build`
    settings: Settings,
    http: httpx.AsyncClient,
    telegram: "Telegram | None",
    renderer: Renderer,
    store: Store,
    transact: Transact,
    clock: Callable[[], datetime],
) -> list[Outlet]:
    """The front ends that are called."""
    outlets: list[Outlet] = [] if telegram is None else [telegram]
    if url := settings.rasa.callback_url:
        token = settings.rasa.callback_token.get_secret_value()
        remote = Remote("the callback", http, url, token)  # it is the deliverer who tries again
        outlets.append(RasaCallback(remote, clock))
    if key := settings.whatsapp.token.get_secret_value():
        number = Remote(
            "WhatsApp", http, f"{settings.whatsapp.api.rstrip('/')}/{settings.whatsapp.phone_number_id}", key
        )
        outlets.append(WhatsApp(number, store, clock, renderer.sentence, settings.whatsapp.template))
    if settings.chatwoot.url:
        outlets.append(_chatwoot(settings, http, transact, clock))
    return outlets


def _intake(  # noqa: PLR0917  # as they stand in `build`
    telegram: "Telegram",
    runtime: Runtime,
    bell: Bell,
    store: Store,
    transact: Transact,
    clock: Callable[[], datetime],
    secret: bytes,
    kept: timedelta,
) -> "TelegramIntake":
    from bot.telegram_intake import TelegramIntake  # noqa: PLC0415  # as above

    mine = _webhook_secret(secret)
    return TelegramIntake(telegram, runtime, store, transact, clock, bell=bell, secret=mine, kept=kept)


def _chatwoot(
    settings: Settings, http: httpx.AsyncClient, transact: Transact, clock: Callable[[], datetime]
) -> Chatwoot:
    chosen = settings.chatwoot
    url = f"{chosen.url.rstrip('/')}/api/v1/accounts/{chosen.account}"
    remote = Remote("Chatwoot", http, url, chosen.token.get_secret_value(), header="api_access_token")
    return Chatwoot(remote, transact, clock)


def _chatwoot_intake(
    settings: Settings, runtime: Runtime, store: Store, transact: Transact, clock: Callable[[], datetime]
) -> ChatwootIntake:
    chosen = settings.chatwoot
    secret = chosen.secret.get_secret_value()
    return ChatwootIntake(runtime, store, transact, clock, account=chosen.account, secret=secret)


def _webhook_secret(secret: bytes) -> str:
    """What Telegram proves itself with: made from the installation's secret, so that nobody has to think of one."""
    return hmac.digest(secret, b"telegram webhook", "sha256").hex()


def _source(
    name: str, settings: Settings, transact: Transact, http: httpx.AsyncClient, clock: Callable[[], datetime]
) -> Books:
    match name:
        case "book":
            return Book(transact, business=settings.business.name, clock=clock)
        case "portal":
            key = settings.invoices.portal_key.get_secret_value()
            return Portal(http, settings.invoices.portal_url, key, pause=asyncio.sleep)
        case _:
            raise Misconfigured(f"[invoices] sources: {name!r} is not one of book, portal")


def asgi(remit: Remit, internal_token: str, lifespan: Lifespan | None = None) -> ASGIApp:
    """The web application over a built assistant."""
    app = FastAPI(title="Remit", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(api_router(remit))
    app.include_router(proposals_router(remit))
    app.router.routes += [
        *public_routes(remit),
        *conversation_routes(remit),
        *static.routes(remit),
        *([remit.telegram.route()] if remit.telegram else []),
        *([remit.chatwoot.route()] if remit.chatwoot else []),
        *bill.routes(remit, remit.mail),
        *receipt.routes(remit),
        *documents.routes(remit),
        *asked_links.routes(remit),
        *stop_routes(remit),
        *help_pages.routes(remit, remit.settings.help.folder),
        *desk_pages.routes(remit),
        *internal_routes(remit, internal_token),
    ]
    describe(app)
    origins = list(remit.settings.widget.origins)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=_ALLOWED,
            expose_headers=["Retry-After"],
        )
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
    app.add_exception_handler(RequestValidationError, _invalid)
    return _Front(app, hot_routes(remit))


_ALLOWED = ["Authorization", "Content-Type", "Last-Event-ID"]


class _Front:
    """Takes the hot routes before the framework's layers do: at a message a turn, those cost a third of it."""

    def __init__(self, app: ASGIApp, hot: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = self._hot.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if work is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await work(request)
        except HTTPException as error:
            response = await _http_error(request, error)
        except Exception as error:  # a bug: told in the one shape of errors, and raised for whoever keeps the log
            await (await _bug(request, error))(scope, receive, send)
            raise
        await response(scope, receive, send)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return refusal(error.status_code, codes.get(error.status_code, "error"), str(error.detail))


async def _bug(_request: Request, _error: Exception) -> Response:
    return refusal(500, "internal", "Something broke on our side. Please send it again in a moment.")


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # where and what, never the input: it may hold anything
    faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return refusal(422, "invalid", faults)


@contextlib.contextmanager
def prepared(settings: Settings) -> Iterator[None]:
    """What is done once, before the first worker: the folder is ours, the ledger has every table, the token is written down.

    Raises `Misconfigured` for what cannot work, before any file is made where that is possible, and `Unavailable` for a
    Redis or a database that does not answer.
    """
    _gateway_set(settings)
    if redis := settings.redis_url.get_secret_value():
        examine(redis)
    folder = settings.server.data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock_folder(folder):
        _upgrade(_ledger_url(settings))
        _secret(settings)
        write_address(folder, f"http://{settings.server.host}:{settings.server.port}", secrets.token_urlsafe(32))
        yield


def production(settings: Settings) -> ASGIApp:
    """The assistant as one worker of `remit serve` runs it, `prepared` before: on files or servers, the network, the real
    clock and real chance.
    """
    folder = settings.server.data
    address = read_address(folder)
    if address is None:
        raise Misconfigured(f"{folder} holds no address: start it with `remit serve`")
    http = open_http()
    transact = threaded(open_engine(_ledger_url(settings)))
    store = _conversations(settings)
    shared = store if isinstance(store, RedisStore) else None
    remit = build(
        settings,
        secret=_secret(settings),
        transact=transact,
        store=store,
        http=http,
        clock=DemoClock(Path(clock_file)) if (clock_file := settings.server.clock_file) else _now,
        random=os.urandom,
        knock=shared.knock if shared else None,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up built lives as long as the process: no collection needs to walk it in a turn
        going = [asyncio.create_task(kept_going(*each)) for each in _beside(remit, shared)]
        yield
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await remit.deliverer.drain()
        if remit.telegram:
            await remit.telegram.drain()
        if remit.chatwoot:
            await remit.chatwoot.drain()
        await remit.runtime.drain()
        await remit.postman.drain()
        await http.aclose()
        if isinstance(store, RedisStore):
            await store.aclose()
        else:
            store.close()
        transact.close()

    return asgi(remit, address.token, lifespan)


def _beside(remit: Remit, shared: RedisStore | None) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """What goes on beside the requests, each by its name in the log."""
    yield "the worker", remit.worker.run
    yield "the deliverer", remit.deliverer.run
    yield "the transcripts", remit.copying.run
    if shared:
        yield "the bell", partial(shared.watch, remit.bell.ring, remit.bell.ring_all)
    if remit.telegram:
        yield "Telegram", partial(remit.telegram.run, remit.settings)


def _now() -> datetime:
    return datetime.now(UTC)


def _conversations(settings: Settings) -> SqliteStore | RedisStore:
    if redis := settings.redis_url.get_secret_value():
        kept = timedelta(days=settings.privacy.conversations_days)
        return RedisStore(redis, random=os.urandom, pause=asyncio.sleep, kept=kept)
    store = SqliteStore(str(settings.server.data / "conversations.db"))
    store.release_leases()
    return store


def _ledger_url(settings: Settings) -> str:
    return settings.database_url or f"sqlite:///{settings.server.data / 'ledger.db'}"


def _upgrade(url: str) -> None:
    try:
        engine = open_engine(url)
        try:
            upgrade(engine)
            if engine.dialect.name == "sqlite":
                with engine.begin() as connection:
                    ledger.release_all(connection)  # one process opens the file, and it is us
                    release_letters(connection)
        finally:
            engine.dispose()
    except (ArgumentError, ImportError):  # their own texts repeat the address, which may hold a password
        raise Misconfigured("REMIT_DATABASE_URL is no address of a database; write postgresql+psycopg://...") from None
    except OperationalError as error:
        raise Unavailable(
            f"the ledger's database does not answer ({type(error.orig).__name__}); is REMIT_DATABASE_URL right?"
        ) from None


def _secret(settings: Settings) -> bytes:
    return settings.secret.get_secret_value().encode() or own_secret(settings.server.data)


def own_secret(folder: Path) -> bytes:
    """The secret of this installation, made at its first start and readable by its owner alone.

    Raises `Misconfigured` when the file has lost what was in it: with an empty secret anybody could sign.
    """
    file = folder / "secret"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as written:
            written.write(secrets.token_urlsafe(32))
    found = file.read_bytes()
    if len(found) < 32:
        raise Misconfigured(f"{file} is cut short: delete it, and a new one is made (chats on web pages begin anew)")
    return found


def lock_folder(folder: Path) -> IO[str]:
    """Make sure that one process opens this folder's databases. Raises `Misconfigured` when another has."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Misconfigured(
            f"another process is using {folder}; stop it first, or set another [server] data"
        ) from error
    return lock
