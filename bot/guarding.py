"""`remit guard`: a customer's messages, as they would be stored, as JSON lines, for whoever measures or tries it.

It needs no server, and keeps and logs nothing. What is found, and how, is in `dialogs/reading/guard/`.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from bot.runtime import LONGEST, LONGEST_BYTES
from bot.settings import Settings
from dialogs.reading.guard import MOST_PIECES, Known, redact_all
from services.errors import Misconfigured


def as_stored(messages: Sequence[str], known: Known | None = None) -> list[str]:
    """What is left of each message, oldest first, after the last one came.

    Each is read when it comes, with the last ones that were kept before it, which may lose a piece then.
    """
    kept: list[str] = []
    for message in messages:
        first = max(0, len(kept) + 1 - MOST_PIECES)
        read = redact_all([*kept[first:], message], known or Known())
        kept[first:] = [_as_long_as_kept(each.text) for each in read]
    return kept


def _as_long_as_kept(text: str) -> str:
    return text[:LONGEST].encode(errors="replace")[:LONGEST_BYTES].decode(errors="ignore")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Answer each line ``{messages: [...]}`` of standard input with one such line; any other ends it with an error."""
    del settings, options
    for place, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            sys.stdout.write(json.dumps({"messages": as_stored(_messages(place, line))}) + "\n")
            sys.stdout.flush()
    return 0


def _messages(place: int, line: bytes) -> list[str]:
    try:
        messages = json.loads(line)["messages"]
    except (ValueError, KeyError, TypeError):
        messages = None
    if not isinstance(messages, list) or not all(isinstance(each, str) for each in messages):
        # the line itself is not shown: it may hold what this command is there to remove
        raise Misconfigured(f"line {place}: expected a JSON object with a list of messages")
    return messages
