"""Measures CPU microseconds per turn of the whole REST path, beside an echo and a bare turn, all in one run.

32 customers at once, each on its own connection, one message after the other. CPU is what the kernel charged the
server's process, all threads, per answered request; the best of several rounds, since a shared machine only ever adds.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from bot.command_line import Server
from bot.internal import ImportOrder, LinkOrder
from bot.stores.base import Commit
from bot.stores.sqlite import SqliteStore
from tests.bench.servers import prepare

CUSTOMERS = 32
CHATS = [f"bench{n}" for n in range(CUSTOMERS)]
BUTTONS = ["/method card", "/method bank"]
TYPED = ["actually make it 50", "no, 110", "by card please", "$72.50 from my bank account"]
PATH = "/webhooks/rest/webhook"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=150, help="of each customer in each round")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), chosen.turns, chosen.rounds))
    if not chosen.json:
        floor = figures["floor_us"]
        for name, value in figures.items():
            print(f"{name:>10} {value:7.1f}   {value / floor:5.2f} x floor")
    print(json.dumps({"sqlite": figures}))


async def measure(folder: Path, turns: int, rounds: int) -> dict[str, float]:
    prepare(folder, CHATS)
    echo = lambda chat, n: {"sender": chat, "message": BUTTONS[n % 2]}  # noqa: E731  # read beside its brothers
    with serving("-m", "tests.bench.servers", "echo", echo_port := str(free_port()), str(folder)) as process:
        echo_us = await best(process.pid, int(echo_port), echo, turns, rounds)
    with serving("-m", "tests.bench.servers", "floor", port := str(free_port()), str(folder)) as process:
        floor_us = await best(process.pid, int(port), echo, turns, rounds)
    port = str(free_port())
    with serving("-m", "bot", "serve", env=assistant(folder, port)) as process:
        state = await begin_payments(folder, int(port))
        buttons = lambda chat, n: {"sender": chat, "message": BUTTONS[n % len(BUTTONS)]}  # noqa: E731
        typed = lambda chat, n: {"sender": chat, "message": TYPED[n % len(TYPED)]}  # noqa: E731
        button_us = await best(process.pid, int(port), buttons, turns, rounds)
        typed_us = await best(process.pid, int(port), typed, turns, rounds)
    store_us = await bare_store(folder, turns)
    print(f"state of a conversation at the quote: {state} bytes", file=sys.stderr)
    return {
        "echo_us": round(echo_us, 1),
        "store_us": round(store_us, 1),
        "floor_us": round(floor_us, 1),
        "button_us": round(button_us, 1),
        "typed_us": round(typed_us, 1),
    }


def assistant(folder: Path, port: str) -> dict[str, str]:
    return os.environ | {
        "REMIT_SERVER__PORT": port,
        "REMIT_SERVER__DATA": str(folder / "data"),
        "REMIT_GATEWAY__URL": "http://127.0.0.1:9",  # never called in a measured turn
        "REMIT_GATEWAY__KEY": "bench",
        "REMIT_GATEWAY__WEBHOOK_SECRET": "bench",
    }


async def begin_payments(folder: Path, port: int) -> int:
    """An invoice and a running payment for each customer; answers with the size of one state."""
    rows = [f"B-{n:04},{chat},94107,120.00,2026-01-02,2099-01-02" for n, chat in enumerate(CHATS)]
    sheet = "\n".join(["invoice number,customer,zip,amount,date,due date", *rows]).encode()
    server = None
    while server is None:
        await asyncio.sleep(0.1)
        server = await Server.find(folder / "data")
    outcome = await server.import_files(ImportOrder([("bench.csv", sheet)], dry_run=False))
    assert outcome["imported"] == CUSTOMERS, outcome
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        for n, chat in enumerate(CHATS):
            (link,) = await server.links(LinkOrder(f"B-{n:04}"))
            for text in (f"/start {link['token']}", "/method card"):
                answer = await http.post(PATH, json={"sender": chat, "message": text})
                assert answer.status_code == 200, answer.text
            assert "Is this right?" in answer.text, answer.text
    store = SqliteStore(str(folder / "data" / "conversations.db"))
    found = await store.load(f"rasa:{CHATS[0]}", "")
    store.close()
    return len(msgspec.json.encode(found.talk))


async def bare_store(folder: Path, turns: int) -> float:
    """Load and commit of real conversations through the real store, nothing else."""
    store = SqliteStore(str(folder / "data" / "conversations.db"))

    async def one(chat: str) -> None:
        for _ in range(turns):
            found = await store.load(chat, "m")
            talk = msgspec.structs.replace(found.talk, version=found.talk.version + 1)
            at = talk.heard_at
            assert await store.commit(Commit(talk, found.talk.version, found.seq, found.given, at))

    before = time.process_time()
    await asyncio.gather(*(one(f"rasa:{chat}") for chat in CHATS))
    spent = time.process_time() - before
    store.close()
    return spent / (turns * CUSTOMERS) * 1e6


# --- load -----------------------------------------------------------------------------------------------------------


async def best(pid: int, port: int, message: Callable[[str, int], dict], turns: int, rounds: int) -> float:
    """The least CPU per answered request over several rounds, in microseconds."""
    await load(port, message, 20)
    figures = []
    for _ in range(rounds):
        before = cpu(pid)
        await load(port, message, turns)
        figures.append((cpu(pid) - before) / (turns * CUSTOMERS) / 1000)
    return min(figures)


async def load(port: int, message: Callable[[str, int], dict], turns: int) -> None:
    await asyncio.gather(*(customer(port, message, chat, turns) for chat in CHATS))


async def customer(port: int, message: Callable[[str, int], dict], chat: str, turns: int) -> None:
    """One customer on one connection. Plain bytes: the client must never be the slow side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for n in range(turns):
        body = json.dumps(message(chat, n)).encode()
        writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        if b"content-length:" in head:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        else:
            await reader.readuntil(b"0\r\n\r\n")
    writer.close()


def cpu(pid: int) -> int:
    """Nanoseconds on a processor that the kernel charged all threads of a process."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


@contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, *arguments], env=env)
    try:
        port = int((env or {}).get("REMIT_SERVER__PORT") or arguments[3])
        wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
