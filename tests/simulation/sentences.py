"""The sentences of the wording, as patterns: what a person who reads them can tell from them."""

import re
import tomllib
from functools import cache

from bot.settings import CONFIG

_NAMED = {  # values that are read; any other is whatever stands there
    "{refunded}": r"(?P<refunded>\S+)",
    "{amount}": r"(?P<amount>\S+)",
    "{what}": "(?P<what>.*)",
}


@cache
def wording() -> dict[str, str]:
    """Every sentence by its key; of one that counts, each form by the key and the form's name."""
    told = tomllib.loads((CONFIG / "wording" / "en.toml").read_text(encoding="utf-8"))
    forms = {
        f"{key}/{form}": text for key, each in told.items() if isinstance(each, dict) for form, text in each.items()
    }
    return {key: text for key, text in told.items() if isinstance(text, str)} | forms


def pattern(sentence: str) -> str:
    """A sentence as the text of a pattern, with groups for the values that are read."""
    seen = set[str]()
    parts = []
    for part in re.split(r"(\{\w+\})", sentence):
        named = _NAMED.get(part, ".*?") if part not in seen else ".*?"
        parts.append(named if part[:1] == "{" else re.escape(part))
        seen.add(part)
    return "".join(parts)


@cache
def family(*starts: str) -> re.Pattern[str]:
    """Any sentence whose key begins with one of these, wherever in a message it stands."""
    return re.compile("|".join(_plain(text) for key, text in wording().items() if key.startswith(starts)))


@cache
def alone(*starts: str) -> re.Pattern[str]:
    """As `family`, and nothing else stands in the message."""
    return re.compile(f"^(?:{family(*starts).pattern})$")


def _plain(sentence: str) -> str:
    return re.sub(r"\(\?P<\w+>", "(?:", pattern(sentence))
