"""Measures CPU microseconds per turn, for each store, beside an echo and a bare turn on that store, all in one run.

32 customers at once, each on its own connection, one message after the other. CPU is what the kernel charged the
server's process, all threads, per answered request; Redis's own is a figure apart. What is compared takes turns within
each round, so that whatever else the machine does falls on all of it. The figures are the least of all rounds, since
a shared machine only ever adds; `medians` has the medians.

    echo_us      an ASGI app that gives back the body
    store_us     load and commit of a real conversation in the real store, in a process of its own
    floor_us     the bare turn of this store (tests/bench/servers.py)
    button_us    a button by the Rasa REST route, with guard, ledger, worker and bell
    typed_us     a sentence by the same route
    widget_us    a button by the widget's route: with its token, and the limits, which on Redis are one more script
    *_redis_us   what the Redis server was charged meanwhile
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx

from bot.command_line import Server
from bot.importing import ImportOrder
from bot.internal import LinkOrder
from tests.bench.load import CUSTOMERS, Letter, Write, cpu, send, serving
from tests.bench.servers import prepare
from tests.servers import RedisServer, redis
from tests.tools import free_port

CHATS = [f"bench{n}" for n in range(CUSTOMERS)]
BUTTONS = ["/method card", "/method bank"]
TYPED = ["actually make it 50", "no, 110", "by card please", "$72.50 from my bank account"]
PATH = "/webhooks/rest/webhook"
WARM_UP = 20  # turns of each customer that nobody counts
PAGES = 9  # conversations of each customer by the widget, in turn: one alone would meet its limit
Figures = dict[str, float]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--turns", type=int, default=90, help="of each customer in each round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true", help="nothing but the last line")
    chosen = options.parse_args()
    found: dict[str, dict[str, object]] = {}
    with redis(appendonly="yes") as server, tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with server.client() as client:
            prepare(CHATS, folder, client)
        for store in ("sqlite", "redis"):
            bench = Bench(store, folder / store, server)
            rounds = asyncio.run(bench.measure(folder, chosen.turns, chosen.rounds))
            least = {name: round(min(each[name] for each in rounds), 1) for name in rounds[0]}
            medians = {name: round(median(each[name] for each in rounds), 1) for name in rounds[0]}
            found[store] = {**least, "medians": medians}
            if not chosen.json:
                show(store, least, medians)
    print(json.dumps(found))


def show(store: str, least: Figures, medians: Figures) -> None:
    print(f"{store}: microseconds of CPU per turn\n{'':>16} {'least':>8} {'':>9} {'median':>8}")
    for name in least:
        shares = [f"{one[name]:8.1f} {one[name] / one['floor_us']:5.2f} x" for one in (least, medians)]
        print(f"{name:>16} {'   '.join(shares)}")
    print("  (x: of the floor)\n")


class Bench:
    """The assistant on one store, and what it is held against."""

    def __init__(self, store: str, data: Path, server: RedisServer) -> None:
        self.store = store
        self.data = data
        self.server = server
        self.port = free_port()
        self.pages: list[tuple[str, str]] = []  # conversations by the widget: id and token

    async def measure(self, folder: Path, turns: int, rounds: int) -> list[Figures]:
        with ExitStack() as stack:
            place = str(folder) if self.store == "sqlite" else self.server.url
            echo_port, floor_port = free_port(), free_port()
            rods = "-m", "tests.bench.servers"
            echo = stack.enter_context(serving(echo_port, *rods, "echo", str(echo_port), place))
            floor = stack.enter_context(serving(floor_port, *rods, self.store, str(floor_port), place))
            remit = stack.enter_context(serving(self.port, "-m", "bot", "serve", env=self._settings()))
            await self._begin()
            asked: dict[str, tuple[int, int, Write]] = {
                "echo": (echo, echo_port, press),
                "floor": (floor, floor_port, press),
                "button": (remit, self.port, press),
                "typed": (remit, self.port, say),
                "widget": (remit, self.port, self._click),
            }
            for _, port, write in asked.values():
                await send(port, write, WARM_UP)
            figures = [await self._round(asked, turns, WARM_UP + n * turns) for n in range(rounds)]
        # one process at a time opens a store's file
        return [{**each, "store_us": self._bare_store(turns)} for each in figures]

    async def _round(self, asked: dict[str, tuple[int, int, Write]], turns: int, begin: int) -> Figures:
        figures: Figures = {}
        for name, (pid, port, write) in asked.items():
            with self._charged(pid, name, turns * CUSTOMERS, figures):
                await send(port, write, turns, begin)
        figures.pop("echo_redis_us", None)
        return figures

    @contextmanager
    def _charged(self, pid: int, name: str, count: int, figures: Figures) -> Iterator[None]:
        """Note what a process, and the Redis server, were charged for each of ``count`` answers."""
        charged = {f"{name}_us": pid}
        if self.store == "redis":
            assert self.server.process is not None
            charged[f"{name}_redis_us"] = self.server.process.pid
        before = {each: cpu(charged[each]) for each in charged}
        yield
        figures |= {each: (cpu(charged[each]) - before[each]) / count / 1000 for each in charged}

    def _settings(self) -> dict[str, str]:
        return os.environ | {
            "REMIT_SERVER__PORT": str(self.port),
            "REMIT_SERVER__DATA": str(self.data),
            "REMIT_GATEWAY__URL": "http://127.0.0.1:9",  # never called in a measured turn
            "REMIT_GATEWAY__KEY": "bench",
            "REMIT_GATEWAY__WEBHOOK_SECRET": "bench",
            "REMIT_REDIS_URL": self.server.url if self.store == "redis" else "",
        }

    async def _begin(self) -> None:
        """An invoice for each customer, and conversations that show its quote."""
        rows = [f"B-{n:04},{chat},94107,120.00,2026-01-02,2099-01-02" for n, chat in enumerate(CHATS)]
        sheet = "\n".join(["invoice number,customer,zip,amount,date,due date", *rows]).encode()
        while (server := await Server.find(self.data)) is None:  # noqa: ASYNC110  # another process: it tells no event
            await asyncio.sleep(0.1)
        outcome = await server.import_files(ImportOrder([("bench.csv", sheet)], dry_run=False))
        assert outcome["imported"] == CUSTOMERS, outcome
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as http:
            for who, chat in enumerate(CHATS):
                (link,) = await server.links(LinkOrder(f"B-{who:04}"))
                for text in (f"/start {link['token']}", BUTTONS[0]):
                    shown = await http.post(PATH, json={"sender": chat, "message": text})
                assert "Is this right?" in shown.text, shown.text
                for _ in range(PAGES):
                    begun = (await http.post("/api/v1/conversations", json={"pay_link": link["token"]})).json()
                    self.pages.append((begun["id"], begun["token"]))
        await server.close()

    def _click(self, who: int, n: int) -> Letter:
        conversation, token = self.pages[who * PAGES + n % PAGES]
        said = {"id": f"m{n}", "choice": BUTTONS[n // PAGES % len(BUTTONS)]}
        return Letter(f"/api/v1/conversations/{conversation}/messages", json.dumps(said).encode(), f"Bearer {token}")

    def _bare_store(self, turns: int) -> float:
        """In a process of its own: this one has the load's own work on its bill."""
        place = self.server.url if self.store == "redis" else str(self.data / "conversations.db")
        order = [sys.executable, "-m", "tests.bench.bare", self.store, place, str(turns)]
        return float(subprocess.run(order, check=True, stdout=subprocess.PIPE).stdout)


def press(who: int, n: int) -> Letter:
    return _letter(who, BUTTONS[n % len(BUTTONS)])


def say(who: int, n: int) -> Letter:
    return _letter(who, TYPED[n % len(TYPED)])


def _letter(who: int, text: str) -> Letter:
    return Letter(PATH, json.dumps({"sender": CHATS[who], "message": text}).encode())


if __name__ == "__main__":
    main()
