"""Builds the sandbox: every object once, by hand. The one place that knows all three apps."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from services.errors import Misconfigured
from services.sandbox.clock import Clock, Faults, Random, SandboxClock
from services.sandbox.control import Control
from services.sandbox.hosted import HostedPages
from services.sandbox.look import PAGES, Look
from services.sandbox.mailbox import Mailbox, MailboxPages
from services.sandbox.portal import Demo, PortalApi, PortalBooks
from services.sandbox.processor import Processor
from services.sandbox.processor_api import ProcessorApi
from services.sandbox.shop import ShopPages
from services.sandbox.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The three apps and what drives them. ``app`` is ASGI."""

    app: Starlette
    clock: SandboxClock
    faults: Faults
    processor: Processor
    portal: PortalBooks
    mailbox: Mailbox
    webhooks: Webhooks

    async def pump(self) -> int:
        """Let happen what is due now and send the webhooks that are due; answers how many were taken."""
        self.processor.settle()
        return await self.webhooks.deliver()

    async def advance(self, seconds: int) -> int:
        """Jump ahead and pump; answers how many webhooks were taken."""
        self.clock.advance(seconds)
        return await self.pump()


def load_demo(path: Path) -> Demo:
    """The demo data in a TOML file. Raises `Misconfigured` saying what is wrong with it."""
    try:
        demo = msgspec.toml.decode(path.read_bytes(), type=Demo)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"no demo data can be read from {path.name}: {error}") from error
    strangers = {each.customer for each in demo.invoices} - {customer.id for customer in demo.customers}
    if strangers:
        raise Misconfigured(f"{path.name} has invoices of customers it does not list: {', '.join(sorted(strangers))}")
    return demo


def build_sandbox(
    *,
    clock: Clock,
    random: Random,
    send: httpx.AsyncClient,
    webhook_url: str,
    webhook_secret: str,
    api_key: str,
    demo: Demo,
    url: str = "http://sandbox",
    assistant: str = "",
    share: Callable[[timedelta], None] | None = None,
) -> Sandbox:
    """A sandbox that nobody has touched yet.

    ``clock`` gives aware UTC instants, ``random`` works like `os.urandom`, ``send`` carries webhooks to
    ``webhook_url`` (empty: none are sent), ``url`` is the root under which its pages are reached from outside, ``assistant``
    the base URL of the chat on the demo merchant's page (empty: a page without it), ``share`` is told how far the clock is ahead, for an
    assistant that shares its time.
    """
    now = SandboxClock(clock, share=share)
    faults = Faults()
    webhooks = Webhooks(url=webhook_url, secret=webhook_secret, send=send, clock=now, faults=faults)
    processor = Processor(now=now.now, random=random, publish=webhooks.queue)
    portal = PortalBooks(demo, clock().date())
    mailbox = Mailbox(now=now.now, random=random)
    app = Starlette()
    sandbox = Sandbox(app, now, faults, processor, portal, mailbox, webhooks)
    payments = ProcessorApi(processor, api_key=api_key, url=f"{url.rstrip('/')}/processor", faults=faults)
    hosted = HostedPages(processor, business=demo.business, look=Look("/processor"), faults=faults, now=now.now)
    control = Control(clock=now, faults=faults, processor=processor, portal=portal, pump=sandbox.pump)
    looks = Mount("/look", StaticFiles(directory=PAGES / "look"))
    app.router.routes += [
        Mount("/processor", routes=[*payments.routes(), *hosted.routes(), looks]),
        Mount("/portal", routes=PortalApi(portal, api_key=api_key, faults=faults).routes()),
        Mount("/inbox", routes=[*MailboxPages(mailbox, Look("/inbox")).routes(), looks]),
        Mount("/shop", routes=[*ShopPages(demo.business, Look("/shop"), assistant).routes(), looks]),
        Mount("/control", routes=control.routes()),
    ]
    return sandbox
