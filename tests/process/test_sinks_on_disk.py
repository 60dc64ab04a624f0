"""Card numbers planted in a real demo, on SQLite and on Redis, and every byte searched that its processes leave behind."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from running import Customer, Demo, Marked, free_port, soon

from tests.canaries import RENDERINGS, SPLITS, Aviary
from tests.servers import RedisServer, redis


class Front:
    """Front ends of one demo, and what its event streams said."""

    def __init__(self, demo: Demo) -> None:
        self.demo, self.birds, self.frames = demo, Aviary(11), bytearray()
        self.http = httpx.Client(trust_env=False, timeout=20, base_url=demo.said["chat"])

    def rasa(self, text: str, sender: str) -> str:
        answer = self.http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text})
        assert answer.status_code == 200, answer.text
        return "\n".join(reply.get("text", "") for reply in answer.json())

    def begin(self) -> tuple[str, dict[str, str]]:
        begun = self.http.post("/api/v1/conversations", json={}).json()
        return begun["id"], {"Authorization": f"Bearer {begun['token']}"}

    def web(self, chat: str, key: dict[str, str], text: str) -> str:
        said = {"id": uuid.uuid4().hex, "text": text}
        answer = self.http.post(f"/api/v1/conversations/{chat}/messages", json=said, headers=key)
        assert answer.status_code == 200, answer.text
        return answer.text

    def all_said(self, chat: str, key: dict[str, str]) -> str:
        """What a listener is told who comes later, until nothing more is there."""
        told, url = "", f"/api/v1/conversations/{chat}/events"
        with self.http.stream("GET", url, headers=key | {"Last-Event-ID": "0"}, timeout=0.7) as stream:
            try:
                for line in stream.iter_lines():
                    told += line + "\n"
            except httpx.ReadTimeout:
                pass  # it goes on listening; we heard all there was
        self.frames += told.encode()
        return told

    def plant(self) -> None:
        """In every way of writing, and in every number of pieces, by both front ends."""
        for writing in RENDERINGS:
            self.rasa(self.birds.text("a Rasa message", writing), f"u-{writing}")
            self.rasa("hi", self.birds.text("a sender", writing)[:120])
        chat, key = self.begin()
        for writing in RENDERINGS:
            self.web(chat, key, f"here: {self.birds.text('a message', writing)}")
        self.all_said(chat, key)
        for nth, how in enumerate((*SPLITS, None)):
            said = self.birds.words("pieces") if how is None else self.birds.split("pieces", how)
            chat, key = self.begin()
            for text in ("INV-1042 zip 94107", *said):
                self.rasa(text, f"s-{nth}")
                self.web(chat, key, text)
            told = self.all_said(chat, key)
            assert told.count("removed]") >= len(said), told

    def office(self) -> None:
        """A payment, a refund of it and a request, each with a number in the words of whoever works there."""
        with self.demo.at_the_quote("INV-1042") as customer:
            self._paid_and_asked_about(customer)

    def _paid_and_asked_about(self, customer: Customer) -> None:
        customer.say("yes")
        customer.pay_by_card(customer.page())
        customer.hears("Paid: $120.00")
        (reference,) = customer.references
        why = self.birds.text("why", "spaces")
        made = self.demo.marked.run("refund", reference, "20.00", "--why", f"they said {why}")
        assert made.returncode == 0, made.stderr
        customer.say("i want a refund")
        customer.say(f"the work was not done, and {self.birds.text('a reason', 'spanish words')} was charged")
        customer.say("the work was not done at all")
        shown = self.demo.marked.run("cases", "--json")
        case = json.loads(shown.stdout)[-1]["id"]
        answer = self.birds.text("an answer", "dashes")
        closed = self.demo.marked.run("cases", "--close", str(case), "--answer", f"we refund to {answer}")
        assert closed.returncode == 0, closed.stderr
        customer.hears("we refund to")

    def sinks(self, stores: RedisServer | None) -> dict[str, bytes]:
        """Every file below the demo's folder, its log among them, what was pushed, and what Redis holds in memory and on disk."""
        files = {
            str(file.relative_to(self.demo.marked.folder)): file.read_bytes()
            for file in self.demo.marked.folder.rglob("*")
            if file.is_file() and "sandbox" not in file.name
        }
        return files | {"events": bytes(self.frames)} | ({} if stores is None else dumped(stores))


def dumped(stores: RedisServer) -> dict[str, bytes]:
    """All keys as they are, an RDB, and the append-only files after they were rewritten."""
    with stores.client() as client:
        keys = b"\n".join(key + b" " + repr(_value(client, key)).encode() for key in client.keys("*"))
        client.config_set("rdbcompression", "no")
        client.bgrewriteaof()
        soon(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the append-only file is rewritten")
        soon(lambda: not client.info("persistence")["aof_rewrite_scheduled"], "no other rewriting waits")
        client.save()
    files = {f"redis/{file.name}": file.read_bytes() for file in stores.folder.rglob("*") if file.is_file()}
    assert any(name.endswith(".rdb") for name in files), list(files)
    return files | {"redis keys": keys}


def _value(client, key):
    match client.type(key):
        case b"hash":
            return client.hgetall(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case _:
            return client.get(key)


@contextmanager
def demo_on(folder, **environment) -> Iterator[Demo]:
    marked, port, started = Marked(folder), free_port(), time.monotonic()
    marked.environment |= environment
    try:
        with marked.start("bot", "demo", "--json", "--port", str(port)) as process:
            yield Demo(marked, process, port, started)
    finally:
        marked.sweep()


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_no_byte_of_a_number_is_left_by_a_running_server(tmp_path, store):
    if store == "redis":
        with redis(appendonly="yes") as stores:
            _plant_and_search(tmp_path, stores, REMIT_REDIS_URL=stores.url)
    else:
        _plant_and_search(tmp_path, None)


def _plant_and_search(folder, stores, **environment) -> None:
    with demo_on(folder, **environment) as demo:
        front = Front(demo)
        with front.http:
            front.plant()
            front.office()
        running = front.sinks(stores)
        assert stores is not None or any(name.endswith("conversations.db-wal") for name in running), list(running)
        assert any(name.endswith("ledger.db") for name in running), list(running)
        found = front.birds.found(running)
        assert not found, "\n".join(found)
    found = front.birds.found({f"after the end: {name}": content for name, content in front.sinks(stores).items()})
    assert not found, "\n".join(found)
