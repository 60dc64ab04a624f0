"""The two measuring rods, as ASGI apps: an echo, and a bare turn, which reads, loads, decodes, encodes, commits and answers.

``python -m tests.bench.servers echo|floor PORT FOLDER`` runs one under the very server that the assistant runs under.
"""

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec
import uvicorn

STATE_BYTES = 1600
_LINE = b'{"seq":7,"from":"bot","text":"Please check: $120.00 to Green Lane Lawn Care for invoice INV-1042, by card."}'
_HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}


async def echo(scope, receive, send):
    """Gives back the body it got."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    await send(_HEAD)
    await send({"type": "http.response.body", "body": body})


class State(msgspec.Struct):
    """A state of the size of a conversation in the middle of a payment, with as many small parts."""

    version: int
    parts: list[dict[str, str | int]]


class Floor:
    """The least a turn can do that keeps its promises: one SELECT; state, inbox id and two lines of the log in one
    commit; one fsync for whoever waits. No conversation, no framework.
    """

    def __init__(self, folder: Path) -> None:
        self.read = _connect(folder)
        self.queue: SimpleQueue = SimpleQueue()
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder(State).decode
        self.decode_body = msgspec.json.Decoder().decode
        threading.Thread(target=self._write, args=(_connect(folder),), daemon=True).start()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        said = self.decode_body((await receive())["body"])
        (row,) = self.read.execute("SELECT state FROM talk WHERE chat = ?", (said["sender"],)).fetchone()
        state = self.decode(row)
        state.version += 1
        saved = asyncio.get_running_loop().create_future()
        self.queue.put((self.encode(state), said["sender"], state.version, saved))
        await saved
        await send(_HEAD)
        await send(
            {"type": "http.response.body", "body": self.encode([{"recipient_id": said["sender"], "text": "ok"}])}
        )

    def _write(self, db: sqlite3.Connection) -> None:
        while True:
            batch = [self.queue.get()]
            try:
                while True:
                    batch.append(self.queue.get_nowait())
            except Empty:
                pass
            db.execute("BEGIN IMMEDIATE")
            for state, chat, version, _ in batch:
                db.execute("UPDATE talk SET state = ? WHERE chat = ?", (state, chat))
                db.execute("INSERT INTO inbox VALUES (?, ?)", (chat, version))
                db.executemany("INSERT INTO log VALUES (?, ?, ?)", ((chat, version * 2 + n, _LINE) for n in (0, 1)))
            db.execute("COMMIT")
            batch[0][3].get_loop().call_soon_threadsafe(_wake, [saved for *_, saved in batch])


def _wake(waiting):
    for saved in waiting:
        saved.set_result(None)


def _connect(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


def prepare(folder: Path, chats: list[str]) -> None:
    """The rows that the floor turns over."""
    part = {"type": "fact", "number": "INV-1042", "minor": 12000, "at": "2026-03-02T15:30:00Z"}
    parts = []
    while len(state := msgspec.json.encode(State(1, parts))) < STATE_BYTES:
        parts.append(part)
    db = _connect(folder)
    db.execute("CREATE TABLE talk (chat TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE inbox (chat TEXT, id INTEGER, PRIMARY KEY (chat, id)) WITHOUT ROWID")
    db.execute("CREATE TABLE log (chat TEXT, seq INTEGER, body BLOB, PRIMARY KEY (chat, seq)) WITHOUT ROWID")
    db.executemany("INSERT INTO talk VALUES (?, ?)", [(chat, state) for chat in chats])
    db.close()


def main(kind: str, port: str, folder: str) -> None:
    app = echo if kind == "echo" else Floor(Path(folder))
    config = uvicorn.Config(
        app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning", lifespan="off"
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
