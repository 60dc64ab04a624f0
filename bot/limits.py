"""How often somebody may knock. In memory, per process: it protects the machine, not a secret.

What protects secrets is counted in SQL (`services/identity.py`).
"""

import math
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000  # callers; the one that was quiet longest is forgotten first


class Limit:
    """A bucket of ``burst`` tokens per caller, refilled at ``per_second``."""

    def __init__(self, burst: int, per_second: float, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._rate = per_second
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> int:
        """Take one token; 0 when there was one, or else the seconds until there is."""
        now = self._monotonic()
        tokens, since = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1 - tokens) / self._rate)
