"""What the command line asks of a running server, over the token in the data folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx
import msgspec

from bot.channels.base import Inbound
from bot.importing import ImportOrder, Told
from bot.internal import InviteOrder, LinkOrder, SendOrder, Since, UnlockOrder, read_address
from bot.invitations import Outcome as Invited
from bot.send_links import Outcome
from bot.stores.base import Message
from services.errors import Malformed, Unavailable
from services.invoices.sheet import Progress


class Server:
    """The running server of one data folder, also after it was started again there.

    Every call raises `Unavailable` when it does not answer, `Malformed` when it refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._http = httpx.AsyncClient(timeout=120, trust_env=False)

    @classmethod
    async def find(cls, folder: Path) -> "Server | None":
        """The server that uses this folder now, or None when none is running."""
        address = read_address(folder)
        if address is None:
            return None
        server = cls(folder)
        try:
            await server._http.get(f"{address.url}/healthz", timeout=2)
        except httpx.TransportError:
            await server.close()
            return None
        return server

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def import_files(self, order: ImportOrder, progress: Progress | None = None) -> dict[str, Any]:
        """Import into the running server's book; the answer as `remit import --json` prints it. ``progress`` hears how far it is."""
        if progress is None:
            answer = await self._post("/internal/import", msgspec.msgpack.encode(order))
            return msgspec.json.decode(answer, type=dict[str, Any])
        order = msgspec.structs.replace(order, is_watched=True)
        async with self._sent("/internal/import", msgspec.msgpack.encode(order)) as lines:
            async for line in lines.aiter_lines():
                told = msgspec.json.decode(line, type=Told)
                if told.trouble:
                    raise Unavailable(told.trouble)
                if told.outcome is not None:
                    return told.outcome
                progress(told.stage, told.done, told.of)
        raise Unavailable("the server stopped answering; import again: what is in the book already is left unchanged")

    async def links(self, order: LinkOrder) -> list[dict[str, str | int]]:
        """A fresh pay link for every invoice with this number."""
        return msgspec.json.decode(
            await self._post("/internal/link", msgspec.json.encode(order)), type=list[dict[str, str | int]]
        )

    async def send_links(self, order: SendOrder) -> Outcome:
        """E-mail pay links; what became of each invoice's letter."""
        return msgspec.json.decode(await self._post("/internal/send-links", msgspec.json.encode(order)), type=Outcome)

    async def invite(self, order: InviteOrder) -> Invited:
        """E-mail invitations to sign in; what became of each customer's."""
        return msgspec.json.decode(await self._post("/internal/invite", msgspec.json.encode(order)), type=Invited)

    async def unlock(self, email: str) -> bool:
        """Let an address be signed in with again after too many wrong codes; whether any had been counted."""
        answer = await self._post("/internal/unlock", msgspec.json.encode(UnlockOrder(email)))
        return msgspec.json.decode(answer, type=dict[str, bool])["unlocked"]

    async def say(self, inbound: Inbound) -> list[Message]:
        return msgspec.json.decode(await self._post("/internal/turn", msgspec.json.encode(inbound)), type=list[Message])

    async def since(self, chat: str, seq: int) -> list[Message]:
        body = msgspec.json.encode(Since(chat, seq))
        return msgspec.json.decode(await self._post("/internal/since", body), type=list[Message])

    async def bounce(self, message: bytes) -> Any:
        """A message to the sender's address, as it came; what it was (`services.bounces.Verdict`)."""
        return msgspec.json.decode(await self._post("/internal/bounce", message))

    async def ask(self, what: str, order: msgspec.Struct) -> Any:
        """One of the questions of `bot.office`; the answer as it is printed with ``--json``."""
        return msgspec.json.decode(await self._post(f"/internal/{what}", msgspec.json.encode(order)))

    async def stream(self, what: str, order: msgspec.Struct) -> AsyncIterator[bytes]:
        """An answer in pieces, as it comes. Raises `Unavailable` in the middle where the rest of it does not come."""
        async with self._sent(f"/internal/{what}", msgspec.json.encode(order)) as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    async def _post(self, path: str, body: bytes) -> bytes:
        async with self._sent(path, body) as answer:
            return await answer.aread()

    @asynccontextmanager
    async def _sent(self, path: str, body: bytes) -> AsyncIterator[httpx.Response]:
        """The answer to an order, begun; raises what is against it."""
        address = read_address(self._folder)  # each time: a server that was started again has a new token
        if address is None:
            raise Unavailable("the server is just starting; try again in a moment")
        headers = {"Authorization": f"Bearer {address.token}"}
        try:
            async with self._http.stream("POST", address.url + path, content=body, headers=headers) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    _refuse(answer)
                yield answer
        except httpx.TransportError as error:
            raise Unavailable(f"the server stopped answering ({type(error).__name__}); is it still running?") from error


def _refuse(answer: httpx.Response) -> NoReturn:
    fault = answer.json()["error"] if answer.headers.get("content-type") == "application/json" else {}
    refused = Unavailable if answer.status_code in (401, 503) else Malformed  # 401: that token is the next one's
    raise refused(str(fault.get("message", f"the server answered {answer.status_code}")))
