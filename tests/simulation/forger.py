"""Somebody who sends webhooks that the processor never signed, or signed for another hour. None may change anything."""

import re
from dataclasses import dataclass

import httpx
import msgspec

from services.sandbox.webhooks import HEADER, sign

from .life import Gone
from .process import HANDOFF, SECRET
from .world import World

_KINDS = ("payment.succeeded", "payment.returned", "page.closed", "refund.succeeded", "refund.failed", "dispute.lost")
_URL = f"{HANDOFF}/webhooks/payments/sandbox"


@dataclass(frozen=True)
class _Sent:
    """A webhook as it was on the line."""

    body: bytes
    signature: str


class Forger:
    """Listens to the line, and knows references that were printed on receipts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: list[_Sent] = []
        self._invented: set[str] = set()  # ids of events that never were
        world.on_webhook = self._hear

    def _hear(self, request: httpx.Request) -> None:
        self._heard.append(_Sent(request.content, request.headers[HEADER]))

    async def forge(self) -> None:
        """One forged or stale webhook; it must be refused."""
        world = self._world
        if not self._heard:
            return
        known = world.chance.choice(self._heard)
        way = world.chance.choice(("wrong secret", "altered", "moved stamp", "replayed", "from the future", "unsigned"))
        body, signature = self._made(way, known)
        world.fault(f"a forged webhook: {way}")
        leapt = world.leaps
        try:
            answered = await world.ask(httpx.Request("POST", _URL, content=body, headers={HEADER: signature}))
        except Gone:
            return
        fits = way in ("replayed", "from the future")  # a leap of the clock meanwhile may make these good
        if answered.is_success and not (fits and (leapt != world.leaps or world.skewed)):
            world.violate(f"a forged webhook ({way}) was taken")

    def judge(self) -> None:
        """Nothing that was invented here is anywhere in the ledger."""
        for row in self._world.rows("SELECT id FROM fact"):
            if row["id"] in self._invented:
                self._world.violate(f"an invented event {row['id']} stands in the ledger")

    def _made(self, way: str, known: _Sent) -> tuple[bytes, str]:
        world = self._world
        now = int(world.clock().timestamp())
        invented = self._invent(known.body)
        match way:
            case "wrong secret":
                return invented, sign("another secret", now, invented)
            case "altered":
                return invented, known.signature
            case "moved stamp":
                return known.body, re.sub(r"^t=\d+", f"t={now + world.chance.randint(1, 90)}", known.signature)
            case "replayed":
                return known.body, sign(SECRET, now - world.chance.choice((400, 1_000, 90_000)), known.body)
            case "from the future":
                return known.body, sign(SECRET, now + world.chance.choice((400, 1_000, 90_000)), known.body)
            case _:
                return invented, ""

    def _invent(self, body: bytes) -> bytes:
        event = msgspec.json.decode(body)
        event["id"] = f"evt_{self._world.chance.randbytes(8).hex()}"
        event["type"] = self._world.chance.choice(_KINDS)
        self._invented.add(event["id"])
        return msgspec.json.encode(event)
