"""The load: customers who send one message after the other, and what a process was charged for their answers.

Plain bytes on plain sockets: whoever asks must never be the slow side. What is sent, and to whom, is told elsewhere.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

CUSTOMERS = 32


class Letter(NamedTuple):
    """One request: where to, what, and the Authorization header where one is needed."""

    path: str
    body: bytes
    authorization: str = ""


# The n-th request of a customer. Customers are numbered from 0.
Write = Callable[[int, int], Letter]


async def send(port: int, write: Write, turns: int, begin: int = 0) -> None:
    """Every customer on a connection of its own, ``turns`` requests each, counted from ``begin``."""
    await asyncio.gather(*(_customer(port, write, who, range(begin, begin + turns)) for who in range(CUSTOMERS)))


async def _customer(port: int, write: Write, who: int, turns: range) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.1.{who + 1}", 0))
    for n in turns:
        letter = write(who, n)
        signed = f"Authorization: {letter.authorization}\r\n" if letter.authorization else ""
        head = f"POST {letter.path} HTTP/1.1\r\nHost: x\r\n{signed}Content-Length: {len(letter.body)}\r\n\r\n"
        writer.write(head.encode() + letter.body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        if b"content-length:" in answer:
            await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        else:
            await reader.readuntil(b"0\r\n\r\n")
    writer.close()


def cpu(pid: int) -> int:
    """Nanoseconds on a processor that the kernel charged all threads of a process."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


@contextmanager
def serving(port: int, *arguments: str, env: dict[str, str] | None = None) -> Iterator[int]:
    """A Python program that listens on ``port``; its process id."""
    process = subprocess.Popen([sys.executable, *arguments], env=env)
    try:
        _wait_for(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")
