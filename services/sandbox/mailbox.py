"""The mailbox: an SMTP sink and a page to read it. Nothing is ever sent on, and nothing survives the process.

``GET /inbox/api/messages`` answers with all messages, oldest first. What a message says is text to these pages: its
HTML has an address of its own, shown inside a sandboxed frame that runs and loads nothing. A link in it that somebody
clicks opens in the whole window, as in any mail program.
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
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.sandbox.answers import answer
from services.sandbox.clock import Clock, Random
from services.sandbox.look import HEADERS, Look

CAPACITY = 1000  # messages; the oldest make room
MAX_MESSAGE = 1024 * 1024  # bytes

_SNIPPET = 140  # characters of a message in the list

# A mail's own styles count, since mail has no sheets; its frame runs nothing, loads nothing and sends no form.
_BODY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
)
_BODY_HEADERS = HEADERS | {"Content-Security-Policy": _BODY_POLICY, "X-Frame-Options": "SAMEORIGIN"}

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
    sender: str = ""

    @property
    def snippet(self) -> str:
        """How the message begins, on one line."""
        line = " ".join((self.text or re.sub(r"<[^>]*>", " ", self.html)).split())
        return line if len(line) <= _SNIPPET else line[: _SNIPPET - 1] + "…"


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
            sender=_sender(parsed),
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
            Route("/messages/{message}/body", self.body, methods=["GET"]),
        ]

    async def messages(self, _request: Request) -> Response:
        """``[{id, to, subject, text, html, links, at, sender}]``."""
        return answer(list(self._mailbox.messages))

    async def list(self, _request: Request) -> Response:
        """The page with all messages, newest first."""
        return self._look.page("inbox.html", messages=list(reversed(self._mailbox.messages)))

    async def show(self, request: Request) -> Response:
        """The page of one message."""
        message = self._found(request)
        return self._missing() if message is None else self._look.page("message.html", message=message)

    async def body(self, request: Request) -> Response:
        """The message's own HTML, for the frame of its page."""
        message = self._found(request)
        if message is None:
            return self._missing()
        return HTMLResponse('<base target="_top">' + message.html, headers=_BODY_HEADERS)

    def _found(self, request: Request) -> Message | None:
        wanted = request.path_params["message"]
        return next((each for each in self._mailbox.messages if each.id == wanted), None)

    def _missing(self) -> Response:
        return self._look.page("gone.html", status=404, title="No such message", why="It is not in this mailbox.")


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except LookupError:  # an encoding nobody knows: shown as far as it is ASCII
        raw = body.get_payload(decode=True)
        return raw.decode("ascii", "replace") if isinstance(raw, bytes) else ""


def _sender(message: EmailMessage) -> str:
    """The name the message comes from, or else the address."""
    told = message.get("From")
    first = next(iter(getattr(told, "addresses", ())), None)  # a broken header has no addresses, only its words
    return str(first.display_name or first.addr_spec) if first is not None else str(told or "")


def _links(*texts: str) -> list[str]:
    found = [url.rstrip(".,;:!?)") for text in texts for url in _URL.findall(text)]
    return list(dict.fromkeys(found))
