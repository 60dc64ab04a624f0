"""A front end of the Rasa REST channel, as its users write one: it knows the wire and nothing else."""

import json
from typing import Any

import httpx
from world import World

URL = "http://remit/webhooks/rest/webhook"

Reply = dict[str, Any]


class FrontEnd:
    """One conversation, by its sender id."""

    def __init__(self, world: World, sender: str) -> None:
        self.world = world
        self.sender = sender
        self.link = ""
        self.buttons: list[Reply] = []

    async def send(self, text: str, **metadata: str) -> list[Reply]:
        """Send one message; whatever else it says, the answer has to be a right one of the channel."""
        self.world.clock.advance(seconds=3)  # customers take their time, and what they see grows old
        said: dict[str, object] = {"sender": self.sender, "message": text}
        answer = await self.post(json.dumps(said | ({"metadata": metadata} if metadata else {})).encode())
        assert answer.status_code == 200, answer.text
        replies: list[Reply] = answer.json()
        self._look(replies)
        return replies

    async def post(self, body: bytes, url: str = URL) -> httpx.Response:
        return await self.world.browser.post(url, content=body, headers={"content-type": "application/json"})

    async def press(self, title: str, **metadata: str) -> list[Reply]:
        return await self.send(self.payload(title), **metadata)

    def payload(self, title: str) -> str:
        (found,) = [button["payload"] for button in self.buttons if button["title"] == title]
        return str(found)

    def _look(self, replies: list[Reply]) -> None:
        shown = [button for reply in replies for button in reply.get("buttons", [])]
        self.buttons = shown or self.buttons
        for reply in replies:
            assert reply["recipient_id"] == self.sender
            assert None not in reply.values(), "null keys are left out"
            self.link = reply.get("custom", {}).get("link", {}).get("url", self.link)

    async def to_the_quote(self, number: str = "INV-1042") -> list[Reply]:
        await self.send(f"/start {await self.world.link(number)}")
        return await self.send("/method card")

    async def to_the_page(self, number: str = "INV-1042") -> str:
        """Agree to all of it by card; answers with the address of the hosted page."""
        await self.to_the_quote(number)
        await self.send(next(b["payload"] for b in self.buttons if b["payload"].startswith("/agree ")))
        return await self.world.page(self.link)


def words(replies: list[Reply]) -> str:
    return "\n".join(reply["text"] for reply in replies if "text" in reply)
