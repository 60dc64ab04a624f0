"""Real processes, started as their users start them, and found again by a mark in their environment."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from services.sandbox.rehearsal import BANK, CARD

PATIENCE_SECONDS = 30
MARK = "REMIT_TEST_MARK"
Found = TypeVar("Found")


def soon(look: Callable[[], Found], what: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """Look again and again until something true is found."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_port() -> int:
    """A port that nobody uses, low enough for those that the sandbox takes above it."""
    for port in range(20_000 + os.getpid() % 5_000, 40_000, 7):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")


ZIP = "94107"  # of everybody who owes one of the `bills`


def bills(file: Path, sums: Mapping[str, int]) -> Path:
    """The sandbox's demo data with these invoices: number -> minor units of USD; each has a customer of its own."""
    business = '[business]\nname = "Green Lane"\nphone = "555"\nemail = "bill@example.com"\n'
    owed = [
        f'[[customers]]\nid = "c-{number}"\nname = "Dana Lee"\nzip = "{ZIP}"\nemail = ""\n'
        f'[[invoices]]\nid = "{number.lower()}"\nnumber = "{number}"\ncustomer = "c-{number}"\n'
        f'total_minor = {minor}\ncurrency = "USD"\nissued_in_days = -9\ndue_in_days = 21\n'
        for number, minor in sums.items()
    ]
    file.write_text(business + "".join(owed), encoding="utf-8")
    return file


class Marked:
    """All processes that carry one mark: those started with it, and what they started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
        self.environment = clean | {MARK: self.mark}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", *arguments]

    def run(self, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        """One command of the command line, to its end."""
        return subprocess.run(
            self.command("bot", *arguments),
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    @contextmanager
    def start(self, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
        """A process that goes on until it is told to stop at the end."""
        with (self.folder / "stderr.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert process.stdout is not None
        with process.stdout:
            try:
                yield process
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                process.wait()

    def sweep(self) -> None:
        """End whatever a failed test left behind."""
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)

    def alive(self, *words: str) -> list[int]:
        """Ids of the living processes with our mark whose command line has these words in a row."""
        wanted, found = f"{MARK}={self.mark}".encode(), []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                marked = wanted in (entry / "environ").read_bytes().split(b"\0")
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue  # it ended while we looked
            if marked and not dead and " ".join(words) in line:
                found.append(int(entry.name))
        return found

    def kill(self, *words: str) -> int:
        """kill -9 of the one process with these words; answers with the id it had."""
        (pid,) = self.alive(*words)
        os.kill(pid, signal.SIGKILL)
        return pid

    def log(self) -> str:
        return (self.folder / "stderr.log").read_text(errors="replace")


def first_line(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
    assert ready, "nothing was said on standard output"
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


class Customer:
    """Someone at a Rasa front end and with a browser."""

    def __init__(self, chat: str, sandbox: str) -> None:
        self._rasa = f"{chat}/webhooks/rest/webhook"
        self._sandbox = sandbox
        self._sender = uuid.uuid4().hex
        self._http = httpx.Client(trust_env=False, timeout=20, follow_redirects=False)
        self.heard = ""
        self.buttons: dict[str, str] = {}
        self.link = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self._http.close()

    def say(self, text: str) -> str:
        answer = self._http.post(self._rasa, json={"sender": self._sender, "message": text})
        assert answer.status_code == 200, answer.text
        replies = answer.json()
        for reply in replies:
            self.buttons |= {button["title"]: button["payload"] for button in reply.get("buttons", [])}
            self.link = reply.get("custom", {}).get("link", {}).get("url", self.link)
        said = "\n".join(reply["text"] for reply in replies if "text" in reply)
        self.heard += said + "\n"
        return said

    def press(self, title: str) -> str:
        return self.say(self.buttons[title])

    def hears(self, sentence: str) -> None:
        """Ask until it is told. A server that is being started again may not answer for a moment."""
        soon(lambda: sentence in self.heard or sentence in self._ask(), f"{sentence!r} in {self.heard[-500:]!r}")

    def _ask(self) -> str:
        time.sleep(0.1)
        try:
            return self.say("/status")
        except httpx.TransportError:
            return ""

    def page(self) -> str:
        """Follow the hand-off link to the hosted page."""
        answer = self._http.get(self.link)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def submit(self, page: str, **fields: str) -> None:
        assert self._http.post(page, data=fields).status_code < 500

    def pay_by_card(self, page: str) -> None:
        self.submit(page, **(CARD | {"number": "4242424242424242"}))

    def pay_by_bank(self, page: str, account: str) -> None:
        self.submit(page, **(BANK | {"account": account}))

    def control(self, what: str, **order: object) -> None:
        answer = self._http.post(f"{self._sandbox}/control/{what}", json=order)
        assert answer.status_code == 200, answer.text

    def due(self, number: str) -> int:
        return int(self._http.get(f"{self._sandbox}/control/invoices/{number}").json()["due_minor"])

    def taken(self, number: str) -> list[str]:
        """The states of all payments of one invoice in the processor's own book."""
        rows = self._http.get(f"{self._sandbox}/control/book").json()
        return [row["state"] for row in rows if number in row["invoices"]]

    @property
    def references(self) -> set[str]:
        return set(re.findall(r"RM-[0-9A-Z-]+", self.heard))


class Demo:
    """A running demo: what its first line said, and how long that took."""

    def __init__(self, marked: Marked, process: "subprocess.Popen[bytes]", port: int, started: float) -> None:
        self.marked, self.process, self.port = marked, process, port
        self.said = first_line(process)
        self.seconds = time.monotonic() - started

    def customer(self) -> Customer:
        return Customer(self.said["chat"], self.said["sandbox"])

    def token(self, number: str) -> str:
        (token,) = [link["token"] for link in self.said["pay_links"] if link["invoice"] == number]
        return str(token)

    def at_the_quote(self, number: str, button: str = "Card") -> Customer:
        customer = self.customer()
        customer.say(f"/start {self.token(number)}")
        customer.press(button)
        return customer


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    marked, port, started = Marked(folder), free_port(), time.monotonic()
    try:
        with marked.start("bot", "demo", "--json", "--port", str(port)) as process:
            yield Demo(marked, process, port, started)
    finally:
        marked.sweep()
