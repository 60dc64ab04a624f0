"""The bill pages over a whole business, with letters that end in the sandbox's mailbox, without a port."""

from email import policy
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from world import HANDOFF, World

from bot.pages import bill
from services.errors import Unavailable
from services.mail import Smtp


class Post:
    """The letters Remit writes, as they would leave it, put into the mailbox without a socket."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refuses: Exception | None = None
        self.smtp = Smtp(
            host="mail.example",
            port=25,
            sender="billing@example.com",
            name="Green Lane Lawn Care",
            clock=world.clock,
            random=world.chance.randbytes,
        )

    async def send(self, letter):
        if self.refuses:
            raise self.refuses
        self.world.sandbox.mailbox.take([letter.to], self.smtp._message(letter).as_bytes(policy=policy.SMTP))

    @property
    def letters(self):
        return list(self.world.sandbox.mailbox.messages)

    def break_down(self):
        self.refuses = Unavailable("the mail server cannot be reached: ConnectError")


@pytest.fixture
def post(world):
    return Post(world)


@pytest.fixture
async def site(world, post):
    """The pages, and the browser of somebody at ``client``."""
    app = Starlette(routes=bill.routes(world.remit, post))

    def browser(client="203.0.113.7"):
        transport = httpx.ASGITransport(app, client=(client, 4242))
        return httpx.AsyncClient(transport=transport, base_url=HANDOFF, trust_env=False)

    async with browser() as http:
        yield SimpleNamespace(world=world, post=post, get=http.get, submit=http.post, browser=browser)


@pytest.fixture
def links():
    return lambda letter: [link for link in letter.links if "/i/" in link]
