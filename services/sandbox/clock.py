"""The sandbox's time and the faults that can be switched on. No books, no routes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]


@dataclass(slots=True)
class SandboxClock:
    """Real time plus what it was advanced by: days pass on request, and never backwards."""

    base: Clock
    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The processor's time, an aware UTC instant."""
        return self.base() + self.ahead

    def advance(self, seconds: int) -> datetime:
        """Let ``seconds`` pass at once. Raises ValueError when negative."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        self.ahead += timedelta(seconds=seconds)
        return self.now()


@dataclass(slots=True)
class Faults:
    """What goes wrong until it is switched off again.

    ``drop`` acts on the processor's writes: ``before`` they are not carried out, ``after`` they are, and either way
    the answer is lost (a 504). The others act on webhooks: later by ``delay_s``, twice, or newest first.
    """

    delay_s: int = 0
    drop: Literal["before", "after"] | None = None
    duplicate: bool = False
    reorder: bool = False
