"""The disk fills up, and strangers lock the databases, under a real server on real files.

Whoever asks in such a moment is told to try again; nothing is half-written; once there is room, or the lock is gone,
the same message succeeds, once. Conversations and ledger lie on a small disk each, so that either can fill up alone.
"""

import contextlib
import os
import resource
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from running import ZIP, Marked, bills, first_line, free_port, soon

from services.sandbox.processor import Event
from services.sandbox.rehearsal import CARD
from services.sandbox.webhooks import HEADER, sign

SECRET = "secret"
CUT_SHORT = "WARNING bot.worker: a round of the worker was cut short"
DISK = "size=12m"  # of which most is free before it is filled: below SQLite's checkpoint, so that each turn needs more
ANSWERED_WITHIN = 9  # seconds: a lock is waited for, but by one after the other
NUMBERS = tuple(f"INV-{nth}" for nth in range(2001, 2010))
_CONVERSATIONS = ("conversation", "inbox", "message", "outbox")
_LEDGER = ("payment", "payment_invoice", "payment_event", "consent", "fact", "journal", "outbox", "go_link")

Trouble = Callable[["House", str], AbstractContextManager[None]]


@contextmanager
def full(house: "House", name: str) -> Iterator[None]:
    """Not one more page can be written beside this database."""
    if not house.mounted:
        with _cut_short(house, name):
            yield
        return
    filler = house.file(name).parent / "filler"
    with filler.open("wb", buffering=0) as bytes_, suppress(OSError):
        for piece in (65_536, 4096, 1):
            with suppress(OSError):
                while True:
                    bytes_.write(bytes(piece))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _cut_short(house: "House", name: str) -> Iterator[None]:
    """Where nothing may be mounted: no file of the server may grow beyond this database's log as it is."""
    (pid,) = house.marked.alive("bot serve")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    log = house.file(name).with_name(f"{name}-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(house: "House", name: str) -> Iterator[None]:
    """Somebody else has this database open and is writing to it, for as long as it lasts."""
    with contextlib.closing(sqlite3.connect(house.file(name), isolation_level=None, timeout=10)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


class House:
    """One server and its sandbox, with conversations and ledger in folders of their own."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.marked = Marked(folder)
        self.mounted = mounted
        self.folder = folder
        port = free_port()
        self.chat, self.sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        self.hook = f"{self.chat}/webhooks/payments/sandbox"
        self.marked.environment |= {
            "REMIT_SANDBOX_API_KEY": "key",
            "REMIT_SANDBOX_WEBHOOK_SECRET": SECRET,
            "REMIT_SERVER__PORT": str(port),
            "REMIT_SERVER__DATA": str(folder / "talk"),
            "REMIT_DATABASE_URL": f"sqlite:///{folder / 'money' / 'ledger.db'}",
            "REMIT_INVOICES__SOURCES": '["book", "portal"]',
            "REMIT_INVOICES__PORTAL_URL": f"{self.sandbox}/portal",
            "REMIT_INVOICES__PORTAL_KEY": "key",
            "REMIT_GATEWAY__URL": f"{self.sandbox}/processor",
            "REMIT_GATEWAY__KEY": "key",
            "REMIT_GATEWAY__WEBHOOK_SECRET": SECRET,
        }
        self.http = httpx.Client(trust_env=False, timeout=20)

    @contextmanager
    def running(self) -> Iterator[None]:
        port = self.sandbox.rpartition(":")[2]
        owed = bills(self.folder / "bills.toml", dict.fromkeys(NUMBERS, 12_000))
        order = ("--port", port, "--webhook", self.hook, "--smtp-port", "0", "--demo", str(owed))
        aside = self.marked.start("services.sandbox", *order)
        with self.http, aside as sandbox, self.marked.start("bot", "serve"):
            first_line(sandbox)
            soon((self.folder / "talk" / "server.json").exists, "the server is up")
            yield

    def file(self, name: str) -> Path:
        return self.folder / ("money" if name == "ledger.db" else "talk") / name

    def rows(self, name: str, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is written, to be held against what is written later."""
        with contextlib.closing(sqlite3.connect(f"file:{self.file(name)}?mode=ro", uri=True)) as db:
            return {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall()) for table in tables}

    def written(self) -> dict[str, Any]:
        return {"talk": self.rows("conversations.db", _CONVERSATIONS), "money": self.rows("ledger.db", _LEDGER)}

    def book(self, number: str) -> list[str]:
        rows = self.http.get(f"{self.sandbox}/control/book").json()
        return [row["state"] for row in rows if number in row["invoices"]]

    def webhook(self, event: str) -> int:
        """A webhook of the processor's about a payment that nobody knows; answers with the status it met."""
        told = Event(event, "payment.processing", datetime.now(UTC), "RM-0A00-0000", 100, "USD", "card")
        body = msgspec.json.encode(told)
        headers = {HEADER: sign(SECRET, int(time.time()), body)}
        return self.http.post(self.hook, content=body, headers=headers).status_code


class Payer:
    """Somebody in a chat on a web page, one tap away from agreeing to pay."""

    def __init__(self, house: House, number: str) -> None:
        self._house = house
        self.number = number
        begun = house.http.post(f"{house.chat}/api/v1/conversations", json={}).json()
        self._url = f"{house.chat}/api/v1/conversations/{begun['id']}/messages"
        self._bearer = {"Authorization": f"Bearer {begun['token']}"}
        self.agree = ""
        self.to_the_quote(f"pay {number} by card", ZIP)

    def to_the_quote(self, *words: str) -> None:
        """Say these; the last of them shows the quote, with the button that agrees to it."""
        for word in words:
            answer = self.say(word).json()["messages"]
        (self.agree,) = [c["payload"] for c in answer[-1]["choices"] if c["payload"].startswith("/agree")]

    def say(self, text: str, message: str = "") -> httpx.Response:
        """Send a message; the same id is the same message."""
        asked = {"id": message or uuid.uuid4().hex, "text": text}
        return self._house.http.post(self._url, json=asked, headers=self._bearer)

    def link_in(self, answer: httpx.Response) -> str:
        return next((m["link"]["url"] for m in answer.json().get("messages", ()) if m.get("link")), "")

    def pay(self, link: str) -> None:
        page = self._house.http.get(link).headers["location"]
        self._house.http.post(page, data=CARD | {"number": "4242424242424242"})

    def hears(self, sentence: str) -> None:
        soon(lambda: sentence in self.say("/status").text, f"{sentence!r}")


def _mount(place: Path) -> bool:
    """A small disk of its own; False where nothing may be mounted."""
    place.mkdir()
    order = ["mount", "-t", "tmpfs", "-o", f"{DISK},mode=0700", "remit-test", str(place)]
    return os.geteuid() == 0 and subprocess.run(order, check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("trouble")
    with ExitStack() as disks:
        mounted = []
        for place in (folder / "talk", folder / "money"):
            mounted.append(_mount(place))
            if mounted[-1]:
                disks.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        made = House(folder, mounted=all(mounted))
        print(f"a full disk is {'a small tmpfs' if made.mounted else 'RLIMIT_FSIZE, as nothing may be mounted'} here")
        try:
            with made.running():
                yield made
        finally:
            made.marked.sweep()


def refused_politely(answer: httpx.Response) -> bool:
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "5"
    error = answer.json()["error"]
    return error["code"] == "unavailable" and "Please send it again" in error["message"]


# --- the conversations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trouble", "number"), [(full, NUMBERS[0]), (locked, NUMBERS[1])])
def test_a_yes_that_could_not_be_written_is_no_yes_until_it_is_sent_again(house, trouble, number):
    payer = Payer(house, number)
    before = house.written()
    with trouble(house, "conversations.db"):
        started = time.monotonic()
        assert refused_politely(payer.say(payer.agree, "yes-1"))
        assert refused_politely(payer.say(payer.agree, "yes-1"))
        assert time.monotonic() - started < ANSWERED_WITHIN
        assert house.http.get(f"{house.chat}/healthz").status_code == 200
        assert house.written() == before
        assert house.book(number) == []

    answer = payer.say(payer.agree, "yes-1")
    assert answer.status_code == 200
    assert payer.link_in(answer)
    assert payer.say(payer.agree, "yes-1").json() == answer.json()
    assert house.book(number) == ["open"]
    assert len(house.rows("ledger.db", ("consent",))["consent"]) == len(before["money"]["consent"]) + 1


# --- the ledger -------------------------------------------------------------------------------------------------------


def test_a_start_that_the_ledger_had_no_room_for_goes_on_by_itself_when_there_is(house):
    payer = Payer(house, NUMBERS[2])
    before = house.rows("ledger.db", _LEDGER)
    with full(house, "ledger.db"):
        answer = payer.say(payer.agree, "yes-2")
        assert answer.status_code == 200
        assert "Still working on it. Nothing is charged before you pay on the secure page" in answer.text
        assert house.rows("ledger.db", _LEDGER) == before
        assert house.book(NUMBERS[2]) == []
    payer.hears("is waiting for you")
    again = payer.say(payer.agree, "yes-2")
    assert payer.link_in(again)  # the same message: its answer has grown meanwhile
    payer.pay(payer.link_in(again))
    payer.hears("Paid: ")
    assert house.book(NUMBERS[2]) == ["succeeded"]


def test_a_yes_under_a_locked_ledger_hears_that_nothing_was_charged_and_pays_once_at_the_next_try(house):
    payer = Payer(house, NUMBERS[3])
    before = house.rows("ledger.db", _LEDGER)
    with locked(house, "ledger.db"):
        started = time.monotonic()
        answer = payer.say(payer.agree, "yes-3")
        assert "Nothing was charged. Please try again in a minute." in answer.text
        assert time.monotonic() - started < ANSWERED_WITHIN
        soon(lambda: CUT_SHORT in house.marked.log(), "the worker says that it could not work")
        assert house.rows("ledger.db", _LEDGER) == before
    payer.to_the_quote("/pay", "card", ZIP)
    answer = payer.say(payer.agree, "yes-4")
    assert payer.link_in(answer), answer.text
    assert house.book(NUMBERS[3]) == ["open"]


@pytest.mark.parametrize("trouble", [full, locked])
def test_a_webhook_that_cannot_be_kept_is_refused_so_that_it_comes_again(house, trouble):
    event = f"evt_{trouble.__name__}"
    before = house.rows("ledger.db", _LEDGER)
    with trouble(house, "ledger.db"):
        assert house.webhook(event) == 503
        assert house.rows("ledger.db", _LEDGER) == before
    assert [house.webhook(event) for _ in range(2)] == [200, 200]
    facts = house.rows("ledger.db", ("fact",))["fact"]
    assert len(facts) == len(before["fact"]) + 1


@pytest.mark.parametrize(("trouble", "number"), [(full, NUMBERS[4]), (locked, NUMBERS[5])])
def test_a_payment_made_while_the_ledger_takes_nothing_is_told_afterwards(house, trouble, number):
    payer = Payer(house, number)
    link = payer.link_in(payer.say(payer.agree))
    page = house.http.get(link).headers["location"]
    with trouble(house, "ledger.db"):
        house.http.post(page, data=CARD | {"number": "4242424242424242"})
        assert house.book(number) == ["succeeded"]
        time.sleep(2.5)  # the webhook is refused meanwhile
    payer.hears("Paid: ")
    assert house.book(number) == ["succeeded"]


def test_none_of_it_broke_a_round_of_the_worker(house):
    assert "a round of the worker broke" not in house.marked.log()
    assert "an effect broke" not in house.marked.log()
