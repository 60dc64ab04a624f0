"""A business with a bot in Telegram, and a customer's phone: what the tests of this folder share."""

import json
import os
from pathlib import Path

from bot_api import BotApi, Phone, encoded
from world import HANDOFF, World

from bot.app import _webhook_secret

SECRET = _webhook_secret(b"test-secret-of-conversations")
PAID_CARD = "4242424242424242"


def described() -> dict | None:
    """Telegram's published description of its Bot API, where the samples are."""
    samples = os.environ.get("REMIT_SAMPLES")
    file = Path(samples or "nowhere") / "telegram" / "api.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


class Messenger:
    """A business with a bot, and one customer's phone."""

    def __init__(self, world: World, api: BotApi, **phone: object) -> None:
        self.world, self.api, self.phone = world, api, Phone(api, **phone)
        self.link = ""

    async def deliver(self, update: dict | bytes, secret: str = SECRET) -> int:
        """What Telegram does with an update; the status of our answer."""
        body = update if isinstance(update, bytes) else encoded(update)
        headers = {b"X-Telegram-Bot-Api-Secret-Token": secret.encode()} if secret else {}
        answer = await self.world.browser.post(f"{HANDOFF}/webhooks/telegram", content=body, headers=headers)
        return answer.status_code

    async def settle(self) -> None:
        await self.world.remit.telegram.drain()
        await self.world.remit.postman.drain()
        await self.world.work()
        await self.world.remit.deliverer.work()

    async def says(self, text: str) -> list[str]:
        """Write a text; what the bot says to it."""
        return await self._told(self.phone.says(text))

    async def presses(self, title: str) -> list[str]:
        return await self._told(self.phone.presses(title))

    async def _told(self, update: dict) -> list[str]:
        self.world.clock.advance(seconds=2)
        before = {shown.id for shown in self.phone.screen}
        assert await self.deliver(update) == 200
        await self.settle()
        return [shown.text for shown in self.phone.screen if shown.ours and shown.id not in before]

    async def opens(self, number: str = "INV-1042") -> list[str]:
        """Follow the pay link of an invoice into the bot."""
        return await self.says(f"/start {await self.world.link(number)}")

    async def hosted_page(self) -> str:
        """The address of the hosted page behind the last link in the chat."""
        text = next(shown.text for shown in reversed(self.phone.screen) if "/go/" in shown.text)
        return await self.world.page(text.split("\n")[-1])

    async def pays(self, number: str = PAID_CARD, kind: str = "card") -> list[str]:
        self.world.clock.advance(seconds=2)
        before = {shown.id for shown in self.phone.screen}
        pay = self.world.pay_by_card if kind == "card" else self.world.pay_by_bank
        await pay(await self.hosted_page(), number)
        await self.settle()
        return [shown.text for shown in self.phone.screen if shown.ours and shown.id not in before]

    def calls(self, method: str) -> list[dict]:
        return [told for name, told in self.api.calls if name == method]
