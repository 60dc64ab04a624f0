"""How far the holder of a pay link came, the first time each: for the figures of the business, and for nothing else.

No decision rests on these instants. They say nothing of who it was: whoever holds the link, or a mail scanner that looks
at links before people do.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, update

from services.database import micros
from services.schema import pay_link
from services.tokens import token_hash


class Step(StrEnum):
    """What is kept of a pay link."""

    SENT = "sent"  # the mail server took its letter
    OPENED = "opened"  # the bill was looked at
    BEGUN = "begun"  # a chat was begun with it
    CHOSEN = "chosen"  # a method was chosen there: a quote was shown


def reached(conn: Connection, token: str, step: Step, now: datetime) -> None:
    """Keep when a pay link came so far, if it had not before; nothing for a token that was never issued."""
    _keep(conn, pay_link.c.token_hash == token_hash(token), step, now)


def chosen(conn: Connection, name: str, now: datetime) -> None:
    """The same of a method that was chosen in a chat, which knows the link it came by as the first digits of its hash."""
    beginning = pay_link.c.token_hash >= name, pay_link.c.token_hash < f"{name}g"  # after every hexadecimal digit
    _keep(conn, and_(*beginning), Step.CHOSEN, now)


def _keep(conn: Connection, which: ColumnElement[bool], step: Step, now: datetime) -> None:
    column = pay_link.c[f"{step}_at"]
    conn.execute(update(pay_link).where(which, column.is_(None)).values({column: micros(now)}))
