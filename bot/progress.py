"""A bar on the terminal that says how far something is. Only where somebody looks: never into a file or a pipe.

Nothing here knows what is done; it is told the stage, and how many of how many.
"""

import sys
from typing import TextIO

_WIDTH = 30  # characters


class Bar:
    """One line of a terminal that is written over, and gone at the end."""

    def __init__(self, into: TextIO = sys.stderr) -> None:
        self._into = into
        self._shown = ""

    def __call__(self, stage: str, done: int, of: int, /) -> None:
        """Show how far it is."""
        part = min(done, of)
        full = _WIDTH * part // of if of else 0
        line = f"{stage:<10} [{'#' * full}{'.' * (_WIDTH - full)}] {part} of {of}"
        if line != self._shown:
            self._into.write(f"\r{line.ljust(len(self._shown))}")
            self._into.flush()
            self._shown = line

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._into.write(f"\r{' ' * len(self._shown)}\r")
            self._into.flush()
            self._shown = ""
