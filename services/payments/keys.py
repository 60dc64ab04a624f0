"""References that people read out, and how long an idempotency key may be trusted. Nothing here is ever sent."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

TRIED_FOR = timedelta(minutes=10)  # a customer who waits longer for a page is told that there is none
RESEND_UNTIL = timedelta(hours=20)  # gateways forget idempotency keys after 24 h, and then the same key charges again

_DIGITS_AND_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to misread
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"


class Hold(StrEnum):
    """Why a request cannot be sent now."""

    BUSY = "busy"  # somebody else is sending it or looking it up
    LOOK_UP = "look_up"  # too old, our own address changed, or tried for long enough: ask first


def new_reference(random: Callable[[int], bytes], prefix: str = "RM") -> str:
    """A reference such as ``RM-7KQ2-9XTD``: easy to read out, and too short to pass for a card or bank number.

    The second of four characters is always a letter, so no part of it is a number.
    """
    number = int.from_bytes(random(16))
    out = []
    for place in range(8):
        alphabet = _LETTERS if place % 4 == 1 else _DIGITS_AND_LETTERS
        number, chosen = divmod(number, len(alphabet))
        out.append(alphabet[chosen])
    return f"{prefix}-{''.join(out[:4])}-{''.join(out[4:])}"
