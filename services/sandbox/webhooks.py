"""The processor's webhooks: signed, retried until they are taken, and disturbed by `Faults`. No books, no routes.

A webhook is one `Event` as JSON. ``Remit-Sandbox-Signature: t=UNIX,v1=HEX`` carries the HMAC-SHA256 of ``UNIX.BODY``
under the shared secret. The stamp is real time even when the sandbox's clock was advanced by days: whoever checks
it has the real clock, and allows 300 s. Only an assistant that shares the advanced time is given that.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec

from services.sandbox.clock import Faults, SandboxClock
from services.sandbox.payments import Event

HEADER = "Remit-Sandbox-Signature"
BACKOFF_S = (2, 5, 15, 60, 300, 900, 3600)  # the last one again and again, until the webhook is taken
OVERTAKE = timedelta(seconds=10)  # how long a reordered webhook waits for another to overtake it


def sign(secret: str, stamp: int, body: bytes) -> str:
    """The value of the signature header for these bytes at this Unix time in seconds."""
    return f"t={stamp},v1={hmac.digest(secret.encode(), f'{stamp}.'.encode() + body, 'sha256').hex()}"


@dataclass(slots=True)
class Delivery:
    """One copy of one event on its way."""

    body: bytes
    due: datetime
    tries: int = 0


class Webhooks:
    """Deliveries that wait, by the sandbox's clock. With no ``url`` nothing is kept and nothing sent."""

    def __init__(self, *, url: str, secret: str, send: httpx.AsyncClient, clock: SandboxClock, faults: Faults) -> None:
        self._url = url
        self._secret = secret
        self._send = send
        self._clock = clock
        self._faults = faults
        self._waiting: list[Delivery] = []

    def queue(self, event: Event) -> None:
        """Send this event as soon as the faults allow."""
        if not self._url:
            return
        due = self._clock.now() + timedelta(seconds=self._faults.delay_s)
        if self._faults.reorder and not self._waiting:
            due += OVERTAKE
        body = msgspec.json.encode(event)
        copies = 2 if self._faults.duplicate else 1
        self._waiting += [Delivery(body, due) for _ in range(copies)]

    async def deliver(self) -> int:
        """Send everything that is due now, once each; answers how many were taken (2xx)."""
        now = self._clock.now()
        due = [delivery for delivery in self._waiting if delivery.due <= now]
        self._waiting = [delivery for delivery in self._waiting if delivery.due > now]
        if self._faults.reorder:
            due.reverse()
        taken = 0
        for delivery in due:
            if await self._taken(delivery):
                taken += 1
            else:
                self._again(delivery)
        return taken

    @property
    def waiting(self) -> int:
        """How many deliveries are not taken yet."""
        return len(self._waiting)

    def _again(self, delivery: Delivery) -> None:
        backoff = BACKOFF_S[min(delivery.tries, len(BACKOFF_S) - 1)]
        delivery.tries += 1
        delivery.due = self._clock.now() + timedelta(seconds=backoff)
        self._waiting.append(delivery)

    async def _taken(self, delivery: Delivery) -> bool:
        clock = self._clock
        stamp = int((clock.base() if clock.share is None else clock.now()).timestamp())
        headers = {HEADER: sign(self._secret, stamp, delivery.body), "Content-Type": "application/json"}
        try:
            answer = await self._send.post(self._url, content=delivery.body, headers=headers)
        except httpx.HTTPError:
            return False  # not taken: it is sent again after its backoff
        return answer.is_success
