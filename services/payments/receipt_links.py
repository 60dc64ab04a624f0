"""The links of receipts, ``/r/TOKEN``: whoever holds one sees the receipt, as it stands now, for as long as it is kept.

A token is an HMAC of the payment's reference under the installation's secret, so that letter, chat, page and paper carry the
same one and nothing readable is stored: only its hash, which also opens links that were printed before the secret changed.
"""

import hmac
from datetime import datetime

from sqlalchemy import Connection, select

from services.database import insert_once, micros
from services.schema import receipt_link
from services.tokens import as_token, token_hash


def token_of(reference: str, secret: bytes) -> str:
    """128 bits as 22 characters fit for a URL, the same whenever they are asked for."""
    return as_token(hmac.digest(secret, b"receipt:" + reference.encode(), "sha256")[:16])


def share(conn: Connection, reference: str, secret: bytes, now: datetime) -> str:
    """The token of a payment's receipt, which opens from now on. The payment must be there."""
    token = token_of(reference, secret)
    insert_once(conn, receipt_link, token_hash=token_hash(token), payment=reference, made_at=micros(now))
    return token


def opened(conn: Connection, token: str) -> str | None:
    """The reference of the payment whose receipt a token opens, or None."""
    hashed = token_hash(token)
    if hashed is None:
        return None
    return conn.execute(select(receipt_link.c.payment).where(receipt_link.c.token_hash == hashed)).scalar_one_or_none()
