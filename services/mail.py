"""Letters out by SMTP. What a letter says is decided elsewhere; here it becomes a message and reaches a mail server.

Knows no invoice and no customer. A header is made of checked addresses and cleaned words only, so that nothing
somebody typed can add a header or a recipient.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

import msgspec
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.errors import Misconfigured, Unavailable, Uncertain

TIMEOUT_SECONDS = 10  # of each step of the talk with the mail server
# ... but the last: RFC 5321, 4.5.3.2.6 asks for 10 minutes, since giving up there is what makes duplicates; a minute is
# what a lease on a letter leaves room for
TAKING_SECONDS = 60
_FULL = 552  # too many recipients, to be taken for 452, which is temporary (RFC 5321, 4.5.3.1.10)
IMPLICIT_TLS = 465  # RFC 8314: this port speaks TLS from the first byte
_LONGEST_SUBJECT = 200
_LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_ENHANCED = re.compile(r"5\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")  # RFC 2034, before the text of an answer
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, bidi overrides, halves of a character, line separators
_JOINERS = "\u200c\u200d"  # of the format characters, these two belong to the spelling of a word


class Refused(Unavailable):
    """A mail server said no to this letter for good: not known there, blocked, or not acceptable.

    ``code`` is the enhanced status code where it gave one, such as "5.1.1" (RFC 3463), else the reply code, "550".
    """

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code


class Letter(msgspec.Struct, frozen=True):
    """One message to one person, in plain text and the same in HTML.

    ``id`` and ``dated`` are given where the same message may have to be sent twice: the part of its Message-ID before the
    @ (letters, digits, "-" and "."), and its date. Without them it is a new message each time.
    """

    to: str
    subject: str
    text: str
    html: str
    id: str = ""
    dated: datetime | None = None


class Mail(Protocol):
    """Whoever takes letters to their people."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over.

        Raises `Refused` (not sent, and never will be), `Unavailable` (not sent now) or `Uncertain` (it may have been).
        """


def usable(address: str) -> bool:
    """Whether mail can be sent to this address: one bare ASCII address (RFC 5321), with no name and no list."""
    return len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address) is not None


def one_line(words: str, longest: int = _LONGEST_SUBJECT) -> str:
    """The words without controls and line breaks, fit for a header, cut with an ellipsis."""
    kept = words[: longest * 4]  # no need to read a novel for one line of it
    seen = "".join(" " if unicodedata.category(ch) in _UNSEEN and ch not in _JOINERS else ch for ch in kept)
    line = " ".join(seen.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


class Smtp:
    """`Mail` over one SMTP server; each letter has a connection of its own."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        name: str,
        username: str = "",
        password: str = "",
        starttls: bool = True,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        """``sender`` is the address and ``name`` the name the letters come from. Raises `Misconfigured`."""
        if not usable(sender):
            raise Misconfigured("[mail] from: write one plain address, such as billing@example.com")
        self._tls = port == IMPLICIT_TLS
        if username and not (starttls or self._tls):
            raise Misconfigured("[mail] starttls: a password is never sent in the clear; set it to true")
        self._host, self._port, self._starttls = host, port, starttls and not self._tls
        self._sender, self._name = sender, name
        self._sign_in = (username, password) if username else None
        self._clock, self._random = clock, random

    async def send(self, letter: Letter) -> None:
        """See `Mail.send`. `Refused` is a 5xx to the recipient or the letter (RFC 5321, 4.2.1).

        A 5xx to the greeting, the password or the sender is about our settings, which somebody may put right.
        """
        if not usable(letter.to):
            raise Unavailable("the address on file is not one that mail can be sent to")
        message = self._message(letter).as_bytes(policy=policy.SMTP)
        server = SMTP(
            hostname=self._host,
            port=self._port,
            timeout=TIMEOUT_SECONDS,
            use_tls=self._tls,
            start_tls=self._starttls,
            # our own name in HELO is the sender's domain: asking the resolver for it could block
            local_hostname=self._sender.partition("@")[2],
        )
        try:
            await self._ask(server, letter.to)
            await _hand_over(server, message)
        finally:
            server.close()  # a polite QUIT would only add a way to fail after the letter is taken

    async def _ask(self, server: SMTP, recipient: str) -> None:
        """Everything before the letter itself: whatever goes wrong here, it was not sent."""
        try:
            await server.connect()
            if self._sign_in is not None:
                await server.login(*self._sign_in)
            await server.mail(self._sender)
        except SMTPResponseException as error:
            # its text may repeat the address
            raise Unavailable(f"the mail server refused the letter: code {error.code}") from None
        except (SMTPException, OSError, ValueError) as error:  # ValueError: a host that cannot be one
            raise Unavailable(f"the mail server cannot be reached: {type(error).__name__}") from None
        await _name(server, recipient)

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = _named(one_line(self._name), self._sender)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = one_line(letter.subject)
        message["Date"] = format_datetime(letter.dated or self._clock())
        message["Message-ID"] = f"<{letter.id or self._random(16).hex()}@{self._sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note comes back
        message.set_content(_encodable(letter.text), cte="quoted-printable")
        message.add_alternative(_encodable(letter.html), subtype="html", cte="quoted-printable")
        return message


def _named(name: str, address: str) -> Address:
    try:
        return Address(name, addr_spec=address)
    except HeaderParseError:
        raise Misconfigured("[mail] from: this address cannot stand in a message") from None


def _encodable(text: str) -> str:
    """Half a surrogate pair has no UTF-8; everything else stays."""
    return text.encode("utf-8", "replace").decode()


async def _name(server: SMTP, recipient: str) -> None:
    try:
        await server.rcpt(recipient)
    except SMTPResponseException as error:
        raise _refusal("refused the letter", error) from None
    except (SMTPException, OSError) as error:
        raise Unavailable(f"the mail server cannot be reached: {type(error).__name__}") from None


async def _hand_over(server: SMTP, message: bytes) -> None:
    try:
        await server.data(message, timeout=TAKING_SECONDS)
    except SMTPResponseException as error:
        raise _refusal("did not take the letter", error) from None
    except (SMTPException, OSError) as error:
        raise Uncertain(f"the mail server stopped answering: {type(error).__name__}") from None


def _refusal(how: str, error: SMTPResponseException) -> Unavailable:
    """Never its text, which may repeat the address."""
    why = f"the mail server {how}: code {error.code}"
    if error.code < 500 or error.code == _FULL:
        return Unavailable(why)
    told = _ENHANCED.match(error.message)
    return Refused(why, told[0] if told else str(error.code))
