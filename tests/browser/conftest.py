"""A real browser against real processes: assistant, sandbox, Chromium. A console error or a CSP report fails a test.

One house and one browser serve the whole run; every test takes an invoice of its own and a browser context of its own.
"""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from bot.command_line import Server
from bot.internal import LinkOrder
from tests.tools import free_port, tool

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "artefacts"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
DUE = 12000
PAGE_SECRET = "signs-what-the-page-says-of-its-users"
_OWED = (8650, 12000, 6400)  # by each customer who may sign in, the oldest first

# Loss of the network is what some tests are about; the browser reports each request that fails of it.
_EXPECTED = ("net::ERR_INTERNET_DISCONNECTED", "net::ERR_CONNECTION_REFUSED", "net::ERR_NETWORK_CHANGED")
_REPORT_CSP = """
addEventListener('securitypolicyviolation', (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI}`));
"""


@dataclass(frozen=True)
class Owner:
    """A customer who can sign in, and owes three invoices: $86.50, $120.00 and $64.00."""

    id: str

    @property
    def email(self) -> str:
        return f"{self.id}@example.com"

    @property
    def name(self) -> str:
        return f"Rosa {self.id.title()}"

    @property
    def numbers(self) -> list[str]:
        first = 4000 + 10 * int(self.id.removeprefix("owner"))
        return [f"INV-{first + n}" for n in range(len(_OWED))]


@dataclass
class House:
    """The running business: addresses, and what a test may do to it from outside."""

    chat: str
    sandbox: str
    folder: Path
    http: httpx.AsyncClient
    numbers: list[str] = field(default_factory=lambda: [f"INV-{n}" for n in range(3000, 3060)])
    read: set[str] = field(default_factory=set)  # letters with codes that were used
    owners: list[Owner] = field(default_factory=lambda: [Owner(f"owner{n}") for n in range(30)])

    @property
    def shop(self) -> str:
        return f"{self.sandbox}/shop/"

    def number(self) -> str:
        """An invoice that no other test knows, $120.00."""
        return self.numbers.pop()

    def owner(self) -> Owner:
        """A customer whom no other test knows, with three invoices."""
        return self.owners.pop()

    async def code(self, email: str) -> str:
        """The code that was mailed to this address, once: the next call waits for the next one."""
        for _ in range(80):
            letters = (await self.http.get(f"{self.sandbox}/inbox/api/messages")).json()
            found = [
                (each["id"], re.search(r"\b([0-9]{6})\b", each["text"])) for each in letters if each["to"] == email
            ]
            for letter, code in found:
                if code and letter not in self.read:
                    self.read.add(letter)
                    return str(code[1])
            await asyncio.sleep(0.1)
        raise AssertionError(f"no code came to {email}")

    async def token(self, number: str) -> str:
        server = await Server.find(self.folder)
        assert server is not None
        (link,) = await server.links(LinkOrder(number))
        await server.close()
        return str(link["token"])

    async def advance(self, days: int) -> None:
        answer = await self.http.post(f"{self.sandbox}/control/clock", json={"advance_s": days * 86400})
        assert answer.status_code == 200, answer.text

    async def due(self, number: str) -> int:
        return int((await self.http.get(f"{self.sandbox}/control/invoices/{number}")).json()["due_minor"])


def _demo(numbers: list[str], owners: list[Owner]) -> str:
    business = '[business]\nname = "Green Lane Lawn Care"\nphone = "+1 415 555 0142"\nemail = "billing@example.com"\n'
    dana = '[[customers]]\nid = "dana"\nname = "Dana Whitfield"\nzip = "94107"\nemail = "dana.whitfield@example.com"\n'
    rows = (
        f'[[invoices]]\nid = "{n.lower()}"\nnumber = "{n}"\ncustomer = "dana"\ntotal_minor = {DUE}\ncurrency = "USD"\n'
        "issued_in_days = -16\ndue_in_days = 14\n"
        for n in numbers
    )
    return business + dana + "".join(rows) + "".join(map(_owing, owners))


def _owing(owner: Owner) -> str:
    told = f'[[customers]]\nid = "{owner.id}"\nname = "{owner.name}"\nzip = "94107"\nemail = "{owner.email}"\n'
    owed = zip(owner.numbers, _OWED, (-40, -16, -3), strict=True)
    rows = (
        f'[[invoices]]\nid = "{n.lower()}"\nnumber = "{n}"\ncustomer = "{owner.id}"\ntotal_minor = {minor}\n'
        f'currency = "USD"\nissued_in_days = {issued}\ndue_in_days = {issued + 30}\n'
        f'lines = [{{ text = "Mowing and edging", quantity = "2 visits", amount_minor = {minor} }}]\n'
        for n, minor, issued in owed
    )
    return told + "".join(rows)


