"""The letters that autopay wants: which causes there are, and what each letter's composer needs to find its words.

One line per cause. Never here: words, names or addresses, which are looked up when a letter is written.
"""

from datetime import datetime

from sqlalchemy import Connection


def agreed(conn: Connection, key: str, customer: str, now: datetime) -> None:
    """A copy of the authorisation, for who agreed to it (12 CFR 1005.10(b); NACHA 2.3.2). ``key``: of its event."""


def noticed(conn: Connection, key: str, customer: str, now: datetime) -> None:
    """What a notice tells in the chat. ``key``: of that notice."""


def charged(conn: Connection, reference: str, customer: str, now: datetime) -> None:
    """A charge went through."""
