"""A business in WhatsApp, and a customer's phone: what the tests of this folder share."""

import json

import httpx
from graph_api import GraphApi, Json, Phone, Shown, signature
from world import HANDOFF, World

from bot.channels.base import in_letters

ROUTE = f"{HANDOFF}/webhooks/whatsapp"
PAID_CARD = "4242424242424242"


class Texting:
    """A business with a number in WhatsApp, and one customer's phone."""

    def __init__(self, world: World, api: GraphApi, **phone: str) -> None:
        self.world, self.api, self.phone = world, api, Phone(api, **phone)

    @property
    def chat(self) -> str:
        return f"whatsapp:{in_letters(self.phone.address)}"

    async def post(self, body: bytes, told: str | None = None) -> httpx.Response:
        """What Meta does with a webhook: ``told`` is its signature, by default the right one."""
        told = signature(body) if told is None else told
        return await self.world.browser.post(ROUTE, content=body, headers={b"X-Hub-Signature-256": told.encode()})

    async def deliver(self, webhook: Json) -> int:
        return (await self.post(json.dumps(webhook).encode())).status_code

    async def settle(self) -> None:
        await self.world.remit.postman.drain()
        await self.world.work()
        await self.world.remit.deliverer.work()

    async def says(self, text: str) -> list[str]:
        """Write a text; what the business says to it."""
        return await self.told(self.phone.says(text))

    async def presses(self, title: str) -> list[str]:
        return await self.told(self.phone.presses(title))

    async def told(self, webhook: Json) -> list[str]:
        self.world.clock.advance(seconds=2)
        before = {shown.id for shown in self.phone.screen}
        assert await self.deliver(webhook) == 200
        await self.settle()
        return self._fresh(before)

    def _fresh(self, before: set[str]) -> list[str]:
        return [shown.text for shown in self.phone.screen if shown.ours and shown.id not in before]

    async def opens(self, number: str = "INV-1042") -> list[str]:
        """Follow the pay link of an invoice into WhatsApp."""
        return await self.says(f"/start {await self.world.link(number)}")

    async def pays(self, number: str = PAID_CARD, kind: str = "card") -> list[str]:
        """On the page behind the last link in the chat."""
        self.world.clock.advance(seconds=2)
        before = {shown.id for shown in self.phone.screen}
        pay = self.world.pay_by_card if kind == "card" else self.world.pay_by_bank
        text = next(shown.text for shown in reversed(self.phone.screen) if "/go/" in shown.text)
        await pay(await self.world.page(next(line for line in text.split("\n") if "/go/" in line)), number)
        await self.settle()
        return self._fresh(before)

    async def later(self, **step: int) -> list[str]:
        """What the business says meanwhile without a word of the customer's."""
        before = {shown.id for shown in self.phone.screen}
        await self.world.wait(**step)
        await self.settle()
        return self._fresh(before)

    async def days(self, count: int) -> list[str]:
        return [text for _ in range(count) for text in await self.later(days=1)]

    def last(self) -> Shown:
        return [shown for shown in self.phone.screen if shown.ours][-1]