def _environment(chat_port: int, sandbox: str, smtp_port: int, folder: Path) -> dict[str, str]:
    return os.environ | {
        "REMIT_SANDBOX_API_KEY": "browser-key",
        "REMIT_SANDBOX_WEBHOOK_SECRET": "browser-secret",
        "REMIT_BUSINESS__NAME": "Green Lane Lawn Care",
        "REMIT_BUSINESS__PHONE": "+1 415 555 0142",
        "REMIT_SERVER__PORT": str(chat_port),
        "REMIT_SERVER__DATA": str(folder),
        "REMIT_INVOICES__SOURCES": '["portal"]',
        "REMIT_INVOICES__PORTAL_URL": f"{sandbox}/portal",
        "REMIT_INVOICES__PORTAL_KEY": "browser-key",
        "REMIT_GATEWAY__URL": f"{sandbox}/processor",
        "REMIT_GATEWAY__KEY": "browser-key",
        "REMIT_GATEWAY__WEBHOOK_SECRET": "browser-secret",
        "REMIT_WIDGET__ORIGINS": json.dumps([sandbox]),
        "REMIT_MAIL__HOST": "127.0.0.1",
        "REMIT_MAIL__PORT": str(smtp_port),
        "REMIT_MAIL__FROM": "billing@example.com",
        "REMIT_MAIL__STARTTLS": "false",
        "REMIT_SIGN_IN__PAGE_SECRET": PAGE_SECRET,
    }


@contextlib.contextmanager
def _running(module: str, *arguments: str, env: dict[str, str], log: Path):
    with log.open("wb") as output:
        # a pipe on standard input: when the tests die, however, it reads its end and stops
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.child", module, *arguments],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
            assert process.stdin is not None
            process.stdin.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as made:
        yield made


@contextlib.asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """Assistant and sandbox, each in a process of its own, until the end of the block."""
    chat_port, sandbox_port, smtp_port = free_port(), free_port(), free_port()
    chat, sandbox = f"http://127.0.0.1:{chat_port}", f"http://127.0.0.1:{sandbox_port}"
    env = _environment(chat_port, sandbox, smtp_port, folder)
    demo = folder / "demo.toml"
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        made = House(chat, sandbox, folder, http)
        demo.write_text(_demo(made.numbers, made.owners), encoding="utf-8")
        arguments = [
            "--port",
            str(sandbox_port),
            "--smtp-port",
            str(smtp_port),
            "--demo",
            str(demo),
            "--assistant",
            chat,
        ]
        arguments += ["--webhook", f"{chat}/webhooks/payments/sandbox"]
        with (
            _running("services.sandbox", *arguments, env=env, log=folder / "sandbox.log"),
            _running("bot", "serve", env=env, log=folder / "assistant.log"),
        ):
            await _answering(http, f"{chat}/healthz", folder / "assistant.log")
            await _answering(http, f"{sandbox}/control/book", folder / "sandbox.log")
            yield made


async def _answering(http: httpx.AsyncClient, url: str, log: Path) -> None:
    for _ in range(300):
        with contextlib.suppress(httpx.TransportError):
            if (await http.get(url)).status_code == 200:
                return
        await asyncio.sleep(0.1)
    pytest.fail(f"{url} does not answer; its log is {log}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as started:
        yield started


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Chromium without a window, until the end of the block."""
    chromium = os.environ.get("REMIT_CHROMIUM") or tool("chromium", "chromium", "fonts-dejavu-core")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        await started.close()


class Visitor:
    """One person's browser: a context, its pages, and everything their consoles complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self.expected: list[str] = list(_EXPECTED)

    async def page(self, url: str, *, before: str = "") -> Page:
        """A new tab at this address; ``before`` is run before anything of the page is."""
        page = await self.context.new_page()
        if before:
            await page.add_init_script(before)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(url)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


Visit = Callable[..., "contextlib.AbstractAsyncContextManager[Visitor]"]


@pytest.fixture
def visit(browser: Browser) -> Visit:
    @contextlib.asynccontextmanager
    async def opened(*, viewport: dict[str, int] = DESKTOP, dark: bool = False, **options: object):
        scheme = "dark" if dark else "light"
        context = await browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        context.set_default_timeout(8000)
        await context.add_init_script(_REPORT_CSP)
        visitor = Visitor(context)
        try:
            yield visitor
        finally:
            await context.close()
        assert visitor.complaints == []

    return opened


async def shoot(page: Page, name: str) -> None:
    """A screenshot to look at, in the git-ignored folder of artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"{name}.png")
