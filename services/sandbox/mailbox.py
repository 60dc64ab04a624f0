"""The mailbox: an SMTP sink and a page to read it. Nothing is ever sent on, and nothing survives the process.

``GET /inbox/api/messages`` answers with all messages, oldest first. What a message says is text to this page: its
HTML is shown only inside a sandboxed frame that runs and loads nothing.
"""

import asyncio
import html
import re
from collections import deque
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.answers import answer
from services.sandbox.clock import Clock, Random
from services.sandbox.look import Look

CAPACITY = 1000  # messages; the oldest make room
MAX_MESSAGE = 1024 * 1024  # bytes

_URL = re.compile(r"https?://[^\s<>\"']+")


class Message(msgspec.Struct, frozen=True):
    """A message as it arrived. ``links`` are the web addresses in it, each once, in their order."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    links: list[str]
    at: datetime


class Mailbox:
    """What arrived, in memory. Also the handler that aiosmtpd calls."""

    def __init__(self, *, now: Clock, random: Random) -> None:
        self._now = now
        self._random = random
        self.messages: deque[Message] = deque(maxlen=CAPACITY)

    def take(self, recipients: list[str], raw: bytes) -> Message:
        """Keep a message (RFC 5322 bytes) for its envelope's recipients."""
        parsed = message_from_bytes(raw, policy=policy.default)
        text, page = _part(parsed, "plain"), _part(parsed, "html")
        message = Message(
            id=f"msg_{self._random(8).hex()}",
            to=", ".join(recipients),
            subject=str(parsed.get("Subject", "")),
            text=text,
            html=page,
            links=_links(text, html.unescape(page)),
            at=self._now(),
        )
        self.messages.append(message)
        return message

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Called by aiosmtpd with a whole message; answers with the SMTP reply."""
        content = envelope.content or b""
        self.take(list(envelope.rcpt_tos), content if isinstance(content, bytes) else content.encode())
        return "250 OK"

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Serve SMTP here (port 0: any free one) in the running loop. The caller closes the server."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: SMTP(self, hostname="sandbox", enable_SMTPUTF8=True, data_size_limit=MAX_MESSAGE, loop=loop),
            host,
            port,
        )


class MailboxPages:
    """Routes over one mailbox."""

    def __init__(self, mailbox: Mailbox, look: Look) -> None:
        self._mailbox = mailbox
        self._look = look

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/", self.list, methods=["GET"]),
            Route("/api/messages", self.messages, methods=["GET"]),
            Route("/messages/{message}", self.show, methods=["GET"]),
        ]

    async def messages(self, _request: Request) -> Response:
        """``[{id, to, subject, text, html, links, at}]``."""
        return answer(list(self._mailbox.messages))

    async def list(self, _request: Request) -> Response:
        """The page with all messages, newest first."""
        return self._look.page("inbox.html", messages=list(reversed(self._mailbox.messages)))

    async def show(self, request: Request) -> Response:
        """The page of one message."""
        wanted = request.path_params["message"]
        message = next((each for each in self._mailbox.messages if each.id == wanted), None)
        if message is None:
            return self._look.page("gone.html", status=404, title="No such message", why="It is not in this mailbox.")
        return self._look.page("message.html", message=message)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except LookupError:  # an encoding nobody knows: shown as far as it is ASCII
        raw = body.get_payload(decode=True)
        return raw.decode("ascii", "replace") if isinstance(raw, bytes) else ""


def _links(*texts: str) -> list[str]:
    found = [url.rstrip(".,;:!?)") for text in texts for url in _URL.findall(text)]
    return list(dict.fromkeys(found))
