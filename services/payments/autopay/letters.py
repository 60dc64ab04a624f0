"""The letters that autopay wants: which causes there are, and what each letter's composer needs to find its words.

One letter per cause, beside what the chat says of it. Never here: words, names or addresses, which are looked up when a
letter is written (`bot.autopay_letters`).
"""

from datetime import datetime

from sqlalchemy import Connection

from services import letterbox
from services.letterbox import Wanted

AGREED, NOTICED, CHARGED = "autopay_agreed", "autopay_notice", "autopay_charged"


def agreed(conn: Connection, event: str, customer: str, now: datetime) -> None:
    """A copy of the authorisation, for who agreed to it (12 CFR 1005.10(b); NACHA 2.3.2). ``event``: its key."""
    letterbox.want(conn, Wanted(f"{AGREED}:{event}", AGREED, customer, {"event": event}), now)


def noticed(conn: Connection, notice: str, customer: str, now: datetime) -> None:
    """What a notice tells in the chat. ``notice``: its key."""
    letterbox.want(conn, Wanted(notice, NOTICED, customer, {"notice": notice}), now)


def charged(conn: Connection, reference: str, customer: str, now: datetime) -> None:
    """A charge went through: for who has turned receipts off, and is to be told all the same."""
    letterbox.want(conn, Wanted(f"{CHARGED}:{reference}", CHARGED, customer, {"payment": reference}), now)
