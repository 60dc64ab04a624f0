"""How often somebody may knock. It protects the machine, not a secret: what protects secrets is counted in SQL
(`services/identity.py`).

In memory, per process; workers that share a store count there together, and each for itself while that is away.
"""

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from services.errors import Unavailable

REMEMBERED = 10_000  # callers; the one that was quiet longest is forgotten first


# Takes a token from the shared bucket of a name (tokens, refill per second): 0, or the seconds until there is one.
Knock = Callable[[str, int, float], Awaitable[int]]


class Limit:
    """A bucket of ``burst`` tokens per caller, refilled at ``per_second``."""

    def __init__(
        self, name: str, burst: int, per_second: float, monotonic: Callable[[], float], knock: Knock | None = None
    ) -> None:
        """``knock`` counts for all workers, where there are several; ``name`` tells this limit from others there."""
        self._name = name
        self._burst = burst
        self._rate = per_second
        self._monotonic = monotonic
        self._knock = knock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def wait(self, caller: str) -> int:
        """Take one token; 0 when there was one, or else the seconds until there is."""
        if self._knock is not None:
            try:
                return await self._knock(f"{self._name}:{caller}", self._burst, self._rate)
            except Unavailable:
                return self._wait(caller)  # each worker for itself: more get through, and nobody is shut out
        return self._wait(caller)

    def _wait(self, caller: str) -> int:
        now = self._monotonic()
        tokens, since = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1 - tokens) / self._rate)
