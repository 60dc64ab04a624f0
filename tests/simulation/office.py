"""The people of the business: they refund, pause, look at cases, and use the processor's own dashboard.

They ask as `remit refund` and its like do, and ask again when they got no answer. What they are told is believed here;
what became of it is judged in `back`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, replace
from typing import Any

import httpx
import msgspec

from services.sandbox.payments import Decision, HostedPage, RefundOrder
from services.sandbox.processor import Objection

from .life import Gone
from .process import HANDOFF, TOKEN
from .till import Till
from .world import World

_TO_REFUND = frozenset({"succeeded", "part_refunded", "won"})


@dataclass(frozen=True)
class Order:
    """A refund as somebody of the business typed it."""

    key: str
    reference: str
    amount: str
    again: bool


class Office:
    """One business's people, who do not always know what the others did."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._till = Till(world)
        self._orders: list[Order] = []
        self._unanswered: list[Order] = []
        self._made: dict[str, str] = {}  # refund, by the key of its order
        self._cases: list[tuple[int, bool]] = []  # open ones, and whether a customer asked for it
        self._switching = False
        self._switched: bool | None = False  # paused, by the last answer; None: an answer was lost

    def act(self) -> Coroutine[None, None, None]:
        """The next thing that somebody there does."""
        chance = self._world.chance
        if self._unanswered and chance.random() < 0.6:
            return self._refund(self._unanswered.pop(0))
        ways: list[tuple[int, Callable[[], Coroutine[None, None, None]]]] = [
            (8, self._give_back),
            (2, self._again),
            (2, self._two_at_once),
            (2, self._at_the_dashboard),
            (2, self._decide),
            (1, self._other_till),
            (8 if self._world.paused else 1, self._switch),
            (2, self._look),
            (1, self._compare),
        ]
        (way,) = chance.choices([way for _, way in ways], [weight for weight, _ in ways])
        return way()

    # --- refunds -------------------------------------------------------------------------------------------------

    async def _give_back(self) -> None:
        if (order := self._order()) is not None:
            await self._refund(order)

    async def _again(self) -> None:
        """The same order once more: its answer was slow, or its page was loaded again."""
        if self._orders:
            await self._refund(self._world.chance.choice(self._orders))

    async def _two_at_once(self) -> None:
        """Two people refund the same payment at the same time, or one of them presses twice."""
        if (order := self._order()) is not None:
            others = replace(order, key=self._world.chance.randbytes(8).hex())
            await asyncio.gather(self._refund(order), self._refund(self._world.chance.choice((order, others))))

    def _order(self) -> Order | None:
        world, chance = self._world, self._world.chance
        page = self._some_payment()
        if page is None:
            return None
        minor = chance.randint(1, page.order.amount_minor)
        amount = "all" if chance.random() < 0.3 else f"{minor // 100}.{minor % 100:02}"
        return Order(world.chance.randbytes(8).hex(), page.order.reference, amount, chance.random() < 0.7)

    def _some_payment(self) -> HostedPage | None:
        """Most likely one that can be refunded; now and then any at all."""
        ours = self._till.ours()
        fit = [page for page in ours if page.state in _TO_REFUND]
        return self._world.chance.choice(fit if fit and self._world.chance.random() < 0.9 else ours) if ours else None

    async def _refund(self, order: Order) -> None:
        if order not in self._orders:
            self._orders.append(order)
        answered = await self._ask("refund", {**asdict(order), "asked_by": "the office"})
        if answered is None:
            self._unanswered.append(order)
        elif answered.status_code == 200:
            made = msgspec.json.decode(answered.content)["id"]
            if self._made.setdefault(order.key, made) != made:
                self._world.violate(f"one order was refunded twice: {self._made[order.key]} and {made}")

    async def _at_the_dashboard(self) -> None:
        """A refund that the assistant never hears of but by the processor."""
        world = self._world
        page = self._some_payment()
        if page is None or not page.left_minor:
            return
        minor = world.chance.choice((page.left_minor, world.chance.randint(1, page.left_minor)))
        made = f"re_{world.chance.randbytes(6).hex()}"
        order = RefundOrder(
            reference=page.order.reference, refund=made, amount_minor=minor, currency=page.order.currency
        )
        answer = world.sandbox.processor.refund(made, order)
        if not isinstance(answer, Objection):
            world.fault(f"{minor} of {page.order.reference} is refunded at the processor's own dashboard")

    # --- what else happens there ---------------------------------------------------------------------------------

    async def _decide(self) -> None:
        """A bank decides a dispute early."""
        disputed = [page for page in self._till.ours() if page.dispute == "disputed"]
        if disputed:
            reference = self._world.chance.choice(disputed).order.reference
            outcome: Decision = "won" if self._world.chance.random() < 0.5 else "lost"
            self._world.fault(f"the dispute about {reference} is {outcome}")
            self._world.sandbox.processor.end_dispute(reference, outcome)

    async def _other_till(self) -> None:
        """Another till of the same account takes a payment, and may give it back."""
        world = self._world
        reference = world.sandbox.processor.foreign(world.chance.randint(100, 9_000), "USD")
        world.fault(f"another till takes {reference}")

    async def _switch(self) -> None:
        """Stop new payments, or take them again. Stopped is only what the assistant said it had stopped."""
        world = self._world
        if self._switching:
            return
        self._switching, pause = True, not world.paused
        if not pause:
            world.on_switch()
            world.paused = False
        try:
            answered = await self._ask("pause", {"paused": pause, "asked_by": "the office"})
        finally:
            self._switching = False
        if answered is None or answered.status_code != 200:
            self._switched = None
            return
        if self._switched is not None and msgspec.json.decode(answered.content)["changed"] != (pause != self._switched):
            world.violate(f"the switch was {'on' if self._switched else 'off'}, and says otherwise")
        self._switched = pause
        if pause:
            world.on_switch()
            world.paused = True

    async def _look(self) -> None:
        """Look at payments and cases, and close one of them."""
        await self._ask("payments", {"most": 20})
        close, asked_for = self._cases.pop(0) if self._cases else (None, False)
        words = f"We looked into it, {self._world.chance.randbytes(4).hex()}." if asked_for else ""
        answered = await self._ask("cases", {"close": close, "answer": words})
        if answered is not None and answered.status_code == 200:
            cases = msgspec.json.decode(answered.content)
            self._cases = [(case["id"], case["reason"] in ("refund", "dispute")) for case in cases]
            self._cases.sort(key=lambda case: not case[1])  # whoever waits for an answer comes first

    async def _compare(self) -> None:
        await self._ask("compare", {"days": self._world.chance.randint(1, 30)})

    async def _ask(self, what: str, order: dict[str, Any]) -> httpx.Response | None:
        """Ask as the command line does; None: no answer came."""
        world = self._world
        world.tell(f"the office asks: {what} {order}")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        try:
            answered = await world.ask(httpx.Request("POST", f"{HANDOFF}/internal/{what}", json=order, headers=headers))
        except Gone:
            return None
        world.tell(f"    the office < {answered.status_code} {answered.text[:200]}")
        if answered.status_code == 503:
            return None
        if answered.status_code not in (200, 404, 409):
            world.violate(f"the office is answered {answered.status_code} to {what}: {answered.text[:200]}")
        return answered
