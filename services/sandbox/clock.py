"""The sandbox's time, what is to happen in it, and the faults that can be switched on. No books, no routes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Literal

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]


@dataclass(slots=True)
class SandboxClock:
    """Real time plus what it was advanced by: days pass on request, and never backwards."""

    base: Clock
    ahead: timedelta = field(default_factory=timedelta)
    share: Callable[[timedelta], None] | None = None  # with an assistant that has the same time

    def now(self) -> datetime:
        """The processor's time, an aware UTC instant."""
        return self.base() + self.ahead

    def advance(self, seconds: int) -> datetime:
        """Let ``seconds`` pass at once. Raises ValueError when negative."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        ahead = self.ahead + timedelta(seconds=seconds)
        if self.share is not None:
            self.share(ahead)  # before anything happens in the new time
        self.ahead = ahead
        return self.now()


@dataclass(slots=True)
class Agenda:
    """What happens by itself, and when. Of two things at the same instant the one planned first comes first."""

    now: Clock
    _plans: list[tuple[datetime, int, Callable[[datetime], None]]] = field(init=False, default_factory=list)  # a heap
    _planned: int = field(init=False, default=0)

    def plan(self, at: datetime, happen: Callable[[datetime], None]) -> None:
        """Let it happen at this instant, which it is told."""
        self._planned += 1
        heappush(self._plans, (at, self._planned, happen))

    def settle(self) -> None:
        """Let happen what is due by now, in its order."""
        while self._plans and self._plans[0][0] <= self.now():
            at, _, happen = heappop(self._plans)
            happen(at)


@dataclass(slots=True)
class Faults:
    """What goes wrong until it is switched off again.

    ``drop`` acts on the processor's writes: ``before`` they are not carried out, ``after`` they are, and either way
    the answer is lost (a 504). ``portal`` does the same to the portal's postings. The others act on webhooks: later by
    ``delay_s``, twice, or newest first.
    """

    delay_s: int = 0
    drop: Literal["before", "after"] | None = None
    portal: Literal["before", "after"] | None = None
    duplicate: bool = False
    reorder: bool = False
