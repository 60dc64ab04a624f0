"""`remit serve --workers` as real processes on a real Redis and PostgreSQL: they share the chats, and each may die."""

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import ZIP, Marked, bills, first_line, soon

from bot.api import HEARTBEAT_SECONDS
from services.sandbox.rehearsal import CARD
from tests.servers import PostgresServer, RedisServer, redis
from tests.tools import free_port

NUMBERS = tuple(f"INV-{nth}" for nth in range(3001, 3006))
WORKER = "bot serve --socket"


class House:
    """A supervisor with two workers, and the sandbox."""

    def __init__(self, folder: Path, stores: RedisServer, ledger: str) -> None:
        self.folder, self.redis = folder, stores
        self.marked = Marked(folder)
        port, self._aside = free_port(), free_port()
        self.chat, self.sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{self._aside}"
        self.http = httpx.Client(trust_env=False, timeout=20)
        self.marked.environment |= {
            "REMIT_REDIS_URL": stores.url,
            "REMIT_DATABASE_URL": ledger,
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

    @contextmanager
    def running(self) -> Iterator[None]:
        owed = bills(self.folder / "bills.toml", dict.fromkeys(NUMBERS, 12_000))
        hook = f"{self.chat}/webhooks/payments/sandbox"
        order = ("--port", str(self._aside), "--webhook", hook, "--smtp-port", "0", "--demo", str(owed))
        with self.http, self.marked.start("services.sandbox", *order) as sandbox, self.serving():
            first_line(sandbox)
            yield

    @contextmanager
    def serving(self) -> Iterator[int]:
        """The id of the supervisor."""
        with self.marked.start("bot", "serve", "--workers", "2") as process:
            soon(lambda: len(self.workers()) == 2 and self.ready(), "two workers are up")
            yield process.pid

    def ready(self) -> bool:
        try:
            return self.http.get(f"{self.chat}/readyz", headers={"Connection": "close"}).status_code == 200
        except httpx.TransportError:
            return False

    def workers(self) -> list[int]:
        return sorted(self.marked.alive(WORKER))

    def book(self, number: str) -> list[str]:
        rows = self.http.get(f"{self.sandbox}/control/book").json()
        return [row["state"] for row in rows if number in row["invoices"]]


class Payer:
    """Somebody in a chat on a web page, each message on a line of its own, as behind a load balancer."""

    def __init__(self, house: House) -> None:
        self._house = house
        begun = self._post("", {}, {})
        self._url, self._bearer = f"/{begun['id']}", {"Authorization": f"Bearer {begun['token']}"}
        self.seen: list[dict[str, Any]] = list(begun["messages"])

    def say(self, text: str) -> str:
        """Send it until it is taken in, as the widget does; what was answered."""
        told = {"id": uuid.uuid4().hex, "text": text}
        answered: list[dict[str, Any]] = []

        def sent() -> bool:
            try:
                answered[:] = self._post(f"{self._url}/messages", told, self._bearer)["messages"]
            except httpx.TransportError:  # that worker died with our message; another one answers
                return False
            return True

        soon(sent, f"an answer to {text!r}")
        self.seen += answered
        return "\n".join(message["text"] for message in answered)

    def _post(self, path: str, body: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
        url = f"{self._house.chat}/api/v1/conversations{path}"
        answer = self._house.http.post(url, json=body, headers=headers | {"Connection": "close"})
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def press(self, word: str) -> str:
        choices = [choice for message in self.seen for choice in message["choices"]]
        return self.say([c["payload"] for c in choices if word in c["title"]][-1])

    def to_the_quote(self, number: str) -> None:
        self.say(f"pay {number} by card")
        assert "Is this right?" in self.say(ZIP)

    def page(self) -> str:
        link = next(m["link"]["url"] for m in reversed(self.seen) if m.get("link"))
        return str(self._house.http.get(link, headers={"Connection": "close"}).headers["location"])

    def pay(self, page: str) -> None:
        assert self._house.http.post(page, data=CARD | {"number": "4242424242424242"}).status_code < 500

    def hears(self, sentence: str, after: int) -> list[int]:
        """Listen from this number on until it is said; the numbers of what came."""
        headers = self._bearer | {"Last-Event-ID": str(after)}
        url, numbers, until = f"{self._house.chat}/api/v1/conversations{self._url}/events", [], time.monotonic() + 30
        with self._house.http.stream("GET", url, headers=headers) as line:
            assert line.status_code == 200
            for text in line.iter_lines():
                assert time.monotonic() < until, f"not told: {sentence}"
                if text.startswith("data:"):
                    message = json.loads(text.removeprefix("data:"))
                    numbers.append(message["seq"])
                    if sentence in message["text"]:
                        return numbers
        raise AssertionError("the line ended")


@pytest.fixture(scope="module")
def house(tmp_path_factory, session_postgres: PostgresServer) -> Iterator[House]:
    with redis() as server:
        made = House(tmp_path_factory.mktemp("workers"), server, session_postgres.database())
        try:
            with made.running():
                yield made
        finally:
            made.marked.sweep()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_one_conversation_is_answered_now_by_one_worker_and_now_by_the_other(house):
    payer, (one, other) = Payer(house), house.workers()
    with stopped(one):
        payer.to_the_quote(NUMBERS[0])
    with stopped(other):
        payer.press("Yes, pay")
        page = payer.page()
    with stopped(one):
        payer.pay(page)
        payer.hears("Paid: $120.00", payer.seen[-1]["seq"])
    with stopped(other):
        assert "Paid: $120.00" in payer.say("/status")
    assert house.book(NUMBERS[0]) == ["succeeded"]


def test_what_one_worker_commits_is_heard_on_the_line_of_the_other(house):
    payer, (one, other) = Payer(house), house.workers()
    url = f"{house.chat}/api/v1/conversations{payer._url}/events"
    headers = payer._bearer | {"Last-Event-ID": str(payer.seen[-1]["seq"])}
    with ExitStack() as line:
        with stopped(one):
            lines = line.enter_context(house.http.stream("GET", url, headers=headers)).iter_lines()
            assert next(lines) == ": here"
        with stopped(other):
            payer.say("hello")
            began = time.monotonic()
        assert any(text.startswith("data:") for text in lines)
    assert time.monotonic() - began < HEARTBEAT_SECONDS / 2, "rung, not looked up with the next sign of life"


def test_a_worker_is_killed_and_the_chat_goes_on(house):
    payer = Payer(house)
    payer.to_the_quote(NUMBERS[1])
    before = house.workers()
    os.kill(before[0], signal.SIGKILL)
    payer.press("Yes, pay")
    soon(lambda: len(house.workers()) == 2 and house.workers() != before, "another worker")
    os.kill(before[1], signal.SIGKILL)
    payer.pay(payer.page())
    payer.hears("Paid: $120.00", payer.seen[-1]["seq"])
    assert house.book(NUMBERS[1]) == ["succeeded"]
    soon(lambda: len(house.workers()) == 2, "two again")


def test_redis_is_emptied_in_the_middle_of_a_payment_and_the_result_is_told_above_every_earlier_number(house):
    payer = Payer(house)
    payer.to_the_quote(NUMBERS[2])
    payer.press("Yes, pay")
    page, last = payer.page(), payer.seen[-1]["seq"]
    with house.redis.client() as stores:
        stores.flushall()
    payer.pay(page)
    numbers = payer.hears("Paid: $120.00", last)
    assert numbers == sorted(set(numbers))
    assert numbers[0] > last
    assert "Paid: $120.00" in payer.say("/status")
    assert house.book(NUMBERS[2]) == ["succeeded"]


def test_a_redis_that_is_away_is_said_politely_and_is_dialled_again(house):
    payer = Payer(house)
    house.redis.kill()
    url = f"{house.chat}/api/v1/conversations{payer._url}/messages"
    answer = house.http.post(url, json={"id": "m1", "text": "hi"}, headers=payer._bearer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    house.redis.start()
    soon(house.ready, "ready again")
    assert payer.say("hi")


def test_a_killed_supervisor_leaves_nobody_behind_and_a_stopped_one_neither(house, tmp_path):
    for name in (signal.SIGKILL, signal.SIGTERM):
        marked = Marked(tmp_path)
        marked.environment = house.marked.environment | marked.environment | {"REMIT_SERVER__PORT": str(free_port())}
        with marked.start("bot", "serve", "--workers", "2") as process:
            soon(lambda marked=marked: len(marked.alive(WORKER)) == 2, "two workers")
            time.sleep(0.5)
            os.kill(process.pid, name)
            soon(lambda marked=marked: not marked.alive("bot"), f"all of them ended after {name.name}")


def test_several_workers_on_embedded_stores_are_refused_with_what_to_set(tmp_path, house):
    marked = Marked(tmp_path)
    answer = marked.run("serve", "--workers", "2")
    assert answer.returncode == 2
    assert "REMIT_REDIS_URL and REMIT_DATABASE_URL" in answer.stderr
    marked.environment |= {"REMIT_REDIS_URL": house.redis.url}
    answer = marked.run("serve", "--workers", "2")
    assert answer.returncode == 2
    assert "set REMIT_DATABASE_URL (" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_stores_that_are_not_there_are_named_without_their_passwords(tmp_path, house):
    for wrong in (
        {"REMIT_REDIS_URL": "redis://:hidden-word@127.0.0.1:1/0"},
        {"REMIT_DATABASE_URL": "postgresql+psycopg://remit:hidden-word@127.0.0.1:1/remit"},
        {"REMIT_DATABASE_URL": "nonsense:hidden-word"},
    ):
        marked = Marked(tmp_path)
        marked.environment = house.marked.environment | marked.environment | {"REMIT_SERVER__PORT": str(free_port())}
        marked.environment |= wrong
        answer = marked.run("serve")
        (name,) = wrong
        assert answer.returncode == 2, answer.stderr
        assert name in answer.stderr
        assert "hidden-word" not in answer.stderr
