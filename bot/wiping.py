"""What the pieces of a number left behind, once its last one came: which lines of the log say them, and how those read then.

Pure. Customers' lines come back from the guard as they may stay; here their pieces are looked for in what the assistant
said to them ("To show invoice 4242, ..."), and in words that were written down elsewhere. What the dialog itself forgets is
`Conversation.wiped`; who writes all that is the runtime.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from bot.stores.base import Message
from dialogs.reading.guard.views import folded, in_words

MARK = "[removed]"
_GUARDED = re.compile(r"\[[a-z ]+ removed\]")
_SIGNS = re.compile(r"[\W_]+")
_FEWEST = 2  # digits: one alone stands in every sentence, and tells nothing
_FEWEST_SAID = 3  # ... by the assistant, whose sentences are full of sums and days
_encode = msgspec.json.Encoder().encode


class Wiped(msgspec.Struct, frozen=True):
    """Lines of a customer that hold pieces: as they were said, and as they may stay, by their numbers."""

    said: Mapping[int, str]
    stays: Mapping[int, str]

    @property
    def first(self) -> int:
        """The number of the first line with a piece."""
        return min(self.stays)

    @property
    def taken(self) -> tuple[str, ...]:
        """The pieces, as they stood in the lines."""
        return tuple(piece for seq, said in self.said.items() for piece in taken_out(said, self.stays[seq]))

    def lines(self, log: Sequence[Message]) -> tuple[Message, ...]:
        """Those lines of the log that have to be overwritten, as they read from now on."""
        echo = self._echo()
        return tuple(line for each in log if (line := self._line(each, echo)) is not None)

    def holds(self, text: str) -> bool:
        """Whether one of the pieces stands in this text, whatever lies between its signs."""
        bare = _squashed(text)
        return any(piece in bare for piece in self._pieces())

    def is_one(self, text: str) -> bool:
        """Whether this is just what one of the lines said."""
        return bool(text) and _squashed(text) in {_squashed(said) for said in self.said.values()}

    def _line(self, line: Message, echo: re.Pattern[str] | None) -> Message | None:
        if line.seq in self.stays:
            return replace(line, text=self.stays[line.seq])
        if echo is None or line.sender == "customer":
            return None
        kept = tuple(choice for choice in line.choices if not echo.search(choice.title))
        card = None if line.card is not None and echo.search(_encode(line.card).decode()) else line.card
        fresh = replace(line, text=echo.sub(MARK, line.text), choices=kept, card=card)
        return None if fresh == line else fresh

    def _echo(self) -> re.Pattern[str] | None:
        """Finds the pieces as digits, as a sum would show them too: 4242 in $4,242.00."""
        rows = [
            r"[,.' \u00a0-]?".join(piece) for piece in self._pieces() if piece.isdigit() and len(piece) >= _FEWEST_SAID
        ]
        # nor what follows a point: the cents of another sum, or the end of a longer one
        return re.compile(rf"(?<![0-9])(?<![0-9][.,])(?:{'|'.join(rows)})(?![0-9])") if rows else None

    def _pieces(self) -> list[str]:
        """What was taken out of the lines, longest first: as it stood there, and as digits where it was words."""
        found: set[str] = set()
        for piece in self.taken:
            spelled = next(in_words(folded(piece))).text
            found |= {_squashed(piece), "".join(sign for sign in spelled if sign.isdigit())}
        return sorted((piece for piece in found if len(piece) >= _FEWEST), key=len, reverse=True)


def taken_out(said: str, stays: str) -> tuple[str, ...]:
    """What stood in a text where marks of the guard stand now."""
    shape = "(.+?)".join(re.escape(part) for part in _GUARDED.split(stays))
    found = re.fullmatch(shape, said, re.DOTALL)
    if found is None:
        return (said,)
    return tuple(each for each in found.groups() if not _GUARDED.fullmatch(each))


def _squashed(text: str) -> str:
    """Only the letters and digits of a text, the digits of every script as our own."""
    return _SIGNS.sub("", folded(text).text).lower()
