"""Reports of mail servers that a letter did not arrive (RFC 3464): read from foreign bytes, and believed only where they
name a letter of ours. Nothing of a report is kept but the code.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select, update

from services import mail_refusals
from services.database import micros
from services.letterbox import State
from services.schema import letter

LARGEST = 2 * 1024 * 1024  # bytes of a report; what it returns of the letter may be all of it
_MOST = 20  # recipients of one report: a letter of ours has one
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_MESSAGE_ID = re.compile(r"<?([A-Za-z0-9.-]{8,120})@[A-Za-z0-9.-]+>?")


class Report(msgspec.Struct, frozen=True):
    """That a letter did not reach an address for good: its id, the addresses it was for, and the status, such as 5.1.1."""

    letter: str
    addresses: tuple[str, ...]
    status: str


class Verdict(StrEnum):
    """What a message was."""

    MARKED = "marked"  # the address takes no mail: it is spared from now on
    NOTED = "noted"  # this letter did not arrive; others may
    NOT_OURS = "not_ours"  # it names no letter of ours, so it is not believed
    NO_REPORT = "no_report"  # no report of a failure: a delay, a success, or any other mail


def read(raw: bytes) -> tuple[Report, ...]:
    """The failures for good that a message reports; none for a delay, a success, or what is no report.

    Any bytes may come here: whoever can write to the sender's address can write this.
    """
    try:
        message = message_from_bytes(raw[:LARGEST], policy=policy.default)
        if message.get_content_type() != "multipart/report":
            return ()
        found = _letter_id(message)
        return () if found is None else tuple(_failures(message, found))
    except (MessageError, LookupError, ValueError, AttributeError, TypeError, IndexError):
        return ()  # the parser of the standard library raises all of these for headers that cannot be read


def _letter_id(message: EmailMessage) -> str | None:
    """Of the letter that came back, whole or its headers alone (RFC 3462, RFC 6522)."""
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else None
            told = first["Message-ID"] if isinstance(first, Message) else None
        elif part.get_content_type() == "text/rfc822-headers":
            headers = part.get_payload(decode=True)
            told = message_from_bytes(headers)["Message-ID"] if isinstance(headers, bytes) else None
        else:
            continue
        fits = _MESSAGE_ID.fullmatch(str(told or "").strip())
        return fits[1] if fits else None
    return None


def _failures(message: EmailMessage, letter_id: str) -> Iterator[Report]:
    for part in message.walk():
        told = part.get_payload() if part.get_content_type() == "message/delivery-status" else None
        blocks = [each for each in told if isinstance(each, Message)] if isinstance(told, list) else []
        for block in blocks[: _MOST + 1]:  # the first one is about the report itself
            status = _STATUS.match(str(block["Status"] or "").strip())
            failed = str(block["Action"] or "").strip().lower() == "failed"
            if failed and status is not None and status[0].startswith("5"):
                named = (_address(block[name]) for name in ("Original-Recipient", "Final-Recipient"))
                yield Report(letter_id, tuple(each for each in named if each), status[0])


def _address(told: object) -> str:
    """``rfc822; dana@example.com`` (RFC 3464, 2.3.2) as an address."""
    kind, _, address = str(told or "").partition(";")
    return address.strip().strip("<>") if kind.strip().lower() == "rfc822" else ""


def take_in(conn: Connection, report: Report, secret: bytes, now: datetime) -> Verdict:
    """Write down what follows from a report: the letter did not arrive, and its address may be spared from now on.

    Which address it went to is ours to know, by the letter's row or by its id: what the report says is only compared.
    """
    row = conn.execute(select(letter).where(letter.c.message_id == report.letter)).first()
    if row is None:
        told = (mail_refusals.named_by(report.letter, each, secret) for each in report.addresses)
        address = next((each for each in told if each), None)
    else:
        address = row.address_hash
        refused = {"state": State.REFUSED, "code": report.status, "changed_at": micros(now)}
        arrived = letter.c.id == row.id, letter.c.state.in_((State.SENT, State.UNSURE, State.WAITING))
        conn.execute(update(letter).where(*arrived).values(refused))
    if row is None and address is None:
        return Verdict.NOT_OURS
    if not address or not mail_refusals.is_of_address(report.status):
        return Verdict.NOTED
    mail_refusals.mark(conn, address, report.status, now)
    return Verdict.MARKED
