"""Which language a message is in, told by words that only one of them has: in microseconds, for every message.

Only the counting lives here; the words are in `words`. A message without a telling word, or with as many of each
language, may be in any: names, numbers, "ok" and "visa" tell nothing, and nobody's language changes because of them. What
a model makes of misspelled words is in `classifier`; which language a conversation then takes is for the runtime.
"""

import re
import unicodedata
from collections import Counter

from dialogs.reading.words import LENT, SMALL, TELLING

_MOST = 1000  # characters; what follows decides nothing
_WORD = re.compile(r"[^\W\d_]+|[¿¡]")
_APOSTROPHES = str.maketrans("", "", "'’`´")  # noqa: RUF001  # typed and pasted ones


def language(text: str, spoken: str = "") -> str | None:
    """The language (ISO 639) that the words of a message tell; None when none does, or two do as much as each other.

    "cuánto debo" is es, "what do I owe" en; "ok", "no", "1.250,00", "Dana Whitfield" and "visa" are None. ``spoken`` is
    the language spoken so far, if there was one: what is said in any language ("gracias", "cancel") does not change it.
    """
    said = _words(text)
    telling = [word for word in said if word in TELLING]
    told = Counter(TELLING[word] for word in telling)
    if not told or (spoken and spoken not in told and LENT.issuperset(telling)):
        return None
    told.update(SMALL[word] for word in said if word in SMALL and SMALL[word] in told)
    ranked = told.most_common(2)
    return None if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]


def _words(text: str) -> list[str]:
    """The words of a text in small letters, without accents and apostrophes, and the marks that tell a language."""
    text = text[:_MOST].lower().translate(_APOSTROPHES)
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _WORD.findall(text)
