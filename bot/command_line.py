"""What the command line asks of a running server, over the token in the data folder."""

import json
from pathlib import Path

import httpx
import msgspec

from bot.channels.base import Inbound
from bot.internal import FILE, ImportOrder, LinkOrder, Since
from bot.stores.base import Message
from services.errors import Malformed, Unavailable


class Server:
    """The running server of one data folder. Every call raises `Unavailable` when it does not answer."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120, trust_env=False
        )

    @classmethod
    async def find(cls, folder: Path) -> "Server | None":
        """The server that uses this folder now, or None when none is running."""
        try:
            found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        server = cls(found["url"], found["token"])
        try:
            await server._http.get("/healthz", timeout=2)
        except httpx.TransportError:
            return None
        return server

    async def import_files(self, order: ImportOrder) -> dict[str, object]:
        """Import into the running server's book; the answer as `remit import --json` prints it."""
        answer = await self._post("/internal/import", msgspec.msgpack.encode(order))
        return msgspec.json.decode(answer, type=dict[str, object])

    async def links(self, order: LinkOrder) -> list[dict[str, str | int]]:
        """A fresh pay link for every invoice with this number."""
        return msgspec.json.decode(
            await self._post("/internal/link", msgspec.json.encode(order)), type=list[dict[str, str | int]]
        )

    async def say(self, inbound: Inbound) -> list[Message]:
        return msgspec.json.decode(await self._post("/internal/turn", msgspec.json.encode(inbound)), type=list[Message])

    async def since(self, chat: str, seq: int) -> list[Message]:
        body = msgspec.json.encode(Since(chat, seq))
        return msgspec.json.decode(await self._post("/internal/since", body), type=list[Message])

    async def _post(self, path: str, body: bytes) -> bytes:
        try:
            answer = await self._http.post(path, content=body)
        except httpx.TransportError as error:
            raise Unavailable(f"the server stopped answering ({type(error).__name__}); is it still running?") from error
        if answer.status_code != 200:
            fault = answer.json()["error"] if answer.headers.get("content-type") == "application/json" else {}
            raise Malformed(str(fault.get("message", f"the server answered {answer.status_code}")))
        return answer.content
