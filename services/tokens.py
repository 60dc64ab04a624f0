"""Tokens that stand in links: how they are drawn, told apart from noise, and kept. Only their hash is ever stored."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_token(random: Callable[[int], bytes]) -> str:
    """128 random bits as 22 characters of ``A-Za-z0-9_-`` (RFC 4648, section 5), fit for a URL and for Telegram.

    None begins with a dash, which a command line would take for an option: that costs a fortieth of one bit.
    """
    return as_token(random(16))


def as_token(drawn: bytes) -> str:
    """Bytes as a token; see `new_token`."""
    token = urlsafe_b64encode(drawn).decode().rstrip("=")
    return f"A{token[1:]}" if token.startswith("-") else token


def token_hash(token: str) -> str | None:
    """The SHA-256 under which a token is stored, or None for what cannot be one."""
    return hashlib.sha256(token.encode()).hexdigest() if _SHAPE.fullmatch(token) else None
