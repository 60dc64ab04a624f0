"""The processes of one soak: the assistant, which is killed, and the sandbox, which is the world outside and is not."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bot.command_line import Server
from bot.internal import LinkOrder
from tests.process.running import Marked, bills, first_line
from tests.servers import RedisServer, postgres, redis
from tests.tools import free_port

UP_SECONDS = 60
EMBEDDED, MANY = "embedded", "workers"


class House:
    """One assistant with its stores. Killing it is the point; ``lost`` counts how often its conversations were."""

    def __init__(self, folder: Path, owed: dict[str, int], kind: str, stack: ExitStack) -> None:
        self.kind = kind
        self.owed = owed
        self.lost = 0
        self.closing = False  # whoever is in finishes; nobody else comes
        self.redis: RedisServer | None = None
        self._marked = Marked(folder)
        self._stack = stack
        self._main: subprocess.Popen[bytes] | None = None
        port, aside = free_port(), free_port()
        self.chat, self.sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{aside}"
        self.ledger = f"sqlite:///file:{folder / '.remit' / 'ledger.db'}?mode=ro&uri=true"
        self._marked.environment |= {
            "REMIT_SANDBOX_API_KEY": "key",
            "REMIT_SANDBOX_WEBHOOK_SECRET": "secret",
            "REMIT_SERVER__PORT": str(port),
            "REMIT_INVOICES__SOURCES": '["portal"]',
            "REMIT_INVOICES__PORTAL_URL": f"{self.sandbox}/portal",
            "REMIT_INVOICES__PORTAL_KEY": "key",
            "REMIT_GATEWAY__URL": f"{self.sandbox}/processor",
            "REMIT_GATEWAY__KEY": "key",
            "REMIT_GATEWAY__WEBHOOK_SECRET": "secret",
        }
        if kind == MANY:
            self._on_servers()
        self._start_sandbox(aside)

    def _on_servers(self) -> None:
        self.redis = self._stack.enter_context(redis(appendonly="yes", appendfsync="always"))
        self.ledger = self._stack.enter_context(postgres()).database()
        self._marked.environment |= {"REMIT_REDIS_URL": self.redis.url, "REMIT_DATABASE_URL": self.ledger}

    def _start_sandbox(self, port: int) -> None:
        owed = bills(self.folder / "bills.toml", self.owed)
        order = ("--port", str(port), "--webhook", f"{self.chat}/webhooks/payments/sandbox", "--smtp-port", "0")
        started = self._marked.start("services.sandbox", *order, "--demo", str(owed))
        first_line(self._stack.enter_context(started))

    @property
    def folder(self) -> Path:
        return self._marked.folder

    @property
    def conversations(self) -> Path:
        return self.folder / ".remit" / "conversations.db"

    def log(self) -> str:
        return self._marked.log()

    def sweep(self) -> None:
        self._marked.sweep()

    # --- life and death ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the assistant, and do not wait for it."""
        words = ("serve", "--workers", "2") if self.kind == MANY else ("serve",)
        with (self.folder / "stderr.log").open("ab") as log:
            self._main = subprocess.Popen(
                self._marked.command("bot", *words),
                cwd=self.folder,
                env=self._marked.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to all of the assistant at once, as when the machine's power goes."""
        assert self._main is not None
        for pid in (*self.workers(), self._main.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._main.wait()

    def kill_one(self, chance: random.Random) -> bool:
        """SIGKILL to one worker; False when there is none to kill just now. Its parent starts another."""
        workers = self.workers()
        if not workers:
            return False
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)
        return True

    def workers(self) -> list[int]:
        """The processes below the main one."""
        assert self._main is not None
        return [pid for pid in self._marked.alive("bot") if _parent(pid) == self._main.pid]

    def running(self) -> bool:
        return self._main is not None and self._main.poll() is None

    def forget(self) -> None:
        """FLUSHALL: every conversation is gone."""
        assert self.redis is not None
        self.lost += 1
        with self.redis.client() as client:
            client.flushall()

    def kill_redis(self) -> None:
        """SIGKILL to Redis, and up again on its file, which has every write that was acknowledged."""
        assert self.redis is not None
        self.redis.kill()
        self.redis.start()

    async def up(self) -> None:
        """Wait until the assistant answers."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            for _ in range(UP_SECONDS * 20):
                with suppress(httpx.HTTPError):
                    if (await http.get(f"{self.chat}/readyz")).status_code == 200:
                        return
                if not self.running():
                    raise AssertionError(f"the assistant ended by itself:\n{self.log()[-3000:]}")
                await asyncio.sleep(0.05)
        raise AssertionError(f"the assistant is not up within {UP_SECONDS} s:\n{self.log()[-3000:]}")

    async def pay_links(self, numbers: list[str]) -> dict[str, str]:
        """A token for each of these invoices."""
        server = await Server.find(self.folder / ".remit")
        assert server is not None
        try:
            return {number: str((await server.links(LinkOrder(number)))[0]["token"]) for number in numbers}
        finally:
            await server.close()

    # --- the world outside ---------------------------------------------------------------------------------------

    async def control(self, what: str, **order: object) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            (await http.post(f"{self.sandbox}/control/{what}", json=order)).raise_for_status()

    async def look(self, what: str) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return (await http.get(f"{self.sandbox}/control/{what}")).raise_for_status().json()


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it ended while we looked


@contextmanager
def house(folder: Path, owed: dict[str, int], kind: str) -> Iterator[House]:
    """A house that leaves no process behind."""
    with ExitStack() as stack:
        made = House(folder, owed, kind, stack)
        stack.callback(made.sweep)
        yield made
