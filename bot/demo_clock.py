"""The time of a demo whose sandbox's clock was advanced: what both call now, so that days pass for both at once.

Only `make demo` sets it. Nothing else here reads a clock but `bot.app` and `services.sandbox`.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class DemoClock:
    """Real time, plus the seconds that stand in a file: those by which the sandbox is ahead. No file: none."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = 0  # when it was read last, as the file system says
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Now, UTC. Raises `ValueError` for a file that holds no whole number of seconds."""
        try:
            written = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return datetime.now(UTC)
        if written != self._written:
            self._written, self._ahead = written, timedelta(seconds=int(self._file.read_text(encoding="ascii")))
        return datetime.now(UTC) + self._ahead
